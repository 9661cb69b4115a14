"""Every open case, some at a time, and a case found by its number."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.lists.case_search import find_cases
from serving.lists.open_cases import Filters, read_page
from serving.lists.pools import count_states
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.standing.states import OPEN
from serving.web.gate import note_shown, sight_of

router = APIRouter(include_in_schema=False)
CASES_PER_PAGE: Final = 50
_Text = Annotated[str, Query(max_length=200)]


@router.get("/cases", response_class=HTMLResponse)
def show_cases(
    request: Request,
    service: ServiceDep,
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
    note_shown(request, (row.key for row in (*page.rows, *page.blind_rows)))
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


@router.post("/cases/find")
def find_case(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    number: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Lead to the case of a number, or show those whose number begins so.

    It is sent in the body of the request, since an address is written into logs and kept by the
    browser; the answer leads on by the case's opaque key.
    """
    with service.need_store().reading() as connection:
        found = find_cases(connection, number, sight_of(request, connection))
    note_shown(request, (one.key for one in found.cases))
    if len(found.cases) == 1:
        return RedirectResponse(f"/cases/{found.cases[0].key}", status_code=303)
    return render(request, "found.html", found=found, number=number.strip())
