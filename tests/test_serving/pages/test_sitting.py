"""A whole sitting by keyboard alone, in a real browser: from signing in to signing out."""

import io
import re
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from tests.test_serving.browsing import Visitors, listening, make_viewport

pytestmark = [pytest.mark.browser, pytest.mark.long]

N_DECIDED = 5
MOST_TABS = 400


@pytest.fixture
def visitors(browser: Browser, make_app: Callable[..., FastAPI]) -> Iterator[Visitors]:
    """Return visitors of a store that no other test has touched, so that every sitting is whole."""
    with listening(make_app()) as address:
        found = Visitors(browser, address)
        yield found
        found.leave()


def tab_to(page: Page, selector: str) -> None:
    """Press the tab key until the first thing that meets a selector, in the page's order, is
    reached; fail where no number of presses leads there.
    """
    reached = page.locator(f":is({selector}):focus")
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if reached.count():
            expect(reached).to_be_visible()
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


def follow(page: Page, selector: str) -> None:
    """Go to a link or button by keyboard and press it."""
    tab_to(page, selector)
    page.keyboard.press("Enter")


def write_in(page: Page, selector: str, words: str) -> None:
    """Go to a field by keyboard and write in it."""
    tab_to(page, selector)
    page.keyboard.type(words)


def sign_in(page: Page) -> None:
    """Sign in as a screener of the police."""
    write_in(page, "#name", "SYN Screener")
    tab_to(page, "#areas")
    page.keyboard.press("Space")
    follow(page, "main button[type=submit]")
    expect(page.get_by_role("heading", level=1)).to_have_text("This week's list")


def give_first_view(page: Page) -> None:
    """Where a case is to be looked at blind, say when it should be looked at."""
    if page.get_by_text("A first view by one of the team").count():
        tab_to(page, "#view-look_now")
        page.keyboard.press("Space")
        follow(page, "#first-view button")
        expect(page.get_by_text("Your first view is recorded")).to_be_visible()


def disagree_with_a_reason(page: Page) -> None:
    """Open the single indicators and the first one's fold, disagree, and say why."""
    follow(page, "#indicators > summary")
    follow(page, "#reason-1 summary")
    tab_to(page, "#reason-view-1")
    page.keyboard.press("d")
    write_in(page, "#reason-note-1", "counted twice")


def decide(page: Page, n: int) -> None:
    """Jump to the form and send a case two ways at once."""
    follow(page, "a[href='#panel']")
    tab_to(page, "#way-victim_safety_planning")
    page.keyboard.press("Space")
    tab_to(page, "#way-other_agency")
    page.keyboard.press("Space")
    write_in(page, "#other_agency_words", "housing")
    write_in(page, "#owner_other", f"SYN Owner {n}")
    for part, typed in (("day", "1"), ("month", "12"), ("year", "2026")):
        write_in(page, f"#review_on-{part}", typed)
    tab_to(page, "#agrees-yes, #agrees-not_seen")
    page.keyboard.press("Space")
    follow(page, "#decision button[type=submit]")
    expect(page.get_by_role("heading", name="Recorded")).to_be_in_viewport()
    expect(page.locator(".caselight-done-banner")).to_contain_text(
        f"Safety planning with the victim, Another agency is asked; with SYN Owner {n}, review "
        "1 December 2026"
    )


@pytest.mark.parametrize(
    ("width", "javascript"),
    [(1280, True), (768, True), (375, True), (768, False)],
    ids=str,
)
def test_a_sitting_is_held_by_keyboard_alone(
    visitors: Visitors, width: int, javascript: bool
) -> None:
    """Sign in, list, five cases, disagree with a reason, decide two ways at once, print, sign out:
    with no mouse, nothing said on the console, and no request to another machine.
    """
    page = visitors(
        "/sign-in", role=None, viewport=make_viewport(width), java_script_enabled=javascript
    )
    sign_in(page)
    follow(page, "main a[accesskey=n]")
    for n in range(1, N_DECIDED + 1):
        expect(page.get_by_role("heading", level=1)).to_contain_text("Case SYN-C")
        give_first_view(page)
        if n == 1:
            disagree_with_a_reason(page)
        decide(page, n)
        if n == 1:
            expect(page.get_by_text("Disagreed on").first).to_contain_text(": counted twice")
        follow(page, ".caselight-done-banner a")
    follow(page, "header a[href='/']")
    expect(page.get_by_text(re.compile(f"{N_DECIDED} of \\d+ decided"))).to_be_visible()
    follow(page, "a[href='/pack']")
    marked = page.locator("main").inner_text()
    sheets = [one.extract_text() for one in PdfReader(io.BytesIO(page.pdf())).pages]
    assert "SYN-C" in marked and all("OFFICIAL-SENSITIVE" in sheet for sheet in sheets)
    follow(page, "header button[type=submit]")
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("list")
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
