"""What became of records: whether one was corrected or withdrawn since."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, false, select, union_all

from features.contract.tables import RETRACTED
from serving.standing.pending_corrections import read_pending
from serving.store.lookups import is_among
from serving.store.record_conditions import find_corrected
from serving.store.schema import events, facts

IN_FORCE: Final = "in_force"
CORRECTED: Final = "corrected"
WITHDRAWN: Final = "withdrawn"
PENDING: Final = "correction_pending"
"""In force, as the worse version of two, until a second person confirms what corrects it."""

_Correction = tuple[int, str, bool]
"""When it was recorded, its key, and whether it withdraws."""


def read_record_fates(
    connection: Connection, records: Collection[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return what became of some records.

    Parameters
    ----------
    connection
        A transaction.
    records
        Case key and record key of events or facts.

    Returns
    -------
    dict
        ``corrected``, ``withdrawn`` or ``correction_pending`` by case key and record key; a record
        in force of which no correction waits is left out. Of
        a chain of corrections the last one says which, of rivals the later ``(recorded_at, key)``
        (design section 4).
    """
    keys = {case_key for case_key, record_id in records if record_id}
    if not keys:
        return {}
    later: dict[tuple[str, str], _Correction] = {}
    for case_key, target, *correction in connection.execute(
        union_all(*(_select_corrections(connection, table, keys) for table in (events, facts)))
    ):
        recorded_at, name, withdraws = correction
        one = (recorded_at, name, bool(withdraws))
        # Of two rivals the later one, by moment and then key, as in a history.
        later[case_key, target] = max(later.get((case_key, target), one), one)
    waiting = {
        (case_key, one.corrects): PENDING
        for case_key, some in read_pending(connection, keys).items()
        for one in some
    }
    asked = set(records)
    return {one: fate for one, fate in waiting.items() if one in asked} | {
        (case_key, record_id): _follow(later, case_key, record_id)
        for case_key, record_id in asked
        if (case_key, record_id) in later
    }


def _select_corrections(connection: Connection, table: Table, keys: Collection[str]) -> Select[Any]:
    name, withdraws = (
        (table.c.event_id.label("name"), (table.c.kind == RETRACTED).label("withdraws"))
        if table is events
        else (table.c.fact_id.label("name"), false().label("withdraws"))
    )
    corrected = find_corrected(table).label("corrected")
    named = select(table.c.case_key, corrected, table.c.recorded_at, name, withdraws).where(
        is_among(connection, table.c.case_key, keys), table.c.supersedes.is_not(None)
    )
    effective = named.subquery(f"of_{table.name}")
    return select(effective).where(effective.c.corrected.is_not(None))


def _follow(later: dict[tuple[str, str], _Correction], case_key: str, record_id: str) -> str:
    seen = {record_id}
    fate = CORRECTED
    while (case_key, record_id) in later:
        _, record_id, withdraws = later[case_key, record_id]
        fate = WITHDRAWN if withdraws else CORRECTED
        if record_id in seen:  # a cycle in the records themselves says nothing
            break
        seen.add(record_id)
    return fate
