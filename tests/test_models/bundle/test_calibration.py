"""A straight line in log-odds, fitted by maximum likelihood, that never turns the order round."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from models.bundle.calibration import fit_calibration


def test_the_line_is_the_one_that_a_logistic_regression_finds():
    """Intercept and slope agree with an unpenalised logistic regression."""
    random = np.random.default_rng(3)
    raw = random.normal(-1, 1.5, 4000)
    y_true = random.random(4000) < 1 / (1 + np.exp(-(0.3 + 0.6 * raw)))
    found = fit_calibration(raw, y_true)
    theirs = LogisticRegression(C=1e10, tol=1e-10, max_iter=500).fit(raw[:, None], y_true)
    assert found.intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)
    assert found.slope == pytest.approx(theirs.coef_[0, 0], abs=1e-4)


@given(
    raw=st.lists(st.floats(-30, 30), min_size=4, max_size=40),
    seed=st.integers(0, 1000),
)
def test_the_slope_is_above_zero_whatever_the_labels(raw, seed):
    """A score without skill, or with the opposite of it, is flattened and never turned round."""
    y_true = np.random.default_rng(seed).random(len(raw)) < 0.5
    y_true[0], y_true[1] = True, False
    found = fit_calibration(np.array(raw), y_true)
    assert found.slope > 0
    assert np.isfinite([found.intercept, found.slope]).all()


def test_one_class_is_refused():
    """There is nothing to calibrate on where the outcome never occurred."""
    with pytest.raises(ValueError, match="with and without"):
        fit_calibration(np.array([1.0, 2.0]), np.array([False, False]))
