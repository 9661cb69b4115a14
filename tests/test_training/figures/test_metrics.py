"""Figures of a ranking: scikit-learn's where it has them, expected values where cases tie."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from training.figures.metrics import (
    draw_people,
    evaluate,
    expected_hits,
    precision_at_k,
    recall_at_k,
)
from training.figures.resampling import resampled_auc

SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=6)


@given(rows=SCORED, k=st.integers(1, 6))
def test_ties_take_their_expected_value(rows, k):
    """Hits among the first k are the mean over every order of the tied cases."""
    y_true = np.array([row[0] for row in rows])
    score = np.array([float(row[1]) for row in rows])
    hits = [
        y_true[list(order)[:k]].sum()
        for order in itertools.permutations(range(len(rows)))
        if all(score[a] >= score[b] for a, b in itertools.pairwise(order))
    ]
    assert expected_hits(y_true, score, k) == pytest.approx(np.mean(hits))


def test_a_small_ranking_by_hand():
    """Ten cases, three outcomes: at capacity 4 two of three are found."""
    y_true = np.array([1, 0, 1, 0, 0, 0, 0, 1, 0, 0], dtype=bool)
    score = np.arange(10, 0, -1).astype(float)
    assert precision_at_k(y_true, score, 4) == 0.5
    assert recall_at_k(y_true, score, 4) == pytest.approx(2 / 3)
    found = evaluate(
        y_true, score, None, capacity=4, training_rate=0.2, draws=draw_people(10, 20, 1)
    )
    assert (found.n, found.positives, found.base_rate) == (10, 3, 0.3)
    assert found.precision_at_10pct == 1.0
    assert found.brier is None
    assert found.brier_constant == pytest.approx(0.3 * 0.64 + 0.7 * 0.04)


@given(seed=st.integers(0, 500))
def test_a_resampled_auc_is_that_of_the_resample(seed):
    """The fast AUC of a bootstrap draw equals scikit-learn's on the rows drawn."""
    random = np.random.default_rng(seed)
    y_true = random.random(30) < 0.4
    y_true[:2] = [True, False]
    score = random.integers(0, 6, 30).astype(float)
    draws = draw_people(30, 3, seed)
    for draw, auc in zip(draws, resampled_auc(y_true, score, draws), strict=True):
        rows = np.repeat(np.arange(30), draw.astype(int))
        if y_true[rows].all() or not y_true[rows].any():
            assert np.isnan(auc)
        else:
            assert auc == pytest.approx(roc_auc_score(y_true[rows], score[rows]))


def test_calibration_and_brier_agree_with_scikit_learn():
    """Brier score, intercept and slope are the textbook ones."""
    random = np.random.default_rng(5)
    log_odds = random.normal(-1, 1, 3000)
    probability = 1 / (1 + np.exp(-log_odds))
    y_true = random.random(3000) < 1 / (1 + np.exp(-(0.4 + 0.7 * log_odds)))
    found = evaluate(
        y_true,
        log_odds,
        probability,
        capacity=30,
        training_rate=0.3,
        draws=draw_people(3000, 10, 1),
    )
    assert found.brier == pytest.approx(brier_score_loss(y_true, probability))
    fit = LogisticRegression(C=1e10, tol=1e-10, max_iter=500).fit(log_odds[:, None], y_true)
    assert found.calibration_slope == pytest.approx(fit.coef_[0, 0], abs=1e-4)
    assert found.calibration_intercept == pytest.approx(0.4 - 0.3 * log_odds.mean(), abs=0.15)
    low, high = found.auc_ci
    assert low < found.auc < high


@pytest.mark.parametrize(
    ("y_true", "undefined"),
    [
        ([], {"auc", "brier", "base_rate", "precision_at_capacity", "average_precision"}),
        ([False, False], {"auc", "auc_ci", "average_precision", "recall_at_capacity"}),
        ([True, True], {"auc", "auc_ci", "calibration_slope", "calibration_intercept"}),
    ],
)
def test_what_is_undefined_is_null(y_true, undefined):
    """A figure that cannot be computed is absent, never 0.5 or 0."""
    labels = np.array(y_true, dtype=bool)
    score = np.linspace(0.2, 0.4, len(labels))
    found = evaluate(
        labels,
        score,
        score,
        capacity=30,
        training_rate=0.1,
        draws=draw_people(len(labels), 5, 1),
    )
    for name in undefined:
        assert getattr(found, name) is None, name
