"""The clinic pack: the list and one sheet for each case, to print or to save as PDF."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from models.wording import say
from serving.lists.sheets import Pack, pick_latest, read_pack
from serving.lists.sittings import current_sitting
from serving.pages.case.decision_form import WAY_WORDS
from serving.pages.list_words import RULES, ListWords, tell_briefly
from serving.pages.print_marks import MARKING
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.rights.gate import note_shown, sight_of
from serving.rights.roles import OPENERS
from serving.screening.worker import make_rules
from serving.service import service_of

router = APIRouter(include_in_schema=False)


@router.get("/pack", response_class=HTMLResponse)
def show_pack(request: Request, person: SignedIn) -> HTMLResponse:
    """Show the pack of the current sitting: a look at every case on its list."""
    service = service_of(request)
    unit = service.need_unit()
    with service.need_store().reading() as connection:
        sitting = current_sitting(connection)
        if sitting is None:
            may_open = person.role in OPENERS
            return render(request, "no_sitting.html", section="", may_open=may_open)
        sight = sight_of(request, connection)
        pack = read_pack(connection, sitting, unit, sight, make_rules(service.settings))
    note_shown(request, (row["key"] for row in pack.rows))
    bundle = service.champion.find()
    words = ListWords(bundle.catalogue if bundle else None, unit.time_zone)
    return render(
        request,
        "pack.html",
        section="",
        sitting=sitting,
        standing=sitting.standing,
        rows=pack.rows,
        sheets=[_tell_sheet(row, pack, words) for row in pack.rows],
        rules=RULES,
        news_since=pack.since.words,
        ways=WAY_WORDS,
        briefly=tell_briefly,
        marking=MARKING,
        say=say,
    )


def _tell_sheet(row: dict[str, Any], pack: Pack, words: ListWords) -> dict[str, Any]:
    """Return what a sheet says beside its row: news, and the records behind flags and reasons."""

    def tell(one: dict[str, Any]) -> dict[str, Any]:
        picked = pick_latest(one["records"])
        latest = words.tell_records(row["key"], picked, pack.named)
        n_records = len([key for key in one["records"] if key])
        return one | {
            # Two views of one incident read alike here.
            "latest": list(dict.fromkeys(latest)),
            "n_records": n_records,
            "has_more": n_records > len(picked),
        }

    return {
        "news": words.tell_news(pack.news.get(row["key"]), dated=True),
        "flags": [tell(flag) for flag in row["flags"]],
        "reasons": [tell(reason) for reason in row["reasons"]],
        "counter_reasons": [tell(reason) for reason in row.get("counter_reasons") or ()],
        "estimates": [tell_briefly(row, one["outcome"]) for one in row["estimates"]],
        "unknowns": row.get("unknowns") or [one for one in (row["unknown"],) if one],
    }
