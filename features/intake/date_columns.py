"""Columns of dates and times to microseconds UTC (design section 4).

Whatever a column holds, each cell is first a time on the wall clock or a moment, and only then, all
rows alike, put into the unit's time zone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.compiled.cache import kernels
from features.compiled.dates import ABSOLUTE, DATE, EMPTY, LOCAL, OTHER
from features.compiled.texts import point_texts
from features.contract.arrays import Bools, Int64
from features.contract.moments import UNREADABLE, find_zone, parse_moment
from features.contract.zones import Edge, find_offsets

DAY_US: Final = 86_400_000_000
_PLAIN_FIRST_US: Final = -5_364_662_400_000_000
_PLAIN_LAST_US: Final = 13_569_465_600_000_000
"""1800-01-01 and 2400-01-01: what lies outside is read cell by cell, and is no plausible date."""


@dataclass(frozen=True)
class Moments:
    """A column of moments.

    Parameters
    ----------
    us
        Shape ``(n,)``, microseconds UTC; ``UNREADABLE`` where a cell is no moment or is empty.
    empty
        Which cells are empty, shape ``(n,)``.
    n_skipped
        How many local times the clock skipped in spring; they are read one hour on.
    midnights
        Which cells are times at midnight by the wall clock, without an offset, shape ``(n,)``, if
        no cell of the column is a time of another kind; ``None`` otherwise. A tool that knows no
        dates writes a date so.
    """

    us: Int64
    empty: Bools
    n_skipped: int
    midnights: Bools | None


@dataclass(frozen=True)
class _Written:
    """Cells as they are written: microseconds by the wall clock or UTC, as ``form`` says."""

    us: Int64
    form: npt.NDArray[np.int8]
    texts: pa.Array | None = None


def read_moments(column: pa.Array, time_zone: str, edge: Edge) -> Moments:
    """Read a column of moments.

    Parameters
    ----------
    column
        Dates, timestamps with or without a zone, or text (large_string) without blanks around it:
        ISO 8601 dates or times, with or without an offset.
    time_zone
        Zone of dates and of times without an offset.
    edge
        Which microsecond of its day a date alone stands for, and which of two moments is meant by
        a time that the clock shows twice.

    Returns
    -------
    Moments
        In the order of ``column``.
    """
    zone = find_zone(time_zone)
    written = _read_typed(column) if not pa.types.is_large_string(column.type) else _read(column)
    us, form = written.us, written.form
    found = np.where(form == ABSOLUTE, us, UNREADABLE)
    skipped = 0
    local = (form == LOCAL) | (form == DATE)
    if local.any():
        days, times = form == DATE, form == LOCAL
        offsets = find_offsets(zone, int(us[local].min()), int(us[local].max()) + DAY_US)
        found[times], jumped = offsets.to_utc(us[times], edge)
        skipped = int(jumped.sum())
        # The last microsecond of a day is the one before the next day's first.
        ahead = DAY_US if edge == "last" else 0
        found[days] = offsets.to_utc(us[days] + ahead, "first")[0] - (1 if edge == "last" else 0)
    midnights = (form == LOCAL) & (us % DAY_US == 0)
    for place in np.flatnonzero(form == OTHER).tolist():
        text = "" if written.texts is None else written.texts[place].as_py()
        found[place], jumped_one = parse_moment(text, zone, edge)
        skipped += jumped_one
    times_only = not ((form == LOCAL) & ~midnights).any() and not (form >= ABSOLUTE).any()
    return Moments(found, form == EMPTY, skipped, midnights if times_only else None)


def _read(column: pa.Array) -> _Written:
    texts = column.fill_null("") if column.null_count else column
    us = np.zeros(len(column), dtype=np.int64)
    form = np.zeros(len(column), dtype=np.int8)
    kernels().read_iso_dates(point_texts(texts), us, form)
    return _Written(us, form, texts)


def _read_typed(column: pa.Array) -> _Written:
    """Return dates and timestamps; finer than a microsecond is cut off, towards the past."""
    kind = column.type
    size = len(column)
    if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        return _Written(np.zeros(size, np.int64), np.where(column.is_null(), EMPTY, OTHER))
    if pa.types.is_date(kind):
        form, us = DATE, column.cast(pa.date32()).cast(pa.int32()).fill_null(0).to_numpy()
        us = us.astype(np.int64) * DAY_US
    else:
        form, us = (LOCAL if kind.tz is None else ABSOLUTE), _to_microseconds(column)
    missing = column.is_null().to_numpy(zero_copy_only=False)
    forms = np.where(missing, EMPTY, form).astype(np.int8)
    # Beyond these years neither the calendar of a zone nor the record makes sense.
    forms[((us < _PLAIN_FIRST_US) | (us > _PLAIN_LAST_US)) & ~missing] = OTHER
    return _Written(np.where(missing, 0, us), forms)


def _to_microseconds(column: pa.Array) -> Int64:
    units = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}
    numbers = column.cast(pa.int64()).fill_null(0).to_numpy()
    if column.type.unit == "ns":
        return np.asarray(numbers // 1_000, dtype=np.int64)
    factor = units[column.type.unit]
    far = np.abs(numbers) > _PLAIN_LAST_US // factor
    us: Int64 = np.where(far, _PLAIN_LAST_US + 1, numbers * np.where(far, 0, factor))
    return us


def read_as_days(us: Int64, midnights: Bools, time_zone: str) -> Int64:
    """Return moments with those at midnight moved to the last microsecond of their day.

    Parameters
    ----------
    us
        Shape ``(n,)``, microseconds UTC.
    midnights
        Which of them are midnights that stand for the whole day, shape ``(n,)``.
    time_zone
        Zone of the days.

    Returns
    -------
    Int64
        Shape ``(n,)``, microseconds UTC; the others as they are.
    """
    found = us.copy()
    some = us[midnights]
    if len(some):
        offsets = find_offsets(find_zone(time_zone), int(some.min()), int(some.max()) + DAY_US)
        found[midnights] = offsets.to_utc(offsets.to_local(some) + DAY_US, "first")[0] - 1
    return found


__all__ = ["DAY_US", "Moments", "read_as_days", "read_moments"]
