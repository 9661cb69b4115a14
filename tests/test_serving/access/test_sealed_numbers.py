"""What comes under the number of a sealed case, what takes its place on a list, and what is told.

That no answer tells the sealed case from none is held by ``test_sealed_worlds``; here it is held
that nothing is lost by it.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from serving.intake.moves import make_merge
from serving.sealing.seals import open_seal
from serving.store.case_places import count_rows, count_rows_until, find_place
from serving.store.database import Store
from serving.store.erasing import erase_identifier
from serving.store.export import export_folder
from serving.store.histories import read_case_head
from serving.store.schema import case_keys, cases, events, list_places
from tests.test_serving.access.test_rights import INSIDER, OWN, SECOND, add, keys_about, seal
from tests.test_serving.access.two_worlds import Ask, MakeWorlds, tell
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.sent_rows import key_of, make_event, make_link, send

CASE = {"case_id": "C", "recorded_at": "2026-01-01", "area": OWN}


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store; a list has three places, none by lot."""
    shares = {"random_places": 0, "waited_places": 0, "most_flagged_places": 0}
    made = make_application(address, store.clock, capacity=3, blind_share=0.0, **shares)
    yield made
    close_application(made)


def add_sealed(store: Store, case_id: str = "C") -> str:
    """Store a case and seal it; return its key."""
    key = add(store, case_id)
    seal(store, key)
    return key


def send_case(app: FastAPI, **who: Any) -> dict[str, Any]:
    """Send a case and an event under the number as somebody; return the answer."""
    rows = {"cases": [CASE | {"events": [strip(make_event("C-E", "C"))]}]}
    answer = enter(app, **who).post("/v1/records", json=rows)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def strip(event: dict[str, object]) -> dict[str, object]:
    """Return an event as it stands within its case in a request."""
    return {name: cell for name, cell in event.items() if name != "case_id"}


def keys_of(store: Store, case_id: str) -> list[str]:
    """Return the keys of every case of a number, the first one first."""
    query = select(case_keys.c.case_key).where(case_keys.c.case_id == case_id)
    with store.reading() as connection:
        found = connection.execute(query.order_by(case_keys.c.stored_seq)).scalars()
        return [str(one) for one in found]


def count_events(store: Store, key: str) -> int:
    """Return how many events a case has."""
    query = select(func.count()).select_from(events).where(events.c.case_key == key)
    with store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def test_a_case_under_a_sealed_number_is_another_case(app: FastAPI, store: Store) -> None:
    """It is stored whole, for everybody to see; the sealed case has what it had."""
    hidden = add_sealed(store)
    told = send_case(app, role="screener")
    assert (told["added"], told["rejects"], told["conflicts"]) == (2, 0, 0)
    first, other = keys_of(store, "C")
    assert first == hidden
    assert [count_events(store, one) for one in (hidden, other)] == [1, 1]
    assert [one["key"] for one in enter(app).get("/v1/cases").json()["rows"]] == [other]
    again = send_case(app, role="screener")
    assert (again["added"], again["repeats"]) == (0, 2)


def test_those_named_are_told_of_it_and_send_to_their_own(app: FastAPI, store: Store) -> None:
    """The page of sealed cases names the other one; what those named send is of the sealed one."""
    hidden = add_sealed(store)
    send_case(app, role="screener")
    insider = enter(app, "reviewer", name=INSIDER.name)
    _, other = keys_of(store, "C")
    (told,) = insider.get("/v1/sealed").json()["cases"]
    assert (told["key"], told["same_number"]) == (hidden, [other])
    assert f"/cases/{other}" in insider.get("/sealed").text
    rows = {"events": [make_event("C-later", "C")]}
    assert insider.post("/v1/records", json=rows).json()["added"] == 1
    assert [count_events(store, one) for one in (hidden, other)] == [2, 1]


def test_once_it_is_opened_both_are_there_and_can_be_merged(app: FastAPI, store: Store) -> None:
    """A search finds both; a merge copies what came under the number, and loses nothing."""
    hidden = add_sealed(store)
    send_case(app, role="screener")
    _, other = keys_of(store, "C")
    with store.writing() as writing:
        open_seal(writing, hidden, INSIDER, "nobody is connected")
    found = enter(app).post("/cases/find", data={"number": "C"}).text
    assert f"/cases/{hidden}" in found
    assert f"/cases/{other}" in found
    before = count_events(store, hidden)
    with store.writing() as writing:
        made = make_merge(writing, INSIDER, other, hidden, unit=store.read_unit())
    assert (made.case_key, made.other_case_key) == (other, hidden)
    assert count_events(store, hidden) == before + 1
    send(store, {"events": [make_event("C-new", "C")]})
    assert count_events(store, hidden) == before + 2, "the number stands for the first"


def test_a_split_makes_a_case_of_a_sealed_number(store: Store, app: FastAPI) -> None:
    """It waits for a second person as any split does, and what it makes is a case of its own."""
    hidden, own = add_sealed(store), add(store, "A")
    send(store, {"events": [make_event("A-2", "A")]})
    split = {"case_id": "C", "events": ["A-2"], "facts": [], "why": "another person"}
    asked = enter(app).post(f"/v1/cases/{own}/split", json=split)
    assert asked.status_code == 202, asked.text
    path = f"/v1/confirmations/{asked.json()['confirmation_key']}"
    second = enter(app, "health", agency="health")
    settled = second.post(path, json={"outcome": "confirmed", "why": "it is"})
    assert settled.status_code in (200, 201), settled.text
    first, other = keys_of(store, "C")
    assert first == hidden
    assert count_events(store, other) > 0
    assert count_events(store, hidden) == 1


def test_an_export_holds_each_case_of_a_number(store: Store, app: FastAPI, tmp_path: Any) -> None:
    """One goes by the number and the other by its key, so that no row is taken for another's."""
    add_sealed(store)
    send_case(app, role="screener")
    hidden, other = keys_of(store, "C")
    assert export_folder(store, tmp_path / "open").rows["cases"] == 1
    assert export_folder(store, tmp_path / "all", everything=True).rows["cases"] == 2
    names = [set(pd.read_parquet(tmp_path / one / "cases.parquet")["case_id"]) for one in
             ("open", "all")]  # fmt: skip
    assert names == [{"C"}, {"C", other}]
    assert hidden not in names[1]


def test_the_place_of_a_case_that_is_sealed_is_taken_by_the_next(
    app: FastAPI, store: Store
) -> None:
    """A list of three has three rows after one was sealed; the sealed row stays what it was."""
    keys = [add(store, name) for name in "ABCDE"]
    client = enter(app)
    assert client.post("/v1/sittings", json={}).status_code == 201
    before = [row["key"] for row in client.get("/v1/list").json()["rows"]]
    later = add(store, "F")
    enter(app, "screener", name=SECOND.name, agency="health").get("/v1/cases")
    insider = enter(app, "reviewer", name=INSIDER.name)
    people = [INSIDER.subject, SECOND.subject]
    sealed = insider.post(f"/v1/cases/{before[1]}/seal", json={"people": people, "why": "kin"})
    assert sealed.status_code == 201, sealed.text
    rows = client.get("/v1/list").json()["rows"]
    assert [row["position"] for row in rows] == [1, 2, 3]
    assert [row["key"] for row in rows][:2] == [before[0], before[2]]
    assert rows[2]["key"] in set(keys) - set(before)
    assert rows[2]["key"] != later, "a case that came after the list has no place on it"
    with store.reading() as connection:
        query = select(list_places.c.case_key).order_by(list_places.c.position)
        assert set(list(connection.execute(query).scalars())[:3]) == set(before)


def test_no_place_is_taken_where_every_case_was_on_the_list(app: FastAPI, store: Store) -> None:
    """A list of all cases has a row fewer once one is sealed, as it had without that case."""
    keys = [add(store, name) for name in "AB"]
    client = enter(app)
    client.post("/v1/sittings", json={})
    seal(store, keys[0])
    assert [row["key"] for row in client.get("/v1/list").json()["rows"]] == [keys[1]]


def test_what_a_person_has_seen_is_counted_in_rows_of_the_case(store: Store) -> None:
    """Rows of other cases move nothing; a row that came meanwhile is not among those seen."""
    own = add(store, "A")
    with store.reading() as connection:
        seen = count_rows(connection, own)
        place = find_place(connection, own, seen)
        assert place == read_case_head(connection, own)
    seal(store, add(store, "C"))
    send(store, {"events": [make_event("A-2", "A")]})
    with store.reading() as connection:
        assert count_rows(connection, own) == seen + 1
        assert find_place(connection, own, seen) == place
        assert count_rows_until(connection, own, [place]) == {place: seen}
        assert find_place(connection, own, 10_000) == read_case_head(connection, own) > place


def test_a_link_with_a_sealed_case_is_told_as_one_with_none(make_worlds: MakeWorlds) -> None:
    """The own case keeps its record of the link, which leads nowhere in either store."""

    def add_linked(store: Store) -> str:
        key = add(store, "A")
        send(store, {"links": [make_link("L", "A", "C")]})
        return key

    def add_other(store: Store) -> dict[str, str]:
        key = add(store, "C")
        seal(store, key)
        return keys_about(store, key)

    worlds = make_worlds(add_linked, add_other)
    own = key_of(worlds.without.state.service.need_store(), "A")
    visitor = worlds.enter("screener")
    paths = [f"/v1/cases/{own}", f"/cases/{own}", f"/v1/cases/{worlds.made['key']}"]
    found = visitor.compare([Ask("GET", path) for path in paths])
    assert not found, tell(found)
    told, _ = visitor.ask(Ask("GET", f"/v1/cases/{own}"))
    assert [one["record_id"] for one in told.json()["records"] if one["table"] == "links"] == ["L"]


def test_a_cursor_at_a_case_that_was_sealed_meanwhile_leads_nowhere(
    app: FastAPI, store: Store
) -> None:
    """It is answered to the byte as one that names no case."""
    keys = [add(store, name) for name in "ABC"]
    client = enter(app)
    told = client.get("/v1/cases", params={"limit": 1, "order": "wait"}).json()
    at = next(one for one in keys if one in told["next_cursor"])
    seal(store, at)
    for cursor in (told["next_cursor"], told["next_cursor"].replace(at, "z" * 24)):
        answer = client.get("/v1/cases", params={"limit": 1, "order": "wait", "cursor": cursor})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_cursor")


def test_a_number_is_erased_wherever_it_stands(store: Store, app: FastAPI) -> None:
    """Each case of it is parted from the number by a call of its own, the first one first."""
    hidden = add_sealed(store)
    send_case(app, role="screener")
    _, other = keys_of(store, "C")
    with store.writing() as writing:
        assert erase_identifier(writing, "C") == hidden
    with store.writing() as writing:
        assert erase_identifier(writing, "C") == other
    with store.reading() as connection:
        query = select(func.count()).select_from(cases)
        assert connection.execute(query).scalar_one() == 2
    assert keys_of(store, "C") == []
