"""Making a store and bringing it up to date."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from features.contract.moments import find_zone
from features.errors import ConfigError
from serving.store.audit_books import (
    LOOKS_BEGUN_ANEW,
    append_lines,
    begin_book,
    check_key,
    find_head,
    has_books,
    has_column,
)
from serving.store.audit_lines import BOOKS, CHANGES, LOOKS, AuditEntry
from serving.store.covered_rows import COVERED, cover_older, find_uncovered
from serving.store.current_act import SERVICE, Act, acting
from serving.store.database import Store, Writing
from serving.store.demonstration import make_mark
from serving.store.engines import WRITES, close_to_others, make_looks_engine
from serving.store.older_stores import mark_older
from serving.store.respelling import respell
from serving.store.schema import APPEND_ONLY, audit_heads, audit_lines, metadata, unit
from serving.store.triggers import write_triggers

RESPELLED: Final = "caselight db upgrade: words of records were written in the spelling of intake"
_STEPS: Final = Path(__file__).with_name("migrations")
_LOOKS_TABLES: Final = MetaData(naming_convention=metadata.naming_convention)
for _table in (audit_lines, audit_heads):
    _table.to_metadata(_LOOKS_TABLES)
"""What SQLite's file of the access log holds: the tables of the audit log, and nothing else."""


def _configure(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    config.attributes["connection"] = connection
    return config


def upgrade(store: Store, *, time_zone: str = "Europe/London", synthetic: bool = False) -> None:
    """Make the store, or bring it up to date; safe to repeat, and with several at once.

    Parameters
    ----------
    store
        The store.
    time_zone, synthetic
        What holds for a store that is made now; of one that is there they are left as they are.

    Raises
    ------
    ConfigError
        If the zone is not known, the database cannot be reached or was made by a later version, or
        its audit log was written with another key.
    """
    try:
        find_zone(time_zone)
    except Exception:
        raise ConfigError("the time zone is not known; write an IANA name") from None
    try:
        close_to_others(store.engine)
        with store.writing(needs_looks=False) as writing:
            connection = writing.connection
            if not store.is_sqlite:  # SQLite's writing transaction is exclusive already
                # The number means nothing but must be the same in every process and version.
                connection.execute(text("SELECT pg_advisory_xact_lock(7302018)"))
            _refuse_later(connection)
            command.upgrade(_configure(connection), "head")
            if connection.execute(select(unit.c.id)).one_or_none() is None:
                connection.execute(
                    unit.insert().values(
                        id=1,
                        time_zone=time_zone,
                        synthetic=synthetic,
                        made_at_us=writing.now_us,
                        last_seq=0,
                        synthetic_mark=make_mark(store.audit_key, writing.now_us)
                        if synthetic
                        else None,
                    )
                )
            _begin_books(store, writing)
            respelled = respell(connection)
            if respelled:
                with acting(Act(SERVICE, "alteration", RESPELLED)):
                    writing.renew(respelled)
                    writing.note()
        # After the words of records have the spelling that they keep.
        _cover_older(store)
        mark_older(store)
    except SQLAlchemyError as error:
        raise ConfigError(
            f"the store could not be made or brought up to date ({type(error).__name__}); "
            "check that the database runs and may be written to"
        ) from None


def _cover_older(store: Store) -> None:
    """Digest what rows from before there were contents hold, and say so in a line."""
    with store.writing() as writing:
        connection = writing.connection
        writing.take_seq(0)  # no row is stored meanwhile
        ranges = find_uncovered(connection)
        head = find_head(connection, CHANGES, lock=True)
        if not ranges or head is None:
            return
        content = cover_older(connection, store.audit_key, head.number + 1, ranges)
        entry = AuditEntry(Act(SERVICE, "alteration", COVERED), content=content)
        append_lines(connection, store.audit_key, CHANGES, [entry], writing.now_us)


def _begin_books(store: Store, writing: Writing) -> None:
    """Begin the log of changes or the access log where it is not there.

    A store that has seen changes and has no access log has lost it: another is begun, and a line
    in the book of changes says so for good.
    """
    connection, key = writing.connection, store.audit_key
    begin_book(connection, key, CHANGES)
    if not store.is_sqlite:
        for book in BOOKS:
            begin_book(connection, key, book)
            check_key(connection, key, book)
        return
    check_key(connection, key, CHANGES)
    head = find_head(connection, CHANGES)
    # A store in use always had an access log, so one that is made now replaces one that was lost.
    if _make_looks(store) and head is not None and head.number > 0:
        with acting(Act(SERVICE, "alteration", LOOKS_BEGUN_ANEW)):
            writing.note()


def _make_looks(store: Store) -> bool:
    """Make SQLite's file of the access log where it is absent; return whether it was made now."""
    engine = make_looks_engine(store.engine, may_make=True)
    close_to_others(engine)
    try:
        with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            if not has_books(connection):
                _LOOKS_TABLES.create_all(connection)
                for statement in write_triggers("sqlite", {audit_lines.name: False}):
                    connection.execute(text(statement))
            for column in (audit_lines.c.content, audit_heads.c.key_name):
                if not has_column(connection, column):
                    kind = column.type.compile(connection.dialect)
                    statement = f'ALTER TABLE {column.table.name} ADD COLUMN "{column.name}" {kind}'
                    connection.execute(text(statement))
            begun = begin_book(connection, store.audit_key, LOOKS)
            check_key(connection, store.audit_key, LOOKS)
            return begun
    finally:
        engine.dispose()


def _refuse_later(connection: Connection) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    known = {step.revision for step in _read_steps().walk_revisions()}
    if found is not None and found not in known:
        raise ConfigError("the store was made by a later version; update Caselight")


def _read_steps() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    return ScriptDirectory.from_config(config)


@dataclass(frozen=True)
class SchemaFault:
    """One thing that is not as it should be, and what mends it."""

    problem: str
    remedy: str


def check_schema(store: Store) -> list[SchemaFault]:
    """Return what is not as this version expects: steps not taken, tables changed, no triggers."""
    found: list[SchemaFault] = []
    try:
        with store.reading() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            if context.get_current_revision() != _read_steps().get_current_head():
                return [SchemaFault("the schema is not up to date", "run `caselight db upgrade`")]
            found += _compare(context, metadata)
            found += _check_triggers(connection, APPEND_ONLY)
    except SQLAlchemyError as error:
        found.append(
            SchemaFault(
                f"the database cannot be read ({type(error).__name__})", "check that it runs"
            )
        )
    return found


def check_looks(store: Store) -> list[SchemaFault]:
    """Return what is not as it should be with the tables of the access log.

    On a server they are the store's own, and :func:`check_schema` has looked at them.
    """
    if not store.is_sqlite:
        return []
    try:
        with store.reading_looks() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            found = _compare(context, _LOOKS_TABLES)
            return found + _check_triggers(connection, (audit_lines.name,))
    except SQLAlchemyError:
        return [
            SchemaFault(
                "the access log beside the store is missing or cannot be read",
                "restore it from a backup; where there is none, `caselight db upgrade` begins "
                "another and says so in the log of changes",
            )
        ]


def _compare(context: MigrationContext, wanted: MetaData) -> list[SchemaFault]:
    return [
        SchemaFault(f"the schema differs: {difference[0]}", "restore the schema from a backup")
        for difference in compare_metadata(context, wanted)
        if isinstance(difference, tuple)
    ]


def _check_triggers(connection: Connection, tables: Iterable[str]) -> list[SchemaFault]:
    if connection.dialect.name == "sqlite":
        query = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = (
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            # A trigger may be there and be disabled.
            "WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND n.nspname = current_schema()"
        )
    found = connection.execute(text(query))
    there = {(table, name.removesuffix(f"_{table}")) for table, name in found}
    wanted = {(table, name) for table in tables for name in ("refuse_update", "refuse_delete")}
    missing = sorted({table for table, _ in wanted - there})
    present = set(inspect(connection).get_table_names())
    return [
        SchemaFault(
            f"table {table} can be changed: its triggers are gone", "restore them from a backup"
        )
        for table in missing
        if table in present
    ]
