"""What the list's places find is told first, beside what other orders would find there."""

import numpy as np
import pytest

from models.run_figures.ranking import Difference
from training.evaluation.headlines import Standings, describe_headline
from training.evaluation.list_finds import compare_finds
from training.figures.resampling import draw_people_by_person

# Ten cases; four had the outcome. The list puts three of them first, the rule one, and a tie of all
# cases shares three places among ten.
Y_TRUE = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 1], dtype=bool)
LIST = np.arange(10, 0, -1, dtype=float)
RULE = np.array([0, 0, 9, 8, 7, 0, 0, 0, 0, 0], dtype=float)


def compare(capacity=3):
    """Return what three places find in three orders."""
    person = np.arange(10)
    draws = draw_people_by_person(person, 400, seed=5)
    orders = {"list": LIST, "rfs": RULE, "longest_wait": np.zeros(10)}
    return compare_finds(Y_TRUE, orders, draws, person, capacity)


def test_each_order_is_counted_by_the_cases_that_get_a_place():
    """Ties take their expected value, and chance finds its share of the places."""
    found = compare()
    assert {one.order: one.finds for one in found.orders} == pytest.approx(
        {"list": 3.0, "rfs": 1.0, "longest_wait": 1.2}
    )
    assert (found.positives, found.n, found.chance) == (4, 10, pytest.approx(1.2))


def test_the_list_is_ahead_by_the_paired_difference():
    """An order held against itself is ahead by nothing in every resample."""
    found = compare()
    assert found.ahead["rfs"].estimate == pytest.approx(2.0)
    assert 0 <= found.ahead["rfs"].low < 2.0 < found.ahead["rfs"].high
    person = np.arange(10)
    draws = draw_people_by_person(person, 100, seed=5)
    same = compare_finds(Y_TRUE, {"list": LIST, "rfs": LIST.copy()}, draws, person, 3)
    assert same.ahead["rfs"] == Difference(0.0, 0.0, 0.0, 0.0)


def test_more_places_than_cases_find_everybody():
    """Nobody is left out, and chance finds as many."""
    found = compare(capacity=30)
    assert {one.finds for one in found.orders} == {4.0}
    assert found.chance == pytest.approx(4.0)


def test_the_headline_says_the_places_before_the_area_under_the_curve():
    """What the list finds comes first, with the orders that it is held against."""
    gain = Difference(0.02, 0.01, 0.03, 0.005)
    told = describe_headline(Standings(0.7, (0.66, 0.74), 0.68, 0.68, gain, gain), compare())
    first, second, rest = told.split("; ", 2)
    assert first.startswith(
        "the model beats the rule and the logistic regression: 3 of 4 found in 3 places (+2.0 ["
    )
    assert second == "rule 1.0, longest wait 1.2, chance 1.2"
    assert rest.startswith("AUC +0.020 [+0.010, +0.030] over the rule")
