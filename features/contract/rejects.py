"""Rows that cannot be used: kept whole, with place, code and remedy, readable by their owner only.

Nothing here is written anywhere else: no message, log or temporary file holds a cell.
"""

import csv
import functools
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from features.contract.links import need_inside

FOLDER: Final = "rejects"
COLUMNS: Final = ("table", "file", "row", "column", "code", "remedy", "source_row")

RowAsSent = Mapping[str, object]
"""A row as its source sent it: nothing of it is checked, and it is kept even where it is none."""

REMEDIES: Final[Mapping[str, str]] = {
    "missing": "fill the cell; the column is required",
    "unreadable_moment": "write an ISO 8601 date or time, such as 2025-03-01 or 2025-03-01T14:30, "
    "or state the form of the dates in the mapping file's 'format'",
    "other_date_format": "write the date as the mapping's 'format' says, or add its form there",
    "implausible_date": "correct the date; it lies before 1940, long after the extract, or was "
    "recorded after it",
    "unreadable_number": "write a finite number with a decimal point",
    "not_a_choice": "use one of the values that the data contract permits for this column",
    "too_long": "shorten the cell, or move long text to the narrative",
    "not_text": "write one value in the cell, not a list or a table",
    "encoding": "save the file as UTF-8; this row holds bytes that are not",
    "nul": "remove the NUL characters from the row; the export or the disk has damaged it",
    "ragged": "give the row as many cells as the header; check for stray commas and quotes",
    "quotes": "close every quote, and double each quote inside a quoted cell",
    "not_json": "write one JSON object on the line, without NaN or Infinity",
    "repeated_field": "name each field of the object once",
    "error_cell": "correct the cell that shows an error, such as #N/A, in the workbook",
    "formula": "open the workbook in a spreadsheet and save it, so that it stores what formulas "
    "come to",
    "long_number": "export the column as text: a workbook keeps 15 digits of a number and makes "
    "zeros of the others",
    "unmapped_value": "add the value to the mapping file",
    "no_first_record": "send a record of the case, or state when the case came to be known",
    "conflict": "decide which version is right and send it as a correction (supersedes)",
    "reserved_number": "send the number without an agency and // before it; such numbers are "
    "given to records that an agency keeps to itself",
    "unknown_case": "send the case first, or correct case_id",
    "supersedes_other_case": "correct 'supersedes'; it names a record of another case",
    "supersedes_cycle": "correct 'supersedes'; these records correct each other in a circle",
    "supersedes_later_record": "correct the dates; a correction cannot come before its target",
}


@dataclass(frozen=True)
class Rejects:
    """Rejected rows, one line per problem, in file and row order.

    ``frame`` has the columns ``COLUMNS``; ``row`` counts data rows from 1 and ``source_row`` is a
    JSON object of the row as it came.
    """

    frame: pd.DataFrame

    def __len__(self) -> int:
        if not len(self.frame):
            return 0
        return self.frame.drop_duplicates(["table", "file", "row"]).shape[0]

    def count_codes(self) -> dict[str, int]:
        """Return how many problems there are of each code, sorted by code."""
        counts = self.frame["code"].value_counts()
        return {str(code): int(counts[code]) for code in sorted(counts.index)}


@functools.cache
def no_rejects() -> Rejects:
    """Return an empty set of rejects."""
    return Rejects(pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS}))


def make_rejects(
    *,
    table: str,
    file: str | Sequence[str],
    rows: Sequence[int],
    column: str | Sequence[str],
    code: str | Sequence[str],
    sources: Sequence[RowAsSent],
) -> Rejects:
    """Note one problem of each of several rows of one table.

    Parameters
    ----------
    table
        Name of the table.
    file, column, code
        Of each row, or one that holds for all.
    rows
        Numbers of the rows in their files, counted from 1.
    sources
        The rows as they came.

    Returns
    -------
    Rejects
        One line for each row.
    """
    if not len(rows):
        return no_rejects()
    codes = [code] * len(rows) if isinstance(code, str) else list(code)
    return Rejects(
        pd.DataFrame(
            {
                "table": table,
                "file": file,
                "row": list(rows),
                "column": column,
                "code": codes,
                "remedy": [REMEDIES[one] for one in codes],
                "source_row": [_to_json(source) for source in sources],
            },
            columns=list(COLUMNS),
        )
    )


def join_rejects(parts: Iterable[Rejects]) -> Rejects:
    """Join rejects, ordered by table, file, row and column whatever order they came in."""
    frames = [part.frame for part in parts if len(part.frame)]
    if not frames:
        return no_rejects()
    joined = pd.concat(frames, ignore_index=True)
    return Rejects(joined.sort_values(list(COLUMNS), ignore_index=True))


def write_rejects(rejects: Rejects, folder: Path, stage: str) -> str:
    """Write rejects to ``folder/rejects/<stage>.csv``, mode 0600, and return its relative name.

    The file is created with that mode, so that there is no moment at which others could read it.

    Parameters
    ----------
    rejects
        What to write.
    folder
        Folder in which ``rejects/`` is made where it is absent.
    stage
        Name of the file without its ending.

    Returns
    -------
    str
        Path of the file within ``folder``.

    Raises
    ------
    DataContractError
        If the folder of rejects is a link that leads elsewhere.
    """
    place = folder / FOLDER
    need_inside(folder, place)
    place.mkdir(mode=0o700, exist_ok=True)
    path = place / f"{stage}.csv"
    # A file that is there keeps its mode, and others might read it: it is made anew.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rejects.frame[list(COLUMNS)].itertuples(index=False))
    return f"{FOLDER}/{stage}.csv"


def _to_json(source: RowAsSent) -> str:
    kept = {name: None if _is_empty(cell) else cell for name, cell in source.items()}
    return json.dumps(kept, default=str, ensure_ascii=True)


def _is_empty(cell: object) -> bool:
    return cell is None or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell))
