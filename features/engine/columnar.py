"""Histories from typed columns: the quick door for data that needs no cleaning.

A contract folder is read through :mod:`features.intake.contract_folder`, cell by cell, with
rejects. Where a table is known to be sound and holds typed columns (a simulator's, a study's,
another system's warehouse), this door builds the same :class:`~features.history.columns.History` at
the speed of memory. It checks what can be checked by column and refuses the whole table otherwise:
nothing is repaired here.

One table of events is read by :func:`read_columns` and :func:`build_history`; a whole unit, with
corrections, incidents and answers, by :func:`read_unit` and :func:`build_unit`.
"""

import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from features.contract.arrays import MISSING, NEVER, Int32, Int64
from features.contract.tables import ACTORS, EVENTS, VIEWS
from features.engine.compilation import kernels
from features.engine.typed_tables import encode, freeze, is_text, read_moments, whole_file
from features.engine.whole_units import build_unit, in_parts, read_unit
from features.errors import DataContractError
from features.history.assembly import settle_ties
from features.history.columns import CODED_COLUMNS, Coded, Events, Facts, History

__all__ = ["NEEDED", "OPTIONAL", "build_history", "build_unit", "read_columns", "read_unit"]

NEEDED: Final = ("case_id", "kind", "occurred_at", "recorded_at")
OPTIONAL: Final = ("event_id", "value", *CODED_COLUMNS[1:])
_DEFAULTS: Final = {"view": VIEWS[0], "actor": ACTORS[0]}
_Waiting = Future[pa.ChunkedArray]
_SPARSE: Final = 4
"""Integers are numbered by counting where they take up at most so many places each."""


def read_columns(
    path: Path,
    columns: Mapping[str, str] | None = None,
    *,
    time_zone: str = "UTC",
) -> History:
    """Read a Parquet file of events, in any order of rows.

    Parameters
    ----------
    path
        The file.
    columns
        Which column fills which of ``NEEDED`` and ``OPTIONAL``; their own names where ``None``. One
        column may fill several: a table with one clock fills both.
    time_zone
        Zone of dates given later.

    Raises
    ------
    DataContractError
        If a needed column is absent, holds empty cells or is not typed. Names the column.
    """
    named = dict(columns or {name: name for name in (*NEEDED, *OPTIONAL)})
    with whole_file(path):
        present = pq.read_schema(path, memory_map=True).names
    # Identifiers are read last: the order of rows, for which all else waits, is found without them.
    roles = sorted(named, key=lambda role: role == "event_id")
    wanted = dict.fromkeys(named[role] for role in roles if named[role] in present)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        waiting = {name: pool.submit(_read_column, path, name) for name in wanted}
        found = {role: waiting[name] for role, name in named.items() if name in present}
        return _build(found, pool, time_zone)


def _read_column(path: Path, name: str) -> pa.ChunkedArray:
    with whole_file(path):
        texts = [name] if is_text(pq.read_schema(path, memory_map=True).field(name).type) else []
        with pq.ParquetFile(path, memory_map=True, read_dictionary=texts) as file:
            return file.read([name], use_threads=False)[name]


def build_history(columns: Mapping[str, pa.ChunkedArray], *, time_zone: str = "UTC") -> History:
    """Build a history from typed columns, in any order of rows.

    Parameters
    ----------
    columns
        ``case_id`` (integers or text; integers keep their order), ``kind`` (text), ``occurred_at``
        and ``recorded_at`` (timestamps with a zone, or integers in microseconds UTC), and any of
        ``OPTIONAL``.
    time_zone
        Zone of dates given later.

    Raises
    ------
    DataContractError
        If a needed column is absent, holds empty cells or is not typed.
    """
    given: dict[int, _Waiting] = {}
    for column in columns.values():
        if id(column) not in given:
            given[id(column)] = Future()
            given[id(column)].set_result(column)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return _build({name: given[id(one)] for name, one in columns.items()}, pool, time_zone)


def _build(columns: Mapping[str, _Waiting], pool: ThreadPoolExecutor, time_zone: str) -> History:
    """Build a history from columns that the threads of ``pool`` may still be reading."""
    for name in NEEDED:
        if name not in columns:
            _refuse_empty(name)
    unknown = sorted(set(columns) - {*NEEDED, *OPTIONAL})
    if unknown:
        raise DataContractError(f"columns {', '.join(unknown)} are not read here; leave them out")
    case_id, case = _number_cases(_need(columns, "case_id"))
    placed = _place(columns, len(case_id), case)
    order, size = placed.order, len(case)
    empty, first = _empty(size), np.zeros(size, dtype=np.int32)
    coded = {name: pool.submit(_code, name, columns, empty, first, order) for name in CODED_COLUMNS}
    value = pool.submit(_read_values, columns.get("value"), size, order)
    events = Events(
        pointer=placed.pointer,
        occurred_at=placed.occurred_at,
        recorded_at=placed.recorded_at,
        superseded_at=np.full(size, NEVER, dtype=np.int64),
        superseded_by=empty.codes,
        incident=empty.codes,
        via=empty,
        measured=np.ones(size, dtype=np.bool_),
        event_id=np.take(_read_ids(columns, size), order),
        value=value.result(),
        **{name: column.result() for name, column in coded.items()},
    )
    nothing = np.empty(0, dtype=np.int64)
    return History(
        case_id=case_id,
        case_recorded_at=np.full(len(case_id), np.iinfo(np.int64).min),
        area=_empty(len(case_id)),
        referral_source=_empty(len(case_id)),
        events=events,
        facts=Facts(
            pointer=np.zeros(len(case_id) + 1, dtype=np.int64),
            recorded_at=nothing,
            superseded_at=nothing,
            superseded_by=_empty(0).codes,
            name=_empty(0),
            asked=np.empty(0, dtype=np.bool_),
            value=_empty(0),
            fact_id=np.empty(0, dtype=np.object_),
        ),
        time_zone=time_zone,
        extract_at=int(placed.recorded_at.max(initial=0)) + 1,
    )


def _need(columns: Mapping[str, _Waiting], name: str) -> pa.ChunkedArray:
    column = columns[name].result()
    if column.null_count:
        _refuse_empty(name)
    return column


def _refuse_empty(name: str) -> NoReturn:
    raise DataContractError(
        f"column {name} is absent or has empty cells; use `caselight import`, which keeps such "
        "rows apart"
    )


def _read_ids(columns: Mapping[str, _Waiting], size: int) -> Any:
    return columns["event_id"].result().to_numpy() if "event_id" in columns else np.arange(size)


@dataclass(frozen=True)
class _Placed:
    """Each case's start, the rows by case, both clocks and identifier, and both clocks by place."""

    pointer: Int64
    order: Int64
    occurred_at: Int64
    recorded_at: Int64


def _place(columns: Mapping[str, _Waiting], n_cases: int, case: Int32) -> _Placed:
    one_clock = columns["recorded_at"] is columns["occurred_at"]
    occurred_at = _read_moments("occurred_at", _need(columns, "occurred_at"))
    recorded_at = occurred_at
    if not one_clock:
        recorded_at = _read_moments("recorded_at", _need(columns, "recorded_at"))
    pointer = np.empty(n_cases + 1, dtype=np.int64)
    order = np.empty(len(case), dtype=np.int64)
    moment = np.empty(len(case), dtype=np.int64)
    compiled = kernels()
    compiled.gather_cases(freeze(case), occurred_at, pointer, order, moment)

    def sort(a: int, b: int) -> bool:
        return compiled.sort_cases(pointer, a, b, recorded_at, order, moment)

    tied = any(in_parts(sort, n_cases))
    placed = _Placed(pointer, order, moment, moment if one_clock else np.take(recorded_at, order))
    if tied:
        settle_ties(order, _find_ties(placed), _read_ids(columns, len(case)))
    return placed


def _find_ties(placed: _Placed) -> npt.NDArray[np.bool_]:
    """Return for each place but the last whether it equals the next."""
    at, recorded_at = placed.occurred_at, placed.recorded_at
    tied = (at[1:] == at[:-1]) & (recorded_at[1:] == recorded_at[:-1])
    inner = placed.pointer[1:-1]
    tied[inner[(inner > 0) & (inner < len(at))] - 1] = False
    return np.asarray(tied)


def _number_cases(column: pa.ChunkedArray) -> tuple[Any, Int32]:
    """Return the distinct identifiers in order, as text, and each row's number among them."""
    if pa.types.is_integer(column.type) and len(column):
        given = column.to_numpy()
        low, high = int(given.min()), int(given.max())
        if high - low < _SPARSE * len(given):
            present = np.zeros(high - low + 1, dtype=np.bool_)
            present[given - low] = True
            number = np.cumsum(present, dtype=np.int32) - 1
            names = pa.array(np.flatnonzero(present) + low).cast(pa.string())
            return names.to_numpy(zero_copy_only=False), np.take(number, given - low)
    distinct, codes = _factorize(column)
    return np.array([str(value) for value in distinct], dtype=object), codes


def _factorize(column: pa.ChunkedArray) -> tuple[list[Any], Int32]:
    """Return the distinct values, sorted, and each row's code among them."""
    dictionary, codes = encode(column)
    values = dictionary.to_pylist()
    order = sorted(range(len(values)), key=values.__getitem__)
    rank = np.empty(len(values) + 1, dtype=np.int32)
    rank[order] = np.arange(len(values), dtype=np.int32)
    rank[-1] = MISSING
    return [values[place] for place in order], np.take(rank, codes)


def _read_moments(name: str, column: pa.ChunkedArray) -> Int64:
    found = column if column.type == pa.int64() else read_moments(column)
    if found is None:
        raise DataContractError(
            f"column {name} holds no timestamps with a zone, to the microsecond, nor microseconds; "
            "convert it"
        )
    moments: Int64 = freeze(found.to_numpy())
    return moments


def _read_values(column: _Waiting | None, size: int, order: Int64) -> Any:
    if column is None:
        return np.full(size, np.nan)
    return np.take(column.result().cast(pa.float64()).to_numpy(), order)


def _code(
    name: str, columns: Mapping[str, _Waiting], empty: Coded, first: Int32, order: Int64
) -> Coded:
    """Code a column; one that is absent shares the empty codes, or those of its default."""
    if name not in columns:
        default = _DEFAULTS.get(name)
        return Coded(first, (default,)) if default else empty
    column = _need(columns, name) if name in NEEDED else columns[name].result()
    distinct, codes = _factorize(column)
    choices = next(entry.choices for entry in EVENTS.columns if entry.name == name)
    if choices and not set(distinct) <= set(choices):
        raise DataContractError(f"column {name} holds other values than {', '.join(choices)}")
    return Coded(np.take(codes, order), tuple(str(value) for value in distinct))


def _empty(size: int) -> Coded:
    return Coded(np.full(size, MISSING, dtype=np.int32), ())
