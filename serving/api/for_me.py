"""What waits for whoever asks: ``/v1/for-me``."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, StrictBool

from serving.decisions.daily_digests import choose_digest, wants_digest
from serving.decisions.own_work import OwnWork, list_shown, read_own_work
from serving.persons import SignedIn
from serving.schemas import Strict
from serving.service import ServiceDep
from serving.standing.standings import make_rules
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown

router = APIRouter(prefix="/v1", tags=["for me"])


class DigestIn(Strict):
    """Whether a person wants a daily digest."""

    wanted: StrictBool


@dataclass(frozen=True, kw_only=True)
class DigestOut:
    """Whether a person gets a daily digest."""

    wanted: bool
    is_sent: Annotated[bool, Field(description="Whether this service sends digests at all.")]


@router.get("/for-me", responses=describe_errors(401, 403, 409, 503))
def read_for_me(request: Request, service: ServiceDep, person: SignedIn) -> OwnWork:
    """Return the person's reviews that are due, the corrections that their agency is asked for, the
    blind views that are waiting, and their cases with news since they last opened them.
    """
    store = service.need_store()
    rules, unit = make_rules(service.settings), service.need_unit()
    work = read_own_work(store, person, unit, rules, store.clock())
    note_shown(request, list_shown(work))
    return work


@router.post("/for-me/digest", responses=describe_errors(400, 401, 403, 409, 413, 415, 422, 503))
def set_digest(asked: DigestIn, service: ServiceDep, person: SignedIn) -> DigestOut:
    """Turn the person's daily digest on or off: counts and a link, by message."""
    with service.need_store().writing() as writing:
        choose_digest(writing, person, wanted=asked.wanted)
        wanted = wants_digest(writing.connection, person.subject)
    return DigestOut(wanted=wanted, is_sent=service.settings.digest_webhook_url is not None)
