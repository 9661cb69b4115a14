"""Whether a run's estimates hold: over all cases, by area, and by group of cases."""

from dataclasses import dataclass
from typing import Final

from models.charts.marks import Figures, HoldsChart, Point, draw_holds
from models.run_figures.ranking import Reliability
from models.run_figures.run import RunFigures
from serving.oversight.run_words import (
    NOTHING,
    format_count,
    format_share,
    format_with_interval,
    write_share,
)

_STRATA: Final = {"all": "all cases", "area": "area: ", "group": "group: "}
_AT_LEAST: Final = 2
TOO_HIGH, TOO_LOW = "estimates are too high", "estimates are too low"
NO_FAULT: Final = "no fault shown"


@dataclass(frozen=True)
class ShownCalibration:
    """Whether the estimates of one outcome hold: a sentence, a chart and its table."""

    words: str
    chart: HoldsChart
    table: Figures


def show_calibration(run: RunFigures, name: str, label: str) -> list[ShownCalibration]:
    """Return whether the estimates of an outcome hold; nothing where it was not measured."""
    parts = run.at(name).curve
    if not parts:
        return []
    points = [Point(one.mean_probability, one.observed_rate, one.low, one.high) for one in parts]
    told = [f"estimated {write_share(x.estimated)}, seen {write_share(x.seen)}" for x in points]
    title = f"Estimated and seen: {label}"
    lines = tuple(
        (
            f"part {number}",
            write_share(one.mean_probability),
            format_with_interval(one.observed_rate, (one.low, one.high)),
            format_count(one.n),
        )
        for number, one in enumerate(parts, 1)
    )
    columns = ("Part of the cases", "Estimated, in 100", "Seen, in 100", "Cases")
    chart = draw_holds(f"holds-{name.replace('_', '-')}", title, "; ".join(told) + ".", points)
    return [ShownCalibration(_count_inside(label, points), chart, Figures(title, columns, lines))]


def _count_inside(label: str, points: list[Point]) -> str:
    inside = sum(
        one.low is not None and one.high is not None and one.low <= one.estimated <= one.high
        for one in points
    )
    return (
        f"{label[:1].upper()}{label[1:]}: the cases in {len(points)} parts by their estimate. In "
        f"{inside} of them the estimate lies within what chance alone would let one see."
    )


def tabulate_strata(run: RunFigures, name: str, label: str) -> list[Figures]:
    """Return whether the estimates of an outcome hold by area and group; nothing of one part."""
    lines = []
    for one in (run.calibration or {}).get(name, ()):
        stratum, level = one.stratum, one.level.replace("_", " ")
        if stratum not in _STRATA:
            continue
        lines.append(
            (
                _STRATA[stratum] + ("" if stratum == "all" else level),
                format_count(one.n),
                format_share(one.mean_probability),
                format_share(one.observed_rate),
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


def _judge(one: Reliability) -> str:
    """Say what the interval of the intercept says: above 0 the estimates are too low."""
    if one.intercept_interval is None:
        return one.note or NOTHING
    low, high = one.intercept_interval
    if low > 0:
        return TOO_LOW
    return TOO_HIGH if high < 0 else NO_FAULT
