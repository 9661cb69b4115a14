"""What is made once for several outcomes or dates gives what each would have by itself."""

import dataclasses

import lightgbm
import numpy as np
import pytest

from features.catalogue.file import load_catalogue
from features.engine.outcomes import label_cases
from features.history.assembly import assemble_history
from features.history.open_cases import open_cases
from features.intake.contract_folder import read_folder
from models.bundle.encoding import make_encoding
from training.cohorts.drift_windows import WindowCases
from training.cohorts.history_subsets import drop_facts, keep_lifecycle
from training.cohorts.outcome_rows import TrainingRows
from training.cohorts.training_rows import join_cohorts, take_cohort, take_cohorts, training_rows
from training.config import load_config
from training.fitting.bins import SharedBins
from training.fitting.models import boosting_parameters, fit_held_out, fit_outcome

QUICK = {"most_rounds": 20, "early_stopping_rounds": 5}


@pytest.fixture(scope="module")
def unit(small_unit):
    """Return the small unit's history, catalogue, training dates and test date."""
    history = assemble_history(read_folder(small_unit.folder))
    return history, load_catalogue("stalking"), small_unit.train_dates, small_unit.test_date


def test_the_lifecycle_alone_tells_who_is_open(unit):
    """At each date the cases found open in the excerpt are those of the whole history."""
    history, _, dates, test_date = unit
    brief = keep_lifecycle(history)
    assert len(brief.events) < len(history.events) / 2
    for date in (*dates, test_date):
        assert open_cases(brief, date).tolist() == open_cases(history, date).tolist()


def test_labels_ask_about_events_alone(unit):
    """Without answers every outcome's labels are the same."""
    history, catalogue, dates, test_date = unit
    cases = open_cases(history, dates[0])
    for outcome in catalogue.outcomes:
        whole, brief = (
            label_cases(one, catalogue, outcome, dates[0], cases, known_us=test_date)
            for one in (history, drop_facts(history))
        )
        for field in dataclasses.fields(whole):
            np.testing.assert_array_equal(getattr(whole, field.name), getattr(brief, field.name))


def test_cohorts_measured_together_are_those_measured_apart(unit):
    """Each date's rows and values are its own, and joining them copies nothing."""
    history, catalogue, dates, _ = unit
    together = take_cohorts(history, catalogue, dates)
    apart = [take_cohort(history, catalogue, date) for date in dates]
    for one, other in zip(together.values(), apart, strict=True):
        assert one.name == other.name
        assert one.landmarks.case.tolist() == other.landmarks.case.tolist()
        np.testing.assert_array_equal(one.values, other.values)
    cohorts = list(together.values())
    joined = join_cohorts(cohorts)
    np.testing.assert_array_equal(joined.values, join_cohorts(apart).values)
    assert np.shares_memory(joined.values, cohorts[-1].values)
    middle = join_cohorts(cohorts[1:3])
    np.testing.assert_array_equal(middle.values, join_cohorts(apart[1:3]).values)
    assert np.shares_memory(middle.values, cohorts[1].values)
    swapped = join_cohorts([cohorts[2], cohorts[0]])
    np.testing.assert_array_equal(swapped.values, join_cohorts([apart[2], apart[0]]).values)


def test_a_windows_cases_are_measured_once(unit):
    """Asked twice about a moment, the cases are those of the cohort and the matrix is the same."""
    history, catalogue, dates, _ = unit
    windows = WindowCases(history, catalogue)
    cohort = take_cohort(history, catalogue, dates[0])
    assert windows.cases(dates[0]).tolist() == cohort.landmarks.case.tolist()
    np.testing.assert_array_equal(windows.values(dates[0]), cohort.values)
    assert windows.values(dates[0]) is windows.values(dates[0])


def test_rows_of_a_shared_matrix_are_encoded_as_by_themselves():
    """Rows left out of the matrix stay out, whatever part of the rest is asked for."""
    random = np.random.default_rng(1)
    whole = random.normal(size=(50, 4))
    place = np.flatnonzero(random.random(50) < 0.8)
    rows = TrainingRows(whole, place % 2 == 0, place, place=place)
    np.testing.assert_array_equal(rows.values, whole[place])
    taken = rows.take(np.array([3, 1]))
    np.testing.assert_array_equal(taken.values, whole[place[[3, 1]]])
    assert taken.person.tolist() == place[[3, 1]].tolist()


def test_shared_bins_fit_the_model_that_bins_of_its_own_would(unit):
    """Where an outcome learns from every row, its model is that of the rows binned for it alone."""
    history, catalogue, dates, test_date = unit
    config = dataclasses.replace(load_config(), most_fold_rows=100, held_out_share=0.5, **QUICK)
    cohort = join_cohorts(list(take_cohorts(history, catalogue, dates).values()))
    rows = training_rows(history, catalogue, catalogue.outcomes[0], cohort, test_date)
    encoding = make_encoding(catalogue)
    bins = SharedBins(rows.whole, encoding, boosting_parameters(encoding, config, len(rows.y_true)))
    assert bins.fits(rows)
    assert not bins.fits(dataclasses.replace(rows, whole=rows.whole.copy()))
    shared = fit_outcome("persistence", rows, encoding, config, bins=bins)
    own = fit_held_out("persistence", rows, encoding, config)
    assert shared.rows.tolist() == own.rows.tolist()
    x = rows.encode(encoding, shared.rows)
    booster = lightgbm.Booster(model_str=shared.model.text)
    np.testing.assert_array_equal(shared.trees.raw(x), booster.predict(x, raw_score=True))
    np.testing.assert_array_equal(shared.raw, shared.model.raw(x))
    # Edges of bins come from more rows, so that scores differ a little and orders hardly.
    assert np.corrcoef(shared.raw, own.raw)[0, 1] > 0.9
