"""The edge: rows of any origin become normalised rows of a contract table, or rejects.

Text is read column by column; what comes out is then held against a pandera schema. After this
nothing downstream checks a cell again.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from features.contract.arrays import Int64
from features.contract.moments import EARLIEST_US, UNREADABLE, Edge, from_timestamps, parse_moments
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import MAX_NARRATIVE_LENGTH, MAX_TEXT_LENGTH, Column, Form, Table
from features.errors import DataContractError
from features.intake.files import Piece

DAY_US: Final = 86_400_000_000
LATEST_AHEAD_US: Final = 20 * 366 * DAY_US
"""A known release date may lie ahead, as far as a long sentence."""
ROW, FILE = "_row", "_file"


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

    ``frame`` has the table's columns, then ``_file`` and ``_row``. Text is ``str`` with missing
    values, moments are int64 microseconds UTC (optional ones nullable ``Int64``), numbers float64.
    """

    frame: pd.DataFrame
    rejects: Rejects
    warnings: Mapping[str, int]


@dataclass(frozen=True)
class _Problem:
    column: str
    code: str
    rows: Int64


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
        If a required column is absent.
    """
    absent = [c.name for c in table.columns if c.required and c.name not in piece.frame.columns]
    if absent:
        raise DataContractError(
            f"{piece.file}: column {', '.join(absent)} of table {table.name} is absent; "
            "add it, or map it in a mapping file"
        )
    problems: list[_Problem] = []
    warnings: dict[str, int] = {}
    columns = {
        column.name: _read_column(column, piece, clock, problems, warnings)
        for column in table.columns
    }
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(piece.frame)))
    frame[FILE], frame[ROW] = piece.file, piece.rows
    broken = np.zeros(len(frame), dtype=np.bool_)
    for problem in problems:
        broken[problem.rows] = True
    problems += _check(table, frame[~broken], clock)
    for problem in problems:
        broken[problem.rows] = True
    passed = frame[~broken].reset_index(drop=True)
    if {"occurred_at", "recorded_at"} <= set(passed.columns):
        early = int((passed["recorded_at"] < passed["occurred_at"]).sum())
        if early:
            warnings[f"{table.name}: recorded before it occurred"] = early
    return Normalised(passed, _reject(table, piece, problems), warnings)


def _read_column(
    column: Column,
    piece: Piece,
    clock: Clock,
    problems: list[_Problem],
    warnings: dict[str, int],
) -> "pd.Series[Any]":
    size = len(piece.frame)
    if column.name not in piece.frame.columns:
        given = pd.Series([None] * size, dtype="str")
    else:
        given = piece.frame[column.name].reset_index(drop=True)
    if column.form in (Form.OCCURRED, Form.RECORDED):
        return _read_moments(column, given, clock, problems, warnings)
    if column.form is Form.NUMBER:
        return _read_numbers(column, given, problems)
    text = _read_text(column, given, problems)
    if column.form is Form.CHOICE:
        text = text.str.lower()
    return text if column.default is None else text.fillna(column.default)


def _read_text(
    column: Column, given: "pd.Series[Any]", problems: list[_Problem]
) -> "pd.Series[str]":
    """Return text without surrounding blanks; whole numbers lose the ``.0`` that a missing
    neighbour gave them.
    """
    if isinstance(given.dtype, pd.StringDtype):
        text = given.str.strip()
        return text.mask(text == "")
    if pd.api.types.is_bool_dtype(given.dtype):
        return given.map({True: "yes", False: "no"}).astype("str")
    if pd.api.types.is_integer_dtype(given.dtype):
        return given.astype("str")
    if pd.api.types.is_float_dtype(given.dtype):
        whole = given.notna() & (given % 1 == 0) & (given.abs() < 2**53)
        text = given.astype(object).where(~whole, given.where(whole, 0).astype("int64"))
        return text.where(given.notna(), None).map(str, na_action="ignore").astype("str")
    simple = given.map(lambda cell: cell is None or isinstance(cell, str | int | float))
    if not simple.all():
        problems.append(_Problem(column.name, "not_text", np.flatnonzero(~simple)))
        given = given.where(simple, None)
    missing = given.isna()
    text = given.map(str).mask(missing, None).astype("str").str.strip()
    return text.mask(text == "")


def _read_moments(
    column: Column,
    given: "pd.Series[Any]",
    clock: Clock,
    problems: list[_Problem],
    warnings: dict[str, int],
) -> "pd.Series[Any]":
    edge: Edge = "first" if column.form is Form.OCCURRED else "last"
    if pd.api.types.is_datetime64_any_dtype(given.dtype):
        empty = given.isna().to_numpy()
        found = from_timestamps(given, clock.time_zone, edge)
    else:
        text = _read_text(column, given, problems)
        empty = text.isna().to_numpy()
        found = parse_moments(text, clock.time_zone, edge)
    unreadable = (found.us == UNREADABLE) & ~empty
    if unreadable.any():
        problems.append(_Problem(column.name, "unreadable_moment", np.flatnonzero(unreadable)))
    if found.n_shifted:
        warnings[f"{column.name}: local time skipped by the clock, read an hour on"] = (
            found.n_shifted
        )
    if column.required:
        if empty.any():
            problems.append(_Problem(column.name, "missing", np.flatnonzero(empty)))
        return pd.Series(found.us)
    return pd.Series(pd.array(found.us, dtype="Int64")).mask(found.us == UNREADABLE)


def _read_numbers(
    column: Column, given: "pd.Series[Any]", problems: list[_Problem]
) -> "pd.Series[float]":
    if pd.api.types.is_numeric_dtype(given.dtype):
        numbers = given.astype("float64")
        unreadable = numbers.abs() == np.inf
    else:
        text = _read_text(column, given, problems)
        numbers = pd.to_numeric(text, errors="coerce").astype("float64")
        unreadable = (numbers.isna() & text.notna()) | (numbers.abs() == np.inf)
    if unreadable.any():
        problems.append(
            _Problem(column.name, "unreadable_number", np.flatnonzero(unreadable.to_numpy()))
        )
    return numbers.mask(unreadable)


@functools.cache
def _schema(table: Table) -> Any:
    """Return the pandera schema of a normalised table."""
    import pandera.pandas as pandera

    columns = {}
    for column in table.columns:
        checks = []
        if column.choices:
            checks.append(pandera.Check.isin(column.choices, error="not_a_choice"))
        elif column.form not in (Form.OCCURRED, Form.RECORDED, Form.NUMBER):
            longest = MAX_NARRATIVE_LENGTH if column.form is Form.TEXT else MAX_TEXT_LENGTH
            checks.append(pandera.Check.str_length(max_value=longest, error="too_long"))
        columns[column.name] = pandera.Column(nullable=not column.required, checks=checks)
    return pandera.DataFrameSchema(columns)


def _check(table: Table, frame: pd.DataFrame, clock: Clock) -> list[_Problem]:
    """Return what the schema finds, by row of the piece."""
    from pandera.errors import SchemaErrors

    if frame.empty:
        return []
    found = _check_dates(table, frame, clock)
    try:
        _schema(table).validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        cases = cases.assign(check=cases["check"].replace("not_nullable", "missing"))
        found += [
            _Problem(str(column), str(code), group["index"].to_numpy(dtype=np.int64))
            for (column, code), group in cases.groupby(["column", "check"])
        ]
    return found


def _check_dates(table: Table, frame: pd.DataFrame, clock: Clock) -> list[_Problem]:
    """Return dates that cannot be, by row of the piece."""
    found = []
    for column in table.columns:
        if column.form not in (Form.OCCURRED, Form.RECORDED):
            continue
        may_lie_ahead = column.form is Form.OCCURRED or column.name == "occurred_until"
        latest = clock.extract_at_us + (LATEST_AHEAD_US if may_lie_ahead else DAY_US)
        moments = frame[column.name]
        strange = ((moments < clock.earliest_us) | (moments > latest)).fillna(False)
        if strange.any():
            rows = frame.index[strange.to_numpy(dtype=np.bool_)].to_numpy(dtype=np.int64)
            found.append(_Problem(column.name, "implausible_date", rows))
    return found


def _reject(table: Table, piece: Piece, problems: list[_Problem]) -> Rejects:
    source = piece.frame if piece.source is None else piece.source
    found = [
        make_rejects(
            table=table.name,
            file=piece.file,
            rows=piece.rows[problem.rows].tolist(),
            column=problem.column,
            code=problem.code,
            sources=source.iloc[problem.rows].to_dict("records"),  # type: ignore[arg-type]
        )
        for problem in problems
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
