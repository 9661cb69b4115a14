"""A cohort at index events on real histories, by the commands that the example's README gives."""

import csv
import gzip
import json
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from features.catalogue.file import load_catalogue
from features.contract.moments import parse_date
from features.engine.outcomes import label_landmarks
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from features.intake.mapping import load_mapping
from training.cohorts.landmarks import group_cases, measure_landmarks, take_at_events

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "examples" / "broward" / "README.md"
MAPPING = ROOT / "examples" / "broward" / "mapping.yaml"
N_COHORT, N_TEST, N_VIOLENT = 6_092, 1_828, 126
LEAK_AUC = 0.75
TABLE_ROW = re.compile(
    r"^\| (20\d\d-\d\d-\d\d), (\w+) \| ([\d,]+) \| (\.\d+) \| (\.\d+) .*\| (\.\d+) \|$", re.M
)


@pytest.fixture(scope="module")
def commands(real_data, tmp_path_factory):
    """Return a folder like a checkout and the README's commands by their verb."""
    place = tmp_path_factory.mktemp("checkout")
    for name in (".venv", "catalogues", "examples"):
        (place / name).symlink_to(ROOT / name)
    (block,) = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    lines = block.replace("../shared/data", str(real_data)).strip().splitlines()
    return place, {words[1]: words for words in map(shlex.split, lines)}


def run(place: Path, words: list[str]) -> str:
    """Run a command and return what it says."""
    result = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def unit(commands) -> Path:
    """Import the export."""
    place, by_verb = commands
    told = run(place, by_verb["import"])
    assert "64,312 rows read" in told
    return place / "var" / "broward" / "unit"


@pytest.fixture(scope="module")
def metrics(commands, unit) -> dict:
    """Train as the README says."""
    place, by_verb = commands
    run(place, by_verb["train"])
    return json.loads((place / "var" / "broward" / "bundle" / "metrics.json").read_text())


@pytest.fixture(scope="module")
def cohort(unit):
    """Return the history, the catalogue and the landmarks of every screening that counts."""
    history = assemble_history(read_folder(unit))
    catalogue = load_catalogue("screenings")
    span = (parse_date(date, history.time_zone) for date in ("2013-01-01", "2014-04-02"))
    return history, catalogue, take_at_events(history, catalogue, *span)


@pytest.fixture(scope="module")
def published(real_data, cohort) -> pd.DataFrame:
    """Return the published columns of each landmark's person, in order."""
    history, _, marks = cohort
    with gzip.open(real_data / "broward" / "subjects.csv.gz", "rt", encoding="utf-8") as file:
        rows = {row["subject"]: row for row in csv.DictReader(file)}
    return pd.DataFrame([rows[str(case)] for case in history.case_id[marks.case]])


@pytest.mark.real_data
def test_what_is_refused_lies_after_the_extract(unit):
    """Releases yet to come are the only rejects, each kept with its row."""
    rejects = pd.read_csv(unit / "rejects" / "import.csv")
    assert rejects["code"].value_counts().to_dict() == {"implausible_date": 695}
    ends = rejects["source_row"].map(lambda row: json.loads(row)["outcome_date"])
    assert (ends >= "2016-04-16").all()


@pytest.mark.real_data
def test_the_cohort_is_one_row_for_each_screening_that_counts(cohort, published):
    """Every row's moment is the first after its screening's day, and every case is newly seen."""
    history, catalogue, marks = cohort
    assert len(marks) == N_COHORT
    assert (published["in_cohort"] == "1").all()
    moments = [parse_date(date, history.time_zone) for date in published["as_of"]]
    hours = (marks.as_of_us - np.array(moments)) / 3.6e9
    assert np.isin(hours, (23.0, 24.0, 25.0)).all(), "days of a clock change have 23 or 25 hours"
    assert set(group_cases(history, catalogue, marks)) == {"newly_referred"}


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "column"), [("violent", "violent_2y"), ("any", "any_2y")])
def test_outcomes_made_from_records_agree_with_the_published_ones(cohort, published, name, column):
    """All 6,092 labels made by the selector from later offences are the published ones."""
    history, catalogue, marks = cohort
    (outcome,) = [one for one in catalogue.outcomes if one.name == name]
    found = label_landmarks(history, catalogue, outcome, marks, known_us=history.extract_at)
    assert found.known.all()
    assert (found.y_true == (published[column].astype(float) == 1)).all()


@pytest.mark.real_data
def test_indicators_change_with_nothing_that_came_later(cohort):
    """Without any record made after each screening the indicators are the same, to the last bit."""
    history, catalogue, marks = cohort
    values = measure_landmarks(history, catalogue, marks)
    selected = {
        kind
        for indicator in catalogue.indicators
        for part in (indicator.expression.of, indicator.expression.among)
        if part is not None
        for kind in part.kind
    }
    assert not {kind for kind in selected if kind.startswith(("later", "screening"))}
    events = history.events
    case = np.searchsorted(events.pointer, np.arange(len(events)), side="right") - 1
    moment = np.zeros(len(history), dtype=np.int64)
    moment[marks.case] = marks.as_of_us
    is_later = events.recorded_at >= moment[case]
    assert is_later.any()
    # A record corrected away before every moment is in force for no row.
    gone = np.where(is_later, 0, events.superseded_at)
    blind = history.__class__(
        **{
            **vars(history),
            "events": events.__class__(**{**vars(events), "superseded_at": gone}),
        }
    )
    assert np.array_equal(measure_landmarks(blind, catalogue, marks), values, equal_nan=True)


@pytest.mark.real_data
def test_the_figures_are_of_the_published_order(metrics, published, cohort):
    """On the 1,828 later screenings the model ranks as others did, and nothing has leaked."""
    violent = metrics["outcomes"]["violent"]["2013-11-12"]
    assert (violent["n"], violent["positives"]) == (N_TEST, N_VIOLENT)
    assert 0.60 < violent["auc"] < LEAK_AUC, "above .75 something of the future has leaked"
    assert violent["auc"] > violent["baselines"]["rfs"]["auc"]
    assert 0.65 < metrics["outcomes"]["any"]["2013-11-12"]["auc"] < LEAK_AUC
    history, _, marks = cohort
    test = marks.as_of_us > parse_date("2013-11-12", history.time_zone)
    rows = published[test]
    decile = roc_auc_score(rows["violent_2y"].astype(float), rows["v_decile_score"].astype(float))
    low, high = violent["auc_ci"]
    assert low < decile < high


@pytest.mark.real_data
def test_the_readme_states_the_figures_that_come_out(metrics, published, cohort):
    """The table of the README is what the commands give, and the deciles' as published."""
    history, _, marks = cohort
    rows = TABLE_ROW.findall(README.read_text(encoding="utf-8"))
    assert [row[1] for row in rows] == ["any", "violent"]
    test = published[marks.as_of_us > parse_date("2013-11-12", history.time_zone)]
    for date, outcome, cases, base, auc, decile in rows:
        found = metrics["outcomes"][outcome][date]
        assert int(cases.replace(",", "")) == found["n"]
        assert float(base) == round(found["base_rate"], 3)
        assert float(auc) == pytest.approx(found["auc"], abs=0.0015)
        columns = (
            ("v_decile_score", "violent_2y") if outcome == "violent" else ("decile_score", "any_2y")
        )
        score, label = (test[column].astype(float) for column in columns)
        assert float(decile) == pytest.approx(roc_auc_score(label, score), abs=0.0015)


def test_outcome_columns_and_deciles_are_read_by_nothing():
    """No outcome column, decile or age is mapped; race, sex and birth go to people alone."""
    mapping = load_mapping(MAPPING)
    for source in mapping.sources:
        for record in source.records:
            barred = {"violent_2y", "any_2y", "decile_score", "v_decile_score", "age_at_screening"}
            assert not barred & record.columns
            if record.table.name != "people":
                assert not {"race", "sex", "birth_year"} & record.columns
