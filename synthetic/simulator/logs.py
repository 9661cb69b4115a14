"""What the process writes down while it runs: recorded acts, marks, and a tally of outcomes."""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

ACT: Final = np.dtype(
    [
        ("case", np.int64),
        ("number", np.int64),
        ("day", np.float64),
        ("recorded", np.float64),
        ("corrected", np.float64),
        ("moved", np.float64),
        ("retracted", np.float64),
        ("severity", np.float64),
        ("act", np.int16),
        ("named", np.int16),
        ("channel", np.int16),
        ("order_kind", np.int16),
        ("on_bail", np.bool_),
        ("by_proxy", np.bool_),
        ("by_unknown", np.bool_),
        ("is_anchor", np.bool_),
        ("before_referral", np.bool_),
        ("from_health", np.bool_),
        ("agency_only", np.bool_),
        ("breach_recorded", np.bool_),
    ],
    align=True,
)
"""An act that came to be recorded.

``number`` counts the case's acts; ``act`` is what happened and ``named`` what it was recorded as,
both positions in the acts; ``corrected`` and ``retracted`` are days (infinity: never) and ``moved``
by how many days the correction puts it earlier; ``order_kind`` is -1 under no order.
"""
MARK: Final = np.dtype(
    [
        ("case", np.int64),
        ("kind", np.int64),
        ("day", np.float64),
        ("until", np.float64),
        ("detail", np.int64),
    ],
    align=True,
)
"""Something done, or an unsettling event; ``kind`` is a position in ``MARK_KINDS``."""
MARK_KINDS: Final = (
    "trigger",
    "arrest",
    "charge",
    "conviction",
    "nfa",
    "order",
    "bail",
    "custody",
    "managed",
)
TRIGGER, ARREST, CHARGE, CONVICTION, NFA, ORDER, BAIL, CUSTODY, MANAGED = range(len(MARK_KINDS))
REMAND, SENTENCE = 0, 1

TALLY: Final = np.dtype(
    [
        ("start", np.float64),
        ("end", np.float64),
        ("known_by", np.float64),
        ("recorded", np.int64),
        ("happened", np.int64),
    ],
    align=True,
)
"""Which outcomes there were in ``[start, end)``, one bit each; ``known_by`` is the day before which
a record must have been made to count."""
OUTCOMES: Final = ("persistence", "breach", "violence", "serious_harm")
PERSISTENCE, BREACH, VIOLENCE, SERIOUS_HARM = 1, 2, 4, 8


class Logs(NamedTuple):
    """Where the process writes.

    ``count`` holds the rows used of ``acts`` and of ``marks``; it goes on past their length, which
    tells that they were too short. ``row`` is where one act is made up; ``tally`` has one row too.
    """

    row: Any
    acts: Any
    marks: Any
    count: Any
    tally: Any


def make_logs(n_acts: int, n_marks: int) -> Logs:
    """Return empty logs of a given length."""
    return Logs(
        np.zeros(1, dtype=ACT),
        np.zeros(n_acts, dtype=ACT),
        np.zeros(n_marks, dtype=MARK),
        np.zeros(2, dtype=np.int64),
        np.zeros(1, dtype=TALLY),
    )


@njit(nogil=True)
def write_mark(case: Any, logs: Any, kind: int, day: float, until: float, detail: int) -> None:
    """Write one mark, if there is room."""
    place = logs.count[1]
    logs.count[1] += 1
    if place >= len(logs.marks):
        return
    mark = logs.marks[place]
    mark.case = case.number
    mark.kind = kind
    mark.day = day
    mark.until = until
    mark.detail = detail


@njit(nogil=True)
def write_act(logs: Any) -> None:
    """Write the act made up in ``row``, if there is room."""
    place = logs.count[0]
    logs.count[0] += 1
    if place < len(logs.acts):
        logs.acts[place] = logs.row[0]


@njit(nogil=True)
def count_recorded(logs: Any, bits: int) -> None:
    """Note the outcomes that the act in ``row`` is a record of, if indicators may use it."""
    act, tally = logs.row[0], logs.tally[0]
    if act.recorded >= tally.known_by or act.retracted < tally.known_by:
        return
    if act.by_unknown or act.from_health or act.agency_only:
        return
    day = act.day
    if act.corrected < tally.known_by:
        day -= act.moved
    if tally.start <= day < tally.end:
        tally.recorded |= bits
