"""Resamples of people for intervals: drawn once, and passed over as compiled code.

A resample says how often each person is drawn; all rows of a person, at every landmark, are drawn
together. Passes go through the rows once for all resamples and copy nothing.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from features.contract.arrays import Float64, Int64
from training.compilation import compiled

Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.uint8]
MOST_DRAWN_CELLS: Final = 100_000_000
"""Resamples times rows; above it fewer resamples are drawn, but never under 200."""
_LEAST_DRAWS: Final = 200
_BLOCK: Final = 64
"""Resamples drawn before they are laid out by person."""


def limit_draws(n_draws: int, n_rows: int) -> int:
    """Return how many resamples are drawn: ``n_draws``, fewer for very many rows.

    With so many rows an interval is narrow, and 200 resamples show its ends well enough.

    Parameters
    ----------
    n_draws
        Resamples asked for.
    n_rows
        Rows that each resample goes through.

    Returns
    -------
    int
        At most ``n_draws``.
    """
    return min(n_draws, max(_LEAST_DRAWS, MOST_DRAWN_CELLS // max(n_rows, 1)))


def draw_people_by_person(person: npt.NDArray[np.generic], n_draws: int, seed: int) -> Counts:
    """Return bootstrap counts of people, drawn with replacement.

    Parameters
    ----------
    person
        Shape ``(n_rows,)``, whose row each is.
    n_draws
        Number of resamples.
    seed
        Of the generator; the same seed gives the same counts.

    Returns
    -------
    ndarray
        Shape ``(n_draws, n_people)``, columns in the order of ``np.unique(person)``. No count
        comes near 255, the most that the type holds.
    """
    n_people = len(np.unique(person))
    generator = np.random.default_rng(seed)
    by_person = np.zeros((n_people, n_draws), dtype=np.uint8)
    for at in range(0, n_draws if n_people else 0, _BLOCK):
        block = np.empty((min(_BLOCK, n_draws - at), n_people), dtype=np.uint8)
        for draw in block:
            draw[:] = np.bincount(generator.integers(0, n_people, n_people), minlength=n_people)
        by_person[:, at : at + _BLOCK] = block.T
    return by_person.T


class PeopleDraws:
    """Resamples of the people of some rows, drawn once for each choice of rows.

    Parameters
    ----------
    person
        Shape ``(n_rows,)``, whose row each is.
    n_draws
        Resamples asked for, fewer where :func:`limit_draws` says so.
    seed
        The same for each choice of rows.
    """

    def __init__(self, person: Int64, n_draws: int, seed: int) -> None:
        self._person, self._n_draws, self._seed = person, n_draws, seed
        self._drawn: list[tuple[Bools, Counts, Int64]] = []

    def take(self, kept: Bools) -> tuple[Counts, Int64]:
        """Return the resamples of the kept rows' people, and each kept row's person.

        Parameters
        ----------
        kept
            Shape ``(n_rows,)``; the same choice is given the same resamples again.

        Returns
        -------
        draws
            Shape ``(n_draws, n_people)``.
        column
            Shape ``(n_kept,)``, each kept row's person as a column of ``draws``.
        """
        for chosen, draws, column in self._drawn:
            if np.array_equal(chosen, kept):
                return draws, column
        person = self._person[kept]
        _, column = np.unique(person, return_inverse=True)
        n_draws = limit_draws(self._n_draws, len(person))
        draws = draw_people_by_person(person, n_draws, self._seed)
        self._drawn.append((kept, draws, column.astype(np.int64)))
        return draws, self._drawn[-1][2]


def resampled_auc(
    y_true: Bools, score: Float64, draws: npt.NDArray[Any], column: Int64 | None = None
) -> Float64:
    """Return the AUC of each resample, NaN where it holds one class only.

    Parameters
    ----------
    y_true
        Shape ``(n,)``: whether each row had the outcome.
    score
        Shape ``(n,)``; only its order counts, and equal scores win half a pair.
    draws
        Shape ``(n_draws, n_people)``, whole numbers below 256.
    column
        Shape ``(n,)``, each row's person as a column of ``draws``; the row's own number where
        ``None``.

    Returns
    -------
    ndarray
        Shape ``(n_draws,)``, from 0 to 1.
    """
    _, tie = np.unique(score, return_inverse=True)
    order = np.argsort(tie, kind="stable")
    is_last = np.append(np.diff(tie[order]) > 0, True)[: len(order)]
    person = order if column is None else column[order]
    wins, positive, negative = compiled(count_wins)(
        _by_person(draws), person.astype(np.int64), y_true[order], is_last
    )
    pairs = positive * negative
    return np.where(pairs > 0, wins / np.maximum(pairs, 1.0), np.nan)


def fill_lists(
    order: Int64,
    is_last: Bools,
    asked: Bools,
    y_true: Bools,
    draws: Counts,
    column: Int64,
    *,
    capacity: int,
) -> tuple[Float64, Float64]:
    """Return the places of the rows asked about in each resample, and those with the outcome.

    Parameters
    ----------
    order, is_last
        Shape ``(n,)``: rows in order of a score, highest first, and whether each is the last of its
        tie; a tie on the border shares the places that are left.
    asked, y_true, column
        Shape ``(n,)``, by row: whether it is asked about, whether it had the outcome, and its
        person as a column of ``draws``.
    draws
        Shape ``(n_draws, n_people)``.
    capacity
        Places on the list, the same in each resample.

    Returns
    -------
    places, hits : ndarray
        Shape ``(n_draws,)``; fractions where a tie is on the border.
    """
    return compiled(place_first)(  # type: ignore[no-any-return]
        _by_person(draws), column[order], asked[order], y_true[order], is_last, capacity
    )


def count_drawn(group: Int64, n_groups: int, draws: Counts, column: Int64) -> Float64:
    """Return the copies of rows in each resample by group.

    Parameters
    ----------
    group
        Shape ``(n,)``, from 0; rows below 0 are left out.
    n_groups
        Above the largest of ``group``.
    draws
        Shape ``(n_draws, n_people)``.
    column
        Shape ``(n,)``, each row's person as a column of ``draws``.

    Returns
    -------
    ndarray
        Shape ``(n_groups, n_draws)``, whole numbers.
    """
    counted = np.flatnonzero(group >= 0)
    found = compiled(add_copies)(_by_person(draws), column[counted], group[counted], n_groups)
    return np.asarray(found, dtype=np.float64)


def _by_person(draws: npt.NDArray[Any]) -> Counts:
    return np.ascontiguousarray(draws.T, dtype=np.uint8)


@njit(nogil=True)
def count_wins(by_person: Any, person: Any, outcome: Any, is_last: Any) -> Any:
    """Return pairs in the right order, outcomes and others of each resample.

    Rows are in order of score, lowest first; equal scores win half a pair. All sums are of whole
    numbers and halves, and so exact.

    Parameters
    ----------
    by_person
        Shape ``(n_people, n_draws)``, ``uint8``: how often each person was drawn.
    person, outcome, is_last
        Shape ``(n,)``, in order of score: the row of ``by_person``, whether the outcome was, and
        whether the row is the last of its tie.

    Returns
    -------
    wins, positives, negatives : ndarray
        Shape ``(n_draws,)``.
    """
    n_draws = by_person.shape[1]
    wins, positives = np.zeros(n_draws), np.zeros(n_draws)
    below = np.zeros(n_draws, dtype=np.int32)
    positive, negative = np.zeros(n_draws, dtype=np.int32), np.zeros(n_draws, dtype=np.int32)
    alone = True
    for row in range(len(person)):
        drawn = by_person[person[row]]
        # Most rows share their score with no other and need no sums of a tie.
        if alone and is_last[row]:
            if outcome[row]:
                for d in range(n_draws):
                    wins[d] += np.float64(drawn[d]) * np.float64(below[d])
                    positives[d] += drawn[d]
            else:
                for d in range(n_draws):
                    below[d] += np.int32(drawn[d])
            continue
        if outcome[row]:
            for d in range(n_draws):
                positive[d] += np.int32(drawn[d])
        else:
            for d in range(n_draws):
                negative[d] += np.int32(drawn[d])
        alone = is_last[row]
        if alone:
            for d in range(n_draws):
                wins[d] += np.float64(positive[d]) * (below[d] + 0.5 * negative[d])
                positives[d] += positive[d]
                below[d] += negative[d]
                positive[d] = 0
                negative[d] = 0
    return wins, positives, below.astype(np.float64)


@njit(nogil=True)
def place_first(
    by_person: Any, person: Any, asked: Any, outcome: Any, is_last: Any, capacity: int
) -> Any:
    """Give out the places of each resample's list, highest score first.

    Parameters
    ----------
    by_person
        Shape ``(n_people, n_draws)``, ``uint8``: how often each person was drawn.
    person, asked, outcome, is_last
        Shape ``(n,)``, in order of score, highest first: the row of ``by_person``, whether it is
        asked about, whether the outcome was, and whether the row is the last of its tie.
    capacity
        Places on the list.

    Returns
    -------
    places, hits : ndarray
        Shape ``(n_draws,)``: of the rows asked about, and of those among them with the outcome.
    """
    n_draws = by_person.shape[1]
    places, hits = np.zeros(n_draws), np.zeros(n_draws)
    for d in range(n_draws):
        left = np.float64(capacity)
        start = 0
        while left > 0 and start < len(person):
            end, size = start, 0.0
            while True:
                size += by_person[person[end], d]
                end += 1
                if is_last[end - 1]:
                    break
            share = min(left, size) / max(size, 1.0)
            for row in range(start, end):
                if asked[row]:
                    placed = by_person[person[row], d] * share
                    places[d] += placed
                    if outcome[row]:
                        hits[d] += placed
            left -= min(left, size)
            start = end
    return places, hits


@njit(nogil=True)
def add_copies(by_person: Any, person: Any, group: Any, n_groups: int) -> Any:
    """Add up copies by group.

    Parameters
    ----------
    by_person
        Shape ``(n_people, n_draws)``, ``uint8``: how often each person was drawn.
    person, group
        Shape ``(n,)``: the row of ``by_person``, and the group, from 0.
    n_groups
        Above the largest of ``group``.

    Returns
    -------
    ndarray
        Shape ``(n_groups, n_draws)``, ``int32``.
    """
    n_draws = by_person.shape[1]
    found = np.zeros((n_groups, n_draws), dtype=np.int32)
    for row in range(len(person)):
        drawn, into = by_person[person[row]], found[group[row]]
        for d in range(n_draws):
            into[d] += np.int32(drawn[d])
    return found
