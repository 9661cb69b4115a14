"""Whose record a record is: the agency of its source, or of who sent it."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, literal, select

from features.contract.tables import TABLES
from serving.persons import AGENCIES
from serving.store.lookups import list_pairs, look_up_each
from serving.store.schema import RECORDS, imports

OWN_AGENCY: Final = "unit"
"""The agency of what the service itself wrote, such as the copies that a merge made."""


def find_agency(source: str | None, sent_by: str | None) -> str:
    """Return the agency of a record.

    A source that is no agency of the unit, such as a court, has nobody here who could answer for
    the record: it is of the agency that sent it.

    Parameters
    ----------
    source
        The record's source; ``None`` where it states none or has no such column.
    sent_by
        The agency of who sent it; ``None`` where the service itself wrote it.
    """
    return source if source in AGENCIES else sent_by or OWN_AGENCY


def read_record_agencies(
    connection: Connection, table: str, records: Collection[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return the agency of each of some records of a table, by case key and number.

    Parameters
    ----------
    connection
        A transaction.
    table
        ``events``, ``facts`` or ``links``.
    records
        Case key and number of each; those that are not stored are left out.
    """
    if not records:
        return {}
    stored = RECORDS[table]
    number = stored.c[TABLES[table].id_column]
    wanted = list_pairs(connection, sorted(set(records)))
    source = stored.c.source if table == "events" else literal(None)
    query = (
        select(
            stored.c.case_key,
            number.label("number"),
            source.label("source"),
            imports.c.agency.label("sent_by"),
        )
        .select_from(stored)
        .outerjoin(imports, imports.c.import_key == stored.c.import_key)
        .where(stored.c.case_key == wanted.c.case_key, number == wanted.c.id)
    )
    found = connection.execute(look_up_each(connection, wanted, query))
    return {(row.case_key, row.number): find_agency(row.source, row.sent_by) for row in found}
