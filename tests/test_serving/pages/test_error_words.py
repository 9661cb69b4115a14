"""Errors on pages: at their field, in words for people, without codes or addresses for programs."""

import re
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page
from starlette.testclient import TestClient

from serving.errors import ErrorBody
from serving.pages.error_words import describe_remedy
from serving.store.database import Store
from tests.test_serving.acts import add_case
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text

MACHINE_WORDS = re.compile(r"\b(?:GET|POST) /|/v1/|openapi|look_now|unknown_|invalid_request")


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock, least_reading_seconds=0)
    yield made
    close_application(made)


@pytest.mark.parametrize(
    ("path", "data", "words", "anchor"),
    [
        ("corrections", {}, "Enter the number of the record", "wrong"),
        ("corrections", {"record": "A0"}, "Enter what is wrong with the record", "why"),
        ("views", {}, "Select what your agency thinks", "stance-agree"),
        ("views", {"stance": "shrug"}, "Select what your agency thinks", "stance-agree"),
    ],
)
def test_an_empty_form_is_answered_at_its_field(
    app: FastAPI, store: Store, path: str, data: dict[str, str], words: str, anchor: str
) -> None:
    """Never with a page that is not found: the case is shown, with what to enter, and where."""
    key = add_case(store)
    answer = enter(app).post(f"/cases/{key}/{path}", data=data)
    assert answer.status_code == 422
    assert answer.text.count(words) == 2, "in the summary and at the field"
    assert f'href="#{anchor}"' in answer.text
    assert f'id="{anchor}"' in answer.text
    assert not MACHINE_WORDS.search(read_text(answer.text))


def browse(app: FastAPI) -> TestClient:
    client = enter(app)
    client.headers["accept"] = "text/html"
    return client


@pytest.mark.parametrize(
    ("path", "status"), [("/cases/none", 404), ("/nowhere", 404), ("/cases?state=odd", 422)]
)
def test_a_page_of_an_error_speaks_to_people(app: FastAPI, path: str, status: int) -> None:
    """What cannot be shown leads on in plain words; what cannot be used is not called missing."""
    answer = browse(app).get(path)
    assert answer.status_code == status
    assert not MACHINE_WORDS.search(read_text(answer.text))
    assert ("Page not found" in answer.text) == (path == "/nowhere")


def test_what_a_program_would_do_is_put_into_other_words() -> None:
    """A remedy that names an address of the interface is another on a page; others stay."""
    told = ErrorBody(code="no_such_case", message="m", remedy="start from GET /v1/list")
    assert describe_remedy(told) == "check the address, or find the case by its number"
    odd = ErrorBody(code="odd", message="m", remedy="see /openapi.json")
    assert "openapi" not in describe_remedy(odd)
    plain = ErrorBody(code="odd", message="m", remedy="speak to that person")
    assert describe_remedy(plain) == "speak to that person"


@pytest.mark.browser
def test_a_form_filled_in_halfway_is_not_left_unasked(open_page: Callable[..., Page]) -> None:
    """Going to the next case asks first, and staying keeps what was written; an untouched form is
    left without a question.
    """
    page = open_page("/")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("link", name="Go to the first case that is not decided").click()
    page.get_by_role("link", name="Next case not decided").click()
    assert asked == [], "nothing was written"
    page.get_by_label("Enforcement").check()
    before = page.url
    page.get_by_role("link", name="Next case not decided").click(no_wait_after=True)
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    assert page.url == before
    assert page.get_by_label("Enforcement").is_checked()
    page.get_by_label("Enforcement").uncheck()
    page.get_by_role("link", name="Next case not decided").click()
    page.wait_for_url(lambda url: url != before)
    assert asked == ["beforeunload"]
