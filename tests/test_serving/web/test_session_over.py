"""A page that stays open is cleared when its session is over (OWASP ASVS V8.2.3)."""

import dataclasses
import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from starlette.testclient import TestClient

from serving.identity.sessions import IDLE_SECONDS, SESSION_SECONDS, Session, Sessions
from serving.persons import Person
from serving.web.sign_in import SESSION_OVER, SignIn
from tests.test_serving.browsing import Visitors, listening

IDLE_S = 15
OVER = re.compile(f"{SESSION_OVER}$")
LEADS_AWAY = re.compile(
    rf'<noscript><meta http-equiv="refresh" content="(\d+); url={SESSION_OVER}">'
)
WITH_AND_WITHOUT = pytest.mark.parametrize(
    "javascript", [True, False], ids=["with-scripts", "without-scripts"]
)


@pytest.fixture
def short(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application whose sessions last for seconds; settings take a minute at least."""
    app = make_app()
    sessions = Sessions(secrets.token_bytes(32), idle_seconds=IDLE_S)
    (one,) = (one for one in app.user_middleware if one.cls is SignIn)
    one.kwargs["entrance"] = dataclasses.replace(one.kwargs["entrance"], sessions=sessions)  # type: ignore[type-var]
    return app


@pytest.fixture
def open_short(short: FastAPI, browser: Browser) -> Iterator[Visitors]:
    """Return a way to open its pages in a real browser."""
    with listening(short) as address:
        visitors = Visitors(browser, address)
        yield visitors
        visitors.leave()


def open_case(page: Page) -> str:
    """Open the first case of the list; return the words at its top."""
    page.get_by_role("link", name="Go to the first case that is not decided").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(re.compile("^Case "))
    return heading.inner_text()


@pytest.mark.browser
@WITH_AND_WITHOUT
def test_a_case_leaves_the_screen_when_its_session_is_over(
    open_short: Visitors, javascript: bool
) -> None:
    """Nobody touches anything: the case is gone, and going back does not bring it back."""
    page = open_short("/", java_script_enabled=javascript)
    case = open_case(page)
    page.wait_for_url(OVER, timeout=1_000 * (IDLE_S + 20))
    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()
    assert case not in page.content()
    page.go_back()
    page.wait_for_load_state()
    assert case not in page.content()


@pytest.mark.browser
def test_what_is_being_written_stays_while_another_window_is_in_use(open_short: Visitors) -> None:
    """A page of its own time is not cleared, nor its text lost, before the session is over."""
    page = open_short("/")
    open_case(page)
    text = page.get_by_role("textbox").last
    text.evaluate("field => field.value = 'SYN half written'")
    other = page.context.new_page()
    for _ in range(2):
        page.wait_for_timeout(600 * IDLE_S)
        other.goto("/help")
    assert text.input_value() == "SYN half written"
    other.close()
    page.wait_for_url(OVER, timeout=1_000 * (IDLE_S + 20))


@pytest.mark.browser
def test_signing_out_in_one_window_clears_the_others(open_short: Visitors) -> None:
    """A case that is open elsewhere in the browser is gone at once, before any time has passed."""
    page = open_short("/")
    case = open_case(page)
    other = page.context.new_page()
    other.goto("/help")
    other.get_by_role("button", name="Sign out").click()
    began_s = time.monotonic()
    page.wait_for_url(OVER)
    assert time.monotonic() - began_s < IDLE_S / 2
    assert case not in page.content()


def test_every_page_of_a_session_says_when_it_is_over(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """Pages, problems and refusals lead away after the session's idle time; answers that nobody is
    signed in for, and those for programs, do not.
    """
    client, nobody = make_client(app, role="auditor"), make_client(app, role=None)
    key = client.get("/v1/cases").json()["rows"][0]["key"]
    as_browser = {"accept": "text/html"}
    for path in ("/", f"/cases/{key}", "/oversight", "/nothing", f"/cases/{'A' * 24}"):
        answer = client.get(path, headers=as_browser)
        timing = re.fullmatch(r"session;dur=(\d+)", answer.headers["server-timing"])
        leads = LEADS_AWAY.search(answer.text)
        for told in (timing, leads):
            assert told is not None, path
            assert IDLE_SECONDS - 60 <= int(told[1]) <= IDLE_SECONDS + 1, path
    for path in (f"/v1/cases/{key}", "/static/app.css", SESSION_OVER):
        assert not LEADS_AWAY.search(client.get(path).text), path
    for path in ("/sign-in", "/accessibility", SESSION_OVER):
        answer = nobody.get(path, headers=as_browser)
        assert not LEADS_AWAY.search(answer.text), path
        assert "server-timing" not in answer.headers, path


def test_leading_away_is_no_use_of_a_session(short: FastAPI, make_client: Any) -> None:
    """Who went on in another window is told so, and nothing is lengthened by a page that left."""
    client = make_client(short)
    time.sleep(1.1)  # a use is noted once a second at most
    assert "set-cookie" in client.get("/help").headers
    time.sleep(1.1)
    answer = client.get(SESSION_OVER)
    assert "You are still signed in" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("seen_ago_s", "begun_ago_s", "left_s"),
    [
        (0, 0, IDLE_SECONDS + 1),
        (IDLE_SECONDS - 5, IDLE_SECONDS, 6),
        (0, SESSION_SECONDS - 7, 8),
        (IDLE_SECONDS + 99, IDLE_SECONDS + 99, 1),
    ],
)
def test_a_session_knows_its_end(seen_ago_s: int, begun_ago_s: int, left_s: int) -> None:
    """The earlier of the two ends counts, and a moment more: then it is refused for certain."""
    now_s = 1_800_000_000
    clock = [now_s * 1_000_000]
    sessions = Sessions(b"k" * 32, lambda: clock[0])
    session = Session("n", now_s - begun_ago_s, now_s - seen_ago_s, Person("A", "duty", "police"))
    assert sessions.find_end(session) == left_s
    left_of_day_s = SESSION_SECONDS - begun_ago_s
    assert sessions.find_last_end(session) == min(IDLE_SECONDS, left_of_day_s) + 1 >= left_s
    value = sessions.write(session)
    clock[0] += left_s * 1_000_000
    assert sessions.open(value) is None
