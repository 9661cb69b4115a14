"""The page on which a person says who they are."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.pages.rendering import render
from serving.persons import AGENCIES, ROLES
from serving.problems import ServiceError
from serving.sign_in import name_person, sign_in, sign_out

router = APIRouter(include_in_schema=False)
_Text = Annotated[str, Form(max_length=200)]


@router.get("/sign-in", response_class=HTMLResponse)
def show_sign_in(request: Request) -> HTMLResponse:
    """Show the form."""
    return _show(request)


@router.post("/sign-in")
def begin(request: Request, name: _Text = "", role: _Text = "", agency: _Text = "") -> Response:
    """Begin a session and go to the list, or say what is wrong."""
    try:
        person = name_person(name, role, agency)
        answer = RedirectResponse("/", status_code=303)
        sign_in(request, answer, person)
    except ServiceError as error:
        given = {"name": name, "given_role": role, "given_agency": agency}
        return _show(request, error.status, problem=error.body, **given)
    return answer


@router.post("/sign-out")
def end(request: Request) -> Response:
    """End the session."""
    answer = RedirectResponse("/sign-in", status_code=303)
    sign_out(request, answer)
    return answer


def _show(request: Request, status: int = 200, **content: object) -> HTMLResponse:
    return render(request, "sign_in.html", status=status, roles=ROLES, agencies=AGENCIES, **content)
