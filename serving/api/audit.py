"""The audit log as people of oversight read it: entries, unusual access, access to one case.

What is told here are keys of cases, never their identifiers. Who may ask is in the table of rights.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field

from serving.access.route_rules import AUDITOR
from serving.api.parameters import LAST_SEQ, MOST_ROWS, Key, Limit, LineCursor
from serving.errors import RequestProblem, invalid
from serving.oversight.access_log import (
    AuditLine,
    EntryFilter,
    LinesPage,
    read_lines,
    read_looks_at,
)
from serving.oversight.audit_verification import list_problems, verify_tail
from serving.oversight.line_sight import find_line_sight
from serving.oversight.unusual_access import (
    AccessPeriod,
    Busy,
    Crowded,
    Limits,
    Looker,
    find_unusual,
)
from serving.persons import Person, SignedIn
from serving.service import Service, ServiceDep
from serving.store.audit_lines import BOOKS, LOOKS, Book
from serving.store.current_act import Operation
from serving.store.opaque_keys import KEY_PATTERN
from serving.store.row_text import Clockface
from serving.web.error_answers import describe_errors

router = APIRouter(prefix="/v1", tags=["audit"])
CHECKED_LINES: Final = 2_000
"""Lines at the end of each book that are verified while somebody waits for the answer."""
_DAY_US: Final = 86_400_000_000
_Case = Annotated[str | None, Query(pattern=KEY_PATTERN)]
_MOST_SUBJECT: Final = 500
_SUBJECT: Final = r"^[^\x00]*$"
_Subject = Annotated[
    str | None,
    Query(
        max_length=_MOST_SUBJECT,
        pattern=_SUBJECT,
        description="Refused: send it in the body, by POST.",
    ),
]
_Days = Annotated[int, Query(ge=1, le=366, description="Days until now that are looked at.")]
NOTE: Final = (
    "These looks ought to be asked about; nothing here says that one was wrong. A name is found "
    "only where an answer or a detail is that name and nothing else: finding none assures nobody."
)


@dataclass(frozen=True, kw_only=True)
class WhoOut:
    """A person, as the line names them."""

    person: str
    subject: str
    role: str
    agency: str


@dataclass(frozen=True, kw_only=True)
class LineOut(WhoOut):
    """One line of a book."""

    book: Book
    number: int
    at: str
    operation: Operation
    done: Annotated[bool, Field(description="False where it was refused.")]
    case_key: str | None
    cases: Annotated[tuple[str, ...], Field(description="Keys of further cases.")]
    route: Annotated[str, Field(description="Method and route template, or the command.")]
    recipient: str | None
    purpose: str | None
    request_id: str | None
    first_seq: Annotated[int | None, Field(description="First row that a change stored.")]
    last_seq: int | None
    terms: Annotated[
        dict[str, Any] | None, Field(description="What was looked for, in a line of a search.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class LinesOut:
    """Lines, the latest first."""

    lines: tuple[LineOut, ...]
    next_cursor: int | None


@dataclass(frozen=True, kw_only=True)
class LookerOut(WhoOut):
    """Somebody's accesses that a rule is about."""

    n_looks: int
    case_keys: tuple[str, ...]
    first_at: str
    last_at: str


@dataclass(frozen=True, kw_only=True)
class BusyOut(WhoOut):
    """Somebody who opened many more cases than the others of their role."""

    n_cases: int
    median_of_others: float
    n_others: int


@dataclass(frozen=True, kw_only=True)
class UnusualOut:
    """Access that somebody ought to ask about; people by name, in no order of size."""

    note: str
    since: str
    until: str
    limits: Limits
    n_looks: int
    n_persons: int
    refused: tuple[LookerOut, ...]
    busy: tuple[BusyOut, ...]
    crowded: tuple[Crowded, ...]
    out_of_hours: tuple[LookerOut, ...]
    closed: tuple[LookerOut, ...]
    sealed: tuple[LookerOut, ...]
    own_name: tuple[LookerOut, ...]


@dataclass(frozen=True, kw_only=True)
class BookCheckOut:
    """The end of one book, verified now; which lines those are is told to auditors alone.

    Every act adds a line, on a sealed case as well, and of a record that is kept apart.
    """

    book: Book
    first_number: int | None
    last_number: int | None
    n_lines: int | None
    n_faults: int
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CheckOut:
    """The ends of both books; `caselight audit verify` walks them whole."""

    whole: Annotated[bool, Field(description="Whether nothing is wrong with what was looked at.")]
    most_lines: Annotated[int, Field(description="At most so many lines of each book were read.")]
    books: tuple[BookCheckOut, ...]


@dataclass(frozen=True, kw_only=True)
class LinesIn:
    """Which lines of a book are asked for; what is left out does not matter."""

    book: Book = "changes"
    case: Annotated[str | None, Field(pattern=KEY_PATTERN)] = None
    subject: Annotated[str | None, Field(max_length=_MOST_SUBJECT, pattern=_SUBJECT)] = None
    operation: Operation | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 50
    cursor: Annotated[int | None, Field(ge=1, le=LAST_SEQ)] = None


@router.get("/audit/lines", responses=describe_errors(401, 403, 422, 503))
def list_audit_lines(
    service: ServiceDep,
    person: SignedIn,
    book: Book = "changes",
    case: _Case = None,
    subject: _Subject = None,
    operation: Operation | None = None,
    limit: Limit = 50,
    cursor: LineCursor = None,
) -> LinesOut:
    """Return lines of one book, the latest first.

    Whose lines is asked in a body alone: an address stays in the logs of servers and in browsers.
    """
    if subject is not None:
        remedy = "send it in the body, by POST to the same address; nobody is named in an address"
        raise invalid([RequestProblem(where="query.subject", code="in_address", remedy=remedy)])
    return _list_lines(service, person, EntryFilter(book, case, None, operation, cursor, limit))


@router.post("/audit/lines", responses=describe_errors(400, 401, 403, 413, 415, 422, 503))
def find_audit_lines(service: ServiceDep, person: SignedIn, asked: LinesIn) -> LinesOut:
    """Return lines of one book, the latest first, of one person where one is named."""
    wanted = EntryFilter(
        asked.book, asked.case, asked.subject, asked.operation, asked.cursor, asked.limit
    )
    return _list_lines(service, person, wanted)


@router.get("/cases/{key}/looks", responses=describe_errors(401, 403, 404, 422, 503))
def list_looks(
    key: Key, service: ServiceDep, person: SignedIn, limit: Limit = 50, cursor: LineCursor = None
) -> LinesOut:
    """Return who looked at a case, or was refused it, the latest first.

    Which other cases an answer held is told to auditors alone: some may be sealed.
    """
    face = Clockface(service.need_unit().time_zone)
    store = service.need_store()
    sight = find_line_sight(store, LOOKS, person)
    found = read_looks_at(store, key, before=cursor, size=limit, sight=sight)
    told = _describe_page(found, face)
    if person.role == AUDITOR:
        return told
    return replace(told, lines=tuple(replace(one, case_key=key, cases=()) for one in told.lines))


@router.get(
    "/audit/unusual",
    responses=describe_errors(401, 403, 422, 503),
    operation_id="tell_unusual_v1_audit_unusual_get",
)
def describe_unusual(service: ServiceDep, person: SignedIn, days: _Days = 28) -> UnusualOut:
    """Return the access of the last days that somebody ought to ask about."""
    store, face = service.need_store(), Clockface(service.need_unit().time_zone)
    now_us = store.clock()
    period = AccessPeriod(now_us - days * _DAY_US, now_us + 1)
    found = find_unusual(store, period, reader=person)
    return UnusualOut(
        note=NOTE,
        since=face.show(found.period.from_us),
        until=face.show(now_us),
        limits=found.limits,
        n_looks=found.n_looks,
        n_persons=found.n_persons,
        refused=_describe_lookers(found.refused, face),
        busy=tuple(_describe_busy(one) for one in found.busy),
        crowded=found.crowded,
        out_of_hours=_describe_lookers(found.out_of_hours, face),
        closed=_describe_lookers(found.closed, face),
        sealed=_describe_lookers(found.sealed, face),
        own_name=_describe_lookers(found.own_name, face),
    )


@router.get("/audit/check", responses=describe_errors(401, 403, 503))
def check_audit(service: ServiceDep, person: SignedIn) -> CheckOut:
    """Verify the end of both books now, and say how many lines that was."""
    store, is_auditor = service.need_store(), person.role == AUDITOR
    found = [
        find_line_sight(store, book, person).narrow(verify_tail(store, book, CHECKED_LINES))
        for book in BOOKS
    ]
    return CheckOut(
        whole=not any(one.n_faults for one in found),
        most_lines=CHECKED_LINES,
        books=tuple(
            BookCheckOut(
                book=one.book,
                first_number=one.first_number if is_auditor else None,
                last_number=one.last_number if is_auditor else None,
                n_lines=one.n_lines if is_auditor else None,
                n_faults=one.n_faults,
                problems=tuple(list_problems([one])),
            )
            for one in found
        ),
    )


def _list_lines(service: Service, person: Person, wanted: EntryFilter) -> LinesOut:
    face = Clockface(service.need_unit().time_zone)
    store = service.need_store()
    sight = find_line_sight(store, wanted.book, person)
    return _describe_page(read_lines(store, wanted, sight), face)


def _describe_page(found: LinesPage, face: Clockface) -> LinesOut:
    return LinesOut(
        lines=tuple(_describe_line(line, face) for line in found.items),
        next_cursor=found.next_cursor,
    )


def _describe_line(line: AuditLine, face: Clockface) -> LineOut:
    told = {**vars(line), "at": face.show(line.at_us)}
    return LineOut(**{one.name: told[one.name] for one in fields(LineOut)})


def _describe_lookers(found: Sequence[Looker], face: Clockface) -> tuple[LookerOut, ...]:
    return tuple(
        LookerOut(
            **one.person.columns(),
            n_looks=one.n_looks,
            case_keys=one.case_keys,
            first_at=face.show(one.first_us),
            last_at=face.show(one.last_us),
        )
        for one in found
    )


def _describe_busy(found: Busy) -> BusyOut:
    return BusyOut(
        **found.person.columns(),
        n_cases=found.n_cases,
        median_of_others=found.median_of_others,
        n_others=found.n_others,
    )
