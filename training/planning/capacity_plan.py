"""A capacity planner: what 10, 20, ..., 100 places a week would find, miss and make wait.

A queue is played week by week over a stream of arrivals, real or synthetic, under the list's rules
in simple form: of every 30 places 2 go to cases drawn at random and 6 to those that waited longest,
the rest by priority, and unused places pass on. A case that comes back while it waits keeps its
turn and takes its newer score. The queue is empty at the start. What a look changes is not
modelled: a plan counts whom the list reaches in time, not what is then prevented.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.contract.arrays import Float64, Int64
from features.errors import ConfigError
from models.run_figures.screening_list import CapacityPlan, PlannerFigures
from training.planning.waiting_queue import NOT, give_places, join, list_stays, open_queue

Bools = npt.NDArray[np.bool_]

DEFAULT_CAPACITIES: Final = tuple(range(10, 101, 10))
RANDOM_SHARE: Final = 2 / 30
LONGEST_WAIT_SHARE: Final = 6 / 30
"""Places reserved, as shares of a list of 30 (design section 9)."""
WEEK_US: Final = 7 * 24 * 3_600_000_000
GROWS: Final = (
    "{joins:.1f} cases a week join the queue of late and {capacity} are looked at: it grows by "
    "about {growth:.1f} a week without end, and so does the wait. After {weeks} weeks {waiting:,} "
    "cases wait, {undone:.0f} weeks' work"
)
KEEPS_UP: Final = (
    "{joins:.1f} cases a week join the queue of late and up to {capacity} can be looked at: it "
    "does not grow without end; after {weeks} weeks {waiting:,} cases wait"
)
NOT_YET: Final = "; the stream is too short to tell how many wait longer than {never_weeks} weeks"
NEVER: Final = (
    "; {never:,} of {eligible:,} cases ({share:.0%}) were not looked at within {never_weeks} weeks"
)


@dataclass(frozen=True)
class Arrivals:
    """Cases as they are first seen or come back; one row per arrival, in any order.

    Parameters
    ----------
    case
        Shape ``(n,)``, numbers of the cases from 0.
    arrived_us
        Moment first seen or returned, microseconds UTC.
    score
        Priority at that moment, higher is looked at sooner.
    y_true
        Whether the outcome happened within the horizon after that moment.
    """

    case: Int64
    arrived_us: Int64
    score: Float64
    y_true: Bools


def plan_capacity(
    arrivals: Arrivals,
    *,
    horizon_weeks: int,
    seed: int,
    capacities: Sequence[int] = DEFAULT_CAPACITIES,
    never_weeks: int = 26,
) -> PlannerFigures:
    """Play the queue at each capacity.

    Parameters
    ----------
    horizon_weeks
        Length of the outcome's horizon; a place later than this after an arrival finds nothing.
    seed
        Settles the places drawn at random; the same at every capacity.
    capacities
        Places a week.
    never_weeks
        A wait longer than this is told as never.

    Raises
    ------
    ConfigError
        If nobody arrives, or a number is not positive.
    """
    if min([horizon_weeks, never_weeks, *capacities]) < 1 or not len(capacities):
        raise ConfigError("the planner needs capacities, a horizon and a wait of at least 1")
    if not len(arrivals.case):
        raise ConfigError("nobody arrives in this period; choose a longer one")
    stream = _sort_stream(arrivals)
    plans = []
    for capacity in capacities:
        stays = _play(stream, capacity, np.random.default_rng(seed))
        plans.append(_summarise(stays, stream.n_weeks, capacity, horizon_weeks, never_weeks))
    return PlannerFigures(stream.n_weeks, horizon_weeks, never_weeks, tuple(plans))


def reserve(capacity: int) -> tuple[int, int]:
    """Return how many places go to random cases and to the longest waits."""
    return round(capacity * RANDOM_SHARE), round(capacity * LONGEST_WAIT_SHARE)


@dataclass(frozen=True)
class _Stream:
    """Arrivals in order; ``rank`` is unique, 0 for the highest score; rows of week ``w`` are
    ``first[w]:first[w + 1]``.
    """

    case: Int64
    rank: Int64
    y_true: Bools
    first: Int64

    @property
    def n_weeks(self) -> int:
        return len(self.first) - 1


def _sort_stream(arrivals: Arrivals) -> _Stream:
    order = np.lexsort((-arrivals.score, arrivals.case, arrivals.arrived_us))
    moment = arrivals.arrived_us[order]
    week = (moment - moment[0]) // WEEK_US
    rank = np.empty(len(order), dtype=np.int64)
    rank[np.argsort(-arrivals.score[order], kind="stable")] = np.arange(len(order))
    return _Stream(
        case=arrivals.case[order],
        rank=rank,
        y_true=arrivals.y_true[order],
        first=np.searchsorted(week, np.arange(week[-1] + 2)).astype(np.int64),
    )


@dataclass(frozen=True)
class _Stays:
    """Stays in the queue, shape ``(n_stays,)``: weeks of the first arrival, of the last arrival
    that had the outcome, and of the place; ``NOT`` where there is none.
    """

    since: Int64
    outcome: Int64
    placed: Int64


def _play(stream: _Stream, capacity: int, generator: np.random.Generator) -> _Stays:
    """Play the queue week by week: arrivals of a week stand for its list."""
    queue = open_queue(stream.case, stream.rank)
    n_random, n_longest = reserve(capacity)
    for week in range(stream.n_weeks):
        rows = slice(stream.first[week], stream.first[week + 1])
        size = join(queue, stream.case[rows], stream.rank[rows], stream.y_true[rows], week)
        if size <= capacity:
            drawn = np.arange(size)
        else:
            drawn = generator.choice(size, n_random, replace=False)
        give_places(queue, drawn, n_longest, capacity - n_random - n_longest, week)
    return _Stays(*list_stays(queue))


def _summarise(
    stays: _Stays, n_weeks: int, capacity: int, horizon_weeks: int, never_weeks: int
) -> CapacityPlan:
    is_placed = stays.placed != NOT
    has_outcome = stays.outcome != NOT
    in_time = is_placed & (stays.placed - stays.outcome <= horizon_weeks)
    is_open = ~is_placed & (n_weeks - 1 - stays.outcome <= horizon_weeks)
    finds = int((has_outcome & in_time).sum())
    misses = int((has_outcome & ~in_time & ~is_open).sum())
    # A wait that has not ended is longer than any that has.
    wait = np.where(is_placed, stays.placed - stays.since, np.inf)
    so_far = np.where(is_placed, wait, n_weeks - 1 - stays.since)
    eligible = stays.since < n_weeks - never_weeks
    never = int((eligible & (wait > never_weeks)).sum())
    waiting = int((~is_placed).sum())
    n_recent = min(never_weeks, n_weeks)
    joins = int((stays.since >= n_weeks - n_recent).sum()) / n_recent
    n_random, n_longest = reserve(capacity)
    return CapacityPlan(
        capacity=capacity,
        random_places=n_random,
        longest_wait_places=n_longest,
        looked_at=int(is_placed.sum()),
        finds=finds,
        misses=misses,
        too_late=int((has_outcome & is_placed & ~in_time).sum()),
        open=int((has_outcome & is_open).sum()),
        share_found=finds / (finds + misses) if finds + misses else None,
        median_wait_weeks=_quantile(wait[eligible], 0.5),
        p90_wait_weeks=_quantile(wait[eligible], 0.9),
        longest_wait_weeks=int(so_far.max()),
        never=never,
        eligible=int(eligible.sum()),
        joins_per_week=len(wait) / n_weeks,
        recent_joins_per_week=joins,
        waiting_at_end=waiting,
        is_growing=joins > capacity,
        words=_describe(joins, capacity, n_weeks, waiting)
        + _describe_never(never, int(eligible.sum()), never_weeks),
    )


def _describe(joins: float, capacity: int, weeks: int, waiting: int) -> str:
    """Say whether the queue keeps up, and what it means where it does not."""
    said = GROWS if joins > capacity else KEEPS_UP
    growth, undone = joins - capacity, waiting / capacity
    return said.format(
        joins=joins, capacity=capacity, growth=growth, weeks=weeks, waiting=waiting, undone=undone
    )


def _describe_never(never: int, eligible: int, never_weeks: int) -> str:
    if not eligible:
        return NOT_YET.format(never_weeks=never_weeks)
    share = never / eligible
    return NEVER.format(never=never, eligible=eligible, share=share, never_weeks=never_weeks)


def _quantile(waits: Float64, level: float) -> float | None:
    """Return the wait by which at least that share had a place."""
    if not len(waits):
        return None
    found = float(np.quantile(waits, level, method="inverted_cdf"))
    return found if np.isfinite(found) else None
