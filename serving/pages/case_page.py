"""One case: what is new and asked first, the reasons beside their records, and the decision."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from sqlalchemy import Connection, select
from starlette.datastructures import FormData

from models.wording import say
from serving.api.decisions import CaseKey
from serving.decisions.case_view import describe_case
from serving.decisions.corrections import CorrectionIn, ask_correction
from serving.decisions.deciding import Act, decide
from serving.decisions.outputs import CaseOut, WithoutOut
from serving.decisions.versions import write_tag
from serving.decisions.views import ViewIn, give_view
from serving.decisions.without import Doubted, score_without
from serving.explaining.case_folders import CaseFolders
from serving.explaining.opening import Explaining
from serving.explaining.page_part import PagePart, explain_on_page
from serving.lists.blinding import VIEWS, blind_sitting, record_first_view
from serving.lists.sittings import current_sitting
from serving.pages.decision_form import WAY_WORDS, WAYS, read_decision_form
from serving.pages.rendering import describe_moment, render
from serving.persons import SignedIn
from serving.problems import ServiceError
from serving.rights.gate import sight_of
from serving.rights.roles import DECIDERS, OPENERS
from serving.rights.sealing import read_seal
from serving.rights.sight import Sight
from serving.schemas import RecordOut
from serving.screening.first_reads import record_first_read
from serving.screening.worker import make_rules
from serving.service import Service, service_of
from serving.store.schema import decisions, list_places

router = APIRouter(include_in_schema=False)
_Words = Annotated[str, Form(max_length=2_000)]
STANCES: Final = {"agree": "Agrees", "dissent": "Dissents", "abstain": "Abstains"}
VIEW_WORDS: Final = dict(zip(VIEWS, ("Look now", "Look soon", "Can wait"), strict=True))


async def _read_form(request: Request) -> FormData:
    return await request.form()


@router.get("/cases/{key}", response_class=HTMLResponse)
def show_case(
    request: Request,
    person: SignedIn,
    key: CaseKey,
    whole: Annotated[str, Query(max_length=3)] = "",
    done: Literal["", "decision", "view", "read"] = "",
) -> HTMLResponse:
    """Show a case, and what was just done on it; ``whole`` leaves nothing out of a large file."""
    return _show(request, key, whole=bool(whole), done=done)


@router.post("/cases/{key}/decide")
def make_decision(
    request: Request,
    person: SignedIn,
    key: CaseKey,
    form: Annotated[FormData, Depends(_read_form)],
) -> Response:
    """Record a decision, or show the case with what is wrong and what was written."""
    service = service_of(request)
    try:
        draft, version = read_decision_form(form)
        with service.need_store().writing() as writing:
            act = Act(key, person, draft, version)
            decide(writing, act, service.need_unit(), make_rules(service.settings))
    except ServiceError as error:
        return _show(request, key, problem=error, given=form)
    return RedirectResponse(f"/cases/{key}?done=decision", status_code=303)


@router.post("/cases/{key}/first-view")
def give_first_view(
    request: Request,
    person: SignedIn,
    key: CaseKey,
    sitting: Annotated[str, Form(max_length=24)],
    view: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Record what a person thinks of a case before anything of the model is shown."""
    try:
        with service_of(request).need_store().writing() as writing:
            record_first_view(writing, sitting, key, person, view)
    except ServiceError as error:
        return _show(request, key, problem=error)
    return RedirectResponse(f"/cases/{key}", status_code=303)


@router.post("/cases/{key}/first-read")
def note_first_read(request: Request, person: SignedIn, key: CaseKey) -> Response:
    """Record that a person has read a new case."""
    service = service_of(request)
    try:
        with service.need_store().writing() as writing:
            record_first_read(writing, key, person, None, make_rules(service.settings))
    except ServiceError as error:
        return _show(request, key, problem=error)
    return RedirectResponse(f"/cases/{key}?done=read", status_code=303)


@router.post("/cases/{key}/views")
def add_view(
    request: Request,
    person: SignedIn,
    key: CaseKey,
    stance: Annotated[str, Form(max_length=10)] = "",
    words: _Words = "",
) -> Response:
    """Record the view of the person's agency."""
    service = service_of(request)
    if stance not in STANCES:
        remedy = "choose one of agree, dissent and abstain"
        error = ServiceError(422, "no_stance", "no view was chosen", remedy)
        return _show(request, key, problem=error)
    view = ViewIn(stance=stance, words=words.strip() or None)  # type: ignore[arg-type]
    try:
        with service.need_store().writing() as writing:
            give_view(writing, key, person, view)
    except ServiceError as error:
        return _show(request, key, problem=error)
    return RedirectResponse(f"/cases/{key}?done=view", status_code=303)


@router.post("/cases/{key}/corrections")
def doubt_record(
    request: Request,
    person: SignedIn,
    key: CaseKey,
    record: Annotated[str, Form(max_length=600)],
    why: _Words = "",
) -> Response:
    """Ask for a correction, and show the score without the record."""
    table, _, record_id = record.partition("|")
    try:
        if not why.strip():
            remedy = "say what is wrong with the record"
            raise ServiceError(422, "no_reason", "nothing was said of the record", remedy)
        asked = _read_correction(table, record_id, why)
        with service_of(request).need_store().writing() as writing:
            ask_correction(writing, key, person, asked)
    except ServiceError as error:
        return _show(request, key, problem=error)
    return _show(request, key, doubted=Doubted(key, table, record_id))


def _read_correction(table: str, record_id: str, why: str) -> CorrectionIn:
    try:
        return CorrectionIn.model_validate({"table": table, "record_id": record_id, "why": why})
    except ValidationError:
        raise ServiceError(
            422, "no_record", "no record was chosen", "choose one of the case's records"
        ) from None


def _show(
    request: Request,
    key: str,
    *,
    problem: ServiceError | None = None,
    given: FormData | None = None,
    doubted: Doubted | None = None,
    whole: bool = False,
    done: str = "",
) -> HTMLResponse:
    service = service_of(request)
    with service.need_store().reading() as connection:
        folders = CaseFolders(connection, key, service.need_unit())
        case = describe_case(connection, service, key, folders, person=request.state.person)
        without = _compare(connection, service, case, doubted)
        place = _find_place(connection, key, sight_of(request, connection))
        seal = read_seal(connection, key) if case.sealed else None
        view_of = blind_sitting(connection, key)
        explained = _explain(Explaining(connection, service, key, folders), case, whole=whole)
    anchors = {record.record_id: f"record-{n}" for n, record in enumerate(case.records)}
    return render(
        request,
        "case.html",
        status=problem.status if problem else 200,
        case=case,
        advice=case.advice,
        explained=explained,
        say=say,
        evidence=_link(case),
        numbers=_number(case),
        anchors=anchors,
        told={one.record_id: _name_record(one) for one in case.records},
        sentences=_name_indicators(service),
        place=place,
        seal=seal,
        view_of=view_of,
        may_view=request.state.person.role in OPENERS,
        section="" if place else "cases",
        done=done,
        problem=problem.body if problem else None,
        given=given or FormData(),
        without=without,
        version=write_tag(case.version),
        views=VIEW_WORDS,
        stances=STANCES,
        ways=WAYS,
        wide_words=WAY_WORDS,
        may_decide=request.state.person.role in DECIDERS,
    )


def show_problem(request: Request, key: str, problem: ServiceError) -> HTMLResponse:
    """Show a case with what is wrong with something that was sent about it."""
    return _show(request, key, problem=problem)


def _compare(
    connection: Connection, service: Service, case: CaseOut, doubted: Doubted | None
) -> WithoutOut | None:
    bundle = service.champion.find()
    if doubted is None or case.withheld or bundle is None:
        return None
    if (doubted.table, doubted.record_id) not in {(r.table, r.record_id) for r in case.records}:
        return None
    now_us = service.need_store().clock()
    return score_without(connection, bundle, doubted, service.need_unit(), now_us)


def _explain(asked: Explaining, case: CaseOut, *, whole: bool) -> PagePart | None:
    """Lay the score open that the page shows; ``None`` where it shows none."""
    if case.withheld or case.advice is None:
        return None
    return explain_on_page(asked, case.advice.score_key, whole=whole)


def _find_place(connection: Connection, key: str, sight: Sight) -> dict[str, Any] | None:
    """Return where the case stands on the current list, and which case comes next there."""
    sitting = current_sitting(connection)
    if sitting is None:
        return None
    found = connection.execute(
        select(list_places.c.position, list_places.c.case_key, decisions.c.decision_key)
        .outerjoin(
            decisions,
            (decisions.c.case_key == list_places.c.case_key)
            & (decisions.c.sitting_key == sitting.key),
        )
        .where(list_places.c.sitting_key == sitting.key)
        .order_by(list_places.c.position)
    ).all()
    listed = sight.keep_listed(connection, [seat.case_key for seat in found])
    decided: dict[str, bool] = {}
    for seat in found:
        if seat.case_key in listed:
            decided[seat.case_key] = seat.decision_key is not None
    if key not in decided:
        return None
    keys = list(decided)
    mine = keys.index(key)
    left = [other for other in keys[mine + 1 :] + keys[:mine] if not decided[other]]
    return {
        "sitting_key": sitting.key,
        "position": mine + 1,
        "size": len(keys),
        "next_key": left[0] if left else None,
        "decided": decided[key],
    }


def _name_record(record: RecordOut) -> str:
    """Return a record as a flag's box names it: when, and what."""
    return f"{describe_moment(record.occurred_at or record.recorded_at)}, {record.label}"


def _name_indicators(service: Service) -> dict[str, str]:
    """Return what each indicator is about, without a value: earlier decisions name them."""
    bundle = service.champion.find()
    if bundle is None:
        return {}
    return {one.name: one.reason.replace("{value}", "…") for one in bundle.catalogue.indicators}


def _number(case: CaseOut) -> dict[str, str]:
    """Return the name under which a record refers to each reason: its place on the page."""
    if case.advice is None:
        return {}
    up = {one.indicator: f"reason {n}" for n, one in enumerate(case.advice.reasons, 1)}
    down = {
        one.indicator: f"reason {n} of those that moved it down"
        for n, one in enumerate(case.advice.counter_reasons, 1)
    }
    return down | up


def _link(case: CaseOut) -> dict[str, list[tuple[str, RecordOut]]]:
    """Return for each indicator the records behind it with their anchors on the page."""
    links: dict[str, list[tuple[str, RecordOut]]] = {}
    for number, record in enumerate(case.records):
        for indicator in record.behind:
            links.setdefault(indicator, []).append((f"record-{number}", record))
    return links
