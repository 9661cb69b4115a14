from collections.abc import Callable
from typing import Any

from sqlalchemy import select, text

from serving.oversight.audit_verification import list_problems, verify_store
from serving.store.database import Store
from serving.store.schema import metadata
from tests.test_serving.kept_contents import fill_once, hold, put, read_stand
from tests.test_serving.sent_rows import key_of, make_case, make_event, send


def read_everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of every table, those of the book of looks among them."""
    told = {}
    with store.reading() as connection, store.reading_looks() as looks:
        for table in metadata.sorted_tables:
            rows = [tuple(row) for row in connection.execute(select(table))]
            told[table.name] = sorted(rows, key=repr)
        told["looks"] = [tuple(row) for row in looks.execute(text("SELECT * FROM audit_lines"))]
    return told


def add(store: Store, case_id: str) -> None:
    rows = {"cases": [make_case(case_id)], "events": [make_event("E", case_id)]}
    assert not len(send(store, rows).rejects)


def test_what_was_kept_is_given_whole(store: Store, open_another: Callable[[], Store]) -> None:
    """Rows, standings, places in the order of rows and both audit books are as they were kept."""
    add(store, "A")
    before, held = read_everything(store), hold(store)
    add(store, "B")
    assert read_everything(store) != before

    put(store, held)

    assert read_everything(store) == before == read_everything(open_another())
    add(store, "B")
    assert key_of(store, "B") != key_of(store, "A")
    assert list_problems(verify_store(store)) == []


def test_a_store_that_stands_elsewhere_is_filled_anew(store: Store) -> None:
    """What was kept is given to a store that stands where the first one stood, and to no other."""
    filled: list[str] = []

    def fill() -> None:
        filled.append("now")
        add(store, f"A{len(filled)}")

    name, fresh = (store.is_sqlite, "of this test"), hold(store)
    first = read_stand(store)
    fill_once(store, name, fill)
    fill_once(store, name, fill)
    assert filled == ["now", "now"]
    put(store, fresh)
    assert read_stand(store) == first
    fill_once(store, name, fill)
    assert filled == ["now", "now"]
    assert key_of(store, "A1")
