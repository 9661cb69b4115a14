"""Managed cases held against the others: a warning where they look safer than they are."""

import numpy as np
import pytest

from training.practice.managed_cases import compare_managed

MANY = 4_000


def draw(seed, kept):
    """Return outcomes that a managed case has only `kept` times as often, estimated without it."""
    random = np.random.default_rng(seed)
    managed = random.random(MANY) < 0.3
    truth = random.uniform(0.05, 0.3, MANY)
    y_true = random.random(MANY) < np.where(managed, kept * truth, truth)
    return y_true, truth, managed, np.arange(MANY)


def test_halved_outcomes_are_warned_of():
    """Where the unit's work halves outcomes managed cases have fewer than estimated."""
    found = compare_managed(*draw(1, 0.5))
    assert found.looks_safer
    assert found.low < 0.5 < found.high
    assert "fewer than their histories would lead to" in found.describe()


def test_no_effect_is_no_warning():
    """Where management changes nothing, one of forty units at most is warned of by chance."""
    warned = sum(compare_managed(*draw(seed, 1.0)).looks_safer for seed in range(40))
    assert warned <= 3


def test_ratios_by_hand():
    """Half of each group, as expected: both ratios are 1, with the interval of such counts."""
    y_true = np.array([True] * 10 + [False] * 10 + [True] * 15 + [False] * 15)
    probability = np.full(50, 0.5)
    managed = np.arange(50) < 20
    found = compare_managed(y_true, probability, managed, np.arange(50))
    assert (found.managed_ratio, found.others_ratio) == (1.0, 1.0)
    assert found.relative == 1.0
    # Variance of log(O / E) in each group: n * 0.25 / O ** 2, that is 5 / 100 and 7.5 / 225.
    spread = np.sqrt(5 / 100 + 7.5 / 225)
    assert found.high == pytest.approx(np.exp(1.959964 * spread))


def test_one_person_many_times_is_no_stronger():
    """Rows of the same people said twice make the interval no narrower."""
    rows = draw(3, 0.7)
    once = compare_managed(*rows)
    twice = compare_managed(*(np.concatenate([column, column]) for column in rows))
    assert twice.relative == pytest.approx(once.relative)
    assert twice.high == pytest.approx(once.high)


def test_few_managed_cases_say_nothing():
    """With under ten expected outcomes on a side nothing is said, and that is no pass."""
    found = compare_managed(
        np.array([True, False]), np.array([0.5, 0.5]), np.array([True, False]), np.arange(2)
    )
    assert found.relative is None
    assert not found.looks_safer
    assert found.describe().startswith("too few")
