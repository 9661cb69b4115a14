"""The step by which a number may stand for several cases, over a store that holds some."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import func, insert, inspect, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from serving.standing.standings import check_standings
from serving.store.database import Store, open_store
from serving.store.schema import case_keys, events, standings
from serving.store.upgrading import upgrade
from tests.test_serving.postgresql_server import name_database, new_database
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_link, send
from tests.test_serving.stores import SetClock

BEFORE = "0007"


@pytest.fixture(params=["sqlite", "postgresql"])
def older(
    request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock, audit_key_file: Path
) -> Iterator[Store]:
    """Return a store as it was before the step, with three cases of which two are linked."""
    if request.param == "sqlite":
        yield from _fill(f"sqlite:///{tmp_path / 'older.db'}", clock)
        return
    server = request.getfixturevalue("postgresql")
    with new_database(server, "template0") as name:
        yield from _fill(name_database(server, name), clock)


def _fill(address: str, clock: SetClock) -> Iterator[Store]:
    store = open_store(address, clock=clock)
    whole = command.upgrade
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "upgrade", lambda config, revision: whole(config, BEFORE))
        upgrade(store, synthetic=True)
    send(
        store,
        {
            "cases": [make_case(name) for name in "ABC"],
            "events": [make_event(f"{name}-E", name) for name in "ABC"],
            "links": [make_link("L", "B", "C")],
        },
    )
    send(store, {"events": [make_event("A-H", "A", source="health")]})
    # As it was worked out until then: a record that is kept apart was the last row as well.
    last = select(func.max(events.c.stored_seq)).scalar_subquery()
    with store.writing() as writing:
        keys = [key_of(store, "A")]
        writing.connection.execute(
            update(standings).where(standings.c.case_key.in_(keys)).values(record_seq=last)
        )
    yield store
    store.close()


def test_the_step_keeps_every_row_and_every_refusal(older: Store) -> None:
    """Cases keep their keys; a number can be given twice; nothing of a record can be changed."""
    with older.reading() as connection:
        before = connection.execute(select(case_keys).order_by(case_keys.c.stored_seq)).all()
        assert check_standings(connection, now_us=older.clock()) != []
    upgrade(older)
    with older.reading() as connection:
        query = select(case_keys).order_by(case_keys.c.stored_seq)
        assert connection.execute(query).all() == before
        assert check_standings(connection, now_us=older.clock()) == []
        assert inspect(connection).get_unique_constraints("case_keys") == []
    with older.writing() as writing:
        again = dict(before[0]._mapping) | {"case_key": "k" * 24, "stored_seq": writing.take_seq()}
        writing.connection.execute(insert(case_keys).values(again))
    with pytest.raises(SQLAlchemyError), older.writing() as writing:
        writing.connection.execute(text("UPDATE events SET kind = 'other'"))
