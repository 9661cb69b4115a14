"""A record that an agency keeps to itself has a number that no other agency can use or test."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from serving.store.database import Store
from tests.test_serving.entered import close_application, make_application
from tests.test_serving.intake.test_bound_writing import (
    ADVOCATE,
    LATER,
    NURSE,
    OFFICER,
    in_force,
    post,
    read_case,
    records_of,
)
from tests.test_serving.sent_rows import key_of, make_case, make_event, send

COUNTS = ("added", "repeats", "conflicts", "rejects")


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store, with one case in it."""
    send(store, {"cases": [make_case("A", area="Halton")]})
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def count(told: dict[str, Any]) -> tuple[int, ...]:
    """Return how many rows were added, repeats, conflicts and other rejects."""
    return tuple(told[name] for name in COUNTS)


@pytest.mark.parametrize("number", ["N1", "X1"])
def test_the_number_of_a_record_kept_apart_is_free_to_others(
    app: FastAPI, store: Store, number: str
) -> None:
    """The police's own N1 is stored as any other, and a second, other N1 contradicts the first."""
    post(app, NURSE, events=[make_event("N1", source="health", narrative="SYN words")])
    own = make_event(number, source="police")
    assert count(post(app, OFFICER, events=[own])) == (1, 0, 0, 0)
    assert count(post(app, OFFICER, events=[own])) == (0, 1, 0, 0)
    assert count(post(app, OFFICER, events=[own | {"kind": "threat"}])) == (0, 0, 1, 0)
    key = key_of(store, "A")
    assert number in records_of(read_case(app, OFFICER, key))
    assert {number, "health//N1"} <= in_force(app, NURSE, key)


def test_its_agency_goes_on_with_its_own_number(app: FastAPI, store: Store) -> None:
    """Sent again it is a repeat, sent otherwise a conflict, and a correction finds it."""
    row = make_event("N1", source="health", kind="violence")
    assert count(post(app, NURSE, events=[row])) == (1, 0, 0, 0)
    assert count(post(app, NURSE, events=[row])) == (0, 1, 0, 0)
    assert count(post(app, NURSE, events=[row | {"event_id": "health//N1"}])) == (0, 1, 0, 0)
    assert count(post(app, NURSE, events=[row | {"kind": "contact"}])) == (0, 0, 1, 0)
    later = row | {"event_id": "N2", "supersedes": "N1", "recorded_at": LATER, "value": 5.0}
    assert count(post(app, NURSE, events=[later])) == (1, 0, 0, 0)
    found = in_force(app, NURSE, key_of(store, "A"))
    assert "health//N2" in found
    assert "health//N1" not in found


def test_two_agencies_keep_the_same_number_apart(app: FastAPI, store: Store) -> None:
    """Each sees its own record, and neither learns of the other's."""
    for who, source in ((NURSE, "health"), (ADVOCATE, "advocacy")):
        row = make_event("N1", source=source, handling="agency_only")
        assert count(post(app, who, events=[row])) == (1, 0, 0, 0)
    key = key_of(store, "A")
    numbers = {"health//N1", "advocacy//N1"}
    assert numbers & set(records_of(read_case(app, NURSE, key))) == {"health//N1"}
    assert numbers & set(records_of(read_case(app, ADVOCATE, key))) == {"advocacy//N1"}
    assert not numbers & set(records_of(read_case(app, OFFICER, key)))


def test_a_correction_and_its_record_come_together(app: FastAPI, store: Store) -> None:
    """In one request, in whatever order, a correction names the record by the agency's number."""
    first = make_event("N1", "A", source="health", kind="violence")
    later = first | {"event_id": "N2", "supersedes": "N1", "recorded_at": LATER}
    assert count(post(app, NURSE, events=[later, first])) == (2, 0, 0, 0)
    found = in_force(app, NURSE, key_of(store, "A"))
    assert "health//N2" in found
    assert "health//N1" not in found


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("number", ["health//N1", "advocacy//N1", "police//N1"])
def test_nobody_else_uses_such_a_number(
    app: FastAPI, store: Store, number: str, *, stored: bool
) -> None:
    """A record that all may see is refused under one, whether or not there is a record of it."""
    if stored:
        post(app, NURSE, events=[make_event("N1", source="health")])
    told = post(app, OFFICER, events=[make_event(number, source="police")])
    assert count(told) == (0, 0, 0, 1)
    assert [(one["where"], one["code"]) for one in told["not_taken"]] == [
        ("events[0].event_id", "reserved_number")
    ]


def test_an_agency_that_shared_a_record_must_correct_it(app: FastAPI, store: Store) -> None:
    """Sent again as kept apart, without a correction, it contradicts what everybody sees."""
    row = make_event("N1", source="police")
    post(app, OFFICER, events=[row])
    again = row | {"handling": "agency_only"}
    assert count(post(app, OFFICER, events=[again])) == (0, 0, 1, 0)
