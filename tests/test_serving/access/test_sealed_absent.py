"""What happens in a sealed case, and in others beside it, moves no case that others see.

That no answer tells of one is held by ``test_sealed_worlds``.
"""

from sqlalchemy import select

from serving.standing.standings import check_standings
from serving.store.database import Store
from serving.store.schema import standings
from tests.test_serving.access.test_rights import add, seal
from tests.test_serving.access.two_worlds import Ask, MakeWorlds
from tests.test_serving.sent_rows import (
    make_event,
    make_link,
    send,
)

OWN = "A"
HIDDEN = "C"


def test_looks_of_a_case_name_no_other(make_worlds: MakeWorlds) -> None:
    """An answer that held several cases is told to a decider as one that held this case."""

    def add_two(store: Store) -> None:
        add(store, OWN)
        add(store, "B")

    visitor = make_worlds(add_two, lambda store: None).enter("screener")
    listed, _ = visitor.ask(Ask("GET", "/v1/cases"))
    keys = [row["key"] for row in listed.json()["rows"]]
    told, _ = visitor.ask(Ask("GET", f"/v1/cases/{keys[0]}/looks"))
    assert [(one["case_key"], one["cases"]) for one in told.json()["lines"]][-1] == (keys[0], [])
    assert len(keys) == 2
    assert keys[1] not in told.text


def test_a_record_of_a_sealed_case_moves_no_linked_case(store: Store) -> None:
    """Neither the link nor a record there makes the own case one to score again, or the other."""
    own, hidden = add(store, OWN), add(store, HIDDEN)
    seal(store, hidden)
    linked = send(store, {"links": [make_link("L", OWN, HIDDEN)]})
    assert linked.changed_keys == {own}
    with store.reading() as connection:
        query = select(standings.c.record_seq).where(standings.c.case_key == own)
        before = connection.execute(query).scalar_one()
    there = send(store, {"events": [make_event("C-F", HIDDEN)]})
    assert there.changed_keys == {hidden}
    with store.reading() as connection:
        assert connection.execute(query).scalar_one() == before
        assert check_standings(connection, now_us=store.clock()) == []
