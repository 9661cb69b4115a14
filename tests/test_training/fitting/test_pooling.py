"""A rare outcome begins from a frequent one's model and learns what the sources say differs."""

import dataclasses

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from features.catalogue.file import parse_catalogue
from features.errors import CatalogueError
from models.bundle.encoding import make_encoding
from models.bundle.folder import load_bundle, make_reference, write_bundle
from training.cohorts.outcome_rows import TrainingRows
from training.config import load_config
from training.fitting.models import fit_outcome
from training.fitting.pooling import LEAST_PEOPLE, fit_pooled, is_pooled_better, weigh_strengths

INDICATOR = (
    "  - {{name: {name}, family: f, measure: count, of: {{kind: {kind}}}, direction: {direction},\n"
    '     reason: "{{value}} x", source: test, relevant_to: [{to}]}}\n'
)
CATALOGUE = (
    """version: 1
name: small
title: A small catalogue
kinds:
  assault: {label: an assault}
  plan: {label: a plan}
  word: {label: a last word}
indicators:
"""
    + INDICATOR.format(name="assaults", kind="assault", direction="raises", to="frequent")
    + INDICATOR.format(name="plans", kind="plan", direction="open", to="rare")
    + INDICATOR.format(name="words", kind="word", direction="raises", to="rare")
    + """outcomes:
  - {name: frequent, label: frequent, of: {kind: assault}, horizon: 60d, maturity: 10d, source: t}
  - {name: rare, label: rare, of: {kind: word}, horizon: 60d, maturity: 10d, source: t,
     pooled_from: frequent}
baselines: {rfs: {recency: assaults, frequency: assaults, severity: assaults, source: test}}
priority:
  source: test
  ladder:
    - {name: a, label: a, outcome: frequent, weight: 1, source: test}
    - {name: b, label: b, outcome: rare, share: 0.07, weight: 9, source: a study}
wording: {advisory: A person decides., estimate: Under past practice.}
"""
)


@pytest.fixture(scope="module")
def catalogue():
    """Return the small catalogue."""
    return parse_catalogue(CATALOGUE.encode(), "small.yaml")


@pytest.fixture(scope="module")
def config():
    """Return the shipped choices with fewer, larger steps."""
    shipped = load_config()
    steps = {**shipped.lightgbm, "learning_rate": 0.1, "min_data_in_leaf": 20}
    return dataclasses.replace(
        shipped, lightgbm=steps, few_people_lightgbm={}, most_rounds=60, early_stopping_rounds=10
    )


def draw(n, seed, *, reverses):
    """Return indicators of n cases and whether each had the frequent and the rare outcome."""
    random = np.random.default_rng(seed)
    values = random.poisson(1.0, (n, 3)).astype(np.float64)
    assaults, plans, words = values.T
    frequent = random.random(n) < expit(-2.5 + 0.8 * assaults)
    of_assaults = -1.0 if reverses else 0.8
    rare = random.random(n) < expit(-5.0 + of_assaults * assaults + 0.7 * plans + 0.7 * words)
    return values, frequent, rare


def fit(catalogue, config, *, reverses, n=4_000):
    """Return the frequent outcome's model and the pooled one, of rows with a person each."""
    values, frequent, rare = draw(n, 1, reverses=reverses)
    rows = [TrainingRows(values, y_true, np.arange(n)) for y_true in (frequent, rare)]
    encoding = make_encoding(catalogue)
    base = fit_outcome("frequent", rows[0], encoding, config)
    outcome = catalogue.outcomes[1]
    return base, fit_pooled(outcome, rows[1], (base, rows[0]), catalogue, encoding, config), rows


@pytest.fixture(scope="module")
def reversed_fit(catalogue, config):
    """Return fits where what foretells the frequent outcome foretells less of the rare one."""
    return fit(catalogue, config, reverses=True)


def encode(catalogue, values):
    """Return the model matrix."""
    return make_encoding(catalogue).encode(values)


def test_where_predictors_reverse_the_rare_cases_come_sooner(catalogue, reversed_fit):
    """The pooled model ranks the rare outcome better than the frequent one's order does."""
    base, pooled, _ = reversed_fit
    values, _, rare = draw(20_000, 2, reverses=True)
    x = encode(catalogue, values)
    before, after = (
        roc_auc_score(rare, one.log_odds(x)) for one in (base.model, pooled.boosted.model)
    )
    assert pooled.slope < 0.5
    assert before < 0.5
    assert after > before + 0.2


def test_where_nothing_else_differs_the_order_stays_near_the_other_s(catalogue, config):
    """What foretells the frequent outcome goes on to count where it foretells the rare one."""
    base, pooled, _ = fit(catalogue, config, reverses=False)
    x = encode(catalogue, np.array([[0.0, 1.0, 1.0], [4.0, 1.0, 1.0]]))
    rise = np.diff(pooled.boosted.model.log_odds(x))[0]
    assert rise > 0.5 * np.diff(base.model.log_odds(x))[0]


def test_no_assault_more_lowers_the_score_even_where_the_data_say_so(catalogue, reversed_fit):
    """The own part takes back what the other model says, and never runs against a direction."""
    _, pooled, _ = reversed_fit
    values = np.column_stack([np.arange(12.0), np.ones(12), np.ones(12)])
    assert (np.diff(pooled.boosted.model.log_odds(encode(catalogue, values))) >= -1e-12).all()


@pytest.mark.parametrize("reverses", [True, False])
def test_contributions_are_the_other_model_s_and_the_own_terms_exact(catalogue, config, reverses):
    """They add up to 1e-9; a column without an own term has the other's, times one factor."""
    base, pooled, _ = fit(catalogue, config, reverses=reverses)
    x = encode(catalogue, draw(200, 3, reverses=reverses)[0])
    shares, start = pooled.boosted.model.contributions(x)
    assert np.abs(shares.sum(axis=1) + start - pooled.boosted.model.log_odds(x)).max() < 1e-9
    given, _ = base.model.contributions(x)
    factor = pooled.scale * pooled.slope
    assert np.abs(shares[:, 0] - factor * given[:, 0]).max() < 1e-9


def test_a_bundle_keeps_it_as_any_model_of_two_parts(catalogue, reversed_fit, tmp_path):
    """It is written as text and JSON of the present format, and read back scores the same."""
    base, pooled, rows = reversed_fit
    models = {"frequent": base.model, "rare": pooled.boosted.model}
    write_bundle(tmp_path, catalogue, models, {}, make_reference(rows[0].values), 0)
    x = encode(catalogue, rows[0].values[:50])
    again = load_bundle(tmp_path).outcomes["rare"]
    assert (again.log_odds(x) == pooled.boosted.model.log_odds(x)).all()
    assert {one.suffix for one in tmp_path.rglob("*") if one.is_file()} == {
        *(".json", ".txt", ".yaml")
    }


def test_the_estimates_hold_on_average_over_people_held_out(reversed_fit):
    """The mean of the estimates of rows that were not seen is the share with the outcome."""
    _, pooled, rows = reversed_fit
    one = pooled.boosted
    found = one.model.calibration.probability(one.raw).mean()
    assert found == pytest.approx(rows[1].y_true.mean(), rel=1e-3)


def test_too_few_people_pool_nothing(catalogue, config, reversed_fit):
    """With one person fewer than the limit there is no pooled model."""
    base, _, rows = reversed_fit
    kept = np.zeros_like(rows[1].y_true)
    kept[np.flatnonzero(rows[1].y_true)[: LEAST_PEOPLE - 1]] = True
    few = dataclasses.replace(rows[1], y_true=kept)
    outcome, encoding = catalogue.outcomes[1], make_encoding(catalogue)
    assert fit_pooled(outcome, few, (base, rows[0]), catalogue, encoding, config) is None


def test_the_own_model_is_served_where_it_was_better_on_people_held_out(catalogue, reversed_fit):
    """Scores that order held-out people by their outcome beat the pooled ones; noise does not."""
    _, pooled, rows = reversed_fit
    one, y_true = pooled.boosted, rows[1].y_true
    for raw, is_better in ((np.where(y_true, 3.0, -6.0), False), (np.zeros(len(y_true)), True)):
        own = dataclasses.replace(one, rows=np.arange(len(y_true)), raw=raw)
        assert is_pooled_better(pooled, own, rows[1]) == is_better


def test_a_refit_with_every_person_once_is_the_model_itself(reversed_fit):
    """Drawn as they are, people give the linear part that is served."""
    _, pooled, rows = reversed_fit
    again = pooled.lay_out().fit(np.ones(len(rows[1].y_true), dtype=np.int64))
    served = pooled.boosted.model.linear
    assert again.coefficient == pytest.approx(served.coefficient, abs=2e-3)


def test_little_knowledge_lets_every_strength_count():
    """Equal losses share alike; a loss that many people make much larger counts nothing."""
    assert weigh_strengths([0.5, 0.5], 100) == pytest.approx([0.5, 0.5])
    assert weigh_strengths([0.6, 0.5], 1_000)[0] < 1e-6


@pytest.mark.parametrize("wrong", ["rare", "unknown"])
def test_an_outcome_is_pooled_from_a_frequent_one_that_is_named(wrong):
    """One that is itself pooled, or that is no outcome, is refused with its place."""
    text = CATALOGUE.replace("pooled_from: frequent", f"pooled_from: {wrong}")
    with pytest.raises(CatalogueError, match="pooled_from"):
        parse_catalogue(text.encode(), "small.yaml")
