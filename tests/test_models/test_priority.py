"""The order is expected harm, coherent along the ladder, and custody never lowers it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import Priority, Rung
from models.priority import expected_harm

LADDER = Priority(
    (
        Rung("persistence", "persistence", 1.0, outcome="persistence"),
        Rung("violence", "violence", 5.0, outcome="violence"),
        Rung("serious", "serious harm", 50.0, share=0.02),
    ),
    source="test",
)


def test_a_small_ladder_by_hand():
    """Weights fall on the worst level reached: 0.4 none worse, 0.098 violence, 0.002 serious."""
    harm = expected_harm(LADDER, {"persistence": np.array([0.5]), "violence": np.array([0.1])})
    assert harm.priority[0] == pytest.approx(1 * 0.4 + 5 * 0.098 + 50 * 0.002)
    assert harm.by_outcome["persistence"][0] == pytest.approx(0.4)
    assert harm.by_outcome["violence"][0] == pytest.approx(5 * 0.098 + 50 * 0.002)


def test_a_milder_level_includes_the_worse_one():
    """Where models contradict each other the milder level is lifted, never the worse one cut."""
    harm = expected_harm(LADDER, {"persistence": np.array([0.05]), "violence": np.array([0.3])})
    assert harm.by_outcome["persistence"][0] == 0
    assert harm.priority[0] == pytest.approx(5 * 0.294 + 50 * 0.006)


def test_without_a_model_the_level_and_its_shares_are_left_out():
    """No model, no invented number: what rests on a missing outcome is not in the sum."""
    harm = expected_harm(LADDER, {"persistence": np.array([0.5])})
    assert harm.priority[0] == pytest.approx(0.5)
    assert expected_harm(LADDER, {}).by_outcome == {}


@given(p=st.floats(0, 1), q=st.floats(0, 1), more=st.floats(0, 0.5), which=st.sampled_from("pq"))
def test_more_probability_never_lowers_the_priority(p, q, more, which):
    """Raising any one probability never lowers a case's place."""
    before = {"persistence": np.array([p]), "violence": np.array([q])}
    raised = "persistence" if which == "p" else "violence"
    after = before | {raised: np.minimum(before[raised] + more, 1.0)}
    lower, higher = (expected_harm(LADDER, one).priority[0] for one in (before, after))
    assert higher >= lower - 1e-12
