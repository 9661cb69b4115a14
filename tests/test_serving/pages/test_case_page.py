"""The page of one case in a real browser: reasons and their records, the decision, the timeline."""

import io
import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.long]

TWO_LINES_PX = 50
"""What stands above the place may grow or shrink by a line when a decision is recorded."""
WITH_AND_WITHOUT = pytest.mark.parametrize(
    "javascript", [True, False], ids=["with-scripts", "without-scripts"]
)


def open_first_case(page: Page) -> None:
    """Follow the list's first link to a case that is shown whole."""
    rows = page.get_by_role("table").get_by_role("row")
    rows.filter(has_not_text="Your own view first").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Case SYN-C")


def follow_a_reason(page: Page) -> Locator:
    """Follow the first record of the first reason that has some; return where it leads."""
    link = page.locator(".caselight-reason .caselight-evidence a").first
    target, text = str(link.get_attribute("href")), link.inner_text()
    link.click()
    record = page.locator(target[target.index("#") :])
    expect(record).to_be_in_viewport()
    expect(record).to_contain_text(text.split(", ")[1].split(" (")[0], ignore_case=True)
    return record


@WITH_AND_WITHOUT
def test_a_reason_opens_its_record_at_one_click(
    open_page: Callable[..., Page], javascript: bool
) -> None:
    """From the list to a case, from a reason to its record, and back: with and without scripts."""
    page = open_page("/", java_script_enabled=javascript)
    open_first_case(page)
    record = follow_a_reason(page)
    record.locator("a[href^='#theme-']").first.click()
    assert "#theme-" in page.url
    expect(page.locator("#" + page.url.partition("#")[2])).to_be_in_viewport()
    page.get_by_role("link", name="This week's list").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This week's list")


def test_the_record_that_a_reason_opens_lights_up(open_page: Callable[..., Page]) -> None:
    """Of hundreds of records the one that was asked for carries a yellow frame that can be seen."""
    page = open_page("/", reduced_motion="reduce")
    open_first_case(page)
    follow_a_reason(page)
    shown = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    yellow = (shown == (255, 221, 0)).all(axis=2)
    assert yellow.sum() > 200


def test_every_reason_leads_to_as_many_records_as_it_says(open_page: Callable[..., Page]) -> None:
    """The timeline narrowed to a reason shows the records that the reason counts, and no others."""
    page = open_page("/")
    open_first_case(page)
    narrowing = page.locator(".caselight-reason .caselight-evidence a[href*='behind=']")
    said = narrowing.locator("xpath=..").all_text_contents()
    stated = {
        str(link.get_attribute("href")): int(str(re.search(r"(\d+) record", text)[1]))  # type: ignore[index]
        for link, text in zip(narrowing.all(), said, strict=True)
    }
    assert stated
    for address, n_records in stated.items():
        page.goto(address)
        behind = "dd" if "theme:" in address else "dd.caselight-behind"
        n_events = page.locator(f".caselight-incidents {behind}[id^='record-']").count()
        if n_events == 0:
            expect(page.get_by_text("what it rests on is among the answers")).to_be_visible()
            continue
        assert n_events == page.locator(".caselight-incidents dd").count() == n_records
        page.get_by_role("link", name="Show every record").click()
        expect(page.get_by_role("link", name="Show every record")).to_have_count(0)
        assert page.locator(".caselight-incidents dd").count() > n_records


def test_the_chart_of_a_case_is_told_in_words_and_figures(open_page: Callable[..., Page]) -> None:
    """It has a title and a description, and its table has the same acts in the same months."""
    page = open_page("/")
    open_first_case(page)
    chart = page.locator("svg.caselight-case-chart")
    expect(chart).to_have_accessible_name(re.compile("Acts over time"))
    said = str(chart.locator("desc").text_content())
    drawn = [str(one.text_content()) for one in chart.locator("rect.chart-bar title").all()]
    page.get_by_text("The chart in words and figures").click()
    table = page.get_by_role("table", name="Incidents and other events over time")
    rows = [one.all_inner_texts() for one in map(read_cells, table.get_by_role("row").all()[1:])]
    assert sorted(f"{when}: {acts}" for when, acts, _ in rows if acts != "0") == sorted(drawn)
    n_acts = sum(int(acts) for _, acts, _ in rows)
    assert said.startswith(f"{n_acts} acts by the subject or somebody for them since")


def read_cells(row: Locator) -> Locator:
    """Return the cells of a row of a table."""
    return row.locator("th, td")


def test_the_statement_stands_before_the_first_number(
    open_page: Callable[..., Page], unit: object
) -> None:
    """A case says what a score must not support before it says anything of the score."""
    page = open_page("/")
    open_first_case(page)
    text = page.locator("main").inner_text()
    statement = unit.bundle.catalogue.wording["advisory"]  # type: ignore[attr-defined]
    assert text.index(statement) < text.index("in 100")


@WITH_AND_WITHOUT
def test_a_case_is_decided_two_ways_at_once(
    open_page: Callable[..., Page], javascript: bool
) -> None:
    """What is missing is told at its field and loses nothing; then the decision stands."""
    page = open_page("/", java_script_enabled=javascript)
    page.get_by_role("link", name="Go to the first case that is not decided").click()
    page.get_by_label("Another agency is asked").check()
    page.get_by_label("Which agency").fill("housing")
    page.get_by_label("Safety planning with the victim").check()
    page.get_by_role("button", name="Record the decision").click()

    expect(page.get_by_text("This was not recorded")).to_be_visible()
    expect(page.get_by_role("link", name="Select the owner")).to_be_visible()
    expect(page.get_by_label("Owner", exact=True)).to_have_accessible_description(
        "Error: Select the owner"
    )
    expect(page.get_by_label("Which agency")).to_have_value("housing")
    page.get_by_label("Or enter a name that is not on the list").fill("Reviewer")
    page.get_by_label("I did not use the score").check()
    page.get_by_role("button", name="Record the decision").click()

    expect(page.get_by_role("heading", name="Recorded")).to_be_visible()
    expect(page.get_by_text("Another agency is asked: housing")).to_be_visible()
    page.get_by_role("link", name="Go to the next case").click()
    expect(page.get_by_text("Nobody has decided on this case yet")).to_be_visible()


def test_deciding_does_not_lose_the_place(open_page: Callable[..., Page]) -> None:
    """Whoever decides while reading far down a narrowed timeline goes on reading there."""
    page = open_page("/", reduced_motion="reduce")
    open_first_case(page)
    page.locator(".caselight-reason .caselight-evidence a[href*='behind=']").first.click()
    page.get_by_label("Further enquiry").check()
    page.get_by_label("What is to be found out").fill("who owns the car")
    page.get_by_label("Or enter a name that is not on the list").fill("Reviewer")
    page.get_by_label("I did not use the score").check()
    page.evaluate("document.getElementById('answers').scrollIntoView()")
    button = page.get_by_role("button", name="Record the decision")
    button.scroll_into_view_if_needed()  # as a person would, to press it
    before = page.evaluate("window.scrollY")
    button.click()

    expect(page.get_by_role("heading", name="Recorded")).to_be_in_viewport()
    assert "behind=" in page.url
    assert abs(page.evaluate("window.scrollY") - before) < TWO_LINES_PX
    assert before > 500


@WITH_AND_WITHOUT
def test_a_doubted_record_is_named_by_its_number(
    open_page: Callable[..., Page], javascript: bool
) -> None:
    """A number that the case does not show is refused and kept in the field; one that it shows is
    asked about, and the score is shown without it.
    """
    page = open_page("/", java_script_enabled=javascript)
    open_first_case(page)
    shown = " ".join(page.locator(".caselight-incidents dd small").all_text_contents())
    number = re.findall(r"SYN-E[\d-]+", shown)[0]
    for name, said in (("SYN-NONE", "This was not recorded"), (number, "without this record")):
        page.get_by_text("A record is wrong").click()
        page.get_by_label("Which record").fill(name)
        page.get_by_label("What is wrong with it").fill("it was another person")
        page.get_by_role("button", name="Ask for a correction").click()
        expect(page.get_by_text(said).first).to_be_visible()
    expect(page.get_by_text("it was another person").first).to_be_attached()
