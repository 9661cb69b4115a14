"""One case in full: every number from one source, and text that says what the numbers say."""

import dataclasses
import re

import numpy as np
import pytest

from features.catalogue.declarations import DAY_US
from features.contract.moments import parse_date
from features.engine.measurement import measure
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.folder import load_bundle
from models.explanations.facade import (
    MovementEnd,
    explain,
    explain_case,
    measure_agreement,
    measure_churn,
)
from models.explanations.plain_text import WIDTH, render_case
from models.ranking.advice import Reason
from models.ranking.order import rank
from models.ranking.reasons_text import find_usual, first_columns
from models.ranking.stability import ReasonAgreement

AS_OF = parse_date("2026-06-01", "Europe/London")


@pytest.fixture(scope="module")
def history(small_unit):
    """Return the small unit's history."""
    return assemble_history(read_folder(small_unit.folder))


@pytest.fixture(scope="module")
def bundle(small_unit):
    """Return the small unit's bundle."""
    return load_bundle(small_unit.bundle)


@pytest.fixture(scope="module")
def told(bundle, history):
    """Return the first cases of the list, explained in full."""
    as_of = history.extract_at
    ids = history.case_id.tolist()
    found = []
    for advice in rank(bundle, history, as_of).advise(range(8)):
        case = ids.index(advice.case_id)
        before = MovementEnd(bundle, history, case, as_of - 28 * DAY_US)
        found.append(explain_case(bundle, history, case, as_of, before=before, advice=advice))
    return found


def test_all_ledgers_of_a_case_end_at_one_number(told):
    """Estimate, families, incidents and movement of an outcome hold the very same log-odds."""
    for one in told:
        estimates = {e.outcome: e for e in one.advice.estimates}
        leading = estimates[one.advice.leading_outcome]
        families = leading.base_log_odds + sum(share.share for share in one.families)
        assert families == pytest.approx(leading.log_odds, abs=1e-9)
        assert one.incidents[0].outcome == one.movement[0].outcome == leading.outcome
        for incidents in one.incidents:
            assert incidents.log_odds == pytest.approx(
                estimates[incidents.outcome].log_odds, abs=1e-9
            )
        for movement in one.movement:
            now = estimates[movement.outcome]
            assert movement.after.log_odds == pytest.approx(now.log_odds, abs=1e-9)
            assert movement.after.average == now.average


def test_reasons_stand_beside_what_is_usual(told, bundle):
    """A reason tells the range that holds nine in ten training cases, from the bundle itself."""
    seen = 0
    columns = dict(
        zip(
            [i.name for i in bundle.catalogue.indicators],
            first_columns(bundle.catalogue),
            strict=True,
        )
    )
    for one in told:
        for reason in one.advice.reasons:
            if reason.usual_low is None:
                continue
            row = bundle.reference.quantiles[columns[reason.indicator]]
            levels = bundle.reference.levels.tolist()
            assert reason.usual_low == row[levels.index(0.05)]
            assert reason.usual_high == row[levels.index(0.95)]
            seen += bool(reason.usual)
    assert seen > 10


def test_what_is_mostly_missing_is_told_as_that(bundle):
    """Where most training cases have no value, no range is told."""
    catalogue = bundle.catalogue
    column = first_columns(catalogue)[2]
    missing = bundle.reference.missing.copy()
    missing[column] = 0.6
    reference = dataclasses.replace(bundle.reference, missing=missing)
    usual = find_usual(catalogue, reference, catalogue.indicators[2], column)
    assert (usual.low, usual.sentence) == (None, "most comparable cases have none on record")


def test_text_holds_every_reason_and_its_records(told, bundle, history):
    """The text says each estimate and reason, opens records, and fits the page."""
    for one in told:
        text = render_case(one, bundle.catalogue, history.time_zone)
        assert max(len(line) for line in text.splitlines()) <= WIDTH
        flat = re.sub(r"\s+", " ", text)
        assert f"Place {one.advice.rank} of {one.advice.n_ranked}" in flat
        for reason in (*one.advice.reasons, *one.advice.counter_reasons):
            assert reason.sentence[1:] in flat
            assert all(key in flat for key in reason.records[:3])
        for question in one.questions:
            assert question.sentence in flat
        assert bundle.catalogue.wording["advisory"] in flat
        assert text == render_case(one, bundle.catalogue, history.time_zone)


def test_a_case_without_a_model_is_told_too(bundle, history):
    """Where only the rule orders, the text says so and holds no score."""
    bare = dataclasses.replace(bundle, outcomes={}, familiarity=None)
    told = explain_case(bare, history, 3, history.extract_at)
    text = render_case(told, bare.catalogue, history.time_zone)
    assert "No model is in use for this case" in text
    assert (told.families, told.incidents, told.movement) == ((), (), ())


def test_a_strange_file_names_what_makes_it_so(bundles, rows_of):
    """Indicators outside what nearly all training cases held are told with value and range."""
    history = rows_of(13, 60).assemble()
    seen = 0
    for case in range(len(history)):
        report = explain_case(bundles[0], history, case, AS_OF).file
        for one in report.unusual:
            assert not one.low <= one.value <= one.high
            seen += 1
        if report.unusual:
            assert f"{len(report.mark.unusual)} of" in report.sentences[-1]
    assert seen > 5


def test_a_day_later_with_nothing_new_the_reasons_are_the_same(bundle, history):
    """Reasons of near-identical cases agree: nine in ten stay from one day to the next."""
    as_of = history.extract_at
    today, later = (
        measure(history, bundle.plan, moment, threads=1).values
        for moment in (as_of, as_of + DAY_US)
    )
    for outcome in bundle.outcomes:
        agreement = measure_agreement(bundle, today, later, outcome)
        assert agreement.n == len(history)
        assert agreement.overlap > 0.9
        assert measure_agreement(bundle, today, today, outcome) == ReasonAgreement(
            len(history), 1.0, 1.0
        )


def test_churn_is_the_share_of_reasons_that_differ(bundle, bundles, history):
    """A model agrees with itself wholly and with a model of chance hardly."""
    values = measure(history, bundle.plan, history.extract_at, threads=1).values
    assert measure_churn(bundle, bundle, values, "violence").churn == 0
    if bundle.catalogue.columns == bundles[0].catalogue.columns:
        assert measure_churn(bundle, bundles[0], values, "violence").churn > 0.5
    fewer = dataclasses.replace(bundle.catalogue, indicators=bundle.catalogue.indicators[1:])
    with pytest.raises(ValueError, match="other indicators"):
        measure_churn(bundle, dataclasses.replace(bundle, catalogue=fewer), values, "violence")


def test_shares_of_random_models_are_those_of_shap(bundles, rows_of):
    """Over random models and missing values the trees' shares are shap's, to 1e-9; with the linear
    terms, each times its weight and the slope, they add up to the served log-odds.
    """
    shap = pytest.importorskip("shap")
    history = rows_of(17, 200).assemble()
    for bundle in bundles:
        values = measure(history, bundle.plan, AS_OF, threads=1).values
        x = bundle.encoding.encode(values)
        for model in bundle.outcomes.values():
            theirs = np.asarray(shap.TreeExplainer(model.booster)(x).values)
            if model.linear is not None:
                rest = 1 - model.weight
                theirs = model.weight * theirs + rest * model.linear.terms(x)
            ours, _ = model.contributions(x)
            assert np.abs(model.calibration.slope * theirs - ours).max() < 1e-9
            whole = explain(model, bundle.encoding, values)
            total = whole.base + whole.by_indicator.sum(axis=1)
            assert np.abs(total - model.log_odds(x)).max() < 1e-9


def test_a_reason_without_a_reference_is_as_before():
    """What is usual is optional, so that an older reader of reasons goes on."""
    names = [field.name for field in dataclasses.fields(Reason)]
    assert names[-3:] == ["usual", "usual_low", "usual_high"]
