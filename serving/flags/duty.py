"""The duty queue: urgent flags until somebody has acknowledged them, and then until a decision.

It stands outside the list's capacity. An acknowledgement says that a person has seen the flag; it
decides nothing and discharges nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select

from features.catalogue.declarations import Flag
from features.contract.moments import format_moment
from serving.access.case_sight import EVERYTHING, Sight
from serving.errors import ServiceError
from serving.flags.acknowledged_steps import NOTHING, Steps
from serving.flags.flags import is_standing, word_flag
from serving.persons import Person, describe_person, read_person
from serving.schemas import NOT_SENT, PersonOut
from serving.standing.record_fates import IN_FORCE, read_record_fates
from serving.store.database import Writing
from serving.store.opaque_keys import is_key
from serving.store.paging import Page, comes_after, cut_page, find_named, make_bad_cursor
from serving.store.row_text import Clockface
from serving.store.schema import acknowledgements, case_keys, flag_raisings, unit

MOST_ITEMS: Final = 500
DUTY_ROLES: Final = ("duty", "administrator")
Section = Literal["waiting", "acknowledged"]
_ORDER: Final = (flag_raisings.c.due_at_us, flag_raisings.c.raising_key)
_SECTIONS: Final[tuple[Section, ...]] = ("waiting", "acknowledged")
PROCEDURE: Final = (
    "Follow your force's own procedure for risk to life first. This queue never replaces it: an "
    "acknowledgement says only that a named person has seen the flag, and the flag stands until a "
    "decision discharges it."
)
"""What every answer about the queue says."""


@dataclass(frozen=True)
class Acknowledgement:
    """Who has seen an urgent flag, when (microseconds UTC), and what they noted."""

    raising_key: str
    person: Person
    at_us: int
    note: str | None
    steps: Steps = NOTHING


@dataclass(frozen=True)
class AcknowledgementOut:
    """Who has seen an urgent flag, and when, as it is sent."""

    raising_key: str
    person: PersonOut
    acknowledged_at: str
    note: str | None
    procedure: Annotated[str, Field(description="What this never replaces.")]


@dataclass(frozen=True)
class DutyItem:
    """One urgent flag raised by one record; overdue while nobody has seen it in time."""

    raising_key: str
    key: str
    case_id: str | None
    flag: str
    wording: str
    record: str | None
    record_fate: Annotated[
        str, Field(description="in_force, correction_pending, corrected or withdrawn.")
    ]
    raised_at: str
    due_at: str
    overdue: bool
    acknowledgement: AcknowledgementOut | None
    due_at_us: Annotated[int, NOT_SENT]


@dataclass(frozen=True)
class DutyQueue(Page["DutyItem", str]):
    """Part of the queue, and how long all of it is.

    Parameters
    ----------
    items
        Not acknowledged first, then acknowledged and still standing; of each those due first.
    n_waiting, n_overdue, n_acknowledged
        Raisings in the whole queue; ``n_overdue`` are among ``n_waiting``.
    """

    n_waiting: int
    n_overdue: int
    n_acknowledged: int


def read_queue(
    connection: Connection,
    now_us: int,
    flags: Mapping[str, Flag],
    face: Clockface,
    *,
    cursor: str | None = None,
    size: int = MOST_ITEMS,
    sight: Sight = EVERYTHING,
) -> DutyQueue:
    """Return the open urgent flags: those nobody acknowledged first, oldest due first.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    now_us
        The moment, microseconds UTC; what is due at it or before is overdue.
    flags
        The catalogue's, by name: their wordings.
    face
        Tells moments.
    cursor
        ``next_cursor`` of the part before; the beginning where absent.
    size
        How many items at most.
    sight
        Which cases the person who asks may see: of sealed ones those that name them.

    Raises
    ------
    ServiceError
        If the cursor is none (422).
    """
    section, after = _read_cursor(connection, cursor, sight)
    found: list[Row[Any]] = []
    for one in _SECTIONS[_SECTIONS.index(section) :]:
        place = after if one == section else None
        found += _read_section(connection, one, place, size + 1 - len(found), sight)
    page = cut_page(found, size, _write_cursor)
    waiting, overdue, acknowledged = _count(connection, now_us, sight)
    return DutyQueue(
        items=_describe(connection, page.items, now_us, flags, face),
        n_waiting=waiting,
        n_overdue=overdue,
        n_acknowledged=acknowledged,
        next_cursor=page.next_cursor,
    )


def _is_waiting() -> ColumnElement[bool]:
    seen = select(acknowledgements.c.raising_key).where(
        acknowledgements.c.raising_key == flag_raisings.c.raising_key
    )
    return ~seen.correlate(flag_raisings).exists()


def _belongs(section: Section) -> ColumnElement[bool]:
    waiting = _is_waiting()
    placed = waiting if section == "waiting" else ~waiting
    return and_(flag_raisings.c.due_at_us.is_not(None), is_standing(), placed)


def _read_section(
    connection: Connection,
    section: Section,
    after: Row[Any] | None,
    size: int,
    sight: Sight,
) -> list[Row[Any]]:
    query = (
        select(
            flag_raisings,
            case_keys.c.case_id,
            *(acknowledgements.c[name] for name in ("person", "subject", "role", "agency", "note")),
            acknowledgements.c.acknowledged_at_us,
        )
        .outerjoin(case_keys, case_keys.c.case_key == flag_raisings.c.case_key)
        .outerjoin(acknowledgements, acknowledgements.c.raising_key == flag_raisings.c.raising_key)
        .where(_belongs(section), sight.of_key(connection, flag_raisings.c.case_key))
        .order_by(*_ORDER)
        .limit(size)
    )
    if after is not None:
        query = query.where(comes_after(_ORDER, after))
    return list(connection.execute(query).all()) if size > 0 else []


def _count(connection: Connection, now_us: int, sight: Sight) -> tuple[int, int, int]:
    in_sight = sight.of_key(connection, flag_raisings.c.case_key)
    numbers = [
        connection.execute(
            select(func.count()).select_from(flag_raisings).where(condition, in_sight)
        ).scalar_one()
        for condition in (
            _belongs("waiting"),
            and_(_belongs("waiting"), flag_raisings.c.due_at_us <= now_us),
            _belongs("acknowledged"),
        )
    ]
    return numbers[0], numbers[1], numbers[2]


def _describe(
    connection: Connection,
    rows: Sequence[Row[Any]],
    now_us: int,
    flags: Mapping[str, Flag],
    face: Clockface,
) -> tuple[DutyItem, ...]:
    fates = read_record_fates(connection, [(row.case_key, row.record_id) for row in rows])
    return tuple(
        DutyItem(
            raising_key=row.raising_key,
            key=row.case_key,
            case_id=row.case_id,
            flag=row.flag,
            wording=word_flag(flags, row.flag),
            record=row.record_id or None,
            record_fate=fates.get((row.case_key, row.record_id), IN_FORCE),
            raised_at=face.show(row.raised_at_us),
            due_at=face.show(row.due_at_us),
            overdue=row.acknowledged_at_us is None and row.due_at_us <= now_us,
            acknowledgement=None
            if row.acknowledged_at_us is None
            else describe_seen(_read_seen(row), face),
            due_at_us=row.due_at_us,
        )
        for row in rows
    )


def describe_seen(seen: Acknowledgement, face: Clockface) -> AcknowledgementOut:
    """Return an acknowledgement as it is sent."""
    return AcknowledgementOut(
        raising_key=seen.raising_key,
        person=describe_person(seen.person),
        acknowledged_at=face.show(seen.at_us),
        note=seen.note,
        procedure=PROCEDURE,
    )


def _read_seen(row: Row[Any]) -> Acknowledgement:
    person = read_person(row)
    return Acknowledgement(row.raising_key, person, row.acknowledged_at_us, row.note)


def _write_cursor(row: Row[Any]) -> str:
    # A key alone: a moment of a case in an address would be case data.
    section: Section = "waiting" if row.acknowledged_at_us is None else "acknowledged"
    return f"{section[0]}{row.raising_key}"


def _read_cursor(
    connection: Connection, cursor: str | None, sight: Sight
) -> tuple[Section, Row[Any] | None]:
    if cursor is None:
        return "waiting", None
    sections = {section[0]: section for section in _SECTIONS}
    section, key = sections.get(cursor[:1]), cursor[1:]
    if section is None:
        raise make_bad_cursor()
    query = select(*_ORDER).where(
        flag_raisings.c.raising_key == key,
        flag_raisings.c.due_at_us.is_not(None),
        sight.of_key(connection, flag_raisings.c.case_key),
    )
    return section, find_named(connection, key, query)


def acknowledge(
    writing: Writing,
    raising_key: str,
    person: Person,
    note: str | None,
    steps: Steps = NOTHING,
) -> Acknowledgement:
    """Record that a person of the duty role has seen an urgent flag; the first one stands.

    Asked again by the same person it returns what stands and changes nothing.

    Parameters
    ----------
    writing
        The transaction.
    raising_key, person
        The flag's raising, and who has seen it.
    note, steps
        What they noted, and what was done.

    Raises
    ------
    ServiceError
        If the person has another role (403), there is no such urgent flag (404), or somebody else
        acknowledged it before (409, saying who and when).
    """
    if person.role not in DUTY_ROLES:
        raise ServiceError(
            "not_on_duty",
            "urgent flags are acknowledged by the duty role",
            "sign in with the duty role, or tell the person on duty",
        )
    _check_urgent(writing.connection, raising_key)
    # Others wait from here: of two who acknowledge at once the first stands.
    writing.take_seq(0)
    there = writing.connection.execute(
        select(acknowledgements).where(acknowledgements.c.raising_key == raising_key)
    ).one_or_none()
    if there is not None:
        first = _read_seen(there)
        if first.person != person:
            raise _refuse(writing.connection, first)
        return first
    made = Acknowledgement(raising_key, person, writing.now_us, note, steps)
    writing.connection.execute(
        insert(acknowledgements).values(
            raising_key=raising_key,
            acknowledged_at_us=made.at_us,
            note=note,
            stored_seq=writing.take_seq(),
            **steps.columns(),
            **person.columns(),
        )
    )
    return made


def _check_urgent(connection: Connection, raising_key: str) -> None:
    query = select(flag_raisings.c.urgent).where(flag_raisings.c.raising_key == raising_key)
    if not is_key(raising_key) or not connection.execute(query).scalar_one_or_none():
        raise ServiceError(
            "no_such_flag", "there is no such urgent flag", "start from GET /v1/duty"
        )


def _refuse(connection: Connection, first: Acknowledgement) -> ServiceError:
    zone = connection.execute(select(unit.c.time_zone)).scalar_one()
    return ServiceError(
        "already_acknowledged",
        f"{first.person.in_full} acknowledged this flag at {format_moment(first.at_us, zone)}",
        "nothing is left to acknowledge; speak to that person",
    )
