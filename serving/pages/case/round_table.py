"""The views of every agency round the table: recorded in one form, asked for, confirmed."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.datastructures import FormData

from serving.api.parameters import Key
from serving.decisions.agency_views import confirm_view
from serving.decisions.view_rounds import RoundIn, end_round, open_round
from serving.errors import RequestProblem, ServiceError, invalid
from serving.lists.sittings import current_sitting
from serving.pages.case.page import read_form
from serving.pages.case.screen import Happened, show_screen
from serving.persons import AGENCIES, SignedIn
from serving.service import ServiceDep

router = APIRouter(include_in_schema=False)
_ABSENT: Final = ("", "absent")
_Form = Annotated[FormData, Depends(read_form)]
_KeyField = Annotated[str, Form(max_length=24)]


@router.post("/cases/{key}/round-table")
def record_views(
    request: Request, service: ServiceDep, person: SignedIn, key: Key, form: _Form
) -> Response:
    """Record who was round the table and what each agency thinks, in one form."""
    try:
        with service.need_store().writing() as writing:
            sitting = current_sitting(writing.connection)
            asked = _read_round(form, None if sitting is None else sitting.key)
            open_round(writing, key, person, asked)
    except ServiceError as error:
        return show_screen(request, key, Happened(problem=error, given=form))
    return _go_back(key, "views")


@router.post("/cases/{key}/ask-views")
def ask_views(
    request: Request, service: ServiceDep, person: SignedIn, key: Key, form: _Form
) -> Response:
    """Ask some agencies for their view; none is shown until all are in."""
    named = [str(one) for one in form.getlist("agency")]
    try:
        if not named:
            raise invalid(
                [RequestProblem(where="agencies", code="nobody_asked", remedy="choose one")]
            )
        with service.need_store().writing() as writing:
            sitting = current_sitting(writing.connection)
            content = {
                "agencies": [{"agency": name} for name in named if name in AGENCIES],
                "waits": True,
                "sitting_key": None if sitting is None else sitting.key,
            }
            open_round(writing, key, person, _validate(content))
    except ServiceError as error:
        return show_screen(request, key, Happened(problem=error, given=form))
    return _go_back(key, "asked")


@router.post("/cases/{key}/show-views")
def show_views(
    request: Request, service: ServiceDep, person: SignedIn, key: Key, round_key: _KeyField = ""
) -> Response:
    """Show the views that are in, before all are."""
    try:
        with service.need_store().writing() as writing:
            end_round(writing, key, round_key, person)
    except ServiceError as error:
        return show_screen(request, key, Happened(problem=error))
    return _go_back(key, "shown")


@router.post("/cases/{key}/views/confirm")
def confirm_recorded(
    request: Request, service: ServiceDep, person: SignedIn, key: Key, view_key: _KeyField = ""
) -> Response:
    """Confirm the view that another agency recorded for the person's."""
    try:
        with service.need_store().writing() as writing:
            confirm_view(writing, key, view_key, person)
    except ServiceError as error:
        return show_screen(request, key, Happened(problem=error))
    return _go_back(key, "confirmed")


def _read_round(form: FormData, sitting_key: str | None) -> RoundIn:
    """Return the form's round: an agency of whom nothing is said was not there."""
    agencies = []
    for name in AGENCIES:
        stance = str(form.get(f"stance|{name}", ""))
        who = str(form.get(f"who|{name}", "")).strip()
        if stance in _ABSENT and not who:
            continue
        direction = str(form.get(f"direction|{name}", "")) or None
        agencies.append(
            {
                "agency": name,
                "who": who,
                "stance": None if stance in _ABSENT else stance,
                "direction": direction if stance == "dissent" else None,
                "words": str(form.get(f"words|{name}", "")).strip() or None,
            }
        )
    problems = list(_find_missing(agencies))
    if problems:
        raise invalid(problems)
    return _validate(
        {"agencies": agencies, "blind": bool(form.get("blind")), "sitting_key": sitting_key}
    )


def _find_missing(agencies: list[dict[str, Any]]) -> list[RequestProblem]:
    found = [
        RequestProblem(where=one["agency"], code="no_dissent_why", remedy="say why it dissents")
        for one in agencies
        if one["stance"] == "dissent" and one["words"] is None
    ]
    if all(one["stance"] is None for one in agencies):
        found.append(
            RequestProblem(where="agencies", code="no_stance_at_all", remedy="choose one view")
        )
    return found


def _validate(content: dict[str, Any]) -> RoundIn:
    try:
        return RoundIn.model_validate(content)
    except ValidationError:
        remedy = "leave out characters that cannot be shown, and write less"
        raise ServiceError("bad_words", "what was written cannot be kept", remedy) from None


def _go_back(key: str, done: str) -> RedirectResponse:
    return RedirectResponse(f"/cases/{key}?done={done}#done", status_code=303)
