"""The two simple rules that are measured beside every model (promise 12)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from features.contract.arrays import Float64
from models.bundle.calibration import Calibration
from models.bundle.linear_part import signed_log


@dataclass(frozen=True)
class RfsBaseline:
    """Recency, frequency and severity, added up as ranks among the training cases.

    Parameters
    ----------
    columns
        Positions of the three indicators in the indicator matrix: recency (days, fewer is higher),
        frequency, severity.
    quantiles
        Shape ``(3, n_quantiles)``: the training cases' quantiles of each.
    calibration
        From the sum, 0 to 3, to the outcome's log-odds.
    """

    columns: tuple[int, int, int]
    quantiles: Float64
    calibration: Calibration

    def raw(self, values: Float64) -> Float64:
        """Return the sum of ranks, 0 to 3, shape ``(n_rows,)``; higher is reviewed sooner."""
        return sum_ranks(values, self.columns, self.quantiles)

    def probability(self, values: Float64) -> Float64:
        """Return calibrated probabilities, shape ``(n_rows,)``."""
        return self.calibration.probability(self.raw(values))


def sum_ranks(values: Float64, columns: tuple[int, int, int], quantiles: Float64) -> Float64:
    """Return the sum of the three ranks of each row of an indicator matrix, 0 to 3.

    Each rank is the share of training cases that lie below, ties counted half. Where there is
    nothing on record recency counts as never and severity as none.

    Parameters
    ----------
    values
        Indicator matrix, shape ``(n_rows, n_columns)``.
    columns
        Numbers of the columns of recency, frequency and severity.
    quantiles
        From :func:`rank_quantiles`.

    Returns
    -------
    Float64
        Shape ``(n_rows,)``, from 0 to 3.
    """
    chosen = values[:, list(columns)].copy()
    chosen[:, 0] = -np.where(np.isnan(chosen[:, 0]), np.inf, chosen[:, 0])
    chosen[:, 1:] = np.nan_to_num(chosen[:, 1:], nan=0.0)
    total = np.zeros(len(values))
    for number in range(3):
        below = np.searchsorted(quantiles[number], chosen[:, number], side="left")
        above = np.searchsorted(quantiles[number], chosen[:, number], side="right")
        total += (below + above) / (2 * quantiles.shape[1])
    return total


def rank_quantiles(
    values: Float64, columns: tuple[int, int, int], n_quantiles: int = 201
) -> Float64:
    """Return the training quantiles that :func:`sum_ranks` compares with, shape ``(3, n)``.

    Parameters
    ----------
    values, columns
        As :func:`sum_ranks` takes them, of the training cases.
    n_quantiles
        How many, the smallest and the largest value among them.

    Returns
    -------
    Float64
        Shape ``(3, n_quantiles)``, ascending.
    """
    chosen = values[:, list(columns)].copy()
    chosen[:, 0] = -np.where(np.isnan(chosen[:, 0]), np.inf, chosen[:, 0])
    chosen[:, 1:] = np.nan_to_num(chosen[:, 1:], nan=0.0)
    at = np.linspace(0.0, 1.0, n_quantiles)
    # A value that occurs: nothing lies halfway to the minus infinity that stands for never.
    return np.asarray(np.quantile(chosen, at, axis=0, method="nearest").T)


@dataclass(frozen=True)
class LogisticBaseline:
    """A logistic regression on the standardised indicators.

    Parameters
    ----------
    middle, scale
        Shape ``(n_columns,)``: what is taken off and divided by, after ``signed_log``.
    coefficient
        Shape ``(2 * n_columns,)``: of the values, then of whether each is missing.
    intercept
        Log-odds where all is at its middle.
    """

    middle: Float64
    scale: Float64
    coefficient: Float64
    intercept: float

    def probability(self, values: Float64) -> Float64:
        """Return probabilities, shape ``(n_rows,)``, of an indicator matrix."""
        design = logistic_design(values, self.middle, self.scale)
        return np.asarray(expit(design @ self.coefficient + self.intercept))


def logistic_design(values: Float64, middle: Float64, scale: Float64) -> Float64:
    """Return the design matrix: standardised values, missing at the middle, then missing marks.

    Parameters
    ----------
    values
        Indicator matrix, shape ``(n_rows, n_columns)``; NaN is missing.
    middle, scale
        Of each column among the training cases, shape ``(n_columns,)``.

    Returns
    -------
    Float64
        Shape ``(n_rows, 2 * n_columns)``.
    """
    missing = np.isnan(values)
    standardised = np.where(missing, 0.0, (signed_log(values) - middle) / scale)
    return np.concatenate([standardised, missing.astype(np.float64)], axis=1)
