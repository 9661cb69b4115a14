"""Whether acting on a run's estimates is worth more than a simple rule, or than looking at all.

Net benefit counts outcomes found, less looks in vain at the price at which somebody acts (Vickers
and Elkin 2006). It is told per 100 cases: 4.0 says that acting so is worth as much as finding four
of 100 and looking at nobody in vain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models.charts.curves import Curve, CurveChart, draw_curves
from models.charts.marks import Figures
from models.run_figures.ranking import NetBenefit
from models.run_figures.run import RunFigures
from serving.oversight.run_words import NOTHING, join_words, write_share

_AXES: Final = ("acts from an estimate of, in 100", "worth, of 100 cases")
_WAYS: Final = {"model": "the model", "rfs": "the simple rule", "all": "looking at all"}


@dataclass(frozen=True)
class ShownNetBenefit:
    """Whether acting on the estimates of one outcome is worth it: words, chart and table."""

    words: str
    chart: CurveChart
    table: Figures


def show_net_benefit(run: RunFigures, name: str, label: str) -> list[ShownNetBenefit]:
    """Return what acting on an outcome's estimates is worth; nothing where it was not measured."""
    figures = run.at(name).net_benefit
    if figures is None or not figures.thresholds:
        return []
    known = figures.thresholds
    curves = {way: figures.curves.get(way, ()) for way in _WAYS}
    if any(len(curve) != len(known) for curve in curves.values()):
        return []
    title = f"What acting on the estimate is worth: {label}"
    drawn = [
        Curve(
            words,
            tuple(
                (100 * at, 100 * one.net_benefit)
                for at, one in zip(known, curves[way], strict=True)
                if one.net_benefit is not None
            ),
        )
        for way, words in _WAYS.items()
    ]
    says = "; ".join(
        f"from {write_share(at)} in 100 on: "
        + ", ".join(f"{words} {_describe(curves[way][number])}" for way, words in _WAYS.items())
        for number, at in enumerate(known)
    )
    key = f"worth-{name.replace('_', '-')}"
    return [
        ShownNetBenefit(
            _count_ahead(label, known, curves["rfs"]),
            draw_curves(key, title, f"{says}.", drawn, words=_AXES),
            _tabulate(title, known, curves),
        )
    ]


def _describe(one: NetBenefit) -> str:
    return NOTHING if one.net_benefit is None else _write(one.net_benefit)


def _write(value: float, sign: str = "") -> str:
    """Return net benefit of 100 cases with one decimal; nought has no sign."""
    of_hundred = round(100 * value, 1)
    return f"{of_hundred:{sign}.1f}" if of_hundred else "0.0"


def _describe_ahead(one: NetBenefit) -> str:
    if one.model_ahead is None:
        return NOTHING
    told = f"{100 * one.model_ahead:+.1f}"
    if one.model_ahead_ci is None:
        return told
    low, high = one.model_ahead_ci
    return f"{told} ({100 * low:+.1f} to {100 * high:+.1f})"


def _count_ahead(label: str, thresholds: Sequence[float], rule: Sequence[NetBenefit]) -> str:
    ahead = [
        at
        for at, one in zip(thresholds, rule, strict=True)
        if one.model_ahead_ci is not None and one.model_ahead_ci[0] > 0
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


def _tabulate(
    title: str, thresholds: Sequence[float], curves: Mapping[str, Sequence[NetBenefit]]
) -> Figures:
    lines = tuple(
        (
            f"from {write_share(at)} in 100 on",
            *(_describe(curves[way][number]) for way in _WAYS),
            _describe_ahead(curves["rfs"][number]),
        )
        for number, at in enumerate(thresholds)
    )
    columns = ("Who acts", "The model", "The simple rule", "Looking at all", "Ahead of the rule")
    return Figures(title, columns, lines)
