"""What the compiled pass lays out of one case: lists, versions and states of its events.

For each case the pass lays out, per selector, the *list* of its events in time order, and how long
each list was before every event. A window is then a stretch of a list, and a measure reads that
stretch alone. Lists laid out once serve every query of the case under which all versions of its
records are in force (the common one: nothing late, nothing corrected); for other queries they are
laid out anew. Either way the stretch holds the same events in the same order, so that a value
does not depend on what it is measured beside.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from features.catalogue.declarations import DAY_US
from features.contract.arrays import NEVER, Float64, Int32, Int64
from features.engine.binding import EventArrays
from features.engine.plan import SelectorArrays
from features.history.columns import CODED_COLUMNS
from features.history.in_force import in_force

DAY: Final = float(DAY_US)
ALWAYS: Final = np.iinfo(np.int64).min
"""Before every moment."""
N_INTERVALS: Final = 0
"""Place in ``Scratch.counters`` of how many intervals of states are laid out."""
N_VIEWS: Final = 3
_BUILD: Final = 1
_MOMENT: Final = 2
_START: Final = 1
_END: Final = 2
_KIND: Final = CODED_COLUMNS.index("kind")
_DETAIL: Final = CODED_COLUMNS.index("detail")
_VIA: Final = len(CODED_COLUMNS)

# Functions that allocate nothing need no reference counts, and hand over dozens of arrays at every
# call; uncounted and made part of their caller they cost nothing. Otherwise the pass is ten times
# slower.
allocates_nothing: Any = njit(nogil=True, _nrt=False, forceinline=True)  # type: ignore[call-overload]

# The rule of the whole house, compiled as it stands, so that it is written once.
is_in_force: Any = allocates_nothing(in_force)


class Scratch(NamedTuple):
    """What one thread works with; nothing in it outlives a case.

    ``rows[l, :length[l]]`` are the events of list ``l``, counted from the case's first, and
    ``values`` beside them their values where the list holds them;
    ``before[i, l]`` is the length of list ``l`` before event ``i``. ``known_from[i]`` and
    ``known_until[i]`` say between which moments the first ``i`` events are all in force. Marks
    hold the number of the last measurement that saw an incident, an event or a code, so that they
    need no clearing.

    A *slot* is a state with one detail. ``open_sum`` adds up the numbers of a state's open slots,
    ``starting_sum`` those that only start at the moment at hand, so that each names the slot where
    there is one alone; ``ended`` is the slot that an end of another detail closes.
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
    open_sum: Int64
    n_starting: Int32
    starting_sum: Int64
    ended: Int64
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


@njit(nogil=True)
def make_scratch(
    n_codes: Int32,
    n_lists: int,
    n_windows: int,
    n_states: int,
    n_slots: int,
    most_events: int,
    most_incidents: int,
) -> Scratch:
    """Make what one thread works with, large enough for the largest of its cases."""
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
        open_sum=np.zeros(n_states, dtype=np.int64),
        n_starting=np.zeros(n_states, dtype=np.int32),
        starting_sum=np.zeros(n_states, dtype=np.int64),
        ended=np.full(n_states, -1, dtype=np.int64),
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
        view_value=np.zeros((most_incidents, N_VIEWS)),
        signature=np.empty(most_events, dtype=np.int32),
    )


@allocates_nothing
def find_first(times: Int64, first: int, end: int, moment: int) -> int:
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


@allocates_nothing
def note_versions(events: EventArrays, scratch: Scratch, first: int, end: int) -> bool:
    """Note between which moments the first events are in force; say if any share an incident."""
    latest = ALWAYS
    earliest = NEVER
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


@allocates_nothing
def note_signatures(events: EventArrays, scratch: Scratch, first: int, end: int) -> None:
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


@allocates_nothing
def _meets_value(selectors: SelectorArrays, s: int, value: float) -> bool:
    if not selectors.needs_value[s]:
        return True
    return selectors.value_min[s] <= value <= selectors.value_max[s]


@allocates_nothing
def lay_out(
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
    scratch.open_sum[:] = 0
    scratch.counters[N_INTERVALS] = 0
    # A number instead of clearing: what an earlier layout left open counts as closed.
    scratch.counters[_BUILD] += 1
    moment_end = first
    for i in range(first, end):
        for n in range(n_lists):
            scratch.before[i - first, n] = scratch.length[n]
        # Before the events of the same moment: an interval holds its start and not its end.
        if n_states > 0 and i == moment_end:
            while moment_end < end and events.occurred_at[moment_end] == events.occurred_at[i]:
                moment_end += 1
            _set_states(events, scratch, i, moment_end, known, every_version)
        if not (
            events.measured[i]
            and (
                every_version or is_in_force(events.recorded_at[i], events.superseded_at[i], known)
            )
        ):
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
            # Until an end is recorded a state goes on: silence is no release.
            _add_interval(scratch, state, NEVER)


@allocates_nothing
def _add_interval(scratch: Scratch, state: int, until: int) -> None:
    k = scratch.counters[N_INTERVALS]
    scratch.interval_state[k] = state
    scratch.interval_from[k] = scratch.active_from[state]
    scratch.interval_until[k] = until
    scratch.counters[N_INTERVALS] = k + 1


@allocates_nothing
def _find_state(events: EventArrays, i: int) -> int:
    """Return the state that an event touches, -1 for none; another case's touches none."""
    if events.coded[_VIA][i] >= 0:
        return -1
    return events.state[events.coded[_KIND][i]]


@allocates_nothing
def _find_slot(events: EventArrays, i: int, state: int) -> int:
    """Return the number of an event's pair of state and detail."""
    # One more than there are details, for records that state none.
    return state * (events.n_details + 1) + events.coded[_DETAIL][i] + 1


@allocates_nothing
def _note_edge(events: EventArrays, scratch: Scratch, i: int, state: int, moment: int) -> bool:
    """Note what a record of this moment does to its slot; say whether it ends a state."""
    slot = _find_slot(events, i, state)
    if scratch.slot_moment[slot] != moment:
        scratch.slot_moment[slot] = moment
        scratch.slot_edges[slot] = 0
    before = scratch.slot_edges[slot]
    edge = events.edge[events.coded[_KIND][i]]
    scratch.slot_edges[slot] = before | edge
    change = int(before | edge == _START) - int(before == _START)
    scratch.n_starting[state] += change
    scratch.starting_sum[state] += change * slot
    return bool(edge == _END)


@allocates_nothing
def _end_the_only(events: EventArrays, scratch: Scratch, slot: int, state: int) -> None:
    """Let an end that has nothing of its own detail to end close the state's only open slot, where
    one of the two names no detail.
    """
    build = scratch.counters[_BUILD]
    moment = scratch.counters[_MOMENT]
    if scratch.slot_edges[slot] != _END or scratch.slot_open[slot] == build:
        return
    number = scratch.n_open[state]
    only = scratch.open_sum[state]
    if number == 0:
        number = scratch.n_starting[state]
        only = scratch.starting_sum[state]
    without_detail = state * (events.n_details + 1)
    if number != 1 or (slot != without_detail and only != without_detail):
        return
    if scratch.slot_moment[only] == moment:
        scratch.slot_edges[only] |= _END
    else:
        scratch.ended[state] = only


@allocates_nothing
def _set_slot(scratch: Scratch, slot: int, state: int, at: int, is_open: bool) -> None:
    """Open a slot or close it, and its state with the first or the last of them."""
    scratch.slot_open[slot] = scratch.counters[_BUILD] if is_open else -1
    scratch.n_open[state] += 1 if is_open else -1
    scratch.open_sum[state] += slot if is_open else -slot
    if is_open and scratch.n_open[state] == 1:
        scratch.active_from[state] = at
    elif not is_open and scratch.n_open[state] == 0:
        _add_interval(scratch, state, at)


@allocates_nothing
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
    scratch.n_starting[:] = 0
    scratch.starting_sum[:] = 0
    any_end = False
    for i in range(first, end):
        state = _find_state(events, i)
        if state < 0 or not events.measured[i]:
            continue
        if not (
            every_version or is_in_force(events.recorded_at[i], events.superseded_at[i], known)
        ):
            continue
        any_end = _note_edge(events, scratch, i, state, moment) or any_end
    if any_end and events.pairs_loose_ends:
        for i in range(first, end):
            state = _find_state(events, i)
            if state >= 0 and scratch.slot_moment[_find_slot(events, i, state)] == moment:
                _end_the_only(events, scratch, _find_slot(events, i, state), state)
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
        if now_open != was_open:
            _set_slot(scratch, slot, state, events.occurred_at[i], now_open)
        if scratch.ended[state] >= 0:
            _set_slot(scratch, scratch.ended[state], state, events.occurred_at[i], False)
            scratch.ended[state] = -1
