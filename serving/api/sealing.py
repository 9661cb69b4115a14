"""Sealed cases: ``POST /v1/cases/{key}/seal`` and ``unseal``, and ``GET /v1/sealed``."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from serving.access.sealed_cases import SealedCase, read_sealed_cases
from serving.access.seals import LEAST_PEOPLE, MOST_PEOPLE, open_seal, read_seal, seal_case
from serving.api.parameters import Key
from serving.decisions.drafts import NO_NUL, Words
from serving.persons import SignedIn
from serving.schemas import Strict
from serving.scoring.rescoring import score_cases
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown, sight_of

router = APIRouter(prefix="/v1", tags=["sealed cases"])
_WRITES = (400, 401, 403, 404, 413, 415, 422, 503)
_Subject = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=NO_NUL)]


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


@dataclass(frozen=True, kw_only=True)
class SealOut:
    """Whether a case is sealed, by whom and why, and whom it names."""

    key: str
    sealed: bool
    by: str
    why: str
    people: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SealedOut:
    """Every sealed case that names the person who asks: urgent flags first, then by wait."""

    cases: tuple[SealedCase, ...]


@router.post("/cases/{key}/seal", status_code=201, responses=describe_errors(*_WRITES))
def seal(key: Key, asked: SealIn, service: ServiceDep, person: SignedIn) -> SealOut:
    """Seal a case, or name others for a sealed one: nobody else sees, finds or counts it."""
    with service.need_store().writing() as writing:
        linked = seal_case(
            writing, key, person, asked.people, asked.why, make_rules(service.settings)
        )
    score_linked(service, linked)
    return _format(service, key)


@router.post("/cases/{key}/unseal", status_code=201, responses=describe_errors(*_WRITES, 409))
def unseal(key: Key, asked: UnsealIn, service: ServiceDep, person: SignedIn) -> SealOut:
    """Open a sealed case for everybody of its area; who may see it may do so."""
    with service.need_store().writing() as writing:
        linked = open_seal(writing, key, person, asked.why, make_rules(service.settings))
    score_linked(service, linked)
    return _format(service, key)


@router.get("/sealed", responses=describe_errors(401, 403, 503))
def list_sealed(request: Request, service: ServiceDep, person: SignedIn) -> SealedOut:
    """Return the sealed cases that name you: they stand on no list, so that you see to them."""
    store, unit = service.need_store(), service.need_unit()
    with store.reading() as connection:
        sight = sight_of(request, connection)
        found = read_sealed_cases(connection, sight, unit, store.clock())
    note_shown(request, (one.key for one in found))
    return SealedOut(cases=found)


def score_linked(service: Service, case_keys: frozenset[str]) -> None:
    """Score the cases again that were linked with one that was sealed or opened."""
    bundle = service.champion.find()
    if bundle is not None and case_keys:
        store, unit = service.need_store(), service.need_unit()
        score_cases(store, bundle, sorted(case_keys), unit, "import", make_rules(service.settings))


def _format(service: Service, key: str) -> SealOut:
    with service.need_store().reading() as connection:
        found = read_seal(connection, key)
    assert found is not None
    return SealOut(
        key=key,
        sealed=found.sealed,
        by=found.person.name,
        why=found.why,
        people=tuple(sorted(found.people)),
    )
