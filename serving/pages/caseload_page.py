"""The caseload: managed cases, and what changed on each since its latest decision."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from serving.api.cases import list_caseload
from serving.decisions.drafts import NO_NUL
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.screening.key_shape import KEY_PATTERN

router = APIRouter(include_in_schema=False)
_Name = Annotated[str, Query(max_length=200, pattern=NO_NUL)]


@router.get("/caseload", response_class=HTMLResponse)
def show_caseload(
    request: Request,
    person: SignedIn,
    owner: _Name = "",
    area: _Name = "",
    order: Literal["review", "changed"] = "review",
    cursor: Annotated[str | None, Query(pattern=KEY_PATTERN)] = None,
) -> HTMLResponse:
    """Show managed cases, the next review first or the most changed."""
    told = list_caseload(
        request, person, owner or None, area or None, order, limit=50, cursor=cursor
    )
    wanted = {"owner": owner, "area": area, "order": order}
    return render(request, "caseload.html", told=told, wanted=wanted)
