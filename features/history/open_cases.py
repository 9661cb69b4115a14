"""Which cases are open at a moment."""

import numpy as np

from features.contract.arrays import MISSING, Int64
from features.contract.tables import CLOSING_KINDS, OPENING_KINDS
from features.history.columns import History
from features.history.in_force import in_force


def open_cases(history: History, as_of_us: int) -> Int64:
    """Return the numbers of the cases open at ``as_of_us``, ascending.

    A case is open if it was recorded before ``as_of_us`` and its latest lifecycle event in force
    (opened, reopened, closed, merged; occurred and recorded strictly before) does not close it. A
    transfer closes nothing, nor does a record that one agency keeps to itself.
    """
    events = history.events
    codes = {kind: code for code, kind in enumerate(events.kind.values)}
    lifecycle = [codes[kind] for kind in (*OPENING_KINDS, *CLOSING_KINDS) if kind in codes]
    closing = [codes[kind] for kind in CLOSING_KINDS if kind in codes]
    counts = (
        np.isin(events.kind.codes, lifecycle)
        & (events.via.codes == MISSING)
        & in_force(events.recorded_at, events.superseded_at, as_of_us)
        & (events.occurred_at < as_of_us)
        & (events.measured | ~np.isin(events.kind.codes, closing))
    )
    found = np.flatnonzero(counts)
    case = np.searchsorted(events.pointer, found, side="right") - 1
    closed = np.zeros(len(history), dtype=np.bool_)
    # Events are in time order within a case, so the last assignment is the latest event.
    closed[case] = np.isin(events.kind.codes[found], closing)
    known = history.case_recorded_at < as_of_us
    return np.flatnonzero(known & ~closed).astype(np.int64)
