"""Fitting: one LightGBM model per outcome, its calibration, and the two rules beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import lightgbm
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from features.catalogue import RfsRule
from features.history import Float64, Int64
from models.baselines import (
    LogisticBaseline,
    RfsBaseline,
    logistic_design,
    rank_quantiles,
    signed_log,
    sum_ranks,
)
from models.boosting import OutcomeModel
from models.calibration import fit_calibration
from models.encoding import Encoding
from training.config import TrainingConfig

Bools = npt.NDArray[np.bool_]
_FEW_ROWS: Final = 10_000
"""Below this one thread is faster: waiting for each other costs more than the work."""


@dataclass(frozen=True)
class TrainingRows:
    """Rows that one outcome is learnt from.

    Parameters
    ----------
    values
        Shape ``(n_rows, n_columns)``, the indicator matrix.
    y_true
        Shape ``(n_rows,)``.
    person
        Shape ``(n_rows,)``: rows of one person never stand on both sides of a fold.
    """

    values: Float64
    y_true: Bools
    person: Int64

    @property
    def n_positives(self) -> int:
        """Number of rows with the outcome."""
        return int(self.y_true.sum())


def fit_outcome(
    outcome: str, rows: TrainingRows, encoding: Encoding, config: TrainingConfig
) -> OutcomeModel:
    """Fit one outcome's model.

    The number of rounds and the calibration come from folds by person, so that both rest on rows
    their model has not seen; the model itself is then fitted on all rows.
    """
    parameters = _parameters(encoding, config, len(rows.y_true))
    data = lightgbm.Dataset(
        encoding.encode(rows.values),
        label=rows.y_true.astype(np.float64),
        feature_name=list(encoding.columns),
        free_raw_data=False,
        params={"verbosity": -1, "max_bin": parameters["max_bin"]},
    )
    folds = list(split_by_person(rows.person, config.folds, config.seed))
    trial = lightgbm.cv(
        parameters,
        data,
        num_boost_round=config.most_rounds,
        folds=folds,
        callbacks=[lightgbm.early_stopping(config.early_stopping_rounds, verbose=False)],
        return_cvbooster=True,
    )
    fitted = trial["cvbooster"]
    assert isinstance(fitted, lightgbm.CVBooster)
    rounds = max(1, fitted.best_iteration)
    raw = np.empty(len(rows.y_true))
    for booster, (_, held_out) in zip(fitted.boosters, folds, strict=True):
        x = encoding.encode(rows.values[held_out])
        raw[held_out] = booster.predict(x, raw_score=True, num_iteration=rounds)
    whole = lightgbm.train(parameters, data, num_boost_round=rounds)
    return OutcomeModel(
        outcome=outcome,
        text=whole.model_to_string(),
        calibration=fit_calibration(raw, rows.y_true),
        average=float(rows.y_true.mean()),
        columns=encoding.columns,
    )


def _parameters(encoding: Encoding, config: TrainingConfig, n_rows: int) -> dict[str, object]:
    return {
        **config.lightgbm,
        "objective": "binary",
        "metric": "binary_logloss",
        "monotone_constraints": encoding.constraint.tolist(),
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1 if n_rows < _FEW_ROWS else 0,
        "verbosity": -1,
    }


def split_by_person(
    person: Int64, n_folds: int, seed: int
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield training and held-out rows; every person is held out in exactly one fold."""
    people, position = np.unique(person, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(people)) % n_folds
    for number in range(n_folds):
        held_out = fold[position] == number
        yield np.flatnonzero(~held_out), np.flatnonzero(held_out)


def fit_rfs(rows: TrainingRows, rule: RfsRule, columns: tuple[str, ...]) -> RfsBaseline:
    """Fit the recency-frequency-severity rule: ranks among the training rows, and calibration."""
    names = (rule.recency, rule.frequency, rule.severity)
    recency, frequency, severity = (columns.index(name) for name in names)
    positions = (recency, frequency, severity)
    quantiles = rank_quantiles(rows.values, positions)
    raw = sum_ranks(rows.values, positions, quantiles)
    return RfsBaseline(positions, quantiles, fit_calibration(raw, rows.y_true))


def fit_logistic(rows: TrainingRows, config: TrainingConfig) -> LogisticBaseline:
    """Fit the logistic regression on all indicators, with an L2 penalty."""
    logged = signed_log(rows.values)
    known = ~np.isnan(logged)
    count = np.maximum(known.sum(axis=0), 1)
    middle = np.where(known, logged, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, logged - middle, 0.0) ** 2).sum(axis=0) / count)
    scale = np.where(spread > 0, spread, 1.0)
    regression = LogisticRegression(C=config.logistic_penalty_c, max_iter=2000)
    regression.fit(logistic_design(rows.values, middle, scale), rows.y_true)
    return LogisticBaseline(middle, scale, regression.coef_[0], float(regression.intercept_[0]))
