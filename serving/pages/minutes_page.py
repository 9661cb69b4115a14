"""The minutes of a sitting, to read and to print, and the views that wait for one's agency."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from serving.api.minutes import open_minutes
from serving.api.parameters import Key
from serving.decisions.decisions_export import list_said
from serving.decisions.recorded_views import read_recorded
from serving.pages.case.decision_form import WAY_WORDS
from serving.pages.case.view_words import (
    DIRECTION_WORDS,
    SCORE_WORDS,
    STANCES,
    describe_blind,
    describe_recorded,
)
from serving.pages.print_marks import MARKING
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.web.gate import note_shown, sight_of

router = APIRouter(include_in_schema=False)


@router.get("/minutes/{sitting_key}", response_class=HTMLResponse)
def show_minutes(
    request: Request, service: ServiceDep, person: SignedIn, sitting_key: Key
) -> HTMLResponse:
    """Show the minutes of a sitting."""
    _, found = open_minutes(request, service, sitting_key)
    return render(
        request,
        "minutes.html",
        section="",
        minutes=found,
        decided=[one for one in found.cases if one.decisions or one.views],
        undecided=[one for one in found.cases if not one.decisions and not one.views],
        said=list_said,
        stances=STANCES,
        directions=DIRECTION_WORDS,
        score_words=SCORE_WORDS,
        describe_blind=describe_blind,
        recorded=describe_recorded,
        ways=WAY_WORDS,
        marking=MARKING,
    )


@router.get("/views", response_class=HTMLResponse)
def show_recorded(request: Request, service: ServiceDep, person: SignedIn) -> HTMLResponse:
    """Show the views that other agencies recorded for the person's and that wait for it."""
    with service.need_store().reading() as connection:
        found = read_recorded(
            connection, person.agency, service.need_unit(), sight_of(request, connection)
        )
    note_shown(request, (one.case_key for one in found.views))
    return render(
        request, "views.html", section="", found=found, stances=STANCES, directions=DIRECTION_WORDS
    )
