"""What time it is: the machine's clock, or one shifted to where a synthetic unit lives."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns now, microseconds UTC."""


def read_clock() -> int:
    """Return now, microseconds UTC."""
    return time.time_ns() // 1_000


def shift_clock(from_us: int, to_us: int) -> Clock:
    """Return a clock that reads ``to_us`` when the machine's reads ``from_us``, and runs with it.

    A synthetic unit's records end at its extract; its service lives from that moment on, through
    restarts as well.
    """
    return lambda: read_clock() - from_us + to_us
