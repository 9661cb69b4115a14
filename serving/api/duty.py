"""The duty queue, each flag's share of open cases, and first reads.

``GET /v1/duty``, ``POST /v1/duty/{raising_key}/acknowledge``, ``GET /v1/flags``,
``POST /v1/cases/{key}/first-read`` and ``GET /v1/first-reads``.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, Field

from features.catalogue.declarations import Flag
from features.contract.moments import format_moment
from serving.access.case_sight import find_sight
from serving.api.parameters import DutyCursor, Key, LongLimit
from serving.flags import duty, first_reads
from serving.flags.flag_shares import MOST_SHARE, FlagShare, count_open, flag_shares
from serving.flags.flags import word_flag
from serving.persons import SignedIn, describe_person
from serving.schemas import PersonOut, Strict
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.store.row_text import Clockface
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown, sight_of

router = APIRouter(prefix="/v1", tags=["duty"])

_MOST_NOTE: Final = 2_000
Note = Annotated[str, AfterValidator(lambda note: note.replace("\0", ""))]
"""A text that both databases can hold."""


class NoteIn(Strict):
    """What a person notes on a flag that they have seen or a case that they have read."""

    note: Note | None = Field(default=None, max_length=_MOST_NOTE)


@dataclass(frozen=True, kw_only=True)
class DutyOut:
    """Urgent flags: not acknowledged first, then acknowledged and still standing; due first."""

    procedure: Annotated[str, Field(description="What the queue never replaces.")]
    acknowledge_minutes: int
    n_waiting: int
    n_overdue: int
    n_acknowledged: int
    items: tuple[duty.DutyItem, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class FlagShareOut:
    """How many open cases carry a flag."""

    flag: str
    wording: str
    urgent: bool
    cases: int
    share: float
    asks_review: Annotated[bool, Field(description="Whether more carry it than a flag should.")]


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
class FirstReadsOut:
    """Cases that nobody has read yet, due first; closed ones stay until somebody has."""

    first_read_days: int
    n_due: int
    n_overdue: int
    cases: tuple[first_reads.UnreadCase, ...]
    next_cursor: str | None


@router.get("/duty", responses=describe_errors(400, 401, 422, 503))
def read_duty(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    cursor: DutyCursor = None,
    size: LongLimit = 100,
) -> DutyOut:
    """Return the urgent flags that stand, outside the list's capacity, oldest due first."""
    store = service.need_store()
    with store.reading() as connection:
        sight = sight_of(request, connection)
        queue = duty.read_queue(
            connection,
            store.clock(),
            _flags_of(service),
            Clockface(service.need_unit().time_zone),
            cursor=cursor,
            size=size,
            sight=sight,
        )
    note_shown(request, (item.key for item in queue.items))
    return DutyOut(
        procedure=duty.PROCEDURE,
        acknowledge_minutes=service.settings.acknowledge_minutes,
        n_waiting=queue.n_waiting,
        n_overdue=queue.n_overdue,
        n_acknowledged=queue.n_acknowledged,
        items=queue.items,
        next_cursor=queue.next_cursor,
    )


@router.post(
    "/duty/{raising_key}/acknowledge",
    responses=describe_errors(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
def acknowledge_flag(
    raising_key: Key, said: NoteIn, service: ServiceDep, person: SignedIn
) -> duty.AcknowledgementOut:
    """Record that the duty role has seen an urgent flag; it stands until a decision discharges it.

    Force procedure is never replaced by this.
    """
    with service.need_store().writing() as writing:
        made = duty.acknowledge(writing, raising_key, person, said.note)
    return duty.describe_seen(made, Clockface(service.need_unit().time_zone))


@router.get("/flags", responses=describe_errors(400, 401, 422, 503))
def read_flags(service: ServiceDep, person: SignedIn) -> FlagsOut:
    """Return the share of open cases that carries each flag."""
    with service.need_store().reading() as connection:
        sight = find_sight(connection, person)
        found = flag_shares(connection, sight)
        n_open = count_open(connection, sight)
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
    cursor: DutyCursor = None,
    size: LongLimit = 100,
) -> FirstReadsOut:
    """Return the cases that nobody has read yet, due longest first."""
    store = service.need_store()
    with store.reading() as connection:
        sight = sight_of(request, connection)
        found = first_reads.read_unread(
            connection,
            store.clock(),
            Clockface(service.need_unit().time_zone),
            overdue=overdue,
            cursor=cursor,
            size=size,
            sight=sight,
        )
    note_shown(request, (case.key for case in found.items))
    return FirstReadsOut(
        first_read_days=service.settings.first_read_days,
        n_due=found.n_due,
        n_overdue=found.n_overdue,
        cases=found.items,
        next_cursor=found.next_cursor,
    )


def _flags_of(service: Service) -> dict[str, Flag]:
    bundle = service.champion.find()
    return {} if bundle is None else {flag.name: flag for flag in bundle.catalogue.flags}
