"""Reading a sheet of an Excel workbook: each cell as what it holds, not as what it looks like.

A workbook keeps 15 digits of a number, shows errors in cells, and stores results of formulas only
where a spreadsheet worked them out: each of these costs its row, which says so.
"""

import datetime as dt
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.intake.cells import write_number
from features.intake.csv_file import make_text_table
from features.intake.csv_rows import find_bad_text
from features.intake.pieces import MOST_CELLS, BadRow, Piece, check_header, fail
from features.intake.unpacking import check_unpacked, find_bound

_MOST_LAYOUT_BYTES: Final = 4 * 1024 * 1024
_LAYOUT_PARTS: Final = frozenset(
    {"xl/styles.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "[content_types].xml"}
)
"""Parts that are held whole, as objects many times their size."""
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
_LONG_NUMBER: Final = 10**15
"""Excel keeps 15 digits; those behind them are zeros, whatever was typed in."""
_PADDED: Final = re.compile("0{2,}")
"""A format under which a number is shown with zeros before it: an identifier, most likely."""
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[ />]")
_SHEET_PART: Final = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_SCIENTIFIC: Final = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+\d{2,3}")
"""Text such as 2.02401E+16: a long number of which a spreadsheet has kept what it showed."""
_HEAD_ROWS: Final = 50
"""Rows in which the names of the columns are looked for."""
_PAIR_IN_A_TITLE: Final = 4
"""Two cells, such as a label and a date, are a title above a table of more columns than these."""
_CHUNK_ROWS: Final = 1_000
_CHUNK_CELLS: Final = 200_000
"""A row whose only cell is the last of a sheet has 16,384."""
_SCAN_BYTES: Final = 1024 * 1024
Cells = list[tuple[Any, bool]]
"""A row's cells, and for each whether it is a formula whose result is not stored."""


class _BadCellError(ValueError):
    """A cell that cannot be read; its text is the code of a reject."""


def read_workbook(path: Path, file: str, sheet: str | None, rows_per_piece: int) -> Iterator[Piece]:
    """Yield the rows of a sheet; what stands above the names of the columns is passed over.

    Parameters
    ----------
    path, file
        The workbook, and its name for messages and rejects.
    sheet
        Name of the sheet; by default the only one that can be seen.
    rows_per_piece
        The most rows of a piece.

    Yields
    ------
    Piece
        Consecutive rows; at least one piece, which may be empty but has the columns.

    Raises
    ------
    DataContractError
        If the workbook as a whole cannot be read.
    """
    rows: Iterator[Cells] = (
        cells for cells in read_sheet(path, file, sheet) if any(holds(c) for c in cells)
    )
    titles, names, rows = part_titles(rows)
    header = _read_header(file, names, below_title=bool(titles))
    number, sent = 0, False
    rows_per_piece = max(1, min(rows_per_piece, MOST_CELLS // len(header)))
    while (some := _take(rows, rows_per_piece, MOST_CELLS)) or not sent:
        yield _make_piece(file, header, some, number + 1)
        number, sent = number + len(some), True


def find_sheet(path: Path, file: str, sheet: str | None) -> str:
    """Return the name of the sheet that is read.

    Parameters
    ----------
    path, file
        The workbook, and its name for messages.
    sheet
        The name that the caller states.

    Returns
    -------
    str
        The stated name, or that of the only sheet that can be seen.

    Raises
    ------
    DataContractError
        If there is no such sheet, or none is named and several can be seen.
    """
    with ExitStack() as stack:
        book = stack.enter_context(open_book(path, file, results=True))
        return str(choose_sheet(book, file, sheet).title)


def list_sheets(path: Path, file: str) -> list[str]:
    """Return the names of a workbook's sheets that can be seen, in their order.

    Parameters
    ----------
    path, file
        The workbook, and its name for messages.

    Returns
    -------
    list of str
        The names.

    Raises
    ------
    DataContractError
        If the workbook as a whole cannot be read.
    """
    with open_book(path, file, results=True) as book:
        return [str(one.title) for one in book.worksheets if one.sheet_state == "visible"]


def part_titles(rows: Iterator[Cells]) -> tuple[list[Cells], Cells, Iterator[Cells]]:
    """Part the rows of a sheet into titles, the names of the columns, and the rows below them.

    A title is a row of one cell above wider rows, or of two above much wider ones.

    Parameters
    ----------
    rows
        Rows with a cell in them.

    Returns
    -------
    tuple
        Titles, names of the columns (none for an empty sheet) and the other rows.
    """
    head = list(islice(rows, _HEAD_ROWS))
    widths = [sum(map(holds, cells)) for cells in head]
    widest = max(widths, default=0)
    for place, width in enumerate(widths):
        if not (width == 1 < widest or (width == 2 and widest > _PAIR_IN_A_TITLE)):  # noqa: PLR2004
            return head[:place], head[place], chain(head[place + 1 :], rows)
    return [], [], rows


def holds(cell: tuple[Any, bool]) -> bool:
    """Return whether there is anything in a cell, if only a formula without a result."""
    return cell[0].value is not None or cell[1]


def read_sheet(path: Path, file: str, sheet: str | None) -> Iterator[Cells]:
    """Yield the cells of each row, and whether each is a formula whose result is not stored.

    Parameters
    ----------
    path, file
        The workbook, and its name for messages.
    sheet
        Name of the sheet; by default the only one that can be seen.

    Yields
    ------
    list
        Rows in their order, blank ones too.

    Raises
    ------
    DataContractError
        If the workbook or the sheet cannot be read.
    """
    with ExitStack() as stack:
        books = [stack.enter_context(open_book(path, file, results=True))]
        if _has_formulas(path):
            books.append(stack.enter_context(open_book(path, file, results=False)))
        walks = []
        for book in books:
            chosen = choose_sheet(book, file, sheet)
            chosen.reset_dimensions()  # what a file says of its size need not be true
            walks.append(chosen.iter_rows())
        while chunk := _read_chunk(file, walks):
            yield from chunk


def _take(rows: Iterator[Any], most_rows: int, most_cells: int) -> list[Any]:
    """Return the next rows, so many or those of so many cells."""
    taken: list[Any] = []
    n_cells = 0
    for row in rows:
        taken.append(row)
        n_cells += len(row)
        if len(taken) >= most_rows or n_cells >= most_cells:
            break
    return taken


def _read_chunk(file: str, walks: list[Iterator[Any]]) -> list[Cells]:
    with quietly(file):
        first = _take(walks[0], _CHUNK_ROWS, _CHUNK_CELLS)
        results, *others = [first, *([*islice(walk, len(first))] for walk in walks[1:])]
        formulas = others[0] if others else results
        return [
            [(cell, _is_not_stored(cell, formula)) for cell, formula in zip(*both, strict=True)]
            for both in zip(results, formulas, strict=True)
        ]


def _is_not_stored(cell: Any, formula: Any) -> bool:
    """Say whether a cell is a formula without a result; a result without letters has a type."""
    return bool(cell.value is None and formula.data_type == "f" and cell.data_type == "n")


@contextmanager
def open_book(path: Path, file: str, *, results: bool) -> Iterator[Any]:
    """Open a workbook for reading.

    Parameters
    ----------
    path, file
        The workbook, and its name for messages.
    results
        Whether a formula is what it came to, and not its own text.

    Yields
    ------
    Any
        The workbook, closed afterwards.

    Raises
    ------
    DataContractError
        If it is not a whole workbook, or too large.
    """
    from openpyxl import load_workbook

    with quietly(file):
        _check_package(path, file)
        book = load_workbook(path, read_only=True, data_only=results)
    try:
        yield book
    finally:
        book.close()


@contextmanager
def quietly(file: str) -> Iterator[None]:
    """Turn what the library raises into one error; its warnings name cells and are not shown.

    Parameters
    ----------
    file
        The workbook's name for messages.

    Yields
    ------
    None
        Once, with the errors and warnings of the library held back.

    Raises
    ------
    DataContractError
        If the library cannot read what it is given.
    """
    broken = (zipfile.BadZipFile, OSError, KeyError, ValueError, TypeError, SyntaxError, EOFError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except broken:
            raise fail(file, "this is not a whole Excel workbook; save it again as .xlsx") from None


def _check_package(path: Path, file: str) -> None:
    with path.open("rb") as opened:
        head = opened.read(len(_OLD_WORKBOOK))
    if head == _OLD_WORKBOOK:
        raise fail(file, "this workbook is encrypted or of an old kind; save it anew as .xlsx")
    with zipfile.ZipFile(path) as package:
        parts = package.infolist()
        check_unpacked(file, sum(part.file_size for part in parts), find_bound(path))
        layout = (part.file_size for part in parts if part.filename.lower() in _LAYOUT_PARTS)
        if max(layout, default=0) > _MOST_LAYOUT_BYTES:
            raise fail(file, "this workbook's styles are larger than 4 MiB; export it as CSV")


def _has_formulas(path: Path) -> bool:
    with zipfile.ZipFile(path) as package:
        for name in filter(_SHEET_PART.fullmatch, package.namelist()):
            with package.open(name) as part:
                rest = b""
                while some := part.read(_SCAN_BYTES):
                    if _FORMULA.search(rest + some):
                        return True
                    rest = some[-80:]
    return False


def choose_sheet(book: Any, file: str, sheet: str | None) -> Any:
    """Return the sheet of a name, or the only one that can be seen.

    Parameters
    ----------
    book, file
        The workbook, and its name for messages.
    sheet
        The name that the caller states.

    Returns
    -------
    Any
        The sheet.

    Raises
    ------
    DataContractError
        If there is no such sheet, or none is named and several can be seen.
    """
    if sheet is not None:
        found = [one for one in book.worksheets if one.title == sheet]
        if not found:
            raise fail(file, "the workbook has no sheet of the stated name; correct the name")
        return found[0]
    seen = [one for one in book.worksheets if one.sheet_state == "visible"]
    if len(seen) != 1:
        raise fail(file, f"the workbook shows {len(seen)} sheets; state which one is read (sheet)")
    return seen[0]


def _read_header(file: str, cells: Cells, *, below_title: bool) -> list[str]:
    if below_title and not all(isinstance(cell.value, str) for cell, _ in cells if cell.value):
        raise fail(
            file,
            "the first row of several cells holds numbers or dates where columns should be named; "
            "put the names above it, and remove what stands above them",
        )
    try:
        names = [(_write_cell(*cell) or "").strip() for cell in cells]
    except _BadCellError:
        raise fail(file, "a cell of the first row cannot be read; name the columns") from None
    while names and not names[-1]:
        names.pop()
    check_header(file, names)
    return names


def _make_piece(file: str, header: list[str], rows: list[Cells], first: int) -> Piece:
    good: list[list[str]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    for number, cells in enumerate(rows, first):
        try:
            good.append(_read_row(header, cells))
            numbers.append(number)
        except _BadCellError as error:
            bad.append(BadRow(number, str(error), _describe_row(header, cells)))
    table = make_text_table(header, good)
    return Piece(file, table, np.array(numbers, dtype=np.int64), tuple(bad))


def _read_row(header: list[str], cells: Cells) -> list[str]:
    if any(map(holds, cells[len(header) :])):
        raise _BadCellError("ragged")
    texts = [_write_cell(*cell) or "" for cell in cells[: len(header)]]
    if code := find_bad_text(texts):
        raise _BadCellError(code)
    return texts + [""] * (len(header) - len(texts))


def _describe_row(header: list[str], cells: Cells) -> dict[str, object]:
    values = [cell.value for cell, _ in cells]
    row: dict[str, object] = dict(zip(header, values, strict=False))
    if len(values) > len(header):
        row["(more cells)"] = values[len(header) :]
    return row


def _write_cell(cell: Any, is_not_stored: bool) -> str | None:
    """Write a cell as every reader of ours does, or say why it cannot be."""
    value = cell.value
    if is_not_stored:
        raise _BadCellError("formula")
    if cell.data_type == "e":
        raise _BadCellError("error_cell")
    if isinstance(value, str) and _SCIENTIFIC.fullmatch(value.strip()):
        raise _BadCellError("long_number")
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _write_number(value, cell.number_format)
    return _write_time(value, cell.number_format)


def _write_number(value: float, shown_as: str) -> str:
    if abs(value) >= _LONG_NUMBER:
        raise _BadCellError("long_number")
    if value == int(value):
        width = len(shown_as) if _PADDED.fullmatch(shown_as) else 0
        return f"{int(value):0{width}}"
    return write_number(repr(value))


def _write_time(value: object, shown_as: str) -> str:
    from openpyxl.styles.numbers import is_datetime

    if isinstance(value, dt.datetime):
        is_day = value.time() == dt.time() and is_datetime(shown_as) == "date"
        return value.date().isoformat() if is_day else value.isoformat()
    if isinstance(value, dt.timedelta):  # a format such as [h]:mm
        minutes, seconds = divmod(int(value.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    raise _BadCellError("not_text")
