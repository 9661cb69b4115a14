"""Nobody makes a case vanish alone: attacks by somebody with rights, and what stops each."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from features.errors import ConfigError
from serving.access.overseers import check_overseers
from serving.access.route_rules import RULES
from serving.flags.deliveries import escalate_sealed
from serving.persons import ROLES, Person
from serving.sealing.seals import read_seal
from serving.service import Service
from serving.settings import make_settings
from serving.standing.standings import refresh_standings
from serving.store.current_act import SERVICE
from serving.store.database import Store, make_key
from serving.store.schema import audit_lines, deliveries, seal_people, seals
from serving.worker.worker import work_once
from tests.test_serving.access.test_rights import OWN, add, call, keys_about
from tests.test_serving.acts import add_flag, decide_now, write
from tests.test_serving.entered import close_application, enter, fill_path, make_application
from tests.test_serving.reading_pages import read_text
from tests.test_serving.sent_rows import key_of, make_case, make_event, send

pytestmark = pytest.mark.long

SEALER = ("screener", {"name": "SYN Sealer"})
FRIEND = ("reviewer", {"name": "SYN Friend"})
CONFIRMER = ("health", {"name": "SYN Confirmer", "agency": "health"})
COLLEAGUE = ("reviewer", {"name": "SYN Colleague"})
SUPERVISOR = ("duty", {"name": "SYN Supervisor"})
STANDARDS = ("reviewer", {"name": "SYN Standards"})
ON_CALL = ("screener", {"name": "SYN On Call"})
AUDITOR = ("auditor", {"name": "SYN Auditor", "agency": "unit"})
WHY = {"why": "somebody of the unit is close to a person in it"}
HOUR = 1 / 24


def subject(who: tuple[str, dict[str, str]]) -> str:
    return f"local:{who[1]['name'].casefold()}"


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store, with people named for seals."""
    made = make_application(
        address,
        store.clock,
        professional_standards=(subject(STANDARDS), subject(ON_CALL)),
        professional_standards_on_call=subject(ON_CALL),
        duty_supervisors=(subject(SUPERVISOR),),
        seal_confirmers=(subject(CONFIRMER), subject(COLLEAGUE)),
    )
    yield made
    close_application(made)


def come(app: FastAPI, who: tuple[str, dict[str, str]]) -> TestClient:
    """Return a browser of somebody who has opened a page before."""
    client = enter(app, who[0], **who[1])
    assert client.get("/sealed").status_code == 200
    return client


def add_case(store: Store, case_id: str, area: str) -> str:
    """Store a case of yesterday with one event and nothing else."""
    moments = {"occurred_at": "2026-02-23", "recorded_at": "2026-02-24"}
    event = make_event(f"{case_id}0", case_id) | moments
    case = make_case(case_id, area=area, recorded_at="2026-02-24")
    send(store, {"cases": [case], "events": [event]})
    return key_of(store, case_id)


def seal(app: FastAPI, key: str, *others: str, who: tuple[str, dict[str, str]] = SEALER) -> Any:
    """Seal a case, as somebody who names themselves and others."""
    people = [subject(who), *others]
    return come(app, who).post(f"/v1/cases/{key}/seal", json=WHY | {"people": people})


def seal_soundly(app: FastAPI, key: str) -> None:
    """Seal a case for the sealer and a friend, who both exist."""
    come(app, FRIEND)
    assert seal(app, key, subject(FRIEND)).status_code == 201


def list_waiting(app: FastAPI, who: tuple[str, dict[str, str]]) -> list[dict[str, Any]]:
    """Return what waits for somebody to confirm."""
    found: list[dict[str, Any]] = come(app, who).get("/v1/confirmations").json()["confirmations"]
    return found


def settle(
    app: FastAPI, who: tuple[str, dict[str, str]], outcome: str, key: str | None = None
) -> Any:
    """Have somebody settle the seal that waits for them, or the one of a key."""
    place = key or list_waiting(app, who)[0]["confirmation_key"]
    body = {"outcome": outcome, "why": "I spoke to both agencies"}
    return come(app, who).post(f"/v1/confirmations/{place}", json=body)


def codes_of(answer: Any) -> set[str]:
    return {one["code"] for one in answer.json()["error"]["problems"]}


def is_sealed(store: Store, key: str) -> bool:
    with store.reading() as connection:
        found = read_seal(connection, key)
    return found is not None and found.sealed


# --- sealing ----------------------------------------------------------------------------------


def test_a_case_cannot_be_sealed_for_oneself_and_a_ghost(app: FastAPI, store: Store) -> None:
    """Somebody who never signed in cannot be named; the flag stays in everybody's duty queue."""
    key = add(store, "C")
    before = come(app, SUPERVISOR).get("/v1/duty").json()["n_overdue"]
    answer = seal(app, key, "local:nobody")
    assert (answer.status_code, codes_of(answer)) == (422, {"unknown_person"})
    assert not is_sealed(store, key)
    assert come(app, SUPERVISOR).get("/v1/duty").json()["n_overdue"] == before == 1
    page = come(app, SEALER).post(f"/cases/{key}/seal", data=WHY | {"people": "local:nobody"})
    assert page.status_code == 422


def test_a_program_is_nobody_to_be_named(app: FastAPI, store: Store) -> None:
    """A subject that has acted as a program alone is not a person who exists."""
    key = add(store, "C")
    with store.writing() as writing:
        line = {"person": "feed", "subject": "issuer|feed", "role": "machine", "agency": "unit"}
        writing.connection.execute(
            insert(audit_lines).values(
                book="changes",
                number=10**9,
                at_us=1,
                operation="collection",
                done=True,
                route="POST /v1/records",
                mac="0" * 64,
                **line,
            )
        )
    assert codes_of(seal(app, key, "issuer|feed")) == {"unknown_person"}


def test_a_named_person_cannot_lock_the_sealer_out_with_a_ghost(app: FastAPI, store: Store) -> None:
    """Naming oneself and nobody who exists is refused for a sealed case as well."""
    key = add(store, "C")
    seal_soundly(app, key)
    answer = seal(app, key, "local:ghost", who=FRIEND)
    assert codes_of(answer) == {"unknown_person"}
    assert come(app, SEALER).get(f"/v1/cases/{key}").status_code == 200


@pytest.mark.parametrize("why", ["", "  ", None])
def test_a_seal_needs_a_reason(app: FastAPI, store: Store, why: str | None) -> None:
    """Without a reason nothing is sealed."""
    key = add(store, "C")
    come(app, FRIEND)
    body = {"people": [subject(SEALER), subject(FRIEND)]} | ({} if why is None else {"why": why})
    assert come(app, SEALER).post(f"/v1/cases/{key}/seal", json=body).status_code == 422
    assert not is_sealed(store, key)


def test_a_seal_takes_effect_at_once_and_says_until_when_it_is_confirmed(
    app: FastAPI, store: Store
) -> None:
    """The case is hidden with the answer, before anybody confirms, and a day is set for that."""
    key = add(store, "C")
    come(app, FRIEND)
    answer = seal(app, key, subject(FRIEND))
    assert answer.json()["confirm_by"] == "2026-02-26 06:13:20+00:00"
    assert come(app, COLLEAGUE).get(f"/v1/cases/{key}").status_code == 404


def test_only_a_named_confirmer_of_another_agency_confirms(app: FastAPI, store: Store) -> None:
    """Not the sealer, nor those named, a colleague, or anybody else of another agency."""
    key = add(store, "C")
    seal_soundly(app, key)
    (waits,) = list_waiting(app, CONFIRMER)
    place = waits["confirmation_key"]
    assert waits["content"]["people"] == sorted([subject(SEALER), subject(FRIEND)])
    assert "case_id" not in json.dumps(waits)
    stranger = ("reviewer", {"name": "SYN Stranger", "agency": "advocacy"})
    for who, code in (
        (SEALER, "other_person_needed"),
        (FRIEND, "not_yours_to_settle"),
        (COLLEAGUE, "other_agency_needed"),
        (stranger, "no_such_confirmation"),
        (STANDARDS, "no_such_confirmation"),
        (AUDITOR, "no_such_confirmation"),
    ):
        assert settle(app, who, "confirmed", place).json()["error"]["code"] == code, who
    for who in (SEALER, FRIEND, COLLEAGUE, stranger, STANDARDS, AUDITOR):
        assert list_waiting(app, who) == []
    assert settle(app, CONFIRMER, "confirmed").status_code == 201
    assert is_sealed(store, key)
    (told,) = come(app, AUDITOR).get("/v1/seals").json()["seals"]
    assert (told["stand"], told["settled_by"]["name"]) == ("confirmed", "SYN Confirmer")


def test_a_confirmer_whom_the_seal_names_does_not_confirm_it(app: FastAPI, store: Store) -> None:
    """A second person is not among those whom the sealer named."""
    key = add(store, "C")
    come(app, CONFIRMER)
    assert seal(app, key, subject(CONFIRMER)).status_code == 201
    assert list_waiting(app, CONFIRMER) == []


def test_an_unconfirmed_seal_stays_and_goes_to_those_who_oversee(
    app: FastAPI, store: Store, clock: Any
) -> None:
    """After a day it is sealed still, and stands before the auditor and professional standards."""
    key = add(store, "C")
    seal_soundly(app, key)
    clock.pass_days(1.01)
    assert is_sealed(store, key)
    assert come(app, COLLEAGUE).get(f"/v1/cases/{key}").status_code == 404
    for who in (AUDITOR, STANDARDS, ON_CALL):
        assert [one["overdue"] for one in list_waiting(app, who)] == [True]
        review = come(app, who).get("/v1/seals").json()
        assert (review["n_overdue"], review["seals"][0]["stand"]) == (1, "overdue")
        assert key in come(app, who).get("/seals").text
        assert come(app, who).get(f"/v1/cases/{key}").status_code == 404, "they see no case by it"
    settle(app, AUDITOR, "confirmed")
    assert is_sealed(store, key)
    assert list_waiting(app, STANDARDS) == []


def test_those_who_oversee_open_a_seal(app: FastAPI, store: Store, clock: Any) -> None:
    """Refused by professional standards, the case is there for everybody of its area again."""
    key = add(store, "C")
    seal_soundly(app, key)
    clock.pass_days(1.01)
    assert settle(app, STANDARDS, "refused").status_code == 201
    assert not is_sealed(store, key)
    assert come(app, COLLEAGUE).get(f"/v1/cases/{key}").status_code == 200


def test_those_who_oversee_name_others(app: FastAPI, store: Store, clock: Any) -> None:
    """The sealer is locked out at once; the new seal waits for another who oversees."""
    key = add(store, "C")
    seal_soundly(app, key)
    for who in (COLLEAGUE, CONFIRMER):
        come(app, who)
    place = list_waiting(app, CONFIRMER)[0]["confirmation_key"]
    body = WHY | {"people": [subject(COLLEAGUE), subject(CONFIRMER)]}
    early = come(app, STANDARDS).post(f"/v1/seals/{place}/people", json=body)
    assert early.status_code == 404, "a second person has a day"
    clock.pass_days(1.01)
    assert come(app, SEALER).post(f"/v1/seals/{place}/people", json=body).status_code == 403
    ghosts = body | {"people": ["local:one", "local:two"]}
    wrong = come(app, STANDARDS).post(f"/v1/seals/{place}/people", json=ghosts)
    assert codes_of(wrong) == {"unknown_person"}
    done = come(app, STANDARDS).post(f"/v1/seals/{place}/people", json=body)
    assert done.status_code == 201
    assert come(app, SEALER).get(f"/v1/cases/{key}").status_code == 404
    assert come(app, COLLEAGUE).get(f"/v1/cases/{key}").status_code == 200
    assert list_waiting(app, STANDARDS) == []
    assert [one["cases"] for one in list_waiting(app, ON_CALL)] == [[key]]


def test_who_oversees_is_neither_named_nor_a_party(app: FastAPI, store: Store, clock: Any) -> None:
    """Professional standards settle no seal that names them, nor one of a case that is theirs."""
    named, tied = add(store, "C"), add(store, "D")
    come(app, STANDARDS)
    assert seal(app, named, subject(STANDARDS)).status_code == 201
    seal_soundly(app, tied)
    body = WHY | {"party": subject(STANDARDS)}
    assert come(app, ON_CALL).post(f"/v1/parties/{tied}", json=body).status_code == 201
    clock.pass_days(1.01)
    assert list_waiting(app, STANDARDS) == []
    shown = [one["key"] for one in come(app, STANDARDS).get("/v1/seals").json()["seals"]]
    assert shown == [named]
    assert len(list_waiting(app, ON_CALL)) == 2


def test_a_refusal_by_a_second_person_opens_nothing(app: FastAPI, store: Store) -> None:
    """It stays sealed, since that could deliver a victim, and goes to those who oversee at once."""
    key = add(store, "C")
    seal_soundly(app, key)
    assert settle(app, CONFIRMER, "refused").status_code == 201
    assert is_sealed(store, key)
    assert list_waiting(app, CONFIRMER) == []
    (waits,) = list_waiting(app, AUDITOR)
    said = waits["content"]["refused_by_second_person"]
    assert said == "SYN Confirmer (health, health): I spoke to both agencies"
    assert settle(app, AUDITOR, "refused").status_code == 201
    assert not is_sealed(store, key)


def test_the_sealer_cannot_withdraw_what_waits(app: FastAPI, store: Store) -> None:
    """Who sealed a case cannot take its seal from the second person."""
    key = add(store, "C")
    seal_soundly(app, key)
    place = list_waiting(app, CONFIRMER)[0]["confirmation_key"]
    refused = settle(app, SEALER, "withdrawn", place)
    assert refused.json()["error"]["code"] == "cannot_be_withdrawn"


def test_sealing_anew_every_day_gains_no_time(app: FastAPI, store: Store, clock: Any) -> None:
    """A seal in the place of an unconfirmed one has that one's time, opened between or not."""
    key = add(store, "C")
    seal_soundly(app, key)
    clock.pass_days(23 * HOUR)
    seal_soundly(app, key)
    clock.pass_days(0.5 * HOUR)
    come(app, SEALER).post(f"/v1/cases/{key}/unseal", json=WHY)
    assert list_waiting(app, CONFIRMER) == [], "nothing waits of an open case"
    seal_soundly(app, key)
    assert [one["overdue"] for one in list_waiting(app, CONFIRMER)] == [False]
    clock.pass_days(1 * HOUR)
    assert [one["overdue"] for one in list_waiting(app, AUDITOR)] == [True]


def test_a_seal_that_was_confirmed_begins_a_day_anew(
    app: FastAPI, store: Store, clock: Any
) -> None:
    """Named people of a confirmed seal name others, and a second person has a day for it."""
    key = add(store, "C")
    seal_soundly(app, key)
    settle(app, CONFIRMER, "confirmed")
    clock.pass_days(30)
    seal_soundly(app, key)
    assert [one["overdue"] for one in list_waiting(app, CONFIRMER)] == [False]


def test_seals_by_one_person_naming_nobody_else_and_locking_out_are_listed(
    app: FastAPI, store: Store
) -> None:
    """The auditor finds who seals often, names nobody who exists, and locks others out."""
    keys = [add(store, name) for name in "CDE"]
    for key in keys:
        seal_soundly(app, key)
    come(app, COLLEAGUE)
    assert seal(app, keys[0], subject(COLLEAGUE)).status_code == 201  # locks the friend out
    add_old_seal(store, keys[1])  # of before people had to exist
    auditor = come(app, AUDITOR)
    review = auditor.get("/v1/seals").json()
    (sealer,) = review["sealers"]
    assert (sealer["n_seals"], sealer["n_alone"], sealer["n_locking_out"]) == (5, 1, 2)
    by_key = {one["key"]: one for one in review["seals"] if one["is_current"]}
    assert by_key[keys[0]]["locked_out"] == [subject(FRIEND)]
    assert (by_key[keys[1]]["alone"], by_key[keys[2]]["alone"]) == (True, False)
    text = read_text(auditor.get("/seals").text)
    assert "Names the sealer alone" in text
    assert f"Locks out {subject(FRIEND)}" in text
    first = auditor.get("/v1/seals", params={"limit": 3}).json()
    rest = auditor.get("/v1/seals", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [*first["seals"], *rest["seals"]] == review["seals"]
    other = auditor.get("/v1/seals", params={"sealer": subject(FRIEND)}).json()
    assert other["seals"] == []


def add_old_seal(store: Store, key: str) -> None:
    """Store a seal as the first release did: with anybody, and without a second person."""
    old = make_key()
    who = Person(SEALER[1]["name"], SEALER[0], "police")
    with store.writing() as writing:
        seq = writing.take_seq(3)
        writing.connection.execute(
            insert(seals).values(
                seal_key=old,
                case_key=key,
                sealed=True,
                why="old",
                sealed_at_us=writing.now_us,
                stored_seq=seq,
                **who.columns(),
            )
        )
        for number, one in enumerate((who.subject, "local:nobody at all"), 1):
            writing.connection.execute(
                insert(seal_people).values(seal_key=old, subject=one, stored_seq=seq + number)
            )
        refresh_standings(writing, [key])


def test_seals_of_before_are_looked_at_as_well(app: FastAPI, store: Store, clock: Any) -> None:
    """A seal that no second person was ever asked about comes before those who oversee, once."""
    key = add(store, "C")
    add_old_seal(store, key)
    service: Service = app.state.service
    clock.pass_days(2)
    for _ in range(2):
        work_once(service)
        assert [one["cases"] for one in list_waiting(app, AUDITOR)] == [[key]]
    assert list_waiting(app, SEALER) == []
    settle(app, STANDARDS, "refused")
    assert not is_sealed(store, key)


def test_every_seal_and_settlement_is_a_line_that_names_the_case(
    app: FastAPI, store: Store, clock: Any
) -> None:
    """Sealing, confirming, naming others, opening: who did it and to which case is in the log."""
    key = add(store, "C")
    seal_soundly(app, key)
    settle(app, CONFIRMER, "confirmed")
    come(app, SEALER).post(f"/v1/cases/{key}/unseal", json=WHY)
    with store.reading() as connection:
        query = select(audit_lines.c.route, audit_lines.c.subject).where(
            audit_lines.c.book == "changes",
            audit_lines.c.case_key == key,
            audit_lines.c.subject != SERVICE.subject,  # which brought the case
        )
        lines = [tuple(row) for row in connection.execute(query.order_by(audit_lines.c.number))]
    assert lines == [
        ("POST /v1/cases/{key}/seal", subject(SEALER)),
        ("POST /v1/confirmations/{confirmation_key}", subject(CONFIRMER)),
        ("POST /v1/cases/{key}/unseal", subject(SEALER)),
    ]


# --- urgent flags of sealed cases -------------------------------------------------------------


def add_sealed(app: FastAPI, store: Store, *, due_us: int = 30 * 60_000_000) -> tuple[str, str]:
    """Return a sealed case with an urgent flag that is due, and the flag's raising."""
    key = add_case(store, "C", area=OWN)
    seal_soundly(app, key)
    return key, add_flag(store, key, "weapon", "C0", due_us=due_us)


def test_an_urgent_flag_of_a_sealed_case_goes_to_a_duty_supervisor(
    app: FastAPI, store: Store
) -> None:
    """The notice names no party and no case; opened with a reason, the case is there at once."""
    key, raising = add_sealed(app, store)
    supervisor = come(app, SUPERVISOR)
    (notice,) = supervisor.get("/v1/sealed-flags").json()["flags"]
    assert notice == {
        "raising_key": raising,
        "flag": "weapon",
        "wording": "Weapon",
        "raised_at": "2026-02-25 06:13:20+00:00",
        "due_at": "2026-02-25 06:43:20+00:00",
        "overdue": False,
        "escalated": False,
    }
    page = supervisor.get("/sealed-flags").text
    assert "Weapon" in page
    assert key not in page
    assert ">C<" not in page
    assert supervisor.get(f"/v1/cases/{key}").status_code == 404
    place = f"/v1/sealed-flags/{raising}/open"
    assert supervisor.post(place, json={"why": " "}).status_code == 422
    opened = supervisor.post(place, json={"why": "those named do not answer"})
    assert (opened.status_code, opened.json()) == (201, {"key": key})
    assert supervisor.get(f"/v1/cases/{key}").json()["case_id"] == "C"
    seen = supervisor.post(f"/v1/duty/{raising}/acknowledge", json={})
    assert seen.status_code == 200, seen.text
    assert come(app, COLLEAGUE).get(f"/v1/cases/{key}").status_code == 404


def test_those_named_and_professional_standards_see_who_opened_a_sealed_case(
    app: FastAPI, store: Store
) -> None:
    """Who opened it, when and why is on the pages of those named and of those who oversee."""
    _, raising = add_sealed(app, store)
    body = {"why": "those named do not answer"}
    come(app, SUPERVISOR).post(f"/v1/sealed-flags/{raising}/open", json=body)
    told = come(app, FRIEND).get("/v1/sealed").json()["cases"][0]["openings"]
    assert [(one["person"]["name"], one["why"]) for one in told] == [
        ("SYN Supervisor", "those named do not answer")
    ]
    assert come(app, STANDARDS).get("/v1/seals").json()["seals"][0]["openings"] == told
    for who, place in ((SEALER, "/sealed"), (STANDARDS, "/seals")):
        assert "those named do not answer" in read_text(come(app, who).get(place).text)


def test_the_supervisor_sees_the_case_until_the_flag_is_dealt_with(
    app: FastAPI, store: Store
) -> None:
    """Sealing it anew does not lock the supervisor out; a decision on the flag ends it."""
    key, raising = add_sealed(app, store)
    supervisor = come(app, SUPERVISOR)
    supervisor.post(f"/v1/sealed-flags/{raising}/open", json=WHY)
    seal_soundly(app, key)
    assert supervisor.get(f"/v1/cases/{key}").status_code == 200
    friend = Person("SYN Friend", "reviewer", "police")
    discharged = [{"flag": "weapon", "record_id": "C0"}]
    decide_now(store, key, write(discharges=discharged), person=friend)
    assert supervisor.get(f"/v1/cases/{key}").status_code == 404


def test_nobody_else_opens_a_sealed_case(app: FastAPI, store: Store) -> None:
    """Nothing waits for those who are no supervisor, and no key of a flag opens the case."""
    key, raising = add_sealed(app, store)
    for who in (COLLEAGUE, CONFIRMER, STANDARDS, ON_CALL, AUDITOR, SEALER, FRIEND):
        client = come(app, who)
        assert client.get("/v1/sealed-flags").json() == {"flags": []}, who
        answers = [
            client.post(f"/v1/sealed-flags/{one}/open", json=WHY) for one in (raising, "s" * 24)
        ]
        assert {answer.status_code for answer in answers} == {404}, who
        assert answers[0].text == answers[1].text
    assert come(app, COLLEAGUE).get(f"/v1/cases/{key}").status_code == 404


def test_a_supervisor_who_is_a_party_or_sealed_the_case_opens_nothing(
    app: FastAPI, store: Store
) -> None:
    """A case that is a party's own goes past them, to who is on call at professional standards."""
    key, raising = add_sealed(app, store)
    body = WHY | {"party": subject(SUPERVISOR)}
    come(app, STANDARDS).post(f"/v1/parties/{key}", json=body)
    supervisor = come(app, SUPERVISOR)
    assert supervisor.get("/v1/sealed-flags").json() == {"flags": []}
    assert supervisor.post(f"/v1/sealed-flags/{raising}/open", json=WHY).status_code == 404
    on_call = come(app, ON_CALL)
    (notice,) = on_call.get("/v1/sealed-flags").json()["flags"]
    assert (notice["overdue"], notice["escalated"]) == (False, True)
    own = add_case(store, "D", area=OWN)
    assert seal(app, own, subject(FRIEND), who=SUPERVISOR).status_code == 201
    add_flag(store, own, "weapon", "D0", due_us=60_000_000)
    assert supervisor.get("/v1/sealed-flags").json() == {"flags": []}
    assert len(on_call.get("/v1/sealed-flags").json()["flags"]) == 2


def test_what_nobody_acknowledged_in_time_goes_to_who_is_on_call(
    app: FastAPI, store: Store, clock: Any
) -> None:
    """It waits for professional standards' on-call person, who opens it; one message says so."""
    key, raising = add_sealed(app, store)
    on_call = come(app, ON_CALL)
    assert on_call.get("/v1/sealed-flags").json()["flags"] == []
    assert escalate_sealed(store, store.clock()) == 0
    clock.pass_days(31 / 1440)
    (notice,) = on_call.get("/v1/sealed-flags").json()["flags"]
    assert (notice["overdue"], notice["escalated"]) == (True, True)
    assert [escalate_sealed(store, store.clock()) for _ in range(2)] == [1, 0]
    opened = on_call.post(f"/v1/sealed-flags/{raising}/open", json=WHY)
    assert opened.json() == {"key": key}
    with store.reading() as connection:
        found = connection.execute(select(deliveries.c.audience)).scalars().all()
    assert sorted(filter(None, found)) == ["on_call", "opened"]


@pytest.mark.parametrize("how", ["named", "sealer", "party"])
def test_where_who_is_on_call_may_not_the_others_of_professional_standards_open_it(
    app: FastAPI, store: Store, clock: Any, how: str
) -> None:
    """A seal that names who is on call, or is theirs, or a case that is, stops no urgent flag."""
    key = add_case(store, "C", area=OWN)
    for who in (FRIEND, ON_CALL):
        come(app, who)
    sealer = ON_CALL if how == "sealer" else SEALER
    other = ON_CALL if how == "named" else FRIEND
    assert seal(app, key, subject(other), who=sealer).status_code == 201
    if how == "party":
        body = WHY | {"party": subject(ON_CALL)}
        come(app, STANDARDS).post(f"/v1/parties/{key}", json=body)
    raising = add_flag(store, key, "weapon", "C0", due_us=30 * 60_000_000)
    standards = come(app, STANDARDS)
    assert standards.get("/v1/sealed-flags").json() == {"flags": []}
    clock.pass_days(31 / 1440)
    assert come(app, ON_CALL).get("/v1/sealed-flags").json() == {"flags": []}
    opened = standards.post(f"/v1/sealed-flags/{raising}/open", json=WHY)
    assert opened.json() == {"key": key}


def test_a_flag_of_an_open_case_is_nobodys_to_open(app: FastAPI, store: Store) -> None:
    """Once the seal is opened the flag is duty's again, and no notice is left."""
    key, _ = add_sealed(app, store)
    come(app, SEALER).post(f"/v1/cases/{key}/unseal", json=WHY)
    assert come(app, SUPERVISOR).get("/v1/sealed-flags").json() == {"flags": []}
    assert come(app, SUPERVISOR).get("/v1/duty").json()["n_waiting"] == 1


# --- what is overdue on sealed cases ----------------------------------------------------------


def test_what_is_overdue_on_a_sealed_case_comes_before_professional_standards(
    app: FastAPI, store: Store, clock: Any
) -> None:
    """A first read, a wait, a review and an urgent flag past their time, each by the case's key."""
    waits = add_case(store, "A", area=OWN)
    managed = add_case(store, "B", area=OWN)
    friend = Person("SYN Friend", "reviewer", "police")
    decide_now(store, managed, write(review_on="2026-03-01"), person=friend)
    for key in (waits, managed):
        seal_soundly(app, key)
    standards = come(app, STANDARDS)
    assert standards.get("/v1/seals").json()["overdue"] == []
    clock.pass_days(10)
    add_flag(store, waits, "weapon", "A0", due_us=-1)
    found = {(one["key"], one["what"]) for one in standards.get("/v1/seals").json()["overdue"]}
    assert found == {
        (waits, "first_read"),
        (waits, "wait"),
        (waits, "urgent_flag"),
        (managed, "review"),
    }
    text = read_text(standards.get("/seals").text)
    for words in ("First read overdue", "Waits too long", "Review overdue"):
        assert words in text
    own = {one["key"]: one for one in come(app, FRIEND).get("/v1/sealed").json()["cases"]}
    assert (own[waits]["wait_overdue"], own[waits]["first_read_overdue"]) == (True, True)
    assert (own[managed]["review_overdue"], own[managed]["wait_overdue"]) == (True, False)


# --- parties ----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_for_a_party_the_case_is_absent_whatever_their_role(
    app: FastAPI, store: Store, role: str
) -> None:
    """Where professional standards tied an account to a case, every address of it is absent."""
    key, other = add(store, "A"), add(store, "B")
    stranger = "z" * 24
    who = (role, {"name": "SYN Brother"})
    body = WHY | {"party": subject(who)}
    assert come(app, STANDARDS).post(f"/v1/parties/{key}", json=body).status_code == 201
    client = enter(app, role, **who[1])
    about = keys_about(store, key)
    names = ("key", "raising_key", "request_key", "score_key")
    for (method, path), rule in RULES.items():
        if role not in rule.roles or not any("{" + name + "}" in path for name in names):
            continue
        told = [
            call(client, method, fill_path(path, {**about, **keys}))
            for keys in ({}, dict.fromkeys(names, stranger))
        ]
        assert told[0].status_code == told[1].status_code == 404, (method, path)
    for path in (
        "/v1/cases",
        "/v1/duty",
        "/v1/first-reads",
        "/v1/corrections",
        "/cases",
        "/urgent",
    ):
        text = client.get(path).text
        assert key not in text, path
        assert (other in text) == (role != "data_scientist"), path


def test_only_professional_standards_tie_a_party(app: FastAPI, store: Store) -> None:
    """Nobody else says who is a party, an administrator and the auditor among them."""
    key = add(store, "A")
    body = WHY | {"party": subject(COLLEAGUE)}
    for role in ROLES:
        answer = enter(app, role).post(f"/v1/parties/{key}", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "role_may_not")
    assert come(app, COLLEAGUE).get(f"/v1/cases/{key}").status_code == 200
    standards = come(app, STANDARDS)
    assert standards.post(f"/v1/parties/{'s' * 24}", json=body).status_code == 404
    for tied, status in ((True, 404), (False, 200)):
        standards.post(f"/v1/parties/{key}", json=body | {"tied": tied})
        assert come(app, COLLEAGUE).get(f"/v1/cases/{key}").status_code == status


# --- the settings -----------------------------------------------------------------------------


WHOLE: dict[str, Any] = {
    "professional_standards": ("a|1", "a|2"),
    "professional_standards_on_call": "a|1",
    "duty_supervisors": ("a|3",),
    "seal_confirmers": ("a|4",),
}


@pytest.mark.parametrize("missing", WHOLE)
def test_a_service_over_real_cases_needs_people_for_seals(missing: str) -> None:
    """Without one of the four settings it does not start, and says which one is missing."""
    check_overseers(make_settings(**WHOLE), synthetic=False)
    given = {name: value for name, value in WHOLE.items() if name != missing}
    with pytest.raises(ConfigError, match=missing):
        check_overseers(make_settings(**given), synthetic=False)


def test_who_is_on_call_is_one_of_professional_standards() -> None:
    """Another name is refused at the start, of a synthetic store as well."""
    settings = make_settings(**WHOLE | {"professional_standards_on_call": "a|9"})
    with pytest.raises(ConfigError, match="name one of them"):
        check_overseers(settings, synthetic=True)
    check_overseers(make_settings(), synthetic=True)


def test_one_person_of_professional_standards_is_too_few() -> None:
    """The one could be named in a seal or be a party."""
    settings = make_settings(**WHOLE | {"professional_standards": ("a|1",)})
    with pytest.raises(ConfigError, match="at least 2"):
        check_overseers(settings, synthetic=False)
