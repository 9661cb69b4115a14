"""What became of records: whether one was corrected or withdrawn since."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, false, select, union_all

from features.contract.tables import RETRACTED
from serving.store.lookups import is_among
from serving.store.schema import events, facts

IN_FORCE: Final = "in_force"
CORRECTED: Final = "corrected"
WITHDRAWN: Final = "withdrawn"

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
        ``corrected`` or ``withdrawn`` by case key and record key; a record in force is left out. Of
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
    return {
        (case_key, record_id): _follow(later, case_key, record_id)
        for case_key, record_id in set(records)
        if (case_key, record_id) in later
    }


def _select_corrections(connection: Connection, table: Table, keys: Collection[str]) -> Select[Any]:
    name, withdraws = (
        (table.c.event_id, table.c.kind == RETRACTED)
        if table is events
        else (table.c.fact_id, false())
    )
    return select(table.c.case_key, table.c.supersedes, table.c.recorded_at, name, withdraws).where(
        is_among(connection, table.c.case_key, keys), table.c.supersedes.is_not(None)
    )


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
