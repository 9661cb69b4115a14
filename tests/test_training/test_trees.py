"""Scores of many rows are LightGBM's own, to the last bit."""

import lightgbm
import numpy as np
import pytest

from features.engine.measurement import compile_plan, measure
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.folder import load_bundle
from training.fitting.trees import make_scorer, read_trees, score_raw


def rows_at_the_edges(booster, random, n=2_000):
    """Return rows whose values are thresholds, their neighbours, zeros and missing ones."""
    splits = booster.trees_to_dataframe()
    x = random.normal(size=(n, booster.num_feature()))
    for number, name in enumerate(booster.feature_name()):
        at = splits.loc[splits["split_feature"] == name, "threshold"].to_numpy(dtype=float)
        near = [at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf)]
        x[:, number] = random.choice(np.concatenate([*near, [0.0, np.nan, 1e-35, -3.0]]), n)
    return x


def fitted(random, **settings):
    """Return a booster that has seen missing values in some columns only."""
    x = np.round(random.normal(size=(3_000, 5)), 1)
    x[random.random(3_000) < 0.3, 0] = np.nan
    x[random.random(3_000) < 0.8, 1] = 0.0
    y_true = random.random(3_000) < 1 / (1 + np.exp(-np.nan_to_num(x).sum(axis=1)))
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 1, **settings}
    return lightgbm.train(settings, lightgbm.Dataset(x, y_true.astype(float)), num_boost_round=40)


@pytest.mark.parametrize("settings", [{}, {"max_depth": 2}, {"min_data_in_leaf": 4_000}])
def test_raw_scores_are_those_of_lightgbm(settings):
    """At thresholds, beside them, at zero and where a value is missing, with trees and without."""
    random = np.random.default_rng(1)
    booster = fitted(random, **settings)
    x = rows_at_the_edges(booster, random)
    trees = read_trees(booster.model_to_string())
    assert trees is not None
    np.testing.assert_array_equal(trees.score(x), booster.predict(x, raw_score=True))
    assert trees.score(x[:0]).shape == (0,)


@pytest.mark.parametrize("settings", [{"zero_as_missing": True}, {"linear_tree": True}])
def test_a_model_of_another_kind_is_left_to_lightgbm(settings):
    """Zeros that count as missing and linear leaves are not read, and are scored all the same."""
    random = np.random.default_rng(2)
    booster = fitted(random, **settings)
    text = booster.model_to_string()
    assert read_trees(text) is None
    x = np.round(random.normal(size=(50, 5)), 1)
    np.testing.assert_array_equal(score_raw(text, x), booster.predict(x, raw_score=True))


def test_a_bundles_models_score_as_they_are_served(small_unit):
    """For every outcome the log-odds of a cohort are those that the service tells."""
    bundle, history = (
        load_bundle(small_unit.bundle),
        assemble_history(read_folder(small_unit.folder)),
    )
    values = measure(history, compile_plan(bundle.catalogue), small_unit.test_date).values
    assert bundle.outcomes
    for model in bundle.outcomes.values():
        served = model.log_odds(bundle.encoding.encode(values))
        np.testing.assert_array_equal(make_scorer(model, bundle.encoding)(values), served)
