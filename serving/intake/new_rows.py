"""Which of some rows are new: parted from repeats, conflicts and rows that cannot be.

All is done on whole columns; only rows under a key that the store knows, and records that are
corrected, are looked at one by one. Where none is, nothing is taken out of its column.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, exists, select

from features.contract.arrays import Int64
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import EVENTS, TABLES, Table
from features.intake.frames import to_frame
from features.intake.integrity import check_integrity, join_words
from features.intake.normalisation import FILE, ROW
from features.intake.reading import WORDS
from serving.store import schema
from serving.store.frames import (
    Cell,
    column_of,
    list_texts,
    list_values,
    make_rows,
    select_rows_sent,
)
from serving.store.lookups import is_among, list_pairs, look_up_each
from serving.store.record_conditions import is_for_all, is_sealed

# No file has a NUL in its name, so that no row that came is taken for a stored one.
_STORED: Final = "\0stored"
"""Stands for the file of a row that is in the store already."""
_ELSEWHERE: Final = "\0elsewhere"

_Cells = tuple[Cell, ...]
"""A row in the order of the contract's columns."""


@dataclass(frozen=True)
class Sorted:
    """Rows of one table, with case keys: those to store, and what became of the others."""

    rows: pa.Table
    repeats: int
    rejects: Rejects


@dataclass(frozen=True)
class KnownCases:
    """What is known of the cases that some rows name.

    Parameters
    ----------
    cases
        Keys of those that are in the store, or will be with this transaction, and that the sender
        may see.
    hidden
        Keys of those that the sender may not see.
    made
        Keys that were made for these rows: nothing is stored under them.
    """

    cases: Collection[str]
    hidden: Collection[str]
    made: Collection[str]


def list_corrected(table: Table, rows: pa.Table) -> set[tuple[str, str]]:
    """Return the case key and number of each record that some rows say they correct."""
    if not table.supersedes or rows.column("supersedes").null_count == len(rows):
        return set()
    return set(_pairs(rows.filter(rows.column("supersedes").is_valid()), "supersedes"))


def sort_rows(
    connection: Connection,
    name: str,
    rows: pa.Table,
    known: KnownCases,
    *,
    others: Collection[tuple[str, str]] | None = None,
) -> Sorted:
    """Part new rows from repeats, conflicts and rows that cannot be.

    Parameters
    ----------
    connection
        A transaction that holds the head of the order of rows.
    name
        The contract table's name.
    rows
        Normalised rows with case keys, and where each came from.
    known
        What is known of their cases.
    others
        Stored records that are not the sender's to correct, by case key and number: to them none of
        these is there, nor any record of another case. ``None`` where all are.
    """
    table = TABLES[name]
    rows, rejects = _leave_out_strange(table, rows, known)
    stored = _read_stored(connection, name, rows, known.made)
    fresh, repeats, conflicts = _part_known(table, rows, stored)
    rejects.append(conflicts)
    placed = fresh
    if table.supersedes and fresh.column("supersedes").null_count < len(fresh):
        targets = _find_targets(connection, table, fresh, others)
        placed = pa.concat_tables([fresh, _place(name, targets).select(fresh.column_names)])
    sound = check_integrity(table, placed, None)
    ours = sound.rejects.frame
    rejects.append(Rejects(ours[ours["file"] != _STORED]))
    # Rows that came count from 1.
    found = sound.rows.filter(pc.greater(sound.rows.column(ROW), 0))
    return Sorted(
        found.select(list(table.column_names)), repeats + sound.repeats, join_rejects(rejects)
    )


def _leave_out_strange(
    table: Table, rows: pa.Table, known: KnownCases
) -> tuple[pa.Table, list[Rejects]]:
    """Leave out rows of cases that are not there."""
    if table.name == "cases" and not known.hidden:
        return rows, []
    words = join_words(rows.column("case_id"))
    if table.name == "cases":
        is_known = [key not in known.hidden for key in words.dictionary.to_pylist()]
    else:
        is_known = [key in known.cases for key in words.dictionary.to_pylist()]
    if all(is_known):
        return rows, []
    there = np.array(is_known, dtype=np.bool_)[words.indices.to_numpy()]
    strange = _reject(table, rows, np.flatnonzero(~there), "case_id", "unknown_case")
    return rows.filter(pa.array(there)), [strange]


def _reject(table: Table, rows: pa.Table, which: Int64, column: str, code: str) -> Rejects:
    if not len(which):
        return join_rejects([])
    told = rows.select([FILE, ROW]).take(pa.array(which))
    return make_rejects(
        table=table.name,
        file=told.column(FILE).to_pylist(),
        rows=told.column(ROW).to_pylist(),
        column=column,
        code=code,
        sources=[{}] * len(which),
    )


def restore_sources(rejects: Rejects, table: Table, rows: pa.Table) -> Rejects:
    """Return rejects with their rows as they came, identifiers and all."""
    told = rejects.frame
    if told.empty:
        return rejects
    places = zip(rows.column(FILE).to_pylist(), rows.column(ROW).to_pylist(), strict=True)
    place = {where: number for number, where in enumerate(places)}
    found = [place[where] for where in zip(told["file"], told["row"], strict=True)]
    came = to_frame(table, rows.select(list(table.column_names)).take(pa.array(found)))
    return make_rejects(
        table=table.name,
        file=told["file"].tolist(),
        rows=told["row"].tolist(),
        column=told["column"].tolist(),
        code=told["code"].tolist(),
        sources=came.to_dict("records"),  # type: ignore[arg-type]
    )


def _read_stored(
    connection: Connection, name: str, rows: pa.Table, made: Collection[str]
) -> list[_Cells]:
    """Return what the store holds under the keys of some rows."""
    words = join_words(rows.column("case_id"))
    keys = words.dictionary.to_pylist()
    known = _find_with_rows(connection, name, [key for key in keys if key not in made])
    if not known:
        return []
    if name == "cases":
        query = select_rows_sent(name).where(is_among(connection, schema.cases.c.case_key, known))
        return [tuple(row) for row in connection.execute(query)]
    may_be = np.array([key in known for key in keys], dtype=np.bool_)
    if not may_be.all():
        rows = rows.filter(pa.array(may_be[words.indices.to_numpy()]))
    return _read_pairs(connection, name, _pairs(rows, TABLES[name].id_column))


def _find_with_rows(connection: Connection, name: str, keys: list[str]) -> set[str]:
    """Return the cases that have any row in a table: of the others no key need be looked up."""
    if not keys:
        return set()
    case_key, there = schema.case_keys.c.case_key, column_of(name, "case_id")
    query = select(case_key).where(
        is_among(connection, case_key, keys), exists().where(there == case_key)
    )
    return set(connection.execute(query).scalars())


def _read_pairs(
    connection: Connection, name: str, pairs: Iterable[tuple[str, str]]
) -> list[_Cells]:
    wanted = list_pairs(connection, sorted(set(pairs)))
    query = select_rows_sent(name).where(
        column_of(name, "case_id") == wanted.c.case_key,
        column_of(name, TABLES[name].id_column) == wanted.c.id,
    )
    found = connection.execute(look_up_each(connection, wanted, query))
    return [tuple(row) for row in found]


def _part_known(
    table: Table, rows: pa.Table, stored: list[_Cells]
) -> tuple[pa.Table, int, Rejects]:
    """Leave out rows under a key that is stored: repeats, which are counted, and conflicts."""
    if not stored:
        return rows, 0, join_rejects([])
    names = list(table.column_names)
    key = [names.index(column) for column in table.key_columns]
    there = {tuple(cells[place] for place in key) for cells in stored}
    keys = zip(*(list_values(rows.column(column)) for column in table.key_columns), strict=True)
    touched = np.array([one in there for one in keys], dtype=np.bool_)
    # What is told of one row of several that are alike is told of the first.
    seen, conflicts = set(stored), []
    places = np.flatnonzero(touched)
    for place, cells in zip(places, _list_rows(names, rows.take(pa.array(places))), strict=True):
        if cells not in seen:
            seen.add(cells)
            conflicts.append(place)
    told = _reject(table, rows, np.array(conflicts, dtype=np.int64), table.id_column, "conflict")
    return rows.filter(pa.array(~touched)), len(places) - len(conflicts), told


def _list_rows(names: list[str], rows: pa.Table) -> Iterator[_Cells]:
    return zip(*(list_values(rows.column(name)) for name in names), strict=True)


def _pairs(rows: pa.Table, column: str) -> Iterator[tuple[str, str]]:
    return zip(list_texts(rows.column("case_id")), list_texts(rows.column(column)), strict=True)


def _find_targets(
    connection: Connection,
    table: Table,
    fresh: pa.Table,
    others: Collection[tuple[str, str]] | None,
) -> list[_Cells]:
    """Return the stored rows that new ones correct, and that those correct in turn.

    Where a row corrects nothing in its own case, a record of that name in another case is asked
    for; one that is found stands for all.
    """
    stating = fresh.filter(fresh.column("supersedes").is_valid())
    asked = set(_pairs(stating, "supersedes"))
    here = set(_pairs(fresh.filter(_are_named(table, fresh, stating)), table.id_column))
    names = list(table.column_names)
    case, name, corrects = (names.index(one) for one in ("case_id", table.id_column, "supersedes"))
    found: list[_Cells] = []
    asked -= set(others or ())
    wanted, seen = asked - here, here
    while wanted:
        some = _read_pairs(connection, table.name, wanted)
        found += some
        seen = seen | wanted
        wanted = {
            (str(one[case]), str(one[corrects])) for one in some if one[corrects] is not None
        } - seen
    there = here | {(str(one[case]), str(one[name])) for one in found}
    lost = set() if others is not None else {corrected for _, corrected in asked - there}
    return found + (_find_elsewhere(connection, table, stating, lost) if lost else [])


def _are_named(table: Table, rows: pa.Table, stating: pa.Table) -> pa.ChunkedArray:
    named = stating.column("supersedes").combine_chunks()
    return pc.is_in(rows.column(table.id_column), value_set=named)


def _find_elsewhere(
    connection: Connection, table: Table, stating: pa.Table, names: Collection[str]
) -> list[_Cells]:
    """Return a row of no case for each of some identifiers that the store holds.

    What is of a sealed case or kept apart is not asked for: whether a row is taken would tell that
    somebody guessed its number.
    """
    column = column_of(table.name, table.id_column)
    told = [~is_sealed(column_of(table.name, "case_id"))]
    if table.name == EVENTS.name:
        told.append(is_for_all())
    query = select(column).where(is_among(connection, column, names), *told).distinct()
    found = set(connection.execute(query).scalars())
    like: dict[str, dict[str, Cell]] = {}
    for row in stating.select(list(table.column_names)).to_pylist():
        if row["supersedes"] in found:
            like.setdefault(row["supersedes"], row)
    return [
        tuple((row | {"case_id": _ELSEWHERE, table.id_column: one, "supersedes": None}).values())
        for one, row in like.items()
    ]


def _place(name: str, cells: list[_Cells]) -> pa.Table:
    """Return rows of the store as rows that came from nowhere."""
    size = len(cells)
    files = pa.DictionaryArray.from_arrays(
        np.zeros(size, dtype=np.int32), pa.array([_STORED], WORDS.value_type)
    )
    rows = make_rows(name, cells).append_column(FILE, files)
    return rows.append_column(ROW, pa.array(np.zeros(size, dtype=np.int64)))
