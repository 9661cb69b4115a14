"""The duty role's page: two times, one row an incident, nothing chosen beforehand, old records."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select

from serving.store.database import Store, make_key
from serving.store.schema import acknowledgements, flag_raisings
from tests.test_serving.acts import NOW_US, add_flag
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text
from tests.test_serving.sent_rows import key_of, make_case, make_event, send

DAY_US = 86_400_000_000
MINUTE_US = 60_000_000
SEEN = {"contact": "not_safe", "next_step": "visit today"}


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store, by its clock."""
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def add(store: Store, case_id: str, *events: dict[str, Any]) -> str:
    """Put a case with some events into the store; return its key."""
    rows = [make_event(f"{case_id}-{n}", case_id, **one) for n, one in enumerate(events)]
    send(store, {"cases": [make_case(case_id, area="Halton")], "events": rows})
    return key_of(store, case_id)


def add_old(store: Store, key: str, record_id: str) -> str:
    """Raise an urgent flag of a record that was old when it came; return the raising's key."""
    raising = make_key()
    with store.writing() as writing:
        writing.connection.execute(
            insert(flag_raisings).values(
                raising_key=raising,
                case_key=key,
                flag="weapon",
                urgent=True,
                record_id=record_id,
                raised_at_us=writing.now_us,
                due_at_us=writing.now_us + 7 * DAY_US,
                stored_seq=writing.take_seq(),
            )
        )
    return raising


def look(app: FastAPI, role: str = "duty") -> str:
    return enter(app, role).get("/urgent").text


def test_two_times_are_shown_and_the_lateness_of_an_import(app: FastAPI, store: Store) -> None:
    """How long ago it happened, how long the unit has known, and how late it came here."""
    key = add(store, "A", {"occurred_at": "2026-02-10", "recorded_at": "2026-02-20T06:00"})
    add_flag(store, key, "weapon", "A-0", due_us=-MINUTE_US)
    told = read_text(look(app))
    assert "Happened 15 days ago , 10 February 2026" in told
    assert "The unit has known for 5 days , since 20 February 2026, 6:00am" in told
    assert "Came here 5 days after the unit knew" in told


def test_an_incident_is_one_row_and_nothing_is_chosen_beforehand(
    app: FastAPI, store: Store
) -> None:
    """Two flags of two records of one incident stand in one row with one empty box, which
    acknowledges both; another incident has its own.
    """
    same = {"incident_id": "I1"}
    key = add(store, "A", same, same, {"incident_id": "I2"})
    both = {
        add_flag(store, key, flag, record, due_us=MINUTE_US)
        for flag, record in (("weapon", "A-0"), ("threat_to_kill", "A-1"))
    }
    add_flag(store, key, "weapon", "A-2", due_us=MINUTE_US)
    page = look(app)
    boxes = re.findall(r'<input[^>]*type="(?:checkbox|radio)"[^>]*>', page)
    assert len([one for one in boxes if 'name="raising"' in one]) == 2
    assert not any("checked" in one for one in boxes)
    (value,) = (
        one for one in re.findall(r'name="raising"[^>]*value="([^"]*)"', page) if " " in one
    )
    assert set(value.split()) == both
    sent = enter(app, "duty").post(f"/urgent/{key}", data=SEEN | {"raising": value})
    assert sent.status_code == 303
    with store.reading() as connection:
        assert set(connection.execute(select(acknowledgements.c.raising_key)).scalars()) == both
    assert "1 flag not acknowledged on 1 case" in read_text(look(app))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"contact": ""}, "Select whether the victim was contacted"),
        ({"contact": "no_answer"}, "Select whether the victim was contacted"),
        ({"contact": "contacted"}, "Enter how the victim was contacted, and by whom"),
        ({"next_step": " "}, "Enter the next step"),
    ],
)
def test_no_answer_is_taken_for_granted(
    app: FastAPI, store: Store, given: dict[str, str], words: str
) -> None:
    """Without an answer on contact, or a next step, nothing is recorded and nothing is lost."""
    key = add(store, "A", {})
    raising = add_flag(store, key, "weapon", "A-0", due_us=MINUTE_US)
    data = {**SEEN, "raising": raising, "note": "SYN kept", **given}
    answer = enter(app, "duty").post(f"/urgent/{key}", data=data)
    assert answer.status_code == 422
    assert answer.text.count(words) == 2, "in the summary and at the field"
    assert 'value="SYN kept"' in answer.text
    assert re.search(rf'value="{raising}"[^>]*checked', answer.text), "what was chosen stays so"
    with store.reading() as connection:
        assert connection.execute(select(acknowledgements.c.raising_key)).all() == []


def test_the_gravest_incident_comes_first_then_the_oldest(app: FastAPI, store: Store) -> None:
    """An incident without a severity is taken for grave; then by severity; then by its due time."""
    added = {
        "LOW": ({"value": 2.0}, -9 * MINUTE_US),
        "HIGH-NEW": ({"value": 9.0}, 5 * MINUTE_US),
        "HIGH-OLD": ({"value": 9.0}, -5 * MINUTE_US),
        "UNKNOWN": ({"value": None}, 9 * MINUTE_US),
    }
    for case_id, (event, due_us) in added.items():
        key = add(store, case_id, event)
        add_flag(store, key, "weapon", f"{case_id}-0", due_us=due_us)
    page = look(app)
    shown = re.findall(r'<h2 class="govuk-summary-card__title">Case <a[^>]*>([^<]*)<', page)
    assert shown == ["UNKNOWN", "HIGH-OLD", "HIGH-NEW", "LOW"]


def test_old_records_have_a_dated_queue_with_a_named_reader(app: FastAPI, store: Store) -> None:
    """A flag of an old record is neither overdue nor left out: it has a date, and needs a name."""
    key = add(store, "A", {})
    raising = add_old(store, key, "A-0")
    page = read_text(look(app))
    assert "0 flags not acknowledged" in page
    assert "1 flag of an older record" in page
    assert "To be acknowledged by 4 March 2026" in page
    assert "Urgent (1 open )" in page
    client = enter(app, "duty")
    refused = client.post(f"/urgent/{key}", data={"raising": raising})
    assert refused.text.count("Enter who will read it") == 2
    data = {"raising": raising, "handed_to": "SYN Reader"}
    assert client.post(f"/urgent/{key}", data=data).status_code == 303
    assert "Handed to SYN Reader." in read_text(look(app))


def test_duty_begins_with_the_urgent_flags(app: FastAPI, store: Store) -> None:
    """Whoever signs in with the duty role lands on the urgent flags; a screener on the list."""
    who = {"name": "SYN Dara", "agency": "police", "areas": ""}
    for role, start in (("duty", "/urgent"), ("screener", "/")):
        answer = enter(app, None).post("/sign-in", data=who | {"role": role})
        assert answer.headers["location"] == start


def test_twenty_flags_at_once_are_shown_and_seen_to_one_by_one(app: FastAPI, store: Store) -> None:
    """All twenty are on one page, and each is acknowledged by a form of its own."""
    keys = {}
    for n in range(20):
        key = add(store, f"C{n:02}", {"value": float(n % 5)})
        keys[key] = add_flag(store, key, "weapon", f"C{n:02}-0", due_us=n * MINUTE_US)
    client = enter(app, "duty")
    page = client.get("/urgent").text
    assert len(page) < 200_000
    assert page.count('name="next_step"') == 20
    for left, (key, raising) in enumerate(keys.items(), start=1):
        answer = client.post(f"/urgent/{key}", data=SEEN | {"raising": raising})
        assert answer.status_code == 303
        assert f"{20 - left} not acknowledged" in read_text(client.get("/help").text) or left == 20
    assert "20 acknowledged and open" in read_text(client.get("/urgent").text)
    with store.reading() as connection:
        rows = connection.execute(select(acknowledgements)).all()
    assert {row.acknowledged_at_us for row in rows} == {NOW_US}
    assert {row.contact for row in rows} == {"not_safe"}
