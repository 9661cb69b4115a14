"""Oversight: who looked at what, what is unusual, decisions against scores, and the chain."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from features.moments import parse_date
from serving.api.audit import CheckOut, UnusualOut, check_audit, tell_unusual
from serving.api.findings import tell_findings
from serving.audit.lines import CHANGES, LOOKS, Book
from serving.audit.reading import AuditLine, Wanted
from serving.decisions.telling import Clockface
from serving.oversight.looks import LINES_PER_PAGE, Day, Found, Known, find_lines, find_people
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.screening.key_shape import is_key
from serving.service import Service, service_of
from serving.store.database import Store

router = APIRouter(include_in_schema=False)
PERIODS: Final = (7, 28, 90)
"""Days that the search for unusual looking can go back."""
_MOST_NUMBER: Final = 2**63 - 1
_Text = Annotated[str, Query(max_length=500)]
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MANY_CASES: Final = 3
ROUTE_WORDS: Final = {
    "GET /": "opened this week's list",
    "GET /cases": "looked through all cases",
    "GET /cases/{key}": "opened the case",
    "GET /urgent": "opened the urgent flags",
    "GET /caseload": "opened the caseload",
    "GET /sealed": "opened their sealed cases",
    "GET /oversight": "looked at this oversight",
    "GET /v1/list": "read the list by program",
    "GET /v1/list.csv": "downloaded the list",
    "GET /v1/imports/{import_key}/rejects.csv": "downloaded rejected rows",
    "GET /v1/cases/{key}": "read the case by program",
    "GET /v1/cases/{key}/looks": "asked who looked at the case",
    "GET /v1/audit/lines": "read these lines by program",
    "POST /cases/{key}/decide": "decided on the case",
    "POST /v1/cases/{key}/decisions": "decided on the case by program",
    "POST /cases/{key}/views": "gave their agency's view",
    "POST /cases/{key}/first-view": "gave a first view",
    "POST /cases/{key}/first-read": "said that they had read the case",
    "POST /cases/{key}/corrections": "asked for a correction",
    "POST /cases/{key}/seal": "sealed the case",
    "POST /cases/{key}/unseal": "opened the sealed case for all",
    "POST /sittings": "opened a sitting",
    "POST /urgent/{raising_key}": "said that they had seen an urgent flag",
    "POST /models/ordering": "switched the order",
}
"""What somebody did, by the route that they did it by; another route is named as it is."""


@dataclass(frozen=True)
class Asked:
    """What the form asks for, as it was written."""

    book: Book
    person: str
    case: str
    day: str
    days: int


@dataclass(frozen=True)
class Problem:
    """What is to be mended, and the field that it is about."""

    anchor: str
    words: str


@dataclass(frozen=True)
class Answer:
    """Lines that were asked for; ``people`` are those who share the name that was asked for."""

    found: Found | None = None
    people: tuple[Known, ...] = ()
    problems: tuple[Problem, ...] = ()


@router.get("/oversight", response_class=HTMLResponse)
def show_oversight(
    request: Request,
    person: SignedIn,
    book: Annotated[str, Query(max_length=10)] = LOOKS,
    who: _Text = "",
    case: _Text = "",
    day: _Text = "",
    days: Annotated[str, Query(max_length=4)] = "28",
    cursor: Annotated[int | None, Query(ge=1, le=_MOST_NUMBER)] = None,
) -> HTMLResponse:
    """Show lines of the audit books, what is unusual in them, and whether they are whole."""
    service = service_of(request)
    period = int(days) if days in {str(one) for one in PERIODS} else PERIODS[1]
    named: Book = CHANGES if book == CHANGES else LOOKS
    asked = Asked(named, who.strip(), case.strip(), day.strip(), period)
    answer = _answer(service, asked, cursor)
    face = Clockface(service.need_unit().time_zone)
    return render(
        request,
        "oversight.html",
        status=422 if answer.problems else 200,
        asked=asked,
        is_filtered=bool(asked.person or asked.case or asked.day),
        is_first=cursor is None,
        answer=answer,
        lines=[_tell(one, face) for one in answer.found.lines] if answer.found else [],
        unusual=(unusual := tell_unusual(request, person, days=period)),
        stands_out=_gather(unusual),
        check=(check := check_audit(request, person)),
        n_checked=_count(check),
        findings=tell_findings(request, person),
        periods=PERIODS,
    )


def _count(check: CheckOut) -> int:
    return sum(one.n_lines for one in check.books)


def _answer(service: Service, asked: Asked, cursor: int | None) -> Answer:
    store = service.need_store()
    problems = []
    if asked.case and not is_key(asked.case):
        problems.append(
            Problem("case", "Write the case's key: 24 letters, as in the address of its page")
        )
    day = _read_day(asked.day, service.need_unit().time_zone)
    if asked.day and day is None:
        problems.append(Problem("day", "Write the day such as 2026-11-02"))
    if problems:
        return Answer(problems=tuple(problems))
    people = find_people(store, asked.book, asked.person) if asked.person else ()
    if asked.person and len(people) != 1:
        return Answer(Found((), None), people)
    return Answer(_find(store, asked, people, day, cursor), people)


def _find(
    store: Store, asked: Asked, people: tuple[Known, ...], day: Day | None, cursor: int | None
) -> Found:
    wanted = Wanted(
        asked.book,
        case_key=asked.case or None,
        subject=people[0].subject if people else None,
        before=cursor,
        size=LINES_PER_PAGE,
    )
    return find_lines(store, wanted, day)


def _read_day(text: str, time_zone: str) -> Day | None:
    """Return a day of the unit's clock; ``None`` where the text is none."""
    if not _DAY.fullmatch(text):
        return None
    try:
        after = dt.date.fromisoformat(text) + dt.timedelta(days=1)
        return Day(parse_date(text, time_zone), parse_date(after.isoformat(), time_zone))
    except (ValueError, OverflowError):
        return None


def _tell(line: AuditLine, face: Clockface) -> dict[str, Any]:
    keys = [key for key in (line.case_key, *line.cases) if key]
    return {
        "number": line.number,
        "at": face.show(line.at_us),
        "name": line.person,
        "subject": line.subject,
        "role": line.role,
        "agency": line.agency,
        "did": ROUTE_WORDS.get(line.route, line.route),
        "done": line.done,
        "operation": line.operation,
        "purpose": line.purpose,
        "recipient": line.recipient,
        "keys": keys[:_MANY_CASES],
        "n_more": max(len(keys) - _MANY_CASES, 0),
    }


def _gather(found: UnusualOut) -> list[dict[str, Any]]:
    """Return what stands out, each with a sentence, whom it is about and which cases."""
    limits = found.limits
    told: list[dict[str, Any]] = [
        {
            "who": one,
            "words": f"opened {one.n_cases:,} cases; half of the {one.n_others} others of that "
            f"role opened {one.median_of_others:g} or fewer",
            "keys": [],
        }
        for one in found.busy
    ]
    by_rule = (
        (found.own_name, "opened a case in which an answer or a detail is their own name"),
        (found.refused, "asked for what was not theirs to see, and was refused"),
        (found.sealed, "opened cases that are sealed now"),
        (found.closed, "opened cases after these were closed"),
        (
            found.out_of_hours,
            f"opened cases outside {limits.first_hour}:00 to {limits.last_hour}:00 on working days",
        ),
    )
    for lookers, words in by_rule:
        told += [
            {
                "who": one,
                "words": f"{words}: {one.n_looks:,} time{'' if one.n_looks == 1 else 's'}",
                "keys": one.case_keys[:_MANY_CASES],
                "n_more": max(len(one.case_keys) - _MANY_CASES, 0),
                "first": one.first_at,
                "last": one.last_at,
            }
            for one in lookers
        ]
    told += [
        {
            "who": None,
            "words": f"{one.n_persons} people opened one case; half of the other cases were opened "
            f"by {one.median_of_others:g} or fewer",
            "keys": [one.case_key],
        }
        for one in found.crowded
    ]
    return told
