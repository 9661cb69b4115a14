"""A search is sent in the body, kept under a key of one session, and logged with its terms."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from serving.oversight.audit_verification import list_problems, verify_store
from serving.persons import Person
from serving.store.current_act import Act, acting
from serving.store.database import Store
from serving.store.erasing import erase_identifier
from serving.store.remains import find_remains
from serving.store.schema import case_searches
from tests.test_serving.access.test_rights import OTHER, OWN, add, seal
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.stores import SetClock

OPERATOR = Person("SYN Operator", "administrator", "unit")


@pytest.fixture
def app(address: str, store: Store, clock: SetClock) -> Iterator[FastAPI]:
    made = make_application(address, clock)
    yield made
    close_application(made)


def search(client: Any, **said: str) -> Any:
    """Send the form; return the answer that leads on."""
    return client.post("/cases/search", data=said)


def list_kept(store: Store) -> list[Any]:
    query = select(case_searches).order_by(case_searches.c.stored_seq)
    with store.reading() as connection:
        return list(connection.execute(query))


def test_what_is_looked_for_is_in_no_address(app: FastAPI, store: Store) -> None:
    """The form's answer leads to an opaque key, behind which the same cases are found."""
    key = add(store, "SYN-1")
    other = add(store, "SYN-2")
    client = enter(app)
    answer = search(client, reference="SYN-1", area=OWN)
    place = answer.headers["location"]
    assert answer.status_code == 303
    assert re.fullmatch(r"/cases\?search=[A-Za-z0-9_-]{24}", place)
    page = client.get(place).text
    assert f"/cases/{key}" in page and f"/cases/{other}" not in page
    links = re.findall(r'href="(/cases\?[^"]*)"', page)
    assert links and not any("SYN" in link or OWN in link for link in links)


def test_a_key_is_of_one_session_alone(app: FastAPI, store: Store) -> None:
    """Another person, the same person who signed in again, and no key at all are answered alike."""
    add(store, "SYN-1")
    client = enter(app)
    place = search(client, reference="SYN-1").headers["location"]
    assert client.get(place).status_code == 200
    client.post(
        "/v1/sign-in", json={"name": "SYN screener", "role": "screener", "agency": "police"}
    )
    again, another = client, enter(app, name="SYN Another")
    nothing = f"/cases?search={'k' * 24}"
    answers = [
        again.get(place, headers={"accept": "text/html"}),
        another.get(place, headers={"accept": "text/html"}),
        another.get(nothing, headers={"accept": "text/html"}),
    ]
    assert {one.status_code for one in answers} == {404}
    assert all("This search has ended" in one.text for one in answers)


def test_each_search_is_in_the_audit_log_with_its_terms(app: FastAPI, store: Store) -> None:
    """Oversight reads who looked for what; the log's check covers the terms; nothing is changed."""
    add(store, "SYN-1")
    client = enter(app)
    search(client, reference="SYN-1", flagged="yes")
    client.post("/cases/find", data={"number": "SYN-9"})
    client.post("/v1/case-searches", json={"kind": "contact", "order": "wait"})
    terms = [{"reference": "SYN-1", "flagged": True}, {"reference": "SYN-9"}, {"kind": "contact"}]
    assert [row.terms for row in list_kept(store)] == terms
    auditor = enter(app, "auditor", agency="unit")
    lines = auditor.get("/v1/audit/lines", params={"book": "changes"}).json()["lines"]
    assert [one["terms"] for one in lines if one["terms"]] == terms[::-1]
    told = auditor.get("/oversight", params={"book": "changes"}).text
    assert "reference: SYN-1, flagged: True" in told
    assert list_problems(verify_store(store)) == []
    for statement in ("UPDATE case_searches SET terms = '{}'", "DELETE FROM case_searches"):
        with pytest.raises(DatabaseError, match="append-only"), store.writing() as writing:
            writing.connection.execute(text(statement))


def test_a_case_out_of_sight_is_as_none(app: FastAPI, store: Store) -> None:
    """By whichever term: the page and the answer are the same for a case of another area, a sealed
    one and none.
    """
    add(store, "SYN-7", OTHER)
    seal(store, add(store, "SYN-8"))
    add(store, "OWN-1")
    client = enter(app, areas=[OWN])
    pages, answers = set(), set()
    for number in ("SYN-7", "SYN-8", "SYN-9"):
        page = client.get(search(client, reference=number).headers["location"]).text
        pages.add(re.sub(r'nonce="[^"]*"|search=[^&"]*|SYN-\d', "", page))
        answer = client.post("/v1/case-searches", json={"reference": number})
        answers.add(answer.text)
        assert answer.json()["rows"] == []
    assert (len(pages), len(answers)) == (1, 1)


def test_a_search_that_finds_a_case_by_its_number_is_logged_with_it(
    app: FastAPI, store: Store
) -> None:
    """It counts as finding the case, as the search by number does."""
    key = add(store, "SYN-1")
    search(enter(app), reference="SYN-1")
    lines = enter(app, "auditor").get("/v1/audit/lines", params={"book": "looks"}).json()["lines"]
    assert ("POST /cases/search", [key]) in [(one["route"], one["cases"]) for one in lines]


def test_an_empty_form_is_no_search(app: FastAPI, store: Store) -> None:
    """Nothing is kept of it, and every open case is shown."""
    add(store, "SYN-1")
    answer = search(enter(app), reference=" ", area="")
    assert (answer.status_code, answer.headers["location"]) == (303, "/cases")
    assert list_kept(store) == []


@pytest.mark.parametrize("typed", ["SYN-NIGHTJAR", "syn-nightjar", "NIGHTJAR", "JAR"])
def test_erasing_reaches_what_was_typed(app: FastAPI, store: Store, typed: str) -> None:
    """The number of an erased case is in no search, in whatever letters, nor a part of it where the
    search led straight to the case; and the log still verifies.
    """
    add(store, "SYN-NIGHTJAR")
    client = enter(app)
    client.post("/cases/find", data={"number": typed})
    search(client, reference="SYN-NIGHTJAR")
    client.post("/v1/case-searches", json={"reference": "SYN-NIGHTJAR"})
    act = Act(OPERATOR, "erasure", "caselight erase")
    with acting(act), store.writing() as writing:
        key = erase_identifier(writing, "SYN-NIGHTJAR")
    assert {row.terms["reference"] for row in list_kept(store)} == {key}
    left = find_remains(store, "SYN-NIGHTJAR", key)
    assert [one.place for one in left if not one.ground and not one.place.startswith("file")] == []
    assert list_problems(verify_store(store)) == []


def test_a_program_goes_on_by_the_body(app: FastAPI, store: Store) -> None:
    """Pages follow one another by a cursor that is sent in the body, in the order asked for."""
    for n in range(5):
        add(store, f"SYN-{n}")
    client, found, cursor = enter(app), list[str](), None
    while True:
        asked = {"order": "case", "is_reversed": True, "limit": 2, "cursor": cursor}
        answer = client.post("/v1/case-searches", json=asked).json()
        found += [row["case_id"] for row in answer["rows"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert found == [f"SYN-{n}" for n in reversed(range(5))]


@pytest.mark.parametrize(
    "asked",
    [{"ends_from": "2026-01-01"}, {"ends": "order", "ends_from": "31/12"}, {"owners": "x"}],
)
def test_a_program_is_told_what_cannot_be_looked_for(
    app: FastAPI, store: Store, asked: dict[str, str]
) -> None:
    """A day without what ends on it, a day that is none, an unknown term: nothing is kept."""
    assert enter(app).post("/v1/case-searches", json=asked).status_code == 422
    assert list_kept(store) == []
