"""Who gets through to which route, and what nobody can infer of a case that is hidden from them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from serving.access.case_sight import may_see_case
from serving.access.route_rules import RULES, SCOPES
from serving.decisions.corrections import CorrectionIn, ask_correction
from serving.errors import ServiceError
from serving.persons import MACHINE, ROLES, Person
from serving.routes import ROUTERS
from serving.sealing.directory import Directory
from serving.sealing.seals import name_others, open_seal, seal_case
from serving.standing.standings import refresh_standings
from serving.store.current_act import Act, acting
from serving.store.database import Store, make_key
from serving.store.histories import read_history
from serving.store.narratives import name_narrative
from serving.store.schema import (
    audit_lines,
    correction_requests,
    events,
    flag_raisings,
    import_rejects,
    scores,
)
from serving.web.gate import check_rule
from tests.test_serving.acts import add_score
from tests.test_serving.entered import close_application, enter, fill_path, make_application
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_link, send

pytestmark = pytest.mark.long

OWN, OTHER = "Warrington", "Halton"
INSIDER = Person("SYN Insider", "reviewer", "police")
SECOND = Person("SYN Second", "screener", "health")
HIDING_CODES = ("no_such_case",)
ROLES_ON = [("postgresql", "screener"), *(("sqlite", role) for role in ROLES)]
"""The rule is the same code for every role; that the other database answers alike is asked once."""


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def add(store: Store, case_id: str, area: str = OWN, **more: Any) -> str:
    """Store a case with an event, a score, an urgent flag and a correction request."""
    send(
        store,
        {
            "cases": [make_case(case_id, area=area)],
            "events": [make_event(f"{case_id}-E", case_id, **more)],
        },
    )
    key = key_of(store, case_id)
    add_score(store, key)
    with store.writing() as writing:
        writing.connection.execute(
            insert(flag_raisings).values(
                raising_key=make_key(),
                case_key=key,
                flag="new_strangulation",
                urgent=True,
                record_id=f"{case_id}-E",
                raised_at_us=writing.now_us,
                due_at_us=writing.now_us,
                stored_seq=writing.take_seq(),
            )
        )
        refresh_standings(writing, [key])
        asked = CorrectionIn(table="events", record_id=f"{case_id}-E", why="a test")
        ask_correction(writing, key, INSIDER, asked)
    return key


def seal(store: Store, key: str) -> None:
    with store.writing() as writing:
        people = frozenset({INSIDER.subject, SECOND.subject})
        seal_case(writing, key, INSIDER, people, "somebody is connected", Directory(people))


def keys_about(store: Store, key: str) -> dict[str, str]:
    """Return every key by which an address could name the case."""
    with store.reading() as connection:

        def find(column: Any) -> str:
            query = select(column).where(column.table.c.case_key == key).limit(1)
            return str(connection.execute(query).scalar_one())

        return {
            "key": key,
            "raising_key": find(flag_raisings.c.raising_key),
            "request_key": find(correction_requests.c.request_key),
            "score_key": find(scores.c.score_key),
            "sitting_key": "s" * 24,
            "import_key": "i" * 24,
            "narrative_key": name_narrative(find(events.c.event_id)),
        }


def list_routes(app: FastAPI) -> list[tuple[str, str]]:
    included = [route for router in ROUTERS for route in router.routes]
    return [
        (method, route.path)
        for route in (*app.routes, *included)
        if isinstance(route, APIRoute)
        for method in route.methods
    ]


def code_of(answer: Any) -> str | None:
    """Return an error's code; ``None`` of a page or of what went well."""
    if answer.headers.get("content-type", "").startswith("application/json"):
        return (answer.json() or {}).get("error", {}).get("code")
    return None


def call(client: TestClient, method: str, path: str) -> Any:
    body = {} if method in ("GET", "PUT") or not path.startswith("/v1/") else {"json": {}}
    return client.request(method, path, **body)


def test_every_route_has_a_rule_and_every_rule_a_route(app: FastAPI) -> None:
    """A route that nobody thought of is in no table, and then nobody may call it."""
    probes = {"/metrics"}  # by its own rule: see test_observability
    there = {one for one in list_routes(app) if one[1] not in probes}
    ruled = set(RULES) - {("GET", "/openapi.json")}
    assert there == ruled


def test_nobody_gets_in_without_signing_in(app: FastAPI, store: Store) -> None:
    """Every route but the public ones asks who is there, whatever its address names."""
    parts = keys_about(store, add(store, "A"))
    client = enter(app, None)
    for (method, path), rule in RULES.items():
        answer = call(client, method, fill_path(path, parts))
        if rule.public or rule.keeps_nothing:
            assert answer.status_code != 401 or path == "/sign-in/back", path
        else:
            assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize(("address", "role"), ROLES_ON, indirect=["address"])
def test_each_role_gets_through_where_the_table_says_so(
    app: FastAPI, store: Store, role: str
) -> None:
    """Own, other and sealed cases: let through, refused, or answered as if there were none."""
    own, other, hidden = add(store, "A"), add(store, "B", OTHER), add(store, "C")
    seal(store, hidden)
    parts = {
        name: keys_about(store, key)
        for name, key in (("own", own), ("other", other), ("sealed", hidden))
    }
    wide, narrow = enter(app, role), enter(app, role, areas=[OWN])
    wrong = []
    for (method, path), rule in RULES.items():
        if rule.public or path in ("/v1/sign-out", "/sign-out"):
            continue
        names_case = any(
            "{" + name + "}" in path for name in ("key", "raising_key", "request_key", "score_key")
        )
        for whose, client, in_sight in (
            ("own", narrow, True), ("other", narrow, False), ("other", wide, True),
            ("sealed", narrow, False), ("sealed", wide, False),
        ):  # fmt: skip
            answer = call(client, method, fill_path(path, parts[whose]))
            code = code_of(answer)
            if role not in rule.roles:
                wanted = (403, "role_may_not")
            elif rule.whole_unit and client is narrow:
                wanted = (403, "areas_may_not")
            elif names_case and not in_sight:
                wanted = (404, "no_such_case")
            else:
                wanted = None
            if wanted is None and (answer.status_code in (401, 403) or code in HIDING_CODES):
                wrong.append((method, path, whose, answer.status_code, code))
            if wanted is not None and (answer.status_code, code) != wanted:
                wrong.append((method, path, whose, answer.status_code, code))
    assert wrong == []


@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_does_what_its_scope_says_and_nothing_else(scope: str) -> None:
    """A program gets through where a rule names its scope, whatever its agency."""
    program = Person("SYN feed", MACHINE, "unit", "issuer|feed", scopes=frozenset({scope}))
    let_through = set()
    for route, rule in RULES.items():
        if rule.public:
            continue
        try:
            check_rule(program, rule)
        except ServiceError as error:
            assert error.body.code == "scope_may_not"
        else:
            let_through.add(route)
    assert let_through == {route for route, rule in RULES.items() if rule.scope == scope}


def ask_everything(client: TestClient) -> dict[str, Any]:
    """Return every answer that names no case in its address, as somebody sees it."""
    told = {}
    for (method, path), rule in RULES.items():
        if method != "GET" or "{" in path or rule.public:
            continue
        if path.startswith(("/v1/audit", "/oversight")):
            continue  # auditors see that something was done on a key, never whose it is
        answer = client.get(path)
        assert answer.status_code in (200, 403, 404), path
        told[path] = (answer.status_code, answer.text)
    return told


def without_nonce(told: dict[str, Any]) -> dict[str, Any]:
    return {
        path: (status, re.sub(r'nonce="[^"]*"', "", text)) for path, (status, text) in told.items()
    }


@pytest.mark.parametrize(("address", "role"), ROLES_ON, indirect=["address"])
def test_a_sealed_case_is_in_no_answer_list_or_count(app: FastAPI, store: Store, role: str) -> None:
    """What an outsider is told is the same to the letter whether a sealed case is there or not.

    An auditor is one, but for the pages on which they oversee seals.
    """
    add(store, "A")
    add(store, "B", OTHER)
    outsider = enter(app, role)
    before = without_nonce(ask_everything(outsider))
    key = add(store, "C", kind="strangulation")
    seal(store, key)
    after = without_nonce(ask_everything(outsider))
    for path in ("/seals", "/v1/seals") if role == "auditor" else ():
        assert before.pop(path) != after.pop(path)
    assert after == before
    assert not [path for path, (_, text) in after.items() if key in text]


def test_those_whom_a_seal_names_see_to_the_case(app: FastAPI, store: Store) -> None:
    """A sealed case stands on their page with its flags; they decide, name others and open it."""
    key = add(store, "C")
    seal(store, key)
    client = enter(app, "reviewer", name=INSIDER.name)
    told = client.get("/v1/sealed").json()["cases"]
    assert [(one["key"], one["state"], one["n_urgent"]) for one in told] == [(key, "awaiting", 1)]
    case = client.get(f"/v1/cases/{key}").json()
    assert (case["sealed"], case["state"]) == (True, "awaiting")
    assert [item["key"] for item in client.get("/v1/duty").json()["items"]] == [key]
    assert key not in client.get("/v1/cases").text
    assert client.get(f"/cases/{key}").status_code == 200
    alone = client.post(f"/v1/cases/{key}/seal", json={"people": [SECOND.subject] * 2, "why": "x"})
    assert {one["code"] for one in alone.json()["error"]["problems"]} == {
        "too_few_people",
        "not_yourself",
        "unknown_person",
    }
    opened = client.post(f"/v1/cases/{key}/unseal", json={"why": "nobody is connected"})
    assert opened.status_code == 201
    assert [row["key"] for row in enter(app).get("/v1/cases").json()["rows"]] == [key]


def test_a_seal_takes_a_case_off_the_list_it_stood_on(app: FastAPI, store: Store) -> None:
    """A list that was composed before shows the case no more, and numbers the others anew."""
    keys = [add(store, name) for name in "ABC"]
    client = enter(app)
    assert client.post("/v1/sittings", json={}).status_code == 201
    assert {row["key"] for row in client.get("/v1/list").json()["rows"]} == set(keys)
    seal(store, keys[1])
    rows = client.get("/v1/list").json()["rows"]
    assert {row["key"] for row in rows} == {keys[0], keys[2]}
    assert [row["position"] for row in rows] == [1, 2]
    assert keys[1] not in client.get("/").text + client.get("/v1/list.csv").text


def test_nobody_can_name_a_sealed_case_in_a_request(app: FastAPI, store: Store) -> None:
    """A merge into it, a cursor at it and records for it are answered as if there were none."""
    own, hidden = add(store, "A"), add(store, "C")
    seal(store, hidden)
    client, stranger = enter(app), "z" * 24
    answers = [
        client.post(f"/v1/cases/{own}/merge", json={"into": key, "why": "same"})
        for key in (hidden, stranger)
    ]
    assert answers[0].status_code == answers[1].status_code == 404
    assert answers[0].text == answers[1].text
    parts = keys_about(store, hidden)
    for path, cursors in {
        "/v1/cases": (f"s{parts['score_key']}", f"s{stranger}"),
        "/v1/caseload": (hidden, stranger),
        "/v1/first-reads": (hidden, stranger),
        "/v1/duty": (f"w{parts['raising_key']}", f"w{stranger}"),
        "/v1/corrections": (parts["request_key"], stranger),
    }.items():
        told = [client.get(path, params={"cursor": one}) for one in cursors]
        assert told[0].status_code == 422, path
        assert told[0].text == told[1].text, path
    event = {"event_id": "new", "kind": "contact"}
    event |= {"occurred_at": "2026-01-01", "recorded_at": "2026-01-02"}
    sent = [
        client.post("/v1/records", json={"events": [event | {"case_id": name}]}).json()
        for name in ("C", "nobody")
    ]
    assert sent[0]["added"] == sent[1]["added"] == 0
    assert sent[0]["not_taken"] == sent[1]["not_taken"]
    with store.reading() as connection:
        kept = connection.execute(select(import_rejects.c.case_key, import_rejects.c.code)).all()
    assert (hidden, "unknown_case") in [tuple(row) for row in kept], "the row is not lost"


def test_rejected_rows_show_nothing_of_a_case_that_is_hidden(app: FastAPI, store: Store) -> None:
    """Of another's import a row of a sealed case reads as one of no case at all, and one of a
    protected characteristic is shown to nobody; who sent the rows knows what they sent.
    """
    add(store, "A")
    seal(store, add(store, "C"))
    sender, other = enter(app, "administrator", name="SYN Clerk"), enter(app)
    key = sender.post("/v1/imports", json={"source_digest": "d" * 64}).json()["import_key"]
    event = {"kind": "contact", "occurred_at": "2026-01-01", "recorded_at": "2026-01-02"}
    rows = [
        {"table": "events", "row": event | {"event_id": f"E{one}", "case_id": one}}
        for one in ("C", "nobody")
    ]
    rows.append({"table": "people", "row": {"person_id": "P", "case_id": "A", "role": "victim"}})
    content = "\n".join(json.dumps(one) for one in rows)
    headers = {"content-type": "application/x-ndjson"}
    sender.put(f"/v1/imports/{key}/rows", content=content, headers=headers)
    told = other.get(f"/v1/imports/{key}/rejects").json()["rejects"]
    assert len(told) >= len(rows)
    assert all(one["source"] is None and one["source_withheld"] for one in told)
    assert '"C"' not in other.get(f"/v1/imports/{key}/rejects.csv").text
    own = sender.get(f"/v1/imports/{key}/rejects").json()["rejects"]
    shown = {one["source"]["case_id"] for one in own if one["source"]}
    assert shown == {"C", "nobody"}


def test_what_happened_in_a_sealed_case_is_measured_nowhere_else(store: Store) -> None:
    """A linked case's history leaves a sealed case's events out, and takes them in once opened."""
    send(
        store,
        {
            "cases": [make_case("A"), make_case("B")],
            "events": [make_event("EA", "A"), make_event("EB", "B")],
            "links": [make_link("L", "A", "B")],
        },
    )
    own, linked = key_of(store, "A"), key_of(store, "B")

    def measured() -> int:
        with store.reading() as connection:
            history = read_history(
                connection, [own], store.read_unit(), extract_at_us=store.clock()
            )
        return len(history.events)

    assert measured() == 2
    with store.writing() as writing:
        people = frozenset({INSIDER.subject, SECOND.subject})
        assert seal_case(writing, linked, INSIDER, people, "connected", Directory(people)) == {own}
    assert measured() == 1
    with store.writing() as writing:
        open_seal(writing, linked, INSIDER, "not connected")
    assert measured() == 2


def test_a_person_of_one_area_sees_that_area(app: FastAPI, store: Store) -> None:
    """Lists, counts, the queue and first reads hold the cases of a person's areas alone."""
    own, other = add(store, "A"), add(store, "B", OTHER)
    enter(app).post("/v1/sittings", json={})
    client = enter(app, areas=[OWN])
    cases = client.get("/v1/cases").json()
    assert [row["key"] for row in (*cases["rows"], *cases["blind_rows"])] == [own]
    assert sum(cases["states"].values()) == 1
    for path in ("/v1/list", "/v1/list.csv", "/v1/duty", "/v1/first-reads", "/v1/corrections",
                 "/", "/cases", "/urgent", "/caseload"):  # fmt: skip
        text = client.get(path).text
        assert other not in text, path
    assert [item["key"] for item in client.get("/v1/duty").json()["items"]] == [own]
    assert client.get("/v1/first-reads").json()["n_overdue"] == 1


def test_what_an_agency_keeps_to_itself_is_seen_by_it_alone(app: FastAPI, store: Store) -> None:
    """Health records, and agency-only ones, are told to their agency; others learn of none."""
    send(
        store,
        {
            "cases": [make_case("A")],
            "events": [
                make_event("E1", "A"),
                make_event("E2", "A", source="health", narrative="SYN health words"),
                make_event("E3", "A", source="police", handling="agency_only"),
                make_event("E4", "A", source="advocacy", handling="agency_only"),
            ],
        },
    )
    key = key_of(store, "A")
    seen = {}
    for role, agency in (("screener", "police"), ("health", "health"), ("reviewer", "advocacy"),
                         ("auditor", "unit")):  # fmt: skip
        told = enter(app, role, agency=agency).get(f"/v1/cases/{key}").json()
        seen[agency] = sorted(one["record_id"] for one in told["records"])
        assert told["n_records_kept_apart"] == len(seen[agency]) - 1
    assert seen == {
        "police": ["E1", "E3"],
        "health": ["E1", "E2"],
        "advocacy": ["E1", "E4"],
        "unit": ["E1"],
    }


def test_every_look_is_in_the_chain_before_its_answer(app: FastAPI, store: Store) -> None:
    """Who looked, at which cases, by which route, for which purpose, and who was refused."""
    own, hidden = add(store, "A"), add(store, "C")
    seal(store, hidden)
    client = enter(app)
    client.get(f"/v1/cases/{own}", headers={"caselight-purpose": "weekly meeting"})
    client.get("/v1/cases")
    client.get(f"/v1/cases/{hidden}")
    client.get("/v1/list.csv")
    lines = read_looks(app)
    assert [(one.route, one.case_key, one.cases, one.done, one.purpose) for one in lines] == [
        ("GET /v1/cases/{key}", own, None, True, "weekly meeting"),
        ("GET /v1/cases", None, [own], True, None),
        ("GET /v1/cases/{key}", hidden, None, False, None),
    ]
    assert {(one.subject, one.person, one.role) for one in lines} == {
        ("local:syn screener", "SYN screener", "screener")
    }


def read_looks(app: FastAPI) -> list[Any]:
    """Return the lines of the book of looks."""
    with app.state.service.need_store().reading_looks() as connection:
        query = select(audit_lines).where(audit_lines.c.book == "looks")
        return list(connection.execute(query.order_by(audit_lines.c.number)))


def test_a_change_names_who_made_it_and_its_case(app: FastAPI, store: Store) -> None:
    """A decision's line says who, by which route and on which case, with the rows it stored."""
    key = add(store, "A")
    client = enter(app)
    version = client.get(f"/v1/cases/{key}").headers["etag"]
    draft = {"ways": {"further_enquiry": {"what": "ask"}}, "owner": "SYN screener"}
    draft |= {"review_on": "2026-04-01", "agrees_with_score": "not_seen", "seen_seq": 0}
    answer = client.post(f"/v1/cases/{key}/decisions", json=draft, headers={"if-match": version})
    assert answer.status_code == 201, answer.text
    with store.reading() as connection:
        query = select(audit_lines).where(audit_lines.c.book == "changes")
        last = connection.execute(query.order_by(audit_lines.c.number.desc())).first()
    assert last is not None
    assert (last.operation, last.route) == ("alteration", "POST /v1/cases/{key}/decisions")
    assert (last.case_key, last.person) == (key, "SYN screener")
    assert last.last_seq >= last.first_seq > 0


def test_the_service_acts_in_its_own_name(store: Store) -> None:
    """What nobody asked for is told as the service's own work, a command as its user's."""
    key = add(store, "A")
    with acting(Act(INSIDER, "collection", "caselight db import")):
        send(store, {"events": [make_event("E9", "A")]})
    with store.writing() as writing:
        writing.take_seq(0)
        refresh_standings(writing, [key])
    with store.reading() as connection:
        query = select(audit_lines).order_by(audit_lines.c.number)
        lines = connection.execute(query.where(audit_lines.c.book == "changes")).all()
    assert (lines[-1].person, lines[-1].operation) == (INSIDER.name, "collection")
    assert lines[0].subject == "service:caselight"


def test_an_operator_names_others_and_sees_nothing_by_it(store: Store) -> None:
    """Where none of those named is left others are named; only of a sealed case, and on record."""
    key = add(store, "C")
    operator = Person("SYN Operator", "administrator", "unit")
    others = ["local:syn third", "local:syn fourth"]
    there = Directory(frozenset(others))
    with pytest.raises(ServiceError, match="not_sealed"), store.writing() as writing:
        name_others(writing, "C", operator, others, "all have left", there)
    seal(store, key)
    with store.writing() as writing:
        name_others(writing, "C", operator, others, "all have left", there)
    with store.reading() as connection:
        assert may_see_case(connection, Person("SYN Third", "duty", "police"), key)
        assert not may_see_case(connection, INSIDER, key)
        assert not may_see_case(connection, operator, key)


def test_a_refusal_is_in_the_chain_with_who_tried(app: FastAPI, store: Store) -> None:
    """Refused by role, by area or by a seal: the book of looks says who, what and that it was."""
    own, hidden = add(store, "A"), add(store, "C")
    seal(store, hidden)
    enter(app, "data_scientist").get(f"/v1/cases/{own}")
    enter(app, areas=[OWN]).get("/v1/findings")
    enter(app).get(f"/v1/cases/{hidden}")
    assert [(one.role, one.route, one.case_key, one.done) for one in read_looks(app)] == [
        ("data_scientist", "GET /v1/cases/{key}", None, False),
        ("screener", "GET /v1/findings", None, False),
        ("screener", "GET /v1/cases/{key}", hidden, False),
    ]
