"""A run refuses what would leak, learns from the past only, and comes out the same twice."""

import dataclasses
import json

import numpy as np
import pytest

from features.catalogue.declarations import DAY_US
from features.catalogue.file import load_catalogue
from features.errors import ConfigError, LeakageError
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.folder import load_bundle
from models.run_figures.codec import decode
from models.run_figures.run import RunFigures
from training.config import load_config
from training.fitting.models import split_by_person
from training.pipeline import check_dates, train
from training.registry.promoted_bundles import promote

pytestmark = pytest.mark.long

QUICK = {"least_positives": 20, "most_rounds": 30, "early_stopping_rounds": 10}
KEYS = {
    *("n", "positives", "base_rate", "auc", "auc_ci", "average_precision"),
    *("precision_at_10pct", "precision_at_capacity", "recall_at_capacity"),
    *("brier", "brier_constant", "calibration_intercept", "calibration_slope"),
}


@pytest.fixture(scope="module")
def history(small_unit):
    """Return the small unit's history."""
    return assemble_history(read_folder(small_unit.folder))


@pytest.fixture(scope="module")
def catalogue():
    """Return the stalking catalogue."""
    return load_catalogue("stalking")


def train_quickly(small_unit, history, catalogue, folder, **changes):
    """Train quickly on some history and return the bundle's folder."""
    train(
        history,
        catalogue,
        small_unit.train_dates,
        [small_unit.test_date],
        folder,
        capacity=30,
        config=dataclasses.replace(load_config(), bootstrap_draws=20, **(QUICK | changes)),
        progress=lambda message: None,
    )
    return folder


@pytest.fixture(scope="module")
def plain(small_unit, history, catalogue, tmp_path_factory):
    """Return the bundle of one training on the history as it is."""
    folder = tmp_path_factory.mktemp("plain") / "bundle"
    return train_quickly(small_unit, history, catalogue, folder)


@pytest.fixture
def run(small_unit, history, catalogue, tmp_path):
    """Return a way to train once more."""

    def train_again(name, of=None, **changes):
        return train_quickly(small_unit, of or history, catalogue, tmp_path / name, **changes)

    return train_again


def test_metrics_have_the_names_that_are_relied_upon(small_unit):
    """Every outcome and test date has every figure, and the same for all that stands beside it."""
    metrics = json.loads((small_unit.bundle / "metrics.json").read_text())
    assert set(metrics["outcomes"]) == {"persistence", "breach", "violence", "serious_harm"}
    for dates in metrics["outcomes"].values():
        for figures in dates.values():
            assert set(figures) >= KEYS
            assert set(figures["baselines"]) == {"rfs", "logistic", "boosted"}
            for baseline in figures["baselines"].values():
                assert set(baseline) == KEYS
                assert baseline["n"] == figures["n"] > 0


def test_a_date_whose_outcomes_were_not_known_is_refused(small_unit, history, catalogue):
    """One day too late for the maturity of one outcome, and the run does not start (promise 3)."""
    test = small_unit.test_date
    latest = max(
        outcome.horizon.days * DAY_US + outcome.maturity_us for outcome in catalogue.outcomes
    )
    check_dates(history, catalogue, [test - latest], [test])
    with pytest.raises(LeakageError, match="is not known until"):
        check_dates(history, catalogue, [test - latest + 1], [test])
    with pytest.raises(ConfigError, match="extract ends"):
        check_dates(history, catalogue, [test - latest], [test, history.extract_at])
    with pytest.raises(ConfigError, match="at least one"):
        check_dates(history, catalogue, [], [test])


def test_two_runs_are_one_model(plain, run):
    """The same histories, catalogue, dates and seed give the same bundle, byte for byte."""
    first, second = plain, run("second")
    assert load_bundle(first).id == load_bundle(second).id
    assert (first / "metrics.json").read_bytes() == (second / "metrics.json").read_bytes()


def test_the_future_cannot_reach_the_model(plain, run, history, small_unit):
    """Whatever is recorded from the first test date on, the model that it would use is the same."""
    events = history.events
    late = events.recorded_at >= small_unit.test_date
    assert late.sum() > 100
    random = np.random.default_rng(4)
    scrambled = dataclasses.replace(
        history,
        events=dataclasses.replace(
            events,
            value=np.where(late, random.permutation(events.value), events.value),
            kind=dataclasses.replace(
                events.kind,
                codes=np.where(
                    late, random.permutation(events.kind.codes), events.kind.codes
                ).astype(np.int32),
            ),
        ),
    )
    assert load_bundle(run("told", scrambled)).id == load_bundle(plain).id


def test_too_few_positives_make_no_model(run):
    """Under the least number of positives there is no model, and the first line says so."""
    folder = run("rules", least_positives=10_000)
    assert not load_bundle(folder).outcomes
    metrics = json.loads((folder / "metrics.json").read_text())
    assert all("NO MODEL" in line for line in metrics["headlines"])
    (figures,) = metrics["outcomes"]["violence"].values()
    assert figures["auc"] is None
    assert figures["baselines"]["rfs"]["auc"] is not None


def test_no_person_stands_on_both_sides_of_a_fold():
    """Rows of one person are held out together, each exactly once."""
    person = np.array([1, 1, 2, 3, 3, 3, 4, 5, 5, 6])
    held = []
    for kept, out in split_by_person(person, 3, 1):
        assert not set(person[kept]) & set(person[out])
        held += out.tolist()
    assert sorted(held) == list(range(len(person)))


def test_promotion_points_at_a_verified_copy(small_unit, tmp_path):
    """The champion is a copy under its own hash; a bad bundle leaves the pointer alone."""
    from features.errors import ArtefactError

    promoted = promote(small_unit.bundle, tmp_path / "models")
    pointer = tmp_path / "models" / "champion"
    assert pointer.read_text().strip() == promoted.id
    assert load_bundle(tmp_path / "models" / promoted.id).id == promoted.id
    with pytest.raises(ArtefactError):
        promote(tmp_path, tmp_path / "models")
    assert pointer.read_text().strip() == promoted.id
    assert promote(small_unit.bundle, tmp_path / "models").id == promoted.id


@pytest.mark.parametrize("within_project", [False, True])
def test_the_registry_serves_the_same_scores(
    small_unit, history, catalogue, tmp_path, monkeypatch, within_project
):
    """MLflow holds the run, the alias champion, and a model that scores as the bundle does."""
    import pandas as pd
    from scipy.special import expit

    from features.engine.measurement import compile_plan, measure
    from models.ranking.order import estimate_log_odds
    from training.pipeline import TrainingResult
    from training.registry.tracking import mlflow, track

    bundle = load_bundle(small_unit.bundle)
    metrics = json.loads((small_unit.bundle / "metrics.json").read_text())
    figures = decode(RunFigures, metrics)
    assert figures is not None
    result = TrainingResult(bundle.id, tuple(metrics["headlines"]), (), figures)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    if within_project:  # as `mlflow run` calls us: in a run, and an experiment, of its own
        opened = mlflow.MlflowClient(uri).create_run("0").info.run_id
        monkeypatch.setenv("MLFLOW_RUN_ID", opened)
    registered = track(
        result,
        small_unit.bundle,
        catalogue,
        load_config(),
        dates={"train_as_of": "a", "test_as_of": "b"},
        tracking_uri=uri,
        artifacts=tmp_path / "artefacts",
    )
    client = mlflow.MlflowClient()
    assert not within_project or registered.run_id == opened
    found = client.get_model_version_by_alias(registered.model_name, "champion")
    assert (str(found.version), found.run_id) == (registered.model_version, registered.run_id)
    data = client.get_run(registered.run_id).data
    assert data.params["bundle_id"] == bundle.id
    (date,) = metrics["outcomes"]["breach"]
    assert data.metrics[f"breach.{date}.auc"] == metrics["outcomes"]["breach"][date]["auc"]
    served = mlflow.pyfunc.load_model(f"models:/{registered.model_name}@champion")
    matrix = measure(history, compile_plan(catalogue), small_unit.test_date)
    theirs = served.predict(pd.DataFrame(matrix.values, columns=list(matrix.columns)))
    ours = estimate_log_odds(bundle, matrix.values)
    assert list(theirs.columns) == list(ours)
    for name, log_odds in ours.items():
        assert np.array_equal(theirs[name].to_numpy(), expit(log_odds))
    assert not list((tmp_path / "artefacts").rglob("*.pkl"))
