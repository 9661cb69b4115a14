"""Sums over the cases of each group, as they are and in each resample of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from features.contract.arrays import Float64, Int64
from training.audit.characteristics import Grouping
from training.audit.group_measures import Quantity
from training.figures.capacity import RankedOutcomes, rank_cases, weight_rows
from training.figures.resampling import Counts

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class AuditRows:
    """The cases of one list.

    Parameters
    ----------
    y_true, score
        Shape ``(n,)``.
    column
        Shape ``(n,)``, each case's person as a column of the resamples.
    added
        What is added up as it stands, by quantity, each of shape ``(n,)``.
    capacity
        Places on the list.
    """

    y_true: Bools
    score: Float64
    column: Int64
    added: Mapping[Quantity, Float64]
    capacity: int

    def __len__(self) -> int:
        return len(self.y_true)


@dataclass(frozen=True)
class GroupSums:
    """Sums by quantity, each of shape ``(n_draws, n_groups)``; the last group is all cases."""

    by_quantity: Mapping[Quantity, Float64]

    def __getitem__(self, quantity: Quantity) -> Float64:
        return self.by_quantity[quantity]

    def __contains__(self, quantity: Quantity) -> bool:
        return quantity in self.by_quantity

    def take(self, groups: Int64) -> "GroupSums":
        """Return the sums of some groups, and of all cases last."""
        kept = np.append(groups, -1)
        return GroupSums({name: of[:, kept] for name, of in self.by_quantity.items()})


def add_up(rows: AuditRows, groupings: Sequence[Grouping], draws: Counts) -> GroupSums:
    """Return the sums of every group of every grouping, in their order, and of all cases.

    Cases with the same values of everything form one cell; cells are added up once and for all.

    Parameters
    ----------
    draws
        Shape ``(n_draws, n_people)``. Each resample is ranked anew, so that its places and ranks
        are its own.
    """
    cells, groups_of_cell = _make_cells(groupings, len(rows))
    ranking = rank_cases(rows.score)
    order = ranking.order
    adders = {
        name: _adder(cells[order], of[order], groups_of_cell.shape[1])
        for name, of in rows.added.items()
    }
    one = adders[Quantity.CASES]
    found_of = adders[Quantity.POSITIVES]
    prefix = np.append(0.0, np.cumsum(1.0 / np.log2(np.arange(2, _most_ranks(rows, draws) + 2))))
    blocks: dict[Quantity, list[Float64]] = {}
    for weights in weight_rows(draws, rows.column[order]):
        placed = weights * ranking.fill_places(weights, rows.capacity)
        sums = {name: adder @ weights for name, adder in adders.items()}
        sums[Quantity.PLACES], sums[Quantity.FOUND] = one @ placed, found_of @ placed
        sums[Quantity.EXPOSURE] = one @ _expose(ranking, weights, prefix)
        for name, by_cell in sums.items():
            blocks.setdefault(name, []).append((groups_of_cell @ by_cell).T)
    joined = {name: np.concatenate(parts) for name, parts in blocks.items()}
    joined[Quantity.OUTSIDE] = joined[Quantity.CASES] - joined[Quantity.PLACES]
    joined[Quantity.MISSED] = joined[Quantity.POSITIVES] - joined[Quantity.FOUND]
    return GroupSums(joined)


def _make_cells(groupings: Sequence[Grouping], n: int) -> tuple[Int64, csr_array]:
    """Return each case's cell, and a table of shape ``(n_groups + 1, n_cells)`` of which cells make
    up which group.
    """
    codes = np.zeros((n, 1), dtype=np.int64)
    singles = [one for one in groupings if one.parts is None]
    if singles:
        codes = np.stack([one.code for one in singles], axis=1)
    _, first, cells = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    at, start = [], 0
    for one in groupings:
        at.append(one.code[first] + start)
        start += len(one.labels)
    at.append(np.full(len(first), start, dtype=np.int64))
    group, cell = np.concatenate(at), np.tile(np.arange(len(first)), len(at))
    table = csr_array((np.ones(len(group)), (group, cell)), shape=(start + 1, len(first)))
    return cells.astype(np.int64), table


def _adder(cells: Int64, values: Float64, n_cells: int) -> csr_array:
    return csr_array((values, (cells, np.arange(len(cells)))), shape=(n_cells, len(cells)))


def _most_ranks(rows: AuditRows, draws: Counts) -> int:
    size = np.bincount(rows.column, minlength=draws.shape[1])
    return int((draws.astype(np.float64) @ size).max(initial=0.0))


def _expose(ranking: RankedOutcomes, weights: Float64, prefix: Float64) -> Float64:
    """Return the exposure of each case's copies: the sum of ``1 / log2(1 + rank)`` over them; a tie
    shares that of its ranks.
    """
    size = ranking.sum_ties(weights)
    last = np.cumsum(size, axis=0)
    total = prefix[last.astype(np.int64)] - prefix[(last - size).astype(np.int64)]
    each = total / np.maximum(size, 1.0)
    return weights * ranking.spread(each)
