"""Shares are Shapley's: they add up, treat equals equally, and follow every order of joining."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.explanations.shapley import list_subsets, share_out

WORTH = st.integers(0, 6).flatmap(
    lambda n: st.lists(st.floats(-20, 20), min_size=1 << n, max_size=1 << n)
)


def test_a_glove_game_is_shared_as_in_the_book():
    """One left glove and two right ones are worth a pair: 2/3 to the left, 1/6 to each right."""
    pair = np.array([bool(s[0] and (s[1] or s[2])) for s in list_subsets(3)], dtype=float)
    assert share_out(pair) == pytest.approx([2 / 3, 1 / 6, 1 / 6])


@given(WORTH)
def test_shares_add_up_to_the_whole(worth):
    """Whatever the game, its shares add up to the worth of all less the worth of none."""
    table = np.array(worth)
    assert share_out(table).sum() == pytest.approx(table[-1] - table[0], abs=1e-9)


@given(st.lists(st.floats(-20, 20), min_size=16, max_size=16))
def test_shares_are_the_mean_over_all_orders(worth):
    """A player's share is what it adds on joining, averaged over every order of four."""
    table = np.array(worth)
    mean = np.zeros(4)
    for order in itertools.permutations(range(4)):
        code = 0
        for player in order:
            mean[player] += (table[code | 1 << player] - table[code]) / 24
            code |= 1 << player
    assert share_out(table) == pytest.approx(mean, abs=1e-9)


def test_further_axes_are_shared_each_by_itself():
    """A table of two outcomes gives each the shares it has alone."""
    table = np.random.default_rng(0).normal(size=(8, 2))
    both = share_out(table)
    assert both[:, 1] == pytest.approx(share_out(table[:, 1]))
    assert both.shape == (3, 2)
