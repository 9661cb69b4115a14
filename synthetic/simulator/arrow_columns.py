"""Arrow columns from numbers and codes, without a Python object for each cell."""

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import EXTRACT_US
from synthetic.simulator.rows import NO_TEXT, Bools, Codes, Floats, Ints

_MINUTE_US: Final = 60_000_000
_MINUTES_A_DAY: Final = 1_440
_MOMENT: Final = pa.timestamp("us", tz="UTC")
_CASE_DIGITS: Final = 7
_NUMBER_DIGITS: Final = 5
_ZERO: Final = ord("0")


def make_keys(
    letter: str, case: Ints, number: Ints | None = None, mask: Bools | None = None
) -> pa.Array:
    """Return identifiers such as ``SYN-E0000012-00034``; null where masked.

    Both numbers are written one higher, so that they begin at 1.
    """
    start = np.frombuffer(f"SYN-{letter}".encode(), dtype=np.uint8)
    parts = [np.broadcast_to(start, (len(case), len(start))), _digits(case + 1, _CASE_DIGITS)]
    if number is not None:
        parts.append(np.full((len(case), 1), ord("-"), dtype=np.uint8))
        parts.append(_digits(number + 1, _NUMBER_DIGITS))
    letters = np.concatenate(parts, axis=1)
    width = letters.shape[1]
    offsets = np.arange(len(case) + 1, dtype=np.int64) * width
    texts = pa.LargeStringArray.from_buffers(
        len(case), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters))
    ).cast(pa.string())
    if mask is None:
        return texts
    return pa.compute.if_else(pa.array(~mask), texts, pa.scalar(None, pa.string()))


def make_texts(codes: Codes, words: pa.Array) -> pa.Array:
    """Return words for codes; null where there is no text."""
    indices = pa.array(codes, pa.int16(), mask=codes == NO_TEXT)
    return pa.DictionaryArray.from_arrays(indices, words).cast(pa.string())


def to_microseconds(days: Floats) -> Ints:
    """Return days before the extract as microseconds UTC, to the minute."""
    minutes: Ints = np.floor(days * _MINUTES_A_DAY).astype(np.int64)
    return EXTRACT_US + minutes * _MINUTE_US


def make_moments(moments_us: Ints, mask: Bools | None = None) -> pa.Array:
    """Return microseconds UTC as moments; null where masked."""
    return pa.array(moments_us, _MOMENT, mask=mask)


def find_whole_days(moments_us: Ints) -> tuple[Ints, Ints]:
    """Return the first and the last microsecond of the unit's day that holds each moment."""
    local = pd.to_datetime(moments_us, unit="us", utc=True).tz_convert(set_by.TIME_ZONE)
    starts = local.normalize()
    ends = (starts + pd.DateOffset(days=1)).as_unit("us").asi8 - 1
    return np.asarray(starts.as_unit("us").asi8), np.asarray(ends)


def make_dates(days: Floats) -> pa.Array:
    """Return days before the extract as dates of the unit's zone; null where NaN."""
    mask = np.isnan(days)
    moments_us = to_microseconds(np.where(mask, 0.0, days))
    local = pd.to_datetime(moments_us, unit="us", utc=True).tz_convert(set_by.TIME_ZONE)
    date = local.tz_localize(None).normalize().to_numpy().astype("datetime64[D]")
    texts = pa.array(date).cast(pa.string())
    return pa.compute.if_else(pa.array(~mask), texts, pa.scalar(None, pa.string()))


def _digits(numbers: Ints, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Return the decimal digits of numbers as letters, shape ``(n, width)``."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    digits = numbers[:, None] // powers % 10
    return (digits + _ZERO).astype(np.uint8)
