"""Plots of the report as inline SVG: readable in black and white, the same bytes for the same run.

Text stays text, so that it can be searched, copied and read aloud; nothing is fetched. Lines differ
by their style and marker, never by colour alone.
"""

import hashlib
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

Gaps = Sequence[float | None]
"""Figures of which some are missing."""
_SETTINGS: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "caselight",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#d9d9d9",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "legend.columnspacing": 1.4,
    "lines.linewidth": 1.5,
    "lines.markersize": 5.0,
}
"""A plot is measured in the font that matplotlib brings; the page shows it in its own."""
_WIDTH_IN: Final = 5.4
_LOOKS: Final = (
    ("#000000", "-", "o", "#000000"),
    ("#4d4d4d", "--", "s", "#ffffff"),
    ("#000000", ":", "^", "#ffffff"),
    ("#6e6e6e", "-.", "D", "#6e6e6e"),
    ("#8a8a8a", (0, (1, 1)), "x", "#8a8a8a"),
)
"""Colour, line, marker and filling of the first, second, ... line."""
_LOOK_OF: Final = {
    **{"the model": 0, "boosted trees": 0, "the rule": 1, "logistic regression": 2},
    **{"tuned trees": 3, "acting on all": 3, "acting on none": 4},
}
"""What has one look in all plots."""


@dataclass(frozen=True)
class Plot:
    """A drawn plot.

    Parameters
    ----------
    title
        What it shows, in a few words.
    says
        The same in a sentence or two for those who cannot see it.
    view_box, body
        The inner part of the ``svg`` element.
    """

    title: str
    says: str
    view_box: str
    body: str


@dataclass(frozen=True)
class Spread:
    """An estimate with the ends of its interval, where it has one."""

    estimate: float
    low: float | None = None
    high: float | None = None


def draw_lines(
    title: str,
    says: str,
    x: Sequence[float] | Sequence[str],
    lines: Mapping[str, Gaps],
    *,
    x_label: str,
    y_label: str,
) -> Plot:
    """Draw one line per name; a missing figure is a gap."""
    with mpl.rc_context(_SETTINGS):
        figure, axes = _start(3.2)
        _draw_lines(axes, x, lines)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        _put_legend(axes, len(lines))
        return _finish(figure, title, says)


def draw_pair(
    title: str,
    says: str,
    x: Sequence[float],
    panels: Mapping[str, Mapping[str, Gaps]],
    *,
    x_label: str,
) -> Plot:
    """Draw two panels above one another over the same numbers; the keys name what they show."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(_WIDTH_IN, 4.6), layout="constrained")
        all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, lines) in zip(all_axes, panels.items(), strict=True):
            _draw_lines(axes, x, lines)
            axes.set_ylabel(name)
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            _put_legend(axes, len(lines))
        all_axes[-1].set_xlabel(x_label)
        return _finish(figure, title, says)


def draw_bars(
    title: str,
    says: str,
    names: Sequence[str],
    sizes: Sequence[float],
    *,
    x_label: str,
    y_label: str,
) -> Plot:
    """Draw one bar per name, its number above it."""
    with mpl.rc_context(_SETTINGS):
        figure, axes = _start(2.9)
        bars = axes.bar(range(len(names)), sizes, color="#bdbdbd", edgecolor="#000000", width=0.8)
        axes.bar_label(bars, [f"{size:,.0f}" for size in sizes], padding=2, fontsize=8)
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
        axes.grid(visible=False, axis="x")
        axes.margins(y=0.14)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        return _finish(figure, title, says)


def draw_estimates(
    title: str,
    says: str,
    rows: Mapping[str, Mapping[str, Spread]],
    *,
    x_label: str,
) -> Plot:
    """Draw estimates with their intervals, a line of the page each, grouped by row."""
    names = list(dict.fromkeys(name for group in rows.values() for name in group))
    with mpl.rc_context(_SETTINGS):
        figure, axes = _start(0.9 + 0.22 * len(rows) * max(len(names), 1) + 0.1 * len(rows))
        step = 0.7 / max(len(names), 1)
        for number, name in enumerate(names):
            offset = (number - (len(names) - 1) / 2) * step
            points = [
                (place + offset, group[name])
                for place, group in enumerate(rows.values())
                if name in group
            ]
            _put_estimates(axes, points, number, name)
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(x_label)
        _put_legend(axes, len(names))
        return _finish(figure, title, says)


def draw_reliability(
    title: str, says: str, estimated: Sequence[float], seen: Sequence[Spread]
) -> Plot:
    """Draw outcomes seen against those estimated; on the dashed line the two agree."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(4.2, 3.9), layout="constrained")
        axes = figure.subplots()
        ends = [*estimated, *(end for one in seen for end in (one.estimate, one.high or 0.0))]
        most = 1.08 * max(ends, default=1.0)
        axes.plot(
            [0, most], [0, most], color="#6e6e6e", linewidth=1.0, linestyle="--", label="agreement"
        )
        axes.plot(
            estimated,
            [one.estimate for one in seen],
            color="#000000",
            marker="o",
            linewidth=1.0,
            label="seen, a tenth of the cases each",
        )
        for place, one in zip(estimated, seen, strict=True):
            if one.low is not None and one.high is not None:
                axes.vlines(place, one.low, one.high, color="#000000", linewidth=1.2)
        axes.set_xlim(0, most)
        axes.set_ylim(0, most)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
            axis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel("estimated, in 100")
        axes.set_ylabel("seen, in 100")
        axes.legend(loc="upper left")
        return _finish(figure, title, says)


def draw_bands(
    title: str, says: str, places: Sequence[float], bands: Sequence[Spread], capacity: float | None
) -> Plot:
    """Draw for each place of the list the ranks that refits gave its case."""
    with mpl.rc_context(_SETTINGS):
        figure, axes = _start(3.4)
        for place, one in zip(places, bands, strict=True):
            if one.low is not None and one.high is not None:
                axes.vlines(place, one.low, one.high, color="#8a8a8a", linewidth=2.0)
        middles = [one.estimate for one in bands]
        axes.plot(
            places, middles, linestyle="none", marker="o", color="#000000", label="middle rank"
        )
        if capacity is not None:
            axes.axhline(
                capacity, color="#000000", linestyle="--", linewidth=1.0, label="last place"
            )
        axes.invert_yaxis()
        axes.set_xlabel("place on the list")
        axes.set_ylabel("rank in the refits")
        _put_legend(axes, 2)
        return _finish(figure, title, says)


def _start(height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
    return figure, figure.subplots()


def _draw_lines(axes: Axes, x: Sequence[float] | Sequence[str], lines: Mapping[str, Gaps]) -> None:
    names = [one for one in x if isinstance(one, str)]
    numbers = [float(one) for one in x if not isinstance(one, str)]
    positions = [float(number) for number in range(len(names))] if names else numbers
    for number, (name, values) in enumerate(lines.items()):
        colour, line, marker, filling = _look(name, number)
        axes.plot(
            positions,
            [math.nan if value is None else value for value in values],
            color=colour,
            linestyle=line,
            marker=marker,
            markerfacecolor=filling,
            label=name,
        )
    if names:
        axes.set_xticks(positions, names)
        axes.margins(x=0.12)


def _look(name: str, number: int) -> tuple[str, Any, str, str]:
    return _LOOKS[_LOOK_OF.get(name, number) % len(_LOOKS)]


def _put_estimates(
    axes: Axes, points: Sequence[tuple[float, Spread]], number: int, name: str
) -> None:
    colour, _, marker, filling = _look(name, number)
    for place, one in points:
        if one.low is not None and one.high is not None:
            axes.hlines(place, one.low, one.high, color=colour, linewidth=1.4)
    axes.plot(
        [one.estimate for _, one in points],
        [place for place, _ in points],
        linestyle="none",
        color=colour,
        marker=marker,
        markerfacecolor=filling,
        markersize=6,
        label=name,
    )


def _put_legend(axes: Axes, n_lines: int) -> None:
    if n_lines > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.08, 1.0), ncols=3, borderaxespad=0.2)


_VIEW_BOX: Final = re.compile(r'viewBox="([^"]*)"')
_DROPPED: Final = (
    re.compile(r"<metadata>.*?</metadata>", re.DOTALL),
    re.compile(r"<style[^>]*>.*?</style>", re.DOTALL),
    re.compile(r"<!--.*?-->", re.DOTALL),
)


def _finish(figure: Figure, title: str, says: str) -> Plot:
    """Return the figure as the inner part of an SVG, its marks named apart from those of others."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    view_box = _VIEW_BOX.search(text)
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    for dropped in _DROPPED:
        body = dropped.sub("", body)
    body = _name_apart(body, title)
    body = body.replace("font-family: 'DejaVu Sans'; ", "")
    return Plot(title, says, view_box[1] if view_box else "", re.sub(r">\s+<", "><", body.strip()))


def _name_apart(body: str, title: str) -> str:
    """Drop names that nothing refers to, and make the others unlike those of any other plot."""
    used = set(re.findall(r"#([\w-]+)[\")]", body))
    mark = "p" + hashlib.sha256(f"{title}{body}".encode()).hexdigest()[:8]

    def rename(found: re.Match[str]) -> str:
        return f' id="{mark}-{found[1]}"' if found[1] in used else ""

    body = re.sub(r' id="([^"]*)"', rename, body)
    return re.sub(r"((?:href=\"|url\()#)([\w-]+)", rf"\1{mark}-\2", body)
