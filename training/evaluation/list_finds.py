"""What the list's places find of each outcome, and what they would find in other orders.

The list's own order is held against the outcome's model alone, the simple rule, the logistic
regression, the longest wait and chance, all of the same cases, places and resamples of people.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from features.contract.arrays import Float64, Int64
from features.history.columns import History
from models.run_figures.screening_list import ListFinds, OrderFinds
from training.cohorts.landmarks import first_seen_days
from training.evaluation.list_lengths import LIST, LONGEST_WAIT
from training.evaluation.outcome import EvaluatedOutcome
from training.evaluation.screening_list import TestedList
from training.figures.capacity import rank_cases, state_rate
from training.figures.comparison import summarise_difference
from training.figures.resampling import Counts, fill_lists

Bools = npt.NDArray[np.bool_]
_RANKINGS: Final = ("model", "rfs", "logistic")


def compare_finds(
    y_true: Bools, orders: Mapping[str, Float64], draws: Counts, column: Int64, capacity: int
) -> ListFinds:
    """Return what so many places find in each order, and how far the first order is ahead.

    Ties take their expected value; the intervals resample people, the same for every order.

    Parameters
    ----------
    y_true
        Shape ``(n,)``.
    orders
        The list's own first, shape ``(n,)`` each; higher is seen sooner.
    draws, column
        Resamples, and each row's person as a column of them.
    capacity
        Places on the list, at least 1.

    Returns
    -------
    ListFinds
        Numbers of cases with the outcome. Chance finds as many as its share of all cases.
    """
    found, drawn = [], {}
    for name, score in orders.items():
        point, many = (
            _count(y_true, score, some, column, capacity)
            for some in (np.ones((1, draws.shape[1]), dtype=np.uint8), draws)
        )
        stated = state_rate(point, many)
        drawn[name] = (float(point[0]), many)
        found.append(OrderFinds(name, stated.value, stated.interval))
    own, own_drawn = next(iter(drawn.values()))
    _, *others = drawn
    places = min(capacity, len(y_true))
    return ListFinds(
        capacity=capacity,
        n=len(y_true),
        positives=int(y_true.sum()),
        chance=float(y_true.mean()) * places if len(y_true) else None,
        orders=tuple(found),
        ahead={
            name: summarise_difference(own - drawn[name][0], own_drawn - drawn[name][1])
            for name in others
        },
    )


def _count(y_true: Bools, score: Float64, draws: Counts, column: Int64, capacity: int) -> Float64:
    ranking = rank_cases(score)
    everyone = np.ones(len(y_true), dtype=np.bool_)
    _, hits = fill_lists(
        ranking.order, ranking.is_last, everyone, y_true, draws, column, capacity=capacity
    )
    return hits


def describe_finds(
    history: History,
    listed: TestedList,
    evaluated: Mapping[str, EvaluatedOutcome],
    capacity: int,
) -> dict[str, ListFinds]:
    """Return what the list's places find at a test origin, by outcome.

    Parameters
    ----------
    history, listed, evaluated
        The tested cases in the list's order, and what became of them.
    capacity
        Places on the list.

    Returns
    -------
    dict
        Without outcomes that no tested case had.
    """
    waited_days = first_seen_days(history, listed.cohort.landmarks)
    found = {}
    for name, one in evaluated.items():
        kept = one.labels.known
        y_true = one.labels.y_true[kept]
        if not y_true.any():
            continue
        orders = {LIST: listed.priority[kept]}
        orders |= {
            ranking: order[kept]
            for ranking in _RANKINGS
            if (order := one.scores[ranking].order) is not None
        }
        orders[LONGEST_WAIT] = waited_days[kept]
        draws, column = listed.tested.draws.take(kept)
        found[name] = compare_finds(y_true, orders, draws, column, capacity)
    return found
