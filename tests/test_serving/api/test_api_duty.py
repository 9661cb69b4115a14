import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from sqlalchemy import insert
from starlette.testclient import TestClient

from serving.api.duty import router
from serving.errors import ServiceError
from serving.flags.duty import PROCEDURE, acknowledge, read_queue
from serving.flags.flag_shares import flag_shares
from serving.flags.flags import discharge
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.standing.standings import refresh_standings
from serving.store.database import Store, make_key
from serving.store.row_text import Clockface
from serving.store.schema import case_keys, cases, events, flag_raisings
from serving.web.error_answers import install_handlers

DAY_US = 86_400_000_000
MINUTE_US = 60_000_000
NOW_US = 1_772_000_000_000_000
DUTY = Person("SYN Dara", "duty", "police")
OTHER = Person("SYN Omar", "duty", "police")
SCREENER = Person("SYN Anne", "screener", "police")


def name(number: int) -> str:
    return f"case{number}".ljust(24, "-")


def add_case(store: Store, number: int, *, closed: bool = False) -> str:
    key, arrived = name(number), NOW_US - DAY_US
    with store.writing() as writing:
        connection, seq = writing.connection, writing.take_seq(3)
        names = {"case_key": key, "case_id": f"C{number}", "retention_class": "standard"}
        connection.execute(insert(case_keys).values(stored_seq=seq, **names))
        case = {"case_key": key, "recorded_at": arrived, "stored_seq": seq + 1}
        connection.execute(insert(cases).values(case))
        if closed:
            event = {"case_key": key, "event_id": "E1", "kind": "closed", "handling": "unit"}
            event |= {"occurred_at": arrived, "recorded_at": arrived, "stored_seq": seq + 2}
            connection.execute(insert(events).values(event))
        refresh_standings(writing, [key])
    return key


def raise_flag(
    store: Store, key: str, flag: str, record_id: str, due_in_minutes: int | None
) -> str:
    raising = make_key()
    due = None if due_in_minutes is None else NOW_US + due_in_minutes * MINUTE_US
    with store.writing() as writing:
        writing.connection.execute(
            insert(flag_raisings).values(
                raising_key=raising,
                case_key=key,
                flag=flag,
                urgent=due is not None,
                record_id=record_id,
                raised_at_us=NOW_US - 30 * MINUTE_US,
                due_at_us=due,
                stored_seq=writing.take_seq(),
            )
        )
    return raising


def see(store: Store, raising: str, person: Person = DUTY, note: str | None = None) -> Any:
    with store.writing() as writing:
        return acknowledge(writing, raising, person, note)


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    """Return the routes over the store, signed in as the headers ``who`` and ``as`` say."""
    app = FastAPI()
    install_handlers(app)
    app.include_router(router)
    app.state.service = Service(Settings(), store, store.read_unit(), Champion(None, None))

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Callable[..., Any]) -> Any:
        if "as" in request.headers:
            request.state.person = Person(request.headers["who"], request.headers["as"], "police")
        return await call_next(request)

    with TestClient(app, raise_server_exceptions=True) as made:
        yield made


def be(person: Person) -> dict[str, str]:
    return {"who": person.name, "as": person.role}


def test_the_queue_begins_with_what_is_due_longest(store: Store, client: TestClient) -> None:
    """Urgent flags nobody acknowledged come first, oldest due first, those overdue marked; then
    those acknowledged that still stand. Review flags are not among them.
    """
    key = add_case(store, 1)
    late = raise_flag(store, key, "weapon", "E1", -5)
    now = raise_flag(store, key, "weapon", "E2", 0)
    soon = raise_flag(store, key, "strangulation", "E3", 10)
    seen = raise_flag(store, key, "weapon", "E4", -20)
    gone = raise_flag(store, key, "weapon", "E5", -30)
    raise_flag(store, key, "breach", "E6", None)
    see(store, seen, note="called the officer")
    with store.writing() as writing:
        discharge(writing, key, make_key(), [("weapon", "E5")])
    queue = client.get("/v1/duty", headers=be(SCREENER)).json()
    assert [(one["raising_key"], one["overdue"]) for one in queue["items"]] == [
        (late, True),
        (now, True),
        (soon, False),
        (seen, False),
    ]
    assert gone not in [one["raising_key"] for one in queue["items"]]
    assert (queue["n_waiting"], queue["n_overdue"], queue["n_acknowledged"]) == (3, 2, 1)
    assert queue["items"][0] | {"acknowledgement": None} == {
        "raising_key": late,
        "key": key,
        "case_id": "C1",
        "flag": "weapon",
        "wording": "Weapon",
        "record": "E1",
        "record_fate": "in_force",
        "raised_at": "2026-02-25 05:43:20+00:00",
        "due_at": "2026-02-25 06:08:20+00:00",
        "overdue": True,
        "acknowledgement": None,
    }
    assert queue["items"][3]["acknowledgement"]["note"] == "called the officer"


def test_every_answer_says_that_force_procedure_comes_first(
    store: Store, client: TestClient
) -> None:
    """The queue and every acknowledgement say in words that force procedure is not replaced."""
    raising = raise_flag(store, add_case(store, 1), "weapon", "E1", 10)
    assert client.get("/v1/duty", headers=be(DUTY)).json()["procedure"] == PROCEDURE
    seen = client.post(f"/v1/duty/{raising}/acknowledge", json={}, headers=be(DUTY))
    assert seen.json()["procedure"] == PROCEDURE
    assert "force's own procedure" in PROCEDURE


def test_the_first_acknowledgement_stands(store: Store, client: TestClient) -> None:
    """The second person learns who acknowledged and when; the first may ask again."""
    raising = raise_flag(store, add_case(store, 1), "weapon", "E1", 10)
    path = f"/v1/duty/{raising}/acknowledge"
    first = client.post(path, json={"note": "on it"}, headers=be(DUTY))
    assert first.json() == {
        "raising_key": raising,
        "person": {"name": "SYN Dara", "role": "duty", "agency": "police"},
        "acknowledged_at": "2026-02-25 06:13:20+00:00",
        "note": "on it",
        "procedure": PROCEDURE,
    }
    second = client.post(path, json={}, headers=be(OTHER))
    assert second.status_code == 409
    assert second.json()["error"]["message"] == (
        "SYN Dara (duty, police) acknowledged this flag at 2026-02-25 06:13:20+00:00"
    )
    assert client.post(path, json={"note": "again"}, headers=be(DUTY)).json()["note"] == "on it"


def test_an_acknowledgement_discharges_nothing(store: Store, client: TestClient) -> None:
    """An acknowledged flag stands and stays in the queue until a decision names its record."""
    key = add_case(store, 1)
    raising = raise_flag(store, key, "weapon", "E1", 10)
    see(store, raising)
    assert client.get("/v1/duty", headers=be(DUTY)).json()["n_acknowledged"] == 1
    with store.writing() as writing:
        discharge(writing, key, make_key(), [("weapon", "E1")])
    assert client.get("/v1/duty", headers=be(DUTY)).json()["items"] == []


@pytest.mark.parametrize(
    ("person", "status", "code"), [(None, 401, "not_signed_in"), (SCREENER, 403, "not_on_duty")]
)
def test_only_the_duty_role_acknowledges(
    store: Store, client: TestClient, person: Person | None, status: int, code: str
) -> None:
    """Nobody without the duty role takes an urgent flag out of the queue."""
    raising = raise_flag(store, add_case(store, 1), "weapon", "E1", 10)
    headers = be(person) if person else {}
    refused = client.post(f"/v1/duty/{raising}/acknowledge", json={}, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    assert client.get("/v1/duty", headers=be(DUTY)).json()["n_waiting"] == 1


def test_only_urgent_flags_are_acknowledged(store: Store, client: TestClient) -> None:
    """A review flag, an unknown key and a text that is no key are told as errors."""
    review = raise_flag(store, add_case(store, 1), "breach", "E1", None)
    statuses = [
        client.post(f"/v1/duty/{key}/acknowledge", json={}, headers=be(DUTY)).status_code
        for key in (review, make_key(), "short", "%00" * 24)
    ]
    assert statuses == [404, 404, 422, 422]


def test_pages_go_through_the_whole_queue(store: Store, client: TestClient) -> None:
    """Every raising comes once, also where one is acknowledged between two pages."""
    key = add_case(store, 1)
    waiting = [raise_flag(store, key, "weapon", f"E{n}", n // 2) for n in range(5)]
    seen = [raise_flag(store, key, "weapon", f"E{n}", n) for n in range(5, 8)]
    for raising in seen:
        see(store, raising)
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/v1/duty?size=2{cursor}", headers=be(DUTY)).json()
        found += [one["raising_key"] for one in page["items"]]
        if len(found) == 2:
            see(store, found[1])
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert sorted(found[:5]) == sorted(waiting)
    assert sorted(set(found[5:]) - {found[1]}) == sorted(seen)


@pytest.mark.parametrize("path", ["/v1/duty", "/v1/first-reads"])
@pytest.mark.parametrize("cursor", ["x", "w", name(7), "w" + name(7), "%00" * 24])
def test_a_made_up_cursor_is_refused(client: TestClient, path: str, cursor: str) -> None:
    """A cursor that names nothing is an error, never an empty page."""
    refused = client.get(f"{path}?cursor={cursor}", headers=be(DUTY))
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_cursor")


def test_of_two_acknowledgements_at_once_one_stands(
    store: Store, open_another: Callable[[], Store]
) -> None:
    """Two people on two servers acknowledge at the same moment: one stands, the other is told."""
    raising = raise_flag(store, add_case(store, 1), "weapon", "E1", 10)
    start, told = threading.Barrier(2), []

    def take(server: Store, person: Person) -> None:
        start.wait()
        try:
            see(server, raising, person)
            told.append("stored")
        except ServiceError as error:
            told.append(error.code)

    threads = [threading.Thread(target=take, args=(open_another(), who)) for who in (DUTY, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["already_acknowledged", "stored"]


def test_a_withdrawn_record_is_told_in_the_queue(store: Store) -> None:
    """A flag whose record was withdrawn stays in the queue and says so."""
    key = add_case(store, 1)
    raise_flag(store, key, "weapon", "E1", 10)
    with store.writing() as writing:
        event = {"case_key": key, "event_id": "E2", "kind": "retracted", "supersedes": "E1"}
        event |= {"occurred_at": NOW_US, "recorded_at": NOW_US, "stored_seq": writing.take_seq()}
        writing.connection.execute(insert(events).values(event))
    with store.reading() as connection:
        assert [
            one.record_fate for one in read_queue(connection, NOW_US, {}, Clockface("UTC")).items
        ] == ["withdrawn"]


def test_a_flag_on_many_open_cases_asks_for_its_review(store: Store, client: TestClient) -> None:
    """Shares are of open cases, a case counts once a flag, and more than 15 % asks for review.

    Of 20 open cases 3 carry breach (15 %, not more), 4 weapon (20 %); closed cases do not count.
    """
    keys = [add_case(store, number) for number in range(20)]
    closed = add_case(store, 20, closed=True)
    for key in keys[:3]:
        raise_flag(store, key, "breach", "E1", None)
    for key in (*keys[:4], closed):
        raise_flag(store, key, "weapon", "E2", 10)
    raise_flag(store, keys[0], "weapon", "E3", 10)
    raise_flag(store, keys[5], "weapon", "E4", 10)
    with store.writing() as writing:
        discharge(writing, keys[5], make_key(), [("weapon", "E4")])
    with store.reading() as connection:
        told = [(one.flag, one.cases, one.share) for one in flag_shares(connection)]
    assert told == [("weapon", 4, 0.2), ("breach", 3, 0.15)]
    answer = client.get("/v1/flags", headers=be(SCREENER)).json()
    assert (answer["n_open"], answer["most_share"]) == (20, 0.15)
    assert [(one["flag"], one["asks_review"]) for one in answer["flags"]] == [
        ("weapon", True),
        ("breach", False),
    ]


def test_an_empty_store_has_no_shares(client: TestClient) -> None:
    """Without open cases and flags there is nothing to tell."""
    answer = client.get("/v1/flags", headers=be(SCREENER)).json()
    assert (answer["n_open"], answer["flags"]) == (0, [])


def test_a_first_read_is_recorded_once(store: Store, client: TestClient) -> None:
    """A new case is listed until a named person has read it; the second learns of the first."""
    key = add_case(store, 1)
    listed = client.get("/v1/first-reads", headers=be(SCREENER)).json()
    assert [(one["key"], one["case_id"], one["overdue"]) for one in listed["cases"]] == [
        (key, "C1", False)
    ]
    path = f"/v1/cases/{key}/first-read"
    first = client.post(path, json={"note": "seen\0"}, headers=be(SCREENER))
    assert first.json() == {
        "key": key,
        "person": {"name": "SYN Anne", "role": "screener", "agency": "police"},
        "read_at": "2026-02-25 06:13:20+00:00",
        "note": "seen",
    }
    assert client.get("/v1/first-reads", headers=be(SCREENER)).json()["cases"] == []
    second = client.post(path, json={}, headers=be(DUTY))
    assert second.status_code == 409
    assert second.json()["error"]["message"].startswith("SYN Anne (screener, police) read this")


def test_overdue_first_reads_can_be_listed_alone(
    store: Store, client: TestClient, clock: Any
) -> None:
    """The overdue ones, or those whose time still runs, can be asked for alone."""
    add_case(store, 1)
    clock.pass_days(2)
    for overdue, expected in (("true", 1), ("false", 0)):
        answer = client.get(f"/v1/first-reads?overdue={overdue}", headers=be(SCREENER)).json()
        assert len(answer["cases"]) == expected
        assert (answer["n_due"], answer["n_overdue"]) == (0, 1)


def test_an_unknown_field_is_an_error(store: Store, client: TestClient) -> None:
    """What is not part of the contract is refused with its place."""
    raising = raise_flag(store, add_case(store, 1), "weapon", "E1", 10)
    refused = client.post(f"/v1/duty/{raising}/acknowledge", json={"noet": "x"}, headers=be(DUTY))
    assert refused.status_code == 422
    assert refused.json()["error"]["problems"][0]["code"] == "extra_forbidden"
