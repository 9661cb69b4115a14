"""The capacity planner: a queue played week by week under the list's rules."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ConfigError
from models.run_figures.codec import encode
from training.planning.capacity_plan import WEEK_US, Arrivals, plan_capacity, reserve

ROWS = st.lists(
    st.tuples(st.integers(0, 15), st.integers(0, 20), st.integers(0, 3), st.booleans()),
    min_size=1,
    max_size=60,
)


def stream(rows):
    """Return arrivals of rows (case, week, score, outcome)."""
    case, week, score, outcome = (np.array(of) for of in zip(*rows, strict=True))
    return Arrivals(
        case.astype(np.int64),
        week.astype(np.int64) * WEEK_US,
        score.astype(float),
        outcome.astype(bool),
    )


def steady(per_week, weeks, seed=1):
    """Return so many new cases a week; one in ten has the outcome and a higher score."""
    random = np.random.default_rng(seed)
    n = per_week * weeks
    outcome = random.random(n) < 0.1
    week = np.repeat(np.arange(weeks), per_week)
    return Arrivals(np.arange(n), week * WEEK_US, random.normal(size=n) + outcome, outcome)


def test_reserved_places_scale_with_capacity():
    """Of 30 places 2 are random and 6 for the longest waits; of 10 and 100 in proportion."""
    assert [reserve(capacity) for capacity in (10, 30, 100)] == [(1, 2), (2, 6), (7, 20)]


def test_a_queue_by_hand():
    """One place a week: the higher score goes first, the other waits, is found too late."""
    rows = [(0, 0, 2.0, True), (1, 0, 1.0, True), (2, 1, 3.0, False), (3, 3, 0.5, False)]
    found = plan_capacity(stream(rows), horizon_weeks=1, seed=1, capacities=[1], never_weeks=2)
    (one,) = found.capacities
    assert (found.weeks, one.looked_at, one.finds, one.misses, one.too_late) == (4, 4, 1, 1, 1)
    assert (one.longest_wait_weeks, one.waiting_at_end, one.open) == (2, 0, 0)
    assert (one.eligible, one.never, one.median_wait_weeks, one.p90_wait_weeks) == (3, 0, 0, 2)
    assert not one.is_growing


def test_a_case_that_returns_keeps_its_turn_and_takes_its_newer_score():
    """Case 1 waits from week 0; its return with a high score puts it first in week 1."""
    rows = [(0, 0, 5.0, False), (1, 0, 1.0, False), (2, 1, 3.0, False), (1, 1, 4.0, True)]
    (one,) = plan_capacity(stream(rows), horizon_weeks=4, seed=1, capacities=[1]).capacities
    assert (one.looked_at, one.finds, one.waiting_at_end) == (2, 1, 1)
    assert one.longest_wait_weeks == 1


@given(rows=ROWS, capacity=st.integers(1, 40), seed=st.integers(0, 5))
def test_nobody_is_lost_and_row_order_is_irrelevant(rows, capacity, seed):
    """Every stay ends with a place or waits; outcomes are found, missed or open; twice the same."""
    plans = [
        plan_capacity(
            stream(order), horizon_weeks=3, seed=seed, capacities=[capacity], never_weeks=5
        )
        for order in (rows, rows, sorted(rows, key=lambda row: (row[1], row[0], -row[2])))
    ]
    assert plans[0] == plans[1]
    (one,) = plans[0].capacities
    stays = one.looked_at + one.waiting_at_end
    assert stays == pytest.approx(one.joins_per_week * plans[0].weeks)
    assert one.too_late <= one.misses
    assert one.finds + one.misses + one.open <= stays
    if len({row[:2] for row in rows}) == len(rows):
        assert plans[0] == plans[2]
    json.dumps(encode(plans[0]), allow_nan=False)


def test_where_arrivals_exceed_capacity_the_plan_says_so():
    """With 40 a week and 30 places the queue grows by 10 a week; with 50 it holds."""
    plan = plan_capacity(steady(40, 100), horizon_weeks=12, seed=1, capacities=[30, 50])
    short, ample = plan.capacities
    assert short.is_growing
    assert short.waiting_at_end == 1000
    assert "it grows by about 10.0 a week without end" in short.words
    assert short.never > 0
    assert not ample.is_growing
    assert (ample.misses, ample.never, ample.longest_wait_weeks) == (0, 0, 0)
    assert "does not grow without end" in ample.words


def test_arrivals_that_have_risen_are_not_averaged_away():
    """After 80 weeks of 10 arrivals and 20 of 40, a list of 30 falls behind, and it is said."""
    calm, busy = steady(10, 80), steady(40, 20)
    arrivals = Arrivals(
        np.arange(1600),
        np.concatenate([calm.arrived_us, busy.arrived_us + 80 * WEEK_US]),
        np.concatenate([calm.score, busy.score]),
        np.concatenate([calm.y_true, busy.y_true]),
    )
    plan = plan_capacity(arrivals, horizon_weeks=12, seed=1, capacities=[30], never_weeks=20)
    (one,) = plan.capacities
    assert (one.joins_per_week, one.recent_joins_per_week) == (16.0, 40.0)
    assert one.is_growing
    assert one.waiting_at_end == 200


def test_the_longest_wait_has_an_end_where_places_suffice():
    """Even the lowest scores are reached: turns and lots work beside the score."""
    arrivals = steady(29, 200)
    (one,) = plan_capacity(arrivals, horizon_weeks=12, seed=1, capacities=[30]).capacities
    assert one.never == 0
    assert one.waiting_at_end <= 30


def test_a_score_that_tells_finds_more_in_time():
    """Under pressure the queue by score finds more than the queue by a score that says nothing."""
    told = steady(60, 120)
    mute = Arrivals(told.case, told.arrived_us, np.zeros(len(told.case)), told.y_true)
    found = [
        plan_capacity(one, horizon_weeks=8, seed=1, capacities=[30]).capacities[0].share_found
        for one in (told, mute)
    ]
    assert found[0] > found[1] + 0.1


def test_a_plan_without_arrivals_or_places_is_refused():
    """Nobody arriving, or a capacity of 0, is one clear error."""
    arrivals = steady(2, 2)
    with pytest.raises(ConfigError, match="at least 1"):
        plan_capacity(arrivals, horizon_weeks=1, seed=1, capacities=[0])
    empty = Arrivals(*(of[:0] for of in (arrivals.case, arrivals.arrived_us)), *[np.zeros(0)] * 2)
    with pytest.raises(ConfigError, match="nobody arrives"):
        plan_capacity(empty, horizon_weeks=1, seed=1)
