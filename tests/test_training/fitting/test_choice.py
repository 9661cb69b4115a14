"""The written rule: the simplest candidate within one standard error of the best."""

import numpy as np
import pytest

from training.fitting.candidates import Candidate
from training.fitting.choice import BacktestPeriod, choose

N = 400


def period(name, random, strengths, people=None):
    """Return a period whose candidates see the truth with the given strengths."""
    truth = random.normal(size=N)
    return BacktestPeriod(
        name=name,
        y_true=random.random(N) < 1 / (1 + np.exp(-truth)),
        person=np.arange(N) if people is None else people,
        scores={
            candidate: strength * truth + random.normal(size=N)
            for candidate, strength in strengths.items()
        },
    )


def test_a_clear_gain_is_taken():
    """Trees that rank far above the rule in every period are picked."""
    random = np.random.default_rng(1)
    strengths = {Candidate.RULE: 0.0, Candidate.LOGISTIC: 0.3, Candidate.BOOSTED: 3.0}
    choice = choose([period(f"{year}", random, strengths) for year in (1, 2)], 200, 1)
    assert choice.picked is choice.best is Candidate.BOOSTED
    assert choice.behind_best[Candidate.RULE].is_gain
    assert choice.periods == ("1", "2")
    assert "the best over 2 back-test periods" in choice.describe()


def test_equal_candidates_give_the_simplest():
    """Where all rank the same the rule is picked, whichever is a hair ahead."""
    random = np.random.default_rng(2)
    one = period("1", random, {Candidate.BOOSTED: 1.0})
    nearly = one.scores[Candidate.BOOSTED] + random.normal(scale=1e-3, size=N)
    scores = {Candidate.RULE: nearly, Candidate.BOOSTED: one.scores[Candidate.BOOSTED]}
    choice = choose([BacktestPeriod("1", one.y_true, one.person, scores)], 200, 1)
    assert choice.picked is Candidate.RULE


def test_means_and_distances_by_hand():
    """Four cases in each of two periods: AUCs, means and the distance from the best."""
    y_true = np.array([True, False, True, False])
    best = np.array([3.0, 1.0, 2.0, 0.0])  # both periods: 4 of 4 pairs in order
    half = np.array([3.0, 1.0, 0.0, 2.0])  # 2 of 4 pairs
    periods = [
        BacktestPeriod("a", y_true, np.arange(4), {Candidate.RULE: best, Candidate.BOOSTED: best}),
        BacktestPeriod("b", y_true, np.arange(4), {Candidate.RULE: half, Candidate.BOOSTED: best}),
    ]
    choice = choose(periods, 50, 1)
    assert choice.mean_auc == {Candidate.RULE: pytest.approx(0.75), Candidate.BOOSTED: 1.0}
    assert choice.period_auc[Candidate.RULE] == (1.0, 0.5)
    assert choice.behind_best[Candidate.RULE].estimate == pytest.approx(0.25)


def test_the_same_people_are_drawn_in_every_period():
    """A person who stands in two periods is drawn in both or in neither."""
    random = np.random.default_rng(3)
    one = period("1", random, {Candidate.RULE: 0.5, Candidate.BOOSTED: 1.0})
    twice = choose([one, one], 100, 1)
    once = choose([one], 100, 1)
    assert twice.behind_best[Candidate.RULE] == once.behind_best[Candidate.RULE]


def test_periods_of_one_class_say_nothing():
    """Where no period holds both outcomes nothing is picked."""
    one = BacktestPeriod(
        "1", np.zeros(3, dtype=bool), np.arange(3), {Candidate.RULE: np.arange(3.0)}
    )
    assert choose([one], 10, 1) is None
