"""The example unit's weeks: which day is which, and a clock that stands until somebody moves it."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from features.contract.moments import parse_date, to_datetime

SITTINGS: Final = 5
"""Mondays with a sitting; in the week before the first the unit goes through what it has."""
REFERRED_WITHIN_WEEKS: Final = 14
"""Cases referred so many weeks before today or later are in the store."""
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = range(5)
_MINUTE_US: Final = 60_000_000


class StagedClock:
    """A clock that stands until it is moved, and never goes back.

    Parameters
    ----------
    now_us
        The moment at which it begins, microseconds UTC.
    """

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us

    def __call__(self) -> int:
        """Return the moment, microseconds UTC."""
        return self._now_us

    def go_to(self, moment_us: int) -> None:
        """Go on to a moment; where that has passed, stay."""
        self._now_us = max(self._now_us, moment_us)

    def pass_minutes(self, minutes: float) -> None:
        """Let minutes pass."""
        self._now_us += round(minutes * _MINUTE_US)


@dataclass(frozen=True)
class Weeks:
    """The weeks that the example unit works with the service.

    Parameters
    ----------
    today
        The day on which the example ends, and the last sitting is held.
    time_zone
        IANA name of the zone in which hours are meant.
    """

    today: dt.date
    time_zone: str

    @classmethod
    def until(cls, extract_at_us: int, time_zone: str) -> "Weeks":
        """Return the weeks that end on the day at which the records were drawn."""
        return cls(to_datetime(extract_at_us, time_zone).date(), time_zone)

    def at(self, week: int, weekday: int, time: str = "00:00") -> int:
        """Return a moment of a week, microseconds UTC.

        Parameters
        ----------
        week
            0 for the week before the first sitting, ``SITTINGS`` for today's.
        weekday
            Days after the week's sitting, 0 for its day.
        time
            Such as ``09:15``, in the unit's zone.
        """
        day = self.today + dt.timedelta(days=7 * (week - SITTINGS) + weekday)
        return parse_date(f"{day.isoformat()}T{time}", self.time_zone)

    @property
    def begins_us(self) -> int:
        """When the unit begins to work with the service, microseconds UTC."""
        return self.at(0, MONDAY, "08:00")

    @property
    def learns_until_us(self) -> int:
        """Before when what the model learns from was recorded, microseconds UTC."""
        return self.at(0, MONDAY)

    @property
    def referred_from_us(self) -> int:
        """From when cases were referred that are in the store, microseconds UTC, inclusive."""
        return self.at(SITTINGS - REFERRED_WITHIN_WEEKS, MONDAY)
