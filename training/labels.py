"""Outcomes as labels: future events, known late, sometimes never knowable (design section 4)."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from features.catalogue import (
    DAY_US,
    Catalogue,
    Expression,
    Horizon,
    Measure,
    Outcome,
    Selector,
)
from features.engine import Queries, measure_queries
from features.history import Float64, History, Int64
from features.plan import NamedExpression, compile_expressions

Bools = npt.NDArray[np.bool_]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Labels:
    """One outcome of each case, over ``[as_of, as_of + horizon)``.

    Parameters
    ----------
    y_true
        Shape ``(n_cases,)``: the outcome was recorded.
    known
        Whether the headline counts the case; a case that is not known is never a negative.
    y_followed, followed
        The same with every case left out whose follow-up ended before the horizon without the
        outcome; equal to the headline unless the outcome counts departures as negatives.
    """

    y_true: Bools
    known: Bools
    y_followed: Bools
    followed: Bools


def horizon_end(as_of_us: int, horizon: Horizon, time_zone: str) -> int:
    """Return the end of a horizon, microseconds UTC, exclusive.

    Days are of 24 hours; months are of the calendar in ``time_zone``, a day that the month lacks
    becoming its last.
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


def label_cases(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    as_of_us: int,
    cases: Int64,
    *,
    known_us: int,
) -> Labels:
    """Label cases from what was recorded before ``known_us``.

    Parameters
    ----------
    history, catalogue, outcome
        What is labelled.
    as_of_us
        Start of the window, inclusive.
    cases
        Numbers of the cases.
    known_us
        Only records in force by what was recorded strictly before it are used: the moment a model
        would first be used, or the extract for evaluation.
    """
    end_us = horizon_end(as_of_us, outcome.horizon, history.time_zone)
    seen_until = np.full(len(cases), min(end_us, history.extract_at), dtype=np.int64)
    left_at = _follow_up_end(history, catalogue, outcome, as_of_us, end_us, cases, known_us)
    followed_until = np.minimum(seen_until, left_at)
    y_followed = _happened(
        history, catalogue, outcome, as_of_us, end_us, cases, followed_until, known_us
    )
    followed = y_followed | (followed_until >= end_us)
    if not outcome.departures_are_negative:
        return Labels(y_followed, followed, y_followed, followed)
    y_true = _happened(history, catalogue, outcome, as_of_us, end_us, cases, seen_until, known_us)
    return Labels(y_true, y_true | (seen_until >= end_us), y_followed, followed)


def _happened(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    as_of_us: int,
    end_us: int,
    cases: Int64,
    until_us: Int64,
    known_us: int,
) -> Bools:
    counted = Expression(Measure.COUNT, of=outcome.of, within_us=end_us - as_of_us)
    count = _measure(history, catalogue, counted, end_us, cases, until_us, known_us)
    return np.asarray(count >= outcome.at_least)


def _follow_up_end(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    as_of_us: int,
    end_us: int,
    cases: Int64,
    known_us: int,
) -> Int64:
    never = np.full(len(cases), np.iinfo(np.int64).max)
    if not outcome.follow_up_ends:
        return never
    ends = Selector(kind=outcome.follow_up_ends, actor=())
    first = Expression(Measure.DAYS_SINCE_FIRST, of=ends, within_us=end_us - as_of_us)
    until = np.full(len(cases), end_us, dtype=np.int64)
    days = _measure(history, catalogue, first, end_us, cases, until, known_us)
    before_end_us = np.rint(np.nan_to_num(days) * DAY_US).astype(np.int64)
    return np.where(np.isnan(days), never, end_us - before_end_us)


def _measure(
    history: History,
    catalogue: Catalogue,
    expression: Expression,
    anchor_us: int,
    cases: Int64,
    cut_us: Int64,
    known_us: int,
) -> Float64:
    plan = compile_expressions(catalogue, [NamedExpression(("label",), expression)])
    size = len(cases)
    queries = Queries(
        case=cases,
        anchor_us=np.full(size, anchor_us, dtype=np.int64),
        cut_us=cut_us,
        known_us=np.full(size, known_us, dtype=np.int64),
    )
    return measure_queries(history, plan, queries)[:, 0]
