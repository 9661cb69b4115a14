"""Two rankings of the same cases, compared with an interval that knows they are the same cases."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from features.contract.arrays import Float64, Int64
from models.run_figures.ranking import Difference
from training.figures.resampling import resampled_auc

Bools = npt.NDArray[np.bool_]
_LEVELS: Final = (0.025, 0.975)


def compare_auc(
    y_true: Bools,
    score: Float64,
    other: Float64,
    draws: npt.NDArray[Any],
    column: Int64 | None = None,
) -> Difference | None:
    """Compare two rankings of the same cases.

    Parameters
    ----------
    y_true
        Shape ``(n,)``: whether each row had the outcome.
    score, other
        Shape ``(n,)``, higher is reviewed sooner.
    draws
        Shape ``(n_draws, n_people)``: how often each person is drawn in each resample; the same
        resamples serve both rankings, which is what pairs them.
    column
        Shape ``(n,)``, each row's person as a column of ``draws``; the row's own number where
        ``None``.

    Returns
    -------
    Difference or None
        AUC of ``score`` less that of ``other``; ``None`` where one class only is present.
    """
    if y_true.all() or not y_true.any():
        return None
    estimate = float(roc_auc_score(y_true, score) - roc_auc_score(y_true, other))
    drawn, of_other = (resampled_auc(y_true, one, draws, column) for one in (score, other))
    return summarise_difference(estimate, drawn - of_other)


def summarise_difference(estimate: float, drawn: Float64) -> Difference:
    """Return a difference with the interval and the standard error of its resamples.

    Parameters
    ----------
    estimate
        The difference itself.
    drawn
        Shape ``(n_draws,)``, the same in each resample; NaN where it is undefined there, and left
        out.

    Returns
    -------
    Difference
        With a 95 % interval by percentiles. Where no resample has a difference, the interval is the
        estimate alone and the error 0.
    """
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return Difference(estimate, estimate, estimate, 0.0)
    low, high = np.quantile(known, _LEVELS)
    return Difference(estimate, float(low), float(high), float(known.std()))
