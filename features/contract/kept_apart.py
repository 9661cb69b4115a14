"""Which records may be shown and measured: the one rule for rows and columns (promise 9).

Health records and those that one agency keeps to itself are shown to those allowed, and enter no
model, no list and no shared flag. Each function takes a cell or a whole column.
"""

from typing import overload

import pandas as pd

from features.contract.tables import AGENCY_ONLY, HEALTH_SOURCE, NOT_FOR_DISCLOSURE, RETRACTED


def is_health(source: str | None) -> bool:
    """Return whether a record comes from a health service."""
    return source == HEALTH_SOURCE


@overload
def is_kept_apart(source: str | None, handling: str | None) -> bool: ...
@overload
def is_kept_apart(source: "pd.Series[str]", handling: "pd.Series[str]") -> "pd.Series[bool]": ...
def is_kept_apart(
    source: "str | pd.Series[str] | None", handling: "str | pd.Series[str] | None"
) -> "bool | pd.Series[bool]":
    """Return whether only some may see a record, so that nothing shared is made from it.

    Parameters
    ----------
    source, handling
        Cells of an event, or whole columns of events; an empty cell keeps nothing apart.

    Returns
    -------
    bool or pandas.Series
        True for a health record and for one that an agency keeps to itself.
    """
    return (source == HEALTH_SOURCE) | (handling == AGENCY_ONLY)


def is_shown_to(
    source: "pd.Series[str]", handling: "pd.Series[str]", agency: str | None
) -> "pd.Series[bool]":
    """Return which records the people of an agency may see (ADR 20).

    Parameters
    ----------
    source, handling
        Columns of events.
    agency
        The agency; ``None`` for somebody of none.

    Returns
    -------
    pandas.Series
        True for what is not kept apart, and for what the agency itself keeps apart.
    """
    return ~is_kept_apart(source, handling) | (source == agency)


def names_kept_apart(line: str) -> bool:
    """Return whether a line that is no row could hold a record that only some may see.

    Parameters
    ----------
    line
        Text in lower case.
    """
    return HEALTH_SOURCE in line or AGENCY_ONLY in line


def may_be_measured(events: pd.DataFrame) -> "pd.Series[bool]":
    """Return which events indicators may use, whatever their time.

    Parameters
    ----------
    events
        Events with their ``kind``, ``source`` and ``handling``.

    Returns
    -------
    pandas.Series
        False for what is kept apart and for a withdrawal, which is itself never counted.
    """
    apart = is_kept_apart(events["source"], events["handling"])
    return ~apart & (events["kind"] != RETRACTED)


def may_be_disclosed(handling: str | None) -> bool:
    """Return whether a record may be handed to the people whom it concerns."""
    return handling != NOT_FOR_DISCLOSURE
