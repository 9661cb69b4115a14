"""Engines: how SQLite and PostgreSQL are opened, and where SQLite's book of looks lies."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from features.errors import ConfigError
from serving.store.schema import unit

WRITES: Final = "caselight_writes"
"""The option of a connection whose transaction may write."""
_ADDRESS: Final = (
    "the store's address is not sqlite:/// or postgresql://, with a file or a database; correct it"
)
_DRIVERS: Final = {"sqlite": "pysqlite", "postgresql": "psycopg", "postgres": "psycopg"}
_ENCODING: Final = "UTF8"
_BUSY_S: Final = 30
"""How long a SQLite writer waits for another before it gives up."""


def make_database(url: str) -> Engine:
    """Return the engine for a database's address.

    Parameters
    ----------
    url
        ``sqlite:///path`` or ``postgresql://...``.

    Raises
    ------
    ConfigError
        If it is no address of a database that the store runs on.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(_ADDRESS) from None
    backend, _, driver = parsed.drivername.partition("+")
    if backend not in _DRIVERS or (backend == "sqlite" and not _is_file(parsed)):
        raise ConfigError(_ADDRESS)
    if driver not in ("", _DRIVERS[backend]):
        plain = "sqlite" if backend == "sqlite" else "postgresql"
        raise ConfigError(
            f"the store's address names a driver that is not ours; write {plain}:// alone"
        )
    if backend == "sqlite":
        return _make_sqlite(parsed.set(drivername="sqlite"))
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        # Whatever the server, the role or the environment would choose: names are of every script.
        connect_args={"client_encoding": "utf8"},
        pool_size=10,
        max_overflow=10,
        pool_pre_ping=True,
        hide_parameters=True,
    )


def _is_file(url: URL) -> bool:
    name = url.database or ":memory:"
    return not name.startswith((":memory:", "file:"))


def find_file(engine: Engine) -> Path | None:
    """Return SQLite's file; ``None`` for a database on a server."""
    if engine.dialect.name != "sqlite" or engine.url.database is None:
        return None
    return Path(engine.url.database)


def holds_store(engine: Engine) -> bool:
    """Return whether there is a store at an engine's address, whatever state it is in.

    Nothing is made or changed by asking: no file, and no mode of another program's database.

    Raises
    ------
    SQLAlchemyError
        If a server does not answer.
    sqlite3.Error
        If a file is no database, or cannot be read.
    """
    file = find_file(engine)
    if file is None:
        with engine.connect() as connection:
            return inspect(connection).has_table(unit.name)
    if not file.exists():
        return False
    uri = f"{file.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as connection:
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [unit.name])
        return found.fetchone() is not None


def check_encoding(connection: Connection) -> None:
    """Check that a database can hold every letter.

    Raises
    ------
    ConfigError
        If it is a server's in another encoding than UTF-8. A name of another script would fail
        only when it comes.
    """
    if connection.dialect.name == "sqlite":
        return
    found = str(connection.execute(text("SHOW server_encoding")).scalar_one())
    if found != _ENCODING:
        raise ConfigError(
            f"the database's encoding is {found}, which cannot hold every name; make another with "
            f"CREATE DATABASE ... ENCODING '{_ENCODING}' TEMPLATE template0"
        )


def name_looks_file(database: Path) -> Path:
    """Return the file of the book of looks beside SQLite's: ``unit.looks.db`` for ``unit.db``."""
    return database.with_name(f"{database.stem}.looks{database.suffix}")


def make_looks_engine(engine: Engine, *, may_make: bool = False) -> Engine:
    """Return the engine of the book of looks: on a server the database's own.

    Parameters
    ----------
    engine
        The store's database.
    may_make
        Whether SQLite's file is made where it is absent; else using it is an error, so that a book
        that was taken away is missed.
    """
    database = find_file(engine)
    if database is None:
        return engine
    address = name_looks_file(database).absolute().as_uri()
    mode = "rwc" if may_make else "rw"
    return _make_sqlite(URL.create("sqlite", database=address, query={"mode": mode, "uri": "true"}))


def _make_sqlite(url: URL) -> Engine:
    # One connection per thread that asks: a writer never holds up a reader (WAL).
    engine = create_engine(
        url,
        connect_args={"timeout": _BUSY_S},
        pool_size=20,
        hide_parameters=True,  # what is bound is case data, and errors would repeat it
    )
    _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    """Make SQLite durable, strict about references, and its transactions ours to begin."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA temp_store = MEMORY")  # no case data in temporary files
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
