"""A sealed case and none are one thing to everybody but those named: the same store without it.

Covered: every route of the application, for every role, by the keys of a visible case and by those
of the sealed one, and requests that name it elsewhere; and every probe of two requests in a row:
each request that names it and each act on the visible case, and after it every answer that the role
may read, pages once more after all acts (:meth:`Visitor.compare_pairs` says which are asked again
when). Roles with the same rights are asked for pairs once. How long an answer takes is not
compared.

Exceptions, each by its name: ``OVERSEEN`` for an auditor and for one of professional standards,
``SUPERVISED`` for a duty supervisor, and that professional standards tie people to sealed cases.
"""

from collections.abc import Mapping
from typing import Final

import pytest

from serving.lists.sitting_opening import Terms
from serving.persons import ROLES
from serving.store.current_act import Act, acting
from serving.store.database import Store
from tests.test_serving.access.naming_requests import (
    STILL_PAGES,
    may_ask,
    name_elsewhere,
    send_as_new,
)
from tests.test_serving.access.test_rights import INSIDER, OWN, add, keys_about, seal
from tests.test_serving.access.two_worlds import (
    LeaveOut,
    MakeWorlds,
    Visitor,
    Worlds,
    list_asks,
    tell,
)
from tests.test_serving.acts import decide_now, write
from tests.test_serving.case_rows import NO_SHARES, open_list
from tests.test_serving.sent_rows import key_of, make_event, make_fact, make_link, send

pytestmark = pytest.mark.long

STANDARDS: Final = "standards"
SUPERVISOR: Final = "supervisor"
VISITORS: Final = {one: one for one in ROLES} | {STANDARDS: "reviewer", SUPERVISOR: "duty"}
"""Who enters, and in which role: every role, one of professional standards, a duty supervisor."""
SETTINGS: Final = {
    "professional_standards": ["local:syn standards", "local:syn other"],
    "duty_supervisors": ["local:syn supervisor"],
}
ON: Final = [*(("sqlite", one) for one in VISITORS), ("postgresql", "administrator")]
"""The rule is the same code for every role; that the other database answers alike is asked once."""
PAIRS_ON: Final = [
    *(("sqlite", one) for one in ("reviewer", "duty", "administrator", "auditor")),
    ("postgresql", "screener"),
]
"""A screener and a health professional have the rights of a reviewer but for one page; a data
scientist stores nothing."""


def _hide(body: bytes) -> bytes:
    """Leave an answer out: it tells those who oversee seals that there is one."""
    return b""


OVERSEEN: Final[LeaveOut] = dict.fromkeys(
    (
        "GET /seals", "GET /v1/seals", "GET /oversight", "GET /v1/audit/lines",
        "POST /oversight", "POST /v1/audit/lines",
        "GET /v1/audit/unusual", "GET /v1/audit/check", "GET /v1/cases/{key}/looks",
        "GET /unexplained-access", "GET /v1/unexplained-access", "GET /confirmations",
        "GET /v1/confirmations",
    ),
    _hide,
)  # fmt: skip
SUPERVISED: Final[LeaveOut] = dict.fromkeys(("GET /sealed-flags", "GET /v1/sealed-flags"), _hide)
EXCEPTIONS: Final[Mapping[str, LeaveOut]] = {
    "auditor": OVERSEEN,
    STANDARDS: {**OVERSEEN, **SUPERVISED},
    SUPERVISOR: SUPERVISED,
}


def add_two(store: Store) -> None:
    """Store two cases that everybody sees."""
    add(store, "A")
    add(store, "B")


def add_sealed(store: Store) -> dict[str, str]:
    """Store a third case that was decided on, looked at and linked, and seal it."""
    key = add(store, "C", kind="strangulation", source="police")
    send(
        store,
        {
            "events": [make_event("C-O", "C", kind="opened"), make_event("C-2", "C")],
            "facts": [make_fact("C-F", "C", value="SYN Somebody")],
            "links": [make_link("C-A", "C", "A")],
        },
    )
    dealt_with = {"flag": "new_strangulation", "record_id": "C-E"}
    decide_now(store, key, write(discharges=[dealt_with]), person=INSIDER)
    with acting(Act(INSIDER, "consultation", "GET /v1/cases/{key}", case_key=key)):
        store.look()
    seal(store, key)
    return keys_about(store, key)


def add_later(store: Store) -> None:
    """Let the unit go on: a record, a list that holds each case, a look."""
    send(store, {"events": [make_event("A-later", "A", occurred_at="2026-01-05")]})
    # Without chance, so that the two lists can be compared.
    open_list(store, Terms(shares=NO_SHARES, blind_share=0.0), INSIDER)
    own = key_of(store, "A")
    with acting(Act(INSIDER, "consultation", "GET /v1/cases/{key}", case_key=own)):
        store.look()


def make(make_worlds: MakeWorlds) -> tuple[Worlds, dict[str, str], dict[str, str]]:
    """Return two worlds, and what stands for the parts of an address of the own and hidden case."""
    worlds = make_worlds(add_two, add_sealed, add_later, **SETTINGS)
    store = worlds.without.state.service.need_store()
    return worlds, keys_about(store, key_of(store, "A")), worlds.made


def enter_as(worlds: Worlds, who: str) -> Visitor:
    """Let one of ``VISITORS`` enter both worlds."""
    return worlds.enter(VISITORS[who], name=f"SYN {who}")


@pytest.mark.parametrize(("make_worlds", "who"), ON, indirect=["make_worlds"])
def test_a_sealed_case_is_answered_as_none(make_worlds: MakeWorlds, who: str) -> None:
    """Every route, by the keys of the case and of another, and requests that name it elsewhere."""
    worlds, own, hidden = make(make_worlds)
    asks = list_asks(worlds.without, own, methods=["GET"])
    asks += list_asks(worlds.without, hidden)
    asks += name_elsewhere(own["key"], hidden) + send_as_new(OWN)
    asks += list_asks(worlds.without, own)
    if who == STANDARDS:
        asks = [ask for ask in asks if "/parties" not in ask.path]
    visitor = enter_as(worlds, who)
    found = visitor.compare(asks, leave_out=EXCEPTIONS.get(who, {}))
    assert not found, tell(found)


@pytest.mark.parametrize(("make_worlds", "who"), PAIRS_ON, indirect=["make_worlds"])
def test_no_two_requests_in_a_row_tell_of_a_sealed_case(make_worlds: MakeWorlds, who: str) -> None:
    """After each request that names it, and each act on another case, every page is as without."""
    worlds, own, hidden = make(make_worlds)
    visitor, role = enter_as(worlds, who), VISITORS[who]
    firsts = [
        *name_elsewhere(own["key"], hidden),
        *list_asks(worlds.without, hidden, methods=["POST", "PUT"]),
        *list_asks(worlds.without, own, methods=["POST", "PUT"]),
        *send_as_new(OWN),
    ]
    reads = [
        ask
        for ask in list_asks(worlds.without, own, methods=["GET"])
        if ask.route not in STILL_PAGES and may_ask(ask, role)
    ]
    found = visitor.compare_pairs(
        [ask for ask in firsts if may_ask(ask, role)], reads, leave_out=EXCEPTIONS.get(who, {})
    )
    assert not found, tell(found)
