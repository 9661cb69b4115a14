import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import DatabaseError

from features.errors import ConfigError
from serving.store.database import Store, make_key, open_store
from serving.store.schema import (
    APPEND_ONLY,
    WORKED_OUT,
    cases,
    disposals,
    metadata,
    orderings,
    unit,
)
from serving.store.upgrading import check_schema, upgrade

NOW_US = 1_772_000_000_000_000

PERSON = {"person": "duty", "subject": "local:duty", "role": "duty", "agency": "police"}


@pytest.fixture
def address(new_address: str) -> str:
    """Return the address of a really new store: these tests are of what it is made of."""
    return new_address


def add_case(store: Store, key: str) -> int:
    with store.writing() as writing:
        seq = writing.take_seq()
        writing.connection.execute(
            insert(cases).values(case_key=key, recorded_at=NOW_US, stored_seq=seq)
        )
    return seq


def test_a_made_store_is_what_the_schema_says(store: Store) -> None:
    """A store that was upgraded has every table, and the check finds nothing wrong."""
    with store.reading() as connection:
        there = set(inspect(connection).get_table_names())
    assert set(metadata.tables) <= there
    assert check_schema(store) == []


def test_upgrading_again_changes_nothing(store: Store) -> None:
    """A second upgrade leaves the unit as it was made."""
    upgrade(store, time_zone="UTC", synthetic=False)
    assert store.read_unit().synthetic
    assert store.read_unit().time_zone == "Europe/London"


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_every_record_table_has_its_refusals(store: Store, table: str) -> None:
    """Without its trigger a table that is append-only is found by the check."""
    name = f"refuse_update_{table}" if store.is_sqlite else f'refuse_update ON "{table}"'
    with store.writing() as writing:
        writing.connection.execute(text(f"DROP TRIGGER {name}"))
    assert [one.problem for one in check_schema(store)] == [
        f"table {table} can be changed: its triggers are gone"
    ]


@pytest.mark.parametrize("statement", ["UPDATE cases SET area = 'x'", "DELETE FROM cases"])
def test_a_record_can_be_neither_changed_nor_deleted(store: Store, statement: str) -> None:
    """The database refuses to change or delete a record, whoever asks."""
    add_case(store, make_key())
    with pytest.raises(DatabaseError, match="append-only"), store.writing() as writing:
        writing.connection.execute(text(statement))
    with store.reading() as connection:
        assert len(connection.execute(select(cases)).all()) == 1


def test_only_rows_of_a_disposed_case_can_be_deleted(store: Store) -> None:
    """A disposal on record opens that case's rows to deletion, and no other's."""
    gone, kept = make_key(), make_key()
    add_case(store, gone)
    add_case(store, kept)
    with store.writing() as writing:
        writing.connection.execute(
            insert(disposals).values(
                case_key=gone,
                disposed_at_us=NOW_US,
                why="retention has ended",
                stored_seq=writing.take_seq(),
                **PERSON,
            )
        )
    with store.writing() as writing:
        writing.connection.execute(cases.delete().where(cases.c.case_key == gone))
    with pytest.raises(DatabaseError, match="append-only"), store.writing() as writing:
        writing.connection.execute(cases.delete().where(cases.c.case_key == kept))
    with store.reading() as connection:
        assert connection.execute(select(cases.c.case_key)).scalars().all() == [kept]


def test_what_is_worked_out_is_not_a_record(store: Store) -> None:
    """No table is both append-only and worked out from others."""
    assert not set(APPEND_ONLY) & set(WORKED_OUT)


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    """An error in the middle of a transaction takes back its rows and its places in the order."""
    with pytest.raises(RuntimeError), store.writing() as writing:
        writing.take_seq(5)
        raise RuntimeError
    with store.reading() as connection:
        assert connection.execute(select(unit.c.last_seq)).scalar_one() == 0


def test_places_in_the_order_are_given_in_the_order_of_commits(
    open_another: Callable[[], Store],
) -> None:
    """With several servers writing at once no place is given twice, left out or out of order."""
    found: list[int] = []

    def write(store: Store) -> None:
        for number in range(20):
            with store.writing() as writing:
                first = writing.take_seq(2)
                writing.connection.execute(
                    insert(orderings),
                    [
                        {
                            "ordering_key": make_key(),
                            "ordering": "model",
                            "why": str(number),
                            "switched_at_us": NOW_US,
                            "stored_seq": seq,
                            **PERSON,
                        }
                        for seq in (first, first + 1)
                    ],
                )
                # Read inside: everything with a lower place is there before this commits.
                before = writing.connection.execute(
                    select(orderings.c.stored_seq).where(orderings.c.stored_seq < first)
                ).all()
                assert len(before) == first - 1
            found.append(first)

    threads = [threading.Thread(target=write, args=(open_another(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 121, 2))


def test_a_reader_sees_one_state(store: Store) -> None:
    """What is committed while a reader reads is not seen by it."""
    add_case(store, make_key())
    with store.reading() as connection:
        before = len(connection.execute(select(cases)).all())
        add_case(store, make_key())
        assert len(connection.execute(select(cases)).all()) == before
    with store.reading() as connection:
        assert len(connection.execute(select(cases)).all()) == before + 1


def test_sqlite_is_set_to_lose_nothing(tmp_path: Path) -> None:
    """A SQLite store writes ahead, waits for the disk, and keeps temporary data in memory."""
    store = open_store(f"sqlite:///{tmp_path / 'unit.db'}")
    with store.reading() as connection:
        found = [
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "temp_store")
        ]
    store.close()
    assert found == ["wal", 2, 1, 2]


@pytest.mark.parametrize("address", ["mysql://here/x", "nonsense", ""])
def test_another_database_is_refused_with_the_remedy(address: str) -> None:
    """An address that is neither SQLite's nor PostgreSQL's gives an error that says so."""
    with pytest.raises(ConfigError, match="sqlite:/// or postgresql://"):
        open_store(address)


def test_a_store_that_was_not_made_says_how_to_make_it(tmp_path: Path) -> None:
    """Reading a store without a schema names the command that makes one."""
    store = open_store(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(ConfigError, match="caselight db upgrade"):
        store.read_unit()
    assert [one.remedy for one in check_schema(store)] == ["run `caselight db upgrade`"]
    store.close()
