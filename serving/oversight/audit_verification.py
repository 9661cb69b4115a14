"""Walking the audit log: every changed, missing, reordered, foreign or cut-off entry is found.

A line that does not fit the mac before it is held until the next one is read, which shows what was
done: a line that was changed leaves its mac in the chain, one that was taken away or put in shifts
those after it. What the chain itself cannot show, that its end was cut off, the head row does, and
where that was rewritten as well, a head that was exported. What the rows hold is held against the
lines by :mod:`serving.oversight.content_verification`.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from features.contract.moments import format_moment
from serving.oversight.content_verification import ContentCheck, Coverage
from serving.store.audit_books import HANDED_OVER, find_head, read_handover
from serving.store.audit_chain import Fault, Walk
from serving.store.audit_lines import BOOKS, CHANGES, COLUMNS, Book, make_first_mac, name_key
from serving.store.database import Store
from serving.store.schema import audit_lines, metadata, unit

MOST_FAULTS: Final = 1_000
"""Faults of one log that are told one by one; the rest are counted."""
_LINES_A_TIME: Final = 5_000
_MOST_PLACES: Final = 10
"""Rows that no line covers which are named."""
_LINE: Final = (*COLUMNS, audit_lines.c.mac)


@dataclass(frozen=True)
class VerificationNote:
    """What is no fault and has to be known: one sentence, and the lines that it names in order.

    Parameters
    ----------
    words
        The sentence, with ``{}`` where each number stands.
    lines
        The numbers.
    """

    words: str
    lines: tuple[int, ...] = ()

    def tell(self) -> str:
        """Return the sentence with its numbers."""
        return self.words.format(*(f"{one:,}" for one in self.lines))


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
    notes
        What is no fault and has to be known.
    """

    book: Book
    first_number: int
    last_number: int
    n_lines: int
    faults: tuple[Fault, ...]
    n_faults: int
    notes: tuple[VerificationNote, ...] = ()


def reading_book(store: Store, book: Book) -> AbstractContextManager[Connection]:
    """Open a transaction that sees one state of a log, and writes nothing."""
    return store.reading() if book == CHANGES else store.reading_looks()


Heads = Mapping[Book, Mapping[int, Sequence[tuple[str, int]]]]
"""Macs that were exported, by log and number, each with the moment at which it was taken."""


def verify_store(store: Store, heads: Heads | None = None) -> list[Verified]:
    """Walk both logs from the first line to the last, and hold every row against its line.

    Memory stays flat.

    Parameters
    ----------
    store
        The store; nothing in it is changed.
    heads
        Macs that were exported (:mod:`serving.oversight.audit_heads`).

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
                found.append(_verify(connection, store, book, known))
        except SQLAlchemyError:
            found.append(_describe_unread(book))
    return found


def _verify(
    connection: Connection, store: Store, book: Book, heads: Mapping[int, Sequence[tuple[str, int]]]
) -> Verified:
    zone = store.read_unit().time_zone
    walk = _begin(connection, store, book, heads)
    _read_lines(connection, walk, book, walk.before or None)
    walk.end(find_head(connection, book))
    notes = _describe_restores(walk, zone)
    if book == CHANGES:
        _check_rows(connection, walk)
        check = ContentCheck(
            connection,
            lambda number: _find_key(walk, number),
            lambda number, problem: walk.note(number, "content", problem),
        )
        notes = [*notes, _describe_coverage(check.run(), zone)]
    return replace(_describe(walk, walk.before + 1), notes=tuple(notes))


def _begin(
    connection: Connection, store: Store, book: Book, heads: Mapping[int, Sequence[tuple[str, int]]]
) -> Walk:
    """Begin a pass at the first line whose key is here."""
    ring = {name_key(key): key for key in (store.audit_key, *store.old_keys)}
    handed = _list_handovers(connection, book)
    first = ring.get(handed[0][1]) if handed else store.audit_key
    more: dict[str, Any] = {"heads": heads, "keys": ring, "most": MOST_FAULTS}
    if first is not None:
        return Walk(first, book, make_first_mac(first, book), **more)
    # Of what was written with a key that is lost nothing can be said.
    for number, _, name in handed:
        if name in ring:
            mac = _find_mac(connection, ring[name], book, number)
            covered = _find_covered(connection, book, number)
            walk = Walk(ring[name], book, mac, before=number, covered=covered, **more)
            break
    else:
        walk = Walk(store.audit_key, book, None, **more)
        number = 0
    words = (
        f"the lines up to {number:,} cannot be checked: their key is not here; put its file back"
    )
    walk.note(1, "unknown", words)
    return walk


def _list_handovers(connection: Connection, book: Book) -> list[tuple[int, str, str]]:
    """Return the lines that hand over from one key to the next, with the names of both."""
    query = (
        select(audit_lines.c.number, audit_lines.c.purpose)
        .where(audit_lines.c.book == book, audit_lines.c.route == HANDED_OVER)
        .order_by(audit_lines.c.number)
    )
    return [(int(number), *read_handover(str(said))) for number, said in connection.execute(query)]


def _find_key(walk: Walk, number: int) -> bytes | None:
    """Return the key that a line was written with; ``None`` where it is not here."""
    used = [key for first, key in walk.key_from if first <= number]
    return used[-1] if used else None


def _describe_restores(walk: Walk, zone: str) -> list[VerificationNote]:
    lost = [
        number
        for number, known in walk.heads.items()
        for _, at_us in known
        for restored, restored_at_us in walk.restored
        if number >= restored and at_us <= restored_at_us
    ]
    told = "; exported heads show that lines up to {} are lost" if lost else ""
    return [
        VerificationNote(
            "line {} says that the store was restored from a backup, "
            f"{format_moment(at_us, zone)}: what was written between the backup and then is lost"
            f"{told}",
            (number, max(lost)) if lost else (number,),
        )
        for number, at_us in walk.restored
    ]


def _describe_coverage(coverage: Coverage, zone: str) -> VerificationNote:
    if not coverage.is_begun:
        return VerificationNote(
            "no line covers what rows hold yet; `caselight db upgrade` digests what is there, and "
            "each line its own rows from then on"
        )
    if coverage.from_number is None or coverage.at_us is None:
        return VerificationNote("what rows hold is covered from the first line on")
    return VerificationNote(
        "what rows hold is covered from line {} on, "
        f"{format_moment(coverage.at_us, zone)}: of rows from before it, as they were then",
        (coverage.from_number,),
    )


def verify_tail(store: Store, book: Book, n_lines: int) -> Verified:
    """Walk the last ``n_lines`` lines of a log, from the mac of the line before them on.

    It shows what was done to these lines and to the end of the log, and nothing before them.
    """
    try:
        with reading_book(store, book) as connection:
            return _verify_tail(connection, store, book, n_lines)
    except SQLAlchemyError:
        return _describe_unread(book)


def _describe_unread(book: Book) -> Verified:
    fault = Fault(book, 1, "missing", "the log is missing or cannot be read")
    return Verified(book, 1, 0, 0, (fault,), 1)


def _verify_tail(connection: Connection, store: Store, book: Book, n_lines: int) -> Verified:
    last = select(func.max(audit_lines.c.number)).where(audit_lines.c.book == book)
    before = max(int(connection.execute(last).scalar_one() or 0) - n_lines, 0)
    ring = {name_key(key): key for key in (store.audit_key, *store.old_keys)}
    handed = _list_handovers(connection, book)
    # The key before the first handover from here on, else the one that is in use.
    names = [old for number, old, _ in handed if number > before]
    key = ring.get(names[0]) if names else store.audit_key
    walk = Walk(
        key or store.audit_key,
        book,
        None if key is None else _find_mac(connection, key, book, before),
        before=before,
        covered=_find_covered(connection, book, before),
        keys=ring,
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
            some = select(table.c.stored_seq).where(beyond).order_by(table.c.stored_seq)
            places = connection.execute(some.limit(_MOST_PLACES)).scalars()
            named = ", ".join(f"{place:,}" for place in places)
            walk.note(
                walk.number,
                "uncovered",
                f"{n_rows:,} rows of {table.name} are in no line's range, at the places {named}",
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
        told += [_tell(fault) for fault in one.faults]
        if one.n_faults > len(one.faults):
            told.append(f"{one.book}: and {one.n_faults - len(one.faults):,} more")
    return told


def _tell(fault: Fault) -> str:
    place = f", line {fault.number:,}" if fault.number else ""
    return f"{fault.book}{place}: {fault.problem}"
