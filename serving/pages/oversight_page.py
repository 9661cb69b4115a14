"""Oversight: who looked at what, what is unusual, decisions against scores, and the chain."""

import datetime as dt
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from features.contract.moments import parse_date
from models.charts.marks import Figures
from serving.access.case_sight import find_sight
from serving.api.audit import NOTE as UNUSUAL_NOTE
from serving.api.audit import CheckOut, check_audit
from serving.api.findings import NOTE as FINDINGS_NOTE
from serving.intake.held_cases import count_held
from serving.oversight.access_lines import (
    LINES_PER_PAGE,
    Day,
    Known,
    find_lines,
    find_people,
)
from serving.oversight.access_log import AuditLine, EntryFilter, LinesPage, read_lines
from serving.oversight.kept_answers import Kept, keeper_of
from serving.oversight.line_sight import find_line_sight
from serving.oversight.unusual_rows import MANY_CASES, UnusualRow, read_standing
from serving.pages.rendering import render
from serving.persons import Person, SignedIn
from serving.results.agreement import (
    BELOW,
    FIRST,
    LAST,
    MIDDLE,
    NO_LIST,
    NO_RANK,
    Agreement,
    TeamAgreement,
)
from serving.results.all_results import Findings, read_findings
from serving.service import Service, ServiceDep
from serving.store.audit_lines import CHANGES, LOOKS, Book
from serving.store.opaque_keys import is_key
from serving.store.row_text import Clockface

router = APIRouter(include_in_schema=False)
PERIODS: Final = (7, 28, 90)
"""Days that the search for unusual access can go back."""
_MOST_NUMBER: Final = 2**63 - 1
_Text = Annotated[str, Query(max_length=500)]
_Field = Annotated[str, Form(max_length=500)]
_Number = Annotated[int | None, Query(ge=1, lt=_MOST_NUMBER)]
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
ROUTE_WORDS: Final = {
    "GET /": "opened this week's list",
    "GET /pack": "printed or opened the list as a pack",
    "GET /cases": "looked through all cases",
    "POST /cases/search": "looked for cases",
    "POST /cases/find": "looked for a case by its number",
    "POST /v1/case-searches": "looked for cases by program",
    "POST /cases/{key}/answers": "answered a question, or confirmed what a record answers",
    "POST /cases/{key}/notes": "wrote a note, a contact or a wish",
    "GET /for-me": "opened what waits for them",
    "POST /for-me": "turned their daily digest on or off",
    "GET /cases/{key}": "opened the case",
    "GET /cases/{key}/narratives/{narrative_key}": "read a narrative whole",
    "POST /corrections/{request_key}": "answered a request to correct a record",
    "GET /parties": "looked at who is tied to cases",
    "POST /parties": "tied somebody to a case, or untied them",
    "GET /unexplained-access": "looked at access that nothing explains",
    "GET /urgent": "opened the urgent flags",
    "GET /caseload": "opened the caseload",
    "GET /sealed": "opened their sealed cases",
    "GET /seals": "looked at every seal",
    "GET /confirmations": "looked at what waits for a second person",
    "POST /confirmations/{confirmation_key}": "settled what waits for a second person",
    "POST /sealed-flags/{flag_key}": "opened a sealed case for an urgent flag",
    "POST /seals/{confirmation_key}": "named others for a sealed case",
    "GET /oversight": "looked at this oversight",
    "POST /oversight": "looked for lines of this oversight",
    "GET /v1/list": "read the list by program",
    "GET /v1/list.csv": "downloaded the list",
    "GET /v1/cases": "read the open cases by program",
    "GET /v1/caseload": "read the caseload by program",
    "GET /v1/duty": "read the urgent flags by program",
    "GET /v1/imports/{import_key}/rejects": "read rejected rows by program",
    "GET /v1/imports/{import_key}/rejects.csv": "downloaded rejected rows",
    "GET /v1/cases/{key}": "read the case by program",
    "GET /v1/cases/{key}/looks": "asked who looked at the case",
    "GET /v1/audit/lines": "read these lines by program",
    "POST /v1/audit/lines": "read lines of somebody by program",
    "GET /v1/audit/unusual": "read what is unusual by program",
    "POST /v1/records": "sent records by program",
    "POST /v1/imports": "began an import",
    "PUT /v1/imports/{import_key}/rows": "sent rows of an import",
    "POST /cases/{key}/decide": "decided on the case",
    "POST /v1/cases/{key}/decisions": "decided on the case by program",
    "POST /cases/{key}/views": "gave their agency's view",
    "POST /cases/{key}/views/confirm": "confirmed their agency's view",
    "POST /cases/{key}/round-table": "recorded the views round the table",
    "POST /cases/{key}/ask-views": "asked agencies for their views",
    "POST /cases/{key}/show-views": "showed views before all were in",
    "GET /cases/{key}/beside": "chose a case to compare",
    "GET /cases/{key}/beside/{other_key}": "compared two cases",
    "GET /minutes/{sitting_key}": "opened the minutes of a sitting",
    "GET /v1/sittings/{sitting_key}/decisions.csv": "downloaded a sitting's decisions",
    "GET /views": "looked at views recorded for their agency",
    "POST /cases/{key}/first-view": "gave a first view",
    "POST /cases/{key}/first-read": "said that they had read the case",
    "POST /cases/{key}/corrections": "asked for a correction",
    "POST /cases/{key}/seal": "sealed the case",
    "POST /cases/{key}/unseal": "opened the sealed case for all",
    "POST /sittings": "opened a sitting",
    "POST /urgent/{key}": "said that they had seen urgent flags of the case",
    "POST /urgent/{raising_key}": "said that they had seen an urgent flag",
    "POST /models/ordering": "switched the order",
}
"""What somebody did, by the route that they did it by; another route is named as it is."""
BAND_WORDS: Final = {
    FIRST: "in the first third of the list's places",
    MIDDLE: "in the middle third",
    LAST: "in the last third",
    BELOW: "below them: it was there for a flag, its wait or by chance",
    NO_RANK: "nowhere: it gave no score, or did not order that list",
    NO_LIST: "decided on outside a sitting's list",
}
"""Where the model had put a case when it was decided on."""


_FEW_NOTE: Final = "A row of few decisions tells of those cases and not of the score."
_SHOWN_NOTE: Final = (
    "Which cases are first looked at without the model is drawn by chance. Where people agree far "
    "oftener with a score that they were shown at once, it may lead them."
)


_TEAM_NOTE: Final = (
    "Teams are agencies; nothing is told by person. No record opened: of the decisions of which "
    "that is known."
)


@dataclass(frozen=True)
class Asked:
    """What is asked for, as it was written.

    Parameters
    ----------
    book, case, day, days
        The log, a case's key, a day, and how far back to look for what is unusual.
    of
        A line of the log: lines of whoever it names. So an address names nobody.
    person
        Who that is, or whom the form asks for.
    """

    book: Book
    case: str
    day: str
    days: int
    of: int | None = None
    person: str = ""


@dataclass(frozen=True)
class PageProblem:
    """What is to be corrected, and the field that it is about."""

    anchor: str
    words: str


@dataclass(frozen=True)
class Answer:
    """Lines that were asked for.

    Parameters
    ----------
    found
        The lines.
    people
        Those who share the name that was asked for, each with their latest line.
    problems
        What is to be corrected.
    """

    found: LinesPage | None = None
    people: tuple[tuple[Known, int], ...] = ()
    problems: tuple[PageProblem, ...] = ()


@router.get("/oversight", response_class=HTMLResponse)
def show_oversight(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    book: Annotated[str, Query(max_length=10)] = LOOKS,
    case: _Text = "",
    day: _Text = "",
    days: Annotated[str, Query(max_length=4)] = "28",
    of: _Number = None,
    cursor: _Number = None,
) -> HTMLResponse:
    """Show lines of the audit log, what is unusual in it, and whether it is whole."""
    asked = _read_asked(book, case, day, days)
    problems = _check(service, asked)
    if problems:
        return _show(request, service, person, asked, Answer(problems=problems))
    line = None if of is None else _find_line(service, asked, of, person)
    if of is not None and line is None:
        return _show(request, service, person, replace(asked, of=of), Answer(LinesPage((), None)))
    asked = replace(asked, of=of, person="" if line is None else line.person)
    found = _find(service, asked, None if line is None else line.subject, cursor, person)
    return _show(request, service, person, asked, Answer(found), is_first=cursor is None)


@router.post("/oversight")
def find_in_oversight(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    book: Annotated[str, Form(max_length=10)] = LOOKS,
    who: _Field = "",
    case: _Field = "",
    day: _Field = "",
    days: Annotated[str, Form(max_length=4)] = "28",
) -> Response:
    """Lead to the lines that a form asks for, or show what is to be corrected or chosen.

    Who is looked for is sent in the body of the request, since an address is written into logs and
    kept by the browser; the address that it leads to names one of their lines.
    """
    asked = replace(_read_asked(book, case, day, days), person=who.strip())
    problems = _check(service, asked)
    if problems:
        return _show(request, service, person, asked, Answer(problems=problems))
    people = _find_people(service, asked, person) if asked.person else ()
    if asked.person and len(people) != 1:
        return _show(request, service, person, asked, Answer(LinesPage((), None), people))
    told = {"book": asked.book, "case": asked.case, "day": asked.day, "days": asked.days}
    told |= {"of": people[0][1]} if people else {}
    address = urlencode({name: value for name, value in told.items() if value})
    return RedirectResponse(f"/oversight?{address}#lines", status_code=303)


def _read_asked(book: str, case: str, day: str, days: str) -> Asked:
    period = int(days) if days in {str(one) for one in PERIODS} else PERIODS[1]
    return Asked(CHANGES if book == CHANGES else LOOKS, case.strip(), day.strip(), period)


def _show(
    request: Request,
    service: Service,
    person: Person,
    asked: Asked,
    answer: Answer,
    *,
    is_first: bool = True,
) -> HTMLResponse:
    face = Clockface(service.need_unit().time_zone)
    lines = [_describe(one, face) for one in answer.found.items] if answer.found else []
    check = check_audit(service, person)
    with service.need_store().reading() as connection:
        n_held = count_held(connection)
    # Last, so that nothing else waits beside what is being worked out.
    unusual, findings = _find_kept(request, service, person, face, asked.days)
    return render(
        request,
        "oversight.html",
        status=422 if answer.problems else 200,
        asked=asked,
        is_filtered=bool(asked.of or asked.person or asked.case or asked.day),
        is_first=is_first,
        answer=answer,
        lines=lines,
        unusual=unusual,
        unusual_note=UNUSUAL_NOTE,
        check=check,
        n_held=n_held,
        n_checked=_count(check),
        findings=findings,
        findings_note=FINDINGS_NOTE,
        findings_as_of=face.show(findings.answer.as_of_us) if findings.answer else "",
        agreement=_tabulate(findings.answer) if findings.answer else (),
        alarms=[one for one in findings.answer.by_team if one.nearly_all]
        if findings.answer
        else [],
        periods=PERIODS,
    )


def _find_kept(
    request: Request, service: Service, person: Person, face: Clockface, days: int
) -> tuple[Kept[UnusualRow], Kept[Findings]]:
    """Return what stands out and what became of the lists, as far as it is worked out."""
    store, unit, bundle = service.need_store(), service.need_unit(), service.champion.find()
    with store.reading() as connection:
        sight = find_sight(connection, person)
    # For a party to a case they are worked out anew, without it.
    own = (person.subject, sight.tied) if sight.tied else ()
    hidden = sight.hidden
    unusual = ("unusual", days, *own)
    findings = ("findings", None if bundle is None else bundle.id, hidden)
    wanted: dict[Hashable, Callable[[], UnusualRow | Findings]] = {
        unusual: lambda: read_standing(store, face, days, person if own else None),
        findings: lambda: read_findings(store, bundle, unit, store.clock(), sight),
    }
    found = keeper_of(request.app).find(wanted)
    return found[unusual].narrow(UnusualRow), found[findings].narrow(Findings)


def _tabulate(found: Findings) -> tuple[Figures, ...]:
    """Return agreement with the score by where it had put the case, and by what was seen first."""
    parts = found.parts
    bands = [_describe_agreement(BAND_WORDS[name], one) for name, one in parts.by_band]
    looks = [
        _describe_agreement(words, one)
        for words, one in (
            ("looked at first without anything of the model", parts.blind_first),
            ("shown whole at once", parts.open),
        )
        if one.n_agree + one.n_disagree + one.n_silent
    ]
    columns = ("Agree", "Disagree", "Did not say", "Disagree, of 100 who said")
    teams = [
        (*_describe_agreement(one.agency, one.agreement), _describe_opened(one))
        for one in found.by_team
    ]
    told = (
        ("Where the model had put the case", bands, _FEW_NOTE),
        ("How a case on the list was shown", looks, _SHOWN_NOTE),
    )
    by_team = (
        Figures(
            "Decisions by team",
            ("Team", *columns, "No record opened"),
            tuple(teams),
            (_TEAM_NOTE,),
        ),
    )
    return (by_team if teams else ()) + tuple(
        Figures(
            f"Decisions by {caption[:1].lower()}{caption[1:]}",
            (caption, *columns),
            tuple(of),
            (note,),
        )
        for caption, of, note in told
        if of
    )


def _describe_opened(one: TeamAgreement) -> str:
    return f"{one.n_unopened:,} of {one.n_opening_known:,}"


def _describe_agreement(words: str, one: Agreement) -> tuple[str, ...]:
    share = one.share
    return (
        words[:1].upper() + words[1:],
        f"{one.n_agree:,}",
        f"{one.n_disagree:,}",
        f"{one.n_silent:,}",
        "nobody said" if share is None else f"{100 * (1 - share):.0f}",
    )


def _count(check: CheckOut) -> int:
    return sum(one.n_lines or 0 for one in check.books)


def _check(service: Service, asked: Asked) -> tuple[PageProblem, ...]:
    problems = []
    if asked.case and not is_key(asked.case):
        problems.append(
            PageProblem(
                "case", "Write the case's key, as its page's address has it; the page leads here"
            )
        )
    if asked.day and _read_day(asked.day, service.need_unit().time_zone) is None:
        problems.append(PageProblem("day", "Write the day such as 2026-11-02"))
    return tuple(problems)


def _find_people(service: Service, asked: Asked, reader: Person) -> tuple[tuple[Known, int], ...]:
    """Return who goes by a name, each with their latest line that the reader sees."""
    store = service.need_store()
    sight = find_line_sight(store, asked.book, reader)
    found = []
    for one in find_people(store, asked.book, asked.person):
        latest = read_lines(store, EntryFilter(asked.book, subject=one.subject, size=1), sight)
        found += [(one, line.number) for line in latest.items]
    return tuple(found)


def _find_line(service: Service, asked: Asked, of: int, reader: Person) -> AuditLine | None:
    """Return the line of a number; ``None`` where the reader sees none."""
    store = service.need_store()
    wanted = EntryFilter(asked.book, before=of + 1, size=1)
    found = read_lines(store, wanted, find_line_sight(store, asked.book, reader)).items
    return next((line for line in found if line.number == of), None)


def _find(
    service: Service, asked: Asked, subject: str | None, cursor: int | None, reader: Person
) -> LinesPage:
    store, day = service.need_store(), _read_day(asked.day, service.need_unit().time_zone)
    wanted = EntryFilter(
        asked.book,
        case_key=asked.case or None,
        subject=subject,
        before=cursor,
        size=LINES_PER_PAGE,
    )
    return find_lines(store, wanted, day, find_line_sight(store, asked.book, reader))


def _read_day(text: str, time_zone: str) -> Day | None:
    """Return a day of the unit's clock; ``None`` where the text is none."""
    if not _DAY.fullmatch(text):
        return None
    try:
        after = dt.date.fromisoformat(text) + dt.timedelta(days=1)
        return Day(parse_date(text, time_zone), parse_date(after.isoformat(), time_zone))
    except (ValueError, OverflowError):
        return None


def describe_route(route: str) -> str:
    """Return what somebody did, by the route or the command that they did it by."""
    if route.startswith("caselight "):
        return f"called {route} on the command line"
    return ROUTE_WORDS.get(route, route)


def _describe(line: AuditLine, face: Clockface) -> dict[str, Any]:
    keys = [key for key in (line.case_key, *line.cases) if key]
    return {
        "number": line.number,
        "at": face.show(line.at_us),
        "name": line.person,
        "subject": line.subject,
        "role": line.role,
        "agency": line.agency,
        "did": describe_route(line.route),
        "done": line.done,
        "operation": line.operation,
        "purpose": line.purpose,
        "recipient": line.recipient,
        "terms": _write_terms(line.terms),
        "keys": keys[:MANY_CASES],
        "n_more": max(len(keys) - MANY_CASES, 0),
    }


def _write_terms(terms: Mapping[str, Any] | None) -> str:
    """Return what was looked for as words; empty where the line is of no search."""
    said = {name.replace("_", " "): str(value) for name, value in (terms or {}).items()}
    return ", ".join(f"{name}: {value}" for name, value in said.items())
