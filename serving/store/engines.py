"""Engines: how SQLite and PostgreSQL are opened, and where SQLite's access log lies."""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from features.errors import ConfigError

WRITES: Final = "caselight_writes"
"""The option of a connection whose transaction may write."""
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
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite" and _is_file(parsed):
            return _make_sqlite(parsed)
        if parsed.get_backend_name() == "postgresql":
            return create_engine(
                parsed, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True
            )
    except (ArgumentError, NoSuchModuleError):
        pass
    raise ConfigError(
        "the store's address is not sqlite:/// or postgresql://, with a file or a database; "
        "correct it"
    )


def _is_file(url: URL) -> bool:
    name = url.database or ":memory:"
    # In memory each connection would have a store of its own.
    return not name.startswith((":memory:", "file:"))


def find_file(engine: Engine) -> Path | None:
    """Return SQLite's file; ``None`` for a database on a server."""
    if engine.dialect.name != "sqlite" or engine.url.database is None:
        return None
    return Path(engine.url.database)


def name_looks_file(database: Path) -> Path:
    """Return the file of the access log beside SQLite's: ``unit.looks.db`` for ``unit.db``."""
    return database.with_name(f"{database.stem}.looks{database.suffix}")


def make_looks_engine(engine: Engine, *, may_make: bool = False) -> Engine:
    """Return the engine of the access log: on a server the database's own.

    Parameters
    ----------
    engine
        The store's database.
    may_make
        Whether SQLite's file is made where it is absent; else using it is an error, so that a log
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
        # The driver would begin transactions by itself, and only before a write.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        # With less, the last commits of a write-ahead log may be lost in a power cut.
        cursor.execute("PRAGMA synchronous = FULL")
        # SQLite checks references only on connections that ask for it.
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA temp_store = MEMORY")  # no case data in temporary files
        # A negative number is of KiB, not of pages.
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        # A transaction that began as a reader cannot go on to write if another wrote meanwhile.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
