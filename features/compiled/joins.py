"""Compiled: records joined by their keys within a case. Nothing here knows what a record means."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from features.compiled.texts import (
    Hashes,
    Texts,
    allocates_nothing,
    equal_texts,
    hash_text,
    is_empty,
)
from features.contract.arrays import Int32, Int64

Marks = npt.NDArray[np.uint8]

NO_TARGET: Final = -1
UNKNOWN_TARGET: Final = -2
FIRST_OF_KEY: Final = 1
SAME_KEY: Final = 2


@allocates_nothing
def _find(slots: Int32, hashes: Hashes, wanted: np.uint64, at: int) -> int:
    """Return the next place from ``at`` on that is free or holds the wanted hash."""
    mask = len(slots) - 1
    while slots[at] >= 0 and hashes[slots[at]] != wanted:
        at = (at + 1) & mask
    return at


@allocates_nothing
def _spread(wanted: np.uint64, size: int) -> Any:
    """Return where a hash belongs in a table of ``size``, a power of two."""
    return np.int64((wanted ^ (wanted >> np.uint64(32))) & np.uint64(size - 1))


@allocates_nothing
def _gather(first: int, end: int, order: Int64, of_rows: Hashes, hashes: Hashes) -> None:
    """Fetch the hashes of a case's rows: nothing waits for the one before, so many come at once."""
    for p in range(first, end):
        hashes[p - first] = of_rows[order[p]]


@allocates_nothing
def _note_keys(
    first: int,
    end: int,
    order: Int64,
    ids: Texts,
    slots: Int32,
    hashes: Hashes,
    marks: Marks,
) -> None:
    """Enter a case's identifiers into the table; mark rows that share one, if marks are kept."""
    slots[:] = -1
    mask = len(slots) - 1
    for p in range(first, end):
        at = _find(slots, hashes, hashes[p - first], _spread(hashes[p - first], len(slots)))
        while slots[at] >= 0 and not equal_texts(ids, order[first + slots[at]], ids, order[p]):
            at = _find(slots, hashes, hashes[p - first], (at + 1) & mask)
        if slots[at] < 0:
            slots[at] = p - first
        elif len(marks) > 0:
            marks[order[first + slots[at]]] = FIRST_OF_KEY
            marks[order[p]] = SAME_KEY


@allocates_nothing
def _look_up(
    first: int,
    end: int,
    order: Int64,
    ids: Texts,
    corrected: Texts,
    slots: Int32,
    hashes: Hashes,
    target: Int64,
) -> None:
    """Note the place of the record that each corrects."""
    mask = len(slots) - 1
    for p in range(first, end):
        if is_empty(corrected, order[p]):
            continue
        wanted = hash_text(corrected, order[p])
        at = _find(slots, hashes, wanted, _spread(wanted, len(slots)))
        while slots[at] >= 0 and not equal_texts(
            ids, order[first + slots[at]], corrected, order[p]
        ):
            at = _find(slots, hashes, wanted, (at + 1) & mask)
        target[p] = first + slots[at] if slots[at] >= 0 else UNKNOWN_TARGET


@allocates_nothing
def _states_any(first: int, end: int, order: Int64, corrected: Texts) -> bool:
    """Say whether any row of a case states what it corrects."""
    p = first
    while p < end and is_empty(corrected, order[p]):
        p += 1
    return p < end


@allocates_nothing
def _same_name(ids: Texts, named: Texts, i: int, j: int) -> bool:
    """Say whether two rows name the same incident; one that names none is its own."""
    if is_empty(named, i):
        if is_empty(named, j):
            return bool(equal_texts(ids, i, ids, j))
        return bool(equal_texts(ids, i, named, j))
    if is_empty(named, j):
        return bool(equal_texts(named, i, ids, j))
    return bool(equal_texts(named, i, named, j))


@allocates_nothing
def _number_of_case(
    first: int,
    end: int,
    order: Int64,
    ids: Texts,
    named: Texts,
    slots: Int32,
    hashes: Hashes,
    incident: Int32,
    sizes: Int32,
) -> None:
    """Number one case's incidents; ``slots`` and ``sizes`` are room to work in."""
    slots[:] = -1
    mask = len(slots) - 1
    for p in range(first, end):
        row = order[p]
        sizes[p - first] = 0
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


@allocates_nothing
def _most(pointer: Int64, from_case: int, to_case: int) -> int:
    """Return how many records the largest of some cases has, and 1 at least."""
    most = 1
    for c in range(from_case, to_case):
        most = max(most, pointer[c + 1] - pointer[c])
    return most


@allocates_nothing
def _size_table(n: int) -> int:
    """Return the size of a hash table for so many records: a power of two, half of it free."""
    size = 2
    while size < 2 * n:
        size *= 2
    return size


@njit(nogil=True)
def mark_keys(
    pointer: Int64,
    from_case: int,
    to_case: int,
    order: Int64,
    ids: Texts,
    of_rows: Hashes,
    marks: Marks,
) -> None:
    """Mark records that share a key, within each of some cases.

    Parameters
    ----------
    pointer, order
        The rows by case: those of case ``c`` are ``order[pointer[c]:pointer[c + 1]]``.
    from_case, to_case
        The cases looked at, the last exclusive.
    ids, of_rows
        Identifier of each row, and its hash.
    marks
        Filled for each row whose identifier another row of its case has.
    """
    most = _most(pointer, from_case, to_case)
    slots = np.empty(_size_table(most), dtype=np.int32)
    hashes = np.empty(most, dtype=np.uint64)
    for c in range(from_case, to_case):
        first = pointer[c]
        end = pointer[c + 1]
        _gather(first, end, order, of_rows, hashes)
        _note_keys(first, end, order, ids, slots[: _size_table(end - first)], hashes, marks)


@njit(nogil=True)
def find_targets(
    pointer: Int64,
    from_case: int,
    to_case: int,
    order: Int64,
    ids: Texts,
    of_rows: Hashes,
    corrected: Texts,
    target: Int64,
) -> None:
    """Find the record that each corrects, within each of some cases.

    Parameters
    ----------
    pointer, from_case, to_case, order, ids, of_rows
        As :func:`mark_keys` takes them.
    corrected
        Identifier of the record that each row corrects.
    target
        Filled with the place in ``order`` that each place corrects, ``NO_TARGET`` or
        ``UNKNOWN_TARGET``.
    """
    most = _most(pointer, from_case, to_case)
    slots = np.empty(_size_table(most), dtype=np.int32)
    hashes = np.empty(most, dtype=np.uint64)
    no_marks = np.empty(0, dtype=np.uint8)
    for c in range(from_case, to_case):
        first = pointer[c]
        end = pointer[c + 1]
        target[first:end] = NO_TARGET
        if _states_any(first, end, order, corrected):
            few = slots[: _size_table(end - first)]
            _gather(first, end, order, of_rows, hashes)
            _note_keys(first, end, order, ids, few, hashes, no_marks)
            _look_up(first, end, order, ids, corrected, few, hashes, target)


@njit(nogil=True)
def number_incidents(
    pointer: Int64,
    from_case: int,
    to_case: int,
    order: Int64,
    ids: Texts,
    named: Texts,
    of_rows: Hashes,
    incident: Int32,
) -> None:
    """Number the incidents of two or more events within each of some cases, by first event.

    Parameters
    ----------
    pointer, from_case, to_case, order
        As :func:`mark_keys` takes them, the rows of each case in order of time.
    ids, named
        Identifier of each row and of its incident. An event that names none is one by itself,
        under its own identifier, so that an event which names another event joins it.
    of_rows
        Hash of each row's incident, or of its identifier where it names none.
    incident
        Filled by place; ``MISSING`` for an event that is an incident by itself.
    """
    most = _most(pointer, from_case, to_case)
    slots = np.empty(_size_table(most), dtype=np.int32)
    hashes = np.empty(most, dtype=np.uint64)
    sizes = np.empty(most, dtype=np.int32)
    for c in range(from_case, to_case):
        first = pointer[c]
        end = pointer[c + 1]
        few = slots[: _size_table(end - first)]
        _gather(first, end, order, of_rows, hashes)
        _number_of_case(first, end, order, ids, named, few, hashes, incident, sizes)
