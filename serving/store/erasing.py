"""Erasing: the row that ties a case's random key to its identifier is emptied.

The identifier is taken out of everything that is stored beside the key as well: the keys of the
case's records, its people's numbers, the snapshots of lists, corrections that are withheld, what
waits or waited for a second person, and the rows that could not be used. The key takes its place
there. What the records say stays, under the key alone: it is the account of everybody whom it
concerns. Records that come for the identifier afterwards make a case of their own.

The secret under which the case's rows were digested is destroyed, so that what they held before can
not be guessed from the digests; what is left of them is digested anew under another.
"""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

from sqlalchemy import Connection, Table, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from features.errors import ConfigError
from serving.store.covered_rows import list_places
from serving.store.database import Store, Writing, make_key
from serving.store.row_secrets import destroy_secrets, name_row
from serving.store.schema import (
    ERASABLE,
    NAMING,
    case_keys,
    case_searches,
    confirmations,
    import_rejects,
    metadata,
    people,
    withheld_corrections,
)
from serving.store.stored_texts import WORDS, holds_text, make_finder, replace_in

_EMPTIED: Final = {"erased": True}
"""What is left of a row of the case that could not be used."""
_WITH_WORDS: Final = (confirmations.name, withheld_corrections.name)
"""Tables whose JSON holds a record or a decision whole."""
_TYPED: Final = (case_searches.name,)
"""Tables of what somebody typed, in which an identifier may stand among other words."""
_Places = Mapping[str, Collection[int]]
"""Places in the order of rows, by the names of their tables."""


def erase_identifier(
    writing: Writing,
    case_id: str,
    find_hidden: Callable[[Connection, list[str]], Collection[str]] | None = None,
) -> str:
    """Part a case's key from its identifier for good; return the key.

    Of several cases with one identifier it is the first; another call reaches the next.

    Parameters
    ----------
    writing
        The open transaction; the act says who erases.
    case_id
        The case's own identifier.
    find_hidden
        Returns those of some cases that are not there for whoever erases.

    Raises
    ------
    ConfigError
        If no case has it.
    """
    connection = writing.connection
    query = select(case_keys.c.case_key).where(case_keys.c.case_id == case_id)
    found = list(connection.execute(query.order_by(case_keys.c.stored_seq)).scalars())
    hidden = set() if find_hidden is None else set(find_hidden(connection, found))
    key = next((one for one in found if one not in hidden), None)
    if key is None:
        raise ConfigError("no case has this identifier; it may have been erased before")
    if connection.dialect.name == "sqlite":
        # Else what is overwritten would stay in the file until its page is used again.
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    connection.execute(
        update(case_keys)
        .where(case_keys.c.case_key == key)
        .values(case_id=None, erased_at_us=writing.now_us)
    )
    renew_rows(writing, str(key), _take_out(connection, str(key), case_id))
    writing.note(operation="erasure", case_key=key)
    return str(key)


def clean_files(store: Store) -> bool:
    """Write SQLite's files anew, so that nothing of what was erased is left between the rows.

    Returns
    -------
    bool
        Whether it was done; false where another program holds the store, and on a server, which
        overwrites what was erased by itself.
    """
    if not store.is_sqlite:
        return False
    connection = store.engine.raw_connection()  # SQLite does neither within a transaction
    try:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        row = cursor.fetchone()
        is_busy = row is None or bool(row[0])
        cursor.close()
    except (SQLAlchemyError, sqlite3.Error):
        return False
    finally:
        connection.close()
    return not is_busy


def _take_out(connection: Connection, key: str, case_id: str) -> dict[str, set[int]]:
    """Put the key in the place of the identifier wherever it stands beside the key; return the
    places of the rows that were changed and may be another case's.
    """
    find = make_finder(case_id)
    places: dict[str, set[int]] = {}
    for name, columns in ERASABLE.items():
        if name not in (people.name, import_rejects.name):
            changed = _replace(connection, metadata.tables[name], columns, key, case_id)
            places |= {name: changed} if name in NAMING else {}
    _rename_people(connection, key)
    places.setdefault(case_searches.name, set()).update(_empty_searches(connection, key))
    rejects = _empty_rejects(connection, key, case_id, partial(find.sub, key))
    return places | {import_rejects.name: rejects}


def _replace(
    connection: Connection, table: Table, columns: tuple[str, ...], key: str, case_id: str
) -> set[int]:
    """Put the key in the place of the identifier in some columns; return the rows' places.

    Where rows of other cases name it, in theirs as well; the ids of their own records, in which it
    may stand, are left. What a record says, and what somebody wrote of their work, is left as it is
    within JSON, as it is in columns of its own.
    """
    any_place = make_finder(case_id)
    whole = re.compile(rf"\A(?:{any_place.pattern})\Z", any_place.flags)
    wanted = or_(*(holds_text(connection, table.c[name], case_id) for name in columns))
    if table.name not in NAMING:
        wanted &= table.c.case_key == key
    but_for = WORDS if table.name in _WITH_WORDS else ()
    identity = (*table.primary_key.columns, table.c.stored_seq, table.c.case_key)
    names = dict.fromkeys((*(column.name for column in identity), *columns))
    rows = connection.execute(select(*(table.c[name] for name in names)).where(wanted)).all()
    places: set[int] = set()
    for row in rows:
        said = row._mapping
        is_named_whole = row.case_key != key and table.name not in _TYPED
        find = whole if is_named_whole else any_place
        changed = {
            name: replace_in(said[name], partial(find.sub, key), but_for) for name in columns
        }
        if any(changed[name] != said[name] for name in columns):
            same = [column == said[column.name] for column in table.primary_key.columns]
            connection.execute(update(table).where(*same).values(**changed))
            places.add(int(row.stored_seq))
    return places


def _empty_searches(connection: Connection, key: str) -> set[int]:
    """Take out what was typed of the case's number where a search led straight to it: a part of the
    number would lead back to it. Return the rows' places.
    """
    table = case_searches
    rows = connection.execute(select(table).where(table.c.case_key == key)).all()
    for row in rows:
        emptied = dict(row.terms) | {"reference": key}
        same = table.c.search_key == row.search_key
        connection.execute(update(table).where(same).values(terms=emptied))
    return {int(row.stored_seq) for row in rows}


def _rename_people(connection: Connection, key: str) -> None:
    """Give the people of the case other numbers, since theirs lead to them in other systems."""
    own = people.c.case_key == key
    known = connection.execute(select(people.c.person_id).where(own).distinct()).scalars().all()
    for person_id in known:
        connection.execute(
            update(people).where(own, people.c.person_id == person_id).values(person_id=make_key())
        )


def _empty_rejects(
    connection: Connection, key: str, case_id: str, replace: Callable[[str], str]
) -> set[int]:
    """Empty the rejected rows of the case; those of others lose its identifier alone.

    Return the places of those that were changed.
    """
    table = import_rejects
    places: set[int] = set()
    query = select(table).where(
        or_(table.c.case_key == key, holds_text(connection, table.c.source, case_id))
    )
    for row in connection.execute(query).all():
        source = row.source if isinstance(row.source, dict) else {}
        is_own = row.case_key == key or source.get("case_id") == case_id
        changed = _EMPTIED | {"case": key} if is_own else replace_in(row.source, replace)
        if changed != row.source:
            same = [table.c.import_key == row.import_key, table.c.number == row.number]
            connection.execute(update(table).where(*same).values(source=changed))
            places.add(row.stored_seq)
    return places


def renew_rows(writing: Writing, case_key: str, others: _Places | None = None) -> None:
    """Destroy the secret of a case's rows, and have what is left of them covered anew.

    Call it after the rows were changed or deleted, in the transaction of the erasure.

    Parameters
    ----------
    writing
        The open transaction; it notes an erasure of the case.
    case_key
        The case.
    others
        Places of rows that were changed, of whichever case they are: of tables whose rows have
        each a secret of its own.
    """
    places: dict[str, set[int]] = defaultdict(set, list_places(writing.connection, case_key))
    for name, some in (others or {}).items():
        places[name] |= set(some)
    single = [name_row(name, place) for name in NAMING for place in places.get(name, ())]
    destroy_secrets(writing.connection, [case_key, *single])
    writing.renew({name: some for name, some in places.items() if some})
