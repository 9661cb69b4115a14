"""Whether acting on a run's estimates is worth more than a simple rule, or than looking at all.

Net benefit counts outcomes found, less looks in vain at the price at which somebody acts (Vickers
and Elkin 2006). It is told per 100 cases: 4.0 says that acting so is worth as much as finding four
of 100 and looking at nobody in vain.
"""

from dataclasses import dataclass
from typing import Final

from serving.charts.curves import Curve, CurveChart, draw_curves
from serving.charts.marks import Figures
from serving.oversight.metrics import Node, RunFigures
from serving.oversight.run_words import NOTHING, join_words, write_share

_WAYS: Final = {"model": "the model", "rfs": "the simple rule", "all": "looking at all"}


@dataclass(frozen=True)
class Worth:
    """Whether acting on the estimates of one outcome is worth it: words, chart and table."""

    words: str
    chart: CurveChart
    table: Figures


def show_worth(found: RunFigures, name: str, label: str) -> list[Worth]:
    """Return what acting on an outcome's estimates is worth; nothing where it was not measured."""
    figures = found.at(name)["net_benefit"]
    thresholds = [one.number for one in figures["thresholds"].each()]
    curves = {way: figures["curves"][way].each() for way in _WAYS}
    known = [at for at in thresholds if at is not None]
    if len(known) != len(thresholds) or not known:
        return []
    if any(len(curve) != len(known) for curve in curves.values()):
        return []
    title = f"What acting on the estimate is worth: {label}"
    drawn = [
        Curve(
            words,
            tuple(
                (100 * at, 100 * one["net_benefit"].number)
                for at, one in zip(known, curves[way], strict=True)
                if one["net_benefit"].number is not None
            ),
        )
        for way, words in _WAYS.items()
    ]
    says = "; ".join(
        f"from {write_share(at)} in 100 on: "
        + ", ".join(f"{words} {_tell(curves[way][number])}" for way, words in _WAYS.items())
        for number, at in enumerate(known)
    )
    key = f"worth-{name.replace('_', '-')}"
    return [
        Worth(
            _count_ahead(label, known, curves["rfs"]),
            draw_curves(key, title, f"{says}.", drawn),
            _tabulate(title, known, curves),
        )
    ]


def _tell(one: Node) -> str:
    value = one["net_benefit"].number
    return NOTHING if value is None else _write(value)


def _write(value: float, sign: str = "") -> str:
    """Return net benefit of 100 cases with one decimal; nought has no sign."""
    of_hundred = round(100 * value, 1)
    return f"{of_hundred:{sign}.1f}" if of_hundred else "0.0"


def _tell_ahead(one: Node) -> str:
    ahead, ends = one["model_ahead"].number, one["model_ahead_ci"]
    low, high = ends[0].number, ends[1].number
    if ahead is None:
        return NOTHING
    told = f"{100 * ahead:+.1f}"
    return (
        told if low is None or high is None else f"{told} ({100 * low:+.1f} to {100 * high:+.1f})"
    )


def _count_ahead(label: str, thresholds: list[float], rule: list[Node]) -> str:
    ahead = [
        at
        for at, one in zip(thresholds, rule, strict=True)
        for low in [one["model_ahead_ci"][0].number]
        if low is not None and low > 0
    ]
    words = f"{label[:1].upper()}{label[1:]}: "
    if not ahead:
        return (
            f"{words}from none of the {len(thresholds)} estimates tried on is acting by the model "
            "shown to be worth more than acting by the simple rule."
        )
    told = join_words([write_share(at) for at in ahead])
    return (
        f"{words}the model is shown to be worth more than the simple rule for somebody who acts "
        f"from {told} in 100 on."
    )


def _tabulate(title: str, thresholds: list[float], curves: dict[str, list[Node]]) -> Figures:
    lines = tuple(
        (
            f"from {write_share(at)} in 100 on",
            *(_tell(curves[way][number]) for way in _WAYS),
            _tell_ahead(curves["rfs"][number]),
        )
        for number, at in enumerate(thresholds)
    )
    columns = ("Who acts", "The model", "The simple rule", "Looking at all", "Ahead of the rule")
    return Figures(title, columns, lines)
