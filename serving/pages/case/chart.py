"""A case over time: acts of the subject, and the times in custody or under an order.

The places of the marks; ``templates/case/chart.html`` draws them as inline SVG, with the same
figures in a table. States differ by their row and words, never by colour alone.
"""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.charts.marks import find_round
from serving.decisions.outputs import SpanOut
from serving.pages.case.timeline import TimelineEntry, group_incidents
from serving.pages.rendering import describe_day_of

WIDTH: Final = 480
MOST_MONTHS: Final = 36
"""With more, a bar stands for three months, so that its width can still be seen."""
MOST_MONTHS_BY_WEEK: Final = 4
"""With no more, a bar stands for a week."""
_LEFT: Final = 76.0
_RIGHT: Final = 472.0
_TOP: Final = 14.0
_BASE: Final = 104.0
_LANE: Final = 24.0
_MOST_TICKS: Final = 5
_WEEK_DAYS: Final = 7
_LEAST: Final = 3.0
"""Width of a span of a few hours, so that it is there to be seen."""


@dataclass(frozen=True)
class Bar:
    """Acts of one stretch of time: its place, its words and its number."""

    x: float
    width: float
    y: float
    height: float
    title: str
    n_acts: int
    n_others: int


@dataclass(frozen=True)
class ChartSpan:
    """One time in a state, with its place in the state's row."""

    x: float
    width: float
    says: str


@dataclass(frozen=True)
class Lane:
    """A state's row: its words, the height at which it stands, and its spans."""

    state: str
    y: float
    spans: tuple[ChartSpan, ...]


@dataclass(frozen=True)
class CaseChart:
    """What is drawn of a case over time.

    Parameters
    ----------
    says
        The chart in a sentence or two, for those who do not see it.
    bars, lanes
        Acts over time, and states.
    height
        Height of the drawing, ``WIDTH`` wide.
    ticks
        Places and words of the axis of time.
    most
        The number that the highest bar could show.
    """

    says: str
    bars: tuple[Bar, ...]
    lanes: tuple[Lane, ...]
    height: float
    ticks: tuple[tuple[float, str], ...]
    most: int
    left: float = _LEFT
    right: float = _RIGHT
    top: float = _TOP
    base: float = _BASE


def draw_case(
    entries: Sequence[TimelineEntry], spans: Sequence[SpanOut], today: dt.date
) -> CaseChart | None:
    """Give every bar and span its place; ``None`` where nothing dated is on record.

    Incidents are counted, not records: three views of one are one. An incident counts as an act
    where any view has the subject, or somebody for them, as who did it.

    Parameters
    ----------
    entries
        Every record of the case.
    spans
        Its times in states.
    today
        Where the axis ends, in the unit's zone.
    """
    incidents = [
        (_read_day(str(incident[0].record.occurred_at)), any(e.record.is_act for e in incident))
        for incident in group_incidents([e for e in entries if e.record.in_force])
    ]
    if not incidents:
        return None
    stretches = _find_stretches(min(day for day, _ in incidents), today)
    axis = _Axis(stretches[0][0], stretches[-1][1])
    counts = Counter((_find_stretch(day, stretches), is_act) for day, is_act in incidents)
    most = int(max(find_round(max(counts[n, True] for n in range(len(stretches)))), 2))
    lanes = _draw_lanes(spans, axis, today)
    return CaseChart(
        says=_describe(incidents, spans, axis.first),
        bars=tuple(
            _draw_bar(stretch, (counts[n, True], counts[n, False]), most, axis)
            for n, stretch in enumerate(stretches)
        ),
        lanes=lanes,
        height=_BASE + 30 + _LANE * len(lanes),
        ticks=_find_ticks(stretches, axis),
        most=most,
    )


@dataclass(frozen=True)
class _Axis:
    """The axis of time: its first day, and the day after its last."""

    first: dt.date
    last: dt.date

    def place(self, day: dt.date) -> float:
        """Return where a day stands."""
        share = (day - self.first).days / (self.last - self.first).days
        return round(_LEFT + (_RIGHT - _LEFT) * min(max(share, 0.0), 1.0), 1)


def _find_stretches(first: dt.date, today: dt.date) -> list[tuple[dt.date, dt.date]]:
    """Return weeks of a short case, quarters of a long one, months otherwise; each with the first
    day after it.
    """
    start = first.replace(day=1)
    n_months = max(_count_months(start, today) + 1, 1)
    if n_months <= MOST_MONTHS_BY_WEEK:
        monday = first - dt.timedelta(days=first.weekday())
        n_weeks = max((today - monday).days, 0) // 7 + 1
        edges = [monday + dt.timedelta(weeks=n) for n in range(n_weeks + 1)]
    else:
        step = 1 if n_months <= MOST_MONTHS else 3
        edges = [_add_months(start, n) for n in range(0, n_months + step, step)]
    return list(itertools.pairwise(edges))


def _find_stretch(day: dt.date, stretches: Sequence[tuple[dt.date, dt.date]]) -> int:
    return max(sum(day >= start for start, _ in stretches) - 1, 0)


def _draw_bar(
    stretch: tuple[dt.date, dt.date], counts: tuple[int, int], most: int, axis: _Axis
) -> Bar:
    start, end = stretch
    x, right = axis.place(start), axis.place(end)
    height = round((_BASE - _TOP) * counts[0] / most, 1)
    return Bar(
        x=round(x + 1, 1),
        width=round(right - x - 2, 1),
        y=round(_BASE - height, 1),
        height=height,
        title=_name_stretch(start, end),
        n_acts=counts[0],
        n_others=counts[1],
    )


def _name_stretch(start: dt.date, end: dt.date) -> str:
    if (end - start).days == _WEEK_DAYS:
        return f"week of {describe_day_of(start.isoformat())}"
    final = _add_months(end, -1)
    return f"{start:%B %Y}" if final == start else f"{start:%B %Y} to {final:%B %Y}"


def _draw_lanes(spans: Sequence[SpanOut], axis: _Axis, today: dt.date) -> tuple[Lane, ...]:
    states = list(dict.fromkeys(span.state for span in spans))
    return tuple(
        Lane(
            state.replace("_", " "),
            _BASE + 28 + _LANE * n,
            tuple(_draw_span(span, axis, today) for span in spans if span.state == state),
        )
        for n, state in enumerate(states)
    )


def _draw_span(span: SpanOut, axis: _Axis, today: dt.date) -> ChartSpan:
    x = axis.place(_read_day(span.started_at))
    end = axis.place(_read_day(span.ended_at) if span.ended_at else today)
    return ChartSpan(x, round(max(end - x, _LEAST), 1), describe_span(span))


def describe_span(span: SpanOut) -> str:
    """Return from when to when a state lasted, and of what detail it was."""
    until = f"to {describe_day_of(span.ended_at)}" if span.ended_at else "with no end on record"
    detail = f" ({span.detail.replace('_', ' ')})" if span.detail else ""
    return f"{describe_day_of(span.started_at)} {until}{detail}"


def _find_ticks(
    stretches: Sequence[tuple[dt.date, dt.date]], axis: _Axis
) -> tuple[tuple[float, str], ...]:
    by_week = (stretches[0][1] - stretches[0][0]).days == _WEEK_DAYS
    shown = stretches[:: max(1, -(-len(stretches) // _MOST_TICKS))]
    return tuple(
        (axis.place(day), f"{day.day} {day:%b}" if by_week else f"{day:%b %Y}") for day, _ in shown
    )


def _describe(
    incidents: Sequence[tuple[dt.date, bool]], spans: Sequence[SpanOut], first: dt.date
) -> str:
    acts = [day for day, is_act in incidents if is_act]
    if not acts:
        said = "No act of the subject is on record; that is not to say that there was none"
    else:
        what = "act" if len(acts) == 1 else "acts"
        said = f"{len(acts):,} {what} by the subject or somebody for them since {first:%B %Y}"
        said += f", the latest on {describe_day_of(max(acts).isoformat())}"
    states = Counter(span.state.replace("_", " ") for span in spans)
    told = ", ".join(f"{state} {n}" for state, n in states.items())
    return f"{said}. Below, times on record: {told}." if told else f"{said}."


def _count_months(first: dt.date, last: dt.date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def _add_months(day: dt.date, n: int) -> dt.date:
    months = day.year * 12 + day.month - 1 + n
    return dt.date(months // 12, months % 12 + 1, 1)


def _read_day(text: str) -> dt.date:
    return dt.datetime.fromisoformat(text).date()
