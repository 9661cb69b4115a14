"""A synthetic unit's list held against its truth; for reports on synthetic units alone.

Nothing here is evidence about a real unit, and none of it enters a model's description.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from features.contract.arrays import Float64
from features.history.columns import History
from models.run_figures.screening_list import ManagedTruth, TruthFigures, TruthPart
from training.evaluation.outcome import EvaluatedOutcome
from training.evaluation.screening_list import TestedList
from training.known_truth import Truth

Bools = npt.NDArray[np.bool_]
N_PARTS: Final = 10
_CHANCE: Final = 0.5
_NUMBER: Final = slice(len("SYN-C"), None)


def compare_with_truth(
    history: History,
    truth: Truth,
    listed: TestedList,
    evaluated: Mapping[str, EvaluatedOutcome],
    capacity: int,
) -> dict[str, TruthFigures]:
    """Return, for each modelled outcome, the ceiling, calibration against truth, managed ranks.

    Parameters
    ----------
    truth
        Of the moment at which the list is tested.
    listed, evaluated
        The list's order and each outcome's figures at that moment.
    capacity
        Places on the list.
    """
    row, column = _join(history, truth, listed)
    found = {}
    for name, probability in listed.probabilities.items():
        if name not in truth.outcomes:
            continue
        number = truth.column(name)
        labels = evaluated[name].labels
        known = labels.known[row]
        found[name] = TruthFigures(
            n=len(row),
            runs=truth.runs,
            largest_standard_error=float(truth.standard_error[column, number].max(initial=0.0)),
            **_ceiling(
                labels.y_true[row][known],
                probability[row][known],
                truth.probability[column, number][known],
            ),
            parts=_compare_parts(probability[row], truth.probability[column, number]),
            recall_of_truth_at_capacity=_recall(
                listed.priority[row], truth.probability[column, number], capacity
            ),
            managed=_compare_managed(
                probability[row], truth.untreated[column, number], truth.managed[column]
            ),
        )
    return found


def _join(
    history: History, truth: Truth, listed: TestedList
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return rows of the list and of the truth that are about the same cases."""
    case_id = history.case_id[listed.cohort.landmarks.case]
    number = np.array([int(one[_NUMBER]) - 1 for one in case_id], dtype=np.int64)
    place = np.searchsorted(truth.case, number)
    place = np.minimum(place, max(len(truth.case) - 1, 0))
    same = truth.case[place] == number if len(truth.case) else np.zeros(len(number), dtype=bool)
    return np.flatnonzero(same), place[same]


def _ceiling(y_true: Bools, probability: Float64, truth: Float64) -> dict[str, float | None]:
    """Return the AUC of the truth itself, which no model can pass but by luck, and the model's."""
    if y_true.all() or not y_true.any():
        return {"ceiling_auc": None, "auc": None, "share_of_ceiling": None}
    ceiling = float(roc_auc_score(y_true, truth))
    auc = float(roc_auc_score(y_true, probability))
    share = (auc - _CHANCE) / (ceiling - _CHANCE) if ceiling > _CHANCE else None
    return {"ceiling_auc": ceiling, "auc": auc, "share_of_ceiling": share}


def _compare_parts(probability: Float64, truth: Float64) -> tuple[TruthPart, ...]:
    """Return mean estimate and mean truth in each tenth of the estimate."""
    order = np.argsort(probability, kind="stable")
    return tuple(
        TruthPart(
            n=len(part),
            mean_probability=float(probability[part].mean()),
            mean_truth=float(truth[part].mean()),
            relative_error=float(probability[part].mean() / truth[part].mean() - 1.0)
            if truth[part].mean() > 0
            else 0.0,
        )
        for part in np.array_split(order, N_PARTS)
        if len(part)
    )


def _recall(priority: Float64, truth: Float64, capacity: int) -> float | None:
    """Return the share of all expected outcomes that lie among the first ``capacity``."""
    first = np.lexsort((np.arange(len(priority)), -priority))[:capacity]
    total = float(truth.sum())
    return float(truth[first].sum()) / total if total > 0 else None


def _compare_managed(probability: Float64, untreated: Float64, managed: Bools) -> ManagedTruth:
    """Return where managed cases stand by the estimate and by the truth had nobody managed them.

    Places are shares of all cases, 0 first and 1 last.
    """
    if not managed.any() or managed.all():
        return ManagedTruth(int(managed.sum()))
    place = (rankdata(-probability) - 1) / max(len(probability) - 1, 1)
    true_place = (rankdata(-untreated) - 1) / max(len(untreated) - 1, 1)
    return ManagedTruth(
        n=int(managed.sum()),
        median_place=float(np.median(place[managed])),
        median_untreated_place=float(np.median(true_place[managed])),
        mean_probability=float(probability[managed].mean()),
        mean_untreated=float(untreated[managed].mean()),
    )
