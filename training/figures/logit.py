"""One logistic fit without a penalty, with errors by person.

scikit-learn takes no offset and states no errors, and neither does scipy; statsmodels is not among
what is installed. :func:`models.bundle.calibration.fit_calibration` stays apart: its slope has a
bound, and a bundle's bytes rest on it.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from features.contract.arrays import Float64, Int64

Bools = npt.NDArray[np.bool_]
_CLIP: Final = 1e-12
# Newton's steps end within some ten; where classes are separated they never do.
_MOST_STEPS: Final = 50
_TOLERANCE: Final = 1e-10


@dataclass(frozen=True)
class LogitFit:
    """A logistic fit by maximum likelihood, with the covariance clustered by person.

    Parameters
    ----------
    coefficients
        Shape ``(k,)``.
    covariance
        Shape ``(k, k)``.
    """

    coefficients: Float64
    covariance: Float64

    def contrast(self, weights: Float64) -> tuple[float, float]:
        """Return a weighted sum of the coefficients and its standard error.

        Parameters
        ----------
        weights
            Shape ``(k,)``.

        Returns
        -------
        value, error : float
            In log-odds.
        """
        variance = float(weights @ self.covariance @ weights)
        # Rounding may leave a variance a hair below 0.
        return float(weights @ self.coefficients), math.sqrt(max(variance, 0.0))


def to_log_odds(probability: Float64) -> Float64:
    """Return the log-odds of probabilities; 0 and 1 are finite.

    Parameters
    ----------
    probability
        Any shape, from 0 to 1.

    Returns
    -------
    ndarray
        Same shape, at most 27.7 from 0.
    """
    return np.asarray(logit(np.clip(probability, _CLIP, 1 - _CLIP)))


def fit_logit(y_true: Bools, design: Float64, person: Int64, offset: Float64) -> LogitFit | None:
    """Fit a logistic regression without a penalty.

    Parameters
    ----------
    y_true
        Shape ``(n,)``.
    design
        Shape ``(n, k)``; no column of ones is added.
    person
        Shape ``(n,)``: rows of one person are one cluster. The covariance is the sandwich with
        the factor ``G / (G - 1)`` for ``G`` people (Liang and Zeger 1986).
    offset
        Shape ``(n,)``, added to the log-odds.

    Returns
    -------
    LogitFit or None
        ``None`` where no finite fit exists: columns that repeat each other, or classes that a
        column separates.
    """
    beta = np.zeros(design.shape[1])
    loss = _loss(y_true, offset)
    for _ in range(_MOST_STEPS):
        p = expit(offset + design @ beta)
        information = (design * (p * (1 - p))[:, None]).T @ design
        if np.linalg.matrix_rank(information) < len(beta):
            return None
        step = np.linalg.solve(information, design.T @ (y_true - p))
        # A whole step may go too far; a shorter one gains, since the loss is convex.
        while (new_loss := _loss(y_true, offset + design @ (beta + step))) > loss + _TOLERANCE:
            step /= 2
        beta, loss = beta + step, new_loss
        if np.abs(step).max() < _TOLERANCE:
            return LogitFit(beta, _sandwich(y_true, design, person, offset + design @ beta))
    return None


def _loss(y_true: Bools, log_odds: Float64) -> float:
    return float(np.logaddexp(0.0, np.where(y_true, -log_odds, log_odds)).sum())


def _sandwich(y_true: Bools, design: Float64, person: Int64, log_odds: Float64) -> Float64:
    p = expit(log_odds)
    people, position = np.unique(person, return_inverse=True)
    scores = np.column_stack(
        [np.bincount(position, weights=column * (y_true - p)) for column in design.T]
    )
    bread = np.linalg.inv((design * (p * (1 - p))[:, None]).T @ design)
    factor = len(people) / max(len(people) - 1, 1)
    return np.asarray(factor * bread @ (scores.T @ scores) @ bread)
