"""The order is expected harm, coherent along the ladder, and custody never lowers it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue.declarations import Priority, Rung
from models.ranking.priority import expected_harm, scale_weights

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


BOTH = Priority(
    (*LADDER.ladder[:2], Rung("serious", "serious harm", 50.0, outcome="serious", share=0.02)),
    source="test",
)


def test_a_level_with_both_takes_its_model_where_there_is_one():
    """With a model of serious harm its probability counts, and the reason is its own."""
    modelled = {
        "persistence": np.array([0.5]),
        "violence": np.array([0.1]),
        "serious": np.array([0.03]),
    }
    harm = expected_harm(BOTH, modelled)
    assert harm.priority[0] == pytest.approx(1 * 0.4 + 5 * 0.07 + 50 * 0.03)
    assert harm.by_outcome["serious"][0] == pytest.approx(50 * 0.03)


def test_a_level_with_both_takes_its_share_otherwise():
    """Too few cases for a model: the sourced share of the level below stands in, as before."""
    without = {"persistence": np.array([0.5]), "violence": np.array([0.1])}
    found, before = expected_harm(BOTH, without), expected_harm(LADDER, without)
    assert found.priority[0] == before.priority[0]
    assert set(found.by_outcome) == {"persistence", "violence"}
    assert expected_harm(BOTH, {"persistence": np.array([0.5])}).priority[0] == pytest.approx(0.5)


def test_a_modelled_level_stands_without_the_one_below():
    """A level with its own model needs none below it, and lifts the milder ones that have one."""
    harm = expected_harm(BOTH, {"persistence": np.array([0.01]), "serious": np.array([0.03])})
    assert harm.priority[0] == pytest.approx(50 * 0.03)


def test_one_weight_is_scaled_and_the_rest_stay():
    """Doubling one weight doubles what that level adds; a level that is not there is a mistake."""
    doubled = scale_weights(LADDER, 2.0, "violence")
    assert [rung.weight for rung in doubled.ladder] == [1.0, 10.0, 50.0]
    assert [rung.weight for rung in LADDER.ladder] == [1.0, 5.0, 50.0]
    with pytest.raises(KeyError, match="no such level"):
        scale_weights(LADDER, 2.0, "murder")


@given(p=st.floats(0, 1), q=st.floats(0, 1), more=st.floats(0, 0.5), which=st.sampled_from("pq"))
def test_more_probability_never_lowers_the_priority(p, q, more, which):
    """Raising any one probability never lowers a case's place."""
    before = {"persistence": np.array([p]), "violence": np.array([q])}
    raised = "persistence" if which == "p" else "violence"
    after = before | {raised: np.minimum(before[raised] + more, 1.0)}
    lower, higher = (expected_harm(LADDER, one).priority[0] for one in (before, after))
    assert higher >= lower - 1e-12
