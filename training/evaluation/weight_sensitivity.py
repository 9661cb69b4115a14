"""Who leaves the list when a weight of the ladder of harm is halved or doubled.

Weights are stated policy, not findings; this shows what they settle, and what would come out the
same under others.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from features.catalogue.declarations import Priority
from features.contract.arrays import Float64
from models.ranking.priority import expected_harm, scale_weights
from models.run_figures.screening_list import WeightChange

FACTORS: Final = (0.5, 2.0)


def compare_weights(
    priority: Priority, probabilities: Mapping[str, Float64], capacity: int
) -> tuple[WeightChange, ...]:
    """Halve and double each weight in turn and compare the lists.

    Parameters
    ----------
    probabilities
        For each modelled outcome, shape ``(n_cases,)``.
    capacity
        Places on the list.
    """
    if not probabilities:
        return ()
    place = _places(expected_harm(priority, probabilities).priority)
    on_list = place <= capacity
    changes = []
    for rung in priority.ladder:
        for factor in FACTORS:
            changed = scale_weights(priority, factor, rung.name)
            new_place = _places(expected_harm(changed, probabilities).priority)
            changes.append(
                WeightChange(
                    rung=rung.name,
                    weight=rung.weight,
                    factor=factor,
                    n_leaving=int((on_list & (new_place > capacity)).sum()),
                    lowest_new_place=int(new_place[on_list].max(initial=0)),
                    rank_correlation=float(np.corrcoef(place, new_place)[0, 1])
                    if len(place) > 1
                    else 1.0,
                )
            )
    return tuple(changes)


def _places(priority: Float64) -> Float64:
    """Return each case's place from 1, ties in the order of the cases."""
    place = np.empty(len(priority))
    place[np.lexsort((np.arange(len(priority)), -priority))] = np.arange(1.0, len(priority) + 1)
    return place
