"""One column of a contract table, read from whatever type it came in.

Codes and choices are read by their distinct values, identifiers and text where they lie in memory,
so that a column of millions costs what its bytes cost.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.compiled.texts import fill_numbers, find_known, point_texts
from features.contract.arrays import MISSING, Bools, Int32, Int64
from features.contract.moments import UNREADABLE
from features.contract.spelling import spell
from features.contract.tables import MAX_NARRATIVE_LENGTH, MAX_TEXT_LENGTH, Column, Form
from features.intake.cells import check_identifier, write_cells
from features.intake.date_columns import Moments, read_moments

TEXT: Final = pa.large_string()
WORDS: Final = pa.dictionary(pa.int32(), TEXT)
CASE_COLUMNS: Final = ("case_id", "linked_case_id")
"""Identifiers that many rows share, which are held as dictionaries."""
_MOMENTS: Final = (Form.OCCURRED, Form.RECORDED)
_FIRST_VISIBLE: Final = 0x21
_LAST_VISIBLE: Final = 0x7E
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class CellProblem:
    """Rows of a piece, by place from 0, whose cell in a column has a fault of some code."""

    column: str
    code: str
    rows: Int64


@dataclass(frozen=True)
class ReadColumn:
    """A column in the contract's type.

    Parameters
    ----------
    values
        Shape ``(n,)``; null where a cell is empty or cannot be read.
    unreadable
        Cells that could not be read.
    faults
        Cells that were read and may not be as they are.
    warnings
        What was read in a way that people should know of, counted.
    midnights
        As :class:`features.intake.date_columns.Moments` has it; ``None`` for other columns.
    """

    values: pa.Array
    unreadable: tuple[CellProblem, ...] = ()
    faults: tuple[CellProblem, ...] = ()
    warnings: Mapping[str, int] = field(default_factory=dict)
    midnights: Bools | None = None


def type_of(column: Column) -> pa.DataType:
    """Return the type in which a normalised column is held."""
    if column.form in _MOMENTS:
        return pa.int64()
    if column.form is Form.NUMBER:
        return pa.float64()
    if column.form in (Form.CODE, Form.CHOICE) or column.name in CASE_COLUMNS:
        return WORDS
    return TEXT


def absent_column(column: Column, size: int) -> ReadColumn:
    """Return a column that was not there: empty, or its default throughout."""
    if column.default is None:
        return ReadColumn(pa.nulls(size, type_of(column)))
    return ReadColumn(_make_words(np.zeros(size, dtype=np.int32), [column.default]))


def read_column(column: Column, given: pa.ChunkedArray, file: str, time_zone: str) -> ReadColumn:
    """Read one column.

    Parameters
    ----------
    column
        Which column of the contract.
    given
        Its cells as they came.
    file
        Where they came from, for messages.
    time_zone
        Zone of dates and of times without an offset.

    Returns
    -------
    ReadColumn
        In the contract's type, with what is wrong by row.

    Raises
    ------
    DataContractError
        If the column is of a type that nobody can read.
    """
    place = f"{file}: column {column.name}"
    cells = _join(given)
    if column.form in _MOMENTS:
        return _read_moments(column, _as_moments(cells, place), time_zone)
    if column.form is Form.NUMBER:
        return _read_numbers(column, cells, place)
    if column.form is Form.ID:
        check_identifier(cells, place=place)
    if type_of(column) == WORDS:
        return _read_words(column, _encode(cells, place))
    return _read_text(column, write_cells(cells, place=place))


def _join(given: pa.ChunkedArray) -> pa.Array:
    if given.num_chunks == 1:
        return given.chunk(0)
    return given.combine_chunks()


def _as_moments(cells: pa.Array, place: str) -> pa.Array:
    if pa.types.is_date(cells.type) or pa.types.is_timestamp(cells.type):
        return cells
    return _trim(write_cells(cells, place=place))


def _read_moments(column: Column, cells: pa.Array, time_zone: str) -> ReadColumn:
    edge = "first" if column.form is Form.OCCURRED else "last"
    found: Moments = read_moments(cells, time_zone, edge)  # type: ignore[arg-type]
    wrong = (found.us == UNREADABLE) & ~found.empty
    problems = _name(column, "unreadable_moment", wrong)
    if column.required:
        problems += _name(column, "missing", found.empty)
    warnings = {}
    if found.n_skipped:
        warnings[f"{column.name}: local time skipped by the clock, read an hour on"] = (
            found.n_skipped
        )
    values = pa.array(found.us, mask=wrong | found.empty)
    return ReadColumn(values, problems, (), warnings, found.midnights)


def _read_numbers(column: Column, cells: pa.Array, place: str) -> ReadColumn:
    kind = cells.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = cells.cast(pa.float64(), safe=False)
        values = fill_numbers(numbers, np.nan)
        wrong = np.isinf(values)
    else:
        values, wrong = _parse_numbers(_trim(write_cells(cells, place=place)))
    held = pa.array(values, mask=wrong | np.isnan(values))
    return ReadColumn(held, _name(column, "unreadable_number", wrong))


def _parse_numbers(texts: pa.Array) -> tuple[npt.NDArray[np.float64], Bools]:
    """Return the numbers of some texts, NaN where there is none, and which texts are no number."""
    encoded = texts.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    parsed = [float(text) if _NUMBER.fullmatch(text) else np.nan for text in distinct]
    numbers = np.array([*parsed, np.nan])
    numbers[np.isinf(numbers)] = np.nan
    codes = fill_numbers(encoded.indices, len(distinct))
    values = np.take(numbers, codes)
    return values, np.isnan(values) & (codes < len(distinct))


def _encode(cells: pa.Array, place: str) -> pa.DictionaryArray:
    if not pa.types.is_dictionary(cells.type):
        return write_cells(cells, place=place).dictionary_encode()
    given = cells.dictionary
    words = write_cells(given, place=place)
    if words is given and cells.type == WORDS:
        return cells
    return pa.DictionaryArray.from_arrays(cells.indices.cast(pa.int32()), words)


def _read_words(column: Column, encoded: pa.DictionaryArray) -> ReadColumn:
    """Read a column by its distinct words."""
    distinct = encoded.dictionary
    # A dictionary may hold an empty word, to which no code says that it is null.
    if column.form is Form.ID and not distinct.null_count and _trim(distinct) is distinct:
        return _keep_ids(column, encoded)
    given = distinct.to_pylist()
    if column.form is Form.ID:
        spelled = [(word or "").strip() or None for word in given]
    else:
        spelled = [spell(column, word) for word in given]
    words = sorted({word for word in (*spelled, column.default) if word is not None})
    number = {word: code for code, word in enumerate(words)}
    ranks = [number.get(word, MISSING) for word in (*spelled, column.default)]
    codes = fill_numbers(encoded.indices, len(given))
    held = np.take(np.array(ranks, dtype=np.int32), codes)
    return ReadColumn(_make_words(held, words), (), _find_wrong(column, words, held))


def _keep_ids(column: Column, encoded: pa.DictionaryArray) -> ReadColumn:
    """Return identifiers that are as they should be: there may be millions of them."""
    faults: tuple[CellProblem, ...] = ()
    if column.required and encoded.null_count:
        faults = _name(column, "missing", ~find_known(encoded))
    if _has_longer(encoded.dictionary, MAX_TEXT_LENGTH):
        long = pc.greater(pc.utf8_length(encoded.dictionary), MAX_TEXT_LENGTH)
        wrong = np.append(long.to_numpy(zero_copy_only=False), False)
        codes = encoded.indices.fill_null(MISSING).to_numpy()
        faults += _name(column, "too_long", np.take(wrong, codes))
    return ReadColumn(encoded, (), faults)


def _find_wrong(column: Column, words: Sequence[str], codes: Int32) -> tuple[CellProblem, ...]:
    faults = _name(column, "missing", codes == MISSING) if column.required else ()
    if column.choices:
        code, allowed = "not_a_choice", [word in column.choices for word in words]
    else:
        code, allowed = "too_long", [len(word) <= MAX_TEXT_LENGTH for word in words]
    if all(allowed):
        return faults
    wrong = ~np.take(np.array([*allowed, True]), codes)
    return (*faults, *_name(column, code, wrong))


def _make_words(codes: Int32, words: Sequence[str]) -> pa.DictionaryArray:
    indices = pa.array(codes, mask=codes == MISSING)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, TEXT))


def _read_text(column: Column, texts: pa.Array) -> ReadColumn:
    values = _trim(texts)
    longest = MAX_NARRATIVE_LENGTH if column.form is Form.TEXT else MAX_TEXT_LENGTH
    faults: tuple[CellProblem, ...] = ()
    if column.required and values.null_count:
        faults = _name(column, "missing", ~find_known(values))
    if _has_longer(values, longest):
        long = pc.greater(pc.utf8_length(values), longest).fill_null(False)
        faults += _name(column, "too_long", long.to_numpy(zero_copy_only=False))
    return ReadColumn(values, (), faults)


def _has_longer(texts: pa.Array, longest: int) -> bool:
    """Return whether a text may be longer: there are as many or more bytes than letters."""
    start = point_texts(texts).start
    return bool((start[1:] - start[:-1] > longest).any())


def _trim(texts: pa.Array) -> pa.Array:
    """Return texts without blanks around them, null where nothing is left.

    Most columns have no blank to take away: the first and the last byte of each text are looked at
    before any text is copied.
    """
    if not len(texts) or texts.null_count == len(texts):
        return texts
    where = point_texts(texts)
    start, end = where.start[:-1], where.start[1:]
    full = end > start
    edges = np.concatenate((where.data[start[full]], where.data[end[full] - 1]))
    if ((edges < _FIRST_VISIBLE) | (edges > _LAST_VISIBLE)).any():
        texts = pc.utf8_trim_whitespace(texts)
        full = pc.binary_length(texts).fill_null(0).to_numpy(zero_copy_only=False) > 0
    if int(full.sum()) == len(texts) - texts.null_count:
        return texts
    return pc.if_else(pa.array(full), texts, pa.scalar(None, TEXT))


def _name(column: Column, code: str, wrong: Bools) -> tuple[CellProblem, ...]:
    return (CellProblem(column.name, code, np.flatnonzero(wrong)),) if wrong.any() else ()
