"""Reading one file of a table, CSV or Parquet, whatever it holds.

A row that cannot be read is a reject and the next one is read; a file that cannot be read as a
whole is one clear error. Cells of a CSV stay text. Files are read in pieces, so memory stays flat.
"""

import csv
import gzip
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.contract.arrays import Int64
from features.errors import DataContractError

ROWS_PER_PIECE: Final = 200_000
LONGEST_FIELD: Final = 64 * 1024 * 1024
"""A field longer than this is a quote that was never closed."""
_LONGEST_NAME: Final = 200
SUFFIXES: Final = (".parquet", ".csv", ".csv.gz")


@dataclass(frozen=True)
class BadRow:
    """A row that is not even a row: its number from 1, a code, and its cells."""

    number: int
    code: str
    cells: dict[str, object]


@dataclass(frozen=True)
class Piece:
    """Some consecutive rows of a file.

    Parameters
    ----------
    file
        The file's name.
    frame
        One column per header; cells are text, or what Parquet holds; missing where empty.
    rows
        Shape ``(len(frame),)``, numbers of the data rows from 1.
    bad
        Rows that could not be read.
    source
        The rows as they came, where ``frame`` was mapped from them; same index.
    """

    file: str
    frame: pd.DataFrame
    rows: Int64
    bad: tuple[BadRow, ...] = ()
    source: pd.DataFrame | None = None


def read_pieces(path: Path, *, rows_per_piece: int = ROWS_PER_PIECE) -> Iterator[Piece]:
    """Yield the rows of a file; at least one piece, which may be empty but has the header.

    Raises
    ------
    DataContractError
        If the file as a whole cannot be read. Names the file and the remedy.
    """
    if path.name.endswith(".parquet"):
        yield from _read_parquet(path, rows_per_piece)
    else:
        yield from _read_csv(path, rows_per_piece)


def _fail(path: Path, what: str) -> DataContractError:
    return DataContractError(f"{path.name}: {what}")


def _read_parquet(path: Path, rows_per_piece: int) -> Iterator[Piece]:
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            _check_header(path, schema.names)
            for field in schema:
                if pa.types.is_nested(field.type):
                    raise _fail(path, "a column holds lists or tables; write one value per cell")
            start = 0
            for batch in file.iter_batches(batch_size=rows_per_piece):
                frame = _to_frame(batch)
                rows = np.arange(start + 1, start + len(frame) + 1, dtype=np.int64)
                start += len(frame)
                yield Piece(path.name, frame, rows, ())
            if start == 0:
                empty = _to_frame(pa.RecordBatch.from_pylist([], schema=schema))
                yield Piece(path.name, empty, np.empty(0, dtype=np.int64), ())
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise _fail(path, "this is not a whole Parquet file; export it again") from None


def _to_frame(batch: pa.RecordBatch) -> pd.DataFrame:
    columns = {}
    for name, given in zip(batch.schema.names, batch.columns, strict=True):
        column = given.dictionary_decode() if pa.types.is_dictionary(given.type) else given
        is_date = pa.types.is_date(column.type)
        cells = column.cast(pa.date32()).cast(pa.string()) if is_date else column
        is_text = pa.types.is_large_string(cells.type) or pa.types.is_string(cells.type)
        columns[name] = pd.Series(cells.to_pandas(), dtype="str" if is_text else None)
    return pd.DataFrame(columns)


def _read_csv(path: Path, rows_per_piece: int) -> Iterator[Piece]:
    previous = csv.field_size_limit(LONGEST_FIELD)
    try:
        with _open_text(path) as file:
            yield from _read_rows(path, file, rows_per_piece)
    except (OSError, EOFError, zlib.error):
        raise _fail(path, "this file cannot be read to its end; export it again") from None
    finally:
        csv.field_size_limit(previous)


def _open_text(path: Path) -> IO[str]:
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rb") as raw:
        head = raw.read(4)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head:
        raise _fail(path, "this is not UTF-8 text; save it as CSV in UTF-8")
    if head[:4] == b"PAR1" or head[:2] in (b"PK", b"\x1f\x8b"):
        raise _fail(path, "this is not CSV, whatever its name says; export it again as CSV")
    return opener(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")


class _Lines:
    """The lines of a file, with those that the current row has taken so far."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.number = 0
        self.first = 1
        self.taken: list[str] = []

    def start_row(self) -> None:
        """Forget the lines of the row before."""
        self.taken, self.first = [], self.number + 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self.number += 1
        self.taken.append(line)
        return line


def _read_rows(path: Path, file: IO[str], rows_per_piece: int) -> Iterator[Piece]:
    lines = _Lines(file)
    cells_of = _read_cells(path, lines)
    header = [name.strip() for name in next(cells_of, None) or []]
    _check_header(path, header)
    width, number = len(header), 0
    good: list[list[str]] = []
    rows: list[int] = []
    bad: list[BadRow] = []
    sent = False
    for cells in cells_of:
        if cells is not None and not cells:
            continue
        number += 1
        if cells is None:
            bad.append(BadRow(number, "quotes", {"(lines)": "".join(lines.taken)}))
        elif code := "ragged" if len(cells) != width else _find_bad_bytes(cells):
            bad.append(BadRow(number, code, _name_cells(header, cells)))
        else:
            good.append(cells)
            rows.append(number)
        if len(good) + len(bad) >= rows_per_piece:
            yield _make_piece(path, header, good, rows, bad)
            good, rows, bad, sent = [], [], [], True
    if good or bad or not sent:
        yield _make_piece(path, header, good, rows, bad)


def _read_cells(path: Path, lines: _Lines) -> Iterator[list[str] | None]:
    """Yield each row's cells; ``None`` for a row whose quotes do not match, which takes with it the
    lines that a forgiving reader would have swallowed into one cell without a word.
    """
    reader = csv.reader(lines, strict=True)
    while True:
        lines.start_row()
        try:
            cells = next(reader, None)
        except csv.Error:
            if not lines.taken or _ends_inside(lines.taken):
                raise _fail(
                    path, f"a quote opened at line {lines.first} is not closed; check the quotes"
                ) from None
            yield None
            continue
        if cells is None:
            return
        yield cells


def _ends_inside(taken: list[str]) -> bool:
    """Say whether a row ran to the file's end, or past any length, in search of a quote."""
    try:
        next(csv.reader([*taken, '"'], strict=True))
    except csv.Error:
        return sum(map(len, taken)) > LONGEST_FIELD
    return True


def _find_bad_bytes(cells: list[str]) -> str:
    for cell in cells:
        if not cell.isascii() and any("\ud800" <= letter <= "\udfff" for letter in cell):
            return "encoding"
    return ""


def _name_cells(header: list[str], cells: list[str]) -> dict[str, object]:
    named: dict[str, object] = dict(zip(header, cells, strict=False))
    if len(cells) > len(header):
        named["(more cells)"] = cells[len(header) :]
    return named


def _make_piece(
    path: Path, header: list[str], good: list[list[str]], rows: list[int], bad: list[BadRow]
) -> Piece:
    columns = zip(*good, strict=True) if good else ([] for _ in header)
    frame = pd.DataFrame(
        {
            sys.intern(name): pd.Series([cell or None for cell in column], dtype="str")
            for name, column in zip(header, columns, strict=True)
        }
    )
    return Piece(path.name, frame, np.array(rows, dtype=np.int64), tuple(bad))


def _check_header(path: Path, names: list[str]) -> None:
    if not names or names == [""]:
        raise _fail(path, "the file is empty; its first row must name the columns")
    if len(set(names)) != len(names):
        raise _fail(path, "two columns have the same name; rename one")
    if any(
        len(name) > _LONGEST_NAME or "\ud800" <= max(name, default="a") <= "\udfff"
        for name in names
    ):
        raise _fail(path, "the first row does not name columns in UTF-8; check the header")
