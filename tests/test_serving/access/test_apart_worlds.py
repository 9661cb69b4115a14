"""A record that one agency keeps to itself and none are one thing to others: the store without it.

Covered as in ``test_sealed_worlds``: every route for every role, and two requests in a row. The
people of the record's own agency see it and are not compared. Exceptions, each by its name:
``OVERSEEN`` for an auditor, who reads the log of every act.
"""

from typing import Any, Final

import pytest

from serving.access.roles import DECIDERS
from serving.intake.chunks import Chunk, take_at_once
from serving.intake.mandates import Sender
from serving.intake.row_lines import make_raw_row, normalise_rows
from serving.lists.sitting_opening import Terms
from serving.persons import ROLES, Person
from serving.standing.standings import StandingRules
from serving.store.database import Store
from tests.test_serving.access.naming_requests import STILL_PAGES, may_ask, send_rows
from tests.test_serving.access.test_rights import INSIDER, add, keys_about
from tests.test_serving.access.test_sealed_worlds import OVERSEEN
from tests.test_serving.access.two_worlds import Ask, LeaveOut, MakeWorlds, Worlds, list_asks, tell
from tests.test_serving.acts import ADVOCATE, NURSE
from tests.test_serving.case_rows import NO_SHARES, open_list
from tests.test_serving.sent_rows import CLOCK, key_of, make_event, send

pytestmark = pytest.mark.long

ON: Final = [*(("sqlite", one) for one in ROLES), ("postgresql", "screener")]
"""The rule is the same code for every role; that the other database answers alike is asked once."""
PAIRS_ON: Final = [("sqlite", "duty"), ("sqlite", "administrator"), ("postgresql", "reviewer")]
EXCEPTIONS: Final[dict[str, LeaveOut]] = {"auditor": OVERSEEN}


def add_two(store: Store) -> None:
    """Store two cases with a score of each, which everybody sees, and open a list."""
    add(store, "A")
    add(store, "B")
    open_list(store, Terms(shares=NO_SHARES, blind_share=0.0), INSIDER)


def take(store: Store, person: Person, *rows: dict[str, Any]) -> None:
    """Send events in one request, as somebody would."""
    raw = [make_raw_row(number, "events", row) for number, row in enumerate(rows, 1)]
    chunk = Chunk(1, len(raw), normalise_rows(raw, CLOCK))
    unit, rules = store.read_unit(), StandingRules()
    taken = take_at_once(store, Sender(person), chunk, unit, rules, "d" * 64, may_turn=False)
    assert taken.imported.added == len(rows)


def add_apart(store: Store) -> None:
    """Send records of both cases that health and advocacy keep to themselves, serious ones."""
    serious = {"kind": "strangulation", "narrative": "SYN words"}
    take(store, NURSE, make_event("A-H", "A", source="health", **serious))
    take(
        store,
        ADVOCATE,
        make_event("A-O", "A", source="advocacy", handling="agency_only", **serious),
        make_event("B-O", "B", source="advocacy", handling="agency_only", **serious),
    )
    take(
        store,
        ADVOCATE,
        make_event("B-O2", "B", source="advocacy", handling="agency_only", supersedes="B-O"),
    )


def go_on(store: Store) -> None:
    """Let the unit go on with the second case."""
    send(store, {"events": [make_event("B-later", "B", occurred_at="2026-01-05")]})


def make(make_worlds: MakeWorlds) -> tuple[Worlds, dict[str, str]]:
    """Return two worlds, and what stands for the parts of an address of the case."""
    worlds = make_worlds(add_two, add_apart, go_on)
    store = worlds.without.state.service.need_store()
    return worlds, keys_about(store, key_of(store, "A"))


def name_records(own: str) -> list[Ask]:
    """Return requests that name the records by number."""
    asks = [
        send_rows(f"a correction of {one}", events=[make_event(f"own-{one}", "A", supersedes=one)])
        for one in ("A-H", "A-O")
    ]
    asks += [
        send_rows(
            f"a withdrawal of {one}",
            events=[make_event(f"gone-{one}", "A", kind="retracted", supersedes=one)],
        )
        for one in ("A-H", "A-O")
    ]
    for one in ("A-H", "A-O"):
        asked = {"table": "events", "record_id": one, "why": "a test"}
        asks.append(Ask("POST", f"/v1/cases/{own}/corrections", {"json": asked}))
        split = {"case_id": "new", "events": [one], "facts": [], "why": "a test"}
        asks.append(Ask("POST", f"/v1/cases/{own}/split", {"json": split}))
    for one in ("A-H", "A-O", "health//A-H", "advocacy//A-O"):
        asks.append(send_rows(f"a new record of {one}", events=[make_event(one, "A")]))
        other = make_event(one, "A", narrative="SYN another")
        asks.append(send_rows(f"another record of {one}", events=[other]))
        asks.append(
            send_rows(
                f"a correction of one's own {one}",
                events=[make_event(f"later-{one}", "A", supersedes=one)],
            )
        )
    asks.append(send_rows("its number elsewhere", events=[make_event("A-H", "B")]))
    return asks


@pytest.mark.parametrize(("make_worlds", "role"), ON, indirect=["make_worlds"])
def test_a_record_kept_apart_is_answered_as_none(make_worlds: MakeWorlds, role: str) -> None:
    """Every route, by the keys of its case, and requests that name it by its number."""
    worlds, own = make(make_worlds)
    asks = list_asks(worlds.without, own, methods=["GET"])
    asks += name_records(own["key"]) + list_asks(worlds.without, own)
    visitor = worlds.enter(role)
    found = visitor.compare(asks, leave_out=EXCEPTIONS.get(role, {}))
    assert not found, tell(found)


@pytest.mark.parametrize(("make_worlds", "role"), PAIRS_ON, indirect=["make_worlds"])
def test_no_two_requests_in_a_row_tell_of_a_record_kept_apart(
    make_worlds: MakeWorlds, role: str
) -> None:
    """After each request that names it, and each act on its case, every page is as without."""
    worlds, own = make(make_worlds)
    firsts = name_records(own["key"]) + list_asks(worlds.without, own, methods=["POST", "PUT"])
    reads = [
        ask
        for ask in list_asks(worlds.without, own, methods=["GET"])
        if may_ask(ask, role) and ask.route not in STILL_PAGES
    ]
    found = worlds.enter(role).compare_pairs([ask for ask in firsts if may_ask(ask, role)], reads)
    assert not found, tell(found)


def test_its_own_agency_is_told_of_it(make_worlds: MakeWorlds) -> None:
    """The comparison finds the record for the people whose agency keeps it: they see it."""
    worlds, own = make(make_worlds)
    visitor = worlds.enter(DECIDERS[0], agency="advocacy")
    ask = Ask("GET", f"/v1/cases/{own['key']}")
    assert [one.where for one in visitor.compare([ask])] == ["body"]
