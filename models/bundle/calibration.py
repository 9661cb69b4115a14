"""Additive calibration: ``logit p = a + b * raw`` with ``b > 0``.

A straight line in log-odds keeps the order of cases and lets every contribution be scaled by the
same ``b``, so that reasons still add up to the score that is served (Platt 1999).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from features.contract.arrays import Float64

_LEAST_SLOPE: Final = 1e-3
"""Keeps ``b`` above zero where a raw score has no skill."""
_LEAST_SPREAD: Final = 1e-9
"""Log-odds; scores that differ by less are one score in other digits."""


@dataclass(frozen=True)
class Calibration:
    """Intercept ``a`` and slope ``b`` of the line, ``b > 0``."""

    intercept: float
    slope: float

    def log_odds(self, raw: Float64) -> Float64:
        """Return calibrated log-odds of raw scores, same shape."""
        return self.intercept + self.slope * raw

    def probability(self, raw: Float64) -> Float64:
        """Return calibrated probabilities of raw scores, same shape."""
        return np.asarray(expit(self.log_odds(raw)))


def fit_calibration(
    raw: Float64, y_true: npt.NDArray[np.bool_], weight: Float64 | None = None
) -> Calibration:
    """Fit the line by maximum likelihood.

    Parameters
    ----------
    raw
        Shape ``(n,)``, raw scores of rows that their model was not fitted on.
    y_true
        Shape ``(n,)``, both classes present.
    weight
        Shape ``(n,)``: how much each row counts, both classes among those above 0; each once where
        ``None``.

    Returns
    -------
    Calibration
        With a slope above 0.

    Raises
    ------
    ValueError
        If only one class is present.
    """
    share = np.ones(len(raw)) if weight is None else weight
    counted = y_true[share > 0]
    if counted.all() or not counted.any():
        raise ValueError("calibration needs cases with and without the outcome")
    sign = np.where(y_true, -1.0, 1.0)
    middle, scale = float(raw.mean()), float(raw.std())
    if scale < _LEAST_SPREAD:
        scale = 1.0
    standardised = (raw - middle) / scale

    def loss(line: Float64) -> tuple[float, Float64]:
        margin = line[0] + line[1] * standardised
        gradient = expit(margin) - y_true
        value = float(mean(np.logaddexp(0.0, sign * margin)))
        return value, np.array([mean(gradient), mean(gradient * standardised)])

    def mean(values: Float64) -> float:
        # Without weights the bits stay those of bundles that were trained before there were any.
        return float(values.mean() if weight is None else np.average(values, weights=weight))

    base = mean(y_true.astype(np.float64))
    start = np.array([np.log(base / (1 - base)), 0.0])
    # Times the scale, since the search is in standardised scores and the bound of raw ones.
    bounds = [(None, None), (_LEAST_SLOPE * scale, None)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", tol=1e-12)
    slope = float(found.x[1]) / scale
    return Calibration(intercept=float(found.x[0]) - slope * middle, slope=slope)
