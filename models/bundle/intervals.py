"""An interval about the average of cases with such a score (Vovk and Petej 2014).

A new case either has the outcome or has not. Adding it both ways to cases whose outcome is known,
and drawing the best rising curve through each, gives two probabilities of which one is calibrated
whatever the score's distribution. They say how well the *average* of cases with such a score is
known; they say nothing about how far this case is from that average.

The scores are those of rows that their model had not seen, of several fold models where there are
folds; what is exact for one held-out part is then an approximation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from features.contract.arrays import Float64
from models.wording.sentences import say

Bools = npt.NDArray[np.bool_]
MOST_LEVELS: Final = 2_000
"""More distinct scores than this are first gathered into as many bins of equal size. A binned score
is a score of its own, so that the guarantee holds for it as it stands."""
WORDING: Final = say("interval")


@dataclass(frozen=True)
class VennAbers:
    """Two rising step functions of the raw score.

    Parameters
    ----------
    scores
        Shape ``(n_steps - 1,)``, ascending: raw scores at which a new step begins, inclusive.
    lower, upper
        Shape ``(n_steps,)``: the probability where the new case is taken not to have the outcome,
        and to have it; ``lower <= upper``.
    """

    scores: Float64
    lower: Float64
    upper: Float64

    def interval(self, raw: Float64) -> tuple[Float64, Float64]:
        """Return the two probabilities of raw scores, each of the same shape."""
        step = np.searchsorted(self.scores, raw, side="right")
        return self.lower[step], self.upper[step]

    def shifted(self, by: float) -> "VennAbers":
        """Return the interval moved by ``by`` in log-odds; 0 and 1 stay where they are."""
        return replace(self, lower=_move(self.lower, by), upper=_move(self.upper, by))

    def to_json(self) -> dict[str, list[float]]:
        """Return lists that :func:`read_venn_abers` reads back exactly."""
        return {
            "scores": self.scores.tolist(),
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
        }


def _move(probability: Float64, by: float) -> Float64:
    with np.errstate(divide="ignore"):
        return np.asarray(expit(logit(probability) + by)) if by else probability


def read_venn_abers(entry: Mapping[str, Any]) -> VennAbers:
    """Read what :meth:`VennAbers.to_json` wrote.

    Raises
    ------
    ValueError
        If the lists are no two rising step functions between 0 and 1.
    """
    scores, lower, upper = (
        np.array(entry[name], dtype=np.float64) for name in ("scores", "lower", "upper")
    )
    if not len(lower) == len(upper) == len(scores) + 1:
        raise ValueError("one more step than scores is needed")
    rising = all((np.diff(values) >= 0).all() for values in (scores, lower, upper))
    if not (rising and (lower >= 0).all() and (lower <= upper).all() and (upper <= 1).all()):
        raise ValueError("the steps must rise between 0 and 1")
    return VennAbers(scores, lower, upper)


def fit_venn_abers(raw: Float64, y_true: Bools, *, most_levels: int = MOST_LEVELS) -> VennAbers:
    """Fit the two step functions.

    Parameters
    ----------
    raw
        Shape ``(n,)``, raw scores of rows that their model was not fitted on; ``n > 0``.
    y_true
        Shape ``(n,)``.
    most_levels
        More distinct scores than this are gathered into bins; below it the result is exact.

    Returns
    -------
    VennAbers
        Both probabilities at every level.

    Notes
    -----
    With ``n`` scores and ``k`` levels the cost is ``O(n log n + k^2)``. The curve's value at the
    new case is the slope of the line that supports the sums of all lower scores on one side and of
    all higher ones on the other (the greatest convex minorant; Barlow and others 1972).
    """
    levels, position = np.unique(raw, return_inverse=True)
    binned = len(levels) > most_levels
    if binned:
        shares = np.arange(most_levels) / most_levels
        levels = np.unique(np.quantile(raw, shares, method="inverted_cdf"))
        position = np.maximum(np.searchsorted(levels, raw, side="right") - 1, 0)
    size = np.bincount(position, minlength=len(levels)).astype(np.float64)
    hits = np.bincount(position[y_true], minlength=len(levels)).astype(np.float64)
    if binned:
        before = np.arange(len(levels))
        return _compress(levels[1:], *_both(size, hits, before, before + 1))
    # A new score equals a level, or falls between two of them: twice as many places, and one.
    places = np.arange(2 * len(levels) + 1)
    edges = np.column_stack([levels, np.nextafter(levels, np.inf)]).ravel()
    return _compress(edges, *_both(size, hits, places // 2, (places + 1) // 2))


def _both(
    size: Float64, hits: Float64, before: npt.NDArray[np.intp], after: npt.NDArray[np.intp]
) -> tuple[Float64, Float64]:
    x = np.concatenate([[0.0], np.cumsum(size)])
    y = np.concatenate([[0.0], np.cumsum(hits)])
    return _slopes(x, y, before, after, 0.0), _slopes(x, y, before, after, 1.0)


def _slopes(
    x: Float64,
    y: Float64,
    before: npt.NDArray[np.intp],
    after: npt.NDArray[np.intp],
    label: float,
) -> Float64:
    """Return the curve's value where one case with ``label`` is added at each place.

    ``x`` and ``y`` are running numbers of cases and of outcomes. Lower levels end at ``before``,
    higher ones begin at ``after``; the new case stands between, with the level that it equals.
    """
    found = np.empty(len(before))
    for place, (left, right) in enumerate(zip(before, after, strict=True)):
        xs, ys = x[right:] + 1.0, y[right:] + label
        at, slope = left, np.inf
        while True:
            # Each turn lowers the line where the two sides meet, so that it ends.
            rising = (ys - y[at]) / (xs - x[at])
            end = int(rising.argmin())
            slope = rising[end]
            falling = (ys[end] - y[: left + 1]) / (xs[end] - x[: left + 1])
            best = int(falling.argmax())
            if not falling[best] > slope:
                break
            at = best
        found[place] = slope
    # Rising but for rounding, and steps that fall would be refused when they are read.
    return np.maximum.accumulate(np.clip(found, 0.0, 1.0))


def _compress(edges: Float64, lower: Float64, upper: Float64) -> VennAbers:
    """Drop the edges where neither function has a step."""
    kept = np.flatnonzero((np.diff(lower) != 0) | (np.diff(upper) != 0))
    steps = np.concatenate([[0], kept + 1])
    # By rounding the lower may come out above the upper, which would be refused when it is read.
    return VennAbers(edges[kept], lower[steps], np.maximum(lower[steps], upper[steps]))
