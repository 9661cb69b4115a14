"""Tuning keeps to its budget, can be stopped and taken up again, and never does worse."""

import dataclasses

import numpy as np
import pytest

from features.catalogue.file import load_catalogue
from features.errors import ConfigError
from models.bundle.encoding import Encoding
from training.config import load_config
from training.fitting import tuning
from training.fitting.models import TrainingRows
from training.fitting.tuning import TuningPeriod, tune
from training.options import TuningBudget

CONFIG = dataclasses.replace(load_config(), most_rounds=20, early_stopping_rounds=5)
ENCODING = Encoding(
    columns=("a", "b", "c"),
    source=np.arange(3, dtype=np.int32),
    indicator=np.arange(3, dtype=np.int32),
    constraint=np.zeros(3, dtype=np.int32),
    fill=np.full(3, np.nan),
)


def rows(seed):
    """Return rows whose outcome follows the first column."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(300, 3))
    y_true = random.random(300) < 1 / (1 + np.exp(-2 * values[:, 0]))
    return TrainingRows(values, y_true, np.arange(300))


@pytest.fixture
def search(tmp_path):
    """Return a call that tunes on one period, and what progress heard."""
    catalogue = load_catalogue("stalking")
    heard = []

    def call(trials, identity="0" * 64, minutes=5.0):
        budget = TuningBudget(trials, minutes, tmp_path / "tuning.db")
        return tune(
            "violence",
            [TuningPeriod(rows(1), rows(2))],
            catalogue,
            ENCODING,
            CONFIG,
            budget,
            identity=identity,
            progress=heard.append,
        )

    call.heard = heard
    return call


def test_the_settings_as_shipped_are_tried_first(search):
    """One trial tries what is shipped; more can only do as well or better on the periods."""
    first = search(1)
    assert first.settings == {name: CONFIG.lightgbm[name] for name in first.settings}
    assert first.mean_auc == first.shipped_auc
    more = search(4)
    assert more.n_trials == 4
    assert more.mean_auc >= more.shipped_auc == first.shipped_auc


def test_a_search_is_taken_up_where_it_was_left(search):
    """Two calls of two and four trials make four in all; another identity begins anew."""
    assert search(2).n_trials == 2
    assert search(4).n_trials == 4
    assert search(4).n_trials == 4
    assert search(1, identity="1" * 64).n_trials == 1


def test_a_stopped_search_keeps_its_best(search, monkeypatch):
    """Ctrl+C ends the search, keeps the best so far and says how to go on."""
    judge = tuning._mean_auc
    calls = []

    def stop_at_third(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return judge(*arguments)

    monkeypatch.setattr(tuning, "_mean_auc", stop_at_third)
    stopped = search(10)
    assert stopped.stopped == "interrupted"
    assert stopped.n_trials == 2
    assert "takes it up again" in search.heard[-1]
    assert search(3).n_trials == 3


def test_no_time_means_no_further_settings(search):
    """When the minutes are over no further setting is begun, and the result says so."""
    found = search(50, minutes=0.0)
    assert found.n_trials < 50
    assert found.stopped == "minutes"


def test_without_a_period_there_is_nothing_to_tune_on(tmp_path):
    """Tuning without a back-test period is refused with the remedy."""
    budget = TuningBudget(1, 1.0, tmp_path / "tuning.db")
    with pytest.raises(ConfigError, match="name more training dates"):
        tune("violence", [], None, ENCODING, CONFIG, budget, identity="0", progress=print)
