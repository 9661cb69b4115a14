"""The list of a sitting, as the team goes through it."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from models.wording.sentences import say
from serving.access.roles import OPENERS
from serving.decisions.counted_views import read_dissents
from serving.decisions.recorded_views import count_recorded
from serving.intake.held_cases import count_held
from serving.lists.flag_states import read_flag_states
from serving.lists.listed import read_overflow, read_rows
from serving.lists.new_records import find_since, read_news
from serving.lists.outputs import ListedOut
from serving.lists.sitting_counts import narrow_sitting
from serving.lists.sitting_opening import make_terms, open_sitting
from serving.lists.sittings import current_sitting
from serving.pages.case.decision_form import WAY_WORDS
from serving.pages.list_words import RULES, ListWords, format_row
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.scoring.ordering import read_ordering
from serving.scoring.stored_advice import advise_scores
from serving.service import ServiceDep
from serving.standing.standings import make_rules
from serving.web.gate import note_shown, sight_of

router = APIRouter(include_in_schema=False)
MOST_OVERFLOW: Final = 5
_Name = Annotated[str, Query(max_length=200)]
_CHOSEN: Final = ("area", "source", "family")
"""Filters by what a row says; their choices are what the rows have."""


@router.get("/", response_class=HTMLResponse)
def show_list(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    area: _Name = "",
    source: _Name = "",
    family: _Name = "",
    decision: Literal["", "no", "yes"] = "",
    referred: Literal["", "newly"] = "",
) -> HTMLResponse:
    """Show the current sitting's list; before the first, how to open one."""
    unit = service.need_unit()
    with service.need_store().reading() as connection:
        sitting = current_sitting(connection)
        if sitting is None:
            return render(
                request,
                "no_sitting.html",
                may_open=person.role in OPENERS,
                model_warning=service.champion.difference,
            )
        sight = sight_of(request, connection)
        shown = narrow_sitting(connection, sitting, sight, unit)
        rows = read_rows(connection, sitting, unit, hold_draw=True, sight=sight)
        outside = read_overflow(connection, sitting, unit, MOST_OVERFLOW, sight)
        keys = [row.key for row in rows]
        rules = make_rules(service.settings)
        since = find_since(connection, sitting)
        news = read_news(connection, keys, since, rules)
        flag_states = read_flag_states(connection, keys)
        n_held = count_held(connection, sight)
        dissents = read_dissents(connection, keys)
        n_recorded = count_recorded(connection, person, unit, sight)
    note_shown(request, [*keys, *(row.key for row in outside)])
    wanted = {"area": area, "source": source, "family": family}
    wanted |= {"decision": decision, "referred": referred}
    bundle = service.champion.find()
    words = ListWords(bundle.catalogue if bundle else None, unit.time_zone)
    return render(
        request,
        "list.html",
        sitting=shown,
        standing=shown.standing,
        rows=[row for row in rows if _meets(row, wanted)],
        n_rows=len(rows),
        n_decided=sum(row.decided for row in rows),
        choices={name: _distinct(rows, name) for name in _CHOSEN},
        wanted=wanted,
        next_row=next((row for row in rows if not row.decided), None),
        outside=outside,
        n_held=n_held,
        dissents=dissents,
        n_recorded=n_recorded,
        rules=RULES,
        news={key: words.describe_news(found) for key, found in news.items()},
        news_since=since.words,
        flag_states=flag_states,
        ways=WAY_WORDS,
        briefly=format_row,
        say=say,
        may_open=person.role in OPENERS,
        model_warning=service.champion.difference,
    )


@router.post("/sittings")
def open_list(
    service: ServiceDep, person: SignedIn, again: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Open today's sitting, or another one where a reason is given, and show its list."""
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


def _meets(row: ListedOut, wanted: dict[str, str]) -> bool:
    """Whether a row is shown under the filters; of a withheld row only what it shows is asked."""
    if wanted["decision"] and row.decided != (wanted["decision"] == "yes"):
        return False
    if wanted["referred"] and not row.newly_referred:
        return False
    chosen = {name: wanted[name] for name in _CHOSEN}
    return all(getattr(row, name) in ("", value) or not value for name, value in chosen.items())


def _distinct(rows: list[ListedOut], name: str) -> list[str]:
    return sorted({getattr(row, name) for row in rows if getattr(row, name)})
