"""Raw scores of many rows: LightGBM's own to the last bit, several times sooner.

A model's thresholds are few, so each value is first turned into the number of thresholds below it.
All trees then pass over a few rows at a time, which stay in the processor's nearest memory. A model
of a kind that is not read here is scored by LightGBM.
"""

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np
import numpy.typing as npt
from numba import njit

from features.contract.arrays import Float64, Int64
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.encoding import Encoding
from training.compilation import compiled

_NONE, _ZERO, _NAN = 0, 1, 2
"""LightGBM's ways to take a missing value: as 0, zeros as missing, or by the node's own side."""
_LEFT, _RIGHT = 0, 65_535
"""Numbers of a missing value that a node sends to the left and to the right."""
_ALMOST_ZERO: Final = float(np.float32(1e-35))
"""What LightGBM counts as 0."""
_ROWS_PER_TASK: Final = 16_384
_ROWS_PER_PASS: Final = 64
_SECTION: Final = re.compile(r"^Tree=\d+$", re.MULTILINE)


@dataclass(frozen=True)
class Trees:
    """A model's trees as the compiled pass reads them.

    Parameters
    ----------
    feature, missing
        Shape ``(n_columns,)``: the model column that each numbered column is made of, and the
        number that a missing value has there; -1 counts it as 0.
    threshold, threshold_pointer
        Each numbered column's thresholds, ascending.
    column, number
        Shape ``(n_nodes,)``: a row goes on to the left where its number in the column is at most
        the node's.
    child
        Shape ``(n_nodes, 2)``; a leaf leads to itself.
    value
        Shape ``(n_nodes,)``, of the leaves.
    root, depth
        Shape ``(n_trees,)``.
    """

    feature: Int64
    missing: Int64
    threshold: Float64
    threshold_pointer: Int64
    column: Int64
    number: Int64
    child: Int64
    value: Float64
    root: Int64
    depth: Int64

    def score(self, x: Float64) -> Float64:
        """Return raw scores, shape ``(n_rows,)``, of a model matrix; in parallel for many rows."""
        rows = np.ascontiguousarray(x, dtype=np.float64)
        found = np.zeros(len(rows))
        starts = range(0, len(rows), _ROWS_PER_TASK)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            parts = [slice(at, at + _ROWS_PER_TASK) for at in starts]
            for _ in pool.map(lambda part: self._score_part(rows[part], found[part]), parts):
                pass
        return found

    def _score_part(self, x: Float64, found: Float64) -> None:
        compiled(add_trees)(
            x,
            self.feature,
            self.missing,
            self.threshold,
            self.threshold_pointer,
            self.column.astype(np.uint32),
            self.number.astype(np.uint16),
            self.child.astype(np.uint32).ravel(),
            self.value,
            self.root,
            self.depth,
            _ROWS_PER_PASS,
            found,
        )


def make_scorer(model: OutcomeModel, encoding: Encoding) -> Callable[[Float64], Float64]:
    """Return a function from an indicator matrix to the model's served log-odds."""
    trees = read_trees(model.text)

    def score(values: Float64) -> Float64:
        x = encoding.encode(values)
        raw = model.raw(x) if trees is None else trees.score(x)
        return model.calibration.log_odds(raw)

    return score


def score_raw(text: str, x: Float64) -> Float64:
    """Return raw scores, shape ``(n_rows,)``, of a model in LightGBM's text format."""
    trees = read_trees(text)
    if trees is None:
        return np.asarray(lightgbm.Booster(model_str=text).predict(x, raw_score=True))
    return trees.score(x)


def read_trees(text: str) -> Trees | None:
    """Read a model in LightGBM's text format; ``None`` where it is of a kind not read here.

    Read are sums of trees with numeric splits at fewer than 65,535 thresholds a column, in which a
    zero is not a missing value.
    """
    head, *sections = _SECTION.split(text)
    if "average_output" in head:
        return None
    trees = [_read_tree(section) for section in sections]
    known = [tree for tree in trees if tree is not None]
    return _join(known) if len(known) == len(trees) else None


@dataclass(frozen=True)
class _Tree:
    feature: Int64
    threshold: Float64
    missing: Int64
    child: Int64
    value: Float64


def _read_tree(section: str) -> _Tree | None:
    lines = section.split("\n\n", 1)[0].splitlines()
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    n_leaves = int(fields["num_leaves"])
    value = _numbers(fields, "leaf_value")
    if fields["num_cat"] != "0" or fields.get("is_linear", "0") != "0":
        return None
    if n_leaves == 1:
        nothing = np.empty(0, dtype=np.int64)
        return _Tree(nothing, np.empty(0), nothing, np.empty((0, 2), dtype=np.int64), value)
    kind = _numbers(fields, "decision_type").astype(np.int64)
    how = (kind >> 2) & 3
    if (how == _ZERO).any() or (kind & 1).any():
        return None
    child = np.stack([_numbers(fields, f"{side}_child") for side in ("left", "right")], axis=1)
    child = child.astype(np.int64)
    return _Tree(
        feature=_numbers(fields, "split_feature").astype(np.int64),
        threshold=_numbers(fields, "threshold"),
        missing=np.where(how == _NONE, -1, np.where(kind & 2, _LEFT, _RIGHT)),
        # A leaf i is written as -1 - i; leaves stand behind the splits.
        child=np.where(child < 0, n_leaves - 2 - child, child),
        value=value,
    )


def _numbers(fields: dict[str, str], name: str) -> Float64:
    return np.array(fields.get(name, "").split(), dtype=np.float64)


def _join(trees: list[_Tree]) -> Trees | None:
    splits = [tree.feature for tree in trees]
    feature = np.concatenate([np.empty(0, dtype=np.int64), *splits])
    missing = np.concatenate([np.empty(0, dtype=np.int64), *(tree.missing for tree in trees)])
    threshold = np.concatenate([np.empty(0), *(tree.threshold for tree in trees)])
    pairs, column = np.unique(np.stack([feature, missing], axis=1), axis=0, return_inverse=True)
    limits = [np.unique(threshold[column == number]) for number in range(len(pairs))]
    if any(len(some) >= _RIGHT for some in limits):
        return None
    number = np.zeros(len(column), dtype=np.int64)
    for at, some in enumerate(limits):
        number[column == at] = np.searchsorted(some, threshold[column == at])
    sizes = np.array([2 * len(tree.value) - 1 for tree in trees], dtype=np.int64)
    root = np.cumsum(sizes) - sizes
    is_split = np.concatenate(
        [np.empty(0, dtype=np.bool_), *(np.arange(n) < n // 2 for n in sizes.tolist())]
    )
    child = np.repeat(np.arange(len(is_split))[:, None], 2, axis=1)
    child[is_split] = np.concatenate(
        [
            np.empty((0, 2), dtype=np.int64),
            *(t.child + at for t, at in zip(trees, root, strict=True)),
        ]
    )
    value = np.zeros(len(is_split))
    value[~is_split] = np.concatenate([np.empty(0), *(tree.value for tree in trees)])
    return Trees(
        feature=pairs[:, 0].copy(),
        missing=pairs[:, 1].copy(),
        threshold=np.concatenate([np.empty(0), *limits]),
        threshold_pointer=np.cumsum([0, *(len(some) for some in limits)]),
        column=_spread(column, is_split),
        number=_spread(number, is_split),
        child=child,
        value=value,
        root=root,
        depth=np.array([_measure_depth(tree.child) for tree in trees], dtype=np.int64),
    )


def _spread(of_split: npt.NDArray[np.int64], is_split: npt.NDArray[np.bool_]) -> Int64:
    found = np.zeros(len(is_split), dtype=np.int64)
    found[is_split] = of_split.ravel()
    return found


def _measure_depth(child: Int64) -> int:
    """Return the most splits on any way down; a split stands before those below it."""
    below = np.zeros(2 * len(child) + 1, dtype=np.int64)
    for node in range(len(child) - 1, -1, -1):
        below[node] = 1 + below[child[node]].max()
    return int(below[0])


@njit(nogil=True)
def number_row(
    x: Any, feature: Any, missing: Any, threshold: Any, threshold_pointer: Any, numbers: Any
) -> None:
    """Turn one row's values into the numbers of thresholds below them."""
    for at in range(len(feature)):
        one = x[feature[at]]
        if np.isnan(one):
            if missing[at] >= 0:
                numbers[at] = missing[at]
                continue
            one = 0.0
        if abs(one) <= _ALMOST_ZERO:
            one = 0.0
        low, high = threshold_pointer[at], threshold_pointer[at + 1]
        while low < high:
            middle = (low + high) // 2
            if threshold[middle] < one:
                low = middle + 1
            else:
                high = middle
        numbers[at] = low - threshold_pointer[at]


@njit(nogil=True)
def add_trees(
    x: Any,
    feature: Any,
    missing: Any,
    threshold: Any,
    threshold_pointer: Any,
    column: Any,
    number: Any,
    child: Any,
    value: Any,
    root: Any,
    depth: Any,
    rows_per_pass: int,
    found: Any,
) -> None:
    """Add up every tree's leaf for each row, tree by tree, as LightGBM does."""
    numbers = np.zeros((rows_per_pass, max(len(feature), 1)), dtype=np.uint16)
    nodes = np.zeros(rows_per_pass, dtype=np.uint32)
    for begin in range(0, len(x), rows_per_pass):
        size = min(rows_per_pass, len(x) - begin)
        for row in range(size):
            number_row(x[begin + row], feature, missing, threshold, threshold_pointer, numbers[row])
        # Row by row within a level: steps of different rows do not wait for each other.
        for tree in range(len(root)):
            for row in range(size):
                nodes[row] = root[tree]
            for _ in range(depth[tree]):
                for row in range(size):
                    node = nodes[row]
                    is_right = numbers[np.uint32(row), column[node]] > number[node]
                    nodes[row] = child[np.uint32(2) * node + np.uint32(is_right)]
            for row in range(size):
                found[begin + row] += value[nodes[row]]
