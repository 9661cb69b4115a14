"""Figures of a ranking and of its probabilities; scikit-learn's where it has them.

Every figure that is undefined (one class only, no cases) is ``None``. A higher score means reviewed
sooner. Ties take their expected value: a figure at ``k`` is the mean over all orders of tied cases.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from features.contract.arrays import Float64, Int64
from models.run_figures.ranking import Evaluation, Interval
from training.figures.logit import fit_logit, to_log_odds
from training.figures.resampling import resampled_auc

Bools = npt.NDArray[np.bool_]
_LEVELS: Final = (0.025, 0.975)
TENTH: Final = 0.1


def evaluate(
    y_true: Bools,
    score: Float64 | None,
    probability: Float64 | None,
    *,
    capacity: int,
    training_rate: float | None,
    draws: npt.NDArray[Any],
    column: Int64 | None = None,
) -> Evaluation:
    """Evaluate a ranking.

    Parameters
    ----------
    y_true
        Shape ``(n,)``: whether each row had the outcome.
    score
        Shape ``(n,)``, higher is reviewed sooner; ``None`` where nothing was fitted.
    probability
        Shape ``(n,)``, calibrated; ``None`` where there is none.
    capacity
        Places on a list, at least 1.
    training_rate
        Base rate among training cases, for ``brier_constant``; ``None`` where there is none.
    draws
        Shape ``(n_draws, n_people)``: how often each person is drawn in each bootstrap resample;
        the same for rankings that are compared.
    column
        Shape ``(n,)``, each row's person as a column of ``draws``; the row's own number where
        ``None``.

    Returns
    -------
    Evaluation
        ``None`` for each figure that is undefined: without cases, without an outcome, or with one
        class only.
    """
    n, positives = len(y_true), int(y_true.sum())
    constant = (
        float(np.mean((y_true - training_rate) ** 2)) if n and training_rate is not None else None
    )
    figures: dict[str, Any] = {"brier_constant": constant}
    if score is not None and n:
        figures |= _rank_figures(y_true, score, capacity, draws, column)
    if probability is not None and n:
        figures |= _probability_figures(y_true, probability)
    return Evaluation(n, positives, positives / n if n else None, **figures)


def _rank_figures(
    y_true: Bools, score: Float64, capacity: int, draws: npt.NDArray[Any], column: Int64 | None
) -> dict[str, Any]:
    found = y_true.any()
    mixed = found and not y_true.all()
    resampled = resampled_auc(y_true, score, draws, column) if mixed else np.empty(0)
    return {
        "auc": float(roc_auc_score(y_true, score)) if mixed else None,
        "auc_ci": _interval(resampled),
        "average_precision": float(average_precision_score(y_true, score)) if found else None,
        "precision_at_10pct": precision_at_k(y_true, score, math.ceil(TENTH * len(y_true))),
        "precision_at_capacity": precision_at_k(y_true, score, capacity),
        "recall_at_capacity": recall_at_k(y_true, score, capacity) if found else None,
    }


def _probability_figures(y_true: Bools, probability: Float64) -> dict[str, Any]:
    mixed = y_true.any() and not y_true.all()
    return {
        "brier": float(np.mean((y_true - probability) ** 2)),
        "calibration_intercept": calibration_intercept(y_true, probability) if mixed else None,
        "calibration_slope": calibration_slope(y_true, probability) if mixed else None,
    }


def expected_hits(y_true: Bools, score: Float64, k: int) -> float:
    """Return the expected number of outcomes among the first ``k``, ties in random order.

    Parameters
    ----------
    y_true
        Shape ``(n,)``: whether each row had the outcome.
    score
        Shape ``(n,)``, higher is reviewed sooner.
    k
        Places, from 0; all rows where there are fewer.

    Returns
    -------
    float
        The mean over all orders of tied rows.
    """
    k = min(k, len(score))
    if k == 0:
        return 0.0
    threshold = np.sort(score)[len(score) - k]
    above, tied = score > threshold, score == threshold
    places = k - int(above.sum())
    return float(y_true[above].sum() + places * y_true[tied].mean())


def precision_at_k(y_true: Bools, score: Float64, k: int) -> float:
    """Return the proportion with the outcome among the first ``k``, ties in random order.

    Parameters
    ----------
    y_true
        Shape ``(n,)``, at least one row: whether each had the outcome.
    score
        Shape ``(n,)``, higher is reviewed sooner.
    k
        Places, at least 1; all rows where there are fewer.

    Returns
    -------
    float
        From 0 to 1.
    """
    return expected_hits(y_true, score, k) / min(k, len(score))


def recall_at_k(y_true: Bools, score: Float64, k: int) -> float:
    """Return the proportion of all outcomes that is found among the first ``k``.

    Parameters
    ----------
    y_true
        Shape ``(n,)``, at least one true: whether each row had the outcome.
    score
        Shape ``(n,)``, higher is reviewed sooner; ties in random order.
    k
        Places, from 0; all rows where there are fewer.

    Returns
    -------
    float
        From 0 to 1.
    """
    return expected_hits(y_true, score, k) / float(y_true.sum())


def draw_people(n: int, n_draws: int, seed: int) -> Float64:
    """Return bootstrap counts: people drawn with replacement.

    Parameters
    ----------
    n
        Number of people.
    n_draws
        Number of resamples.
    seed
        Of the generator; the same seed gives the same counts.

    Returns
    -------
    ndarray
        Shape ``(n_draws, n)``, each row summing to ``n``.
    """
    generator = np.random.default_rng(seed)
    if n == 0:
        return np.zeros((n_draws, 0))
    return generator.multinomial(n, np.full(n, 1 / n), size=n_draws).astype(np.float64)


def _interval(values: Float64) -> Interval | None:
    kept = values[~np.isnan(values)]
    if not len(kept):
        return None
    low, high = np.quantile(kept, _LEVELS)
    return float(low), float(high)


def calibration_intercept(y_true: Bools, probability: Float64) -> float | None:
    """Return the intercept of a logistic fit with the log-odds as offset; 0 is calibrated.

    Above 0 outcomes were more frequent than expected (calibration in the large, Cox 1958).

    Parameters
    ----------
    y_true
        Shape ``(n,)``: whether each row had the outcome.
    probability
        Shape ``(n,)``, from 0 to 1.

    Returns
    -------
    float or None
        ``None`` where no finite fit exists.
    """
    found = _fit(y_true, np.ones((len(y_true), 1)), to_log_odds(probability))
    return None if found is None else float(found[0])


def calibration_slope(y_true: Bools, probability: Float64) -> float | None:
    """Return the slope of a logistic fit on the log-odds (Cox 1958).

    1 is calibrated; below 1 probabilities are too extreme.

    Parameters
    ----------
    y_true
        Shape ``(n,)``: whether each row had the outcome.
    probability
        Shape ``(n,)``, from 0 to 1.

    Returns
    -------
    float or None
        ``None`` where all probabilities are alike, or separate the outcomes without an error.
    """
    design = np.column_stack([np.ones(len(y_true)), to_log_odds(probability)])
    found = _fit(y_true, design, np.zeros(len(y_true)))
    return None if found is None else float(found[1])


def _fit(y_true: Bools, design: Float64, offset: Float64) -> Float64 | None:
    # No error is asked for, so each row may count as a person.
    fit = fit_logit(y_true, design, np.arange(len(y_true)), offset)
    return None if fit is None else fit.coefficients
