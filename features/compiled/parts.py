"""Work on ranges of cases, one range a processor."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import numpy as np

from features.compiled.cache import kernels
from features.compiled.texts import Hashes, Texts

Result = TypeVar("Result")
_FEW_CASES: Final = 256
"""Starting threads takes longer than the work on so few."""


def in_parts(work: Callable[[int, int], Result], n_cases: int) -> list[Result]:
    """Do some work on ranges of cases and return what each range gave.

    Parameters
    ----------
    work
        Takes the first case of a range and the one after its last; it must let other threads run.
    n_cases
        How many cases there are.

    Returns
    -------
    list
        In the order of the cases; of one range where there are few.
    """
    if n_cases <= _FEW_CASES:
        return [work(0, n_cases)]
    workers = os.cpu_count() or 1
    edges = np.linspace(0, n_cases, workers + 1).astype(np.int64)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, edges[:-1], edges[1:]))


def hash_column(texts: Texts, hashes: Hashes) -> Hashes:
    """Return a hash of each text of a column, and of an empty one what stood there before.

    Parameters
    ----------
    texts
        The column, of ``n`` rows.
    hashes
        Shape ``(n,)``; changed where it lies.

    Returns
    -------
    Hashes
        The same array.
    """
    compiled = kernels()
    in_parts(lambda first, end: compiled.hash_texts(texts, first, end, hashes), len(hashes))
    return hashes
