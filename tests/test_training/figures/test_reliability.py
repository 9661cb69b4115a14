"""Calibration by period, area and group: the figures, their intervals, and when none is given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from training.figures.calibration import (
    TOO_FEW,
    assess_calibration,
    reliability_curve,
)
from training.figures.logit import fit_logit
from training.figures.metrics import calibration_intercept


def sample(n=2000, seed=5):
    """Return outcomes, and probabilities that are too high and too extreme."""
    random = np.random.default_rng(seed)
    truth = random.normal(-1.5, 0.8, n)
    return random.random(n) < expit(truth), expit(0.4 + 1.4 * truth)


def test_slope_and_intercepts_are_those_of_a_logistic_regression():
    """The line is scikit-learn's fit without a penalty; the intercept is that of the metrics."""
    y_true, p = sample()
    person = np.arange(len(p))
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=500).fit(logit(p)[:, None], y_true)
    design = np.column_stack([np.ones(len(p)), logit(p)])
    line = fit_logit(y_true, design, person, np.zeros(len(p)))
    assert line.coefficients[0] == pytest.approx(theirs.intercept_[0], abs=1e-5)
    assert line.coefficients[1] == pytest.approx(theirs.coef_[0, 0], abs=1e-5)
    (overall,) = assess_calibration(y_true, p, person, {})
    assert overall.slope == pytest.approx(theirs.coef_[0, 0], abs=1e-5)
    assert overall.intercept == pytest.approx(calibration_intercept(y_true, p), abs=1e-5)


def test_the_error_of_a_rate_is_the_one_in_the_books():
    """With one column of ones the error is that of a log-odds, sqrt(1 / (n p (1 - p)))."""
    y_true = np.arange(1000) < 200
    fit = fit_logit(y_true, np.ones((1000, 1)), np.arange(1000), np.zeros(1000))
    value, error = fit.contrast(np.array([1.0]))
    assert value == pytest.approx(logit(0.2))
    assert error == pytest.approx((1 / (1000 * 0.2 * 0.8)) ** 0.5 * (1000 / 999) ** 0.5)


def test_a_person_seen_twice_counts_once():
    """Repeating every row of every person leaves the interval as it was."""
    y_true, p = sample(600)
    person = np.arange(600)
    (once,) = assess_calibration(y_true, p, person, {})
    (twice,) = assess_calibration(np.tile(y_true, 2), np.tile(p, 2), np.tile(person, 2), {})
    assert twice.slope_interval == pytest.approx(once.slope_interval)
    assert twice.intercept_interval == pytest.approx(once.intercept_interval)
    (strangers,) = assess_calibration(np.tile(y_true, 2), np.tile(p, 2), np.arange(1200), {})
    assert np.ptp(strangers.slope_interval) < 0.8 * np.ptp(once.slope_interval)


def test_intervals_cover_the_truth_as_often_as_they_say():
    """Of 200 calibrated samples of people seen three times, 95 % of intervals hold the truth."""
    random = np.random.default_rng(0)
    held = np.zeros(2)
    for _ in range(200):
        log_odds = np.repeat(random.normal(-1, 1, 300), 3)
        y_true = np.repeat(random.random(300), 3) < expit(log_odds)
        (found,) = assess_calibration(y_true, expit(log_odds), np.repeat(np.arange(300), 3), {})
        low, high = found.intercept_interval
        held += [low < 0 < high, found.slope_interval[0] < 1 < found.slope_interval[1]]
    assert (held >= 180).all()


@pytest.mark.parametrize(
    ("n", "positives", "people", "told"),
    [
        (100, 20, 100, True),
        (100, 19, 100, False),
        (100, 81, 100, False),
        (99, 20, 99, False),
        (200, 40, 99, False),
    ],
)
def test_too_few_are_not_told(n, positives, people, told):
    """Under 20 with or without the outcome, or 100 people, there are words and no figure."""
    y_true = np.arange(n) % n < positives
    p = np.linspace(0.1, 0.4, n)
    (found,) = assess_calibration(y_true, p, np.arange(n) % people, {})
    assert (found.note == "") == told
    assert (found.observed_rate is None) == (not told)
    if not told:
        assert found.note == TOO_FEW
        assert found.positives is None
        assert found.slope is None


def test_every_level_of_every_stratum_stands_in_its_place():
    """Overall first, then strata as given; an area that is not known is a level of its own."""
    y_true, p = sample(900)
    area = np.array((["north", "south", None] * 300), dtype=object)
    found = assess_calibration(y_true, p, np.arange(900), {"area": area})
    assert [(one.stratum, one.level) for one in found] == [
        ("all", "all"),
        ("area", "north"),
        ("area", "not known"),
        ("area", "south"),
    ]
    north = found[1]
    assert north.n == 300
    assert north.observed_rate == pytest.approx(y_true[::3].mean())


def test_what_has_no_finite_fit_has_no_figure():
    """Constant probabilities have no slope, nor have classes that are told apart perfectly."""
    y_true = np.arange(200) < 100
    (flat,) = assess_calibration(y_true, np.full(200, 0.5), np.arange(200), {})
    assert flat.slope is None
    assert flat.intercept == pytest.approx(0.0)
    (apart,) = assess_calibration(y_true, np.where(y_true, 0.9, 0.1), np.arange(200), {})
    assert apart.slope is None


def test_the_curve_by_hand():
    """Two bins of five, with Wilson's interval of 1 in 5 and 3 in 5."""
    p = np.array([0.1, 0.1, 0.1, 0.2, 0.2, 0.6, 0.7, 0.7, 0.8, 0.8])
    y_true = np.array([0, 0, 1, 0, 0, 1, 0, 1, 1, 0], dtype=bool)
    low, high = reliability_curve(y_true, p, n_bins=2)
    assert (low.n, high.n) == (5, 5)
    assert low.mean_probability == pytest.approx(0.14)
    assert (low.observed_rate, high.observed_rate) == pytest.approx((0.2, 0.6))
    assert (low.low, low.high) == pytest.approx((0.036, 0.624), abs=0.001)


@given(st.lists(st.sampled_from([0.0, 0.1, 0.1, 0.5, 1.0]), max_size=60), st.integers(1, 12))
def test_every_case_stands_in_one_bin(p, n_bins):
    """The bins hold all cases, keep equal probabilities together and rise."""
    points = reliability_curve(np.zeros(len(p), dtype=bool), np.array(p), n_bins)
    assert sum(point.n for point in points) == len(p)
    means = [point.mean_probability for point in points]
    assert means == sorted(set(means))
    assert len(points) <= min(n_bins, max(len(set(p)), 1))
