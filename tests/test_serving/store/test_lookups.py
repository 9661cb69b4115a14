"""What is asked of many values at once is looked up value by value, whatever a table holds."""

from typing import Any

import pytest
from sqlalchemy import FromClause, Select, event, select
from sqlalchemy.engine import Connection

from serving.store.database import Store
from serving.store.lookups import list_keys, list_marks, list_pairs, look_up_each
from serving.store.schema import case_keys, events
from tests.test_serving.sent_rows import make_case, make_event, send

N_CASES = 600


@pytest.fixture
def keys(store: Store) -> list[str]:
    """Return the keys of cases with three events each, which the database knows nothing of yet."""
    names = [f"C{number}" for number in range(N_CASES)]
    some = [make_event(f"E{number}", name) for name in names for number in range(3)]
    send(store, {"cases": [make_case(name) for name in names], "events": some})
    with store.reading() as connection:
        return sorted(connection.execute(select(case_keys.c.case_key)).scalars())


def select_events(connection: Connection, kind: str, keys: list[str]) -> Select[Any]:
    """Return the query for events of some cases: all of them, those named, or those of a mark."""
    found = select(events.c.case_key, events.c.event_id)
    wanted: FromClause
    if kind == "pairs":
        wanted = list_pairs(connection, [(key, "E1") for key in keys])
        found = found.where(events.c.event_id == wanted.c.id)
    elif kind == "marks":
        wanted = list_marks(connection, [(key, 0, 0, None) for key in keys])
        found = found.where(events.c.stored_seq > wanted.c.seq)
    else:
        wanted = list_keys(connection, [*keys, *keys])
    return look_up_each(connection, wanted, found.where(events.c.case_key == wanted.c.case_key))


@pytest.mark.parametrize(("kind", "names"), [("keys", 3), ("pairs", 1), ("marks", 3)])
def test_what_was_asked_for_is_found_once(
    store: Store, keys: list[str], kind: str, names: int
) -> None:
    """Every row that fits one of the values comes once, and no other."""
    asked = keys[::2]
    with store.reading() as connection:
        rows = connection.execute(select_events(connection, kind, asked)).all()
    first = 1 if names == 1 else 0
    assert sorted(map(tuple, rows)) == [
        (key, f"E{number}") for key in asked for number in range(first, first + names)
    ]


@pytest.mark.parametrize("kind", ["keys", "pairs", "marks"])
def test_no_table_is_read_whole_for_what_is_asked_of_it(
    store: Store, keys: list[str], kind: str
) -> None:
    """Neither database reads through a table that has just been filled to find rows by a key."""
    explain = "EXPLAIN QUERY PLAN " if store.is_sqlite else "EXPLAIN "
    with store.reading() as connection:
        query = select_events(connection, kind, keys)

        def ask(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> Any:
            return explain + statement, parameters

        event.listen(connection, "before_cursor_execute", ask, retval=True)
        plan = "\n".join(str(row[-1]) for row in connection.execute(query))
    assert "events" in plan
    assert "SCAN events" not in plan
    assert "Seq Scan on events" not in plan
