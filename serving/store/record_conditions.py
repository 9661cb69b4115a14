"""What may be shown of a case's records, and which of them are in force: the one rule in SQL.

A record of health, and one that an agency keeps to itself, is in no score, no flag and no count,
and is shown to that agency alone. Rows at hand are judged by :mod:`features.contract.kept_apart`.
Which cases a person may see is another matter: :mod:`serving.access.case_sight`.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Table,
    and_,
    case,
    exists,
    func,
    select,
    tuple_,
)

from features.contract.tables import AGENCY_ONLY, HEALTH_SOURCE, TABLES
from serving.store.lookups import is_among
from serving.store.schema import events, links, seals, withheld_corrections, withheld_settlements

HELD: Final = "held"
BESIDE: Final = "beside"
VOID: Final = "void"
"""Ways in which a correction is withheld; see ``serving.store.schema.withheld_corrections``."""


def is_for_all(event: FromClause = events) -> ColumnElement[bool]:
    """Return the condition that an event is kept apart by nobody: everybody may see it."""
    return and_(
        # NULL differs from nothing in SQL: an event that states no handling would be hidden.
        func.coalesce(event.c.handling, "") != AGENCY_ONLY,
        func.coalesce(event.c.source, "") != HEALTH_SOURCE,
    )


def find_corrected(table: Table) -> ColumnElement[str | None]:
    """Return the column that says which record a record corrects, empty where it corrects none.

    A correction that waits for a second person, and one of another agency's record, names a record
    and does not correct it (ADR 27).
    """
    none = withheld_corrections
    without_effect = (
        select(none.c.withheld_key)
        .where(
            none.c.case_key == table.c.case_key,
            none.c.record_id == table.c[TABLES[table.name].id_column],
            none.c.table == table.name,
            none.c.way != HELD,
        )
        .correlate(table)
        .exists()
    )
    # By cases: what is withheld is looked for under the few records alone that name another.
    return case(
        (table.c.supersedes.is_(None), None), (without_effect, None), else_=table.c.supersedes
    )


def is_waiting() -> ColumnElement[bool]:
    """Return the condition that a row of ``withheld_corrections`` waits for a second person."""
    none, settled = withheld_corrections.c, withheld_settlements.c
    found = select(settled.withheld_key).where(settled.withheld_key == none.withheld_key)
    return none.way.in_((HELD, BESIDE)) & ~found.correlate(withheld_corrections).exists()


def is_seal_in_force(seal: FromClause = seals) -> ColumnElement[bool]:
    """Return the condition that a row of ``seals`` is the latest of its case, and seals it."""
    later = seals.alias("later_seal")
    overtaken = exists().where(
        later.c.case_key == seal.c.case_key, later.c.stored_seq > seal.c.stored_seq
    )
    return and_(seal.c.sealed, ~overtaken)


def is_sealed(key: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a column names a case of which the latest seal holds.

    By the seals themselves: within a transaction that seals a case its row of ``standings`` may
    not say so yet. The column's table is one of the query around it.
    """
    seal = seals.alias("own_seal")
    return exists().where(seal.c.case_key == key, is_seal_in_force(seal))


def links_unsealed() -> ColumnElement[bool]:
    """Return the condition that neither end of a row of ``links`` is sealed: a link with a sealed
    case tells, measures and refreshes nothing, on either side, as one with a case not here.
    """
    return and_(~is_sealed(links.c.case_key), ~is_sealed(links.c.linked_case_key))


def is_uncorrected(
    connection: Connection, table: Table, case_keys: Collection[str]
) -> ColumnElement[bool]:
    """Return the condition that no record corrects or withdraws a record of some cases.

    Everything stored is known at this moment, so that such a record is in force.
    """
    named = select(table.c.case_key, find_corrected(table).label("corrected")).where(
        is_among(connection, table.c.case_key, case_keys), table.c.supersedes.is_not(None)
    )
    effective = named.subquery("named")
    # Without those of no effect: nothing is outside a list that has an empty place.
    corrected = select(effective).where(effective.c.corrected.is_not(None))
    # Not by `exists`: that would pass over the case once for each of its records.
    return tuple_(table.c.case_key, table.c[TABLES[table.name].id_column]).not_in(corrected)
