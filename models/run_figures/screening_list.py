"""Figures of the list: what its places find, whom it misses, what its length leads to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.run_figures.codec import OMITTED
from models.run_figures.ranking import CapacityFigures, Difference, Interval


@dataclass(frozen=True)
class MissedFigures:
    """Cases with an outcome that lie outside the list.

    Parameters
    ----------
    n
        How many.
    ranks
        Their ranks, 1 is first; a tie has its last rank.
    of
        Cases whose outcome is known.
    """

    n: int | None = None
    ranks: tuple[int, ...] = ()
    of: int | None = None


@dataclass(frozen=True)
class WeightChange:
    """What one changed weight would do to a list.

    Parameters
    ----------
    rung
        The level of harm whose weight is changed.
    weight, factor
        The stated weight and what it is multiplied by.
    n_leaving
        How many of the first ``capacity`` cases would not be on the list.
    lowest_new_place
        The last place, from 1, to which one of the first ``capacity`` would fall.
    rank_correlation
        Spearman's correlation of the two orders of all cases.
    """

    rung: str
    weight: float
    factor: float
    n_leaving: int
    lowest_new_place: int
    rank_correlation: float


@dataclass(frozen=True)
class CustodyPrecaution:
    """How many cases the precaution about custody moves up, and onto the list."""

    n_raised: int | None = None
    n_onto_list: int | None = None


@dataclass(frozen=True)
class CapacityPlan:
    """What one capacity leads to.

    Parameters
    ----------
    capacity, random_places, longest_wait_places
        Places a week, and those reserved among them.
    looked_at
        Stays in the queue that ended with a place.
    finds, misses, open
        Stays with the outcome that got a place within the horizon; that did not (``too_late`` of
        them got one afterwards); whose horizon had not passed when the stream ended.
    share_found
        Finds among finds and misses; ``None`` where there are neither.
    median_wait_weeks, p90_wait_weeks
        Whole weeks from arrival to a place, 0 on the first list; of stays that began at least
        ``never_weeks`` before the end; ``None`` where more than that share never got a place.
    longest_wait_weeks
        The longest, counting those that still wait at the end.
    never, eligible
        Stays without a place within ``never_weeks``, among those that began long enough before the
        end to tell.
    joins_per_week, recent_joins_per_week, waiting_at_end
        New stays in a week on average, and in the last ``never_weeks``; those in the queue when the
        stream ended.
    is_growing
        Whether more join in the last ``never_weeks`` than can be looked at. An average over years
        would hide that arrivals have risen.
    words
        What that means.
    """

    capacity: int
    random_places: int | None = None
    longest_wait_places: int | None = None
    looked_at: int | None = None
    finds: int | None = None
    misses: int | None = None
    too_late: int | None = None
    open: int | None = None
    share_found: float | None = None
    median_wait_weeks: float | None = None
    p90_wait_weeks: float | None = None
    longest_wait_weeks: int | None = None
    never: int | None = None
    eligible: int | None = None
    joins_per_week: float | None = None
    recent_joins_per_week: float | None = None
    waiting_at_end: int | None = None
    is_growing: bool | None = None
    words: str = ""


@dataclass(frozen=True)
class PlannerFigures:
    """Plans by capacity, over the same stream of ``weeks`` weeks."""

    weeks: int | None = None
    horizon_weeks: int | None = None
    never_weeks: int | None = None
    capacities: tuple[CapacityPlan, ...] = ()


@dataclass(frozen=True)
class PlacesFind:
    """What a list of so many places finds of one outcome.

    Parameters
    ----------
    places
        Places on the list.
    precision, precision_ci
        Share of the places that go to a case with the outcome.
    recall, recall_ci
        Share of the cases with the outcome that get a place.
    """

    places: int
    precision: float | None = None
    precision_ci: Interval | None = None
    recall: float | None = None
    recall_ci: Interval | None = None


@dataclass(frozen=True)
class ListLengths:
    """What lists of several lengths find of one outcome, by what orders them."""

    n: int | None = None
    positives: int | None = None
    orders: Mapping[str, tuple[PlacesFind, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class OrderFinds:
    """How many cases with the outcome the places find in one order.

    Parameters
    ----------
    order
        ``list``, ``model``, ``rfs``, ``logistic`` or ``longest_wait``.
    finds, finds_ci
        Cases, with the 95 % interval by person.
    """

    order: str
    finds: float | None = None
    finds_ci: Interval | None = None


@dataclass(frozen=True)
class ListFinds:
    """What so many places find of one outcome, in the list's order and in others.

    Parameters
    ----------
    capacity, n, positives
        Places, cases whose outcome is known, and those that had it.
    chance
        What places given by lot would find.
    orders
        The list's own first.
    ahead
        How many more the list finds than each other order, paired.
    """

    capacity: int | None = None
    n: int | None = None
    positives: int | None = None
    chance: float | None = None
    orders: tuple[OrderFinds, ...] = ()
    ahead: Mapping[str, Difference] = field(default_factory=dict)


@dataclass(frozen=True)
class ListFigures:
    """Figures of the list at the last test origin.

    Parameters
    ----------
    capacity, n
        Places and cases.
    groups
        Cases by group.
    gravest
        The gravest modelled outcome; ``None`` where there is none.
    at_capacity, missed, lengths, finds
        By outcome.
    weights
        What changed weights would do.
    custody
        What the precaution about custody moves; ``None`` where the catalogue has no custody.
    planner
        ``None`` where it was not played, as for a cohort that a measure makes.
    """

    capacity: int | None = None
    n: int | None = None
    groups: Mapping[str, int] = field(default_factory=dict)
    gravest: str | None = None
    at_capacity: Mapping[str, CapacityFigures] = field(default_factory=dict)
    missed: Mapping[str, MissedFigures] = field(default_factory=dict)
    weights: tuple[WeightChange, ...] = ()
    custody: CustodyPrecaution | None = None
    planner: PlannerFigures | None = None
    lengths: Mapping[str, ListLengths] = field(default_factory=dict)
    finds: Mapping[str, ListFinds] = field(default_factory=dict)


@dataclass(frozen=True)
class RankInterval:
    """The ranks that nine in ten refits gave the case of one place."""

    place: int
    low: float | None = None
    median: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class RankIntervals:
    """How far the places of the list move between refits on people drawn anew.

    Parameters
    ----------
    n_refits, capacity
        Refits, and places on the list.
    share_stable
        Share of the listed cases that are on the list in nearly every refit.
    n_tied, n_tied_listed
        Cases that are indistinguishable from the last place, in all and on the list.
    told_apart
        Relative difference of priority under which two cases are as good as tied.
    median_width
        Middle width of the intervals of ranks.
    places
        By place, twice as many as the list has.
    """

    n_refits: int | None = None
    capacity: int | None = None
    share_stable: float | None = None
    n_tied: int | None = None
    n_tied_listed: int | None = None
    told_apart: float | None = None
    median_width: float | None = None
    places: tuple[RankInterval, ...] = ()


@dataclass(frozen=True)
class TruthPart:
    """One tenth of the cases by estimate, beside the mean of their true probabilities."""

    n: int | None = None
    mean_probability: float | None = None
    mean_truth: float | None = None
    relative_error: float | None = None


@dataclass(frozen=True)
class ManagedTruth:
    """Where managed cases stand by the estimate, and by the truth had nobody managed them.

    Places are shares of all cases, 0 first and 1 last.
    """

    n: int | None = None
    median_place: float | None = None
    median_untreated_place: float | None = None
    mean_probability: float | None = field(default=None, metadata={OMITTED: True})
    mean_untreated: float | None = field(default=None, metadata={OMITTED: True})


@dataclass(frozen=True)
class TruthFigures:
    """One outcome of a synthetic unit held against its known truth.

    Parameters
    ----------
    n, runs, largest_standard_error
        Cases, how often each future was drawn, and how exact the truth is known.
    ceiling_auc, auc, share_of_ceiling
        AUC of the truth itself, of the model, and how much of what is possible that is.
    parts
        In tenths of the estimate.
    recall_of_truth_at_capacity
        Share of all expected outcomes among the first ``capacity`` cases.
    managed
        Managed cases by estimate and by truth.
    """

    n: int | None = None
    runs: int | None = None
    largest_standard_error: float | None = None
    ceiling_auc: float | None = None
    auc: float | None = None
    share_of_ceiling: float | None = None
    parts: tuple[TruthPart, ...] = ()
    recall_of_truth_at_capacity: float | None = None
    managed: ManagedTruth | None = None
