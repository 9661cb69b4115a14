"""What a workbook's sheet has lost or hides, which its cells do not say: told before it is used."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from features.intake.workbook import (
    Cells,
    choose_sheet,
    holds,
    open_book,
    part_titles,
    quietly,
    read_sheet,
)

MOST_ROWS: Final = 100_000
"""Rows in which lost zeros are looked for."""
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="[A-Z]+(\d+):[A-Z]+(\d+)"')
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[ />]")
_SCAN_BYTES: Final = 1024 * 1024
_FEWEST_DIGITS: Final = 4
"""Numbers usually shorter than this are no identifiers that are filled up with zeros."""
_USUAL: Final = 0.5
_COUNTER_GAP: Final = 2
"""Numbers that lie on average closer than this count rows on, and are written without zeros."""
_FIRST_OF_1904: Final = 1904


def tell_of_sheet(path: Path, file: str, sheet: str | None) -> list[str]:
    """Return what a person should know of a sheet before its rows are used.

    Parameters
    ----------
    path, file
        The workbook, and its name for messages.
    sheet
        Name of the sheet; by default the only one that can be seen.

    Returns
    -------
    list of str
        Rows passed over as titles, merged cells below the names of the columns, formulas, and the
        calendar of 1904. No cell is quoted.

    Raises
    ------
    DataContractError
        If the workbook as a whole cannot be read.
    """
    titles, names, _ = part_titles(_list_filled(path, file, sheet))
    header_row = next((cell.row for cell, _ in names if cell.value is not None), 0)
    merged, formulas = _scan_sheet(path, file, sheet, header_row)
    told = []
    if titles:
        told.append(
            f"{_count(len(titles), 'row')} above the names of the columns (row {header_row}) "
            "passed over as titles"
        )
    if merged:
        told.append(
            f"{_count(merged, 'merged area')} from row {header_row} on: the value stands in the "
            "first cell alone, the others are read as empty; unmerge them and fill each cell"
        )
    if formulas:
        told.append(
            f"{_count(formulas, 'formula')}: what they came to when the workbook was last saved is "
            "read"
        )
    if _counts_from_1904(path, file):
        told.append("the workbook counts days from 1904; its dates are read so")
    return told


def find_lost_zeros(path: Path, file: str, sheet: str | None) -> dict[str, str]:
    """Return the columns of numbers that may have lost the zeros before them.

    Parameters
    ----------
    path, file
        The workbook, and its name for messages.
    sheet
        Name of the sheet; by default the only one that can be seen.

    Returns
    -------
    dict
        For each such column, what speaks for it. No cell is quoted.
    """
    _, names, rows = part_titles(_list_filled(path, file, sheet))
    columns = [_Digits() for _ in names]
    for cells in islice(rows, MOST_ROWS):
        for (cell, _), column in zip(cells, columns, strict=False):
            column.add(cell)
    return {
        str(cell.value).strip(): told
        for (cell, _), column in zip(names, columns, strict=True)
        if cell.value is not None and (told := column.describe())
    }


@dataclass
class _Digits:
    """How many digits the whole numbers of a column have, as numbers and as text."""

    numbers: Counter[int] = field(default_factory=Counter)
    distinct: set[int] = field(default_factory=set)
    padded: int = 0
    others: int = 0

    def add(self, cell: Any) -> None:
        """Count a cell."""
        value = cell.value
        if isinstance(value, str):
            self.padded += bool(re.fullmatch(r"0\d+", value.strip()))
        elif isinstance(value, bool) or not isinstance(value, int | float):
            self.others += value is not None
        elif value != int(value) or value < 0:
            self.others += 1
        elif not re.fullmatch("0{2,}", cell.number_format):
            self.numbers[len(str(int(value)))] += 1
            self.distinct.add(int(value))

    def describe(self) -> str:
        """Say what speaks for lost zeros; empty for nothing."""
        if not self.numbers or self.others:
            return ""
        total = self.numbers.total()
        if self.padded:
            return (
                f"{_count(self.padded, 'cell')} as text with a zero in front and "
                f"{_count(total, 'cell')} as numbers, which can have none"
            )
        usual, rows = self.numbers.most_common(1)[0]
        short = sum(count for digits, count in self.numbers.items() if digits < usual)
        span = max(self.distinct) - min(self.distinct) + 1
        if not short or usual < _FEWEST_DIGITS or rows < _USUAL * total:
            return ""
        if span < _COUNTER_GAP * len(self.distinct):
            return ""
        return f"{_count(short, 'number')} of fewer than the usual {usual} digits"


def _list_filled(path: Path, file: str, sheet: str | None) -> Iterator[Cells]:
    return (cells for cells in read_sheet(path, file, sheet) if any(holds(one) for one in cells))


def _scan_sheet(path: Path, file: str, sheet: str | None, header_row: int) -> tuple[int, int]:
    """Return how many merged areas end at the header or below it, and how many formulas there are.

    The library leaves merged areas out where it reads a sheet row by row.
    """
    merged = formulas = 0
    with open_book(path, file, results=True) as book, quietly(file):
        chosen = choose_sheet(book, file, sheet)
        for block in _list_blocks(chosen):
            merged += sum(int(last) >= header_row for _, last in _MERGED.findall(block))
            formulas += len(_FORMULA.findall(block))
    return merged, formulas


def _list_blocks(sheet: Any) -> Iterator[bytes]:
    """Yield the sheet's XML in blocks that begin with a tag and part none."""
    rest = b""
    with sheet._get_source() as part:
        while some := part.read(_SCAN_BYTES):
            whole, sign, rest = (rest + some).rpartition(b"<")
            yield whole
            rest = sign + rest
    yield rest


def _counts_from_1904(path: Path, file: str) -> bool:
    with open_book(path, file, results=True) as book:
        return bool(book.epoch.year == _FIRST_OF_1904)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
