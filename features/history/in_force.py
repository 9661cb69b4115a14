"""Which records are in force at a moment: the one rule for columns (design section 4)."""

import numpy as np
import pandas as pd

from features.contract.arrays import MISSING, Bools, Int32, Int64
from features.history.columns import Events, Facts


def in_force(recorded_at: Int64, superseded_at: Int64, as_of_us: Int64 | int) -> Bools:
    """Return which records are in force at a moment, shape ``(n,)``.

    What occurred when is a question of its own, asked afterwards: a correction takes its target out
    of force whatever moment it says the event had. The engine compiles this very function.

    Parameters
    ----------
    recorded_at
        When each record came to be known, shape ``(n,)``, microseconds UTC.
    superseded_at
        When the first later version of each came to be known, shape ``(n,)``; ``NEVER`` for none.
    as_of_us
        The moment, exclusive: one for all records or one for each.

    Returns
    -------
    Bools
        Known before the moment, and not superseded by anything known before it.
    """
    return (recorded_at < as_of_us) & (superseded_at >= as_of_us)


def rows_in_force(table: pd.DataFrame, as_of_us: int) -> Bools:
    """Return which rows of a sound table are in force at a moment (microseconds UTC, exclusive)."""
    recorded_at = table["recorded_at"].to_numpy(dtype=np.int64)
    return in_force(recorded_at, table["superseded_at"].to_numpy(dtype=np.int64), as_of_us)


def next_versions(table: Events | Facts, rows: slice, as_of_us: int) -> Int32:
    """Return which record had taken the place of each at a moment, shape ``(n,)``.

    Parameters
    ----------
    table, rows
        The records, and which of them are one case's.
    as_of_us
        Microseconds UTC, exclusive.

    Returns
    -------
    Int32
        Places counted from the case's first record; ``MISSING`` for a record that nothing known
        before the moment supersedes.
    """
    superseded = table.superseded_at[rows] < as_of_us
    return np.where(superseded, table.superseded_by[rows], np.int32(MISSING))
