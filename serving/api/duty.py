"""The duty queue, each flag's share of open cases, and first reads.

``GET /v1/duty``, ``POST /v1/duty/{raising_key}/acknowledge``, ``GET /v1/flags``,
``POST /v1/cases/{key}/first-read`` and ``GET /v1/first-reads``.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator, Field

from features.catalogue.declarations import Flag
from features.contract.moments import format_moment
from serving.flags import duty, first_reads
from serving.flags.flag_shares import MOST_SHARE, FlagShare, count_open, flag_shares
from serving.persons import SignedIn, describe_person
from serving.schemas import PersonOut, Strict
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.store.opaque_keys import KEY_PATTERN
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown, sight_of

router = APIRouter(prefix="/v1", tags=["duty"])

_MOST_NOTE: Final = 2_000
Key = Annotated[str, Path(pattern=KEY_PATTERN, description="An opaque key.")]
Cursor = Annotated[
    str | None, Query(max_length=40, description="``next_cursor`` of the part before.")
]
Note = Annotated[str, AfterValidator(lambda note: note.replace("\0", ""))]
"""A text that both databases can hold."""
Size = Annotated[int, Query(ge=1, le=duty.MOST_ITEMS, description="How many items at most.")]


class NoteIn(Strict):
    """What a person notes on a flag that they have seen or a case that they have read."""

    note: Note | None = Field(default=None, max_length=_MOST_NOTE)


@dataclass(frozen=True, kw_only=True)
class AcknowledgementOut:
    """Who has seen an urgent flag, and when."""

    raising_key: str
    person: PersonOut
    acknowledged_at: str
    note: str | None
    procedure: Annotated[str, Field(description="What this never replaces.")]


@dataclass(frozen=True, kw_only=True)
class DutyItemOut:
    """One urgent flag raised by one record."""

    raising_key: str
    key: str
    case_id: str | None
    flag: str
    wording: str
    record: str | None
    record_fate: Annotated[
        str, Field(description="in_force, corrected or withdrawn; the flag stands.")
    ]
    raised_at: str
    due_at: str
    overdue: bool
    acknowledgement: AcknowledgementOut | None


@dataclass(frozen=True, kw_only=True)
class DutyOut:
    """Urgent flags: not acknowledged first, then acknowledged and still standing; due first."""

    procedure: Annotated[str, Field(description="What the queue never replaces.")]
    acknowledge_minutes: int
    n_waiting: int
    n_overdue: int
    n_acknowledged: int
    items: tuple[DutyItemOut, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class FlagShareOut:
    """How many open cases carry a flag."""

    flag: str
    wording: str
    urgent: bool
    cases: int
    share: float
    asks_review: Annotated[
        bool, Field(description="Whether more open cases carry it than a flag should.")
    ]


@dataclass(frozen=True, kw_only=True)
class FlagsOut:
    """Every flag with the share of open cases that carries it."""

    n_open: int
    most_share: Annotated[float, Field(description="Above it a flag asks for its own review.")]
    flags: tuple[FlagShareOut, ...]


@dataclass(frozen=True, kw_only=True)
class DueFirstReadOut:
    """Who read a case first, and when."""

    key: str
    person: PersonOut
    read_at: str
    note: str | None


@dataclass(frozen=True, kw_only=True)
class UnreadOut:
    """A case that nobody has read yet."""

    key: str
    case_id: str | None
    area: str | None
    referral_source: str | None
    state: str
    arrived_at: str
    due_at: str
    overdue: bool


@dataclass(frozen=True, kw_only=True)
class FirstReadsOut:
    """Cases that nobody has read yet, due first; closed ones stay until somebody has."""

    first_read_days: int
    n_due: int
    n_overdue: int
    cases: tuple[UnreadOut, ...]
    next_cursor: str | None


@router.get("/duty", responses=describe_errors(400, 401, 422, 503))
def read_duty(
    request: Request, service: ServiceDep, person: SignedIn, cursor: Cursor = None, size: Size = 100
) -> DutyOut:
    """Return the urgent flags that stand, outside the list's capacity, oldest due first."""
    store = service.need_store()
    with store.reading() as connection:
        sight = sight_of(request, connection)
        queue = duty.read_queue(connection, store.clock(), cursor=cursor, size=size, sight=sight)
    note_shown(request, (item.case_key for item in queue.items))
    flags = _flags_of(service)
    zone = service.need_unit().time_zone
    return DutyOut(
        procedure=duty.PROCEDURE,
        acknowledge_minutes=service.settings.acknowledge_minutes,
        n_waiting=queue.n_waiting,
        n_overdue=queue.n_overdue,
        n_acknowledged=queue.n_acknowledged,
        items=tuple(_describe_item(item, flags, zone) for item in queue.items),
        next_cursor=queue.next_cursor,
    )


@router.post(
    "/duty/{raising_key}/acknowledge",
    responses=describe_errors(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
def acknowledge_flag(
    raising_key: Key, said: NoteIn, service: ServiceDep, person: SignedIn
) -> AcknowledgementOut:
    """Record that the duty role has seen an urgent flag; it stands until a decision discharges it.

    Force procedure is never replaced by this.
    """
    with service.need_store().writing() as writing:
        made = duty.acknowledge(writing, raising_key, person, said.note)
    return _describe_seen(made, service.need_unit().time_zone)


@router.get("/flags", responses=describe_errors(400, 401, 422, 503))
def read_flags(service: ServiceDep, person: SignedIn) -> FlagsOut:
    """Return the share of open cases that carries each flag."""
    with service.need_store().reading() as connection:
        found = flag_shares(connection)
        n_open = count_open(connection)
    flags = _flags_of(service)
    there = {one.flag for one in found}
    found += [
        FlagShare(name, flag.urgent, 0, 0.0) for name, flag in flags.items() if name not in there
    ]
    return FlagsOut(
        n_open=n_open,
        most_share=MOST_SHARE,
        flags=tuple(
            FlagShareOut(
                flag=one.flag,
                wording=word_flag(flags, one.flag),
                urgent=one.urgent,
                cases=one.cases,
                share=one.share,
                asks_review=one.asks_review,
            )
            for one in found
        ),
    )


@router.post(
    "/cases/{key}/first-read",
    responses=describe_errors(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
def record_read(key: Key, said: NoteIn, service: ServiceDep, person: SignedIn) -> DueFirstReadOut:
    """Record that a named person has read a new case, whatever its score; once."""
    rules = make_rules(service.settings)
    with service.need_store().writing() as writing:
        read = first_reads.record_first_read(writing, key, person, said.note, rules)
    return DueFirstReadOut(
        key=key,
        person=describe_person(read.person),
        read_at=format_moment(read.read_at_us, service.need_unit().time_zone),
        note=read.note,
    )


@router.get("/first-reads", responses=describe_errors(400, 401, 422, 503))
def read_first_reads(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    overdue: Annotated[bool | None, Query(description="Only those overdue, or only not.")] = None,
    cursor: Cursor = None,
    size: Size = 100,
) -> FirstReadsOut:
    """Return the cases that nobody has read yet, due longest first."""
    store = service.need_store()
    readers = {
        None: first_reads.read_unread,
        True: first_reads.read_overdue,
        False: first_reads.read_due,
    }
    with store.reading() as connection:
        sight = sight_of(request, connection)
        found = readers[overdue](connection, store.clock(), cursor=cursor, size=size, sight=sight)
    note_shown(request, (case.case_key for case in found.items))
    zone = service.need_unit().time_zone
    return FirstReadsOut(
        first_read_days=service.settings.first_read_days,
        n_due=found.n_due,
        n_overdue=found.n_overdue,
        cases=tuple(_describe_unread(case, zone) for case in found.items),
        next_cursor=found.next_cursor,
    )


def word_flag(flags: dict[str, Flag], name: str) -> str:
    """Return a flag's wording; of one that the catalogue no longer has, its name in words."""
    return flags[name].wording if name in flags else name.replace("_", " ").capitalize()


def _flags_of(service: Service) -> dict[str, Flag]:
    bundle = service.champion.find()
    return {} if bundle is None else {flag.name: flag for flag in bundle.catalogue.flags}


def _describe_item(item: duty.DutyItem, flags: dict[str, Flag], zone: str) -> DutyItemOut:
    seen = item.acknowledgement
    return DutyItemOut(
        raising_key=item.raising_key,
        key=item.case_key,
        case_id=item.case_id,
        flag=item.flag,
        wording=word_flag(flags, item.flag),
        record=item.record_id or None,
        record_fate=item.fate,
        raised_at=format_moment(item.raised_at_us, zone),
        due_at=format_moment(item.due_at_us, zone),
        overdue=item.overdue,
        acknowledgement=None if seen is None else _describe_seen(seen, zone),
    )


def _describe_seen(seen: duty.Acknowledgement, zone: str) -> AcknowledgementOut:
    return AcknowledgementOut(
        raising_key=seen.raising_key,
        person=describe_person(seen.person),
        acknowledged_at=format_moment(seen.at_us, zone),
        note=seen.note,
        procedure=duty.PROCEDURE,
    )


def _describe_unread(case: first_reads.UnreadCase, zone: str) -> UnreadOut:
    return UnreadOut(
        key=case.case_key,
        case_id=case.case_id,
        area=case.area,
        referral_source=case.referral_source,
        state=case.state,
        arrived_at=format_moment(case.arrived_at_us, zone),
        due_at=format_moment(case.due_at_us, zone),
        overdue=case.overdue,
    )
