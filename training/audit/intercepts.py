"""Calibration in the large of a group and of the other cases.

The intercept is that of a logistic fit with the log-odds as offset: 0 is calibrated, above 0 more
happens than was estimated. Its standard error is the sandwich summed by person (Huber 1967, Liang
and Zeger 1986), since a fit in every resample would say the same and take minutes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from features.contract.arrays import Float64, Int64

Bools = npt.NDArray[np.bool_]
_CLIP: Final = 1e-12
_STEPS: Final = 50
_CLOSE: Final = 1e-10


@dataclass(frozen=True)
class Intercepts:
    """The intercept of a group, and how far it lies above that of the other cases.

    Both have the standard error by person.
    """

    value: float
    error: float
    difference: float
    difference_error: float


def compare_intercepts(
    y_true: Bools, probability: Float64, column: Int64, inside: Bools, others: Bools
) -> Intercepts:
    """Compare the calibration of two sets of cases, each of which has both outcomes.

    Parameters
    ----------
    y_true, probability, column
        Shape ``(n,)``; ``column`` numbers people.
    inside, others
        Shape ``(n,)``, the group and the other cases.
    """
    log_odds = logit(np.clip(probability, _CLIP, 1.0 - _CLIP))
    n_people = int(column.max()) + 1
    value, pull = _fit(y_true[inside], log_odds[inside], column[inside], n_people)
    other, other_pull = _fit(y_true[others], log_odds[others], column[others], n_people)
    return Intercepts(
        value=value,
        error=float(np.sqrt((pull**2).sum())),
        difference=value - other,
        difference_error=float(np.sqrt(((pull - other_pull) ** 2).sum())),
    )


def _fit(y_true: Bools, log_odds: Float64, column: Int64, n_people: int) -> tuple[float, Float64]:
    """Return the intercept by Newton's method, and how far each person pulls it."""
    level = float(logit(y_true.mean()) - logit(expit(log_odds).mean()))
    for _ in range(_STEPS):
        fitted = expit(level + log_odds)
        step = float((y_true - fitted).sum() / (fitted * (1.0 - fitted)).sum())
        # A long step from a poor start could run away; the target is at hand.
        level += max(-1.0, min(1.0, step))
        if abs(step) < _CLOSE:
            break
    fitted = expit(level + log_odds)
    pull = np.bincount(column, weights=y_true - fitted, minlength=n_people)
    return level, pull / float((fitted * (1.0 - fitted)).sum())
