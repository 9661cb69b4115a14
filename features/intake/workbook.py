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
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.intake.cells import write_number
from features.intake.csv_file import make_text_table
from features.intake.csv_rows import find_bad_text
from features.intake.pieces import BadRow, Piece, check_header, fail
from features.intake.text_layout import TITLE

_MOST_UNPACKED: Final = 4 * 1024**3
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
_LONG_NUMBER: Final = 10**15
"""Excel keeps 15 digits; those behind them are zeros, whatever was typed in."""
_PADDED: Final = re.compile("0{2,}")
"""A format under which a number is shown with zeros before it: an identifier, most likely."""
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[ />]")
_SHEET_PART: Final = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_CHUNK_ROWS: Final = 1_000
_SCAN_BYTES: Final = 1024 * 1024
_Cells = list[tuple[Any, bool]]


class _BadCellError(ValueError):
    """A cell that cannot be read; its text is the code of a reject."""


def read_workbook(path: Path, file: str, sheet: str | None, rows_per_piece: int) -> Iterator[Piece]:
    """Yield the rows of a sheet.

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
    rows: Iterator[_Cells] = (
        cells for cells in _read_sheet(path, file, sheet) if any(_holds(c) for c in cells)
    )
    header = _read_header(file, next(rows, []))
    first = next(rows, None)
    if first is not None:
        if len(header) == 1 and sum(map(_holds, first)) > 1:
            raise fail(file, TITLE)
        rows = _put_before(first, rows)
    number, sent = 0, False
    while (some := list(islice(rows, rows_per_piece))) or not sent:
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
        book = stack.enter_context(_open_book(path, file, results=True))
        return str(_choose_sheet(book, file, sheet).title)


def _put_before(first: _Cells, rows: Iterator[_Cells]) -> Iterator[_Cells]:
    yield first
    yield from rows


def _holds(cell: tuple[Any, bool]) -> bool:
    return cell[0].value is not None or cell[1]


def _read_sheet(path: Path, file: str, sheet: str | None) -> Iterator[_Cells]:
    """Yield the cells of each row, and whether each is a formula whose result is not stored."""
    with ExitStack() as stack:
        books = [stack.enter_context(_open_book(path, file, results=True))]
        if _has_formulas(path):
            books.append(stack.enter_context(_open_book(path, file, results=False)))
        walks = []
        for book in books:
            chosen = _choose_sheet(book, file, sheet)
            chosen.reset_dimensions()  # what a file says of its size need not be true
            walks.append(chosen.iter_rows())
        while chunk := _read_chunk(file, walks):
            yield from chunk


def _read_chunk(file: str, walks: list[Iterator[Any]]) -> list[_Cells]:
    with _quietly(file):
        results, *others = ([*islice(walk, _CHUNK_ROWS)] for walk in walks)
        formulas = others[0] if others else results
        return [
            [(cell, _is_not_stored(cell, formula)) for cell, formula in zip(*both, strict=True)]
            for both in zip(results, formulas, strict=True)
        ]


def _is_not_stored(cell: Any, formula: Any) -> bool:
    """Say whether a cell is a formula without a result; a result without letters has a type."""
    return bool(cell.value is None and formula.data_type == "f" and cell.data_type == "n")


@contextmanager
def _open_book(path: Path, file: str, *, results: bool) -> Iterator[Any]:
    from openpyxl import load_workbook

    with _quietly(file):
        _check_package(path, file)
        book = load_workbook(path, read_only=True, data_only=results)
    try:
        yield book
    finally:
        book.close()


@contextmanager
def _quietly(file: str) -> Iterator[None]:
    """Turn what the library raises into one error; its warnings name cells and are not shown."""
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
        if sum(part.file_size for part in package.infolist()) > _MOST_UNPACKED:
            raise fail(file, "this workbook unpacks to more than 4 GiB; export it as CSV")


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


def _choose_sheet(book: Any, file: str, sheet: str | None) -> Any:
    if sheet is not None:
        found = [one for one in book.worksheets if one.title == sheet]
        if not found:
            raise fail(file, "the workbook has no sheet of the stated name; correct the name")
        return found[0]
    seen = [one for one in book.worksheets if one.sheet_state == "visible"]
    if len(seen) != 1:
        raise fail(file, f"the workbook shows {len(seen)} sheets; state which one is read (sheet)")
    return seen[0]


def _read_header(file: str, cells: _Cells) -> list[str]:
    try:
        names = [(_write_cell(*cell) or "").strip() for cell in cells]
    except _BadCellError:
        raise fail(file, "a cell of the first row cannot be read; name the columns") from None
    while names and not names[-1]:
        names.pop()
    check_header(file, names)
    return names


def _make_piece(file: str, header: list[str], rows: list[_Cells], first: int) -> Piece:
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


def _read_row(header: list[str], cells: _Cells) -> list[str]:
    if any(map(_holds, cells[len(header) :])):
        raise _BadCellError("ragged")
    texts = [_write_cell(*cell) or "" for cell in cells[: len(header)]]
    if code := find_bad_text(texts):
        raise _BadCellError(code)
    return texts + [""] * (len(header) - len(texts))


def _describe_row(header: list[str], cells: _Cells) -> dict[str, object]:
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
