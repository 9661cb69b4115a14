"""A run that is asked for everything: tuning, refits, audit, a held-out area, truth, openings."""

import dataclasses
import json

import pytest

from features.catalogue.file import load_catalogue
from features.errors import ConfigError, LeakageError
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from synthetic.simulator.truth import find_truth
from training.audit import read_characteristics
from training.config import load_config
from training.options import RunOptions, TuningBudget
from training.pipeline import train
from training.report import write_report

QUICK = {
    "least_positives": 20,
    "most_rounds": 25,
    "early_stopping_rounds": 8,
    "bootstrap_draws": 40,
}


@pytest.fixture(scope="module")
def unit(small_unit):
    """Return the small unit's folder with its people, and its history."""
    folder = read_folder(small_unit.folder, people=True)
    return folder, assemble_history(folder)


@pytest.fixture(scope="module")
def asked(small_unit, unit, tmp_path_factory):
    """Train with every option and return the figures and the report's text."""
    folder, history = unit
    place = tmp_path_factory.mktemp("asked")
    options = RunOptions(
        tuning=TuningBudget(2, 5.0, place / "tuning.db"),
        characteristics=read_characteristics(folder.frame("people"), history.case_id),
        hold_out_area="Halton",
        openings=place / "openings.jsonl",
        release="test",
        refits=True,
        synthetic=True,
        truth=find_truth(500, 7, small_unit.test_date),
    )
    result = train(
        history,
        load_catalogue("stalking"),
        small_unit.train_dates,
        [small_unit.test_date],
        place / "bundle",
        capacity=10,
        config=dataclasses.replace(load_config(), **QUICK),
        progress=lambda message: None,
        options=options,
    )
    write_report(result.metrics, place / "report.html")
    text = (place / "report.html").read_text(encoding="utf-8")
    return json.loads((place / "bundle" / "metrics.json").read_text()), text


def test_everything_asked_for_is_told(asked):
    """Each option leaves its figures, and the page names nothing as absent that was asked for."""
    metrics, text = asked
    assert {"audit", "proxies", "bands", "truth", "openings", "held_out_area", "calibration"} <= (
        set(metrics)
    )
    assert metrics["bands"]["n_refits"] == 50
    assert metrics["openings"][0]["words"].startswith("opened once")
    assert "SYNTHETIC" in text
    assert metrics["training"]["persistence"]["tuning"]["n_trials"] == 2
    assert "Not asked for in this run" not in text


def test_nothing_was_learnt_from_the_area_held_out(asked, unit, small_unit):
    """Training rows are of other areas; the area's own cases are ranked beside."""
    metrics, _ = asked
    found = metrics["held_out_area"]["persistence"]
    assert 0 < found["n"] < metrics["outcomes"]["persistence"][metrics["trained_for"]]["n"]
    _, history = unit
    code = history.area.values.index("Halton")
    others = int((history.area.codes != code).sum())
    assert metrics["training"]["persistence"]["n"] < len(small_unit.train_dates) * others


def test_truth_stands_above_the_model(asked):
    """No model ranks above the truth by more than luck, and the ceiling is told."""
    metrics, _ = asked
    for found in metrics["truth"].values():
        assert found["runs"] == 400
        if found["ceiling_auc"] is not None:
            assert found["auc"] < found["ceiling_auc"] + 0.05


def test_a_change_of_recording_stops_learning_across_it(small_unit, unit, tmp_path):
    """Dates before a stated change of recording are refused unless asked for."""
    _, history = unit
    between = (small_unit.train_dates[1] + small_unit.train_dates[2]) // 2
    with pytest.raises(ConfigError, match="ask to learn across the change"):
        train(
            history,
            load_catalogue("stalking"),
            small_unit.train_dates,
            [small_unit.test_date],
            tmp_path / "bundle",
            capacity=10,
            config=load_config(),
            progress=lambda message: None,
            options=RunOptions(breaks_us=(between,)),
        )
    assert not (tmp_path / "bundle").exists()


def test_spans_of_events_that_overlap_are_refused(unit, small_unit, tmp_path):
    """A test span that begins before the training span ends would test on what was learnt."""
    from training.pipeline import train_at_events

    _, history = unit
    first, second = small_unit.train_dates[0], small_unit.train_dates[1]
    with pytest.raises(LeakageError, match="overlap"):
        train_at_events(
            history,
            load_catalogue("screenings"),
            (first, second),
            (second - 1, small_unit.test_date),
            tmp_path / "bundle",
            capacity=10,
            config=load_config(),
            progress=lambda message: None,
        )
