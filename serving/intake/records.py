"""Records into the store: what is new is added, a repeat is counted, a conflict is told.

The stored row stands, whatever comes. Everything is decided behind the lock on the head of the
order of rows, so that several servers that store the same rows at once end as one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, exists, select, union

from features.contract.rejects import Rejects, join_rejects
from features.contract.tables import EVENTS, TABLES
from features.intake.frames import to_frame, to_rows
from features.intake.integrity import join_words
from features.intake.normalisation import FILE, ROW
from features.intake.reading import CASE_COLUMNS, TEXT, WORDS
from serving.intake.apart_numbers import number_apart, refuse_reserved
from serving.intake.forwarding import forward_rows
from serving.intake.mandates import Sender
from serving.intake.new_rows import KnownCases, list_corrected, restore_sources, sort_rows
from serving.intake.withheld import Sieve, Withheld, store_withheld
from serving.standing.standings import NewCases, StandingRules
from serving.store import schema
from serving.store.database import Unit, Writing, make_key
from serving.store.frames import insert_columns, insert_rows, list_words
from serving.store.lookups import is_among
from serving.store.record_conditions import HELD, VOID, links_unsealed

RETENTION_CLASS: Final = "standard"
"""Class of a case that nobody has given another one."""


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
    named_keys
        Cases of which rows were stored, or withheld.
    n_waiting
        Corrections that wait for a second person; they are among ``added``.
    n_of_no_own
        Corrections that name no record of the sender's agency, or one that is not here.
    """

    added: int
    repeats: int
    rejects: Rejects
    new_keys: frozenset[str]
    changed_keys: frozenset[str]
    named_keys: frozenset[str] = frozenset()
    n_waiting: int = 0
    n_of_no_own: int = 0

    @property
    def conflicts(self) -> int:
        """How many rows contradict what is stored under their key."""
        return int((self.rejects.frame["code"] == "conflict").sum())


def append_rows(
    writing: Writing,
    tables: Mapping[str, pa.Table | pd.DataFrame],
    unit: Unit,
    *,
    import_key: str | None,
    rules: StandingRules | None = None,
    hidden: Collection[str] = (),
    absent: Collection[str] = (),
    sender: Sender | None = None,
    by_key: bool = False,
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
        Normalised rows (:func:`features.intake.normalisation.normalise`) by the contract's names,
        or frames of such, with the cases' own identifiers; ``_file`` and ``_row`` say in rejects
        where each row was.
    unit
        What holds for the whole store.
    import_key
        The import that the rows came with.
    rules
        What the cases' standing rests on.
    hidden
        Cases that the sender may not see: their rows are rejects, as of a case that is not there,
        and are kept with the others.
    absent
        Those of ``hidden`` that must not be told from none: sealed ones and those to which the
        sender is a party. A case that is sent under the number of one is stored as another case
        of that number, to be merged by those who see both.
    sender
        Who sends: what they may correct is bound by whose record it is (ADR 27). Without one, as of
        what the service itself writes, every correction takes effect.
    by_key
        Whether rows name their cases by key: several cases may have one number.
    """
    writing.take_seq(0)  # others wait from here, so that what is looked up stays as it is
    given = {name: _number(name, tables[name]) for name in TABLES if len(tables.get(name, ()))}
    keys = _CaseKeys(writing.connection, given, absent, by_key=by_key)
    sieve = None if sender is None else Sieve(writing, sender, import_key)
    kept: dict[str, pa.Table] = {}
    withheld: list[Withheld] = []
    repeats, n_of_no_own, rejects = 0, 0, []
    for name, rows in given.items():
        # To the sender a case that they may not see is one that is not there (ADR 20).
        known = KnownCases(
            (keys.known | _list_cases(kept, "cases")) - set(hidden), hidden, keys.made
        )
        named = keys.put(rows)
        if name == EVENTS.name and sender is not None:
            named, reserved = refuse_reserved(named, sender)
            rejects.append(restore_sources(reserved, EVENTS, rows))
            named = number_apart(writing.connection, named, sender)
        found = _sort(writing.connection, name, named, known, sieve)
        kept[name] = found.rows
        withheld += found.withheld
        repeats += found.repeats
        n_of_no_own += found.n_of_no_own
        rejects.append(restore_sources(found.rejects, TABLES[name], rows))
    _store(writing, kept, keys, import_key)
    if sender is not None:
        store_withheld(writing, sender, import_key, withheld)
    # People are for the audit alone: they move no case and are in no score.
    changed = _list_cases(kept, *(name for name in kept if name != "people"))
    named = _list_cases(kept, *kept) | {one.case_key for one in withheld}
    without = _clear_withheld(kept, withheld)
    changed |= _forward(writing, without, unit, import_key, rules) if keys.some_merged else set()
    changed |= find_companions(writing.connection, changed)
    _touch(writing, kept, changed, keys, rules or StandingRules())
    held = [one for one in withheld if one.way == HELD]
    return Appended(
        added=sum(map(len, kept.values())) + len(held),
        repeats=repeats,
        rejects=join_rejects(rejects),
        new_keys=frozenset(_list_cases(kept, "cases")),
        changed_keys=frozenset(changed),
        named_keys=frozenset(named),
        n_waiting=sum(one.way != VOID for one in withheld),
        n_of_no_own=n_of_no_own,
    )


@dataclass(frozen=True)
class _Sorted:
    """Rows of one table that are to be stored in it, and what became of the others."""

    rows: pa.Table
    repeats: int
    rejects: Rejects
    withheld: tuple[Withheld, ...] = ()
    n_of_no_own: int = 0


def _sort(
    connection: Connection, name: str, rows: pa.Table, known: KnownCases, sieve: Sieve | None
) -> _Sorted:
    """Part rows of one table by what becomes of them."""
    if sieve is None:
        found = sort_rows(connection, name, rows, known)
        return _Sorted(found.rows, found.repeats, found.rejects)
    parted = sieve.part_held(name, rows, known.made)
    others = sieve.find_others(name, list_corrected(TABLES[name], parted.rows))
    found = sort_rows(connection, name, parted.rows, known, others=others)
    sifted = sieve.sift(name, found.rows, known.made)
    return _Sorted(
        sifted.rows,
        parted.repeats + found.repeats,
        join_rejects([parted.rejects, found.rejects]),
        sifted.withheld,
        sifted.n_of_no_own,
    )


def _clear_withheld(
    tables: Mapping[str, pa.Table], withheld: Sequence[Withheld]
) -> Mapping[str, pa.Table]:
    """Return rows of which those name no record that correct none: their copies do not either."""
    found = dict(tables)
    for name in {one.table for one in withheld}:
        without = {(one.case_key, one.record_id) for one in withheld if one.table == name}
        frame = to_frame(TABLES[name], found[name])
        pairs = zip(frame["case_id"], frame[TABLES[name].id_column], strict=True)
        frame.loc[[pair in without for pair in pairs], "supersedes"] = None
        found[name] = to_rows(TABLES[name], frame)
    return found


def _touch(
    writing: Writing,
    stored: Mapping[str, pa.Table],
    changed: Collection[str],
    keys: "_CaseKeys",
    rules: StandingRules,
) -> None:
    """Have the standings of the cases that changed refreshed."""
    rest = set(changed)
    if not any(rows.num_rows for name, rows in stored.items() if name not in ("cases", "people")):
        bare = rest & keys.made.keys()  # nothing can have been stored under them before
        rest -= bare
        if bare:
            writing.touch(bare, NewCases(rules, last_seq=writing.take_seq(0) - 1))
    if rest:
        writing.touch(rest, rules)


def _list_cases(tables: Mapping[str, pa.Table], *names: str) -> set[str]:
    """Return the cases that the rows of some tables are of."""
    some = [tables[name] for name in names if name in tables]
    return {key for rows in some for key in list_words(rows.column("case_id"))}


def _forward(
    writing: Writing,
    stored: Mapping[str, pa.Table],
    unit: Unit,
    import_key: str | None,
    rules: StandingRules | None,
) -> frozenset[str]:
    """Copy what was stored of merged cases on; return the cases that changed by it."""
    frames = {name: to_frame(TABLES[name], rows) for name, rows in stored.items() if rows.num_rows}
    forwarded = forward_rows(writing, frames)
    if not forwarded:
        return frozenset()
    appended = append_rows(
        writing, forwarded, unit, import_key=import_key, rules=rules, by_key=True
    )
    return appended.changed_keys


def _number(name: str, rows: pa.Table | pd.DataFrame) -> pa.Table:
    """Return rows with the place of each; they came from no file where they have none."""
    if isinstance(rows, pd.DataFrame):
        rows = to_rows(TABLES[name], rows)
    if ROW in rows.column_names:
        return rows
    size = rows.num_rows
    files = pa.DictionaryArray.from_arrays(
        np.zeros(size, dtype=np.int32), pa.array([""], WORDS.value_type)
    )
    numbers = pa.array(np.arange(1, size + 1, dtype=np.int64))
    return rows.append_column(FILE, files).append_column(ROW, numbers)


class _CaseKeys:
    """Keys of the cases that some rows name; those that are not there yet are made on the way.

    Of several cases with one number the one that came first is meant, of those that are not
    ``absent``: whoever sends to a number that stands for a sealed case alone is given another key.
    """

    def __init__(
        self,
        connection: Connection,
        tables: Mapping[str, pa.Table],
        absent: Collection[str],
        *,
        by_key: bool,
    ) -> None:
        names = _list_cases(tables, *tables)
        if "links" in tables:
            names.update(list_words(tables["links"].column("linked_case_id")))
        keys, stored, moves = schema.case_keys.c, schema.cases.c, schema.case_moves.c
        named = keys.case_key if by_key else keys.case_id
        merged = exists().where(moves.case_key == keys.case_key, moves.kind == "merge")
        query = (
            select(
                named.label("named"),
                keys.case_key,
                stored.case_key.label("stored"),
                merged.label("merged"),
            )
            .outerjoin(schema.cases, stored.case_key == keys.case_key)
            .where(is_among(connection, named, names))
            .order_by(keys.stored_seq.desc())
        )
        rows = [row for row in connection.execute(query) if row.case_key not in absent]
        self._of = {row.named: row.case_key for row in rows}
        self.known = {row.case_key for row in rows if row.stored is not None}
        self.some_merged = any(row.merged for row in rows)
        made = {name: make_key() for name in names - self._of.keys()}
        self._of |= made
        self.made = {key: name for name, key in made.items()}

    def put(self, rows: pa.Table) -> pa.Table:
        """Return rows with keys in place of identifiers."""
        for column in CASE_COLUMNS:
            if column in rows.column_names:
                words = join_words(rows.column(column))
                # A word that no row has any more may be among them, and has no key.
                keys = [self._of.get(word, word) for word in words.dictionary.to_pylist()]
                named = pa.DictionaryArray.from_arrays(
                    words.indices, pa.array(keys, WORDS.value_type)
                )
                rows = rows.set_column(rows.column_names.index(column), column, named)
        return rows

    def list_new(self, tables: Mapping[str, pa.Table]) -> list[tuple[str, str]]:
        """Return keys that were made, with their identifiers: those of cases and linked cases that
        are stored, not of strangers.
        """
        used = _list_cases(tables, "cases")
        if "links" in tables:
            used.update(list_words(tables["links"].column("linked_case_id")))
        return sorted((key, self.made[key]) for key in used & self.made.keys())


def _store(
    writing: Writing,
    tables: Mapping[str, pa.Table],
    keys: _CaseKeys,
    import_key: str | None,
) -> None:
    made = keys.list_new(tables)
    size = len(made) + sum(map(len, tables.values()))
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
    texts = {name: pa.array(cells, TEXT) for name, cells in columns.items() if name != "stored_seq"}
    places = pa.array(columns["stored_seq"], pa.int64())
    written = pa.table(texts | {"stored_seq": places})
    writing.add_written(schema.case_keys.name, written, seq)
    seq += len(made)
    for name, rows in tables.items():
        written = insert_rows(writing.connection, name, rows, first_seq=seq, import_key=import_key)
        writing.add_written(name, written, seq)
        seq += len(rows)


def find_companions(connection: Connection, changed: Collection[str]) -> frozenset[str]:
    """Return the cases linked with some others, both ways: each sees the other's events.

    A sealed case is linked with none: what happens there changes no other case.
    """
    links, cases = schema.links, schema.cases
    ends = (links.c.case_key, links.c.linked_case_key)
    ways = (
        select(there)
        .join(cases, cases.c.case_key == there)
        .where(is_among(connection, here, changed), links_unsealed())
        for here, there in (ends, ends[::-1])
    )
    return frozenset(connection.execute(union(*ways)).scalars())
