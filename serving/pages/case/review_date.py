"""The review date of a decision: one is suggested, and it is typed as day, month and year."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from serving.errors import RequestProblem
from serving.pages.typed_date import UnreadableDateError, read_typed_date

REVIEW_DAYS: Final = 28
"""Days from today to the review that is suggested; a stated policy, as the review's longest is."""
URGENT_REVIEW_DAYS: Final = 7
"""The same while an urgent flag is open."""
FIELD: Final = "review_on"


def suggest_review(today: dt.date, longest_days: int, *, is_urgent: bool) -> dt.date:
    """Return the date that the form suggests for looking at a case again.

    Parameters
    ----------
    today
        The day in the unit's zone.
    longest_days
        Days from today within which a case is looked at again, inclusive.
    is_urgent
        Whether an urgent flag of the case is open.
    """
    days = URGENT_REVIEW_DAYS if is_urgent else REVIEW_DAYS
    return today + dt.timedelta(days=min(days, longest_days))


def read_date(form: Mapping[str, Any]) -> tuple[str | None, RequestProblem | None]:
    """Return the date that was typed, ISO 8601, and what is wrong with it; neither where all three
    fields are empty.
    """
    try:
        found = read_typed_date(form, FIELD)
    except UnreadableDateError as error:
        if error.missing:
            return None, _describe("incomplete_date", f"enter a {' and a '.join(error.missing)}")
        return None, _describe("unreadable_date", "enter a real date")
    return (None if found is None else found.isoformat()), None


def _describe(code: str, remedy: str) -> RequestProblem:
    return RequestProblem(where=FIELD, code=code, remedy=remedy)
