"""Rows that come as JSON: lines of a stream, or the content of a request, become pieces of tables.

Nothing here grows with the stream: at most one line is held beside the rows of one chunk.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.contract.arrays import Int64
from features.contract.json_text import JsonError, is_storable, read_json
from features.contract.rejects import COLUMNS, Rejects, RowAsSent, join_rejects, make_rejects
from features.contract.tables import TABLES, Form, Table
from features.intake.cells import write_value
from features.intake.files import Piece
from features.intake.frames import to_frame
from features.intake.integrity import join_words
from features.intake.normalisation import FILE, ROW, Clock, normalise
from features.intake.parquet_file import holds_nul

MOST_LINE_BYTES: Final = 4 * 1024 * 1024
"""A narrative of 1,000,000 characters takes up to 4,000,000 bytes of UTF-8; the rest of a row that
the contract permits takes less than what is left of four mebibytes."""
_KEPT_OF_LONG_LINE: Final = 65_536
_REMEDIES: Final[Mapping[str, str]] = {
    "not_a_row": 'write one JSON object a line, {"table": "events", "row": {...}}, with plain '
    "values and no field twice",
    "unknown_table": f"name one of the tables {', '.join(TABLES)}",
    "unknown_column": "remove the fields that are not part of the contract's table",
    "line_too_long": "send the row in UTF-8 without escapes, and shorten its narrative",
}
"""What is wrong with a line, beside what can be wrong with a row."""
PLACE: Final = "rows"
"""Stands for the file of rows that came in a request."""


@dataclass(frozen=True)
class RowLine:
    """One line of a stream: its text, or the head of one that is too long."""

    content: bytes
    too_long: bool = False


class LineSplitter:
    """Cuts a stream into lines; empty ones are passed over."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, some: bytes) -> Iterator[RowLine]:
        """Yield the lines that are whole with these bytes."""
        *whole, rest = some.split(b"\n")
        for part in whole:
            self._add(part)
            yield from self.end()
        self._add(rest)

    def end(self) -> Iterator[RowLine]:
        """Yield what is left as the last line."""
        content, too_long = b"".join(self._parts), self._size > MOST_LINE_BYTES
        self._parts, self._size = [], 0
        if too_long:
            yield RowLine(content[:_KEPT_OF_LONG_LINE], too_long=True)
        elif content.strip():
            yield RowLine(content)

    def _add(self, part: bytes) -> None:
        if self._size <= MOST_LINE_BYTES:
            self._parts.append(part)
        self._size += len(part)


@dataclass(frozen=True)
class RawRow:
    """A row as it came: its number in the import from 1, its table, and its cells.

    ``code`` says what is wrong with it as a row; nothing where it is empty.
    """

    number: int
    table: str
    cells: RowAsSent
    code: str = ""


def read_line(number: int, line: RowLine) -> RawRow:
    """Read one line of a stream; whatever it holds, a row comes out."""
    if line.too_long:
        return _refuse(number, line, "line_too_long")
    try:
        content = read_json(line.content.decode("utf-8"))
    except UnicodeDecodeError:
        return _refuse(number, line, "encoding")
    except JsonError:
        return _refuse(number, line, "not_a_row")
    return _read_content(number, line, content)


def _read_content(number: int, line: RowLine, content: object) -> RawRow:
    if not isinstance(content, dict) or content.keys() != {"table", "row"}:
        return _refuse(number, line, "not_a_row")
    name, cells = content["table"], content["row"]
    if not isinstance(cells, dict):
        return _refuse(number, line, "not_a_row")
    if not isinstance(name, str) or name not in TABLES:
        return _refuse(number, line, "unknown_table")
    return make_raw_row(number, name, cells)


def make_raw_row(number: int, table: str, cells: RowAsSent) -> RawRow:
    """Return a row of a known table, with what is wrong with it as a row."""
    return RawRow(number, table, cells, _find_fault(table, cells))


def _refuse(number: int, line: RowLine, code: str) -> RawRow:
    text = line.content.decode("utf-8", errors="backslashreplace")
    return RawRow(number, "", {"(line)": text}, code)


def _find_fault(name: str, cells: RowAsSent) -> str:
    if not cells.keys() <= set(TABLES[name].column_names):
        return "unknown_column"
    if any(isinstance(cell, list | dict) for cell in cells.values()):
        return "not_text"
    texts = [cell for cell in cells.values() if isinstance(cell, str)]
    return "encoding" if any(not is_storable(text) for text in texts) else ""


@dataclass(frozen=True)
class Normal:
    """Normalised rows by table, and rows that are none."""

    tables: Mapping[str, pa.Table]
    rejects: Rejects
    warnings: Mapping[str, int]


def normalise_rows(rows: Sequence[RawRow], clock: Clock) -> Normal:
    """Normalise rows of any tables, in any order."""
    tables: dict[str, pa.Table] = {}
    rejects = [reject_raw(row for row in rows if row.code)]
    warnings: Counter[str] = Counter()
    for name, table in TABLES.items():
        some = [row for row in rows if row.table == name and not row.code]
        if some:
            found = normalise(table, _make_piece(table, some), clock)
            tables[name] = found.rows
            rejects.append(found.rejects)
            warnings.update(found.warnings)
    return Normal(tables, join_rejects(rejects), dict(sorted(warnings.items())))


def normalise_piece(table: Table, piece: Piece, clock: Clock) -> Normal:
    """Normalise rows of one table from a file, texts that no database holds apart."""
    found = normalise(table, piece, clock)
    wrong = {
        column.name: _find_nuls(found.rows.column(column.name))
        for column in table.columns
        if column.form not in (Form.OCCURRED, Form.RECORDED, Form.NUMBER)
    }
    wrong = {name: rows for name, rows in wrong.items() if len(rows)}
    if not wrong:
        return Normal({table.name: found.rows}, found.rejects, found.warnings)
    rejects = [
        _refuse_rows(table, piece.file, found.rows.take(pa.array(rows)), name)
        for name, rows in wrong.items()
    ]
    kept = np.ones(len(found.rows), dtype=np.bool_)
    kept[np.concatenate(list(wrong.values()))] = False
    rows = found.rows.filter(pa.array(kept))
    return Normal({table.name: rows}, join_rejects([found.rejects, *rejects]), found.warnings)


def _find_nuls(column: pa.ChunkedArray) -> Int64:
    """Return the rows whose text holds a NUL."""
    if pa.types.is_dictionary(column.type):
        words = join_words(column)
        bad = np.array(["\0" in word for word in words.dictionary.to_pylist()], dtype=np.bool_)
        if not bad.any():
            return np.empty(0, dtype=np.int64)
        column = column.cast(column.type.value_type)
    elif not any(map(holds_nul, column.chunks)):
        return np.empty(0, dtype=np.int64)
    found = pc.fill_null(pc.match_substring(column, "\0"), False)
    return np.flatnonzero(found.to_numpy())


def _refuse_rows(table: Table, file: str, rows: pa.Table, column: str) -> Rejects:
    frame = to_frame(table, rows)
    return make_rejects(
        table=table.name,
        file=file,
        rows=frame[ROW].tolist(),
        column=column,
        code="encoding",
        sources=frame.drop(columns=[FILE, ROW]).to_dict("records"),  # type: ignore[arg-type]
    )


def _make_piece(table: Table, rows: Sequence[RawRow]) -> Piece:
    columns = {
        name: pa.array([write_value(row.cells.get(name)) for row in rows], pa.large_string())
        for name in table.column_names
    }
    numbers = np.array([row.number for row in rows], dtype=np.int64)
    return Piece(PLACE, pa.table(columns), numbers)


def reject_raw(rows: Iterable[RawRow]) -> Rejects:
    """Note rows that are not even rows."""
    parts = []
    for row in rows:
        remedy = _REMEDIES.get(row.code)
        told = make_rejects(
            table=row.table,
            file=PLACE,
            rows=[row.number],
            column="",
            code="not_text" if remedy else row.code,
            sources=[row.cells],
        )
        if remedy:
            told = Rejects(told.frame.assign(code=row.code, remedy=remedy)[list(COLUMNS)])
        parts.append(told)
    return join_rejects(parts)
