"""Words of records that were stored before there was one spelling of each.

Intake spells the words of the contract in one way, and every rule compares that spelling. A record
stored before could have another ("Health"), and would walk past the wall around health records.
"""

from collections.abc import Iterator

from sqlalchemy import Column, Connection, Table, select, text, update

from features.contract.spelling import spell
from features.contract.tables import TABLES, Form
from serving.store.schema import NAMING, RECORDS, name_erasable
from serving.store.triggers import write_erasing_triggers, write_triggers


def respell(connection: Connection) -> dict[str, set[int]]:
    """Write words of stored records in the spelling of intake; return which rows changed.

    The one change that is ever made to stored records, and only while a store is brought up to
    date: the triggers that refuse every change are put back in the same transaction.

    Parameters
    ----------
    connection
        The connection of a writing transaction that nobody else can enter.

    Returns
    -------
    dict
        Places of the rows in the order of rows, by the names of their tables; empty where the store
        holds one spelling of every word.
    """
    changed: dict[str, set[int]] = {}
    for table in RECORDS.values():
        respelled = list(_find_respelled(connection, table))
        if not respelled:
            continue
        _drop_triggers(connection, table)
        for column, word, spelled in respelled:
            places = select(table.c.stored_seq).where(column == word)
            changed.setdefault(table.name, set()).update(connection.execute(places).scalars())
            wanted = update(table).where(column == word).values({column.name: spelled})
            connection.execute(wanted)
        # Rows of every table of records go with their case.
        dialect = connection.dialect.name
        for statement in write_triggers(dialect, {table.name: True}):
            connection.execute(text(statement))
        for statement in write_erasing_triggers(dialect, name_erasable(table), NAMING):
            connection.execute(text(statement))
    return changed


def _find_respelled(
    connection: Connection, table: Table
) -> Iterator[tuple[Column[str], str, str | None]]:
    """Yield each stored word that intake spells otherwise, with its column and that spelling."""
    for column in TABLES[table.name].columns:
        if column.form not in (Form.CODE, Form.CHOICE):
            continue
        stored = table.c[column.name]
        words = connection.execute(select(stored).where(stored.is_not(None)).distinct())
        for word in words.scalars().all():
            spelled = spell(column, word)
            if spelled != word:
                yield stored, word, spelled


def _drop_triggers(connection: Connection, table: Table) -> None:
    for kind in ("update", "delete", "truncate"):
        name = f"refuse_{kind}"
        if connection.dialect.name == "sqlite":
            connection.execute(text(f"DROP TRIGGER IF EXISTS {name}_{table.name}"))
        else:
            connection.execute(text(f'DROP TRIGGER IF EXISTS {name} ON "{table.name}"'))
