"""The compiled passes: fill every measure for every query, reading each case's events once.

A query is (case, anchor, cut, known): windows reach back from ``anchor``; events count if they
occurred before ``cut`` and were in force by what was recorded before ``known``. For indicators the
three are the same moment.

Sums run in the order of the events; fast-math is off.
"""

from typing import Final

import numpy as np
from numba import njit

from features.contract.arrays import Float64, Int64
from features.engine.binding import EventArrays, FactColumns
from features.engine.kernel.layout import (
    DAY,
    Scratch,
    allocates_nothing,
    find_first,
    is_in_force,
    lay_out,
    make_scratch,
    note_signatures,
    note_versions,
)
from features.engine.kernel.measures import (
    compare_rates,
    measure_list,
    measure_pair,
    measure_state,
)
from features.engine.plan import FactArrays, Op, OpArrays, SelectorArrays

_SHARE: Final = int(Op.SHARE)
_RATIO: Final = int(Op.RATE_RATIO)
_DAYS_IN_STATE: Final = int(Op.DAYS_IN_STATE)
_BETWEEN: Final = int(Op.TIME_BETWEEN)


@allocates_nothing
def _since_row(events: EventArrays, scratch: Scratch, n: int, hi: int, first: int) -> int:
    """Return the first event of the moment from which a window counts, -1 where there is none."""
    b = scratch.before[hi, n]
    if b == 0:
        return -1
    r = int(scratch.rows[n, b - 1])
    while r > 0 and events.occurred_at[first + r - 1] == events.occurred_at[first + r]:
        r -= 1
    return r


@allocates_nothing
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
        scratch.window_start[w] = find_first(events.occurred_at, first, first + hi, from_us) - first
    n_ops = len(ops.measure)
    for o in range(n_ops):
        measure = ops.measure[o]
        # Two numbers a measure: some mark twice, and no mark may be read by the next one.
        stamp = 2 * (q * n_ops + o)
        start = np.int64(0)
        if ops.window[o] >= 0:
            start = scratch.window_start[ops.window[o]]
        since = np.int64(-1)
        if ops.since[o] >= 0:
            since = _since_row(events, scratch, ops.since[o], hi, first)
            start = max(start, since)
        if measure == _DAYS_IN_STATE:
            value = measure_state(events, ops, windows_us, scratch, o, first, since, anchor, cut)
        elif measure in (_SHARE, _BETWEEN):
            value = measure_pair(events, ops, scratch, o, first, start, hi, stamp)
        elif measure == _RATIO:
            value = compare_rates(
                events, ops, windows_us, scratch, o, first, start, hi, since, stamp
            )
        else:
            value = measure_list(events, ops, scratch, o, first, start, hi, anchor, shared, stamp)
        output[row, ops.column[o]] = value


@allocates_nothing
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
    scratch = make_scratch(
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
            # What happened after the last of its moments counts at none of them.
            end = find_first(events.occurred_at, first, events.pointer[case + 1], latest_cut)
            shared = note_versions(events, scratch, first, end)
            note_signatures(events, scratch, first, end)
            laid_out = False
        cut = query_cut[q]
        known = query_known[q]
        hi = find_first(events.occurred_at, first, end, cut) - first
        every_version = scratch.known_from[hi] < known and scratch.known_until[hi] >= known
        if not (every_version and laid_out):
            # Where all versions are in force, one layout of all events serves the case's other
            # moments too.
            until = end if every_version else first + hi
            lay_out(events, selectors, scratch, first, until, known, every_version)
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
                in_force = is_in_force(facts.recorded_at[i], facts.superseded_at[i], known)
                if in_force and facts.name[i] == facts.code[wanted.fact[w]]:
                    if facts.asked[i]:
                        asked = 1.0
                        answer = facts.answers[wanted.fact[w], facts.value[i]]
                        if wanted.is_date[w]:
                            answer = (query_anchor[q] - answer) / DAY
                    break
            output[query_row[q], wanted.column[w]] = answer
            if wanted.asked_column[w] >= 0:
                output[query_row[q], wanted.asked_column[w]] = asked
