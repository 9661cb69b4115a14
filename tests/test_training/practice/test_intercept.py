"""The level of a rate: followed where it lasts, hardly where one window stands out."""

import numpy as np
import pytest

from training.practice import intercept
from training.practice.intercept import follow_level

CHANCE = 0.05**2


def follow(seen, n_ahead=2):
    """Return the level after windows of equal chance."""
    seen = np.array(seen)
    return follow_level(seen, np.full(len(seen), CHANCE), n_ahead)


def test_a_level_that_lasts_is_followed_more_than_one_window_that_stands_out():
    """Four windows at half are believed; one of them is mostly taken for wobble."""
    lasting = follow([0, 0, 0, 0, -0.5, -0.5, -0.5, -0.5]).ahead
    single = follow([0, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1, -0.5]).ahead
    assert -0.5 < lasting < -0.3
    assert lasting < 2 * single < 0


def test_nothing_seen_is_nothing_followed():
    """Windows that all stand where the training dates had them leave the level there."""
    found = follow([0.0] * 8)
    assert found.now == pytest.approx(0.0)
    assert found.ahead == pytest.approx(0.0)
    assert 0 < found.error < 0.3


def test_it_is_as_symmetric_as_its_rule():
    """A rise is read as a fall of the same size is; that falls are held is another rule."""
    seen = [0.0, 0.1, 0.3, 0.2, 0.6]
    assert follow(seen).ahead == pytest.approx(-follow([-one for one in seen]).ahead)


def test_further_ahead_is_nearer_to_the_training_dates():
    """A level is drawn back with every window."""
    seen = [0.0, -0.2, -0.4, -0.5, -0.6]
    assert follow(seen).now < follow(seen, 1).ahead < follow(seen, 4).ahead < 0


def test_one_combination_is_the_kalman_filter_by_hand(monkeypatch):
    """Two windows, no wobble, a level that lasts: gains of a half by equal variances."""
    monkeypatch.setattr(intercept, "_FIRST_SD", 1.0)
    for name, only in (("STEP_SDS", 1.0), ("WOBBLE_SDS", 0.0), ("KEEPS", 1.0)):
        monkeypatch.setattr(intercept, name, (only,))
    found = follow_level(np.array([1.0, 2.0]), np.array([1.0, 1.0]), 1)
    # After the first: level 1/2, variance 1/2. Before the second 1/2 and 3/2, so the gain is 3/5.
    assert found.now == pytest.approx(0.5 + 0.6 * 1.5)
    assert found.error == pytest.approx(np.sqrt(0.4 * 1.5 + 1.0))
