"""The uncertainty of estimates, by fitting again on people drawn anew (Efron and Tibshirani 1993).

A refit learns trees and linear part from a bootstrap sample of people; the calibration is fitted
again with the same people counted as often as they were drawn. Cases whose person was not drawn are
then estimated. What their estimates differ by from the model's own, in the mean over a group of
cases with such an estimate, is the uncertainty of that group's rate. Not drawn anew are the number
of rounds and the shift for a rate that has moved.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from features.contract.arrays import Float64, Int64
from models.bundle.calibration import Calibration, fit_calibration
from models.bundle.sampling_uncertainty import SamplingUncertainty

Bools = npt.NDArray[np.bool_]
LEAST_DRAWS: Final = 10
"""With fewer refits a standard deviation is not known to a quarter, and no interval is shown."""
_EDGES: Final = (*np.arange(0.0, 0.95, 0.1), 0.95, 0.98, 0.995, 1.0)
"""Ends of the groups as shares of cases: tenths, and finer where lists are made up."""
_LEAST_ROWS: Final = 30
"""Of a group; a smaller one joins the one below."""
_WITHIN: Final = 0.975


@dataclass(frozen=True)
class Unseen:
    """Rows that the model had not seen, with its estimates.

    Parameters
    ----------
    raw
        Shape ``(n_unseen,)``: the model's raw scores.
    y_true
        Shape ``(n_unseen,)``.
    line
        The calibration as it is served.
    """

    raw: Float64
    y_true: Bools
    line: Calibration


@dataclass(frozen=True)
class RefitScores:
    """One refit's estimates of the same rows.

    Parameters
    ----------
    counts
        Shape ``(n_unseen,)``: how often each row's person was drawn.
    raw
        Shape ``(n_unseen,)``: the refit's raw scores; those of rows that it learnt from are not
        looked at, and may be NaN.
    """

    counts: Int64
    raw: Float64


def measure_uncertainty(unseen: Unseen, draws: list[RefitScores]) -> SamplingUncertainty | None:
    """Return the uncertainty of estimates by the estimate.

    Parameters
    ----------
    unseen
        What the model says of rows that it had not seen.
    draws
        What each refit says of them.

    Returns
    -------
    SamplingUncertainty or None
        ``None`` with fewer than ``LEAST_DRAWS`` refits that saw both kinds of cases.
    """
    served = unseen.line.log_odds(unseen.raw)
    group = _group(served)
    n_groups = int(group.max(initial=-1)) + 1
    # A shift for a rate that has moved is part of the line that is served, and is no uncertainty.
    shift = unseen.line.intercept - fit_calibration(unseen.raw, unseen.y_true).intercept
    found = [_differ(unseen, served - shift, group, n_groups, one) for one in draws]
    differences = np.array([one for one in found if one is not None])
    if len(differences) < LEAST_DRAWS:
        return None
    spread = differences.std(axis=0, ddof=1)
    # One more draw from the same distribution: the model that is served (Student's t).
    times = float(student.ppf(_WITHIN, len(differences) - 1)) * np.sqrt(1 + 1 / len(differences))
    at = np.bincount(group, served) / np.bincount(group)
    kept = np.flatnonzero(np.concatenate([[True], np.diff(at) > 0]))
    return SamplingUncertainty(at[kept], (times * spread)[kept])


def _group(served: Float64) -> Int64:
    """Return the number of each row's group, ascending with the estimate."""
    order = np.argsort(served, kind="stable")
    edges = np.unique(np.round(np.array(_EDGES) * len(served)).astype(np.int64))
    starts = [0]
    for start in edges[1:-1].tolist():
        if start - starts[-1] >= _LEAST_ROWS and len(served) - start >= _LEAST_ROWS:
            starts.append(start)
    group = np.empty(len(served), dtype=np.int64)
    group[order] = np.searchsorted(np.array(starts), np.arange(len(served)), side="right") - 1
    return group


def _differ(
    unseen: Unseen, estimated: Float64, group: Int64, n_groups: int, draw: RefitScores
) -> Float64 | None:
    """Return by how much a refit's estimates differ in each group, in the mean, log-odds.

    ``estimated`` are the model's own log-odds without a shift.

    ``None`` where it drew cases of one kind alone, or knows all cases of a group.
    """
    new = (draw.counts == 0) & np.isfinite(draw.raw)
    number = np.bincount(group[new], minlength=n_groups)
    drawn = unseen.y_true[draw.counts > 0]
    if not number.all() or drawn.all() or not drawn.any():
        return None
    line = fit_calibration(unseen.raw, unseen.y_true, draw.counts.astype(np.float64))
    difference = line.log_odds(draw.raw[new]) - estimated[new]
    return np.asarray(np.bincount(group[new], difference, minlength=n_groups) / number)
