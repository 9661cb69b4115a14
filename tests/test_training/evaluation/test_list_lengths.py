"""What lists of several lengths find, by several orders."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.run_figures.codec import encode
from training.evaluation.list_lengths import LENGTHS, LIST, LONGEST_WAIT, RULE, measure_lengths
from training.figures.metrics import precision_at_k, recall_at_k
from training.figures.resampling import draw_people_by_person


def test_more_places_find_more_cases_and_fewer_of_each_hundred() -> None:
    """Of six cases, the first, third and last with the outcome: worked out by hand."""
    y_true = np.array([True, False, True, False, False, True])
    score = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    column = np.arange(6)
    draws = draw_people_by_person(column, 20, 1)
    found = measure_lengths(y_true, score, draws, column, (1, 2, 6))
    assert [one.precision for one in found] == [1.0, 0.5, 0.5]
    assert [one.recall for one in found] == pytest.approx([1 / 3, 1 / 3, 1.0])
    assert all(one.precision_ci is not None for one in found)
    json.dumps([encode(one) for one in found], allow_nan=False)


@given(
    rows=st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=20),
    places=st.integers(1, 25),
)
def test_ties_take_their_expected_value(rows: list[tuple[bool, int]], places: int) -> None:
    """At every length the shares are those of any other figure of so many places."""
    y_true = np.array([True, *(one for one, _ in rows)])
    score = np.array([1.0, *(float(one) for _, one in rows)])
    column = np.arange(len(score))
    draws = draw_people_by_person(column, 3, 1)
    (found,) = measure_lengths(y_true, score, draws, column, (places,))
    assert found.precision == pytest.approx(precision_at_k(y_true, score, places))
    assert found.recall == pytest.approx(recall_at_k(y_true, score, places))


def test_a_run_measures_every_length_by_three_orders(small_unit) -> None:
    """The kept figures hold each outcome that came, at each length and at the run's capacity."""
    metrics = json.loads((small_unit.bundle / "metrics.json").read_text())
    lengths = metrics["list"]["lengths"]
    assert set(lengths) == set(metrics["list"]["at_capacity"])
    for name, found in lengths.items():
        assert set(found["orders"]) >= {LIST, LONGEST_WAIT}
        assert set(found["orders"]) <= {LIST, RULE, LONGEST_WAIT}
        for of in found["orders"].values():
            assert [one["places"] for one in of] == sorted({*LENGTHS, metrics["capacity"]})
        own = next(x for x in found["orders"][LIST] if x["places"] == metrics["capacity"])
        groups = metrics["list"]["at_capacity"][name]["groups"]
        whole = next(one for one in groups if one["group"] == "all")
        assert own["precision"] == pytest.approx(whole["precision_at_capacity"])
        assert own["recall_ci"] == pytest.approx(whole["recall_at_capacity_ci"])
