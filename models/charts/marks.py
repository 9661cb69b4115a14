"""Where the marks of a chart are; ``drawing.html`` draws them as inline SVG.

A chart is 400 units wide, about as wide as a telephone shows it, and its letters are as large there
as the page's own. It is never alone: the same figures are in a table beside it. What differs
differs by place, form and words, never by colour alone.
"""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 400
_TRACK: Final = 265.0
"""Width of the part of a row in which bars and marks stand; the figure stands to the right."""
_LINE: Final = 18.0
_ROW: Final = 30.0
_AXIS: Final = 30.0
_LETTERS: Final = 54
_BOX: Final = 320.0
_LEFT: Final = 46.0
_TOP: Final = 28.0
_STEPS: Final = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Row:
    """One row of a chart of rows, before it has a place.

    Parameters
    ----------
    label
        What it is about.
    value
        Where its mark is; ``None`` where there is no figure.
    shown
        The figure in words or digits.
    low, high
        Ends of a line across the mark; ``None`` for none.
    """

    label: str
    value: float | None
    shown: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class PlacedRow:
    """A row with its place: ``y`` of its first line of words and of its bar, ``x`` of its ends."""

    lines: tuple[tuple[float, str], ...]
    shown: str
    bar_y: float
    width: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class RowChart:
    """Bars one under the other, each under its own words.

    Parameters
    ----------
    key
        Its name on the page, of small letters and hyphens.
    title, says
        What it shows, in few words, and in sentences for those who do not see it.
    rows
        The rows, from above.
    height
        Height of the drawing.
    ticks
        Places and words of the axis.
    limit
        Place and words of an upright line that means something.
    is_dot
        Whether the mark is a dot on the line from ``low`` to ``high`` rather than a bar.
    """

    key: str
    title: str
    says: str
    rows: tuple[PlacedRow, ...]
    height: float
    ticks: tuple[tuple[float, str], ...]
    limit: tuple[float, str] | None = None
    is_dot: bool = False


@dataclass(frozen=True)
class Point:
    """One part of the cases: estimated, seen, and the ends of the interval of what was seen."""

    estimated: float
    seen: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PlacedPoint:
    """A point with its place; ``low`` and ``high`` are heights."""

    x: float
    y: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class HoldsChart:
    """Estimated against seen: points on the line from corner to corner are right."""

    key: str
    title: str
    says: str
    points: tuple[PlacedPoint, ...]
    ticks: tuple[tuple[float, float, str], ...]
    left: float = _LEFT
    right: float = _LEFT + _BOX
    top: float = _TOP
    bottom: float = _TOP + _BOX
    height: float = _TOP + _BOX + 46


@dataclass(frozen=True)
class Figures:
    """A table of words and figures as they are shown; the first cell of a row names it."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def draw_rows(
    key: str,
    title: str,
    says: str,
    rows: Sequence[Row],
    *,
    unit: str = "",
    most: float | None = None,
    limit: tuple[float, str] | None = None,
    is_dot: bool = False,
) -> RowChart:
    """Give every row its place.

    Parameters
    ----------
    key, title, says
        See :class:`RowChart`.
    rows
        The rows, from above; values from 0 up.
    unit
        Stands after the last number of the axis.
    most
        End of the axis; the next round number above all values where absent.
    limit
        A value that means something, and its words.
    is_dot
        See :class:`RowChart`.

    Returns
    -------
    RowChart
        Every row with its place, in units of the drawing.
    """
    known = [x for row in rows for x in (row.value, row.high) if x is not None]
    end = most if most is not None else find_round(max([*known, limit[0] if limit else 0.0]))
    placed, y = [], 0.0
    for row in rows:
        words = textwrap.wrap(row.label, _LETTERS) or [""]
        lines = tuple((y + _LINE * (n + 1) - 4, line) for n, line in enumerate(words))
        y += _LINE * len(words)
        width, low, high = (_place(x, end) for x in (row.value, row.low, row.high))
        placed.append(PlacedRow(lines, row.shown, y + 4, width, low, high))
        y += _ROW
    middle = end / 2
    ticks = tuple((_scale(x, end), f"{x:g}") for x in (0.0, middle, end))
    ticks = (*ticks[:-1], (ticks[-1][0], f"{ticks[-1][1]} {unit}".strip()))
    mark = None if limit is None else (_scale(limit[0], end), limit[1])
    return RowChart(key, title, says, tuple(placed), y + _AXIS, ticks, mark, is_dot)


def draw_holds(key: str, title: str, says: str, points: Sequence[Point]) -> HoldsChart:
    """Give every point its place; both axes run from 0 to the same end, in 100.

    Parameters
    ----------
    key, title, says
        See :class:`HoldsChart`.
    points
        What was estimated and seen, as shares from 0 to 1.

    Returns
    -------
    HoldsChart
        Every point with its place, in units of the drawing.
    """
    seen = [x for one in points for x in (one.estimated, one.seen, one.high) if x is not None]
    end = min(find_round(100 * max(seen, default=1.0)), 100.0) / 100

    def x_of(share: float) -> float:
        return round(_LEFT + _BOX * min(share, end) / end, 1)

    def y_of(share: float) -> float:
        return round(_TOP + _BOX * (1 - min(share, end) / end), 1)

    return HoldsChart(
        key,
        title,
        says,
        tuple(
            PlacedPoint(
                x_of(one.estimated),
                y_of(one.seen),
                None if one.low is None else y_of(one.low),
                None if one.high is None else y_of(one.high),
            )
            for one in points
        ),
        tuple((x_of(x), y_of(x), f"{100 * x:g}") for x in (0.0, end / 2, end)),
    )


def find_round(value: float) -> float:
    """Return the smallest of 1, 2 or 5 times a power of ten that is no less; 1 of nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in _STEPS if step * power >= value), 10 * power)


def _place(value: float | None, end: float) -> float | None:
    return None if value is None else _scale(value, end)


def _scale(value: float, end: float) -> float:
    return round(_TRACK * min(max(value, 0.0), end) / end, 1)
