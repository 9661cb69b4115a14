"""Moments: text to microseconds UTC and back, in one time zone's calendar (design section 4).

A date without a time is the first microsecond of its day where it says when something happened, and
the last where it says when it was recorded: the careful reading of each, since a record must not be
used before it could have been known.
"""

import datetime as dt
import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from features.contract.zones import Edge
from features.errors import ConfigError

UNREADABLE: Final = -(2**63)
EARLIEST_US: Final = -946_771_200_000_000
"""1940-01-01 UTC: nothing in a living case happened before, unless a manifest says so."""
LATEST_AHEAD_US: Final = 20 * 366 * 86_400_000_000
"""How far ahead of its record a date may lie: as far as a long sentence."""

_ZONES_WITHOUT_PLACE: Final = ("UTC", "GMT")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT: Final = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[T ](?P<time>\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)"
    r"\s?(?P<offset>Z|z|[+-]\d{2}(?::?\d{2})?)?"
)


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises
    ------
    ConfigError
        If there is no such zone, or the name means the machine's own, which may be another one
        elsewhere (promise 7).
    """
    try:
        zone = ZoneInfo(name)
        if "/" not in name and name not in _ZONES_WITHOUT_PLACE:
            raise ValueError("not a place")
        return zone
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise ConfigError("time_zone is no IANA name; write one such as Europe/London") from None


def parse_date(text: str, time_zone: str) -> int:
    """Read a DATE (00:00 in ``time_zone``) or a moment with or without an offset.

    Returns
    -------
    int
        Microseconds UTC.

    Raises
    ------
    ValueError
        If the text is neither.
    """
    found, _ = parse_moment(text.strip(), find_zone(time_zone), "first")
    if found == UNREADABLE:
        raise ValueError("write a date such as 2012-01-01")
    return found


def parse_moment(text: str, zone: ZoneInfo, edge: Edge) -> tuple[int, bool]:
    """Read one date or time, however ISO 8601 permits to write it.

    Parameters
    ----------
    text
        Without blanks around it.
    zone
        Zone of dates and of times without an offset. A time that the clock shows twice is the
        earlier one for ``first`` and the later one for ``last``.
    edge
        Which microsecond of its day a date alone stands for.

    Returns
    -------
    tuple
        Microseconds UTC, ``UNREADABLE`` for what is no moment, and whether it lay in an hour that
        the clock skipped; it is read an hour on.
    """
    try:
        if _DATE.fullmatch(text):
            return _edge_of_day(dt.date.fromisoformat(text), zone, edge), False
        found = _MOMENT.fullmatch(text)
        if found is None:
            return UNREADABLE, False
        time = found["time"].replace(",", ".")
        # Cut, not rounded, to the microsecond: no moment moves past one that it came before.
        local = dt.datetime.fromisoformat(f"{found['date']}T{time[:15]}")
        if found["offset"]:
            return _to_us(local.replace(tzinfo=_read_offset(found["offset"]))), False
        return _localise(local, zone, edge)
    except (ValueError, OverflowError):
        return UNREADABLE, False


def _read_offset(text: str) -> dt.tzinfo:
    if text in "Zz":
        return dt.UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    length = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return dt.timezone(-length if text[0] == "-" else length)


def _edge_of_day(day: dt.date, zone: ZoneInfo, edge: Edge) -> int:
    if edge == "last":
        # By the start of the next day, since two days a year are not of 24 hours.
        return _edge_of_day(day + dt.timedelta(days=1), zone, "first") - 1
    return _localise(dt.datetime.combine(day, dt.time()), zone, "first")[0]


def _localise(local: dt.datetime, zone: ZoneInfo, edge: Edge) -> tuple[int, bool]:
    # Of an hour that comes twice: the first for what happened, the last for what was known.
    aware = local.replace(tzinfo=zone, fold=0 if edge == "first" else 1)
    skipped = aware.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None) != local
    if skipped:
        # The clock skipped this hour: read as if it had not been changed yet.
        aware = local.replace(tzinfo=zone, fold=0)
    return _to_us(aware), skipped


def _to_us(moment: dt.datetime) -> int:
    return (moment.astimezone(dt.UTC) - _EPOCH) // _MICROSECOND


def to_datetime(us: int, time_zone: str) -> dt.datetime:
    """Return a moment as an aware datetime in ``time_zone``."""
    return (_EPOCH + us * _MICROSECOND).astimezone(find_zone(time_zone))


def format_moment(us: int, time_zone: str) -> str:
    """Return a moment in ``time_zone``: a date alone where it is midnight there, else to the
    minute, or the second or microsecond where it has them, with the offset.
    """
    moment = to_datetime(us, time_zone)
    if moment.time() == dt.time():
        return moment.date().isoformat()
    if moment.microsecond:
        return moment.isoformat(sep=" ")
    return moment.isoformat(sep=" ", timespec="seconds" if moment.second else "minutes")
