"""Sealed cases: those that name the person, sealing one, their urgent flags, and all seals."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from serving.access.overseers import name_overseers
from serving.api.confirmations import score_again
from serving.api.parameters import Key, KeyCursor
from serving.api.sealing import (
    OpenIn,
    SealIn,
    change_seal,
    list_sealed,
    list_sealed_flags,
    open_for_flag,
    review_seals,
    seal_now,
)
from serving.confirmations.settling import is_overseer
from serving.decisions.drafts import NO_NUL
from serving.errors import RequestProblem, ServiceError, invalid
from serving.pages.case.page import show_problem
from serving.pages.rendering import render
from serving.persons import Person, SignedIn
from serving.sealing.seals import MOST_PEOPLE, open_seal
from serving.service import ServiceDep
from serving.standing.standings import make_rules
from serving.web.error_answers import STATUSES

router = APIRouter(include_in_schema=False)
_Words = Annotated[str, Form(max_length=2_000)]
_Sealer = Annotated[str, Query(max_length=500, pattern=NO_NUL)]


@router.get("/sealed", response_class=HTMLResponse)
def show_sealed(request: Request, service: ServiceDep, person: SignedIn) -> HTMLResponse:
    """Show the sealed cases that name the person, and by what the sign-in knows them."""
    overseers = name_overseers(service.settings)
    return render(
        request,
        "sealed.html",
        told=list_sealed(request, service, person),
        oversees=is_overseer(person, overseers),
        supervises=person.subject in overseers.duty_supervisors | overseers.professional_standards,
    )


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
    try:
        seal_now(service, key, person, _read_seal(people, why, person))
    except ServiceError as error:
        return show_problem(request, key, error)
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
    score_again(service, linked)
    return RedirectResponse(f"/cases/{key}", status_code=303)


@router.get("/sealed-flags", response_class=HTMLResponse)
def show_sealed_flags(request: Request, service: ServiceDep, person: SignedIn) -> HTMLResponse:
    """Show a duty supervisor the urgent flags of sealed cases, without the cases."""
    told = list_sealed_flags(service, person)
    return render(request, "sealed_flags.html", told=told, problem=None)


@router.post("/sealed-flags/{flag_key}")
def open_sealed(
    request: Request, service: ServiceDep, person: SignedIn, flag_key: Key, why: _Words = ""
) -> Response:
    """Open a sealed case for one of its urgent flags, and show it."""
    try:
        _need_reason(why)
        opened = open_for_flag(flag_key, OpenIn(why=why.replace("\0", "")), service, person)
    except ServiceError as error:
        told = list_sealed_flags(service, person)
        status = STATUSES[error.code]
        return render(request, "sealed_flags.html", status=status, told=told, problem=error.body)
    return RedirectResponse(f"/cases/{opened.key}", status_code=303)


@router.get("/seals", response_class=HTMLResponse)
def show_seals(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    sealer: _Sealer = "",
    cursor: KeyCursor = None,
) -> HTMLResponse:
    """Show every seal to those who oversee them: by whom, whom it names, and what is overdue."""
    told = review_seals(request, service, person, sealer or None, limit=50, cursor=cursor)
    return render(request, "seals.html", told=told, sealer=sealer, problem=None)


@router.post("/seals/{confirmation_key}")
def change(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    confirmation_key: Key,
    people: _Words = "",
    why: _Words = "",
) -> Response:
    """Name others for a seal that nobody confirmed in time."""
    try:
        change_seal(confirmation_key, _read_seal(people, why, None), service, person)
    except ServiceError as error:
        told = review_seals(request, service, person, None, limit=50)
        status = STATUSES[error.code]
        return render(
            request, "seals.html", status=status, told=told, sealer="", problem=error.body
        )
    return RedirectResponse("/seals", status_code=303)


def _read_seal(people: str, why: str, person: Person | None) -> SealIn:
    """Return a seal as it was written: people one a line, with the person who seals the case."""
    _need_reason(why)
    named = {one.strip() for one in people.splitlines() if one.strip()}
    named |= set() if person is None else {person.subject}
    try:
        return SealIn(people=sorted(named), why=why)
    except ValidationError:
        remedy = f"name one person a line, {MOST_PEOPLE} at most, by what the sign-in knows them"
        raise invalid(
            [RequestProblem(where="people", code="too_few_people", remedy=remedy)]
        ) from None


def _need_reason(why: str) -> None:
    if not why.replace("\0", "").strip():
        raise ServiceError(
            "no_reason", "no reason was given", "say why, for those who may see the case"
        )
