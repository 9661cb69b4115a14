"""Reading JSON lines: one object a line, whose fields are the cells of a row.

Numbers keep the digits that they came with. As everywhere, JSON that means different things to
different readers is not taken: no field twice in an object, no NaN.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from features.intake.cells import write_number
from features.intake.csv_file import make_text_table
from features.intake.csv_rows import find_bad_text
from features.intake.pieces import MOST_CELLS, BadRow, Piece, check_header, fail
from features.intake.text_blocks import TextBlocks, is_packed, open_text

_BLOCK_BYTES: Final = 1024 * 1024
_MOST_COLUMNS: Final = 10_000
_LONGEST_LINE: Final = 16 * 1024 * 1024
"""What is read of a line is many times as large."""
_MOST_DIGITS: Final = 400
"""No floating-point number has more when it is written plainly."""


class _BadLineError(ValueError):
    """A line that is no row; its text is the code of a reject."""


class _Fields(list[tuple[str, Any]]):
    """The fields of an object, as they came."""


def read_json_lines(path: Path, file: str, rows_per_piece: int) -> Iterator[Piece]:
    """Yield the rows of a file of JSON lines.

    The columns are all fields that any line has, in the order in which they first come, so the file
    is read twice.

    Parameters
    ----------
    path, file
        The file, and its name for messages and rejects.
    rows_per_piece
        The most rows of a piece.

    Yields
    ------
    Piece
        Consecutive rows; at least one piece, which may be empty but has the columns.

    Raises
    ------
    DataContractError
        If the file as a whole cannot be read.
    """
    if is_packed(path):
        _unpack_once(path, file)
    header = _find_columns(path, file)
    rows_per_piece = max(1, min(rows_per_piece, MOST_CELLS // len(header)))
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    number = 0
    for number, line in enumerate(_read_lines(path, file), 1):
        try:
            cells = _read_line(line)
            rows.append([cells.get(name) or "" for name in header])
            numbers.append(number)
        except _BadLineError as error:
            shown = line.decode("utf-8", "surrogateescape")
            bad.append(BadRow(number, str(error), {"(line)": shown}))
        if number % rows_per_piece == 0:
            yield _make_piece(file, header, rows, numbers, bad)
            rows, numbers, bad = [], [], []
    if number == 0 or number % rows_per_piece:
        yield _make_piece(file, header, rows, numbers, bad)


def _make_piece(
    file: str, header: list[str], rows: list[list[str]], numbers: list[int], bad: list[BadRow]
) -> Piece:
    table = make_text_table(header, rows)
    return Piece(file, table, np.array(numbers, dtype=np.int64), tuple(bad))


def _find_columns(path: Path, file: str) -> list[str]:
    names: dict[str, None] = {}
    for line in _read_lines(path, file):
        try:
            names |= dict.fromkeys(_read_line(line))
        except _BadLineError:
            continue
        if len(names) > _MOST_COLUMNS:
            raise fail(file, f"its lines have more than {_MOST_COLUMNS:,} fields; check the export")
    if not names:
        raise fail(file, "no line of it is a JSON object; write one object on each line")
    check_header(file, list(names))
    return list(names)


def _unpack_once(path: Path, file: str) -> None:
    """Find out before any line is read that a file unpacks too far: reading takes far longer."""
    with open_text(path, file) as opened:
        while opened.read(_BLOCK_BYTES):
            pass


def _read_lines(path: Path, file: str) -> Iterator[bytes]:
    """Yield the lines that are not blank."""
    with open_text(path, file) as opened:
        blocks = TextBlocks(opened, path, file, "utf-8")
        while block := blocks.take(_BLOCK_BYTES):
            for line in block.split(b"\n"):
                if len(line) > _LONGEST_LINE:
                    raise fail(file, "a line is longer than 16 MiB; write one record on each line")
                if line.strip():
                    yield line


def _read_line(line: bytes) -> dict[str, str | None]:
    """Return a line's cells by column.

    Raises
    ------
    _BadLineError
        If it is no row.
    """
    try:
        found = _DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise _BadLineError("encoding") from None
    except _BadLineError:
        raise
    except (ValueError, RecursionError):
        raise _BadLineError("not_json") from None
    if not isinstance(found, _Fields):
        raise _BadLineError("not_json")
    cells = {name: _write_cell(value) for name, value in found}
    if len(cells) != len(found):
        raise _BadLineError("repeated_field")
    if code := find_bad_text([cell for cell in cells.values() if cell]):
        raise _BadLineError(code)
    return cells


def _write_cell(value: Any) -> str | None:
    """Write a value as every reader of ours does; numbers are text by now."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        raise _BadLineError("not_text")
    return value or None


def _write_whole(text: str) -> str:
    return "0" if text == "-0" else text


def _write_fraction(text: str) -> str:
    mantissa, _, exponent = text.lower().partition("e")
    digits = exponent.lstrip("+-").lstrip("0")
    if len(mantissa) > _MOST_DIGITS or len(digits) > len(str(_MOST_DIGITS)):
        raise _BadLineError("unreadable_number")
    if int(digits or "0") > _MOST_DIGITS:
        raise _BadLineError("unreadable_number")
    return write_number(text)


def _refuse_constant(text: str) -> NoReturn:
    raise _BadLineError("not_json")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_Fields,
    parse_int=_write_whole,
    parse_float=_write_fraction,
    parse_constant=_refuse_constant,
)
