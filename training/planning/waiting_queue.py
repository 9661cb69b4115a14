"""A queue of waiting cases as compiled code: who joins, who is drawn, whose turn it is.

Two heaps hold the waiting in order of score and of turn. What is in them may be out of date: a case
that had a place, or came back with another score, is passed over when it comes up.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from features.contract.arrays import Int64
from training.compilation import compiled

NOT: Final = -1
"""No week: not waiting, no outcome, no place."""
_BLOCK: Final = 1_024
"""Cases counted together, so that the n-th waiting case is found without a search of all."""
_SIZE, _BY_SCORE, _BY_TURN, _ENDED = 0, 1, 2, 3


class Queue(NamedTuple):
    """The waiting cases, and the stays that have ended.

    Parameters
    ----------
    since, outcome, rank
        Shape ``(n_cases,)``: week of the first arrival of the present stay, of the last arrival
        that had the outcome, and the newest score as a rank among all arrivals; ``NOT`` for none.
    case_of
        Shape ``(n_arrivals,)``, the case of each rank.
    in_block
        How many cases of each block wait.
    by_score, by_turn
        Heaps of ranks, and of weeks and ranks in one number.
    ended
        Shape ``(3, n_arrivals)``: weeks of the first arrival, the outcome and the place.
    counts
        Waiting cases, lengths of both heaps, ended stays.
    """

    since: Int64
    outcome: Int64
    rank: Int64
    case_of: Int64
    in_block: Int64
    by_score: Int64
    by_turn: Int64
    ended: Int64
    counts: Int64


def open_queue(case: Int64, rank: Int64) -> Queue:
    """Return an empty queue for a stream of arrivals, shape ``(n_arrivals,)`` each."""
    n_cases, n = int(case.max()) + 1, len(case)
    case_of = np.empty(n, dtype=np.int64)
    case_of[rank] = case
    return Queue(
        since=np.full(n_cases, NOT, dtype=np.int64),
        outcome=np.full(n_cases, NOT, dtype=np.int64),
        rank=np.full(n_cases, NOT, dtype=np.int64),
        case_of=case_of,
        in_block=np.zeros(n_cases // _BLOCK + 1, dtype=np.int64),
        by_score=np.empty(n, dtype=np.int64),
        by_turn=np.empty(n, dtype=np.int64),
        ended=np.empty((3, n), dtype=np.int64),
        counts=np.zeros(4, dtype=np.int64),
    )


def join(queue: Queue, case: Int64, rank: Int64, y_true: Any, week: int) -> int:
    """Let a week's arrivals join, in order, and return how many cases wait."""
    return int(compiled(let_in)(queue, case, rank, y_true, week))


def give_places(queue: Queue, drawn: Int64, n_longest: int, n_first: int, week: int) -> None:
    """Give places to the ``drawn``-th waiting cases, then the longest waits, then the highest
    scores.
    """
    compiled(place)(queue, np.sort(drawn), n_longest, n_first, week)


def list_stays(queue: Queue) -> Int64:
    """Return all stays, shape ``(3, n_stays)``: those that ended, then those that wait."""
    left = np.flatnonzero(queue.since != NOT)
    waiting = np.stack([queue.since[left], queue.outcome[left], np.full(len(left), NOT)])
    return np.concatenate([queue.ended[:, : queue.counts[_ENDED]], waiting], axis=1)


@njit(nogil=True)
def push(heap: Any, size: int, key: int) -> None:
    """Add a key to the first ``size`` of a heap, the smallest at its top."""
    at = size
    while at > 0:
        above = (at - 1) // 2
        if heap[above] <= key:
            break
        heap[at] = heap[above]
        at = above
    heap[at] = key


@njit(nogil=True)
def pop(heap: Any, size: int) -> int:
    """Take the smallest key of a heap of ``size`` keys."""
    least, key = heap[0], heap[size - 1]
    at = 0
    while 2 * at + 1 < size - 1:
        below = 2 * at + 1
        if below + 1 < size - 1 and heap[below + 1] < heap[below]:
            below += 1
        if key <= heap[below]:
            break
        heap[at] = heap[below]
        at = below
    heap[at] = key
    return least  # type: ignore[no-any-return]


@njit(nogil=True)
def end_stay(queue: Any, case: int, week: int) -> None:
    """Give a waiting case its place."""
    at = queue.counts[_ENDED]
    queue.ended[0, at] = queue.since[case]
    queue.ended[1, at] = queue.outcome[case]
    queue.ended[2, at] = week
    queue.counts[_ENDED] += 1
    queue.counts[_SIZE] -= 1
    queue.in_block[case // _BLOCK] -= 1
    queue.since[case] = NOT
    queue.outcome[case] = NOT


@njit(nogil=True)
def let_in(queue: Any, case: Any, rank: Any, y_true: Any, week: int) -> int:
    """Let arrivals join."""
    counts = queue.counts
    for row in range(len(case)):
        one = case[row]
        if queue.since[one] == NOT:
            queue.since[one] = week
            queue.in_block[one // _BLOCK] += 1
            counts[_SIZE] += 1
        queue.rank[one] = rank[row]
        if y_true[row]:
            queue.outcome[one] = week
        push(queue.by_score, counts[_BY_SCORE], rank[row])
        counts[_BY_SCORE] += 1
        push(queue.by_turn, counts[_BY_TURN], queue.since[one] * len(queue.case_of) + rank[row])
        counts[_BY_TURN] += 1
    return counts[_SIZE]  # type: ignore[no-any-return]


@njit(nogil=True)
def find_nth(queue: Any, n: int) -> int:
    """Return the ``n``-th waiting case, counted from 0 by number."""
    block = 0
    while n >= queue.in_block[block]:
        n -= queue.in_block[block]
        block += 1
    case = block * _BLOCK
    while True:
        if queue.since[case] != NOT:
            if n == 0:
                return case
            n -= 1
        case += 1


@njit(nogil=True)
def place(queue: Any, drawn: Any, n_longest: int, n_first: int, week: int) -> None:
    """Give out one week's places."""
    counts, n_ranks = queue.counts, len(queue.case_of)
    # The last first, so that the numbers of those before it still hold.
    for at in range(len(drawn) - 1, -1, -1):
        end_stay(queue, find_nth(queue, drawn[at]), week)
    while n_longest > 0 and counts[_SIZE] > 0:
        key = pop(queue.by_turn, counts[_BY_TURN])
        counts[_BY_TURN] -= 1
        since, rank = key // n_ranks, key % n_ranks
        case = queue.case_of[rank]
        if queue.since[case] == since and queue.rank[case] == rank:
            end_stay(queue, case, week)
            n_longest -= 1
    while n_first > 0 and counts[_SIZE] > 0:
        rank = pop(queue.by_score, counts[_BY_SCORE])
        counts[_BY_SCORE] -= 1
        case = queue.case_of[rank]
        if queue.since[case] != NOT and queue.rank[case] == rank:
            end_stay(queue, case, week)
            n_first -= 1
