"""Every page of a sitting in every state, by the rules of axe and without scrolling sideways."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from tests.test_serving.browsing import (
    SIZES,
    Visitors,
    list_violations,
    listening,
    make_viewport,
    open_folds,
)

pytestmark = [pytest.mark.browser, pytest.mark.long]

Go = Callable[[Page], object]
MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def bare_address(make_app: Callable[..., FastAPI]) -> Iterator[str]:
    """Return the address of a service without a model."""
    with listening(make_app(bundle=None)) as found:
        yield found


def open_case(page: Page) -> None:
    """Open the list's first case that is shown whole."""
    page.goto("/")
    rows = page.get_by_role("table").get_by_role("row")
    rows.filter(has_not_text="Your own view first").get_by_role("link").first.click()


def narrow_timeline(page: Page) -> None:
    """Narrow a case's timeline to the records of one reason, and follow one of them."""
    open_case(page)
    page.locator(".caselight-reason .caselight-evidence a[href*='behind=']").first.click()
    page.locator(".caselight-reason .caselight-evidence a[href^='#']").first.click()


def send_nothing(page: Page) -> None:
    """Send a decision in which everything is missing."""
    open_case(page)
    page.get_by_label("Another agency is asked").check()
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_text("This was not recorded")).to_be_visible()


def decide(page: Page) -> None:
    """Record a decision."""
    open_case(page)
    page.get_by_label("Enforcement").check()
    page.get_by_label("Or enter a name that is not on the list").fill("SYN Owner")
    page.get_by_label("I did not use the score").check()
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_role("heading", name="Recorded")).to_be_visible()


def doubt_record(page: Page) -> None:
    """Ask for a correction, which shows the score without the record."""
    open_case(page)
    words = " ".join(page.locator(".caselight-incidents dd small").all_text_contents())
    number = next(word for word in words.split() if word.startswith("SYN-E"))
    page.get_by_text("A record is wrong").click()
    page.get_by_label("Which record").fill(number.strip(",."))
    page.get_by_label("What is wrong with it").fill("it was another person")
    page.get_by_role("button", name="Ask for a correction").click()


def find_nobody(page: Page) -> None:
    """Look for a number that no case has."""
    page.goto("/cases")
    page.get_by_label("Find a case by its number").fill("SYN-NONE")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/find")


def filter_to_nowhere(page: Page) -> None:
    """Filter the cases by an area that has none."""
    page.goto("/cases")
    page.get_by_text("Filter the cases").click()
    page.get_by_label("Area", exact=True).fill("Nowhere")
    page.get_by_role("button", name="Show cases").click()
    expect(page.get_by_text("meets the filter")).to_be_visible()


def open_path(path: str) -> Go:
    """Return a way to an address."""
    return lambda page: page.goto(path)


STATES: dict[str, tuple[str | None, Go]] = {
    "sign-in": (None, open_path("/sign-in")),
    "list": ("screener", open_path("/")),
    "list-filtered-to-nothing": ("screener", open_path("/?area=Nowhere")),
    "pack": ("screener", open_path("/pack")),
    "case": ("screener", open_case),
    "case-narrowed": ("screener", narrow_timeline),
    "case-refused": ("screener", send_nothing),
    "case-decided": ("screener", decide),
    "case-doubted": ("screener", doubt_record),
    "case-read-only": ("auditor", open_case),
    "no-such-case": ("screener", open_path("/cases/none")),
    "no-rights": ("data_scientist", open_path("/urgent")),
    "urgent": ("duty", open_path("/urgent")),
    "urgent-of-a-screener": ("screener", open_path("/urgent")),
    "caseload": ("screener", open_path("/caseload")),
    "caseload-of-nobody": ("screener", open_path("/caseload?owner=Nobody")),
    "cases": ("screener", open_path("/cases")),
    "cases-of-nowhere": ("screener", filter_to_nowhere),
    "for-me": ("screener", open_path("/for-me")),
    "found-nobody": ("screener", find_nobody),
    "sealed": ("screener", open_path("/sealed")),
    "example": (None, open_path("/example")),
}


def check_page(page: Page) -> None:
    """Fail where axe objects, or the page is wider than its screen, at any of the widths."""
    open_folds(page)
    for width in SIZES:
        page.set_viewport_size(make_viewport(width))  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert list_violations(page) == [], width
    assert len(page.content().encode()) < MOST_BYTES


@pytest.mark.parametrize("state", STATES)
def test_everybody_can_use_a_page_in_every_state(
    open_page: Callable[..., Page], state: str
) -> None:
    """Axe finds nothing to object to, folds open, and no page needs scrolling sideways."""
    role, go = STATES[state]
    page = open_page("/sign-in", role=role)
    go(page)
    check_page(page)


def test_everybody_can_use_the_pages_about_a_sealed_case(
    browser: Browser, make_app: Callable[..., FastAPI]
) -> None:
    """What waits for a second person, for a duty supervisor and for those who oversee seals."""
    people = {"duty": "local:syn duty", "health": "local:syn health"}
    named = {"duty_supervisors": (people["duty"],), "seal_confirmers": (people["health"],)}
    with listening(make_app(**named)) as address:
        visitors = Visitors(browser, address)
        visitors("/sealed", role="reviewer")
        page = visitors("/sealed")
        headers = {"origin": address}
        key = page.request.get("/v1/duty").json()["items"][0]["key"]
        asked = {
            "people": ["local:syn screener", "local:syn reviewer"],
            "why": "a colleague's case",
        }
        answer = page.request.post(f"/v1/cases/{key}/seal", data=asked, headers=headers)
        assert answer.status == 201
        for path, role, words in (
            ("/sealed-flags", "duty", "Open the case"),
            ("/seals", "auditor", "Waits for a second person"),
            ("/sealed", "screener", "Cases that name you"),
        ):
            shown = visitors(path, role=role)
            expect(shown.locator("main")).to_contain_text(words)
            check_page(shown)
        confirmer = visitors("/sign-in", role=None)
        who = {"name": "SYN health", "role": "health", "agency": "health", "areas": ""}
        confirmer.context.request.post("/sign-in", form=who, headers=headers, max_redirects=0)
        confirmer.goto("/confirmations")
        expect(confirmer.locator("main")).to_contain_text("a colleague's case")
        check_page(confirmer)
        visitors.leave()


@pytest.mark.parametrize("path", ["/", "case", "/cases", "/models"])
def test_everybody_can_use_the_pages_without_a_model(
    browser: Browser, bare_address: str, path: str
) -> None:
    """A unit whose model is off has whole pages as well."""
    visitors = Visitors(browser, bare_address)
    page = visitors("/" if path == "case" else path)
    if path == "case":
        open_case(page)
    check_page(page)
    visitors.leave()


def test_everybody_can_use_a_case_that_is_blind(
    browser: Browser, make_app: Callable[..., FastAPI]
) -> None:
    """What is asked before anything of the model is shown, and what stands there afterwards."""
    with listening(make_app(random_places=5, blind_share=0.0)) as address:
        visitors = Visitors(browser, address)
        page = visitors("/sign-in")
        headers = {"origin": address}
        page.request.post("/sittings", form={"again": "for blind rows"}, headers=headers)
        page.goto("/")
        blind = page.get_by_role("row").filter(has_text="Your own view first")
        blind.first.get_by_role("link").first.click()
        expect(page.get_by_text("A first view by one of the team")).to_be_visible()
        check_page(page)
        page.get_by_label("Look soon").check()
        page.get_by_role("button", name="Record my view").click()
        expect(page.get_by_text("What the model says is shown now")).to_be_visible()
        check_page(page)
        visitors.leave()
