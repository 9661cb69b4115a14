"""A sitting's list is composed once, is the same for everybody, and stays as it was shown."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import DatabaseError

from serving.lists.draws import Shares
from serving.lists.listed import read_overflow, read_rows
from serving.lists.outputs import ListedOut
from serving.lists.sitting_opening import Opened, Terms
from serving.lists.sittings import Sitting, current_sitting, list_sittings, read_sitting
from serving.persons import Person
from serving.store.database import Store, make_key
from serving.store.schema import decisions, flag_raisings, list_places, sittings, standings
from tests.test_serving.case_rows import (
    ANNE,
    BEN,
    DAY_US,
    NO_SHARES,
    NOW_US,
    UNIT,
    name_case,
    open_list,
    put,
    read_places,
    stand,
)

PLAIN = Terms(capacity=5, shares=NO_SHARES, blind_share=0)

LISTED = TypeAdapter(list[ListedOut])


def read_list(store: Store, sitting: Sitting) -> list[dict[str, Any]]:
    """Return a list as it may be shown now."""
    with store.reading() as connection:
        return LISTED.dump_python(read_rows(connection, sitting, UNIT))


def decide(store: Store, number: int, sitting: Sitting | None, version: int = 1) -> None:
    """Put a decision on a case into the store; it is managed from then on."""
    with store.writing() as writing:
        seq = writing.take_seq()
        writing.connection.execute(
            insert(decisions).values(
                decision_key=make_key(),
                case_key=name_case(number),
                version=version,
                sitting_key=sitting.key if sitting else None,
                seen_seq=seq,
                decided_at_us=writing.now_us,
                owner="SYN Owner",
                routes={},
                stored_seq=seq,
                **ANNE.columns(),
            )
        )
        writing.connection.execute(
            update(standings)
            .where(standings.c.case_key == name_case(number))
            .values(state="managed", waiting_since_us=None, version=version)
        )


def raise_flag(store: Store, number: int, flag: str, days: int, urgent: bool = False) -> None:
    """Put a flag that stands into the store."""
    with store.writing() as writing:
        writing.connection.execute(
            insert(flag_raisings).values(
                raising_key=make_key(),
                case_key=name_case(number),
                flag=flag,
                urgent=urgent,
                record_id="E1",
                raised_at_us=NOW_US - days * DAY_US,
                stored_seq=writing.take_seq(),
            )
        )


def test_a_list_stays_as_it_was_shown(store: Store) -> None:
    """Whatever comes in afterwards, reading the list again gives the same bytes."""
    put(store, [stand(n, priority=float(n)) for n in range(20)])
    raise_flag(store, 19, "new_strangulation", 1, urgent=True)
    sitting = open_list(store, PLAIN).sitting
    before = json.dumps(read_list(store, sitting))
    put(store, [stand(n, priority=99.0, days=90) for n in range(100, 120)])
    raise_flag(store, 18, "new_strangulation", 0, urgent=True)
    with store.writing() as writing:
        writing.connection.execute(update(standings).values(priority=0.0, area="Elsewhere"))
        writing.connection.execute(delete(standings).where(standings.c.priority.is_(None)))
    assert json.dumps(read_list(store, sitting)) == before
    assert [row["key"] for row in json.loads(before)] == [name_case(n) for n in range(19, 14, -1)]


def test_a_stored_list_cannot_be_changed(store: Store) -> None:
    """The database itself refuses to change what was shown."""
    put(store, [stand(0)])
    open_list(store)
    for table in (sittings, list_places):
        with pytest.raises(DatabaseError), store.writing() as writing:
            writing.connection.execute(update(table).values(stored_seq=0))


def test_one_sitting_a_day(store: Store, clock: Any) -> None:
    """Opening again on a day gives the day's sitting; the next day another one is opened."""
    put(store, [stand(n) for n in range(3)])
    first = open_list(store)
    again = open_list(store, person=BEN)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.sitting == first.sitting
    assert again.sitting.person == ANNE
    clock.pass_days(1)
    assert open_list(store).is_new


def test_a_day_is_the_units_day(store: Store, clock: Any) -> None:
    """A minute past midnight in the unit's zone is another day."""
    clock.now_us = 1_772_063_999_000_000  # 25 February 2026, 23:59:59 in London
    put(store, [stand(0)])
    assert open_list(store).is_new
    assert not open_list(store).is_new
    clock.now_us += 2_000_000
    assert open_list(store).is_new


def test_a_reason_opens_another_the_same_day(store: Store) -> None:
    """With a reason the same day has a second sitting, and the reason is kept."""
    put(store, [stand(0)])
    first = open_list(store)
    second = open_list(store, again="the first had no health partner")
    assert second.is_new
    assert second.sitting.key != first.sitting.key
    assert second.sitting.standing["opened_again_because"] == "the first had no health partner"


def test_two_who_open_at_once_get_the_same(open_another: Callable[[], Store]) -> None:
    """Two servers on one store that open a sitting at the same moment give one list."""
    stores = [open_another(), open_another()]
    put(stores[0], [stand(n, priority=float(n)) for n in range(50)])
    gate = threading.Barrier(2)
    found: list[Opened] = []

    def open_one(store: Store, person: Person) -> None:
        gate.wait()
        found.append(open_list(store, person=person))

    threads = [
        threading.Thread(target=open_one, args=pair)
        for pair in zip(stores, (ANNE, BEN), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0].sitting == found[1].sitting
    assert sorted(one.is_new for one in found) == [False, True]
    with stores[0].reading() as connection:
        assert connection.execute(select(func.count()).select_from(sittings)).scalar_one() == 1


@pytest.mark.parametrize(
    ("days", "state", "version", "expected"),
    [
        (27.9, "awaiting", 0, True),
        (28, "awaiting", 0, False),
        (3, "returned", 1, False),
    ],
)
def test_newly_referred(
    store: Store, days: float, state: str, version: int, expected: bool
) -> None:
    """A case is newly referred for 28 days, until it is first decided."""
    put(store, [stand(0, days=days, state=state, version=version)])
    sitting = open_list(store, PLAIN).sitting
    (row,) = read_list(store, sitting)
    assert row["newly_referred"] is expected
    assert row["waiting_days"] == int(days)


def test_what_is_new_since_the_last_sitting(store: Store, clock: Any) -> None:
    """The list counts what arrived, came back, was flagged and was decided since the last."""
    put(store, [stand(n) for n in range(4)])
    first = open_list(store, PLAIN).sitting
    assert first.standing["since_last"] is None
    clock.pass_days(7)
    decide(store, 0, first)
    later = clock.now_us - DAY_US
    put(store, [stand(n, arrived_us=later) for n in (10, 11)])
    put(store, [stand(12, state="returned", waiting_since_us=later, returned_for="flag")])
    put(store, [stand(13, flagged_since_us=later, n_flags=1)])
    second = open_list(store, PLAIN).sitting
    assert second.standing["since_last"] == {
        "sitting_key": first.key,
        "arrived": 2,
        "returned": 1,
        "flagged": 1,
        "decided": 1,
    }
    rows = read_list(store, second)
    assert {row["key"] for row in rows if row["new_since_last"]} <= {
        name_case(n) for n in (10, 11, 12)
    }


def test_progress_shows_what_is_decided(store: Store) -> None:
    """A row says whether the sitting decided it; a decision outside of it does not count."""
    put(store, [stand(n, priority=float(n)) for n in range(3)])
    sitting = open_list(store, PLAIN).sitting
    decide(store, 2, sitting)
    decide(store, 1, None)
    assert [row["decided"] for row in read_list(store, sitting)] == [True, False, False]


def test_flagged_cases_without_a_place_are_counted_and_dated(store: Store) -> None:
    """Flagged cases that found no place stand above the list with their flags, oldest first."""
    terms = Terms(capacity=5, shares=Shares(0, 0, 6), blind_share=0)
    put(
        store,
        [
            stand(n, priority=0.0, flagged_since_us=NOW_US - n * DAY_US, n_flags=1)
            for n in range(1, 5)
        ]
        + [stand(n, priority=9.0) for n in range(10, 20)],
    )
    for n in range(1, 5):
        raise_flag(store, n, "threat_to_kill", n)
    sitting = open_list(store, terms).sitting
    assert [p.case_key for p in read_places(store, sitting.key) if p.rule == "flagged"] == [
        name_case(4)
    ]
    told = sitting.standing["overflow"]
    assert (told["n_cases"], told["n_urgent"]) == (3, 0)
    with store.reading() as connection:
        rows = read_overflow(connection, sitting, UNIT, 2)
    assert [row.key for row in rows] == [name_case(3), name_case(2)]
    assert rows[0].flagged_since == told["flagged_since"] == "2026-02-22 06:13:20+00:00"
    assert list(rows[0].flags[0].records) == ["E1"]


def test_urgent_cases_without_a_place_come_first(store: Store) -> None:
    """Above the list an urgent flag of today stands before older ones; the oldest one is dated."""
    terms = Terms(capacity=1, shares=Shares(0, 0, 0), blind_share=0)
    flagged = {1: (9, 0), 2: (1, 1), 3: (5, 0), 4: (2, 1)}
    put(
        store,
        [stand(10, priority=9.0)]
        + [
            stand(n, flagged_since_us=NOW_US - days * DAY_US, n_flags=1 - urgent, n_urgent=urgent)
            for n, (days, urgent) in flagged.items()
        ],
    )
    sitting = open_list(store, terms).sitting
    told = sitting.standing["overflow"]
    assert (told["n_cases"], told["n_urgent"]) == (4, 2)
    assert told["flagged_since"] == "2026-02-16 06:13:20+00:00"
    with store.reading() as connection:
        rows = read_overflow(connection, sitting, UNIT, 9)
    assert [row.key for row in rows] == [name_case(n) for n in (4, 2, 1, 3)]


def test_managed_and_closed_cases_are_on_no_list(store: Store) -> None:
    """Only what awaits a decision or came back is listed; the rest is counted where open."""
    put(
        store,
        [
            stand(0),
            stand(1, state="returned"),
            stand(2, state="managed"),
            stand(3, state="closed"),
        ],
    )
    sitting = open_list(store).sitting
    listed = {place.case_key for place in read_places(store, sitting.key)}
    assert listed == {name_case(0), name_case(1)}
    assert (sitting.n_eligible, sitting.n_open) == (2, 3)


def test_an_empty_store_has_an_empty_list(store: Store) -> None:
    """With no cases a sitting can be opened, and its list is empty."""
    sitting = open_list(store).sitting
    assert read_list(store, sitting) == []
    assert sitting.standing["waits"]["n_waiting"] == 0


def test_the_switch_and_the_policy_are_kept_with_the_list(store: Store) -> None:
    """A sitting says by which order and which shares its list was made."""
    put(store, [stand(n, priority=float(n), days=n) for n in range(40)])
    sitting = open_list(store, Terms(ordering="longest_wait", blind_share=0)).sitting
    assert sitting.ordering == "longest_wait"
    assert sitting.policy["shares_of_thirty"] == {"random": 2, "waited": 6, "most_flagged": 12}
    rules = {place.rule for place in read_places(store, sitting.key)}
    assert rules == {"random", "waited"}


def test_past_sittings_are_read_page_by_page(store: Store, clock: Any) -> None:
    """Every sitting can be reached, the latest first."""
    put(store, [stand(0)])
    keys = []
    for _ in range(5):
        keys.append(open_list(store).sitting.key)
        clock.pass_days(7)
    with store.reading() as connection:
        first = list_sittings(connection, 2)
        rest = list_sittings(connection, 9, after=first[-1])
        current = current_sitting(connection)
        assert read_sitting(connection, keys[0]) == rest[-1]
        assert read_sitting(connection, make_key()) is None
    assert [one.key for one in (*first, *rest)] == keys[::-1]
    assert current == first[0]


def test_an_erased_identifier_is_gone_from_past_lists(store: Store) -> None:
    """A snapshot does not hold the case's identifier, so that erasing it once is enough."""
    put(store, [stand(0)])
    sitting = open_list(store, PLAIN).sitting
    (place,) = read_places(store, sitting.key)
    assert "SYN-" not in json.dumps(place.shown)
    assert read_list(store, sitting)[0]["case_id"] == "SYN-00000000"
