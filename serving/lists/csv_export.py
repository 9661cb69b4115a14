"""A list as CSV, for a meeting without the service: advisory, and harmless to open."""

import csv
import io
import unicodedata
from collections.abc import Sequence
from typing import Final

from models.ranking.questions import EACH_TIME
from models.ranking.themes import describe_role
from models.wording.sentences import describe_briefly
from serving.lists.outputs import ListedOut, StandingFlagOut

COLUMNS: Final = (
    "position",
    "case_id",
    "area",
    "source",
    "state",
    "newly_referred",
    "waiting_days",
    "flags",
    "rule",
    "leading_label",
    "estimate",
    "estimate_in_words",
    "first_reason",
    "marks",
    "ask_first",
    "first_view",
    "decided",
    "advisory",
    "about",
)
_STARTS_FORMULA: Final = (
    *("=", "+", "-", "@", "\t", "\r", "\n", "|", "%"),
    *("\uff1d", "\uff0b", "\uff0d", "\uff20"),  # the same as full-width signs
)
"""Cells that begin so are run by spreadsheet programs (OWASP, CSV injection)."""
_UNSEEN: Final = ("Cc", "Cf", "Zl", "Zp", "Zs")
"""Unicode's categories of characters that are not seen: spaces, controls and marks."""


def write_csv(rows: Sequence[ListedOut], lines: Sequence[str]) -> str:
    """Return a list's rows, already withheld where they must be, as CSV.

    Parameters
    ----------
    rows
        As ``listed.read_rows`` gives them.
    lines
        Sentences that every row carries in its last two columns, the advisory one first: a file
        whose first row is not its header is read wrongly by every program.
    """
    said = {"advisory": lines[0] if lines else "", "about": " ".join(lines[1:])}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for row in rows:
        cells = _describe(row) | said
        writer.writerow(
            [disarm(cells[name] if name in cells else getattr(row, name)) for name in COLUMNS]
        )
    return text.getvalue()


def _describe(row: ListedOut) -> dict[str, str | None]:
    """Return the cells that are no field of the row as it stands."""
    estimates = {one.outcome: one for one in row.estimates}
    leading = estimates.get(row.leading_outcome or "")
    return {
        "flags": "; ".join(map(_word_flag, row.flags)),
        "marks": "; ".join(row.marks),
        "estimate": None if leading is None else f"{leading.probability:.2f}",
        "estimate_in_words": None if leading is None else describe_briefly(leading),
        "first_reason": _tell_first(row),
        "ask_first": "; ".join(_list_questions(row)) or row.ask_first,
    }


def _tell_first(row: ListedOut) -> str | None:
    """Return the first theme as the row tells it; the first reason of an earlier version's row."""
    if row.themes:
        first = row.themes[0]
        return " ".join((f"{first.label}: {first.sentence}", *first.notes, describe_role(first)))
    return row.reasons[0].sentence if row.reasons else None


def _list_questions(row: ListedOut) -> list[str]:
    return [one.sentence for one in row.questions if one.state != EACH_TIME]


def _word_flag(flag: StandingFlagOut) -> str:
    pending = " (correction pending)" if flag.correction_pending else ""
    return f"{'URGENT: ' if flag.urgent else ''}{flag.wording}{pending}"


def disarm(value: str | float | bool | None) -> str:
    """Return a cell's text; one that a spreadsheet would run is made plain text by a quote."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    text = str(value)
    return f"'{text}" if _leave_unseen(text).startswith(_STARTS_FORMULA) else text


def _leave_unseen(text: str) -> str:
    """Return a text from its first character that is seen: spreadsheets pass over the others, such
    as a mark of the order of bytes.
    """
    seen = (n for n, one in enumerate(text) if unicodedata.category(one) not in _UNSEEN)
    first = next(seen, len(text))
    # A tab or a line's end is run by some as it stands.
    return text if text[:1] in ("\t", "\r", "\n") else text[first:]
