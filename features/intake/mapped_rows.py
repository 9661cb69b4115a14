"""Rows of an export become rows of a contract table, as a mapping says.

A column that is only renamed keeps its type. Everything else is made from text: the same cells give
the same record whatever type the file gave them and whatever their neighbours hold.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.contract.arrays import Bools
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import Column, Form
from features.errors import DataContractError
from features.intake.cells import write_cells
from features.intake.files import Piece
from features.intake.mapped_date_formats import read_dates, shift_days
from features.intake.mapping import (
    EMPTY,
    KEEP,
    PLACEHOLDER,
    REJECT,
    ROW,
    Fill,
    RecordMapping,
    SourceMapping,
)
from features.intake.source_rows import SourceRows, blank, is_text

OPEN_ENDS: Final = ("occurred_until", "ended_at")
"""Columns in which the last day of the calendar means that there is no end."""
_FAR: Final = "9999-12-31"
_FAR_YEAR: Final = 9999
_DATES: Final = (Form.OCCURRED, Form.RECORDED)
_COMMA_NUMBER: Final = r"^[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?(?:[eE][+-]?\d+)?$"
"""A number with a decimal comma, thousands parted by full stops or not at all."""


SCIENTIFIC: Final = r"(?:^|[^0-9A-Za-z])\d(?:[.,]\d+)?[eE]\+\d{2,3}(?:$|[^0-9A-Za-z])"
"""A long number of which a spreadsheet has kept what it showed, such as 2.02401E+16."""


@dataclass(frozen=True)
class Mapped:
    """Rows of one contract table, and the rows whose values the mapping does not know.

    Parameters
    ----------
    piece
        The records; each has the number of the row that it was made from.
    rejects
        Rows whose cells the mapping could not read.
    taken
        Shape ``(rows of the export,)``, whether a row met the record's conditions.
    held
        For each condition of the record, in words, the rows that met it.
    """

    piece: Piece
    rejects: Rejects
    taken: Bools
    held: Mapping[str, int]


@dataclass(frozen=True)
class _Filled:
    """A contract column, and for each code of reject the rows that have no value for it."""

    cells: pa.Array
    refused: Mapping[str, Bools] = field(default_factory=dict)


def check_columns(source: SourceMapping, names: list[str]) -> None:
    """Check that a file has every column that its mapping reads.

    Raises
    ------
    DataContractError
        Naming the columns, which stand in the mapping file.
    """
    read = frozenset().union(*(record.columns for record in source.records))
    absent = sorted(read - set(names))
    if absent:
        raise DataContractError(
            f"{source.file}: the mapping reads columns that the file lacks: {', '.join(absent)}; "
            "correct the mapping or the export"
        )


def open_rows(source: SourceMapping, piece: Piece) -> SourceRows:
    """Return some rows of a file as its mapping sees them."""
    return SourceRows(piece.file, piece.table, piece.rows, frozenset(source.empty_words))


def map_rows(source: SourceMapping, record: RecordMapping, rows: SourceRows) -> Mapped:
    """Make the records of one table from some rows of the export.

    The rejects keep the row as it came, under its own number.

    Parameters
    ----------
    source
        The file's part of the mapping.
    record
        One of its records.
    rows
        Rows of the file.

    Returns
    -------
    Mapped
        Records, rejects, and what the conditions met.
    """
    parted, places = rows, np.arange(len(rows), dtype=np.int64)
    if record.split is not None:
        parted, places = rows.part(record.split.column, record.split.at)
    held: Counter[str] = Counter()
    met = np.ones(len(parted), dtype=np.bool_)
    for condition in record.when:
        one = condition.holds(parted)
        held[str(condition)] += int(one.sum())
        met &= one
    taken = np.zeros(len(rows), dtype=np.bool_)
    taken[places[met]] = True
    made = parted.keep(met)
    columns, bad, found = {}, np.zeros(len(made), dtype=np.bool_), []
    for column in record.table.columns:
        if column.name in record.fills:
            filled = _fill(source, record.fills[column.name], column, made, held)
            if column.form is Form.ID:
                filled = _refuse_scientific(filled)
            columns[column.name] = filled.cells
            for code, mask in filled.refused.items():
                bad |= mask
                found.append(_reject(record, made, column.name, code, mask))
    kept = made.keep(~bad)
    table = pa.table(columns).filter(pa.array(~bad)) if bad.any() else pa.table(columns)
    piece = Piece(rows.file, table, kept.rows, source=kept.table)
    return Mapped(piece, join_rejects(found), taken, held)


def _refuse_scientific(filled: _Filled) -> _Filled:
    """Refuse identifiers in scientific notation: their last digits are lost, and two become one."""
    cells = filled.cells
    if not is_text(cells.type):
        return filled
    if not any(pc.any(pc.match_substring(cells, sign)).as_py() for sign in ("E+", "e+")):
        return filled
    lost = pc.fill_null(pc.match_substring_regex(cells, SCIENTIFIC), False)
    return replace(
        filled, refused={**filled.refused, "long_number": lost.to_numpy(zero_copy_only=False)}
    )


def _reject(
    record: RecordMapping, rows: SourceRows, column: str, code: str, mask: Bools
) -> Rejects:
    if not mask.any():
        return join_rejects([])
    refused = rows.keep(mask)
    return make_rejects(
        table=record.table.name,
        file=rows.file,
        rows=refused.rows.tolist(),
        column=column,
        code=code,
        sources=write_rows(refused.table, rows.file),
    )


def write_rows(table: pa.Table, file: str) -> list[dict[str, object]]:
    """Return rows as they came, each cell as its text."""
    columns = {
        name: write_cells(table[name], place=f"{file}, {name}") for name in table.column_names
    }
    return pa.table(columns).to_pylist()  # type: ignore[no-any-return]


def _fill(
    source: SourceMapping, fill: Fill, column: Column, rows: SourceRows, held: Counter[str]
) -> _Filled:
    if fill.constant is not None:
        return _Filled(pa.repeat(pa.scalar(fill.constant, pa.large_string()), len(rows)))
    if fill.template is not None:
        return _Filled(_fill_template(fill.template, rows))
    if fill.rules:
        return _fill_by_rules(fill, column, rows, held)
    if fill.column is None:
        return _Filled(pa.nulls(len(rows), pa.large_string()))
    if fill.values is not None:
        return _fill_by_values(fill, fill.column, rows)
    filled = _fill_from_column(source, fill, column, rows)
    if column.name in OPEN_ENDS:
        return replace(filled, cells=_open_end(filled.cells))
    return filled


def _write(fill: Fill, name: str, rows: SourceRows) -> pa.LargeStringArray:
    text = rows.write(name)
    return blank(text, fill.empty_words) if fill.empty_words else text


def _fill_from_column(
    source: SourceMapping, fill: Fill, column: Column, rows: SourceRows
) -> _Filled:
    assert fill.column is not None
    given = rows.give(fill.column)
    is_date = column.form in _DATES
    forms = source.list_formats(fill) if is_date and is_text(given.type) else ()
    numbers = is_date and not is_text(given.type) and not pa.types.is_temporal(given.type)
    forms = source.list_formats(fill) if numbers else forms
    refused: dict[str, Bools] = {}
    if forms:
        given, strange = read_dates(_write(fill, fill.column, rows), forms)
        refused["other_date_format"] = strange.to_numpy(zero_copy_only=False)
    elif fill.empty_words:
        text = _write(fill, fill.column, rows)
        given = text if is_text(given.type) else pc.if_else(pc.is_valid(text), given, None)
    if fill.shift_days:
        text = given if is_text(given.type) else blank(write_cells(given, place=fill.column))
        given = shift_days(text, fill.shift_days)
    if column.form is Form.NUMBER and source.decimal == "," and is_text(given.type):
        return _read_comma_numbers(given)
    return _Filled(given, refused)


def _read_comma_numbers(text: pa.LargeStringArray) -> _Filled:
    """Return numbers with a decimal point; what is no number with a decimal comma is refused, since
    a point would otherwise pass for one.
    """
    is_number = pc.match_substring_regex(text, _COMMA_NUMBER)
    plain = pc.replace_substring(pc.replace_substring(text, ".", ""), ",", ".")
    strange = pc.fill_null(pc.invert(is_number), False).to_numpy(zero_copy_only=False)
    return _Filled(pc.if_else(is_number, plain, None), {"unreadable_number": strange})


def _open_end(cells: pa.Array) -> pa.Array:
    """Empty the cells of the last day of the calendar, the usual sign for "still going on"."""
    if is_text(cells.type):
        far = pc.starts_with(cells, _FAR)
    elif pa.types.is_date(cells.type) or pa.types.is_timestamp(cells.type):
        far = pc.equal(pc.year(cells), _FAR_YEAR)
    else:
        return cells
    return pc.if_else(far, pa.scalar(None, cells.type), cells)


def _fill_by_values(fill: Fill, name: str, rows: SourceRows) -> _Filled:
    assert fill.values is not None
    text = _write(fill, name, rows)
    keys = pa.array(list(fill.values), pa.large_string())
    places = pc.index_in(text, value_set=keys, skip_nulls=True)
    mapped = pa.array(list(fill.values.values()), pa.large_string()).take(places)
    strange = pc.and_(pc.is_null(mapped), pc.is_valid(text))
    if fill.otherwise == REJECT:
        return _Filled(mapped, {"unmapped_value": strange.to_numpy(zero_copy_only=False)})
    if fill.otherwise == KEEP:
        return _Filled(pc.coalesce(mapped, text))
    if fill.otherwise == EMPTY:
        return _Filled(mapped)
    return _Filled(pc.if_else(strange, pa.scalar(fill.otherwise, pa.large_string()), mapped))


def _fill_template(template: str, rows: SourceRows) -> pa.LargeStringArray:
    """Fill a template; one of nothing but empty cells is empty, for it names no record."""
    parts: list[pa.Array | pa.Scalar] = [pa.repeat(pa.scalar("", pa.large_string()), len(rows))]
    filled = pa.repeat(pa.scalar(False), len(rows))
    names = PLACEHOLDER.findall(template)
    for number, part in enumerate(PLACEHOLDER.split(template)):
        if number % 2 == 0:
            parts.append(pa.scalar(part, pa.large_string()))
        elif part == ROW:
            parts.append(pa.array(rows.rows).cast(pa.large_string()))
        else:
            cells = rows.write(part)
            filled = pc.or_(filled, pc.is_valid(cells))
            parts.append(pc.fill_null(cells, ""))
    whole = pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))
    if not names or ROW in names:
        return whole
    return pc.if_else(filled, whole, pa.scalar(None, pa.large_string()))


def _fill_by_rules(fill: Fill, column: Column, rows: SourceRows, held: Counter[str]) -> _Filled:
    filled = pa.nulls(len(rows), pa.large_string())
    decided = np.zeros(len(rows), dtype=np.bool_)
    for rule in fill.rules:
        met = rule.condition.holds(rows)
        held[f"{column.name}: {rule.condition}"] += int(met.sum())
        here = pa.array(met & ~decided)
        filled = pc.if_else(here, pa.scalar(rule.then, pa.large_string()), filled)
        decided |= met
    if fill.otherwise == REJECT:
        return _Filled(filled, {"unmapped_value": ~decided})
    if fill.otherwise not in (EMPTY, KEEP):
        filled = pc.fill_null(filled, fill.otherwise)
    return _Filled(filled)
