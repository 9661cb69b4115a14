"""Dates in other forms than ISO 8601: each cell becomes ISO text, or is not of that form.

A form is never guessed here. A cell fits a form only where it names a day that the calendar has, so
that 31 February fits none and several forms can be tried in the order in which they are stated.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.contract.arrays import Int64

ISO: Final = "iso"
EXCEL_EPOCHS: Final[Mapping[str, dt.date]] = {
    "excel": dt.date(1899, 12, 30),
    "excel-1904": dt.date(1904, 1, 1),
}
"""The day 0 of serial dates, by the calendar of the workbook."""
CODES: Final[Mapping[str, str]] = {
    "%d": r"(?P<day>[0-3]?\d)",
    "%m": r"(?P<month>[01]?\d)",
    "%b": r"(?P<name>[A-Za-z]{3,9})\.?",
    "%B": r"(?P<name>[A-Za-z]{3,9})\.?",
    "%Y": r"(?P<year>\d{4})",
    "%y": r"(?P<short>\d{2})",
    "%H": r"(?P<hour>[01]?\d|2[0-3])",
    "%I": r"(?P<twelve>0?[1-9]|1[0-2])",
    "%p": r"(?P<half>[AaPp])\.?[Mm]\.?",
    "%M": r"(?P<minute>[0-5]\d)",
    "%S": r"(?P<second>[0-5]\d)",
    "%f": r"(?P<fraction>\d{1,6})",
    "%z": r"(?P<zone>[Zz]|[+-]\d{2}:?\d{2})",
    "%a": r"[A-Za-z]{2,9}\.?",
    "%A": r"[A-Za-z]{2,9}\.?",
    "%%": "%",
}
"""What each code of a form stands for, as a regular expression."""
_CODE: Final = re.compile("%.?")
_MONTHS: Final = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH_WORDS: Final = {
    **{name: f"{number:02}" for number, name in enumerate(_MONTHS, 1)},
    **{name[:3]: f"{number:02}" for number, name in enumerate(_MONTHS, 1)},
    "sept": "09",
}
_FIRST_SERIAL: Final = 61
"""Excel counts a 29 February 1900 that never was; days before it are not read."""
_LAST_DAY: Final = dt.date(9999, 12, 31)
_DAY_S: Final = 86_400


@dataclass(frozen=True)
class DateFormat:
    """One form of dates.

    Parameters
    ----------
    form
        ``iso``, ``excel``, ``excel-1904`` or codes such as ``%d/%m/%Y``.
    pivot
        The earliest year that two digits can mean; they mean it or one of the 99 years after it.
    """

    form: str
    pivot: int | None = None

    def read(self, text: pa.LargeStringArray) -> pa.LargeStringArray:
        """Return ISO text, null where a cell is empty or not of this form."""
        if self.form == ISO:
            is_date = pc.match_substring_regex(text, r"^\d{4}-\d{2}-\d{2}(?:[T ].*)?$")
            return pc.if_else(is_date, text, pa.scalar(None, pa.large_string()))
        if self.form in EXCEL_EPOCHS:
            return _read_serials(text, EXCEL_EPOCHS[self.form])
        return self._read_codes(text)

    def _read_codes(self, text: pa.LargeStringArray) -> pa.LargeStringArray:
        found = pc.extract_regex(text, pattern=f"^{to_pattern(self.form)}$")
        part = {name: pc.struct_field(found, name) for name in _names(found)}
        month = _name_months(part["name"]) if "name" in part else _pad(part["month"])
        day = _pad(part["day"])
        date = _check_days(_join(self._year(part), month, day, "-"))
        if not {"hour", "twelve"} & part.keys():
            return date
        return _join(date, _join_time(part), "T")

    def _year(self, part: Mapping[str, pa.Array]) -> pa.Array:
        if "year" in part:
            return part["year"]
        assert self.pivot is not None
        years = [self.pivot + (two - self.pivot) % 100 for two in range(100)]
        return pa.array(map(str, years), pa.large_string()).take(pc.cast(part["short"], pa.int64()))


def read_dates(
    text: pa.LargeStringArray, forms: Sequence[DateFormat]
) -> tuple[pa.LargeStringArray, pa.BooleanArray]:
    """Read dates in the first form that each cell fits.

    Parameters
    ----------
    text
        Shape ``(n,)``, cells; null where empty.
    forms
        Tried in this order.

    Returns
    -------
    pa.LargeStringArray
        ISO text, null where nothing fits.
    pa.BooleanArray
        Which cells hold something that fits no form.
    """
    distinct = pc.dictionary_encode(text)
    words = distinct.dictionary.cast(pa.large_string())
    read = pa.nulls(len(words), pa.large_string())
    for form in forms:
        read = pc.coalesce(read, form.read(words))
    dates = read.take(distinct.indices)
    return dates, pc.and_(pc.is_valid(text), pc.is_null(dates))


def to_pattern(form: str) -> str:
    """Return the regular expression of a form's codes.

    Raises
    ------
    ValueError
        If the form has an unknown code, one twice, or names no whole day.
    """
    codes = _CODE.findall(form)
    unknown = [code for code in codes if code not in CODES]
    if unknown:
        raise ValueError(f"{unknown[0]} is no code of a date; known: {', '.join(CODES)}")
    kinds = ["%b" if code == "%B" else code for code in codes if code not in ("%%", "%a", "%A")]
    several = [{"%m", "%b"}, {"%Y", "%y"}, {"%H", "%I"}]
    twice = len(set(kinds)) < len(kinds) or any(pair <= set(kinds) for pair in several)
    if twice or "%d" not in kinds or not all(pair & set(kinds) for pair in several[:2]):
        raise ValueError(
            "a date has one day, one month and one year, such as %d/%m/%Y; or write iso, excel or "
            "excel-1904"
        )
    if ("%I" in kinds) != ("%p" in kinds) or ("%M" in kinds) != bool(several[2] & set(kinds)):
        raise ValueError("a time is %H:%M, or %I:%M with %p")
    pieces = re.split("(%.|\\s+)", form)
    return "".join(
        CODES.get(piece) or (r"\s+" if piece.isspace() else re.escape(piece)) for piece in pieces
    )


def shift_days(text: pa.LargeStringArray, days: int) -> pa.LargeStringArray:
    """Move dates, and dates with a time, by whole days of the calendar.

    Parameters
    ----------
    text
        ISO text; what is no date stays as it is, and the edge rejects it.
    days
        How far, forward where positive.

    Returns
    -------
    pa.LargeStringArray
        The same cells; a time of day and its offset stay.
    """
    found = pc.extract_regex(text, pattern=r"^(?P<date>\d{4}-\d{2}-\d{2})(?P<rest>(?:[T ].*)?)$")
    days_s = _to_seconds(pc.struct_field(found, "date"))
    moved = pc.strftime(_to_times(days_s, days * _DAY_S), format="%Y-%m-%d")
    moved = _join(
        moved.cast(pa.large_string()), pc.struct_field(found, "rest").cast(pa.large_string()), ""
    )
    return pc.coalesce(moved, text)


def _join(*parts: pa.Array | str) -> pa.Array:
    """Join texts row by row; the last one stands between them."""
    *texts, between = parts
    return pc.binary_join_element_wise(*texts, pa.scalar(between, pa.large_string()))


def _names(found: pa.StructArray) -> list[str]:
    return [field.name for field in found.type]


def _pad(digits: pa.Array) -> pa.Array:
    return pc.utf8_lpad(digits, width=2, padding="0")


def _name_months(words: pa.Array) -> pa.Array:
    known = pa.array(list(_MONTH_WORDS), words.type)
    places = pc.index_in(pc.utf8_lower(words), value_set=known)
    return pa.array(list(_MONTH_WORDS.values()), words.type).take(places)


def _to_seconds(dates: pa.Array) -> pa.Array:
    """Return the midnights of days that the calendar has, null for others."""
    times = pc.strptime(dates, format="%Y-%m-%d", unit="s", error_is_null=True)
    # A parser of the system may roll 31 February over to March: only what comes back is a date.
    same = pc.equal(pc.strftime(times, format="%Y-%m-%d").cast(dates.type), dates)
    return pc.if_else(same, times, pa.scalar(None, times.type))


def _check_days(dates: pa.Array) -> pa.LargeStringArray:
    real = pc.is_valid(_to_seconds(dates))
    return pc.if_else(real, dates, pa.scalar(None, dates.type)).cast(pa.large_string())


def _to_times(times: pa.Array, ahead_s: int) -> pa.Array:
    seconds: Int64 = times.cast(pa.int64()).fill_null(0).to_numpy()
    missing = pc.is_null(times).to_numpy(zero_copy_only=False)
    last = (_LAST_DAY - dt.date(1970, 1, 1)).days * _DAY_S
    moved = np.minimum(seconds + ahead_s, last)
    return pa.array(moved, pa.int64(), mask=missing).cast(pa.timestamp("s"))


def _join_time(part: Mapping[str, pa.Array]) -> pa.Array:
    hour = _pad(part["hour"]) if "hour" in part else _read_twelve(part["twelve"], part["half"])
    time = _join(hour, _pad(part["minute"]), ":")
    if "second" in part:
        time = _join(time, part["second"], ":")
        if "fraction" in part:
            time = _join(time, part["fraction"], ".")
    if "zone" in part:
        time = _join(time, part["zone"], "")
    return time.cast(pa.large_string())


def _read_twelve(hours: pa.Array, halves: pa.Array) -> pa.Array:
    hour = pc.cast(hours, pa.int64())
    noon = pc.multiply(pc.cast(pc.equal(pc.utf8_lower(halves), "p"), pa.int64()), 12)
    # 12am is hour 0 and 12pm is hour 12.
    hour = pc.add(pc.if_else(pc.equal(hour, 12), 0, hour), noon)
    return _pad(pc.cast(hour, hours.type))


def _read_serials(text: pa.LargeStringArray, epoch: dt.date) -> pa.LargeStringArray:
    is_number = pc.match_substring_regex(text, r"^\d{1,7}(?:[.,]\d+)?$")
    plain = pc.replace_substring(text, pattern=",", replacement=".")
    serials = pc.cast(pc.if_else(is_number, plain, None), pa.float64())
    last = (_LAST_DAY - epoch).days + 1
    first = _FIRST_SERIAL if epoch.year < EXCEL_EPOCHS["excel-1904"].year else 0
    fits = pc.and_(pc.greater_equal(serials, first), pc.less(serials, last))
    serials = pc.if_else(fits, serials, None)
    start_s = (epoch - dt.date(1970, 1, 1)).days * _DAY_S
    # A serial holds a time to some milliseconds; nobody records a third of a second.
    seconds = pc.cast(pc.round(pc.multiply(serials, float(_DAY_S))), pa.int64())
    times = pc.add(seconds, start_s).cast(pa.timestamp("s"))
    whole = pc.equal(pc.floor(serials), serials)
    days = pc.strftime(times, format="%Y-%m-%d")
    return pc.if_else(whole, days, pc.strftime(times, format="%Y-%m-%dT%H:%M:%S")).cast(
        pa.large_string()
    )
