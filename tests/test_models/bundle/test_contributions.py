"""Reasons add up to the score that is served, on every row, and are those of shap."""

import numpy as np
import pytest
from scipy.special import expit

from features.contract.arrays import Float64
from features.engine.measurement import compile_plan, measure
from features.history.assembly import assemble_history
from features.history.columns import History
from features.intake.contract_folder import read_folder
from models.bundle.folder import Bundle, load_bundle
from models.explanations.facade import explain
from models.ranking.order import cohort_cases, rank_cases


@pytest.fixture(scope="module")
def bundle(small_unit) -> Bundle:
    """Return the small unit's bundle."""
    return load_bundle(small_unit.bundle)


@pytest.fixture(scope="module")
def history(small_unit) -> History:
    """Return the small unit's history."""
    return assemble_history(read_folder(small_unit.folder))


@pytest.fixture(scope="module")
def values(bundle, history) -> Float64:
    """Return the indicators of all cases at all dates of the run, and of the extract."""
    plan = compile_plan(bundle.catalogue)
    return measure(history, plan, [history.extract_at, bundle.trained_for_us]).values


def scatter(values: Float64) -> Float64:
    """Return rows as no history makes them: shuffled columns, missing cells, extremes."""
    random = np.random.default_rng(1)
    made = random.permuted(values, axis=0)
    made[random.random(made.shape) < 0.2] = np.nan
    made[random.random(made.shape) < 0.05] = 1e9
    return made


def test_base_and_contributions_add_up_to_the_served_log_odds(bundle, values):
    """On every row the base and the reasons give the served log-odds to 1e-9."""
    rows = np.concatenate([values, scatter(values)])
    assert bundle.outcomes
    for model in bundle.outcomes.values():
        told = explain(model, bundle.encoding, rows)
        served = model.log_odds(bundle.encoding.encode(rows))
        assert np.abs(told.base + told.by_indicator.sum(axis=1) - served).max() < 1e-9
        families = sum(told.by_family(bundle.catalogue).values())
        assert np.abs(told.base + families - served).max() < 1e-9


def test_contributions_are_those_of_shap_times_the_slope(bundle, values):
    """An independent explainer gives the trees' values, once scaled by weight and slope."""
    shap = pytest.importorskip("shap")
    x = bundle.encoding.encode(values)
    for model in bundle.outcomes.values():
        explained = shap.TreeExplainer(model.booster)(x)
        contributions, base = model.contributions(x)
        slope, intercept = model.calibration.slope, model.calibration.intercept
        theirs = model.weight * np.asarray(explained.values)
        expected = model.weight * float(np.ravel(explained.base_values)[0])
        if model.linear is not None:
            theirs = theirs + (1 - model.weight) * model.linear.terms(x)
            expected += (1 - model.weight) * model.linear.intercept
        expected = intercept + slope * expected
        assert theirs.shape == contributions.shape
        assert np.abs(slope * theirs - contributions).max() < 1e-9
        assert abs(expected - base) < 1e-9


def test_what_the_list_says_is_what_the_model_says(bundle, history):
    """Probability, log-odds and reasons of a list row come from one computation."""
    as_of = history.extract_at
    ranked = rank_cases(bundle, history, as_of, top=20)
    case_of = {name: number for number, name in enumerate(history.case_id)}
    plan = compile_plan(bundle.catalogue)
    for advice in ranked.advices:
        case = np.array([case_of[advice.case_id]])
        row = measure(history, plan, as_of, case).values
        for estimate in advice.estimates:
            model = bundle.outcomes[estimate.outcome]
            told = explain(model, bundle.encoding, row)
            assert estimate.log_odds == pytest.approx(told.base + told.by_indicator.sum(), abs=1e-9)
            assert estimate.base_log_odds == told.base
            assert estimate.probability == expit(estimate.log_odds)
        told = explain(bundle.outcomes[advice.leading_outcome], bundle.encoding, row)
        names = [indicator.name for indicator in bundle.catalogue.indicators]
        for reason in (*advice.reasons, *advice.counter_reasons):
            share = told.by_indicator[0, names.index(reason.indicator)]
            assert reason.contribution == pytest.approx(share, abs=1e-12)
            assert (share > 0) == (reason.pushes == "up")


def test_reasons_open_their_records(bundle, history, small_unit):
    """Every reason with a value lists keys of the case's own records (promise 5)."""
    folder = read_folder(small_unit.folder)
    known = set(
        zip(folder.frame("events")["case_id"], folder.frame("events")["event_id"], strict=True)
    ) | set(zip(folder.frame("facts")["case_id"], folder.frame("facts")["fact_id"], strict=True))
    ranked = rank_cases(bundle, history, history.extract_at, top=30)
    told = [(advice, reason) for advice in ranked.advices for reason in advice.reasons]
    assert len(told) > 60
    for advice, reason in told:
        assert {(advice.case_id, key) for key in reason.records} <= known
        if reason.value:
            assert reason.records, reason.indicator


def test_a_case_stands_alone(bundle, history):
    """A case's score does not depend on which others are scored with it."""
    as_of = history.extract_at
    cases = cohort_cases(history, bundle.catalogue, as_of)
    together = {a.case_id: a for a in rank_cases(bundle, history, as_of).advices}
    for case in cases[:10]:
        (alone,) = rank_cases(bundle, history, as_of, cases=np.array([case])).advices
        beside = together[alone.case_id]
        assert (alone.estimates, alone.priority) == (beside.estimates, beside.priority)
        assert (alone.reasons, alone.unknowns) == (beside.reasons, beside.unknowns)
