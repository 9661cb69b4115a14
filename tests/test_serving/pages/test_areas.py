"""Whose cases a page shows: areas are chosen from a list, and every page says which they are."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from starlette.testclient import TestClient

from serving.app import create_app
from serving.settings import make_settings
from serving.store.database import Store
from serving.store.schema import standings
from tests.test_serving.acts import add_case, add_flag
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text

PAGES = ("/", "/urgent", "/caseload", "/cases", "/sealed", "/models", "/help", "/confirmations")
EMPTY_PAGES = ("/urgent", "/caseload", "/cases", "/sealed", "/confirmations")
WHO = {"name": "SYN Reader", "role": "duty", "agency": "police"}
HOUR_US = 3_600_000_000
_NONE = re.compile(r"(?:No|Nothing) [^.]*\.")


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over a store with a case in Halton that has an urgent flag, overdue,
    and one in Warrington without.
    """
    first, second = add_case(store, "A"), add_case(store, "B")
    with store.writing() as writing:
        for key, area in ((first, "Halton"), (second, "Warrington")):
            writing.connection.execute(
                update(standings).where(standings.c.case_key == key).values(area=area)
            )
    add_flag(store, first, "threat_to_kill", "A0", due_us=-HOUR_US)
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def sign_in(app: FastAPI, areas: list[str] | None) -> TestClient:
    client = enter(app, None)
    chosen = {} if areas is None else {"areas": areas}
    client.answer = client.post("/sign-in", data=WHO | chosen)  # type: ignore[attr-defined]
    return client


def read(client: TestClient, path: str) -> str:
    return read_text(client.get(path, headers={"accept": "text/html"}).text)


def test_the_sign_in_page_offers_every_area_of_a_case_and_ticks_none(app: FastAPI) -> None:
    """Areas are chosen from a list; none is chosen beforehand, not even every area."""
    page = enter(app, None).get("/sign-in").text
    offered = re.findall(r'<input[^>]*name="areas"[^>]*>', page)
    assert [re.findall(r'value="([^"]*)"', one)[0] for one in offered] == [
        "",
        "Halton",
        "Warrington",
    ]
    assert not any("checked" in one for one in offered)


@pytest.mark.parametrize(
    ("areas", "words"),
    [
        (None, "Select the areas whose cases you work with, or every area"),
        (["Haltn"], "Select areas from the list"),
        (["", "Halton"], "Select every area, or single areas, not both"),
    ],
)
def test_a_choice_that_names_no_area_is_refused_at_its_field(
    app: FastAPI, areas: list[str] | None, words: str
) -> None:
    """A mistyped area, none, and every area beside a single one begin no session."""
    client = sign_in(app, areas)
    refused = client.answer  # type: ignore[attr-defined]
    assert refused.status_code == 422
    assert refused.text.count(words) == 2, "in the summary and at the field"
    assert 'href="#areas"' in refused.text
    assert client.get("/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("areas", "shown"), [([""], "every area"), (["Halton", "Warrington"], "Halton and Warrington")]
)
def test_every_page_says_which_areas_it_shows(app: FastAPI, areas: list[str], shown: str) -> None:
    """Each page names the areas whose cases it shows, that of an error too."""
    client = sign_in(app, areas)
    for path in (*PAGES, "/cases/none"):
        assert f"Cases shown: {shown}" in read(client, path), path


def test_no_page_says_none_without_the_areas(app: FastAPI) -> None:
    """Somebody of Warrington is told that nothing is there in Warrington, not that nothing is."""
    client = sign_in(app, ["Warrington"])
    for path in EMPTY_PAGES:
        page = read(client, path + ("?flagged=yes" if path == "/cases" else ""))
        main = page[page.index("Sign out") :]
        said = [one for one in _NONE.findall(main) if not one.startswith("No model")]
        assert any("in Warrington" in one for one in said), (path, said)


def test_the_menu_counts_the_urgent_flags_in_sight(app: FastAPI, store: Store) -> None:
    """Every page's menu says how many urgent flags are open and how many nobody acknowledged."""
    for areas, words in (
        ([""], "Urgent (1 open ) 1 not acknowledged"),
        (["Halton"], "Urgent (1 open ) 1 not acknowledged"),
        (["Warrington"], "Urgent (0 open ) For me"),
    ):
        client = sign_in(app, areas)
        assert all(words in read(client, path) for path in PAGES)


def test_a_service_without_a_store_says_what_it_can_do(unit: Any) -> None:
    """Started with a bundle alone, every page leads to one that says so, and how to see cases."""
    app = create_app(make_settings(bundle=unit.bundle_path, work=False))
    client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=True)
    for path in ("/", "/urgent", "/models"):
        page = read(client, path)
        assert "started without a store of cases" in page
        assert "/v1/scores" in page
        assert "--store" in page
        assert "Your name" not in page
