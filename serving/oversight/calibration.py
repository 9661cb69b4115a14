"""Whether a run's estimates hold: over all cases, by area, and by group of cases."""

from dataclasses import dataclass
from typing import Final

from serving.charts.marks import Figures, HoldsChart, Point, draw_holds
from serving.oversight.metrics import Node, RunFigures
from serving.oversight.run_words import (
    NOTHING,
    tell_count,
    tell_interval,
    tell_share,
    write_share,
)

_STRATA: Final = {"all": "all cases", "area": "area: ", "group": "group: "}
_AT_LEAST: Final = 2
TOO_HIGH, TOO_LOW = "estimates are too high", "estimates are too low"
NO_FAULT: Final = "no fault shown"


@dataclass(frozen=True)
class Holding:
    """Whether the estimates of one outcome hold: a sentence, a chart and its table."""

    words: str
    chart: HoldsChart
    table: Figures


def show_holding(found: RunFigures, name: str, label: str) -> list[Holding]:
    """Return whether the estimates of an outcome hold; nothing where it was not measured."""
    parts = [
        (one, estimated, seen)
        for one in found.at(name)["curve"].each()
        for estimated in [one["mean_probability"].number]
        for seen in [one["observed_rate"].number]
        if estimated is not None and seen is not None
    ]
    if not parts:
        return []
    points = [
        Point(estimated, seen, one["low"].number, one["high"].number)
        for one, estimated, seen in parts
    ]
    told = [f"estimated {write_share(x)}, seen {write_share(y)}" for _, x, y in parts]
    title = f"Estimated and seen: {label}"
    lines = tuple(
        (
            f"part {number}",
            write_share(estimated),
            f"{write_share(seen)}{tell_interval(one['low'], one['high'])}",
            tell_count(one["n"]),
        )
        for number, (one, estimated, seen) in enumerate(parts, 1)
    )
    columns = ("Part of the cases", "Estimated, in 100", "Seen, in 100", "Cases")
    chart = draw_holds(f"holds-{name.replace('_', '-')}", title, "; ".join(told) + ".", points)
    return [Holding(_count_inside(label, points), chart, Figures(title, columns, lines))]


def _count_inside(label: str, points: list[Point]) -> str:
    inside = sum(
        one.low is not None and one.high is not None and one.low <= one.estimated <= one.high
        for one in points
    )
    return (
        f"{label[:1].upper()}{label[1:]}: the cases in {len(points)} parts by their estimate. In "
        f"{inside} of them the estimate lies within what chance alone would let one see."
    )


def tabulate_strata(root: Node, name: str, label: str) -> list[Figures]:
    """Return whether the estimates of an outcome hold by area and group; nothing of one part."""
    lines = []
    for one in root["calibration"][name].each():
        stratum, level = one["stratum"].text, one["level"].text.replace("_", " ")
        if stratum not in _STRATA:
            continue
        lines.append(
            (
                _STRATA[stratum] + ("" if stratum == "all" else level),
                tell_count(one["n"]),
                tell_share(one["mean_probability"]),
                tell_share(one["observed_rate"]),
                _judge(one),
            )
        )
    if len(lines) < _AT_LEAST:
        return []
    columns = ("Part", "Cases", "Estimated, in 100", "Seen, in 100", "In words")
    note = "“No fault shown” is no proof that there is none: a small part hides a large fault."
    return [
        Figures(f"Estimated and seen by area and group: {label}", columns, tuple(lines), (note,))
    ]


def _judge(one: Node) -> str:
    """Say what the interval of the intercept says: above 0 the estimates are too low."""
    low, high = one["intercept_interval"][0].number, one["intercept_interval"][1].number
    if low is None or high is None:
        return one["note"].text or NOTHING
    if low > 0:
        return TOO_LOW
    return TOO_HIGH if high < 0 else NO_FAULT
