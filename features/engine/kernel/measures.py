"""What each measure is of the stretch of a list that lies in its window.

A stretch is ``a:b`` of list ``n``; ``first`` is the case's first event, from which lists count.
``stamp`` is a number that no other measurement of this thread has used for its marks.
"""

from typing import Final

import numpy as np

from features.contract.arrays import Int64
from features.engine.binding import EventArrays
from features.engine.kernel.gaps import add_points, collect_points, fit_slope, measure_gaps
from features.engine.kernel.layout import (
    ALWAYS,
    DAY,
    N_INTERVALS,
    N_VIEWS,
    Scratch,
    allocates_nothing,
)
from features.engine.plan import Op, OpArrays
from features.history.columns import CODED_COLUMNS

_COUNT: Final = int(Op.COUNT)
_SUM: Final = int(Op.SUM)
_MAX: Final = int(Op.MAX)
_DISTINCT: Final = int(Op.DISTINCT)
_SHARE: Final = int(Op.SHARE)
_LAST: Final = int(Op.DAYS_SINCE_LAST)
_FIRST: Final = int(Op.DAYS_SINCE_FIRST)
_SLOPE: Final = int(Op.SLOPE)
_DECAYED: Final = int(Op.DECAYED)
_FIRST_USE: Final = int(Op.FIRST_USE)
_DISAGREEMENT: Final = int(Op.DISAGREEMENT)
_VALUE_FIELD: Final = 7
_VIEW: Final = CODED_COLUMNS.index("view")
# As many as an unsigned word has bits.
_FEW_CODES: Final = 64


@allocates_nothing
def _count_incidents(
    events: EventArrays, scratch: Scratch, n: int, a: int, b: int, first: int, stamp: int
) -> int:
    """Count the distinct incidents of list ``n`` from ``a`` to ``b``."""
    count = 0
    for p in range(a, b):
        k = events.incident[first + scratch.rows[n, p]]
        if k < 0:
            count += 1
        elif scratch.incident_mark[k] != stamp:
            scratch.incident_mark[k] = stamp
            count += 1
    return count


@allocates_nothing
def _count_codes(
    events: EventArrays,
    scratch: Scratch,
    field: int,
    n: int,
    a: int,
    b: int,
    first: int,
    start: int,
    stamp: int,
) -> int:
    """Count the distinct values of a column whose first sight from ``a`` on is at ``start`` or
    later.
    """
    codes = events.coded[field]
    count = 0
    for p in range(a, b):
        r = scratch.rows[n, p]
        code = codes[first + r]
        if code >= 0 and scratch.code_mark[code] != stamp:
            scratch.code_mark[code] = stamp
            if r >= start:
                count += 1
    return count


@allocates_nothing
def _count_few_codes(
    events: EventArrays, scratch: Scratch, field: int, n: int, a: int, b: int, first: int
) -> int:
    """Count the distinct values of a column that has few: each is one bit."""
    codes = events.coded[field]
    seen = np.uint64(0)
    for p in range(a, b):
        code = codes[first + scratch.rows[n, p]]
        if code >= 0:
            seen |= np.uint64(1) << np.uint64(code)
    count = 0
    while seen:
        seen &= seen - np.uint64(1)
        count += 1
    return count


@allocates_nothing
def _add_values(scratch: Scratch, n: int, a: int, b: int) -> float:
    """Add up the values of events that each are an incident; missing where none is known."""
    total = 0.0
    known = 0
    for p in range(a, b):
        value = scratch.values[n, p]
        if not np.isnan(value):
            total += value
            known += 1
    # Incidents whose severity nobody stated do not add up to none: unknown is not zero.
    return total if known > 0 or a == b else np.nan


@allocates_nothing
def _find_largest(scratch: Scratch, n: int, a: int, b: int) -> float:
    """Return the largest value; 0 where there is no event, missing where none is known."""
    largest = np.nan
    for p in range(a, b):
        value = scratch.values[n, p]
        # Written with `not`, so that the first known value replaces the missing one.
        if not np.isnan(value) and not value <= largest:
            largest = value
    return 0.0 if a == b else largest


@allocates_nothing
def _decay(
    events: EventArrays,
    scratch: Scratch,
    n: int,
    a: int,
    b: int,
    first: int,
    anchor: int,
    half_life_us: int,
    stamp: int,
) -> float:
    """Add up one weight per incident, that of its latest moment, latest incident first: a further
    view of an incident can only make it more recent.
    """
    total = 0.0
    for p in range(b - 1, a - 1, -1):
        i = first + scratch.rows[n, p]
        k = events.incident[i]
        if k >= 0:
            if scratch.incident_mark[k] == stamp:
                continue
            scratch.incident_mark[k] = stamp
        total += 2.0 ** (-(anchor - events.occurred_at[i]) / half_life_us)
    return total


@allocates_nothing
def _share(
    events: EventArrays,
    scratch: Scratch,
    of: int,
    of_a: int,
    of_b: int,
    among: int,
    among_a: int,
    among_b: int,
    first: int,
    stamp: int,
) -> float:
    """Return which part of the incidents in ``among`` are in ``of`` too."""
    total = 0
    for p in range(among_a, among_b):
        r = scratch.rows[among, p]
        k = events.incident[first + r]
        if k < 0:
            scratch.row_mark[r] = stamp
            total += 1
        elif scratch.incident_mark[k] != stamp:
            scratch.incident_mark[k] = stamp
            total += 1
    both = 0
    for p in range(of_a, of_b):
        r = scratch.rows[of, p]
        k = events.incident[first + r]
        if k < 0:
            if scratch.row_mark[r] == stamp:
                both += 1
        elif scratch.incident_mark[k] == stamp:
            # No longer marked as waiting, so that its next record does not count it again.
            scratch.incident_mark[k] = stamp + 1
            both += 1
    return both / total if total > 0 else np.nan


@allocates_nothing
def _time_between(
    events: EventArrays,
    scratch: Scratch,
    of: int,
    of_a: int,
    of_b: int,
    among: int,
    among_a: int,
    among_b: int,
    first: int,
) -> float:
    """Return the days from the first ``of`` to the first ``and`` at or after it, another event."""
    if of_a == of_b:
        return np.nan
    r = scratch.rows[of, of_a]
    at = events.occurred_at[first + r]
    for p in range(among_a, among_b):
        later = scratch.rows[among, p]
        if later != r and events.occurred_at[first + later] >= at:
            return (events.occurred_at[first + later] - at) / DAY
    return np.nan


@allocates_nothing
def _disagree(
    events: EventArrays,
    scratch: Scratch,
    field: int,
    n: int,
    a: int,
    b: int,
    first: int,
    stamp: int,
) -> float:
    """Count incidents whose views differ; missing where none has two views.

    Bits 1, 2: two views seen, disagreement counted. Bits 4, 8, 16: the view was seen; 32, 64, 128:
    it holds a value; 256, 512, 1024: it holds several. Two views disagree if any value of one
    differs from any of the other.
    """
    with_views = 0
    disagreeing = 0
    for p in range(a, b):
        i = first + scratch.rows[n, p]
        k = events.incident[i]
        if k < 0:
            continue
        if field == _VALUE_FIELD:
            value = events.value[i]
        else:
            code = events.coded[field][i]
            value = float(code) if code >= 0 else np.nan
        view = max(events.coded[_VIEW][i], 0)
        bits = scratch.incident_bits[k] if scratch.incident_mark[k] == stamp else 0
        scratch.incident_mark[k] = stamp
        bits |= 4 << view
        seen_views = (bits >> 2) & 7
        if not bits & 1 and seen_views & (seen_views - 1):
            bits |= 1
            with_views += 1
        if not np.isnan(value):
            for other in range(N_VIEWS):
                if other == view or not bits & (32 << other) or bits & 2:
                    continue
                if bits & (256 << other) or scratch.view_value[k, other] != value:
                    bits |= 2
                    disagreeing += 1
            if not bits & (32 << view):
                bits |= 32 << view
                scratch.view_value[k, view] = value
            elif scratch.view_value[k, view] != value:
                bits |= 256 << view
        scratch.incident_bits[k] = bits
    return float(disagreeing) if with_views > 0 else np.nan


@allocates_nothing
def _days_in_state(scratch: Scratch, state: int, start: int, cut: int) -> float:
    total = 0.0
    for k in range(scratch.counters[N_INTERVALS]):
        if scratch.interval_state[k] == state and scratch.interval_from[k] < cut:
            from_us = max(scratch.interval_from[k], start)
            total += max(0, min(scratch.interval_until[k], cut) - from_us)
    return total / DAY


@allocates_nothing
def measure_state(
    events: EventArrays,
    ops: OpArrays,
    windows_us: Int64,
    scratch: Scratch,
    o: int,
    first: int,
    since: int,
    anchor: int,
    cut: int,
) -> float:
    """Return the days in a state within the window, and since the event that it counts from."""
    start_us = ALWAYS
    if ops.window[o] >= 0:
        start_us = anchor - windows_us[ops.window[o]]
    if since >= 0:
        start_us = max(start_us, events.occurred_at[first + since])
    return _days_in_state(scratch, ops.state[o], start_us, cut)


@allocates_nothing
def measure_pair(
    events: EventArrays,
    ops: OpArrays,
    scratch: Scratch,
    o: int,
    first: int,
    start: int,
    hi: int,
    stamp: int,
) -> float:
    """Measure what needs two lists."""
    n = ops.of[o]
    m = ops.among[o]
    a = scratch.before[start, n]
    b = scratch.before[hi, n]
    c = scratch.before[start, m]
    d = scratch.before[hi, m]
    if ops.measure[o] == _SHARE:
        return _share(events, scratch, n, a, b, m, c, d, first, stamp)
    return _time_between(events, scratch, n, a, b, m, c, d, first)


@allocates_nothing
def compare_rates(
    events: EventArrays,
    ops: OpArrays,
    windows_us: Int64,
    scratch: Scratch,
    o: int,
    first: int,
    start: int,
    hi: int,
    since: int,
    stamp: int,
) -> float:
    """Return the rate in the window against that in the one before, each with half an incident
    added, so that neither is zero.
    """
    n = ops.of[o]
    earlier = max(scratch.window_start[ops.earlier[o]], since)
    a = scratch.before[start, n]
    e = min(a, scratch.before[earlier, n])
    recent = _count_incidents(events, scratch, n, a, scratch.before[hi, n], first, stamp)
    past = _count_incidents(events, scratch, n, e, a, first, stamp + 1)
    rate = (recent + 0.5) / (windows_us[ops.window[o]] / DAY)
    return rate / ((past + 0.5) / (ops.parameter_us[o] / DAY))


@allocates_nothing
def measure_list(
    events: EventArrays,
    ops: OpArrays,
    scratch: Scratch,
    o: int,
    first: int,
    start: int,
    hi: int,
    anchor: int,
    shared: bool,
    stamp: int,
) -> float:
    """Measure the stretch of one list that lies in the window."""
    measure = ops.measure[o]
    n = ops.of[o]
    a = scratch.before[start, n]
    b = scratch.before[hi, n]
    if measure == _COUNT:
        if shared:
            return float(_count_incidents(events, scratch, n, a, b, first, stamp))
        # Where no two records share an incident each is one, and nothing has to be marked.
        return float(b - a)
    if measure in (_LAST, _FIRST):
        if b == a:
            return np.nan
        r = scratch.rows[n, b - 1] if measure == _LAST else scratch.rows[n, a]
        return (anchor - events.occurred_at[first + r]) / DAY
    if measure == _MAX:
        return _find_largest(scratch, n, a, b)
    if measure == _DISTINCT:
        field = ops.field[o]
        if events.n_codes[field] <= _FEW_CODES:
            return float(_count_few_codes(events, scratch, field, n, a, b, first))
        return float(_count_codes(events, scratch, field, n, a, b, first, 0, stamp))
    if measure == _FIRST_USE:
        field = ops.field[o]
        return float(_count_codes(events, scratch, field, n, 0, b, first, start, stamp))
    if measure == _DECAYED:
        half_life_us = ops.parameter_us[o]
        return _decay(events, scratch, n, a, b, first, anchor, half_life_us, stamp)
    if measure == _DISAGREEMENT:
        return _disagree(events, scratch, ops.field[o], n, a, b, first, stamp)
    if measure == _SUM and not shared:
        return _add_values(scratch, n, a, b)
    points = collect_points(events, scratch, n, a, b, first, anchor, stamp)
    if measure == _SUM:
        return add_points(scratch, points)
    if measure == _SLOPE:
        return fit_slope(scratch, points)
    return measure_gaps(scratch, measure, points, ops.parameter_us[o])
