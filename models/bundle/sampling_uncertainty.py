"""How far an estimate could lie elsewhere had other people been learnt from, by the estimate.

It is uncertainty about the rate among cases with such an estimate; how far one case is from them it
cannot say. The Venn-Abers bounds beside it (:mod:`models.bundle.intervals`) hold whatever the model
is, but leave out that another sample would have given another model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from features.contract.arrays import Float64


@dataclass(frozen=True)
class SamplingUncertainty:
    """Half the width of a 95 % interval, by served log-odds.

    Parameters
    ----------
    at
        Shape ``(n_groups,)``, ascending: mean served log-odds of groups of cases.
    half_width
        Shape ``(n_groups,)``, log-odds, not below 0. Between two groups it is read from the
        straight line, beyond the first and last it stays.
    """

    at: Float64
    half_width: Float64

    def interval(self, log_odds: float) -> tuple[float, float]:
        """Return the ends of the interval about served log-odds, as probabilities."""
        half = float(np.interp(log_odds, self.at, self.half_width))
        return float(expit(log_odds - half)), float(expit(log_odds + half))

    def to_json(self) -> dict[str, list[float]]:
        """Return lists that :func:`read_sampling_uncertainty` reads back exactly."""
        return {"at": self.at.tolist(), "half_width": self.half_width.tolist()}


def read_sampling_uncertainty(entry: Mapping[str, Sequence[Any]]) -> SamplingUncertainty:
    """Read what :meth:`SamplingUncertainty.to_json` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a list is absent, or they are no ascending log-odds with a width for each.
    """
    at, half_width = (np.array(entry[name], dtype=np.float64) for name in ("at", "half_width"))
    if not len(at) or at.shape != half_width.shape or at.ndim != 1:
        raise ValueError("each group has one width")
    if not (np.isfinite(at).all() and (np.diff(at) > 0).all()):
        raise ValueError("groups ascend")
    if not (np.isfinite(half_width).all() and (half_width >= 0).all()):
        raise ValueError("a width is a number not below 0")
    return SamplingUncertainty(at, half_width)
