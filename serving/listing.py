"""``GET /v1/list``: the caseload in order, from the first place to the last open case."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from serving.caseload import Caseload, Service
from serving.problems import ErrorResponse, ServiceError
from serving.schemas import AdviceOut, ListOut, RowOut, StandingOut
from serving.scores import describe_advice, describe_standing

router = APIRouter(prefix="/v1", tags=["list"])
MOST_ROWS = 200


def need_caseload(request: Request) -> Caseload:
    """Return the caseload.

    Raises
    ------
    ServiceError
        If none is loaded.
    """
    service: Service = request.app.state.service
    if service.caseload is None:
        raise ServiceError(503, "no_data", "no cases are loaded", "start with --data")
    return service.caseload


@router.get("/list", responses={422: {"model": ErrorResponse}, 503: {"model": ErrorResponse}})
def read_list(
    request: Request,
    limit: Annotated[int | None, Query(ge=1, le=MOST_ROWS)] = None,
    cursor: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
) -> ListOut:
    """Return this week's list, or any further part of the caseload by ``cursor``."""
    caseload = need_caseload(request)
    size = limit or min(caseload.capacity, MOST_ROWS)
    rows = list_rows(caseload, cursor, cursor + size)
    last = cursor + len(rows)
    return ListOut(
        **standing_of(caseload).model_dump(),
        capacity=caseload.capacity,
        n_ranked=len(caseload.ranking),
        n_open=caseload.n_open,
        unmeasured=caseload.unmeasured,
        rows=rows,
        next_cursor=last if last < caseload.n_open and rows else None,
    )


def standing_of(caseload: Caseload) -> StandingOut:
    """Return what is needed to read the caseload's scores."""
    return describe_standing(
        caseload.ranking.list_first(0), synthetic=caseload.folder.manifest.synthetic
    )


def list_rows(caseload: Caseload, first: int, last: int) -> list[RowOut]:
    """Return rows ``first`` to ``last`` (exclusive): ranked cases, then open ones without a
    score.
    """
    n_ranked = len(caseload.ranking)
    rows = [
        _ranked_row(caseload, describe_advice(advice)) for advice in caseload.advise(first, last)
    ]
    unranked = caseload.unranked[max(first - n_ranked, 0) : max(last - n_ranked, 0)]
    return rows + [_unranked_row(caseload, int(case)) for case in unranked]


def _ranked_row(caseload: Caseload, advice: AdviceOut) -> RowOut:
    case = int(caseload.ranking.standing.case[advice.rank - 1])
    return RowOut(
        key=caseload.keys[case],
        case_id=advice.case_id,
        area=advice.area,
        rank=advice.rank,
        on_list=advice.rank <= caseload.capacity,
        priority=advice.priority,
        estimates=advice.estimates,
        first_reason=advice.reasons[0] if advice.reasons else None,
        flags=advice.flags,
    )


def _unranked_row(caseload: Caseload, case: int) -> RowOut:
    return RowOut(
        key=caseload.keys[case],
        case_id=caseload.case_id(case),
        area=caseload.area(case),
        rank=None,
        on_list=False,
        priority=None,
        estimates=[],
        first_reason=None,
        flags=[],
    )
