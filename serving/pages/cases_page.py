"""Every open case, some at a time."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from serving.lists.open_cases import Filters, read_page
from serving.lists.pools import count_states
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.rights.gate import note_shown, sight_of
from serving.screening.states import OPEN
from serving.service import service_of

router = APIRouter(include_in_schema=False)
CASES_PER_PAGE: Final = 50
_Text = Annotated[str, Query(max_length=200)]


@router.get("/cases", response_class=HTMLResponse)
def show_cases(
    request: Request,
    person: SignedIn,
    area: _Text = "",
    source: _Text = "",
    family: _Text = "",
    state: Literal["", "awaiting", "managed", "returned"] = "",
    flagged: Literal["", "yes"] = "",
    order: Literal["priority", "wait"] = "priority",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> HTMLResponse:
    """Show open cases under some filters."""
    service = service_of(request)
    store = service.need_store()
    with store.reading() as connection:
        sight = sight_of(request, connection)
        filters = Filters(
            area or None,
            source or None,
            family or None,
            state or None,
            True if flagged else None,
            sight,
        )
        page = read_page(
            connection,
            service.need_unit(),
            store.clock(),
            filters,
            order=order,
            size=CASES_PER_PAGE,
            cursor=cursor,
        )
        counts = count_states(connection, sight) if cursor is None else {}
    note_shown(request, (row["key"] for row in (*page.rows, *page.blind_rows)))
    wanted = {"area": area, "source": source, "family": family}
    return render(
        request,
        "cases.html",
        page=page,
        counts=counts,
        states=OPEN,
        wanted=wanted | {"state": state, "flagged": flagged, "order": order},
        is_first=cursor is None,
    )
