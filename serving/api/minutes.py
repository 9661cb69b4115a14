"""Minutes of a sitting and its decisions as CSV: ``/v1/sittings/{sitting_key}/...``."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from serving.api.parameters import Key
from serving.decisions.decisions_export import write_decisions
from serving.decisions.minutes import MinutesOut, read_minutes
from serving.errors import ServiceError
from serving.lists.sittings import Sitting, read_sitting
from serving.persons import SignedIn
from serving.service import Service, ServiceDep
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown, sight_of

router = APIRouter(prefix="/v1", tags=["decisions"])


@router.get("/sittings/{sitting_key}/minutes", responses=describe_errors(401, 404, 422, 503))
def show_minutes(
    sitting_key: Key, request: Request, service: ServiceDep, person: SignedIn
) -> MinutesOut:
    """Return what was decided in a sitting, and on its day outside of any."""
    return open_minutes(request, service, sitting_key)[1]


@router.get(
    "/sittings/{sitting_key}/decisions.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **describe_errors(401, 404, 422, 503)},
)
def export_decisions(
    sitting_key: Key, request: Request, service: ServiceDep, person: SignedIn
) -> Response:
    """Return the decisions of a sitting as CSV; what is planned for a victim's safety is not in."""
    sitting, found = open_minutes(request, service, sitting_key)
    return Response(
        write_decisions(found, sitting.standing["advisory"]),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="decisions-{found.day}.csv"',
            "Cache-Control": "private, no-store",
        },
    )


def open_minutes(
    request: Request, service: Service, sitting_key: str
) -> tuple[Sitting, MinutesOut]:
    """Return a sitting with its minutes, and note which cases they show.

    Raises
    ------
    ServiceError
        If there is no such sitting (404).
    """
    with service.need_store().reading() as connection:
        sitting = need_sitting_of(connection, sitting_key)
        sight = sight_of(request, connection)
        found = read_minutes(connection, sitting, service.need_unit(), sight)
    note_shown(request, (one.key for one in found.cases))
    return sitting, found


def need_sitting_of(connection: Connection, sitting_key: str) -> Sitting:
    """Return a sitting by its key.

    Raises
    ------
    ServiceError
        If there is none (404).
    """
    sitting = read_sitting(connection, sitting_key)
    if sitting is None:
        raise ServiceError("not_found", "no sitting has this key", "start from /v1/sittings")
    return sitting
