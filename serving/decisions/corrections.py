"""Requests to correct a record that somebody says is wrong, and what came of them.

A request changes no record. The agency of the record answers it, within a month. Where that accepts
it, the correction itself comes as a record of its own, by import, as every record does; a request
that was refused or that nobody answered stays beside the record, which is disputed (ADR 27).
"""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import StringConstraints
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select

from features.catalogue.declarations import DAY_US
from features.contract.moments import format_moment
from serving.access.case_sight import EVERYTHING, Sight
from serving.access.roles import need_decider
from serving.decisions.drafts import NO_NUL, Words
from serving.decisions.outputs import AnswerOut, CorrectionOut, CorrectionsOut
from serving.decisions.score_without_record import Doubted
from serving.errors import ServiceError
from serving.persons import Person, read_person
from serving.schemas import DisputeOut, Strict
from serving.standing.record_agencies import OWN_AGENCY, read_record_agencies
from serving.store.case_keys import need_case
from serving.store.database import Unit, Writing, make_key
from serving.store.lookups import is_among
from serving.store.paging import cut_page, find_named
from serving.store.record_conditions import is_for_all
from serving.store.row_text import Clockface, name_actor
from serving.store.schema import RECORDS, correction_answers, correction_requests

ANSWER_DAYS: Final = 30
"""Days of 24 hours within which the agency of a record answers a request."""
_NAMES: Final = {"events": "event_id", "facts": "fact_id", "links": "link_id"}
"""Tables of records that a case shows, each with the column of its numbers."""
_requests = correction_requests.c
_answers = correction_answers.c


class CorrectionIn(Strict):
    """Which record is wrong, and why."""

    table: Literal["events", "facts", "links"]
    record_id: Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=NO_NUL)]
    why: Words


class AnswerIn(Strict):
    """What came of a request."""

    answer: Literal["accepted", "refused"]
    note: Words | None = None


def ask_correction(writing: Writing, case_key: str, person: Person, asked: CorrectionIn) -> str:
    """Record that a person says a record is wrong; return the request's key.

    Raises
    ------
    ServiceError
        If the person does not act on cases (403), or there is no such case or no such record among
        those that are shown (404).
    """
    need_decider(person)
    need_case(writing.connection, case_key)
    if not _is_shown(writing.connection, Doubted(case_key, asked.table, asked.record_id)):
        raise _make_absent()
    key = make_key()
    writing.connection.execute(
        insert(correction_requests).values(
            request_key=key,
            case_key=case_key,
            asked_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **asked.model_dump(),
            **person.columns(),
        )
    )
    writing.note(case_key=case_key)
    return key


def find_record(connection: Connection, case_key: str, record_id: str) -> Doubted:
    """Return a record of a case by its number alone, as a person writes it down.

    Raises
    ------
    ServiceError
        If the case shows none (404).
    """
    for table in _NAMES:
        doubted = Doubted(case_key, table, record_id)
        # PostgreSQL refuses a query with a NUL character.
        if "\0" not in record_id and _is_shown(connection, doubted):
            return doubted
    raise _make_absent()


def make_no_narrative() -> ServiceError:
    """Return the error of a narrative that the case shows nobody of this agency."""
    return ServiceError(
        "no_such_record",
        "the case shows no such narrative",
        "follow the address that the case gives with its record",
    )


def _make_absent() -> ServiceError:
    return ServiceError(
        "no_such_record",
        "the case shows no such record",
        "name a record as the case shows it; one of a linked case is corrected there",
    )


def _is_shown(connection: Connection, doubted: Doubted) -> bool:
    table = RECORDS[doubted.table]
    name = _NAMES[doubted.table]
    query = select(table.c[name]).where(
        table.c.case_key == doubted.case_key, table.c[name] == doubted.record_id
    )
    if doubted.table == "events":
        query = query.where(is_for_all())
    return connection.execute(query).one_or_none() is not None


def answer_correction(
    writing: Writing, request_key: str, person: Person, given: AnswerIn, unit: Unit
) -> None:
    """Record what came of a request; the first answer stands.

    The agency of the record answers, and nobody accepts their own request. Whoever asked may refuse
    it: then nothing changes.

    Raises
    ------
    ServiceError
        If the person does not act on cases, is of another agency than the record or would accept
        their own request (403), there is no such request (404), or it was answered before (409,
        saying by whom and when).
    """
    need_decider(person)
    connection = writing.connection
    seq = writing.take_seq()  # others wait from here: of two answers at once the first stands
    known = select(correction_requests).where(_requests.request_key == request_key)
    request = connection.execute(known).one_or_none()
    if request is None:
        raise ServiceError(
            "no_such_request", "there is no such request", "start from GET /v1/corrections"
        )
    there = connection.execute(
        select(correction_answers).where(_answers.request_key == request_key)
    ).one_or_none()
    if there is not None:
        raise ServiceError(
            "already_answered",
            f"{read_person(there).in_full} answered at "
            f"{format_moment(there.answered_at_us, unit.time_zone)}",
            "ask again with a request of its own",
        )
    _check_answerer(connection, request, person, given)
    writing.note(case_key=request.case_key)
    connection.execute(
        insert(correction_answers).values(
            request_key=request_key,
            answered_at_us=writing.now_us,
            stored_seq=seq,
            **given.model_dump(),
            **person.columns(),
        )
    )


def _check_answerer(
    connection: Connection, request: Row[Any], person: Person, given: AnswerIn
) -> None:
    if request.subject == person.subject:
        if given.answer == "accepted":
            raise ServiceError(
                "other_person_needed",
                "whoever asked for a correction does not accept it",
                "ask another person to answer it, or refuse it yourself",
            )
        return  # who takes their own request back leaves the record as it is
    if person.agency != _find_agencies(connection, [request])[request.request_key]:
        raise ServiceError(
            "other_agency_needed",
            "the agency of the record answers a request to correct it",
            "ask somebody of that agency",
        )


def _find_agencies(connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, str]:
    """Return the agency that answers each of some requests, by the request's key."""
    found: dict[str, str] = {}
    for table in _NAMES:
        some = [row for row in rows if row.table == table]
        agencies = read_record_agencies(
            connection, table, {(row.case_key, row.record_id) for row in some}
        )
        found |= {
            row.request_key: agencies.get((row.case_key, row.record_id), OWN_AGENCY) for row in some
        }
    return found


def read_disputes(
    connection: Connection, case_keys: Collection[str], unit: Unit
) -> dict[tuple[str, str, str], tuple[DisputeOut, ...]]:
    """Return who disputes which records: requests that were refused, or that nobody answered.

    Parameters
    ----------
    connection
        A transaction.
    case_keys
        The cases.
    unit
        What holds for the whole store.

    Returns
    -------
    dict
        The disputes by case key, table and record number, the oldest first.
    """
    query = (
        select(correction_requests, _answers.answer)
        .outerjoin(correction_answers, _answers.request_key == _requests.request_key)
        .where(
            is_among(connection, _requests.case_key, case_keys),
            or_(_answers.answer.is_(None), _answers.answer != "accepted"),
        )
        .order_by(_requests.stored_seq)
    )
    face = Clockface(unit.time_zone)
    found: dict[tuple[str, str, str], tuple[DisputeOut, ...]] = {}
    for row in connection.execute(query):
        key = (row.case_key, row.table, row.record_id)
        one = DisputeOut(
            agency=row.agency, asked_at=face.show(row.asked_at_us), answer=row.answer or "open"
        )
        found[key] = (*found.get(key, ()), one)
    return found


def read_correction(
    connection: Connection, request_key: str, unit: Unit, now_us: int
) -> CorrectionOut:
    """Return one request, which is there, with its answer where it has one."""
    return _read(connection, _requests.request_key == request_key, (unit, now_us), 1)[0]


def read_case_corrections(
    connection: Connection, case_key: str, unit: Unit, now_us: int
) -> tuple[CorrectionOut, ...]:
    """Return the requests on a case that nobody has answered, the oldest first."""
    return _read(connection, and_(_requests.case_key == case_key, _is_open()), (unit, now_us), None)


def read_open_corrections(
    connection: Connection,
    unit: Unit,
    now_us: int,
    *,
    size: int,
    agency: str | None = None,
    cursor: str | None = None,
    sight: Sight = EVERYTHING,
) -> CorrectionsOut:
    """Return the requests that nobody has answered, the oldest first.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    unit
        What holds for the whole store.
    now_us
        The moment, microseconds UTC: what was to be answered before it is overdue.
    size
        How many at most.
    agency
        Only those on records of this agency; of every agency where absent.
    cursor
        ``next_cursor`` of the part before; the oldest where absent.
    sight
        Which cases the person who asks may see: of sealed ones those that name them.

    Raises
    ------
    ServiceError
        If the cursor is none (422).
    """
    wanted = and_(_is_open(), sight.of_key(connection, _requests.case_key))
    if agency is not None:
        rows = connection.execute(select(correction_requests).where(wanted)).all()
        of_agency = _find_agencies(connection, rows)
        mine = {key for key, one in of_agency.items() if one == agency}
        wanted = and_(wanted, is_among(connection, _requests.request_key, mine))
    condition = wanted
    if cursor is not None:
        query = select(_requests.stored_seq).where(
            _requests.request_key == cursor, sight.of_key(connection, _requests.case_key)
        )
        after = find_named(connection, cursor, query)
        condition = and_(condition, _requests.stored_seq > after.stored_seq)
    found = _read(connection, condition, (unit, now_us), size + 1)
    page = cut_page(found, size, lambda one: one.request_key)
    count = select(func.count()).select_from(correction_requests).where(wanted)
    return CorrectionsOut(
        corrections=page.items,
        n_open=int(connection.execute(count).scalar_one()),
        next_cursor=page.next_cursor,
    )


def _is_open() -> ColumnElement[bool]:
    answered = select(_answers.request_key).where(_answers.request_key == _requests.request_key)
    return ~answered.correlate(correction_requests).exists()


def _read(
    connection: Connection,
    condition: ColumnElement[bool],
    at: tuple[Unit, int],
    size: int | None,
) -> tuple[CorrectionOut, ...]:
    named = ("answer", "note", "person", "role", "agency", "answered_at_us")
    query = (
        select(correction_requests, *(_answers[name].label(f"a_{name}") for name in named))
        .outerjoin(correction_answers, _answers.request_key == _requests.request_key)
        .where(condition)
        .order_by(_requests.stored_seq)
        .limit(size)
    )
    unit, now_us = at
    face, rows = Clockface(unit.time_zone), connection.execute(query).all()
    agencies = _find_agencies(connection, rows)
    return tuple(_describe(row, face, agencies[row.request_key], now_us) for row in rows)


def _describe(row: Row[Any], face: Clockface, agency: str, now_us: int) -> CorrectionOut:
    answer = None
    due_us = row.asked_at_us + ANSWER_DAYS * DAY_US
    if row.a_answer is not None:
        answer = AnswerOut(
            person=row.a_person,
            role=row.a_role,
            agency=row.a_agency,
            answer=row.a_answer,
            note=row.a_note,
            answered_at=face.show(row.a_answered_at_us),
        )
    return CorrectionOut(
        **name_actor(row),
        request_key=row.request_key,
        key=row.case_key,
        table=row.table,
        record_id=row.record_id,
        why=row.why,
        asked_at=face.show(row.asked_at_us),
        record_agency=agency,
        due_at=face.show(due_us),
        overdue=answer is None and due_us < now_us,
        answer=answer,
    )
