"""What may be shown of a case's records, and which of them are in force: the one rule in SQL.

A record of health, and one that an agency keeps to itself, is in no score, no flag and no count,
and is shown to that agency alone. Rows at hand are judged by :mod:`features.contract.kept_apart`.
Which cases a person may see is another matter: :mod:`serving.access.case_sight`.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, Table, and_, func, select, tuple_

from features.contract.tables import AGENCY_ONLY, HEALTH_SOURCE, TABLES
from serving.store.lookups import is_among
from serving.store.schema import events


def is_for_all() -> ColumnElement[bool]:
    """Return the condition that an event is kept apart by nobody: everybody may see it."""
    return and_(
        # NULL differs from nothing in SQL: an event that states no handling would be hidden.
        func.coalesce(events.c.handling, "") != AGENCY_ONLY,
        func.coalesce(events.c.source, "") != HEALTH_SOURCE,
    )


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
