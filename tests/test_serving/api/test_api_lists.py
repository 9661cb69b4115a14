"""The routes of sittings, the list and every open case."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request
from sqlalchemy import select, update
from starlette.testclient import TestClient

from features.contract.manifest import read_manifest
from serving.api.lists import router
from serving.intake.folder_imports import import_folder
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.scoring.ordering import switch_ordering
from serving.scoring.rescoring import score_cases
from serving.service import Service
from serving.settings import Settings
from serving.store.database import Store, make_key
from serving.store.schema import case_keys, cases, list_places, standings
from serving.web.error_answers import install_handlers
from tests.test_serving.case_rows import (
    ANNE,
    NOW_US,
    UNIT,
    name_case,
    put,
    read_places,
    stand,
)

Ask = Callable[..., TestClient]


@pytest.fixture
def ask(store: Store) -> Ask:
    """Return a way to ask the service, as somebody or nobody, with settings."""

    def make(
        person: Person | None = ANNE, champion: Champion | None = None, **settings: Any
    ) -> TestClient:
        app = FastAPI()
        install_handlers(app)
        made = Settings(**settings)
        app.state.service = Service(made, store, UNIT, champion or Champion(None, None))
        app.include_router(router)

        @app.middleware("http")
        async def sign_in(request: Request, call_next: Any) -> Any:
            request.state.person = person
            return await call_next(request)

        return TestClient(app)

    return make


def fill(store: Store, size: int = 40, **more: Any) -> None:
    """Put cases of two areas and two families into the store."""
    put(
        store,
        [
            stand(
                n,
                days=n % 30 + 0.5,
                area=("Halton", "Warrington")[n % 2],
                referral_source=("police", "health")[n % 3 == 0],
                priority=None if n % 5 == 0 else float(n % 20),
                family=None if n % 5 == 0 else ("threats", "orders")[n % 2],
                flagged_since_us=NOW_US if n % 8 == 0 else None,
                n_flags=int(n % 8 == 0),
                **more,
            )
            for n in range(size)
        ],
    )


def walk(client: TestClient, **asked: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return all pages' rows, and the blind rows."""
    rows, blind, cursor = [], [], None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = client.get("/v1/cases", params=asked | more).raise_for_status().json()
        rows += page["rows"]
        blind += page["blind_rows"]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows, blind


def code(response: Any) -> tuple[int, str]:
    """Return an error's status and code."""
    return response.status_code, response.json()["error"]["code"]


def test_nobody_reads_a_list_unsigned(ask: Ask) -> None:
    """Every route needs a person who is signed in."""
    client = ask(None)
    for path in ("list", "list.csv", "sittings", f"sittings/{make_key()}", "cases"):
        assert code(client.get(f"/v1/{path}")) == (401, "not_signed_in")
    assert code(client.post("/v1/sittings", json={})) == (401, "not_signed_in")


def test_before_the_first_sitting_there_is_no_list(ask: Ask) -> None:
    """The answer says so, and how a sitting is opened."""
    client = ask()
    for path in ("list", "list.csv"):
        response = client.get(f"/v1/{path}")
        assert code(response) == (404, "no_sitting")
        assert "/v1/sittings" in response.json()["error"]["remedy"]


def test_a_sitting_is_opened_once_a_day(store: Store, ask: Ask) -> None:
    """Opening answers 201, and 200 with the same sitting when asked again; a reason opens more."""
    fill(store)
    client = ask()
    first = client.post("/v1/sittings", json={})
    again = client.post("/v1/sittings", json={})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    why = {"again_because": "the list was opened too early"}
    third = client.post("/v1/sittings", json=why)
    assert third.status_code == 201
    assert third.json()["opened_again_because"] == why["again_because"]
    assert code(client.post("/v1/sittings", json={"agian": 1})) == (422, "invalid_request")
    told = client.get("/v1/sittings", params={"limit": 1}).json()
    assert [one["sitting_key"] for one in told["sittings"]] == [third.json()["sitting_key"]]
    rest = client.get("/v1/sittings", params={"cursor": told["next_cursor"]}).json()
    assert [one["sitting_key"] for one in rest["sittings"]] == [first.json()["sitting_key"]]
    assert rest["next_cursor"] is None


def test_the_list_is_named_by_its_tag(store: Store, ask: Ask) -> None:
    """The same list has the same tag, and is not sent again to who holds it."""
    fill(store)
    client = ask()
    key = client.post("/v1/sittings", json={}).json()["sitting_key"]
    first = client.get("/v1/list")
    with store.writing() as writing:
        writing.connection.execute(update(standings).values(priority=1.0))
    tag = first.headers["etag"]
    assert client.get("/v1/list", headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/v1/list", headers={"If-None-Match": '"other"'}).content == first.content
    assert client.get(f"/v1/sittings/{key}").content == first.content
    assert code(client.get(f"/v1/sittings/{make_key()}")) == (404, "not_found")


def test_every_answer_is_advisory(store: Store, ask: Ask) -> None:
    """Lists, sittings and cases carry the sentence, the moment, and that cases are synthetic."""
    fill(store)
    client = ask()
    opened = client.post("/v1/sittings", json={}).json()
    for told in (opened, client.get("/v1/list").json(), client.get("/v1/cases").json()):
        assert "a named person decides" in told["advisory"]
        assert (told["as_of"], told["synthetic"]) == ("2026-02-25 06:13:20+00:00", True)
        assert told["bundle_id"] is None


def test_the_seed_is_told_nowhere(store: Store, ask: Ask) -> None:
    """Who knew the seed could draw again, and tell random rows apart."""
    fill(store)
    client = ask()
    client.post("/v1/sittings", json={})
    with store.reading() as connection:
        seed = connection.exec_driver_sql("SELECT seed FROM sittings").scalar_one()
    for path in ("list", "sittings", "list.csv"):
        assert seed not in client.get(f"/v1/{path}").text


def test_a_first_view_through_the_api(store: Store, ask: Ask) -> None:
    """A blind row tells nothing of the model in any representation, until a view is given."""
    fill(store)
    client = ask(blind_share=1)
    with store.writing() as writing:
        switch_ordering(writing, Person("SYN Dara", "duty", "police"), "model", "a test")
    sitting = client.post("/v1/sittings", json={}).json()["sitting_key"]
    rows = client.get("/v1/list").json()["rows"]
    assert all(row["withheld"] and row["rule"] is None and not row["reasons"] for row in rows)
    key = rows[0]["key"]
    place = f"/v1/sittings/{sitting}/cases/{key}/first-view"
    assert code(client.post(place, json={"view": "no"})) == (422, "invalid_request")
    row = client.post(place, json={"view": "look_soon"}).raise_for_status().json()
    assert (row["first_view"], row["withheld"]) == ("look_soon", False)
    assert row["rule"] is None  # until every blind row is viewed
    told = client.get("/v1/list").json()
    assert told["n_awaiting_first_view"] == len(rows) - 1
    assert told["rows"][0] == row
    assert code(client.post(place, json={"view": "can_wait"})) == (409, "already_viewed")
    for other in rows[1:]:
        where = f"/v1/sittings/{sitting}/cases/{other['key']}/first-view"
        client.post(where, json={"view": "can_wait"}).raise_for_status()
    assert all(row["rule"] for row in client.get("/v1/list").json()["rows"])


def test_roles_that_do_not_act_on_cases_leave_the_list_alone(store: Store, ask: Ask) -> None:
    """An auditor opens no sitting and gives no view, but reads the list."""
    fill(store)
    sitting = ask(blind_share=1).post("/v1/sittings", json={}).json()["sitting_key"]
    auditor = ask(Person("SYN Audrey", "auditor", "unit"))
    key = auditor.get("/v1/list").raise_for_status().json()["rows"][0]["key"]
    again = {"again_because": "to see what is blind"}
    for path, sent in (
        ("/v1/sittings", again),
        (f"/v1/sittings/{sitting}/cases/{key}/first-view", {"view": "can_wait"}),
    ):
        assert code(auditor.post(path, json=sent)) == (403, "role_may_not")


def test_the_division_is_told_once_nothing_is_blind(store: Store, ask: Ask) -> None:
    """While a blind row is unviewed no answer says how many places each pool got."""
    fill(store)
    client = ask()
    opened = client.post("/v1/sittings", json={}).json()
    sitting = opened["sitting_key"]
    past, listed = f"/v1/sittings/{sitting}", client.get("/v1/list").json()

    def read_policies() -> list[dict[str, Any]]:
        return [
            client.post("/v1/sittings", json={}).json()["policy"],
            client.get("/v1/sittings").json()["sittings"][0]["policy"],
            client.get(past).json()["policy"],
            client.get("/v1/list").json()["policy"],
        ]

    assert not any("places" in policy for policy in (opened["policy"], *read_policies()))
    for row in listed["rows"]:
        if row["withheld"]:
            assert not any("places" in policy for policy in read_policies())
            where = f"{past}/cases/{row['key']}/first-view"
            client.post(where, json={"view": "can_wait"}).raise_for_status()
    assert all(sum(policy["places"].values()) == 30 for policy in read_policies())


@pytest.mark.parametrize("kind", ["s", "w", "a"])
def test_no_cursor_goes_on_from_a_blind_case(store: Store, ask: Ask, kind: str) -> None:
    """Neither a blind case nor a score of one leads on: what follows would say where it stands."""
    fill(store)
    client = ask(blind_share=0.5)
    sitting = client.post("/v1/sittings", json={}).json()["sitting_key"]
    places = read_places(store, sitting)
    order = "priority" if kind == "s" else "wait"
    for place in (one for one in places if one.score_key):
        named = place.score_key if kind == "s" else place.case_key
        told = client.get("/v1/cases", params={"order": order, "cursor": kind + named})
        if place.blind:
            assert code(told) == (422, "bad_cursor")
        else:
            assert told.status_code == 200
    (seen, hidden) = (next(p.case_key for p in places if p.blind is b) for b in (False, True))
    mixed = {"order": "wait", "cursor": "w" + hidden + seen}
    assert code(client.get("/v1/cases", params=mixed)) == (422, "bad_cursor")


@pytest.mark.parametrize("order", ["priority", "wait"])
@pytest.mark.parametrize("limit", [1, 7, 200])
def test_every_open_case_can_be_reached(store: Store, ask: Ask, order: str, limit: int) -> None:
    """Page by page every open case comes once, in order, and no closed one."""
    fill(store)
    put(
        store,
        [
            stand(100, state="managed", priority=5.0),
            stand(101, state="managed"),
            stand(102, state="returned", priority=5.0),
            stand(103, state="closed", priority=99.0),
        ],
    )
    rows, blind = walk(ask(), order=order, limit=limit)
    keys = [row["key"] for row in rows]
    assert blind == []
    expected = {name_case(n) for n in [*range(40), 100, 101, 102]}
    assert len(keys) == len(expected) and set(keys) == expected
    name = "priority" if order == "priority" else "waiting_since"
    values = [row[name] for row in rows]
    there = [value for value in values if value is not None]
    assert values[: len(there)] == there == sorted(there, reverse=order == "priority")


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"area": "Halton"}, lambda n: n % 2 == 0),
        ({"source": "health"}, lambda n: n % 3 == 0),
        ({"family": "orders"}, lambda n: n % 2 == 1 and n % 5),
        ({"state": "awaiting"}, lambda n: True),
        ({"state": "managed"}, lambda n: False),
        ({"flagged": "true"}, lambda n: n % 8 == 0),
        ({"flagged": "false", "area": "Warrington"}, lambda n: n % 8 and n % 2),
        ({"area": "Nowhere"}, lambda n: False),
    ],
)
def test_cases_are_filtered(
    store: Store, ask: Ask, asked: dict[str, str], holds: Callable[[int], bool]
) -> None:
    """Each filter gives the cases that meet it and no others."""
    fill(store)
    for order in ("priority", "wait"):
        rows, _ = walk(ask(), order=order, limit=3, **asked)
        assert {row["key"] for row in rows} == {name_case(n) for n in range(40) if holds(n)}


def test_blind_cases_stand_apart_among_all(store: Store, ask: Ask) -> None:
    """Neither the order nor a filter by family gives a blind case away; others are there whole."""
    fill(store)
    client = ask(blind_share=0.3)
    key = client.post("/v1/sittings", json={}).json()["sitting_key"]
    hidden = sorted(place.case_key for place in read_places(store, key) if place.blind)
    assert hidden
    for order in ("priority", "wait"):
        rows, blind = walk(client, order=order, limit=5)
        assert [row["key"] for row in blind] == hidden
        assert not {row["key"] for row in rows} & set(hidden)
        assert all(row["priority"] is row["family"] is row["score_key"] is None for row in blind)
        assert len(rows) + len(blind) == 40
    for family in ("threats", "orders", "neither"):
        assert [row["key"] for row in walk(client, family=family)[1]] == hidden
    in_area = walk(client, area="Halton")[1]
    assert [row["key"] for row in in_area] == [one for one in hidden if int(one[-8:]) % 2 == 0]


def test_no_case_is_passed_over_while_others_change(store: Store, ask: Ask) -> None:
    """A page goes on where it was although the last case was scored anew, or decided, since."""
    fill(store)
    client = ask()
    for order, change in (
        ("priority", {"priority": 0.0, "score_key": None}),
        ("wait", {"state": "managed", "waiting_since_us": None}),
    ):
        page = client.get("/v1/cases", params={"order": order, "limit": 4}).json()
        last = page["rows"][-1]["key"]
        with store.writing() as writing:
            moved = update(standings).where(standings.c.case_key == last)
            writing.connection.execute(moved.values(**change))
        seen = {row["key"] for row in page["rows"]}
        cursor = page["next_cursor"]
        while cursor:
            page = client.get(
                "/v1/cases", params={"order": order, "limit": 4, "cursor": cursor}
            ).json()
            seen |= {row["key"] for row in page["rows"]}
            cursor = page["next_cursor"]
        assert len(seen) == 40


@pytest.mark.parametrize("cursor", ["x", "s", "sabc", "s" + "A" * 24, "w" + "A" * 24, "a" * 98])
def test_a_cursor_that_leads_nowhere_is_refused(ask: Ask, cursor: str) -> None:
    """A cursor that is none is an error with a remedy, in either order."""
    for order in ("priority", "wait"):
        response = ask().get("/v1/cases", params={"cursor": cursor, "order": order})
        assert code(response) == (422, "bad_cursor")


def test_a_cursor_holds_no_data_of_a_case(store: Store, ask: Ask) -> None:
    """What stands in an address is made of opaque keys alone."""
    fill(store)
    for order in ("priority", "wait"):
        page = ask().get("/v1/cases", params={"order": order, "limit": 3}).json()
        kind, rest = page["next_cursor"][0], page["next_cursor"][1:]
        named = [rest[n : n + 24] for n in range(0, len(rest), 24)]
        keys = {row["score_key" if kind == "s" else "key"] for row in page["rows"]}
        assert set(named) <= keys


def test_the_csv_is_advisory_and_withheld_like_the_list(store: Store, ask: Ask) -> None:
    """The sheet opens with the sentence; blind rows tell no rule; nothing in it is a formula."""
    fill(store)
    put(store, [stand(90, days=99, area="=HYPERLINK(1)", referral_source="@SUM(A1)")])
    client = ask(blind_share=0.5)
    client.post("/v1/sittings", json={})
    response = client.get("/v1/list.csv")
    assert response.headers["content-type"].startswith("text/csv")
    lines = list(csv.reader(io.StringIO(response.text)))
    assert lines[0][0] == "position", "the header is in the first row"
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert all("a named person decides" in row["advisory"] for row in rows)
    assert all(row["about"].startswith("As of ") for row in rows)
    listed = client.get("/v1/list").json()["rows"]
    assert [row["rule"] for row in rows] == [row["rule"] or "" for row in listed]
    assert any(row["withheld"] for row in listed) and not all(row["withheld"] for row in listed)
    (odd,) = (row for row in rows if row["case_id"].endswith("90"))
    assert (odd["area"], odd["source"]) == ("'=HYPERLINK(1)", "'@SUM(A1)")
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line)


def test_a_list_of_a_real_model(store: Store, ask: Ask, clock: Any, small_unit: Any) -> None:
    """From imported records and a trained bundle: rows with estimates, reasons that name records,
    flags and what to ask first.
    """
    clock.now_us = read_manifest(small_unit.folder).extract_at_us
    settings = Settings()
    import_folder(store, small_unit.folder, ANNE, settings, lambda message: None)
    champion = Champion(None, small_unit.bundle)
    bundle = champion.find()
    assert bundle is not None
    with store.reading() as connection:
        keys = list(connection.execute(select(cases.c.case_key)).scalars())
    score_cases(store, bundle, keys, UNIT, "nightly")
    client = ask(champion=champion, blind_share=0.2)
    opened = client.post("/v1/sittings", json={}).raise_for_status().json()
    assert opened["bundle_id"] == bundle.id
    assert opened["advisory"] == bundle.catalogue.wording["advisory"]
    assert opened["ordering"] == "model"
    told = client.get("/v1/list").json()
    whole = [row for row in told["rows"] if not row["withheld"]]
    assert len(told["rows"]) == min(30, opened["n_eligible"])
    assert any(row["reasons"] and row["reasons"][0]["records"] for row in whole)
    assert all(row["estimates"] for row in whole)
    withheld = [row for row in told["rows"] if row["withheld"]]
    assert withheld
    for row in withheld:
        assert (row["estimates"], row["reasons"], row["marks"]) == ([], [], [])
        assert row["ask_first"] is row["unknown"] is row["priority"] is row["rule"] is None
    with store.reading() as connection:
        known = dict(
            connection.execute(
                select(case_keys.c.case_key, case_keys.c.case_id).join(
                    list_places, list_places.c.case_key == case_keys.c.case_key
                )
            ).all()
        )
    assert {row["key"]: row["case_id"] for row in told["rows"]} == known
