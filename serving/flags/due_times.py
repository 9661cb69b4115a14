"""Until when an urgent flag is to be acknowledged: the clock runs from when the unit knew.

A record that came late is late: an import does not make it fresh. A record that the unit had known
for more than ``OLD_RECORD_DAYS`` when its flag was raised is history that was loaded: its flag is
not left out, and is due for a named reader within ``OLD_READ_DAYS`` of coming.
"""

from typing import Final

from sqlalchemy import ColumnElement

from features.catalogue.declarations import DAY_US
from serving.store.schema import flag_raisings

OLD_RECORD_DAYS: Final = 90
"""Known for longer than this when its flag is raised, a record is old; a stated policy."""
OLD_READ_DAYS: Final = 7
"""Days within which a named reader reads the flag of an old record; a stated policy."""
_MINUTE_US: Final = 60_000_000
_SURELY_OLD_US: Final = (OLD_READ_DAYS - 1) * DAY_US
"""No flag of a record that is not old is due so long after it was raised: settings allow a day."""


def find_due(known_at_us: int | None, now_us: int, minutes: int) -> int:
    """Return until when an urgent flag is to be acknowledged, microseconds UTC.

    Parameters
    ----------
    known_at_us
        When the unit came to know of the flag's record, microseconds UTC; ``None`` where the flag
        has none: then the clock runs from now.
    now_us
        The moment at which the flag is raised.
    minutes
        Time within which the duty role acknowledges it.
    """
    known_us = now_us if known_at_us is None else min(known_at_us, now_us)
    if now_us - known_us > OLD_RECORD_DAYS * DAY_US:
        return now_us + OLD_READ_DAYS * DAY_US
    return known_us + minutes * _MINUTE_US


def is_of_old_record() -> ColumnElement[bool]:
    """Return the condition that a raising is of a record that was old when it came."""
    return flag_raisings.c.due_at_us - flag_raisings.c.raised_at_us > _SURELY_OLD_US


def was_old(raised_at_us: int, due_at_us: int) -> bool:
    """Return whether a raising is of a record that was old when it came, by its two moments."""
    return due_at_us - raised_at_us > _SURELY_OLD_US
