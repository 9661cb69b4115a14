"""Where the level of a recorded rate stands: a dynamic model of the windows' intercepts.

Each window of outcomes gives an intercept, at equal log-odds of the model (:mod:`training.practice.
drift`). The intercepts are read as a level that moves from window to window and, where it moves at
all, is drawn back towards where the training dates had it::

    level[t] = keeps * level[t - 1] + step[t]        step ~ normal(0, step_sd ** 2)
    seen[t]  = level[t] + chance[t] + wobble[t]      wobble ~ normal(0, wobble_sd ** 2)

``chance`` has the variance that the window's people give it. How fast the level moves, how much
windows wobble and how far a level lasts are not known: each combination of a grid counts by how
likely it makes what was seen (a dynamic linear model with its variances integrated out; West and
Harrison 1997). A single window that stands out is then mostly wobble, and a level that has stood
elsewhere for several windows is believed.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contract.arrays import Float64

STEP_SDS: Final = (0.01, 0.03, 0.06, 0.12, 0.24)
WOBBLE_SDS: Final = (0.0, 0.05, 0.1, 0.2)
KEEPS: Final = (0.5, 0.7, 0.85, 1.0)
"""Standard deviations in log-odds, and the share of a level that is left a window later."""
_FIRST_SD: Final = 0.5
"""Of the level before the first window: a rate may stand half as high again."""


@dataclass(frozen=True)
class Level:
    """Where a rate stands, in log-odds beyond where the training dates had it.

    Parameters
    ----------
    now
        The level in the latest window.
    ahead
        What is left of it, on average, over the windows to come that were asked for.
    error
        Standard deviation of ``ahead``.
    """

    now: float
    ahead: float
    error: float


@dataclass(frozen=True)
class _Filtered:
    likely: float
    level: float
    variance: float


def follow_level(seen: Float64, variance: Float64, n_ahead: int) -> Level:
    """Return where the level stands after the windows.

    Parameters
    ----------
    seen
        Shape ``(n_windows,)``: each window's intercept less the mean of the training dates', in
        order of time, windows of one length one after the other; log-odds.
    variance
        Shape ``(n_windows,)``: by chance.
    n_ahead
        For how many windows after the latest it is to hold, at least 1.

    Returns
    -------
    Level
        The mean over all combinations of the grid.
    """
    grid = list(itertools.product(STEP_SDS, WOBBLE_SDS, KEEPS))
    found = [_filter(seen, variance, *one) for one in grid]
    likely = np.array([one.likely for one in found])
    weight = np.exp(likely - likely.max())
    weight /= weight.sum()
    level = np.array([one.level for one in found])
    left = np.array(
        [np.mean([keeps**step for step in range(1, n_ahead + 1)]) for *_, keeps in grid]
    )
    spread = np.array([one.variance for one in found]) + _steps_ahead(grid, n_ahead)
    ahead = float(weight @ (level * left))
    squares = float(weight @ (left**2 * spread + (level * left) ** 2))
    return Level(float(weight @ level), ahead, float(np.sqrt(max(squares - ahead**2, 0.0))))


def _steps_ahead(grid: Sequence[tuple[float, float, float]], n_ahead: int) -> Float64:
    """Return the variance that steps after the latest window add."""
    return np.array([n_ahead * step_sd**2 for step_sd, _, _ in grid])


def _filter(
    seen: Float64, variance: Float64, step_sd: float, wobble_sd: float, keeps: float
) -> _Filtered:
    """Run a Kalman filter over the windows."""
    level, spread, likely = 0.0, _FIRST_SD**2, 0.0
    for number, (one, chance) in enumerate(zip(seen.tolist(), variance.tolist(), strict=True)):
        if number:
            level, spread = keeps * level, keeps**2 * spread + step_sd**2
        total = spread + chance + wobble_sd**2
        off = one - level
        likely -= 0.5 * (np.log(total) + off**2 / total)
        gain = spread / total
        level, spread = level + gain * off, (1 - gain) * spread
    return _Filtered(float(likely), level, spread)
