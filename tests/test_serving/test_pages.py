import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.test_serving.browsing import list_violations
from tests.test_serving.conftest import address, browser, open_page, seen

__all__ = ["address", "browser", "open_page", "seen"]
pytestmark = pytest.mark.browser

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 400, "height": 800}


def open_first_case(page: Page) -> None:
    """Follow the list's first link to a case that is shown whole."""
    rows = page.get_by_role("table").get_by_role("row")
    rows.filter(has_not_text="Your own view first").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Case SYN-C")


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

    assert list_violations(page) == []


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
