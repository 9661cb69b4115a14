"""Paired differences, and what is said first of them."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.run_figures.ranking import Difference
from training.evaluation.headlines import Standings, describe_headline, sort_headlines
from training.figures.comparison import compare_auc
from training.figures.metrics import draw_people


def test_a_difference_is_that_of_scikit_learns_aucs():
    """The estimate is one AUC less the other, and resampled rows give the resampled difference."""
    random = np.random.default_rng(1)
    y_true = random.random(60) < 0.4
    score, other = y_true + random.normal(size=60), random.normal(size=60)
    draws = draw_people(60, 1, 5)
    found = compare_auc(y_true, score, other, draws)
    assert found.estimate == pytest.approx(
        roc_auc_score(y_true, score) - roc_auc_score(y_true, other)
    )
    weight = draws[0]
    resampled = roc_auc_score(y_true, score, sample_weight=weight) - roc_auc_score(
        y_true, other, sample_weight=weight
    )
    assert (found.low, found.high) == (pytest.approx(resampled), pytest.approx(resampled))


def test_a_ranking_is_no_better_than_itself():
    """The paired difference of a ranking from itself is zero, without any width."""
    random = np.random.default_rng(2)
    y_true = random.random(50) < 0.5
    score = random.normal(size=50)
    found = compare_auc(y_true, score, score, draw_people(50, 40, 1))
    assert found == Difference(0.0, 0.0, 0.0, 0.0)
    assert not found.is_gain


def test_one_class_cannot_be_compared():
    """Without cases of both outcomes there is no difference."""
    assert compare_auc(np.ones(5, dtype=bool), np.arange(5.0), np.arange(5.0), np.ones((2, 5))) is (
        None
    )


GAIN = Difference(0.05, 0.02, 0.08, 0.015)
NONE = Difference(0.01, -0.02, 0.04, 0.015)


@pytest.mark.parametrize(
    ("auc", "interval", "over_rule", "over_logistic", "beginning"),
    [
        (0.75, (0.7, 0.8), GAIN, GAIN, "the model beats the rule and the logistic regression"),
        (0.75, (0.7, 0.8), NONE, GAIN, "THE MODEL IS NOT SHOWN TO BEAT THE RULE: AUC +0.010"),
        (0.75, (0.7, 0.8), GAIN, NONE, "THE MODEL IS NOT SHOWN TO BEAT THE LOGISTIC REGRESSION"),
        (0.75, (0.7, 0.8), NONE, NONE, "THE MODEL IS NOT SHOWN TO BEAT THE RULE OR THE LOGISTIC"),
        (0.51, (0.47, 0.55), GAIN, GAIN, "NO SIGNAL: AUC 0.510 [0.470, 0.550]"),
        (None, None, None, None, "NO MODEL"),
    ],
)
def test_what_is_not_beaten_is_said_first(auc, interval, over_rule, over_logistic, beginning):
    """Each kind of finding begins with its own words, in capitals where a simple rule would do."""
    line = describe_headline(Standings(auc, interval, 0.7, 0.74, over_rule, over_logistic))
    assert line.startswith(beginning)


def test_capitals_come_first():
    """Lines that warn stand above lines that do not, otherwise in the order given."""
    lines = ["a: the model beats", "b: NO SIGNAL: x", "c: the model beats", "d: NO MODEL"]
    assert sort_headlines(lines) == [lines[1], lines[3], lines[0], lines[2]]
