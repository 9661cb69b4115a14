"""The pool that lends databases to the other tests."""

import functools
from collections.abc import Iterator

import psycopg
import pytest

from tests.test_serving.database_pool import DatabasePool
from tests.test_serving.database_state import Layout, find_differences, read_layout
from tests.test_serving.postgresql_server import connect

pytestmark = pytest.mark.postgresql

ROW = "INSERT INTO cases (case_key, recorded_at, stored_seq) VALUES ('K', 1, 1)"


@pytest.fixture
def pool(postgresql: str, template: str) -> Iterator[DatabasePool]:
    """Return a pool of the test's own."""
    made = DatabasePool(postgresql, template)
    yield made
    made.close()


def change(server: str, name: str, *statements: str) -> None:
    """Do something to a database as a test would, in a session that is closed again."""
    with connect(server, name) as session:
        for statement in statements:
            session.execute(statement)


def count(server: str, name: str, asked: str) -> int:
    """Return how many rows stand in a table, or in a catalogue of the system."""
    with connect(server, name) as session:
        found = session.execute(f"SELECT count(*) FROM {asked}").fetchone()
    return int((found or (0,))[0])


@functools.cache
def read_template(server: str, template: str) -> Layout:
    """Return what the template itself holds, which no test changes."""
    with connect(server, template) as session:
        return read_layout(session)


def list_differences(server: str, template: str, name: str) -> list[str]:
    """Return in which parts a database is not as the template itself, but for who is in it."""
    layout = read_template(server, template)
    with connect(server, name) as session:
        return [part for part in find_differences(session, layout) if part != "sessions"]


def test_a_database_that_was_used_is_handed_on_as_new(
    pool: DatabasePool, postgresql: str, template: str
) -> None:
    """Rows, also those that nobody may delete, and changed rows of the template are put right."""
    name = pool.take()
    change(
        postgresql,
        name,
        ROW,
        "UPDATE unit SET last_seq = 7, time_zone = 'UTC'",
        "DELETE FROM audit_heads",
        "UPDATE alembic_version SET version_num = 'earlier'",
    )
    assert len(list_differences(postgresql, template, name)) == 4
    pool.give_back(name)
    assert pool.take() == name
    assert list_differences(postgresql, template, name) == []


def test_a_sequence_is_put_back(pool: DatabasePool, postgresql: str, template: str) -> None:
    """The next number is the first one again."""
    name = pool.take()
    change(postgresql, name, "SELECT nextval('unit_id_seq'), nextval('unit_id_seq')")
    assert list_differences(postgresql, template, name) == ["public.unit_id_seq"]
    pool.give_back(name)
    assert pool.take() == name
    assert list_differences(postgresql, template, name) == []


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER refuse_update ON cases",
        "ALTER TABLE cases DISABLE TRIGGER refuse_delete",
        "ALTER TABLE cases ADD COLUMN more text",
        "ALTER TABLE cases ALTER COLUMN area SET DEFAULT 'x'",
        "ALTER TABLE cases RENAME TO cases_of_before",
        "ALTER TABLE cases SET (fillfactor = 50)",
        "ALTER TABLE unit ADD CONSTRAINT few CHECK (last_seq < 5)",
        "ALTER SEQUENCE unit_id_seq INCREMENT BY 2",
        "CREATE INDEX another ON cases (area)",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RETURN OLD; END $$",
        "CREATE SCHEMA another",
        "CREATE TABLE another (n integer)",
        "CREATE VIEW another AS SELECT 1 AS n",
        "COMMENT ON TABLE cases IS 'x'",
        "DROP INDEX ix_events_stored_seq",
        "DROP TABLE standings",
        "DROP TABLE unit",
        "GRANT SELECT ON cases TO PUBLIC",
        "SELECT lo_create(0)",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 128', current_database()); "
        "END $$",
    ],
)
def test_a_database_of_another_schema_is_not_handed_on(
    pool: DatabasePool, postgresql: str, template: str, statement: str
) -> None:
    """A change to anything but rows and sequences costs the database: a new one takes its place."""
    name = pool.take()
    change(postgresql, name, ROW, statement)
    pool.give_back(name)
    taken = pool.take()
    assert taken != name
    assert list_differences(postgresql, template, taken) == []
    assert count(postgresql, taken, f"pg_database WHERE datname = '{name}'") == 0


def test_a_trigger_that_was_made_anew_is_not_the_trigger(
    pool: DatabasePool, postgresql: str
) -> None:
    """What was dropped and made again by the same words is not taken for what was there."""
    name = pool.take()
    with connect(postgresql, name) as session:
        words = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'refuse_update'"
        found = session.execute(f"{words} AND tgrelid = 'cases'::regclass").fetchone()
        session.execute("DROP TRIGGER refuse_update ON cases")
        session.execute(str((found or ("",))[0]))
    pool.give_back(name)
    assert pool.take() != name


@pytest.mark.parametrize("statement", ["SELECT 1", "BEGIN", f"BEGIN; {ROW}", "LOCK TABLE cases"])
def test_a_database_with_a_session_in_it_is_not_handed_on(
    pool: DatabasePool, postgresql: str, statement: str
) -> None:
    """A session left open, idle or in a transaction, is ended with the database it could change."""
    name = pool.take()
    left = connect(postgresql, name)
    left.autocommit = not statement.startswith("LOCK")
    left.execute(statement)
    pool.give_back(name)
    assert pool.take() != name
    with pytest.raises(psycopg.OperationalError):
        left.execute(ROW)
    left.close()


def test_what_comes_after_the_return_is_seen(pool: DatabasePool, postgresql: str) -> None:
    """A row that is written between the return and the next test costs the database."""
    name = pool.take()
    pool.give_back(name)
    change(postgresql, name, ROW)
    assert pool.take() != name


def test_who_comes_after_the_return_is_seen(pool: DatabasePool, postgresql: str) -> None:
    """A session that was opened since the return costs the database."""
    name = pool.take()
    pool.give_back(name)
    with connect(postgresql, name):
        assert pool.take() != name


def test_a_database_that_is_gone_is_replaced(pool: DatabasePool, postgresql: str) -> None:
    """A test that drops its database leaves the next one with another."""
    name = pool.take()
    change(postgresql, "postgres", f'DROP DATABASE "{name}" WITH (FORCE)')
    pool.give_back(name)
    assert pool.take() != name


def test_nobody_has_a_database_that_another_has(pool: DatabasePool, postgresql: str) -> None:
    """Databases that are lent at once are different ones, and each is handed on once."""
    first, second = pool.take(), pool.take()
    pool.give_back(first)
    pool.give_back(second)
    assert len({first, second}) == 2
    assert {pool.take(), pool.take()} == {first, second}


def test_a_pool_that_is_closed_leaves_nothing(postgresql: str, template: str) -> None:
    """Both the databases that are out and those that are in are dropped."""
    pool = DatabasePool(postgresql, template)
    names = [pool.take(), pool.take()]
    pool.give_back(names[0])
    pool.close()
    listed = ", ".join(f"'{name}'" for name in names)
    assert count(postgresql, "postgres", f"pg_database WHERE datname IN ({listed})") == 0
