"""The records behind a value: what a sceptic asks for first (promise 5).

This reads one case at a time, plainly; the engine's compiled pass reads all of them fast. Tests
hold the two together: measured again from only the records named here, an indicator has the same
value.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import Catalogue, Expression, Measure, Selector
from features.contract.arrays import MISSING, Int64
from features.evidence.state_ends import StateEdge, match_ends
from features.history.columns import CODED_COLUMNS, History
from features.history.in_force import in_force
from features.history.reading_rules import CURRENT_RULES, ReadingRules

Mask = npt.NDArray[np.bool_]
_ABSENT: Final = np.iinfo(np.int64).min


@dataclass(frozen=True)
class CaseMoment:
    """One case as known at one moment: rows of its events and which of them count."""

    history: History
    catalogue: Catalogue
    case: int
    as_of_us: int
    rules: ReadingRules = CURRENT_RULES

    @property
    def rows(self) -> slice:
        """The case's events."""
        return self.history.events_of(self.case)

    def usable(self) -> Mask:
        """Return which events are in force, past and permitted to be measured; the caller's own."""
        return self._usable.copy()

    @functools.cached_property
    def _usable(self) -> Mask:
        events, rows, as_of = self.history.events, self.rows, self.as_of_us
        return np.asarray(
            events.measured[rows]
            & in_force(events.recorded_at[rows], events.superseded_at[rows], as_of)
            # Strict on both clocks: the moment itself is not yet past.
            & (events.occurred_at[rows] < as_of)
        )

    def matching(self, selector: Selector) -> Mask:
        """Return which events a selector takes in, whatever their time."""
        events = self.history.events
        met = np.ones(self.rows.stop - self.rows.start, dtype=np.bool_)
        for name in CODED_COLUMNS:
            column = getattr(events, name)
            wanted = _condition(selector, name)
            if wanted is not None:
                # The last place is that of an empty cell, code -1, which meets no condition.
                allowed = np.array([*(wanted(value) for value in column.values), False])
                met &= allowed[column.codes[self.rows]]
        via = events.via
        if via.values or selector.via:
            linked = np.array([*(name in selector.via for name in via.values), not selector.via])
            met &= linked[via.codes[self.rows]]
        value = events.value[self.rows]
        if selector.value_min is not None:
            # An unknown value compares false and so lies within no limits, as in the engine.
            met &= value >= selector.value_min
        if selector.value_max is not None:
            met &= value <= selector.value_max
        return met


def _condition(selector: Selector, name: str) -> Callable[[str], bool] | None:
    """Return the test that a selector puts to a column's values, ``None`` for no test."""
    if name != "detail":
        wanted: tuple[str, ...] = getattr(selector, name)
        return wanted.__contains__ if wanted else None
    listed, prefix = selector.detail_in, selector.detail_prefix
    if not listed and not prefix:
        return None
    return lambda value: value in listed or bool(prefix and value.startswith(prefix))


def records_behind(
    history: History,
    catalogue: Catalogue,
    case: int,
    as_of_us: int,
    indicator: str,
    rules: ReadingRules = CURRENT_RULES,
) -> tuple[str, ...]:
    """Return the keys of the records that made an indicator's value, in time order.

    Parameters
    ----------
    history, catalogue
        What is measured and how.
    case
        Number of the case in the history.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    indicator
        Name of an indicator.
    rules
        How records are read: as where the value was measured.

    Returns
    -------
    tuple of str
        Event identifiers, or the fact's. Empty where there is nothing on record.

    Raises
    ------
    KeyError
        If the catalogue has no such indicator.
    """
    for entry in catalogue.indicators:
        if entry.name == indicator:
            return records_of(history, catalogue, case, as_of_us, entry.expression, rules)
    raise KeyError("the catalogue has no such indicator")


def records_of(
    history: History,
    catalogue: Catalogue,
    case: int,
    as_of_us: int,
    expression: Expression,
    rules: ReadingRules = CURRENT_RULES,
) -> tuple[str, ...]:
    """Return the keys of the records that made an expression's value, in time order.

    Parameters
    ----------
    history, catalogue
        Case histories, and what is measured of them.
    case
        Number of the case in the history.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    expression
        What is measured.
    rules
        How records are read: as where the value was measured.

    Returns
    -------
    tuple of str
        Event identifiers, or the fact's; empty where there is nothing on record.
    """
    return records_at(CaseMoment(history, catalogue, case, as_of_us, rules), expression)


def records_at(moment: CaseMoment, expression: Expression) -> tuple[str, ...]:
    """Return what :func:`records_of` does, for those who ask of one moment several times.

    Parameters
    ----------
    moment
        The case as known at a moment.
    expression
        What is measured.

    Returns
    -------
    tuple of str
        Event identifiers, or the fact's, in time order; empty where there is nothing on record.
    """
    if expression.measure is Measure.LAST_FACT:
        return _fact_behind(moment, str(expression.fact))
    behind = _events_behind(moment, expression)
    return tuple(str(key) for key in moment.history.events.event_id[moment.rows][behind])


def _events_behind(moment: CaseMoment, expression: Expression) -> Int64:
    if expression.measure is Measure.DAYS_IN_STATE:
        return _state_edges(moment, expression)
    found = _incidents_behind(moment, expression)
    if expression.while_state is None:
        return found
    return np.union1d(found, _starts_behind(moment, expression.while_state, found))


def _incidents_behind(moment: CaseMoment, expression: Expression) -> Int64:
    measure = expression.measure
    start = _window_start(moment, expression)
    at = moment.history.events.occurred_at[moment.rows]
    kept = moment.usable()
    if expression.while_state is not None:
        kept &= _active(moment, expression.while_state)
    of = kept & moment.matching(expression.of or Selector())
    if measure is Measure.FIRST_USE:
        return _first_sights(moment, expression, np.flatnonzero(of), start)
    if measure is Measure.RATE_RATIO and start != _ABSENT:
        earlier = moment.as_of_us - (expression.within_us or 0) - (expression.against_us or 0)
        start = max(earlier, _since(moment, expression))
    window = at >= start
    found = np.flatnonzero(of & window)
    if measure is Measure.DAYS_SINCE_LAST:
        return found[-1:]
    if measure is Measure.DAYS_SINCE_FIRST:
        return found[:1]
    if measure is Measure.MAX:
        return _largest(moment, found)
    if measure is Measure.DISTINCT:
        codes = getattr(moment.history.events, str(expression.field)).codes[moment.rows]
        return np.asarray(found[codes[found] != MISSING])
    if measure is Measure.DISAGREEMENT:
        return _with_several_views(moment, found)
    if measure is Measure.SHARE:
        among = kept & window & moment.matching(expression.among or Selector())
        return np.flatnonzero(among | (of & window & _same_incident(moment, among)))
    if measure is Measure.TIME_BETWEEN:
        second = np.flatnonzero(kept & window & moment.matching(expression.among or Selector()))
        return _pair(at, found, second)
    return found


def _window_start(moment: CaseMoment, expression: Expression) -> int:
    start = _ABSENT if expression.within_us is None else moment.as_of_us - expression.within_us
    return max(start, _since(moment, expression))


def _since(moment: CaseMoment, expression: Expression) -> int:
    found = _latest_since(moment, expression)
    at = moment.history.events.occurred_at[moment.rows]
    return int(at[found[0]]) if len(found) else int(_ABSENT)


def _latest_since(moment: CaseMoment, expression: Expression) -> Int64:
    """Return the row from which the window counts, none where there is no such event."""
    if expression.since is None:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(moment.usable() & moment.matching(expression.since))[-1:]


def _first_sights(moment: CaseMoment, expression: Expression, found: Int64, start: int) -> Int64:
    events = moment.history.events
    codes = getattr(events, str(expression.field)).codes[moment.rows][found]
    distinct, first = np.unique(codes, return_index=True)
    first = np.sort(first[distinct != MISSING])
    at = events.occurred_at[moment.rows][found[first]]
    return np.asarray(found[first][at >= start])


def _largest(moment: CaseMoment, found: Int64) -> Int64:
    value = moment.history.events.value[moment.rows][found]
    # Where none states a value, the missing one rests on all of them.
    if not len(found) or np.isnan(value).all():
        return found
    return np.asarray(found[value == np.nanmax(value)])


def _with_several_views(moment: CaseMoment, found: Int64) -> Int64:
    """Return the events of incidents that are recorded from more than one view."""
    incident = moment.history.events.incident[moment.rows][found]
    view = moment.history.events.view.codes[moment.rows][found]
    pairs = np.unique(np.stack([incident, view]), axis=1)[0] if len(found) else incident
    name, count = np.unique(pairs, return_counts=True)
    several = name[(count > 1) & (name != MISSING)]
    return np.asarray(found[np.isin(incident, several)])


def _same_incident(moment: CaseMoment, among: Mask) -> Mask:
    incident = moment.history.events.incident[moment.rows]
    return np.asarray((incident != MISSING) & np.isin(incident, incident[among]))


def _pair(at: Int64, first: Int64, second: Int64) -> Int64:
    if not len(first):
        return first
    later = second[(at[second] >= at[first[0]]) & (second != first[0])]
    return np.sort(np.concatenate([first[:1], later[:1]])) if len(later) else first[:0]


def _fact_behind(moment: CaseMoment, name: str) -> tuple[str, ...]:
    answer = last_answer(moment, name)
    return () if answer is None else (answer.fact_id,)


@dataclass(frozen=True)
class LastAnswer:
    """The answer to a question that holds at a moment.

    Parameters
    ----------
    fact_id
        Key of its record.
    asked
        Whether the question was put.
    value
        The answer as recorded; empty where it was not answered.
    recorded_at_us
        When it came to be known, microseconds UTC.
    """

    fact_id: str
    asked: bool
    value: str
    recorded_at_us: int


def last_answer(moment: CaseMoment, name: str) -> LastAnswer | None:
    """Return the answer to a question that holds for a case at a moment.

    Parameters
    ----------
    moment
        The case as known at a moment.
    name
        The fact's name.

    Returns
    -------
    LastAnswer or None
        The last in force; ``None`` where there is no record of the question.
    """
    facts, rows = moment.history.facts, moment.history.facts_of(moment.case)
    if name not in facts.name.values:
        return None
    found = np.flatnonzero(
        (facts.name.codes[rows] == facts.name.values.index(name))
        & in_force(facts.recorded_at[rows], facts.superseded_at[rows], moment.as_of_us)
    )
    if not len(found):
        return None
    # Of several answers in force the last one holds.
    row = rows.start + int(found[-1])
    code = int(facts.value.codes[row])
    return LastAnswer(
        fact_id=facts.fact_id[row],
        asked=bool(facts.asked[row]),
        value="" if code == MISSING else facts.value.values[code],
        recorded_at_us=int(facts.recorded_at[row]),
    )


@dataclass(frozen=True)
class Interval:
    """A time during which a state was active, ``[start_us, end_us)``, and the events that bound it
    (the end is ``None`` while no end is on record).
    """

    start_us: int
    end_us: int
    first: int
    last: int | None


def state_intervals(moment: CaseMoment, state: str) -> tuple[Interval, ...]:
    """Return the intervals of a state as known at the moment, one per start (design section 4).

    Each start runs to the next end of the same detail, or to one of another that can end only it
    (:func:`features.evidence.state_ends.match_ends`). Of ends at the very moment of a start, one
    closes it only if nothing was open before. Intervals may overlap; a state is their union.
    """
    edges = _state_records(moment, state)
    ended = match_ends(edges, moment.rules).detail
    at = moment.history.events.occurred_at[moment.rows]
    found: list[Interval] = []
    for detail in sorted({edge.detail for edge in edges if edge.starts}):
        opened = [edge.row for edge in edges if edge.starts and edge.detail == detail]
        closed = [row for row, own in ended.items() if own == detail]
        found += _match_ends(opened, closed, at, moment.as_of_us)
    return tuple(sorted(found, key=lambda interval: (interval.start_us, interval.first)))


def _state_records(moment: CaseMoment, state: str) -> list[StateEdge]:
    """Return the records that start or end a state, as known at the moment, earliest first."""
    events = moment.history.events
    usable = moment.usable() & (events.via.codes[moment.rows] == MISSING)
    starts, ends = (moment.catalogue.state_edges[edge] for edge in ("starts", "ends"))
    touches = [state in (starts.get(kind), ends.get(kind)) for kind in events.kind.values]
    kinds, details = events.kind.codes[moment.rows], events.detail.codes[moment.rows]
    at = events.occurred_at[moment.rows]
    return [
        StateEdge(
            row=int(row),
            at_us=int(at[row]),
            detail=int(details[row]),
            starts=starts.get(events.kind.values[kinds[row]]) == state,
        )
        for row in np.flatnonzero(usable & np.array([*touches, False])[kinds])
    ]


def _match_ends(opened: list[int], closed: list[int], at: Int64, as_of_us: int) -> list[Interval]:
    intervals: list[Interval] = []
    for start in opened:
        was_open = any(interval.start_us < at[start] <= interval.end_us for interval in intervals)
        after = [end for end in closed if at[end] > at[start]]
        # As the pass has it: an end of the same moment closes what had been open, else this start.
        if not was_open and any(at[end] == at[start] for end in closed):
            continue
        last = after[0] if after else None
        end_us = as_of_us if last is None else int(at[last])
        intervals.append(Interval(int(at[start]), end_us, start, last))
    return intervals


def _active(moment: CaseMoment, state: str) -> Mask:
    at = moment.history.events.occurred_at[moment.rows]
    active = np.zeros(len(at), dtype=np.bool_)
    for interval in state_intervals(moment, state):
        active |= (at >= interval.start_us) & (at < interval.end_us)
    return active


def _starts_behind(moment: CaseMoment, state: str, found: Int64) -> Int64:
    """Return the starts of the state without which the found events would not count."""
    at = moment.history.events.occurred_at[moment.rows]
    starts = set()
    for row in found:
        over = [i for i in state_intervals(moment, state) if i.start_us <= at[row] < i.end_us]
        starts.add(over[0].first)
    return np.array(sorted(starts), dtype=np.int64)


def _state_edges(moment: CaseMoment, expression: Expression) -> Int64:
    start = _window_start(moment, expression)
    rows = {
        edge
        for interval in state_intervals(moment, str(expression.state))
        if interval.end_us > start
        for edge in (interval.first, interval.last)
        if edge is not None
    }
    if rows:
        rows |= set(_latest_since(moment, expression).tolist())
    return np.array(sorted(rows), dtype=np.int64)
