"""Compiled: text that lies in memory one after another, compared and hashed where it lies.

Text is compared as the bytes of its UTF-8, which is the order of its letters' numbers.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from features.contract.arrays import Bools, Int64

# What allocates nothing is uncounted and becomes part of its caller.
allocates_nothing: Any = njit(nogil=True, _nrt=False, forceinline=True)  # type: ignore[call-overload]

Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]

# Fowler, Noll and Vo's hash of 64 bits, variant 1a (RFC 9923).
_HASH_START: Final = np.uint64(14_695_981_039_346_656_037)
_HASH_FACTOR: Final = np.uint64(1_099_511_628_211)


class Texts(NamedTuple):
    """A column of text: value ``i`` is ``data[start[i]:start[i + 1]]``, UTF-8; an empty cell is
    empty text.
    """

    start: Int64
    data: Bytes


@allocates_nothing
def hash_text(texts: Texts, i: int) -> np.uint64:
    """Return a hash of value ``i``."""
    found = _HASH_START
    for at in range(texts.start[i], texts.start[i + 1]):
        found = (found ^ np.uint64(texts.data[at])) * _HASH_FACTOR
    return found


@allocates_nothing
def is_empty(texts: Texts, i: int) -> bool:
    """Say whether value ``i`` is empty; in a column without rows every value is."""
    return len(texts.start) == 0 or texts.start[i + 1] == texts.start[i]


@njit(nogil=True)
def hash_texts(texts: Texts, first: int, end: int, hashes: Hashes) -> None:
    """Hash the values of some rows, in the order in which they lie.

    A case's rows may lie anywhere: to hash each where it is needed waits for memory at every text.

    Parameters
    ----------
    texts
        A column.
    first, end
        The rows hashed, the last exclusive.
    hashes
        Shape ``(n,)``, filled by row; what stands there stays where a value is empty.
    """
    for i in range(first, end):
        if not is_empty(texts, i):
            hashes[i] = hash_text(texts, i)


@allocates_nothing
def equal_texts(a: Texts, i: int, b: Texts, j: int) -> bool:
    """Say whether value ``i`` of one column is value ``j`` of another.

    Parameters
    ----------
    a, i
        A column, and a row of it.
    b, j
        Another column, or the same, and a row of that.
    """
    length = a.start[i + 1] - a.start[i]
    if b.start[j + 1] - b.start[j] != length:
        return False
    k = 0
    while k < length and a.data[a.start[i] + k] == b.data[b.start[j] + k]:
        k += 1
    return bool(k == length)


@allocates_nothing
def precedes(texts: Texts, i: int, j: int) -> bool:
    """Say whether one value comes before another.

    Parameters
    ----------
    texts
        The column.
    i, j
        Rows of the one and the other.
    """
    length_i = texts.start[i + 1] - texts.start[i]
    length_j = texts.start[j + 1] - texts.start[j]
    for k in range(min(length_i, length_j)):
        a = texts.data[texts.start[i] + k]
        b = texts.data[texts.start[j] + k]
        if a != b:
            return bool(a < b)
    return bool(length_i < length_j)


def point_texts(column: "pa.LargeStringArray | None") -> Texts:
    """Return where each text of a column lies in memory; nothing is copied.

    Parameters
    ----------
    column
        One array, an empty cell counting as empty text; ``None`` for a column without rows.

    Returns
    -------
    Texts
        Over the column's own memory, which must be kept.
    """
    if column is None:
        return Texts(freeze(np.empty(0, np.int64)), freeze(np.empty(0, np.uint8)))
    _, starts, data = column.buffers()
    start = np.frombuffer(starts, dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    return Texts(freeze(start), freeze(np.frombuffer(data or b"", dtype=np.uint8)))


def find_known(column: pa.Array) -> Bools:
    """Return which cells of a column are not null, shape ``(n,)``.

    Parameters
    ----------
    column
        An array with a mask of its own; in a dictionary, the codes count.

    Returns
    -------
    Bools
        Read from the mask itself: to ask Arrow takes longer than most of a request's columns.
    """
    mask, end = column.buffers()[0], column.offset + len(column)
    if mask is None or not column.null_count:
        return np.ones(len(column), dtype=np.bool_)
    bits = np.unpackbits(np.frombuffer(mask, dtype=np.uint8), count=end, bitorder="little")
    known: Bools = bits[column.offset :].view(np.bool_)
    return known


def fill_numbers(column: pa.Array, empty: float) -> npt.NDArray[Any]:
    """Return a column of numbers in its own type, with another in place of each null.

    Parameters
    ----------
    column
        Whole or floating-point numbers.
    empty
        What stands for null; a number of the column's type.

    Returns
    -------
    ndarray
        Shape ``(n,)``; the column's own memory where nothing in it is null.
    """
    if not column.null_count:
        return np.asarray(column.to_numpy())
    kind = np.dtype(column.type.to_pandas_dtype())
    held = np.frombuffer(column.buffers()[1], dtype=kind)
    held = held[column.offset : column.offset + len(column)]
    return np.where(find_known(column), held, kind.type(empty))


def freeze(array: Any) -> Any:
    """Return an array that cannot be written to, which the compiler takes for a type of its own."""
    seen = array.view()
    seen.flags.writeable = False
    return seen
