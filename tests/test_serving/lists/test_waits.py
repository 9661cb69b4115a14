"""What waiting means is told in numbers that follow from what came and went."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from serving.lists.draws import Shares
from serving.lists.sittings import Sitting
from serving.lists.waiting_times import Flow, Waits, count_waited_places, describe_waits, read_flow
from serving.store.database import Store, make_key
from serving.store.schema import decisions
from tests.test_serving.case_rows import ANNE, DAY_US, NOW_US, name_case, open_list, put, stand


def describe(arriving: int, waiting: int, *, places: int = 30, sure: int = 6) -> Waits:
    """Tell of a unit where so many arrive a week, over eight weeks."""
    return describe_waits(
        Flow(8, 8 * arriving, 0, 8 * places),
        capacity=places,
        n_waiting=waiting,
        longest_days=40,
        waited_places=Fraction(sure),
    )


def test_arrivals_above_capacity_are_told() -> None:
    """With 45 arriving and 30 places the queue grows by 15, and the wait has both bounds."""
    waits = describe(45, 119)
    assert (waits.fits, waits.growth_per_week) == (False, 15)
    assert (waits.weeks_at_least, waits.weeks_at_most) == (4, 20)
    assert waits.words == (
        "119 cases wait; the longest has waited 40 days.",
        "In the last 8 weeks 45 cases a week arrived or came back and 30 a week were decided.",
        "With 45 arriving a week and 30 places the queue grows by 15 a week.",
        "A case that arrives today and is moved up by nothing waits 4 to 20 weeks.",
    )


@pytest.mark.parametrize(
    ("arriving", "waiting", "sure", "least", "most", "last"),
    [
        (20, 0, 6, 1, 1, "is on the next list."),
        (45, 5, 6, 1, 1, "is on the next list."),
        (45, 29, 6, 1, 5, "waits 1 to 5 weeks."),
        (45, 30, 6, 2, 6, "waits 2 to 6 weeks."),
        (45, 59, 30, 2, 2, "waits about 2 weeks."),
        (20, 69, 0, 3, 7, "waits 3 to 7 weeks."),
        (45, 60, 0, 3, None, "has no sure place: none is kept for the longest wait."),
    ],
)
def test_bounds_of_a_wait(
    arriving: int, waiting: int, sure: int, least: int, most: int | None, last: str
) -> None:
    """The places of the longest wait bound a wait, or those that arrivals leave over; with neither
    there is no bound, and that is said.
    """
    waits = describe(arriving, waiting, sure=sure)
    assert (waits.weeks_at_least, waits.weeks_at_most) == (least, most)
    assert waits.words[-1].endswith(last)


def test_no_case_waits() -> None:
    """An empty queue is told as one."""
    assert describe(0, 0).words[0] == "No case waits."


@pytest.mark.parametrize(
    ("capacity", "longest_wait_first", "expected"),
    [(30, False, 6), (30, True, 16), (1, False, Fraction(1, 5))],
)
def test_places_sure_for_the_longest_wait(
    capacity: int, longest_wait_first: bool, expected: Fraction
) -> None:
    """Six of thirty, and those of priority as well while the longest wait comes first."""
    assert expected == count_waited_places(
        capacity, Shares(), longest_wait_first=longest_wait_first
    )


@given(
    arriving=st.integers(0, 100),
    waiting=st.integers(0, 500),
    places=st.integers(1, 60),
    sure=st.integers(0, 60),
)
def test_told_bounds_hold_in_a_queue(arriving: int, waiting: int, places: int, sure: int) -> None:
    """A case that nothing moves up gets its place within the told bounds, whatever the other places
    go to: all to cases before it, or all to cases after it.
    """
    sure = min(sure, places)
    waits = describe(arriving, waiting, places=places, sure=sure)
    for passed_over in (False, True):
        ahead, behind, week = waiting, max(arriving - 1, 0), 1
        while week <= 600:
            others = places - sure
            if ahead + 1 + behind <= places or ahead < sure:
                break
            if passed_over:
                after = min(others, behind)
                behind -= after
                ahead -= sure + (others - after)
            else:
                ahead -= places
            if ahead < 0:
                break
            behind += arriving
            week += 1
        assert waits.weeks_at_most is None or week <= waits.weeks_at_most
        assert week >= waits.weeks_at_least


def decide(store: Store, number: int, version: int, days_ago: float, key: str | None) -> None:
    """Put a decision into the store."""
    with store.writing() as writing:
        seq = writing.take_seq()
        writing.connection.execute(
            insert(decisions).values(
                decision_key=make_key(),
                case_key=name_case(number),
                version=version,
                sitting_key=key,
                seen_seq=seq,
                decided_at_us=NOW_US - round(days_ago * DAY_US),
                routes={},
                stored_seq=seq,
                **ANNE.columns(),
            )
        )


def test_flow_is_read_from_the_last_eight_weeks(store: Store, clock: Any) -> None:
    """Arrivals of any state count, returns that wait or were decided since, and decisions that
    took a case from the queue; a change to a managed case is none of these.
    """
    put(store, [stand(n, days=5) for n in range(3)])
    put(store, [stand(3, days=50, state="managed"), stand(4, days=55, state="closed")])
    put(store, [stand(5, days=57)])  # before the eight weeks
    back = {"state": "returned", "returned_for": "flag"}
    put(store, [stand(6, days=90, **back, waiting_since_us=NOW_US - 10 * DAY_US)])
    put(store, [stand(7, days=90, **back, waiting_since_us=NOW_US - 70 * DAY_US)])
    sitting: Sitting = open_list(store).sitting
    decide(store, 3, 1, 40, None)
    decide(store, 4, 1, 57, None)  # before
    decide(store, 6, 2, 0, sitting.key)
    decide(store, 3, 2, 1, None)  # of a managed case
    with store.reading() as connection:
        flow = read_flow(connection, NOW_US)
    # Case 6 is counted as a return twice only because this test leaves it in the queue.
    assert flow == Flow(weeks=8, arrived=5, returned=2, decided=2)


def test_a_young_store_is_not_averaged_over_eight_weeks(store: Store) -> None:
    """Where cases go back less far the rate rests on the weeks there are, at least one."""
    put(store, [stand(0, days=14), stand(1, days=1)])
    with store.reading() as connection:
        assert read_flow(connection, NOW_US) == Flow(weeks=2, arrived=2, returned=0, decided=0)
        assert read_flow(connection, NOW_US - 13 * DAY_US).weeks == 1


def test_a_list_tells_the_waits(store: Store) -> None:
    """What waiting meant is kept with the list."""
    put(store, [stand(n, days=n % 56) for n in range(400)])
    waits = open_list(store).sitting.standing["waits"]
    assert (waits["n_waiting"], waits["longest_days"]) == (400, 55)
    assert waits["arrivals_per_week"] == pytest.approx(400 / 8, rel=0.05)
    assert not waits["fits"]
    assert "the queue grows by" in waits["words"][2]
