"""The decisions of a sitting as CSV, its header in row 1 and harmless to open.

What is planned for a victim's safety is left out: it stands on the case's page alone.
"""

import csv
import io
from typing import Final

from serving.decisions.minutes import MinutesCaseOut, MinutesOut
from serving.decisions.outputs import DecisionOut, ViewOut
from serving.lists.csv_export import disarm

COLUMNS: Final = (
    "sitting_day",
    "case_id",
    "area",
    "decided_at",
    "person",
    "role",
    "agency",
    "ways",
    "said",
    "owner",
    "review_on",
    "note",
    "agrees_with_score",
    "score_direction",
    "score_why",
    "first_view",
    "n_opened",
    "reading_seconds",
    "unopened_why",
    "flags_dealt_with",
    "views",
    "dissents",
    "no_view_of",
    "advisory",
)


def write_decisions(minutes: MinutesOut, advisory: str) -> str:
    """Return the decisions of minutes as CSV, one a row.

    Parameters
    ----------
    minutes
        As :func:`serving.decisions.minutes.read_minutes` gives them.
    advisory
        The sentence that every row carries in its last column.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for case in minutes.cases:
        for one in case.decisions:
            cells = _describe(case, one) | {"sitting_day": minutes.day, "advisory": advisory}
            writer.writerow([disarm(cells[name]) for name in COLUMNS])
    return text.getvalue()


def _describe(case: MinutesCaseOut, one: DecisionOut) -> dict[str, str | int | None]:
    return {
        "case_id": case.case_id,
        "area": case.area,
        "decided_at": one.decided_at,
        "person": one.person,
        "role": one.role,
        "agency": one.agency,
        "ways": "; ".join(one.ways),
        "said": "; ".join(list_said(one)),
        "owner": one.owner,
        "review_on": one.review_on,
        "note": one.note,
        "agrees_with_score": one.agrees_with_score,
        "score_direction": one.score_direction,
        "score_why": one.score_why,
        "first_view": one.first_view,
        "n_opened": one.n_opened,
        "reading_seconds": one.reading_seconds,
        "unopened_why": one.unopened_why,
        "flags_dealt_with": "; ".join(dict.fromkeys(flag.flag for flag in one.discharges)),
        "views": "; ".join(_word_view(view) for view in case.views if view.replaced_by is None),
        "dissents": "; ".join(case.dissents),
        "no_view_of": "; ".join(case.no_view_of),
    }


def list_said(one: DecisionOut) -> list[str]:
    """Return what was said of each way."""
    return [
        words for said in one.ways.values() for words in said.values() if isinstance(words, str)
    ]


def _word_view(view: ViewOut) -> str:
    told = f"{view.agency}: {view.stance}"
    if view.recorded_by_agency is not None and view.confirmed_by is None:
        told += f" (recorded by {view.person} for {view.agency})"
    if view.blind is False:
        told += " (not given blind)"
    return f"{told}: {view.words}" if view.words else told
