"""Open flags of a case that is merged: they are of the other case from then on.

Nobody decides on a merged case, so that what is open on it would stay open for ever, in the duty
role's queue as well.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select

from serving.flags.deliveries import add_deliveries
from serving.flags.flags import NO_RECORD, is_standing
from serving.intake.move_records import rename_one
from serving.store import schema
from serving.store.database import Writing, make_key
from serving.store.lookups import is_among

_LINKED: Final = "/"
"""Between the case and the record where a flag was raised by a linked case's record."""


def carry_flags(writing: Writing, source_key: str, target_key: str, move_key: str) -> None:
    """Raise the source's standing flags on the target, and discharge them on the source.

    A raising keeps its moment, the time by which it is to be acknowledged, and who acknowledged
    it; a message about it that was not delivered yet goes out about the new one. Its record is
    called as its copy is. The caller brings both standings up to date.

    Parameters
    ----------
    writing
        The transaction of the merge.
    source_key, target_key
        The case that was merged, and the one that took it in.
    move_key
        The merge: what the source's flags are discharged by.
    """
    raised, connection = schema.flag_raisings, writing.connection
    query = select(raised).where(raised.c.case_key == source_key, is_standing())
    standing = connection.execute(query.order_by(raised.c.stored_seq)).all()
    if not standing:
        return
    names = _rename(connection, source_key, target_key, {row.record_id for row in standing})
    known = select(raised.c.flag, raised.c.record_id).where(raised.c.case_key == target_key)
    there = {(row.flag, row.record_id) for row in connection.execute(known)}
    moved = {
        row.raising_key: row for row in standing if (row.flag, names[row.record_id]) not in there
    }
    if moved:
        keys = {key: make_key() for key in moved}
        _raise(writing, list(moved.values()), target_key, keys, names)
        _acknowledge(writing, keys)
        _send_on(writing, keys)
    _discharge(writing, standing, move_key)


def _rename(
    connection: Connection, source_key: str, target_key: str, record_ids: Collection[str]
) -> dict[str, str]:
    """Return what the target calls each record that raised a flag of the source."""
    own: set[str] = set()
    for table, column in (
        (schema.events, schema.events.c.event_id),
        (schema.facts, schema.facts.c.fact_id),
    ):
        query = select(column).where(
            table.c.case_key == source_key, is_among(connection, column, record_ids)
        )
        own.update(connection.execute(query).scalars())
    return {one: _rename_record(one, source_key, target_key, own) for one in record_ids}


def _rename_record(record_id: str, source_key: str, target_key: str, own: Collection[str]) -> str:
    if record_id == NO_RECORD:
        return record_id
    case_key, found, name = record_id.partition(_LINKED)
    # Own records first: their keys may hold the same sign.
    if record_id not in own and found:
        return name if case_key == target_key else record_id
    return rename_one(source_key, record_id)


def _raise(
    writing: Writing,
    rows: Sequence[Row[Any]],
    target_key: str,
    keys: Mapping[str, str],
    names: Mapping[str, str],
) -> None:
    seq = writing.take_seq(len(rows))
    carried = [
        {
            **row._mapping,
            "raising_key": keys[row.raising_key],
            "case_key": target_key,
            "record_id": names[row.record_id],
            # The score that it was raised with is of the other case.
            "score_key": None,
            "stored_seq": seq + number,
        }
        for number, row in enumerate(rows)
    ]
    writing.connection.execute(insert(schema.flag_raisings), carried)


def _acknowledge(writing: Writing, keys: Mapping[str, str]) -> None:
    table, connection = schema.acknowledgements, writing.connection
    query = select(table).where(is_among(connection, table.c.raising_key, keys))
    rows = connection.execute(query.order_by(table.c.stored_seq)).all()
    if not rows:
        return
    seq = writing.take_seq(len(rows))
    seen = [
        {**row._mapping, "raising_key": keys[row.raising_key], "stored_seq": seq + number}
        for number, row in enumerate(rows)
    ]
    connection.execute(insert(table), seen)


def _send_on(writing: Writing, keys: Mapping[str, str]) -> None:
    table, connection = schema.deliveries, writing.connection
    query = select(table.c.raising_key).where(
        is_among(connection, table.c.raising_key, keys), table.c.delivered_at_us.is_(None)
    )
    waiting = connection.execute(query.order_by(table.c.delivery_key)).scalars()
    add_deliveries(writing, [keys[key] for key in waiting])


def _discharge(writing: Writing, standing: Sequence[Row[Any]], move_key: str) -> None:
    seq = writing.take_seq(len(standing))
    writing.connection.execute(
        insert(schema.discharges),
        [
            {
                "raising_key": row.raising_key,
                "decision_key": move_key,
                "stored_seq": seq + number,
            }
            for number, row in enumerate(standing)
        ],
    )
