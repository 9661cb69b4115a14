"""Moments: text to microseconds UTC and back, in one time zone's calendar (design section 4).

A date without a time is the first microsecond of its day where it says when something happened, and
the last where it says when it was recorded: the careful reading of each, since a record must not be
used before it could have been known.
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.contract.arrays import Int64
from features.errors import ConfigError

Edge = Literal["first", "last"]
UNREADABLE: Final = int(np.iinfo(np.int64).min)
EARLIEST_US: Final = -946_771_200_000_000
"""1940-01-01 UTC: nothing in a living case happened before, unless a manifest says so."""

_ZONES_WITHOUT_PLACE: Final = ("UTC", "GMT")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT: Final = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[T ](?P<time>\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)"
    r"\s?(?P<offset>Z|z|[+-]\d{2}(?::?\d{2})?)?"
)


@dataclass(frozen=True)
class Moments:
    """Parsed moments.

    Parameters
    ----------
    us
        Shape ``(n,)``, microseconds UTC; ``UNREADABLE`` where the text is no moment or is empty.
    n_shifted
        Local times that the clock skipped in spring; they are read one hour on.
    """

    us: Int64
    n_shifted: int


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
    found, _ = _parse_one(text.strip(), find_zone(time_zone), "first")
    if found == UNREADABLE:
        raise ValueError("write a date such as 2012-01-01")
    return found


def parse_moments(texts: "pd.Series[str]", time_zone: str, edge: Edge) -> Moments:
    """Read a column of moments, each distinct text once.

    Parameters
    ----------
    texts
        ISO 8601 dates or times, with or without offset; missing values stay ``UNREADABLE``.
    time_zone
        Zone of dates and of times without an offset. A time that the clock shows twice is the
        earlier one for ``first`` and the later one for ``last``.
    edge
        Which microsecond of its day a date alone stands for.

    Returns
    -------
    Moments
        In the order of ``texts``.
    """
    codes, distinct = pd.factorize(texts.to_numpy(dtype=object), use_na_sentinel=True)
    zone = find_zone(time_zone)
    parsed = np.full(len(distinct) + 1, UNREADABLE, dtype=np.int64)
    shifted = np.zeros(len(distinct) + 1, dtype=np.bool_)
    for number, text in enumerate(distinct):
        parsed[number], shifted[number] = _parse_one(str(text).strip(), zone, edge)
    return Moments(us=parsed[codes], n_shifted=int(shifted[codes].sum()))


def _parse_one(text: str, zone: ZoneInfo, edge: Edge) -> tuple[int, bool]:
    """Return one moment and whether it lay in an hour that the clock skipped."""
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


def from_timestamps(values: "pd.Series[pd.Timestamp]", time_zone: str, edge: Edge) -> Moments:
    """Read a column of timestamps, those without a zone in ``time_zone``.

    Parameters
    ----------
    values
        Timestamps, with or without a zone; missing values stay ``UNREADABLE``.
    time_zone
        Zone of timestamps without one.
    edge
        As :func:`parse_moments` takes it.

    Returns
    -------
    Moments
        In the order of ``values``.
    """
    missing = values.isna().to_numpy()
    shifted = 0
    if values.dt.tz is None:
        twice: npt.NDArray[np.bool_] = np.full(len(values), edge == "first")
        local = values.dt.tz_localize(time_zone, ambiguous=twice, nonexistent="NaT")
        shifted = int(local.isna().sum() - missing.sum())
        if shifted:
            local = values.dt.tz_localize(
                time_zone, ambiguous=twice, nonexistent=pd.Timedelta(hours=1)
            )
        values = local
    us = values.dt.tz_convert("UTC").dt.as_unit("us").dt.tz_localize(None)
    numbers = us.to_numpy(dtype="datetime64[us]").astype(np.int64)
    return Moments(us=np.where(missing, UNREADABLE, numbers), n_shifted=shifted)
