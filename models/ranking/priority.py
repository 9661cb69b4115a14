"""From probabilities to an order: expected harm over one horizon (design section 7)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from features.catalogue.declarations import Priority, Rung
from features.contract.arrays import Float64


@dataclass(frozen=True)
class Harm:
    """Expected harm of each case.

    Parameters
    ----------
    priority
        Shape ``(n_cases,)``.
    by_outcome
        For each modelled outcome of the ladder, what it adds to the priority, same shape: the
        weights of its own level and of the sourced shares above it.
    """

    priority: Float64
    by_outcome: Mapping[str, Float64]


def expected_harm(priority: Priority, probabilities: Mapping[str, Float64]) -> Harm:
    """Return the sum over levels of weight times the probability that it is the worst reached.

    The ladder is made coherent from its most severe modelled level down: a milder level includes
    every worse one, so its probability is at least theirs. A level too rare to model, or whose
    outcome has no model here, is a sourced share of the one below it where the catalogue states
    one. Levels without either are left out of the ladder.

    Parameters
    ----------
    priority
        The ladder, mildest first, and its weights.
    probabilities
        For each modelled outcome, shape ``(n_cases,)``.

    Returns
    -------
    Harm
        The sum, and what each outcome adds to it, shape ``(n_cases,)`` each.
    """
    rungs, reached = _reach(priority, probabilities)
    if not rungs:
        size = len(next(iter(probabilities.values()), np.empty(0)))
        return Harm(np.zeros(size), {})
    by_outcome: dict[str, Float64] = {}
    # Never stays empty: the mildest level that is kept has a model.
    owner = ""
    for number, rung in enumerate(rungs):
        worse = reached[number + 1] if number + 1 < len(rungs) else np.zeros_like(reached[0])
        if rung.outcome in probabilities:
            owner = str(rung.outcome)
        added = rung.weight * (reached[number] - worse)
        by_outcome[owner] = by_outcome.get(owner, 0.0) + added
    return Harm(np.sum(list(by_outcome.values()), axis=0), by_outcome)


def scale_weights(priority: Priority, factor: float, rung: str) -> Priority:
    """Return the priority with one level's weight multiplied, to see what rests on it.

    Parameters
    ----------
    priority
        The ladder and its weights.
    factor
        By which one weight is multiplied.
    rung
        Name of the level.

    Returns
    -------
    Priority
        A copy; all other levels keep their weights.

    Raises
    ------
    KeyError
        If the ladder has no such level.
    """
    if rung not in {one.name for one in priority.ladder}:
        raise KeyError("the ladder has no such level")
    return replace(
        priority,
        ladder=tuple(
            replace(one, weight=one.weight * factor) if one.name == rung else one
            for one in priority.ladder
        ),
    )


def _reach(
    priority: Priority, probabilities: Mapping[str, Float64]
) -> tuple[list[Rung], list[Float64]]:
    """Return the usable rungs and the coherent probability of reaching each."""
    rungs: list[Rung] = []
    reached: list[Float64] = []
    has_level_below = False
    for rung in priority.ladder:
        is_modelled = rung.outcome in probabilities
        has_level_below = is_modelled or (rung.share is not None and has_level_below)
        # Nothing is below it of which its share could be taken.
        if not has_level_below:
            continue
        rungs.append(rung)
        reached.append(
            probabilities[str(rung.outcome)]
            if is_modelled
            else np.asarray((rung.share or 0.0) * reached[-1])
        )
    for number in range(len(rungs) - 2, -1, -1):
        reached[number] = np.maximum(reached[number], reached[number + 1])
    return rungs, reached
