"""Walking the audit log: every changed, missing, reordered, foreign or cut-off entry is found.

A line that does not fit the mac before it is held until the next one is read, which shows what was
done: a line that was changed leaves its mac in the chain, one that was taken away or put in shifts
those after it. What the chain itself cannot show, that its end was cut off, the head row does, and
where that was rewritten as well, a head that was exported.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from serving.store.audit_books import find_head
from serving.store.audit_chain import Fault, Walk
from serving.store.audit_lines import BOOKS, CHANGES, COLUMNS, Book, make_first_mac
from serving.store.database import Store
from serving.store.schema import audit_lines, metadata, unit

MOST_FAULTS: Final = 1_000
"""Faults of one log that are told one by one; the rest are counted."""
_LINES_A_TIME: Final = 5_000
_LINE: Final = (*COLUMNS, audit_lines.c.mac)


@dataclass(frozen=True)
class Verified:
    """What became of walking a log.

    Parameters
    ----------
    book
        Which log.
    first_number, last_number
        The lines that were looked at, both inclusive; ``last_number`` is 0 for an empty log.
    n_lines
        How many they were.
    faults
        What is wrong, in the order of the lines; at most ``MOST_FAULTS``.
    n_faults
        How many things are wrong.
    """

    book: Book
    first_number: int
    last_number: int
    n_lines: int
    faults: tuple[Fault, ...]
    n_faults: int


def reading_book(store: Store, book: Book) -> AbstractContextManager[Connection]:
    """Open a transaction that sees one state of a log, and writes nothing."""
    return store.reading() if book == CHANGES else store.reading_looks()


def verify_store(
    store: Store, heads: Mapping[Book, Mapping[int, str]] | None = None
) -> list[Verified]:
    """Walk both logs from the first line to the last; memory stays flat.

    Parameters
    ----------
    store
        The store; nothing in it is changed.
    heads
        Macs that were exported, by log and number (:mod:`serving.oversight.audit_heads`).

    Returns
    -------
    list of Verified
        One for each log.
    """
    found = []
    for book in BOOKS:
        known = (heads or {}).get(book, {})
        try:
            with reading_book(store, book) as connection:
                found.append(_verify(connection, store.audit_key, book, known))
        except SQLAlchemyError:
            found.append(_describe_unread(book))
    return found


def _verify(connection: Connection, key: bytes, book: Book, heads: Mapping[int, str]) -> Verified:
    walk = Walk(key, book, make_first_mac(key, book), heads=heads, most=MOST_FAULTS)
    _read_lines(connection, walk, book, None)
    walk.end(find_head(connection, book))
    if book == CHANGES:
        _check_rows(connection, walk)
    return _describe(walk, 1)


def verify_tail(store: Store, book: Book, n_lines: int) -> Verified:
    """Walk the last ``n_lines`` lines of a log, from the mac of the line before them on.

    It shows what was done to these lines and to the end of the log, and nothing before them.
    """
    try:
        with reading_book(store, book) as connection:
            return _verify_tail(connection, store.audit_key, book, n_lines)
    except SQLAlchemyError:
        return _describe_unread(book)


def _describe_unread(book: Book) -> Verified:
    fault = Fault(book, 1, "missing", "the log is missing or cannot be read")
    return Verified(book, 1, 0, 0, (fault,), 1)


def _verify_tail(connection: Connection, key: bytes, book: Book, n_lines: int) -> Verified:
    last = select(func.max(audit_lines.c.number)).where(audit_lines.c.book == book)
    before = max(int(connection.execute(last).scalar_one() or 0) - n_lines, 0)
    walk = Walk(
        key,
        book,
        _find_mac(connection, key, book, before),
        before=before,
        covered=_find_covered(connection, book, before),
        most=MOST_FAULTS,
    )
    _read_lines(connection, walk, book, before)
    walk.end(find_head(connection, book))
    return _describe(walk, before + 1)


def _find_mac(connection: Connection, key: bytes, book: Book, number: int) -> str | None:
    if number == 0:
        return make_first_mac(key, book)
    query = select(audit_lines.c.mac).where(
        audit_lines.c.book == book, audit_lines.c.number == number
    )
    return connection.execute(query).scalar_one_or_none()


def _find_covered(connection: Connection, book: Book, before: int) -> int:
    """Return the last row that the lines up to one cover."""
    query = (
        select(audit_lines.c.last_seq)
        .where(
            audit_lines.c.book == book,
            audit_lines.c.number <= before,
            audit_lines.c.last_seq.is_not(None),
        )
        .order_by(audit_lines.c.number.desc())
        .limit(1)
    )
    return int(connection.execute(query).scalar_one_or_none() or 0) if book == CHANGES else 0


def _read_lines(connection: Connection, walk: Walk, book: Book, after: int | None) -> None:
    query = select(*_LINE).where(audit_lines.c.book == book).order_by(audit_lines.c.number)
    if after is not None:
        query = query.where(audit_lines.c.number > after)
    found = connection.execute(query, execution_options={"yield_per": _LINES_A_TIME})
    for rows in found.partitions():
        walk.take(rows)


def _check_rows(connection: Connection, walk: Walk) -> None:
    """Tell rows of the store that no line covers."""
    last_seq = int(connection.execute(select(unit.c.last_seq)).scalar_one())
    if last_seq != walk.covered:
        walk.note(
            walk.number,
            "uncovered",
            f"the lines cover the rows up to {walk.covered:,}, and the store's order of rows ends "
            f"at {last_seq:,}",
        )
    for table in metadata.sorted_tables:
        if "stored_seq" not in table.c:
            continue
        # Numbers below 1 are never given out: such a row was put in past the service.
        beyond = (table.c.stored_seq > walk.covered) | (table.c.stored_seq < 1)
        query = select(func.count()).select_from(table).where(beyond)
        n_rows = int(connection.execute(query).scalar_one())
        if n_rows:
            walk.note(
                walk.number, "uncovered", f"{n_rows:,} rows of {table.name} are in no line's range"
            )


def _describe(walk: Walk, first_number: int) -> Verified:
    walk.name_moved()
    return Verified(
        walk.book,
        first_number,
        walk.number,
        walk.n_lines,
        tuple(sorted(walk.faults, key=lambda one: one.number)),
        walk.n_faults,
    )


def list_problems(found: Iterable[Verified]) -> Sequence[str]:
    """Return every fault as one line of text, and how many more there are."""
    told: list[str] = []
    for one in found:
        told += [f"{one.book}, line {fault.number:,}: {fault.problem}" for fault in one.faults]
        if one.n_faults > len(one.faults):
            told.append(f"{one.book}: and {one.n_faults - len(one.faults):,} more")
    return told
