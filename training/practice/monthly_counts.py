"""Records made month by month, beside what the open cases of those months would have made.

The number of records grows with the number of cases, and a case is written about most when it is
young. What is left beside both is how recording or conduct changed.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numba import njit

from features.catalogue.declarations import DAY_US, Catalogue
from features.contract.arrays import MISSING, Float64, Int64
from features.contract.moments import to_datetime
from features.contract.tables import RESERVED_KINDS
from features.history.columns import History
from features.history.open_cases import open_cases
from training.cohorts.history_subsets import keep_lifecycle
from training.cohorts.landmarks import work_kinds
from training.compilation import compiled

ALL_RECORDS: Final = "all records"
AGE_BANDS_DAYS: Final = (0, 28, 91, 365)
"""Lower limits of the ages of cases between which numbers of records differ most: what is written
at referral, while a case is fresh, in its first year, and later."""
MOST_MONTHS: Final = 120
"""Months looked back over unless told otherwise: a drift over decades is no simple curve."""
_N_ROUNDS: Final = 50
"""Rounds of proportional fitting; for four ages it settles within a few."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LIMITS_US: Final = np.array(AGE_BANDS_DAYS, dtype=np.int64) * DAY_US


@dataclass(frozen=True)
class MonthlyRecords:
    """What one family's records were, month by month.

    Parameters
    ----------
    start_us
        Shape ``(n_months + 1,)``: starts of the months and the end of the last.
    records
        Records made in each month.
    expected
        Those that the open cases of the month would have made, each age at its rate, had all months
        been alike; growth of referrals raises both.
    """

    start_us: Int64
    records: Float64
    expected: Float64


def count_records(
    history: History, catalogue: Catalogue, *, until_us: int, from_us: int | None = None
) -> dict[str, MonthlyRecords]:
    """Count each family's records by month, beside what open cases of those ages make on average.

    Months are whole calendar months in the history's zone, from the first after the first case was
    recorded. A record counts in the month in which it was made.

    Parameters
    ----------
    history, catalogue
        Case histories and their tree of kinds.
    until_us, from_us
        As :func:`training.practice.breaks.find_breaks` takes them.
    """
    starts = _month_starts(history, until_us)
    starts = starts[-MOST_MONTHS - 1 :] if from_us is None else starts[starts >= from_us]
    if len(starts) < 2:  # noqa: PLR2004 - one start is no month
        return {}
    open_by_age = _count_open(history, starts)
    made = _count_made(history, starts)
    place = {kind: number for number, kind in enumerate(history.events.kind.values)}
    found = {}
    for name, kinds in _families(history, catalogue).items():
        by_age = made[[place[kind] for kind in kinds]].sum(axis=0)
        found[name] = MonthlyRecords(
            starts, by_age.sum(axis=1), expect_records(by_age, open_by_age)
        )
    return found


def expect_records(records: Float64, at_risk: Float64) -> Float64:
    """Return each month's expected records, shape ``(n_months,)``, summing to those on record.

    Rates are a product of an age's and a month's, fitted by turns (Poisson likelihood), so that
    ages that came up only late are not held for a change of practice, nor a change for an age.

    Parameters
    ----------
    records, at_risk
        Records made and cases open by month and age of the case, shape ``(n_months, n_ages)``.
    """
    rate = np.ones(at_risk.shape[1])
    for _ in range(_N_ROUNDS):
        level = _divide(records.sum(axis=1), at_risk @ rate)
        rate = _divide(records.sum(axis=0), level @ at_risk)
    expected = at_risk @ rate
    return np.asarray(expected * records.sum() / max(float(expected.sum()), 1e-12))


def _divide(part: Float64, whole: Float64) -> Float64:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _month_starts(history: History, until_us: int) -> Int64:
    """Return the starts of all whole months, and the end of the last; empty where there is none."""
    if not len(history):
        return np.empty(0, dtype=np.int64)
    zone = ZoneInfo(history.time_zone)
    last_us = min(until_us, history.extract_at)
    first = to_datetime(int(history.case_recorded_at.min()), history.time_zone)
    year, month = first.year, first.month
    starts: list[int] = []
    while True:
        year, month = year + month // 12, month % 12 + 1
        start = dt.datetime(year, month, 1, tzinfo=zone).astimezone(dt.UTC)
        start_us = int((start - _EPOCH) / dt.timedelta(microseconds=1))
        if start_us > last_us:
            return np.array(starts, dtype=np.int64)
        starts.append(start_us)


def _count_open(history: History, starts: Int64) -> Float64:
    """Return the cases open in the middle of each month by age, ``(n_months, n_bands)``."""
    counts = np.zeros((len(starts) - 1, len(AGE_BANDS_DAYS)))
    brief = keep_lifecycle(history)
    for month, middle in enumerate(((starts[1:] + starts[:-1]) // 2).tolist()):
        cases = open_cases(brief, middle)
        band = _age_band(middle - history.case_recorded_at[cases])
        counts[month] = np.bincount(band, minlength=len(AGE_BANDS_DAYS))
    return counts


def _families(history: History, catalogue: Catalogue) -> dict[str, list[str]]:
    """Return the recorded kinds of each family: tops and branches of the tree, and all together."""
    barred = {*RESERVED_KINDS, *work_kinds(catalogue)}
    parents = {kind.parent for kind in catalogue.kinds.values()}
    families: dict[str, list[str]] = {ALL_RECORDS: []}
    for kind in history.events.kind.values:
        if kind in barred or kind not in catalogue.kinds:
            continue
        families[ALL_RECORDS].append(kind)
        at: str | None = kind
        while at is not None:
            parent = catalogue.kinds[at].parent
            if parent is None or at in parents:
                families.setdefault(at, []).append(kind)
            at = parent
    return families


def _count_made(history: History, starts: Int64) -> Float64:
    """Return the records made by kind, month and age of their case, ``(n_kinds, n_months,
    n_bands)``.

    A record from before the unit knew of the case is another agency's practice and is left out.
    """
    events = history.events
    shape = (len(events.kind.values), len(starts) - 1, len(AGE_BANDS_DAYS))
    found = np.zeros(shape, dtype=np.int64)
    own = events.via.codes == MISSING
    compiled(count_by_kind)(
        events.pointer,
        events.kind.codes,
        own,
        events.recorded_at,
        history.case_recorded_at,
        starts,
        _LIMITS_US,
        found,
    )
    return found.astype(np.float64)


@njit(nogil=True)
def count_by_kind(
    pointer: Any,
    kind: Any,
    own: Any,
    recorded_at: Any,
    case_recorded_at: Any,
    starts: Any,
    limits: Any,
    found: Any,
) -> None:
    """Count each case's own records by kind, month and age band."""
    for case in range(len(pointer) - 1):
        for event in range(pointer[case], pointer[case + 1]):
            made = recorded_at[event]
            age = made - case_recorded_at[case]
            if kind[event] < 0 or not own[event] or age < limits[0]:
                continue
            if made < starts[0] or made >= starts[-1]:
                continue
            month = np.searchsorted(starts, made, side="right") - 1
            band = len(limits) - 1
            while age < limits[band]:
                band -= 1
            found[kind[event], month, band] += 1


def _age_band(age_us: Int64) -> Int64:
    return np.asarray(np.searchsorted(_LIMITS_US, age_us, side="right") - 1, dtype=np.int64)
