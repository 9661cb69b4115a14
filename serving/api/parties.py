"""Parties to cases, and access that nothing explains: for professional standards alone.

``GET /v1/parties``, ``POST /v1/parties/{case_key}`` and ``GET /v1/unexplained-access``.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field, StringConstraints
from sqlalchemy import Connection, select

from features.contract.moments import parse_date, to_datetime
from serving.access.overseers import name_overseers
from serving.access.parties import KnownTie, PartyTie, read_ties, tie_party
from serving.api.parameters import Key, Limit, LineCursor
from serving.decisions.drafts import NO_NUL, Words
from serving.errors import RequestProblem, invalid
from serving.oversight.unexplained_access import UnexplainedAccess, find_unexplained
from serving.oversight.unusual_access import AccessPeriod
from serving.persons import SignedIn, describe_person
from serving.schemas import PersonOut, Strict
from serving.service import ServiceDep
from serving.store.database import Store
from serving.store.paging import cut_page
from serving.store.row_text import Clockface
from serving.store.schema import audit_lines
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown

router = APIRouter(prefix="/v1", tags=["professional standards"])
_WRITES: Final = (400, 401, 403, 404, 413, 415, 422, 503)
_Subject = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=NO_NUL)]
_Day = Annotated[
    str | None,
    Query(pattern=r"^\d{4}-\d\d-\d\d$", description="By the unit's clock; yesterday where absent."),
]
UNEXPLAINED_NOTE: Final = (
    "Nothing of these people's work on record explains this access; nothing here says that it was "
    "wrong. Ask, and do not ask the person first."
)


class PartyIn(Strict):
    """An account that is a party to a case or close to one, or is so no longer, and why."""

    party: _Subject
    tied: bool = True
    why: Words


@dataclass(frozen=True, kw_only=True)
class PartyOut:
    """Whether an account is tied to a case."""

    key: str
    party: str
    tied: bool
    has_signed_in: Annotated[
        bool, Field(description="Whether anybody of that name was ever here; else look again.")
    ]


@dataclass(frozen=True, kw_only=True)
class TieOut(PartyOut):
    """An account that is tied to a case: why, by whom and since when."""

    why: str
    person: PersonOut
    tied_at: str


@dataclass(frozen=True, kw_only=True)
class TiesOut:
    """The accounts that are tied to cases, the latest first."""

    ties: tuple[TieOut, ...]
    next_cursor: int | None


@dataclass(frozen=True, kw_only=True)
class UnexplainedOut:
    """Repeated access of one person to one case that nothing of their work explains."""

    person: PersonOut
    subject: str
    key: str
    n_opened: int
    n_found: Annotated[int, Field(description="Times of finding it by its number.")]
    n_taken: Annotated[int, Field(description="Times of taking it out in an export or a pack.")]
    first_at: str
    last_at: str


@dataclass(frozen=True, kw_only=True)
class UnexplainedDayOut:
    """What a day shows, by name and case; never what you did, nor a case that is not for you."""

    day: str
    note: str
    accesses: tuple[UnexplainedOut, ...]


@router.get("/parties", responses=describe_errors(401, 403, 422, 503))
def list_parties(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    limit: Limit = 50,
    cursor: LineCursor = None,
) -> TiesOut:
    """Return the accounts that are tied to cases, the latest first."""
    store, face = service.need_store(), Clockface(service.need_unit().time_zone)
    with store.reading() as connection:
        found = read_ties(connection, person, size=limit + 1, before=cursor)
    page = cut_page(found, limit, lambda one: one.stored_seq)
    note_shown(request, (one.case_key for one in page.items))
    return TiesOut(
        ties=tuple(_describe(store, one, face) for one in page.items), next_cursor=page.next_cursor
    )


@router.post("/parties/{case_key}", status_code=201, responses=describe_errors(*_WRITES))
def tie(case_key: Key, asked: PartyIn, service: ServiceDep, person: SignedIn) -> PartyOut:
    """Tie the account of a party to a case, or undo that: for them the case is not there.

    Whoever is a party to the case settles nothing of it: another of professional standards does.
    """
    store, overseers = service.need_store(), name_overseers(service.settings)
    party = asked.party.strip()
    if not party:
        raise invalid(
            [RequestProblem(where="party", code="missing", remedy="say which account it is")]
        )
    with store.writing() as writing:
        tie_party(writing, case_key, person, PartyTie(party, asked.tied, asked.why), overseers)
    return PartyOut(
        key=case_key, party=party, tied=asked.tied, has_signed_in=has_signed_in(store, party)
    )


@router.get(
    "/unexplained-access",
    responses=describe_errors(401, 403, 422, 503),
    operation_id="tell_unexplained_access",
)
def describe_unexplained(
    request: Request, service: ServiceDep, person: SignedIn, day: _Day = None
) -> UnexplainedDayOut:
    """Return repeated access of a day to cases that nothing of a person's work explains."""
    store, unit = service.need_store(), service.need_unit()
    now = to_datetime(store.clock(), unit.time_zone).date()
    wanted = (now - dt.timedelta(days=1)).isoformat() if day is None else day
    found = find_unexplained(store, _read_day(wanted, unit.time_zone), person)
    note_shown(request, {one.case_key for one in found})
    face = Clockface(unit.time_zone)
    return UnexplainedDayOut(
        day=wanted,
        note=UNEXPLAINED_NOTE,
        accesses=tuple(_describe_access(one, face) for one in found),
    )


def has_signed_in(store: Store, subject: str) -> bool:
    """Return whether somebody has a line in one of the logs: everybody who was ever here has."""

    def has_line(connection: Connection) -> bool:
        query = select(audit_lines.c.number).where(audit_lines.c.subject == subject)
        return connection.execute(query.limit(1)).first() is not None

    with store.reading_looks() as looks:
        if has_line(looks):
            return True
    with store.reading() as connection:
        return has_line(connection)


def _read_day(day: str, time_zone: str) -> AccessPeriod:
    try:
        after = dt.date.fromisoformat(day) + dt.timedelta(days=1)
        return AccessPeriod(parse_date(day, time_zone), parse_date(after.isoformat(), time_zone))
    except (ValueError, OverflowError):
        raise invalid(
            [RequestProblem(where="day", code="no_day", remedy="write a day such as 2026-11-02")]
        ) from None


def _describe(store: Store, one: KnownTie, face: Clockface) -> TieOut:
    return TieOut(
        key=one.case_key,
        party=one.party,
        tied=True,
        has_signed_in=has_signed_in(store, one.party),
        why=one.why,
        person=describe_person(one.person),
        tied_at=face.show(one.at_us),
    )


def _describe_access(one: UnexplainedAccess, face: Clockface) -> UnexplainedOut:
    return UnexplainedOut(
        person=describe_person(one.person),
        subject=one.person.subject,
        key=one.case_key,
        n_opened=one.n_opened,
        n_found=one.n_found,
        n_taken=one.n_taken,
        first_at=face.show(one.first_us),
        last_at=face.show(one.last_us),
    )
