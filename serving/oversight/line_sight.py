"""Which lines of the audit log somebody reads: none about a case that is not there for them.

For a party, an auditor too, the log is as it would be had the case never been there: lines that are
about it are left out, it is taken out of lines about several cases, and the lines that are left are
numbered without a gap, rows as well. So it is of a sealed case for everybody whom the seal does not
name, but auditors: they oversee seals. A line that ties somebody to a case is never read by them,
even once they are no longer tied.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import Connection, select, true, union, union_all

from serving.access.case_sight import find_sight
from serving.access.route_rules import AUDITOR
from serving.intake.import_sight import UNKNOWN_CASE
from serving.oversight.audit_verification import VerificationNote, Verified, reading_book
from serving.persons import Person
from serving.store.audit_chain import PROBLEMS, Fault, FaultKind
from serving.store.audit_lines import CHANGES, Book
from serving.store.database import Store
from serving.store.lookups import is_among
from serving.store.schema import audit_lines, case_parties, import_rejects, metadata

TYING_ROUTES: Final = ("POST /v1/parties/{case_key}", "POST /parties")
"""By which somebody is tied to a case."""
_LINES = audit_lines.c
_ELSEWHERE: Final = "it does not hold; have somebody else verify it as well"
_WITHOUT_ROWS: Final[Mapping[FaultKind, str]] = {
    **PROBLEMS,
    "missing": "lines are missing there",
    "truncated": "lines are missing at the end",
    "uncovered": "rows are in no line's range, or in two",
    "content": "what its rows hold was changed or cannot be checked",
}
"""Faults in words that name neither a row nor a further line."""
_Line = tuple[int, int | None, int | None]
"""A line's number, and the first and last row that it stored, both inclusive."""
_TABLES: Final = tuple(
    table for table in metadata.sorted_tables if {"case_key", "stored_seq"} <= set(table.c.keys())
)


@dataclass(frozen=True)
class LineSight:
    """What one person reads of one log.

    Parameters
    ----------
    away
        Cases that are not there for them: those to which they are a party, and to all but auditors
        sealed ones that do not name them.
    hidden
        Numbers of the lines that are not there for them, ascending.
    ranges
        The rows that each of these stored, first and last, both inclusive, ascending.
    seqs
        Rows of these cases that lines in sight stored beside others, ascending.
    blank
        Numbers of the lines that are told without their case: refusals of the person's own, of
        something that had led to such a case. Where they asked by the case's key, that key stays,
        as any other that leads nowhere does.
    """

    away: frozenset[str] = frozenset()
    hidden: tuple[int, ...] = field(default=(), repr=False)
    ranges: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    seqs: tuple[int, ...] = field(default=(), repr=False)
    blank: frozenset[int] = field(default=frozenset(), repr=False)

    def show(self, number: int) -> int:
        """Return the number under which a line is told."""
        return number - bisect_left(self.hidden, number)

    def find(self, shown: int) -> int:
        """Return the number of the line that is told under a number."""
        number = shown
        for one in self.hidden:
            if one > number:
                break
            number += 1
        return number

    def show_seq(self, seq: int | None, *, is_last: bool = False) -> int | None:
        """Return the place in the order of rows under which a line's first or last row is told."""
        if seq is None:
            return None
        before = bisect_right(self.seqs, seq) if is_last else bisect_left(self.seqs, seq)
        return seq - before - sum(last - first + 1 for first, last in self.ranges if last < seq)

    def narrow(self, found: Verified) -> Verified:
        """Return what was verified, by the numbers that are told.

        That something is wrong is told whichever line it is of. Of a line that is not told it is
        not said where, and of the others not at which rows.
        """
        if not self.hidden and not self.seqs:
            return found
        first, last = found.first_number, found.last_number
        n_hidden = bisect_left(self.hidden, last + 1) - bisect_left(self.hidden, first)
        return replace(
            found,
            first_number=self.show(first),
            last_number=last - bisect_left(self.hidden, last + 1),
            n_lines=max(found.n_lines - n_hidden, 0),
            faults=tuple(self._narrow_fault(one) for one in found.faults),
            notes=tuple(
                VerificationNote(one.words, tuple(self.show(number) for number in one.lines))
                for one in found.notes
            ),
        )

    def _narrow_fault(self, fault: Fault) -> Fault:
        place = bisect_left(self.hidden, fault.number)
        if place < len(self.hidden) and self.hidden[place] == fault.number:
            return replace(fault, number=0, problem=_ELSEWHERE)
        return replace(fault, number=self.show(fault.number), problem=_WITHOUT_ROWS[fault.kind])


EVERY_LINE: Final = LineSight()
"""Of somebody from whom no case is hidden."""


def find_line_sight(store: Store, book: Book, person: Person) -> LineSight:
    """Return what a person reads of a log now."""
    with store.reading() as connection:
        sight = find_sight(connection, person)
        away = sight.tied if person.role == AUDITOR else sight.hidden
        query = select(case_parties.c.case_key).where(case_parties.c.party == person.subject)
        ever = frozenset(connection.execute(query.distinct()).scalars())
    ever |= away
    if not ever:
        return EVERY_LINE
    seqs: list[int] = []
    with reading_book(store, book) as connection:
        lines, blank = _find_named(connection, book, person, away, ever)
        if book == CHANGES and away:
            seqs = _find_rows(connection, away)
            lines = sorted({*lines, *_find_storing(connection, away, seqs)})
    ranges = [(first, last) for _, first, last in lines if first is not None and last is not None]
    beside = [seq for seq in seqs if not any(first <= seq <= last for first, last in ranges)]
    numbers = tuple(number for number, _, _ in lines)
    return LineSight(away, numbers, tuple(ranges), tuple(beside), blank)


def _find_named(
    connection: Connection, book: Book, person: Person, tied: frozenset[str], ever: frozenset[str]
) -> tuple[list[_Line], frozenset[int]]:
    """Return the lines that name a case and are not there, and those that are told without it."""
    query = (
        select(audit_lines)
        .where(_LINES.book == book, is_among(connection, _LINES.case_key, ever))
        .order_by(_LINES.number)
    )
    found, blank = [], set()
    for row in connection.execute(query):
        # Their own refusal stays: it is what asking for no case at all leaves.
        is_about = row.case_key in tied and (row.done or row.subject != person.subject)
        if is_about or row.route in TYING_ROUTES:
            found.append((int(row.number), row.first_seq, row.last_seq))
        elif row.case_key in tied and not asks_by_key(row.route):
            blank.add(int(row.number))
    return found, frozenset(blank)


def asks_by_key(route: str) -> bool:
    """Return whether a route's address has the key of a case, and not of something of it."""
    return "{key}" in route


def _find_rows(connection: Connection, tied: frozenset[str]) -> list[int]:
    """Return the places of these cases' rows in the order of rows, ascending.

    A row that was refused since its sender could not see the case is no row of it: it is what
    naming no case at all leaves.
    """
    own = union(
        *(
            select(table.c.stored_seq).where(
                is_among(connection, table.c.case_key, tied),
                table.c.code != UNKNOWN_CASE if table is import_rejects else true(),
            )
            for table in _TABLES
        )
    )
    return sorted(int(seq) for seq in connection.execute(own).scalars())


def _find_storing(connection: Connection, tied: frozenset[str], seqs: Sequence[int]) -> list[_Line]:
    """Return the lines of no one case that stored rows of these cases alone.

    Some name further cases, which are measured anew where a linked case changed.
    """
    found: list[tuple[int, int, int]] = []
    for seq in seqs:
        if found and found[-1][1] <= seq <= found[-1][2]:
            continue
        line = connection.execute(
            select(_LINES.number, _LINES.first_seq, _LINES.last_seq)
            .where(
                _LINES.book == CHANGES,
                _LINES.first_seq <= seq,
                _LINES.last_seq >= seq,
                _LINES.case_key.is_(None),
            )
            .order_by(_LINES.first_seq.desc())
            .limit(1)
        ).one_or_none()
        if line is not None:
            found.append((int(line.number), int(line.first_seq), int(line.last_seq)))
    return [one for one in dict.fromkeys(found) if not _stored_others(connection, one, tied)]


def _stored_others(
    connection: Connection, line: tuple[int, int, int], tied: frozenset[str]
) -> bool:
    """Return whether a line stored a row of any other case."""
    others = union_all(
        *(
            select(table.c.stored_seq).where(
                table.c.stored_seq.between(line[1], line[2]),
                ~is_among(connection, table.c.case_key, tied),
            )
            for table in _TABLES
        )
    )
    return connection.execute(others.limit(1)).first() is not None
