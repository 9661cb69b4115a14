"""Whether reasons hold still: among near-identical cases, and from one model to the next.

Reasons that differ where the cases do not are noise that a reader takes for news. Both measures
compare the sets of top reasons by the share that two sets have in common (Jaccard 1912).
"""

from dataclasses import dataclass

import numpy as np

from features.history import Float64, Int64
from models.bundle import Bundle
from models.contributions import explain
from models.telling import MOST_UP


@dataclass(frozen=True)
class Agreement:
    """How far two lists of top reasons agree, over many cases.

    Parameters
    ----------
    n
        Pairs compared.
    overlap
        Mean share in common, 0 to 1; higher = more alike.
    same_first
        Share of pairs with the same first reason.
    """

    n: int
    overlap: float
    same_first: float

    @property
    def churn(self) -> float:
        """Share of reasons that differ, 0 to 1."""
        return 1.0 - self.overlap


def measure_churn(before: Bundle, after: Bundle, values: Float64, outcome: str) -> Agreement:
    """Return how far the reasons of the same cases agree between two models.

    Parameters
    ----------
    before, after
        Two bundles over the same indicator columns.
    values
        Shape ``(n_rows, n_columns)``, an indicator matrix.
    outcome
        One that both model.

    Raises
    ------
    ValueError
        If the bundles' catalogues have other columns.
    """
    if before.catalogue.columns != after.catalogue.columns:
        raise ValueError("the two models read other indicators; compare them by hand")
    return _compare(*(_top_reasons(bundle, values, outcome) for bundle in (before, after)))


def measure_agreement(bundle: Bundle, values: Float64, twins: Float64, outcome: str) -> Agreement:
    """Return how far reasons agree between cases and their near-identical twins.

    Parameters
    ----------
    values, twins
        Shape ``(n_rows, n_columns)``: indicator matrices, row by row near-identical, such as the
        same cases a day later with nothing new.
    outcome
        One that the bundle models.
    """
    tops = [_top_reasons(bundle, rows, outcome) for rows in (values, twins)]
    return _compare(*tops)


def _top_reasons(bundle: Bundle, values: Float64, outcome: str) -> Int64:
    """Return the numbers of the indicators that push up most, shape ``(n_rows, MOST_UP)``; -1 where
    there are fewer.
    """
    shares = explain(bundle.outcomes[outcome], bundle.encoding, values).by_indicator
    order = np.argsort(-shares, axis=1, kind="stable")[:, :MOST_UP]
    return np.where(np.take_along_axis(shares, order, axis=1) > 0, order, -1)


def _compare(a: Int64, b: Int64) -> Agreement:
    common = ((a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]).sum(axis=(1, 2))
    either = (a >= 0).sum(axis=1) + (b >= 0).sum(axis=1) - common
    overlap = np.where(either > 0, common / np.maximum(either, 1), 1.0)
    same = a[:, 0] == b[:, 0]
    return Agreement(len(a), float(overlap.mean()), float(same.mean()))
