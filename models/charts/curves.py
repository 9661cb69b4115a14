"""Where the lines of a chart of curves or of bands stand; as :mod:`models.charts.marks`.

Curves differ by how they are drawn and by their marks, each with its own words beside its sign.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.charts.marks import find_round

_LEFT: Final = 40.0
_WIDTH: Final = 350.0
_TOP: Final = 28.0
_TALL: Final = 220.0
_KEY_LINE: Final = 22.0
_AXIS: Final = 46.0
_STEP: Final = 11.0
"""Height of the row of one band."""
_EVERY: Final = 5
"""Every fifth place is named."""
LOOKS: Final = ("first", "second", "third", "fourth", "fifth")
"""How each curve looks; the page's own styles say what each means."""


@dataclass(frozen=True)
class Curve:
    """A curve before it has a place: its words and its points (x, y), from the left."""

    words: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class PlacedCurve:
    """A curve with its place; ``path`` joins points that are next to each other, ``key_y`` is where
    its words stand.
    """

    words: str
    look: str
    points: tuple[tuple[float, float], ...]
    path: str
    key_y: float


@dataclass(frozen=True)
class CurveChart:
    """Curves over one axis.

    Parameters
    ----------
    key
        Its name on the page, of small letters and hyphens.
    title, says
        What it shows, in few words, and in sentences for those who do not see it.
    curves
        The curves; what lies below nought is not drawn.
    across, up
        Places and words of the two axes.
    across_words, up_words
        What the axes measure.
    """

    key: str
    title: str
    says: str
    curves: tuple[PlacedCurve, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    across_words: str
    up_words: str
    left: float = _LEFT
    right: float = _LEFT + _WIDTH
    top: float = _TOP
    bottom: float = _TOP + _TALL
    height: float = _TOP + _TALL + _AXIS


@dataclass(frozen=True)
class Band:
    """Where the case of one place stands over many fits: its middle rank and the ends."""

    place: int
    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class PlacedBand:
    """A band with its place; ``name`` is empty where the row is not named."""

    y: float
    low: float
    middle: float
    high: float
    name: str


@dataclass(frozen=True)
class BandChart:
    """Bands one under the other, over one axis of ranks; see :class:`CurveChart`."""

    key: str
    title: str
    says: str
    bands: tuple[PlacedBand, ...]
    across: tuple[tuple[float, str], ...]
    bottom: float
    height: float
    left: float = _LEFT
    right: float = _LEFT + _WIDTH
    top: float = _TOP


def draw_curves(
    key: str,
    title: str,
    says: str,
    curves: Sequence[Curve],
    *,
    words: tuple[str, str],
    names: Sequence[str] = (),
    least: float = 0.0,
) -> CurveChart:
    """Give up to five curves their places; see :class:`CurveChart`.

    Parameters
    ----------
    key, title, says
        See :class:`CurveChart`.
    curves
        The curves. The axis across begins at 0.
    words
        What is measured across, and what up.
    names
        Names of 0, 1, 2, ... on the axis across, where it is not one of numbers.
    least
        Where the axis up begins; what lies below is not drawn.

    Returns
    -------
    CurveChart
        Every curve with its place, in units of the drawing.
    """
    points = [point for one in curves for point in one.points]
    end_x = float(max(len(names) - 1, 1))
    if not names:
        end_x = find_round(max((x for x, _ in points), default=1.0))
    end_y = find_round(max((y for _, y in points), default=1.0))

    def place(x: float, y: float) -> tuple[float, float]:
        height = (y - least) / (end_y - least)
        return round(_LEFT + _WIDTH * x / end_x, 1), round(_TOP + _TALL * (1 - height), 1)

    placed = []
    for number, (one, look) in enumerate(zip(curves, LOOKS, strict=False)):
        shown = tuple(place(x, y) for x, y in one.points if y >= least)
        path = _join([place(x, y) if y >= least else None for x, y in one.points])
        key_y = _TOP + _TALL + _AXIS + _KEY_LINE * (number + 0.5)
        placed.append(PlacedCurve(one.words, look, shown, path, key_y))
    ticks = (0.0, 0.5, 1.0)
    named = [(float(x), name) for x, name in enumerate(names)]
    if not names:
        named = [(end_x * t, f"{end_x * t:g}") for t in ticks]
    heights = [least + (end_y - least) * t for t in ticks]
    return CurveChart(
        key,
        title,
        says,
        tuple(placed),
        tuple((place(x, least)[0], name) for x, name in named),
        tuple((place(0, y)[1], f"{y:g}") for y in heights),
        *words,
        height=_TOP + _TALL + _AXIS + _KEY_LINE * len(placed) + 6,
    )


def _join(points: Sequence[tuple[float, float] | None]) -> str:
    """Return a path along points, with a gap where one is not drawn."""
    steps, is_joined = [], False
    for point in points:
        if point is not None:
            steps.append(f"{'L' if is_joined else 'M'}{point[0]},{point[1]}")
        is_joined = point is not None
    return " ".join(steps)


def draw_bands(key: str, title: str, says: str, bands: Sequence[Band]) -> BandChart:
    """Give every band its place, the first place above; see :class:`BandChart`.

    Parameters
    ----------
    key, title, says
        See :class:`BandChart`.
    bands
        The intervals, by the place of their case; ranks from 1.

    Returns
    -------
    BandChart
        Every band with its place, in units of the drawing.
    """
    end = find_round(max((one.high for one in bands), default=1.0))

    def x_of(rank: float) -> float:
        return round(_LEFT + _WIDTH * rank / end, 1)

    placed = tuple(
        PlacedBand(
            round(_TOP + _STEP * (row + 0.5), 1),
            x_of(one.low),
            x_of(one.middle),
            x_of(one.high),
            str(one.place) if one.place == 1 or one.place % _EVERY == 0 else "",
        )
        for row, one in enumerate(bands)
    )
    bottom = _TOP + _STEP * len(bands)
    ticks = tuple((x_of(end * t), f"{end * t:g}") for t in (0.0, 0.5, 1.0))
    return BandChart(key, title, says, placed, ticks, bottom, bottom + _AXIS)
