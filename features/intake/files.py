"""Reading one file of a table, whatever it holds: CSV, Parquet, an Excel workbook or JSON lines.

A row that cannot be read is a reject and the next one is read; a file that cannot be read as a
whole is one clear error. Files are read in pieces of Arrow columns, so memory stays flat.
"""

import dataclasses
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from features.contract.links import need_inside
from features.intake.csv_file import read_csv
from features.intake.json_lines import read_json_lines
from features.intake.parquet_file import read_parquet
from features.intake.pieces import GUESSED, ROWS_PER_PIECE, STRICT, BadRow, Layout, Piece, fail
from features.intake.text_layout import check_content, find_encoding, find_separator
from features.intake.workbook import find_sheet, read_workbook

SUFFIXES: Final = (".parquet", ".csv", ".csv.gz")
"""Endings of the files of a contract folder; the case of their letters does not matter."""
_JSON_SUFFIXES: Final = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_WORKBOOK_SUFFIXES: Final = (".xlsx", ".xlsm")
_OTHER_WORKBOOKS: Final = (".xls", ".xlsb", ".ods", ".numbers")


def read_pieces(
    path: Path,
    layout: Layout = GUESSED,
    *,
    rows_per_piece: int = ROWS_PER_PIECE,
    words: Collection[str] = (),
) -> Iterator[Piece]:
    """Yield the rows of a file; at least one piece, which may be empty but has the header.

    Parameters
    ----------
    path
        A file, or a folder of files that stands for one.
    layout
        How its rows are laid out, as far as the caller knows; see :func:`find_layout`.
    rows_per_piece
        The most rows of a piece.
    words
        Columns of few distinct words, which are handed on as dictionaries where a file holds them
        so.

    Yields
    ------
    Piece
        Consecutive rows; of a folder, those of its files in order of their paths.

    Raises
    ------
    DataContractError
        If the file as a whole cannot be read. Names the file and the remedy.
    """
    need_inside(path.parent, path)
    if not path.is_dir():
        yield from _read_file(path, path.name, layout, rows_per_piece, words)
        return
    names: list[str] | None = None
    for part in _list_known_parts(path):
        file = part.relative_to(path.parent).as_posix()
        for piece in _read_file(part, file, layout, rows_per_piece, words):
            found = piece.table.column_names
            names = names or found
            if sorted(found) != sorted(names):
                raise fail(file, "its columns are not those of the other parts; export all anew")
            yield dataclasses.replace(piece, table=piece.table.select(names))


def _read_file(
    path: Path, file: str, layout: Layout, rows_per_piece: int, words: Collection[str]
) -> Iterator[Piece]:
    found = _find_layout(path, file, layout)
    kind = _find_kind(path, file)
    if kind == "parquet":
        yield from read_parquet(path, file, rows_per_piece, words)
    elif kind == "workbook":
        yield from read_workbook(path, file, found.sheet, rows_per_piece)
    elif kind == "json":
        yield from read_json_lines(path, file, rows_per_piece)
    else:
        yield from read_csv(
            path,
            file,
            separator=found.separator or ",",
            encoding=found.encoding or "utf-8",
            rows_per_piece=rows_per_piece,
        )


def find_layout(path: Path, layout: Layout = GUESSED) -> Layout:
    """Return the layout by which :func:`read_pieces` reads a file, with nothing left to guess.

    Parameters
    ----------
    path
        A file; of a folder, its first file is looked at, as each is when it is read.
    layout
        What the caller knows.

    Returns
    -------
    Layout
        What is stated, and beside it what was found; ``None`` where it means nothing for the file.

    Raises
    ------
    DataContractError
        If the file's name or its first bytes show that it cannot be read so.
    """
    need_inside(path.parent, path)
    if path.is_dir():
        first = _list_known_parts(path)[0]
        return _find_layout(first, first.relative_to(path.parent).as_posix(), layout)
    return _find_layout(path, path.name, layout)


def _find_layout(path: Path, file: str, layout: Layout) -> Layout:
    kind = _find_kind(path, file)
    if kind == "parquet":
        return Layout()
    if kind == "workbook":
        return Layout(sheet=find_sheet(path, file, layout.sheet))
    check_content(path, file)
    if kind == "json":
        return Layout(encoding=find_encoding(path, file, "utf-8"))
    encoding = find_encoding(path, file, layout.encoding)
    return Layout(find_separator(path, file, encoding, layout.separator), encoding)


def _find_kind(path: Path, file: str) -> str:
    """Return what a file is by the end of its name; what has no known one is read as CSV."""
    name = path.name.lower()
    if name.endswith(_OTHER_WORKBOOKS):
        raise fail(file, "workbooks of this kind are not read; save it as .xlsx")
    if name.endswith((".json", ".json.gz")):
        raise fail(file, "JSON is read one object a line; write it so and name it .jsonl")
    if name.endswith(".parquet"):
        return "parquet"
    if name.endswith(_WORKBOOK_SUFFIXES):
        return "workbook"
    return "json" if name.endswith(_JSON_SUFFIXES) else "csv"


def find_suffix(path: Path) -> str | None:
    """Return by which of ``SUFFIXES`` a file's name ends, in letters of either case, or nothing."""
    return next((end for end in SUFFIXES[::-1] if path.name.lower().endswith(end)), None)


def list_parts(folder: Path) -> list[Path]:
    """Return the files of a folder that stands for one table, sorted by path.

    What lies below a name that begins with ``_`` or ``.`` is passed over, at every depth: there
    are the files of tasks that were never committed.

    Raises
    ------
    DataContractError
        If one of them is a link that leads out of the folder.
    """
    parts = sorted(
        path
        for path in folder.rglob("*")
        if (path.is_file() or path.is_symlink())
        and not any(name.startswith(("_", ".")) for name in path.relative_to(folder).parts)
    )
    for part in parts:
        need_inside(folder, part)
    return [part for part in parts if part.is_file()]


def _list_known_parts(folder: Path) -> list[Path]:
    parts = list_parts(folder)
    if not parts:
        raise fail(folder.name, "this is a folder without a file; put its part files into it")
    known = (*SUFFIXES, *_JSON_SUFFIXES)
    if not all(part.name.lower().endswith(known) for part in parts):
        raise fail(
            folder.name,
            "this is a folder that holds files which are neither CSV, Parquet nor JSON lines; move "
            "them",
        )
    return parts


__all__ = [
    "GUESSED",
    "ROWS_PER_PIECE",
    "STRICT",
    "SUFFIXES",
    "BadRow",
    "Layout",
    "Piece",
    "find_layout",
    "find_suffix",
    "list_parts",
    "read_pieces",
]
