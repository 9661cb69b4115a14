"""Fits side by side, one on each processor that this process may use.

What is fitted does not depend on how many there are.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import lightgbm
import numpy as np


def open_pool(n_tasks: int) -> ThreadPoolExecutor:
    """Return threads for so many tasks, at most one for each processor."""
    return ThreadPoolExecutor(max(1, min(n_tasks, count_processors())), initializer=_quieten)


def _quieten() -> None:
    """Silence LightGBM in this thread: how much it says is settled in each thread by itself."""
    lightgbm.Dataset(np.zeros((2, 1)), params={"verbosity": -1}).construct()


def count_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
