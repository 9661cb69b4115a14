"""Bands of places: people are drawn whole, places are settled where scores are, refits are real."""

import dataclasses

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue.file import load_catalogue
from models.bundle.encoding import make_encoding
from training.config import load_config
from training.fitting.bootstrap_refits import (
    ListStability,
    RankBands,
    assess_list,
    draw_counts,
    fit_light,
    measure_distinguishable,
    prepare_refits,
    refit_ranks,
)
from training.fitting.models import TrainingRows


def quiet(message):
    """Say nothing."""


def rows_of(n=900, seed=3):
    """Return rows of people seen three times whose outcome hangs on the first two columns."""
    random = np.random.default_rng(seed)
    values = random.exponential(size=(n, len(load_catalogue("stalking").columns)))
    y_true = random.random(n) < 1 / (1 + np.exp(2 - values[:, 0] - values[:, 1]))
    return TrainingRows(values, y_true, np.arange(n) // 3)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 99))
def test_people_are_drawn_whole(person, seed):
    """All rows of a person count equally often, and as many people are drawn as there are."""
    counts = draw_counts(np.array(person), seed)
    by_person = {}
    for one, count in zip(person, counts.tolist(), strict=True):
        assert by_person.setdefault(one, count) == count
    assert sum(by_person.values()) == len(by_person)


def test_settled_scores_have_narrow_bands_and_noise_has_wide_ones():
    """Three fixed scores keep their places; two that swap have bands that hold both places."""
    random = np.random.default_rng(1)

    def fit_and_score(counts, seed):
        return np.array([9.0, 5.0 + random.normal(), 5.0 + random.normal(), 1.0])

    bands = refit_ranks(fit_and_score, np.arange(10), 50, 7, quiet)
    assert bands.low.tolist() == [1, 2, 2, 4]
    assert bands.high.tolist() == [1, 3, 3, 4]
    assert bands.reach_across(2).tolist() == [False, True, True, False]


def test_equal_scores_share_their_places():
    """Cases without a difference all stand at the mean place, whatever their order."""
    bands = refit_ranks(lambda counts, seed: np.ones(5), np.arange(4), 50, 1, quiet)
    assert bands.low.tolist() == bands.high.tolist() == [3.0] * 5


def test_the_same_seed_draws_the_same_people():
    """Bands repeat; another seed gives others."""

    def fit_and_score(counts, seed):
        return counts[:6].astype(float) + np.arange(6) / 10

    one, same, other = (refit_ranks(fit_and_score, np.arange(40), 50, s, quiet) for s in (1, 1, 2))
    assert np.array_equal(one.median, same.median)
    assert not np.array_equal(np.r_[one.low, one.median], np.r_[other.low, other.median])


def test_bands_rest_on_fifty_refits():
    """Fewer are refused."""
    with pytest.raises(ValueError, match="at least 50"):
        refit_ranks(lambda counts, seed: np.ones(2), np.arange(2), 49, 1, quiet)


@pytest.mark.parametrize(
    ("capacity", "share", "tied", "n_listed"),
    [(1, 1.0, [], 0), (2, 0.5, [2, 1], 1), (3, 1.0, [], 0), (9, 1.0, [], 0)],
)
def test_the_last_places_by_hand(capacity, share, tied, n_listed):
    """Two cases that cannot be told apart share the last place of two; elsewhere none do."""
    bands = RankBands(
        low=np.array([1.0, 2.0, 2.0, 4.0]),
        median=np.array([1.0, 2.4, 2.6, 4.0]),
        high=np.array([1.0, 3.0, 3.0, 4.0]),
        n_refits=50,
    )
    found = assess_list(bands, np.array([1, 3, 2, 4]), capacity)
    assert found.share_stable == share
    assert found.tied_with_last.tolist() == tied
    assert found.n_tied_listed == n_listed


@pytest.mark.parametrize(
    ("priority", "tied", "told_apart"),
    [
        ([8.0, 4.0, 3.0, 2.0, 1.0], [1, 2, 3], 0.5),
        ([8.0, 4.0, 3.0, 2.0, 1.0], [1, 3], 0.0),
        ([8.0, 4.0, 3.0, 2.0, 1.0], [], 0.0),
        ([0.0, 0.0, 0.0, 0.0, 0.0], [1, 2], 0.0),
    ],
)
def test_how_near_is_as_good_as_tied_by_hand(priority, tied, told_apart):
    """From the last of two places down to where the unbroken run of tied cases ends."""
    stability = ListStability(2, 0.5, np.array(tied, dtype=np.int64), 1)
    assert measure_distinguishable(stability, np.array(priority), np.arange(1, 6)) == told_apart


def test_a_refit_is_a_fit_on_repeated_rows():
    """A row that counts twice is learnt from as if it stood there twice; one of 0 is left out."""
    config = load_config()
    plain = {**config.lightgbm, "feature_fraction": 1.0, "bagging_freq": 0}
    plain |= {"min_data_in_leaf": 0, "min_sum_hessian_in_leaf": 5.0}
    config = dataclasses.replace(config, lightgbm=plain)
    encoding = make_encoding(load_catalogue("stalking"))
    rows = rows_of()
    x = encoding.encode(rows.values)
    counts = draw_counts(rows.person, 5)
    refit = prepare_refits(rows, encoding, config, 8)
    weighted = refit.fit(counts, 1).predict(x, raw_score=True)
    repeated = np.repeat(np.arange(900), counts)
    part = refit.data.subset(repeated.tolist()).construct()
    theirs = lightgbm.train(dict(refit.parameters) | {"seed": 1}, part, num_boost_round=8)
    assert weighted == pytest.approx(theirs.predict(x, raw_score=True), abs=1e-6)


def test_refits_rank_what_makes_the_outcome_and_keep_the_directions():
    """Refits find the columns that matter, differ from one another, and repeat with their seed."""
    encoding = make_encoding(load_catalogue("stalking"))
    rows, config = rows_of(), load_config()
    x = encoding.encode(rows.values)
    one, same, other = (
        fit_light(rows, encoding, config, 40, seed).predict(x, raw_score=True) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    truth = rows.values[:, 0] + rows.values[:, 1]
    assert np.corrcoef(one, truth)[0, 1] > 0.6
