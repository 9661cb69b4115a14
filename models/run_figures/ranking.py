"""Figures of one outcome: how it is ranked, its probabilities, and other readings of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.run_figures.codec import OMITTED

Interval = tuple[float, float]
"""Lower and upper end of a 95 % interval."""


@dataclass(frozen=True)
class Difference:
    """A difference of two AUCs on the same cases.

    Parameters
    ----------
    estimate
        The first's AUC less the second's.
    low, high
        95 % interval of the paired difference (bootstrap by person).
    standard_error
        Standard deviation over the resamples.
    """

    estimate: float
    low: float
    high: float
    standard_error: float

    @property
    def is_gain(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0


@dataclass(frozen=True)
class Evaluation:
    """Figures of one ranking on one test date.

    Parameters
    ----------
    n, positives, base_rate
        Cases, those with the outcome, and their share.
    auc, auc_ci
        Area under the ROC curve and its 95 % interval (bootstrap by person).
    average_precision
        Area under the precision-recall curve.
    precision_at_10pct
        Share with the outcome among the first ``ceil(0.1 n)``.
    precision_at_capacity, recall_at_capacity
        Share with the outcome among the first ``capacity``; share of all outcomes found there.
    brier, brier_constant
        Mean squared error of the probability, and of the training base rate in its place.
    calibration_intercept
        Calibration in the large: intercept of a logistic fit with the log-odds as offset.
    calibration_slope
        Slope of a logistic fit on the log-odds (Van Calster and others 2019).
    """

    n: int | None = None
    positives: int | None = None
    base_rate: float | None = None
    auc: float | None = None
    auc_ci: Interval | None = None
    average_precision: float | None = None
    precision_at_10pct: float | None = None
    precision_at_capacity: float | None = None
    recall_at_capacity: float | None = None
    brier: float | None = None
    brier_constant: float | None = None
    calibration_intercept: float | None = None
    calibration_slope: float | None = None


@dataclass(frozen=True)
class ComparedEvaluation(Evaluation):
    """Figures of the model, and of the rule, the logistic regression and the model's trees alone
    on the same cases.
    """

    baselines: Mapping[str, Evaluation] = field(default_factory=dict)


@dataclass(frozen=True)
class Weighted:
    """Figures in which each followed case counts by how likely it was to be followed."""

    n: int | None = None
    base_rate: float | None = None
    auc: float | None = None


@dataclass(frozen=True)
class IncidenceFigures:
    """The cumulative incidence of the outcome by the horizon, beside death and leaving."""

    n: int | None = None
    positives: int | None = None
    competing: int | None = None
    base_rate: float | None = None
    competing_rate: float | None = None


@dataclass(frozen=True)
class EstimandFigures:
    """The rate and the ranking of the outcome before something else intervened."""

    n: int | None = None
    positives: int | None = None
    competing: int | None = None
    base_rate: float | None = None
    mean_probability: float | None = None
    auc: float | None = None


@dataclass(frozen=True)
class WithdrawnSupport:
    """The least and the largest rate that withdrawn support leaves open (Manski 1990)."""

    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    n_withdrawn: int | None = None


@dataclass(frozen=True)
class Rankings:
    """Sizes and the AUC of each ranking among some rows; ``None`` for one class."""

    n: int | None = None
    positives: int | None = None
    model: float | None = None
    rfs: float | None = None
    logistic: float | None = None
    boosted: float | None = None


@dataclass(frozen=True)
class CurvePoint:
    """One bin of a reliability curve; ``low`` and ``high`` are Wilson's 95 % interval of the
    observed rate, which takes the rows for independent.
    """

    n: int
    mean_probability: float
    observed_rate: float
    low: float
    high: float


@dataclass(frozen=True)
class GroupAtCapacity:
    """What a list finds among one group of cases.

    Parameters
    ----------
    group
        ``newly_referred``, ``returned`` or ``all``.
    n, positives, base_rate
        Cases, those with the outcome, and their share.
    places_in_whole
        Places (expected, where cases tie) that the group takes on the list of all cases.
    median_rank, median_rank_in_whole
        Median rank of the group's cases with the outcome, within the group and among all cases;
        1 is first.
    precision_at_capacity, recall_at_capacity
        On a list of this group alone: share with the outcome among the first ``capacity``; share of
        the group's outcomes that is found there.
    precision_in_whole, recall_in_whole
        Share of the places on the list of all cases with the outcome; share of the group's outcomes
        found on that list.
    """

    group: str = ""
    n: int | None = None
    positives: int | None = None
    base_rate: float | None = None
    places_in_whole: float | None = None
    median_rank: float | None = None
    median_rank_in_whole: float | None = None
    precision_at_capacity: float | None = None
    precision_at_capacity_ci: Interval | None = None
    recall_at_capacity: float | None = None
    recall_at_capacity_ci: Interval | None = None
    precision_in_whole: float | None = None
    precision_in_whole_ci: Interval | None = None
    recall_in_whole: float | None = None
    recall_in_whole_ci: Interval | None = None


@dataclass(frozen=True)
class CapacityFigures:
    """Figures at one capacity; ``groups`` are the newly referred, the returned, then all."""

    capacity: int | None = None
    groups: tuple[GroupAtCapacity, ...] = ()

    def of(self, group: str) -> GroupAtCapacity | None:
        """Return the figures of one group; ``None`` where there are none."""
        return next((one for one in self.groups if one.group == group), None)


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit at one threshold, with its 95 % interval by person.

    Parameters
    ----------
    net_benefit, net_benefit_ci
        Outcomes found per case, less unnecessary reviews at their price.
    model_ahead, model_ahead_ci
        The model's net benefit less this one's, in the same resamples; ``None`` without a model.
    """

    net_benefit: float | None = None
    net_benefit_ci: Interval | None = None
    model_ahead: float | None = None
    model_ahead_ci: Interval | None = None


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit by way to act and threshold.

    Parameters
    ----------
    thresholds
        Probabilities from which somebody acts (inclusive).
    curves
        One entry per threshold for each way to act: a ranking's name, ``all`` and ``none``.
    """

    thresholds: tuple[float, ...] = ()
    curves: Mapping[str, tuple[NetBenefit, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class OutcomeFigures(ComparedEvaluation):
    """Every figure of one outcome at one test origin.

    Parameters
    ----------
    differences
        The model's AUC less that of ``rfs``, of ``logistic`` and of ``boosted``, its trees alone.
    censored
        The same figures of the cases followed to the end alone, where departures count as negative.
    n_censored
        Cases not followed to the end.
    weighted, incidence, estimands, withdrawn_support
        Other readings of the same outcome.
    by_group
        Rankings among newly referred, returned and waiting cases.
    curve
        Estimated and seen in tenths of the probability.
    at_capacity
        What each ranking finds on a list; ``None`` without a model.
    net_benefit
        ``None`` without a model.
    by_time_open
        Rankings among cases by how long the unit had known of them; levels without a case are left
        out. ``None`` in files from before.
    pooled
        A rare outcome's ``pooled`` model, and ``pooled_from``, the order of the outcome that it
        begins from; ``None`` where none was fitted.
    """

    differences: Mapping[str, Difference | None] = field(default_factory=dict)
    censored: ComparedEvaluation | None = field(default=None, metadata={OMITTED: True})
    n_censored: int | None = None
    weighted: Weighted | None = None
    incidence: IncidenceFigures | None = None
    estimands: Mapping[str, EstimandFigures] = field(default_factory=dict)
    withdrawn_support: WithdrawnSupport | None = None
    by_group: Mapping[str, Rankings] = field(default_factory=dict)
    curve: tuple[CurvePoint, ...] | None = None
    at_capacity: Mapping[str, CapacityFigures] | None = None
    net_benefit: DecisionCurve | None = None
    by_time_open: Mapping[str, Rankings] | None = field(default=None, metadata={OMITTED: True})
    pooled: Mapping[str, Evaluation] | None = field(default=None, metadata={OMITTED: True})


@dataclass(frozen=True)
class Reliability:
    """Calibration of one level of one stratum.

    Parameters
    ----------
    stratum, level
        Such as ``area`` and the area's name; ``all`` and ``all`` for every case.
    n
        Rows.
    positives, mean_probability, observed_rate
        With the outcome, what was expected, and what was seen; ``None`` where too few.
    intercept, intercept_interval
        Calibration in the large: intercept of a logistic fit with the log-odds as offset. 0 is
        calibrated, below 0 the probabilities are too high. 95 %.
    slope, slope_interval
        Slope of a logistic fit on the log-odds. 1 is calibrated, below 1 too extreme. 95 %.
    note
        ``too few to tell`` where no figure is given, else empty.
    """

    stratum: str = ""
    level: str = ""
    n: int | None = None
    positives: int | None = None
    mean_probability: float | None = None
    observed_rate: float | None = None
    intercept: float | None = None
    intercept_interval: Interval | None = None
    slope: float | None = None
    slope_interval: Interval | None = None
    note: str = ""
