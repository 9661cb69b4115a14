"""The list of a sitting, as the team goes through it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.lists.listed import read_overflow, read_rows
from serving.lists.opening import make_terms, open_sitting
from serving.lists.sittings import current_sitting
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.rights.gate import note_shown, sight_of
from serving.screening.advising import advise_scores
from serving.screening.ordering import read_ordering
from serving.service import service_of

router = APIRouter(include_in_schema=False)
MOST_OVERFLOW: Final = 5
RULES: Final = {
    "flagged": "a flag stands",
    "priority": "its priority",
    "waited": "it waited longest",
    "random": "drawn at random",
    None: "told once every blind case of the list was viewed",
}
"""Why a case is on the list, in words."""


@router.get("/", response_class=HTMLResponse)
def show_list(
    request: Request,
    person: SignedIn,
    area: Annotated[str, Query(max_length=200)] = "",
    source: Annotated[str, Query(max_length=200)] = "",
    family: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Show the current sitting's list; before the first, how to open one."""
    service = service_of(request)
    unit = service.need_unit()
    with service.need_store().reading() as connection:
        sitting = current_sitting(connection)
        if sitting is None:
            return render(request, "no_sitting.html")
        sight = sight_of(request, connection)
        rows = read_rows(connection, sitting, unit, hold_draw=True, sight=sight)
        outside = read_overflow(connection, sitting, unit, MOST_OVERFLOW, sight)
    note_shown(request, (row["key"] for row in (*rows, *outside)))
    wanted = {"area": area, "source": source, "family": family}
    return render(
        request,
        "list.html",
        sitting=sitting,
        standing=sitting.standing,
        rows=[row for row in rows if _meets(row, wanted)],
        n_rows=len(rows),
        n_decided=sum(row["decided"] for row in rows),
        choices={name: _distinct(rows, name) for name in wanted},
        wanted=wanted,
        next_key=next((row["key"] for row in rows if not row["decided"]), None),
        outside=outside,
        rules=RULES,
    )


@router.post("/sittings")
def open_list(
    request: Request, person: SignedIn, again: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Open today's sitting, or another one where a reason is given, and show its list."""
    service = service_of(request)
    store = service.need_store()
    bundle = service.champion.find()
    with store.reading() as connection:
        ordering = read_ordering(connection, has_model=bundle is not None)
    open_sitting(
        store,
        service.need_unit(),
        make_terms(service.settings, ordering),
        person,
        bundle,
        advise_scores,
        again=again.strip() or None,
    )
    return RedirectResponse("/", status_code=303)


def _meets(row: dict[str, Any], wanted: dict[str, str]) -> bool:
    """Whether a row is shown under the filters; of a withheld row only what it shows is asked."""
    return all(row.get(name, value) in ("", value) or not value for name, value in wanted.items())


def _distinct(rows: list[dict[str, Any]], name: str) -> list[str]:
    return sorted({row[name] for row in rows if row.get(name)})
