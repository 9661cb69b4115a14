"""The database: connections, transactions, and the order in which rows are stored."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from features.errors import ConfigError
from serving.clock import Clock, read_clock
from serving.store.schema import KEY_LENGTH, unit

_WRITES: Final = "caselight_writes"
_BUSY_S: Final = 30
"""How long a SQLite writer waits for another before it gives up."""


def make_key() -> str:
    """Return a new opaque key: 24 URL-safe characters that cannot be guessed.

    The first is a letter or a digit, so that no command line takes a key for an option.
    """
    while True:
        key = secrets.token_urlsafe(KEY_LENGTH * 3 // 4)
        if key[0].isalnum():
            return key


@dataclass(frozen=True)
class Unit:
    """What holds for the whole store.

    Parameters
    ----------
    time_zone
        IANA name in which dates are read and shown.
    synthetic
        Whether every case in it is invented.
    made_at_us
        When the store was made, by the machine's clock, microseconds UTC.
    """

    time_zone: str
    synthetic: bool
    made_at_us: int = 0


@dataclass(frozen=True)
class Writing:
    """An open transaction that may write.

    Parameters
    ----------
    connection
        The transaction's connection.
    now_us
        The moment of the transaction, microseconds UTC.
    """

    connection: Connection
    now_us: int

    def take_seq(self, n_rows: int = 1) -> int:
        """Return the first of ``n_rows`` places in the order of rows.

        The head row stays locked until the transaction ends, so places are given in the order of
        commits. Take them as late as possible: other writers wait from here on.
        """
        taken = self.connection.execute(
            update(unit)
            .where(unit.c.id == 1)
            .values(last_seq=unit.c.last_seq + n_rows)
            .returning(unit.c.last_seq)
        ).scalar_one()
        return int(taken) - n_rows + 1


@dataclass(frozen=True)
class Store:
    """A unit's store.

    Parameters
    ----------
    engine
        The database.
    clock
        What time it is.
    """

    engine: Engine
    clock: Clock = field(default=read_clock)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the store throughout, and writes nothing."""
        options: dict[str, Any] = {}
        if not self.is_sqlite:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.connect().execution_options(**options) as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Open a transaction that may write; it is committed where the block ends without error."""
        options: dict[str, Any] = {_WRITES: True}
        with (
            self.engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield Writing(connection, self.clock())

    def read_unit(self) -> Unit:
        """Return what holds for the whole store.

        Raises
        ------
        ConfigError
            If the store was not made yet.
        """
        try:
            with self.reading() as connection:
                row = connection.execute(select(unit)).one_or_none()
        except SQLAlchemyError:
            row = None
        if row is None:
            raise ConfigError("the store is not ready; run `caselight db upgrade`")
        return Unit(row.time_zone, bool(row.synthetic), int(row.made_at_us))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_store(url: str, *, clock: Clock = read_clock) -> Store:
    """Open the store at a database's address.

    Parameters
    ----------
    url
        ``sqlite:///path`` or ``postgresql://...``.

    Raises
    ------
    ConfigError
        If it is no address of a database that the store runs on.
    """
    return Store(make_database(url), clock)


def make_database(url: str) -> Engine:
    """Return the engine for a database's address; see :func:`open_store`."""
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            # One connection per thread that asks: a writer never holds up a reader (WAL).
            engine = create_engine(
                parsed,
                connect_args={"timeout": _BUSY_S},
                pool_size=20,
                hide_parameters=True,  # what is bound is case data, and errors would repeat it
            )
            _prepare_sqlite(engine)
            return engine
        if parsed.get_backend_name() == "postgresql":
            return create_engine(
                parsed, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True
            )
    except (ArgumentError, NoSuchModuleError):
        pass
    raise ConfigError("the store's address is not sqlite:/// or postgresql://; correct it")


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
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
