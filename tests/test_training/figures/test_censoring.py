"""Rows that left early are stood in for by weights, and rivals of the outcome are no censoring."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue.declarations import DAY_US
from features.contract.arrays import NEVER
from features.engine.outcomes import Labels
from training.figures.censoring import (
    CENSORED,
    COMPETING,
    OUTCOME,
    accumulate_incidence,
    follow_up,
    kaplan_meier,
    weigh_by_censoring,
    weigh_labels,
)

TIMES = st.integers(1, 6).map(float)
ROWS = st.lists(st.tuples(TIMES, st.sampled_from([CENSORED, OUTCOME, COMPETING])), min_size=1)


def split(rows):
    """Return times and causes."""
    return np.array([time for time, _ in rows]), np.array([cause for _, cause in rows])


def test_kaplan_and_meier_by_hand():
    """Events at 1 (of 5), 3 (of 3, one leaves then too) and 4 (of 1): .8, .8 x 2/3, 0."""
    time = np.array([1.0, 2.0, 3.0, 3.0, 4.0])
    curve = kaplan_meier(time, np.array([True, False, True, False, True]))
    assert curve.at(np.array([0.5, 1.0, 2.9, 3.0, 4.0, 9.0])) == pytest.approx(
        [1, 0.8, 0.8, 0.8 * 2 / 3, 0, 0]
    )
    assert curve.before(np.array([1.0, 3.0, 4.0])) == pytest.approx([1, 0.8, 0.8 * 2 / 3])


def test_weights_by_hand():
    """One of the four left at day 2 leaves: the two followed longer stand for three."""
    time = np.array([1.0, 2.0, 5.0, 5.0])
    known = np.array([True, False, True, True])
    assert weigh_by_censoring(time, known) == pytest.approx([1, 0, 1.5, 1.5])


def test_an_outcome_on_the_day_somebody_leaves_comes_first():
    """Who had the outcome on day 2 was not at risk of leaving that day."""
    time = np.array([2.0, 2.0, 5.0])
    known = np.array([True, False, True])
    assert weigh_by_censoring(time, known) == pytest.approx([1, 0, 2])


@given(rows=st.lists(st.tuples(TIMES, st.booleans()), min_size=1))
def test_weights_stand_for_every_row(rows):
    """They sum to the number of rows where somebody known was followed longest, never to more."""
    time, known = split(rows)
    weights = weigh_by_censoring(time, known)
    assert (weights[~known] == 0).all()
    assert (weights[known] >= 1).all()
    assert weights.sum() <= len(rows) + 1e-9
    if known[time == time.max()].any() and known[time == time.max()].all():
        assert weights.sum() == pytest.approx(len(rows))


@given(rows=ROWS)
def test_weighted_rates_are_the_incidence(rows):
    """Among rows none of whom is known to be free at the end, weighting equals Aalen-Johansen."""
    time, cause = split(rows)
    weights = weigh_by_censoring(time, cause != CENSORED)
    incidence = accumulate_incidence(time, cause)
    end = np.array([99.0])
    for one, curve in ((OUTCOME, incidence.outcome), (COMPETING, incidence.competing)):
        weighted = weights[cause == one].sum() / len(rows)
        assert weighted == pytest.approx(curve.at(end)[0], abs=1e-9)


@given(rows=ROWS, horizon=TIMES)
def test_without_censoring_incidence_is_the_plain_rate(rows, horizon):
    """At the horizon the incidence is the share of rows with the outcome by then."""
    time, cause = split(rows)
    cause = np.where(time <= horizon, np.where(cause == CENSORED, OUTCOME, cause), CENSORED)
    time = np.minimum(time, horizon)
    plain = (cause == OUTCOME).mean()
    found = accumulate_incidence(time, cause).outcome.at(np.array([horizon]))
    assert found[0] == pytest.approx(plain)


@given(rows=ROWS)
def test_every_row_is_somewhere(rows):
    """Outcome, competing event and neither make one at every moment."""
    found = accumulate_incidence(*split(rows))
    total = found.outcome.value + found.competing.value + found.free.value
    assert total == pytest.approx(np.ones(len(total)))


def test_aalen_and_johansen_by_hand():
    """Six rows: outcome at 1, death at 2, one leaves at 2, outcome at 3, two followed to 4."""
    time = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 4.0])
    cause = np.array([OUTCOME, COMPETING, CENSORED, OUTCOME, CENSORED, CENSORED])
    found = accumulate_incidence(time, cause)
    # free: 5/6, 5/6 x 4/5 = 2/3, then 2/3 x 2/3
    assert found.outcome.at(np.array([1.0, 2.0, 3.0])) == pytest.approx(
        [1 / 6, 1 / 6, 1 / 6 + 2 / 3 / 3]
    )
    assert found.competing.at(np.array([1.0, 2.0, 3.0])) == pytest.approx([0, 1 / 6, 1 / 6])
    assert found.free.at(np.array([4.0])) == pytest.approx([4 / 9])


def make_labels(rows):
    """Return labels of a 10-day horizon from (reached, left, seen) days after the moment."""
    reached, left, seen = (
        np.array([NEVER if one is None else one * DAY_US for one in column], dtype=np.int64)
        for column in zip(*rows, strict=True)
    )
    end = np.full(len(rows), 10 * DAY_US)
    until = np.minimum(seen, left)
    y_true = reached < until
    known = y_true | (until >= end)
    return Labels(y_true, known, y_true, known, end, seen, left, reached)


ROWS_BY_HAND = [
    (3, None, 10),  # the outcome
    (None, 4, 10),  # left without it
    (8, 5, 10),  # left before it
    (None, None, 6),  # the extract ended
    (None, None, 10),  # followed to the horizon
    (2, None, 6),  # the outcome before the extract ended
]


def test_follow_up_ends_in_one_of_three_ways():
    """Outcome, departure or the end of knowledge, whichever came first, with its day."""
    found = follow_up(make_labels(ROWS_BY_HAND), np.zeros(6, dtype=np.int64))
    assert found.time_days.tolist() == [3, 4, 5, 6, 10, 2]
    assert found.cause.tolist() == [OUTCOME, COMPETING, COMPETING, CENSORED, CENSORED, OUTCOME]


def test_labels_are_weighted_by_their_own_follow_up():
    """Departures at 4, 5 and 6 leave one row, which stands for four."""
    found = weigh_labels(make_labels(ROWS_BY_HAND), np.zeros(6, dtype=np.int64))
    assert found == pytest.approx([1, 0, 0, 0, 4, 1])
