"""Rows in chunks, one transaction each, that resume where they broke off.

How far an import is, and the rows of a chunk, are committed together: a chunk that was stored is
never stored again, and one that was not leaves nothing behind.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from features.contract.rejects import Rejects, join_rejects
from features.intake.normalisation import ROW
from serving.access.case_sight import find_sight
from serving.confirmations.asking import note_cases
from serving.intake.correction_confirmation import ask_for_import
from serving.intake.held_cases import SenderQuota, count_sent, hold_apart
from serving.intake.import_sight import UNKNOWN_CASE
from serving.intake.mandates import Sender, leave_out_sources
from serving.intake.progress import (
    Imported,
    ImportRefusedError,
    add_import,
    check_rows,
    need_import,
    note_progress,
)
from serving.intake.records import Appended, append_rows
from serving.intake.row_lines import Normal
from serving.intake.turn_rows import leave_out_closings, leave_out_turns
from serving.persons import MACHINE, Person
from serving.standing.standings import StandingRules
from serving.store import schema
from serving.store.database import Store, Unit, Writing, make_key
from serving.store.frames import insert_columns, list_words
from serving.store.lookups import is_among

ROWS_PER_CHUNK: Final = 2_000
"""Rows of a stream that are stored in one transaction."""
BYTES_PER_CHUNK: Final = 8 * 1024 * 1024
"""A chunk ends earlier where its rows are long, so that memory stays flat."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of an import, normalised before anybody waits for them.

    Parameters
    ----------
    first, last
        Numbers of the first and last row in the whole import, from 1, both inclusive.
    normal
        The rows; their own numbers count from ``offset``.
    offset
        Rows of the import before the file in which these are numbered.
    position
        Where the import stands after it, for people to read.
    """

    first: int
    last: int
    normal: Normal
    offset: int = 0
    position: Mapping[str, str | int] = field(default_factory=dict)

    def leave_out(self, rows_done: int) -> Normal:
        """Return the rows after the first ``rows_done`` of the import."""
        if rows_done < self.first:
            return self.normal
        done = rows_done - self.offset
        tables = {
            name: rows.filter(pc.greater(rows.column(ROW), done))
            for name, rows in self.normal.tables.items()
        }
        told = self.normal.rejects.frame
        return Normal(tables, Rejects(told[told["row"] > done]), self.normal.warnings)


@dataclass(frozen=True)
class Taken:
    """An import after a chunk, that chunk's rejects, and what became of its other rows."""

    imported: Imported
    rejects: Rejects
    appended: Appended

    @property
    def changed_keys(self) -> frozenset[str]:
        """Cases whose history is another one now."""
        return self.appended.changed_keys


def take_chunk(
    store: Store,
    import_key: str,
    chunk: Chunk,
    unit: Unit,
    rules: StandingRules,
    *,
    may_turn: bool = True,
    sender: Sender | None = None,
    sees_all: bool = False,
    quota: SenderQuota | None = None,
) -> Taken:
    """Store a chunk's rows and how far the import is with them, in one transaction.

    Rows that were taken before are passed over, so that a chunk may be sent again. Unless
    ``may_turn``, rows that say what became of a case are rejects (``leave_out_turns``). Rows of
    cases that the ``sender`` may not see are rejects as of cases that are not there; where
    ``sees_all``, as on the command line, there are none. New cases above the ``quota`` are held
    apart.

    Raises
    ------
    ImportRefusedError
        If there is no such import, it has ended, or rows before these are missing.
    """
    with store.writing() as writing:
        writing.take_seq(0)
        imported = need_import(writing.connection, import_key)
        check_rows(imported, chunk.first)
        if chunk.last <= imported.rows_done:
            nothing = Appended(0, 0, join_rejects([]), frozenset(), frozenset())
            return Taken(imported, nothing.rejects, nothing)
        if imported.ended_at_us is not None:
            raise ImportRefusedError("import_ended", "the import has ended; begin another")
        normal = chunk.leave_out(imported.rows_done)
        sight = None if sees_all or sender is None else sender.person
        by = _Sent(import_key, imported.person, may_turn, sender, sight, quota)
        stored = _store(writing, normal, unit, rules, by)
        came = {name: schema.imports.c[name] + n for name, n in stored.count().items()}
        imported = note_progress(writing, import_key, **came, **_say_progress(chunk))
        note_cases(writing, tuple(sorted(stored.appended.named_keys)))
        return Taken(imported, stored.rejects, stored.appended)


def take_at_once(
    store: Store,
    sender: Sender,
    chunk: Chunk,
    unit: Unit,
    rules: StandingRules,
    digest: str,
    *,
    may_turn: bool = True,
    quota: SenderQuota | None = None,
) -> Taken:
    """Store the rows of one request as an import of its own that begins and ends with it.

    Corrections that could lower a count wait for a second person, who is asked at once.
    """
    with store.writing() as writing:
        writing.take_seq(0)
        key = make_key()
        person = sender.person
        by = _Sent(key, person, may_turn, sender, person, quota)
        stored = _store(writing, chunk.normal, unit, rules, by)
        # Once all is known of it, and before the standings are refreshed, which ask when it began.
        more = {"import_key": key, "ended_at_us": writing.now_us, **_say_progress(chunk)}
        imported = add_import(writing, person, digest, chunk.last, **stored.count(), **more)
        note_cases(writing, tuple(sorted(stored.appended.named_keys)))
        if stored.appended.n_waiting:
            ask_for_import(writing, imported)
        return Taken(imported, stored.rejects, stored.appended)


@dataclass(frozen=True)
class _Stored:
    """What became of a chunk's rows, and all that were not stored and why."""

    appended: Appended
    rejects: Rejects

    def count(self) -> dict[str, int]:
        """Return how many rows were stored, and how many not, by the columns of the imports."""
        return {
            "added": self.appended.added,
            "repeats": self.appended.repeats,
            "conflicts": self.appended.conflicts,
            "rejects": len(self.rejects) - self.appended.conflicts,
        }


def _say_progress(chunk: Chunk) -> dict[str, int | dict[str, str | int]]:
    return {"rows_done": chunk.last, "position": {"row": chunk.last, **chunk.position}}


@dataclass(frozen=True)
class _Sent:
    """The import that rows came with, who began it, and what their sender may.

    Rows of cases that ``sight`` may not see are as of cases that are not there.
    """

    import_key: str
    importer: Person
    may_turn: bool
    sender: Sender | None
    sight: Person | None
    quota: SenderQuota | None


def _store(
    writing: Writing, normal: Normal, unit: Unit, rules: StandingRules, by: _Sent
) -> _Stored:
    absent = _find_absent(writing.connection, by.sight)
    if by.sender is not None:
        normal = leave_out_sources(writing.connection, normal, by.sender, absent)
    if not by.may_turn:
        normal = leave_out_turns(writing.connection, normal, absent)
    elif by.quota is not None:
        normal = leave_out_closings(
            writing.connection, normal, by.import_key, writing.now_us, by.quota.serious, absent
        )
    brings_cases = bool(len(normal.tables.get("cases", ())))
    counted = by.quota if brings_cases else None
    sent = 0
    if counted is not None:
        subjects = {counted.sender.subject, by.importer.subject}
        sent = count_sent(writing.connection, subjects, unit, writing.now_us)
    appended = append_rows(
        writing,
        normal.tables,
        unit,
        import_key=by.import_key,
        rules=rules,
        hidden=absent | _find_elsewhere(writing.connection, by.sight, normal),
        absent=absent,
        sender=by.sender,
    )
    if counted is not None:
        hold_apart(writing, counted, sent, appended.new_keys, unit)
    rejects = join_rejects([normal.rejects, appended.rejects])
    _keep_rejects(writing, by.import_key, rejects, absent)
    return _Stored(appended, rejects)


def _find_absent(connection: Connection, sender: Person | None) -> frozenset[str]:
    """Return the cases that are not there for a person: sealed ones, and their own as a party.

    Programs send what their source holds; of a sealed case they learn nothing, since their rows are
    taken and no answer tells one case from another.
    """
    if sender is None or sender.role == MACHINE:
        return frozenset()
    return find_sight(connection, sender).hidden


def _find_elsewhere(
    connection: Connection, sender: Person | None, normal: Normal
) -> frozenset[str]:
    """Return the cases that some rows name and that are of an area that a person does not see."""
    if sender is None or sender.role == MACHINE or sender.areas is None:
        return frozenset()
    sight = find_sight(connection, sender)
    names = {name for rows in normal.tables.values() for name in list_words(rows.column("case_id"))}
    keys, places = schema.case_keys.c, schema.standings.c
    query = (
        select(keys.case_key)
        .join(schema.standings, places.case_key == keys.case_key)
        .where(is_among(connection, keys.case_id, names), ~sight.of_standings())
    )
    return frozenset(connection.execute(query).scalars()) - sight.named


def _keep_rejects(
    writing: Writing, import_key: str, rejects: Rejects, absent: Collection[str]
) -> None:
    frame = rejects.frame
    if frame.empty:
        return
    table = schema.import_rejects
    query = select(func.max(table.c.number)).where(table.c.import_key == import_key)
    first = (writing.connection.execute(query).scalar_one() or 0) + 1
    seq = writing.take_seq(len(frame))
    sources = [_clean(json.loads(text)) for text in frame["source_row"]]
    columns: dict[str, Sequence[Any]] = {
        "import_key": [import_key] * len(frame),
        "number": range(first, first + len(frame)),
        "place": frame["file"].tolist(),
        "row": frame["row"].tolist(),
        **{name: frame[name].tolist() for name in ("table", "column", "code", "remedy")},
        "source": sources,
        "case_key": _find_cases(writing.connection, sources, frame["code"].tolist(), absent),
        "stored_seq": range(seq, seq + len(frame)),
    }
    insert_columns(writing.connection, table, columns)


def _find_cases(
    connection: Connection, sources: Sequence[Any], codes: Sequence[str], absent: Collection[str]
) -> list[str | None]:
    """Return the key of the case that each row named, so that rejects go when their case does.

    Of several cases with one number it is the one that came first. A row that was refused for what
    it says is not of a case that was not there for its sender: it would be hidden with that case.
    """
    names = [source.get("case_id") for source in sources]
    table = schema.case_keys
    query = select(table.c.case_id, table.c.case_key).where(
        is_among(connection, table.c.case_id, [name for name in names if isinstance(name, str)])
    )
    query = query.order_by(table.c.stored_seq.desc())
    rows = connection.execute(query).all()
    every = {row.case_id: row.case_key for row in rows}
    there = {row.case_id: row.case_key for row in rows if row.case_key not in absent}
    return [
        (every if code == UNKNOWN_CASE else there).get(name) if isinstance(name, str) else None
        for name, code in zip(names, codes, strict=True)
    ]


def _clean(cell: Any) -> Any:
    """Return a source as JSON that every database takes: no NUL, no infinities."""
    if isinstance(cell, dict):
        return {_clean(name): _clean(inner) for name, inner in cell.items()}
    if isinstance(cell, list):
        return [_clean(inner) for inner in cell]
    if isinstance(cell, str):
        return cell.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(cell, float) and not math.isfinite(cell):
        return str(cell)
    return cell
