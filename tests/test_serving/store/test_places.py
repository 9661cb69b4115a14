"""No act leaves a place in the order of rows empty, and the check names the row where one is."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, insert, select, text, update

from serving.access.route_rules import RULES
from serving.intake.checks import check_store
from serving.lists.blind_review import record_first_view
from serving.oversight.audit_verification import list_problems, verify_store
from serving.standing.record_agencies import OWN_AGENCY
from serving.store import schema
from serving.store.database import Store
from tests.test_serving.acts import SCREENER, add_flag, add_score, add_sitting, write
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.oversight.test_content_verification import place_of, tamper
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_fact, send

NOT_HERE = {
    "/v1/sign-in": "it stores nothing",
    "/v1/sign-out": "it stores no row that has a place",
    "/v1/scores": "it stores nothing",
    "/v1/audit/lines": "it stores nothing",
    "/v1/sittings/{sitting_key}/cases/{key}/first-view": "driven by the function that it calls",
    "/v1/sittings": "it needs a bundle: the demonstration opens some",
    "/v1/confirmations/{confirmation_key}": "nothing waits: see test_confirmations",
    "/v1/sealed-flags/{flag_key}/open": "it needs a sealed flag: see test_seal_attacks",
    "/v1/seals/{confirmation_key}/people": "it needs professional standards: see test_seal_attacks",
    "/v1/parties/{case_key}": "it needs professional standards: see test_seal_attacks",
    "/v1/cases/{key}/answers": "it needs a bundle: see test_given_answers",
    "/v1/cases/{key}/views/{view_key}/confirm": "driven by the function that it calls",
    "/v1/imports": "it stores no row that has a place; its rows go the way of records",
    "/v1/imports/{import_key}/end": "it stores no row that has a place",
}

_OF_HEALTH = {"agency": "health", "stance": "dissent", "direction": "more", "words": "a test"}


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def drive(app: FastAPI, store: Store) -> set[str]:
    """Call every route of the API that writes, twice where that is lawful; return their paths."""
    people = {role: enter(app, role) for role in ("screener", "duty", "administrator")}
    # The records' own agency, which answers a request to correct one.
    people["reviewer"] = enter(app, "reviewer", agency=OWN_AGENCY)
    driven: set[str] = set()
    refused: list[Any] = []

    def post(
        role: str, path: str, body: Any, wanted: tuple[int, ...] = (200, 201), **parts: str
    ) -> None:
        driven.add(path)
        for name, key in parts.items():
            path = path.replace("{" + name + "}", key)
        answer = people[role].post(path, json=body)
        if answer.status_code not in wanted:
            refused.append((path, answer.status_code, answer.text))

    records = {
        "events": [make_event("E9", "A"), make_event("E1", "A")],
    }
    keys = {name: key_of(store, name) for name in "ABCD"}
    raising = add_flag(store, keys["A"], "new_strangulation", "E1", due_us=60_000_000)
    sitting = add_sitting(store, keys["A"], keys["B"])
    add_score(store, keys["A"])
    for _ in range(2):
        post("administrator", "/v1/records", records)
        post("duty", "/v1/duty/{raising_key}/acknowledge", {}, raising_key=raising)
        # By what the route calls: the sitting is made up, and its answer needs a real snapshot.
        with store.writing() as writing:
            record_first_view(writing, sitting, keys["B"], SCREENER, "can_wait")
        post("screener", "/v1/cases/{key}/first-read", {}, (200, 201, 409), key=keys["A"])
        post("duty", "/v1/ordering", {"ordering": "longest_wait", "why": "a test"})
    discharge = {"flag": "new_strangulation", "record_id": "E1"}
    with store.reading() as connection:
        seen = connection.execute(select(schema.unit.c.last_seq)).scalar_one()
    given = write(discharges=[discharge, discharge], seen_seq=seen, version=0)
    post("screener", "/v1/cases/{key}/decisions", given, (200, 201, 409, 422), key=keys["A"])
    post("screener", "/v1/cases/{key}/views", {"stance": "agree"}, key=keys["A"])
    drive_views(post, store, keys["A"])
    doubted = {"table": "events", "record_id": "E1", "why": "a test"}
    post("screener", "/v1/cases/{key}/corrections", doubted, key=keys["A"])
    with store.reading() as connection:
        request = connection.execute(select(schema.correction_requests.c.request_key)).scalar_one()
    for answer in ((200, 201, 204), (409,)):
        path = "/v1/corrections/{request_key}/answer"
        post("reviewer", path, {"answer": "refused"}, answer, request_key=request)
    split = {"case_id": "N", "events": ["E2"], "why": "two people"}
    post("administrator", "/v1/cases/{key}/split", split, (200, 201, 202), key=keys["A"])
    post(
        "administrator",
        "/v1/cases/{key}/transfer",
        {"area": "south"},
        (200, 201, 202, 422),
        key=keys["B"],
    )
    into = {"into": keys["D"], "why": "one person"}
    post("administrator", "/v1/cases/{key}/merge", into, (200, 201, 202), key=keys["C"])
    me = people["screener"].get("/v1/me").json()["subject"]
    sealed = {"people": [me, "local:syn-other"], "why": "a test"}
    post("screener", "/v1/cases/{key}/seal", sealed, (200, 201, 202, 422), key=keys["B"])
    post(
        "screener",
        "/v1/cases/{key}/unseal",
        {"why": "a test"},
        (200, 201, 202, 404, 409),
        key=keys["B"],
    )
    assert refused == []
    return driven


def drive_views(post: Callable[..., None], store: Store, key: str) -> None:
    """Call the routes of views round the table, notes, searches and digests."""
    table = {"agencies": [{"agency": "police", "stance": "agree"}, _OF_HEALTH]}
    post("screener", "/v1/cases/{key}/view-rounds", table, key=key)
    waiting = {"agencies": [{"agency": "police"}, {"agency": "health"}], "waits": True}
    post("screener", "/v1/cases/{key}/view-rounds", waiting, key=key)
    with store.reading() as connection:
        rounds = select(schema.view_rounds.c.round_key).order_by(schema.view_rounds.c.stored_seq)
        last = list(connection.execute(rounds).scalars())[-1]
    path = "/v1/cases/{key}/view-rounds/{round_key}/end"
    post("screener", path, {}, key=key, round_key=last)
    post("screener", "/v1/cases/{key}/notes", {"words": "a test"}, key=key)
    post("screener", "/v1/case-searches", {"reference": "A"})
    post("screener", "/v1/for-me/digest", {"wanted": True})


def test_no_act_leaves_a_place_empty(app: FastAPI, store: Store) -> None:
    """After every kind of act, some of them twice, the check is silent and the log holds."""
    rows = {
        "cases": [make_case(name) for name in "ABCD"],
        "events": [make_event("E1"), make_event("E2"), make_event("E3", "C")],
        "facts": [make_fact("F1", "D")],
    }
    send(store, rows)
    driven = drive(app, store)
    assert check_store(store) == []
    assert list_problems(verify_store(store)) == []
    wanted = {path for method, path in RULES if method == "POST" and path.startswith("/v1/")}
    assert wanted - driven <= NOT_HERE.keys(), wanted - driven


def check(store: Store) -> list[str]:
    """Return what the check of the store says."""
    return [one.problem for one in check_store(store)]


def restore_triggers(store: Store) -> None:
    """Put the triggers back, as somebody does who hides what they did."""
    from serving.store.triggers import write_triggers

    tables = {name: "case_key" in schema.metadata.tables[name].c for name in schema.APPEND_ONLY}
    with store.engine.begin() as connection:
        connection.execute(select(schema.unit.c.id))  # SQLite learns of what was dropped by reading
        for statement in write_triggers("sqlite" if store.is_sqlite else "postgresql", tables):
            if not store.is_sqlite and "refuse_truncate" in statement:
                continue
            connection.execute(text(statement))


def test_a_row_that_is_gone_is_named_by_the_check(store: Store) -> None:
    """A record deleted past the triggers leaves its place empty, which the check names."""
    send(store, {"cases": [make_case("A")], "events": [make_event("E1"), make_event("E2")]})
    place = place_of(store, schema.events, event_id="E2")
    tamper(store, delete(schema.events).where(schema.events.c.event_id == "E2"))
    restore_triggers(store)
    assert f"1 places in the order of rows are empty: events {place:,}" in check(store)


def test_two_rows_in_one_place_are_named_by_the_check(store: Store) -> None:
    """A record put into a place that another row has is named with that row."""
    send(store, {"cases": [make_case("A")], "events": [make_event("E1")]})
    place = place_of(store, schema.cases)
    row = {"case_key": key_of(store, "A"), "event_id": "E9", "kind": "contact"}
    row |= {"occurred_at": 1, "recorded_at": 2, "stored_seq": place}
    tamper(store, insert(schema.events).values(**row))
    restore_triggers(store)
    wanted = f"rows share a place in the order of rows: cases {place:,}, events {place:,}"
    assert wanted in check(store)


def test_a_row_without_its_case_is_named_by_the_check(store: Store) -> None:
    """A record of a case that is not there is named by its table and place."""
    send(store, {"cases": [make_case("A")], "events": [make_event("E1")]})
    place = place_of(store, schema.events)
    tamper(store, update(schema.events).values(case_key="x" * 24))
    restore_triggers(store)
    assert any(one.endswith(f"that is not there: events {place}") for one in check(store))


def test_a_case_that_stands_elsewhere_is_named_by_the_check(store: Store) -> None:
    """An edited priority of a case's standing is told with the case's key."""
    send(store, {"cases": [make_case("A")], "events": [make_event("E1")]})
    key = key_of(store, "A")
    add_score(store, key, 0.9)
    with store.writing() as writing:
        from serving.standing.standings import refresh_standings

        refresh_standings(writing, [key])
        writing.connection.execute(update(schema.standings).values(priority=0.1))
    assert check(store) == [f"1 cases stand elsewhere than their records say: {key}"]
