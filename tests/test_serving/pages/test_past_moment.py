"""A past moment is past: no page shows what came later, each says its date, none takes an act."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from serving.access.route_rules import RULES
from serving.store.schema import case_keys, cases
from tests.test_serving.acts import write
from tests.test_serving.entered import fill_path
from tests.test_serving.reading_pages import read_text

BANNER = "A past moment: what was known on"
DAYS_BACK = 120


@pytest.fixture(scope="module")
def moment(now: str) -> dt.datetime:
    """Return a moment some months before the store's last act."""
    day = dt.date.fromisoformat(now[:10]) - dt.timedelta(days=DAYS_BACK)
    return dt.datetime.combine(day, dt.time(), ZoneInfo("Europe/London"))


@pytest.fixture(scope="module")
def app(make_app: Callable[..., FastAPI], moment: dt.datetime) -> FastAPI:
    """Return the application over the unit's store, with a decision, living at the past moment."""
    present = make_app(least_reading_seconds=0)
    client = TestClientOf(present)
    key = client.get("/v1/cases").json()["rows"][0]["key"]
    told = client.get(f"/v1/cases/{key}")
    review_on = (moment.date() + dt.timedelta(days=DAYS_BACK + 30)).isoformat()
    draft = write(review_on=review_on, seen_seq=told.json()["seen_seq"])
    path, tag = f"/v1/cases/{key}/decisions", {"if-match": told.headers["etag"]}
    assert client.post(path, json=draft, headers=tag).status_code == 201
    address = str(present.state.service.settings.database_url)
    return make_app_at(make_app, address, moment)


class TestClientOf(TestClient):
    """A screener's browser."""

    __test__ = False

    def __init__(self, app: FastAPI, role: str = "screener") -> None:
        origin = "http://127.0.0.1"
        super().__init__(app, base_url=origin, follow_redirects=False, headers={"origin": origin})
        who = {"name": "SYN Reader", "role": role, "agency": "police"}
        assert self.post("/v1/sign-in", json=who).status_code == 200
        self.headers["accept"] = "text/html"


def make_app_at(make_app: Callable[..., FastAPI], address: str, moment: dt.datetime) -> FastAPI:
    return make_app(database_url=address, now=moment.date().isoformat(), least_reading_seconds=0)


def list_cases(app: FastAPI) -> list[Any]:
    """Return key and number of every case of the store."""
    with app.state.service.need_store().reading() as connection:
        query = select(case_keys.c.case_key, case_keys.c.case_id, cases.c.recorded_at)
        return list(connection.execute(query.join(cases, cases.c.case_key == case_keys.c.case_key)))


def find_known(unit: Any, moment: dt.datetime) -> dict[str, bool]:
    """Return of every event and answer whether it was recorded before the moment."""
    known: dict[str, bool] = {}
    for table, column in (("events", "event_id"), ("facts", "fact_id")):
        frame = unit.tables[table]
        before = frame["recorded_at"] < moment
        known |= dict(zip(frame[column], before, strict=True))
    return known


def test_no_case_page_shows_a_record_of_later(app: FastAPI, unit: Any, moment: dt.datetime) -> None:
    """Every record, answer and decision on a case's page was there by then; a case that had not
    come by then is not there.
    """
    client, known = TestClientOf(app), find_known(unit, moment)
    us = round(moment.timestamp() * 1_000_000)
    found = list_cases(app)
    later = [one for one in found if one.recorded_at >= us]
    earlier = [one for one in found if one.recorded_at < us]
    assert later
    assert earlier
    n_shown = 0
    for one in earlier[:25]:
        page = client.get(f"/cases/{one.case_key}")
        assert page.status_code == 200
        text = read_text(page.text)
        assert BANNER in text
        shown = set(re.findall(r"SYN-[EF]\d+-\d+", text))
        assert all(known[record] for record in shown)
        n_shown += len(shown)
        assert "Nobody has decided on this case yet" in text
        assert "This is a past moment. It takes no decision" in text
    assert n_shown > 50
    assert all(client.get(f"/cases/{one.case_key}").status_code == 404 for one in later[:5])


def test_every_page_says_its_date_and_no_list_shows_what_came_later(app: FastAPI) -> None:
    """What is worked out as of today is refused, with the moment said; no case number stands on
    any of these pages.
    """
    n_refused = 0
    for role in ("screener", "auditor", "administrator"):
        client = TestClientOf(app, role)
        for (method, path), rule in RULES.items():
            if method != "GET" or "{" in path or rule.public or role not in rule.roles:
                continue
            answer = client.get(path)
            if answer.headers.get("content-type", "").startswith("text/html"):
                assert BANNER in answer.text, path
            assert rule.looks <= (answer.status_code == 409), (path, answer.status_code)
            if rule.looks:
                assert not re.search(r"SYN-C\d", answer.text), path
                n_refused += 1
    assert n_refused > 20


def test_a_past_moment_takes_no_act(app: FastAPI) -> None:
    """No decision, acknowledgement, view, correction, import or list is taken, by page or API."""
    key = list_cases(app)[0].case_key
    parts = dict.fromkeys(re.findall(r"{(\w+)}", " ".join(path for _, path in RULES)), key)
    acts = [
        (method, path, rule)
        for (method, path), rule in RULES.items()
        if rule.operation in ("alteration", "collection", "combination") and rule.roles
    ]
    assert len(acts) > 20
    for method, path, rule in acts:
        answer = TestClientOf(app, rule.roles[0]).request(method, fill_path(path, parts), json={})
        assert answer.status_code == 409, (method, path, answer.status_code)


def test_the_present_is_no_past(make_app: Callable[..., FastAPI]) -> None:
    """A service that lives at the moment of its store's last act shows all, and takes decisions."""
    page = TestClientOf(make_app()).get("/").text
    assert BANNER not in page
