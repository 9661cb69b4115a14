"""Acts that need a second person: who may settle one, when, and what is left of it."""

import ast
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select

from serving.access.overseers import NOBODY, Overseers
from serving.api.second_person_acts import ACTS
from serving.confirmations.asking import ActToConfirm, ask
from serving.confirmations.listing import Asker, read_mine
from serving.confirmations.records import (
    Confirmation,
    ConfirmedKind,
    read_confirmation,
    read_waiting,
)
from serving.confirmations.rules import Circumstances, find_objection
from serving.confirmations.settling import SettlementDraft, settle
from serving.errors import ServiceError
from serving.persons import Person
from serving.schemas import Strict
from serving.service import Service
from serving.store.database import Store, Writing, make_key
from serving.store.schema import audit_lines, case_parties, confirmations
from tests.test_serving.access.test_rights import OTHER, OWN, add, seal
from tests.test_serving.acts import ADVOCATE, NURSE, SCREENER, add_case
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text
from tests.test_serving.sent_rows import make_fact, send

pytestmark = pytest.mark.long

WAITS = ConfirmedKind("test_act", "when_confirmed", 24)
AT_ONCE = ConfirmedKind("test_act", "at_once", 24, overseen=True)
AUDITOR = Person("SYN Ada", "auditor", "unit")
STANDARDS = Person("SYN Stella", "screener", "police")
OVERSEERS = Overseers(frozenset({STANDARDS.subject}), STANDARDS.subject)
WHY = "two files of one person"


class Move(Strict):
    """What the act of these tests does."""

    to: str = "SYN elsewhere"


def ask_now(
    store: Store, *keys: str, kind: ConfirmedKind = WAITS, person: Person = SCREENER, **more: Any
) -> Confirmation:
    """Ask for a second person, for an act on some cases."""
    act = ActToConfirm(kind, keys, Move(), WHY, **more)
    with store.writing() as writing:
        return ask(writing, person, act)


def settle_now(
    store: Store,
    key: str,
    person: Person,
    outcome: Any = "confirmed",
    *,
    done: list[str] | None = None,
    overseers: Overseers = NOBODY,
) -> Confirmation:
    """Settle a confirmation; ``done`` is told what followed from it."""

    def carry_out(writing: Writing, one: Confirmation) -> frozenset[str]:
        assert one.settlement is not None
        if done is not None:
            done.append(f"{one.settlement.outcome}: {one.read_content(Move).to}")
        return frozenset(one.cases)

    with store.writing() as writing:
        draft = SettlementDraft(outcome, "I looked at both")
        acts = {"test_act": carry_out}
        return settle(writing, key, person, draft, overseers=overseers, acts=acts).confirmation


def refuse(store: Store, key: str, person: Person, outcome: Any = "confirmed", **more: Any) -> str:
    """Return the code with which a settlement is refused, and check that nothing was kept."""
    done: list[str] = []
    with pytest.raises(ServiceError) as caught:
        settle_now(store, key, person, outcome, done=done, **more)
    assert done == []
    return caught.value.code


def list_mine(
    store: Store, person: Person, overseers: Overseers = NOBODY, **page: Any
) -> list[str]:
    """Return the keys of what waits for a person."""
    with store.reading() as connection:
        asker = Asker(person, overseers, store.clock())
        found = read_mine(connection, asker, **({"size": 50} | page))
    return [one.key for one in found.items]


def tie(store: Store, key: str, person: Person, *, tied: bool = True) -> None:
    """Tie an account to a case, as of somebody who is a party to it."""
    with store.writing() as writing:
        writing.connection.execute(
            insert(case_parties).values(
                tie_key=make_key(),
                case_key=key,
                party=person.subject,
                tied=tied,
                why="a brother",
                tied_at_us=writing.now_us,
                stored_seq=writing.take_seq(),
                **STANDARDS.columns(),
            )
        )


def test_a_second_person_of_another_agency_confirms(store: Store) -> None:
    """What was asked is carried out once, as it was written down, when another agency confirms."""
    key = add_case(store)
    asked = ask_now(store, key)
    assert asked.due_at_us == store.clock() + 24 * 3_600_000_000
    done: list[str] = []
    settled = settle_now(store, asked.key, NURSE, done=done)
    assert done == ["confirmed: SYN elsewhere"]
    assert settled.settlement is not None
    assert (settled.settlement.person, settled.settlement.why) == (NURSE, "I looked at both")
    with store.reading() as connection:
        assert read_confirmation(connection, asked.key) == settled
        assert read_waiting(connection, WAITS) == ()


def test_nobody_confirms_their_own_act(store: Store) -> None:
    """Who asked is refused, under another role and agency of theirs as well."""
    asked = ask_now(store, add_case(store))
    for person in (SCREENER, replace(SCREENER, role="reviewer", agency="health")):
        assert refuse(store, asked.key, person) == "other_person_needed"


def test_nobody_of_the_same_agency_confirms(store: Store) -> None:
    """A colleague of who asked is refused; where the act names an agency, all others are."""
    key = add_case(store)
    colleague = Person("SYN Colleague", "reviewer", "police")
    assert refuse(store, ask_now(store, key).key, colleague) == "other_agency_needed"
    of_health = ask_now(store, key, needed_agency="health")
    assert refuse(store, of_health.key, ADVOCATE) == "other_agency_needed"
    assert settle_now(store, of_health.key, NURSE).settlement is not None


def test_an_agency_that_is_named_may_be_the_askers_own(store: Store) -> None:
    """Where the act needs the record's own agency, a colleague confirms and the asker does not."""
    asked = ask_now(store, add_case(store), needed_agency="police")
    assert refuse(store, asked.key, SCREENER) == "other_person_needed"
    settle_now(store, asked.key, Person("SYN Colleague", "reviewer", "police"))


def test_those_left_out_and_other_roles_are_refused(store: Store) -> None:
    """Whom the act leaves out cannot confirm it, nor can a role that acts on no case."""
    key = add_case(store)
    asked = ask_now(store, key, excluded=[NURSE.subject])
    assert refuse(store, asked.key, NURSE) == "not_yours_to_settle"
    assert refuse(store, asked.key, AUDITOR) == "role_may_not"
    assert list_mine(store, ADVOCATE) == [asked.key]
    assert list_mine(store, NURSE) == list_mine(store, AUDITOR) == list_mine(store, SCREENER) == []


def test_a_party_to_a_case_finds_nothing_to_confirm(store: Store) -> None:
    """For an account that is tied to one of the cases it is not there, until the tie is undone."""
    key, other = add_case(store, "A"), add_case(store, "B")
    asked = ask_now(store, key, other)
    tie(store, other, NURSE)
    assert refuse(store, asked.key, NURSE) == "no_such_confirmation"
    assert list_mine(store, NURSE) == []
    tie(store, other, NURSE, tied=False)
    assert list_mine(store, NURSE) == [asked.key]


def test_a_case_that_holds_ones_own_name_is_not_ones_to_confirm(store: Store) -> None:
    """Where an answer of the case is the person's name, they are taken for a party."""
    key = add_case(store)
    send(store, {"facts": [make_fact("F", name="employer", value=f" {NURSE.name.upper()} ")]})
    asked = ask_now(store, key)
    assert list_mine(store, NURSE) == []
    assert list_mine(store, ADVOCATE) == [asked.key]


def test_a_case_out_of_sight_is_not_ones_to_confirm(store: Store) -> None:
    """Another area's case, a sealed one and no case at all are one: there is nothing to confirm."""
    other, hidden, own = add(store, "B", OTHER), add(store, "C"), add(store, "A")
    seal(store, hidden)
    nurse = replace(NURSE, areas=frozenset({OWN}))
    for keys in ((other,), (hidden,), (own, other), (own, hidden)):
        asked = ask_now(store, *keys)
        assert refuse(store, asked.key, nurse) == "no_such_confirmation"
    assert refuse(store, "s" * 24, nurse) == refuse(store, "x'\0", nurse) == "no_such_confirmation"
    assert list_mine(store, nurse) == []


def test_the_first_settlement_holds(store: Store) -> None:
    """What was confirmed or refused is not settled again, by whomever."""
    key = add_case(store)
    for outcome in ("confirmed", "refused"):
        asked = ask_now(store, key)
        settle_now(store, asked.key, NURSE, outcome)
        assert refuse(store, asked.key, ADVOCATE, "refused") == "already_settled"


def test_of_two_settlements_at_once_one_holds(
    store: Store, open_another: Callable[[], Store]
) -> None:
    """With two servers one person confirms, the other is told, and it is carried out once."""
    asked = ask_now(store, add_case(store))
    done: list[str] = []
    refused: list[str] = []

    def confirm(other: Store, person: Person) -> None:
        try:
            settle_now(other, asked.key, person, done=done)
        except ServiceError as error:
            refused.append(error.code)

    threads = [
        threading.Thread(target=confirm, args=(open_another(), person))
        for person in (NURSE, ADVOCATE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (done, refused) == (["confirmed: SYN elsewhere"], ["already_settled"])


def test_who_asked_may_withdraw_what_waits(store: Store) -> None:
    """Nobody else withdraws it; an act that took effect at once cannot be withdrawn at all."""
    key = add_case(store)
    asked = ask_now(store, key)
    assert refuse(store, asked.key, NURSE, "withdrawn") == "not_the_asker"
    done: list[str] = []
    settle_now(store, asked.key, SCREENER, "withdrawn", done=done)
    assert done == ["withdrawn: SYN elsewhere"]
    at_once = ask_now(store, key, kind=AT_ONCE)
    assert refuse(store, at_once.key, SCREENER, "withdrawn") == "cannot_be_withdrawn"


def test_what_is_overdue_goes_to_those_who_oversee(store: Store, clock: Any) -> None:
    """After its time the auditor and professional standards settle it, and nobody before them."""
    key = add_case(store)
    asked = ask_now(store, key, kind=AT_ONCE, only=[NURSE.subject])
    colleague = Person("SYN Colleague", "reviewer", "health")
    for person in (AUDITOR, STANDARDS, colleague):
        assert list_mine(store, person, OVERSEERS) == []
    clock.pass_days(1.01)
    assert list_mine(store, AUDITOR, OVERSEERS) == [asked.key]
    assert list_mine(store, STANDARDS, OVERSEERS) == [asked.key]
    assert list_mine(store, colleague, OVERSEERS) == []
    assert list_mine(store, replace(AUDITOR, areas=frozenset({OWN})), OVERSEERS) == []
    assert list_mine(store, STANDARDS) == [], "nobody names them here"
    tie(store, key, STANDARDS)
    assert refuse(store, asked.key, STANDARDS, overseers=OVERSEERS) == "no_such_confirmation"
    settle_now(store, asked.key, AUDITOR, overseers=OVERSEERS)


def test_of_a_restricted_act_only_those_called_learn(store: Store) -> None:
    """Where the act says who alone may settle it, it is not there for others of their agency."""
    key = add_case(store)
    asked = ask_now(store, key, only=[NURSE.subject])
    assert list_mine(store, NURSE) == [asked.key]
    assert refuse(store, asked.key, ADVOCATE) == "no_such_confirmation"


def test_the_rule_leaves_no_way_around_it() -> None:
    """Of all combinations only another person of another agency, called and no party, may."""
    one = Confirmation(
        "k", "test_act", "at_once", ("c",), {}, SCREENER, WHY, 0, 10, ("screener",), True,
        None, frozenset({"local:left out"}), None, 1,
    )  # fmt: skip
    people = [
        Person(name, role, agency)
        for name in (SCREENER.name, "left out", "SYN other")
        for role in ("screener", "auditor")
        for agency in ("police", "health")
    ]
    may = set()
    for person, sees, party, oversees, now_us in itertools.product(
        people, (True, False), (True, False), (True, False), (5, 11)
    ):
        around = Circumstances(sees, party, oversees, now_us)
        if find_objection(one, person, around) is None:
            assert person.name == "SYN other"
            assert not party
            may.add((person.role, person.agency, sees, oversees, now_us))
    late = {
        (role, agency, sees, True, 11)
        for role in ("screener", "auditor")
        for agency in ("police", "health")
        for sees in (True, False)
    }
    ordinary = {
        ("screener", "health", True, oversees, now_us)
        for oversees in (True, False)
        for now_us in (5, 11)
    }
    assert may == late | ordinary


def test_asking_and_settling_are_lines_of_the_audit_log_that_name_the_cases(store: Store) -> None:
    """One case by its key, several in a list: for the question and for the answer alike."""
    keys = sorted([add_case(store, "A"), add_case(store, "B")])
    one, several = ask_now(store, keys[0]), ask_now(store, *keys)
    settle_now(store, one.key, NURSE)
    settle_now(store, several.key, NURSE, "refused")
    with store.reading() as connection:
        query = select(audit_lines.c.case_key, audit_lines.c.cases).where(
            audit_lines.c.book == "changes", audit_lines.c.first_seq >= one.stored_seq
        )
        lines = [tuple(row) for row in connection.execute(query.order_by(audit_lines.c.number))]
    assert lines == [(keys[0], None), (None, keys), (keys[0], None), (None, keys)]


@pytest.mark.parametrize("why", ["", "  ", "x" * 2_001, "a\0b", "a\ud800"])
def test_a_reason_is_needed(store: Store, why: str) -> None:
    """Nothing is asked for without a reason that can be stored and read."""
    key = add_case(store)
    with pytest.raises(ServiceError) as caught, store.writing() as writing:
        ask(writing, SCREENER, ActToConfirm(WAITS, (key,), Move(), why))
    assert [one.where for one in caught.value.body.problems] == ["why"]
    with store.reading() as connection:
        assert connection.execute(select(confirmations)).all() == []


def test_a_content_of_another_form_is_an_error(store: Store) -> None:
    """What was asked for is read in the form in which it was written, or not at all."""

    class Other(Strict):
        """Another act."""

        area: str

    asked = ask_now(store, add_case(store))
    assert asked.read_content(Move) == Move()
    with pytest.raises(ValueError, match="no Other"):
        asked.read_content(Other)


def test_what_waits_is_read_a_page_at_a_time(store: Store) -> None:
    """Every one comes once, the oldest first; a cursor of another person's leads nowhere."""
    key = add_case(store)
    asked = [ask_now(store, key).key for _ in range(5)]
    hidden = ask_now(store, key, only=[ADVOCATE.subject]).key
    pages = []
    cursor = None
    with store.reading() as connection:
        asker = Asker(NURSE, NOBODY, store.clock())
        while True:
            page = read_mine(connection, asker, size=2, cursor=cursor)
            pages.append([one.key for one in page.items])
            cursor = page.next_cursor
            if cursor is None:
                break
        assert pages == [asked[:2], asked[2:4], asked[4:]]
        for wrong in (hidden, "s" * 24, "no key"):
            with pytest.raises(ServiceError) as caught:
                read_mine(connection, asker, size=2, cursor=wrong)
            assert caught.value.code == "bad_cursor"


# --- over HTTP --------------------------------------------------------------------------------


@pytest.fixture
def app(store: Store, address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    """Return the application over the test's store, with an act that does nothing further."""

    def carry_out(service: Service, writing: Writing, one: Confirmation) -> frozenset[str]:
        return frozenset()

    monkeypatch.setitem(ACTS, "test_act", carry_out)
    made = make_application(address, store.clock, professional_standards=(STANDARDS.subject,))
    yield made
    close_application(made)


def test_what_waits_is_settled_over_http(app: FastAPI, store: Store) -> None:
    """A person of another agency finds the act, with who asked and why, and confirms it."""
    key = add_case(store)
    asked = ask_now(store, key)
    nurse = enter(app, "health", name=NURSE.name, agency="health")
    (told,) = nurse.get("/v1/confirmations").json()["confirmations"]
    assert told == {
        "confirmation_key": asked.key,
        "kind": "test_act",
        "effect": "when_confirmed",
        "cases": [key],
        "n_cases": 1,
        "content": {"to": "SYN elsewhere"},
        "person": {"name": SCREENER.name, "role": "screener", "agency": "police"},
        "why": WHY,
        "asked_at": "2026-02-25 06:13:20+00:00",
        "due_at": "2026-02-26 06:13:20+00:00",
        "needed_agency": None,
        "overdue": False,
    }
    body = {"outcome": "confirmed", "why": "seen"}
    own = enter(app, "screener", name=SCREENER.name)
    assert own.get("/v1/confirmations").json()["confirmations"] == []
    refused = own.post(f"/v1/confirmations/{asked.key}", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "other_person_needed")
    answer = nurse.post(f"/v1/confirmations/{asked.key}", json=body)
    assert answer.status_code == 201
    assert answer.json()["outcome"] == "confirmed"
    assert nurse.post(f"/v1/confirmations/{asked.key}", json=body).status_code == 409
    assert nurse.post(f"/v1/confirmations/{'s' * 24}", json=body).status_code == 404


def test_an_act_of_which_nobody_says_what_it_does_is_not_settled(
    app: FastAPI, store: Store
) -> None:
    """Where the table of acts lacks the kind, settling is an internal error and is not kept."""
    asked = ask_now(store, add_case(store), kind=replace(WAITS, name="unheard_of"))
    nurse = enter(app, "health", name=NURSE.name, agency="health")
    body = {"outcome": "confirmed", "why": "seen"}
    assert nurse.post(f"/v1/confirmations/{asked.key}", json=body).status_code == 500
    assert list_mine(store, NURSE) == [asked.key]


def test_every_kind_of_act_has_something_that_follows() -> None:
    """The table of acts has each kind that is asked for anywhere in the service, and no other."""
    named = {
        ast.literal_eval(node.args[0])
        for path in (Path(__file__).resolve().parents[3] / "serving").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ConfirmedKind"
    }
    assert "seal" in named
    assert named == set(ACTS)


def test_what_waits_is_settled_on_its_page(app: FastAPI, store: Store) -> None:
    """The page shows who asked, why and what; without a reason it says so and keeps the choice."""
    asked = ask_now(store, add_case(store))
    nurse = enter(app, "health", name=NURSE.name, agency="health")
    text = read_text(nurse.get("/confirmations").text)
    for words in ("Test act", f"Asked by {SCREENER.name}", WHY, "SYN elsewhere"):
        assert words in text
    place = f"/confirmations/{asked.key}"
    missing = nurse.post(place, data={"outcome": "refused"}, headers={"accept": "text/html"})
    assert missing.status_code == 422
    assert "No reason was given" in read_text(missing.text)
    assert 'value="refused" checked' in missing.text
    done = nurse.post(place, data={"outcome": "refused", "why": "they are two people"})
    assert (done.status_code, done.headers["location"]) == (303, "/confirmations")
    assert "Nothing in any area waits for you" in read_text(nurse.get("/confirmations").text)
    assert 'href="/confirmations"' in nurse.get("/urgent").text
    assert 'href="/confirmations"' in nurse.get("/caseload").text


def test_professional_standards_come_in_whatever_their_role(app: FastAPI, store: Store) -> None:
    """A data scientist may not ask what waits, unless professional standards are theirs."""
    other = enter(app, "data_scientist", name="SYN Dora")
    assert other.get("/v1/confirmations").status_code == 403
    standards = enter(app, "data_scientist", name=STANDARDS.name)
    assert standards.get("/v1/confirmations").status_code == 200
