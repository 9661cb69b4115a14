"""The duty role's page: urgent flags by case, and new cases that nobody has read yet."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import select
from starlette.datastructures import FormData

from features.contract.moments import format_moment
from serving.api.duty import read_first_reads
from serving.api.parameters import Key
from serving.errors import RequestProblem, ServiceError, invalid
from serving.flags.acknowledged_steps import CONTACTS, MOST_CHARACTERS, Steps, check_steps
from serving.flags.due_times import was_old
from serving.flags.duty import DUTY_ROLES, PROCEDURE, acknowledge
from serving.flags.duty_by_case import UrgentCase, UrgentFlag, read_old, read_urgent
from serving.flags.flags import word_flag
from serving.lists.sitting_counts import narrow_sitting
from serving.lists.sittings import current_sitting
from serving.pages.error_words import describe_problems
from serving.pages.list_words import ListWords, describe_span
from serving.pages.rendering import close_sentence, render
from serving.persons import Person, SignedIn
from serving.service import Service, ServiceDep
from serving.standing.record_fates import IN_FORCE
from serving.store.schema import flag_raisings
from serving.web.error_answers import STATUSES
from serving.web.gate import note_shown, sight_of

router = APIRouter(include_in_schema=False)
CONTACT_WORDS: Final = dict(
    zip(
        CONTACTS,
        (
            "Contacted",
            "Not safe to contact",
            "Asked not to be contacted",
            "Through the victim's advocate",
        ),
        strict=True,
    )
)
"""What may be said of contact with the victim; none of it is chosen beforehand."""
_MOST_CHOSEN: Final = 200
_MOST_CHARACTERS: Final = 5_000
_LATE_US: Final = 3_600_000_000
"""A record that came here longer than an hour after the unit knew of it is told as late."""


async def _read_form(request: Request) -> FormData:
    return await request.form()


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
    form: Annotated[FormData, Depends(_read_form)],
) -> Response:
    """Record that the duty role has seen some flags of a case, each for itself, and what was done
    then.
    """
    try:
        _acknowledge(service, person, key, form)
    except ServiceError as error:
        return _show(
            request,
            service,
            person,
            status=STATUSES[error.code],
            problem=error.body,
            wrong={one.anchor: one.words for one in describe_problems(error.body)},
            given=form,
            of_case=key,
        )
    return RedirectResponse("/urgent", status_code=303)


def _acknowledge(service: Service, person: Person, case_key: str, form: FormData) -> None:
    """Record that a person has seen flags of one case: all that were chosen, or none."""
    raisings = _read_raisings(form)
    if not raisings:
        raise invalid(
            [RequestProblem(where="raising", code="no_flag_chosen", remedy="choose flags")]
        )
    steps = Steps(*(_read_words(form, name) for name in ("handed_to", "next_step", "contact")))
    steps = dataclasses.replace(steps, contact_words=_read_words(form, "contact_words"))
    rows = flag_raisings.c
    owned = select(rows.raising_key, rows.raised_at_us, rows.due_at_us).where(
        rows.case_key == case_key, rows.due_at_us.is_not(None)
    )
    with service.need_store().writing() as writing:
        there = {row.raising_key: row for row in writing.connection.execute(owned)}
        if not set(raisings) <= there.keys():
            raise ServiceError(
                "no_such_flag", "the case has no such flag", "choose from those shown"
            )
        old = {was_old(there[key].raised_at_us, there[key].due_at_us) for key in raisings}
        for of_old_record in sorted(old):
            check_steps(steps, of_old_record=of_old_record)
        for raising in raisings:
            acknowledge(writing, raising, person, _read_words(form, "note"), steps)


def _read_raisings(form: FormData) -> list[str]:
    """Return the flags of the incidents that were chosen: a box holds all of one incident."""
    held = " ".join(str(value)[:_MOST_CHARACTERS] for value in form.getlist("raising"))
    return list(dict.fromkeys(held.split()))[:_MOST_CHOSEN]


def _read_words(form: FormData, name: str) -> str | None:
    said = str(form.get(name, "")).replace("\0", "").strip()
    return said[:MOST_CHARACTERS] or None


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
        old = read_old(connection, sight)
    note_shown(request, (one.key for one in (*page.items, *old)))
    return render(
        request,
        "urgent.html",
        cases=_describe_cases(service, page.items, now_us),
        old_cases=_describe_cases(service, old, now_us),
        contacts=CONTACT_WORDS,
        counts=page.counts,
        next_cursor=page.next_cursor,
        procedure=PROCEDURE,
        minutes=service.settings.acknowledge_minutes,
        reads=read_first_reads(request, service, person, overdue=None, cursor=unread, size=50),
        overflow=sitting.standing["overflow"] if sitting else None,
        may_acknowledge=person.role in DUTY_ROLES,
        **more,
    )


def _describe_cases(
    service: Service, cases: Sequence[UrgentCase], now_us: int
) -> list[dict[str, Any]]:
    bundle = service.champion.find()
    catalogue = bundle.catalogue if bundle else None
    zone = service.need_unit().time_zone
    words = ListWords(catalogue, zone)
    wording = {flag.name: flag for flag in catalogue.flags} if catalogue else {}

    def describe_incident(flags: tuple[UrgentFlag, ...]) -> dict[str, Any]:
        """Return one incident: when it happened, since when the unit knows, and what came of it."""
        first = flags[0]
        seen, record = first.acknowledgement, first.record
        due_at_us = min(one.due_at_us for one in flags)
        return {
            "raisings": " ".join(one.raising_key for one in flags),
            "wording": "; ".join(dict.fromkeys(word_flag(wording, one.flag) for one in flags)),
            "what": words.describe_kind(record) if record else None,
            "times": _describe_times(first, now_us, zone) if record else None,
            "fates": sorted({one.fate for one in flags} - {IN_FORCE}),
            "raised_at": format_moment(min(one.raised_at_us for one in flags), zone),
            "due_at": format_moment(due_at_us, zone),
            "late": describe_span(now_us - due_at_us)
            if seen is None and due_at_us <= now_us
            else None,
            "seen": seen,
            "note": close_sentence(seen.note) if seen and seen.note else None,
            "seen_at": None if seen is None else format_moment(seen.at_us, zone),
        }

    def describe(one: UrgentCase) -> dict[str, Any]:
        incidents = [describe_incident(flags) for flags in one.list_incidents()]
        return {
            "key": one.key,
            "case_id": one.case_id,
            "area": one.area,
            "incidents": incidents,
            "n_waiting": sum(incident["seen"] is None for incident in incidents),
            "is_late": any(incident["late"] for incident in incidents),
        }

    return [describe(one) for one in cases]


def _describe_times(flag: UrgentFlag, now_us: int, zone: str) -> dict[str, str | None]:
    """Return how long ago it happened, how long the unit has known, and how late it came here."""
    record = flag.record
    if record is None:
        return {}
    came_late_us = flag.raised_at_us - record.known_at_us
    return {
        "happened_at": format_moment(record.at_us, zone),
        "happened": describe_span(now_us - record.at_us),
        "known_at": format_moment(record.known_at_us, zone),
        "known": describe_span(now_us - record.known_at_us),
        "came_late": describe_span(came_late_us) if came_late_us > _LATE_US else None,
    }
