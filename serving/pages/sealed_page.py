"""Sealed cases: those that name the person who asks, and sealing one from a case's page."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.seals import open_seal, seal_case
from serving.api.parameters import Key
from serving.api.sealing import list_sealed, score_linked
from serving.errors import ServiceError
from serving.pages.case.page import show_problem
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.standing.standings import make_rules

router = APIRouter(include_in_schema=False)
_Words = Annotated[str, Form(max_length=2_000)]


@router.get("/sealed", response_class=HTMLResponse)
def show_sealed(request: Request, service: ServiceDep, person: SignedIn) -> HTMLResponse:
    """Show the sealed cases that name the person, and by what the sign-in knows them."""
    return render(request, "sealed.html", told=list_sealed(request, service, person))


@router.post("/cases/{key}/seal")
def seal(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    key: Key,
    people: _Words = "",
    why: _Words = "",
) -> Response:
    """Seal a case for the people written one a line, and for the person who seals it."""
    named = {one.strip() for one in people.splitlines() if one.strip()} | {person.subject}
    try:
        _need_reason(why)
        with service.need_store().writing() as writing:
            linked = seal_case(
                writing, key, person, named, why.strip(), make_rules(service.settings)
            )
    except ServiceError as error:
        return show_problem(request, key, error)
    score_linked(service, linked)
    return RedirectResponse(f"/cases/{key}", status_code=303)


@router.post("/cases/{key}/unseal")
def unseal(
    request: Request, service: ServiceDep, person: SignedIn, key: Key, why: _Words = ""
) -> Response:
    """Open a sealed case for everybody of its area."""
    try:
        _need_reason(why)
        with service.need_store().writing() as writing:
            linked = open_seal(writing, key, person, why.strip(), make_rules(service.settings))
    except ServiceError as error:
        return show_problem(request, key, error)
    score_linked(service, linked)
    return RedirectResponse(f"/cases/{key}", status_code=303)


def _need_reason(why: str) -> None:
    if not why.strip():
        raise ServiceError(
            "no_reason", "no reason was given", "say why, for those who may see the case"
        )
