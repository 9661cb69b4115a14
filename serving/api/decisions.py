"""Decisions, views and corrections: ``/v1/cases/{key}/decisions``, ``views``, ``corrections``."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response
from sqlalchemy import Connection

from features.contract.moments import to_datetime
from serving.access.roles import need_decider
from serving.api.confirmations import answer_waiting, describe_waiting
from serving.api.parameters import Key, KeyCursor, Limit
from serving.confirmations.records import Confirmation
from serving.decisions.agency_views import ViewIn, confirm_view, give_view, read_views
from serving.decisions.case_notes import (
    CaseNoteIn,
    NoteOut,
    NotesOut,
    add_note,
    find_note,
    read_notes,
)
from serving.decisions.case_versions import read_tag, write_tag
from serving.decisions.corrections import (
    AnswerIn,
    CorrectionIn,
    answer_correction,
    ask_correction,
    read_correction,
    read_open_corrections,
)
from serving.decisions.deciding import DecisionRequest, make_limits
from serving.decisions.decision_confirmation import decide_or_ask
from serving.decisions.drafts import DecisionIn
from serving.decisions.outputs import (
    AskedOut,
    CorrectionOut,
    CorrectionsOut,
    DecisionOut,
    DecisionsOut,
    ViewOut,
    ViewsOut,
)
from serving.decisions.past_decisions import read_decision, read_decisions
from serving.decisions.recorded_views import RecordedViewsOut, read_recorded
from serving.decisions.score_without_record import Doubted, score_without
from serving.decisions.view_rounds import RoundIn, end_round, open_round
from serving.lists.blind_review import is_blind
from serving.oversight.reading_time import check_reading_time
from serving.persons import SignedIn
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.store.case_keys import need_case
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown, sight_of

router = APIRouter(prefix="/v1", tags=["decisions"])
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=200)]
_WRITES: Final = (400, 401, 403, 404, 413, 415, 422, 503)


@router.get("/cases/{key}/decisions", responses=describe_errors(401, 404, 422, 503))
def list_decisions(
    key: Key,
    service: ServiceDep,
    response: Response,
    person: SignedIn,
    limit: Limit = 50,
    cursor: KeyCursor = None,
) -> DecisionsOut:
    """Return the decisions on a case, the latest first; the ETag is the case's version."""
    unit = service.need_unit()
    with service.need_store().reading() as connection:
        need_case(connection, key)
        withheld = is_blind(connection, key)
        found = read_decisions(connection, key, unit, size=limit, cursor=cursor, withheld=withheld)
    response.headers["etag"] = write_tag(found.version)
    return found


@router.post(
    "/cases/{key}/decisions",
    status_code=201,
    responses={**describe_errors(*_WRITES, 409, 412, 428), **describe_waiting()},
    response_model=DecisionOut,
)
def make_decision(
    key: Key,
    draft: DecisionIn,
    service: ServiceDep,
    response: Response,
    person: SignedIn,
    if_match: IfMatch = None,
) -> DecisionOut | Response:
    """Record a decision on the version of the case that ``If-Match`` names.

    Nothing but this closes a case, takes one on or discharges a flag. A decision that closes a case
    with an open urgent flag, or with a serious record of late, and one that discharges an urgent
    flag wait for a second person (202): nothing of them holds until then. One that comes sooner
    after the person opened the case than anybody reads it is refused.
    """
    need_decider(person)
    read = check_reading_time(
        service.need_store(), person, key, service.settings.least_reading_seconds
    )
    unit = service.need_unit()
    act = DecisionRequest(key, person, draft, read_tag(if_match), read.seconds)
    rules, limits = make_rules(service.settings), make_limits(service.settings)
    with service.need_store().writing() as writing:
        decided = decide_or_ask(writing, act, unit, rules, limits)
        if isinstance(decided, Confirmation):
            return answer_waiting(service, decided)
        told = read_decision(writing.connection, decided.decision_key, unit)
    response.headers["etag"] = write_tag(decided.version)
    return told


@router.get("/cases/{key}/views", responses=describe_errors(401, 404, 422, 503))
def list_views(key: Key, service: ServiceDep, person: SignedIn) -> ViewsOut:
    """Return each agency's latest view beside the others', and all that were given."""
    with service.need_store().reading() as connection:
        need_case(connection, key)
        return read_views(connection, key, service.need_unit(), person.agency)


@router.post("/cases/{key}/views", status_code=201, responses=describe_errors(*_WRITES))
def add_view(key: Key, view: ViewIn, service: ServiceDep, person: SignedIn) -> ViewOut:
    """Record the view of the person's agency; a dissent stands until that agency says otherwise."""
    with service.need_store().writing() as writing:
        view_key = give_view(writing, key, person, view)
        given = read_views(writing.connection, key, service.need_unit(), person.agency)
    return next(one for one in given.all if one.view_key == view_key)


@router.post("/cases/{key}/views/{view_key}/confirm", responses=describe_errors(409, *_WRITES))
def confirm_recorded_view(
    key: Key, view_key: Key, service: ServiceDep, person: SignedIn
) -> ViewsOut:
    """Confirm the view that another agency recorded for yours; until then it closes no case."""
    with service.need_store().writing() as writing:
        confirm_view(writing, key, view_key, person)
        return read_views(writing.connection, key, service.need_unit(), person.agency)


@router.post("/cases/{key}/view-rounds", status_code=201, responses=describe_errors(409, *_WRITES))
def begin_round(key: Key, asked: RoundIn, service: ServiceDep, person: SignedIn) -> ViewsOut:
    """Record who is round the table and what each agency thinks, or ask each for its view.

    A view that is recorded for another agency waits for that agency to confirm it, and it is told
    the same day; a dissent counts at once. An agency that is left out was absent, and has no view.
    """
    with service.need_store().writing() as writing:
        open_round(writing, key, person, asked)
        return read_views(writing.connection, key, service.need_unit(), person.agency)


@router.post("/cases/{key}/view-rounds/{round_key}/end", responses=describe_errors(*_WRITES))
def show_round(key: Key, round_key: Key, service: ServiceDep, person: SignedIn) -> ViewsOut:
    """Show the views of a round before all are in; views given later are not blind."""
    with service.need_store().writing() as writing:
        end_round(writing, key, round_key, person)
        return read_views(writing.connection, key, service.need_unit(), person.agency)


@router.get("/views", responses=describe_errors(401, 422, 503))
def list_recorded_views(
    request: Request, service: ServiceDep, person: SignedIn
) -> RecordedViewsOut:
    """Return the views that other agencies recorded for yours and that nobody of it confirmed."""
    with service.need_store().reading() as connection:
        sight = sight_of(request, connection)
        found = read_recorded(connection, person.agency, service.need_unit(), sight)
    note_shown(request, (one.case_key for one in found.views))
    return found


@router.get("/cases/{key}/notes", responses=describe_errors(401, 404, 409, 422, 503))
def list_notes(key: Key, service: ServiceDep, person: SignedIn) -> NotesOut:
    """Return the notes, the contacts and the victim's wishes that the person may see."""
    with service.need_store().reading() as connection:
        need_case(connection, key)
        return read_notes(connection, key, service.need_unit(), person.agency)


@router.post("/cases/{key}/notes", status_code=201, responses=describe_errors(*_WRITES, 409))
def write_note(key: Key, note: CaseNoteIn, service: ServiceDep, person: SignedIn) -> NoteOut:
    """Write a note, a contact or what the victim wishes; nothing of it is in a score."""
    unit = service.need_unit()
    with service.need_store().writing() as writing:
        today = to_datetime(writing.now_us, unit.time_zone).date()
        note_key = add_note(writing, key, person, note, today)
        return find_note(read_notes(writing.connection, key, unit, person.agency), note_key)


@router.post("/cases/{key}/corrections", status_code=201, responses=describe_errors(*_WRITES))
def request_correction(
    key: Key, asked: CorrectionIn, service: ServiceDep, person: SignedIn
) -> AskedOut:
    """Say that a record is wrong, and see the score without it; the record stays as it is."""
    store, unit = service.need_store(), service.need_unit()
    with store.writing() as writing:
        request_key = ask_correction(writing, key, person, asked)
    with store.reading() as connection:
        return AskedOut(
            correction=read_correction(connection, request_key, unit, store.clock()),
            **_compare(connection, service, Doubted(key, asked.table, asked.record_id)),
        )


def _compare(connection: Connection, service: Service, doubted: Doubted) -> dict[str, Any]:
    withheld, bundle = is_blind(connection, doubted.case_key), service.champion.find()
    if withheld or bundle is None:
        return {"withheld": withheld, "without": None}
    now_us = service.need_store().clock()
    compared = score_without(connection, bundle, doubted, service.need_unit(), now_us)
    return {"withheld": False, "without": compared}


@router.get("/corrections", responses=describe_errors(401, 422, 503))
def list_corrections(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    limit: Limit = 50,
    cursor: KeyCursor = None,
) -> CorrectionsOut:
    """Return the correction requests that nobody has answered, the oldest first."""
    with service.need_store().reading() as connection:
        found = read_open_corrections(
            connection,
            service.need_unit(),
            service.need_store().clock(),
            size=limit,
            cursor=cursor,
            sight=sight_of(request, connection),
        )
    note_shown(request, (one.key for one in found.corrections))
    return found


@router.post(
    "/corrections/{request_key}/answer", status_code=201, responses=describe_errors(*_WRITES, 409)
)
def give_answer(
    request_key: Key, given: AnswerIn, service: ServiceDep, person: SignedIn
) -> CorrectionOut:
    """Answer a request to correct a record of your agency, within a month of it.

    An accepted correction comes as a record of its own. A request that was refused stays beside the
    record, which is disputed.
    """
    unit = service.need_unit()
    with service.need_store().writing() as writing:
        answer_correction(writing, request_key, person, given, unit)
        return read_correction(writing.connection, request_key, unit, writing.now_us)
