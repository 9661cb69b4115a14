"""One case's page, and what people do there: decide, view, doubt a record, read it first."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from starlette.datastructures import FormData

from serving.api.answers import NO, NOT_KNOWN, YES, AnswerGivenIn, keep_answer
from serving.api.parameters import Key
from serving.confirmations.records import Confirmation
from serving.decisions.agency_views import ViewIn, give_view
from serving.decisions.corrections import (
    CorrectionIn,
    ask_correction,
    find_record,
    make_no_narrative,
)
from serving.decisions.deciding import DecisionRequest, make_limits
from serving.decisions.decision_confirmation import decide_or_ask
from serving.decisions.score_without_record import Doubted
from serving.errors import RequestProblem, ServiceError, invalid
from serving.flags.first_reads import record_first_read
from serving.lists.blind_review import VIEWS, record_first_view
from serving.oversight.reading_time import check_reading_time
from serving.pages.case.decision_form import read_decision_form
from serving.pages.case.screen import Happened, Narrowing, show_screen
from serving.pages.case.view_words import STANCES
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.standing.standings import make_rules
from serving.store.narratives import PART_CHARACTERS, read_narrative

router = APIRouter(include_in_schema=False)
_Words = Annotated[str, Form(max_length=2_000)]
_MOST_PARTS = 10_000


async def read_form(request: Request) -> FormData:
    """Return the fields of a form that was sent."""
    return await request.form()


@router.get("/cases/{key}", response_class=HTMLResponse)
def show_case(
    request: Request,
    person: SignedIn,
    key: Key,
    whole: Annotated[str, Query(max_length=3)] = "",
    done: Literal[
        "",
        "decision",
        "waiting",
        "view",
        "views",
        "asked",
        "shown",
        "confirmed",
        "read",
        "first-view",
        "answer",
        "note",
    ] = "",
    part: Annotated[int, Query(ge=1, le=_MOST_PARTS)] = 1,
    behind: Annotated[str, Query(max_length=200)] = "",
    voice: Literal["", "recorded", "account", "classification"] = "",
    gravity: Literal["", "serious"] = "",
) -> HTMLResponse:
    """Show a case, and what was just done on it.

    ``whole`` works out the incidents of a large file, ``part`` is the part of its timeline, and
    ``behind`` narrows that to the records of one reason, ``voice`` to one voice and ``gravity`` to
    serious incidents.
    """
    narrowing = Narrowing(part, behind or None, voice, gravity)
    return show_screen(request, key, Happened(done), narrowing=narrowing, whole=bool(whole))


@router.get("/cases/{key}/narratives/{narrative_key}", response_class=HTMLResponse)
def show_narrative(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    key: Key,
    narrative_key: Key,
    part: Annotated[int, Query(ge=1, le=_MOST_PARTS)] = 1,
) -> HTMLResponse:
    """Show a part of a record's narrative."""
    start = (part - 1) * PART_CHARACTERS
    with service.need_store().reading() as connection:
        found = read_narrative(connection, key, narrative_key, person.agency, start)
    if found is None:
        raise make_no_narrative()
    return render(
        request,
        "case/narrative.html",
        case_key=key,
        text=found.text,
        part=part,
        n_parts=max(1, -(-found.size // PART_CHARACTERS)),
    )


@router.post("/cases/{key}/decide")
def make_decision(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    key: Key,
    form: Annotated[FormData, Depends(read_form)],
) -> Response:
    """Record a decision, or show the case with what is wrong and what was written."""
    narrowing = _read_narrowing(form)
    try:
        draft, version = read_decision_form(form)
        read = check_reading_time(
            service.need_store(), person, key, service.settings.least_reading_seconds
        )
        if draft.opened == [] and read.n_narratives:
            # Some were, on pages of their own: the log says how many, not which.
            draft = draft.model_copy(update={"opened": None})
        with service.need_store().writing() as writing:
            act = DecisionRequest(key, person, draft, version, read.seconds)
            decided = decide_or_ask(
                writing,
                act,
                service.need_unit(),
                make_rules(service.settings),
                make_limits(service.settings),
            )
    except ServiceError as error:
        happened = Happened(problem=error, given=form)
        return show_screen(request, key, happened, narrowing=narrowing)
    waits = isinstance(decided, Confirmation)
    return _go_back(key, "waiting" if waits else "decision", narrowing)


@router.post("/cases/{key}/first-view")
def give_first_view(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    key: Key,
    sitting: Annotated[str, Form(max_length=24)],
    view: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Record what a person thinks of a case before anything of the model is shown."""
    try:
        if view not in VIEWS:
            raise invalid([RequestProblem(where="view", code="no_view", remedy="choose one")])
        with service.need_store().writing() as writing:
            record_first_view(writing, sitting, key, person, view)
    except ServiceError as error:
        return show_problem(request, key, error)
    return _go_back(key, "first-view")


@router.post("/cases/{key}/first-read")
def note_first_read(request: Request, service: ServiceDep, person: SignedIn, key: Key) -> Response:
    """Record that a person has read a new case."""
    try:
        with service.need_store().writing() as writing:
            record_first_read(writing, key, person, None, make_rules(service.settings))
    except ServiceError as error:
        return show_problem(request, key, error)
    return _go_back(key, "read")


@router.post("/cases/{key}/views")
def add_view(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    key: Key,
    stance: Annotated[str, Form(max_length=10)] = "",
    words: _Words = "",
    direction: Annotated[str, Form(max_length=10)] = "",
    replaces: Annotated[str, Form(max_length=24)] = "",
) -> Response:
    """Record the view of the person's agency."""
    if stance not in STANCES:
        error = invalid([RequestProblem(where="stance", code="no_stance", remedy="choose one")])
        given = FormData({"words": words})
        return show_screen(request, key, Happened(problem=error, given=given))
    try:
        view = _write_view(stance, words, direction if stance == "dissent" else "", replaces)
        with service.need_store().writing() as writing:
            give_view(writing, key, person, view)
    except ServiceError as error:
        return show_problem(request, key, error)
    return _go_back(key, "view")


@router.post("/cases/{key}/corrections")
def doubt_record(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    key: Key,
    record: Annotated[str, Form(max_length=600)] = "",
    why: _Words = "",
) -> Response:
    """Ask for a correction, and show the score without the record."""
    given = FormData({"record": record, "why": why})
    try:
        empty = [name for name, said in (("record", record), ("why", why)) if not said.strip()]
        if empty:
            raise invalid(
                [RequestProblem(where=one, code=f"no_{one}", remedy="fill it in") for one in empty]
            )
        with service.need_store().writing() as writing:
            doubted = find_record(writing.connection, key, record.strip())
            ask_correction(writing, key, person, _write_request(doubted, why))
    except ServiceError as error:
        return show_screen(request, key, Happened(problem=error, given=given))
    return show_screen(request, key, Happened(doubted=doubted))


@router.post("/cases/{key}/answers")
def confirm_answer(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    key: Key,
    question: Annotated[str, Form(max_length=200)] = "",
    record: Annotated[str, Form(max_length=600)] = "",
    answer: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Keep what a person answered to a question that a record answers."""
    try:
        if answer not in (YES, NO, NOT_KNOWN):
            raise invalid([RequestProblem(where="answer", code="no_answer", remedy="choose one")])
        keep_answer(service, person, key, _write_answer(question, answer, record))
    except ServiceError as error:
        return show_problem(request, key, error)
    return _go_back(key, "answer")


def _write_answer(question: str, answer: str, record: str) -> AnswerGivenIn:
    told = {"question": question, "answer": answer, "record_id": record or None}
    return AnswerGivenIn.model_validate(told)


def _write_view(stance: str, words: str, direction: str, replaces: str) -> ViewIn:
    told = {"stance": stance, "words": words.strip() or None}
    told |= {"direction": direction or None, "replaces": replaces or None}
    try:
        return ViewIn.model_validate(told)
    except ValidationError:
        remedy = "leave out characters that cannot be shown"
        raise ServiceError("bad_words", "what was written cannot be kept", remedy) from None


def _write_request(doubted: Doubted, why: str) -> CorrectionIn:
    try:
        told = {"table": doubted.table, "record_id": doubted.record_id, "why": why}
        return CorrectionIn.model_validate(told)
    except ValidationError:
        remedy = "leave out characters that cannot be shown"
        raise ServiceError("bad_words", "what was written cannot be kept", remedy) from None


def show_problem(request: Request, key: str, problem: ServiceError) -> HTMLResponse:
    """Show a case with what is wrong with something that was sent about it."""
    return show_screen(request, key, Happened(problem=problem))


def _read_narrowing(form: FormData) -> Narrowing:
    """Return the part of the timeline at which a decision was made, so that it is shown again."""
    part = str(form.get("part", ""))
    known = part.isdecimal() and 1 <= int(part[:6]) <= _MOST_PARTS
    return Narrowing(int(part[:6]) if known else 1, str(form.get("behind", ""))[:200] or None)


def _go_back(key: str, done: str = "", narrowing: Narrowing | None = None) -> RedirectResponse:
    told = {"done": done}
    if narrowing is not None:
        told |= {"behind": narrowing.behind or ""}
        told |= {"part": str(narrowing.part)} if narrowing.part > 1 else {}
    query = urlencode({name: value for name, value in told.items() if value})
    place = "#done" if done else ""
    return RedirectResponse(f"/cases/{key}{'?' if query else ''}{query}{place}", status_code=303)
