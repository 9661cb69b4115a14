"""A party to a case meets it nowhere, whatever their role: the same store without it answers alike.

Covered as in ``test_sealed_worlds``. Not compared: the list of a sitting that a party opens.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.testclient import TestClient

from serving.access.case_sight import find_sight, may_see_case
from serving.access.overseers import Overseers
from serving.access.parties import PartyTie, find_parties, find_party_cases, tie_party
from serving.errors import ServiceError
from serving.lists.sitting_opening import Terms
from serving.persons import ROLES, Person
from serving.store.current_act import Act, acting
from serving.store.database import Store
from serving.store.schema import audit_lines, case_keys, case_parties
from tests.test_serving.access.naming_requests import (
    STILL_PAGES,
    may_ask,
    name_elsewhere,
    opens,
    send_as_new,
)
from tests.test_serving.access.test_rights import OWN, add, keys_about, seal
from tests.test_serving.access.two_worlds import Ask, MakeWorlds, Visitor, Worlds, list_asks, tell
from tests.test_serving.case_rows import NO_SHARES, open_list
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.sent_rows import key_of, make_event, make_fact, send

pytestmark = pytest.mark.long

STANDARDS: Final = "standards"
"""One of professional standards, who has another role as well."""
FIRST = Person("SYN First Standards", "reviewer", "unit")
SECOND = Person(f"SYN {STANDARDS}", "reviewer", "unit")
NAMED = Overseers(frozenset({FIRST.subject, SECOND.subject}))
SETTINGS: Final = {"professional_standards": sorted(NAMED.professional_standards)}
PARTIES = (*ROLES, STANDARDS)
PAIRS_ON = [
    *(("sqlite", role) for role in ("reviewer", "duty", "administrator", "auditor", STANDARDS)),
    ("postgresql", "screener"),
]
"""Roles with the same rights are asked once; a data scientist stores nothing."""
ROLES_ON = [*(("sqlite", role) for role in PARTIES), ("postgresql", "screener")]
"""The rule is the same code for every role; that the other database answers alike is asked once.

Opening a sitting is not compared: its list is the whole unit's, so that its draws are made from
every case. What a party sees of a list that is there is."""


def subject_of(role: str) -> str:
    """Return by what the sign-in knows the person who is entered in a role."""
    return f"local:syn {role}"


def tie(store: Store, key: str, party: str, *, tied: bool = True, person: Person = FIRST) -> None:
    """Tie an account to a case, or undo that, as professional standards would."""
    route = "POST /v1/parties/{case_key}"
    with acting(Act(person, "alteration", route)), store.writing() as writing:
        tie_party(writing, key, person, PartyTie(party, tied, "a partner"), NAMED)


def add_two(store: Store) -> None:
    """Store two cases that everybody sees, with records that the third could be told from."""
    add(store, "A")
    add(store, "B")


def add_tied(store: Store) -> dict[str, str]:
    """Store a third case, linked with the first, and tie somebody of each role to it."""
    key = add(store, "C", kind="strangulation", source="police")
    send(store, {"facts": [make_fact("C-F", "C", value="SYN Somebody")]})
    for role in PARTIES:
        tie(store, key, subject_of(role))
    with acting(Act(FIRST, "consultation", "GET /v1/cases/{key}", case_key=key)):
        store.look()
    return keys_about(store, key)


def add_later(store: Store) -> None:
    """Let the unit go on with the first case."""
    with acting(Act(FIRST, "collection", "POST /v1/records")):
        send(store, {"events": [make_event("A-later", "A", occurred_at="2026-01-05")]})
    with store.reading() as connection:
        every = list(connection.execute(select(case_keys.c.case_key)).scalars())
    with acting(Act(FIRST, "consultation", "GET /v1/cases")):
        store.look(cases=every)
    # Without chance: what is drawn by lot is drawn from every case.
    open_list(store, Terms(shares=NO_SHARES, blind_share=0.0), FIRST)
    with acting(Act(FIRST, "consultation", "GET /v1/cases/{key}", case_key=key_of(store, "A"))):
        store.look()


def make(make_worlds: MakeWorlds) -> tuple[Worlds, dict[str, str], dict[str, str]]:
    """Return two worlds, and what stands for the parts of an address of the own and tied case."""
    worlds = make_worlds(add_two, add_tied, add_later, **SETTINGS)
    with worlds.without.state.service.need_store().reading() as connection:
        key = connection.exec_driver_sql(
            "SELECT case_key FROM case_keys WHERE case_id = 'A'"
        ).scalar_one()
    return worlds, keys_about(worlds.without.state.service.need_store(), key), worlds.made


def enter_party(worlds: Worlds, role: str, **who: Any) -> Visitor:
    """Let somebody who is a party enter both worlds."""
    return worlds.enter("reviewer" if role == STANDARDS else role, name=f"SYN {role}", **who)


@pytest.mark.parametrize(("make_worlds", "role"), ROLES_ON, indirect=["make_worlds"])
def test_a_party_is_answered_as_if_the_case_were_not_there(
    make_worlds: MakeWorlds, role: str
) -> None:
    """Every route, by the keys of the case and of another, and requests that name it elsewhere."""
    worlds, own, tied = make(make_worlds)
    visitor = enter_party(worlds, role)
    asks = list_asks(worlds.without, own, methods=["GET"])
    asks += list_asks(worlds.without, tied)
    asks += name_elsewhere(own["key"], tied) + send_as_new(OWN)
    asks += list_asks(worlds.without, own)
    found = visitor.compare([ask for ask in asks if not opens(ask)])
    assert not found, tell(found)


@pytest.mark.parametrize(("make_worlds", "role"), PAIRS_ON, indirect=["make_worlds"])
def test_no_two_requests_in_a_row_tell_a_party_of_the_case(
    make_worlds: MakeWorlds, role: str
) -> None:
    """After each request that names it, and each act on another case, every page is as without."""
    worlds, own, tied = make(make_worlds)
    visitor, is_standards = enter_party(worlds, role), role == STANDARDS
    firsts = [
        *name_elsewhere(own["key"], tied),
        *list_asks(worlds.without, tied, methods=["POST", "PUT"]),
        *list_asks(worlds.without, own, methods=["POST", "PUT"]),
        *send_as_new(OWN),
    ]
    reads = list_asks(worlds.without, own, methods=["GET"])

    def may(ask: Ask) -> bool:
        return may_ask(ask, "reviewer" if is_standards else role, standards=is_standards)

    found = visitor.compare_pairs(
        [ask for ask in firsts if may(ask) and not opens(ask)],
        [ask for ask in reads if may(ask) and ask.route not in STILL_PAGES],
    )
    assert not found, tell(found)


PAGED = ("cases", "duty", "caseload", "first-reads", "corrections", "sittings", "imports")


@pytest.mark.parametrize("make_worlds", ["sqlite", "postgresql"], indirect=True)
def test_the_next_page_of_every_list_is_as_without_the_case(make_worlds: MakeWorlds) -> None:
    """A cursor made of one page leads to the same next page, and to none where there is none."""
    worlds, _, _ = make(make_worlds)
    for role in ("administrator", "auditor"):
        visitor = enter_party(worlds, role)
        for path in (*(f"/v1/{name}" for name in PAGED), "/v1/audit/lines"):

            def follow(answer: Any, path: str = path) -> Iterator[Ask]:
                cursor = answer.json().get("next_cursor")
                if cursor is not None:
                    yield Ask("GET", path, {"params": {"limit": 1, "cursor": cursor}})

            first = Ask("GET", path, {"params": {"limit": 1}})
            assert visitor.follow(first, follow) == [], path


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock, **SETTINGS)
    yield made
    close_application(made)


def test_professional_standards_alone_tie_an_account(app: FastAPI, store: Store) -> None:
    """They tie and untie it by route and by page; nobody else may, and none learns of a tie."""
    key = add(store, "C")
    standards = enter(app, "reviewer", name=FIRST.name)
    asked = {"party": subject_of("screener"), "why": "a brother"}
    told = standards.post(f"/v1/parties/{key}", json=asked)
    assert (told.status_code, told.json()["has_signed_in"]) == (201, False)
    party = enter(app)
    assert party.get(f"/v1/cases/{key}").status_code == 404
    assert enter(app, "duty").get(f"/v1/cases/{key}").status_code == 200
    for role in ROLES:
        client = enter(app, role, name="SYN Other")
        for method, path in (("GET", "/v1/parties"), ("GET", "/parties"), ("POST", "/parties")):
            assert client.request(method, path).status_code == 403, (role, path)
        assert client.post(f"/v1/parties/{key}", json=asked).status_code == 403
    assert [one["party"] for one in standards.get("/v1/parties").json()["ties"]] == [
        subject_of("screener")
    ]
    assert subject_of("screener") in standards.get("/parties").text
    form = {"case": key, "party": subject_of("screener"), "tied": "no", "why": "a mistake"}
    assert standards.post("/parties", data=form).status_code == 303
    assert party.get(f"/v1/cases/{key}").status_code == 200
    assert standards.get("/v1/parties").json()["ties"] == []


def test_one_of_professional_standards_who_is_a_party_settles_nothing(
    app: FastAPI, store: Store
) -> None:
    """They neither see the tie nor undo it; another of them does both."""
    key = add(store, "C")
    tie(store, key, SECOND.subject)
    party, other = (enter(app, "reviewer", name=one.name) for one in (SECOND, FIRST))
    undo = {"party": SECOND.subject, "tied": False, "why": "a test"}
    assert party.get("/v1/parties").json()["ties"] == []
    assert party.post(f"/v1/parties/{key}", json=undo).json() == (
        party.post(f"/v1/parties/{'z' * 24}", json=undo).json()
    )
    with store.reading() as connection:
        assert find_parties(connection, [key]) == {key: frozenset({SECOND.subject})}
    assert other.post(f"/v1/parties/{key}", json=undo).status_code == 201
    assert party.get(f"/v1/cases/{key}").status_code == 200


def test_a_tie_is_in_the_log_for_all_but_the_party(app: FastAPI, store: Store) -> None:
    """An auditor reads the line of a tie; one whom it ties does not, and not once it is undone."""
    key = add(store, "C")
    standards = enter(app, "reviewer", name=FIRST.name)
    party = {"party": subject_of("auditor"), "why": "a sister"}
    for tied in (True, False):
        standards.post(f"/v1/parties/{key}", json=party | {"tied": tied})
        own = enter(app, "auditor").get("/v1/audit/lines").json()["lines"]
        other = enter(app, "auditor", name="SYN Other").get("/v1/audit/lines").json()["lines"]
        route = "POST /v1/parties/{case_key}"
        assert next(one["case_key"] for one in other if one["route"] == route) == key
        assert route not in [one["route"] for one in own]
        assert key not in str(own) or not tied
        numbers = [one["number"] for one in own]
        assert numbers == list(range(len(numbers), 0, -1)), "numbered without a gap"
    check = enter(app, "auditor").get("/v1/audit/check").json()
    assert check["whole"]


def test_a_tie_holds_whether_the_case_is_sealed_or_not(store: Store) -> None:
    """Somebody whom the seal names does not see it once they are tied; a later row undoes it."""
    key = add(store, "C")
    seal(store, key)
    named = Person("SYN Insider", "reviewer", "police")
    with store.reading() as connection:
        assert may_see_case(connection, named, key)
    tie(store, key, named.subject)
    with store.reading() as connection:
        sight = find_sight(connection, named)
        assert not may_see_case(connection, named, key)
        assert (sight.named, sight.tied) == (frozenset(), frozenset({key}))
        assert find_party_cases(connection, named, [key]) == {key}
    tie(store, key, named.subject, tied=False)
    with store.reading() as connection:
        assert may_see_case(connection, named, key)
        rows = connection.execute(select(func.count()).select_from(case_parties)).scalar_one()
    assert rows == 2


def test_nobody_but_professional_standards_ties_anybody(store: Store) -> None:
    """The rule is in the act itself, below every route."""
    key = add(store, "C")
    with pytest.raises(ServiceError, match="no_such_case"):
        tie(store, key, "local:anybody", person=Person("SYN Anne", "administrator", "police"))
    with pytest.raises(ServiceError, match="no_such_case"):
        tie(store, "z" * 24, "local:anybody")
    with store.reading() as connection:
        lines = connection.execute(
            select(func.count()).select_from(audit_lines).where(audit_lines.c.case_key == key)
        ).scalar_one()
        assert find_parties(connection, [key]) == {}
    tie(store, key, "local:anybody")
    with store.reading() as connection:
        after = connection.execute(
            select(func.count()).select_from(audit_lines).where(audit_lines.c.case_key == key)
        ).scalar_one()
    assert after == lines + 1, "a tie is a line that names its case"


def open_case(client: TestClient, key: str, times: int = 3) -> None:
    """Open a case's page some times."""
    for _ in range(times):
        assert client.get(f"/cases/{key}").status_code == 200


def read_day(client: TestClient, day: str = "2026-02-25") -> list[tuple[str, str, int, int, int]]:
    """Return whose access of a day nothing explains, as professional standards are told."""
    told = client.get("/v1/unexplained-access", params={"day": day}).json()["accesses"]
    return [
        (one["person"]["name"], one["key"], one["n_opened"], one["n_found"], one["n_taken"])
        for one in told
    ]


def test_repeated_opening_without_a_reason_goes_to_professional_standards(
    app: FastAPI, store: Store
) -> None:
    """Three times of opening or finding a case off every list are told; twice are not."""
    keys = [add(store, name) for name in "ABC"]
    client = enter(app, "reviewer")
    open_case(client, keys[0])
    open_case(client, keys[1], 2)
    client.post("/cases/find", data={"number": "B"})
    open_case(client, keys[2], 2)
    standards = enter(app, "screener", name=FIRST.name)
    assert read_day(standards) == sorted(
        [("SYN reviewer", keys[0], 3, 0, 0), ("SYN reviewer", keys[1], 2, 1, 0)],
        key=lambda one: one[1],
    )
    assert keys[0] in standards.get("/unexplained-access", params={"day": "2026-02-25"}).text
    assert read_day(standards, "2026-02-24") == []
    assert client.get("/v1/unexplained-access").status_code == 403
    assert enter(app, "auditor").get("/unexplained-access").status_code == 403


def test_it_is_never_told_to_whom_it_is_about_nor_to_a_party(app: FastAPI, store: Store) -> None:
    """One of professional standards reads nothing of themselves and nothing of their own case."""
    keys = [add(store, name) for name in "AB"]
    first, second = (enter(app, "reviewer", name=one.name) for one in (FIRST, SECOND))
    open_case(first, keys[0])
    open_case(enter(app, "health"), keys[1])
    tie(store, keys[1], SECOND.subject)
    assert read_day(first) == [("SYN health", keys[1], 3, 0, 0)]
    assert read_day(second) == [(FIRST.name, keys[0], 3, 0, 0)]


def test_a_list_place_ownership_or_duty_explains_access(app: FastAPI, store: Store) -> None:
    """Whoever opens a listed case, decided on it or is on duty for its flag is not told."""
    key = add(store, "A")
    standards = enter(app, "reviewer", name=FIRST.name)
    duty, screener = enter(app, "duty"), enter(app)
    open_case(duty, key)
    assert read_day(standards) == [], "on duty for its urgent flag"
    open_case(screener, key)
    assert [one[0] for one in read_day(standards)] == ["SYN screener"]
    assert screener.post("/v1/sittings", json={}).status_code == 201
    assert read_day(standards) == [], "it has a place on a list"


def test_taking_a_case_out_is_told_at_once(app: FastAPI, store: Store) -> None:
    """One export by somebody whose work it is not is told, with the case that it took."""
    key = add(store, "A")
    clerk = Person("SYN Clerk", "administrator", "unit")
    with acting(Act(clerk, "disclosure", "caselight db export")):
        store.look(cases=[key])
    standards = enter(app, "reviewer", name=FIRST.name)
    assert read_day(standards) == [("SYN Clerk", key, 0, 0, 1)]
