"""What waits for a second person: confirm or refuse it, with a reason."""

from typing import Annotated, Final

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
from serving.pages.confirmation_words import describe_act, name_act
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.web.error_answers import STATUSES

router = APIRouter(include_in_schema=False)
MOST_CASES: Final = 20
"""Cases that one act names on the page; how many there are further is said."""
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
        next_cursor=next_cursor,
        problem=None if problem is None else problem.body,
        kept=kept or {},
    )
