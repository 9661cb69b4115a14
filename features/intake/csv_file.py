"""Reading a CSV file: its plain blocks by Arrow, the others row by row, with one result.

Which way a block is read is seen in nothing but the time it takes: records, rejects and row numbers
are those of :mod:`features.intake.csv_rows`.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from features.contract.arrays import Int64
from features.intake.csv_rows import LONGEST_FIELD, Lines, judge_row, read_cells
from features.intake.pieces import TEXT, BadRow, Piece, check_header, fail
from features.intake.plain_blocks import find_plain_end, parse_plain
from features.intake.text_blocks import TextBlocks, open_text
from features.intake.text_layout import check_only_column, find_stated_separator

_LEAST_PART_ROWS: Final = 2_000


@dataclass(frozen=True)
class BlockSizes:
    """How many bytes are looked at together.

    Parameters
    ----------
    largest
        Where all has been plain so far.
    smallest
        After something odd; one odd row costs the speed of so many bytes.
    """

    largest: int = 4 * 1024 * 1024
    smallest: int = 128 * 1024


def read_csv(
    path: Path,
    file: str,
    *,
    separator: str,
    encoding: str,
    rows_per_piece: int,
    blocks: BlockSizes = BlockSizes(),
) -> Iterator[Piece]:
    """Yield the rows of a CSV file.

    Parameters
    ----------
    path, file
        The file, and its name for messages and rejects.
    separator, encoding
        How it is laid out.
    rows_per_piece
        The most rows of a piece.
    blocks
        How much is read at once; the result is the same.

    Yields
    ------
    Piece
        Consecutive rows; at least one piece, which may be empty but has the columns.

    Raises
    ------
    DataContractError
        If the file as a whole cannot be read.
    """
    with open_text(path, file) as opened:
        text = TextBlocks(opened, path, file, encoding, read_bytes=blocks.largest)
        reader = _CsvReader(text, file, separator, blocks)
        if len(reader.header) == 1:
            check_only_column(path, file, separator=separator, encoding=encoding)
        held = _HeldRows(file, reader.header, rows_per_piece)
        for rows in reader.read_rows():
            held.add(rows)
            yield from held.take_full()
        yield from held.take_rest()


@dataclass(frozen=True)
class _Rows:
    """Rows of consecutive numbers, up to and with ``last``: the good ones, and the bad ones."""

    table: pa.Table
    numbers: Int64
    bad: list[BadRow]
    last: int


class _CsvReader:
    """Where reading a file has come to: the blocks that are left and the number of the last row."""

    def __init__(self, text: TextBlocks, file: str, separator: str, sizes: BlockSizes) -> None:
        self._text, self._separator = text, separator
        self._lines = Lines(text)
        self._cells_of = read_cells(file, self._lines, separator)
        self._number = 0
        self._sizes, self._size = sizes, sizes.largest
        self.header = self._read_header(file)
        check_header(file, self.header)

    def _read_header(self, file: str) -> list[str]:
        with _long_fields():
            for cells in self._cells_of:
                stated = find_stated_separator(self._lines.taken[0])
                if cells and not (self._lines.number == 1 and stated == self._separator):
                    return [name.strip() for name in cells]
                if cells is None:
                    raise fail(file, "the quotes of the first row do not match; check the header")
        return []

    def read_rows(self) -> Iterator[_Rows]:
        """Yield all rows after the header."""
        while block := self._text.take(self._size):
            end = find_plain_end(block, self._separator)
            table = self._parse(block[:end]) if end else None
            if table is not None:
                self._text.give_back(len(block) - end)
                self._size = min(2 * self._size, self._sizes.largest)
                yield self._number_rows(table)
            elif self._size > self._sizes.smallest:
                self._text.give_back(len(block))
                self._size = self._sizes.smallest
            else:
                yield self._cut(block)

    def _parse(self, block: bytes) -> pa.Table | None:
        table = parse_plain(block, self.header, self._separator)
        if table is not None:
            self._lines.number += block.count(b"\n")
        return table

    def _number_rows(self, table: pa.Table) -> _Rows:
        first = self._number + 1
        self._number += table.num_rows
        numbers = np.arange(first, self._number + 1, dtype=np.int64)
        return _Rows(table, numbers, [], self._number)

    def _cut(self, block: bytes) -> _Rows:
        good: list[list[str]] = []
        numbers: list[int] = []
        bad: list[BadRow] = []
        self._lines.load(block)
        with _long_fields():
            while not self._lines.is_used_up:
                cells = next(self._cells_of, [])
                if cells is not None and not cells:
                    continue
                self._number += 1
                row = judge_row(self._number, self.header, cells, self._lines.taken)
                if row is not None:
                    bad.append(row)
                elif cells is not None:
                    good.append(cells)
                    numbers.append(self._number)
        table = make_text_table(self.header, good)
        return _Rows(table, np.array(numbers, dtype=np.int64), bad, self._number)


def make_text_table(header: list[str], rows: list[list[str]]) -> pa.Table:
    """Return rows of text as columns, null where a cell is empty."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    return pa.table(
        [pa.array([cell or None for cell in column], type=TEXT) for column in columns],
        names=header,
    )


def _join_scraps(table: pa.Table) -> pa.Table:
    """Return a table that is not in so many parts that each step on it would be slow."""
    parts = table.column(0).num_chunks
    return table.combine_chunks() if parts * _LEAST_PART_ROWS > table.num_rows else table


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let Python's reader take long cells; its limit is one for the whole process."""
    previous = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(previous)


@dataclass
class _HeldRows:
    """Rows that wait to be a piece: every number is a good row's or a bad one's."""

    file: str
    header: list[str]
    rows_per_piece: int
    waiting: list[_Rows] = field(default_factory=list)
    first: int = 1
    sent: bool = False

    def add(self, rows: _Rows) -> None:
        """Hold some more rows."""
        self.waiting.append(rows)

    def take_full(self) -> Iterator[Piece]:
        """Yield the pieces that are full."""
        last = self.waiting[-1].last
        if last - self.first + 1 < self.rows_per_piece:
            return
        rows = self._join()
        while last - self.first + 1 >= self.rows_per_piece:
            yield self._cut(rows, self.first + self.rows_per_piece - 1)
        start = int(np.searchsorted(rows.numbers, self.first))
        left = [row for row in rows.bad if row.number >= self.first]
        self.waiting = [_Rows(rows.table.slice(start), rows.numbers[start:], left, last)]

    def take_rest(self) -> Iterator[Piece]:
        """Yield what is left; a file without a row is one piece without a row."""
        rows = self._join()
        if rows.last >= self.first or not self.sent:
            yield self._cut(rows, rows.last)

    def _join(self) -> _Rows:
        if not self.waiting:
            table = make_text_table(self.header, [])
            return _Rows(table, np.empty(0, dtype=np.int64), [], 0)
        return _Rows(
            pa.concat_tables([rows.table for rows in self.waiting]),
            np.concatenate([rows.numbers for rows in self.waiting]),
            [row for rows in self.waiting for row in rows.bad],
            self.waiting[-1].last,
        )

    def _cut(self, rows: _Rows, last: int) -> Piece:
        start, end = np.searchsorted(rows.numbers, (self.first, last + 1))
        bad = tuple(row for row in rows.bad if self.first <= row.number <= last)
        table = _join_scraps(rows.table.slice(int(start), int(end - start)))
        self.first, self.sent = last + 1, True
        return Piece(self.file, table, rows.numbers[start:end], bad)
