"""The compiled pass: fills every measure for every query, reading each case's events once.

A query is (case, anchor, cut, known): windows reach back from ``anchor``; events count if they
occurred before ``cut`` and were in force by what was recorded before ``known``. For indicators the
three are the same moment.

For each case the pass lays out, per selector, the *list* of its events in time order, and how long
each list was before every event. A window is then a stretch of a list, and a measure reads that
stretch alone. Lists laid out once serve every query of the case under which all versions of its
records are in force (the common one: nothing late, nothing corrected); for other queries they are
laid out anew. Either way the stretch holds the same events in the same order, so that a value
does not depend on what it is measured beside.

Sums run in the order of the events; fast-math is off. Everything compiled stands in this file,
because the compiler's cache looks at one file only.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from features.catalogue.declarations import DAY_US
from features.contract.arrays import Float64, Int32, Int64
from features.engine.binding import EventArrays, FactColumns
from features.engine.plan import FactArrays, Op, OpArrays, SelectorArrays
from features.history.columns import CODED_COLUMNS

_DAY: Final = float(DAY_US)
_COUNT: Final = int(Op.COUNT)
_SUM: Final = int(Op.SUM)
_MAX: Final = int(Op.MAX)
_DISTINCT: Final = int(Op.DISTINCT)
_SHARE: Final = int(Op.SHARE)
_LAST: Final = int(Op.DAYS_SINCE_LAST)
_FIRST: Final = int(Op.DAYS_SINCE_FIRST)
_RATIO: Final = int(Op.RATE_RATIO)
_GAP_MEDIAN: Final = int(Op.GAP_MEDIAN)
_GAP_CV: Final = int(Op.GAP_CV)
_QUIET: Final = int(Op.QUIET_THEN_RETURN)
_SLOPE: Final = int(Op.SLOPE)
_DECAYED: Final = int(Op.DECAYED)
_FIRST_USE: Final = int(Op.FIRST_USE)
_DAYS_IN_STATE: Final = int(Op.DAYS_IN_STATE)
_BETWEEN: Final = int(Op.TIME_BETWEEN)
_DISAGREEMENT: Final = int(Op.DISAGREEMENT)
_START: Final = 1
_END: Final = 2
_VALUE_FIELD: Final = 7
_KIND: Final = CODED_COLUMNS.index("kind")
_VIEW: Final = CODED_COLUMNS.index("view")
_DETAIL: Final = CODED_COLUMNS.index("detail")
_VIA: Final = len(CODED_COLUMNS)
_N_VIEWS: Final = 3
_FEW_CODES: Final = 64
_ALWAYS: Final = np.iinfo(np.int64).min
_NEVER: Final = np.iinfo(np.int64).max

# Functions that allocate nothing need no reference counts, and hand over dozens of arrays at every
# call; uncounted and made part of their caller they cost nothing. Otherwise the pass is ten times
# slower.
_allocates_nothing: Any = njit(nogil=True, _nrt=False, forceinline=True)  # type: ignore[call-overload]


class Scratch(NamedTuple):
    """What one thread works with; nothing in it outlives a case.

    ``rows[l, :length[l]]`` are the events of list ``l``, counted from the case's first, and
    ``values`` beside them their values where the list holds them;
    ``before[i, l]`` is the length of list ``l`` before event ``i``. ``known_from[i]`` and
    ``known_until[i]`` say between which moments the first ``i`` events are all in force. Marks
    hold the number of the last measurement that saw an incident, an event or a code, so that they
    need no clearing.
    """

    rows: Int32
    values: Float64
    length: Int32
    before: Int32
    known_from: Int64
    known_until: Int64
    window_start: Int64
    slot_open: Int64
    slot_moment: Int64
    slot_edges: Int32
    n_open: Int32
    active_from: Int64
    interval_state: Int32
    interval_from: Int64
    interval_until: Int64
    counters: Int64
    point_x: Float64
    point_y: Float64
    incident_mark: Int64
    incident_bits: Int32
    incident_point: Int32
    row_mark: Int64
    code_mark: Int64
    view_value: Float64
    signature: Int32


_N_INTERVALS: Final = 0
_BUILD: Final = 1
_MOMENT: Final = 2


@_allocates_nothing
def _in_force(events: EventArrays, i: int, known: int) -> bool:
    return events.recorded_at[i] < known and events.superseded_at[i] >= known


@_allocates_nothing
def _meets_value(selectors: SelectorArrays, s: int, value: float) -> bool:
    if not selectors.needs_value[s]:
        return True
    return selectors.value_min[s] <= value <= selectors.value_max[s]


@njit(nogil=True)
def _make_scratch(
    n_codes: Int32,
    n_lists: int,
    n_windows: int,
    n_states: int,
    n_slots: int,
    most_events: int,
    most_incidents: int,
) -> Scratch:
    most_codes = 0
    for field in range(len(n_codes)):
        most_codes = max(most_codes, n_codes[field])
    return Scratch(
        rows=np.empty((n_lists, most_events), dtype=np.int32),
        values=np.empty((n_lists, most_events)),
        length=np.zeros(n_lists, dtype=np.int32),
        before=np.empty((most_events + 1, n_lists), dtype=np.int32),
        known_from=np.empty(most_events + 1, dtype=np.int64),
        known_until=np.empty(most_events + 1, dtype=np.int64),
        window_start=np.empty(n_windows, dtype=np.int64),
        slot_open=np.full(n_slots, -1, dtype=np.int64),
        slot_moment=np.full(n_slots, -1, dtype=np.int64),
        slot_edges=np.zeros(n_slots, dtype=np.int32),
        n_open=np.zeros(n_states, dtype=np.int32),
        active_from=np.zeros(n_states, dtype=np.int64),
        interval_state=np.empty(most_events + 1, dtype=np.int32),
        interval_from=np.empty(most_events + 1, dtype=np.int64),
        interval_until=np.empty(most_events + 1, dtype=np.int64),
        counters=np.zeros(3, dtype=np.int64),
        point_x=np.empty(most_events),
        point_y=np.empty(most_events),
        incident_mark=np.full(most_incidents, -1, dtype=np.int64),
        incident_bits=np.zeros(most_incidents, dtype=np.int32),
        incident_point=np.zeros(most_incidents, dtype=np.int32),
        row_mark=np.full(most_events, -1, dtype=np.int64),
        code_mark=np.full(most_codes, -1, dtype=np.int64),
        view_value=np.zeros((most_incidents, _N_VIEWS)),
        signature=np.empty(most_events, dtype=np.int32),
    )


@_allocates_nothing
def _find_first(times: Int64, first: int, end: int, moment: int) -> int:
    """Return the first of the events ``first:end`` that occurred at ``moment`` or later."""
    low = first
    high = end
    while low < high:
        middle = (low + high) // 2
        if times[middle] < moment:
            low = middle + 1
        else:
            high = middle
    return low


@_allocates_nothing
def _note_versions(events: EventArrays, scratch: Scratch, first: int, end: int) -> bool:
    """Note between which moments the first events are in force; say if any share an incident."""
    latest = _ALWAYS
    earliest = _NEVER
    shared = False
    for i in range(first, end):
        scratch.known_from[i - first] = latest
        scratch.known_until[i - first] = earliest
        if events.measured[i]:
            latest = max(latest, events.recorded_at[i])
            earliest = min(earliest, events.superseded_at[i])
            shared = shared or events.incident[i] >= 0
    scratch.known_from[end - first] = latest
    scratch.known_until[end - first] = earliest
    return shared


@_allocates_nothing
def _sign(events: EventArrays, scratch: Scratch, first: int, end: int) -> None:
    """Note the signatures of events ``first:end``."""
    for i in range(first, end):
        scratch.signature[i - first] = events.signature[i] if len(events.signature) > 0 else 0
    if len(events.signature) > 0:
        return
    for u in range(len(events.columns)):
        codes = events.coded[events.columns[u]]
        start = events.class_start[u]
        for i in range(first, end):
            scratch.signature[i - first] += events.classes[start + codes[i]]


@_allocates_nothing
def _lay_out(
    events: EventArrays,
    selectors: SelectorArrays,
    scratch: Scratch,
    first: int,
    end: int,
    known: int,
    every_version: bool,
) -> None:
    """Lay out the lists and the states of events ``first:end``.

    With ``every_version`` all count, which is right for queries under which all are in force.
    """
    n_lists = len(scratch.length)
    n_states = len(scratch.n_open)
    scratch.length[:] = 0
    scratch.n_open[:] = 0
    scratch.counters[_N_INTERVALS] = 0
    scratch.counters[_BUILD] += 1
    moment_end = first
    for i in range(first, end):
        for n in range(n_lists):
            scratch.before[i - first, n] = scratch.length[n]
        if n_states > 0 and i == moment_end:
            while moment_end < end and events.occurred_at[moment_end] == events.occurred_at[i]:
                moment_end += 1
            _set_states(events, scratch, i, moment_end, known, every_version)
        if not (events.measured[i] and (every_version or _in_force(events, i, known))):
            continue
        g = scratch.signature[i - first]
        for m in range(events.match_pointer[g], events.match_pointer[g + 1]):
            s = events.matched[m]
            if not _meets_value(selectors, s, events.value[i]):
                continue
            for f in range(selectors.pointer[s], selectors.pointer[s + 1]):
                n = selectors.lists[f]
                state = selectors.while_state[n]
                if state < 0 or scratch.n_open[state] > 0:
                    scratch.rows[n, scratch.length[n]] = i - first
                    if selectors.holds_values[n]:
                        scratch.values[n, scratch.length[n]] = events.value[i]
                    scratch.length[n] += 1
    for n in range(n_lists):
        scratch.before[end - first, n] = scratch.length[n]
    for state in range(n_states):
        if scratch.n_open[state] > 0:
            _add_interval(scratch, state, _NEVER)


@_allocates_nothing
def _add_interval(scratch: Scratch, state: int, until: int) -> None:
    k = scratch.counters[_N_INTERVALS]
    scratch.interval_state[k] = state
    scratch.interval_from[k] = scratch.active_from[state]
    scratch.interval_until[k] = until
    scratch.counters[_N_INTERVALS] = k + 1


@_allocates_nothing
def _find_state(events: EventArrays, i: int) -> int:
    """Return the state that an event touches, -1 for none; another case's touches none."""
    if events.coded[_VIA][i] >= 0:
        return -1
    return events.state[events.coded[_KIND][i]]


@_allocates_nothing
def _find_slot(events: EventArrays, i: int, state: int) -> int:
    """Return the number of an event's pair of state and detail."""
    return state * (events.n_details + 1) + events.coded[_DETAIL][i] + 1


@_allocates_nothing
def _set_states(
    events: EventArrays, scratch: Scratch, first: int, end: int, known: int, every_version: bool
) -> None:
    """Apply all state records of one moment, events ``first:end``.

    An end closes what was open before this moment; only where nothing was does it close a start of
    the same moment.
    """
    scratch.counters[_MOMENT] += 1
    moment = scratch.counters[_MOMENT]
    build = scratch.counters[_BUILD]
    for i in range(first, end):
        state = _find_state(events, i)
        if state < 0 or not events.measured[i]:
            continue
        if not (every_version or _in_force(events, i, known)):
            continue
        slot = _find_slot(events, i, state)
        if scratch.slot_moment[slot] != moment:
            scratch.slot_moment[slot] = moment
            scratch.slot_edges[slot] = 0
        scratch.slot_edges[slot] |= events.edge[events.coded[_KIND][i]]
    for i in range(first, end):
        state = _find_state(events, i)
        if state < 0:
            continue
        slot = _find_slot(events, i, state)
        if scratch.slot_moment[slot] != moment:
            continue
        scratch.slot_moment[slot] = -1
        was_open = scratch.slot_open[slot] == build
        starting = (scratch.slot_edges[slot] & _START) != 0
        ending = (scratch.slot_edges[slot] & _END) != 0
        now_open = (starting or not ending) if was_open else (starting and not ending)
        if now_open == was_open:
            continue
        scratch.slot_open[slot] = build if now_open else -1
        scratch.n_open[state] += 1 if now_open else -1
        if now_open and scratch.n_open[state] == 1:
            scratch.active_from[state] = events.occurred_at[i]
        elif not now_open and scratch.n_open[state] == 0:
            _add_interval(scratch, state, events.occurred_at[i])


@_allocates_nothing
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


@_allocates_nothing
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


@_allocates_nothing
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


@_allocates_nothing
def _collect_points(
    events: EventArrays,
    scratch: Scratch,
    n: int,
    a: int,
    b: int,
    first: int,
    anchor: int,
    stamp: int,
) -> int:
    """Keep one point per incident: its first moment, microseconds from the anchor, and its largest
    value; return how many.
    """
    count = 0
    for p in range(a, b):
        i = first + scratch.rows[n, p]
        k = events.incident[i]
        if k >= 0 and scratch.incident_mark[k] == stamp:
            held = scratch.incident_point[k]
            value = events.value[i]
            if not np.isnan(value) and not value <= scratch.point_y[held]:
                scratch.point_y[held] = value
            continue
        if k >= 0:
            scratch.incident_mark[k] = stamp
            scratch.incident_point[k] = count
        scratch.point_x[count] = float(events.occurred_at[i] - anchor)
        scratch.point_y[count] = events.value[i]
        count += 1
    return count


@_allocates_nothing
def _add_values(scratch: Scratch, n: int, a: int, b: int) -> float:
    """Add up the values of events that each are an incident; missing where none is known."""
    total = 0.0
    known = 0
    for p in range(a, b):
        value = scratch.values[n, p]
        if not np.isnan(value):
            total += value
            known += 1
    return total if known > 0 or a == b else np.nan


@_allocates_nothing
def _add_points(scratch: Scratch, n: int) -> float:
    if n == 0:
        return 0.0
    total = 0.0
    known = False
    for p in range(n):
        if not np.isnan(scratch.point_y[p]):
            total += scratch.point_y[p]
            known = True
    return total if known else np.nan


@_allocates_nothing
def _find_largest(scratch: Scratch, n: int, a: int, b: int) -> float:
    """Return the largest value; 0 where there is no event, missing where none is known."""
    largest = np.nan
    for p in range(a, b):
        value = scratch.values[n, p]
        if not np.isnan(value) and not value <= largest:
            largest = value
    return 0.0 if a == b else largest


@_allocates_nothing
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


@_allocates_nothing
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
            scratch.incident_mark[k] = stamp + 1
            both += 1
    return both / total if total > 0 else np.nan


@_allocates_nothing
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
            return (events.occurred_at[first + later] - at) / _DAY
    return np.nan


@_allocates_nothing
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
            for other in range(_N_VIEWS):
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


@_allocates_nothing
def _days_in_state(scratch: Scratch, state: int, start: int, cut: int) -> float:
    total = 0.0
    for k in range(scratch.counters[_N_INTERVALS]):
        if scratch.interval_state[k] == state and scratch.interval_from[k] < cut:
            from_us = max(scratch.interval_from[k], start)
            total += max(0, min(scratch.interval_until[k], cut) - from_us)
    return total / _DAY


@_allocates_nothing
def _sort(values: Float64, n: int) -> None:
    """Sort the first ``n`` values in place (Shell 1959, gaps of Ciura 2001)."""
    gap = 1750
    while gap > 0:
        for p in range(gap, n):
            value = values[p]
            at = p
            while at >= gap and values[at - gap] > value:
                values[at] = values[at - gap]
                at -= gap
            values[at] = value
        if gap > 701:
            gap = 701
        elif gap > 301:
            gap = 301
        elif gap > 132:
            gap = 132
        elif gap > 57:
            gap = 57
        elif gap > 23:
            gap = 23
        elif gap > 10:
            gap = 10
        elif gap > 4:
            gap = 4
        elif gap > 1:
            gap = 1
        else:
            gap = 0


@_allocates_nothing
def _slope(scratch: Scratch, n: int) -> float:
    """Return the least-squares slope a day over points whose value is known; missing under 3."""
    kept = 0
    mean_x = 0.0
    mean_y = 0.0
    for k in range(n):
        if not np.isnan(scratch.point_y[k]):
            kept += 1
            mean_x += scratch.point_x[k] / _DAY
            mean_y += scratch.point_y[k]
    if kept < 3:
        return np.nan
    mean_x /= kept
    mean_y /= kept
    above = 0.0
    below = 0.0
    low = np.inf
    high = -np.inf
    for k in range(n):
        if not np.isnan(scratch.point_y[k]):
            x = scratch.point_x[k] / _DAY
            above += (x - mean_x) * (scratch.point_y[k] - mean_y)
            below += (x - mean_x) ** 2
            low = min(low, x)
            high = max(high, x)
    return above / below if high > low else np.nan


@_allocates_nothing
def _measure_gaps(scratch: Scratch, measure: int, n: int, quiet_us: int) -> float:
    """Measure the gaps between ``n`` incidents; the gaps take the place of the points' values."""
    if measure == _QUIET:
        returns = 0.0
        for k in range(1, n):
            if scratch.point_x[k] - scratch.point_x[k - 1] >= quiet_us:
                returns += 1.0
        return returns
    n_gaps = max(n - 1, 0)
    total = 0.0
    for k in range(n_gaps):
        scratch.point_y[k] = (scratch.point_x[k + 1] - scratch.point_x[k]) / _DAY
        total += scratch.point_y[k]
    if measure == _GAP_MEDIAN:
        if n_gaps == 0:
            return np.nan
        _sort(scratch.point_y, n_gaps)
        middle = n_gaps // 2
        if n_gaps % 2:
            return scratch.point_y[middle]
        return (scratch.point_y[middle - 1] + scratch.point_y[middle]) / 2
    if n_gaps < 2 or total <= 0:
        return np.nan
    mean = total / n_gaps
    squares = 0.0
    for k in range(n_gaps):
        squares += (scratch.point_y[k] - mean) ** 2
    return np.sqrt(squares / n_gaps) / mean


@_allocates_nothing
def _since_row(events: EventArrays, scratch: Scratch, n: int, hi: int, first: int) -> int:
    """Return the first event of the moment from which a window counts, -1 where there is none."""
    b = scratch.before[hi, n]
    if b == 0:
        return -1
    r = int(scratch.rows[n, b - 1])
    while r > 0 and events.occurred_at[first + r - 1] == events.occurred_at[first + r]:
        r -= 1
    return r


@_allocates_nothing
def _measure_state(
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
    start_us = _ALWAYS
    if ops.window[o] >= 0:
        start_us = anchor - windows_us[ops.window[o]]
    if since >= 0:
        start_us = max(start_us, events.occurred_at[first + since])
    return _days_in_state(scratch, ops.state[o], start_us, cut)


@_allocates_nothing
def _measure_pair(
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


@_allocates_nothing
def _compare_rates(
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
    rate = (recent + 0.5) / (windows_us[ops.window[o]] / _DAY)
    return rate / ((past + 0.5) / (ops.parameter_us[o] / _DAY))


@_allocates_nothing
def _measure_list(
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
        return float(b - a)
    if measure in (_LAST, _FIRST):
        if b == a:
            return np.nan
        r = scratch.rows[n, b - 1] if measure == _LAST else scratch.rows[n, a]
        return (anchor - events.occurred_at[first + r]) / _DAY
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
    points = _collect_points(events, scratch, n, a, b, first, anchor, stamp)
    if measure == _SUM:
        return _add_points(scratch, points)
    if measure == _SLOPE:
        return _slope(scratch, points)
    return _measure_gaps(scratch, measure, points, ops.parameter_us[o])


@_allocates_nothing
def _fill_row(
    events: EventArrays,
    ops: OpArrays,
    windows_us: Int64,
    scratch: Scratch,
    q: int,
    first: int,
    hi: int,
    anchor: int,
    cut: int,
    shared: bool,
    row: int,
    output: Float64,
) -> None:
    """Measure everything for one query whose lists are laid out."""
    for w in range(len(windows_us)):
        from_us = anchor - windows_us[w]
        scratch.window_start[w] = (
            _find_first(events.occurred_at, first, first + hi, from_us) - first
        )
    n_ops = len(ops.measure)
    for o in range(n_ops):
        measure = ops.measure[o]
        stamp = 2 * (q * n_ops + o)
        start = np.int64(0)
        if ops.window[o] >= 0:
            start = scratch.window_start[ops.window[o]]
        since = np.int64(-1)
        if ops.since[o] >= 0:
            since = _since_row(events, scratch, ops.since[o], hi, first)
            start = max(start, since)
        if measure == _DAYS_IN_STATE:
            value = _measure_state(events, ops, windows_us, scratch, o, first, since, anchor, cut)
        elif measure in (_SHARE, _BETWEEN):
            value = _measure_pair(events, ops, scratch, o, first, start, hi, stamp)
        elif measure == _RATIO:
            value = _compare_rates(
                events, ops, windows_us, scratch, o, first, start, hi, since, stamp
            )
        else:
            value = _measure_list(events, ops, scratch, o, first, start, hi, anchor, shared, stamp)
        output[row, ops.column[o]] = value


@_allocates_nothing
def _find_sizes(events: EventArrays, query_case: Int64) -> tuple[int, int]:
    """Return the most events and the most incidents that any of the cases has."""
    most_events = 0
    most_incidents = 0
    case = -1
    for q in range(len(query_case)):
        if query_case[q] != case:
            case = query_case[q]
            first = events.pointer[case]
            end = events.pointer[case + 1]
            most_events = max(most_events, end - first)
            for i in range(first, end):
                most_incidents = max(most_incidents, events.incident[i] + 1)
    return most_events, most_incidents


@njit(nogil=True)
def measure_events(
    events: EventArrays,
    ops: OpArrays,
    selectors: SelectorArrays,
    windows_us: Int64,
    n_states: int,
    query_case: Int64,
    query_anchor: Int64,
    query_cut: Int64,
    query_known: Int64,
    query_row: Int64,
    output: Float64,
) -> None:
    """Fill the event columns of ``output``, one row per query.

    Parameters
    ----------
    query_case, query_anchor, query_cut, query_known, query_row
        Shape ``(n_queries,)``, sorted by case: what is laid out for a case serves all its queries.
    output
        Shape ``(n_rows, n_columns)``; only the rows named by ``query_row`` are written.
    """
    most_events, most_incidents = _find_sizes(events, query_case)
    scratch = _make_scratch(
        events.n_codes,
        len(selectors.while_state),
        len(windows_us),
        n_states,
        n_states * (events.n_details + 1),
        most_events,
        most_incidents,
    )
    case = -1
    first = 0
    end = 0
    shared = False
    laid_out = False
    for q in range(len(query_case)):
        if query_case[q] != case:
            case = query_case[q]
            latest_cut = query_cut[q]
            later = q + 1
            while later < len(query_case) and query_case[later] == case:
                latest_cut = max(latest_cut, query_cut[later])
                later += 1
            first = events.pointer[case]
            end = _find_first(events.occurred_at, first, events.pointer[case + 1], latest_cut)
            shared = _note_versions(events, scratch, first, end)
            _sign(events, scratch, first, end)
            laid_out = False
        cut = query_cut[q]
        known = query_known[q]
        hi = _find_first(events.occurred_at, first, end, cut) - first
        every_version = scratch.known_from[hi] < known and scratch.known_until[hi] >= known
        if not (every_version and laid_out):
            until = end if every_version else first + hi
            _lay_out(events, selectors, scratch, first, until, known, every_version)
            laid_out = every_version
        _fill_row(
            events,
            ops,
            windows_us,
            scratch,
            q,
            first,
            hi,
            query_anchor[q],
            cut,
            shared,
            query_row[q],
            output,
        )


@njit(nogil=True)
def measure_facts(
    facts: FactColumns,
    wanted: FactArrays,
    query_case: Int64,
    query_anchor: Int64,
    query_known: Int64,
    query_row: Int64,
    output: Float64,
) -> None:
    """Fill the fact columns of ``output``: the last answer in force, and whether it was asked."""
    for q in range(len(query_case)):
        first = facts.pointer[query_case[q]]
        end = facts.pointer[query_case[q] + 1]
        for w in range(len(wanted.fact)):
            answer = np.nan
            asked = 0.0
            for i in range(end - 1, first - 1, -1):
                known = query_known[q]
                in_force = facts.recorded_at[i] < known and facts.superseded_at[i] >= known
                if in_force and facts.name[i] == facts.code[wanted.fact[w]]:
                    if facts.asked[i]:
                        asked = 1.0
                        answer = facts.answers[wanted.fact[w], facts.value[i]]
                        if wanted.is_date[w]:
                            answer = (query_anchor[q] - answer) / _DAY
                    break
            output[query_row[q], wanted.column[w]] = answer
            if wanted.asked_column[w] >= 0:
                output[query_row[q], wanted.asked_column[w]] = asked
