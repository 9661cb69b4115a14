"""What reading hands on: consecutive rows of a file as Arrow columns, and apart the bad ones.

How a text file is laid out is a value of its own, so that a caller may state it or have it guessed.
"""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from features.contract.arrays import Int64
from features.contract.rejects import RowAsSent
from features.errors import DataContractError

MOST_CELLS: Final = 5_000_000
"""Cells of a piece whose rows are made one by one: a row of few letters may have many columns."""
ROWS_PER_PIECE: Final = 200_000
LONGEST_NAME: Final = 200
TEXT: Final = pa.large_string()
"""Text whose column may pass 2 GiB, which Arrow's ordinary strings may not."""


@dataclass(frozen=True)
class BadRow:
    """A row that is not even a row: its number from 1, a code, and its cells."""

    number: int
    code: str
    cells: RowAsSent


@dataclass(frozen=True)
class Piece:
    """Some consecutive rows of a file.

    Parameters
    ----------
    file
        The file's name; of a file in a folder that stands for one, the folder's name before it.
    table
        One column per header, in the header's order; null where a cell is empty. What came as text
        is ``large_string``; Parquet's other types stay what they are.
    rows
        Shape ``(table.num_rows,)``, numbers of the data rows from 1.
    bad
        Rows that could not be read.
    source
        The rows as they came, where ``table`` was mapped from them; in the same order.
    """

    file: str
    table: pa.Table
    rows: Int64
    bad: tuple[BadRow, ...] = ()
    source: pa.Table | None = None


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are laid out; ``None`` where that is to be found out.

    Parameters
    ----------
    separator
        What parts the cells of a row of text: one character. Guessed among comma, semicolon, tab
        and ``|``.
    encoding
        Name of the text's encoding. Guessed: UTF-8, UTF-16 where the file says so, else cp1252.
    sheet
        Name of a workbook's sheet. Guessed: the only one that can be seen.
    """

    separator: str | None = None
    encoding: str | None = None
    sheet: str | None = None


GUESSED: Final = Layout()
"""Nothing is stated."""
STRICT: Final = Layout(separator=",", encoding="utf-8")
"""The data contract's own layout: nothing is guessed."""


def fail(file: str, what: str) -> DataContractError:
    """Return the error of a file that cannot be read as a whole."""
    return DataContractError(f"{file}: {what}")


def check_header(file: str, names: list[str]) -> None:
    """Check that every column has a name of its own.

    Raises
    ------
    DataContractError
        If names are absent, given twice, too long or no text. Holds none of them.
    """
    if not names or names == [""]:
        raise fail(file, "the file is empty; its first row must name the columns")
    unnamed = sum(not name for name in names)
    if unnamed > 1:
        raise fail(
            file,
            f"{unnamed} columns have no name; name them in the first row, or remove the separators "
            "at the end of each row",
        )
    if len(set(names)) != len(names):
        raise fail(file, "two columns have the same name; rename one")
    if any(len(name) > LONGEST_NAME or not _is_text(name) for name in names):
        raise fail(file, "the first row does not name columns in UTF-8; check the header")


def _is_text(name: str) -> bool:
    return "\0" not in name and not any("\ud800" <= letter <= "\udfff" for letter in name)
