"""One cross-validation: LightGBM's own rounds and model, whatever the number of processors."""

import lightgbm
import numpy as np
import pytest

from training.fitting import cross_validation, processors
from training.fitting.cross_validation import (
    CrossValidated,
    RoundLimits,
    cross_validate,
    describe_rest,
)
from training.fitting.models import split_by_person

PARAMETERS = {
    "objective": "binary",
    "metric": "binary_logloss",
    "learning_rate": 0.2,
    "num_leaves": 6,
    "min_data_in_leaf": 10,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "seed": 5,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
LIMITS = RoundLimits(most=80, patience=7)


@pytest.fixture(scope="module")
def rows():
    """Return a matrix, labels that hang on two of its columns, and the folds by person."""
    random = np.random.default_rng(3)
    x = random.normal(size=(600, 8))
    y = x[:, 0] + x[:, 1] ** 2 + random.normal(size=600) > 1
    folds = list(split_by_person(np.arange(600) // 2, 4, 1))
    return x, y.astype(np.float64), folds


def _bin(x, y) -> lightgbm.Dataset:
    return lightgbm.Dataset(x, y, params={"verbosity": -1})


def _cross_validate(rows, limits=LIMITS, tell=lambda _: None) -> CrossValidated:
    x, y, folds = rows
    return cross_validate(_bin(x, y), folds, PARAMETERS, limits, tell)


def test_rounds_and_folds_are_those_of_lightgbms_own(rows):
    """Rounds and scores of rows held out are what LightGBM's own cross-validation gives."""
    x, y, folds = rows
    ours = _cross_validate(rows)
    theirs = lightgbm.cv(
        PARAMETERS,
        _bin(x, y),
        num_boost_round=LIMITS.most,
        folds=folds,
        callbacks=[lightgbm.early_stopping(LIMITS.patience, verbose=False)],
        return_cvbooster=True,
    )["cvbooster"]
    assert 1 < ours.rounds < LIMITS.most
    assert ours.rounds == theirs.best_iteration
    for one, other, (_, held_out) in zip(ours.folds, theirs.boosters, folds, strict=True):
        found = one.predict(x[held_out], num_iteration=ours.rounds)
        np.testing.assert_array_equal(found, other.predict(x[held_out], num_iteration=ours.rounds))


def test_the_model_is_that_of_all_rows_with_those_rounds(rows):
    """The model has the chosen number of trees, and they are those of a fit on all rows."""
    x, y, _ = rows
    ours = _cross_validate(rows)
    whole = lightgbm.train(PARAMETERS, _bin(x, y), num_boost_round=ours.rounds)
    booster = lightgbm.Booster(model_str=ours.text)
    assert booster.num_trees() == ours.rounds
    np.testing.assert_array_equal(booster.predict(x), whole.predict(x))


def test_the_most_rounds_are_kept_to(rows):
    """Where the loss still falls at the most rounds, there are no more."""
    assert _cross_validate(rows, RoundLimits(most=3, patience=7)).rounds == 3


def test_one_processor_gives_what_several_give(rows, monkeypatch):
    """The number of processors changes nothing but the time."""
    found = []
    for number in (1, 3):
        monkeypatch.setattr(processors, "count_processors", lambda number=number: number)
        found.append(_cross_validate(rows).text)
    assert found[0] == found[1]


def test_progress_says_the_rounds_and_the_time_left(rows, monkeypatch):
    """While rounds are fitted it is told how many, and how long the rest can take at most."""
    monkeypatch.setattr(cross_validation, "_TOLD_EVERY_S", 0.0)
    told: list[str] = []
    _cross_validate(rows, tell=told.append)
    assert told[0].startswith("10 rounds of at most 80, at most ")
    assert describe_rest(50, 200, 60.0) == "50 rounds of at most 200, at most 3.0 minutes left"
