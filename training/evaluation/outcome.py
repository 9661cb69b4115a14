"""Every figure of one outcome at one test origin.

Test labels freeze at the extract. The headline counts every case whose outcome is known; beside it
stand the cases weighted by how likely they were to be followed, and the other estimands.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64, Int64
from features.engine.outcomes import Labels, bound_withdrawals, label_estimands
from features.history.columns import History
from models.bundle.encoding import make_encoding
from models.run_figures.ranking import (
    CapacityFigures,
    ComparedEvaluation,
    CurvePoint,
    DecisionCurve,
    Difference,
    EstimandFigures,
    Evaluation,
    IncidenceFigures,
    OutcomeFigures,
    Rankings,
    Weighted,
    WithdrawnSupport,
)
from training.cohorts.history_subsets import drop_facts
from training.cohorts.landmarks import GROUPS, first_seen_days
from training.cohorts.training_rows import Cohort, label_cohort
from training.evaluation.headlines import Standings
from training.evaluation.tested_cohort import TestedCohort
from training.figures.calibration import reliability_curve
from training.figures.capacity import evaluate_at_capacity
from training.figures.censoring import (
    COMPETING,
    OUTCOME,
    accumulate_incidence,
    follow_up,
    weigh_labels,
)
from training.figures.comparison import compare_auc
from training.figures.metrics import evaluate
from training.figures.net_benefit import draw_curve
from training.figures.resampling import Counts
from training.fitting.fitted_outcome import FittedOutcome

Bools = npt.NDArray[np.bool_]
BASELINES = ("rfs", "logistic", "boosted")
"""What the model is held against: the rule, the logistic regression, and its own trees alone."""
NAMES = ("model", *BASELINES)
TIME_OPEN_DAYS = (28.0, 91.0, 182.0, 365.0)
TIME_OPEN = (
    "under 28 days",
    "28 to 90 days",
    "91 to 181 days",
    "182 to 364 days",
    "a year or more",
)
"""How long the unit had known of a case: lower limits of all bands but the first, and their names.
The first is that of newly referred cases."""
POOLED = "pooled"
POOLED_FROM = "pooled_from"
"""A rare outcome's model by partial pooling, and the order of the outcome that it begins from."""


@dataclass(frozen=True)
class Scores:
    """One ranking of a cohort: what it is ordered by, and its probabilities."""

    order: Float64 | None
    probability: Float64 | None

    def take(self, kept: Bools) -> "Scores":
        """Return the scores of some rows."""
        parts = (None if one is None else one[kept] for one in (self.order, self.probability))
        return Scores(*parts)


@dataclass(frozen=True)
class EvaluatedOutcome:
    """Figures of one outcome at one origin, and what later steps need of them.

    Parameters
    ----------
    figures
        Everything that is reported.
    standings
        What the headline says.
    labels, scores
        Of the whole cohort.
    """

    figures: OutcomeFigures
    standings: Standings
    labels: Labels
    scores: Mapping[str, Scores]


def score_cohort(fitted: FittedOutcome, catalogue: Catalogue, values: Float64) -> dict[str, Scores]:
    """Score a cohort by the model, the rule, the logistic regression and the model's trees alone.

    Parameters
    ----------
    values
        Shape ``(n_rows, n_columns)``.
    """
    nothing = Scores(None, None)
    scores = dict.fromkeys(NAMES, nothing)
    for name, model in (("model", fitted.model), ("boosted", fitted.trees)):
        if model is not None:
            log_odds = model.log_odds(make_encoding(catalogue).encode(values))
            scores[name] = Scores(log_odds, np.asarray(expit(log_odds)))
    if fitted.rfs is not None:
        scores["rfs"] = Scores(fitted.rfs.raw(values), fitted.rfs.probability(values))
    if fitted.logistic is not None:
        probability = fitted.logistic.probability(values)
        scores["logistic"] = Scores(probability, probability)
    return scores


def evaluate_outcome(
    history: History,
    catalogue: Catalogue,
    fitted: FittedOutcome,
    tested: TestedCohort,
    capacity: int,
) -> EvaluatedOutcome:
    """Evaluate one outcome at one test origin.

    Parameters
    ----------
    fitted
        What was fitted for the origin.
    tested
        The test cohort, with its groups and resamples.
    capacity
        Places on a week's list.
    """
    outcome, cohort = fitted.outcome, tested.cohort
    labels = label_cohort(history, catalogue, outcome, cohort, history.extract_at)
    scores = score_cohort(fitted, catalogue, cohort.values)
    kept = labels.known
    draws, column = tested.draws.take(kept)
    compared = _compare(labels.y_true[kept], _take(scores, kept), fitted, capacity, draws, column)
    differences = _differences(labels.y_true[kept], _take(scores, kept), draws, column)
    censored = None
    if outcome.departures_are_negative:
        followed = labels.followed
        censored = _join(
            _compare(
                labels.y_followed[followed],
                _take(scores, followed),
                fitted,
                capacity,
                *tested.draws.take(followed),
            )
        )
    beside = _compare_pooled(fitted, catalogue, cohort, labels, capacity, draws, column)
    at_capacity, net_benefit = _at_capacity(tested, labels, scores, capacity)
    figures = OutcomeFigures(
        **vars(_join(compared)),
        differences=differences,
        censored=censored,
        n_censored=int((~labels.followed).sum()),
        weighted=_weigh(cohort, labels, scores),
        incidence=_accumulate(cohort, labels),
        estimands=_estimands(history, catalogue, fitted, cohort, scores),
        withdrawn_support=_bounds(history, catalogue, fitted, cohort),
        by_group=_by_group(tested.groups, labels, scores),
        curve=_curve(labels, scores["model"]),
        at_capacity=at_capacity,
        net_benefit=net_benefit,
        by_time_open=_by_time_open(first_seen_days(history, cohort.landmarks), labels, scores),
        pooled=beside,
    )
    return EvaluatedOutcome(
        figures=figures,
        standings=_stand(compared, differences),
        labels=labels,
        scores=scores,
    )


def _compare_pooled(
    fitted: FittedOutcome,
    catalogue: Catalogue,
    cohort: Cohort,
    labels: Labels,
    capacity: int,
    draws: Counts,
    column: Int64,
) -> dict[str, Evaluation] | None:
    """Evaluate the pooled model and the order of the outcome that it begins from."""
    if fitted.pooled is None:
        return None
    kept = labels.known
    x = make_encoding(catalogue).encode(cohort.values[kept])
    models = {POOLED: fitted.pooled.boosted.model, POOLED_FROM: fitted.pooled.base_model}
    found = {}
    for name, model in models.items():
        log_odds = model.log_odds(x)
        found[name] = evaluate(
            labels.y_true[kept],
            log_odds,
            # The other outcome's probability is none of this one.
            np.asarray(expit(log_odds)) if name == POOLED else None,
            capacity=capacity,
            training_rate=fitted.rate,
            draws=draws,
            column=column,
        )
    return found


def _join(compared: Mapping[str, Evaluation]) -> ComparedEvaluation:
    """Return the model's figures with those of what it is held against."""
    baselines = {name: compared[name] for name in BASELINES}
    return ComparedEvaluation(**vars(compared["model"]), baselines=baselines)


def _take(scores: Mapping[str, Scores], kept: Bools) -> dict[str, Scores]:
    return {name: one.take(kept) for name, one in scores.items()}


def _compare(
    y_true: Bools,
    scores: Mapping[str, Scores],
    fitted: FittedOutcome,
    capacity: int,
    draws: Counts,
    column: Int64,
) -> dict[str, Evaluation]:
    return {
        name: evaluate(
            y_true,
            one.order,
            one.probability,
            capacity=capacity,
            training_rate=fitted.rate,
            draws=draws,
            column=column,
        )
        for name, one in scores.items()
    }


def _differences(
    y_true: Bools, scores: Mapping[str, Scores], draws: Counts, column: Int64
) -> dict[str, Difference | None]:
    model = scores["model"].order
    return {
        name: None
        if model is None or other is None
        else compare_auc(y_true, model, other, draws, column)
        for name in BASELINES
        for other in [scores[name].order]
    }


def _stand(
    compared: Mapping[str, Evaluation], differences: Mapping[str, Difference | None]
) -> Standings:
    return Standings(
        auc=compared["model"].auc,
        auc_interval=compared["model"].auc_ci,
        rule=compared["rfs"].auc,
        logistic=compared["logistic"].auc,
        over_rule=differences["rfs"],
        over_logistic=differences["logistic"],
    )


def _by_group(
    groups: npt.NDArray[np.str_], labels: Labels, scores: Mapping[str, Scores]
) -> dict[str, Rankings]:
    """Return the AUC of each ranking among newly referred cases, then returned, then waiting."""
    return {group: rank_rows(labels, scores, labels.known & (groups == group)) for group in GROUPS}


def _by_time_open(
    open_days: Float64, labels: Labels, scores: Mapping[str, Scores]
) -> dict[str, Rankings]:
    """Return the AUC of each ranking by how long the unit had known of a case, shortest first."""
    band = np.searchsorted(TIME_OPEN_DAYS, open_days, side="right")
    return {
        name: rank_rows(labels, scores, labels.known & (band == number))
        for number, name in enumerate(TIME_OPEN)
        if (labels.known & (band == number)).any()
    }


def rank_rows(labels: Labels, scores: Mapping[str, Scores], kept: Bools) -> Rankings:
    """Return the sizes and the AUC of each ranking among some rows; ``None`` for one class."""
    y_true = labels.y_true[kept]
    mixed = y_true.any() and not y_true.all()
    return Rankings(
        n=int(kept.sum()),
        positives=int(y_true.sum()),
        **{
            name: float(roc_auc_score(y_true, one.order[kept]))
            if mixed and one.order is not None
            else None
            for name, one in scores.items()
        },
    )


def _curve(labels: Labels, scores: Scores) -> tuple[CurvePoint, ...] | None:
    """Return expected and seen outcomes in tenths of the probability."""
    if scores.probability is None or not labels.known.any():
        return None
    kept = labels.known
    return reliability_curve(labels.y_true[kept], scores.probability[kept])


def _weigh(cohort: Cohort, labels: Labels, scores: Mapping[str, Scores]) -> Weighted:
    """Return figures that weigh each followed case by how likely it was to be followed."""
    weight = weigh_labels(labels, cohort.landmarks.as_of_us)
    kept = labels.followed & (weight > 0)
    y_true, weight = labels.y_followed[kept], weight[kept]
    mixed = y_true.any() and not y_true.all()
    order = scores["model"].order
    return Weighted(
        n=int(kept.sum()),
        base_rate=float(np.average(y_true, weights=weight)) if kept.any() else None,
        auc=float(roc_auc_score(y_true, order[kept], sample_weight=weight))
        if mixed and order is not None
        else None,
    )


def _accumulate(cohort: Cohort, labels: Labels) -> IncidenceFigures:
    """Return the outcome's cumulative incidence by the horizon, beside death and leaving."""
    followed = follow_up(labels, cohort.landmarks.as_of_us)
    incidence = accumulate_incidence(followed.time_days, followed.cause)
    end = np.array([np.inf])
    return IncidenceFigures(
        n=len(cohort),
        positives=int((followed.cause == OUTCOME).sum()),
        competing=int((followed.cause == COMPETING).sum()),
        base_rate=float(incidence.outcome.at(end)[0]),
        competing_rate=float(incidence.competing.at(end)[0]),
    )


def _estimands(
    history: History,
    catalogue: Catalogue,
    fitted: FittedOutcome,
    cohort: Cohort,
    scores: Mapping[str, Scores],
) -> dict[str, EstimandFigures]:
    """Return the rate and the ranking for each estimand beside the recorded outcome."""
    found = {}
    marks = cohort.landmarks
    labelled = label_estimands(
        drop_facts(history), catalogue, fitted.outcome, marks, known_us=history.extract_at
    )
    order, probability = scores["model"].order, scores["model"].probability
    for name, labels in labelled.items():
        kept = labels.included
        y_true = labels.y_true[kept]
        mixed = y_true.any() and not y_true.all()
        found[name] = EstimandFigures(
            n=int(kept.sum()),
            positives=int(y_true.sum()),
            competing=int(labels.competing[kept].sum()),
            base_rate=float(y_true.mean()) if len(y_true) else None,
            mean_probability=float(probability[kept].mean())
            if probability is not None and kept.any()
            else None,
            auc=float(roc_auc_score(y_true, order[kept])) if mixed and order is not None else None,
        )
    return found


def _bounds(
    history: History, catalogue: Catalogue, fitted: FittedOutcome, cohort: Cohort
) -> WithdrawnSupport | None:
    marks = cohort.landmarks
    bounds = bound_withdrawals(
        drop_facts(history), catalogue, fitted.outcome, marks, known_us=history.extract_at
    )
    return None if bounds is None else WithdrawnSupport(**asdict(bounds))


def _at_capacity(
    tested: TestedCohort, labels: Labels, scores: Mapping[str, Scores], capacity: int
) -> tuple[dict[str, CapacityFigures] | None, DecisionCurve | None]:
    """Return precision and recall by group of cases, and the decision curve."""
    kept = labels.known
    if scores["model"].order is None or not labels.y_true[kept].any():
        return None, None
    person, groups = tested.cohort.landmarks.case[kept], tested.groups[kept]
    draws, _ = tested.draws.take(kept)
    at_capacity = {
        name: evaluate_at_capacity(
            labels.y_true[kept], one.order[kept], person, groups, capacity=capacity, draws=draws
        )
        for name, one in scores.items()
        if one.order is not None
    }
    probabilities = {
        name: one.probability[kept] for name, one in scores.items() if one.probability is not None
    }
    return at_capacity, draw_curve(labels.y_true[kept], probabilities, person, draws=draws)
