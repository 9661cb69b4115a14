"""Decision curves: whether acting on a probability gains more than acting on all, or on none.

Net benefit at a threshold ``t`` is ``TP / n - FP / n * t / (1 - t)``: outcomes found, less reviews
in vain at the price at which somebody acts from ``t`` upwards (Vickers and Elkin 2006). Higher is
better; ``none`` is 0. A threshold of 0.1 says that nine reviews in vain are a fair price for one
outcome found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.contract.arrays import Float64, Int64
from features.errors import ConfigError
from models.run_figures.ranking import DecisionCurve, NetBenefit
from training.figures.resampling import Counts, count_drawn

Bools = npt.NDArray[np.bool_]
DEFAULT_THRESHOLDS: Final = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""From 49 reviews in vain for one found, to one."""
ALL: Final = "all"
NONE: Final = "none"
_LEVELS: Final = (0.025, 0.975)


def draw_curve(
    y_true: Bools,
    probabilities: Mapping[str, Float64],
    person: npt.NDArray[np.generic],
    *,
    draws: Counts,
    thresholds: Sequence[float] = DEFAULT_THRESHOLDS,
    model: str = "model",
) -> DecisionCurve | None:
    """Draw the decision curve of each probability, of acting on all and of acting on none.

    Parameters
    ----------
    y_true
        Shape ``(n,)``.
    probabilities
        By name (``model``, ``rfs``, ``logistic``), each of shape ``(n,)``, calibrated.
    person
        Shape ``(n,)``, whose case each row is.
    draws
        Shape ``(n_draws, n_people)``, from
        :func:`training.figures.resampling.draw_people_by_person`.
    thresholds
        Above 0 and below 1, in any order; a probability that equals one is acted on.
    model
        The entry of ``probabilities`` that the others are held against.

    Returns
    -------
    DecisionCurve or None
        ``None`` where there is no case. Intervals are of 95 %, by percentiles of the resamples.

    Raises
    ------
    ConfigError
        If a threshold is not between 0 and 1, or a probability is called ``all`` or ``none``.
    """
    if not thresholds or not all(0.0 < one < 1.0 for one in thresholds):
        raise ConfigError("thresholds of the decision curve must lie above 0 and below 1")
    if {ALL, NONE} & set(probabilities):
        raise ConfigError("'all' and 'none' are ways to act of their own; rename the probability")
    if not len(y_true):
        return None
    cut = np.array(thresholds, dtype=np.float64)
    _, column = np.unique(person, return_inverse=True)
    rows = _Rows(y_true, column.astype(np.int64), draws)
    acts_from = {name: _count_reached(given, cut) for name, given in probabilities.items()}
    acts_from[ALL] = np.full(len(y_true), len(cut))
    acts_from[NONE] = np.zeros(len(y_true), dtype=np.int64)
    points, resampled = {}, {}
    for name, reached in acts_from.items():
        points[name], resampled[name] = rows.net_benefit(reached, cut)
    reference = (points[model], resampled[model]) if model in points else None
    curves = {
        name: _curve(points[name], resampled[name], None if name == model else reference)
        for name in acts_from
    }
    return DecisionCurve(tuple(float(one) for one in cut), curves)


def _count_reached(probability: Float64, cut: Float64) -> Int64:
    """Return how many of the thresholds each probability reaches, lowest first."""
    return np.searchsorted(np.sort(cut), probability, side="right").astype(np.int64)


@dataclass(frozen=True)
class _Rows:
    y_true: Bools
    column: Int64
    draws: Counts

    def net_benefit(self, reached: Int64, cut: Float64) -> tuple[Float64, Float64]:
        """Return the net benefit at each threshold, ``(n_cuts,)``, and in each resample,
        ``(n_draws, n_cuts)``, of acting where so many thresholds are reached.
        """
        size = len(cut) + 1
        # Thresholds reached and outcome as one number, so that one pass counts both.
        once = np.bincount(2 * reached + self.y_true, minlength=2 * size)
        drawn = count_drawn(2 * reached + self.y_true, 2 * size, self.draws, self.column)
        # The lowest threshold is acted on where at least one is reached.
        needed = 1 + np.argsort(np.argsort(cut, kind="stable"))
        price = cut / (1.0 - cut)
        found = [
            self._weigh(copies.reshape(size, 2, -1).astype(np.float64), needed, price)
            for copies in (once[:, None], drawn)
        ]
        return found[0][0], found[1]

    @staticmethod
    def _weigh(copies: Float64, needed: Int64, price: Float64) -> Float64:
        """Return what is gained a case; copies by thresholds reached, outcome and resample."""
        acted = np.cumsum(copies[::-1], axis=0)[::-1][needed]
        gain = acted[:, 1] - acted[:, 0] * price[:, None]
        return np.asarray((gain / copies.sum(axis=(0, 1))).T)


def _curve(
    point: Float64, drawn: Float64, reference: tuple[Float64, Float64] | None
) -> tuple[NetBenefit, ...]:
    low, high = _interval(point, drawn)
    if reference is None:
        return tuple(
            NetBenefit(float(point[n]), (float(low[n]), float(high[n]))) for n in range(len(point))
        )
    ahead = reference[0] - point
    ahead_low, ahead_high = _interval(ahead, reference[1] - drawn)
    figures = np.stack([point, low, high, ahead, ahead_low, ahead_high], axis=1)
    return tuple(
        NetBenefit(value, (least, most), ahead, (ahead_least, ahead_most))
        for value, least, most, ahead, ahead_least, ahead_most in figures.tolist()
    )


def _interval(point: Float64, drawn: Float64) -> tuple[Float64, Float64]:
    if not len(drawn):
        return point, point
    low, high = np.quantile(drawn, _LEVELS, axis=0)
    return low, high
