"""Decision curves: what acting on a probability is worth."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ConfigError
from models.run_figures.codec import encode
from training.figures.net_benefit import draw_curve
from training.figures.resampling import draw_people_by_person


def test_a_small_curve_by_hand():
    """Of four cases at a threshold of 0.2 (inclusive), two found and one in vain are worth 7/16."""
    y_true = np.array([1, 1, 0, 0], dtype=bool)
    model = np.array([0.9, 0.2, 0.3, 0.1])
    person = np.arange(4)
    draws = draw_people_by_person(person, 20, 1)
    found = draw_curve(y_true, {"model": model}, person, draws=draws, thresholds=(0.2, 0.5))
    of = {name: [one.net_benefit for one in curve] for name, curve in found.curves.items()}
    assert of["model"] == pytest.approx([2 / 4 - 1 / 4 * 0.25, 1 / 4])
    assert of["all"] == pytest.approx([2 / 4 - 2 / 4 * 0.25, 0.0])
    assert of["none"] == [0.0, 0.0]
    assert found.curves["all"][0].model_ahead == pytest.approx(0.0625)
    assert found.curves["model"][0].model_ahead is None
    json.dumps(encode(found), allow_nan=False)


@given(seed=st.integers(0, 300))
def test_an_interval_is_that_of_the_resampled_rows(seed):
    """Interval ends are quantiles of the net benefit of rows written out person by person."""
    random = np.random.default_rng(seed)
    y_true, rule = random.random(20) < 0.3, random.random(20)
    person = random.integers(0, 8, 20)
    _, column = np.unique(person, return_inverse=True)
    draws = draw_people_by_person(person, 7, seed)
    worth = []
    for draw in draws:
        rows = np.repeat(np.arange(20), draw[column])
        acts = rule[rows] >= 0.25
        hits, vain = (acts & y_true[rows]).sum(), (acts & ~y_true[rows]).sum()
        worth.append((hits - vain / 3) / len(rows))
    found = draw_curve(y_true, {"rfs": rule}, person, draws=draws, thresholds=[0.25])
    one = found.curves["rfs"][0]
    assert list(one.net_benefit_ci) == pytest.approx(np.quantile(worth, [0.025, 0.975]))
    assert one.model_ahead is None


def test_thresholds_and_names_are_checked():
    """A threshold of 0 or 1, or a probability called 'all', is refused; no case gives no curve."""
    y_true, person = np.array([True, False]), np.array([1, 2])
    draws = draw_people_by_person(person, 2, 1)
    given_ = {"model": np.array([0.5, 0.5])}
    with pytest.raises(ConfigError, match="thresholds"):
        draw_curve(y_true, given_, person, draws=draws, thresholds=[1.0])
    with pytest.raises(ConfigError, match="rename"):
        draw_curve(y_true, {"all": given_["model"]}, person, draws=draws)
    assert draw_curve(y_true[:0], {}, person[:0], draws=draws[:, :0]) is None
