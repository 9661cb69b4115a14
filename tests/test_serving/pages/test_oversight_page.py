"""The page of oversight: the books, what is unusual, decisions against scores, and what is kept."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect
from sqlalchemy import text
from starlette.testclient import TestClient

from serving.access.route_rules import RULES
from serving.app import create_app
from serving.oversight.kept_answers import Keeper, Kept
from serving.pages.oversight_page import ROUTE_WORDS, describe_route
from serving.settings import make_settings
from serving.store.database import open_store
from serving.store.upgrading import upgrade
from tests.test_serving.reading_pages import part_of, read_text

WORKING, FAILED = "This is being worked out", "This could not be worked out just now"
LONG_S = 60.0
"""Longer than anything here takes: nobody waits for so long unless something is wrong."""


@pytest.fixture(scope="module")
def app(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application over a copy of the store, for the tests of this file alone."""
    return make_app()


def open_oversight(client: TestClient, **asked: Any) -> str:
    """Return the page once everything on it is worked out, as somebody who waits for it would."""
    client.app.state.oversight_keeper = Keeper(wait_s=LONG_S)  # type: ignore[attr-defined]
    page = client.get("/oversight", params=asked).text
    assert WORKING not in page
    return page


def test_oversight_finds_lines_by_person_case_and_day(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Who looked at a case stands there at once, and each part of the form narrows it."""
    app = make_app()
    looker, auditor = make_client(app, role="screener"), make_client(app, role="auditor")
    key = looker.get("/v1/cases").json()["rows"][0]["key"]
    looker.get(f"/cases/{key}", headers={"caselight-purpose": "SYN weekly meeting"})
    lines = read_text(part_of(auditor.get("/oversight", params={"case": key}).text, "lines"))
    assert "Opened the case" in lines
    assert "SYN weekly meeting" in lines
    assert key in lines
    led = auditor.post("/oversight", data={"who": "reviewer"}, follow_redirects=True)
    by_name = part_of(led.text, "lines")
    assert "Opened the case" in read_text(by_name)
    nobody = part_of(auditor.post("/oversight", data={"who": "SYN Nobody"}).text, "lines")
    assert "Nobody of that name stands in this book" in read_text(nobody)
    other_day = auditor.get("/oversight", params={"day": "2001-01-01"}).text
    assert "No line answers to this" in read_text(part_of(other_day, "lines"))
    changes = auditor.get("/oversight", params={"book": "changes"}).text
    assert "Who changed what" in read_text(part_of(changes, "lines"))


def test_no_address_of_the_oversight_names_a_person(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Who is looked for is sent in the body, and is found; addresses name one of their lines."""
    app = make_app()
    looker, auditor = make_client(app), make_client(app, role="auditor")
    name = looker.get("/v1/me").json()["name"]
    key = looker.get("/v1/cases").json()["rows"][0]["key"]
    looker.get(f"/cases/{key}")
    subject = auditor.get("/v1/audit/lines", params={"book": "looks", "case": key}).json()
    subject = subject["lines"][-1]["subject"]
    for said in (name, subject):
        led = auditor.post("/oversight", data={"who": said}, follow_redirects=False)
        assert led.status_code == 303
        address = led.headers["location"]
        page = auditor.get(address).text
        rows = re.findall(r"<tr.*?</tr>", part_of(page, "lines"), re.S)[1:]
        assert len(rows) >= 2
        assert all(name in row for row in rows)
        queries = [address, *re.findall(r'(?:href|action)="([^"]*)"', page)]
        told = [unquote_plus(one) for one in queries]
        assert [one for one in told if name in one or subject in one] == []
    assert [one for one in re.findall(r"<form[^>]*>", page) if 'method="get"' in one] == []
    old = auditor.get("/oversight", params={"who": name, "case": "A" * 24}).text
    assert name not in part_of(old, "lines")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"day": "2026-02-31"}, "Write the day such as"),
        ({"day": "9999-12-31"}, "Write the day such as"),
        ({"day": "' or 1=1"}, "Write the day such as"),
        ({"case": "SYN-C1"}, "Write the case's key"),
        ({"case": "<b>SYN"}, "Write the case's key"),
    ],
)
def test_what_oversight_cannot_read_is_told_beside_its_field(
    app: FastAPI, make_client: Callable[..., TestClient], asked: dict[str, str], said: str
) -> None:
    """A day that is none and a key that is none are problems to mend, not errors."""
    answer = make_client(app, role="auditor").get("/oversight", params=asked)
    assert answer.status_code == 422
    assert said in read_text(answer.text)
    assert "<b>" not in part_of(answer.text, "lines")


def test_oversight_says_when_a_book_is_not_whole(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """A line that was changed behind the service's back stands at the top of the page."""
    app = make_app()
    auditor = make_client(app, role="auditor")
    assert "Nothing is wrong" in read_text(part_of(auditor.get("/oversight").text, "chain"))
    auditor.get("/oversight")
    looks = app.state.service.need_store().looks
    with looks.connect().execution_options(caselight_writes=True) as connection:
        for (name,) in connection.execute(
            text("select name from sqlite_master where type = 'trigger'")
        ).all():
            connection.execute(text(f'drop trigger "{name}"'))
        connection.execute(
            text("update audit_lines set person = 'SYN Other' where book = 'looks' and number = 1")
        )
        connection.commit()
    told = read_text(part_of(auditor.get("/oversight").text, "chain"))
    assert "A book is not whole" in told


def test_looking_at_the_oversight_is_a_look_itself(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Whoever oversees stands in the book as well."""
    auditor = make_client(make_app(), role="auditor")
    auditor.get("/oversight")
    assert "Looked at this oversight" in read_text(auditor.get("/oversight").text)


def test_decisions_are_held_against_where_the_model_had_put_the_case(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Agreeing with one case of the list and disagreeing with another stand in their rows."""
    app = make_app()
    auditor, screener = make_client(app, role="auditor"), make_client(app)
    assert "No decision is on record" in read_text(part_of(open_oversight(auditor), "decisions"))
    listed = screener.get("/v1/list").json()
    rows = [row for row in listed["rows"] if not row["withheld"]][:2]
    for row, said in zip(rows, ("yes", "no"), strict=True):
        case = screener.get(f"/v1/cases/{row['key']}")
        draft = {
            "ways": {"victim_safety_planning": {}},
            "owner": "SYN Owner",
            "review_on": "2026-12-01",
            "agrees_with_score": said,
            "score_key": case.json()["advice"]["score_key"],
            "seen_seq": case.json()["seen_seq"],
            "sitting_key": listed["sitting_key"],
        }
        answer = screener.post(
            f"/v1/cases/{row['key']}/decisions",
            json=draft,
            headers={"if-match": case.headers["etag"]},
        )
        assert answer.status_code == 201, answer.text
    told = read_text(part_of(open_oversight(auditor), "decisions"))
    assert "1 agree and 1 disagree with the score." in told
    assert "Shown whole at once 1 1 0 50" in told
    assert "SYN Owner" not in told


def test_an_empty_store_is_told_as_empty(
    unit: Any, now: str, make_client: Callable[..., TestClient], tmp_path: Path
) -> None:
    """Where nobody did anything yet each part says so, and nothing is told as checked."""
    address = f"sqlite:///{tmp_path / 'empty.db'}"
    store = open_store(address)
    upgrade(store, time_zone=unit.history.time_zone, synthetic=True)
    store.close()
    named = {"bundle": unit.bundle_path, "database_url": address, "now": now}
    app = create_app(make_settings(**named, work=False))
    page = open_oversight(make_client(app, role="auditor"))
    assert "Both books are empty" in read_text(part_of(page, "chain"))
    assert "No single case was looked at since" in read_text(part_of(page, "unusual"))
    assert "No decision is on record yet" in read_text(part_of(page, "decisions"))
    assert "no sitting was opened" in read_text(part_of(page, "missed"))
    assert "The book is empty" in read_text(part_of(page, "lines"))
    app.state.service.need_store().close()


def test_what_takes_long_is_shown_as_being_worked_out(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """A page never waits for it: it says so, shows the rest, and has the answer the next time."""
    app = make_app()
    auditor = make_client(app, role="auditor")
    bundle, go_on = app.state.service.champion.find(), threading.Event()
    keeper = app.state.oversight_keeper = Keeper(wait_s=0.01)
    blocked = dict.fromkeys((("unusual", 28), ("findings", bundle.id)), lambda: go_on.wait(LONG_S))
    keeper.find(blocked)
    page = auditor.get("/oversight").text
    for anchor in ("unusual", "decisions", "missed"):
        assert WORKING in read_text(part_of(page, anchor))
        assert "Load the page again" in part_of(page, anchor)
    assert "Nothing is wrong" in read_text(part_of(page, "chain"))
    go_on.set()


def test_what_could_not_be_worked_out_is_told_as_that(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Where a table is gone the page says what fails, shows the rest, and asks to try again."""
    app = make_app()
    auditor = make_client(app, role="auditor")
    with app.state.service.need_store().engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("pragma query_only = off")
        raw.execute("drop table decision_reasons")
        raw.commit()
    page = open_oversight(auditor)
    assert FAILED in read_text(part_of(page, "decisions"))
    assert "Try again" in part_of(page, "missed")
    assert FAILED not in read_text(part_of(page, "unusual"))


def test_an_answer_is_worked_out_once_for_all_who_ask() -> None:
    """While one is being worked out nobody begins it again, and nobody waits longer than stated."""
    keeper, go_on, calls = Keeper(wait_s=0.01), threading.Event(), []

    def make() -> str:
        calls.append(1)
        go_on.wait(LONG_S)
        return "answer"

    assert keeper.find({"a": make})["a"] == Kept(None, is_working=True)
    assert keeper.find({"a": make})["a"] == Kept(None, is_working=True)
    go_on.set()
    patient = Keeper(wait_s=LONG_S)
    assert patient.find({"a": make})["a"] == Kept("answer")
    assert len(calls) == 2


def test_a_kept_answer_stays_until_a_newer_one_is_there_or_fails() -> None:
    """A failure is told, and takes nothing away of what was there before."""
    keeper = Keeper(wait_s=LONG_S)

    def fail() -> str:
        raise ValueError(CANARY)

    assert keeper.find({"a": lambda: "first"})["a"].answer == "first"
    found = keeper.find({"a": fail})["a"]
    while not found.has_failed:  # an answer is kept for a moment, in proportion to what it cost
        found = keeper.find({"a": fail})["a"]
    assert (found.answer, found.is_working) == ("first", False)


CANARY = "SYN-CANARY"


def test_every_act_that_a_page_offers_has_words() -> None:
    """What people do on pages is told in words, and a command by its name."""
    acts = [
        f"{method} {path}"
        for (method, path), rule in RULES.items()
        if not path.startswith("/v1/") and not rule.public
        if (rule.looks or method == "POST") and path != "/sign-out"
    ]
    assert [one for one in acts if one not in ROUTE_WORDS] == []
    assert describe_route("caselight seal") == "called caselight seal on the command line"


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False], ids=["with-scripts", "without-scripts"])
def test_oversight_is_filtered_by_keyboard(
    open_page: Callable[..., Page], javascript: bool
) -> None:
    """A name and Enter show that person's lines; a link leads back to all of them."""
    page = open_page("/oversight", "auditor", java_script_enabled=javascript)
    page.get_by_label("Person").focus()
    page.keyboard.type("SYN auditor")
    page.keyboard.press("Enter")
    rows = page.get_by_role("region", name="Table: Lines").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("Looked for lines of this oversight")
    expect(rows.nth(2)).to_contain_text("Looked at this oversight")
    assert "SYN" not in page.url and "auditor" not in page.url
    expect(page.get_by_label("Person")).to_have_value("SYN auditor")
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_label("Person")).to_have_value("")
