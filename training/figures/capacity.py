"""Figures for the job: what a week's list of so many places finds, and whom it misses.

Newly referred cases come first, since nobody has looked at them yet; then those that came back;
then all. Ties take their expected value, in the resamples too. Intervals resample people: all rows
of a person, at every landmark, are drawn together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from features.contract.arrays import Float64, Int64
from features.errors import ConfigError
from models.run_figures.ranking import CapacityFigures, GroupAtCapacity, Interval
from training.figures.resampling import Counts, count_drawn, fill_lists

Bools = npt.NDArray[np.bool_]

NEWLY_REFERRED: Final = "newly_referred"
RETURNED: Final = "returned"
ALL: Final = "all"
_LEVELS: Final = (0.025, 0.975)
_BLOCK: Final = 32
"""Resamples worked on at once."""


@dataclass(frozen=True)
class Rate:
    """A proportion with its 95 % interval by person; ``None`` where it is undefined.

    Parameters
    ----------
    value
        From 0 to 1.
    interval
        Lower and upper end; ``None`` where no resample has the proportion.
    """

    value: float | None
    interval: Interval | None = None


@dataclass(frozen=True)
class Missed:
    """A case with the outcome that may lie outside the list.

    Parameters
    ----------
    case_id
        Key of the case; for those who may open it, never for a report.
    rank, of
        Its rank, 1 is first, the last rank of its tie; and among how many.
    """

    case_id: str | int
    rank: int
    of: int


@dataclass(frozen=True)
class RankedOutcomes:
    """Cases in the order of a score, highest first, with their ties.

    Parameters
    ----------
    order
        Shape ``(n,)``, row numbers, first place first.
    tie
        Shape ``(n,)``, number of the tie at each place of ``order``, from 0.
    starts
        Shape ``(n_ties,)``, place at which each tie begins, from 0.
    """

    order: Int64
    tie: Int64
    starts: Int64

    def sum_ties(self, weights: Float64) -> Float64:
        """Return weights summed by tie.

        Parameters
        ----------
        weights
            Shape ``(n, n_draws)``, in rank order.

        Returns
        -------
        ndarray
            Shape ``(n_ties, n_draws)``.
        """
        if len(self.starts) == len(self.tie):
            return weights
        return np.add.reduceat(weights, self.starts, axis=0)

    def fill_places(self, weights: Float64, places: int) -> Float64:
        """Return the share of each case's copies that gets one of the first ``places``.

        Parameters
        ----------
        weights
            Shape ``(n, n_draws)``, in rank order: how often each case was drawn in each resample.
        places
            Places on the list, the same in each resample.

        Returns
        -------
        ndarray
            Shape ``(n, n_draws)``, from 0 to 1; a tie on the border shares the places left.
        """
        size = self.sum_ties(weights)
        before = np.cumsum(size, axis=0) - size
        # A tie of which nobody was drawn has no copies, and the share is then 0.
        share = np.clip(places - before, 0.0, size) / np.maximum(size, 1.0)
        return self.spread(share)

    def spread(self, by_tie: Float64) -> Float64:
        """Return what holds for each tie for each of its cases.

        Parameters
        ----------
        by_tie
            Shape ``(n_ties, n_draws)``.

        Returns
        -------
        ndarray
            Shape ``(n, n_draws)``, in rank order.
        """
        return by_tie if len(self.starts) == len(self.tie) else by_tie[self.tie]

    @property
    def is_last(self) -> Bools:
        """Whether each place is the last of its tie, shape ``(n,)``."""
        found = np.zeros(len(self.tie), dtype=np.bool_)
        found[self.starts[1:] - 1] = True
        # By a slice, since there may be no place at all.
        found[-1:] = True
        return found

    @property
    def mean_rank(self) -> Float64:
        """Mean place of each row's tie, by row, from 1, shape ``(n,)``."""
        size = np.diff(np.append(self.starts, len(self.tie)))
        found = np.empty(len(self.tie))
        found[self.order] = (self.starts + (size + 1) / 2)[self.tie]
        return found


def rank_cases(score: Float64) -> RankedOutcomes:
    """Return the order of a score, highest first; equal scores keep the order of their rows.

    Parameters
    ----------
    score
        Shape ``(n,)``, none missing.

    Returns
    -------
    RankedOutcomes
        Empty where there are no cases.
    """
    values, tie = np.unique(-score, return_inverse=True)
    order = np.argsort(tie, kind="stable").astype(np.int64)
    starts = np.searchsorted(tie[order], np.arange(len(values))).astype(np.int64)
    return RankedOutcomes(order, tie[order].astype(np.int64), starts)


def weight_rows(draws: Counts, column: Int64) -> Iterator[Float64]:
    """Yield the weights of rows in blocks of resamples.

    Parameters
    ----------
    draws
        Shape ``(n_draws, n_people)``.
    column
        Shape ``(n_rows,)``, each row's person as a column of ``draws``.

    Yields
    ------
    ndarray
        Shape ``(n_rows, n_in_block)``: how often each row was drawn.
    """
    for at in range(0, len(draws), _BLOCK):
        by_person = np.ascontiguousarray(draws[at : at + _BLOCK].T)
        yield by_person[column].astype(np.float64)


def evaluate_at_capacity(
    y_true: Bools,
    score: Float64,
    person: npt.NDArray[np.generic],
    group: npt.NDArray[np.generic],
    *,
    capacity: int,
    draws: Counts,
) -> CapacityFigures:
    """Evaluate a list of ``capacity`` places.

    Parameters
    ----------
    y_true
        Shape ``(n,)``: whether each row had the outcome.
    score
        Shape ``(n,)``; a higher score is reviewed sooner.
    person
        Shape ``(n,)``, whose case each row is; resampled whole.
    group
        Shape ``(n,)``: ``newly_referred``, ``returned`` or another word, which counts in all only.
    capacity
        Places on the list, at least 1.
    draws
        Shape ``(n_draws, n_people)``, from
        :func:`training.figures.resampling.draw_people_by_person`.

    Returns
    -------
    CapacityFigures
        The newly referred, the returned and all, in this order. Each is measured on a list of its
        own, and at the places that it gets on a list of all. Intervals are percentiles of the
        resamples, of 95 %.

    Raises
    ------
    ConfigError
        If there is no place, or the resamples are of other people.
    """
    if capacity < 1:
        raise ConfigError("capacity must be at least 1 place a week")
    people, column = np.unique(person, return_inverse=True)
    if draws.shape[1:] != (len(people),):
        raise ConfigError(
            f"the resamples are of {draws.shape[1]} people, the cases of {len(people)}; "
            "draw them with draw_people_by_person from the same rows"
        )
    chosen = {
        NEWLY_REFERRED: np.asarray(group == NEWLY_REFERRED),
        RETURNED: np.asarray(group == RETURNED),
        ALL: np.ones(len(y_true), dtype=bool),
    }
    everyone = _Rows(y_true, score, column.astype(np.int64))
    found = [
        _evaluate_group(name, rows, everyone, capacity, draws) for name, rows in chosen.items()
    ]
    return CapacityFigures(capacity, tuple(found))


@dataclass(frozen=True)
class _Rows:
    y_true: Bools
    score: Float64
    column: Int64

    @cached_property
    def ranking(self) -> RankedOutcomes:
        return rank_cases(self.score)

    def take(self, chosen: Bools) -> "_Rows":
        if chosen.all():
            return self
        return _Rows(self.y_true[chosen], self.score[chosen], self.column[chosen])


def _evaluate_group(
    name: str, chosen: Bools, everyone: _Rows, capacity: int, draws: Counts
) -> GroupAtCapacity:
    alone = everyone.take(chosen)
    # A resample that draws everybody once: the figure comes by the code of its interval.
    once = np.ones((1, draws.shape[1]), dtype=np.uint8)
    inside = np.ones(len(alone.y_true), dtype=bool)
    points = [
        _resample(alone, inside, capacity, once),
        _resample(everyone, chosen, capacity, once),
    ]
    drawn = [
        _resample(alone, inside, capacity, draws),
        _resample(everyone, chosen, capacity, draws),
    ]
    own, whole = (
        (state_rate(point.precision, many.precision), state_rate(point.recall, many.recall))
        for point, many in zip(points, drawn, strict=True)
    )
    n, positives = int(chosen.sum()), int(alone.y_true.sum())
    return GroupAtCapacity(
        group=name,
        n=n,
        positives=positives,
        base_rate=positives / n if n else None,
        places_in_whole=float(points[1].places[0]),
        median_rank=_median(alone.ranking.mean_rank[alone.y_true]),
        median_rank_in_whole=_median(everyone.ranking.mean_rank[chosen & everyone.y_true]),
        precision_at_capacity=own[0].value,
        precision_at_capacity_ci=own[0].interval,
        recall_at_capacity=own[1].value,
        recall_at_capacity_ci=own[1].interval,
        precision_in_whole=whole[0].value,
        precision_in_whole_ci=whole[0].interval,
        recall_in_whole=whole[1].value,
        recall_in_whole_ci=whole[1].interval,
    )


@dataclass(frozen=True)
class _Resampled:
    """Places, hits and outcomes of the cases asked about, by resample; shape ``(n_draws,)``."""

    places: Float64
    hits: Float64
    outcomes: Float64

    @property
    def precision(self) -> Float64:
        return _divide(self.hits, self.places)

    @property
    def recall(self) -> Float64:
        return _divide(self.hits, self.outcomes)


def _resample(rows: _Rows, inside: Bools, capacity: int, draws: Counts) -> _Resampled:
    """Rank all rows in each resample and count what the rows ``inside`` get."""
    ranking = rows.ranking
    places, hits = fill_lists(
        ranking.order, ranking.is_last, inside, rows.y_true, draws, rows.column, capacity=capacity
    )
    counted = np.where(inside & rows.y_true, 0, -1)
    return _Resampled(places, hits, count_drawn(counted, 1, draws, rows.column)[0])


def _divide(part: Float64, whole: Float64) -> Float64:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def state_rate(point: Float64, drawn: Float64) -> Rate:
    """Return a proportion with its 95 % interval, by percentiles of the resamples.

    Parameters
    ----------
    point
        Shape ``(1,)``, the proportion itself; NaN where it is undefined.
    drawn
        Shape ``(n_draws,)``, the same in each resample; NaN where it is undefined there, and left
        out of the interval.

    Returns
    -------
    Rate
        Both ``None`` where ``point`` is NaN.
    """
    if np.isnan(point[0]):
        return Rate(None)
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return Rate(float(point[0]))
    low, high = np.quantile(known, _LEVELS)
    return Rate(float(point[0]), (float(low), float(high)))


def _median(ranks: Float64) -> float | None:
    return float(np.median(ranks)) if len(ranks) else None


def list_missed(
    y_serious: Bools, score: Float64, case_id: npt.NDArray[np.generic], capacity: int
) -> tuple[Missed, ...]:
    """Return every case with the serious outcome outside the first ``capacity``, by rank.

    A case in a tie takes the tie's last rank, so that one which may have been left out is named.

    Parameters
    ----------
    y_serious
        Shape ``(n,)``: whether each case had the serious outcome.
    score
        Shape ``(n,)``; a higher score is reviewed sooner.
    case_id
        Shape ``(n,)``, one row a case.
    capacity
        Places on the list.

    Returns
    -------
    tuple of Missed
        Highest score first; cases of one tie in the order of their rows.
    """
    rank = rankdata(-score, "max").astype(np.int64)
    missed = np.flatnonzero(y_serious & (rank > capacity))
    ordered = missed[np.argsort(rank[missed], kind="stable")]
    return tuple(Missed(case_id[row], int(rank[row]), len(score)) for row in ordered)
