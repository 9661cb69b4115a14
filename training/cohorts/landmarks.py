"""Cases at moments: what a model learns from, is tested on and is reported for.

Cohorts are taken at calendar dates, or at index events as a unit meets its cases. Groups of cases
are made from what was recorded of the subject, never from what the unit decided.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import DAY_US, Catalogue, CohortRule, Selector
from features.contract.arrays import MISSING, Float64, Int64
from features.contract.tables import RESERVED_KINDS
from features.engine.measurement import Queries, compile_expressions, compile_plan, measure_queries
from features.engine.plan import NamedExpression, Plan
from features.errors import ConfigError
from features.history.columns import CODED_COLUMNS, Events, History
from features.history.in_force import in_force
from models.ranking.order import cohort_cases
from training.cohorts.history_subsets import keep_lifecycle

Bools = npt.NDArray[np.bool_]
NEWLY_REFERRED: Final = "newly_referred"
RETURNED: Final = "returned"
WAITING: Final = "waiting"
GROUPS: Final = (NEWLY_REFERRED, RETURNED, WAITING)
RECENT_DAYS: Final = 28
"""Headline figures are for cases first seen in the last 28 days (design section 8)."""
UNIT_WORK: Final = "unit_work"
"""Kind of the catalogue below which the unit's own decisions stand."""
_ROWS_PER_PASS: Final = 4_000_000


@dataclass(frozen=True)
class Landmarks:
    """Cases at moments, sorted by ``(as_of_us, case)``; all of shape ``(n,)``.

    Parameters
    ----------
    case
        Number of the case in the history.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    """

    case: Int64
    as_of_us: Int64

    def __len__(self) -> int:
        return len(self.case)

    def take(self, rows: Bools | Int64) -> "Landmarks":
        """Return some rows, in the order of this one where a mask is given."""
        return Landmarks(self.case[rows], self.as_of_us[rows])


def take_at_dates(history: History, catalogue: Catalogue, dates_us: Sequence[int]) -> Landmarks:
    """Return the catalogue's cohort of cases open at each date; a date named twice counts once."""
    dates = sorted(set(dates_us))
    source = keep_lifecycle(history) if catalogue.cohort.expression is None else history
    taken = [cohort_cases(source, catalogue, date) for date in dates]
    case = np.concatenate([np.empty(0, dtype=np.int64), *taken])
    sizes = [len(some) for some in taken]
    return Landmarks(case, np.repeat(np.array(dates, dtype=np.int64), sizes))


def take_at_events(
    history: History, catalogue: Catalogue, from_us: int, until_us: int
) -> Landmarks:
    """Return one row per index event that came to be known in ``[from_us, until_us)``.

    An index event comes to be known once it is both recorded and past. Both clocks are strict, so
    its row's moment is the first microsecond after that: indicators see the event itself, and
    nothing that came to be known later. A record that was corrected afterwards still makes its row,
    since it was in force then; the correction of an index event is not another one. Two index
    events of a case that came to be known at one moment are one row. Whether the case is open does
    not matter: the event is why somebody looks.

    Parameters
    ----------
    history, catalogue
        Case histories, and the catalogue whose ``cohort.at`` says which events are meant.
    from_us, until_us
        Limits of the moment at which the event came to be known, microseconds UTC.

    Raises
    ------
    ConfigError
        If the catalogue states no index events.
    """
    if catalogue.cohort.at is None:
        raise ConfigError(
            "the catalogue takes its cohort at dates; add 'at' to its cohort to take it at events"
        )
    events = history.events
    chosen = np.flatnonzero(match_events(history, catalogue.cohort.at) & events.measured)
    case = np.searchsorted(events.pointer, chosen, side="right") - 1
    known_at = np.maximum(events.recorded_at[chosen], events.occurred_at[chosen])
    in_time = (known_at >= from_us) & (known_at < until_us)
    in_time &= (events.superseded_at[chosen] > known_at) & (
        history.case_recorded_at[case] <= known_at
    )
    is_news = in_time & ~np.isin(chosen, _find_corrections(events, chosen, case))
    # One microsecond later: only what is known before a moment counts at it.
    rows = np.unique(np.column_stack([known_at[is_news] + 1, case[is_news]]), axis=0)
    found = Landmarks(rows[:, 1].astype(np.int64), rows[:, 0].astype(np.int64))
    return _meeting(history, catalogue, found)


def _find_corrections(events: Events, rows: Int64, case: Int64) -> Int64:
    """Return the records that took the place of some events, whose cases are given."""
    following = events.superseded_by[rows]
    is_replaced = following != MISSING
    return np.asarray(events.pointer[case[is_replaced]] + following[is_replaced])


def _meeting(history: History, catalogue: Catalogue, landmarks: Landmarks) -> Landmarks:
    """Keep the rows that the cohort's expression takes in as well."""
    cohort: CohortRule = catalogue.cohort
    if cohort.expression is None or not len(landmarks):
        return landmarks
    plan = compile_expressions(catalogue, [NamedExpression(("cohort",), cohort.expression)])
    value = _measure(history, plan, landmarks)[:, 0]
    return landmarks.take(value >= cohort.at_least)


def measure_landmarks(history: History, catalogue: Catalogue, landmarks: Landmarks) -> Float64:
    """Return the catalogue's indicators at the rows' own moments, shape ``(n, n_columns)``."""
    return _measure(history, compile_plan(catalogue), landmarks)


def _measure(history: History, plan: Plan, landmarks: Landmarks) -> Float64:
    moment = landmarks.as_of_us
    return measure_queries(history, plan, Queries(landmarks.case, moment, moment, moment))


def match_events(history: History, selector: Selector) -> Bools:
    """Return which events a selector takes in whatever their time, shape ``(n_events,)``.

    Only events of the case itself, not of linked ones.
    """
    events = history.events
    met = events.via.codes == MISSING
    for name in CODED_COLUMNS:
        column = getattr(events, name)
        wanted = selector.detail_in if name == "detail" else getattr(selector, name)
        prefixes = selector.detail_prefix if name == "detail" else ()
        if wanted or prefixes:
            allowed = [value in wanted or value.startswith(prefixes) for value in column.values]
            met &= np.array([*allowed, False])[column.codes]
    if selector.value_min is not None:
        met &= events.value >= selector.value_min
    if selector.value_max is not None:
        met &= events.value <= selector.value_max
    return np.asarray(met)


def first_seen_days(history: History, landmarks: Landmarks) -> Float64:
    """Return the days since the unit came to know of each row's case, shape ``(n,)``."""
    since_us = landmarks.as_of_us - history.case_recorded_at[landmarks.case]
    return np.asarray(since_us / DAY_US)


def group_cases(
    history: History, catalogue: Catalogue, landmarks: Landmarks
) -> npt.NDArray[np.str_]:
    """Return each row's group, shape ``(n,)``; headline figures come in the order of ``GROUPS``.

    ``newly_referred``: first seen in the 28 days before the moment. ``returned``: first seen
    earlier, and a record of an event of the case was made in those 28 days. ``waiting``: the rest.
    Opening, closing and the unit's own work make no group, nor do answers, which the unit asks for.
    """
    age_us = landmarks.as_of_us - history.case_recorded_at[landmarks.case]
    is_new = age_us <= RECENT_DAYS * DAY_US
    has_record = np.zeros(len(landmarks), dtype=np.bool_)
    for part in _slice_rows(history, landmarks):
        has_record[part] = _has_new_record(history, catalogue, landmarks.take(part))
    return np.where(is_new, NEWLY_REFERRED, np.where(has_record, RETURNED, WAITING))


def _slice_rows(history: History, landmarks: Landmarks) -> Iterator[Int64]:
    """Yield row numbers such that the events of each part fit in memory at once."""
    sizes = np.diff(history.events.pointer)[landmarks.case]
    part = np.cumsum(sizes) // _ROWS_PER_PASS
    for number in np.unique(part):
        yield np.flatnonzero(part == number)


def _has_new_record(history: History, catalogue: Catalogue, landmarks: Landmarks) -> Bools:
    events = history.events
    start = events.pointer[landmarks.case]
    sizes = events.pointer[landmarks.case + 1] - start
    row = np.repeat(np.arange(len(landmarks)), sizes)
    event = np.arange(sizes.sum()) + np.repeat(start - (np.cumsum(sizes) - sizes), sizes)
    as_of = landmarks.as_of_us[row]
    recorded = events.recorded_at[event]
    counts = (
        (_of_the_subject(history, catalogue) & events.measured)[event]
        & (recorded >= as_of - RECENT_DAYS * DAY_US)
        & in_force(recorded, events.superseded_at[event], as_of)
        & (events.occurred_at[event] < as_of)
    )
    return np.bincount(row[counts], minlength=len(landmarks)) > 0


def _of_the_subject(history: History, catalogue: Catalogue) -> Bools:
    """Return which events are neither the contract's own kinds nor the unit's work."""
    events = history.events
    barred = {*RESERVED_KINDS, *work_kinds(catalogue)}
    kinds = np.array([*(kind not in barred for kind in events.kind.values), False])
    return np.asarray(kinds[events.kind.codes] & (events.via.codes == MISSING))


def work_kinds(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the kinds of the unit's own work: ``unit_work`` and all kinds below it."""
    found: list[str] = []
    for kind in catalogue.kinds.values():
        if kind.name == UNIT_WORK or kind.parent in found:
            found.append(kind.name)
    return tuple(found)
