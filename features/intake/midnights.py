"""Dates that a tool wrote as midnights: of a whole column, since one row cannot tell."""

import dataclasses
from collections import Counter
from typing import Final

import pyarrow as pa

from features.contract.arrays import Bools
from features.contract.tables import Table
from features.intake.date_columns import read_as_days
from features.intake.normalisation import FILE, Normalised, count_disorders

_LEAST_MIDNIGHTS: Final = 2
"""A single time at midnight may well be one."""


def read_midnights(
    table: Table, parts: list[Normalised], time_zone: str, warnings: Counter[str]
) -> list[Normalised]:
    """Return the parts with dates that were written as midnights read as whole days.

    What was recorded on a day may not be used before that day is over. A tool that knows no dates
    writes each as midnight: a column that says when things were recorded, and that holds no other
    time in two or more rows of one file, is read so.

    Parameters
    ----------
    table
        Which table.
    parts
        Its normalised parts; those of one file are read alike.
    time_zone
        Zone of the days.
    warnings
        Counts here how many cells were read so, by column.

    Returns
    -------
    list of Normalised
        In the order of ``parts``.
    """
    by_file: dict[str, list[int]] = {}
    for place, part in enumerate(parts):
        by_file.setdefault(_file_of(part), []).append(place)
    found = list(parts)
    for places in by_file.values():
        for column in table.columns:
            masks = [found[place].midnights.get(column.name) for place in places]
            held = [mask for mask in masks if mask is not None]
            n = sum(int(mask.sum()) for mask in held)
            if len(held) < len(masks) or n < _LEAST_MIDNIGHTS:
                continue
            warnings[f"{table.name}: every time in {column.name} is midnight; read as dates"] += n
            for place, mask in zip(places, held, strict=True):
                found[place] = _shift(table, found[place], column.name, mask, time_zone)
    return found


def _file_of(part: Normalised) -> str:
    names = part.rows.column(FILE).chunk(0).dictionary if part.rows.num_rows else []
    return str(names[0]) if len(names) else ""


def _shift(
    table: Table, part: Normalised, name: str, midnights: Bools, time_zone: str
) -> Normalised:
    cells = part.rows.column(name).combine_chunks()
    us = read_as_days(cells.fill_null(0).to_numpy(), midnights, time_zone)
    moved = pa.array(us, mask=cells.is_null().to_numpy(zero_copy_only=False))
    rows = part.rows.set_column(part.rows.column_names.index(name), name, moved)
    # What was recorded at some time of a day may have been recorded after it occurred.
    before = count_disorders(table, part.rows)
    kept = {text: n for text, n in part.warnings.items() if text not in before}
    return dataclasses.replace(part, rows=rows, warnings=kept | count_disorders(table, rows))
