"""The linear part is the logistic regression that others find, within the signs asked for."""

import dataclasses

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from features.catalogue.declarations import NEVER_DAYS
from features.catalogue.file import load_catalogue
from models.bundle.encoding import make_encoding
from training.cohorts.outcome_rows import TrainingRows
from training.config import load_config
from training.fitting.linear_part import fit_linear_part, lay_out, learn_weight
from training.fitting.models import fit_outcome

N_ROWS = 1500


@pytest.fixture(scope="module")
def encoding():
    """Return the stalking catalogue's encoding."""
    return make_encoding(load_catalogue("stalking"))


@pytest.fixture(scope="module")
def rows():
    """Return rows whose outcome follows some indicators, some of them against their direction."""
    catalogue = load_catalogue("stalking")
    random = np.random.default_rng(3)
    values = np.round(random.exponential(4.0, (N_ROWS, len(catalogue.columns))))
    values[random.random(values.shape) < 0.3] = np.nan
    logged = np.log1p(np.nan_to_num(values))
    slopes = random.normal(0, 0.3, values.shape[1])
    signal = (logged - logged.mean(axis=0)) @ slopes
    y_true = random.random(N_ROWS) < expit(signal - 1)
    person = random.integers(0, 900, N_ROWS).astype(np.int64)
    return TrainingRows(values, y_true, person)


def open_to_all(encoding):
    """Return the encoding without constraints."""
    return dataclasses.replace(encoding, constraint=np.zeros_like(encoding.constraint))


def test_without_constraints_it_is_the_regression_of_scikit_learn(encoding, rows):
    """Coefficients agree to 1e-5, and so do log-odds: the same loss, another solver."""
    config = load_config()
    laid = lay_out(rows, open_to_all(encoding), config)
    part = laid.fit()
    theirs = LogisticRegression(
        C=config.linear_penalty_c, solver="newton-cholesky", tol=1e-10, max_iter=500
    ).fit(laid.design, rows.y_true, sample_weight=laid.weight)
    ours = np.concatenate([part.coefficient, part.absent_coefficient])[laid.columns]
    assert np.abs(ours - theirs.coef_[0]).max() < 1e-5
    log_odds = part.log_odds(rows.encode(encoding))
    assert np.abs(log_odds - theirs.decision_function(laid.design)).max() < 1e-5
    assert np.abs(ours).max() > 0.1


def test_every_constrained_coefficient_has_its_sign(encoding, rows):
    """Where the data ask for the other sign the coefficient is 0, and elsewhere it is not."""
    part = fit_linear_part(rows, encoding, load_config())
    free = fit_linear_part(rows, open_to_all(encoding), load_config())
    sign = encoding.constraint
    for ours, theirs in (
        (part.coefficient, free.coefficient),
        (part.absent_coefficient, free.absent_coefficient),
    ):
        assert (ours * sign >= 0).all()
        against = theirs * sign < -0.05
        assert (np.abs(ours[against]) < 0.02).mean() > 0.9
    assert ((part.coefficient != 0) & (sign != 0)).sum() > 10
    assert (free.coefficient * sign < -0.05).sum() > 5


def test_terms_average_to_nothing_and_are_those_of_shap(encoding, rows):
    """Over the training rows each term's mean is 0, and shap's explainer of such models agrees."""
    shap = pytest.importorskip("shap")
    laid = lay_out(rows, encoding, load_config())
    part = laid.fit()
    terms = part.terms(rows.encode(encoding))
    assert np.abs(terms.mean(axis=0)).max() < 1e-9
    value, absent = part.design(rows.encode(encoding))
    design = np.concatenate([value, absent], axis=1)
    coefficient = np.concatenate([part.coefficient, part.absent_coefficient])
    masker = shap.maskers.Independent(design, max_samples=N_ROWS)
    theirs = shap.LinearExplainer((coefficient, part.intercept), masker).shap_values(design)
    width = terms.shape[1]
    assert np.abs(theirs[:, :width] + theirs[:, width:] - terms).max() < 1e-9


def test_a_first_event_raises_what_never_lowers(encoding, rows):
    """From "never" to any number of days a score does not fall where recency raises it."""
    part = fit_linear_part(rows, encoding, load_config())
    columns = np.flatnonzero((encoding.fill == NEVER_DAYS) & (encoding.constraint == -1))
    assert len(columns)
    x = np.repeat(rows.encode(encoding)[:1], 3, axis=0)
    for column in columns:
        x[:, column] = [NEVER_DAYS, 3000.0, 1.0]
        never, long_ago, yesterday = part.log_odds(x)
        assert never <= long_ago + 1e-12
        assert long_ago <= yesterday + 1e-12


def test_a_row_that_counts_twice_is_learnt_from_twice(encoding, rows):
    """A refit with counts is the fit on rows that stand there so often."""
    config = load_config()
    counts = np.random.default_rng(2).integers(0, 3, N_ROWS)
    laid = lay_out(rows, encoding, config)
    part = laid.fit()
    weighted = lay_out(rows, encoding, config, part=part).fit(counts)
    place = np.repeat(np.arange(N_ROWS), counts)
    repeated = lay_out(rows, encoding, config, place, part=part)
    assert np.abs(weighted.coefficient - repeated.fit().coefficient).max() < 1e-5
    assert np.abs(weighted.coefficient - part.coefficient).max() > 0.01


@pytest.mark.parametrize(
    ("trees", "linear", "low", "high"),
    [(1.0, 0.0, 0.9, 1.0), (0.0, 1.0, 0.0, 0.1), (1.0, 1.0, 0.4, 0.6), (-1.0, 1.0, 0.0, 0.0)],
)
def test_the_weight_is_where_the_outcome_is(trees, linear, low, high):
    """A part that says all has all the weight, two that say half each share it; one that says the
    opposite has none.
    """
    random = np.random.default_rng(1)
    scores = random.normal(0, 1, (2, 8000))
    y_true = random.random(8000) < expit(trees * scores[0] + linear * scores[1] - 1)
    assert low <= learn_weight(scores[0], scores[1], y_true, np.arange(8000)) <= high


def test_where_no_part_says_anything_the_trees_stand_alone():
    """Two scores that are the same for everybody leave the model as it was."""
    y_true = np.arange(100) % 3 == 0
    assert learn_weight(np.zeros(100), np.ones(100), y_true, np.arange(100)) == 1.0


def test_few_people_leave_the_weight_near_a_half():
    """Forty people cannot say which part is better; neither can they as four hundred rows each."""
    random = np.random.default_rng(4)
    scores = random.normal(0, 1, (2, 40))
    y_true = random.random(40) < expit(scores[0] - 1)
    once = learn_weight(scores[0], scores[1], y_true, np.arange(40))
    assert 0.4 < once < 1.0
    often = [np.tile(one, 400) for one in (*scores, y_true, np.arange(40))]
    assert learn_weight(*often) == once
    assert learn_weight(*often[:3], np.arange(16_000)) > once


def test_the_weight_and_the_line_come_from_people_whom_no_part_had_seen(encoding, rows):
    """The raw scores kept are those of neither part on its own rows: they are less sure of them."""
    config = dataclasses.replace(load_config(), most_rounds=40, early_stopping_rounds=10, folds=3)
    fitted = fit_outcome("violence", rows, encoding, config)
    assert 0 <= fitted.model.weight < 1
    assert fitted.trees.linear is None
    assert fitted.trees.text == fitted.model.text
    seen = fitted.model.raw(rows.encode(encoding))
    assert seen[rows.y_true].mean() - seen[~rows.y_true].mean() > (
        fitted.raw[rows.y_true].mean() - fitted.raw[~rows.y_true].mean() + 0.05
    )
