"""What the page of a case shows, put together from its parts, and the page itself."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, select
from starlette.datastructures import FormData

from features.catalogue.declarations import DAY_US
from features.contract.moments import to_datetime
from models.ranking.advice import ThemeReason
from models.ranking.questions import EACH_TIME, TO_CONFIRM
from models.ranking.themes import list_first
from models.wording.sentences import say
from serving.access.case_sight import Sight
from serving.access.overseers import name_overseers
from serving.access.roles import DECIDERS, OPENERS
from serving.confirmations.listing import Asker
from serving.decisions.case_news import CaseNews, find_case_news
from serving.decisions.case_notes import NotesOut, read_notes
from serving.decisions.case_versions import write_tag
from serving.decisions.case_view import describe_case
from serving.decisions.outputs import CaseOut, WithoutOut
from serving.decisions.owners import read_owners
from serving.decisions.past_case import is_before
from serving.decisions.score_without_record import Doubted, score_without
from serving.errors import ServiceError
from serving.explanations.case_folders import CaseFolders
from serving.explanations.explained_score import Explaining
from serving.explanations.page_part import PagePart, explain_on_page
from serving.explanations.stored_scores import StoredScore, read_scores
from serving.intake.held_cases import is_held
from serving.lists.blind_review import VIEWS, blind_sitting
from serving.lists.sittings import current_sitting
from serving.pages.case import record_words
from serving.pages.case.chart import describe_span, draw_case
from serving.pages.case.current_position import describe_standing
from serving.pages.case.decision_form import WAY_WORDS, fill_date
from serving.pages.case.news import describe_news
from serving.pages.case.reading_words import describe_reading
from serving.pages.case.record_names import RecordNames
from serving.pages.case.review_date import suggest_review
from serving.pages.case.summary_card import summarise_case
from serving.pages.case.timeline import (
    Timeline,
    TimelineChoice,
    TimelineEntry,
    lay_out,
    number_records,
)
from serving.pages.case.view_words import (
    DIRECTION_WORDS,
    SCORE_WORDS,
    STANCES,
    describe_blind,
    describe_recorded,
)
from serving.pages.case.waiting_acts import WaitingAct, read_waiting_acts
from serving.pages.error_words import describe_problems
from serving.pages.list_words import RULES as PLACE_WORDS
from serving.pages.rendering import render
from serving.persons import AGENCIES, Person
from serving.sealing.seals import read_seal
from serving.service import Service, service_of
from serving.standing.serious_records import make_serious_rules
from serving.standing.standings import make_rules
from serving.store.row_text import Clockface
from serving.store.schema import decisions, list_places
from serving.web.error_answers import STATUSES
from serving.web.gate import sight_of

VIEW_WORDS: Final = dict(zip(VIEWS, ("Look now", "Look soon", "Can wait"), strict=True))
MOST_SCORES: Final = 12
MOST_RECORDS: Final = 2
"""Records of a theme that the page names; its timeline holds all."""
THEME: Final = "theme:"
"""Before the name of a theme to which the timeline is narrowed."""


@dataclass(frozen=True)
class Narrowing:
    """Which part of the timeline is shown, and to which reason, voice or gravity."""

    part: int = 1
    behind: str | None = None
    voice: str = ""
    gravity: str = ""


@dataclass(frozen=True)
class Happened:
    """What was just done or tried on the case.

    Parameters
    ----------
    done
        What was recorded: ``decision``, ``view`` or ``read``; empty for nothing.
    problem, given
        Why something was not recorded, and what was written in the form.
    doubted
        A record that somebody doubts: the score without it is shown.
    """

    done: str = ""
    problem: ServiceError | None = None
    given: FormData = field(default_factory=FormData)
    doubted: Doubted | None = None


@dataclass(frozen=True)
class _Read:
    """What is read of the case in one transaction."""

    case: CaseOut
    news: CaseNews
    scores: list[StoredScore]
    without: WithoutOut | None
    place: dict[str, Any] | None
    seal: Any
    view_of: str | None
    explained: PagePart | None
    waiting_acts: tuple[WaitingAct, ...]
    held_apart: bool
    owners: tuple[str, ...]
    notes: NotesOut


def show_screen(
    request: Request,
    key: str,
    happened: Happened | None = None,
    *,
    narrowing: Narrowing | None = None,
    whole: bool = False,
) -> HTMLResponse:
    """Return the page of a case.

    Parameters
    ----------
    request
        Who asks.
    key
        The case; the gate has made sure that the person may see it.
    happened, narrowing
        See there; nothing, and the whole timeline's first part, where absent.
    whole
        Whether the incidents of a large file are worked out.
    """
    service = service_of(request)
    happened, narrowing = happened or Happened(), narrowing or Narrowing()
    with service.need_store().reading() as connection:
        read = _read(request, service, connection, key, happened.doubted, whole=whole)
    problem, case = happened.problem, read.case
    is_past = _find_past(request) is not None
    return render(
        request,
        "case/page.html",
        status=STATUSES[problem.code] if problem else 200,
        case=case,
        scores=read.scores,
        without=read.without,
        place=read.place,
        seal=read.seal,
        view_of=read.view_of,
        explained=read.explained,
        waiting_acts=read.waiting_acts,
        held_apart=read.held_apart,
        notes=read.notes,
        note_words=record_words.NOTE_WORDS,
        **_describe_records(read, narrowing, service),
        **_describe_reasons(case, service),
        **_describe_views(case, request.state.person, happened.given, service),
        **_suggest(read, happened.given, request.state.person.name, service),
        advice=case.advice,
        say=say,
        judged=any(name.startswith("reason|") for name in happened.given),
        may_view=request.state.person.role in OPENERS,
        may_decide=request.state.person.role in DECIDERS and not is_past,
        decides=request.state.person.role in DECIDERS and not case.withheld and not is_past,
        is_past=is_past,
        section="" if read.place else "cases",
        done=happened.done,
        problem=problem.body if problem else None,
        wrong={one.anchor: one.words for one in describe_problems(problem.body)} if problem else {},
        given=happened.given,
        version=write_tag(case.version),
        views=VIEW_WORDS,
        stances=STANCES,
        wide_words=WAY_WORDS,
        rules=PLACE_WORDS,
        zone=service.need_unit().time_zone,
    )


def _read(
    request: Request,
    service: Service,
    connection: Connection,
    key: str,
    doubted: Doubted | None,
    *,
    whole: bool,
) -> _Read:
    folders = CaseFolders(connection, key, service.need_unit())
    case = describe_case(connection, service, key, folders, person=request.state.person)
    explaining = Explaining(connection, service, key, folders)
    shows_none = case.withheld or case.advice is None
    past_us = _find_past(request)
    if past_us is not None:
        notes = read_notes(
            connection, key, service.need_unit(), request.state.person.agency, before_us=past_us
        )
        return _read_past(case, connection, past_us, notes)
    return _Read(
        case=case,
        news=find_case_news(
            connection, key, make_rules(service.settings), service.need_store().clock()
        ),
        scores=[] if case.withheld else read_scores(connection, key, size=MOST_SCORES),
        without=_compare(connection, service, case, doubted),
        place=_find_place(connection, key, sight_of(request, connection)),
        seal=read_seal(connection, key) if case.sealed else None,
        view_of=blind_sitting(connection, key) if case.withheld else None,
        explained=None
        if shows_none or case.advice is None
        else explain_on_page(explaining, case.advice.score_key, whole=whole),
        waiting_acts=read_waiting_acts(
            connection,
            Asker(
                request.state.person,
                name_overseers(service.settings),
                service.need_store().clock(),
            ),
            key,
            Clockface(service.need_unit().time_zone),
        ),
        held_apart=is_held(connection, key),
        owners=read_owners(connection, sight_of(request, connection)),
        notes=read_notes(connection, key, service.need_unit(), request.state.person.agency),
    )


def _find_past(request: Request) -> int | None:
    """Return the past moment that the gate found to be shown; ``None`` in the present."""
    found: int | None = getattr(request.state, "past_us", None)
    return found


def _read_past(case: CaseOut, connection: Connection, past_us: int, notes: NotesOut) -> _Read:
    """Return what is shown of a past moment: the case as it was known, and nothing of today."""
    week_us = past_us - 7 * DAY_US
    new = [one.record_id for one in case.records if not is_before(one.recorded_at, week_us)]
    scored = [] if case.withheld else read_scores(connection, case.key, size=MOST_SCORES)
    return _Read(
        case=case,
        news=CaseNews(frozenset(new), None, "in the last 7 days"),
        scores=[one for one in scored if one.as_of_us < past_us],
        without=None,
        place=None,
        seal=None,
        view_of=None,
        explained=None,
        waiting_acts=(),
        held_apart=False,
        owners=(),
        notes=notes,
    )


def _describe_records(read: _Read, narrowing: Narrowing, service: Service) -> dict[str, Any]:
    """Return the records as the page shows them: timeline, answers, links, chart and news."""
    case, unit = read.case, service.need_unit()
    entries = number_records(case.records)
    themes = {} if case.advice is None else {THEME + one.theme: one for one in case.advice.themes}
    told_by = themes.get(narrowing.behind or "")
    timeline = lay_out(
        entries,
        part=narrowing.part,
        behind=narrowing.behind,
        records=frozenset(told_by.records) if told_by else frozenset(),
        choice=TimelineChoice(
            narrowing.voice, narrowing.gravity, make_serious_rules(service.settings)
        ),
    )
    today = to_datetime(service.need_store().clock(), unit.time_zone).date()
    bundle = service.champion.find()
    position = describe_standing(
        case.spans,
        entries,
        today,
        make_rules(service.settings).work_kinds,
        None if bundle is None else bundle.catalogue.state_edges["ends"],
    )
    return {
        "words": record_words,
        "timeline": timeline,
        "opened": _list_opened(timeline, narrowing.behind),
        "timeline_themes": [
            (name, one.label) for name, one in themes.items() if one.role != "none" and one.records
        ],
        "chart": draw_case(entries, case.spans, today),
        "span_words": describe_span,
        "standing": position,
        "summary": summarise_case(
            None if bundle is None else bundle.catalogue, case, entries, position
        ),
        "news": describe_news(read.news, entries, unit.time_zone),
        "answers": [one for one in entries if one.record.table == "facts"],
        "links": [one for one in entries if one.record.table == "links"],
        "names": RecordNames(entries, timeline, case.key),
        "evidence": _find_evidence(entries),
        "theme_records": _find_theme_records(entries, tuple(themes.values())),
        "theme_of": _find_themes(tuple(themes.values())),
    }


def _list_opened(timeline: Timeline, behind: str | None) -> list[str]:
    """Return the records of the one reason that the reader asked for: these they opened."""
    if not behind or not timeline.behind:
        return []
    return [
        entry.record.record_id
        for month in timeline.months
        for incident in month.incidents
        for line in incident.lines
        for entry in line.entries
    ]


@dataclass(frozen=True)
class _ThemeRecords:
    """How many events of the page tell a theme, and the first that it names."""

    n: int
    first: tuple[str, ...]


def _find_theme_records(
    entries: tuple[TimelineEntry, ...], themes: tuple[ThemeReason, ...]
) -> dict[str, _ThemeRecords]:
    """Return the events that tell each theme: the latest of the gravest kind, then the latest."""
    found = {}
    shown = [one.record.record_id for one in entries if one.record.table == "events"]
    for theme in themes:
        told = set(theme.records)
        keys = [key for key in shown if key in told]
        gravest = [theme.first_record] if theme.first_record in keys else []
        first = tuple(dict.fromkeys([*gravest, *keys]))[:MOST_RECORDS]
        if keys:
            found[theme.theme] = _ThemeRecords(len(keys), first)
    return found


def _find_themes(themes: tuple[ThemeReason, ...]) -> dict[str, list[ThemeReason]]:
    """Return the themes of the page that each record tells."""
    found: dict[str, list[ThemeReason]] = {}
    for theme in themes:
        if theme.role == "none":
            continue
        for key in theme.records:
            found.setdefault(key, []).append(theme)
    return found


def _suggest(read: _Read, given: FormData, person: str, service: Service) -> dict[str, Any]:
    """Return what the decision form offers: who may have the case, and a review date."""
    today = to_datetime(service.need_store().clock(), service.need_unit().time_zone).date()
    is_urgent = any(flag.urgent for flag in read.case.flags)
    longest_days = service.settings.longest_review_days
    suggested = suggest_review(today, longest_days, is_urgent=is_urgent).isoformat()
    chosen = str(given.get("owner", ""))
    known = [name for name in (chosen, read.case.owner, person) if name]
    return {
        "today": today.isoformat(),
        "owners": tuple(dict.fromkeys([*known, *read.owners])),
        "suggested_review_on": suggested,
        "review_parts": fill_date(given, suggested),
        "review_days": (dt.date.fromisoformat(suggested) - today).days,
    }


def _describe_views(
    case: CaseOut, person: Person, given: FormData, service: Service
) -> dict[str, Any]:
    """Return what the page says of the agencies' views, and what waits for the reader's own."""
    waiting = [
        one
        for one in case.views.all
        if one.recorded_by_agency is not None
        and one.confirmed_by is None
        and one.replaced_by is None
    ]
    latest: dict[str, str] = {}
    for one in case.views.all:
        latest.setdefault(one.agency, one.view_key)
    waiting = [one for one in waiting if latest[one.agency] == one.view_key]
    return {
        "waiting_views": waiting,
        "own_waiting": [one for one in waiting if one.agency == person.agency],
        "agencies": AGENCIES,
        "directions": DIRECTION_WORDS,
        "score_words": SCORE_WORDS,
        "recorded": describe_recorded,
        "blind_words": describe_blind,
        "reading_words": describe_reading,
        "is_table": any(name.startswith("stance|") for name in given),
        "now_told": Clockface(service.need_unit().time_zone).show(service.need_store().clock()),
    }


def _find_evidence(entries: tuple[TimelineEntry, ...]) -> dict[str, list[str]]:
    """Return for each indicator the keys of the records behind it that are shown."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        for indicator in entry.record.behind:
            found.setdefault(indicator, []).append(entry.record.record_id)
    return found


def _describe_reasons(case: CaseOut, service: Service) -> dict[str, Any]:
    """Return the reasons, parted as the page shows them, and how records refer to them."""
    up = [] if case.advice is None else case.advice.reasons
    down = [] if case.advice is None else case.advice.counter_reasons
    numbers = {one.indicator: f"reason {n}" for n, one in enumerate(down, len(up) + 1)}
    numbers |= {one.indicator: f"reason {n}" for n, one in enumerate(up, 1)}
    themes = () if case.advice is None else case.advice.themes
    numbers |= {THEME + one.theme: f"“{one.label}”" for one in themes}
    return {
        "first_reasons": up,
        "counter_reasons": down,
        "numbers": numbers,
        "sentences": _name_indicators(service),
        **_describe_themes(case),
    }


def _describe_themes(case: CaseOut) -> dict[str, Any]:
    """Return the themes, parted as the page shows them, and what is to be asked and confirmed."""
    themes = () if case.advice is None else case.advice.themes
    questions = () if case.advice is None else case.advice.questions
    first = list_first(themes)
    return {
        "first_themes": first,
        "further_themes": [
            one for one in themes if one not in first and one.role in ("reason", "may", "record")
        ],
        "lowering_themes": [one for one in themes if one.role == "lowers"],
        "to_confirm": [one for one in questions if one.state in TO_CONFIRM],
        "each_time": [one for one in questions if one.state == EACH_TIME],
    }


def _name_indicators(service: Service) -> dict[str, str]:
    """Return what each indicator is about, without a value: earlier decisions name them."""
    bundle = service.champion.find()
    if bundle is None:
        return {}
    return {one.name: one.reason.replace("{value}", "…") for one in bundle.catalogue.indicators}


def _compare(
    connection: Connection, service: Service, case: CaseOut, doubted: Doubted | None
) -> WithoutOut | None:
    bundle = service.champion.find()
    if doubted is None or case.withheld or bundle is None:
        return None
    if (doubted.table, doubted.record_id) not in {(r.table, r.record_id) for r in case.records}:
        return None
    now_us = service.need_store().clock()
    return score_without(connection, bundle, doubted, service.need_unit(), now_us)


def _find_place(connection: Connection, key: str, sight: Sight) -> dict[str, Any] | None:
    """Return where the case stands on the current list, and which case comes next there."""
    sitting = current_sitting(connection)
    if sitting is None:
        return None
    found = connection.execute(
        select(list_places.c.position, list_places.c.case_key, decisions.c.decision_key)
        .outerjoin(
            decisions,
            (decisions.c.case_key == list_places.c.case_key)
            & (decisions.c.sitting_key == sitting.key),
        )
        .where(list_places.c.sitting_key == sitting.key, sight.is_listed(list_places.c.case_key))
        .order_by(list_places.c.position)
    ).all()
    decided = {seat.case_key: seat.decision_key is not None for seat in found}
    if key not in decided:
        return None
    keys = list(decided)
    mine = keys.index(key)
    left = [other for other in keys[mine + 1 :] + keys[:mine] if not decided[other]]
    return {
        "sitting_key": sitting.key,
        "position": mine + 1,
        "size": len(keys),
        "n_decided": sum(decided.values()),
        "next_key": left[0] if left else None,
        "decided": decided[key],
    }
