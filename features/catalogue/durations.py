"""Lengths of time as catalogues write them."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator

_HOUR_US: Final = 3_600_000_000
_UNIT_US: Final = {"h": _HOUR_US, "d": 24 * _HOUR_US, "w": 7 * 24 * _HOUR_US}
_DURATION: Final = re.compile(r"([0-9]{1,6})\s?(h|d|w)")
_MONTHS: Final = re.compile(r"([0-9]{1,3})\s?months?")


def parse_duration(text: object) -> int:
    """Read a duration such as ``28d`` (28 x 24 h), ``36h`` or ``4w``, or one of nothing.

    Returns
    -------
    int
        Microseconds.

    Raises
    ------
    ValueError
        If it is not a whole number followed by h, d or w.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("write a whole number followed by h, d or w, such as 28d")
    return int(match[1]) * _UNIT_US[match[2]]


def parse_window(text: object) -> int:
    """Read a duration in which something can happen.

    Raises
    ------
    ValueError
        If it is no duration, or zero.
    """
    length_us = parse_duration(text)
    if length_us == 0:
        raise ValueError("a length of zero holds nothing; write one of at least 1h")
    return length_us


def parse_horizon(text: object) -> dict[str, int]:
    """Read an outcome's horizon: ``180d``, or ``24 months`` of the calendar.

    Returns
    -------
    dict[str, int]
        The number of ``days`` or of ``months``.

    Raises
    ------
    ValueError
        If it is neither, is zero, or is not whole days.
    """
    months = _MONTHS.fullmatch(text) if isinstance(text, str) else None
    if months is not None and int(months[1]):
        return {"months": int(months[1])}
    length_us = 0 if months is not None else parse_duration(text)
    if length_us == 0 or length_us % _UNIT_US["d"]:
        raise ValueError("write a horizon in whole days, at least one, such as 180d")
    return {"days": length_us // _UNIT_US["d"]}


Duration = Annotated[int, BeforeValidator(parse_duration)]
Window = Annotated[int, BeforeValidator(parse_window)]
