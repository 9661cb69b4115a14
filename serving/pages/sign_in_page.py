"""The pages on which people say who they are, or go to their organisation's account and back."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field

from serving.errors import ErrorBody, RequestProblem, ServiceError, invalid
from serving.identity.flow import FLOW_SECONDS
from serving.identity.sign_in_parts import Entrance
from serving.pages.error_words import describe_problems
from serving.pages.rendering import render
from serving.persons import AGENCIES, ROLES, Person
from serving.service import service_of
from serving.web.error_answers import STATUSES
from serving.web.sign_in import (
    begin_session,
    end_session,
    name_person,
    need_organisation,
    offer_areas,
    sign_in,
)

router = APIRouter(include_in_schema=False)
_Text = Annotated[str, Form(max_length=200)]
_Areas = Annotated[Sequence[Annotated[str, Field(max_length=200)]], Form(max_length=1_000)]
_STARTS: Final = {"data_scientist": "/models", "duty": "/urgent"}
EVERY_AREA: Final = ""
"""What the form sends where every area was chosen."""
_Told = Annotated[str, Query(max_length=4_000)]


@router.get("/sign-in", response_class=HTMLResponse)
def show_sign_in(request: Request) -> HTMLResponse:
    """Show the form, or the way to the organisation's account."""
    return _show(request)


@router.post("/sign-in")
def begin(
    request: Request, name: _Text = "", role: _Text = "", agency: _Text = "", areas: _Areas = ()
) -> Response:
    """Begin a session on this machine and go to the list, or say what is wrong."""
    try:
        entrance: Entrance = request.state.entrance
        named = None if entrance.organisation is not None else _read_areas(areas)
        person = name_person(name, role, agency, named)
        answer = RedirectResponse(_find_start(person), status_code=303)
        sign_in(request, answer, person)
    except ServiceError as error:
        given = {"name": name, "given_role": role, "given_agency": agency, "given_areas": areas}
        return _show(request, STATUSES[error.code], problem=error.body, **given)
    return answer


@router.get("/sign-in/begin")
def leave(request: Request) -> Response:
    """Send a person to their organisation's account."""
    organisation = need_organisation(request)
    entrance: Entrance = request.state.entrance
    before = entrance.sessions.open(entrance.session_cookie.read(request.headers))
    try:
        begun = (
            organisation.flow.begin()
            if before is None
            else organisation.flow.begin(before.number, before.begun_s)
        )
    except ServiceError as error:
        return _show(request, STATUSES[error.code], problem=error.body)
    answer = RedirectResponse(begun.location, status_code=303)
    organisation.flow_cookie.keep(answer, begun.value, FLOW_SECONDS)
    return answer


@router.get("/sign-in/back")
def come_back(
    request: Request, code: _Told = "", state: _Told = "", error: _Told = "", iss: _Told = ""
) -> Response:
    """Take a person back from their organisation's account, and begin their session.

    The answer is a page that goes on by itself and no redirect: a browser would not send the
    session's cookie to the end of a redirect that another site began.
    """
    organisation = need_organisation(request)
    entrance: Entrance = request.state.entrance
    value = organisation.flow_cookie.read(request.headers)
    try:
        came = organisation.flow.finish(value, state=state, code=code, error=error, issuer=iss)
    except ServiceError as refusal:
        return _refuse(request, refusal)
    if came.ends:
        entrance.sessions.end_number(came.ends, came.ends_begun_s)
    start = _find_start(came.person)
    answer = render(request, "signed_in.html", section="sign-in", start=start)
    organisation.flow_cookie.drop(answer)
    begin_session(entrance, answer, came.person)
    return answer


@router.post("/sign-out")
def end(request: Request) -> Response:
    """End the session, here and at the organisation's account.

    The way there is a page that goes on by itself: a form may lead to this service alone.
    """
    entrance: Entrance = request.state.entrance
    organisation = entrance.organisation
    end_session(request)
    way_out = None if organisation is None else organisation.flow.find_way_out()
    answer: Response = (
        RedirectResponse("/sign-in", status_code=303)
        if way_out is None
        else render(request, "signed_out.html", section="sign-out", way_out=way_out)
    )
    entrance.session_cookie.drop(answer)
    return answer


@router.get("/session-over", response_class=HTMLResponse)
def show_session_over(request: Request) -> HTMLResponse:
    """Show that a page was cleared, in place of what it showed.

    The session may hold still, where its person went on in another window.
    """
    return render(request, "session_over.html", section="session-over")


def _read_areas(chosen: Sequence[str]) -> list[str] | None:
    """Return the areas that were chosen; ``None`` for every area.

    Raises
    ------
    ServiceError
        If none was chosen, or every area and single ones (422).
    """
    named = [area for area in chosen if area != EVERY_AREA]
    if named and len(named) == len(chosen):
        return named
    if chosen and not named:
        return None
    code = "areas_and_every" if chosen else "no_areas"
    raise invalid([RequestProblem(where="areas", code=code, remedy="choose areas")])


def _find_start(person: Person) -> str:
    """Return the page on which a person begins: data scientists see no case, and so no list; who is
    on duty begins with the urgent flags.
    """
    return _STARTS.get(person.role, "/")


def _refuse(request: Request, refusal: ServiceError) -> HTMLResponse:
    if refusal.code == "no_access":
        return render(
            request,
            "no_access.html",
            status=STATUSES[refusal.code],
            section="sign-in",
            remedy=refusal.body.remedy,
        )
    return _show(request, STATUSES[refusal.code], problem=refusal.body)


def _show(
    request: Request, status: int = 200, problem: ErrorBody | None = None, **content: object
) -> HTMLResponse:
    entrance: Entrance = request.state.entrance
    return render(
        request,
        "sign_in.html",
        status=status,
        roles=ROLES,
        agencies=AGENCIES,
        areas=offer_areas(request),
        has_store=service_of(request).store is not None,
        wrong={one.anchor: one.words for one in describe_problems(problem)} if problem else {},
        problem=problem,
        by_organisation=entrance.organisation is not None,
        **content,
    )
