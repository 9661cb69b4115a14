"""A sitting with two agencies and one dissent in a real browser: by keyboard, without scripts."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from tests.test_serving.browsing import (
    SIZES,
    Visitors,
    list_violations,
    listening,
    make_viewport,
    open_folds,
)
from tests.test_serving.pages.test_sitting import follow, tab_to, write_in

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture
def visitors(browser: Browser, make_app: Callable[..., FastAPI]) -> Iterator[Visitors]:
    """Return visitors of a store that no other test has touched."""
    with listening(make_app(least_reading_seconds=0)) as address:
        found = Visitors(browser, address)
        yield found
        found.leave()


def enter(visitors: Visitors, agency: str, role: str = "reviewer", **given: object) -> Page:
    """Return a page of somebody of an agency who is signed in."""
    page = visitors("/sign-in", role=None, **given)
    who = {"name": f"SYN {agency}", "role": role, "agency": agency, "areas": ""}
    headers = {"origin": visitors.address}
    page.context.request.post("/sign-in", form=who, headers=headers, max_redirects=0)
    page.goto("/")
    return page


def choose(page: Page, selector: str, words: str) -> None:
    """Go to a list of choices by keyboard and type the beginning of one."""
    tab_to(page, selector)
    page.keyboard.type(words)


def record_table(page: Page) -> None:
    """Record the views of the police and of the advocates in one form; these dissent."""
    follow(page, "a[href='#views']")
    if page.evaluate("document.querySelector('#round-table').closest('details').open") is False:
        follow(page, "details:has(#round-table) > summary")
    write_in(page, "#who-police", "SYN Anne")
    choose(page, "#table-police", "Agr")
    write_in(page, "#who-advocacy", "SYN Cleo")
    choose(page, "#table-advocacy", "Dis")
    choose(page, "#direction-advocacy", "would do m")
    write_in(page, "#words-advocacy", "she is not safe at work")
    follow(page, "#round-table button[type=submit]")
    expect(page.locator(".caselight-done-banner")).to_contain_text("views round the table")


def decide(page: Page) -> None:
    """Decide on a case by keyboard."""
    follow(page, "a[href='#panel']")
    tab_to(page, "#way-victim_safety_planning")
    page.keyboard.press("Space")
    write_in(page, "#owner_other", "SYN Owner")
    tab_to(page, "#agrees-yes, #agrees-not_seen")
    page.keyboard.press("Space")
    follow(page, "#decision button[type=submit]")
    expect(page.locator(".caselight-done-banner")).to_contain_text("1 agency dissents")


@pytest.mark.parametrize(
    ("width", "javascript"), [(1280, True), (375, True), (1280, False)], ids=str
)
def test_a_sitting_with_two_agencies_and_one_dissent(
    visitors: Visitors, width: int, javascript: bool
) -> None:
    """One records both views and decides; the other agency confirms; list, pack, minutes and CSV
    have the dissent, and who recorded it until then.
    """
    usual = {"viewport": make_viewport(width), "java_script_enabled": javascript}
    page = enter(visitors, "police", "screener", **usual)
    follow(page, "main a[accesskey=n]")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Case SYN-C")
    case_path = re.sub(r"^https?://[^/]+|\?.*|#.*", "", page.url)
    record_table(page)
    told = "recorded by SYN police for advocacy, not confirmed"
    expect(page.locator("section[aria-labelledby=dissent]")).to_contain_text(told)
    decide(page)
    page.goto("/")
    said = "Advocacy dissents (recorded by SYN police for advocacy)"
    expect(page.locator(".caselight-week")).to_contain_text(said)
    follow(page, "a[href='/pack']")
    expect(page.locator(".caselight-sheet").first).to_contain_text(said)

    other = enter(visitors, "advocacy", **usual)
    follow(other, "a[href='/views']")
    follow(other, ".caselight-table a")
    expect(other.get_by_role("heading", level=1)).to_contain_text("Case SYN-C")
    assert case_path in other.url
    follow(other, "#confirm-view form button")
    expect(other.locator(".caselight-done-banner")).to_contain_text("view is confirmed")
    expect(other.locator("section[aria-labelledby=dissent]")).to_contain_text("confirmed by")
    other.goto("/")
    follow(other, "a[href^='/minutes/']")
    expect(other.locator("main")).to_contain_text("Dissent: Advocacy")
    expect(other.locator("main")).to_contain_text("not given blind")
    expect(other.locator("main")).to_contain_text("SYN Anne (police), SYN Cleo (advocacy)")
    sheets = [one.extract_text() for one in PdfReader(io.BytesIO(other.pdf())).pages]
    assert all("OFFICIAL-SENSITIVE" in sheet for sheet in sheets)
    address = other.locator("a[href$='/decisions.csv']").get_attribute("href")
    answer = other.context.request.get(str(address))
    rows = list(csv.DictReader(io.StringIO(answer.text())))
    assert [row["dissents"] for row in rows] == ["advocacy"]
    assert rows[0]["ways"] == "victim_safety_planning" and rows[0]["agency"] == "police"


def test_a_usual_decision_takes_five_clicks(visitors: Visitors) -> None:
    """On a case's page a way, the owner, agreement and the button are five clicks at most."""
    page = enter(visitors, "police", "screener")
    page.locator("main a[accesskey=n]").click()
    page.evaluate("window.clicks = 0; addEventListener('mousedown', () => window.clicks++, true)")
    page.locator("#way-victim_safety_planning").click()
    page.locator("#owner").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator("#agrees-yes, #agrees-not_seen").first.click()
    n_clicks = page.evaluate("window.clicks") + 1
    page.get_by_role("button", name="Record the decision").click()
    expect(page.locator(".caselight-done-banner")).to_contain_text("Decision recorded")
    assert n_clicks <= 5


def test_records_that_were_opened_go_with_the_decision(visitors: Visitors) -> None:
    """A record that was followed is counted; who closes a case without one is asked why."""
    page = enter(visitors, "police", "screener")
    page.locator("main a[accesskey=n]").click()
    page.get_by_label("No further action: this closes the case").check()
    page.locator("#no_further_action_words").fill("moved abroad")
    page.get_by_label("I did not use the score").check()
    page.get_by_role("button", name="Record the decision").click()
    expect(page.locator("main")).to_contain_text("Open a record, or enter why you opened none")
    page.locator(".caselight-evidence a[href^='#record-']").first.click()
    assert page.locator("#decision input[name=opened]").count() == 1
    page.get_by_label("No further action: this closes the case").uncheck()
    page.get_by_label("Safety planning with the victim").check()
    page.locator("#owner_other").fill("SYN Owner")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.locator(".caselight-done-banner")).to_contain_text("Decision recorded")
    expect(page.locator("section[aria-labelledby=decisions]")).to_contain_text("1 record opened")


def test_a_half_filled_form_is_not_left_unasked(visitors: Visitors) -> None:
    """Who has begun the form of the table is asked before the page goes, and stays if they will."""
    page = enter(visitors, "police", "screener")
    page.locator("main a[accesskey=n]").click()
    page.locator("details:has(#round-table) > summary").click()
    page.locator("#who-police").fill("SYN Anne")
    asked: list[str] = []

    def stay(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", stay)
    page.locator("header a[href='/caseload']").click()
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    expect(page.locator("#who-police")).to_have_value("SYN Anne")


@pytest.mark.parametrize("width", SIZES)
def test_everybody_can_use_the_pages_of_a_sitting(
    visitors: Visitors, width: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Axe objects to nothing on the case, the views, the minutes and two cases, at any width."""
    page = enter(visitors, "police", "screener", viewport=make_viewport(width))
    page.locator("main a[accesskey=n]").click()
    record_table(page)
    decide(page)
    case_path = re.sub(r"^https?://[^/]+|\?.*|#.*", "", page.url)
    other = enter(visitors, "advocacy", viewport=make_viewport(width))
    minutes = other.locator("a[href^='/minutes/']").get_attribute("href")
    other.goto(f"{case_path}/beside")
    beside = other.locator("main ul a").first.get_attribute("href")
    for path in ("/views", str(minutes), f"{case_path}/beside", str(beside), case_path):
        other.goto(path)
        open_folds(other)
        assert list_violations(other) == [], path
        assert other.evaluate("document.documentElement.scrollWidth") <= width, path
