"""The compiled pass: fills every measure for every query in one reading of each case's events.

A query is (case, anchor, cut, known): windows reach back from ``anchor``; events count if they
occurred before ``cut`` and were in force by what was recorded before ``known``. For indicators the
three are the same moment. Sums run in the order of the events; fast-math is off, so that a result
does not depend on how the work was divided. Everything compiled stands in this file, because the
compiler's cache looks at one file only.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from features.binding import EventArrays, FactColumns
from features.catalogue import DAY_US
from features.history import Float64, Int32, Int64
from features.plan import FactArrays, Op, OpArrays, SelectorArrays

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
_N_VIEWS: Final = 3
_ABSENT: Final = np.iinfo(np.int64).min

# Functions that allocate nothing need no reference counts; counting them for every array of every
# call made the pass five times slower.
_allocates_nothing: Any = njit(nogil=True, _nrt=False)  # type: ignore[call-overload]


class Scratch(NamedTuple):
    """What one thread works with; nothing in it outlives a query.

    ``tally``, ``total``, ``first_at``, ``second_at``, ``of_event`` and ``among_event`` are one per
    measure and mean what the measure makes of them. ``code_mark`` and ``incident_mark`` hold the
    number of the query that last saw a code or an incident, so that they need no clearing.
    """

    since_at: Int64
    starts: Int64
    earlier: Int64
    tally: Float64
    total: Float64
    first_at: Int64
    second_at: Int64
    of_event: Int64
    among_event: Int64
    slot_open: Int64
    slot_moment: Int64
    slot_edges: Int32
    n_open: Int32
    active_from: Int64
    buffer_x: Float64
    buffer_y: Float64
    code_offset: Int64
    code_mark: Int64
    incident_mark: Int64
    incident_bits: Int32
    incident_at: Int32
    view_value: Float64


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
    events: EventArrays,
    ops: OpArrays,
    n_since: int,
    n_states: int,
    n_slots: int,
    n_buffers: int,
    most_events: int,
    most_incidents: int,
) -> Scratch:
    n_ops = len(ops.measure)
    code_offset = np.zeros(n_ops, dtype=np.int64)
    n_marks = 0
    views_needed = 0
    for o in range(n_ops):
        if ops.measure[o] == _DISTINCT or ops.measure[o] == _FIRST_USE:
            code_offset[o] = n_marks
            n_marks += events.n_codes[events.field_row[ops.field[o]]]
        elif ops.measure[o] == _DISAGREEMENT:
            views_needed = most_incidents
    return Scratch(
        since_at=np.empty(n_since, dtype=np.int64),
        starts=np.empty(n_ops, dtype=np.int64),
        earlier=np.empty(n_ops, dtype=np.int64),
        tally=np.empty(n_ops),
        total=np.empty(n_ops),
        first_at=np.empty(n_ops, dtype=np.int64),
        second_at=np.empty(n_ops, dtype=np.int64),
        of_event=np.empty(n_ops, dtype=np.int64),
        among_event=np.empty(n_ops, dtype=np.int64),
        slot_open=np.full(n_slots, -1, dtype=np.int64),
        slot_moment=np.full(n_slots, -1, dtype=np.int64),
        slot_edges=np.zeros(n_slots, dtype=np.int32),
        n_open=np.zeros(n_states, dtype=np.int32),
        active_from=np.zeros(n_states, dtype=np.int64),
        buffer_x=np.empty((n_buffers, most_events)),
        buffer_y=np.empty((n_buffers, most_events)),
        code_offset=code_offset,
        code_mark=np.full(n_marks, -1, dtype=np.int64),
        incident_mark=np.full((most_incidents, n_ops), -1, dtype=np.int64),
        incident_bits=np.zeros((most_incidents, n_ops), dtype=np.int32),
        incident_at=np.zeros((most_incidents, n_ops), dtype=np.int32),
        view_value=np.zeros((views_needed, n_ops, _N_VIEWS)),
    )


@_allocates_nothing
def _latest_since(
    events: EventArrays,
    selectors: SelectorArrays,
    scratch: Scratch,
    first: int,
    end: int,
    cut: int,
    known: int,
) -> None:
    scratch.since_at[:] = _ABSENT
    for i in range(first, end):
        if events.occurred_at[i] >= cut:
            break
        if not (events.measured[i] and _in_force(events, i, known)):
            continue
        g = events.signature[i]
        for m in range(events.match_pointer[g], events.match_pointer[g + 1]):
            s = events.matched[m]
            if selectors.since[s] >= 0 and _meets_value(selectors, s, events.value[i]):
                scratch.since_at[selectors.since[s]] = events.occurred_at[i]


@_allocates_nothing
def _start_query(ops: OpArrays, scratch: Scratch, anchor: int) -> None:
    """Clear the counters; set each window's first moment, and that of ``rate_ratio``'s earlier
    one.
    """
    scratch.tally[:] = 0.0
    scratch.total[:] = 0.0
    scratch.first_at[:] = _ABSENT
    scratch.second_at[:] = _ABSENT
    scratch.of_event[:] = -1
    scratch.among_event[:] = -1
    scratch.n_open[:] = 0
    for o in range(len(ops.measure)):
        start = _ABSENT
        if ops.window_us[o] >= 0:
            start = anchor - ops.window_us[o]
        before = start
        if ops.measure[o] == _RATIO:
            before = start - ops.parameter_us[o]
        if ops.since[o] >= 0:
            start = max(start, scratch.since_at[ops.since[o]])
            before = max(before, scratch.since_at[ops.since[o]])
        scratch.starts[o] = start
        scratch.earlier[o] = before


@_allocates_nothing
def _set_states(
    events: EventArrays,
    ops: OpArrays,
    scratch: Scratch,
    first: int,
    end: int,
    known: int,
    moment: int,
    query: int,
) -> None:
    """Apply all state records of one moment, events ``first:end``.

    An end closes what was open before this moment; only where nothing was does it close a start of
    the same moment.
    """
    for i in range(first, end):
        if events.state[i] < 0 or not (events.measured[i] and _in_force(events, i, known)):
            continue
        slot = events.slot[i]
        if scratch.slot_moment[slot] != moment:
            scratch.slot_moment[slot] = moment
            scratch.slot_edges[slot] = 0
        scratch.slot_edges[slot] |= events.edge[i]
    for i in range(first, end):
        if events.state[i] < 0 or scratch.slot_moment[events.slot[i]] != moment:
            continue
        slot = events.slot[i]
        scratch.slot_moment[slot] = -1
        was_open = scratch.slot_open[slot] == query
        starting = (scratch.slot_edges[slot] & _START) != 0
        ending = (scratch.slot_edges[slot] & _END) != 0
        now_open = (starting or not ending) if was_open else (starting and not ending)
        if now_open == was_open:
            continue
        state = events.state[i]
        scratch.slot_open[slot] = query if now_open else -1
        scratch.n_open[state] += 1 if now_open else -1
        if now_open and scratch.n_open[state] == 1:
            scratch.active_from[state] = events.occurred_at[i]
        elif not now_open and scratch.n_open[state] == 0:
            _add_days_in_state(ops, scratch, state, events.occurred_at[i])


@_allocates_nothing
def _add_days_in_state(ops: OpArrays, scratch: Scratch, state: int, until_us: int) -> None:
    for o in range(len(ops.measure)):
        if ops.measure[o] == _DAYS_IN_STATE and ops.state[o] == state:
            from_us = max(scratch.active_from[state], scratch.starts[o])
            scratch.total[o] += max(0, until_us - from_us)


@_allocates_nothing
def _note_code(
    events: EventArrays, ops: OpArrays, scratch: Scratch, o: int, i: int, q: int
) -> None:
    """Note a value of ``distinct`` or ``first_use``; it counts if its first sight is in the
    window.
    """
    code = events.field_codes[events.field_row[ops.field[o]], i]
    if code < 0 or scratch.code_mark[scratch.code_offset[o] + code] == q:
        return
    scratch.code_mark[scratch.code_offset[o] + code] = q
    if events.occurred_at[i] >= scratch.starts[o]:
        scratch.tally[o] += 1.0


@_allocates_nothing
def _note_pair(
    events: EventArrays, ops: OpArrays, scratch: Scratch, o: int, i: int, role: int, seen: bool
) -> None:
    """Note one side of ``share`` (bit 1 ``of``, bit 2 ``among``) or of ``rate_ratio`` (bit 1 the
    window, bit 2 the earlier one): a side counts an incident once.
    """
    k = events.incident[i]
    share = ops.measure[o] == _SHARE
    if share:
        bit = 1 if role == 0 else 2
    else:
        bit = 1 if events.occurred_at[i] >= scratch.starts[o] else 2
    bits = 0
    if k >= 0:
        bits = scratch.incident_bits[k, o] if seen else 0
        scratch.incident_bits[k, o] = bits | bit
    elif share:
        bits = (1 if scratch.of_event[o] == i else 0) | (2 if scratch.among_event[o] == i else 0)
        if role == 0:
            scratch.of_event[o] = i
        else:
            scratch.among_event[o] = i
    if bits & bit:
        return
    if bit == 2:
        scratch.total[o] += 1.0
    if (share and bits | bit == 3) or (not share and bit == 1):
        scratch.tally[o] += 1.0


@_allocates_nothing
def _note_between(events: EventArrays, scratch: Scratch, o: int, i: int, role: int) -> None:
    """Note the first ``of``, then the first ``and`` at or after it, a different event.

    An ``and`` of the same moment may stand before the ``of``; ``total`` holds the one before the
    latest, in case the latest is the ``of`` itself.
    """
    at = events.occurred_at[i]
    if role == 0 and scratch.first_at[o] == _ABSENT:
        scratch.first_at[o] = at
        scratch.of_event[o] = i
        j = scratch.among_event[o]
        if j == i:
            j = np.int64(scratch.total[o])
        if j >= 0 and events.occurred_at[j] == at:
            scratch.second_at[o] = at
    elif role == 1 and scratch.first_at[o] == _ABSENT:
        scratch.total[o] = scratch.among_event[o]
        scratch.among_event[o] = i
    elif role == 1 and scratch.of_event[o] != i and scratch.second_at[o] == _ABSENT:
        scratch.second_at[o] = at


@_allocates_nothing
def _note_view(
    events: EventArrays, ops: OpArrays, scratch: Scratch, o: int, i: int, seen: bool
) -> None:
    """Note one view of an incident.

    Bits 1, 2: two views seen, disagreement counted. Bits 4, 8, 16: the view was seen; 32, 64, 128:
    it holds a value; 256, 512, 1024: it holds several. Two views disagree if any value of one
    differs from any of the other.
    """
    k = events.incident[i]
    if k < 0:
        return
    if ops.field[o] == _VALUE_FIELD:
        value = events.value[i]
    else:
        code = events.field_codes[events.field_row[ops.field[o]], i]
        value = float(code) if code >= 0 else np.nan
    view = max(events.view_code[i], 0)
    bits = scratch.incident_bits[k, o] if seen else 0
    bits |= 4 << view
    seen_views = (bits >> 2) & 7
    if not bits & 1 and seen_views & (seen_views - 1):
        bits |= 1
        scratch.tally[o] += 1.0
    if not np.isnan(value):
        for other in range(_N_VIEWS):
            if other == view or not bits & (32 << other) or bits & 2:
                continue
            if bits & (256 << other) or scratch.view_value[k, o, other] != value:
                bits |= 2
                scratch.total[o] += 1.0
        if not bits & (32 << view):
            bits |= 32 << view
            scratch.view_value[k, o, view] = value
        elif scratch.view_value[k, o, view] != value:
            bits |= 256 << view
    scratch.incident_bits[k, o] = bits


@_allocates_nothing
def _note_point(
    events: EventArrays, ops: OpArrays, scratch: Scratch, o: int, i: int, anchor: int, seen: bool
) -> None:
    """Keep one point per incident: its first matching moment and its largest value."""
    k = events.incident[i]
    b = ops.buffer[o]
    if not seen:
        n = int(scratch.tally[o])
        since_us = float(events.occurred_at[i] - anchor)
        scratch.buffer_x[b, n] = since_us / _DAY if ops.measure[o] == _SLOPE else since_us
        scratch.buffer_y[b, n] = events.value[i]
        scratch.tally[o] += 1.0
        if k >= 0:
            scratch.incident_at[k, o] = n
        return
    n = scratch.incident_at[k, o]
    value = events.value[i]
    if not np.isnan(value) and not value <= scratch.buffer_y[b, n]:
        scratch.buffer_y[b, n] = value


@_allocates_nothing
def _note(
    events: EventArrays,
    ops: OpArrays,
    scratch: Scratch,
    o: int,
    i: int,
    role: int,
    anchor: int,
    q: int,
) -> None:
    """Let measure ``o`` take in event ``i``."""
    measure = ops.measure[o]
    at = events.occurred_at[i]
    if measure == _FIRST_USE:
        _note_code(events, ops, scratch, o, i, q)
        return
    if at < scratch.earlier[o]:
        return
    k = events.incident[i]
    seen = k >= 0 and scratch.incident_mark[k, o] == q
    if k >= 0:
        scratch.incident_mark[k, o] = q
    if measure == _COUNT:
        if not seen:
            scratch.tally[o] += 1.0
    elif measure == _LAST:
        scratch.first_at[o] = at
    elif measure == _FIRST:
        if scratch.first_at[o] == _ABSENT:
            scratch.first_at[o] = at
    elif measure == _DISTINCT:
        _note_code(events, ops, scratch, o, i, q)
    elif measure == _MAX:
        value = events.value[i]
        scratch.first_at[o] = at
        if not np.isnan(value):
            largest = max(scratch.total[o], value) if scratch.tally[o] > 0 else value
            scratch.total[o] = largest
            scratch.tally[o] += 1.0
    elif measure == _DECAYED:
        if not seen:
            scratch.total[o] += 2.0 ** (-(anchor - at) / ops.parameter_us[o])
    elif measure in (_RATIO, _SHARE):
        _note_pair(events, ops, scratch, o, i, role, seen)
    elif measure == _BETWEEN:
        _note_between(events, scratch, o, i, role)
    elif measure == _DISAGREEMENT:
        _note_view(events, ops, scratch, o, i, seen)
    else:
        _note_point(events, ops, scratch, o, i, anchor, seen)


@njit(nogil=True)
def _median(values: Float64) -> float:
    ordered = np.sort(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


@njit(nogil=True)
def _slope(x: Float64, y: Float64, n: int) -> float:
    kept = 0
    mean_x = 0.0
    mean_y = 0.0
    for k in range(n):
        if not np.isnan(y[k]):
            kept += 1
            mean_x += x[k]
            mean_y += y[k]
    if kept < 3:
        return np.nan
    mean_x /= kept
    mean_y /= kept
    above = 0.0
    below = 0.0
    low = np.inf
    high = -np.inf
    for k in range(n):
        if not np.isnan(y[k]):
            above += (x[k] - mean_x) * (y[k] - mean_y)
            below += (x[k] - mean_x) ** 2
            low = min(low, x[k])
            high = max(high, x[k])
    return above / below if high > low else np.nan


@njit(nogil=True)
def _finish_gaps(measure: int, times: Float64, n: int, quiet_us: int) -> float:
    """Measure the gaps between ``n`` incident times, microseconds before the anchor."""
    if measure == _QUIET:
        returns = 0.0
        for k in range(1, n):
            if times[k] - times[k - 1] >= quiet_us:
                returns += 1.0
        return returns
    gaps = np.empty(max(n - 1, 0))
    for k in range(1, n):
        gaps[k - 1] = (times[k] - times[k - 1]) / _DAY
    if measure == _GAP_MEDIAN:
        return _median(gaps) if len(gaps) >= 1 else np.nan
    if len(gaps) < 2:
        return np.nan
    mean = gaps.mean()
    return gaps.std() / mean if mean > 0 else np.nan


@njit(nogil=True)
def _finish_sum(values: Float64, n: int) -> float:
    if n == 0:
        return 0.0
    total = 0.0
    known = False
    for k in range(n):
        if not np.isnan(values[k]):
            total += values[k]
            known = True
    return total if known else np.nan


@njit(nogil=True)
def _finish(ops: OpArrays, scratch: Scratch, o: int, anchor: int) -> float:
    """Return the value of measure ``o`` at the end of a query."""
    measure = ops.measure[o]
    count = scratch.tally[o]
    total = scratch.total[o]
    first_at = scratch.first_at[o]
    b = ops.buffer[o]
    n = int(count)
    if measure in (_COUNT, _DISTINCT, _FIRST_USE):
        return count
    if measure in (_LAST, _FIRST):
        return (anchor - first_at) / _DAY if first_at != _ABSENT else np.nan
    if measure == _MAX:
        return total if n > 0 or first_at == _ABSENT else np.nan
    if measure == _SUM:
        return _finish_sum(scratch.buffer_y[b], n)
    if measure == _DECAYED:
        return total
    if measure == _RATIO:
        recent = (count + 0.5) / (ops.window_us[o] / _DAY)
        return recent / ((total + 0.5) / (ops.parameter_us[o] / _DAY))
    if measure == _SHARE:
        return count / total if total > 0 else np.nan
    if measure == _DAYS_IN_STATE:
        return total / _DAY
    if measure == _BETWEEN:
        second_at = scratch.second_at[o]
        return (second_at - first_at) / _DAY if second_at != _ABSENT else np.nan
    if measure == _DISAGREEMENT:
        return total if count > 0 else np.nan
    if measure == _SLOPE:
        return _slope(scratch.buffer_x[b], scratch.buffer_y[b], n)
    return _finish_gaps(measure, scratch.buffer_x[b], n, ops.parameter_us[o])


@njit(nogil=True)
def measure_events(
    events: EventArrays,
    ops: OpArrays,
    selectors: SelectorArrays,
    n_since: int,
    n_states: int,
    n_slots: int,
    n_buffers: int,
    most_events: int,
    most_incidents: int,
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
        Shape ``(n_queries,)``; best sorted by case, so that a case's events stay in the cache.
    output
        Shape ``(n_rows, n_columns)``; only the rows named by ``query_row`` are written.
    """
    scratch = _make_scratch(
        events, ops, n_since, n_states, n_slots, n_buffers, most_events, most_incidents
    )
    moment = 0
    for q in range(len(query_case)):
        first = events.pointer[query_case[q]]
        end = events.pointer[query_case[q] + 1]
        anchor = query_anchor[q]
        cut = query_cut[q]
        known = query_known[q]
        if n_since > 0:
            _latest_since(events, selectors, scratch, first, end, cut, known)
        _start_query(ops, scratch, anchor)
        moment_end = first
        for i in range(first, end):
            if events.occurred_at[i] >= cut:
                break
            if n_states > 0 and i == moment_end:
                while moment_end < end and events.occurred_at[moment_end] == events.occurred_at[i]:
                    moment_end += 1
                moment += 1
                _set_states(events, ops, scratch, i, moment_end, known, moment, q)
            if not (events.measured[i] and _in_force(events, i, known)):
                continue
            g = events.signature[i]
            for m in range(events.match_pointer[g], events.match_pointer[g + 1]):
                s = events.matched[m]
                if not _meets_value(selectors, s, events.value[i]):
                    continue
                for f in range(selectors.feed_pointer[s], selectors.feed_pointer[s + 1]):
                    o = selectors.feeds[f]
                    if ops.while_state[o] < 0 or scratch.n_open[ops.while_state[o]] > 0:
                        _note(events, ops, scratch, o, i, selectors.role[f], anchor, q)
        for state in range(n_states):
            if scratch.n_open[state] > 0:
                _add_days_in_state(ops, scratch, state, cut)
        for o in range(len(ops.measure)):
            output[query_row[q], ops.column[o]] = _finish(ops, scratch, o, anchor)


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
                if in_force and facts.fact[i] == wanted.fact[w]:
                    if facts.asked[i]:
                        asked = 1.0
                        answer = facts.number[i]
                        if wanted.is_date[w]:
                            answer = (query_anchor[q] - answer) / _DAY
                    break
            output[query_row[q], wanted.column[w]] = answer
            if wanted.asked_column[w] >= 0:
                output[query_row[q], wanted.asked_column[w]] = asked
