"""What the list does for people of each group, as the run that made the model found it.

Protected characteristics are joined by the run, afterwards; here are only its sentences and the
shares that rest on enough people to be told. What the run withheld is told as withheld.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models.charts.marks import Figures, Row, RowChart, draw_rows
from models.run_figures.audit import AuditFigures, RoundedFigure
from serving.oversight.run_words import (
    NOTHING,
    format_count,
    format_with_interval,
    read_ends,
    write_share,
)


@dataclass(frozen=True)
class ShownGroup:
    """One figure by group: a chart where any group can be told, and the table beside it."""

    chart: RowChart | None
    table: Figures


@dataclass(frozen=True)
class Audit:
    """What the list does for people of each group.

    Parameters
    ----------
    words
        What was found, in a sentence.
    primary
        Comparisons fixed before any result was seen; ``None`` where there are none.
    shown
        Figures by group: who gets a place, who of those with the outcome does, and whether the
        estimates hold.
    notes
        How it is to be read.
    """

    words: str
    primary: Figures | None
    shown: tuple[ShownGroup, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Group:
    """A group of people: its words, how many cases, and how many with the outcome."""

    name: str
    n: str
    positives: str
    figures: Mapping[str, RoundedFigure | None]


def describe_audit(audit: AuditFigures | None) -> Audit | None:
    """Return what is shown of the audit; ``None`` where the run made none."""
    if audit is None:
        return None
    primary = [
        (
            _name(one.characteristic, one.group or ""),
            one.words.partition(": ")[2] or one.words,
            one.verdict,
        )
        for one in audit.primary
    ]
    groups = [
        _Group(
            _name(one.characteristic, group.group),
            _count_or_words(group.n),
            _count_or_words(group.positives),
            group.figures,
        )
        for one in audit.characteristics
        if not one.is_pair
        for group in one.groups
    ]
    if not primary and not groups:
        return None
    differing = sum(verdict == "differs" for _, _, verdict in primary)
    untold = sum(verdict == NOTHING for _, _, verdict in primary)
    words = f"Of {len(primary)} comparisons fixed beforehand, {differing} differ"
    words += f" and {untold} rest on too few people to tell, which is no pass."
    fixed = Figures(
        "Comparisons fixed before any result was seen",
        ("Group", "What was found", "Verdict"),
        tuple(primary),
    )
    return Audit(
        words=words,
        primary=fixed if primary else None,
        shown=_show(groups) if groups else (),
        notes=tuple(one for one in (audit.limits, audit.caution) if one),
    )


def _show(groups: list[_Group]) -> tuple[ShownGroup, ...]:
    return (
        _show_share(
            groups,
            "audit",
            "selection_rate",
            "Of 100 cases of a group, how many get a place",
            ("Group", "Cases", "Of 100 of them, with a place"),
            lambda one: one.n,
        ),
        _show_share(
            groups,
            "audit-found",
            "recall_at_capacity",
            "Of 100 cases of a group with the outcome, how many get a place",
            ("Group", "Cases with the outcome", "Of 100 of them, with a place"),
            lambda one: one.positives,
        ),
        _show_held(groups),
    )


_Count = Callable[[_Group], str]


def _show_share(
    groups: list[_Group],
    key: str,
    measure: str,
    title: str,
    columns: tuple[str, ...],
    count: _Count,
) -> ShownGroup:
    rows, lines = [], []
    for one in groups:
        share = one.figures.get(measure)
        if share is None:
            lines.append((one.name, count(one), NOTHING))
            continue
        interval = (share.low, share.high)
        lines.append((one.name, count(one), format_with_interval(share.value, interval)))
        named = f"{one.name} ({count(one)} cases)"
        rows.append(Row(named, 100 * share.value, write_share(share.value), *read_ends(interval)))
    return _put(key, title, columns, rows, lines)


_EVEN: Final = 1.0


def _show_held(groups: list[_Group]) -> ShownGroup:
    """Return outcomes seen for each one that was estimated: 1 is even."""
    rows, lines = [], []
    for one in groups:
        ratio = one.figures.get("observed_over_expected")
        if ratio is None:
            lines.append((one.name, one.n, NOTHING))
            continue
        shown = f"{ratio.value:.2f}"
        lines.append((one.name, one.n, f"{shown} ({ratio.low:.2f} to {ratio.high:.2f})"))
        named = f"{one.name} ({one.n} cases)"
        rows.append(Row(named, ratio.value, shown, ratio.low, ratio.high))
    title = "Cases with the outcome for each one estimated: above 1 too few were estimated"
    columns = ("Group", "Cases", "Seen for each one estimated")
    return _put("audit-held", title, columns, rows, lines, limit=(_EVEN, "1: even"), is_dot=True)


def _put(
    key: str,
    title: str,
    columns: tuple[str, ...],
    rows: list[Row],
    lines: Sequence[tuple[str, ...]],
    *,
    limit: tuple[float, str] | None = None,
    is_dot: bool = False,
) -> ShownGroup:
    says = "; ".join(f"{one.label}, {one.shown}" for one in rows) + "."
    chart = draw_rows(key, title, says, rows, limit=limit, is_dot=is_dot) if rows else None
    return ShownGroup(chart, Figures(title, columns, tuple(lines)))


def _name(characteristic: str, group: str) -> str:
    return f"{characteristic}: {group}".replace("_", " ")


def _count_or_words(count: int | str | None) -> str:
    """Return a count, or in a few words that it may not be shown."""
    return count.partition(",")[0] if isinstance(count, str) else format_count(count)
