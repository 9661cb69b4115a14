"""Lengths of time as catalogues write them."""

import re
from typing import Final

from features.catalogue.declarations import DAY_US, Horizon

_UNIT_US: Final = {"h": DAY_US // 24, "d": DAY_US, "w": 7 * DAY_US}
_DURATION: Final = re.compile(r"([0-9]{1,6})\s?(h|d|w)")
_MONTHS: Final = re.compile(r"([0-9]{1,3})\s?months?")


def parse_duration(text: object, *, zero_allowed: bool = False) -> int:
    """Read a duration such as ``28d`` (28 x 24 h), ``36h`` or ``4w``.

    Parameters
    ----------
    text
        What the catalogue says.
    zero_allowed
        Whether a length of nothing makes sense here.

    Returns
    -------
    int
        Microseconds.

    Raises
    ------
    ValueError
        If it is not a whole number followed by h, d or w, or is zero where that makes no sense.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("write a whole number followed by h, d or w, such as 28d")
    length_us = int(match[1]) * _UNIT_US[match[2]]
    if length_us == 0 and not zero_allowed:
        raise ValueError("a length of zero holds nothing; write one of at least 1h")
    return length_us


def parse_horizon(text: object) -> Horizon:
    """Read an outcome's horizon: ``180d``, or ``24 months`` of the calendar.

    Raises
    ------
    ValueError
        If it is neither, is zero, or is not whole days.
    """
    months = _MONTHS.fullmatch(text) if isinstance(text, str) else None
    if months is not None:
        if int(months[1]) == 0:
            raise ValueError("a horizon of zero holds nothing; write one of at least 1d")
        return Horizon(months=int(months[1]))
    length_us = parse_duration(text)
    if length_us % DAY_US:
        raise ValueError("write a horizon in whole days, such as 180d")
    return Horizon(days=length_us // DAY_US)
