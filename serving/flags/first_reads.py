"""First reads: every new case is read by a named person within a set time, whatever its score.

A case stays listed until somebody has read it, closed or not (promise 2). Scores, flags and places
on a list play no part here.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, true

from features.contract.moments import format_moment
from serving.access.case_sight import EVERYTHING, Sight
from serving.errors import ServiceError
from serving.persons import Person, read_person
from serving.schemas import NOT_SENT
from serving.standing.standings import StandingRules
from serving.standing.states import plain_state
from serving.store.database import Writing
from serving.store.opaque_keys import is_key
from serving.store.paging import Page, comes_after, cut_page, find_named
from serving.store.row_text import Clockface
from serving.store.schema import case_keys, cases, first_reads, standings, unit

MOST_ITEMS: Final = 500
_NOT_READERS: Final = ("data_scientist", "auditor")
"""Roles that look at a case for another purpose than to act on it."""
_due: Final = standings.c.first_read_due_us
_unread: Final = standings.c.first_read_at_us.is_(None)
_ORDER: Final = (_due, standings.c.case_key)


@dataclass(frozen=True)
class FirstRead:
    """Who read a case first, when (microseconds UTC), and what they noted."""

    case_key: str
    person: Person
    read_at_us: int
    note: str | None


@dataclass(frozen=True)
class UnreadCase:
    """A case that nobody has read yet; overdue once the time for it has passed."""

    key: str
    case_id: str | None
    area: str | None
    referral_source: str | None
    state: str
    arrived_at: str
    due_at: str
    overdue: bool
    due_at_us: Annotated[int, NOT_SENT]


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
    return ServiceError(
        "already_read",
        f"{first.person.in_full} read this case first, at {format_moment(first.read_at_us, zone)}",
        "nothing is left to record; a decision or a view tells what you think of it",
    )


def read_unread(
    connection: Connection,
    now_us: int,
    face: Clockface,
    *,
    overdue: bool | None = None,
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
    face
        Tells moments.
    overdue
        Only those overdue, or only those that are not; all of them where ``None``.
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
    in_sight = sight.of_key(connection, standings.c.case_key)
    asked = {None: true(), True: _due <= now_us, False: _due > now_us}[overdue]
    query = (
        select(standings, case_keys.c.case_id)
        .outerjoin(case_keys, case_keys.c.case_key == standings.c.case_key)
        .where(_unread, asked, in_sight, _after(connection, cursor, in_sight))
        .order_by(*_ORDER)
        .limit(size + 1)
    )
    # A key alone: a moment of a case in an address would be case data.
    page = cut_page(connection.execute(query).all(), size, lambda row: str(row.case_key))
    return UnreadCases(
        items=tuple(_describe(row, now_us, face) for row in page.items),
        n_due=_count(connection, _due > now_us, in_sight),
        n_overdue=_count(connection, _due <= now_us, in_sight),
        next_cursor=page.next_cursor,
    )


def _after(
    connection: Connection, cursor: str | None, in_sight: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Return the condition that a case comes after the one that the cursor names."""
    if cursor is None:
        return true()
    query = select(*_ORDER).where(standings.c.case_key == cursor, in_sight)
    return comes_after(_ORDER, find_named(connection, cursor, query))


def _count(connection: Connection, *where: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(standings).where(_unread, *where)
    return int(connection.execute(query).scalar_one())


def _describe(row: Row[Any], now_us: int, face: Clockface) -> UnreadCase:
    return UnreadCase(
        key=row.case_key,
        case_id=row.case_id,
        area=row.area,
        referral_source=row.referral_source,
        state=plain_state(row.state),
        arrived_at=face.show(row.arrived_at_us),
        due_at=face.show(row.first_read_due_us),
        overdue=row.first_read_due_us <= now_us,
        due_at_us=row.first_read_due_us,
    )
