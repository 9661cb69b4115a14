"""Decisions that one person cannot make alone: closing over a flag or a grave record, and
discharging an urgent flag.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from serving.decisions.case_versions import write_tag
from serving.persons import Person
from serving.standing.record_agencies import OWN_AGENCY
from serving.standing.standings import refresh_standings
from serving.store.database import Store
from serving.store.schema import decisions
from tests.test_serving.acts import (
    NURSE,
    SCREENER,
    add_flag,
    stand_of,
    turns_of,
    write,
    write_closing,
)
from tests.test_serving.confirmations.confirming import (
    COLLEAGUE,
    come_in,
    decide,
    last_line,
    lines_since,
    list_waiting,
    settle,
)
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text
from tests.test_serving.sent_rows import key_of, make_case, make_event, send

pytestmark = pytest.mark.long

FLAG = "new_strangulation"
DISCHARGE = [{"flag": FLAG, "record_id": "E1"}]
LATELY, LONG_AGO = "2026-01-20", "2025-06-02"
MINUTES_US = 30 * 60_000_000


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def add(store: Store, **event: Any) -> str:
    """Store a case with one event; return its key."""
    send(store, {"cases": [make_case()], "events": [make_event("E1", **event)]})
    return key_of(store, "A")


def add_urgent(store: Store, record_id: str = "E1") -> str:
    """Store a case with an open urgent flag; return its key."""
    key = add(store)
    add_flag(store, key, FLAG, record_id, due_us=MINUTES_US)
    with store.writing() as writing:
        refresh_standings(writing, [key])
    return key


def find_urgent(app: FastAPI) -> list[str]:
    """Return the urgent flags of the duty queue."""
    found = come_in(app, NURSE).get("/v1/duty").json()["items"]
    return [one["flag"] for one in found]


def count_decisions(store: Store) -> int:
    with store.reading() as connection:
        return len(connection.execute(select(decisions.c.decision_key)).all())


def test_one_person_closes_no_case_with_an_urgent_flag(app: FastAPI, store: Store) -> None:
    """Case, flag and place stay as they were until another agency confirms it; then it closes."""
    key = add_urgent(store)
    before = stand_of(store, key)
    answer = decide(app, store, key, write_closing(discharges=DISCHARGE))
    assert answer.status_code == 202, answer.text
    asked = answer.json()["confirmation_key"]
    assert (stand_of(store, key), find_urgent(app)) == (before, [FLAG])
    assert (count_decisions(store), turns_of(store, key)) == (0, [])
    assert settle(app, asked, person=COLLEAGUE) == (403, "other_agency_needed")
    assert settle(app, asked) == (201, None)
    assert (stand_of(store, key).state, find_urgent(app)) == ("closed", [])


def test_the_decision_is_of_the_person_who_made_it(app: FastAPI, store: Store) -> None:
    """A confirmed decision has the name of who made it; the case's log names both people."""
    key = add_urgent(store)
    before = last_line(store)
    answer = decide(app, store, key, write_closing(discharges=DISCHARGE))
    settle(app, answer.json()["confirmation_key"])
    with store.reading() as connection:
        (row,) = connection.execute(select(decisions.c.person, decisions.c.subject))
    assert tuple(row) == (SCREENER.name, SCREENER.subject)
    assert [case_key for case_key, _ in lines_since(store, before)] == [key, key]


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "assault", "occurred_at": LATELY, "recorded_at": LATELY},
        {"kind": "message", "value": 5, "occurred_at": LATELY, "recorded_at": LATELY},
        {"kind": "strangulation", "occurred_at": LONG_AGO, "recorded_at": LATELY},
    ],
    ids=["by kind", "by severity", "known late"],
)
def test_one_person_closes_no_case_after_something_serious(
    app: FastAPI, store: Store, event: dict[str, Any]
) -> None:
    """A grave record of the last 90 days, by either clock, needs a second person."""
    key = add(store, **event)
    before = stand_of(store, key)
    answer = decide(app, store, key, write_closing())
    assert answer.status_code == 202
    assert stand_of(store, key) == before
    (told,) = list_waiting(app)
    assert told["content"]["grounds"] == ["closes_after_serious_record"]


def test_a_withdrawn_serious_record_counts_still(app: FastAPI, store: Store) -> None:
    """Whoever first withdraws the record does not close the case alone either."""
    key = add(store, kind="assault", occurred_at=LATELY, recorded_at=LATELY)
    withdrawal = make_event("E2", kind="retracted", supersedes="E1", recorded_at=LATELY)
    send(store, {"events": [withdrawal]})
    assert decide(app, store, key, write_closing()).status_code == 202


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "assault", "occurred_at": LONG_AGO, "recorded_at": LONG_AGO},
        {"kind": "message", "value": 4.9, "occurred_at": LATELY, "recorded_at": LATELY},
        {
            "kind": "assault",
            "occurred_at": LATELY,
            "recorded_at": LATELY,
            "source": "health",
            "handling": "agency_only",
        },
    ],
    ids=["long ago", "mild", "kept apart"],
)
def test_one_person_closes_a_case_without_a_serious_record(
    app: FastAPI, store: Store, event: dict[str, Any]
) -> None:
    """An old or a mild record asks for nobody, nor does one that is kept apart from others."""
    key = add(store, **event)
    assert decide(app, store, key, write_closing()).status_code == 201
    assert stand_of(store, key).state == "closed"


def test_one_person_discharges_no_urgent_flag(app: FastAPI, store: Store) -> None:
    """A decision that discharges an urgent flag waits whole; without it, it holds at once."""
    key = add_urgent(store)
    before = stand_of(store, key)
    answer = decide(app, store, key, write(discharges=DISCHARGE, note="the victim is abroad"))
    assert answer.status_code == 202
    assert (stand_of(store, key), find_urgent(app)) == (before, [FLAG])
    assert settle(app, answer.json()["confirmation_key"]) == (201, None)
    assert (stand_of(store, key).state, find_urgent(app)) == ("managed", [])


def test_taking_a_case_on_waits_for_nobody(app: FastAPI, store: Store) -> None:
    """What keeps somebody safe holds at once, and the urgent flag stays open."""
    key = add_urgent(store)
    assert decide(app, store, key).status_code == 201
    assert (stand_of(store, key).state, find_urgent(app)) == ("managed", [FLAG])


def test_a_review_flag_is_discharged_by_one_person(app: FastAPI, store: Store) -> None:
    """Only urgent flags need a second person."""
    key = add(store)
    add_flag(store, key, "many_contacts", "E1")
    discharged = [{"flag": "many_contacts", "record_id": "E1"}]
    assert decide(app, store, key, write(discharges=discharged)).status_code == 201


def test_a_discharge_says_why(app: FastAPI, store: Store) -> None:
    """Without a note nothing is asked for: the second person has nothing to judge."""
    key = add_urgent(store)
    answer = decide(app, store, key, write(discharges=DISCHARGE))
    assert answer.status_code == 422
    (problem,) = answer.json()["error"]["problems"]
    assert (problem["where"], problem["code"]) == ("note", "missing")


def test_a_refused_decision_changes_nothing(app: FastAPI, store: Store) -> None:
    """Where the second person refuses, there is no decision, and another can be asked for."""
    key = add_urgent(store)
    before = stand_of(store, key)
    closing = write_closing(discharges=DISCHARGE)
    asked = decide(app, store, key, closing).json()["confirmation_key"]
    again = decide(app, store, key, closing)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_waiting")
    assert settle(app, asked, "refused") == (201, None)
    assert (stand_of(store, key), count_decisions(store)) == (before, 0)
    assert decide(app, store, key, closing).status_code == 202


def test_a_decision_that_was_overtaken_is_not_confirmed(app: FastAPI, store: Store) -> None:
    """Where somebody decided meanwhile, or a further flag was raised, it goes on waiting."""
    key = add_urgent(store)
    asked = decide(app, store, key, write_closing(discharges=DISCHARGE)).json()["confirmation_key"]
    add_flag(store, key, FLAG, "E9", due_us=MINUTES_US)
    assert settle(app, asked) == (422, "invalid_request")
    assert decide(app, store, key, person=COLLEAGUE).status_code == 201
    assert settle(app, asked) == (412, "decided_meanwhile")
    assert [one["confirmation_key"] for one in list_waiting(app)] == [asked]
    assert stand_of(store, key).state == "managed"


def test_a_flag_that_is_not_open_is_not_asked_for(app: FastAPI, store: Store) -> None:
    """A decision that names a flag which is not there is refused before anybody is asked."""
    key = add_urgent(store)
    wrong = [*DISCHARGE, {"flag": FLAG, "record_id": "E7"}]
    answer = decide(app, store, key, write(discharges=wrong, note="seen"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "flag_not_standing")
    assert list_waiting(app) == []


def test_a_unit_states_what_is_serious(store: Store, address: str) -> None:
    """Days, severity and kinds are settings."""
    key = add(store, kind="message", value=3, occurred_at=LATELY, recorded_at=LATELY)
    strict = make_application(address, store.clock, serious_severity=3.0)
    assert decide(strict, store, key, write_closing()).status_code == 202
    close_application(strict)
    short = make_application(address, store.clock, serious_severity=3.0, serious_days=5)
    assert decide(short, store, key, write_closing(), person=COLLEAGUE).status_code == 201
    close_application(short)


def test_pages_say_that_a_decision_waits(app: FastAPI, store: Store) -> None:
    """The form's answer, the case and the page of the second person say what waits and for whom."""
    key = add_urgent(store)
    own = come_in(app, SCREENER)
    form = {
        "version": write_tag(0),
        "seen_seq": "1",
        "no_further_action": "yes",
        "no_further_action_words": "nothing new since June",
        "agrees_with_score": "not_seen",
        "discharge": f"{FLAG}|E1",
    }
    answer = own.post(f"/cases/{key}/decide", data=form)
    assert (answer.status_code, "done=waiting" in answer.headers["location"]) == (303, True)
    text = read_text(own.get(answer.headers["location"].partition("#")[0]).text)
    assert "Your decision waits for a second person of another agency" in text
    assert "Waits for a second person: decision that needs a second person" in text
    theirs = read_text(come_in(app, NURSE).get("/confirmations").text)
    for words in (
        "it closes a case with an open urgent flag; it discharges an urgent flag",
        "No further action: this closes the case: nothing new since June",
        "new strangulation (E1)",
        f"Asked by {SCREENER.name}",
    ):
        assert words in theirs


def test_the_form_says_what_waits_before_it_is_sent(app: FastAPI, store: Store) -> None:
    """A case with an urgent flag says that dealing with it waits, and what need not wait."""
    key = add_urgent(store)
    text = read_text(come_in(app, SCREENER).get(f"/cases/{key}").text)
    assert "What has to happen now need not wait" in text


@pytest.mark.parametrize("kind", ["closed", "merged"])
@pytest.mark.parametrize("why", ["urgent flag", "serious record"])
def test_no_record_that_one_person_sends_closes_such_a_case(
    app: FastAPI, store: Store, kind: str, why: str
) -> None:
    """An administrator may send what became of a case, but not where a decision would need two."""
    serious = {"kind": "assault", "occurred_at": LATELY, "recorded_at": LATELY}
    key = add_urgent(store) if why == "urgent flag" else add(store, **serious)
    before = stand_of(store, key)
    administrator = enter(app, "administrator", name="SYN Administrator", agency="unit")
    row = make_event("X", kind=kind, occurred_at="2026-02-01", recorded_at="2026-02-01")
    told = administrator.post("/v1/records", json={"events": [row]}).json()
    assert (told["added"], [one["code"] for one in told["not_taken"]]) == (0, ["decided_by_people"])
    assert "a second person confirms" in told["not_taken"][0]["remedy"]
    assert stand_of(store, key) == before


def test_a_history_that_comes_whole_is_taken_as_it_was(app: FastAPI, store: Store) -> None:
    """A case that was closed before it came is closed here, whatever happened in it."""
    events = [
        {"event_id": "E1", "kind": "assault", "occurred_at": LATELY, "recorded_at": LATELY},
        {
            "event_id": "X",
            "kind": "closed",
            "occurred_at": "2026-02-01",
            "recorded_at": "2026-02-01",
        },
    ]
    administrator = enter(app, "administrator", name="SYN Administrator", agency="unit")
    asked = {"cases": [make_case() | {"events": events}]}
    for added in (3, 0):
        told = administrator.post("/v1/records", json=asked).json()
        assert (told["added"], told["not_taken"]) == (added, [])
    assert stand_of(store, key_of(store, "A")).state == "closed"


# --- reviews and corrections ------------------------------------------------------------------


def test_no_review_is_put_off_beyond_the_longest_time(app: FastAPI, store: Store) -> None:
    """A date past the stated number of days is refused: 92 where a unit states none."""
    key = add(store)
    late = decide(app, store, key, write(review_on="2026-05-29"))
    assert late.status_code == 422
    (problem,) = late.json()["error"]["problems"]
    assert (problem["code"], "within 92 days" in problem["remedy"]) == ("out_of_range", True)
    assert decide(app, store, key, write(review_on="2026-05-28")).status_code == 201


def test_a_unit_states_the_longest_time_to_a_review(store: Store, address: str) -> None:
    """With 14 days a date in 15 is refused."""
    key = add(store)
    strict = make_application(address, store.clock, longest_review_days=14)
    assert decide(strict, store, key, write(review_on="2026-03-12")).status_code == 422
    assert decide(strict, store, key, write(review_on="2026-03-11")).status_code == 201
    close_application(strict)


def test_nobody_accepts_their_own_correction(app: FastAPI, store: Store) -> None:
    """Whoever asked may refuse it; another person of the record's agency accepts it."""
    key = add(store)
    own = come_in(app, SCREENER)
    keeper = Person("SYN Dee", "reviewer", OWN_AGENCY)
    wrong = {"table": "events", "record_id": "E1", "why": "it was another person"}

    def request() -> str:
        asked = own.post(f"/v1/cases/{key}/corrections", json=wrong).json()
        return f"/v1/corrections/{asked['correction']['request_key']}/answer"

    path = request()
    answer = own.post(path, json={"answer": "accepted"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "other_person_needed")
    assert own.get("/v1/corrections").json()["n_open"] == 1
    assert come_in(app, keeper).post(path, json={"answer": "accepted"}).status_code == 201
    assert own.post(request(), json={"answer": "refused"}).status_code == 201
