"""Records into the store: what is new is added, a repeat is counted, a conflict is told.

The stored row stands, whatever comes. Everything is decided behind the lock on the head of the
order of rows, so that several servers that store the same rows at once end as one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from sqlalchemy import Connection, exists, select, union

from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import TABLES, Table
from features.intake.frames import to_frame, to_rows
from features.intake.integrity import SUPERSESSION, check_integrity
from features.intake.normalisation import FILE, ROW
from serving.intake.forwarding import forward_rows
from serving.standing.standings import StandingRules
from serving.store import schema
from serving.store.database import Unit, Writing, make_key
from serving.store.frames import (
    column_of,
    insert_columns,
    insert_frame,
    make_frame,
    select_rows,
)
from serving.store.lookups import is_among, list_pairs

RETENTION_CLASS: Final = "standard"
"""Class of a case that nobody has given another one."""
# No file has a NUL in its name, so that no row that came is taken for a stored one.
_STORED: Final = "\0stored"
"""Stands for the file of a row that is in the store already."""
_ELSEWHERE: Final = "\0elsewhere"


@dataclass(frozen=True)
class Appended:
    """What became of some rows.

    Parameters
    ----------
    added, repeats
        Rows that are now in the store for the first time, and rows that it held already.
    rejects
        Rows that were not stored and why, conflicts (code ``conflict``) among them.
    new_keys, changed_keys
        Cases that were not there before; those and all whose history is another one now, linked
        cases among them.
    """

    added: int
    repeats: int
    rejects: Rejects
    new_keys: frozenset[str]
    changed_keys: frozenset[str]

    @property
    def conflicts(self) -> int:
        """How many rows contradict what is stored under their key."""
        return int((self.rejects.frame["code"] == "conflict").sum())


@dataclass(frozen=True)
class _Sorted:
    """Rows of one table, with case keys: those to store, and what became of the others."""

    frame: pd.DataFrame
    repeats: int
    rejects: Rejects


def append_rows(
    writing: Writing,
    tables: Mapping[str, pd.DataFrame],
    unit: Unit,
    *,
    import_key: str | None,
    rules: StandingRules | None = None,
    hidden: Collection[str] = (),
) -> Appended:
    """Store rows, and work out the status of their cases again, in one transaction.

    A row whose ``supersedes`` names a record that is not here yet is kept. One that names a record
    which only another case has is a reject: where identifiers are used again from case to case,
    send a record before its correction.

    Parameters
    ----------
    writing
        The open transaction. Other writers wait from here on until it ends.
    tables
        Normalised frames (:func:`features.intake.normalisation.normalise`) by the contract's names,
        with the cases' own identifiers; ``_file`` and ``_row`` say in rejects where each row was.
    unit
        What holds for the whole store.
    import_key
        The import that the rows came with.
    rules
        What the cases' standing rests on.
    hidden
        Cases that the sender may not see: their rows are rejects, as of a case that is not there,
        and are kept with the others.
    """
    writing.take_seq(0)  # others wait from here, so that what is looked up stays as it is
    given = {name: _number(tables[name]) for name in TABLES if len(tables.get(name, ()))}
    keys = _CaseKeys(writing.connection, given)
    kept: dict[str, pd.DataFrame] = {}
    repeats, rejects = 0, []
    for name, frame in given.items():
        known = keys.known | set(kept["cases"]["case_id"] if "cases" in kept else ())
        # To the sender a case that they may not see is one that is not there (ADR 20).
        known -= set(hidden)
        found = _sort_rows(writing.connection, name, keys.put(frame), known, hidden)
        kept[name] = found.frame
        repeats += found.repeats
        rejects.append(_restore(found.rejects, TABLES[name], frame))
    _store(writing, kept, keys, import_key)
    new_keys = frozenset(kept["cases"]["case_id"]) if "cases" in kept else frozenset()
    changed = frozenset(
        # People are for the audit alone: they move no case and are in no score.
        key
        for name, frame in kept.items()
        if name != "people"
        for key in frame["case_id"]
    )
    forwarded = forward_rows(writing, kept) if keys.some_merged else {}
    if forwarded:
        changed |= append_rows(
            writing, forwarded, unit, import_key=import_key, rules=rules
        ).changed_keys
    changed |= find_companions(writing.connection, changed)
    if changed:
        writing.touch(changed, rules or StandingRules())
    return Appended(
        added=sum(map(len, kept.values())),
        repeats=repeats,
        rejects=join_rejects(rejects),
        new_keys=new_keys,
        changed_keys=changed,
    )


def _number(frame: pd.DataFrame) -> pd.DataFrame:
    if ROW in frame.columns:
        return frame
    numbered = frame.copy()
    numbered[FILE], numbered[ROW] = "", range(1, len(frame) + 1)
    return numbered


class _CaseKeys:
    """Keys of the cases that some rows name; those that are not there yet are made on the way."""

    def __init__(self, connection: Connection, frames: Mapping[str, pd.DataFrame]) -> None:
        names = {name for frame in frames.values() for name in frame["case_id"]}
        if "links" in frames:
            names.update(frames["links"]["linked_case_id"])
        keys, stored, moves = schema.case_keys.c, schema.cases.c, schema.case_moves.c
        merged = exists().where(moves.case_key == keys.case_key, moves.kind == "merge")
        query = (
            select(
                keys.case_id,
                keys.case_key,
                stored.case_key.label("stored"),
                merged.label("merged"),
            )
            .outerjoin(schema.cases, stored.case_key == keys.case_key)
            .where(is_among(connection, keys.case_id, names))
        )
        rows = connection.execute(query).all()
        self._of = {row.case_id: row.case_key for row in rows}
        self.known = {row.case_key for row in rows if row.stored is not None}
        self.some_merged = any(row.merged for row in rows)
        made = {name: make_key() for name in names - self._of.keys()}
        self._of |= made
        self._made = {key: name for name, key in made.items()}

    def put(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame with keys in place of identifiers."""
        columns = [name for name in ("case_id", "linked_case_id") if name in frame.columns]
        return frame.assign(**{name: frame[name].map(self._of).astype("str") for name in columns})

    def list_new(self, frames: Mapping[str, pd.DataFrame]) -> list[tuple[str, str]]:
        """Return keys that were made, with their identifiers: those of cases and linked cases that
        are stored, not of strangers.
        """
        used: set[str] = set()
        for name, column in (("cases", "case_id"), ("links", "linked_case_id")):
            used.update(frames[name][column] if name in frames else ())
        return sorted((key, self._made[key]) for key in used & self._made.keys())


def _sort_rows(
    connection: Connection,
    name: str,
    frame: pd.DataFrame,
    known: Collection[str],
    hidden: Collection[str],
) -> _Sorted:
    """Part new rows from repeats, conflicts and rows that cannot be."""
    table = TABLES[name]
    rejects = []
    if name != "cases" or hidden:
        wanted = known if name != "cases" else set(frame["case_id"]) - set(hidden)
        strange = ~frame["case_id"].isin(wanted)
        rejects.append(_reject(table, frame[strange], "case_id", "unknown_case"))
        frame = frame[~strange]
    stored = _read_stored(connection, name, frame)
    distinct = pd.concat([stored, frame], ignore_index=True)
    distinct = distinct.drop_duplicates(list(table.column_names))
    fresh = distinct[distinct[FILE] != _STORED]
    repeats = len(frame) - len(fresh)
    if len(stored):
        key = list(table.key_columns)
        there = pd.MultiIndex.from_frame(stored[key])
        taken = pd.MultiIndex.from_frame(fresh[key]).isin(there)
        rejects.append(_reject(table, fresh[taken], table.id_column, "conflict"))
        fresh = fresh[~taken]
    if table.supersedes and fresh["supersedes"].notna().any():
        fresh = _add_targets(connection, table, fresh, stored)
    sound = check_integrity(table, to_rows(table, fresh.reset_index(drop=True)), None)
    settled = to_frame(table, sound.rows)
    ours = sound.rejects.frame
    rejects.append(Rejects(ours[ours["file"] != _STORED]))
    found = settled[settled[FILE] != _STORED]
    return _Sorted(
        found.drop(columns=[*SUPERSESSION], errors="ignore").reset_index(drop=True),
        repeats + sound.repeats,
        join_rejects(rejects),
    )


def _reject(table: Table, rows: pd.DataFrame, column: str, code: str) -> Rejects:
    return make_rejects(
        table=table.name,
        file=rows[FILE].tolist(),
        rows=rows[ROW].tolist(),
        column=column,
        code=code,
        sources=[{}] * len(rows),
    )


def _restore(rejects: Rejects, table: Table, frame: pd.DataFrame) -> Rejects:
    """Return rejects with their rows as they came, identifiers and all."""
    if not len(rejects):
        return rejects
    told = rejects.frame
    place = pd.MultiIndex.from_frame(frame[[FILE, ROW]])
    found = place.get_indexer(pd.MultiIndex.from_frame(told[["file", "row"]]))
    sources = frame[list(table.column_names)].iloc[found].to_dict("records")
    return make_rejects(
        table=table.name,
        file=told["file"].tolist(),
        rows=told["row"].tolist(),
        column=told["column"].tolist(),
        code=told["code"].tolist(),
        sources=sources,  # type: ignore[arg-type]
    )


def _read_stored(connection: Connection, name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return what the store holds under the keys of some rows."""
    if name == "cases":
        key = schema.cases.c.case_key
        query = select_rows(name).where(is_among(connection, key, frame["case_id"]))
        return _mark(make_frame(name, connection.execute(query).all()))
    pairs = zip(frame["case_id"], frame[TABLES[name].id_column], strict=True)
    return _read_pairs(connection, name, pairs)


def _read_pairs(
    connection: Connection, name: str, pairs: Iterable[tuple[str, str]]
) -> pd.DataFrame:
    wanted = list_pairs(connection, sorted(set(pairs)))
    query = select_rows(name).join(
        wanted,
        (column_of(name, "case_id") == wanted.c.case_key)
        & (column_of(name, TABLES[name].id_column) == wanted.c.id),
    )
    return _mark(make_frame(name, connection.execute(query).all()))


def _mark(frame: pd.DataFrame) -> pd.DataFrame:
    marks: dict[str, str | int] = {FILE: _STORED, ROW: 0}
    return frame.assign(**marks)


def _add_targets(
    connection: Connection, table: Table, fresh: pd.DataFrame, stored: pd.DataFrame
) -> pd.DataFrame:
    """Return new rows and the stored ones that they correct, and that those correct in turn.

    Where a row corrects nothing in its own case, a record of that name in another case is asked
    for; one that is found stands for all.
    """
    parts = [fresh, stored]
    seen = {*_pairs(fresh, table.id_column), *_pairs(stored, table.id_column)}
    wanted = (_pairs(fresh, "supersedes") | _pairs(stored, "supersedes")) - seen
    while wanted:
        found = _read_pairs(connection, table.name, wanted)
        parts.append(found)
        seen |= wanted
        wanted = _pairs(found, "supersedes") - seen
    there = pd.concat(parts, ignore_index=True)
    here = _pairs(there, table.id_column)
    lost = [name for case, name in _pairs(fresh, "supersedes") if (case, name) not in here]
    if lost:
        parts.append(_find_elsewhere(connection, table, fresh, lost))
    return pd.concat(parts, ignore_index=True)


def _pairs(frame: pd.DataFrame, column: str) -> set[tuple[str, str]]:
    some = frame[frame[column].notna()]
    return set(zip(some["case_id"], some[column], strict=True))


def _find_elsewhere(
    connection: Connection, table: Table, fresh: pd.DataFrame, names: list[str]
) -> pd.DataFrame:
    """Return a row of no case for each of some identifiers that the store holds."""
    column = column_of(table.name, table.id_column)
    query = select(column).where(is_among(connection, column, names)).distinct()
    found = list(connection.execute(query).scalars())
    rows = fresh[fresh["supersedes"].isin(found)].drop_duplicates("supersedes")
    return _mark(
        rows.assign(
            **{"case_id": _ELSEWHERE, table.id_column: rows["supersedes"], "supersedes": None}
        ).astype({"case_id": "str", "supersedes": "str"})
    )


def _store(
    writing: Writing,
    frames: Mapping[str, pd.DataFrame],
    keys: _CaseKeys,
    import_key: str | None,
) -> None:
    made = keys.list_new(frames)
    size = len(made) + sum(map(len, frames.values()))
    if not size:
        return
    seq = writing.take_seq(size)
    columns: dict[str, Sequence[str | int]] = {
        "case_key": [key for key, _ in made],
        "case_id": [name for _, name in made],
        "retention_class": [RETENTION_CLASS] * len(made),
        "stored_seq": range(seq, seq + len(made)),
    }
    insert_columns(writing.connection, schema.case_keys, columns)
    seq += len(made)
    for name, frame in frames.items():
        insert_frame(writing.connection, name, frame, first_seq=seq, import_key=import_key)
        seq += len(frame)


def find_companions(connection: Connection, changed: Collection[str]) -> frozenset[str]:
    """Return the cases linked with some others, both ways: each sees the other's events."""
    links, cases = schema.links, schema.cases
    ends = (links.c.case_key, links.c.linked_case_key)
    ways = (
        select(there)
        .join(cases, cases.c.case_key == there)
        .where(is_among(connection, here, changed))
        for here, there in (ends, ends[::-1])
    )
    return frozenset(connection.execute(union(*ways)).scalars())
