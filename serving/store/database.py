"""The database: transactions, the order in which rows are stored, and the lines they leave."""

import secrets
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa
from sqlalchemy import Connection, Engine, event, select, update
from sqlalchemy.exc import SQLAlchemyError

from features.errors import ConfigError
from serving.clock import Clock, read_clock
from serving.errors import ServiceError, store_away
from serving.store.audit_books import (
    append_lines,
    check_key,
    find_head,
    find_key_name,
    has_books,
)
from serving.store.audit_entries import Ledger, WrittenRows
from serving.store.audit_keys import find_audit_key, load_other_keys
from serving.store.audit_lines import CHANGES, LOOKS, AuditEntry, name_key
from serving.store.covered_rows import cover_rows
from serving.store.current_act import Operation, current_act
from serving.store.demonstration import is_demonstration
from serving.store.engines import (
    WRITES,
    check_encoding,
    check_file,
    find_file,
    holds_store,
    is_away,
    make_database,
    make_file,
    make_looks_engine,
    name_looks_file,
)
from serving.store.read_once import KEPT
from serving.store.schema import KEY_LENGTH, standings, unit

_INSERTS = "INSERT INTO "


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
        Whether every case in it is invented, by :mod:`serving.store.demonstration`.
    made_at_us
        When the store was made, by the machine's clock, microseconds UTC.
    """

    time_zone: str
    synthetic: bool
    made_at_us: int = 0


class Refresher(Protocol):
    """Works out again where cases stand; handed in, since the store knows nothing of it."""

    def refresh(self, writing: "Writing", case_keys: Collection[str]) -> None:
        """Write the standings of some cases as the rows of the transaction have them."""


@dataclass
class _Owed:
    """What a transaction still has to write before it ends.

    Parameters
    ----------
    head
        The last place in the order of rows that was given; ``None`` until the head row is locked.
    is_ahead
        Whether that is further than the head row says.
    touched
        Cases whose standings are to be refreshed, and by whom.
    named
        All cases that were ever among them: what a line names that names no case itself.
    """

    head: int | None = None
    is_ahead: bool = False
    touched: list[tuple[Refresher, set[str]]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)


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
    ledger: Ledger = field(default_factory=Ledger, repr=False, compare=False)
    _owed: _Owed = field(default_factory=_Owed, repr=False, compare=False)

    def take_seq(self, n_rows: int = 1) -> int:
        """Return the first of ``n_rows`` places in the order of rows.

        The head row stays locked until the transaction ends, so places are given in the order of
        commits. Take them as late as possible: other writers wait from here on.
        """
        owed = self._owed
        if owed.head is None:
            taken = self.connection.execute(
                update(unit)
                .where(unit.c.id == 1)
                .values(last_seq=unit.c.last_seq + n_rows)
                .returning(unit.c.last_seq)
            )
            owed.head = int(taken.scalar_one())
        else:  # the row is ours until the end: its new content is written once, by `store_head`
            owed.head += n_rows
            owed.is_ahead |= n_rows > 0
        first = owed.head - n_rows + 1
        if n_rows > 0:
            self.ledger.add_rows(first, n_rows)
        return first

    def note(
        self,
        *,
        operation: Operation | None = None,
        case_key: str | None = None,
        cases: Sequence[str] = (),
        recipient: str | None = None,
    ) -> None:
        """Say in a line of its own what was stored since the note before.

        Without a note a transaction that stored something leaves one line, of the act that is
        going on. One note says more of it; with several each has its line, and the last takes in
        what is stored after it. A note of a transaction that stored nothing leaves a line as well.

        Parameters
        ----------
        operation
            The operation, where it is not the act's.
        case_key, cases
            The case, or further cases, by their keys; the act's case where neither is given.
        recipient
            To whom data are disclosed, where it is not the act's.
        """
        self.ledger.note(operation, case_key, cases, recipient)

    def add_written(self, table: str, rows: pa.Table, first_seq: int) -> None:
        """Say which rows were written from Arrow's columns, so that they are not read again.

        Parameters
        ----------
        table
            The table's name.
        rows
            Its columns as they were written; every row is of a case.
        first_seq
            Place of the first row in the order of rows.
        """
        if rows.num_rows:
            self.ledger.written.append(WrittenRows(table, rows, first_seq))

    def renew(self, places: Mapping[str, Collection[int]]) -> None:
        """Say which rows from before are changed lawfully: the transaction covers them anew.

        Parameters
        ----------
        places
            Their places in the order of rows, by the names of their tables.
        """
        for table, some in places.items():
            self.ledger.renewed.setdefault(table, set()).update(some)

    def touch(self, case_keys: Collection[str], refresher: Refresher) -> None:
        """Have the standings of some cases refreshed once, before the transaction is committed.

        Parameters
        ----------
        case_keys
            Cases of which rows were added.
        refresher
            What standings rest on beside the records.
        """
        self._owed.named.update(case_keys)
        for known, keys in self._owed.touched:
            if known == refresher:
                keys.update(case_keys)
                return
        self._owed.touched.append((refresher, set(case_keys)))

    def refresh_touched(self) -> None:
        """Refresh the standings of the cases that were touched so far."""
        while self._owed.touched:
            # Taken out first: a refresh reads the table itself, and that leads here again.
            refresher, keys = self._owed.touched.pop(0)
            refresher.refresh(self, keys)

    def store_head(self) -> None:
        """Write into the head row how far places in the order were given."""
        if self._owed.is_ahead:
            # Noted before the statement, which names the column and so leads here again.
            self._owed.is_ahead = False
            head = update(unit).where(unit.c.id == 1).values(last_seq=self._owed.head)
            self.connection.execute(head)

    def owed_lines(self) -> Sequence[AuditEntry]:
        """Return the lines of the log of changes that the transaction owes at its end."""
        return self.ledger.list_entries(sorted(self._owed.named))


@dataclass(frozen=True)
class Store:
    """A unit's store.

    Parameters
    ----------
    engine
        The database.
    looks
        The database of the access log: on SQLite a file of its own, else the same.
    audit_key
        What the lines of both logs are chained with.
    clock
        What time it is.
    old_keys
        Keys that lines from before were chained with.
    """

    engine: Engine
    looks: Engine
    audit_key: bytes = field(repr=False)
    clock: Clock = field(default=read_clock)
    old_keys: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the store throughout, and writes nothing."""
        with _read(self.engine) as connection:
            yield connection

    @contextmanager
    def reading_looks(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the access log, and writes nothing."""
        with _read(self.looks) as connection:
            yield connection

    @contextmanager
    def writing(self, *, needs_looks: bool = True) -> Iterator[Writing]:
        """Open a transaction that may write; it is committed where the block ends without error.

        What it stored is told in the log of changes, in the same transaction: both are there
        afterwards, or neither.

        Parameters
        ----------
        needs_looks
            Whether SQLite's file of the access log must be there: without it nobody could be shown
            what was written, so nothing is.

        Raises
        ------
        SQLAlchemyError
            If a file that is needed is gone (:func:`serving.store.engines.is_away`).
        """
        if needs_looks:
            check_file(self.looks)
        options: dict[str, Any] = {WRITES: True}
        with (
            self.engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            writing = Writing(connection, self.clock())
            _keep_fresh(writing)
            yield writing
            # Before the audit head is locked, since that lock is the last that is taken.
            writing.refresh_touched()
            writing.store_head()
            owed = writing.owed_lines()
            if owed:
                covered = cover_rows(connection, self.audit_key, owed, writing.ledger)
                number = append_lines(
                    connection, self.audit_key, CHANGES, covered.entries, writing.now_us
                )
                covered.store(connection, number)

    def look(self, *, cases: Sequence[str] = (), done: bool = True) -> None:
        """Write into the access log what the act that is going on shows, before it is shown.

        Parameters
        ----------
        cases
            Keys of the cases that are shown, beside the act's own.
        done
            Whether it is shown; false where it was refused.

        Raises
        ------
        ServiceError
            If it cannot be recorded (503): then nothing may be shown.
        """
        entry = AuditEntry(current_act(), done=done, cases=tuple(cases))
        options: dict[str, Any] = {WRITES: True}
        try:
            with (
                self.looks.connect().execution_options(**options) as connection,
                connection.begin(),
            ):
                append_lines(connection, self.audit_key, LOOKS, [entry], self.clock())
        except (SQLAlchemyError, ConfigError) as error:
            if is_away(error) and self._has_looks_file():
                raise store_away() from None
            raise ServiceError(
                "look_not_recorded",
                "the access could not be logged, so nothing is shown",
                "tell the operator to run `caselight audit verify`",
            ) from None

    def _has_looks_file(self) -> bool:
        file = find_file(self.engine)
        return file is None or name_looks_file(file).exists()

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
        synthetic = is_demonstration(self.audit_key, row)
        return Unit(row.time_zone, synthetic, int(row.made_at_us))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self.looks.dispose()


def _keep_fresh(writing: Writing) -> None:
    """Let the transaction find what it owes wherever it reads that itself."""

    def settle(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        # By the text of the statement: no query of the transaction can forget to ask.
        if statement.startswith(_INSERTS):
            writing.ledger.add_table(statement[len(_INSERTS) :])
        if standings.name in statement:
            writing.refresh_touched()
        if unit.c.last_seq.name in statement:
            writing.store_head()

    event.listen(writing.connection, "before_cursor_execute", settle)


@contextmanager
def _read(engine: Engine) -> Iterator[Connection]:
    # Begun empty with the transaction: what is kept is never older than what it sees.
    options: dict[str, Any] = {KEPT: {}}
    if engine.dialect.name != "sqlite":
        # One state for all queries of an answer; by default PostgreSQL gives each query its own. A
        # transaction of SQLite has one anyway.
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection:
        try:
            yield connection
        finally:
            connection.rollback()


def open_store(
    url: str,
    *,
    clock: Clock = read_clock,
    audit_key: bytes | None = None,
    any_key: bool = False,
    must_exist: bool = False,
) -> Store:
    """Open the store at a database's address.

    Parameters
    ----------
    url
        ``sqlite:///path`` or ``postgresql://...``.
    clock
        What time it is.
    audit_key
        What the audit log is chained with; found by
        :func:`serving.store.audit_keys.find_audit_key` where absent.
    any_key
        Open it even if the books do not fit the key, to tell what is wrong with them.
    must_exist
        Refuse an address at which no store is. Else one may be made there by
        :func:`serving.store.upgrading.upgrade`, and its audit key is made now.

    Raises
    ------
    ConfigError
        If it is no address of a database that the store runs on, the database cannot be reached or
        is in another encoding, there is no store, or the audit key is missing or another one.
    """
    engine = make_database(url)
    try:
        if must_exist:
            _need_store(engine)
        begun = _has_begun(engine)
        key = audit_key or find_audit_key(find_file(engine), begun=begun)
        others = () if audit_key else load_other_keys(find_file(engine))
        if begun and others:
            key, others = _choose_key(engine, (key, *others))
        if not must_exist:
            make_file(engine)
        store = Store(engine, make_looks_engine(engine), key, clock, others)
        if begun and not any_key:
            _check_keys(store)
    except BaseException:
        engine.dispose()
        raise
    return store


def _has_begun(engine: Engine) -> bool:
    """Return whether the store's log of changes was begun; no file is made by asking."""
    file = find_file(engine)
    if file is not None and not file.exists():
        return False
    try:
        with _read(engine) as connection:
            check_encoding(connection)
            return has_books(connection) and find_head(connection, CHANGES) is not None
    except SQLAlchemyError as error:
        raise _refuse_unreadable(error) from None


def _choose_key(engine: Engine, keys: Sequence[bytes]) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the key that the log of changes goes on under, and the others."""
    with _read(engine) as connection:
        name = find_key_name(connection, CHANGES)
    key = next((one for one in keys if name_key(one) == name), keys[0])
    return key, tuple(one for one in keys if one != key)


def _need_store(engine: Engine) -> None:
    """Check that there is a store, before anything is made for it: its key, or a file."""
    try:
        if holds_store(engine):
            return
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _refuse_unreadable(error) from None
    raise ConfigError(
        "there is no store at that address; correct it, or make one with `caselight db upgrade`"
    )


def _refuse_unreadable(error: Exception) -> ConfigError:
    return ConfigError(
        f"the store cannot be read ({type(error).__name__}); check its address, and that the "
        "database runs"
    )


def _check_keys(store: Store) -> None:
    with store.reading() as connection:
        check_key(connection, store.audit_key, CHANGES)
    try:
        with store.reading_looks() as connection:
            if has_books(connection):
                check_key(connection, store.audit_key, LOOKS)
    except SQLAlchemyError:
        pass  # the book is not there: `check_store` tells it, and no access can be logged
