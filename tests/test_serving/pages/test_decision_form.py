"""The decision form: flags first and never covered, what stays open, the owner and the date."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page
from sqlalchemy import insert, update
from starlette.testclient import TestClient

from serving.store.database import Store, make_key
from serving.store.schema import flag_raisings, standings
from tests.test_serving.acts import NURSE, add_case, add_flag, decide_now, stand_of, write
from tests.test_serving.browsing import Visitors, listening
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text

HOUR_US = 3_600_000_000
FORM = {"enforcement": "yes", "owner_other": "SYN Owner", "agrees_with_score": "not_seen"}
DATE = {"review_on-day": "1", "review_on-month": "4", "review_on-year": "2026"}
SCREENS = ((1280, 800), (1366, 650), (375, 740))


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the store, by the test's clock."""
    made = make_application(address, store.clock, least_reading_seconds=0)
    yield made
    close_application(made)


def decide(client: TestClient, key: str, **given: str) -> Any:
    """Send the form as the page of the case holds it, with whatever a test changes."""
    told = client.get(f"/v1/cases/{key}")
    hidden = {"version": told.headers["etag"], "seen_seq": str(told.json()["seen_seq"])}
    return client.post(f"/cases/{key}/decide", data={**FORM, **DATE, **hidden, **given})


def test_after_a_decision_the_urgent_flag_that_stays_open_is_named(
    app: FastAPI, store: Store
) -> None:
    """Whoever decides without dealing with an urgent flag is told that it is open still."""
    key = add_case(store)
    add_flag(store, key, "threat_to_kill", "A0", due_us=HOUR_US)
    client = enter(app)
    answer = decide(client, key)
    assert answer.status_code == 303, read_text(answer.text)
    page = read_text(client.get(answer.headers["location"]).text)
    banner = page[page.index("Decision recorded") :]
    assert "Still open on this case: Urgent flag: threat to kill" in banner
    assert "not acknowledged by duty" in banner[: banner.index("Decide")]


def test_a_case_without_a_flag_says_so_after_the_decision(app: FastAPI, store: Store) -> None:
    """Where nothing stays open the banner says that, and names no flag."""
    key = add_case(store)
    client = enter(app)
    page = client.get(decide(client, key).headers["location"]).text
    assert "No flag is open on this case." in read_text(page)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"review_on-month": "", "review_on-year": ""}, "must include a month and a year"),
        ({"review_on-day": "31"}, "Review date must be a real date"),
        ({"review_on-year": "MMXXVI"}, "Review date must be a real date"),
        ({"review_on-year": "2025"}, "Review date must be a date after today and within"),
        (dict.fromkeys(DATE, ""), "Enter the review date"),
        ({"owner_other": " "}, "Select the owner"),
        ({"enforcement": ""}, "Select what should happen next"),
        ({"agrees_with_score": ""}, "Select whether you agree with the score"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_keeps_what_was_typed(
    app: FastAPI, store: Store, given: dict[str, str], words: str
) -> None:
    """The summary and the field say it in the same words, and nothing that was typed is lost."""
    key = add_case(store)
    answer = decide(enter(app), key, note="SYN kept", **given)
    assert answer.status_code == 422
    assert answer.text.count(words) == 2, "in the summary and at the field"
    assert "SYN kept" in answer.text
    if given.get("review_on-day"):
        assert f'value="{given["review_on-day"]}"' in answer.text
    assert stand_of(store, key).version == 0


def test_a_review_date_is_suggested_and_sooner_with_an_urgent_flag(
    app: FastAPI, store: Store
) -> None:
    """The form offers 28 days from today, and 7 while an urgent flag is open."""
    quiet, pressing = add_case(store, "A"), add_case(store, "B")
    add_flag(store, pressing, "threat_to_kill", "B0", due_us=HOUR_US)
    client = enter(app)
    for key, days, day in ((quiet, 28, "2026-03-25"), (pressing, 7, "2026-03-04")):
        page = client.get(f"/cases/{key}").text
        assert f"in {days} days" in page
        assert f'name="suggested_review_on" value="{day}"' in page


def test_closing_a_case_takes_no_notice_of_what_the_form_filled_in(
    app: FastAPI, store: Store
) -> None:
    """The suggested date stands in nobody's way; a date that somebody typed does."""
    key = add_case(store)
    closing = {
        "enforcement": "",
        "no_further_action": "yes",
        "no_further_action_words": "nothing new",
        "owner_other": "",
    }
    refused = decide(enter(app), key, suggested_review_on="2026-03-25", **closing)
    assert "No further action closes the case" in refused.text
    done = decide(enter(app), key, suggested_review_on="2026-04-01", **closing)
    assert done.status_code == 303
    assert stand_of(store, key).state == "closed"


def test_owners_are_offered_from_the_cases_in_sight(app: FastAPI, store: Store) -> None:
    """Who was given a case lately is on the list, but not by a case that the reader cannot see."""
    seen, hidden, mine = (add_case(store, name) for name in "ABC")
    decide_now(store, seen, write(owner="SYN Seen"), person=NURSE)
    decide_now(store, hidden, write(owner="SYN Hidden"), person=NURSE)
    for key, area in ((seen, "Halton"), (hidden, "Widnes"), (mine, "Halton")):
        with store.writing() as writing:
            writing.connection.execute(
                update(standings).where(standings.c.case_key == key).values(area=area)
            )
    page = enter(app, areas=["Halton"]).get(f"/cases/{mine}").text
    assert '<option value="SYN Seen">' in page
    assert f'<option value="{NURSE.name}">' in page
    assert "SYN Hidden" not in page
    assert "SYN Hidden" in enter(app).get(f"/cases/{mine}").text


@pytest.fixture(scope="module")
def flagged_page(browser: Any, make_app: Callable[..., FastAPI]) -> Iterator[Callable[..., Page]]:
    """Return a way to open a case with six open flags, two of them urgent."""
    app = make_app(least_reading_seconds=0)
    store: Store = app.state.service.need_store()
    key = enter(app).get("/v1/cases").json()["rows"][0]["key"]
    rows = [
        {
            "raising_key": make_key(),
            "case_key": key,
            "flag": f"syn_flag_{n}",
            "urgent": n < 2,
            "record_id": "",
            "raised_at_us": store.clock(),
            "due_at_us": store.clock() if n < 2 else None,
        }
        for n in range(6)
    ]
    with store.writing() as writing:
        first = writing.take_seq(len(rows))
        placed = [row | {"stored_seq": first + n} for n, row in enumerate(rows)]
        writing.connection.execute(insert(flag_raisings), placed)
    with listening(app) as address:
        visitors = Visitors(browser, address)
        yield lambda **given: visitors(f"/cases/{key}", **given)
        visitors.leave()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_no_flag_is_outside_the_form_or_covered(
    flagged_page: Callable[..., Page], width: int, height: int
) -> None:
    """Flags stand before every other field; each box that has the focus is in sight, with nothing
    over it (WCAG 2.4.11), and can be ticked by its middle.
    """
    page = flagged_page(viewport={"width": width, "height": height})
    boxes = page.locator("#decision input[type=checkbox]")
    names = [one.get_attribute("id") or "" for one in boxes.all()]
    flags = [name for name in names if name.startswith("flag-")]
    assert len(flags) >= 6
    assert names[: len(flags)] == flags, "flags come first"
    for name in [*flags, "owner", "review_on-day", "note"]:
        field = page.locator(f"[id='{name}']")
        field.focus()
        covered = field.evaluate(
            """field => {
                const box = field.getBoundingClientRect();
                const at = document.elementFromPoint(
                    box.x + box.width / 2, box.y + Math.min(box.height / 2, 15));
                return !(at && (field === at || field.closest('.govuk-form-group, '
                    + '.govuk-checkboxes__item').contains(at)));
            }"""
        )
        assert not covered, (name, width, height)
    first = page.locator("#flag-1")
    first.focus()
    page.keyboard.press("Space")
    assert first.is_checked()


def test_a_dissent_stands_at_the_top_of_the_case_on_the_list_and_in_the_pack(
    app: FastAPI, store: Store
) -> None:
    """Another agency's dissent is seen wherever the case is read, until that agency changes it."""
    key = add_case(store)
    screener = enter(app)
    health = enter(app, "health", agency="health")
    assert screener.post("/v1/sittings", json={}).status_code == 201
    path = f"/v1/cases/{key}/views"
    for stance, is_told in (("dissent", True), ("agree", False)):
        assert health.post(path, json={"stance": stance, "words": "SYN why"}).status_code == 201
        first = read_text(screener.get(f"/cases/{key}").text)
        assert ("Health dissents" in first) == is_told
        assert ("Health dissents" in read_text(screener.get("/").text)) == is_told
        assert ("Dissent: Health" in read_text(screener.get("/pack").text)) == is_told
