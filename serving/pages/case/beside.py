"""Two cases side by side: what is on record of each, and what people thought."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, select

from features.contract.moments import to_datetime
from models.ranking.themes import list_first
from models.wording.sentences import say
from serving.api.parameters import Key
from serving.decisions.case_news import find_case_news
from serving.decisions.case_view import describe_case
from serving.decisions.outputs import CaseOut
from serving.lists.sittings import current_sitting
from serving.pages.case.current_position import describe_standing
from serving.pages.case.decision_form import WAY_WORDS
from serving.pages.case.news import CaseNewsText, describe_news
from serving.pages.case.record_names import RecordNames
from serving.pages.case.summary_card import SummaryRow, summarise_case
from serving.pages.case.timeline import lay_out, number_records
from serving.pages.case.view_words import STANCES, describe_recorded
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.store.schema import case_keys, list_places
from serving.web.gate import need_in_sight, note_shown, sight_of

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class CaseSide:
    """One of two cases.

    Parameters
    ----------
    case
        The case.
    summary, news
        Its summary card, and what is new.
    last_act
        The latest act of the subject, in words; empty where none is on record.
    themes
        What is on record by theme, the first of them; empty while it is looked at blind.
    """

    case: CaseOut
    summary: Mapping[str, SummaryRow]
    news: CaseNewsText
    last_act: str
    themes: tuple[Any, ...]


@router.get("/cases/{key}/beside", response_class=HTMLResponse)
def choose_other(request: Request, service: ServiceDep, person: SignedIn, key: Key) -> HTMLResponse:
    """Offer the other cases of this week's list to be put beside one."""
    with service.need_store().reading() as connection:
        sight = sight_of(request, connection)
        sitting = current_sitting(connection)
        query = (
            select(list_places.c.case_key, case_keys.c.case_id)
            .join(case_keys, case_keys.c.case_key == list_places.c.case_key)
            .where(
                list_places.c.sitting_key == (None if sitting is None else sitting.key),
                sight.is_listed(list_places.c.case_key),
            )
            .order_by(list_places.c.position)
        )
        found = connection.execute(query).all()
        own = select(case_keys.c.case_id).where(case_keys.c.case_key == key)
        case_id = connection.execute(own).scalar_one_or_none()
    others = [row for row in found if row.case_key != key]
    note_shown(request, (row.case_key for row in others))
    return render(
        request, "beside_choice.html", section="cases", key=key, case_id=case_id, others=others
    )


@router.get("/cases/{key}/beside/{other_key}", response_class=HTMLResponse)
def show_beside(
    request: Request, service: ServiceDep, person: SignedIn, key: Key, other_key: Key
) -> HTMLResponse:
    """Show two cases side by side; both accesses are logged."""
    with service.need_store().reading() as connection:
        need_in_sight(connection, person, other_key)
        sides = [_read_side(connection, service, one, person) for one in (key, other_key)]
    note_shown(request, [other_key])
    labels = dict.fromkeys(label for side in sides for label in side.summary)
    return render(
        request,
        "beside.html",
        section="cases",
        sides=sides,
        labels=list(labels),
        stances=STANCES,
        recorded=describe_recorded,
        ways=WAY_WORDS,
        say=say,
    )


def _read_side(connection: Connection, service: Service, key: str, person: SignedIn) -> CaseSide:
    case = describe_case(connection, service, key, person=person)
    unit, now_us = service.need_unit(), service.need_store().clock()
    rules = make_rules(service.settings)
    entries = number_records(case.records)
    today = to_datetime(now_us, unit.time_zone).date()
    position = describe_standing(case.spans, entries, today, rules.work_kinds)
    bundle = service.champion.find()
    summary = summarise_case(None if bundle is None else bundle.catalogue, case, entries, position)
    names = RecordNames(entries, lay_out(entries, part=1, behind=None), key)
    last = position.last_act
    return CaseSide(
        case=case,
        summary={row.label: row for row in summary},
        news=describe_news(find_case_news(connection, key, rules, now_us), entries, unit.time_zone),
        last_act="" if last is None else names.describe_briefly(last.record.record_id),
        themes=() if case.advice is None else tuple(list_first(case.advice.themes)),
    )
