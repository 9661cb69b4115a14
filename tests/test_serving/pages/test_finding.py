"""Finding cases in a real browser, by keyboard and without scripts; what the pages hold."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from tests.test_serving.browsing import Visitors, listening, make_viewport
from tests.test_serving.pages.test_page_states import check_page
from tests.test_serving.pages.test_sitting import follow, tab_to, write_in

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture(scope="module")
def address(make_app: Callable[..., FastAPI]) -> Iterator[str]:
    """Return the address of a service over a store of its own: searches and notes are added."""
    with listening(make_app()) as found:
        yield found


@pytest.fixture
def visitors(browser: Browser, address: str) -> Iterator[Visitors]:
    """Return visitors of that service."""
    found = Visitors(browser, address)
    yield found
    found.leave()


def add_order(visitors: Visitors, address: str, days: int) -> str:
    """Store a case with a protection order that runs out in some days; return its number."""
    page = visitors("/help", role="administrator")
    now = page.request.get("/v1/list").json()["as_of"][:10]
    year, month, _ = now.split("-")
    number = f"SYN-ORDER-{days}"
    event = {"case_id": number, "kind": "order_started", "detail": "spo", "source": "police"}
    rows = {
        "cases": [{"case_id": number, "recorded_at": f"{year}-{month}-01", "area": "Halton"}],
        "events": [
            event
            | {"event_id": f"{number}-1", "occurred_at": "2018-01-01", "recorded_at": "2018-01-02"},
            event
            | {
                "event_id": f"{number}-2",
                "kind": "order_ended",
                "occurred_at": f"{int(year) + 1}-03-{days:02}",
                "recorded_at": "2018-01-02",
            },
        ],
    }
    answer = page.request.post("/v1/records", data=rows, headers={"origin": address})
    assert answer.ok, answer.text()
    return number


def check_with_scripts(visitors: Visitors, page: Page) -> None:
    """Check a page in a browser of the same session with scripts, which the rules of axe need."""
    state = page.context.storage_state()
    check_page(visitors(page.url, role=None, storage_state=state))


def choose(page: Page, selector: str, word: str) -> None:
    """Go to a list by keyboard and type until its choice shows."""
    tab_to(page, selector)
    page.keyboard.type(word)


def write_date(page: Page, field: str, day: int, month: int, year: int) -> None:
    """Fill in the three fields of a date by keyboard."""
    for part, typed in (("day", day), ("month", month), ("year", year)):
        write_in(page, f"#{field}-{part}", str(typed))


@pytest.mark.parametrize("width", [1280, 768, 375])
def test_a_case_is_found_by_its_orders_expiry(visitors: Visitors, address: str, width: int) -> None:
    """By keyboard alone and without scripts: open the filter, say what ends and when, open the case
    and read until when the order holds. The address holds nothing of it.
    """
    number = add_order(visitors, address, 9 + width % 7)
    other = add_order(visitors, address, 20 + width % 7)
    page = visitors("/cases", viewport=make_viewport(width), java_script_enabled=False)
    day = int(number.rpartition("-")[2])
    follow(page, "main summary")
    choose(page, "#filter-ends", "Order")
    year = int(page.request.get("/v1/list").json()["as_of"][:4]) + 1
    write_date(page, "ends_from", day, 3, year)
    write_date(page, "ends_until", day, 3, year)
    follow(page, "form[action='/cases/search'] button")
    expect(page.locator("main [role=status]")).to_contain_text("what ends: Order")
    expect(page.locator(".caselight-case")).to_have_text([number])
    assert other not in page.locator("main").inner_text()
    assert set(page.url.partition("?")[2].partition("=")[::2]) >= {"search"}
    assert "order" not in page.url.lower() and str(year) not in page.url
    check_with_scripts(visitors, page)
    follow(page, ".caselight-case")
    expect(page.get_by_role("heading", level=1)).to_contain_text(number)
    expect(page.locator(".caselight-summary")).to_contain_text(f"until {day} March {year}")


def test_dates_that_are_wrong_are_said_at_their_field(visitors: Visitors) -> None:
    """What was typed stays, each date says what is wrong with it, and the summary leads there."""
    page = visitors("/cases")
    page.locator("main summary").first.click()
    page.locator("#ends_from-day").fill("31")
    page.locator("#ends_from-month").fill("2")
    page.get_by_role("button", name="Show cases").click()
    expect(page.locator("#ends_from-day")).to_have_value("31")
    expect(page.locator("#ends_from-error")).to_contain_text("First day must be a real date")
    page.get_by_role("link", name="First day must be a real date").click()
    expect(page.locator("#ends_from-day")).to_be_focused()
    check_page(page)


def test_columns_are_sorted_by_keyboard(visitors: Visitors) -> None:
    """The head of a column sorts by it, says so, and sorts the other way when chosen again."""
    page = visitors("/cases", viewport=make_viewport(1280), java_script_enabled=False)
    follow(page, "th a[href*='order=case']")
    head = page.get_by_role("columnheader", name="Case")
    expect(head).to_have_attribute("aria-sort", "ascending")
    numbers = page.locator("main tbody .caselight-case").all_inner_texts()
    assert numbers == sorted(numbers) and len(numbers) > 2
    follow(page, "th a[href*='order=case']")
    expect(head).to_have_attribute("aria-sort", "descending")
    turned = page.locator("main tbody .caselight-case").all_inner_texts()
    assert turned == sorted(turned, reverse=True) and turned[0] > numbers[0]
    check_with_scripts(visitors, page)


def test_a_note_a_contact_and_a_wish_are_written_without_scripts(visitors: Visitors) -> None:
    """Each is shown with who wrote it, and the wish stands first; a form that lacks something keeps
    what was written and says what is missing.
    """
    page = visitors("/cases", java_script_enabled=False)
    page.locator("main tbody .caselight-case").first.click()
    page.get_by_text("Record how the victim wishes to be contacted").click()
    form = page.locator("form[action$='/notes']").filter(has=page.locator("[value=wish]"))
    form.get_by_label("In the victim").fill("only after six")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Select what the victim wishes")).to_be_visible()
    form = page.locator("form[action$='/notes']").filter(has=page.locator("[value=wish]"))
    expect(form.get_by_label("In the victim")).to_have_value("only after six")
    form.get_by_label("Through her or his advocate only").check()
    form.get_by_role("button", name="Save").click()
    section = page.locator("section[aria-labelledby=notes]")
    expect(section.locator("ul").first).to_contain_text("only after six")
    page.get_by_text("Record a contact").click()
    form = page.locator("form[action$='/notes']").filter(has=page.locator("[value=contact]"))
    form.get_by_label("With whom").select_option("advocate")
    form.get_by_label("How").select_option("phone")
    for part, typed in (("Day", "1"), ("Month", "1"), ("Year", "2018")):
        form.get_by_label(part, exact=True).fill(typed)
    form.get_by_label("Yes").check()
    form.get_by_label("What was said").fill("she is safe")
    form.get_by_role("button", name="Save").click()
    expect(section).to_contain_text("Advocate of the victim, by phone")
    check_with_scripts(visitors, page)


def test_what_waits_for_somebody_is_one_page(visitors: Visitors) -> None:
    """The menu leads to it, and it says of each part how much there is."""
    page = visitors("/")
    page.get_by_role("link", name="For me").click()
    for words in ("Reviews due", "My cases with news", "Corrections asked", "Views wanted"):
        expect(page.get_by_role("heading", name=words)).to_be_visible()
    check_page(page)


def test_a_timeline_is_narrowed_by_theme_voice_and_gravity(visitors: Visitors) -> None:
    """Each narrows it alone and with the others, and one link shows every record again."""
    page = visitors("/", java_script_enabled=False)
    rows = page.get_by_role("table").get_by_role("row")
    rows.filter(has_not_text="Your own view first").get_by_role("link").first.click()
    records = page.locator(".caselight-incidents dd")
    n_all = records.count()
    page.locator("#timeline-gravity").select_option("serious")
    page.get_by_role("button", name="Show these records").click()
    n_serious = records.count()
    assert n_serious < n_all
    page.locator("#timeline-voice").select_option("account")
    page.get_by_role("button", name="Show these records").click()
    assert records.count() <= n_serious
    expect(page.locator("#timeline-gravity")).to_have_value("serious")
    speakers = page.locator(".caselight-incidents dt").all_inner_texts()
    assert set(speakers) <= {"The victim says"}
    check_with_scripts(visitors, page)
    page.get_by_role("link", name="Show every record").click()
    assert records.count() == n_all
    page.locator("#timeline-theme").select_option(index=1)
    page.get_by_role("button", name="Show these records").click()
    assert 0 < records.count() <= n_all
    check_with_scripts(visitors, page)
