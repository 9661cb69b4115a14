"""First reads: every new case is read by a named person within a set time, whatever its score.

A case stays listed until somebody has read it, closed or not (promise 2). Scores, flags and places
on a list play no part here.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, true

from features.contract.moments import format_moment
from serving.access.visibility import EVERYTHING, Sight
from serving.errors import ServiceError
from serving.persons import Person, read_person
from serving.standing.standings import StandingRules
from serving.standing.states import plain_state
from serving.store.database import Writing
from serving.store.opaque_keys import is_key, make_bad_cursor
from serving.store.paging import Page, cut_page
from serving.store.schema import case_keys, cases, first_reads, standings, unit

MOST_ITEMS: Final = 500
_NOT_READERS: Final = ("data_scientist", "auditor")
"""Roles that look at a case for another purpose than to act on it."""


@dataclass(frozen=True)
class FirstRead:
    """Who read a case first, when (microseconds UTC), and what they noted."""

    case_key: str
    person: Person
    read_at_us: int
    note: str | None


@dataclass(frozen=True)
class UnreadCase:
    """A case that nobody has read yet.

    Parameters
    ----------
    case_key, case_id
        The case; ``case_id`` is ``None`` once that was erased.
    area, referral_source, state
        As its standing has them.
    arrived_at_us, due_at_us
        When it arrived, and until when it is to be read; microseconds UTC.
    overdue
        Whether that time has passed.
    """

    case_key: str
    case_id: str | None
    area: str | None
    referral_source: str | None
    state: str
    arrived_at_us: int
    due_at_us: int
    overdue: bool


@dataclass(frozen=True)
class UnreadCases(Page["UnreadCase", str]):
    """Part of the unread cases, due first, and how many there are in all.

    Parameters
    ----------
    items
        The cases of this part.
    n_due, n_overdue
        Unread cases whose time runs, and those whose time has passed.
    """

    n_due: int
    n_overdue: int


def record_first_read(
    writing: Writing,
    case_key: str,
    person: Person,
    note: str | None,
    rules: StandingRules | None = None,
) -> FirstRead:
    """Record who read a case first, and bring its standing up to date.

    Raises
    ------
    ServiceError
        If the person has a role that does not act on cases (403), there is no such case (404), or
        it was read before (409, saying by whom and when).
    """
    if person.role in _NOT_READERS:
        raise ServiceError(
            "not_a_reader",
            "a first read is by somebody who acts on cases",
            "ask a screener, a reviewer, a health worker or the duty role to read it",
        )
    read = ensure_first_read(writing, case_key, person, note, rules)
    if read.is_new:
        return read.first
    raise _refuse(writing.connection, read.first)


@dataclass(frozen=True)
class Ensured:
    """Who read a case first, and whether that was recorded just now."""

    first: FirstRead
    is_new: bool


def ensure_first_read(
    writing: Writing,
    case_key: str,
    person: Person,
    note: str | None = None,
    rules: StandingRules | None = None,
) -> Ensured:
    """Record who read a case first unless somebody did before: deciding is reading as well.

    Raises
    ------
    ServiceError
        If there is no such case (404).
    """
    known = select(cases.c.case_key).where(cases.c.case_key == case_key)
    if not is_key(case_key) or writing.connection.execute(known).scalar_one_or_none() is None:
        raise ServiceError(
            "no_such_case", "there is no such case", "start from GET /v1/first-reads"
        )
    writing.take_seq(0)  # of two who read it at once one is the first
    there = writing.connection.execute(
        select(first_reads).where(first_reads.c.case_key == case_key)
    ).one_or_none()
    if there is not None:
        reader = read_person(there)
        return Ensured(FirstRead(case_key, reader, there.read_at_us, there.note), is_new=False)
    return Ensured(add_first_read(writing, case_key, person, note, rules), is_new=True)


def add_first_read(
    writing: Writing,
    case_key: str,
    person: Person,
    note: str | None,
    rules: StandingRules | None = None,
) -> FirstRead:
    """Record who read a case first, which nobody has read and which is locked against others."""
    writing.connection.execute(
        insert(first_reads).values(
            case_key=case_key,
            read_at_us=writing.now_us,
            note=note,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )
    writing.touch([case_key], rules or StandingRules())
    return FirstRead(case_key, person, writing.now_us, note)


def _refuse(connection: Connection, first: FirstRead) -> ServiceError:
    zone = connection.execute(select(unit.c.time_zone)).scalar_one()
    who = f"{first.person.name} ({first.person.role}, {first.person.agency})"
    return ServiceError(
        "already_read",
        f"{who} read this case first, at {format_moment(first.read_at_us, zone)}",
        "nothing is left to record; a decision or a view tells what you think of it",
    )


def read_unread(
    connection: Connection,
    now_us: int,
    *,
    cursor: str | None = None,
    size: int = MOST_ITEMS,
    sight: Sight = EVERYTHING,
) -> UnreadCases:
    """Return the cases that nobody has read, those due longest first, closed ones among them.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    now_us
        The moment, microseconds UTC; what is due at it or before is overdue.
    cursor
        ``next_cursor`` of the part before; the beginning where absent.
    size
        How many cases at most.
    sight
        Which cases the person who asks may see: of sealed ones those that name them.

    Raises
    ------
    ServiceError
        If the cursor is none (422).
    """
    return _read_part(connection, now_us, true(), cursor, size, sight)


def read_overdue(
    connection: Connection,
    now_us: int,
    *,
    cursor: str | None = None,
    size: int = MOST_ITEMS,
    sight: Sight = EVERYTHING,
) -> UnreadCases:
    """Return the unread cases whose time has passed; see :func:`read_unread`."""
    return _read_part(connection, now_us, _due <= now_us, cursor, size, sight)


def read_due(
    connection: Connection,
    now_us: int,
    *,
    cursor: str | None = None,
    size: int = MOST_ITEMS,
    sight: Sight = EVERYTHING,
) -> UnreadCases:
    """Return the unread cases whose time still runs; see :func:`read_unread`."""
    return _read_part(connection, now_us, _due > now_us, cursor, size, sight)


_due: Final = standings.c.first_read_due_us
_unread: Final = standings.c.first_read_at_us.is_(None)


def _read_part(
    connection: Connection,
    now_us: int,
    condition: ColumnElement[bool],
    cursor: str | None,
    size: int,
    sight: Sight,
) -> UnreadCases:
    in_sight = sight.of_key(connection, standings.c.case_key)
    query = (
        select(standings, case_keys.c.case_id)
        .outerjoin(case_keys, case_keys.c.case_key == standings.c.case_key)
        .where(_unread, condition, in_sight, _after(connection, cursor, in_sight))
        .order_by(_due, standings.c.case_key)
        .limit(size + 1)
    )
    # A key alone: a moment of a case in an address would be case data.
    page = cut_page(connection.execute(query).all(), size, _name_row)
    return UnreadCases(
        items=tuple(_describe(row, now_us) for row in page.items),
        n_due=_count(connection, _due > now_us, in_sight),
        n_overdue=_count(connection, _due <= now_us, in_sight),
        next_cursor=page.next_cursor,
    )


def _name_row(row: Row[Any]) -> str:
    return str(row.case_key)


def _after(
    connection: Connection, cursor: str | None, in_sight: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Return the condition that a case comes after the one that the cursor names."""
    if cursor is None:
        return true()
    if not is_key(cursor):
        raise make_bad_cursor()
    query = select(_due).where(standings.c.case_key == cursor, in_sight)
    due_us = connection.execute(query).scalar_one_or_none()
    if due_us is None:
        raise make_bad_cursor()
    return or_(_due > due_us, and_(_due == due_us, standings.c.case_key > cursor))


def _count(connection: Connection, *where: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(standings).where(_unread, *where)
    return int(connection.execute(query).scalar_one())


def _describe(row: Row[Any], now_us: int) -> UnreadCase:
    return UnreadCase(
        case_key=row.case_key,
        case_id=row.case_id,
        area=row.area,
        referral_source=row.referral_source,
        state=plain_state(row.state),
        arrived_at_us=row.arrived_at_us,
        due_at_us=row.first_read_due_us,
        overdue=row.first_read_due_us <= now_us,
    )
