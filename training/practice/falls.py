"""Whether something other than less conduct may explain that a recorded rate has fallen.

An estimate that follows a fall is lower for every case. Where the fall is one of recording, of the
mix of cases, or of victims who no longer tell, lower estimates would hide people who are in
danger as before, so that the higher rate stands and the report says why.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.contract.arrays import Float64
from training.figures.calibration import Z_95

CHANGED_RECORDING: Final = (
    "recording changed, and no fall is shown since, or it is too soon to tell"
)
OTHER_CASES: Final = "the cases are others than at the training dates"
WITHDRAWN_SUPPORT: Final = "victims withdrew support more often, and may no longer tell"
MOST_DIFFERENCE: Final = 0.25
"""Standardised difference of the model's log-odds above which two groups of cases are not alike
(Rubin 2001; Stuart 2010): what is compared at equal log-odds then rests on the model's form."""


def list_doubts(
    recent: Float64,
    training: Sequence[Float64],
    recent_hidden: tuple[int | None, int],
    training_hidden: Sequence[tuple[int | None, int]],
) -> tuple[str, ...]:
    """Return what may explain a fall, but for a change of recording; empty where nothing does.

    Parameters
    ----------
    recent, training
        The model's log-odds of the cases of the window just past, and of each training date's.
    recent_hidden, training_hidden
        Of how many cases support was withdrawn with nothing recorded, and how many cases there
        were; ``None`` where the catalogue knows no withdrawal.
    """
    found = []
    if _are_others(recent, np.concatenate(list(training))):
        found.append(OTHER_CASES)
    if _is_withdrawn_more(recent_hidden, training_hidden):
        found.append(WITHDRAWN_SUPPORT)
    return tuple(found)


def _are_others(recent: Float64, training: Float64) -> bool:
    spread = np.sqrt((recent.var() + training.var()) / 2)
    # Bare rates are compared without log-odds, and say nothing of the cases.
    return bool(spread > 0 and abs(recent.mean() - training.mean()) > MOST_DIFFERENCE * spread)


def _is_withdrawn_more(
    recent: tuple[int | None, int], training: Sequence[tuple[int | None, int]]
) -> bool:
    """Return whether the share with withdrawn support rose beyond chance."""
    n_recent, n_training = recent[1], sum(n for _, n in training)
    if recent[0] is None or not n_recent or not n_training:
        return False
    hidden = sum(one or 0 for one, _ in training)
    share, before = recent[0] / n_recent, hidden / n_training
    pooled = (recent[0] + hidden) / (n_recent + n_training)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n_recent + 1 / n_training))
    return bool(share - before > Z_95 * error)
