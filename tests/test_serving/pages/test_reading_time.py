"""A decision from a page comes after a time in which somebody could have read it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from starlette.testclient import TestClient

from serving.settings import Settings
from tests.test_serving.browsing import Visitors, listening
from tests.test_serving.entered import enter
from tests.test_serving.reading_pages import read_text

LEAST_S = Settings.model_fields["least_reading_seconds"].default
FORM = {
    "enforcement": "yes",
    "owner": "SYN Owner",
    "review_on-day": "1",
    "review_on-month": "12",
    "review_on-year": "2026",
    "agrees_with_score": "not_seen",
}


class Later:
    """The store's clock, some seconds on."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.seconds = 0.0

    def __call__(self) -> int:
        """Return the moment, microseconds UTC."""
        return self._clock() + int(self.seconds * 1_000_000)


@pytest.fixture
def later(make_app: Callable[..., FastAPI]) -> tuple[FastAPI, Later]:
    """Return an application with the bound that settings have by themselves, and its clock."""
    app = make_app(least_reading_seconds=LEAST_S)
    store = app.state.service.need_store()
    clock = Later(store.clock)
    object.__setattr__(store, "clock", clock)
    return app, clock


def read_form(app: FastAPI, key: str) -> dict[str, str]:
    """Return a decision as the page of a case would send it, without whoever decides reading it."""
    case = enter(app, name="SYN Somebody else").get(f"/v1/cases/{key}")
    told = case.json()
    return FORM | {"version": case.headers["etag"], "seen_seq": str(told["seen_seq"])}


def test_a_decision_at_once_is_asked_for_again(
    later: tuple[FastAPI, Later], make_client: Callable[..., TestClient]
) -> None:
    """It is not recorded, nothing written is lost, the log has the refusal, and then it stands."""
    app, clock = later
    client, auditor = make_client(app), make_client(app, role="auditor")
    key = client.get("/v1/cases").json()["rows"][0]["key"]
    form = read_form(app, key)
    never = client.post(f"/cases/{key}/decide", data=form)
    assert (never.status_code, "sooner after the case was opened" in never.text) == (422, True)
    client.get(f"/cases/{key}")
    clock.seconds += LEAST_S / 4
    soon = client.post(f"/cases/{key}/decide", data=form)
    assert soon.status_code == 422
    told = read_text(soon.text)
    assert "This was not recorded" in told
    assert "read the case" in told.lower()
    assert 'value="SYN Owner"' in soon.text
    assert read_form(app, key)["version"] == form["version"]
    lines = auditor.get("/v1/audit/lines", params={"book": "looks", "case": key}).json()["lines"]
    refused = [one["route"] for one in lines if not one["done"]]
    assert refused == ["POST /cases/{key}/decide"] * 2
    clock.seconds += LEAST_S
    assert client.post(f"/cases/{key}/decide", data=form).status_code == 303
    assert read_form(app, key)["version"] != form["version"]


def test_somebody_elses_reading_does_not_count(
    later: tuple[FastAPI, Later], make_client: Callable[..., TestClient]
) -> None:
    """Who decides opened the page themselves, and of this case."""
    app, clock = later
    client = make_client(app)
    key, another = (one["key"] for one in client.get("/v1/cases").json()["rows"][:2])
    form = read_form(app, key)
    client.get(f"/cases/{another}")
    clock.seconds += 60
    answer = client.post(f"/cases/{key}/decide", data=form)
    assert (answer.status_code, "sooner" in answer.text) == (422, True)


def test_a_program_in_a_persons_session_decides_no_faster(
    later: tuple[FastAPI, Later], make_client: Callable[..., TestClient]
) -> None:
    """By the interface as well a decision follows on reading, however the case was read."""
    app, clock = later
    client = make_client(app)
    for key, page in zip(
        [one["key"] for one in client.get("/v1/cases").json()["rows"][:2]], ("/v1", ""), strict=True
    ):
        form = read_form(app, key)
        draft = {
            "ways": {"enforcement": {}},
            "seen_seq": int(form["seen_seq"]),
            **{name: form[name] for name in ("owner", "agrees_with_score")},
            "review_on": "2026-12-01",
        }
        asked = {"json": draft, "headers": {"if-match": form["version"]}}
        client.get(f"{page}/cases/{key}")
        refused = client.post(f"/v1/cases/{key}/decisions", **asked)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "too_soon")
        clock.seconds += LEAST_S
        assert client.post(f"/v1/cases/{key}/decisions", **asked).status_code == 201


@pytest.fixture
def open_slowly(make_app: Callable[..., FastAPI], browser: Browser) -> Iterator[Any]:
    """Return a way to open pages of a service with a bound that no browser is slower than."""
    with listening(make_app(least_reading_seconds=6)) as address:
        visitors = Visitors(browser, address)
        yield visitors
        visitors.leave()


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False], ids=["with-scripts", "without-scripts"])
def test_who_was_quick_presses_the_button_again(open_slowly: Any, javascript: bool) -> None:
    """In a browser the page says why, keeps what was written, and takes it a moment later."""
    page: Page = open_slowly("/", java_script_enabled=javascript)
    page.get_by_role("link", name="Go to the first case that is not decided").click()
    page.get_by_label("Enforcement").check()
    page.get_by_label("Or enter a name that is not on the list").fill("SYN Owner")
    page.get_by_label("I did not use the score").check()
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_text("This was not recorded")).to_be_visible()
    typed = page.get_by_label("Or enter a name that is not on the list")
    expect(typed).to_have_value("SYN Owner")
    page.wait_for_timeout(6_000)
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_role("heading", name="Recorded")).to_be_visible()
