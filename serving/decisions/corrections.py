"""Requests to correct a record that somebody says is wrong, and what came of them.

A request changes no record. Where it is accepted, the correction itself comes as a record of its
own, by import, as every record does.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import StringConstraints
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select

from features.contract.moments import format_moment
from serving.access.case_sight import EVERYTHING, Sight
from serving.access.roles import need_decider
from serving.decisions.drafts import NO_NUL, Words
from serving.decisions.outputs import AnswerOut, CorrectionOut, CorrectionsOut
from serving.decisions.score_without_record import Doubted
from serving.errors import ServiceError
from serving.persons import Person, read_person
from serving.schemas import Strict
from serving.store.case_keys import need_case
from serving.store.database import Unit, Writing, make_key
from serving.store.paging import cut_page, find_named
from serving.store.record_conditions import is_for_all
from serving.store.row_text import Clockface, name_actor
from serving.store.schema import RECORDS, correction_answers, correction_requests

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

    Nobody accepts their own request. Whoever asked may refuse it: then nothing changes.

    Raises
    ------
    ServiceError
        If the person does not act on cases (403), there is no such request (404), they would accept
        their own (403), or it was answered before (409, saying by whom and when).
    """
    need_decider(person)
    connection = writing.connection
    seq = writing.take_seq()  # others wait from here: of two answers at once the first stands
    known = select(_requests.subject).where(_requests.request_key == request_key)
    asker = connection.execute(known).scalar_one_or_none()
    if asker is None:
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
    if given.answer == "accepted" and asker == person.subject:
        raise ServiceError(
            "other_person_needed",
            "whoever asked for a correction does not accept it",
            "ask another person to answer it, or refuse it yourself",
        )
    connection.execute(
        insert(correction_answers).values(
            request_key=request_key,
            answered_at_us=writing.now_us,
            stored_seq=seq,
            **given.model_dump(),
            **person.columns(),
        )
    )


def read_correction(connection: Connection, request_key: str, unit: Unit) -> CorrectionOut:
    """Return one request, which is there, with its answer where it has one."""
    return _read(connection, _requests.request_key == request_key, unit, 1)[0]


def read_case_corrections(
    connection: Connection, case_key: str, unit: Unit
) -> tuple[CorrectionOut, ...]:
    """Return the requests on a case that nobody has answered, the oldest first."""
    return _read(connection, and_(_requests.case_key == case_key, _is_open()), unit, None)


def read_open_corrections(
    connection: Connection,
    unit: Unit,
    *,
    size: int,
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
    size
        How many at most.
    cursor
        ``next_cursor`` of the part before; the oldest where absent.
    sight
        Which cases the person who asks may see: of sealed ones those that name them.

    Raises
    ------
    ServiceError
        If the cursor is none (422).
    """
    wanted = condition = and_(_is_open(), sight.of_key(connection, _requests.case_key))
    if cursor is not None:
        query = select(_requests.stored_seq).where(
            _requests.request_key == cursor, sight.of_key(connection, _requests.case_key)
        )
        after = find_named(connection, cursor, query)
        condition = and_(condition, _requests.stored_seq > after.stored_seq)
    found = _read(connection, condition, unit, size + 1)
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
    connection: Connection, condition: ColumnElement[bool], unit: Unit, size: int | None
) -> tuple[CorrectionOut, ...]:
    named = ("answer", "note", "person", "role", "agency", "answered_at_us")
    query = (
        select(correction_requests, *(_answers[name].label(f"a_{name}") for name in named))
        .outerjoin(correction_answers, _answers.request_key == _requests.request_key)
        .where(condition)
        .order_by(_requests.stored_seq)
        .limit(size)
    )
    face = Clockface(unit.time_zone)
    return tuple(_describe(row, face) for row in connection.execute(query))


def _describe(row: Row[Any], face: Clockface) -> CorrectionOut:
    answer = None
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
        answer=answer,
    )
