"""Compiled: dates and times as ISO 8601 writes them most often, read where the text lies.

What is written in any other way is left to :mod:`features.contract.moments`, which has the rule;
here are only those forms in which nothing has to be guessed.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from features.compiled.texts import Bytes, Texts, allocates_nothing
from features.contract.arrays import Int64

Forms = npt.NDArray[np.int8]

EMPTY: Final = 0
DATE: Final = 1
LOCAL: Final = 2
ABSOLUTE: Final = 3
OTHER: Final = 4
"""An empty cell, a date, a time without an offset, a time with one, and anything else."""

_DATE_LENGTH: Final = 10
_MINUTE_LENGTH: Final = 16
_SECOND_US: Final = 1_000_000
_MINUTE_US: Final = 60 * _SECOND_US
_DAY_US: Final = 1_440 * _MINUTE_US
_FIRST_YEAR: Final = 1800
_LAST_YEAR: Final = 2400
_ZERO: Final = 48
_NOT_A_NUMBER: Final = -1


@allocates_nothing
def _digits(data: Bytes, at: int, n: int) -> int:
    found = 0
    for i in range(at, at + n):
        digit = data[i] - _ZERO
        if data[i] < _ZERO or digit > 9:
            return _NOT_A_NUMBER
        found = found * 10 + digit
    return found


@allocates_nothing
def _days_of_month(year: int, month: int) -> int:
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


@allocates_nothing
def _day_number(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01 (Howard Hinnant, days_from_civil)."""
    y = year - 1 if month <= 2 else year
    era = y // 400
    of_era = y - era * 400
    shifted = month - 3 if month > 2 else month + 9
    of_year = (153 * shifted + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@allocates_nothing
def _read_day(data: Bytes, at: int) -> int:
    """Return midnight of a date in microseconds, 1 for what is no date."""
    year = _digits(data, at, 4)
    month = _digits(data, at + 5, 2)
    day = _digits(data, at + 8, 2)
    if data[at + 4] != 45 or data[at + 7] != 45 or not _FIRST_YEAR <= year <= _LAST_YEAR:
        return 1
    if not 1 <= month <= 12 or not 1 <= day <= _days_of_month(year, month):
        return 1
    return _day_number(year, month, day) * _DAY_US


@allocates_nothing
def _read_fraction(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the microseconds of a fraction, finer ones cut off, and where it ends."""
    us = 0
    n = 0
    while at < end and _ZERO <= data[at] <= _ZERO + 9:
        if n < 6:
            us = us * 10 + (data[at] - _ZERO)
        n += 1
        at += 1
    for _ in range(n, 6):
        us *= 10
    return (us, at) if 1 <= n <= 9 else (_NOT_A_NUMBER, at)


@allocates_nothing
def _read_offset(data: Bytes, at: int, end: int) -> int:
    """Return the microseconds that a zone lies ahead of UTC, 1 for what is no offset."""
    if end - at == 1 and (data[at] == 90 or data[at] == 122):
        return 0
    if end - at != 6 or data[at + 3] != 58 or (data[at] != 43 and data[at] != 45):
        return 1
    hours = _digits(data, at + 1, 2)
    minutes = _digits(data, at + 4, 2)
    if not 0 <= hours <= 23 or not 0 <= minutes <= 59:
        return 1
    us = (hours * 60 + minutes) * _MINUTE_US
    return -us if data[at] == 45 else us


@allocates_nothing
def _read_time(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the microseconds since midnight of a time from ``at`` on, and where it ends."""
    hour = _digits(data, at, 2)
    minute = _digits(data, at + 3, 2)
    if data[at + 2] != 58 or not 0 <= hour <= 23 or not 0 <= minute <= 59:
        return _NOT_A_NUMBER, at
    us = (hour * 60 + minute) * _MINUTE_US
    at += 5
    if end - at < 3 or data[at] != 58:
        return us, at
    second = _digits(data, at + 1, 2)
    if not 0 <= second <= 59:
        return _NOT_A_NUMBER, at
    us += second * _SECOND_US
    at += 3
    if at < end and (data[at] == 46 or data[at] == 44):
        fraction, at = _read_fraction(data, at + 1, end)
        if fraction == _NOT_A_NUMBER:
            return _NOT_A_NUMBER, at
        us += fraction
    return us, at


@allocates_nothing
def _read_one(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the microseconds and the form of one text."""
    if at == end:
        return 0, EMPTY
    if end - at < _DATE_LENGTH:
        return 0, OTHER
    day = _read_day(data, at)
    if day == 1:
        return 0, OTHER
    if end - at == _DATE_LENGTH:
        return day, DATE
    parted = data[at + _DATE_LENGTH]
    if end - at < _MINUTE_LENGTH or (parted != 84 and parted != 32):
        return 0, OTHER
    time, rest = _read_time(data, at + _DATE_LENGTH + 1, end)
    if time == _NOT_A_NUMBER:
        return 0, OTHER
    if rest == end:
        return day + time, LOCAL
    offset = _read_offset(data, rest, end)
    if offset == 1:
        return 0, OTHER
    return day + time - offset, ABSOLUTE


@njit(nogil=True)
def read_iso_dates(texts: Texts, us: Int64, form: Forms) -> None:
    """Read a column of dates and times.

    Parameters
    ----------
    texts
        The column, without blanks around its cells.
    us
        Filled with microseconds: UTC where ``form`` is ``ABSOLUTE``, by the clock on the wall
        where it is ``DATE`` (midnight) or ``LOCAL``, 0 elsewhere.
    form
        Filled with how each cell is written.
    """
    for i in range(len(texts.start) - 1):
        us[i], form[i] = _read_one(texts.data, texts.start[i], texts.start[i + 1])
