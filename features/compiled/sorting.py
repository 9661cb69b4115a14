"""Compiled: rows placed by case and by clock. Nothing here knows what a record means."""

from typing import Final

import numpy as np
from numba import njit

from features.compiled.texts import Texts, precedes
from features.contract.arrays import Int32, Int64

_FEW: Final = 64


@njit(nogil=True)
def group_rows(case: Int32, pointer: Int64, order: Int64) -> None:
    """Fill ``pointer`` with each case's start and ``order`` with its rows, by counting.

    Parameters
    ----------
    case
        Number of each row's case, shape ``(n,)``.
    pointer
        Shape ``(n_cases + 1,)``.
    order
        Shape ``(n,)``; within a case the rows stay in their order.
    """
    pointer[:] = 0
    for i in range(len(case)):
        pointer[case[i] + 1] += 1
    for c in range(len(pointer) - 1):
        pointer[c + 1] += pointer[c]
    free = pointer[:-1].copy()
    for i in range(len(case)):
        place = free[case[i]]
        order[place] = i
        free[case[i]] = place + 1


@njit(nogil=True)
def gather_cases(
    case: Int32, occurred_at: Int64, pointer: Int64, order: Int64, moment: Int64
) -> None:
    """Fill ``pointer`` with each case's start, and ``order`` and ``moment`` with its rows and when
    they occurred, by counting.

    Parameters
    ----------
    case, occurred_at
        Number of each row's case and when it occurred, shape ``(n,)``, microseconds UTC.
    pointer
        Shape ``(n_cases + 1,)``.
    order, moment
        Shape ``(n,)``; within a case the rows keep their order.
    """
    pointer[:] = 0
    for i in range(len(case)):
        pointer[case[i] + 1] += 1
    for c in range(len(pointer) - 1):
        pointer[c + 1] += pointer[c]
    free = pointer[:-1].copy()
    for i in range(len(case)):
        place = free[case[i]]
        order[place] = i
        moment[place] = occurred_at[i]
        free[case[i]] = place + 1


@njit(nogil=True)
def _sort_few(
    first: int, n: int, order: Int64, moment: Int64, keys: Int64, rows: Int64, taken: Int32
) -> None:
    """Sort the ``n`` rows from ``first`` on by moment, each put where the number of earlier ones
    says: no branch depends on the data, so that many are compared at once.
    """
    for i in range(n):
        keys[i] = moment[first + i]
        rows[i] = order[first + i]
        taken[i] = 0
    for i in range(n):
        at = keys[i]
        rank = 0
        for j in range(n):
            rank += 1 if keys[j] < at else 0
        place = first + rank + taken[rank]
        taken[rank] += 1
        moment[place] = at
        order[place] = rows[i]


@njit(nogil=True)
def _sort_many(first: int, end: int, order: Int64, moment: Int64) -> None:
    """Sort rows by moment (Shell 1959)."""
    gap = 1
    while gap < (end - first) // 27:
        gap = 3 * gap + 1
    while gap > 0:
        for p in range(first + gap, end):
            row = order[p]
            at = moment[p]
            to = p
            while to - gap >= first and moment[to - gap] > at:
                order[to] = order[to - gap]
                moment[to] = moment[to - gap]
                to -= gap
            order[to] = row
            moment[to] = at
        gap //= 3


@njit(nogil=True)
def sort_cases(
    pointer: Int64, from_case: int, to_case: int, recorded_at: Int64, order: Int64, moment: Int64
) -> bool:
    """Sort the gathered rows of some cases by both clocks; say if any two are equal in both.

    Parameters
    ----------
    pointer, order, moment
        As :func:`gather_cases` fills them; the latter two are changed where they lie.
    from_case, to_case
        The cases that are sorted, the last exclusive.
    recorded_at
        When each row was recorded, shape ``(n,)``, by row, microseconds UTC.
    """
    keys = np.empty(_FEW, dtype=np.int64)
    rows = np.empty(_FEW, dtype=np.int64)
    taken = np.empty(_FEW, dtype=np.int32)
    tied = False
    for c in range(from_case, to_case):
        first = pointer[c]
        end = pointer[c + 1]
        if end - first <= _FEW:
            _sort_few(first, end - first, order, moment, keys, rows, taken)
        else:
            _sort_many(first, end, order, moment)
        for p in range(first + 1, end):
            if moment[p - 1] != moment[p]:
                continue
            row = order[p]
            to = p
            while to > first and moment[to - 1] == moment[p]:
                other = order[to - 1]
                tied = tied or recorded_at[other] == recorded_at[row]
                if recorded_at[other] <= recorded_at[row]:
                    break
                order[to] = other
                to -= 1
            order[to] = row
    return tied


@njit(nogil=True)
def sort_ties(
    pointer: Int64,
    from_case: int,
    to_case: int,
    recorded_at: Int64,
    order: Int64,
    moment: Int64,
    ids: Texts,
) -> None:
    """Sort sorted rows of some cases that are equal in both clocks by their identifier.

    Parameters
    ----------
    pointer, order, moment
        As :func:`sort_cases` leaves them; ``order`` is changed where it lies.
    from_case, to_case
        The cases that are sorted, the last exclusive.
    recorded_at
        When each row was recorded, shape ``(n,)``, by row, microseconds UTC.
    ids
        Identifier of each row.
    """
    for c in range(from_case, to_case):
        for p in range(pointer[c] + 1, pointer[c + 1]):
            row = order[p]
            to = p
            while to > pointer[c] and moment[to - 1] == moment[p]:
                other = order[to - 1]
                if recorded_at[other] != recorded_at[row] or not precedes(ids, row, other):
                    break
                order[to] = other
                to -= 1
            order[to] = row
