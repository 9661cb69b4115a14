"""What holds for each of the pages on models, data, oversight and help, in a real browser too."""

import re
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page
from starlette.testclient import TestClient

from serving.persons import ROLES
from tests.test_serving.browsing import SIZES, list_violations, make_viewport, open_folds
from tests.test_serving.reading_pages import may_open, read_text

PAGES = ("/models", "/data", "/oversight", "/help", "/accessibility")
NAVIGATION = ("/", "/urgent", "/for-me", "/caseload", "/cases", "/sealed", *PAGES[:-1])
MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def app(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application over a copy of the store, for the tests of this file alone."""
    return make_app()


@pytest.mark.parametrize("role", ROLES)
def test_the_navigation_shows_what_a_role_may_open(
    app: FastAPI, make_client: Callable[..., TestClient], role: str
) -> None:
    """Each role finds links to the pages that the table of rights opens to it, and to no other."""
    page = make_client(app, role=role).get("/help", headers={"accept": "text/html"}).text
    bar = re.search(r'<nav aria-label="Pages">.*?</nav>', page, flags=re.S)
    assert bar is not None
    shown = set(re.findall(r'href="([^"]+)"', bar[0]))
    assert shown == {path for path in NAVIGATION if may_open(role, path)}


def test_somebody_of_one_area_finds_no_page_about_the_whole_unit(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """Data and oversight are of all areas: who sees one area has no link, and is told why not."""
    client = make_client(app, role=None)
    who = {"name": "SYN", "role": "auditor", "agency": "unit", "areas": ["Halton"]}
    client.post("/v1/sign-in", json=who)
    page = client.get("/models").text
    assert 'href="/data"' not in page
    assert 'href="/oversight"' not in page
    refused = client.get("/data", headers={"accept": "text/html"})
    assert refused.status_code == 403
    assert "This is about the whole unit" in read_text(refused.text)


@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_small_and_has_no_style_or_script_of_its_own(
    app: FastAPI, make_client: Callable[..., TestClient], role: str
) -> None:
    """Under 200 kB each, and nothing that the policy of the page would not let run."""
    client = make_client(app, role=role)
    for path in PAGES:
        answer = client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == (200 if may_open(role, path) or path == PAGES[-1] else 403)
        assert len(answer.content) < MOST_BYTES
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", answer.text), path
        scripts = re.findall(r"<script([^>]*)>", answer.text)
        assert all("nonce=" in one or 'src="/static/' in one for one in scripts), path


@pytest.mark.parametrize("path", ["/models", "/data"])
def test_every_chart_has_a_title_a_description_and_its_figures_in_a_table(
    app: FastAPI, make_client: Callable[..., TestClient], path: str
) -> None:
    """No chart stands alone: what it shows is told in words, and in a table beside it."""
    page = make_client(app, role="administrator").get(path).text
    charts = re.findall(r"<svg class=\"caselight-chart.*?</svg>", page, flags=re.S)
    assert charts
    for chart in charts:
        title = re.search(r"<title id=\"([^\"]+)\">([^<]+)</title>", chart)
        says = re.search(r"<desc id=\"([^\"]+)\">([^<]+)</desc>", chart)
        assert title is not None
        assert says is not None
        assert f'aria-labelledby="{title[1]}"' in chart
        assert f'aria-describedby="{says[1]}"' in chart
    beside = re.findall(r'<div class="caselight-beside">(.*?)</table>', page, flags=re.S)
    assert sum(block.count("<svg") for block in beside) == len(charts)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


WHO_OPENS = {
    "/models": "administrator",
    "/data": "administrator",
    "/oversight": "auditor",
    "/oversight?day=never": "auditor",
    "/oversight?book=changes&of=1000000": "auditor",
    "/help": "screener",
    "/accessibility": None,
}


@pytest.mark.browser
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("path", WHO_OPENS)
def test_everybody_can_use_the_pages(open_page: Callable[..., Page], path: str, width: int) -> None:
    """The rules of axe find nothing, folds open, and no page is wider than its screen."""
    page = open_page(path, WHO_OPENS[path], viewport=make_viewport(width))
    open_folds(page)
    assert list_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
@pytest.mark.parametrize(("path", "role"), [("/data", "screener"), ("/oversight", "administrator")])
def test_who_may_not_open_a_page_is_told_so(
    open_page: Callable[..., Page], path: str, role: str
) -> None:
    """A page that is not one's own says why, with a way back, and passes the rules of axe."""
    page = open_page(path, role, viewport=make_viewport(375))
    assert "may not" in page.locator("main").inner_text()
    assert page.locator("main").get_by_role("link").count() > 0
    assert list_violations(page) == []
