"""Cutting text into rows of cells, strictly: what a forgiving reader would swallow is a bad row."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from features.intake.pieces import BadRow, fail
from features.intake.text_blocks import TextBlocks

LONGEST_FIELD: Final = 64 * 1024 * 1024
"""A field longer than this is a quote that was never closed."""


@dataclass
class CutRows:
    """Rows as they are cut: the cells and numbers of the good ones, and the bad ones."""

    cells: list[list[str]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.cells) + len(self.bad)


class Lines:
    """The lines of a file, with those that the current row has taken so far.

    Parameters
    ----------
    blocks
        The file's bytes.
    """

    def __init__(self, blocks: TextBlocks) -> None:
        self._blocks = blocks
        self._text, self._end = io.StringIO(), 0
        self.number = 0
        self.first = 1
        self.taken: list[str] = []

    def load(self, block: bytes) -> None:
        """Go on with the lines of a block; the block before must be used up."""
        text = block.decode("utf-8", "surrogateescape")
        self._text, self._end = io.StringIO(text, newline=""), len(text)

    @property
    def is_used_up(self) -> bool:
        """Whether no line of the block is left."""
        return self._text.tell() >= self._end

    def start_row(self) -> None:
        """Forget the lines of the row before."""
        self.taken, self.first = [], self.number + 1

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        if self.is_used_up:  # a row goes on past the block: one line more
            self.load(self._blocks.take(1))
        line = self._text.readline()
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        return line


def read_cells(file: str, lines: Lines, separator: str) -> Iterator[list[str] | None]:
    """Yield each row's cells; ``None`` for a row whose quotes do not match, which takes with it the
    lines that a forgiving reader would have swallowed into one cell without a word.

    Parameters
    ----------
    file
        The file's name, for messages.
    lines
        Its lines; read until they end.
    separator
        What parts the cells.

    Yields
    ------
    list of str or None
        The cells of a row; none of a blank line.

    Raises
    ------
    DataContractError
        If a quote is never closed.
    """
    reader = csv.reader(lines, strict=True, delimiter=separator)
    while True:
        lines.start_row()
        try:
            cells = next(reader, None)
        except csv.Error:
            if not lines.taken or _ends_inside(lines.taken, separator):
                raise fail(
                    file, f"a quote opened at line {lines.first} is not closed; check the quotes"
                ) from None
            yield None
            continue
        if cells is None:
            return
        yield cells


def _ends_inside(taken: list[str], separator: str) -> bool:
    """Say whether a row ran to the file's end, or past any length, in search of a quote."""
    try:
        next(csv.reader([*taken, '"'], strict=True, delimiter=separator))
    except csv.Error:
        return sum(map(len, taken)) > LONGEST_FIELD
    return True


def judge_row(
    number: int, header: list[str], cells: list[str] | None, taken: list[str]
) -> BadRow | None:
    """Return why a row cannot be used, if so.

    Parameters
    ----------
    number
        The row's number from 1.
    header
        Names of the columns.
    cells
        Its cells; ``None`` where quotes do not match.
    taken
        Its lines as they came.

    Returns
    -------
    BadRow or None
        The row with its code, or nothing where it is a good one.
    """
    if cells is None:
        return BadRow(number, "quotes", {"(lines)": "".join(taken)})
    code = "ragged" if len(cells) != len(header) else find_bad_text(cells)
    return BadRow(number, code, _name_cells(header, cells)) if code else None


def find_bad_text(cells: list[str]) -> str:
    """Return the code of the first thing that is wrong with the text of some cells, or nothing."""
    for cell in cells:
        if not cell.isascii() and any("\ud800" <= letter <= "\udfff" for letter in cell):
            return "encoding"
    return "nul" if any("\0" in cell for cell in cells) else ""


def _name_cells(header: list[str], cells: list[str]) -> dict[str, object]:
    named: dict[str, object] = dict(zip(header, cells, strict=False))
    if len(cells) > len(header):
        named["(more cells)"] = cells[len(header) :]
    return named
