"""What waits for one person: reviews that are due, corrections asked of their agency, blind views,
and their cases with news since they last opened them.

Sealed cases are in none of it: what is counted here is also told by message. Nor are notes, which
stand in no list.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import Field
from sqlalchemy import Connection, Row, Select, Table, func, literal, select, union_all

from features.contract.moments import parse_date, to_datetime
from features.contract.tables import RESERVED_KINDS
from serving.access.case_sight import Sight, find_sight
from serving.access.roles import DECIDERS, OPENERS
from serving.decisions.corrections import read_open_corrections
from serving.decisions.outputs import CorrectionsOut
from serving.lists.blind_review import find_blind
from serving.persons import Person
from serving.standing.standings import StandingRules
from serving.standing.states import OPEN
from serving.store.audit_lines import CHANGES, LOOKS
from serving.store.database import Store, Unit
from serving.store.lookups import is_among
from serving.store.record_conditions import is_for_all
from serving.store.schema import (
    agency_views,
    audit_lines,
    case_keys,
    decisions,
    events,
    facts,
    flag_raisings,
    standings,
)

MOST_OWN: Final = 200
"""Cases of one person that are looked at for news, those with the next review first."""
MOST_CORRECTIONS: Final = 50
OPENING_ROUTES: Final = ("GET /cases/{key}", "GET /v1/cases/{key}")
"""By which somebody opens a case."""
_LINES: Final = audit_lines.c


@dataclass(frozen=True, kw_only=True)
class WaitingCaseOut:
    """A case that waits for somebody."""

    key: str
    case_id: str | None
    area: str | None
    review_on: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewsOut:
    """What is new of a case that somebody owns since they last opened it."""

    key: str
    case_id: str | None
    area: str | None
    opened_at_us: Annotated[int | None, Field(exclude=True)]
    n_records: int
    n_flags: int
    n_decisions: Annotated[int, Field(description="Decisions by others.")]
    n_views: Annotated[int, Field(description="Views of agencies, given by others.")]


@dataclass(frozen=True, kw_only=True)
class OwnWork:
    """What waits for a person, without sealed cases."""

    reviews: tuple[WaitingCaseOut, ...]
    corrections: CorrectionsOut
    views: tuple[WaitingCaseOut, ...]
    news: tuple[NewsOut, ...]


def read_own_work(
    store: Store, person: Person, unit: Unit, rules: StandingRules, now_us: int
) -> OwnWork:
    """Return what waits for a person.

    Parameters
    ----------
    store, person, unit
        The store, for whom, and the zone of its days.
    rules
        Name the unit's own work, which is no news.
    now_us
        The moment, microseconds UTC: a review is due on its day, from the first moment of it.
    """
    with store.reading() as connection:
        sight = _leave_sealed(find_sight(connection, person))
        own = _read_own(connection, person, sight)
        corrections = CorrectionsOut(corrections=(), n_open=0, next_cursor=None)
        if person.role in DECIDERS:
            corrections = read_open_corrections(
                connection, unit, now_us, size=MOST_CORRECTIONS, agency=person.agency, sight=sight
            )
        views = _read_views(connection, sight) if person.role in OPENERS else ()
    opened = _find_opened(store, person, [row.case_key for row in own])
    with store.reading() as connection:
        news = _read_news(connection, own, opened, person, rules)
    end_us = _find_end_of_day(now_us, unit)
    return OwnWork(
        reviews=tuple(
            _describe(row)
            for row in own
            if row.review_due_us is not None and row.review_due_us < end_us
        ),
        corrections=corrections,
        views=views,
        news=news,
    )


def _leave_sealed(sight: Sight) -> Sight:
    """Return sight without the sealed cases that name the person."""
    return replace(sight, named=frozenset(), hidden=sight.hidden | sight.named)


def _find_end_of_day(now_us: int, unit: Unit) -> int:
    """Return the first moment of tomorrow in the unit's zone, microseconds UTC."""
    after = to_datetime(now_us, unit.time_zone).date() + dt.timedelta(days=1)
    return parse_date(after.isoformat(), unit.time_zone)


def _read_own(connection: Connection, person: Person, sight: Sight) -> Sequence[Row[Any]]:
    query = (
        select(standings, case_keys.c.case_id)
        .join(case_keys, case_keys.c.case_key == standings.c.case_key)
        .where(standings.c.owner == person.name, standings.c.state.in_(OPEN), sight.of_standings())
        .order_by(
            standings.c.review_due_us.is_(None), standings.c.review_due_us, standings.c.case_key
        )
        .limit(MOST_OWN)
    )
    return connection.execute(query).all()


def _read_views(connection: Connection, sight: Sight) -> tuple[WaitingCaseOut, ...]:
    """Return the cases that want a first view, in the order of their keys: it says nothing of where
    they stand.
    """
    blind = find_blind(connection)
    query = (
        select(standings, case_keys.c.case_id)
        .join(case_keys, case_keys.c.case_key == standings.c.case_key)
        .where(is_among(connection, standings.c.case_key, blind), *sight.of_lists())
        .order_by(standings.c.case_key)
    )
    return tuple(map(_describe, connection.execute(query))) if blind else ()


def _describe(row: Row[Any]) -> WaitingCaseOut:
    return WaitingCaseOut(
        key=row.case_key, case_id=row.case_id, area=row.area, review_on=row.review_on
    )


def _find_opened(store: Store, person: Person, case_keys: Sequence[str]) -> dict[str, int]:
    """Return when a person last opened each of some cases, microseconds UTC."""
    if not case_keys:
        return {}
    with store.reading_looks() as connection:
        query = (
            select(_LINES.case_key, func.max(_LINES.at_us))
            .where(
                _LINES.book == LOOKS,
                _LINES.subject == person.subject,
                is_among(connection, _LINES.case_key, case_keys),
                _LINES.route.in_(OPENING_ROUTES),
                _LINES.done,
            )
            .group_by(_LINES.case_key)
        )
        return {str(key): int(at_us) for key, at_us in connection.execute(query)}


def _read_news(
    connection: Connection,
    own: Sequence[Row[Any]],
    opened: Mapping[str, int],
    person: Person,
    rules: StandingRules,
) -> tuple[NewsOut, ...]:
    """Return the cases with news: since they were last opened, or since the latest decision had
    read them where the person never did.
    """
    if not own:
        return ()
    places = {moment: _find_place(connection, moment) for moment in set(opened.values())}
    since = {
        row.case_key: places[opened[row.case_key]] if row.case_key in opened else row.decided_seq
        for row in own
    }
    counts = _count_news(connection, since, person, rules)
    return tuple(
        NewsOut(
            key=row.case_key,
            case_id=row.case_id,
            area=row.area,
            opened_at_us=opened.get(row.case_key),
            **{f"n_{name}": counts[row.case_key, name] for name in _NEWS},
        )
        for row in own
        if any(counts[row.case_key, name] for name in _NEWS)
    )


_NEWS: Final = ("records", "flags", "decisions", "views")


def _find_place(connection: Connection, moment_us: int) -> int:
    """Return the last place in the order of rows that was given by a moment, inclusive."""
    query = (
        select(_LINES.last_seq)
        .where(_LINES.book == CHANGES, _LINES.at_us <= moment_us, _LINES.last_seq.is_not(None))
        .order_by(_LINES.at_us.desc(), _LINES.number.desc())
        .limit(1)
    )
    return int(connection.execute(query).scalar_one_or_none() or 0)


def _count_news(
    connection: Connection, since: Mapping[str, int], person: Person, rules: StandingRules
) -> dict[tuple[str, str], int]:
    least = min(since.values())

    def rows_of(name: str, table: Table) -> "Select[Any]":
        return select(table.c.case_key, literal(name), table.c.stored_seq).where(
            is_among(connection, table.c.case_key, list(since)), table.c.stored_seq > least
        )

    others = tuple(
        rows_of(name, table).where(table.c.subject != person.subject)
        for name, table in (("decisions", decisions), ("views", agency_views))
    )
    happened = rows_of("records", events).where(
        events.c.kind.not_in((*RESERVED_KINDS, *rules.work_kinds)), is_for_all()
    )
    query = union_all(happened, rows_of("records", facts), rows_of("flags", flag_raisings), *others)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for case_key, name, place in connection.execute(query):
        counts[case_key, name] += place > since[case_key]
    return counts


def name_cases(connection: Connection, keys: Collection[str]) -> dict[str, str | None]:
    """Return the numbers of some cases; ``None`` of one whose number was erased."""
    query = select(case_keys.c.case_key, case_keys.c.case_id).where(
        is_among(connection, case_keys.c.case_key, keys)
    )
    return {row.case_key: row.case_id for row in connection.execute(query)}


def list_shown(work: OwnWork) -> Collection[str]:
    """Return the keys of the cases of which something is shown."""
    corrected = (one.key for one in work.corrections.corrections)
    cases = (one.key for some in (work.reviews, work.views, work.news) for one in some)
    return {*corrected, *cases}
