"""Halved and doubled weights: who would leave the list."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue.declarations import Priority, Rung
from training.evaluation.weight_sensitivity import compare_weights

LADDER = Priority(
    ladder=(
        Rung(name="persistence", label="", weight=1.0, outcome="persistence"),
        Rung(name="violence", label="", weight=10.0, outcome="violence"),
    ),
    source="stated policy",
)


def test_a_small_list_by_hand():
    """Halving the weight of violence puts the persistent case first, and the violent one off."""
    probabilities = {"persistence": np.array([0.9, 0.2]), "violence": np.array([0.00, 0.10])}
    # 0.9 against 0.1 + 1.0; with violence at 5: 0.9 against 0.1 + 0.5.
    found = {(c.rung, c.factor): c for c in compare_weights(LADDER, probabilities, 1)}
    assert found["violence", 0.5].n_leaving == 1
    assert found["violence", 0.5].lowest_new_place == 2
    assert found["violence", 0.5].rank_correlation == pytest.approx(-1.0)
    assert found["violence", 2.0].n_leaving == 0
    # Persistence doubled: 1.8 against 0.2 + 1.0.
    assert found["persistence", 2.0].n_leaving == 1
    assert found["persistence", 0.5].n_leaving == 0


@given(
    rows=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=20),
    capacity=st.integers(1, 5),
)
def test_never_more_leave_than_stand_on_the_list(rows, capacity):
    """No change of a weight makes more cases leave than the list has places."""
    probabilities = {
        "persistence": np.array([row[0] for row in rows]),
        "violence": np.array([row[1] for row in rows]),
    }
    for change in compare_weights(LADDER, probabilities, capacity):
        assert 0 <= change.n_leaving <= min(capacity, len(rows))


def test_without_a_model_there_is_nothing_to_compare():
    """Where no outcome has a model no weight matters."""
    assert compare_weights(LADDER, {}, 30) == ()
