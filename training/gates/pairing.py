"""Two bundles on the same cases: what each finds there, with intervals that know it is the same.

Both are scored on the candidate's test origin, at which the bundle in use could have been in use
as well; labels are those of the extract.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from features.catalogue.declarations import Outcome
from features.contract.arrays import Float64, Int64
from features.engine.outcomes import label_landmarks
from features.errors import ConfigError
from features.history.columns import History
from models.bundle.folder import Bundle
from models.ranking.order import cohort_cases, order_cases
from models.run_figures.ranking import Difference
from training.cohorts.history_subsets import drop_facts
from training.cohorts.landmarks import Landmarks
from training.figures.capacity import rank_cases
from training.figures.comparison import summarise_difference
from training.figures.metrics import recall_at_k
from training.figures.resampling import Counts, PeopleDraws, count_drawn, fill_lists, resampled_auc

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PairedFigures:
    """One outcome, both bundles, the same cases: the candidate's figure less the other's.

    Parameters
    ----------
    n, positives
        Cases, and those with the outcome.
    auc
        Of the outcome's own score.
    recall
        Of the share of outcomes among the first places of the list, in order of priority.
    """

    n: int
    positives: int
    auc: Difference
    recall: Difference


@dataclass(frozen=True)
class _Scored:
    """What a bundle says of the cases, in their order: log-odds by outcome, and priority."""

    log_odds: Mapping[str, Float64]
    priority: Float64


def compare_bundles(
    history: History,
    candidate: Bundle,
    champion: Bundle,
    *,
    capacity: int,
    n_draws: int,
    seed: int,
) -> dict[str, PairedFigures]:
    """Compare two bundles on the candidate's test origin.

    Parameters
    ----------
    history
        Case histories that hold the outcomes after that origin.
    capacity
        Places on the list.
    n_draws, seed
        Resamples by person, and the one seed.

    Returns
    -------
    dict
        By outcome that both model and that is defined alike; without one that all cases have or
        none has.

    Raises
    ------
    ConfigError
        If no case is in the cohort there, or the bundle in use was trained for a later moment: it
        may have learnt from what the candidate is tested on.
    """
    as_of_us = candidate.trained_for_us
    if champion.trained_for_us > as_of_us:
        raise ConfigError(
            "the bundle in use was trained for a later moment than the candidate; compare them by "
            "their reports, without a folder of histories"
        )
    cases = cohort_cases(history, candidate.catalogue, as_of_us, candidate.rules)
    if not len(cases):
        raise ConfigError("no case of the folder is in the cohort at the candidate's test origin")
    marks = Landmarks(cases, np.full(len(cases), as_of_us, dtype=np.int64))
    scored = [_score(one, history, as_of_us, cases) for one in (candidate, champion)]
    draws, events = PeopleDraws(cases, n_draws, seed), drop_facts(history)
    found = {}
    for outcome in candidate.catalogue.outcomes:
        if not all(outcome.name in one.log_odds for one in scored):
            continue
        if not _is_same(outcome, champion):
            continue
        labels = label_landmarks(
            events, candidate.catalogue, outcome, marks, known_us=history.extract_at
        )
        kept = labels.known
        y_true = labels.y_true[kept]
        if y_true.any() and not y_true.all():
            rows = _Rows(y_true, *draws.take(kept), capacity)
            found[outcome.name] = _compare(rows, outcome.name, scored, kept)
    return found


def _is_same(outcome: Outcome, champion: Bundle) -> bool:
    # By its whole definition: of one name two catalogues may mean two things.
    return outcome in champion.catalogue.outcomes


def _score(bundle: Bundle, history: History, as_of_us: int, cases: Int64) -> _Scored:
    """Score the cases as the list would, and put them back in their order."""
    standing = order_cases(bundle, history, as_of_us, cases)
    back = np.argsort(standing.case, kind="stable")
    log_odds = {name: column[back] for name, column in standing.log_odds.items()}
    return _Scored(log_odds, standing.priority[back])


@dataclass(frozen=True)
class _Rows:
    """Cases whose outcome is known, with the resamples of their people."""

    y_true: Bools
    draws: Counts
    column: Int64
    capacity: int

    def resample_recall(self, priority: Float64) -> Float64:
        """Return the share of outcomes on the list of each resample."""
        ranking, inside = rank_cases(priority), np.ones(len(self.y_true), dtype=np.bool_)
        _, hits = fill_lists(
            ranking.order,
            ranking.is_last,
            inside,
            self.y_true,
            self.draws,
            self.column,
            capacity=self.capacity,
        )
        outcomes = count_drawn(np.where(self.y_true, 0, -1), 1, self.draws, self.column)[0]
        return np.where(outcomes > 0, hits / np.maximum(outcomes, 1), np.nan)


def _compare(rows: _Rows, outcome: str, scored: Sequence[_Scored], kept: Bools) -> PairedFigures:
    own, other = (one.log_odds[outcome][kept] for one in scored)
    drawn = [resampled_auc(rows.y_true, one, rows.draws, rows.column) for one in (own, other)]
    auc = float(roc_auc_score(rows.y_true, own) - roc_auc_score(rows.y_true, other))
    priorities = [one.priority[kept] for one in scored]
    points = [recall_at_k(rows.y_true, one, rows.capacity) for one in priorities]
    recalls = [rows.resample_recall(one) for one in priorities]
    return PairedFigures(
        n=len(rows.y_true),
        positives=int(rows.y_true.sum()),
        auc=summarise_difference(auc, drawn[0] - drawn[1]),
        recall=summarise_difference(points[0] - points[1], recalls[0] - recalls[1]),
    )
