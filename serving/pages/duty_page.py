"""The duty role's page: urgent flags, and new cases that nobody has read yet."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.api.duty import NoteIn, acknowledge_flag, read_duty, read_first_reads
from serving.lists.sittings import current_sitting
from serving.pages.rendering import render
from serving.persons import Person, SignedIn
from serving.problems import ServiceError
from serving.screening.duty import DUTY_ROLES
from serving.service import service_of

router = APIRouter(include_in_schema=False)


@router.get("/urgent", response_class=HTMLResponse)
def show_urgent(
    request: Request, person: SignedIn, cursor: str | None = None, unread: str | None = None
) -> HTMLResponse:
    """Show the urgent flags that stand, flagged cases without a place, and first reads due."""
    return _show(request, person, cursor, unread)


def _show(
    request: Request,
    person: Person,
    cursor: str | None = None,
    unread: str | None = None,
    **more: Any,
) -> HTMLResponse:
    with service_of(request).need_store().reading() as connection:
        sitting = current_sitting(connection)
    return render(
        request,
        "urgent.html",
        queue=read_duty(request, person, cursor=cursor),
        reads=read_first_reads(request, person, overdue=None, cursor=unread, size=50),
        overflow=sitting.standing["overflow"] if sitting else None,
        may_acknowledge=person.role in DUTY_ROLES,
        **more,
    )


@router.post("/urgent/{raising_key}")
def acknowledge(
    request: Request,
    person: SignedIn,
    raising_key: str,
    note: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Record that the duty role has seen a flag, and show the queue."""
    try:
        acknowledge_flag(raising_key, NoteIn(note=note.strip() or None), request, person)
    except ServiceError as error:
        return _show(request, person, status=error.status, problem=error.body, note=note)
    return RedirectResponse("/urgent", status_code=303)
