"""Figures of a report equal the same figures computed again by scikit-learn from the labels."""

import json

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.folder import load_bundle
from training.cohorts.training_rows import label_cohort, take_cohort


@pytest.fixture(scope="module")
def told(small_unit):
    """Return the report's figures, and labels and probabilities made again from bundle and data."""
    history = assemble_history(read_folder(small_unit.folder))
    bundle = load_bundle(small_unit.bundle)
    metrics = json.loads((small_unit.bundle / "metrics.json").read_text())
    cohort = take_cohort(history, bundle.catalogue, small_unit.test_date)
    again = {}
    for outcome in bundle.catalogue.outcomes:
        model = bundle.outcomes.get(outcome.name)
        if model is None:
            continue
        labels = label_cohort(history, bundle.catalogue, outcome, cohort, history.extract_at)
        probability = model.probability(bundle.encoding.encode(cohort.values))
        again[outcome.name] = (labels.y_true[labels.known], probability[labels.known])
    assert again
    figures = {name: next(iter(metrics["outcomes"][name].values())) for name in again}
    return again, figures


def test_rank_and_probability_figures_are_scikit_learns(told):
    """AUC, average precision and Brier score of every outcome."""
    again, figures = told
    for name, (y_true, probability) in again.items():
        assert figures[name]["n"] == len(y_true)
        assert figures[name]["positives"] == y_true.sum()
        assert figures[name]["auc"] == pytest.approx(roc_auc_score(y_true, probability))
        assert figures[name]["average_precision"] == pytest.approx(
            average_precision_score(y_true, probability)
        )
        assert figures[name]["brier"] == pytest.approx(brier_score_loss(y_true, probability))


def test_figures_at_capacity_are_scikit_learns(told):
    """Precision and recall among the first thirty, where no tie stands on the border."""
    again, figures = told
    checked = 0
    for name, (y_true, probability) in again.items():
        (everyone,) = [
            group
            for group in figures[name]["at_capacity"]["model"]["groups"]
            if group["group"] == "all"
        ]
        ordered = np.sort(probability)[::-1]
        if len(ordered) <= 30 or ordered[29] == ordered[30]:
            continue
        chosen = probability >= ordered[29]
        assert everyone["precision_at_capacity"] == pytest.approx(precision_score(y_true, chosen))
        assert everyone["recall_at_capacity"] == pytest.approx(recall_score(y_true, chosen))
        checked += 1
    assert checked


def test_the_difference_from_the_rule_is_that_of_two_aucs(told):
    """What the first line says is the model's AUC less the rule's."""
    _, figures = told
    for found in figures.values():
        difference = found["differences"]["rfs"]
        assert difference["estimate"] == pytest.approx(
            found["auc"] - found["baselines"]["rfs"]["auc"]
        )
        assert difference["low"] <= difference["high"]
