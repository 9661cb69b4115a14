"""Compiled: rows placed by case and by clock, and records joined by their keys within a case.

Keys are compared as the bytes of their UTF-8, which is the order of their letters' numbers. Nothing
here knows what a record means. The compiler's cache looks at one file only, so that this one
imports no other compiled code.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from features.contract.arrays import Int32, Int64

# As in the pass itself: what allocates nothing is uncounted and becomes part of its caller.
_allocates_nothing: Any = njit(nogil=True, _nrt=False, forceinline=True)  # type: ignore[call-overload]

Bytes = npt.NDArray[np.uint8]
Marks = npt.NDArray[np.uint8]

NO_TARGET: Final = -1
UNKNOWN_TARGET: Final = -2
FIRST_OF_KEY: Final = 1
SAME_KEY: Final = 2
_FEW: Final = 64
# Fowler, Noll and Vo's hash of 64 bits, variant 1a (RFC 9923).
_HASH_START: Final = np.uint64(14_695_981_039_346_656_037)
_HASH_FACTOR: Final = np.uint64(1_099_511_628_211)


class Texts(NamedTuple):
    """A column of text: value ``i`` is ``data[start[i]:start[i + 1]]``, UTF-8; an empty cell is
    empty text.
    """

    start: Int64
    data: Bytes


@_allocates_nothing
def _hash(texts: Texts, i: int) -> np.uint64:
    found = _HASH_START
    for at in range(texts.start[i], texts.start[i + 1]):
        found = (found ^ np.uint64(texts.data[at])) * _HASH_FACTOR
    return found


@_allocates_nothing
def _equal(a: Texts, i: int, b: Texts, j: int) -> bool:
    length = a.start[i + 1] - a.start[i]
    if b.start[j + 1] - b.start[j] != length:
        return False
    k = 0
    while k < length and a.data[a.start[i] + k] == b.data[b.start[j] + k]:
        k += 1
    return bool(k == length)


@_allocates_nothing
def _precedes(texts: Texts, i: int, j: int) -> bool:
    """Say whether value ``i`` stands before value ``j``."""
    length_i = texts.start[i + 1] - texts.start[i]
    length_j = texts.start[j + 1] - texts.start[j]
    for k in range(min(length_i, length_j)):
        a = texts.data[texts.start[i] + k]
        b = texts.data[texts.start[j] + k]
        if a != b:
            return bool(a < b)
    return bool(length_i < length_j)


@_allocates_nothing
def _is_empty(texts: Texts, i: int) -> bool:
    return len(texts.start) == 0 or texts.start[i + 1] == texts.start[i]


@njit(nogil=True)
def gather_cases(
    case: Int32, occurred_at: Int64, pointer: Int64, order: Int64, moment: Int64
) -> None:
    """Fill ``pointer`` with each case's start, and ``order`` and ``moment`` with its rows and when
    they occurred, by counting.
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
    """Sort the gathered rows of some cases by both clocks; say if any two are equal in both."""
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
    """Sort sorted rows of some cases that are equal in both clocks by their identifier."""
    for c in range(from_case, to_case):
        for p in range(pointer[c] + 1, pointer[c + 1]):
            row = order[p]
            to = p
            while to > pointer[c] and moment[to - 1] == moment[p]:
                other = order[to - 1]
                if recorded_at[other] != recorded_at[row] or not _precedes(ids, row, other):
                    break
                order[to] = other
                to -= 1
            order[to] = row


@_allocates_nothing
def _find(slots: Int32, hashes: npt.NDArray[np.uint64], wanted: np.uint64, at: int) -> int:
    """Return the next place from ``at`` on that is free or holds the wanted hash."""
    mask = len(slots) - 1
    while slots[at] >= 0 and hashes[slots[at]] != wanted:
        at = (at + 1) & mask
    return at


@_allocates_nothing
def _spread(wanted: np.uint64, size: int) -> Any:
    """Return where a hash belongs in a table of ``size``, a power of two."""
    return np.int64((wanted ^ (wanted >> np.uint64(32))) & np.uint64(size - 1))


@_allocates_nothing
def _note_keys(
    first: int,
    end: int,
    order: Int64,
    ids: Texts,
    slots: Int32,
    hashes: npt.NDArray[np.uint64],
    marks: Marks,
) -> bool:
    """Enter a case's identifiers into the table; mark rows that share one, and say if any do."""
    shared = False
    slots[:] = -1
    mask = len(slots) - 1
    for p in range(first, end):
        hashes[p - first] = _hash(ids, order[p])
        at = _find(slots, hashes, hashes[p - first], _spread(hashes[p - first], len(slots)))
        while slots[at] >= 0 and not _equal(ids, order[first + slots[at]], ids, order[p]):
            at = _find(slots, hashes, hashes[p - first], (at + 1) & mask)
        if slots[at] >= 0:
            marks[order[first + slots[at]]] = FIRST_OF_KEY
            marks[order[p]] = SAME_KEY
            shared = True
        else:
            slots[at] = p - first
    return shared


@_allocates_nothing
def _find_targets(
    first: int,
    end: int,
    order: Int64,
    ids: Texts,
    corrected: Texts,
    slots: Int32,
    hashes: npt.NDArray[np.uint64],
    target: Int64,
) -> bool:
    """Note the place of the record that each corrects; say whether any names an unknown one."""
    unknown = False
    mask = len(slots) - 1
    for p in range(first, end):
        target[p] = NO_TARGET
        if _is_empty(corrected, order[p]):
            continue
        wanted = _hash(corrected, order[p])
        at = _find(slots, hashes, wanted, _spread(wanted, len(slots)))
        while slots[at] >= 0 and not _equal(ids, order[first + slots[at]], corrected, order[p]):
            at = _find(slots, hashes, wanted, (at + 1) & mask)
        target[p] = first + slots[at] if slots[at] >= 0 else UNKNOWN_TARGET
        unknown = unknown or slots[at] < 0
    return unknown


@_allocates_nothing
def _same_name(ids: Texts, named: Texts, i: int, j: int) -> bool:
    """Say whether two rows name the same incident; one that names none is its own."""
    if _is_empty(named, i):
        if _is_empty(named, j):
            return bool(_equal(ids, i, ids, j))
        return bool(_equal(ids, i, named, j))
    if _is_empty(named, j):
        return bool(_equal(named, i, ids, j))
    return bool(_equal(named, i, named, j))


@_allocates_nothing
def _number_incidents(
    first: int,
    end: int,
    order: Int64,
    ids: Texts,
    named: Texts,
    slots: Int32,
    hashes: npt.NDArray[np.uint64],
    incident: Int32,
    sizes: Int32,
) -> None:
    """Number a case's incidents of two or more events in order of their first event.

    ``hashes`` are those of the identifiers; they become those of the incidents.
    """
    slots[:] = -1
    mask = len(slots) - 1
    for p in range(first, end):
        row = order[p]
        sizes[p - first] = 0
        if not _is_empty(named, row):
            hashes[p - first] = _hash(named, row)
        wanted = hashes[p - first]
        at = _find(slots, hashes, wanted, _spread(wanted, len(slots)))
        while slots[at] >= 0 and not _same_name(ids, named, order[first + slots[at]], row):
            at = _find(slots, hashes, wanted, (at + 1) & mask)
        if slots[at] < 0:
            slots[at] = p - first
        incident[p] = slots[at]
        sizes[slots[at]] += 1
    number = 0
    for p in range(first, end):
        opener = incident[p]
        if opener == p - first:
            # From here on the opener's size stands for the incident's number, one less than zero.
            if sizes[opener] > 1:
                sizes[opener] = -2 - number
                number += 1
            else:
                sizes[opener] = -1
        incident[p] = -1 if sizes[opener] == -1 else -2 - sizes[opener]


@njit(nogil=True)
def join_records(
    pointer: Int64,
    from_case: int,
    to_case: int,
    order: Int64,
    ids: Texts,
    corrected: Texts,
    named: Texts,
    target: Int64,
    incident: Int32,
    marks: Marks,
) -> tuple[bool, bool]:
    """Join the placed records of some cases by their identifiers.

    Parameters
    ----------
    ids, corrected, named
        Identifier of each row, of the record that it corrects, and of its incident; the last two
        may be without any rows, where nothing is corrected or no incident is named.
    target
        Filled with the place that each place corrects, ``NO_TARGET`` or ``UNKNOWN_TARGET``.
    incident
        Filled with the number of each place's incident within its case, -1 for one by itself.
    marks
        Filled for each row whose identifier another row of its case has.

    Returns
    -------
    tuple of bool
        Whether any identifier is shared, and whether any target is unknown.
    """
    most = 1
    for c in range(from_case, to_case):
        most = max(most, pointer[c + 1] - pointer[c])
    size = 2
    while size < 2 * most:
        size *= 2
    slots = np.empty(size, dtype=np.int32)
    hashes = np.empty(most, dtype=np.uint64)
    sizes = np.empty(most, dtype=np.int32)
    shared = False
    unknown = False
    for c in range(from_case, to_case):
        first = pointer[c]
        end = pointer[c + 1]
        size = 2
        while size < 2 * (end - first):
            size *= 2
        shared = _note_keys(first, end, order, ids, slots[:size], hashes, marks) or shared
        if len(corrected.start) > 0:
            found = _find_targets(first, end, order, ids, corrected, slots[:size], hashes, target)
            unknown = unknown or found
        if len(named.start) > 0:
            _number_incidents(first, end, order, ids, named, slots[:size], hashes, incident, sizes)
    return shared, unknown
