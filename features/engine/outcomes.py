"""Outcomes as labels: future events, known late, sometimes never knowable (design section 4).

What is labelled is the recorded outcome under past practice. Beside it are the estimands of
design section 8: the outcome before the unit takes a case on, the outcome while at liberty, and
bounds for what withdrawn support may hide.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import (
    DAY_US,
    Catalogue,
    Estimand,
    Expression,
    Horizon,
    Measure,
    Outcome,
    Selector,
)
from features.contract.arrays import NEVER, Float64, Int64
from features.engine.binding import bind
from features.engine.measurement import Queries, measure_queries
from features.engine.plan import NamedExpression, compile_expressions
from features.history.columns import History

Bools = npt.NDArray[np.bool_]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class LandmarkTimes(Protocol):
    """Cases at moments, in any order; both of shape ``(n,)``."""

    @property
    def case(self) -> Int64:
        """Number of the case in the history."""

    @property
    def as_of_us(self) -> Int64:
        """Start of the row's window, microseconds UTC, inclusive."""


@dataclass(frozen=True)
class _OneMoment:
    """Some cases at the same moment."""

    case: Int64
    as_of_us: Int64


@dataclass(frozen=True)
class Labels:
    """One outcome of each row, over ``[as_of, as_of + horizon)``; all of shape ``(n,)``.

    Parameters
    ----------
    y_true
        The outcome was recorded.
    known
        Whether the headline counts the row; a row that is not known is never a negative.
    y_followed, followed
        The same with every row left out whose follow-up ended before the horizon without the
        outcome; equal to the headline unless the outcome counts departures as negatives.
    end_us
        End of the horizon, microseconds UTC, exclusive.
    seen_until_us
        How far records could show anything: the earliest of the horizon's end, the extract and the
        moment the label is read.
    left_us
        First event in the window after which nothing more could be recorded; ``NEVER`` for none.
    reached_us
        Moment in the window at which the outcome was reached, whether or not the case had left;
        ``NEVER`` where it was not. Where several incidents are needed, that of the last needed one.
    """

    y_true: Bools
    known: Bools
    y_followed: Bools
    followed: Bools
    end_us: Int64
    seen_until_us: Int64
    left_us: Int64
    reached_us: Int64


@dataclass(frozen=True)
class EstimandLabels:
    """One outcome before something intervened; all of shape ``(n,)``.

    Parameters
    ----------
    y_true
        The outcome was recorded, and nothing had intervened before it. What intervened at the same
        moment had not: an arrest on the day of an assault follows it.
    included
        Whether the row counts: not already in the state that the estimand leaves out, and followed
        until the outcome, the intervention or the horizon.
    competing
        Being taken on (or whatever intervenes), death or leaving came first.
    time_days
        Days from the moment to the first of outcome, competing event, end of knowledge, horizon.
    """

    y_true: Bools
    included: Bools
    competing: Bools
    time_days: Float64


@dataclass(frozen=True)
class WithdrawalBounds:
    """Between which limits the outcome's rate lies, as far as withdrawn support hides it.

    Parameters
    ----------
    lower
        Rate as recorded among rows whose label is known; ``None`` where there are none.
    upper
        Rate as if every row with a withdrawal in the window had had the outcome.
    n
        Rows whose label is known.
    n_withdrawn
        Those with a withdrawal in the window and without the outcome.
    """

    lower: float | None
    upper: float | None
    n: int
    n_withdrawn: int


def horizon_end(as_of_us: int, horizon: Horizon, time_zone: str) -> int:
    """Return the end of a horizon, microseconds UTC, exclusive.

    Days are of 24 hours; months are of the calendar in ``time_zone``, a day that the month lacks
    becoming its last.

    Parameters
    ----------
    as_of_us
        Start of the horizon, microseconds UTC, inclusive.
    horizon
        Its length.
    time_zone
        IANA name of the zone whose calendar months follow.

    Returns
    -------
    int
        The first microsecond UTC that is no longer in the horizon.
    """
    if not horizon.months:
        return as_of_us + horizon.days * DAY_US
    zone = ZoneInfo(time_zone)
    start = (_EPOCH + dt.timedelta(microseconds=as_of_us)).astimezone(zone)
    month = start.month - 1 + horizon.months
    year, month = start.year + month // 12, month % 12 + 1
    first_of_next = dt.date(year + month // 12, month % 12 + 1, 1)
    last_day = (first_of_next - dt.timedelta(days=1)).day
    end = start.replace(year=year, month=month, day=min(start.day, last_day))
    return int((end.astimezone(dt.UTC) - _EPOCH) / dt.timedelta(microseconds=1))


def horizon_ends(as_of_us: Int64, horizon: Horizon, time_zone: str) -> Int64:
    """Return the end of each moment's horizon, microseconds UTC, exclusive, shape ``(n,)``.

    Parameters
    ----------
    as_of_us
        Starts, shape ``(n,)``, microseconds UTC, inclusive.
    horizon, time_zone
        As :func:`horizon_end` takes them.

    Returns
    -------
    Int64
        Shape ``(n,)``.
    """
    moments, place = np.unique(as_of_us, return_inverse=True)
    ends = [horizon_end(moment, horizon, time_zone) for moment in moments.tolist()]
    return np.array(ends, dtype=np.int64)[place]


def label_cases(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    as_of_us: int,
    cases: Int64,
    *,
    known_us: int,
) -> Labels:
    """Label cases at one moment; see :func:`label_landmarks`.

    Parameters
    ----------
    history, catalogue, outcome, known_us
        As :func:`label_landmarks` takes them.
    as_of_us
        Start of every window, microseconds UTC, inclusive.
    cases
        Numbers of the cases, shape ``(n,)``.

    Returns
    -------
    Labels
        One row for each case, in the order given.
    """
    moments = np.full(len(cases), as_of_us, dtype=np.int64)
    return label_landmarks(
        history, catalogue, outcome, _OneMoment(cases, moments), known_us=known_us
    )


def label_landmarks(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    landmarks: LandmarkTimes,
    *,
    known_us: int,
) -> Labels:
    """Label rows at their own moments from what was recorded before ``known_us``.

    Parameters
    ----------
    history, catalogue, outcome
        What is labelled.
    landmarks
        Cases and the starts of their windows, inclusive, in any order.
    known_us
        Only records in force by what was recorded strictly before it are used: the moment a model
        would first be used, or the extract for evaluation. A window that ends later is not known
        to its end.

    Returns
    -------
    Labels
        One row for each landmark, in the order given.
    """
    window = _Window(history, catalogue, outcome.horizon, landmarks, known_us)
    seen_until = np.minimum(window.end_us, min(history.extract_at, known_us))
    left = window.first(Selector(kind=outcome.follow_up_ends, actor=()))
    reached = window.reach(outcome.of, outcome.at_least)
    followed_until = np.minimum(seen_until, left)
    # Strict: what happened at the moment of leaving counts no more, as at the window's end.
    y_followed = reached < followed_until
    followed = y_followed | (followed_until >= window.end_us)
    y_true, known = y_followed, followed
    if outcome.departures_are_negative:
        y_true = reached < seen_until
        known = y_true | (seen_until >= window.end_us)
    return Labels(y_true, known, y_followed, followed, window.end_us, seen_until, left, reached)


def label_estimands(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    landmarks: LandmarkTimes,
    known_us: int,
) -> Mapping[str, EstimandLabels]:
    """Label rows under each of the catalogue's estimands, by name; empty where it states none.

    Parameters
    ----------
    history, catalogue, outcome, landmarks, known_us
        As :func:`label_landmarks` takes them.

    Returns
    -------
    Mapping of str to EstimandLabels
        By name of the estimand, in the catalogue's order.
    """
    if not catalogue.estimands:
        return {}
    labels = label_landmarks(history, catalogue, outcome, landmarks, known_us=known_us)
    window = _Window(history, catalogue, outcome.horizon, landmarks, known_us)
    return {one.name: _label_estimand(window, one, labels) for one in catalogue.estimands}


def _label_estimand(window: "_Window", estimand: Estimand, labels: Labels) -> EstimandLabels:
    seen, left, reached = labels.seen_until_us, labels.left_us, labels.reached_us
    intervened = window.first(estimand.until)
    y_true = (reached < np.minimum(seen, left)) & (reached <= intervened)
    first = np.minimum(intervened, left)
    competing = ~y_true & (first < seen)
    followed = y_true | competing | (seen >= labels.end_us)
    until = np.where(y_true, reached, np.where(competing, first, seen))
    return EstimandLabels(
        y_true=y_true,
        included=followed & ~window.holds(estimand.outside),
        competing=competing,
        time_days=(until - window.as_of_us) / DAY_US,
    )


def bound_withdrawals(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    landmarks: LandmarkTimes,
    known_us: int,
) -> WithdrawalBounds | None:
    """Bound an outcome's rate by what withdrawn support may hide (Manski 1990).

    Parameters
    ----------
    history, catalogue, outcome, landmarks, known_us
        As :func:`label_landmarks` takes them.

    Returns
    -------
    WithdrawalBounds or None
        ``None`` where the catalogue does not say what bounds.
    """
    if catalogue.bounded is None:
        return None
    labels = label_landmarks(history, catalogue, outcome, landmarks, known_us=known_us)
    window = _Window(history, catalogue, outcome.horizon, landmarks, known_us)
    withdrawn = window.first(catalogue.bounded.of) < labels.seen_until_us
    hidden = labels.known & withdrawn & ~labels.y_true
    n, positives = int(labels.known.sum()), int(labels.y_true[labels.known].sum())
    if not n:
        return WithdrawalBounds(None, None, 0, 0)
    n_hidden = int(hidden.sum())
    return WithdrawalBounds(positives / n, (positives + n_hidden) / n, n, n_hidden)


class _Window:
    """Windows ``[as_of, as_of + horizon)`` of rows, read by what was recorded before a moment."""

    def __init__(
        self,
        history: History,
        catalogue: Catalogue,
        horizon: Horizon,
        landmarks: LandmarkTimes,
        known_us: int,
    ) -> None:
        self.history, self.catalogue = history, catalogue
        self.case, self.as_of_us = landmarks.case, landmarks.as_of_us
        self.end_us = horizon_ends(landmarks.as_of_us, horizon, history.time_zone)
        self.known_us = known_us

    def first(self, of: Selector) -> Int64:
        """Return when the first such event of each window occurred, ``NEVER`` for none."""
        if not of.kind:
            return np.full(len(self.case), NEVER, dtype=np.int64)
        days = np.full(len(self.case), np.nan)
        for rows, length in self._by_length():
            first = Expression(Measure.DAYS_SINCE_FIRST, of=of, within_us=length)
            days[rows] = self._measuring(first)(rows, self.end_us[rows], self.end_us[rows])
        # Days since are exact to the microsecond: 53 bits hold three centuries of them.
        before_end = np.rint(np.nan_to_num(days) * DAY_US).astype(np.int64)
        return np.where(np.isnan(days), NEVER, self.end_us - before_end)

    def reach(self, of: Selector, at_least: int) -> Int64:
        """Return when the last needed incident of each window occurred, ``NEVER`` if too few did.

        The count of incidents before a moment only grows with it, so the moment is bisected.
        """
        if at_least == 1 and of.kind:
            return self.first(of)
        reached = np.full(len(self.case), NEVER, dtype=np.int64)
        for all_rows, length in self._by_length():
            count_before = self._measuring(Expression(Measure.COUNT, of=of, within_us=length))
            ends = self.end_us[all_rows]
            rows = all_rows[count_before(all_rows, ends, ends) >= at_least]
            low, high = self.as_of_us[rows], self.end_us[rows]
            while (high - low > 1).any():
                middle = low + (high - low) // 2
                is_reached = count_before(rows, self.end_us[rows], middle) >= at_least
                low = np.where(is_reached, low, middle)
                high = np.where(is_reached, middle, high)
            # A count covers what happened before its moment, so the incident is one microsecond
            # earlier.
            reached[rows] = high - 1
        return reached

    def holds(self, state: str) -> Bools:
        """Return whether a state was active just before each row's moment, as known now."""
        active = Expression(Measure.DAYS_IN_STATE, state=state, within_us=1)
        rows = np.arange(len(self.case))
        return np.asarray(self._measuring(active)(rows, self.as_of_us, self.as_of_us) > 0)

    def _by_length(self) -> list[tuple[Int64, int]]:
        """Return the rows of each length of window: months have several."""
        lengths = self.end_us - self.as_of_us
        return [(np.flatnonzero(lengths == one), int(one)) for one in np.unique(lengths)]

    def _measuring(self, expression: Expression) -> Callable[[Int64, Int64, Int64], Float64]:
        """Return a function that measures rows with windows back from ``anchor`` up to ``cut``."""
        plan = compile_expressions(self.catalogue, [NamedExpression(("label",), expression)])
        binding = bind(plan, self.history)

        def measure(rows: Int64, anchor_us: Int64, cut_us: Int64) -> Float64:
            known = np.full(len(rows), self.known_us, dtype=np.int64)
            queries = Queries(self.case[rows], anchor_us, cut_us, known)
            return measure_queries(self.history, plan, queries, binding=binding)[:, 0]

        return measure
