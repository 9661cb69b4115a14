"""How much is on record about cases at their moments."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from features.contract.arrays import Bools, Int64
from features.history.columns import Events, Facts, History
from features.history.in_force import in_force

_ROWS_AT_ONCE: Final = 4_000_000


def count_known_records(history: History, case: Int64, as_of_us: Int64) -> Int64:
    """Return how many events and facts of each case were known at its moment, shape ``(n,)``.

    Parameters
    ----------
    case, as_of_us
        Shape ``(n,)``: numbers of the cases and their moments, microseconds UTC. Counted is what
        was in force by what was recorded strictly before and, for events, occurred strictly before,
        and may enter an indicator.

    Returns
    -------
    Int64
        Shape ``(n,)``.
    """
    found = np.zeros(len(case), dtype=np.int64)
    events, facts = history.events, history.facts
    for rows, record in _spread(events.pointer, case):
        known = _is_known(events, record, as_of_us[rows])
        known &= events.occurred_at[record] < as_of_us[rows]
        known &= events.measured[record]
        found += np.bincount(rows[known], minlength=len(case))
    for rows, record in _spread(facts.pointer, case):
        known = _is_known(facts, record, as_of_us[rows])
        found += np.bincount(rows[known], minlength=len(case))
    return found


def _is_known(table: Events | Facts, record: Int64, as_of_us: Int64) -> Bools:
    return in_force(table.recorded_at[record], table.superseded_at[record], as_of_us)


def _spread(pointer: Int64, case: Int64) -> Iterator[tuple[Int64, Int64]]:
    """Yield rows and the records of their cases, so many rows at a time as memory should hold."""
    sizes = pointer[case + 1] - pointer[case]
    part = np.cumsum(sizes) // _ROWS_AT_ONCE
    for number in np.unique(part):
        chosen = np.flatnonzero(part == number)
        counts = sizes[chosen]
        rows = np.repeat(chosen, counts)
        first = np.repeat(pointer[case[chosen]] - (np.cumsum(counts) - counts), counts)
        yield rows, first + np.arange(len(rows))
