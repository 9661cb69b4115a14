"""Corrections that do not take effect by themselves: parted from rows that are to be stored.

A correction of another agency's record is stored as what it is, a record of the sender's, and
corrects nothing. One that could lower a count waits for a second person of the record's agency; the
worse version counts until then (ADR 27).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import insert, select

from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import TABLES
from features.intake.integrity import join_words
from features.intake.normalisation import FILE, ROW
from serving.intake.lowering import Change, Version, compare
from serving.intake.mandates import Sender, find_accepted
from serving.standing.record_agencies import find_agency
from serving.store.database import Writing, make_key
from serving.store.frames import column_of, list_texts
from serving.store.lookups import is_among, list_pairs, look_up_each
from serving.store.record_conditions import BESIDE, HELD, VOID
from serving.store.schema import (
    RECORDS,
    correction_answers,
    correction_requests,
    imports,
    withheld_corrections,
)

CORRECTABLE: Final = ("events", "facts", "links")
_ONE_IMPORT_US: Final = 24 * 3_600_000_000
"""How long the rows of one import are one delivery, from when it began; microseconds."""
_Pair = tuple[str, str]
"""A case's key, and the number of a record of it."""


@dataclass(frozen=True)
class Withheld:
    """One correction that has no effect by itself.

    Parameters
    ----------
    table, case_key, record_id
        The correction.
    corrects
        The record that it names.
    way
        ``held``, ``beside`` or ``void``; see ``serving.store.schema.withheld_corrections``.
    agency
        The agency of the record that it names.
    narrows
        Whether fewer people may see the record.
    row
        The correction itself, where it is held.
    """

    table: str
    case_key: str
    record_id: str
    corrects: str
    way: str
    agency: str
    narrows: bool = False
    row: dict[str, Any] | None = None


@dataclass(frozen=True)
class Sifted:
    """Rows of one table that are to be stored in it, and what is withheld of all that came;
    corrections that stand among ``rows`` without effect included. ``n_of_no_own`` counts those that
    name no record of the sender's agency: not whether there is another's of that number.
    """

    rows: pa.Table
    withheld: tuple[Withheld, ...] = ()
    n_of_no_own: int = 0


@dataclass(frozen=True)
class Parted:
    """Rows of which nothing is held yet; how many were held already, word for word; and those that
    contradict one that is held.
    """

    rows: pa.Table
    repeats: int
    rejects: Rejects


@dataclass(frozen=True)
class _Known:
    """A record that a correction names: its cells, its agency, and the import it came with."""

    cells: Version
    agency: str
    import_key: str | None
    begun_at_us: int | None


class Sieve:
    """Parts the corrections of one transaction by what they may do.

    Parameters
    ----------
    writing
        The open transaction, which holds the head of the order of rows.
    sender
        Who sends.
    import_key
        The import that the rows come with.
    """

    def __init__(self, writing: Writing, sender: Sender, import_key: str | None) -> None:
        self._connection, self._now_us = writing.connection, writing.now_us
        self._sender, self._import = sender, import_key

    def find_others(self, name: str, pairs: Collection[_Pair]) -> set[_Pair]:
        """Return those of some records that are stored and of another agency.

        To the sender they are not there: whatever they send about one is answered as of a number
        that nobody ever used.
        """
        if name not in CORRECTABLE or not pairs:
            return set()
        stored = self._read(name, pairs)
        accepted = self._read_accepted(name, stored)
        return {
            pair
            for pair, one in stored.items()
            if pair not in accepted and not self._sender.may_send(one.agency)
        }

    def sift(self, name: str, rows: pa.Table, made: Collection[str]) -> Sifted:
        """Part rows of one table that are new.

        Parameters
        ----------
        name
            The table.
        rows
            Rows that are not stored yet, with case keys.
        made
            Keys of cases of which nothing is stored.
        """
        if name not in CORRECTABLE or not rows.num_rows:
            return Sifted(rows)
        found = list(self._judge(name, rows))
        judged = [one for one in found if isinstance(one, Withheld)]
        n_of_no_own = found.count(None) + sum(one.way == VOID for one in judged)
        withheld = [*judged, *self._judge_early(name, rows, made)]
        away = {(one.case_key, one.record_id) for one in withheld if one.way == HELD}
        if away:
            pairs = zip(
                list_texts(rows.column("case_id")),
                list_texts(rows.column(TABLES[name].id_column)),
                strict=True,
            )
            rows = rows.filter(pa.array([pair not in away for pair in pairs]))
        return Sifted(rows, tuple(withheld), n_of_no_own)

    def part_held(self, name: str, rows: pa.Table, made: Collection[str]) -> "Parted":
        """Leave out rows under the number of a correction that is held.

        Parameters
        ----------
        name, made
            See :meth:`sift`.
        rows
            Rows that came, with case keys and where each came from.
        """
        held = {} if name not in CORRECTABLE else self._read_held(name, rows, made)
        found = self._find_held(name, rows, held) if held else []
        if not found:
            return Parted(rows, 0, join_rejects([]))
        keep = np.ones(rows.num_rows, dtype=np.bool_)
        keep[[place for place, _ in found]] = False
        conflicts = [place for place, same in found if not same]
        told = _reject_held(name, rows, conflicts)
        return Parted(rows.filter(pa.array(keep)), len(found) - len(conflicts), told)

    def _judge(self, name: str, rows: pa.Table) -> "Iterator[Withheld | Literal[True] | None]":
        """Give for each correction what is withheld of it, or that nothing is; ``None`` where the
        record that it names is not here.
        """
        is_stating = rows.column("supersedes").is_valid()
        stating = rows.filter(is_stating).to_pylist()
        if not stating:
            return
        id_column = TABLES[name].id_column
        asked = {(row["case_id"], row["supersedes"]) for row in stating}
        known = self._read(name, asked)
        sent_by = self._sender.person.agency
        named = rows.filter(_are_among(rows.column(id_column), {one for _, one in asked}))
        for row in named.to_pylist():
            agency = find_agency(row.get("source"), sent_by)
            here = _Known(row, agency, self._import, self._now_us)
            known.setdefault((row["case_id"], row[id_column]), here)
        accepted = self._read_accepted(name, known)
        for row in stating:
            pair = (row["case_id"], row["supersedes"])
            target = known.get(pair)
            if target is None:
                yield None
                continue
            agency = find_agency(row.get("source"), sent_by)
            is_own = agency == target.agency or pair in accepted
            is_own |= self._speaks_for(row, target.agency)
            came_with = self._is_one_delivery(target)
            way, change = self._decide(name, target, row, is_own=is_own, came_with=came_with)
            if way is None:
                yield True
            else:
                yield Withheld(
                    name,
                    row["case_id"],
                    row[id_column],
                    row["supersedes"],
                    way,
                    target.agency,
                    narrows=change.narrows,
                    row=_cut(name, row) if way == HELD else None,
                )

    def _decide(
        self, name: str, target: _Known, row: Version, *, is_own: bool, came_with: bool
    ) -> tuple[str | None, Change]:
        if not is_own:
            return VOID, Change()
        change = compare(name, target.cells, row, self._sender.parents)
        if came_with or not change.lowers:
            return None, change
        return (BESIDE if change.raises and name == "events" else HELD), change

    def _judge_early(self, name: str, rows: pa.Table, made: Collection[str]) -> Iterator[Withheld]:
        """Give what is withheld of stored corrections whose records come only now."""
        for row, early, agency in self._read_early(name, rows, made):
            sent_by = self._sender.person.agency
            own = find_agency(row.get("source"), sent_by)
            target = _Known(row, own, self._import, self._now_us)
            came_with = early["import_key"] == self._import
            is_own = agency == own or (came_with and self._speaks_for(early, own))
            way, _ = self._decide(name, target, early, is_own=is_own, came_with=came_with)
            # It stands in its table already: both count, until somebody confirms it. The answer or
            # the link of one's own agency that comes late is corrected as it was said.
            if way == VOID or (way is not None and name == "events"):
                way = VOID if way == VOID else BESIDE
                number = str(early[TABLES[name].id_column])
                yield Withheld(name, row["case_id"], number, str(early["supersedes"]), way, own)

    def _speaks_for(self, row: Version, agency: str) -> bool:
        """Return whether a correction that states no source comes by a mandate for an agency."""
        return row.get("source") is None and self._sender.may_send(agency)

    def _is_one_delivery(self, target: _Known) -> bool:
        """Return whether a record came with the same import, so that nothing rests on it yet."""
        if target.import_key != self._import or target.begun_at_us is None:
            return False
        return self._now_us - target.begun_at_us <= _ONE_IMPORT_US

    def _read(self, name: str, pairs: Collection[_Pair]) -> dict[_Pair, _Known]:
        """Return stored records by case and number, with the agency of each."""
        table, id_column = RECORDS[name], TABLES[name].id_column
        wanted = list_pairs(self._connection, sorted(set(pairs)))
        query = (
            select(
                *(column_of(name, one).label(one) for one in TABLES[name].column_names),
                table.c.import_key,
                imports.c.agency,
                imports.c.begun_at_us,
            )
            .select_from(table)
            .outerjoin(imports, imports.c.import_key == table.c.import_key)
            .where(
                column_of(name, "case_id") == wanted.c.case_key,
                column_of(name, id_column) == wanted.c.id,
            )
        )
        found = self._connection.execute(look_up_each(self._connection, wanted, query))
        return {
            (cells["case_id"], cells[id_column]): _Known(
                cells,
                find_agency(cells.get("source"), cells["agency"]),
                cells["import_key"],
                cells["begun_at_us"],
            )
            for cells in (dict(row._mapping) for row in found)
        }

    def _read_accepted(self, name: str, known: Mapping[_Pair, _Known]) -> set[_Pair]:
        """Return those of some records whose agency accepted a request of the sender's agency."""
        keys = {case_key for case_key, _ in known}
        if not keys:
            return set()
        asked, own = correction_requests.c, self._sender.person.agency
        query = select(asked.case_key, asked.record_id, correction_answers.c.agency).where(
            is_among(self._connection, asked.case_key, keys),
            find_accepted(name, asked.case_key, own),
        )
        found = {
            (row.case_key, row.record_id): row.agency for row in self._connection.execute(query)
        }
        return {pair for pair, one in known.items() if found.get(pair) == one.agency}

    def _read_early(
        self, name: str, rows: pa.Table, made: Collection[str]
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any], str]]:
        """Give rows that a stored correction names, each with that and its agency."""
        words = set(join_words(rows.column("case_id")).dictionary.to_pylist()) - set(made)
        if not words:
            return
        table, id_column = RECORDS[name], TABLES[name].id_column
        query = (
            select(
                *(column_of(name, one).label(one) for one in TABLES[name].column_names),
                table.c.import_key,
                imports.c.agency,
            )
            .select_from(table)
            .outerjoin(imports, imports.c.import_key == table.c.import_key)
            .where(
                is_among(self._connection, column_of(name, "case_id"), words),
                table.c.supersedes.is_not(None),
            )
        )
        early = {
            (row["case_id"], row["supersedes"]): row
            for row in (dict(one._mapping) for one in self._connection.execute(query))
        }
        if not early:
            return
        for row in rows.filter(
            _are_among(rows.column(id_column), {one for _, one in early})
        ).to_pylist():
            one = early.get((row["case_id"], row[id_column]))
            if one is not None:
                yield row, one, find_agency(one.get("source"), one["agency"])

    def _read_held(self, name: str, rows: pa.Table, made: Collection[str]) -> dict[_Pair, Any]:
        words = set(join_words(rows.column("case_id")).dictionary.to_pylist()) - set(made)
        if not words:
            return {}
        held = withheld_corrections.c
        query = select(held.case_key, held.record_id, held.row).where(
            is_among(self._connection, held.case_key, words), held.table == name, held.way == HELD
        )
        return {(row.case_key, row.record_id): row.row for row in self._connection.execute(query)}

    def _find_held(
        self, name: str, rows: pa.Table, held: Mapping[_Pair, Any]
    ) -> list[tuple[int, bool]]:
        """Return places of rows under the number of one that is held, and whether alike."""
        numbers = {number for _, number in held}
        id_column = TABLES[name].id_column
        among = _are_among(rows.column(id_column), numbers).to_numpy(zero_copy_only=False)
        places = np.flatnonzero(among)
        found = []
        for place, row in zip(
            places.tolist(), rows.take(pa.array(places)).to_pylist(), strict=True
        ):
            there = held.get((row["case_id"], row[id_column]))
            if there is not None:
                found.append((place, there == _cut(name, row)))
        return found


def store_withheld(
    writing: Writing, sender: Sender, import_key: str | None, found: Sequence[Withheld]
) -> None:
    """Write down which corrections have no effect by themselves."""
    if not found:
        return
    first = writing.take_seq(len(found))
    writing.connection.execute(
        insert(withheld_corrections),
        [
            {
                "withheld_key": make_key(),
                "case_key": one.case_key,
                "table": one.table,
                "record_id": one.record_id,
                "corrects": one.corrects,
                "way": one.way,
                "row": one.row,
                "narrows": one.narrows,
                "owner_agency": one.agency,
                "import_key": import_key,
                "withheld_at_us": writing.now_us,
                "stored_seq": seq,
                **sender.person.columns(),
            }
            for seq, one in enumerate(found, first)
        ],
    )


def _cut(name: str, row: Version) -> dict[str, Any]:
    return {column: row[column] for column in TABLES[name].column_names}


def _are_among(column: pa.ChunkedArray, names: Collection[str]) -> pa.Array:
    wanted = pa.array(sorted(names), column.type)
    return pc.is_in(column.combine_chunks(), value_set=wanted)


def _reject_held(name: str, rows: pa.Table, places: Sequence[int]) -> Rejects:
    if not places:
        return join_rejects([])
    told = rows.select([FILE, ROW]).take(pa.array(places))
    return make_rejects(
        table=name,
        file=told.column(FILE).to_pylist(),
        rows=told.column(ROW).to_pylist(),
        column=TABLES[name].id_column,
        code="conflict",
        sources=[{}] * len(places),
    )
