"""Figures of a run as they are told: shares as counts out of a hundred, and what is not known."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from models.run_figures.ranking import Interval

NOTHING: Final = "too few to tell"
_MANY: Final = 10


def to_hundred(share: float | None) -> float | None:
    """Return a share (0 to 1) as a number out of a hundred; nothing of nothing."""
    return None if share is None else 100 * share


def read_ends(interval: Interval | None) -> tuple[float | None, float | None]:
    """Return the ends of an interval of a share, out of a hundred."""
    low, high = interval or (None, None)
    return to_hundred(low), to_hundred(high)


def write_share(share: float) -> str:
    """Return a share as a count out of a hundred; small ones with one decimal."""
    of_hundred = round(100 * share, 1)
    return f"{of_hundred:.0f}" if of_hundred >= 1 or share == 0 else f"{of_hundred:.1f}"


def format_share(share: float | None) -> str:
    """Return a share out of a hundred, or that it cannot be told."""
    return NOTHING if share is None else write_share(share)


def format_interval(interval: Interval | None) -> str:
    """Return an interval of a share in brackets; empty where there is none."""
    return f" ({write_share(interval[0])} to {write_share(interval[1])})" if interval else ""


def format_with_interval(share: float | None, interval: Interval | None) -> str:
    """Return a share with its interval, or that it cannot be told."""
    return NOTHING if share is None else f"{write_share(share)}{format_interval(interval)}"


def format_count(count: float | None) -> str:
    """Return a count, or that it cannot be told."""
    return NOTHING if count is None else f"{count:,.0f}"


def read_day(text: str) -> str:
    """Return the day of a date or moment; empty where the text is neither."""
    try:
        return dt.date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return ""


def format_needed(share: float | None, interval: Interval | None) -> str:
    """Return how many cases are looked at to find one, from the share of places that find one."""
    if share is None:
        return NOTHING
    if share <= 0:
        return "none found"
    told = write_needed(share)
    if interval is None:
        return told
    low, high = interval
    least = write_needed(high)
    return f"{told} ({least} or more)" if low <= 0 else f"{told} ({least} to {write_needed(low)})"


def write_needed(share: float) -> str:
    """Return the reciprocal of a share above 0; with one decimal where it is below ten."""
    needed = 1 / share
    return f"{needed:.1f}" if needed < _MANY else f"{needed:,.0f}"


def join_words(words: Sequence[str]) -> str:
    """Return words as a list within a sentence: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
