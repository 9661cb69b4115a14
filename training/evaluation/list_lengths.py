"""What shorter and longer lists would have found, by three orders of the same cases.

A run states one capacity, and a unit may have another, or change it: these figures say what each
number of places finds. Beside the list's own order stand the simple rule and the longest wait,
which is what a unit without any score would go by. A run knows no decisions, so the wait counts
from the day on which the unit came to know of the case.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from features.contract.arrays import Float64, Int64
from features.history.columns import History
from models.run_figures.screening_list import ListLengths, PlacesFind
from training.cohorts.landmarks import first_seen_days
from training.evaluation.outcome import EvaluatedOutcome
from training.evaluation.screening_list import TestedList
from training.figures.capacity import rank_cases, state_rate
from training.figures.resampling import Counts, count_drawn, fill_lists

Bools = npt.NDArray[np.bool_]
LENGTHS: Final = (5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200)
"""Places a week; the run's own capacity is measured as well."""
LIST, RULE, LONGEST_WAIT = "list", "rfs", "longest_wait"
"""The orders: all outcomes weighed together, the outcome's own simple rule, and the wait."""


def measure_lengths(
    y_true: Bools, score: Float64, draws: Counts, column: Int64, lengths: Sequence[int]
) -> tuple[PlacesFind, ...]:
    """Return what lists of several lengths find in one order.

    Ties take their expected value; the intervals resample people.

    Parameters
    ----------
    y_true, score
        Shape ``(n,)``; a higher score is reviewed sooner. One case at least has the outcome.
    draws
        Shape ``(n_draws, n_people)``: how often each person is drawn in each resample.
    column
        Shape ``(n,)``, each row's person as a column of ``draws``.
    lengths
        Places, each at least 1.
    """
    ranking = rank_cases(score)
    everyone = np.ones(len(y_true), dtype=np.bool_)
    counted = np.where(y_true, 0, -1)
    once = np.ones((1, draws.shape[1]), dtype=np.uint8)
    of = [count_drawn(counted, 1, some, column)[0] for some in (once, draws)]
    found = []
    for places in lengths:
        filled = [
            fill_lists(
                ranking.order, ranking.is_last, everyone, y_true, some, column, capacity=places
            )
            for some in (once, draws)
        ]
        precision = state_rate(*(hits / np.maximum(given, 1.0) for given, hits in filled))
        found_of = [
            np.where(n > 0, hits / np.maximum(n, 1.0), np.nan)
            for (_, hits), n in zip(filled, of, strict=True)
        ]
        recall = state_rate(*found_of)
        found.append(
            PlacesFind(places, precision.value, precision.interval, recall.value, recall.interval)
        )
    return tuple(found)


def describe_lengths(
    history: History,
    listed: TestedList,
    evaluated: Mapping[str, EvaluatedOutcome],
    capacity: int,
) -> dict[str, ListLengths]:
    """Return what lists of several lengths find at a test origin, by outcome.

    Parameters
    ----------
    history
        Case histories.
    listed
        The cases in the list's order.
    evaluated
        Their outcomes, and the simple rule of each.
    capacity
        The run's own capacity, which is measured beside ``LENGTHS``.
    """
    lengths = sorted({*LENGTHS, capacity})
    wait = first_seen_days(history, listed.cohort.landmarks)
    found = {}
    for name, one in evaluated.items():
        kept = one.labels.known
        y_true = one.labels.y_true[kept]
        if not y_true.any():
            continue
        draws, column = listed.tested.draws.take(kept)
        orders = {LIST: listed.priority, RULE: one.scores["rfs"].order, LONGEST_WAIT: wait}
        found[name] = ListLengths(
            n=len(y_true),
            positives=int(y_true.sum()),
            orders={
                order: measure_lengths(y_true, score[kept], draws, column, lengths)
                for order, score in orders.items()
                if score is not None
            },
        )
    return found
