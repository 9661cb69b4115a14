"""The list as a sitting uses it, and the clinic pack on paper."""

import datetime as dt
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect
from pypdf import PdfReader
from starlette.testclient import TestClient

from serving.pages.print_marks import MARKING, quote, write_marks
from serving.pages.state_words import NOTHING, ORDERS
from tests.test_serving.browsing import list_violations, make_viewport
from tests.test_serving.reading_pages import read_text

MOST_BYTES = 200_000
SMALL = 375


@pytest.fixture(scope="module")
def app(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application over a copy of the store, for the tests of this file alone."""
    return make_app()


def read_rows(page: str) -> list[str]:
    """Return the rows of the list, as words."""
    table = re.search(r"<tbody.*?</tbody>", page, flags=re.S)
    return [] if table is None else [read_text(row) for row in table[0].split("<tr")[1:]]


def decide(client: TestClient, row: dict[str, Any], sitting_key: str) -> None:
    """Decide on a row of the list in two ways."""
    case = client.get(f"/v1/cases/{row['key']}")
    today = dt.date.fromisoformat(client.get("/v1/list").json()["as_of"][:10])
    draft = {
        "ways": {"enforcement": {}, "other_agency": {"which": "housing"}},
        "owner": "SYN Officer",
        "review_on": str(today + dt.timedelta(days=30)),
        "agrees_with_score": "not_seen",
        "seen_seq": case.json()["seen_seq"],
        "sitting_key": sitting_key,
    }
    path = f"/v1/cases/{row['key']}/decisions"
    answer = client.post(path, json=draft, headers={"if-match": case.headers["etag"]})
    assert answer.status_code == 201, answer.text


def test_the_list_says_how_far_the_sitting_is_and_who_decided(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Progress, the next case, and on a decided row its ways and by whom; filters keep to them."""
    client = make_client(make_app(blind_share=0.0))
    client.post("/sittings", data={"again": "for rows that are shown"})
    told = client.get("/v1/list").json()
    row = next(one for one in told["rows"] if not one["withheld"])
    decide(client, row, told["sitting_key"])
    page = client.get("/").text
    n_rows = len(told["rows"])
    assert f"1 of {n_rows} decided in this sitting" in read_text(page)
    assert f'<progress class="caselight-progress" max="{n_rows}" value="1"' in page
    following = next(one for one in told["rows"] if one["key"] != row["key"])
    assert f'<a class="govuk-link" href="/cases/{following["key"]}" accesskey="n">' in page
    decided = read_rows(client.get("/?decision=yes").text)
    assert len(decided) == 1
    assert "Enforcement; Another agency is asked by Reviewer" in decided[0]
    assert len(read_rows(client.get("/?decision=no").text)) == n_rows - 1
    newly = [one for one in told["rows"] if one["newly_referred"]]
    assert len(read_rows(client.get("/?referred=newly").text)) == len(newly)


def test_a_row_says_whether_duty_has_seen_its_urgent_flag(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Until somebody on duty has, the row says that nobody did; the flag goes on standing."""
    app = make_app()
    client, duty = make_client(app), make_client(app, role="duty")
    told = client.get("/v1/list").json()["rows"]
    urgent = {row["key"] for row in told if any(flag["urgent"] for flag in row["flags"])}
    assert urgent
    before = read_rows(client.get("/").text)
    assert sum("not yet seen by duty" in row for row in before) == len(urgent)
    for item in duty.get("/v1/duty?limit=200").json()["items"]:
        if item["key"] in urgent:
            path = f"/v1/duty/{item['raising_key']}/acknowledge"
            assert duty.post(path, json={}).status_code in (200, 201)
    after = read_rows(client.get("/").text)
    assert not any("not yet seen by duty" in row for row in after)
    assert sum("Urgent: " in row for row in after) == len(urgent)


def test_a_row_tells_its_estimate_in_short(client: TestClient) -> None:
    """Each shown row has the short form, and what its numbers are stands once beside the rows."""
    page = client.get("/").text
    told = client.get("/v1/list").json()["rows"]
    for row, words in zip(told, read_rows(page), strict=True):
        shown = re.search(r"within 90 days: (?:about|fewer|more).*? in 100", words)
        assert (shown is None) == row["withheld"]
    assert read_text(page).count("An estimate tells of cases given a score like this") == 1
    assert len(page.encode()) < MOST_BYTES


def test_the_pack_shows_of_a_blind_case_only_what_may_be_shown(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """A withheld case has its sheet with flags and room for notes, and nothing of model or draw."""
    client = make_client(make_app(random_places=5, blind_share=0.0))  # one of six, and its match
    client.post("/sittings", data={"again": "for blind rows"})
    page = client.get("/pack").text
    told = client.get("/v1/list").json()["rows"]
    found = re.findall(r'<section class="caselight-sheet".*?</section>', page, flags=re.S)
    sheets = [read_text(one) for one in found]
    assert len(page.encode()) < MOST_BYTES
    assert len(sheets) == len(told)
    assert "Not a SAM, SRP or SASH assessment." in page
    assert {row["withheld"] for row in told} == {True, False}
    for row, sheet in zip(told, sheets, strict=True):
        assert f"{row['position']} of {len(told)}: case {row['case_id']}" in sheet
        assert all(flag["wording"] in sheet for flag in row["flags"])
        assert ("Look soon" in sheet) == row["withheld"]
        assert ("in 100" in sheet) != row["withheld"]
        assert ("Agree with the score?" in sheet) != row["withheld"]
        assert "What happened lately" in sheet
        assert "Latest decision:" in sheet
        for word in ("moved the score", "drawn at random", "its priority", "What is estimated"):
            assert not (row["withheld"] and word in sheet)
        if not row["withheld"]:
            assert row["themes"]
            for theme in row["themes"][:2]:
                assert f"{theme['label']}. {theme['brief'][:80]}" in sheet
            assert all(one[1:] in sheet for one in row["unknowns"])


def test_a_sheet_tells_the_states_that_have_no_end_on_record(client: TestClient) -> None:
    """Custody, bail and orders that last stand on the sheet as on the case's page; no work does."""
    page = client.get("/pack").text
    found = re.findall(r'<section class="caselight-sheet".*?</section>', page, flags=re.S)
    told = client.get("/v1/list").json()["rows"]
    n_lasting = 0
    for row, sheet in zip(told, map(read_text, found), strict=True):
        spans = client.get(f"/v1/cases/{row['key']}").json()["spans"]
        lasting = {one["state"] for one in spans if one["ended_at"] is None} - {"managed"}
        said = re.search(r"Current position: (.*?)\. Latest decision", sheet)
        assert said is not None
        states = [] if said[1] == NOTHING else said[1].split("; ")
        kinds = {re.split(r": | from", one)[0] for one in states}
        assert {"order" if one in ORDERS.values() else one.lower() for one in kinds} == lasting
        n_lasting += len(lasting)
    assert n_lasting > 0


def test_no_name_can_leave_its_string_in_the_style_of_print() -> None:
    """A quote, a backslash, a line or a bracket in a name is a letter of the string, no more."""
    for name in ('a"; } body { display: none', "a\\", "a\nb", "</style>", "é x"):
        text = quote(name)
        assert re.fullmatch(r'"(?:[^"\\\n]|\\[0-9a-f]+ )*"', text)
        decoded = re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), text[1:-1])
        assert decoded == name
    assert MARKING in write_marks("SYN line", "SYN who").replace("\\2d ", "-")


def test_the_marks_of_print_are_for_who_looks(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """The stylesheet names the person who is signed in, nobody else, and is kept by no browser."""
    mine = make_client(app).get("/print.css")
    nobody = make_client(app, role=None).get("/print.css")
    assert mine.headers["content-type"].startswith("text/css")
    assert mine.headers["cache-control"] == "no-store"
    assert "shown to Reviewer, screener" in mine.text
    assert "shown to" not in nobody.text


def read_paper(page: Page) -> list[str]:
    """Return the text of each page that a browser would print."""
    paper = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    return [" ".join(one.extract_text().split()) for one in paper.pages]


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/pack", "/", "/urgent", "/help"])
def test_every_printed_page_has_its_mark_and_the_advisory_line(
    open_page: Callable[..., Page], unit: Any, path: str
) -> None:
    """Each page of paper says twice how it is handled and what it must not support, and its number.

    A clinic pack has one page for every case, after those of the list.
    """
    page = open_page(path)
    printed = read_paper(page)
    advisory = unit.bundle.catalogue.wording["advisory"]
    for number, text in enumerate(printed, 1):
        assert text.count(MARKING) >= 2
        assert text.count(advisory) >= 2
        assert f"Page {number} of {len(printed)}" in text
        assert "shown to SYN screener, screener" in text
    if path == "/pack":
        n_rows = page.locator(".caselight-sheet").count()
        begun = [text for text in printed if re.search(rf"\d+ of {n_rows}: case SYN-", text)]
        assert len(begun) == n_rows
        assert printed[-n_rows:] == begun


@pytest.mark.browser
def test_one_key_leads_to_the_next_case_and_can_be_turned_off(
    open_page: Callable[..., Page],
) -> None:
    """The plain key follows the link, never while somebody types, and not once it is turned off."""
    page = open_page("/")
    page.get_by_text("Find a case", exact=True).click()
    page.get_by_label("Find a case by its number").fill("")
    page.keyboard.press("n")
    expect(page.get_by_label("Find a case by its number")).to_have_value("n")
    page.get_by_role("button", name="turn off single keys").click()
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_have_text("This week's list")
    page.get_by_role("button", name="turn on single keys").click()
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Case SYN-C")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, SMALL])
def test_the_first_cases_are_on_the_first_screen(
    open_page: Callable[..., Page], width: int
) -> None:
    """Heading, facts, progress and the warning leave room for the list, on a small screen too."""
    page = open_page("/", viewport=make_viewport(width))
    cases = page.locator(".caselight-case")
    expect(cases.first).to_be_in_viewport()
    if width != SMALL:
        expect(cases.nth(1)).to_be_in_viewport()


@pytest.mark.browser
def test_everybody_can_use_the_pack_and_the_search(open_page: Callable[..., Page]) -> None:
    """The rules of axe object to nothing and a small screen is wide enough; the address is mute."""
    page = open_page("/pack", viewport=make_viewport(SMALL))
    expect(page.get_by_role("button", name="Print or save as PDF")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= SMALL
    assert list_violations(page) == []
    page.goto("/cases")
    page.get_by_label("Find a case by its number").fill("syn-c")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Find a case")
    assert page.url.endswith("/cases/find")
    assert list_violations(page) == []
    page.locator(".caselight-case").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Case SYN-C")
