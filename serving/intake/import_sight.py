"""Imports as they are told: as if none of their rows had been hidden from who asks.

Those are rows of a case that is hidden from them, and events that another agency keeps to itself.

An import that brought nothing else is not there. Rows that were here already leave no trace of
their case, so that a repeat of a row of such a case is counted with the others.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Connection, func, select

from serving.access.case_sight import Sight
from serving.intake.progress import Imported, ImportRefusedError, list_imports, need_import
from serving.store.lookups import is_among
from serving.store.record_conditions import is_for_all
from serving.store.schema import RECORDS, events, import_rejects

UNKNOWN_CASE = "unknown_case"
"""Why a row is rejected that names no case that is there for its sender."""


def read_import(connection: Connection, import_key: str, sight: Sight) -> Imported:
    """Return an import as it is told to somebody.

    Raises
    ------
    ImportRefusedError
        If there is none of that key for them.
    """
    found = narrow_imports(connection, [need_import(connection, import_key)], sight)
    if not found:
        raise ImportRefusedError("no_import", "there is no import of that key; begin one")
    return found[0]


def read_imports(
    connection: Connection, sight: Sight, *, after: str | None, limit: int
) -> list[Imported]:
    """Return imports as they are told to somebody, the latest first, from the one after ``after``
    on.
    """
    if after is not None:
        read_import(connection, after, sight)
    told: list[Imported] = []
    while True:
        found = list_imports(connection, after=after, limit=limit)
        told += narrow_imports(connection, found, sight)
        if len(found) < limit or len(told) >= limit:
            return told[:limit]
        after = found[-1].import_key


def narrow_imports(
    connection: Connection, found: Sequence[Imported], sight: Sight
) -> list[Imported]:
    """Return imports without their rows that are hidden from a person."""
    hidden = sight.hidden | sight.tied
    keys = [one.import_key for one in found]
    apart = _count_apart(connection, keys, sight, hidden)
    if not hidden and not apart:
        return list(found)
    added, rejected = dict.fromkeys(keys, 0) | apart, dict.fromkeys(keys, 0)
    conflicts = dict.fromkeys(keys, 0)
    for table in RECORDS.values():
        query = select(table.c.import_key, func.count()).where(
            is_among(connection, table.c.case_key, hidden),
            is_among(connection, table.c.import_key, keys),
        )
        for key, n in connection.execute(query.group_by(table.c.import_key)):
            added[key] += int(n)
    rejects = import_rejects.c
    told = select(rejects.import_key, rejects.code == "conflict", func.count()).where(
        is_among(connection, rejects.case_key, hidden),
        is_among(connection, rejects.import_key, keys),
        rejects.code != UNKNOWN_CASE,
    )
    for key, is_conflict, n in connection.execute(told.group_by(rejects.import_key, rejects.code)):
        (conflicts if is_conflict else rejected)[key] += int(n)
    narrowed = []
    for one in found:
        n_added, n_rejected = added[one.import_key], rejected[one.import_key]
        n_conflicts = conflicts[one.import_key]
        n = n_added + n_rejected + n_conflicts
        if n and n >= one.rows_done:
            continue
        narrowed.append(
            replace(
                one,
                rows_total=None if one.rows_total is None else one.rows_total - n,
                rows_done=one.rows_done - n,
                added=one.added - n_added,
                rejects=one.rejects - n_rejected,
                conflicts=one.conflicts - n_conflicts,
            )
        )
    return narrowed


def _count_apart(
    connection: Connection, keys: Sequence[str], sight: Sight, hidden: Collection[str]
) -> dict[str, int]:
    """Return how many events of some imports another agency keeps to itself, of cases in sight."""
    if sight.agency is None:
        return {}
    here = events.c
    query = select(here.import_key, func.count()).where(
        is_among(connection, here.import_key, keys),
        ~is_for_all(),
        func.coalesce(here.source, "") != sight.agency,
    )
    if hidden:
        query = query.where(~is_among(connection, here.case_key, hidden))
    rows = connection.execute(query.group_by(here.import_key))
    return {str(key): int(n) for key, n in rows}
