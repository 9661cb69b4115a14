"""Wall clocks of a time zone in columns: local time to UTC, with the hours that the clock repeats
or skips (design section 4).

A time that the clock shows twice is the earlier one where it says when something happened and the
later one where it says when it was recorded. A time that the clock skipped is read as if the clock
had not been put forward yet. Both are a matter of the row, never of its column.
"""

import datetime as dt
import functools
from dataclasses import dataclass
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np

from features.contract.arrays import Bools, Int64

Edge = Literal["first", "last"]
_DAY_US: Final = 86_400_000_000
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_SECOND_US: Final = 1_000_000


@dataclass(frozen=True)
class Offsets:
    """How far a zone's clocks lie ahead of UTC, in some span of years.

    Parameters
    ----------
    changes_us
        Moments at which the offset changes, microseconds UTC, shape ``(n,)``, sorted.
    offsets_us
        Offset before the first change and after each, microseconds, shape ``(n + 1,)``.
    """

    changes_us: Int64
    offsets_us: Int64

    def to_utc(self, local_us: Int64, edge: Edge) -> tuple[Int64, Bools]:
        """Return moments of local times, and which of them the clock skipped.

        Parameters
        ----------
        local_us
            Microseconds on the wall clock since 1970-01-01T00:00, shape ``(n,)``.
        edge
            ``first``: of two moments that one local time names the earlier; ``last``: the later.

        Returns
        -------
        tuple
            Microseconds UTC, and whether the clock skips the local time, each of shape ``(n,)``.
        """
        before, after = self.offsets_us[:-1], self.offsets_us[1:]
        # The clock shows a time between the two for neither or for both sides of a change.
        late = np.searchsorted(self.changes_us + np.maximum(before, after), local_us, "right")
        early = np.searchsorted(self.changes_us + np.minimum(before, after), local_us, "right")
        unsure = early > late
        skipped = unsure.copy()
        skipped[unsure] = after[late[unsure]] > before[late[unsure]]
        chosen = late if edge == "first" else np.where(skipped, late, early)
        return local_us - self.offsets_us[chosen], skipped

    def to_local(self, us: Int64) -> Int64:
        """Return what the wall clock shows, microseconds since 1970-01-01T00:00, shape ``(n,)``."""
        places = np.searchsorted(self.changes_us, us, "right")
        local: Int64 = us + self.offsets_us[places]
        return local


def find_offsets(zone: ZoneInfo, first_us: int, last_us: int) -> Offsets:
    """Return a zone's offsets from the year before a moment to the year after another.

    Parameters
    ----------
    zone
        The time zone.
    first_us, last_us
        Microseconds, local or UTC; both inclusive.

    Returns
    -------
    Offsets
        Of these years.
    """
    first, last = ((_EPOCH + us * _MICROSECOND).year for us in (first_us, last_us))
    changes = [change for year in range(first - 1, last + 2) for change in _changes(zone, year)]
    start = _offset_us(zone, _start_us(first - 1))
    offsets = [start, *(_offset_us(zone, change) for change in changes)]
    return Offsets(np.array(changes, dtype=np.int64), np.array(offsets, dtype=np.int64))


def _start_us(year: int) -> int:
    return (dt.datetime(year, 1, 1, tzinfo=dt.UTC) - _EPOCH) // _MICROSECOND


def _offset_us(zone: ZoneInfo, us: int) -> int:
    offset = (_EPOCH + us * _MICROSECOND).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // _MICROSECOND


@functools.cache
def _changes(zone: ZoneInfo, year: int) -> tuple[int, ...]:
    """Return the changes within a year, UTC; no zone has had two within one day."""
    days = range(_start_us(year), _start_us(year + 1), _DAY_US)
    offsets = [_offset_us(zone, day) for day in (*days, days[-1] + _DAY_US)]
    return tuple(
        _find_change(zone, day, offsets[number])
        for number, day in enumerate(days)
        if offsets[number] != offsets[number + 1]
    )


def _find_change(zone: ZoneInfo, day_us: int, before: int) -> int:
    """Return the moment within a day from which on the offset is another one, by halving."""
    low, high = day_us, day_us + _DAY_US
    while high - low > _SECOND_US:
        middle = (low + high) // 2 // _SECOND_US * _SECOND_US
        low, high = (middle, high) if _offset_us(zone, middle) == before else (low, middle)
    return high
