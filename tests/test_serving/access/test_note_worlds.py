"""Notes in two worlds: every output for every role, with them and without.

What an agency keeps to itself is answered as none anywhere. What everybody may see is told on the
case itself and by its notes, and in no list, file, pack, message or search.
"""

from typing import Final

import pytest

from serving.decisions.case_notes import CaseNoteIn, add_note
from serving.lists.sitting_opening import Terms
from serving.persons import ROLES, Person
from serving.store.current_act import Act, acting
from serving.store.database import Store
from tests.test_serving.access.test_apart_worlds import EXCEPTIONS
from tests.test_serving.access.test_rights import INSIDER, add, keys_about
from tests.test_serving.access.test_sealed_worlds import OVERSEEN
from tests.test_serving.access.two_worlds import Ask, MakeWorlds, list_asks, tell
from tests.test_serving.acts import ADVOCATE, NURSE
from tests.test_serving.case_rows import NO_SHARES, open_list
from tests.test_serving.decisions.test_case_notes import CALL, TODAY
from tests.test_serving.sent_rows import key_of, make_event, send

pytestmark = pytest.mark.long

ON: Final = [*(("sqlite", one) for one in ROLES), ("postgresql", "screener")]
TOLD_BY: Final = ("GET /cases/{key}", "GET /v1/cases/{key}/notes", "POST /cases/{key}/")
"""Where what everybody may see is told: the case's page, which a refused form shows again, and its
notes."""


def add_two(store: Store) -> None:
    """Store two cases and open a list."""
    add(store, "A")
    add(store, "B")
    open_list(store, Terms(shares=NO_SHARES, blind_share=0.0), INSIDER)


def write_all(store: Store, person: Person, handling: str) -> None:
    """Write an entry of each kind on both cases."""
    for case_id in ("A", "B"):
        key = key_of(store, case_id)
        act = Act(person, "alteration", "POST /v1/cases/{key}/notes", case_key=key)
        for said in ({}, CALL, {"kind": "wish", "wish": "no_contact"}):
            note = CaseNoteIn.model_validate({"words": "SYN apart", "handling": handling} | said)
            with acting(act), store.writing() as writing:
                add_note(writing, key, person, note, TODAY)


def add_apart(store: Store) -> None:
    """Write what advocacy and health keep to themselves."""
    write_all(store, ADVOCATE, "agency_only")
    write_all(store, NURSE, "unit")


def add_open(store: Store) -> None:
    """Write what everybody may see."""
    write_all(store, ADVOCATE, "unit")
    write_all(store, ADVOCATE, "not_for_disclosure")


def go_on(store: Store) -> None:
    """Let the unit go on with the second case."""
    send(store, {"events": [make_event("B-later", "B", occurred_at="2026-01-05")]})


def list_searches() -> list[Ask]:
    """Return searches for what the entries say, and for the cases."""
    words = ("SYN apart", "no_contact", "A")
    found = [Ask("POST", "/cases/find", {"data": {"number": one}}, "/cases/find") for one in words]
    return found + [
        Ask("POST", "/v1/case-searches", {"json": {"reference": one}}, "/v1/case-searches")
        for one in words
    ]


@pytest.mark.parametrize(("make_worlds", "role"), ON, indirect=["make_worlds"])
def test_an_entry_kept_apart_is_in_no_output(make_worlds: MakeWorlds, role: str) -> None:
    """Every route, for people of another agency, answers to the byte as if there were none."""
    worlds = make_worlds(add_two, add_apart, go_on)
    store = worlds.without.state.service.need_store()
    asks = list_asks(worlds.without, keys_about(store, key_of(store, "A"))) + list_searches()
    found = worlds.enter(role).compare(asks, leave_out=EXCEPTIONS.get(role, {}))
    assert not found, tell(found)


@pytest.mark.parametrize(("make_worlds", "role"), ON, indirect=["make_worlds"])
def test_an_entry_that_all_may_see_is_on_the_case_alone(make_worlds: MakeWorlds, role: str) -> None:
    """No list, file, pack, digest, count or search differs by it: the case's page and its notes
    do.
    """
    worlds = make_worlds(add_two, add_open, go_on)
    store = worlds.without.state.service.need_store()
    asks = list_asks(worlds.without, keys_about(store, key_of(store, "A"))) + list_searches()
    found = worlds.enter(role).compare(asks, leave_out=OVERSEEN if role == "auditor" else {})
    elsewhere = [one for one in found if not one.ask.startswith(TOLD_BY)]
    assert not elsewhere, tell(elsewhere)
    assert bool(found) == (role != "data_scientist")


def test_its_own_agency_is_told_of_it(make_worlds: MakeWorlds) -> None:
    """The comparison finds the entry for the people whose agency keeps it."""
    worlds = make_worlds(add_two, add_apart, go_on)
    key = key_of(worlds.without.state.service.need_store(), "A")
    visitor = worlds.enter("reviewer", agency="advocacy")
    asks = [Ask("GET", f"/v1/cases/{key}/notes"), Ask("GET", f"/cases/{key}")]
    assert {one.where for one in visitor.compare(asks)} == {"body"}
    assert len(visitor.compare(asks)) == 2
