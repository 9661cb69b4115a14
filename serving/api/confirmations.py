"""What waits for a second person: ``GET /v1/confirmations``, and settling one by its key."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlalchemy import Connection

from serving.access.case_sight import Sight
from serving.access.overseers import name_overseers
from serving.api.parameters import Key, KeyCursor, Limit
from serving.api.second_person_acts import carry_out_with
from serving.confirmations.listing import Asker, find_objections, read_mine
from serving.confirmations.records import Confirmation, Effect, Outcome, read_confirmation
from serving.confirmations.settling import SettlementDraft, make_absent, settle
from serving.decisions.drafts import Words
from serving.intake.correction_confirmation import LOWERING_CORRECTIONS, list_corrections
from serving.intake.held_cases import HELD_CASES, read_held_of
from serving.persons import Person, SignedIn, describe_person
from serving.schemas import PersonOut, Strict
from serving.scoring.rescoring import score_cases
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.store.row_text import Clockface
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown, sight_of

router = APIRouter(prefix="/v1", tags=["second person"])
WAITS_STATUS: Final = 202
MOST_CASES: Final = 200
"""Cases that an answer names of one act: thousands may have come above a sender's daily number."""
_WRITES: Final = (400, 401, 403, 404, 409, 412, 413, 415, 422, 503)


@dataclass(frozen=True, kw_only=True)
class WaitingOut:
    """An act that was taken down and waits for a second person."""

    confirmation_key: str
    kind: str
    effect: Annotated[Effect, Field(description="Whether it took effect at once.")]
    due_at: str
    needed_agency: Annotated[
        str | None, Field(description="The second person's; another than yours where null.")
    ]


@dataclass(frozen=True, kw_only=True)
class ConfirmationOut(WaitingOut):
    """An act that you may confirm or refuse: what it is, who asked, when and why."""

    cases: Annotated[
        tuple[str, ...],
        Field(description=f"The cases that it concerns, at most {MOST_CASES} of them."),
    ]
    n_cases: Annotated[int, Field(description="How many of these you may see in all.")]
    content: dict[str, Any]
    person: PersonOut
    why: str
    asked_at: str
    overdue: bool


@dataclass(frozen=True, kw_only=True)
class ConfirmationsOut:
    """The acts that wait for you to confirm or refuse them, the oldest first."""

    confirmations: tuple[ConfirmationOut, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class SettledOut:
    """What came of an act that waited for a second person."""

    confirmation_key: str
    kind: str
    outcome: Outcome
    person: PersonOut
    why: str
    settled_at: str


class SettlementIn(Strict):
    """What you say of an act of another: confirm or refuse it; withdraw one of your own."""

    outcome: Literal["confirmed", "refused", "withdrawn"]
    why: Words


@router.get("/confirmations", responses=describe_errors(401, 422, 503))
def list_confirmations(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    limit: Limit = 50,
    cursor: KeyCursor = None,
) -> ConfirmationsOut:
    """Return the acts that wait for a second person and that you may settle, the oldest first."""
    store = service.need_store()
    asker = Asker(person, name_overseers(service.settings), store.clock())
    with store.reading() as connection:
        page = read_mine(connection, asker, size=limit, cursor=cursor)
        sight = sight_of(request, connection)
        cases = {one.key: _find_cases(connection, one, sight) for one in page.items}
    note_shown(request, (key for keys in cases.values() for key in keys[:MOST_CASES]))
    face = Clockface(service.need_unit().time_zone)
    return ConfirmationsOut(
        confirmations=tuple(
            _describe(one, cases[one.key], face, asker.now_us) for one in page.items
        ),
        next_cursor=page.next_cursor,
    )


@dataclass(frozen=True, kw_only=True)
class ConfirmedCorrectionOut:
    """One of the corrections that a confirmation is about."""

    key: Annotated[str, Field(description="The case.")]
    table: str
    record_id: Annotated[str, Field(description="The record that it would correct.")]
    correction_id: str
    both_count: Annotated[bool, Field(description="Whether both versions count until then.")]


@dataclass(frozen=True, kw_only=True)
class ConfirmedCorrectionsOut:
    """The corrections that a confirmation is about, in the order in which they came."""

    corrections: tuple[ConfirmedCorrectionOut, ...]
    next_cursor: str | None


@router.get(
    "/confirmations/{confirmation_key}/corrections", responses=describe_errors(401, 404, 422, 503)
)
def list_confirmed_corrections(
    confirmation_key: Key,
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    limit: Limit = 50,
    cursor: KeyCursor = None,
) -> ConfirmedCorrectionsOut:
    """Return the corrections that wait with a confirmation; each is looked at on its case."""
    store = service.need_store()
    asker = Asker(person, name_overseers(service.settings), store.clock())
    with store.reading() as connection:
        one = read_confirmation(connection, confirmation_key)
        if (
            one is None
            or one.kind != LOWERING_CORRECTIONS.name
            or find_objections(connection, asker, (one,))[one.key] == "unseen"
        ):
            raise make_absent()
        page = list_corrections(connection, one, size=limit, cursor=cursor)
    note_shown(request, (each.case_key for each in page.items))
    return ConfirmedCorrectionsOut(
        corrections=tuple(
            ConfirmedCorrectionOut(
                key=each.case_key,
                table=each.table,
                record_id=each.corrects,
                correction_id=each.record_id,
                both_count=each.both_count,
            )
            for each in page.items
        ),
        next_cursor=page.next_cursor,
    )


@router.post(
    "/confirmations/{confirmation_key}", status_code=201, responses=describe_errors(*_WRITES)
)
def settle_confirmation(
    confirmation_key: Key, given: SettlementIn, service: ServiceDep, person: SignedIn
) -> SettledOut:
    """Confirm or refuse another person's act, or withdraw your own; the first settlement holds."""
    draft = SettlementDraft(given.outcome, given.why)
    settled = settle_one(service, confirmation_key, person, draft)
    said = settled.settlement
    assert said is not None
    return SettledOut(
        confirmation_key=settled.key,
        kind=settled.kind,
        outcome=said.outcome,
        person=describe_person(said.person),
        why=said.why,
        settled_at=Clockface(service.need_unit().time_zone).show(said.at_us),
    )


def settle_one(service: Service, key: str, person: Person, draft: SettlementDraft) -> Confirmation:
    """Settle a confirmation, carry out what follows, and score again what it left behind."""
    overseers, acts = name_overseers(service.settings), carry_out_with(service)
    with service.need_store().writing() as writing:
        settled = settle(writing, key, person, draft, overseers=overseers, acts=acts)
    score_again(service, settled.stale)
    return settled.confirmation


def score_again(service: Service, case_keys: frozenset[str]) -> None:
    """Score some cases whose records changed by an act, where a model is in use."""
    bundle = service.champion.find()
    if bundle is not None and case_keys:
        store, unit = service.need_store(), service.need_unit()
        score_cases(store, bundle, sorted(case_keys), unit, "import", make_rules(service.settings))


def answer_waiting(service: Service, asked: Confirmation) -> JSONResponse:
    """Return the answer of a route whose act waits for a second person (202)."""
    face = Clockface(service.need_unit().time_zone)
    told = WaitingOut(**_name_waiting(asked, face))
    return JSONResponse(asdict(told), status_code=WAITS_STATUS)


def describe_waiting() -> Mapping[int | str, dict[str, Any]]:
    """Return how the answer of an act that waits is described, for the route's ``responses``."""
    return {WAITS_STATUS: {"model": WaitingOut, "description": "It waits for a second person."}}


def _name_waiting(one: Confirmation, face: Clockface) -> dict[str, Any]:
    return {
        "confirmation_key": one.key,
        "kind": one.kind,
        "effect": one.effect,
        "due_at": face.show(one.due_at_us),
        "needed_agency": one.needed_agency,
    }


def _find_cases(connection: Connection, one: Confirmation, sight: Sight) -> tuple[str, ...]:
    """Return the cases of an act; those held apart are in a table of their own, by the hour."""
    if one.kind == HELD_CASES.name:
        return read_held_of(connection, one.key, sight)
    return one.cases


def _describe(
    one: Confirmation, cases: tuple[str, ...], face: Clockface, now_us: int
) -> ConfirmationOut:
    return ConfirmationOut(
        **_name_waiting(one, face),
        cases=cases[:MOST_CASES],
        n_cases=len(cases),
        content=dict(one.content),
        person=describe_person(one.person),
        why=one.why,
        asked_at=face.show(one.at_us),
        overdue=one.is_overdue(now_us),
    )
