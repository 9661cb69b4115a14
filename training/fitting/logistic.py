"""Probabilities of the logistic regression for many rows, without its wide design matrix."""

from typing import Any

import numpy as np
from numba import njit
from scipy.special import expit

from features.contract.arrays import Float64
from models.bundle.baselines import LogisticBaseline
from training.compilation import compiled


def score_logistic(baseline: LogisticBaseline, logged: Float64) -> Float64:
    """Return what ``baseline.probability`` gives, shape ``(n_rows,)``, to rounding.

    Parameters
    ----------
    logged
        Shape ``(n_rows, n_columns)``: ``models.bundle.baselines.signed_log`` of the indicators,
        which outcomes share.
    """
    found = np.empty(len(logged))
    compiled(add_terms)(
        logged,
        baseline.middle,
        baseline.scale,
        baseline.coefficient,
        float(baseline.intercept),
        found,
    )
    return np.asarray(expit(found))


@njit(nogil=True)
def add_terms(
    logged: Any, middle: Any, scale: Any, coefficient: Any, intercept: float, found: Any
) -> None:
    """Add up each row's terms: of its standardised values, and of those that are missing."""
    n_columns = logged.shape[1]
    for row in range(len(logged)):
        total = intercept
        for column in range(n_columns):
            value = logged[row, column]
            if np.isnan(value):
                total += coefficient[n_columns + column]
            else:
                total += (value - middle[column]) / scale[column] * coefficient[column]
        found[row] = total
