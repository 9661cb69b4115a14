"""The duty role's page: urgent flags by case, and new cases that nobody has read yet."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import select

from features.contract.moments import format_moment
from serving.api.duty import read_first_reads
from serving.api.parameters import Key
from serving.errors import ServiceError
from serving.flags.duty import DUTY_ROLES, PROCEDURE, acknowledge
from serving.flags.duty_by_case import UrgentCase, UrgentFlag, UrgentPage, read_urgent
from serving.flags.flags import word_flag
from serving.lists.sitting_counts import narrow_sitting
from serving.lists.sittings import current_sitting
from serving.pages.list_words import ListWords, close_sentence, describe_span
from serving.pages.rendering import render
from serving.persons import Person, SignedIn
from serving.service import Service, ServiceDep
from serving.store.schema import flag_raisings
from serving.web.error_answers import STATUSES
from serving.web.gate import note_shown, sight_of

router = APIRouter(include_in_schema=False)
_MOST_CHOSEN: Final = 200


@router.get("/urgent", response_class=HTMLResponse)
def show_urgent(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    cursor: str | None = None,
    unread: str | None = None,
) -> HTMLResponse:
    """Show the cases with urgent flags that stand, those without a place, and first reads due."""
    return _show(request, service, person, cursor, unread)


@router.post("/urgent/{key}")
def acknowledge_some(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    key: Key,
    raising: Annotated[Sequence[str], Form(max_length=_MOST_CHOSEN)] = (),
    note: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Record that the duty role has seen some flags of a case, each for itself, with one note."""
    said = note.strip()
    try:
        _acknowledge(service, person, key, raising, said or None)
    except ServiceError as error:
        return _show(
            request,
            service,
            person,
            status=STATUSES[error.code],
            problem=error.body,
            note=said,
            of_case=key,
        )
    return RedirectResponse("/urgent", status_code=303)


def _acknowledge(
    service: Service, person: Person, case_key: str, raisings: Sequence[str], note: str | None
) -> None:
    """Record that a person has seen flags of one case: all that were chosen, or none."""
    if not raisings:
        raise ServiceError("no_flag", "no flag was chosen", "tick the flags that you have seen")
    owned = select(flag_raisings.c.raising_key).where(flag_raisings.c.case_key == case_key)
    with service.need_store().writing() as writing:
        if not set(raisings) <= set(writing.connection.execute(owned).scalars()):
            raise ServiceError(
                "no_such_flag", "the case has no such flag", "choose from those shown"
            )
        for raising in dict.fromkeys(raisings):
            acknowledge(writing, raising, person, note)


def _show(
    request: Request,
    service: Service,
    person: Person,
    cursor: str | None = None,
    unread: str | None = None,
    **more: Any,
) -> HTMLResponse:
    store = service.need_store()
    now_us = store.clock()
    with store.reading() as connection:
        sight = sight_of(request, connection)
        sitting = current_sitting(connection)
        if sitting is not None:
            sitting = narrow_sitting(connection, sitting, sight, service.need_unit())
        page = read_urgent(connection, now_us, sight, cursor)
    note_shown(request, (one.key for one in page.items))
    return render(
        request,
        "urgent.html",
        cases=_describe_cases(service, page, now_us),
        counts=page.counts,
        next_cursor=page.next_cursor,
        procedure=PROCEDURE,
        minutes=service.settings.acknowledge_minutes,
        reads=read_first_reads(request, service, person, overdue=None, cursor=unread, size=50),
        overflow=sitting.standing["overflow"] if sitting else None,
        may_acknowledge=person.role in DUTY_ROLES,
        **more,
    )


def _describe_cases(service: Service, page: UrgentPage, now_us: int) -> list[dict[str, Any]]:
    bundle = service.champion.find()
    catalogue = bundle.catalogue if bundle else None
    zone = service.need_unit().time_zone
    words = ListWords(catalogue, zone)
    wording = {flag.name: flag for flag in catalogue.flags} if catalogue else {}

    def describe_flag(one: UrgentFlag) -> dict[str, Any]:
        seen = one.acknowledgement
        return {
            "key": one.raising_key,
            "wording": word_flag(wording, one.flag),
            "record": words.describe_record(one.record, raised_at_us=one.raised_at_us)
            if one.record
            else None,
            "fate": one.fate,
            "raised_at": format_moment(one.raised_at_us, zone),
            "due_at": format_moment(one.due_at_us, zone),
            "late": describe_span(now_us - one.due_at_us)
            if seen is None and one.due_at_us <= now_us
            else None,
            "seen": seen,
            "note": close_sentence(seen.note) if seen and seen.note else None,
            "seen_at": None if seen is None else format_moment(seen.at_us, zone),
        }

    def describe(one: UrgentCase) -> dict[str, Any]:
        flags = [describe_flag(flag) for flag in one.flags]
        return {
            "key": one.key,
            "case_id": one.case_id,
            "area": one.area,
            "flags": flags,
            "n_waiting": len(one.waiting),
            "is_late": any(flag["late"] for flag in flags),
        }

    return [describe(one) for one in page.items]
