"""The audit routes: lines by cursor, looks at a case, unusual looking, the end verified live."""

from typing import Any

import pytest
from fastapi import FastAPI, Request
from sqlalchemy import update
from starlette.testclient import TestClient

from serving.api.audit import CHECKED_LINES, router
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.store.database import Store
from serving.store.schema import audit_lines
from serving.web.error_answers import install_handlers
from tests.test_serving.store.test_audit_chain import (
    ANNE,
    BEN,
    KEY,
    change,
    fill_books,
    look,
    make_whole,
    tamper,
)


def open_client(store: Store, person: Person | None = BEN) -> TestClient:
    """Return a client of the audit routes, as somebody or nobody."""
    app = FastAPI()
    install_handlers(app)
    app.state.service = Service(Settings(), store, store.read_unit(), Champion(None, None))
    app.include_router(router)

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Any) -> Any:
        request.state.person = person
        return await call_next(request)

    return TestClient(app)


@pytest.mark.parametrize(
    "path", ["/v1/audit/lines", "/v1/audit/unusual", f"/v1/cases/{KEY}/looks", "/v1/audit/check"]
)
def test_nobody_reads_the_books_without_signing_in(store: Store, path: str) -> None:
    """Every route of the audit needs a person."""
    assert open_client(store, None).get(path).status_code == 401


def test_lines_are_told_page_by_page(store: Store) -> None:
    """Each page goes on below the last number of the one before, to the first line."""
    fill_books(store, 5)
    client, numbers, cursor = open_client(store), [], None
    while True:
        asked = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        told = client.get("/v1/audit/lines", params=asked).json()
        numbers += [line["number"] for line in told["lines"]]
        cursor = told["next_cursor"]
        if cursor is None:
            break
    assert numbers == [5, 4, 3, 2, 1]


def test_a_line_is_told_whole(store: Store) -> None:
    """A line says who, when, what, which case and which rows, and not its mac."""
    make_whole(store)
    change(store, ANNE, case_key=KEY, request_id="r1")
    (line,) = open_client(store).get("/v1/audit/lines", params={"case": KEY}).json()["lines"]
    assert line == {
        "book": "changes",
        "number": 1,
        "at": "2026-02-25 06:13:20+00:00",
        "operation": "alteration",
        "done": True,
        "person": "SYN Anne",
        "subject": "issuer|anne",
        "role": "screener",
        "agency": "police",
        "case_key": KEY,
        "cases": [],
        "route": "POST /v1/test",
        "recipient": None,
        "purpose": None,
        "request_id": "r1",
        "first_seq": 1,
        "last_seq": 1,
        "terms": None,
    }


def test_lines_are_filtered(store: Store) -> None:
    """Book, person, operation and case each leave the other lines out."""
    fill_books(store, 4)
    client = open_client(store)

    def count(**asked: str) -> int:
        told = client.post("/v1/audit/lines", json=asked).json()
        if "subject" not in asked:
            assert client.get("/v1/audit/lines", params=asked).json() == told
        return len(told["lines"])

    assert count(book="looks", subject=ANNE.subject) == 2
    assert count(book="looks", operation="consultation") == 4
    assert count(operation="consultation") == 0
    assert count(book="looks", case=KEY) == 4
    assert count(book="looks", case="x" * 24) == 0


def test_nobody_is_named_in_an_address(store: Store) -> None:
    """Whose lines is asked in a body; in an address it is refused, told where, and not repeated."""
    fill_books(store, 4)
    answer = open_client(store).get("/v1/audit/lines", params={"subject": ANNE.subject})
    assert answer.status_code == 422
    (problem,) = answer.json()["error"]["problems"]
    assert (problem["where"], problem["code"]) == ("query.subject", "in_address")
    assert "by POST" in problem["remedy"]
    assert ANNE.subject not in answer.text


@pytest.mark.parametrize(
    "asked",
    [
        {"book": "other"},
        {"case": "short"},
        {"cursor": "0"},
        {"cursor": str(2**63)},
        {"operation": "none"},
        {"subject": "a\0"},
        {"limit": "201"},
    ],
)
def test_what_cannot_be_asked_is_refused(store: Store, asked: dict[str, str]) -> None:
    """A filter that is none is refused and not repeated."""
    make_whole(store)
    answer = open_client(store).get("/v1/audit/lines", params=asked)
    assert answer.status_code == 422
    sent = open_client(store).post("/v1/audit/lines", json=asked)
    assert sent.status_code == 422
    assert next(iter(asked.values())) not in sent.json()["error"]["message"]
    assert next(iter(asked.values())) not in answer.json()["error"]["message"]


def test_looks_at_a_case_are_told(store: Store) -> None:
    """Who looked at a case is told, the refused ones among them."""
    make_whole(store)
    look(store, ANNE, case_key=KEY)
    look(store, BEN, case_key=KEY, done=False)
    look(store, BEN, case_key="x" * 24)
    told = open_client(store).get(f"/v1/cases/{KEY}/looks").json()
    assert [(line["person"], line["done"]) for line in told["lines"]] == [
        ("SYN Ben", False),
        ("SYN Anne", True),
    ]


def test_unusual_looking_is_told_with_its_limits(store: Store) -> None:
    """What is told says what counts as unusual and that it is a question, not a finding."""
    make_whole(store)
    look(store, ANNE, case_key=KEY, done=False)
    look(store, ANNE, case_key=KEY)
    told = open_client(store).get("/v1/audit/unusual", params={"days": 7}).json()
    assert (told["since"], told["until"]) == (
        "2026-02-18 06:13:20+00:00",
        "2026-02-25 06:13:20+00:00",
    )
    assert told["limits"]["times_median"] == 3.0
    assert "assures nobody" in told["note"]
    (refused,) = told["refused"]
    assert (refused["person"], refused["n_looks"], refused["case_keys"]) == ("SYN Anne", 1, [KEY])
    assert [one["person"] for one in told["out_of_hours"]] == ["SYN Anne"]
    assert (told["n_looks"], told["n_persons"], told["busy"], told["crowded"]) == (1, 1, [], [])


def test_the_end_of_the_books_is_verified_live(store: Store) -> None:
    """The answer says how many lines were looked at, and what is wrong with them."""
    fill_books(store, 3)
    client = open_client(store)
    told = client.get("/v1/audit/check").json()
    assert (told["whole"], told["most_lines"]) == (True, CHECKED_LINES)
    assert [(one["book"], one["n_lines"]) for one in told["books"]] == [
        ("changes", 3),
        ("looks", 3),
    ]
    statement = update(audit_lines).where(audit_lines.c.number == 2).values(route="SYN")
    tamper(store, "looks", statement.where(audit_lines.c.book == "looks"))
    told = client.get("/v1/audit/check").json()
    assert not told["whole"]
    assert told["books"][1]["problems"] == ["looks, line 2: what it says was changed"]
