"""The page about the example unit, and the page on reading a score as it is printed."""

import io
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page
from pypdf import PdfReader
from starlette.testclient import TestClient

from caselight.commands.demo import SYNTHETIC_CASES
from features.history.columns import History
from serving.pages.rendering import describe_day
from synthetic.demo.five_weeks import find_now
from synthetic.demo.people import DETECTIVE, PSYCHOLOGIST
from synthetic.demo.weeks import Weeks
from tests.test_serving.browsing import SIZES, list_violations, make_viewport
from tests.test_serving.conftest import Unit
from tests.test_serving.reading_pages import may_open, read_text

PAGE = "/example"


class _Links(HTMLParser):
    """The addresses within a page's main part, and the names of all places in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.places: set[str] = set()
        self._is_main = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self._is_main |= tag == "main"
        self.places.add(named.get("id") or "")
        if tag == "a" and self._is_main:
            self.addresses.append(named.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        self._is_main &= tag != "main"


def test_the_example_page_names_only_pages_that_exist(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """Every link leads to a page that somebody may open, and to a place that is on it."""
    page = make_client(app, role=None).get(PAGE)
    assert page.status_code == 200
    links = _Links(page.text).addresses
    assert {"/", "/urgent", "/sealed", "/oversight", "/caseload", "/models"} <= set(links)
    for link in links:
        path, _, place = link.partition("#")
        role = "screener" if path in ("", PAGE, "/sign-in") else _find_role(path)
        told = make_client(app, role=role).get(path or PAGE, headers={"accept": "text/html"})
        assert told.status_code == 200, link
        assert not place or place in _Links(told.text).places, link


def _find_role(path: str) -> str:
    return next(role for role in ("screener", "auditor") if may_open(role, path))


def test_an_invented_store_leads_to_what_to_try(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """Signing in and the list lead to it, and it says that every case is made up."""
    for role, path in ((None, "/sign-in"), ("screener", "/"), ("screener", "/help")):
        assert f'href="{PAGE}"' in make_client(app, role=role).get(path).text
    assert "every case, every record" in read_text(make_client(app, role=None).get(PAGE).text)


def test_the_example_page_says_what_the_command_makes(client: TestClient, unit: Unit) -> None:
    """Dates, numbers and names on it are those of `caselight demo`."""
    history: History = unit.history
    weeks = Weeks.until(history.extract_at, history.time_zone)
    told = read_text(client.get(PAGE).text)
    for moment_us in (weeks.learns_until_us, weeks.referred_from_us, find_now(weeks)):
        assert describe_day(moment_us, weeks.time_zone) in told
    assert f"{SYNTHETIC_CASES:,} cases" in told
    assert {DETECTIVE.name, PSYCHOLOGIST.name} == set(re.findall(r"SYN [A-Z][a-z]+", told))


@pytest.mark.browser
@pytest.mark.parametrize("width", SIZES)
def test_everybody_can_use_the_example_page(open_page: Callable[..., Page], width: int) -> None:
    """The rules of axe find nothing, signed in or not, and it is no wider than its screen."""
    for role in (None, "screener"):
        page = open_page(PAGE, role, viewport=make_viewport(width))
        assert list_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_reading_a_score_is_two_printed_pages(open_page: Callable[..., Page]) -> None:
    """The first two sheets of the printed help have all of it, and nothing else follows on them."""
    printed = open_page("/help").pdf(prefer_css_page_size=True)
    sheets = [" ".join(one.extract_text().split()) for one in PdfReader(io.BytesIO(printed)).pages]
    assert "What it is for." in sheets[0]
    assert "Never. A score must not support" in sheets[1]
    assert "What a score is never for" not in sheets[0] + sheets[1]
    assert "What a score is never for" in sheets[2]
