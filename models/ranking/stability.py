"""Whether reasons and lists hold still: among near-identical cases, and from one model to the next.

Reasons that differ where the cases do not are noise that a reader takes for news. Measures of
reasons compare the sets of top reasons by the share that two sets have in common (Jaccard 1912).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.contract.arrays import Float64, Int64
from features.history.columns import History
from models.bundle.contributions import explain
from models.bundle.folder import Bundle
from models.ranking.order import order_cases
from models.ranking.reasons_text import MOST_UP, is_zero


@dataclass(frozen=True)
class ReasonAgreement:
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


@dataclass(frozen=True)
class ListChurn:
    """What becomes of a list where another model orders the same cases.

    Parameters
    ----------
    n
        Cases that both order.
    n_places
        Places that the list has for them: the capacity, or all where there are fewer cases.
    leaving
        Of each case that leaves the list, its place before and after, from 1, in order of the
        former. Places name nobody.
    """

    n: int
    n_places: int
    leaving: tuple[tuple[int, int], ...]

    @property
    def share_leaving(self) -> float:
        """Share of the list's cases that leave it, 0 to 1."""
        return len(self.leaving) / self.n_places if self.n_places else 0.0


def measure_list_churn(
    before: Mapping[str, float], after: Mapping[str, float], capacity: int
) -> ListChurn:
    """Return who leaves the first ``capacity`` places where another model orders the cases.

    Parameters
    ----------
    before, after
        Priority by case, higher is looked at sooner; ties by case. Cases that one of them does not
        order are left out, so that what changes is the model's doing.
    capacity
        Places on the list.

    Returns
    -------
    ListChurn
        How many cases both order, and which of the first places are lost.
    """
    then, now = _places(before, after), _places(after, before)
    n_places = min(capacity, len(then))
    leaving = sorted(
        (place, now[case]) for case, place in then.items() if place <= n_places < now[case]
    )
    return ListChurn(len(then), n_places, tuple(leaving))


def list_first(
    before: Mapping[str, float], after: Mapping[str, float], capacity: int
) -> tuple[str, ...]:
    """Return the cases on either list of :func:`measure_list_churn`, in order.

    Parameters
    ----------
    before, after, capacity
        As :func:`measure_list_churn` takes them.

    Returns
    -------
    tuple of str
        Identifiers of the cases.
    """
    orders = (_places(before, after), _places(after, before))
    return tuple(sorted({case for one in orders for case in one if one[case] <= capacity}))


def _places(priority: Mapping[str, float], other: Mapping[str, float]) -> dict[str, int]:
    """Return each case's place, from 1, among the cases that both order."""
    shared = sorted(priority.keys() & other.keys(), key=lambda case: (-priority[case], case))
    return {case: place for place, case in enumerate(shared, 1)}


def measure_served_churn(
    before: Bundle, after: Bundle, history: History, as_of_us: int, cases: Int64
) -> ReasonAgreement:
    """Return how far the reasons that people would read agree between two models.

    A case's reasons are those of the outcome that leads its priority, in either model, and are
    compared by the names of their indicators: the two may read other indicators.

    Parameters
    ----------
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    cases
        Numbers of the cases in the history.

    Returns
    -------
    Agreement
        Over all of the cases.
    """
    names: dict[str, int] = {}
    tops = [_served_reasons(bundle, history, as_of_us, cases, names) for bundle in (before, after)]
    return _compare(*tops)


def _served_reasons(
    bundle: Bundle, history: History, as_of_us: int, cases: Int64, names: dict[str, int]
) -> Int64:
    """Return each case's top reasons in the order of ``cases``, as numbers that ``names`` gives."""
    standing = order_cases(bundle, history, as_of_us, cases)
    leading = np.array(standing.leading, dtype=object)
    numbers = np.array(
        [names.setdefault(one.name, len(names)) for one in bundle.catalogue.indicators],
        dtype=np.int64,
    )
    tops = np.full((len(cases), MOST_UP), -1, dtype=np.int64)
    for outcome in bundle.outcomes:
        rows = np.flatnonzero(leading == outcome)
        if len(rows):
            found = _top_reasons(bundle, standing.values[rows], outcome)
            tops[rows, : found.shape[1]] = np.where(found >= 0, numbers[found], -1)
    # From the order of priority back to that of `cases`, which both models share.
    return tops[np.argsort(standing.case, kind="stable")[_ranks(cases)]]


def _ranks(cases: Int64) -> Int64:
    """Return the place of each number among all of them, ascending."""
    found = np.empty(len(cases), dtype=np.int64)
    found[np.argsort(cases, kind="stable")] = np.arange(len(cases))
    return found


def measure_churn(before: Bundle, after: Bundle, values: Float64, outcome: str) -> ReasonAgreement:
    """Return how far the reasons of the same cases agree between two models.

    Parameters
    ----------
    before, after
        Two bundles over the same indicator columns.
    values
        Shape ``(n_rows, n_columns)``, an indicator matrix.
    outcome
        One that both model.

    Returns
    -------
    Agreement
        Over all rows.

    Raises
    ------
    ValueError
        If the bundles' catalogues have other columns.
    """
    if before.catalogue.columns != after.catalogue.columns:
        raise ValueError("the two models read other indicators; compare them by hand")
    return _compare(*(_top_reasons(bundle, values, outcome) for bundle in (before, after)))


def measure_agreement(
    bundle: Bundle, values: Float64, twins: Float64, outcome: str
) -> ReasonAgreement:
    """Return how far reasons agree between cases and their near-identical twins.

    Parameters
    ----------
    values, twins
        Shape ``(n_rows, n_columns)``: indicator matrices, row by row near-identical, such as the
        same cases a day later with nothing new.
    outcome
        One that the bundle models.

    Returns
    -------
    Agreement
        Over all pairs of rows.
    """
    tops = [_top_reasons(bundle, rows, outcome) for rows in (values, twins)]
    return _compare(*tops)


def _top_reasons(bundle: Bundle, values: Float64, outcome: str) -> Int64:
    """Return the numbers of the indicators that push up most, shape ``(n_rows, MOST_UP)``; -1 where
    there are fewer.
    """
    shares = explain(bundle.outcomes[outcome], bundle.encoding, values).by_indicator
    indicators, columns = bundle.catalogue.indicators, list(bundle.catalogue.first_columns)
    # A zero is no reason up, as on the page.
    zeroes = [
        [is_zero(one, float(value)) for one, value in zip(indicators, row, strict=True)]
        for row in values[:, columns]
    ]
    shares = np.where(np.reshape(zeroes, shares.shape), 0.0, shares)
    order = np.argsort(-shares, axis=1, kind="stable")[:, :MOST_UP]
    return np.where(np.take_along_axis(shares, order, axis=1) > 0, order, -1)


def _compare(a: Int64, b: Int64) -> ReasonAgreement:
    common = ((a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]).sum(axis=(1, 2))
    either = (a >= 0).sum(axis=1) + (b >= 0).sum(axis=1) - common
    # Two files without any reason agree.
    overlap = np.where(either > 0, common / np.maximum(either, 1), 1.0)
    same = a[:, 0] == b[:, 0]
    return ReasonAgreement(len(a), float(overlap.mean()), float(same.mean()))
