"""Reading the audit log: pages of lines, and who looked at a case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    cast,
    func,
    literal,
    or_,
    select,
    union,
)

from serving.oversight.audit_verification import reading_book
from serving.oversight.line_sight import EVERY_LINE, LineSight
from serving.store.audit_lines import CHANGES, LOOKS, Book
from serving.store.current_act import Operation
from serving.store.database import Store
from serving.store.lookups import is_among
from serving.store.paging import Page, cut_page
from serving.store.schema import audit_lines, case_searches, metadata

_LINES = audit_lines.c
SEARCH_ROUTES: Final = ("POST /cases/search", "POST /cases/find", "POST /v1/case-searches")
"""By which somebody looks for cases; what they looked for is kept with the line."""


@dataclass(frozen=True)
class AuditLine:
    """One line of a log, as it is read.

    Parameters
    ----------
    book, number
        Where it stands.
    at_us
        When, microseconds UTC, by the store's clock.
    operation, route
        Which operation, by which route template or command.
    done
        Whether it was done; false where it was refused.
    person, subject, role, agency
        Who, as the sign-in named and knew them then.
    case_key, cases
        The case, and further ones, by their keys.
    recipient, purpose, request_id
        To whom data went, what for, and what ties it to the log of requests.
    first_seq, last_seq
        The rows that a change stored, both inclusive.
    terms
        What was looked for, where the line is of a search.
    """

    book: Book
    number: int
    at_us: int
    operation: Operation
    done: bool
    person: str
    subject: str
    role: str
    agency: str
    case_key: str | None
    cases: tuple[str, ...]
    route: str
    recipient: str | None
    purpose: str | None
    request_id: str | None
    first_seq: int | None
    last_seq: int | None
    terms: Mapping[str, str | bool] | None = None


@dataclass(frozen=True)
class EntryFilter:
    """Which lines are asked for; what is ``None`` does not matter.

    Parameters
    ----------
    book
        Of which log.
    case_key
        Lines that name the case, and lines of changes whose rows are the case's.
    subject
        Of one person, by what the sign-in knows them.
    operation
        Of one operation.
    before
        Only lines with a lower number: the cursor.
    size
        How many at most.
    """

    book: Book
    case_key: str | None = None
    subject: str | None = None
    operation: Operation | None = None
    before: int | None = None
    size: int = 50


_TOLD: Final = frozenset(field.name for field in fields(AuditLine))
LinesPage = Page[AuditLine, int]
"""Some lines, the latest first, and the cursor of those before them."""


def read_lines(store: Store, wanted: EntryFilter, sight: LineSight = EVERY_LINE) -> LinesPage:
    """Return a page of a log's lines in sight, the latest first.

    Numbers of lines, in ``wanted`` as well, are those that the person who asks is told.
    """
    covering: Sequence[int] = ()
    is_there = wanted.case_key not in sight.away
    if wanted.case_key is not None and wanted.book == CHANGES and is_there:
        with store.reading() as connection:
            covering = _find_covering(connection, wanted.case_key)
    with reading_book(store, wanted.book) as connection:
        query = _select(connection, wanted, covering, sight).order_by(_LINES.number.desc())
        found = connection.execute(query.limit(wanted.size + 1)).all()
    terms = _read_terms(store, found) if wanted.book == CHANGES else {}
    lines = [replace(_describe(row, sight), terms=terms.get(row.last_seq)) for row in found]
    return cut_page(lines, wanted.size, lambda line: line.number)


def _read_terms(store: Store, found: Sequence[Row[Any]]) -> dict[int, Mapping[str, str | bool]]:
    """Return what was looked for, by the last row that the line of the search stored."""
    places = [row.last_seq for row in found if row.route in SEARCH_ROUTES and row.last_seq]
    if not places:
        return {}
    searches = case_searches.c
    query = select(searches.stored_seq, searches.terms).where(searches.stored_seq.in_(places))
    with store.reading() as connection:
        return {int(row.stored_seq): dict(row.terms) for row in connection.execute(query)}


def read_looks_at(
    store: Store,
    case_key: str,
    *,
    before: int | None = None,
    size: int = 50,
    sight: LineSight = EVERY_LINE,
) -> LinesPage:
    """Return who looked at a case, on its own or among others, the latest first."""
    wanted = EntryFilter(LOOKS, case_key=case_key, before=before, size=size)
    return read_lines(store, wanted, sight)


def _select(
    connection: Connection, wanted: EntryFilter, covering: Sequence[int], sight: LineSight
) -> Select[Any]:
    query = select(audit_lines).where(_LINES.book == wanted.book)
    if sight.hidden:
        as_text = cast(_LINES.number, Text)
        query = query.where(~is_among(connection, as_text, map(str, sight.hidden)))
    if wanted.before is not None:
        query = query.where(_LINES.number < sight.find(wanted.before))
    if wanted.subject is not None:
        query = query.where(_LINES.subject == wanted.subject)
    if wanted.operation is not None:
        query = query.where(_LINES.operation == wanted.operation)
    if wanted.case_key in sight.away:
        # What is left of it: that the person themselves asked for it by its key, in vain.
        as_text = cast(_LINES.number, Text)
        query = query.where(
            _LINES.case_key == wanted.case_key,
            ~is_among(connection, as_text, map(str, sight.blank)),
        )
    elif wanted.case_key is not None:
        named = names_case(connection, wanted.case_key)
        if covering:
            as_text = cast(_LINES.number, Text)
            named = or_(named, is_among(connection, as_text, map(str, covering)))
        query = query.where(named)
    return query


def names_case(connection: Connection, case_key: str) -> ColumnElement[bool]:
    """Return the condition that a line names a case, on its own or among others.

    The list of further cases is searched as text: a key has 24 letters that cannot be guessed, and
    stands between quotation marks.
    """
    text, quoted = cast(_LINES.cases, Text), literal(f'"{case_key}"')
    # Not LIKE, which takes the _ of a key for any character.
    place = func.instr if connection.dialect.name == "sqlite" else func.strpos
    return or_(_LINES.case_key == case_key, place(text, quoted) > 0)


def _find_covering(connection: Connection, case_key: str) -> Sequence[int]:
    """Return the lines in whose range a row of the case was stored.

    An import's line names no case: its rows do.
    """
    tables = [
        table
        for table in metadata.sorted_tables
        if {"case_key", "stored_seq"} <= set(table.c.keys())
    ]
    stored = union(
        *(select(table.c.stored_seq).where(table.c.case_key == case_key) for table in tables)
    ).subquery("stored")
    line = (
        select(_LINES.number)
        .where(_LINES.book == CHANGES, _LINES.first_seq <= stored.c.stored_seq)
        .order_by(_LINES.first_seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = connection.execute(select(line.label("number")).select_from(stored).distinct())
    return [int(number) for number in found.scalars() if number is not None]


def _describe(row: Row[Any], sight: LineSight) -> AuditLine:
    told = {name: value for name, value in row._mapping.items() if name in _TOLD}
    return AuditLine(
        **{
            **told,
            "number": sight.show(row.number),
            "done": bool(row.done),
            "case_key": None if row.number in sight.blank else row.case_key,
            "cases": tuple(key for key in row.cases or () if key not in sight.away),
            "first_seq": sight.show_seq(row.first_seq),
            "last_seq": sight.show_seq(row.last_seq, is_last=True),
        }
    )
