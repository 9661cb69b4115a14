"""The pages of the list, the clinic pack, urgent flags and the search, over both databases."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from serving.flags.duty_by_case import CASES_PER_PAGE
from serving.lists.latest_incidents import MOST_INCIDENTS, read_latest_incidents
from serving.pages.list_words import ListWords
from serving.pages.rendering import close_sentence
from serving.standing.standings import StandingRules
from serving.store.database import Store
from serving.store.schema import acknowledgements, flag_raisings
from tests.test_serving.access.test_rights import OTHER, OWN, add, read_looks, seal
from tests.test_serving.acts import NOW_US, add_case, add_flag, decide_now, write
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text
from tests.test_serving.sent_rows import make_event, send

pytestmark = pytest.mark.long

HOUR_US = 3_600_000_000
SEEN = {
    "contact": "contacted",
    "contact_words": "rang, SYN Advocate",
    "next_step": "visit today",
    "handed_to": "SYN Officer",
}


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def raise_flag(store: Store, key: str, record_id: str, due_us: int, flag: str = "weapon") -> str:
    """Raise an urgent flag by a record; return the raising's key."""
    return add_flag(store, key, flag, record_id, due_us=due_us)


# --- a case by its number ---------------------------------------------------------------------


def find(app: FastAPI, number: str, **who: Any) -> Any:
    return enter(app, **who).post("/cases/find", data={"number": number})


def test_a_case_is_found_by_its_number(app: FastAPI, store: Store) -> None:
    """The very number leads to the case, whatever its letters' size; a beginning lists cases."""
    keys = {name: add(store, name) for name in ("SYN-1", "SYN-10", "SYN-2%")}
    for typed, name in (("syn-1", "SYN-1"), (" SYN-10 ", "SYN-10"), ("SYN-2%", "SYN-2%")):
        answer = find(app, typed)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{keys[name]}")
    listed = find(app, "SYN-")
    assert listed.status_code == 200
    assert all(f"/cases/{key}" in listed.text for key in keys.values())
    assert find(app, "SYN-2").headers["location"] == f"/cases/{keys['SYN-2%']}"
    for nothing in ("", "N-1", "%", "SYN-3"):
        assert "/cases/" + keys["SYN-1"] not in find(app, nothing).text


def test_a_case_out_of_sight_is_not_found(app: FastAPI, store: Store) -> None:
    """A sealed case, another area's and none are answered alike, and no address holds a number."""
    other, hidden = add(store, "SYN-7", OTHER), add(store, "SYN-8")
    add(store, "OWN-1")
    seal(store, hidden)
    told = [find(app, number, areas=[OWN]) for number in ("SYN-7", "SYN-8", "SYN-9")]
    texts = {
        re.sub(r'nonce="[^"]*"|SYN-\d', "", answer.text).replace(f"SYN-{n}", "")
        for n, answer in zip((7, 8, 9), told, strict=True)
    }
    assert len(texts) == 1
    assert {answer.status_code for answer in told} == {200}
    assert find(app, "SYN-8", name="SYN Insider", role="reviewer").status_code == 200
    assert find(app, "SYN-7").headers["location"] == f"/cases/{other}"
    line = read_looks(app)[-1]
    assert (line.route, line.cases) == ("POST /cases/find", [other])


# --- the clinic pack --------------------------------------------------------------------------


def test_the_pack_has_a_sheet_for_each_case_and_no_narrative(app: FastAPI, store: Store) -> None:
    """Each listed case has its sheet with its flag's record in words; each look is logged."""
    own, hidden = add(store, "SYN-A", narrative="SYN words of a narrative"), add(store, "SYN-H")
    seal(store, hidden)
    apart = make_event("K1", "SYN-A", source="health", kind="seen_by_a_nurse")
    send(store, {"events": [apart | {"recorded_at": "2026-02-24"}]})
    client = enter(app)
    client.post("/v1/sittings", json={})
    page = client.get("/pack")
    told = read_text(page.text)
    assert "1 of 1: case SYN-A" in told
    assert "1 record: 1 June 2025, contact" in told
    assert "Notes of the clinic" in told
    for word in ("SYN words of a narrative", "seen by a nurse", "SYN-H"):
        assert word not in told
    line = read_looks(app)[-1]
    assert (line.route, line.operation, line.cases) == ("GET /pack", "disclosure", [own])


def describe_incidents(store: Store, *keys: str) -> list[list[str]]:
    """Return what is told of the latest incidents of some cases."""
    with store.reading() as connection:
        found = read_latest_incidents(connection, keys, StandingRules(), NOW_US)
    words = ListWords(None, "Europe/London")
    return [
        [words.describe_incident(one) for one in found[key].incidents] if key in found else []
        for key in keys
    ]


def test_an_incident_is_told_as_each_view_calls_it(store: Store) -> None:
    """Record, victim and officer side by side, those who agree together; none of them is left."""
    key = add_case(store, "A", events_of=0)
    views = {
        "R1": {"kind": "threat"},
        "R2": {"kind": "weapon", "handling": "not_for_disclosure"},
        "V": {"kind": "threat", "view": "account"},
        "O": {"kind": "threat", "view": "classification", "detail": "public_order"},
        "P": {"view": "classification", "detail": "stalking", "source": "probation"},
    }
    one = [make_event(name, incident_id="I1", **more) for name, more in views.items()]
    both = [
        make_event(name, incident_id="I2", occurred_at="2025-05-31", **more)
        for name, more in {
            "B1": {"kind": "call"},
            "B2": {"kind": "call", "view": "account"},
        }.items()
    ]
    send(store, {"events": [*one, *both]})
    assert describe_incidents(store, key) == [
        [
            "1 June 2025: threat and weapon (record), threat (victim), public order (officer), "
            "contact called stalking (probation); not for disclosure",
            "31 May 2025: call (record, victim)",
        ]
    ]


def test_the_latest_incidents_are_told_and_nothing_that_is_kept_apart(store: Store) -> None:
    """The latest few by when they happened, of each case; not work, nor what was withdrawn."""
    key, quiet = add_case(store, "A", events_of=0), add_case(store, "B", events_of=0)
    days = [make_event(f"D{day}", occurred_at=f"2025-05-0{day}") for day in range(1, 10)]
    # The day happened first and came to be known last.
    days[0] |= {"recorded_at": "2025-09-01"}
    apart = [
        make_event("H", "B", source="health"),
        make_event("Y", "B", handling="agency_only"),
        make_event("W", "B", kind="taken_on"),
        make_event("T", "B", kind="transferred"),
        make_event("F", "B", occurred_at="2027-01-01"),
        make_event("X", "B"),
        make_event("Z", "B", kind="retracted", supersedes="X", recorded_at="2025-06-03"),
    ]
    corrected = make_event("C", kind="call", supersedes="D9", recorded_at="2025-06-03")
    send(store, {"events": [*days, *apart, corrected | {"occurred_at": "2025-05-09"}]})
    assert describe_incidents(store, key, quiet) == [
        [
            "9 May 2025: call (record)",
            *(f"{day} May 2025: contact (record)" for day in range(8, 9 - MOST_INCIDENTS, -1)),
        ],
        [],
    ]


def test_a_sheet_tells_the_latest_decision(app: FastAPI, store: Store, clock: Any) -> None:
    """When, by whom, which ways, with whom and until when; before the first that there is none."""
    keys = [add_case(store, name) for name in "AB"]
    client = enter(app)
    client.post("/v1/sittings", json={})
    decide_now(store, keys[0])
    clock.pass_days(1)
    ways = {"enforcement": {}, "other_agency": {"which": "SYN words of the way"}}
    decide_now(store, keys[0], write(ways=ways), version=1)
    told = read_text(client.get("/pack").text)
    assert "Latest decision: none yet." in told
    assert (
        "Latest decision: 26 February 2026, SYN Anne (screener, police): Enforcement; Another "
        "agency is asked. With SYN Officer, review 1 April 2026." in told
    )
    assert told.count("Latest decision: ") == 2
    assert "SYN words of the way" not in told


def test_before_the_first_sitting_there_is_no_pack(app: FastAPI) -> None:
    """Without a list the page says how one is made."""
    assert "No list was made yet" in read_text(enter(app).get("/pack").text)


# --- urgent flags -----------------------------------------------------------------------------


def test_the_flags_of_a_case_stand_together_overdue_first(app: FastAPI, store: Store) -> None:
    """One card a case with all its flags; of two as grave the one due first; counts above."""
    one, two = add(store, "SYN-1"), add(store, "SYN-2")
    raise_flag(store, two, "SYN-2-E", -3 * HOUR_US)
    raise_flag(store, one, "SYN-1-E", HOUR_US)
    page = enter(app, "duty").get("/urgent").text
    told = read_text(page)
    assert "4 flags not acknowledged on 2 cases, 3 overdue (30 minutes from when" in told
    assert page.index(f"/cases/{two}") < page.index(f"/cases/{one}")
    assert page.count('<h2 class="govuk-summary-card__title"') == 2
    assert "Overdue by 3 hours" in told
    assert "Contact. Happened 269 days ago , 1 June 2025" in told
    assert "Follow your force's own procedure" in told


def test_some_or_all_flags_of_a_case_are_seen_with_one_note(app: FastAPI, store: Store) -> None:
    """Each ticked flag has its own acknowledgement; one that was not ticked goes on waiting."""
    key = add(store, "SYN-1")
    chosen = [raise_flag(store, key, f"E{n}", HOUR_US) for n in range(2)]
    client = enter(app, "duty")
    sent = client.post(f"/urgent/{key}", data=SEEN | {"raising": chosen, "note": " told her "})
    assert (sent.status_code, sent.headers["location"]) == (303, "/urgent")
    with store.reading() as connection:
        rows = connection.execute(select(acknowledgements)).all()
    assert {(row.raising_key, row.note, row.contact) for row in rows} == {
        (raising, "told her", "contacted") for raising in chosen
    }
    told = read_text(client.get("/urgent").text)
    assert "1 flag not acknowledged" in told
    assert "Acknowledged by SYN duty, duty" in told
    assert (
        "Handed to SYN Officer. Next: visit today. Victim: contacted, rang, SYN Advocate." in told
    )
    assert "Open until a decision deals with it" in told


def test_a_note_gets_no_second_full_stop() -> None:
    """What somebody closed themselves stays as it is; the rest is closed."""
    told = [close_sentence(note) for note in ("Rang her", "Rang her.", "Is she home?", "Call me!")]
    assert told == ["Rang her.", "Rang her.", "Is she home?", "Call me!"]


def test_what_cannot_be_seen_changes_nothing_and_loses_nothing(app: FastAPI, store: Store) -> None:
    """Nothing ticked, another case's flag, or one that somebody saw: none is recorded, all kept."""
    key, other = add(store, "SYN-1"), add(store, "SYN-2")
    mine, theirs = (raise_flag(store, one, "E", HOUR_US) for one in (key, other))
    first = enter(app, "duty", name="SYN First")
    first.post(f"/urgent/{other}", data=SEEN | {"raising": [theirs]})
    client = enter(app, "duty", name="SYN Later")
    late = raise_flag(store, other, "E9", HOUR_US)
    for case, raisings, status, said in (
        (key, [], 422, "Select the incidents that you acknowledge"),
        (key, [mine, theirs], 404, "The case has no such flag"),
        (other, [late, theirs], 409, "SYN First (duty, police) acknowledged this flag"),
    ):
        given = SEEN | {"raising": raisings, "note": "SYN note"}
        answer = client.post(f"/urgent/{case}", data=given)
        assert answer.status_code == status
        assert said in read_text(answer.text)
        assert 'value="SYN note"' in answer.text
    with store.reading() as connection:
        assert connection.execute(select(acknowledgements.c.person)).scalars().all() == [
            "SYN First"
        ]


def test_the_queue_by_case_shows_each_case_once(app: FastAPI, store: Store) -> None:
    """Page by page every case comes once, those that wait before those that were seen."""
    keys = [add(store, f"SYN-{n}") for n in range(CASES_PER_PAGE + 2)]
    client = enter(app, "duty")
    with store.reading() as connection:
        query = select(flag_raisings.c.raising_key).where(flag_raisings.c.case_key == keys[0])
        raising = connection.execute(query).scalar_one()
    client.post(f"/urgent/{keys[0]}", data=SEEN | {"raising": [raising]})
    shown: list[str] = []
    path = "/urgent"
    while path:
        page = client.get(path).text
        shown += re.findall(r'__title">Case <a[^>]*href="/cases/([^"]+)"', page)
        found = re.search(r'href="(/urgent\?cursor=[^"]+)"', page)
        path = found[1] if found else ""
    assert sorted(shown) == sorted(keys)
    assert shown[-1] == keys[0]
    assert client.get(f"/urgent?cursor={'z' * 24}").status_code == 422
