"""Histories from one table of typed columns: the quick door for data that needs no cleaning.

A contract folder is read through :mod:`features.folder`, cell by cell, with rejects. Where a table
is known to be sound and holds typed columns (a simulator's, a study's, another system's warehouse),
this door builds the same :class:`~features.history.History` at the speed of memory. It checks what
can be checked by column and refuses the whole table otherwise: nothing is repaired here.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.assembly import settle_ties
from features.compiled import kernels
from features.contract import ACTORS, EVENTS, VIEWS
from features.errors import DataContractError
from features.history import (
    CODED_COLUMNS,
    MISSING,
    NEVER,
    Coded,
    Events,
    Facts,
    History,
    Int32,
    Int64,
)

NEEDED: Final = ("case_id", "kind", "occurred_at", "recorded_at")
OPTIONAL: Final = ("event_id", "value", *CODED_COLUMNS[1:])
_DEFAULTS: Final = {"view": VIEWS[0], "actor": ACTORS[0]}
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
    try:
        schema = pq.read_schema(path, memory_map=True)
        present = schema.names
        wanted = [name for name in dict.fromkeys(named.values()) if name in present]
        texts = [name for name in wanted if pa.types.is_large_string(schema.field(name).type)]
        texts += [name for name in wanted if pa.types.is_string(schema.field(name).type)]
        table = pq.read_table(path, columns=wanted, read_dictionary=texts, memory_map=True)
    except (pa.ArrowException, OSError):
        raise DataContractError(f"{path.name}: this is not a whole Parquet file") from None
    found = {role: table[name] for role, name in named.items() if name in present}
    return build_history(found, time_zone=time_zone)


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
    for name in NEEDED:
        if name not in columns or columns[name].null_count:
            raise DataContractError(
                f"column {name} is absent or has empty cells; use `caselight import`, which keeps "
                "such rows apart"
            )
    unknown = sorted(set(columns) - {*NEEDED, *OPTIONAL})
    if unknown:
        raise DataContractError(f"columns {', '.join(unknown)} are not read here; leave them out")
    case_id, case = _number_cases(columns["case_id"])
    occurred_at = _read_moments("occurred_at", columns["occurred_at"])
    one_clock = columns["recorded_at"] is columns["occurred_at"]
    recorded_at = occurred_at if one_clock else _read_moments("recorded_at", columns["recorded_at"])
    size = len(case)
    ids = columns["event_id"].to_numpy() if "event_id" in columns else np.arange(size)
    placed = _sort_events(len(case_id), case, occurred_at, recorded_at)
    recorded = placed.occurred_at if one_clock else np.take(recorded_at, placed.order)
    order = placed.order
    if placed.tied:
        order = settle_ties(order, _find_ties(placed, recorded), ids)
    empty, first = _empty(size), np.zeros(size, dtype=np.int32)
    events = Events(
        pointer=placed.pointer,
        occurred_at=placed.occurred_at,
        recorded_at=recorded,
        superseded_at=np.full(size, NEVER, dtype=np.int64),
        value=_read_values(columns.get("value"), size, order),
        incident=empty.codes,
        via=empty,
        measured=np.ones(size, dtype=np.bool_),
        event_id=np.take(ids, order),
        **{name: _code(name, columns.get(name), empty, first, order) for name in CODED_COLUMNS},
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
            name=_empty(0),
            asked=np.empty(0, dtype=np.bool_),
            value=_empty(0),
            fact_id=np.empty(0, dtype=np.object_),
        ),
        time_zone=time_zone,
        extract_at=int(recorded_at.max(initial=0)) + 1,
    )


@dataclass(frozen=True)
class _Placed:
    """Rows by case and both clocks: each case's start, the rows, when they occurred, and whether
    any two are equal in all three.
    """

    pointer: Int64
    order: Int64
    occurred_at: Int64
    tied: bool


def _sort_events(n_cases: int, case: Int32, occurred_at: Int64, recorded_at: Int64) -> _Placed:
    pointer = np.zeros(n_cases + 1, dtype=np.int64)
    order = np.empty(len(case), dtype=np.int64)
    moment = np.empty(len(case), dtype=np.int64)
    compiled = kernels()
    compiled.gather_cases(case, occurred_at, pointer, order, moment)
    workers = os.cpu_count() or 1
    edges = np.linspace(0, n_cases, workers + 1).astype(np.int64)

    def sort(part: int) -> bool:
        return compiled.sort_cases(
            pointer, edges[part], edges[part + 1], recorded_at, order, moment
        )

    with ThreadPoolExecutor(workers) as pool:
        tied = list(pool.map(sort, range(workers)))
    return _Placed(pointer, order, moment, any(tied))


def _find_ties(placed: _Placed, recorded_at: Int64) -> npt.NDArray[np.bool_]:
    """Return for each place but the last whether it equals the next."""
    at = placed.occurred_at
    tied = (at[1:] == at[:-1]) & (recorded_at[1:] == recorded_at[:-1])
    tied[placed.pointer[1:-1] - 1] = False
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
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    encoded = column.combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    if not pa.types.is_dictionary(encoded.type):
        encoded = pc.dictionary_encode(encoded)
    values = encoded.dictionary.to_pylist()
    order = sorted(range(len(values)), key=values.__getitem__)
    rank = np.empty(len(values) + 1, dtype=np.int32)
    rank[order] = np.arange(len(values), dtype=np.int32)
    rank[-1] = MISSING
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return [values[place] for place in order], np.take(rank, codes)


def _read_moments(name: str, column: pa.ChunkedArray) -> Int64:
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    if column.type != pa.int64():
        raise DataContractError(
            f"column {name} holds no timestamps with a zone, nor microseconds; convert it"
        )
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _read_values(column: pa.ChunkedArray | None, size: int, order: Int64) -> Any:
    if column is None:
        return np.full(size, np.nan)
    return np.take(column.cast(pa.float64()).to_numpy(), order)


def _code(
    name: str, column: pa.ChunkedArray | None, empty: Coded, first: Int32, order: Int64
) -> Coded:
    """Code a column; one that is absent shares the empty codes, or those of its default."""
    if column is None:
        default = _DEFAULTS.get(name)
        return Coded(first, (default,)) if default else empty
    distinct, codes = _factorize(column)
    choices = next(entry.choices for entry in EVENTS.columns if entry.name == name)
    if choices and not set(distinct) <= set(choices):
        raise DataContractError(f"column {name} holds other values than {', '.join(choices)}")
    return Coded(np.take(codes, order), tuple(str(value) for value in distinct))


def _empty(size: int) -> Coded:
    return Coded(np.full(size, MISSING, dtype=np.int32), ())
