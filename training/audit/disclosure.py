"""What the audit may show: which counts stay hidden, and how many a rate needs.

A count under 10 is hidden, and with it others, so that no reader gets it by subtracting what is
shown from a total (complementary suppression, as of statistical tables: Hundepool and others 2012).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.contract.arrays import Int64
from training.audit.characteristics import Grouping

Bools = npt.NDArray[np.bool_]

LEAST_SHOWN: Final = 10
"""Counts below it are not shown."""
LEAST_POSITIVES: Final = 20
LEAST_PEOPLE: Final = 100
"""A rate needs so many outcomes, where it is a share of them, and so many people."""
_CLOSE: Final = 1e-9


@dataclass(frozen=True)
class Hidden:
    """Which counts of a grouping stay hidden; each of shape ``(n_groups,)``.

    Parameters
    ----------
    cases, positives
        Whether the number of cases, or of those with the outcome, may not be shown. Where the first
        may not, neither may the second.
    """

    cases: Bools
    positives: Bools


def hide_counts(
    grouping: Grouping, cases: Int64, positives: Int64, parts: Sequence[Hidden] = ()
) -> Hidden:
    """Return which counts stay hidden.

    Parameters
    ----------
    cases, positives
        Shape ``(n_groups,)``.
    parts
        For a pair, what is hidden of its two characteristics: whatever adds up to a hidden count
        is hidden with it.
    """
    shape = grouping.shape
    forced = [np.zeros(len(cases), dtype=bool)] * 2
    if parts:
        one, other = parts
        forced = [
            (one.cases[:, None] | other.cases[None, :]).ravel(),
            (one.positives[:, None] | other.positives[None, :]).ravel(),
        ]
    no_cases = _hide(cases, (cases < LEAST_SHOWN) | forced[0], shape)
    # Few without the outcome are as telling as few with it, once the cases are shown.
    few = (positives < LEAST_SHOWN) | (cases - positives < LEAST_SHOWN)
    return Hidden(no_cases, _hide(positives, few | forced[1] | no_cases, shape))


def _hide(counts: Int64, hidden: Bools, shape: tuple[int, int]) -> Bools:
    """Hide the smallest others until no total gives a hidden count away."""
    hidden = hidden.copy()
    lines = _find_lines(shape)
    while True:
        telling = [line for line in lines if _is_telling(counts, hidden, line)]
        if not telling:
            given_away = _solve(hidden, lines) & (counts < LEAST_SHOWN)
            telling = [line for line in lines if given_away[line].any() and not hidden[line].all()]
        if not telling:
            return hidden
        shown = telling[0][~hidden[telling[0]]]
        hidden[shown[np.argmin(counts[shown])]] = True


def _is_telling(counts: Int64, hidden: Bools, line: Int64) -> bool:
    """Whether a line's total tells a hidden count, or that all its hidden ones are small."""
    covered = line[hidden[line]]
    if len(covered) in (0, len(line)):
        return False
    return len(covered) == 1 or int(counts[covered].sum()) < LEAST_SHOWN


def _solve(hidden: Bools, lines: Sequence[Int64]) -> Bools:
    """Return the hidden counts that all totals together settle: those no solution may move."""
    at = np.flatnonzero(hidden)
    settled = np.zeros(len(hidden), dtype=bool)
    if len(lines) > 1 and len(at):
        totals = np.array([np.isin(at, line) for line in lines], dtype=np.float64)
        _, sizes, directions = np.linalg.svd(totals)
        free = directions[int((sizes > _CLOSE).sum()) :]
        settled[at] = (np.abs(free) < _CLOSE).all(axis=0)
    return settled


def _find_lines(shape: tuple[int, int]) -> list[Int64]:
    """Return the groups that add up to a known total: all of them, or each row and each column."""
    table = np.arange(shape[0] * shape[1]).reshape(shape)
    rows = [table[n] for n in range(shape[0])]
    return rows if shape[0] == 1 else rows + [table[:, n] for n in range(shape[1])]
