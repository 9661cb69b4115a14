"""Which cases are open at a moment, and which were closed before conduct came to be known."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contract.arrays import MISSING, Bools, Int64
from features.contract.tables import CLOSING_KINDS, OPENING_KINDS, RESERVED_KINDS
from features.history.columns import History
from features.history.in_force import in_force

_MERGED: Final = "merged"
_NEVER_CLOSED: Final = -1


def open_cases(history: History, as_of_us: int) -> Int64:
    """Return the numbers of the cases open at ``as_of_us``, ascending.

    A case is open if it was recorded before ``as_of_us`` and its latest lifecycle event in force
    (opened, reopened, closed, merged; occurred and recorded strictly before) does not close it. Of
    two of one moment, by both clocks, the one that opens counts: no order is on record, and nobody
    drops out. A transfer closes nothing, nor does a record that one agency keeps to itself.
    """
    closed = _find_closings(history, as_of_us) != _NEVER_CLOSED
    known = history.case_recorded_at < as_of_us
    return np.flatnonzero(known & ~closed).astype(np.int64)


def _find_closings(history: History, as_of_us: int) -> Int64:
    """Return the row that closed each case that is closed, -1 for each that is not."""
    events = history.events
    opens, closes = _is_of(history, OPENING_KINDS), _is_of(history, CLOSING_KINDS)
    counts = (
        (opens | closes)
        & (events.via.codes == MISSING)
        & in_force(events.recorded_at, events.superseded_at, as_of_us)
        & (events.occurred_at < as_of_us)
        & (events.measured | opens)
    )
    found = np.flatnonzero(counts)
    case = np.searchsorted(events.pointer, found, side="right") - 1
    order = np.lexsort((opens[found], events.recorded_at[found], events.occurred_at[found], case))
    latest = np.full(len(history), _NEVER_CLOSED, dtype=np.int64)
    # The last assignment is the latest event.
    latest[case[order]] = np.where(closes[found], found, _NEVER_CLOSED)[order]
    return latest


def _is_of(history: History, kinds: Collection[str]) -> Bools:
    """Return which events are of one of some kinds."""
    meant = np.array([*(kind in kinds for kind in history.events.kind.values), False])
    return meant[history.events.kind.codes]


@dataclass(frozen=True)
class KnownSinceClosing:
    """How many cases have conduct recorded since they were closed, and since they were merged."""

    closed: int
    merged: int


def count_known_since_closing(
    history: History, as_of_us: int, work_kinds: Collection[str]
) -> KnownSinceClosing:
    """Return how many closed cases have records that came to be known since.

    They are on no list made from files. The store brings the closed ones back by the same rule; a
    merged case stays closed there too, since its conduct belongs to the case it went into.

    Parameters
    ----------
    history
        The cases.
    as_of_us
        What is known at this moment, exclusive; microseconds UTC.
    work_kinds
        Kinds that are the unit's own work, which are no conduct.

    Returns
    -------
    KnownSinceClosing
        Counts of cases. A record of the closing's own moment counts: which came first is for a
        person to say.
    """
    events = history.events
    closing = _find_closings(history, as_of_us)
    rows = np.flatnonzero(
        events.measured
        & (events.via.codes == MISSING)
        & in_force(events.recorded_at, events.superseded_at, as_of_us)
        & ~_is_of(history, {*RESERVED_KINDS, *work_kinds})
    )
    case = np.searchsorted(events.pointer, rows, side="right") - 1
    closed_by = closing[case]
    since = (closed_by != _NEVER_CLOSED) & (
        events.recorded_at[rows] >= events.recorded_at[closed_by]
    )
    found = np.unique(closed_by[since])
    n_merged = int(_is_of(history, {_MERGED})[found].sum())
    return KnownSinceClosing(closed=len(found) - n_merged, merged=n_merged)
