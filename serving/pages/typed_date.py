"""A date as people type it: day, month and year in three fields (GOV.UK Design System, date
input).
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

PARTS: Final = ("day", "month", "year")
_MOST_DIGITS: Final = 4


class UnreadableDateError(ValueError):
    """What was typed is no date, or only a part of one.

    Parameters
    ----------
    missing
        The parts that are empty; none where there is no such day.
    """

    def __init__(self, *missing: str) -> None:
        super().__init__(*missing)
        self.missing = missing


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
    typed = {part: one.strip() for part, one in list_typed_parts(form, field).items()}
    empty = [part for part in PARTS if not typed[part]]
    if len(empty) == len(PARTS):
        return None
    if empty or not all(one.isdecimal() and len(one) <= _MOST_DIGITS for one in typed.values()):
        raise UnreadableDateError(*empty)
    try:
        return dt.date(*(int(typed[part]) for part in reversed(PARTS)))
    except ValueError:
        raise UnreadableDateError from None


def list_typed_parts(form: Mapping[str, Any], field: str) -> dict[str, str]:
    """Return what the three fields hold, as it was typed."""
    return {part: str(form.get(f"{field}-{part}", "")) for part in PARTS}
