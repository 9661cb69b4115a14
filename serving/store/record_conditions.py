"""What may be shown of a case's records, and which of them are in force: said here alone.

A record of health, and one that an agency keeps to itself, is in no score, no flag and no count,
and is shown to that agency alone. Which cases a person may see is another matter:
:mod:`serving.access.visibility`.
"""

from collections.abc import Collection
from typing import Final

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, and_, func, select, tuple_

from features.contract.tables import AGENCY_ONLY, HEALTH_SOURCE, TABLES
from serving.store.lookups import is_among
from serving.store.schema import events

_NOT_FOR_DISCLOSURE: Final = "not_for_disclosure"


def is_for_all() -> ColumnElement[bool]:
    """Return the condition that an event is kept apart by nobody: everybody may see it."""
    return and_(
        func.coalesce(events.c.handling, "") != AGENCY_ONLY,
        func.coalesce(events.c.source, "") != HEALTH_SOURCE,
    )


def is_kept_apart(source: object, handling: object) -> bool:
    """Return whether one agency alone sees an event of this source and handling."""
    return handling == AGENCY_ONLY or source == HEALTH_SOURCE


def are_kept_apart(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Return which events of a frame one agency alone sees."""
    return (frame["handling"] == AGENCY_ONLY) | (frame["source"] == HEALTH_SOURCE)


def may_be_kept_apart(line: str) -> bool:
    """Return whether a line that is no row may hold an event that one agency alone sees."""
    return HEALTH_SOURCE in line or AGENCY_ONLY in line


def may_be_disclosed(handling: object) -> bool:
    """Return whether an event of this handling may leave the unit with a page."""
    return handling != _NOT_FOR_DISCLOSURE


def is_uncorrected(
    connection: Connection, table: Table, case_keys: Collection[str]
) -> ColumnElement[bool]:
    """Return the condition that no record corrects or withdraws a record of some cases.

    Everything stored is known at this moment, so that such a record is in force.
    """
    corrected = select(table.c.case_key, table.c.supersedes).where(
        is_among(connection, table.c.case_key, case_keys), table.c.supersedes.is_not(None)
    )
    # Not by `exists`: that would pass over the case once for each of its records.
    return tuple_(table.c.case_key, table.c[TABLES[table.name].id_column]).not_in(corrected)
