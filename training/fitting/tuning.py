"""Tuning of the boosted trees by optuna, on back-test periods alone, within a budget.

The search is kept in an SQLite file, so that it can be stopped at any moment and resumed by the
same call; a search over other records, another catalogue or other periods never continues this one.
The first settings tried are those as shipped, so that tuned ones are never worse on the periods.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from sklearn.metrics import roc_auc_score

from features.catalogue.declarations import Catalogue
from features.errors import ConfigError
from models.bundle.encoding import Encoding
from models.run_figures.fitting import Tuned
from training.config import MOST_DEPTH, TrainingConfig
from training.fitting.candidates import Candidate, fit_candidate
from training.fitting.models import TrainingRows
from training.options import TuningBudget

if TYPE_CHECKING:
    import optuna

Progress = Callable[[str], None]
_TOLD_EVERY_S: Final = 10.0


@dataclass(frozen=True)
class TuningPeriod:
    """Rows to fit on, and later ones to score."""

    train: TrainingRows
    test: TrainingRows


def tune(
    outcome: str,
    periods: Sequence[TuningPeriod],
    catalogue: Catalogue,
    encoding: Encoding,
    config: TrainingConfig,
    budget: TuningBudget,
    *,
    identity: str,
    progress: Progress,
) -> Tuned:
    """Search LightGBM's settings for one outcome.

    Parameters
    ----------
    outcome, periods
        What is estimated, and the back-test periods that judge.
    identity
        Digest of records, catalogue, configuration and periods: the search it belongs to.
    progress
        Told the best so far and the time left, every ten seconds.

    Raises
    ------
    ConfigError
        If there is no period, or the store cannot be written.
    """
    if not periods:
        raise ConfigError("tuning needs a back-test period: name more training dates")
    study = _open_study(outcome, identity, config, budget)
    begun = time.monotonic()
    told = [begun]

    def judge(trial: "optuna.Trial") -> float:
        settings = _suggest(trial)
        return _mean_auc(outcome, periods, catalogue, encoding, config, settings)

    def describe(study: "optuna.Study", _: object) -> None:
        now = time.monotonic()
        if now - told[0] >= _TOLD_EVERY_S:
            told[0] = now
            left_min = max(0.0, budget.minutes - (now - begun) / 60)
            progress(
                f"tuning '{outcome}': {_n_done(study)} of {budget.trials} settings, best mean AUC "
                f"{study.best_value:.4f}, {left_min:.1f} minutes left "
                "(Ctrl+C keeps the best so far)"
            )

    stopped = "trials"
    wanted = max(0, budget.trials - _n_done(study))
    try:
        if wanted:
            study.optimize(
                judge, n_trials=wanted, timeout=60 * budget.minutes, callbacks=[describe], catch=()
            )
    except KeyboardInterrupt:
        stopped = "interrupted"
        progress(f"tuning '{outcome}' was stopped; the same call takes it up again")
    if stopped == "trials" and _n_done(study) < budget.trials:
        stopped = "minutes"
    return _close(study, config, stopped)


def _open_study(
    outcome: str, identity: str, config: TrainingConfig, budget: TuningBudget
) -> "optuna.Study":
    import optuna

    logging.getLogger("optuna").setLevel(logging.ERROR)
    budget.store.parent.mkdir(parents=True, exist_ok=True)
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{budget.store.resolve()}",
            study_name=f"{outcome}-{identity[:32]}",
            direction="maximize",
            load_if_exists=True,
        )
    except optuna.exceptions.StorageInternalError:
        raise ConfigError(
            f"{budget.store.name} is no store of tuning that can be written; name another file"
        ) from None
    # A resumed search must not draw again what it drew before.
    study.sampler = optuna.samplers.TPESampler(seed=config.seed % 2**31 + len(study.trials))
    if _find_shipped(study, config) is None:
        # Tried like any other, so that the best found is never worse in the back-tests than these.
        study.enqueue_trial(_shipped(config))
    return study


def _shipped(config: TrainingConfig) -> dict[str, float]:
    return {name: config.lightgbm[name] for name in _SEARCHED}


def _find_shipped(study: "optuna.Study", config: TrainingConfig) -> float | None:
    """Return the mean AUC of the settings as shipped, where they were tried."""
    tried = (trial.value for trial in _done(study) if trial.params == _shipped(config))
    return next(tried, None)


_SEARCHED: Final = (
    *("num_leaves", "max_depth", "min_data_in_leaf", "feature_fraction", "bagging_fraction"),
    *("lambda_l2", "learning_rate"),
)


def _suggest(trial: "optuna.Trial") -> dict[str, float]:
    """Draw settings; depth stays within what design section 7 allows."""
    return {
        "num_leaves": trial.suggest_int("num_leaves", 4, 64, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, MOST_DEPTH),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 20, 400, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.1, 1.0),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
        "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 300.0, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
    }


def _mean_auc(
    outcome: str,
    periods: Sequence[TuningPeriod],
    catalogue: Catalogue,
    encoding: Encoding,
    config: TrainingConfig,
    settings: Mapping[str, float],
) -> float:
    found = []
    for period in periods:
        score = fit_candidate(
            Candidate.TUNED, outcome, period.train, catalogue, encoding, config, settings
        )
        found.append(roc_auc_score(period.test.y_true, score(period.test.values)))
    return float(np.mean(found))


def _done(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])


def _n_done(study: "optuna.Study") -> int:
    return len(_done(study))


def _close(study: "optuna.Study", config: TrainingConfig, stopped: str) -> Tuned:
    shipped = _find_shipped(study, config)
    if shipped is None:
        return Tuned(_shipped(config), float("nan"), float("nan"), _n_done(study), stopped)
    return Tuned(
        settings=dict(study.best_params),
        mean_auc=float(study.best_value),
        shipped_auc=shipped,
        n_trials=_n_done(study),
        stopped=stopped,
    )
