"""Lists of other lengths, and the same places filled by the rule and by the longest known first."""

from collections.abc import Mapping
from typing import Final

from models.run_figures.run import RunFigures
from models.run_figures.screening_list import ListLengths, PlacesFind
from training.report.parts import Part
from training.report.report_tables import (
    COUNT,
    IN_100,
    ReportTable,
    make_table,
    plain,
    show,
    show_interval,
)

_ORDERS: Final = {
    "list": "the list's order",
    "rfs": "the rule",
    "longest_wait": "longest known first",
}


def show_lengths(run: RunFigures) -> Part:
    """Return what lists of several lengths find, by three orders; nothing where unmeasured."""
    tables = tuple(
        _tabulate(outcome, found.orders)
        for outcome in run.outcome_names
        for found in [run.list.lengths.get(outcome, ListLengths())]
        if found.orders.get("list")
    )
    return Part(
        "Fewer and more places",
        "The same by lists of other lengths. The longest known first is what a unit without any "
        "score would go by; it stands in for the longest wait, since a run knows no decisions and "
        "so not since when a case waits.",
        tables,
    )


def _tabulate(outcome: str, orders: Mapping[str, tuple[PlacesFind, ...]]) -> ReportTable:
    measured = {order: {one.places: one for one in orders.get(order, ())} for order in _ORDERS}
    rows = [
        [
            show(own.places, COUNT),
            *(
                show_interval(rate, interval, IN_100)
                for order in _ORDERS
                for one in [measured[order].get(own.places, PlacesFind(own.places))]
                for rate, interval in (
                    (one.precision, one.precision_ci),
                    (one.recall, one.recall_ci),
                )
            ),
        ]
        for own in orders["list"]
    ]
    columns = ["Places"]
    for words in _ORDERS.values():
        columns += [f"{words}: precision, in 100", f"{words}: recall, in 100"]
    named = [column[:1].upper() + column[1:] for column in columns]
    return make_table(f"By places on the list, outcome: {plain(outcome)}", named, rows)
