"""What holds across rows: keys, known cases, and which record corrects which (design section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.contract.arrays import NEVER, Bools, Int64
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import Table
from features.intake.normalisation import FILE, ROW

SUPERSEDED_AT: Final = "superseded_at"
SUPERSEDED_BY: Final = "superseded_by"
SUPERSESSION: Final = (SUPERSEDED_AT, SUPERSEDED_BY)
"""Columns that a sound table has beside the contract's own, where its records can be corrected."""


@dataclass(frozen=True)
class Sound:
    """Rows of one table that fit together.

    ``frame`` gains ``superseded_at`` (microseconds UTC, ``NEVER`` where nothing corrects the row)
    and ``superseded_by`` (the identifier of the record that takes its place from then on, empty for
    none) if the table's records can be corrected.
    """

    frame: pd.DataFrame
    rejects: Rejects
    repeats: int
    conflicts: int
    warnings: Mapping[str, int]


def check_integrity(table: Table, frame: pd.DataFrame, cases: "pd.Index[str] | None") -> Sound:
    """Check one whole table.

    Parameters
    ----------
    table
        Which table.
    frame
        Its normalised rows, from all files.
    cases
        Identifiers of the known cases; ``None`` for the table of cases itself.

    Returns
    -------
    Sound
        What may be used, and the rejects.
    """
    kept, conflicts, repeats = _check_keys(table, frame)
    rejects = [_reject(table, conflicts, table.id_column, "conflict")]
    if cases is not None:
        is_unknown = ~kept["case_id"].isin(cases).to_numpy()
        if is_unknown.any():
            rejects.append(_reject(table, kept[is_unknown], "case_id", "unknown_case"))
            kept = kept[~is_unknown].reset_index(drop=True)
    warnings: dict[str, int] = {}
    if table.supersedes:
        kept, found = _check_supersession(table, kept, warnings)
        rejects.append(found)
    return Sound(kept, join_rejects(rejects), repeats, len(conflicts), warnings)


def _check_keys(table: Table, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return one row per key, the rows in conflict with it, and how many were mere repeats.

    Of rows that differ under one key the first recorded stands (ties by content), so that neither
    the order of rows nor of files decides.
    """
    key = list(table.key_columns)
    if not frame.duplicated(key).any():
        return frame, frame.iloc[:0], 0
    distinct = frame.drop_duplicates(list(table.column_names))
    repeats = len(frame) - len(distinct)
    shared = distinct.duplicated(key, keep=False)
    if not shared.any():
        return distinct.reset_index(drop=True), frame.iloc[:0], repeats
    order = [*key, *(["recorded_at"] if "recorded_at" in frame else []), *table.column_names]
    rivals = distinct[shared].sort_values(list(dict.fromkeys(order)))
    first = ~rivals.duplicated(key)
    kept = pd.concat([distinct[~shared], rivals[first]]).reset_index(drop=True)
    return kept, rivals[~first], repeats


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


def _check_supersession(
    table: Table, frame: pd.DataFrame, warnings: dict[str, int]
) -> tuple[pd.DataFrame, Rejects]:
    stated = frame["supersedes"].notna().to_numpy()
    if not stated.any():
        return leave_in_force(frame), join_rejects([])
    target = _find_targets(table, frame, stated)
    elsewhere = stated & (target < 0) & frame["supersedes"].isin(frame[table.id_column]).to_numpy()
    circle = _find_cycles(target)
    recorded_at = frame["recorded_at"].to_numpy()
    early = (target >= 0) & (recorded_at < recorded_at[target]) & ~circle
    found = [
        _reject(table, frame[mask], "supersedes", code)
        for mask, code in (
            (elsewhere, "supersedes_other_case"),
            (circle, "supersedes_cycle"),
            (early, "supersedes_later_record"),
        )
    ]
    kept = frame[~(elsewhere | circle | early)].reset_index(drop=True)
    stated = kept["supersedes"].notna().to_numpy()
    target = _find_targets(table, kept, stated)
    dangling = int((stated & (target < 0)).sum())
    if dangling:
        warnings[f"{table.name}: 'supersedes' names a record that is not here; kept"] = dangling
    return _supersede(table, kept, target), join_rejects(found)


def leave_in_force(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of which none corrects another, with the columns that say so.

    Parameters
    ----------
    frame
        Rows whose ``supersedes`` is empty throughout.

    Returns
    -------
    pandas.DataFrame
        The rows with the columns of ``SUPERSESSION``.
    """
    # The empty column serves for the empty new one, and is of the right type.
    return frame.assign(superseded_at=NEVER, superseded_by=frame["supersedes"])


def _find_targets(table: Table, frame: pd.DataFrame, stated: Bools) -> Int64:
    """Return the row that each row corrects, -1 for none or none in the same case."""
    key = pd.MultiIndex.from_arrays([frame["case_id"], frame[table.id_column]])
    wanted = pd.MultiIndex.from_arrays([frame["case_id"][stated], frame["supersedes"][stated]])
    target = np.full(len(frame), -1, dtype=np.int64)
    target[stated] = key.get_indexer(wanted)
    return target


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


def _supersede(table: Table, frame: pd.DataFrame, target: Int64) -> pd.DataFrame:
    """Return the rows with the next version of each, and when that was recorded.

    All versions of one record form a tree. In the order of (recorded_at, depth, id) each is
    superseded by the next: of two rivals the later wins, and exactly one is in force.
    """
    superseded_at = np.full(len(frame), NEVER, dtype=np.int64)
    superseded_by = np.full(len(frame), None, dtype=object)
    root = np.arange(len(frame))
    depth = np.zeros(len(frame), dtype=np.int64)
    climbing = target >= 0
    above = target.copy()
    while climbing.any():
        root[climbing] = above[climbing]
        depth[climbing] += 1
        above[climbing] = target[above[climbing]]
        climbing = above >= 0
    versions = np.flatnonzero((target >= 0) | np.isin(np.arange(len(frame)), target))
    table_of = pd.DataFrame(
        {
            "row": versions,
            "root": root[versions],
            "recorded_at": frame["recorded_at"].to_numpy()[versions],
            "depth": depth[versions],
            "id": frame[table.id_column].to_numpy(dtype=object)[versions],
        }
    ).sort_values(["root", "recorded_at", "depth", "id"])
    same = table_of["root"].to_numpy()[1:] == table_of["root"].to_numpy()[:-1]
    earlier = table_of["row"].to_numpy()[:-1][same]
    superseded_at[earlier] = table_of["recorded_at"].to_numpy()[1:][same]
    superseded_by[earlier] = table_of["id"].to_numpy()[1:][same]
    named = pd.Series(superseded_by, dtype=frame["supersedes"].dtype)
    return frame.assign(superseded_at=superseded_at, superseded_by=named)
