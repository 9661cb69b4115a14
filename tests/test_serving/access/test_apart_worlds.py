"""Explore."""

import pytest

from serving.intake.chunks import Chunk, take_at_once
from serving.intake.mandates import Sender
from serving.intake.row_lines import make_raw_row, normalise_rows
from serving.persons import ROLES
from serving.standing.standings import StandingRules
from serving.store.database import Store
from tests.test_serving.access.test_parties import add_later, add_two
from tests.test_serving.access.test_rights import keys_about
from tests.test_serving.access.two_worlds import Ask, MakeWorlds, list_asks, tell
from tests.test_serving.acts import ADVOCATE, NURSE
from tests.test_serving.sent_rows import CLOCK, key_of, make_event, send


def add_apart(store: Store) -> None:
    send(
        store,
        {"events": [make_event("A-H", "A", source="health", kind="strangulation", narrative="x")]},
    )
    for n, (person, more) in enumerate(
        [
            (NURSE, {"source": "health"}),
            (ADVOCATE, {"source": "advocacy", "handling": "agency_only"}),
        ]
    ):
        raw = [make_raw_row(1, "events", make_event(f"A-{n}", "A", **more))]
        chunk = Chunk(1, len(raw), normalise_rows(raw, CLOCK))
        taken = take_at_once(
            store,
            Sender(person),
            chunk,
            store.read_unit(),
            StandingRules(),
            "d" * 64,
            may_turn=False,
        )
        assert taken.imported.added == 1


@pytest.mark.parametrize("make_worlds", ["sqlite"], indirect=["make_worlds"])
@pytest.mark.parametrize("role", [*ROLES])
def test_single(make_worlds: MakeWorlds, role: str) -> None:
    worlds = make_worlds(add_two, add_apart, add_later)
    store = worlds.without.state.service.need_store()
    own = keys_about(store, key_of(store, "A"))
    visitor = worlds.enter(role)
    event = {
        "kind": "contact",
        "occurred_at": "2026-01-01",
        "recorded_at": "2026-01-02",
        "case_id": "A",
    }

    def ev(**m):
        return Ask("POST", "/v1/records", {"json": {"events": [event | m]}}, "/v1/records")

    asks = list_asks(worlds.without, own, methods=["GET"])
    asks += [ev(event_id="n1", supersedes="A-H"), ev(event_id="n2", supersedes="A-0")]
    asks += list_asks(worlds.without, own)
    found = visitor.compare(asks)
    assert not found, tell(found)
