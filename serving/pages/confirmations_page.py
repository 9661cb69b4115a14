"""What waits for a second person: confirm or refuse it, with a reason."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.overseers import name_overseers
from serving.access.parties import is_of_standards
from serving.access.roles import DECIDERS
from serving.api.confirmations import (
    ConfirmationOut,
    SettlementIn,
    list_confirmations,
    settle_confirmation,
)
from serving.api.decisions import give_answer
from serving.api.parameters import Key, KeyCursor
from serving.decisions.corrections import AnswerIn, read_open_corrections
from serving.decisions.outputs import CorrectionOut
from serving.errors import ServiceError
from serving.pages.confirmation_words import describe_act, name_act
from serving.pages.rendering import render
from serving.persons import Person, SignedIn
from serving.service import Service, ServiceDep
from serving.web.error_answers import STATUSES
from serving.web.gate import note_shown, sight_of

router = APIRouter(include_in_schema=False)
MOST_CASES: Final = 20
"""Cases that one act names on the page; how many there are further is said."""
_MOST_REQUESTS: Final = 50
_Words = Annotated[str, Form(max_length=2_000)]


@router.get("/confirmations", response_class=HTMLResponse)
def show_confirmations(
    request: Request, service: ServiceDep, person: SignedIn, cursor: KeyCursor = None
) -> HTMLResponse:
    """Show the acts of others that the person may confirm or refuse, the oldest first."""
    told = list_confirmations(request, service, person, limit=20, cursor=cursor)
    doubted = _read_doubted(request, service, person)
    return _show(
        request,
        told.confirmations,
        doubted,
        next_cursor=told.next_cursor,
        is_standards=is_of_standards(person, name_overseers(service.settings)),
    )


@router.post("/corrections/{request_key}")
def answer_request(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    request_key: Key,
    answer: _Words = "",
    note: _Words = "",
) -> Response:
    """Answer a request to correct a record of one's agency, or say what is missing."""
    try:
        if answer not in ("accepted", "refused"):
            raise ServiceError("no_outcome", "neither was chosen", "accept or refuse it")
        words = note.replace("\0", "").strip() or None
        given = AnswerIn.model_validate({"answer": answer, "note": words})
        give_answer(request_key, given, service, person)
    except ServiceError as error:
        if error.body.code == "no_such_request":
            raise
        told = list_confirmations(request, service, person, limit=20)
        doubted = _read_doubted(request, service, person)
        return _show(request, told.confirmations, doubted, problem=error)
    return RedirectResponse("/confirmations", status_code=303)


def _read_doubted(request: Request, service: Service, person: Person) -> tuple[CorrectionOut, ...]:
    """Return the requests that the person's agency is to answer, the oldest first."""
    if person.role not in DECIDERS:
        return ()
    store = service.need_store()
    with store.reading() as connection:
        found = read_open_corrections(
            connection,
            service.need_unit(),
            store.clock(),
            size=_MOST_REQUESTS,
            agency=person.agency,
            sight=sight_of(request, connection),
        )
    note_shown(request, (one.key for one in found.corrections))
    return found.corrections


@router.post("/confirmations/{confirmation_key}")
def settle(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    confirmation_key: Key,
    outcome: _Words = "",
    why: _Words = "",
) -> Response:
    """Confirm or refuse an act, or withdraw one's own; say what is missing and keep the rest."""
    try:
        if outcome not in ("confirmed", "refused", "withdrawn"):
            raise ServiceError("no_outcome", "neither was chosen", "confirm or refuse it")
        if not why.strip():
            raise ServiceError("no_reason", "no reason was given", "say why, for who asked")
        given = SettlementIn.model_validate({"outcome": outcome, "why": why.replace("\0", "")})
        settle_confirmation(confirmation_key, given, service, person)
    except ServiceError as error:
        if error.body.code == "no_such_confirmation":
            raise
        told = list_confirmations(request, service, person, limit=20)
        doubted = _read_doubted(request, service, person)
        kept = {"key": confirmation_key, "outcome": outcome, "why": why}
        return _show(request, told.confirmations, doubted, problem=error, kept=kept)
    return RedirectResponse("/confirmations", status_code=303)


def _show(
    request: Request,
    found: tuple[ConfirmationOut, ...],
    doubted: tuple[CorrectionOut, ...],
    *,
    next_cursor: str | None = None,
    is_standards: bool = False,
    problem: ServiceError | None = None,
    kept: dict[str, str] | None = None,
) -> HTMLResponse:
    return render(
        request,
        "confirmations.html",
        status=200 if problem is None else STATUSES[problem.code],
        acts=[
            {
                "told": one,
                "name": name_act(one.kind),
                "rows": describe_act(one.kind, one.content),
                "n_more": one.n_cases - len(one.cases[:MOST_CASES]),
            }
            for one in found
        ],
        most_cases=MOST_CASES,
        doubted=doubted,
        next_cursor=next_cursor,
        is_standards=is_standards,
        problem=None if problem is None else problem.body,
        kept=kept or {},
    )
