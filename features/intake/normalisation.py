"""The edge: rows of any origin become normalised rows of a contract table, or rejects.

Columns are read whole. After this nothing downstream checks a cell again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from features.compiled.texts import fill_numbers, find_known
from features.contract.arrays import Bools, Int64
from features.contract.moments import EARLIEST_US, LATEST_AHEAD_US
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import Column, Form, Table
from features.errors import DataContractError
from features.intake.date_columns import DAY_US
from features.intake.pieces import Piece
from features.intake.reading import CellProblem, ReadColumn, absent_column, read_column

ROW, FILE = "_row", "_file"
PLACES: Final = (FILE, ROW)
"""Columns that say where a normalised row came from, beside the contract's own."""


@dataclass(frozen=True)
class Clock:
    """In which zone moments are read, when the data were drawn, and the earliest plausible moment
    (microseconds UTC).
    """

    time_zone: str
    extract_at_us: int
    earliest_us: int = EARLIEST_US


@dataclass(frozen=True)
class Normalised:
    """Rows of one table that passed, those that did not, and counted warnings.

    Parameters
    ----------
    rows
        The table's columns, then ``_file`` and ``_row``. Codes, choices and ``case_id`` are
        dictionaries of text, other text is ``large_string``, moments are int64 microseconds UTC,
        numbers are float64; null where unknown.
    rejects, warnings
        Rows that cannot be used, and what was kept but looks odd, counted.
    midnights
        For each column of moments that says when something was recorded and holds no other time
        than midnight: which of ``rows`` are such times, shape ``(n,)``.
    """

    rows: pa.Table
    rejects: Rejects
    warnings: Mapping[str, int]
    midnights: Mapping[str, Bools]


def normalise(table: Table, piece: Piece, clock: Clock) -> Normalised:
    """Normalise some rows of one table.

    Parameters
    ----------
    table
        Which table of the contract.
    piece
        Rows as they were read.
    clock
        The unit's time zone, and the moments between which records are plausible.

    Returns
    -------
    Normalised
        Rows in the contract's types, and rejects for the others.

    Raises
    ------
    DataContractError
        If a required column is absent, or a column is of a type that nobody can read.
    """
    names = frozenset(piece.table.column_names)
    _check_present(table, piece.file, names)
    columns = {
        column.name: _read(column, piece, clock)
        if column.name in names
        else absent_column(column, len(piece.rows))
        for column in table.columns
    }
    broken = np.zeros(len(piece.rows), dtype=np.bool_)
    problems = [problem for one in columns.values() for problem in one.unreadable]
    for problem in problems:
        broken[problem.rows] = True
    # What a readable row lacks is told of it; a row that cannot be read is told that alone.
    for problem in _find_faults(table, columns, clock):
        faulty = problem.rows[~broken[problem.rows]]
        problems += [CellProblem(problem.column, problem.code, faulty)] if len(faulty) else []
    for problem in problems:
        broken[problem.rows] = True
    return _keep(table, piece, columns, ~broken, problems)


def _check_present(table: Table, file: str, names: frozenset[str]) -> None:
    absent = table.required - names
    if absent:
        in_order = [name for name in table.column_names if name in absent]
        raise DataContractError(
            f"{file}: column {', '.join(in_order)} of table {table.name} is absent; "
            "add it, or map it in a mapping file"
        )


def _read(column: Column, piece: Piece, clock: Clock) -> ReadColumn:
    given = piece.table.column(column.name)
    return read_column(column, given, piece.file, clock.time_zone)


def _find_faults(
    table: Table, columns: Mapping[str, ReadColumn], clock: Clock
) -> Iterator[CellProblem]:
    """Yield what is wrong with cells that could be read, by row of the piece."""
    for column in table.columns:
        read = columns[column.name]
        yield from read.faults
        if column.form in (Form.OCCURRED, Form.RECORDED):
            strange = _find_strange(column, read.values, clock)
            if len(strange):
                yield CellProblem(column.name, "implausible_date", strange)


def _find_strange(column: Column, moments: pa.Array, clock: Clock) -> Int64:
    """Return the rows whose dates cannot be."""
    may_lie_ahead = column.form is Form.OCCURRED or column.name == "occurred_until"
    latest = clock.extract_at_us + (LATEST_AHEAD_US if may_lie_ahead else DAY_US)
    if moments.null_count == len(moments):
        return np.empty(0, dtype=np.int64)
    known, us = find_known(moments), fill_numbers(moments, 0)
    return np.flatnonzero(known & ((us < clock.earliest_us) | (us > latest)))


def _keep(
    table: Table,
    piece: Piece,
    columns: Mapping[str, ReadColumn],
    kept: Bools,
    problems: list[CellProblem],
) -> Normalised:
    whole = bool(kept.all())
    mask = None if whole else pa.array(kept)

    def cut(values: pa.Array) -> pa.Array:
        return values if mask is None else values.filter(mask)

    held = {name: cut(read.values) for name, read in columns.items()}
    rows = pa.table(
        held
        | {
            FILE: pa.DictionaryArray.from_arrays(
                np.zeros(int(kept.sum()), dtype=np.int32), pa.array([piece.file], pa.large_string())
            ),
            ROW: piece.rows[kept],
        }
    )
    told = {text: n for read in columns.values() for text, n in read.warnings.items()}
    warnings = told | count_disorders(table, rows)
    midnights = {
        column.name: columns[column.name].midnights[kept]  # type: ignore[index]
        for column in table.columns
        if column.form is Form.RECORDED and columns[column.name].midnights is not None
    }
    return Normalised(rows, _reject(table, piece, problems), warnings, midnights)


def count_disorders(table: Table, rows: pa.Table) -> dict[str, int]:
    """Count the rows of a table whose dates come in an order that is told; such rows are kept.

    Parameters
    ----------
    table
        Which table.
    rows
        Its normalised rows.

    Returns
    -------
    dict of str to int
        Numbers of rows by what is said of them.
    """
    warnings: dict[str, int] = {}
    for earlier, later, words in (
        ("occurred_at", "recorded_at", "recorded before it occurred"),
        ("occurred_at", "occurred_until", "ended before it began"),
    ):
        if earlier not in table.column_names:
            continue
        first, last = (rows.column(name).combine_chunks() for name in (earlier, later))
        if last.null_count < len(last):
            known = find_known(first) & find_known(last)
            early = int((known & (fill_numbers(last, 0) < fill_numbers(first, 0))).sum())
            if early:
                warnings[f"{table.name}: {words}"] = early
    return warnings


def _reject(table: Table, piece: Piece, problems: list[CellProblem]) -> Rejects:
    source = piece.table if piece.source is None else piece.source
    found = [
        make_rejects(
            table=table.name,
            file=piece.file,
            rows=piece.rows[problem.rows].tolist(),
            column=problem.column,
            code=problem.code,
            sources=source.take(pa.array(problem.rows)).to_pylist(),
        )
        for problem in problems
        if len(problem.rows)
    ]
    if piece.bad:
        found.append(
            make_rejects(
                table=table.name,
                file=piece.file,
                rows=[row.number for row in piece.bad],
                column="",
                code=[row.code for row in piece.bad],
                sources=[row.cells for row in piece.bad],
            )
        )
    return join_rejects(found)
