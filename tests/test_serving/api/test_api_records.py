import asyncio
import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import select

from serving.api import imports, moves, records
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.store.database import Store
from serving.store.schema import import_rejects, scores
from serving.store.schema import imports as imports_table
from serving.web.body_guard import BodyGuard
from serving.web.error_answers import FaultGuard, install_handlers
from tests.conftest import SmallUnit
from tests.test_serving.sent_rows import (
    PERSON,
    count_rows,
    history_of,
    history_of_rows,
    key_of,
    make_case,
    make_event,
    make_fact,
    make_link,
)

CANARY = "canary-7d1"


def make_client(
    store: Store | None,
    settings: Settings,
    *,
    signed_in: bool = True,
    person: Person = PERSON,
) -> TestClient:
    app = FastAPI()
    install_handlers(app)
    unit = store.read_unit() if store is not None else None
    champion = Champion(settings.models_dir, settings.bundle)
    app.state.service = Service(settings, store, unit, champion)
    for router in (records.router, imports.router, moves.router):
        app.include_router(router)

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Any) -> Any:
        if signed_in:
            request.state.person = person
        return await call_next(request)

    app.add_middleware(BodyGuard, max_bytes=settings.max_request_bytes)
    app.add_middleware(FaultGuard)
    return TestClient(app)


@pytest.fixture
def client(store: Store) -> TestClient:
    return make_client(store, Settings(max_request_records=50))


def without_case(row: dict[str, object]) -> dict[str, object]:
    return {name: cell for name, cell in row.items() if name != "case_id"}


REQUEST: dict[str, Any] = {
    "cases": [
        make_case("A")
        | {
            "events": [without_case(make_event("E1", value=1.5)), without_case(make_event("E2"))],
            "facts": [without_case(make_fact("F1"))],
        },
        make_case("B"),
    ],
    "events": [make_event("E3", "B")],
    "links": [make_link("L1", "A", "B")],
}
ROWS = {
    "cases": [make_case("A"), make_case("B")],
    "events": [make_event("E1", value=1.5), make_event("E2"), make_event("E3", "B")],
    "facts": [make_fact("F1")],
    "links": [make_link("L1", "A", "B")],
}


def test_records_come_in_and_a_repeat_changes_nothing(store: Store, client: TestClient) -> None:
    """Records of a request are in the store with who sent them; sent again they are repeats."""
    answer = client.post("/v1/records", json=REQUEST)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["added"], told["repeats"], told["not_taken"]) == (7, 0, [])
    assert history_of(store) == history_of_rows(ROWS)
    again = client.post("/v1/records", json=REQUEST).json()
    assert (again["added"], again["repeats"]) == (0, 7)
    assert history_of(store) == history_of_rows(ROWS)
    with store.reading() as connection:
        persons = connection.execute(select(imports_table.c.person)).scalars().all()
    assert persons == [PERSON.name, PERSON.name]


def test_each_row_that_was_not_taken_is_told_in_its_place(store: Store, client: TestClient) -> None:
    """A bad row does not hold up the others, and the answer says where it stands and what mends it,
    without a word of it.
    """
    client.post("/v1/records", json=REQUEST)
    asked = {
        "cases": [
            make_case("A", area=CANARY),
            make_case("C")
            | {
                "events": [
                    without_case(make_event("E5")),
                    without_case(make_event(CANARY, occurred_at=CANARY, view=CANARY)),
                ]
            },
        ],
        "events": [make_event("E1", CANARY), make_event("E9", "A", supersedes="E3")],
        "facts": [make_fact("F1", "A", value=CANARY), make_fact("F2", "A", asked=CANARY)],
    }
    answer = client.post("/v1/records", json=asked)
    told = answer.json()
    assert answer.status_code == 200
    assert [(one["where"], one["code"]) for one in told["not_taken"]] == [
        ("cases[0].case_id", "conflict"),
        ("cases[1].events[1].occurred_at", "unreadable_moment"),
        ("events[0].case_id", "unknown_case"),
        ("facts[0].fact_id", "conflict"),
        ("facts[1].asked", "not_a_choice"),
    ]
    assert all(one["remedy"] for one in told["not_taken"])
    assert (told["added"], told["conflicts"], told["rejects"]) == (3, 2, 3)
    assert CANARY not in answer.text
    with store.reading() as connection:
        kept = connection.execute(select(import_rejects.c.source)).scalars().all()
    assert CANARY in json.dumps(kept)


def test_a_request_that_holds_nothing_readable_is_refused(store: Store, client: TestClient) -> None:
    """Where no row can be read the request is in error, with every place."""
    asked = {"cases": [{"case_id": CANARY, "recorded_at": CANARY}]}
    answer = client.post("/v1/records", json=asked)
    assert answer.status_code == 422
    assert answer.json()["error"]["problems"][0]["where"] == "cases[0].recorded_at"
    assert CANARY not in answer.text
    assert count_rows(store)["cases"] == 0


@pytest.mark.parametrize(
    "asked",
    [
        {"cases": [{"case_id": CANARY}]},
        {"cases": [{"case_id": CANARY, "recorded_at": 1}]},
        {CANARY: []},
        {"events": [make_event(CANARY) | {"value": CANARY}]},
        {"links": [{CANARY: CANARY}]},
        {"links": [make_link(CANARY, CANARY, CANARY) | {"recorded_at": [CANARY]}]},
    ],
)
def test_no_error_repeats_anything_of_a_request(client: TestClient, asked: dict[str, Any]) -> None:
    """A malformed request is told by place and code alone."""
    answer = client.post("/v1/records", json=asked)
    assert answer.status_code == 422
    assert answer.json()["error"]["problems"]
    assert CANARY not in answer.text


def test_too_many_records_are_refused_whole(store: Store, client: TestClient) -> None:
    """Past the limit of one request nothing is kept, and the error names the way in bulk."""
    asked = {"cases": [make_case(f"C{number}") for number in range(51)]}
    answer = client.post("/v1/records", json=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_records")
    assert count_rows(store)["cases"] == 0


def test_what_changed_is_scored_at_once(store: Store, small_unit: SmallUnit) -> None:
    """With a model in use the cases of a request have a score once it is answered."""
    client = make_client(store, Settings(bundle=small_unit.bundle))
    told = client.post("/v1/records", json=REQUEST).json()
    assert told["scored"] == 2
    with store.reading() as connection:
        keys = connection.execute(select(scores.c.case_key)).scalars().all()
    assert sorted(keys) == sorted([key_of(store, "A"), key_of(store, "B")])
    assert client.post("/v1/records", json=REQUEST).json()["scored"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/records"),
        ("POST", "/v1/imports"),
        ("GET", "/v1/imports"),
        ("GET", f"/v1/imports/{'k' * 24}"),
        ("GET", f"/v1/imports/{'k' * 24}/rejects"),
        ("GET", f"/v1/imports/{'k' * 24}/rejects.csv"),
        ("POST", f"/v1/cases/{'k' * 24}/merge"),
    ],
)
def test_nobody_unnamed_gets_in(store: Store, method: str, path: str) -> None:
    """Every route asks who it is, and without a store says so."""
    unnamed = make_client(store, Settings(), signed_in=False)
    bodies = {"/v1/records": REQUEST, "/v1/imports": {"source_digest": "d"}}
    body = bodies.get(path, {"into": "k" * 24}) if method == "POST" else None
    assert unnamed.request(method, path, json=body).status_code == 401
    storeless = make_client(None, Settings())
    assert storeless.request(method, path, json=body).status_code == 503


LINES = [json.dumps({"table": name, "row": row}) for name, rows in ROWS.items() for row in rows]


def begin(client: TestClient, **more: object) -> str:
    answer = client.post("/v1/imports", json={"source_digest": "sha256:00"} | more)
    assert answer.status_code == 200
    return str(answer.json()["import_key"])


def put(client: TestClient, key: str, lines: list[str], **query: object) -> Any:
    return client.put(
        f"/v1/imports/{key}/rows",
        params=query,
        content="\n".join(lines).encode(),
        headers={"content-type": "application/x-ndjson"},
    )


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "ROWS_PER_CHUNK", 3)


@pytest.mark.usefixtures("small_chunks")
def test_a_stream_comes_in_and_ends_by_itself(store: Store, client: TestClient) -> None:
    """Rows of a stream are in the store, and with the last one that was told the import ends."""
    key = begin(client, rows_total=len(LINES))
    told = put(client, key, LINES).json()
    assert told["state"] == "ended"
    assert (told["rows_done"], told["added"]) == (len(LINES), len(LINES))
    assert history_of(store) == history_of_rows(ROWS)


async def break_off(app: Any, key: str, some: bytes) -> None:
    """Send some bytes of a stream, and go."""
    messages = [
        {"type": "http.request", "body": some, "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "method": "PUT",
        "path": f"/v1/imports/{key}/rows",
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-ndjson")],
    }

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        """Nobody listens."""

    await app(scope, receive, send)


@pytest.mark.usefixtures("small_chunks")
def test_a_stream_that_broke_off_resumes(store: Store, client: TestClient) -> None:
    """What was committed before a break stays; the rest, sent again with an overlap, gives what one
    stream would have given.
    """
    key = begin(client)

    asyncio.run(break_off(client.app, key, "\n".join(LINES[:5]).encode()))
    assert begin(client) == key
    assert client.get(f"/v1/imports/{key}").json()["rows_done"] == 3
    gap = put(client, key, LINES[6:], **{"from": 6})
    assert (gap.status_code, gap.json()["error"]["code"]) == (409, "rows_missing")
    told = put(client, key, LINES, last=True).json()
    assert (told["state"], told["rows_done"], told["added"]) == ("ended", len(LINES), len(LINES))
    assert (told["repeats"], told["rejects"]) == (0, 0)
    assert history_of(store) == history_of_rows(ROWS)
    again = put(client, key, LINES)
    assert (again.status_code, again.json()["added"]) == (200, len(LINES))
    assert put(client, key, [*LINES, LINES[0]]).json()["error"]["code"] == "import_ended"


@pytest.mark.usefixtures("small_chunks")
def test_a_repeat_of_a_stream_is_counted(store: Store, client: TestClient) -> None:
    """The same rows in another import are repeats, and the store stays as it is."""
    put(client, begin(client), LINES, last=True)
    before = count_rows(store), history_of(store)
    told = put(client, begin(client), LINES, last=True).json()
    assert (told["added"], told["repeats"]) == (0, len(LINES))
    assert (count_rows(store), history_of(store)) == before


BAD_LINES = [
    CANARY,
    json.dumps({"table": CANARY, "row": {}}),
    json.dumps({"table": "events", "row": {CANARY: CANARY}}),
    *(
        json.dumps({"table": "events", "row": make_event(CANARY, "A") | {name: cell}})
        for name, cell in (
            ("case_id", CANARY),
            ("occurred_at", CANARY),
            ("recorded_at", f"2999-01-01 {CANARY}"),
            ("value", CANARY),
            ("actor", CANARY),
            ("kind", [CANARY]),
            ("narrative", f"=HYPERLINK({CANARY})\0"),
            ("detail", CANARY * 100),
        )
    ),
]


def test_rejects_are_listed_and_safe_in_a_spreadsheet(store: Store, client: TestClient) -> None:
    """Every bad line is listed with its row; progress tells nothing of it; no cell of the CSV
    begins as a formula does.
    """
    key = begin(client)
    told = put(client, key, [*LINES, *BAD_LINES], last=True)
    assert told.json()["rejects"] == len(BAD_LINES)
    assert CANARY not in told.text
    assert CANARY not in client.get("/v1/imports").text
    found, cursor = [], 0
    while cursor is not None:
        page = client.get(f"/v1/imports/{key}/rejects", params={"cursor": cursor, "limit": 3})
        found += page.json()["rejects"]
        cursor = page.json()["next_cursor"]
    assert [one["number"] for one in found] == list(range(1, len(found) + 1))
    assert {one["row"] for one in found} == set(
        range(len(LINES) + 1, len(LINES) + len(BAD_LINES) + 1)
    )
    for one in found:
        assert CANARY in json.dumps(one.pop("source"))
        assert CANARY not in json.dumps(one)
    answer = client.get(f"/v1/imports/{key}/rejects.csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) == len(found) + 1
    assert answer.headers["content-type"].startswith("text/csv")
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


def test_a_formula_is_made_harmless() -> None:
    """A cell that a spreadsheet would run is given a mark in front; others stay as they are."""
    assert imports.disarm("=1+1") == "'=1+1"
    assert imports.disarm("@SUM(A1)") == "'@SUM(A1)"
    assert imports.disarm("words") == "words"


def test_imports_are_listed_page_by_page(client: TestClient) -> None:
    """Pages of imports join to all of them, the latest first, none twice."""
    keys = []
    for number in range(5):
        keys.append(begin(client, source_digest=f"d{number}"))
        put(client, keys[-1], [], last=True)
    found, cursor = [], None
    while True:
        page = client.get(
            "/v1/imports", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        )
        found += [one["import_key"] for one in page.json()["imports"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert sorted(found) == sorted(keys)


def test_a_stream_of_another_kind_is_refused(client: TestClient) -> None:
    """Compressed or other bodies are not read as lines."""
    key = begin(client)
    for headers in ({"content-type": "text/csv"}, {"content-encoding": "gzip"}, {}):
        answer = client.put(f"/v1/imports/{key}/rows", content=b"x", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "not_ndjson")


@pytest.mark.parametrize("path", ["", "/rejects", "/rejects.csv"])
def test_an_import_that_is_not_there_is_not_found(client: TestClient, path: str) -> None:
    """Keys that lead nowhere are told as such, and none is repeated."""
    key = "k" * 24
    answer = client.get(f"/v1/imports/{key}{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_import")
    assert key not in answer.text
    assert put(client, key, LINES).status_code == 404
    assert client.get("/v1/imports", params={"cursor": key}).status_code == 404


def test_a_case_is_transferred_and_other_moves_wait(store: Store, client: TestClient) -> None:
    """A transfer is made by the person who is signed in; a merge and a split wait for a second."""
    client.post("/v1/records", json=REQUEST)
    client.post("/v1/records", json={"cases": [make_case("S", area="south")]})
    one, other = key_of(store, "A"), key_of(store, "B")
    moved = client.post(f"/v1/cases/{other}/transfer", json={"area": "south"})
    assert (moved.status_code, moved.json()["kind"]) == (200, "transfer")
    for verb, body in (
        ("split", {"case_id": "C", "events": ["E2"], "why": "two people"}),
        ("merge", {"into": other, "why": "one person"}),
    ):
        asked = client.post(f"/v1/cases/{one}/{verb}", json=body)
        assert (asked.status_code, asked.json()["kind"]) == (202, verb)


@pytest.mark.parametrize(
    ("verb", "body", "status", "code"),
    [
        ("merge", {"into": "k" * 24}, 404, "no_such_case"),
        ("split", {"case_id": "A", "events": ["E1"]}, 409, "case_exists"),
        ("split", {"case_id": "N", "events": [CANARY]}, 422, "no_record"),
        ("split", {"case_id": "N"}, 422, "nothing_to_move"),
        ("split", {"case_id": " ", "events": ["E1"]}, 422, "invalid_request"),
        ("transfer", {"area": " "}, 422, "invalid_request"),
        ("transfer", {"area": CANARY}, 422, "invalid_request"),
    ],
)
def test_a_move_that_cannot_be_made_is_told(
    store: Store, client: TestClient, verb: str, body: dict[str, Any], status: int, code: str
) -> None:
    """Each refusal has its status and code, and repeats nothing."""
    client.post("/v1/records", json=REQUEST)
    answer = client.post(f"/v1/cases/{key_of(store, 'A')}/{verb}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert CANARY not in answer.text


def test_two_servers_take_one_stream(
    store: Store, client: TestClient, open_another: Callable[[], Store]
) -> None:
    """A client that sends its rows to another server halfway ends with one import."""
    other = make_client(open_another(), Settings())
    key = begin(client)
    put(client, key, LINES[:4])
    told = put(other, key, LINES[4:], **{"from": 4}, last=True).json()
    assert (told["added"], told["state"]) == (len(LINES), "ended")
    assert history_of(store) == history_of_rows(ROWS)


ANNE = Person("SYN Anne", "screener", "police")
BEN = Person("SYN Ben", "duty", "police")


def ask_as(store: Store, person: Person) -> TestClient:
    return make_client(store, Settings(), person=person)


@pytest.mark.parametrize("role", ["auditor", "data_scientist"])
def test_who_looks_on_changes_no_case(store: Store, client: TestClient, role: str) -> None:
    """An auditor and a data scientist send no record, begin no import and move no case."""
    client.post("/v1/records", json=REQUEST)
    key, other, begun = key_of(store, "A"), key_of(store, "B"), begin(client)
    looking = ask_as(store, Person("SYN Onlooker", role, "unit"))
    before = count_rows(store)
    answers = [
        looking.post("/v1/records", json=REQUEST),
        looking.post("/v1/imports", json={"source_digest": "d"}),
        put(looking, begun, LINES),
        looking.post(f"/v1/cases/{key}/merge", json={"into": other}),
        looking.post(f"/v1/cases/{key}/split", json={"case_id": "N", "events": ["E1"]}),
        looking.post(f"/v1/cases/{key}/transfer", json={"area": "south"}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "role_may_not")
    assert count_rows(store) == before


TURNS = ("opened", "reopened", "closed", "merged", "transferred")


def test_what_became_of_a_case_is_decided_by_people(store: Store, client: TestClient) -> None:
    """Rows that open, close, merge or hand on a case, and those that take one back, are rejects,
    whichever way they come; an administrator's are taken.
    """
    client.post("/v1/records", json=REQUEST | {"events": [make_event("X", kind="closed")]})
    rows = [make_event(f"T{kind}", kind=kind) for kind in TURNS]
    rows.append(make_event("R", kind="retracted", supersedes="X", recorded_at="2025-08-01"))
    rows.append(make_event("C", supersedes="X", recorded_at="2025-08-01"))
    sent = {"events": [*rows, make_event("G")]}
    anne = ask_as(store, ANNE)
    told = anne.post("/v1/records", json=sent).json()
    assert (told["added"], told["rejects"]) == (1, len(rows))
    assert {one["code"] for one in told["not_taken"]} == {"decided_by_people"}
    assert told["not_taken"][0]["where"] == "events[0].kind"
    assert told["not_taken"][-1]["where"] == f"events[{len(rows) - 1}].supersedes"
    lines = [json.dumps({"table": "events", "row": row}) for row in rows]
    key = begin(anne)
    streamed = put(anne, key, lines, last=True).json()
    assert (streamed["added"], streamed["rejects"]) == (0, len(rows))
    assert client.post("/v1/records", json=sent).json()["added"] == len(rows)


def test_nobody_goes_on_with_anothers_import(store: Store, client: TestClient) -> None:
    """Who began an import goes on with it, or an administrator; another begins one of their own."""
    anne, ben = ask_as(store, ANNE), ask_as(store, BEN)
    key = begin(anne)
    refused = put(ben, key, LINES)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_the_importer")
    assert begin(ben) != key
    assert begin(anne) == key
    assert put(client, key, LINES, last=True).json()["state"] == "ended"


def test_an_import_ends_when_all_of_it_came(store: Store, client: TestClient) -> None:
    """It is not ended while rows are missing, and ends though more came than were told."""
    key = begin(client, rows_total=len(LINES))
    early = put(client, key, LINES[:2], last=True)
    assert (early.status_code, early.json()["error"]["code"]) == (409, "rows_missing")
    assert "rows_done" in early.json()["error"]["remedy"]
    there = client.get(f"/v1/imports/{key}").json()
    assert (there["state"], there["rows_done"]) == ("open", 2)
    told = put(client, key, [*LINES, LINES[0]]).json()
    assert (told["state"], told["rows_done"]) == ("ended", len(LINES) + 1)


def test_rejects_keep_apart_what_is_kept_apart(store: Store, client: TestClient) -> None:
    """What a refused row of health, or of one agency alone, held is told to nobody."""
    apart = [{"source": "health"}, {"handling": "agency_only"}]
    lines = [
        json.dumps({"table": "events", "row": make_event("X", "nobody", narrative=CANARY) | more})
        for more in (*apart, {"source": "police"})
    ]
    lines.append('{"table": "events", "row": {"source": "health", "narrative": ' + CANARY)
    key = begin(client)
    put(client, key, lines, last=True)
    told = client.get(f"/v1/imports/{key}/rejects").json()["rejects"]
    assert sum(one["source_withheld"] for one in told) == 3
    assert all(one["source"] is None for one in told if one["source_withheld"])
    written = client.get(f"/v1/imports/{key}/rejects.csv").text
    assert written.count(CANARY) == 1
    assert written.startswith('"number","place"')
