"""Making a store and bringing it up to date."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from features.errors import ConfigError
from features.moments import find_zone
from serving.store.database import Store
from serving.store.schema import APPEND_ONLY, metadata, unit

_STEPS: Final = Path(__file__).with_name("migrations")


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
        If the zone is not known, or the database cannot be reached or was made by a later version.
    """
    try:
        find_zone(time_zone)
    except Exception:
        raise ConfigError("the time zone is not known; write an IANA name") from None
    try:
        with store.writing() as writing:
            connection = writing.connection
            if not store.is_sqlite:  # SQLite's writing transaction is exclusive already
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
                    )
                )
    except SQLAlchemyError as error:
        raise ConfigError(
            f"the store could not be made or brought up to date ({type(error).__name__}); "
            "check that the database runs and may be written to"
        ) from None


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
class Finding:
    """One thing that is not as it should be, and what mends it."""

    problem: str
    remedy: str


def check_schema(store: Store) -> list[Finding]:
    """Return what is not as this version expects: steps not taken, tables changed, no triggers."""
    found: list[Finding] = []
    try:
        with store.reading() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            if context.get_current_revision() != _read_steps().get_current_head():
                return [Finding("the schema is not up to date", "run `caselight db upgrade`")]
            differences = compare_metadata(context, metadata)
            found += [
                Finding(f"the schema differs: {difference[0]}", "restore the schema from a backup")
                for difference in differences
                if isinstance(difference, tuple)
            ]
            found += _check_triggers(connection)
    except SQLAlchemyError as error:
        found.append(
            Finding(f"the database cannot be read ({type(error).__name__})", "check that it runs")
        )
    return found


def _check_triggers(connection: Connection) -> list[Finding]:
    if connection.dialect.name == "sqlite":
        query = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = (
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND n.nspname = current_schema()"
        )
    found = connection.execute(text(query))
    there = {(table, name.removesuffix(f"_{table}")) for table, name in found}
    wanted = {(table, name) for table in APPEND_ONLY for name in ("refuse_update", "refuse_delete")}
    missing = sorted({table for table, _ in wanted - there})
    present = set(inspect(connection).get_table_names())
    return [
        Finding(
            f"table {table} can be changed: its triggers are gone", "restore them from a backup"
        )
        for table in missing
        if table in present
    ]
