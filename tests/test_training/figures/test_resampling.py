"""Passes over resamples give what rows written out would; people are drawn once for all figures."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.figures.resampling import (
    MOST_DRAWN_CELLS,
    PeopleDraws,
    count_drawn,
    draw_people_by_person,
    limit_draws,
    resampled_auc,
)


@given(seed=st.integers(0, 200), n_rows=st.integers(0, 30))
def test_copies_of_rows_are_added_up_by_group(seed, n_rows):
    """A row counts as often as its person is drawn; rows of no group do not count."""
    random = np.random.default_rng(seed)
    person = random.integers(0, 8, n_rows)
    _, column = np.unique(person, return_inverse=True)
    group = random.integers(-1, 3, n_rows)
    draws = draw_people_by_person(person, 4, seed)
    found = count_drawn(group, 3, draws, column)
    for number in range(3):
        assert found[number].tolist() == draws[:, column[group == number]].sum(axis=1).tolist()


@given(seed=st.integers(0, 200))
def test_rows_are_weighed_by_their_person(seed):
    """Naming each row's person gives what the draws written out by row give."""
    random = np.random.default_rng(seed)
    person = random.integers(0, 10, 40)
    _, column = np.unique(person, return_inverse=True)
    y_true, score = random.random(40) < 0.5, random.integers(0, 5, 40).astype(float)
    draws = draw_people_by_person(person, 6, seed)
    by_person = resampled_auc(y_true, score, draws, column)
    by_row = resampled_auc(y_true, score, draws[:, column])
    np.testing.assert_array_equal(by_person, by_row)


def test_the_same_rows_get_the_same_resamples():
    """Figures of the same kept rows share their draws, which are those of these people alone."""
    person = np.array([3, 3, 5, 8, 9])
    drawn = PeopleDraws(person, 7, seed=1)
    kept = np.array([True, True, False, True, True])
    draws, column = drawn.take(kept)
    assert drawn.take(kept.copy())[0] is draws
    assert draws.tolist() == draw_people_by_person(person[kept], 7, 1).tolist()
    assert column.tolist() == [0, 0, 1, 2]
    assert drawn.take(np.ones(5, dtype=bool))[0].shape == (7, 4)


def test_very_many_rows_get_fewer_resamples():
    """Up to the stated number of cells all resamples are drawn; beyond it never under 200."""
    assert limit_draws(1000, 0) == limit_draws(1000, MOST_DRAWN_CELLS // 1000) == 1000
    assert limit_draws(1000, MOST_DRAWN_CELLS // 500) == 500
    assert limit_draws(1000, MOST_DRAWN_CELLS) == 200
    assert limit_draws(50, MOST_DRAWN_CELLS) == 50
