import io
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

pytestmark = pytest.mark.browser

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 400, "height": 800}


@pytest.fixture(scope="module")
def address(make_app: Callable[..., FastAPI]) -> Iterator[str]:
    """Return the address of a service over a store of its own, listening on a free port."""
    app = make_app()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Return a real browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Seen:
    """What a browser met while it showed pages."""

    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)


@pytest.fixture
def seen() -> Seen:
    """Return what the browser meets in this test."""
    return Seen()


@pytest.fixture
def open_page(browser: Browser, address: str, seen: Seen) -> Iterator[Callable[..., Page]]:
    """Return a way to open a page of the service as a person would."""
    contexts = []

    def open_it(path: str, **given: Any) -> Page:
        context = browser.new_context(base_url=address, **({"viewport": WIDE} | given))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: seen.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("requestfailed", lambda asked: seen.complaints.append(f"failed: {asked.url}"))
        page.on("request", lambda asked: seen.addresses.append(asked.url))
        page.goto("/sign-in")
        page.get_by_label("Your name").fill("Reviewer")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("This week's list")
        page.goto(path)
        return page

    yield open_it
    for context in contexts:
        context.close()


def open_first_case(page: Page) -> None:
    """Follow the list's first link to a case that is shown whole."""
    rows = page.get_by_role("table").get_by_role("row")
    rows.filter(has_not_text="Your own view first").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Case SYN-C")


def open_a_reason(page: Page) -> None:
    """Unfold the records of the first reason that has some."""
    reason = page.locator(".caselight-reason", has=page.locator("details")).first
    if reason.locator("details").get_attribute("open") is None:
        reason.locator("summary").click()
    link = reason.get_by_role("link").first
    target = str(link.get_attribute("href"))
    text = link.inner_text()
    link.click()

    record = page.locator(target)
    expect(record).to_be_in_viewport()
    expect(record).to_contain_text(text.split(", ")[-1], ignore_case=True)
    assert page.url.endswith(target)


@pytest.mark.parametrize("javascript", [True, False], ids=["with-scripts", "without-scripts"])
def test_a_reason_opens_its_record(
    open_page: Callable[..., Page], seen: Seen, address: str, javascript: bool
) -> None:
    """From the list to a case, from a reason to its record, and back: with and without scripts."""
    page = open_page("/", java_script_enabled=javascript)

    open_first_case(page)
    open_a_reason(page)

    back = page.locator(page.url.partition("/cases/")[2].partition("#")[2].join(["#", ""]))
    back.get_by_role("link", name="reason").first.click()
    assert "#reason-" in page.url
    expect(page.locator("#" + page.url.partition("#")[2])).to_be_in_viewport()
    page.get_by_role("link", name="This week's list").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This week's list")
    assert seen.complaints == []
    assert all(url.startswith(f"{address}/") for url in seen.addresses)


def test_every_reason_leads_to_as_many_records_as_it_says(
    open_page: Callable[..., Page],
) -> None:
    """Each reason of a case lists the records it names, and each link has its record."""
    page = open_page("/")
    open_first_case(page)

    for reason in page.locator(".caselight-reason:has(details)").all():
        stated = re.match(r"(\d+) records?", reason.locator("summary").inner_text())
        targets = [
            link.get_attribute("href") for link in reason.locator(".caselight-links a").all()
        ]
        assert stated is not None
        assert len(set(targets)) == len(targets) == int(stated[1])
        assert all(page.locator(str(target)).count() == 1 for target in targets)


def test_the_record_that_a_reason_opens_is_marked(open_page: Callable[..., Page]) -> None:
    """Of hundreds of records the one that was asked for carries a yellow frame that can be seen."""
    page = open_page("/", reduced_motion="reduce")
    open_first_case(page)
    open_a_reason(page)

    shown = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))

    yellow = (shown == (255, 221, 0)).all(axis=2)
    assert yellow.sum() > 200


@pytest.mark.parametrize(
    "path", ["/", "/cases", "/cases?flagged=yes", "/urgent", "/caseload", "/cases/none"]
)
def test_the_advisory_statement_is_on_every_page(
    open_page: Callable[..., Page], unit: Any, path: str
) -> None:
    """Each page shows what a score must not support, and that its cases are invented."""
    page = open_page(path)

    statement = unit.bundle.catalogue.wording["advisory"]
    expect(page.get_by_text(statement).last).to_be_visible()
    expect(page.get_by_text(unit.bundle.catalogue.wording["estimate"])).to_be_visible()
    expect(page.get_by_text("every case here is invented")).to_be_visible()


def test_the_advisory_statement_is_on_a_case(open_page: Callable[..., Page], unit: Any) -> None:
    """A case shows the statement before its first number."""
    page = open_page("/")
    open_first_case(page)

    text = page.locator("main").inner_text()
    statement = unit.bundle.catalogue.wording["advisory"]
    assert statement in text
    assert text.index(statement) < text.index("in 100")


@pytest.mark.parametrize(
    "path", ["/", "/cases", "/urgent", "/caseload", "case", "/cases/none", "/sign-in"]
)
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_everybody_can_use_the_pages(
    open_page: Callable[..., Page], path: str, viewport: dict[str, int]
) -> None:
    """The rules of axe find nothing to object to on any page, wide or narrow."""
    page = open_page("/" if path == "case" else path, viewport=viewport)
    if path == "case":
        open_first_case(page)

    found = Axe().run(page)

    told = [
        f"{violation['id']}: {violation['help']}: {violation['nodes'][0]['html'][:160]}"
        for violation in found.response["violations"]
    ]
    assert told == []


@pytest.mark.parametrize(
    "path", ["/", "/cases", "/urgent", "/caseload", "case", "/cases/none", "/sign-in"]
)
def test_a_narrow_screen_needs_no_scrolling_sideways(
    open_page: Callable[..., Page], path: str
) -> None:
    """At 400 pixels no page is wider than the screen."""
    page = open_page("/" if path == "case" else path, viewport=NARROW)
    if path == "case":
        open_first_case(page)

    width = page.evaluate("document.documentElement.scrollWidth")

    assert width <= NARROW["width"]


def test_the_pages_work_by_keyboard(open_page: Callable[..., Page]) -> None:
    """The first key leads past the header, and a case opens without a mouse."""
    page = open_page("/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.locator(".caselight-case").first.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("Case SYN-C")


def test_walking_all_open_cases_shows_each_once(
    open_page: Callable[..., Page], client: Any
) -> None:
    """The pages of all open cases lead from the first to the last and back."""
    page = open_page("/cases")
    shown: list[str] = []
    while True:
        shown += page.locator(".caselight-case").all_inner_texts()
        following = page.get_by_role("link", name="Next cases")
        if not following.count():
            break
        following.click()

    assert len(shown) == len(set(shown)) == client.get("/v1/list").json()["n_open"]
    expect(page.get_by_role("link", name="First cases")).to_be_visible()


def test_the_warning_about_flags_leads_to_the_cases(open_page: Callable[..., Page]) -> None:
    """The warning above the list leads to every open case that carries a flag."""
    page = open_page("/")

    page.get_by_role("link", name="look at them as well").click()

    rows = page.get_by_role("row").filter(has=page.locator("td"))
    assert rows.count() > 0
    flagged = rows.filter(has_text=re.compile(r"urgent|to review", re.I))
    assert flagged.count() == rows.count()


@pytest.mark.parametrize("javascript", [True, False], ids=["with-scripts", "without-scripts"])
def test_a_case_is_decided_two_ways_at_once(
    open_page: Callable[..., Page], seen: Seen, javascript: bool
) -> None:
    """What is missing is told with its field and loses nothing; then the decision stands."""
    page = open_page("/", java_script_enabled=javascript)
    page.get_by_role("link", name="Go to the first case that is not decided").click()
    page.get_by_label("Another agency is asked").check()
    page.get_by_label("Which agency").fill("housing")
    page.get_by_label("Safety planning with the victim").check()
    page.get_by_role("button", name="Record the decision").click()

    expect(page.get_by_text("This was not recorded")).to_be_visible()
    expect(page.get_by_role("link", name="Say who has the case from now on")).to_be_visible()
    expect(page.get_by_label("Which agency")).to_have_value("housing")
    page.get_by_label("Who has the case from now on").fill("Reviewer")
    page.get_by_label("When it is looked at again").fill("2026-12-01")
    page.get_by_label("I did not look at it").check()
    page.get_by_role("button", name="Record the decision").click()

    expect(page.get_by_role("heading", name="Recorded")).to_be_visible()
    expect(page.get_by_text("Another agency is asked: housing")).to_be_visible()
    page.get_by_role("link", name="Next case not decided").first.click()
    expect(page.get_by_text("Nobody has decided on this case yet")).to_be_visible()
    assert [one for one in seen.complaints if "422" not in one] == []
