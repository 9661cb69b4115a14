"""The engine: every indicator of every case at every date, by one function for all uses.

Batch, training and the live service call :func:`measure` (promise 4). The engine's version is part
of every score, because a replay must say which arithmetic it repeats.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contract.arrays import Float64, Int64
from features.engine.binding import Binding, bind
from features.engine.compiled_passes import passes
from features.engine.plan import Plan, compile_expressions, compile_plan
from features.history.columns import History
from features.history.reading_rules import ENGINE_VERSION

__all__ = ["ENGINE_VERSION", "Matrix", "Queries", "compile_expressions", "compile_plan", "measure"]

_ROWS_PER_TASK: Final = 2_048


@dataclass(frozen=True)
class Queries:
    """Which case to measure as of when; all of shape ``(n_queries,)``, microseconds UTC.

    Parameters
    ----------
    case
        Number of the case in the history.
    anchor_us
        Moment from which windows reach back.
    cut_us
        Events count if they occurred before it.
    known_us
        Records count if they were in force by what was recorded before it.
    """

    case: Int64
    anchor_us: Int64
    cut_us: Int64
    known_us: Int64

    def __len__(self) -> int:
        return len(self.case)


@dataclass(frozen=True)
class Matrix:
    """Indicators of cases at dates.

    Parameters
    ----------
    values
        Shape ``(n_rows, n_columns)``, float64; NaN is missing.
    columns
        Names of the columns.
    case
        Number of each row's case in the history.
    as_of_us
        Each row's moment, microseconds UTC.
    """

    values: Float64
    columns: tuple[str, ...]
    case: Int64
    as_of_us: Int64

    def column(self, name: str) -> Float64:
        """Return one column by name."""
        return self.values[:, self.columns.index(name)]


def measure(
    history: History,
    plan: Plan,
    as_of_us: int | Sequence[int],
    cases: Int64 | Sequence[Int64] | None = None,
    *,
    threads: int | None = None,
) -> Matrix:
    """Measure cases as known at one or several moments.

    Parameters
    ----------
    history
        The case histories.
    plan
        What to measure.
    as_of_us
        One moment or several, microseconds UTC; only what occurred and was recorded strictly
        before it is used.
    cases
        Numbers of the cases: one array for all dates, or one array per date; all cases where
        ``None``.
    threads
        Number of threads; the number of processors where ``None``. Results do not depend on it.

    Returns
    -------
    Matrix
        Sorted by date as given, then case.
    """
    dates = [as_of_us] if isinstance(as_of_us, int | np.integer) else list(as_of_us)
    everyone = np.arange(len(history), dtype=np.int64)
    if cases is None:
        chosen = [everyone] * len(dates)
    elif isinstance(cases, np.ndarray):
        chosen = [cases.astype(np.int64)] * len(dates)
    else:
        chosen = [np.asarray(some, dtype=np.int64) for some in cases]
    case = np.concatenate(chosen) if chosen else np.empty(0, dtype=np.int64)
    moment = np.repeat(np.array(dates, dtype=np.int64), [len(some) for some in chosen])
    values = measure_queries(history, plan, Queries(case, moment, moment, moment), threads=threads)
    return Matrix(values=values, columns=plan.columns, case=case, as_of_us=moment)


def measure_queries(
    history: History,
    plan: Plan,
    queries: Queries,
    *,
    threads: int | None = None,
    binding: Binding | None = None,
) -> Float64:
    """Measure each query; shape ``(n_queries, n_columns)``.

    Labels use this with a cut after the anchor's date and their own knowledge; everything else uses
    :func:`measure`. ``binding`` may be passed where one history is measured many times.

    Parameters
    ----------
    history, plan
        What is measured of which histories.
    queries
        Which case to measure as of when.
    threads
        Number of threads; the number of processors where ``None``.
    binding
        The plan bound to this history, where it was bound before.

    Returns
    -------
    Float64
        Shape ``(n_queries, n_columns)``, in the order of the queries; NaN is missing.
    """
    bound = binding or bind(plan, history)
    output = np.empty((len(queries), len(plan.columns)))
    # The pass lays a case out once for those of its queries that follow each other.
    order = np.argsort(queries.case, kind="stable")
    if len(order) <= _ROWS_PER_TASK:
        if len(order):
            _measure_part(plan, bound, queries, order, output)
        return output
    workers = threads or os.cpu_count() or 1
    # Several parts a worker, so that one with long histories does not hold up the rest.
    size = max(_ROWS_PER_TASK, -(-len(order) // (workers * 4)))
    parts = [order[at : at + size] for at in range(0, len(order), size)]
    if workers == 1:
        for part in parts:
            _measure_part(plan, bound, queries, part, output)
        return output
    # Threads suffice: the compiled pass lets go of the interpreter's lock (ADR 2).
    with ThreadPoolExecutor(workers) as pool:
        tasks = [pool.submit(_measure_part, plan, bound, queries, p, output) for p in parts]
        for task in tasks:
            # Raises here what was raised in a thread.
            task.result()
    return output


def _measure_part(
    plan: Plan, bound: Binding, queries: Queries, rows: Int64, output: Float64
) -> None:
    compiled = passes()
    case = queries.case[rows]
    anchor = queries.anchor_us[rows]
    known = queries.known_us[rows]
    compiled.measure_events(
        bound.events,
        plan.ops,
        plan.selector_arrays,
        plan.windows_us,
        len(plan.states),
        case,
        anchor,
        queries.cut_us[rows],
        known,
        rows,
        output,
    )
    if len(plan.fact_arrays.fact):
        compiled.measure_facts(bound.facts, plan.fact_arrays, case, anchor, known, rows, output)
