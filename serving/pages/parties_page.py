"""Professional standards' pages: accounts tied to cases, and access that nothing explains."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from serving.api.parameters import LineCursor
from serving.api.parties import PartyIn, describe_unexplained, list_parties, tie
from serving.errors import ServiceError
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.store.case_keys import make_unknown
from serving.store.opaque_keys import is_key
from serving.web.error_answers import STATUSES

router = APIRouter(include_in_schema=False)
_Words = Annotated[str, Form(max_length=2_000)]


@router.get("/parties", response_class=HTMLResponse)
def show_parties(
    request: Request, service: ServiceDep, person: SignedIn, cursor: LineCursor = None
) -> HTMLResponse:
    """Show the accounts that are tied to cases, and how to tie another."""
    told = list_parties(request, service, person, limit=50, cursor=cursor)
    return render(request, "parties.html", told=told, problem=None, kept={})


@router.post("/parties")
def tie_by_form(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    case: _Words = "",
    party: _Words = "",
    tied: _Words = "",
    why: _Words = "",
) -> Response:
    """Tie an account to a case or undo that, or say what is missing and keep what was written."""
    try:
        if tied not in ("yes", "no"):
            raise ServiceError("no_outcome", "neither was chosen", "tie the account, or undo it")
        if not is_key(case.strip()):
            raise make_unknown()
        tie(case.strip(), _read(party, tied, why), service, person)
    except ServiceError as error:
        told = list_parties(request, service, person, limit=50)
        kept = {"case": case, "party": party, "tied": tied, "why": why}
        return render(
            request,
            "parties.html",
            status=STATUSES[error.code],
            told=told,
            problem=error.body,
            kept=kept,
        )
    return RedirectResponse("/parties", status_code=303)


@router.get("/unexplained-access", response_class=HTMLResponse)
def show_unexplained(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    day: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """Show the repeated access of a day that nothing of a person's work explains."""
    try:
        told = describe_unexplained(request, service, person, day.strip() or None)
    except ServiceError as error:
        told = describe_unexplained(request, service, person)
        return render(
            request,
            "unexplained_access.html",
            status=STATUSES[error.code],
            told=told,
            asked=day,
            problem=error.body,
        )
    return render(request, "unexplained_access.html", told=told, asked=told.day, problem=None)


def _read(party: str, tied: str, why: str) -> PartyIn:
    try:
        given = {"party": party.replace("\0", "").strip(), "tied": tied == "yes", "why": why}
        return PartyIn.model_validate(given)
    except ValidationError:
        raise ServiceError(
            "no_reason", "the account or the reason is missing", "say which account it is, and why"
        ) from None
