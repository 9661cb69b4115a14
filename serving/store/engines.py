"""Engines: how SQLite and PostgreSQL are opened, and where SQLite's access log lies."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from features.errors import ConfigError
from serving.store.schema import unit

WRITES: Final = "caselight_writes"
"""The option of a connection whose transaction may write."""
_ADDRESS: Final = (
    "the store's address is not sqlite:/// or postgresql://, with a file or a database; correct it"
)
_DRIVERS: Final = {"sqlite": "pysqlite", "postgresql": "psycopg", "postgres": "psycopg"}
_ENCODING: Final = "UTF8"
_AWAY: Final = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)
_MODE: Final = 0o600
"""Nobody but the service's own user reads a store; SQLite gives its journals the same."""
_IDENTITY: Final = "caselight_file"
_DISK_FULL: Final = "53100"
"""PostgreSQL's code."""
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
        return _make_sqlite(Path(str(parsed.database)))
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
    # In memory each connection would have a store of its own.
    return not name.startswith((":memory:", "file:"))


def find_file(engine: Engine) -> Path | None:
    """Return SQLite's file; ``None`` for a database on a server."""
    if engine.dialect.name != "sqlite" or engine.url.database is None:
        return None
    return Path(engine.url.database)


def is_away(error: BaseException) -> bool:
    """Return whether an error says that the database does not answer now: it is stopped, gone, full
    or held by another. What is wrong with a statement is not that.
    """
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        # The lowest byte is the kind of error; the others say more of it.
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _AWAY
    return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated


def is_full(error: BaseException) -> bool:
    """Return whether an error says that the database has no room left."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return getattr(error.orig, "sqlstate", None) == _DISK_FULL


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
    file = name_looks_file(database)
    if may_make:
        _touch(file)
    return _make_sqlite(file)


def check_file(engine: Engine) -> None:
    """Check that SQLite's file is there; nothing of a database on a server.

    Raises
    ------
    OperationalError
        If it is not: the store is away (:func:`is_away`).
    """
    file = find_file(engine)
    if file is not None and not file.exists():
        raise _say_gone()


def _say_gone() -> OperationalError:
    gone = sqlite3.OperationalError("the file of the store is not the one that was opened")
    gone.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    return OperationalError("", {}, gone)


def _make_sqlite(file: Path) -> Engine:
    # One connection per thread that asks: a writer never holds up a reader (WAL).
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        creator=lambda: _connect_sqlite(file),
        pool_size=20,
        hide_parameters=True,  # what is bound is case data, and errors would repeat it
    )
    _prepare_sqlite(engine, file)
    return engine


def _connect_sqlite(file: Path) -> sqlite3.Connection:
    """Open SQLite's file, which is never made here.

    A store whose file was moved away while the service runs is away; an empty one in its place
    would be without its records.
    """
    address = f"{file.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(address, uri=True, timeout=_BUSY_S, check_same_thread=False)


def make_file(engine: Engine) -> None:
    """Make SQLite's file, empty, where it is absent; nothing on a server.

    Raises
    ------
    ConfigError
        If it cannot be made.
    """
    file = find_file(engine)
    try:
        if file is not None:
            _touch(file)
    except OSError:
        raise ConfigError(
            "no store can be made at that address; name a file in a folder that is there and may "
            "be written to"
        ) from None


def _touch(file: Path) -> None:
    """Make a file where it is absent, for the service's own user alone."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT, _MODE))


def close_to_others(engine: Engine) -> None:
    """Take SQLite's file from everybody but its owner, as one made now is; nothing on a server."""
    file = find_file(engine)
    if file is not None:
        with suppress(OSError):  # of another user's file: it is used, and its owner decides
            for one in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
                if one.exists():
                    one.chmod(_MODE)


def _identify(file: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _prepare_sqlite(engine: Engine, file: Path) -> None:
    """Make SQLite durable, strict about references, and its transactions ours to begin.

    A file that was removed lives on for who has it open: what they write is gone with them. So at
    the beginning and at the end of every transaction the file must be the one that was opened.
    """

    def check(connection: Connection) -> None:
        if connection.info.get(_IDENTITY) != _identify(file):
            connection.invalidate()  # the next one opens what is there then
            raise _say_gone()

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        record.info[_IDENTITY] = _identify(file)
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
        check(connection)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "commit", check)
