"""What holds across rows: keys, known cases, and which record corrects which (design section 4).

Whether anything is amiss is asked of all rows at once, where they lie; only the rows that share a
key or correct another are then looked at one by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.compiled.cache import kernels
from features.compiled.joins import NO_TARGET
from features.compiled.parts import hash_column, in_parts
from features.compiled.texts import Hashes, Texts, freeze, point_texts
from features.contract.arrays import NEVER, Bools, Int64, Text
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import Table
from features.intake.frames import to_frame
from features.intake.normalisation import FILE, ROW

SUPERSEDED_AT: Final = "superseded_at"
SUPERSEDED_BY: Final = "superseded_by"
SUPERSESSION: Final = (SUPERSEDED_AT, SUPERSEDED_BY)
"""Columns that a sound table has beside the contract's own, where its records can be corrected."""
_TEXT: Final = pa.large_string()


@dataclass(frozen=True)
class Sound:
    """Rows of one table that fit together.

    ``rows`` gains ``superseded_at`` (microseconds UTC, ``NEVER`` where nothing corrects the row)
    and ``superseded_by`` (the identifier of the record that takes its place from then on, null for
    none) if the table's records can be corrected.
    """

    rows: pa.Table
    rejects: Rejects
    repeats: int
    conflicts: int
    warnings: Mapping[str, int]


def check_integrity(
    table: Table, rows: pa.Table, cases: pa.Array | None, *, within_cases: bool = False
) -> Sound:
    """Check one whole table.

    Parameters
    ----------
    table
        Which table.
    rows
        Its normalised rows, from all files.
    cases
        Identifiers of the known cases; ``None`` where every case that is named is known.
    within_cases
        Whether what a row says it corrects is looked for in its own case alone, so that the answer
        does not depend on which cases are read together.

    Returns
    -------
    Sound
        What may be used, in the order of ``rows``, and the rejects.
    """
    # Rows that are left out go at once: those of a unit are most of the memory that it takes.
    rows = _prepare(table, rows)
    first = _group(table, rows)
    shared = _find_shared(first)
    grouped: _Grouped | None = first
    repeats, n_conflicts, rejects = 0, 0, []
    if len(shared):
        rows, conflicts, repeats = _settle_keys(table, rows, shared)
        grouped, n_conflicts = None, len(conflicts)
        rejects.append(_reject(table, conflicts, table.id_column, "conflict"))
    if cases is not None:
        known = _belong(rows, cases)
        if not known.all():
            rejects.append(_reject(table, _take(table, rows, ~known), "case_id", "unknown_case"))
            rows, grouped = rows.filter(pa.array(known)), None
    warnings: dict[str, int] = {}
    if table.supersedes and rows.column("supersedes").null_count < rows.num_rows:
        grouped = grouped or _group(table, rows)
        rows, found = _settle_corrections(table, rows, grouped, warnings, within_cases)
        rejects += found
    elif table.supersedes:
        rows = _add_supersession(rows, None)
    return Sound(rows, join_rejects(rejects), repeats, n_conflicts, warnings)


def _prepare(table: Table, rows: pa.Table) -> pa.Table:
    """Return the rows with their keys each in one piece of memory."""
    if rows.column("case_id").num_chunks != 1:
        rows = rows.set_column(
            rows.column_names.index("case_id"), "case_id", join_words(rows.column("case_id"))
        )
    for name in (table.id_column, "supersedes"):
        if name != "case_id" and name in rows.column_names and rows.column(name).num_chunks != 1:
            rows = rows.set_column(rows.column_names.index(name), name, _join(rows.column(name)))
    return rows


def join_words(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a column of words as one array over one dictionary."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return _join(column.unify_dictionaries())


def _join(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)


def _texts(rows: pa.Table, name: str) -> Texts:
    """Return a column's text where it lies; of no length where every cell is empty."""
    column = _join(rows.column(name))
    if column.null_count == len(column):
        return point_texts(None)
    return point_texts(column.fill_null("") if column.null_count else column)


@dataclass(frozen=True)
class _Grouped:
    """The rows by case: ``order`` holds those of case ``c`` from ``pointer[c]`` to
    ``pointer[c + 1]``. ``ids`` and ``hashes`` are what names each row within its case, by row.
    """

    pointer: Int64
    order: Int64
    ids: Texts
    hashes: Hashes


def _group(table: Table, rows: pa.Table) -> _Grouped:
    words = _join(rows.column("case_id"))
    pointer = np.empty(len(words.dictionary) + 1, dtype=np.int64)
    order = np.empty(len(words), dtype=np.int64)
    kernels().group_rows(freeze(words.indices.to_numpy()), pointer, order)
    ids = _key_texts(table, rows)
    return _Grouped(pointer, order, ids, hash_column(ids, np.zeros(len(words), dtype=np.uint64)))


def _find_shared(by: _Grouped) -> Int64:
    """Return the rows that share their key with another."""
    compiled = kernels()
    marks = np.zeros(len(by.order), dtype=np.uint8)

    def mark(first: int, end: int) -> None:
        compiled.mark_keys(by.pointer, first, end, by.order, by.ids, by.hashes, marks)

    in_parts(mark, len(by.pointer) - 1)
    return np.flatnonzero(marks)


def _find_targets(rows: pa.Table, by: _Grouped) -> Int64:
    """Return for each place in the order of cases the place that it corrects, or a code."""
    compiled = kernels()
    corrected = _texts(rows, "supersedes")
    target = np.empty(len(by.order), dtype=np.int64)

    def find(first: int, end: int) -> None:
        compiled.find_targets(
            by.pointer, first, end, by.order, by.ids, by.hashes, corrected, target
        )

    in_parts(find, len(by.pointer) - 1)
    return target


def _key_texts(table: Table, rows: pa.Table) -> Texts:
    """Return what names each row within its case."""
    if table.id_column == "case_id":
        return point_texts(pa.repeat(pa.scalar("", _TEXT), rows.num_rows))
    if not table.key_extra:
        return _texts(rows, table.id_column)
    parts = [_join(rows.column(name)) for name in (table.id_column, *table.key_extra)]
    plain = [part.cast(_TEXT) for part in parts]
    return point_texts(pc.binary_join_element_wise(*plain, pa.scalar("\0", _TEXT)))


def _settle_keys(table: Table, rows: pa.Table, shared: Int64) -> tuple[pa.Table, pd.DataFrame, int]:
    """Return one row per key, the rows in conflict with it, and how many were mere repeats, where
    some rows share a key.

    Of rows that differ under one key the first recorded stands (ties by content), so that neither
    the order of rows nor of files decides.
    """
    frame = to_frame(table, rows.take(pa.array(shared)))
    distinct = frame.drop_duplicates(list(table.column_names))
    key = list(table.key_columns)
    kept = np.ones(rows.num_rows, dtype=np.bool_)
    if not distinct.duplicated(key).any():  # a source that sends a record twice sends it alike
        kept[shared] = frame.index.isin(distinct.index)
        return rows.filter(pa.array(kept)), pd.DataFrame(), len(frame) - len(distinct)
    recorded = ["recorded_at"] if "recorded_at" in frame else []
    order = dict.fromkeys([*key, *recorded, *table.column_names])
    rivals = distinct.sort_values(list(order))
    first = ~rivals.duplicated(key)
    kept[shared] = frame.index.isin(rivals.index[first])
    return rows.filter(pa.array(kept)), rivals[~first], len(frame) - len(distinct)


def _belong(rows: pa.Table, cases: pa.Array) -> Bools:
    """Return which rows are of known cases."""
    words = _join(rows.column("case_id"))
    known = pc.is_in(words.dictionary, value_set=cases).to_numpy(zero_copy_only=False)
    return np.asarray(np.take(known, words.indices.to_numpy()), dtype=np.bool_)


def _take(table: Table, rows: pa.Table, which: Bools) -> pd.DataFrame:
    return to_frame(table, rows.filter(pa.array(which)))


def _reject(table: Table, rows: pd.DataFrame, column: str, code: str) -> Rejects:
    if rows.empty:
        return join_rejects([])
    return make_rejects(
        table=table.name,
        file=rows[FILE].tolist(),
        rows=rows[ROW].tolist(),
        column=column,
        code=code,
        sources=rows[list(table.column_names)].to_dict("records"),  # type: ignore[arg-type]
    )


@dataclass(frozen=True)
class _Versions:
    """The rows that correct another or are corrected, in ascending order, shape ``(n,)``.

    ``target`` holds the place in ``rows`` of the record that each corrects, -1 for none here.
    """

    rows: Int64
    target: Int64
    recorded_at: Int64
    ids: Text

    def keep(self, kept: Bools) -> "_Versions":
        """Return some of them; what corrects one that is left out corrects nothing here."""
        place = np.cumsum(kept) - 1
        held = self.target[kept]
        there = (held >= 0) & kept[np.maximum(held, 0)]
        target = np.where(there, place[np.maximum(held, 0)], -1)
        return _Versions(self.rows[kept], target, self.recorded_at[kept], self.ids[kept])


def _find_versions(table: Table, rows: pa.Table, grouped: _Grouped) -> _Versions:
    """Return all rows that state a correction, and those that they correct."""
    target_of = _find_targets(rows, grouped)
    stating = np.flatnonzero(target_of != NO_TARGET)
    child = grouped.order[stating]
    found = target_of[stating]
    parent = grouped.order[np.maximum(found, 0)]
    known = found >= 0
    places = np.unique(np.concatenate((child, parent[known])))
    target = np.full(len(places), -1, dtype=np.int64)
    target[np.searchsorted(places, child[known])] = np.searchsorted(places, parent[known])
    some = rows.select(["recorded_at", table.id_column]).take(pa.array(places))
    return _Versions(
        places,
        target,
        some.column("recorded_at").to_numpy(),
        np.array(some.column(table.id_column).to_pylist(), dtype=object),
    )


def _settle_corrections(
    table: Table,
    rows: pa.Table,
    grouped: _Grouped,
    warnings: dict[str, int],
    within_cases: bool,
) -> tuple[pa.Table, list[Rejects]]:
    versions = _find_versions(table, rows, grouped)
    named = rows.column("supersedes").take(pa.array(versions.rows))
    states = named.is_valid().to_numpy(zero_copy_only=False)
    elsewhere = states & (versions.target < 0)
    if within_cases or not elsewhere.any():
        elsewhere[:] = False
    else:
        elsewhere[elsewhere] = _exist(table, rows, named.filter(pa.array(elsewhere)))
    circle = _find_cycles(versions.target)
    before = versions.recorded_at < versions.recorded_at[np.maximum(versions.target, 0)]
    early = (versions.target >= 0) & before & ~circle
    rejects = [
        _reject(
            table, to_frame(table, rows.take(pa.array(versions.rows[which]))), "supersedes", code
        )
        for which, code in (
            (elsewhere, "supersedes_other_case"),
            (circle, "supersedes_cycle"),
            (early, "supersedes_later_record"),
        )
        if which.any()
    ]
    kept = ~(elsewhere | circle | early)
    left = versions.keep(kept)
    dangling = int((states[kept] & (left.target < 0)).sum())
    if dangling:
        warnings[f"{table.name}: 'supersedes' names a record that is not here; kept"] = dangling
    settled = _add_supersession(rows, left)
    if kept.all():
        return settled, []
    whole = np.ones(rows.num_rows, dtype=np.bool_)
    whole[versions.rows[~kept]] = False
    return settled.filter(pa.array(whole)), rejects


def _exist(table: Table, rows: pa.Table, named: pa.ChunkedArray) -> Bools:
    """Return which of some names any record of the table has."""
    ids = _join(rows.column(table.id_column))
    there = ids.filter(pc.is_in(ids, value_set=_join(named)))
    return np.asarray(pc.is_in(_join(named), value_set=there).to_numpy(zero_copy_only=False))


def _find_cycles(target: Int64) -> Bools:
    """Return which rows correct each other in a circle, themselves included."""
    left = target >= 0
    while True:
        pointed = np.zeros(len(target), dtype=np.bool_)
        pointed[target[left]] = True
        # What is in a circle is pointed at from the circle and points into it.
        still = left & pointed & left[np.maximum(target, 0)]
        if (still == left).all():
            return still
        left = still


def _add_supersession(rows: pa.Table, versions: _Versions | None) -> pa.Table:
    """Return the rows with the next version of each, and when that was recorded.

    All versions of one record form a tree. In the order of (recorded_at, depth, id) each is
    superseded by the next: of two rivals the later wins, and exactly one is in force.
    """
    superseded_at = np.full(rows.num_rows, NEVER, dtype=np.int64)
    codes = np.full(rows.num_rows, -1, dtype=np.int32)
    names: list[str] = []
    if versions is not None:
        earlier, later = _order_versions(versions)
        superseded_at[versions.rows[earlier]] = versions.recorded_at[later]
        codes[versions.rows[earlier]] = np.arange(len(later))
        names = versions.ids[later].tolist()
    named = pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=codes < 0), pa.array(names, type=_TEXT)
    )
    return rows.append_column(SUPERSEDED_AT, pa.array(superseded_at)).append_column(
        SUPERSEDED_BY, named
    )


def _order_versions(versions: _Versions) -> tuple[Int64, Int64]:
    """Return pairs of places: a version, and the one that takes its place."""
    size = len(versions.rows)
    root, depth = np.arange(size), np.zeros(size, dtype=np.int64)
    above = versions.target.copy()
    while (climbing := above >= 0).any():
        root[climbing] = above[climbing]
        depth[climbing] += 1
        above[climbing] = versions.target[above[climbing]]
    names = pc.rank(pa.array(versions.ids, _TEXT), tiebreaker="dense").to_numpy()
    place = np.lexsort((names, depth, versions.recorded_at, root))
    same = root[place][1:] == root[place][:-1]
    return place[:-1][same], place[1:][same]
