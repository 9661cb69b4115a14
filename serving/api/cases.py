"""``GET /v1/cases/{key}`` and ``GET /v1/caseload``: one case whole, and the managed ones."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from serving.api.parameters import Key, KeyCursor, Limit
from serving.decisions.case_versions import write_tag
from serving.decisions.case_view import describe_case
from serving.decisions.caseload import CaseloadFilter, read_caseload
from serving.decisions.corrections import make_no_narrative
from serving.decisions.drafts import NO_NUL
from serving.decisions.outputs import CaseloadOut, CaseOut, NarrativeOut
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.standing.standings import make_rules
from serving.store.narratives import read_narrative
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown, sight_of

router = APIRouter(prefix="/v1", tags=["cases"])
MOST_START: Final = 10_000_000
_Name = Annotated[str | None, Query(max_length=200, pattern=NO_NUL)]


@router.get("/cases/{key}", responses=describe_errors(401, 404, 422, 503))
def read_case(key: Key, service: ServiceDep, response: Response, person: SignedIn) -> CaseOut:
    """Return a case by its opaque key, open or closed; a decision sends its ETag as If-Match."""
    with service.need_store().reading() as connection:
        told = describe_case(connection, service, key, person=person)
    response.headers["etag"] = write_tag(told.version)
    return told


@router.get(
    "/cases/{key}/narratives/{narrative_key}", responses=describe_errors(401, 404, 422, 503)
)
def read_case_narrative(
    key: Key,
    narrative_key: Key,
    service: ServiceDep,
    person: SignedIn,
    start: Annotated[int, Query(alias="from", ge=0, le=MOST_START)] = 0,
) -> NarrativeOut:
    """Return part of a record's narrative, of which a case tells the beginning."""
    with service.need_store().reading() as connection:
        found = read_narrative(connection, key, narrative_key, person.agency, start)
    if found is None:
        raise make_no_narrative()
    return NarrativeOut(
        text=found.text, start=found.start, size=found.size, next_start=found.next_start
    )


@router.get("/caseload", responses=describe_errors(401, 422, 503))
def list_caseload(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    owner: _Name = None,
    area: _Name = None,
    order: Literal["review", "changed"] = "review",
    limit: Limit = 50,
    cursor: KeyCursor = None,
) -> CaseloadOut:
    """Return the managed cases and what changed on each since its latest decision."""
    store, unit = service.need_store(), service.need_unit()
    with store.reading() as connection:
        wanted = CaseloadFilter(owner, area, order, limit, cursor, sight_of(request, connection))
        rules, now_us = make_rules(service.settings), store.clock()
        found = read_caseload(connection, wanted, unit, rules, now_us)
    note_shown(request, (one.key for one in found.cases))
    return found
