import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.test_serving.conftest import address, browser, open_page, seen

__all__ = ["address", "browser", "open_page", "seen"]
pytestmark = pytest.mark.browser


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
