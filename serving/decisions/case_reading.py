"""What somebody opened of a case before they decided, and whether a view came before the score.

Records are kept by their places in the order of rows, which say nothing of a case once it is
erased. What an agency keeps to itself is left out: others read the decision.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from serving.persons import Person
from serving.store.lookups import is_among
from serving.store.record_conditions import is_for_all
from serving.store.schema import events, facts, first_views


def find_places(
    connection: Connection, case_key: str, records: Sequence[str] | None
) -> list[int] | None:
    """Return the places of events and answers of a case that are for everybody, in order.

    Parameters
    ----------
    connection
        A transaction.
    case_key
        The case.
    records
        Keys of records; ``None`` where nobody knows what was opened. Those that are not of the case
        are left out.
    """
    if records is None:
        return None
    found = _read(connection, case_key, records)
    return sorted(int(row.stored_seq) for row in found)


def keep_shared(connection: Connection, case_key: str, records: Sequence[str]) -> list[str]:
    """Return those of some records of a case that are for everybody."""
    return sorted({str(row.record_id) for row in _read(connection, case_key, records)})


def _read(connection: Connection, case_key: str, records: Sequence[str]) -> list[Any]:
    if not records:
        return []
    rows: list[Any] = []
    for table, key in ((events, "event_id"), (facts, "fact_id")):
        query: Select[Any] = select(table.c.stored_seq, table.c[key].label("record_id")).where(
            table.c.case_key == case_key, is_among(connection, table.c[key], records)
        )
        if table is events:
            query = query.where(is_for_all())
        rows += connection.execute(query).all()
    return rows


def find_first_view(
    connection: Connection, case_key: str, person: Person, sitting_key: str | None
) -> str:
    """Return whose view of a case came before its score was shown in a sitting.

    Returns
    -------
    str
        ``own`` or ``another``; ``none`` where the case was shown whole at once, or outside a
        sitting.
    """
    query = select(first_views.c.subject).where(
        first_views.c.case_key == case_key, first_views.c.sitting_key == sitting_key
    )
    viewer = None if sitting_key is None else connection.execute(query).scalar_one_or_none()
    if viewer is None:
        return "none"
    return "own" if viewer == person.subject else "another"
