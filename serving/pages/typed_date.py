"""A date as people type it: day, month and year in three fields (GOV.UK Design System, date
input).
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

PARTS: Final = ("day", "month", "year")
_MOST_DIGITS: Final = 4


class UnreadableDateError(ValueError):
    """What was typed is no date, or only a part of one."""


def read_typed_date(form: Mapping[str, Any], field: str) -> dt.date | None:
    """Return the date of the fields ``FIELD-day``, ``FIELD-month`` and ``FIELD-year``.

    Parameters
    ----------
    form
        What was sent.
    field
        The name that the three fields begin with.

    Returns
    -------
    datetime.date or None
        ``None`` where all three are empty.

    Raises
    ------
    UnreadableDateError
        If a part is missing, or there is no such day.
    """
    typed = [str(form.get(f"{field}-{part}", "")).strip() for part in reversed(PARTS)]
    if not any(typed):
        return None
    if not all(one.isdecimal() and len(one) <= _MOST_DIGITS for one in typed):
        raise UnreadableDateError
    try:
        return dt.date(*map(int, typed))
    except ValueError:
        raise UnreadableDateError from None


def list_typed_parts(form: Mapping[str, Any], field: str) -> dict[str, str]:
    """Return what the three fields hold, as it was typed."""
    return {part: str(form.get(f"{field}-{part}", "")) for part in PARTS}
