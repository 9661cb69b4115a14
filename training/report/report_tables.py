"""Tables of the report: figures in fixed formats, each with its place in ``metrics.json``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from models.run_figures.codec import place_of
from models.run_figures.ranking import Difference, Interval

NOTHING: Final = "\u2013"
"""Shown where there is no figure; the page says what that means."""
_TEN: Final = 10.0
_ALMOST_ALL: Final = 99.0
_MOST_ON_A_PAGE: Final = 16
_MOST_IN_A_LINE: Final = 6


@dataclass(frozen=True)
class Style:
    """How a figure is written.

    Parameters
    ----------
    decimals
        Digits after the point; ``None`` for a share, which has more digits the smaller it is.
    is_signed
        Whether a plus is written.
    scale
        What the figure is multiplied by.
    """

    decimals: int | None = None
    is_signed: bool = False
    scale: float = 1.0

    def write(self, value: float) -> str:
        """Return the figure as it is shown."""
        scaled = value * self.scale
        digits = _digits_of_share(scaled) if self.decimals is None else self.decimals
        if not round(scaled, digits):
            return f"{0:.{digits}f}"
        return f"{scaled:+,.{digits}f}" if self.is_signed else f"{scaled:,.{digits}f}"


def _digits_of_share(per_hundred: float) -> int:
    size = abs(per_hundred)
    if size == 0 or _TEN <= size <= _ALMOST_ALL or size == _TEN**2:
        return 0
    return 1 if size >= 1 else 2


AUC: Final = Style(3)
GAIN: Final = Style(3, is_signed=True)
IN_100: Final = Style(scale=100.0)
POINTS: Final = Style(1, is_signed=True, scale=100.0)
COUNT: Final = Style(0)
ONE: Final = Style(1)
RATIO: Final = Style(2)


@dataclass(frozen=True)
class Cell:
    """One cell.

    Parameters
    ----------
    text
        What it says.
    interval
        The 95 % interval as it is shown, without brackets; empty where there is none.
    sources
        Places in the metrics: of the figure, and of the interval's two ends.
    scale
        What the figures were multiplied by.
    is_figure
        Whether it is aligned as a figure.
    """

    text: str
    interval: str = ""
    sources: tuple[str, ...] = ()
    scale: str = "1"
    is_figure: bool = False


@dataclass(frozen=True)
class ReportTable:
    """A table: the first cell of each row names it.

    Parameters
    ----------
    caption
        What it shows.
    columns
        Headings.
    rows
        Each as long as the headings.
    notes
        What must be known to read it.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def headings(self) -> list[tuple[str, bool]]:
        """Each heading, and whether figures stand under it."""
        return [
            (title, bool(number) and all(row[number].is_figure for row in self.rows))
            for number, title in enumerate(self.columns)
        ]

    @property
    def is_long(self) -> bool:
        """Whether it may run over several printed pages."""
        return len(self.rows) > _MOST_ON_A_PAGE

    @property
    def is_wide(self) -> bool:
        """Whether it needs smaller letters in print."""
        return len(self.columns) > _MOST_IN_A_LINE


def make_table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *notes: str
) -> ReportTable:
    """Return a table, with a note on missing figures where there are any."""
    kept = tuple(tuple(row) for row in rows)
    has_gaps = any(cell.text == NOTHING for row in kept for cell in row)
    gap = (f"{NOTHING} means: too few to tell, or not defined here.",) if has_gaps else ()
    return ReportTable(caption, tuple(columns), kept, (*notes, *gap))


def say(text: str) -> Cell:
    """Return a cell of words."""
    return Cell(text or NOTHING)


def count(value: int) -> Cell:
    """Return a cell with a count made here rather than read."""
    return Cell(COUNT.write(value), is_figure=True)


def show(value: float | None, style: Style) -> Cell:
    """Return a cell with one figure that was read."""
    if value is None:
        return Cell(NOTHING, is_figure=True)
    return Cell(style.write(value), "", (place_of(value),), f"{style.scale:g}", is_figure=True)


def show_interval(value: float | None, interval: Interval | None, style: Style) -> Cell:
    """Return a cell with a figure and its interval, given as a pair."""
    low, high = interval or (None, None)
    return show_between(value, low, high, style)


def show_between(value: float | None, low: float | None, high: float | None, style: Style) -> Cell:
    """Return a cell with a figure and its interval, given as two ends."""
    found = show(value, style)
    if not found.sources or low is None or high is None:
        return found
    interval = f"{style.write(low)}, {style.write(high)}"
    sources = (*found.sources, place_of(low), place_of(high))
    return Cell(found.text, interval, sources, found.scale, is_figure=True)


def show_difference(found: Difference | None) -> Cell:
    """Return a cell with a paired difference of AUCs."""
    if found is None:
        return show(None, GAIN)
    return show_between(found.estimate, found.low, found.high, GAIN)


def plain(name: str) -> str:
    """Return a name of the catalogue or the metrics as words."""
    return name.replace("_", " ")
