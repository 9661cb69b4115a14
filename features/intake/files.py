"""Reading one file of a table, whatever it holds: CSV, Parquet, an Excel workbook or JSON lines.

A row that cannot be read is a reject and the next one is read; a file that cannot be read as a
whole is one clear error. Files are read in pieces of Arrow columns, so memory stays flat.
"""

from collections.abc import Iterator
from pathlib import Path

from features.intake.pieces import ROWS_PER_PIECE, STRICT, BadRow, Layout, Piece

SUFFIXES = (".parquet", ".csv", ".csv.gz")


def read_pieces(
    path: Path, layout: Layout = Layout(), *, rows_per_piece: int = ROWS_PER_PIECE
) -> Iterator[Piece]:
    """Yield the rows of a file; at least one piece, which may be empty but has the header.

    Parameters
    ----------
    path
        A file, or a folder of files that stands for one.
    layout
        How its rows are laid out, as far as the caller knows.
    rows_per_piece
        The most rows of a piece.

    Raises
    ------
    DataContractError
        If the file as a whole cannot be read. Names the file and the remedy.
    """
    raise NotImplementedError


def find_layout(path: Path, layout: Layout = Layout()) -> Layout:
    """Return the layout by which :func:`read_pieces` reads a file, with nothing left to guess."""
    raise NotImplementedError


def list_parts(folder: Path) -> list[Path]:
    """Return the files of a folder that stands for one table, sorted by path.

    What a name beginning with ``_`` or ``.`` stands over is passed over, at every depth: there lie
    the files of tasks that were never committed.
    """
    raise NotImplementedError


__all__ = [
    "ROWS_PER_PIECE",
    "STRICT",
    "SUFFIXES",
    "BadRow",
    "Layout",
    "Piece",
    "find_layout",
    "list_parts",
    "read_pieces",
]
