"""The list as a whole at a test origin: what it finds, what its weights settle, whom it misses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import DAY_US, Catalogue, Expression, Measure
from features.contract.arrays import MISSING, Float64, Int64
from features.engine.measurement import Queries, compile_expressions, measure_queries
from features.engine.plan import NamedExpression
from features.history.columns import History
from models.bundle.folder import Bundle
from models.ranking.order import order_cases
from models.ranking.priority import expected_harm
from models.run_figures.screening_list import (
    CustodyPrecaution,
    ListFigures,
    MissedFigures,
    PlannerFigures,
)
from training.cohorts.landmarks import NEWLY_REFERRED, RETURNED, Landmarks
from training.cohorts.training_rows import Cohort
from training.config import TrainingConfig
from training.evaluation.outcome import EvaluatedOutcome
from training.evaluation.tested_cohort import TestedCohort
from training.evaluation.weight_sensitivity import compare_weights
from training.figures.capacity import evaluate_at_capacity, list_missed
from training.planning.capacity_plan import Arrivals, plan_capacity

Bools = npt.NDArray[np.bool_]
LEAST_PLANNED_WEEKS: Final = 104
PLANNED_HORIZONS: Final = 3
"""The queue is played for at least two years and for three horizons, or nobody could be missed."""
RECENT_WEEKS: Final = 4
"""Cases count as new or returned for so long (``training.cohorts.landmarks.RECENT_DAYS``)."""
_WEEK_US: Final = 7 * DAY_US


@dataclass(frozen=True)
class TestedList:
    """The order that the list would have had at a test origin.

    Parameters
    ----------
    tested
        The cases, with their groups and resamples.
    priority
        Shape ``(n_rows,)``, higher is looked at sooner.
    probabilities
        Each modelled outcome's, shape ``(n_rows,)``.
    gravest
        The gravest level of harm that has a model and cases with and without the outcome.
    """

    tested: TestedCohort
    priority: Float64
    probabilities: Mapping[str, Float64]
    gravest: str | None

    @property
    def cohort(self) -> Cohort:
        """The cases."""
        return self.tested.cohort

    @property
    def groups(self) -> npt.NDArray[np.str_]:
        """Each row's group."""
        return self.tested.groups


def order_list(
    history: History,
    bundle: Bundle,
    tested: TestedCohort,
    evaluated: Mapping[str, EvaluatedOutcome],
) -> TestedList:
    """Return the list's order for a test cohort.

    At one date it is the service's own order, custody ended as a precaution included; at index
    events each case has its own moment, and the priority as recorded stands.
    """
    catalogue, cohort = bundle.catalogue, tested.cohort
    probabilities = {
        name: one.scores["model"].probability
        for name, one in evaluated.items()
        if one.scores["model"].probability is not None
    }
    harm = expected_harm(catalogue.priority, probabilities)
    priority = harm.priority
    moments, case = np.unique(cohort.landmarks.as_of_us), cohort.landmarks.case
    if len(moments) == 1:
        # The precaution can change those alone who were ever in custody.
        anew = find_ever_in_state(history, catalogue, catalogue.priority.custody_state)[case]
        if not harm.by_outcome:
            priority, anew = np.empty(len(cohort)), np.ones(len(cohort), dtype=np.bool_)
        standing = order_cases(bundle, history, int(moments[0]), case[anew])
        priority[np.searchsorted(case, standing.case)] = standing.priority
    return TestedList(
        tested=tested,
        priority=priority,
        probabilities=probabilities,
        gravest=_find_gravest(catalogue, evaluated),
    )


def _find_gravest(catalogue: Catalogue, evaluated: Mapping[str, EvaluatedOutcome]) -> str | None:
    for rung in reversed(catalogue.priority.ladder):
        one = evaluated.get(rung.outcome or "")
        if one is None or one.scores["model"].probability is None:
            continue
        y_true = one.labels.y_true[one.labels.known]
        if y_true.any() and not y_true.all():
            return rung.outcome
    return None


def describe_list(
    history: History,
    catalogue: Catalogue,
    listed: TestedList,
    evaluated: Mapping[str, EvaluatedOutcome],
    capacity: int,
    config: TrainingConfig,
) -> ListFigures:
    """Return the figures of the list at the run's own capacity; those of other lengths are apart.

    Parameters
    ----------
    listed, evaluated
        The cases in the list's order, and their outcomes.
    capacity
        Places on the list.
    """
    at_capacity, missed = {}, {}
    for name, one in evaluated.items():
        kept = one.labels.known
        y_true = one.labels.y_true[kept]
        if not y_true.any():
            continue
        at_capacity[name] = evaluate_at_capacity(
            y_true,
            listed.priority[kept],
            listed.cohort.landmarks.case[kept],
            listed.groups[kept],
            capacity=capacity,
            draws=listed.tested.draws.take(kept)[0],
        )
        case_id = history.case_id[listed.cohort.landmarks.case[kept]]
        found = list_missed(y_true, listed.priority[kept], case_id, capacity)
        ranks = tuple(one.rank for one in found)
        missed[name] = MissedFigures(n=len(ranks), ranks=ranks, of=int(kept.sum()))
    names, sizes = np.unique(listed.groups, return_counts=True)
    return ListFigures(
        capacity=capacity,
        n=len(listed.cohort),
        groups={str(name): int(size) for name, size in zip(names, sizes, strict=True)},
        gravest=listed.gravest,
        at_capacity=at_capacity,
        missed=missed,
        weights=compare_weights(catalogue.priority, listed.probabilities, capacity),
        # Of a field without custody, or whose cases no unit takes in week by week, neither says
        # anything.
        custody=_count_raised(catalogue, listed, capacity)
        if catalogue.priority.custody_state
        else None,
        planner=plan_ahead(listed, evaluated, config)
        if catalogue.cohort.expression is None
        else None,
    )


def _count_raised(catalogue: Catalogue, listed: TestedList, capacity: int) -> CustodyPrecaution:
    """Count whom the precaution about custody moves up, and onto the list."""
    recorded = expected_harm(catalogue.priority, listed.probabilities).priority
    if len(recorded) != len(listed.priority):
        return CustodyPrecaution(0, 0)
    on_list = _first(listed.priority, capacity) & ~_first(recorded, capacity)
    # By more than rounding, since the two are computed in different ways.
    raised = listed.priority > recorded + 1e-9 * np.abs(recorded)
    return CustodyPrecaution(int(raised.sum()), int((on_list & raised).sum()))


def _first(priority: Float64, capacity: int) -> Bools:
    chosen = np.zeros(len(priority), dtype=np.bool_)
    chosen[np.lexsort((np.arange(len(priority)), -priority))[:capacity]] = True
    return chosen


def plan_ahead(
    listed: TestedList, evaluated: Mapping[str, EvaluatedOutcome], config: TrainingConfig
) -> PlannerFigures | None:
    """Play years of lists with cases that arrive as they did in the last four weeks.

    Each week brings as many newly referred and returned cases as a week did on average, drawn with
    replacement from those of the test cohort, with their priorities and their outcomes of the
    gravest modelled level.
    """
    if listed.gravest is None:
        return None
    labels = evaluated[listed.gravest].labels
    days = int(np.median(labels.end_us - listed.cohort.landmarks.as_of_us) // DAY_US)
    horizon_weeks = max(1, days // 7)
    n_weeks = max(LEAST_PLANNED_WEEKS, PLANNED_HORIZONS * horizon_weeks)
    random = np.random.default_rng(config.seed)
    rows: list[Int64] = []
    weeks: list[Int64] = []
    for group in (NEWLY_REFERRED, RETURNED):
        pool = np.flatnonzero((listed.groups == group) & labels.known)
        if not len(pool):
            continue
        arriving = random.poisson(len(pool) / RECENT_WEEKS, n_weeks)
        rows.append(random.choice(pool, int(arriving.sum())))
        weeks.append(np.repeat(np.arange(n_weeks), arriving))
    if not rows or not sum(len(some) for some in rows):
        return None
    row, week = np.concatenate(rows), np.concatenate(weeks)
    arrivals = Arrivals(
        case=np.arange(len(row), dtype=np.int64),
        arrived_us=(week * _WEEK_US).astype(np.int64),
        score=listed.priority[row],
        y_true=labels.y_true[row],
    )
    return plan_capacity(arrivals, horizon_weeks=horizon_weeks, seed=config.seed)


def find_ever_in_state(history: History, catalogue: Catalogue, state: str | None) -> Bools:
    """Return which cases have a record, of whatever time, that begins a state, ``(n_cases,)``."""
    events = history.events
    begins = [kind.name for kind in catalogue.kinds.values() if state and kind.starts == state]
    chosen = np.append(np.isin(events.kind.values, begins), False)
    found = np.flatnonzero(
        chosen[events.kind.codes] & events.measured & (events.via.codes == MISSING)
    )
    ever = np.zeros(len(history), dtype=np.bool_)
    ever[np.searchsorted(events.pointer, found, side="right") - 1] = True
    return ever


def are_in_state(
    history: History, catalogue: Catalogue, landmarks: Landmarks, state: str
) -> Bools | None:
    """Return which cases were in a state at their moments, as known then.

    ``None`` where the catalogue has no such state. For reports only: what the unit did is never an
    indicator.
    """
    if state not in catalogue.states:
        return None
    active = Expression(Measure.DAYS_IN_STATE, state=state, within_us=1)
    plan = compile_expressions(catalogue, [NamedExpression(("active",), active)])
    moment = landmarks.as_of_us
    queries = Queries(landmarks.case, moment, moment, moment)
    return np.asarray(measure_queries(history, plan, queries)[:, 0] > 0)
