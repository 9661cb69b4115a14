"""One cross-validation by person, its folds fitted side by side with the model on all rows.

The number of rounds is that of the least mean log loss over the folds, as LightGBM's own
cross-validation finds it. Each model is fitted on one thread of its own: threads that share one
model wait for each other after every split, and on a busy machine that costs more than it gains.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import lightgbm
import numpy as np
import numpy.typing as npt

from training.fitting.bins import BoostingParameters
from training.fitting.processors import open_pool

Progress = Callable[[str], None]
Part = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""Rows that a fold learns from, and rows that it holds out; both ascend."""
_BLOCK_ROUNDS: Final = 10
"""Rounds fitted before the folds' losses are compared again."""
_TOLD_EVERY_S: Final = 10.0


@dataclass(frozen=True)
class RoundLimits:
    """When boosting ends.

    Parameters
    ----------
    most, patience
        Most rounds, and how many in a row may bring no smaller loss.
    """

    most: int
    patience: int


@dataclass(frozen=True)
class CrossValidated:
    """What a cross-validation found.

    Parameters
    ----------
    rounds
        Number of trees of the least mean loss over the folds.
    folds
        Each fold's model, in the order of the folds; predict with ``rounds`` of its trees.
    text
        The model fitted on all rows, with so many trees, in LightGBM's text format.
    """

    rounds: int
    folds: tuple[lightgbm.Booster, ...]
    text: str


def cross_validate(
    data: lightgbm.Dataset,
    folds: Sequence[Part],
    parameters: BoostingParameters,
    limits: RoundLimits,
    tell: Progress,
    parts: Sequence[tuple[lightgbm.Dataset, lightgbm.Dataset]] = (),
) -> CrossValidated:
    """Fit each fold, and the model on all rows, until no further round helps.

    Parameters
    ----------
    data
        All rows in LightGBM's bins.
    folds
        Rows to learn from and rows held out.
    parameters
        LightGBM's; the number of threads is set to one for each model.
    limits
        When boosting ends.
    tell
        Told how far it is, and the longest it can still take, every ten seconds.
    parts
        Each fold's rows to learn from and rows held out in bins of their own, where folds rest on
        other columns than the model; parts of ``data`` where there are none.

    Returns
    -------
    CrossValidated
        The same whatever the number of processors.
    """
    single = {**parameters, "num_threads": 1}
    data.construct()
    boosters = [lightgbm.Booster(single, data)]
    if not parts:
        parts = [(data.subset(kept.tolist()), data.subset(out.tolist())) for kept, out in folds]
    for train, held_out in parts:
        booster = lightgbm.Booster(single, train)
        booster.add_valid(held_out.construct(), "held out")
        boosters.append(booster)
    rounds = _boost(boosters, limits, tell)
    whole, *by_fold = boosters
    return CrossValidated(rounds, tuple(by_fold), whole.model_to_string(num_iteration=rounds))


def _boost(boosters: Sequence[lightgbm.Booster], limits: RoundLimits, tell: Progress) -> int:
    """Boost all models in step; return the number of rounds of the least mean loss of the folds."""
    loss: list[float] = []
    begun = told = time.monotonic()
    with open_pool(len(boosters)) as pool:
        while len(loss) < limits.most:
            n_rounds = min(_BLOCK_ROUNDS, limits.most - len(loss))
            found = list(pool.map(_boost_one, boosters, [n_rounds] * len(boosters)))
            # The first has no rows held out: it is the model itself.
            loss += np.mean(found[1:], axis=0).tolist()
            stopped = _find_stop(loss, limits.patience)
            if stopped is not None:
                return stopped
            now = time.monotonic()
            if now - told >= _TOLD_EVERY_S:
                told = now
                tell(describe_rest(len(loss), limits.most, now - begun))
    return int(np.argmin(loss)) + 1


def _boost_one(booster: lightgbm.Booster, n_rounds: int) -> list[float]:
    """Fit some further rounds; return the loss on the rows held out after each, if there are."""
    loss = []
    for _ in range(n_rounds):
        booster.update()
        loss += [float(one[2]) for one in booster.eval_valid()]
    return loss


def _find_stop(loss: Sequence[float], patience: int) -> int | None:
    """Return the best number of rounds where so many after it brought no smaller loss."""
    best = 0
    for number, one in enumerate(loss):
        if one < loss[best]:
            best = number
        elif number - best >= patience:
            return best + 1
    return None


def describe_rest(done: int, most: int, spent_s: float) -> str:
    """Say how many rounds are done and the longest that the rest can take.

    Parameters
    ----------
    done, most
        Rounds, ``done`` at least 1.
    spent_s
        Seconds that those took.
    """
    left_min = spent_s / done * (most - done) / 60
    return f"{done} rounds of at most {most}, at most {left_min:.1f} minutes left"
