"""Where outcomes are dealt out at random there is no skill, whatever the pipeline does."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.metrics import roc_auc_score

from features.catalogue.file import load_catalogue
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.encoding import make_encoding
from training.cohorts.training_rows import join_cohorts, label_cohort, take_cohort, training_rows
from training.config import load_config
from training.fitting.models import TrainingRows, fit_logistic, fit_outcome, fit_rfs

TIMES = 20
QUICK = {"most_rounds": 60, "early_stopping_rounds": 15, "folds": 3}


@pytest.fixture(scope="module")
def rows(small_unit):
    """Return training and test rows of further conduct, as a run takes them."""
    history = assemble_history(read_folder(small_unit.folder))
    catalogue = load_catalogue("stalking")
    outcome = next(one for one in catalogue.outcomes if one.name == "persistence")
    train = [take_cohort(history, catalogue, date) for date in small_unit.train_dates]
    test = take_cohort(history, catalogue, small_unit.test_date)
    labels = label_cohort(history, catalogue, outcome, test, history.extract_at)
    kept = labels.known
    return (
        catalogue,
        training_rows(history, catalogue, outcome, join_cohorts(train), small_unit.test_date),
        TrainingRows(test.values[kept], labels.y_true[kept], test.landmarks.case[kept]),
    )


def scramble(rows, random):
    """Deal the outcomes out anew."""
    return dataclasses.replace(rows, y_true=random.permutation(rows.y_true))


def null_spread(y_true):
    """Return the standard error of an AUC where nothing is known (Mann and Whitney 1947)."""
    n, positives = len(y_true), int(y_true.sum())
    return np.sqrt((n + 1) / (12 * positives * (n - positives)))


def score_all(catalogue, train: TrainingRows, values):
    """Return the test scores of the model, the rule and the logistic regression."""
    config = dataclasses.replace(load_config(), **QUICK)
    encoding = make_encoding(catalogue)
    model = fit_outcome("persistence", train, encoding, config).model
    return {
        "model": model.log_odds(encoding.encode(values)),
        "rfs": fit_rfs(train, catalogue.rfs, catalogue.columns).raw(values),
        "logistic": fit_logistic(train, config).probability(values),
    }


def test_scrambled_outcomes_show_no_skill(rows):
    """Twenty times outcomes are dealt out at random; together the AUCs do not differ from chance.

    The joint tests are a sum (is there skill on average?) and a sum of squares (in any of them?),
    each at one in a thousand. The same test finds the skill that is there when nothing is dealt.
    """
    catalogue, train, test = rows
    random = np.random.default_rng(7)
    found = {"model": [], "rfs": [], "logistic": []}
    for _ in range(TIMES):
        dealt, judged = scramble(train, random), scramble(test, random)
        for name, score in score_all(catalogue, dealt, test.values).items():
            skill = roc_auc_score(judged.y_true, score) - 0.5
            found[name].append(skill / null_spread(judged.y_true))
    for name, skills in found.items():
        z = np.array(skills)
        assert abs(z.sum()) / np.sqrt(TIMES) < 3.29, name
        assert chi2.sf((z**2).sum(), TIMES) > 0.001, name
    honest = score_all(catalogue, train, test.values)["model"]
    assert (roc_auc_score(test.y_true, honest) - 0.5) / null_spread(test.y_true) > 3.29
