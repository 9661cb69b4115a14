"""Writing a note, a contact or the victim's wishes on the page of a case."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.datastructures import FormData

from features.contract.moments import to_datetime
from serving.api.parameters import Key
from serving.decisions.case_notes import CONTACT, NOTE, WISH, CaseNoteIn, add_note
from serving.errors import RequestProblem, ServiceError, invalid
from serving.pages.case.screen import Happened, show_screen
from serving.pages.typed_date import UnreadableDateError, read_typed_date
from serving.persons import SignedIn
from serving.service import ServiceDep

router = APIRouter(include_in_schema=False)
_KINDS: Final = (NOTE, CONTACT, WISH)
_FIELDS: Final = ("contact_with", "contact_way", "wish", "corrects")


async def _read_form(request: Request) -> FormData:
    return await request.form()


@router.post("/cases/{key}/notes")
def write_note(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    key: Key,
    form: Annotated[FormData, Depends(_read_form)],
) -> Response:
    """Write an entry, or show the case with what is wrong and what was written."""
    unit = service.need_unit()
    try:
        note = read_note_form(form)
        with service.need_store().writing() as writing:
            today = to_datetime(writing.now_us, unit.time_zone).date()
            add_note(writing, key, person, note, today)
    except ServiceError as error:
        return show_screen(request, key, Happened(problem=error, given=form))
    return RedirectResponse(f"/cases/{key}?done=note#notes", status_code=303)


def read_note_form(form: FormData) -> CaseNoteIn:
    """Return the entry that a form holds.

    Raises
    ------
    ServiceError
        If its words are missing, or something of it cannot be used; what else an entry of its kind
        needs is checked where it is written.
    """
    kind = str(form.get("kind", ""))
    if kind not in _KINDS:
        raise invalid([RequestProblem(where="kind", code="no_kind", remedy="choose one")])
    content: dict[str, Any] = {name: _read(form, name) for name in _FIELDS}
    content |= {"kind": kind, "words": _read(form, "words"), "handling": _read(form, "handling")}
    problems = []
    if content["words"] is None:
        problems.append(RequestProblem(where="words", code=f"no_{kind}_entry", remedy="fill it in"))
    if kind == CONTACT:
        content["reached"] = {"yes": True, "no": False}.get(str(form.get("reached", "")))
        try:
            content["contact_on"] = read_typed_date(form, "contact_on")
        except UnreadableDateError:
            remedy = "enter a real date"
            problems.append(
                RequestProblem(where="contact_on", code="bad_contact_on", remedy=remedy)
            )
    if problems:
        raise invalid(problems)
    try:
        return CaseNoteIn.model_validate(
            {k: said for k, said in content.items() if said is not None}
        )
    except ValidationError as error:
        places = sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]})
        remedy = "leave out characters that cannot be shown"
        raise invalid(
            [RequestProblem(where=one, code="unusable", remedy=remedy) for one in places]
        ) from None


def _read(form: FormData, name: str) -> str | None:
    return str(form.get(name, "")).strip() or None
