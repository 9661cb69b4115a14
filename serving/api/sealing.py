"""Sealed cases: sealing and opening one, and what those see who are named, on duty or oversee.

``POST /v1/cases/{key}/seal`` and ``unseal``, ``GET /v1/sealed``; for a duty supervisor
``GET /v1/sealed-flags`` and ``POST /v1/sealed-flags/{flag_key}/open``; for the auditor and
professional standards ``GET /v1/seals`` and ``POST /v1/seals/{confirmation_key}/people``.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field, StringConstraints

from serving.access.overseers import name_overseers
from serving.api.confirmations import score_again
from serving.api.parameters import Key, KeyCursor, Limit
from serving.decisions.drafts import NO_NUL, Words
from serving.flags.sealed_flags import SealedFlagNotice, open_sealed_case, read_notices
from serving.lists.vacated_places import fill_vacated
from serving.persons import Person, SignedIn
from serving.schemas import Strict
from serving.scoring.stored_advice import advise_scores
from serving.sealing.directory import read_directory
from serving.sealing.seal_confirmation import read_seal_confirmations
from serving.sealing.seal_review import ReviewRequest, SealReview, list_named, read_review
from serving.sealing.seal_settlement import change_by_overseer
from serving.sealing.sealed_cases import SealedCase, read_sealed_cases
from serving.sealing.seals import LEAST_PEOPLE, MOST_PEOPLE, open_seal, read_seal, seal_case
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.store.row_text import Clockface
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown, sight_of

router = APIRouter(prefix="/v1", tags=["sealed cases"])
_WRITES: Final = (400, 401, 403, 404, 413, 415, 422, 503)
_Subject = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=NO_NUL)]
_Sealer = Annotated[
    str | None, Query(max_length=500, pattern=NO_NUL, description="Seals of this person alone.")
]


class SealIn(Strict):
    """Who may see the case from now on, the person who seals it among them, and why."""

    people: list[_Subject] = Field(
        min_length=LEAST_PEOPLE,
        max_length=MOST_PEOPLE,
        description="By what the sign-in knows them: ``subject`` of GET /v1/me.",
    )
    why: Words


class UnsealIn(Strict):
    """Why the case may be seen by everybody of its area again."""

    why: Words


class OpenIn(Strict):
    """Why a sealed case is opened for one of its urgent flags."""

    why: Words


@dataclass(frozen=True, kw_only=True)
class SealOut:
    """Whether a case is sealed, by whom and why, and whom it names."""

    key: str
    sealed: bool
    by: str
    why: str
    people: tuple[str, ...]
    confirm_by: Annotated[
        str | None, Field(description="Until when a second person of another agency confirms it.")
    ]


@dataclass(frozen=True, kw_only=True)
class SealedOut:
    """Every sealed case that names the person who asks: urgent flags first, then by wait."""

    cases: tuple[SealedCase, ...]


@dataclass(frozen=True, kw_only=True)
class SealedFlagsOut:
    """Urgent flags of sealed cases that wait for a duty supervisor; nothing of the cases."""

    flags: tuple[SealedFlagNotice, ...]


@dataclass(frozen=True, kw_only=True)
class OpenedOut:
    """The sealed case that was opened for one of its urgent flags."""

    key: str


@router.post("/cases/{key}/seal", status_code=201, responses=describe_errors(*_WRITES))
def seal(key: Key, asked: SealIn, service: ServiceDep, person: SignedIn) -> SealOut:
    """Seal a case, or name others for a sealed one: nobody else sees, finds or counts it.

    It takes effect at once. A second person of another agency is to confirm it within a day.
    """
    seal_now(service, key, person, asked)
    return _format(service, key)


def seal_now(service: Service, key: str, person: Person, asked: SealIn) -> None:
    """Seal a case, and score again the cases that are linked with it."""
    store, settings = service.need_store(), service.settings
    directory = read_directory(store, settings, [one.strip() for one in asked.people])
    with store.writing() as writing:
        linked = seal_case(
            writing, key, person, asked.people, asked.why, directory, make_rules(settings)
        )
        fill_vacated(writing, key, service.need_unit(), service.champion.find(), advise_scores)
    score_again(service, linked)


@router.post("/cases/{key}/unseal", status_code=201, responses=describe_errors(*_WRITES, 409))
def unseal(key: Key, asked: UnsealIn, service: ServiceDep, person: SignedIn) -> SealOut:
    """Open a sealed case for everybody of its area; who may see it may do so."""
    with service.need_store().writing() as writing:
        linked = open_seal(writing, key, person, asked.why, make_rules(service.settings))
    score_again(service, linked)
    return _format(service, key)


@router.get("/sealed", responses=describe_errors(401, 403, 503))
def list_sealed(request: Request, service: ServiceDep, person: SignedIn) -> SealedOut:
    """Return the sealed cases that name you: they stand on no list, so that you see to them."""
    store, unit = service.need_store(), service.need_unit()
    with store.reading() as connection:
        sight = sight_of(request, connection)
        days = service.settings.sealed_wait_days
        found = read_sealed_cases(connection, sight, unit, store.clock(), days)
    note_shown(request, (one.key for one in found))
    return SealedOut(cases=found)


@router.get("/sealed-flags", responses=describe_errors(401, 403, 503))
def list_sealed_flags(service: ServiceDep, person: SignedIn) -> SealedFlagsOut:
    """Return the urgent flags of sealed cases that wait for you as a duty supervisor.

    What is overdue, and what no supervisor may open, waits for professional standards' on-call
    person as well.
    """
    store, bundle = service.need_store(), service.champion.find()
    flags = {flag.name: flag for flag in bundle.catalogue.flags} if bundle else {}
    with store.reading() as connection:
        found = read_notices(
            connection,
            person,
            name_overseers(service.settings),
            store.clock(),
            flags,
            Clockface(service.need_unit().time_zone),
        )
    return SealedFlagsOut(flags=found)


@router.post("/sealed-flags/{flag_key}/open", status_code=201, responses=describe_errors(*_WRITES))
def open_for_flag(flag_key: Key, asked: OpenIn, service: ServiceDep, person: SignedIn) -> OpenedOut:
    """Open a sealed case for one of its urgent flags, with a reason, until that is dealt with."""
    overseers = name_overseers(service.settings)
    with service.need_store().writing() as writing:
        key = open_sealed_case(writing, flag_key, person, asked.why, overseers)
    return OpenedOut(key=key)


@router.get("/seals", responses=describe_errors(401, 403, 422, 503))
def review_seals(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    sealer: _Sealer = None,
    limit: Limit = 50,
    cursor: KeyCursor = None,
) -> SealReview:
    """Return every seal, the latest first: who sealed what, what waits and what is overdue."""
    store, settings = service.need_store(), service.settings
    wanted = ReviewRequest(person, store.clock(), settings.sealed_wait_days, sealer, limit, cursor)
    with store.reading() as connection:
        named = list_named(connection)
    known = read_directory(store, settings, named).known
    with store.reading() as connection:
        found = read_review(connection, wanted, known, Clockface(service.need_unit().time_zone))
    note_shown(request, (one.key for one in found.seals))
    return found


@router.post(
    "/seals/{confirmation_key}/people", status_code=201, responses=describe_errors(*_WRITES)
)
def change_seal(
    confirmation_key: Key, asked: SealIn, service: ServiceDep, person: SignedIn
) -> None:
    """Name others for a seal that nobody confirmed in time; somebody else looks at the new one."""
    store, settings = service.need_store(), service.settings
    directory = read_directory(store, settings, [one.strip() for one in asked.people])
    with store.writing() as writing:
        linked = change_by_overseer(
            writing,
            confirmation_key,
            person,
            asked.people,
            asked.why,
            directory,
            make_rules(settings),
        )
    score_again(service, linked)


def _format(service: Service, key: str) -> SealOut:
    with service.need_store().reading() as connection:
        found = read_seal(connection, key)
        asked = read_seal_confirmations(connection, key)
    assert found is not None
    waiting = [one for one in asked if one.settlement is None]
    face = Clockface(service.need_unit().time_zone)
    return SealOut(
        key=key,
        sealed=found.sealed,
        by=found.person.name,
        why=found.why,
        people=tuple(sorted(found.people)),
        confirm_by=face.show(waiting[-1].due_at_us) if waiting else None,
    )
