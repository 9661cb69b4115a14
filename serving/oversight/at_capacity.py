"""What the places of a week's list find: beside the simple rule, the longest wait and chance.

A run measures lists of several lengths. Where the unit's own number of places is not among them the
nearest is told, and that it is the nearest; nothing is worked out in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from models.charts.marks import Figures, Row, RowChart, draw_rows
from models.run_figures.ranking import CapacityFigures, GroupAtCapacity
from models.run_figures.run import RunFigures
from models.run_figures.screening_list import PlacesFind
from serving.oversight.run_words import (
    NOTHING,
    format_needed,
    format_with_interval,
    read_ends,
    write_needed,
    write_share,
)

LIST, RULE, LONGEST_WAIT = "list", "rfs", "longest_wait"
ORDERS: Final[Mapping[str, str]] = {
    LIST: "the list's order",
    RULE: "the simple rule",
    LONGEST_WAIT: "the longest known first",
}
"""What fills the same places, in few words: the rule adds up recency, frequency and severity."""
CHANCE: Final = "drawn by chance"
_ALL: Final = "all"
_COLUMNS: Final = ("Of 100 places", "Of 100 cases with it", "Looked at to find one")
_BRACKETS: Final = (
    "In brackets, where the figure lies in 95 of 100 repeated draws of the same people. Where two "
    "brackets overlap widely, the places do not tell the two orders apart."
)
_WAIT: Final = (
    "The longest known first stands in for the longest wait: a run knows no decisions, and so not "
    "since when a case waits."
)


@dataclass(frozen=True)
class OutcomePlaces:
    """What the places find of one outcome.

    Parameters
    ----------
    label
        The outcome.
    sentence
        What they find, in words.
    chart, table
        The same by every order.
    lengths
        What other numbers of places find; ``None`` where that was not measured.
    """

    label: str
    sentence: str
    chart: RowChart
    table: Figures
    lengths: Figures | None = None


@dataclass(frozen=True)
class AtCapacity:
    """What so many places find.

    Parameters
    ----------
    asked, measured
        Places on the unit's list, and on the one that the figures are of.
    outcomes
        By outcome, in the order of the catalogue.
    notes
        How the figures are to be read.
    absent
        What the run did not measure of it.
    """

    asked: int
    measured: int
    outcomes: tuple[OutcomePlaces, ...]
    notes: tuple[str, ...] = (_BRACKETS,)
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    """One outcome: cases, those with it, and by order what each number of places finds."""

    name: str
    label: str
    n: int | None
    positives: int | None
    orders: Mapping[str, Mapping[int, PlacesFind]] = field(default_factory=dict)

    @property
    def base_rate(self) -> float | None:
        """Share of the cases with the outcome: what chance would find."""
        return self.positives / self.n if self.n and self.positives is not None else None


def describe_at_capacity(
    run: RunFigures, labels: Mapping[str, str], capacity: int
) -> AtCapacity | None:
    """Return what the unit's places find; ``None`` where the run did not measure it.

    Parameters
    ----------
    run
        The run's figures.
    labels
        Each outcome's words, in the order in which they are told.
    capacity
        Places on the unit's list.
    """
    told = [one for name, label in labels.items() for one in _read(run, name, label)]
    measured = sorted({places for one in told for places in one.orders.get(LIST, {})})
    if not measured:
        return None
    places = min(measured, key=lambda one: (abs(one - capacity), one))
    has_wait = any(one.orders.get(LONGEST_WAIT) for one in told)
    has_more = len(measured) > 1
    missing = {
        "what the longest known first would find": not has_wait,
        "what lists of another length find": not has_more,
    }
    return AtCapacity(
        asked=capacity,
        measured=places,
        outcomes=tuple(
            OutcomePlaces(
                one.label,
                _describe(one, places),
                _draw(one, places),
                _tabulate(one, places),
                _tabulate_lengths(one) if has_more else None,
            )
            for one in told
            if places in one.orders.get(LIST, {})
        ),
        notes=(_BRACKETS, _WAIT) if has_wait else (_BRACKETS,),
        absent=tuple(words for words, is_absent in missing.items() if is_absent),
    )


def _read(run: RunFigures, name: str, label: str) -> list[_Found]:
    lengths = run.list.lengths.get(name)
    if lengths is None:
        return _read_one_length(run, name, label)
    orders = {
        order: {
            one.places: one for one in lengths.orders.get(order, ()) if one.precision is not None
        }
        for order in ORDERS
    }
    return [_Found(name, label, lengths.n, lengths.positives, orders)]


def _read_one_length(run: RunFigures, name: str, label: str) -> list[_Found]:
    """Read a run that measured one length alone, under the names which it used."""
    own = _whole(run.list.at_capacity.get(name))
    rule = _whole((run.at(name).at_capacity or {}).get(RULE))
    if run.capacity is None or own.precision_at_capacity is None:
        return []
    orders = {
        order: {
            run.capacity: PlacesFind(
                run.capacity,
                one.precision_at_capacity,
                one.precision_at_capacity_ci,
                one.recall_at_capacity,
                one.recall_at_capacity_ci,
            )
        }
        for order, one in ((LIST, own), (RULE, rule))
        if one.precision_at_capacity is not None
    }
    return [_Found(name, label, own.n, own.positives, orders)]


def _whole(figures: CapacityFigures | None) -> GroupAtCapacity:
    """Return the figures of all cases together."""
    return (figures.of(_ALL) if figures else None) or GroupAtCapacity()


def _describe(one: _Found, places: int) -> str:
    own = one.orders[LIST][places]
    precision, recall = own.precision or 0.0, own.recall
    line = f"Of {places} places, {_count(precision, places)} went to a case in which that came to "
    line += "be recorded"
    others = [
        f"{_count(share, places)} {'by' if order == RULE else 'with'} {words}"
        for order, words in ORDERS.items()
        if order != LIST
        for share in [one.orders.get(order, {}).get(places, PlacesFind(places)).precision]
        if share is not None
    ]
    if one.base_rate is not None:
        others.append(f"{_count(one.base_rate, places)} {CHANCE}")
    line += f" ({', '.join(others)})" if others else ""
    if recall is not None:
        line += f". Of 100 such cases {write_share(recall)} got a place"
    if precision > 0:
        line += f". To find one, about {write_needed(precision)} cases are looked at"
    return f"{line}."


def _count(share: float, places: int) -> str:
    """Return how many of the places that is; what is there is never told as none."""
    n = share * places
    return f"{n:.0f}" if n >= 1 or n == 0 else f"{n:.1f}"


def _draw(one: _Found, places: int) -> RowChart:
    rows = []
    for order, words in ORDERS.items():
        figures = one.orders.get(order, {}).get(places)
        if figures is not None:
            share = figures.precision or 0.0
            ends = read_ends(figures.precision_ci)
            rows.append(Row(words, 100 * share, write_share(share), *ends))
    if one.base_rate is not None:
        rows.append(Row(CHANCE, 100 * one.base_rate, write_share(one.base_rate)))
    title = f"Of 100 places, how many find it: {one.label}"
    says = "; ".join(f"{row.label}, {row.shown}" for row in rows) + "."
    return draw_rows(f"places-{one.name.replace('_', '-')}", title, says, rows, most=100.0)


def _tabulate(one: _Found, places: int) -> Figures:
    lines: list[tuple[str, ...]] = []
    for order, words in ORDERS.items():
        figures = one.orders.get(order, {}).get(places)
        if figures is not None:
            lines.append((words, *_describe_cells(figures)))
    if one.base_rate:
        of_cases = NOTHING if not one.n else write_share(min(places / one.n, 1))
        cells = (write_share(one.base_rate), of_cases, write_needed(one.base_rate))
        lines.append((CHANCE, *cells))
    of = f"{one.positives or 0:,} of {one.n or 0:,} cases had it"
    title = f"What {places} places find: {one.label} ({of})"
    return Figures(title, ("What fills the places", *_COLUMNS), tuple(lines))


def _describe_cells(figures: PlacesFind) -> tuple[str, str, str]:
    return (
        format_with_interval(figures.precision, figures.precision_ci),
        format_with_interval(figures.recall, figures.recall_ci),
        format_needed(figures.precision, figures.precision_ci),
    )


def _tabulate_lengths(one: _Found) -> Figures:
    lines = tuple(
        (str(places), *_describe_cells(figures))
        for places, figures in one.orders.get(LIST, {}).items()
    )
    title = f"What lists of other lengths find, in the list's order: {one.label}"
    return Figures(title, ("Places", *_COLUMNS), lines)
