"""Lists of other lengths, and the same places filled by the rule and by the longest known first."""

from typing import Final

from training.report.parts import Part
from training.report.reading import Node, Run
from training.report.tables import COUNT, IN_100, Table, make_table, plain, show, show_interval

_ORDERS: Final = {
    "list": "the list's order",
    "rfs": "the rule",
    "longest_wait": "longest known first",
}


def tell_lengths(run: Run) -> Part:
    """Return what lists of several lengths find, by three orders; nothing where unmeasured."""
    lengths = run.root["list"]["lengths"]
    tables = tuple(
        _tabulate(outcome, lengths[outcome]["orders"])
        for outcome in run.outcomes
        if lengths[outcome]["orders"]["list"].each()
    )
    return Part(
        "Fewer and more places",
        "The same by lists of other lengths. The longest known first is what a unit without any "
        "score would go by; it stands in for the longest wait, since a run knows no decisions and "
        "so not since when a case waits.",
        tables,
    )


def _tabulate(outcome: str, orders: Node) -> Table:
    measured = {
        order: {one["places"].number: one for one in orders[order].each()} for order in _ORDERS
    }
    rows = [
        [
            show(own["places"], COUNT),
            *(
                show_interval(one[rate], one[f"{rate}_ci"], IN_100)
                for order in _ORDERS
                for one in [measured[order].get(own["places"].number, Node(None))]
                for rate in ("precision", "recall")
            ),
        ]
        for own in orders["list"].each()
    ]
    columns = ["Places"]
    for words in _ORDERS.values():
        columns += [f"{words}: precision, in 100", f"{words}: recall, in 100"]
    named = [column[:1].upper() + column[1:] for column in columns]
    return make_table(f"By places on the list, outcome: {plain(outcome)}", named, rows)
