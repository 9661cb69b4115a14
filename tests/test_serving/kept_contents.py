"""What tests fill a store with, kept the first time and put into the stores of later tests.

Importing and scoring the same records took longer than most tests that begin with them.
"""

import sqlite3
from collections.abc import Callable, Hashable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from serving.store.audit_books import Head, find_head
from serving.store.audit_lines import CHANGES, LOOKS
from serving.store.database import Store
from serving.store.engines import find_file, name_looks_file
from tests.test_serving.database_state import Layout, empty, read_layout
from tests.test_serving.postgresql_server import Session, connect

_FORMAT = slice(18, 20)
"""Where a SQLite file says that it keeps a log beside it, which a copy in memory cannot."""
_WITHOUT_LOG = b"\x01\x01"

Held = tuple[bytes, ...] | Layout
"""What a store held: each file of it on SQLite, the rows of each table on PostgreSQL."""

_kept: dict[Hashable, Held] = {}


def fill_once(store: Store, name: Hashable, fill: Callable[[], object]) -> None:
    """Fill a store, or give it what one that stood where it stands held after it was filled.

    Parameters
    ----------
    store
        A store that a test has for itself.
    name
        What it is filled with: everything on which that depends.
    fill
        Fills it; called once in a process for each name, stand and kind of database.
    """
    key = (store.is_sqlite, name, read_stand(store))
    if key in _kept:
        put(store, _kept[key])
    else:
        fill()
        _kept[key] = hold(store)


def read_stand(store: Store) -> tuple[Head | None, ...]:
    """Return the heads of both audit books, whose macs rest on every line before."""
    with store.reading() as connection, store.reading_looks() as looks:
        return find_head(connection, CHANGES), find_head(looks, LOOKS)


def hold(store: Store) -> Held:
    """Return everything that a store holds."""
    if store.is_sqlite:
        return tuple(_read_file(path) for path in _list_files(store))
    with _session(store) as session:
        return read_layout(session)


def put(store: Store, held: Held) -> None:
    """Put in the place of everything that a store holds what another one held."""
    if isinstance(held, Layout):
        with _session(store) as session:
            empty(session, held)
        return
    for path, content in zip(_list_files(store), held, strict=True):
        with closing(sqlite3.connect(":memory:")) as source, closing(sqlite3.connect(path)) as file:
            source.deserialize(content)
            source.backup(file)


def _read_file(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as file:
        content = bytearray(file.serialize())
    content[_FORMAT] = _WITHOUT_LOG
    return bytes(content)


def _list_files(store: Store) -> list[Path]:
    path = find_file(store.engine)
    assert path is not None, "a store on SQLite is a file"
    return [path, name_looks_file(path)]


@contextmanager
def _session(store: Store) -> Iterator[Session]:
    session = connect(store.engine.url.render_as_string(hide_password=False))
    try:
        yield session
    finally:
        session.close()
