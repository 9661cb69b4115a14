"""The interval about the average is what its definition says, and survives the round to JSON."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from models.bundle.intervals import WORDING, fit_venn_abers, read_venn_abers


def by_definition(raw, y_true, new):
    """Return both probabilities of one new score by adding it and fitting twice."""
    found = []
    for label in (0.0, 1.0):
        curve = IsotonicRegression()
        curve.fit(np.append(raw, new), np.append(y_true, label))
        found.append(float(curve.predict([new])[0]))
    return found


@given(
    pairs=st.lists(st.tuples(st.integers(-6, 6), st.booleans()), min_size=1, max_size=40),
    new=st.integers(-15, 15),
)
def test_it_is_the_definition(pairs, new):
    """Adding the case either way and fitting the rising curve again gives the same two numbers."""
    raw = np.array([pair[0] for pair in pairs], dtype=np.float64)
    y_true = np.array([pair[1] for pair in pairs])
    lower, upper = fit_venn_abers(raw, y_true).interval(np.array([new / 2]))
    assert [lower[0], upper[0]] == pytest.approx(by_definition(raw, y_true, new / 2), abs=1e-12)


def test_it_is_the_definition_among_many_scores():
    """So it is among 400 scores, at scores that were seen, between them and beyond them."""
    random = np.random.default_rng(1)
    raw = random.normal(-1, 1.5, 400)
    y_true = random.random(400) < 1 / (1 + np.exp(-raw))
    fitted = fit_venn_abers(raw, y_true)
    for new in [*raw[:15], *random.normal(-1, 2, 15), raw.min() - 1, raw.max() + 1]:
        lower, upper = fitted.interval(np.array([new]))
        assert [lower[0], upper[0]] == pytest.approx(by_definition(raw, y_true, new), abs=1e-12)


def test_by_hand():
    """With (1, no), (2, yes) a new score of 1.5 has 0 of 2 below it, or 2 of 2 above it."""
    fitted = fit_venn_abers(np.array([1.0, 2.0]), np.array([False, True]))
    assert fitted.interval(np.array([1.5])) == (np.array([0.0]), np.array([1.0]))
    assert fitted.interval(np.array([1.0])) == (np.array([0.0]), np.array([0.5]))
    assert fitted.interval(np.array([2.0])) == (np.array([0.5]), np.array([1.0]))
    assert fitted.interval(np.array([0.0])) == (np.array([0.0]), np.array([0.5]))


def test_many_scores_are_gathered_into_bins():
    """Above the most levels the result is that of the bins' numbers taken as scores."""
    random = np.random.default_rng(2)
    raw = random.normal(size=3000)
    y_true = random.random(3000) < 1 / (1 + np.exp(-raw))
    fitted = fit_venn_abers(raw, y_true, most_levels=50)
    assert len(fitted.lower) <= 50
    edges = np.unique(np.quantile(raw, np.arange(50) / 50, method="inverted_cdf"))
    bins = np.searchsorted(edges[1:], raw, side="right").astype(np.float64)
    for row in range(20):
        lower, upper = fitted.interval(raw[row : row + 1])
        assert [lower[0], upper[0]] == pytest.approx(
            by_definition(bins, y_true, bins[row]), abs=1e-12
        )


@given(
    pairs=st.lists(st.tuples(st.floats(-9, 9), st.booleans()), min_size=1, max_size=60),
    by=st.floats(-3, 3),
    most_levels=st.integers(2, 70),
)
def test_both_functions_rise_and_never_cross(pairs, by, most_levels):
    """Whatever the data and the shift: a higher score never has a lower interval."""
    raw = np.array([pair[0] for pair in pairs])
    y_true = np.array([pair[1] for pair in pairs])
    fitted = fit_venn_abers(raw, y_true, most_levels=most_levels).shifted(by)
    lower, upper = fitted.interval(np.linspace(-10, 10, 81))
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(upper) >= 0).all()
    assert ((lower >= 0) & (lower <= upper) & (upper <= 1)).all()


def test_the_average_lies_between_the_two():
    """Of cases with such a score, the share that had the outcome lies within or next to them."""
    random = np.random.default_rng(3)
    raw = random.normal(-1, 1, 40_000)
    truth = 1 / (1 + np.exp(-1.7 * raw - 0.4))
    fitted = fit_venn_abers(raw, random.random(40_000) < truth)
    at = np.array([-2.0, -1.0, 0.0])
    lower, upper = fitted.interval(at)
    assert lower == pytest.approx(1 / (1 + np.exp(-1.7 * at - 0.4)), abs=0.03)
    assert (upper - lower < 0.01).all()


def test_a_shift_moves_the_log_odds():
    """0.2 and 0.5 moved by log 2 become 1/3 and 2/3; 0 and 1 stay."""
    entry = {"scores": [1.0], "lower": [0.0, 0.2], "upper": [0.5, 1.0]}
    moved = read_venn_abers(entry).shifted(float(np.log(2)))
    assert moved.lower == pytest.approx([0.0, 1 / 3])
    assert moved.upper == pytest.approx([2 / 3, 1.0])
    assert np.array_equal(moved.scores, [1.0])


@given(
    st.lists(
        st.tuples(st.floats(-1e300, 1e300), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_json_gives_back_the_same_numbers(pairs):
    """Text and back is exact, to the last bit."""
    raw, y_true = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    fitted = fit_venn_abers(raw, y_true)
    back = read_venn_abers(json.loads(json.dumps(fitted.to_json())))
    for name in ("scores", "lower", "upper"):
        assert np.array_equal(getattr(fitted, name), getattr(back, name))


@pytest.mark.parametrize(
    "changed",
    [
        {"scores": []},
        {"scores": [2.0, 1.0]},
        {"lower": [0.0, 0.3, 0.2]},
        {"lower": [0.0, 0.6, 0.7]},
        {"upper": [0.5, 0.6, 1.2]},
        {"upper": [0.5, float("nan"), 0.9]},
    ],
)
def test_what_is_no_interval_is_refused(changed):
    """Steps that fall, cross or leave 0 to 1 are not read."""
    entry = {"scores": [1.0, 2.0], "lower": [0.0, 0.1, 0.2], "upper": [0.5, 0.55, 0.6]} | changed
    with pytest.raises(ValueError, match="step"):
        read_venn_abers(entry)


def test_the_words_say_what_the_doubt_is_about():
    """It is labelled as doubt about the average, never about the person."""
    assert "average" in WORDING
    assert "not about this case" in WORDING
