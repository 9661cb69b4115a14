"""What a small unit is learnt with: by people, not rows."""

import dataclasses
from types import SimpleNamespace

import lightgbm
import numpy as np
import pytest

from features.catalogue.file import load_catalogue
from models.bundle.encoding import make_encoding
from tests.test_models.conftest import random_values
from training.cohorts.outcome_rows import TrainingRows
from training.config import load_config
from training.fitting.fitted_outcome import choose_evenly
from training.fitting.linear_part import fit_linear_part
from training.fitting.models import fit_outcome

QUICK = {"most_rounds": 30, "early_stopping_rounds": 5}


def _rows(person: np.ndarray, y_true: np.ndarray) -> TrainingRows:
    return TrainingRows(np.zeros((len(person), 1)), y_true, person)


def test_people_are_counted_not_rows():
    """Four rows with the outcome of two people are two people with it."""
    rows = _rows(np.array([7, 7, 7, 8, 9]), np.array([True, True, True, True, False]))
    assert rows.n_positives == 4
    assert rows.n_people_with_outcome == 2


@pytest.mark.parametrize(
    ("person_weight", "of_each_person"),
    [(0.0, [4.0, 1.0]), (1.0, [2.5, 2.5]), (0.5, [10 / 3, 5 / 3])],
)
def test_rows_of_a_person_share_their_weight(person_weight, of_each_person):
    """Four rows count as four, as one, or between; together all count as many as there are."""
    rows = _rows(np.array([3, 3, 3, 3, 5]), np.ones(5, dtype=bool))
    weight = rows.weigh(person_weight)
    assert weight.sum() == pytest.approx(5)
    assert [weight[:4].sum(), weight[4]] == pytest.approx(of_each_person)


def test_without_weights_every_row_counts_exactly_once():
    """With 0 the weights are ones to the last bit, so that nothing changes."""
    rows = _rows(np.array([3, 3, 3, 5]), np.ones(4, dtype=bool))
    assert rows.weigh(0.0).tolist() == [1.0] * 4


def test_the_size_is_chosen_by_people_with_the_outcome():
    """Below the limit the trees are smaller and the penalty is stronger; from it on as stated."""
    config = load_config()
    few, many = config.fit_to(config.few_people - 1), config.fit_to(config.few_people)
    assert many is config
    assert few.lightgbm["max_depth"] < config.lightgbm["max_depth"]
    assert few.lightgbm["num_leaves"] < config.lightgbm["num_leaves"]
    assert few.lightgbm["learning_rate"] == config.lightgbm["learning_rate"]
    assert few.linear_penalty_c < config.linear_penalty_c


def test_a_file_from_before_learns_as_it_did(tmp_path):
    """Without the new choices no size is by people and every row counts alike."""
    text = (load_config.__defaults__[0]).read_text()
    kept = [
        line for line in text.splitlines() if not line.startswith(("few_people", "person_weight"))
    ]
    at = next(n for n, line in enumerate(kept) if line.startswith("  max_depth: 3"))
    del kept[at : at + 2]
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(kept))
    config = load_config(path)
    assert config.fit_to(1) is config
    assert config.person_weight == 0.0


def test_a_row_told_twice_with_half_the_weight_is_told_once():
    """Both parts learn the same from people whose rows are repeated, where people count alike."""
    catalogue = load_catalogue("stalking")
    encoding = make_encoding(catalogue)
    random = np.random.default_rng(4)
    values = random_values(catalogue, 600, random)
    score = np.nan_to_num(np.log1p(values[:, :6])).sum(axis=1)
    y_true = score + random.normal(0, 2, 600) > np.quantile(score, 0.7)
    person = np.arange(600)
    once = TrainingRows(values, y_true, person)
    twice = TrainingRows(np.concatenate([values, values]), np.tile(y_true, 2), np.tile(person, 2))
    config = dataclasses.replace(load_config(), person_weight=1.0, **QUICK)
    parts = [
        fit_linear_part(rows, encoding, dataclasses.replace(config, linear_penalty_c=c))
        for rows, c in ((once, 0.01), (twice, 0.005))
    ]
    np.testing.assert_allclose(parts[0].coefficient, parts[1].coefficient, atol=1e-4)


def test_weights_change_what_the_trees_learn():
    """Where some people have many rows, weighing them changes the trees."""
    catalogue = load_catalogue("stalking")
    encoding = make_encoding(catalogue)
    random = np.random.default_rng(4)
    values = random_values(catalogue, 800, random)
    score = np.nan_to_num(np.log1p(values[:, :6])).sum(axis=1)
    y_true = score + random.normal(0, 2, 800) > np.quantile(score, 0.7)
    person = np.where(np.arange(800) < 400, np.arange(800) // 16, np.arange(800))
    rows = TrainingRows(values, y_true, person)
    found = []
    for person_weight in (0.0, 1.0):
        config = dataclasses.replace(load_config(), person_weight=person_weight, **QUICK)
        booster = lightgbm.Booster(
            model_str=fit_outcome("violence", rows, encoding, config).trees.text
        )
        found.append(booster.predict(rows.encode(encoding), raw_score=True))
    assert not np.allclose(found[0], found[1])


@pytest.mark.parametrize(
    ("n", "expected"), [(3, [0, 1, 2]), (4, [0, 1, 2, 3]), (8, [1, 3, 5, 7]), (11, [2, 5, 8, 10])]
)
def test_back_test_periods_lie_evenly_and_end_with_the_latest(n, expected):
    """Of many periods four serve, evenly apart, the latest among them."""
    origins = [SimpleNamespace(number=number) for number in range(n)]
    assert [one.number for one in choose_evenly(origins, 4)] == expected
