"""Lines of the audit log as a person of oversight asks for them: by name, case and day.

A person may be named as the sign-in knows them or as they are called. The names that stand in a
log are found by walking an index from one person to the next, however long the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from serving.oversight.access_log import EntryFilter, LinesPage, read_lines
from serving.oversight.audit_verification import reading_book
from serving.oversight.line_sight import EVERY_LINE, LineSight
from serving.store.audit_lines import Book
from serving.store.database import Store
from serving.store.schema import audit_lines

LINES_PER_PAGE: Final = 50
_LINES = audit_lines.c
_MOST_PEOPLE: Final = 2_000


@dataclass(frozen=True)
class Known:
    """Somebody named in a log: by what the sign-in knows them, and as they are called."""

    subject: str
    name: str
    role: str


@dataclass(frozen=True)
class Day:
    """From a moment, inclusive, until another, exclusive; microseconds UTC."""

    from_us: int
    until_us: int


def find_people(store: Store, book: Book, said: str) -> tuple[Known, ...]:
    """Return who is meant by a name, or by what the sign-in knows somebody by; none if nobody."""
    wanted = " ".join(said.split()).casefold()
    with reading_book(store, book) as connection:
        people = _list_people(connection, book)
    exact = tuple(one for one in people if one.subject.casefold() == wanted)
    return exact or tuple(one for one in people if one.name.casefold() == wanted)


def _list_people(connection: Connection, book: Book) -> Sequence[Known]:
    """Return everybody named in a log, each under the name of their latest line."""
    found: list[Known] = []
    after = ""
    while len(found) < _MOST_PEOPLE:
        # Over both logs: asked for one alone, a database reads every line of it.
        query = select(func.min(_LINES.subject)).where(_LINES.subject > after)
        subject = connection.execute(query).scalar()
        if subject is None:
            break
        last = (
            select(_LINES.person, _LINES.role)
            .where(_LINES.subject == subject, _LINES.book == book)
            .order_by(_LINES.number.desc())
            .limit(1)
        )
        row = connection.execute(last).one_or_none()
        if row is not None:
            found.append(Known(subject, row.person, row.role))
        after = subject
    return found


def find_lines(
    store: Store, wanted: EntryFilter, day: Day | None, sight: LineSight = EVERY_LINE
) -> LinesPage:
    """Return a page of lines in sight, of one day where one is named.

    Lines are numbered in their order and not by the clock, which may be set back: the day's first
    and last numbers bound what is read, and what is not of the day is left out.
    """
    if day is None:
        return read_lines(store, wanted, sight)
    first, last = _find_numbers(store, wanted.book, day)
    if first is None or last is None:
        return LinesPage((), None)
    first, last = sight.show(first), sight.show(last)
    before = last + 1 if wanted.before is None else min(wanted.before, last + 1)
    page = read_lines(
        store,
        EntryFilter(
            wanted.book, wanted.case_key, wanted.subject, wanted.operation, before, wanted.size
        ),
        sight,
    )
    kept = tuple(one for one in page.items if day.from_us <= one.at_us < day.until_us)
    more = page.next_cursor is not None and page.next_cursor > first
    return LinesPage(kept, page.next_cursor if more else None)


def _find_numbers(store: Store, book: Book, day: Day) -> tuple[int | None, int | None]:
    query = select(func.min(_LINES.number), func.max(_LINES.number)).where(
        _LINES.book == book, _LINES.at_us >= day.from_us, _LINES.at_us < day.until_us
    )
    with reading_book(store, book) as connection:
        first, last = connection.execute(query).one()
    return first, last
