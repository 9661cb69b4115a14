"""What waits for a second person: confirm or refuse it, with a reason."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.api.confirmations import (
    ConfirmationOut,
    SettlementIn,
    list_confirmations,
    settle_confirmation,
)
from serving.api.parameters import Key, KeyCursor
from serving.errors import ServiceError
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.web.error_answers import STATUSES

router = APIRouter(include_in_schema=False)
_Words = Annotated[str, Form(max_length=2_000)]


@router.get("/confirmations", response_class=HTMLResponse)
def show_confirmations(
    request: Request, service: ServiceDep, person: SignedIn, cursor: KeyCursor = None
) -> HTMLResponse:
    """Show the acts of others that the person may confirm or refuse, the oldest first."""
    told = list_confirmations(request, service, person, limit=20, cursor=cursor)
    return _show(request, told.confirmations, next_cursor=told.next_cursor)


@router.post("/confirmations/{confirmation_key}")
def settle(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    confirmation_key: Key,
    outcome: _Words = "",
    why: _Words = "",
) -> Response:
    """Confirm or refuse an act, or say what is missing and keep what was written."""
    try:
        if outcome not in ("confirmed", "refused"):
            raise ServiceError("no_outcome", "neither was chosen", "confirm or refuse it")
        if not why.strip():
            raise ServiceError("no_reason", "no reason was given", "say why, for who asked")
        given = SettlementIn.model_validate({"outcome": outcome, "why": why.replace("\0", "")})
        settle_confirmation(confirmation_key, given, service, person)
    except ServiceError as error:
        if error.body.code == "no_such_confirmation":
            raise
        told = list_confirmations(request, service, person, limit=20)
        kept = {"key": confirmation_key, "outcome": outcome, "why": why}
        return _show(request, told.confirmations, problem=error, kept=kept)
    return RedirectResponse("/confirmations", status_code=303)


def _show(
    request: Request,
    found: tuple[ConfirmationOut, ...],
    *,
    next_cursor: str | None = None,
    problem: ServiceError | None = None,
    kept: dict[str, str] | None = None,
) -> HTMLResponse:
    return render(
        request,
        "confirmations.html",
        status=200 if problem is None else STATUSES[problem.code],
        acts=[{"told": one, "rows": describe_content(one.content)} for one in found],
        next_cursor=next_cursor,
        problem=None if problem is None else problem.body,
        kept=kept or {},
    )


def describe_content(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what an act is in rows of a name and words; what says nothing is left out."""
    return [
        (name.replace("_", " ").capitalize(), _word(value))
        for name, value in content.items()
        if value not in (None, "", [], {})
    ]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_word, value))
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')}: {_word(one)}" for name, one in value.items())
    return str(value)
