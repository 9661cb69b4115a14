"""The clinic pack: the list and one sheet for each case, to print or to save as PDF."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from models.ranking.themes import describe_role
from models.wording.sentences import say
from serving.access.roles import OPENERS
from serving.decisions.corrections import read_disputes
from serving.decisions.counted_views import read_dissents
from serving.lists.clinic_pack import Pack, pick_latest, read_pack
from serving.lists.latest_incidents import LatestIncidents
from serving.lists.outputs import ListedOut
from serving.lists.recent_incidents import Lately, ListedDecision
from serving.lists.sitting_counts import narrow_sitting
from serving.lists.sittings import current_sitting
from serving.pages.case.decision_form import WAY_WORDS
from serving.pages.list_words import RULES, ListWords, format_row
from serving.pages.print_marks import MARKING
from serving.pages.rendering import describe_day_of, render
from serving.persons import SignedIn
from serving.schemas import DisputeOut
from serving.service import ServiceDep
from serving.standing.standings import make_rules
from serving.web.gate import note_shown, sight_of

router = APIRouter(include_in_schema=False)


@router.get("/pack", response_class=HTMLResponse)
def show_pack(request: Request, service: ServiceDep, person: SignedIn) -> HTMLResponse:
    """Show the pack of the current sitting: an access to every case on its list."""
    unit = service.need_unit()
    bundle = service.champion.find()
    catalogue = bundle.catalogue if bundle else None
    store, rules = service.need_store(), make_rules(service.settings)
    with store.reading() as connection:
        sitting = current_sitting(connection)
        if sitting is None:
            may_open = person.role in OPENERS
            return render(request, "no_sitting.html", section="", may_open=may_open)
        sight = sight_of(request, connection)
        shown = narrow_sitting(connection, sitting, sight, unit)
        pack = read_pack(connection, sitting, unit, sight, rules, bundle, store.clock())
        disputes = read_disputes(connection, [row.key for row in pack.rows], unit)
        dissents = read_dissents(connection, [row.key for row in pack.rows])
    note_shown(request, (row.key for row in pack.rows))
    words = ListWords(catalogue, unit.time_zone)
    return render(
        request,
        "pack.html",
        section="",
        sitting=shown,
        standing=shown.standing,
        rows=pack.rows,
        sheets=[
            _describe_sheet(row, pack, words)
            | {"disputes": _describe_disputes(row.key, disputes)}
            | {"dissents": dissents.get(row.key, ())}
            for row in pack.rows
        ],
        rules=RULES,
        news_since=pack.since.words,
        ways=WAY_WORDS,
        briefly=format_row,
        marking=MARKING,
        say=say,
        describe_role=describe_role,
    )


@dataclass(frozen=True)
class BehindIt:
    """The records behind a flag or a reason, as a sheet names them.

    Parameters
    ----------
    latest
        The latest in words; two views of one incident read alike, and stand there once.
    n_records, has_more
        How many there are, and whether more than the latest.
    """

    latest: tuple[str, ...]
    n_records: int
    has_more: bool


def _describe_sheet(row: ListedOut, pack: Pack, words: ListWords) -> dict[str, Any]:
    """Return what a sheet says beside its row: history, news, and the records behind flags and what
    moved the score up.
    """

    def describe(records: Sequence[str]) -> BehindIt:
        picked = pick_latest(records)
        latest = words.describe_records(row.key, picked, pack.named)
        n_records = len([key for key in records if key])
        return BehindIt(tuple(dict.fromkeys(latest)), n_records, n_records > len(picked))

    return _describe_lately(row.key, pack.lately, words) | {
        "news": words.describe_news(pack.news.get(row.key), dated=True),
        "flags": [(flag, describe(flag.records)) for flag in row.flags],
        "reasons": [(reason, describe(reason.records)) for reason in row.reasons],
        "counter_reasons": row.counter_reasons,
        "estimates": [format_row(row, one.outcome) for one in row.estimates],
        "unknowns": row.unknowns or [one for one in (row.unknown,) if one],
    }


def _describe_disputes(
    key: str, disputes: Mapping[tuple[str, str, str], tuple[DisputeOut, ...]]
) -> list[dict[str, str]]:
    """Return which records of a case are disputed, by whom and since when."""
    return [
        {
            "record_id": record_id,
            "words": f"disputed by {one.agency}, {describe_day_of(one.asked_at)}.",
        }
        for (case_key, _, record_id), some in disputes.items()
        if case_key == key
        for one in some
    ]


def _describe_lately(key: str, lately: Lately, words: ListWords) -> dict[str, Any]:
    """Return what happened lately: incidents, what lasts, and the latest decision."""
    found = lately.incidents.get(key, LatestIncidents())
    decision = lately.decisions.get(key)
    return {
        "incidents": [words.describe_incident(one) for one in found.incidents],
        "n_incidents": found.n_incidents,
        "states": [words.describe_state(one) for one in lately.states.get(key, ())],
        "decision": decision and _describe_decision(decision, words),
    }


def _describe_decision(one: ListedDecision, words: ListWords) -> dict[str, Any]:
    ways = [WAY_WORDS[way][0].partition(":")[0] for way in one.ways if way in WAY_WORDS]
    return {
        "day": words.describe_day(one.decided_at_us),
        "by": f"{one.person} ({one.role.replace('_', ' ')}, {one.agency})",
        "ways": "; ".join(ways),
        "owner": one.owner,
        "review_on": one.review_on,
    }
