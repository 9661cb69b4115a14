"""The caseload: managed cases, and what changed on each since the latest decision.

A change is shown, never acted on: a managed case comes back to the list by its review date or by a
flag, not by a score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    case,
    func,
    literal,
    or_,
    select,
)

from serving.access.case_sight import EVERYTHING, Sight
from serving.decisions.outputs import CaseloadOut, ManagedOut
from serving.flags.flags import standing_flags
from serving.lists.blind_review import find_blind
from serving.lists.new_records import NewKind, count_new, sort_kinds
from serving.standing.standings import StandingRules
from serving.store.database import Unit
from serving.store.lookups import is_among
from serving.store.paging import comes_after, cut_page, find_named
from serving.store.row_text import Clockface
from serving.store.schema import case_keys, decisions, scores, standings

Order = Literal["review", "changed"]
_then: Final = scores.alias("score_then")
_now: Final = scores.alias("score_now")


@dataclass(frozen=True)
class CaseloadFilter:
    """Which part of the caseload is asked for.

    Parameters
    ----------
    owner, area
        Only cases of this owner or area; all where ``None``.
    order
        ``review``: review soonest first. ``changed``: largest change of the priority since the
        decision first, where one model gave both.
    size
        How many at most.
    cursor
        ``next_cursor`` of the part before; the beginning where ``None``.
    sight
        Which cases the person who asks may see; sealed ones are shown apart.
    """

    owner: str | None = None
    area: str | None = None
    order: Order = "review"
    size: int = 50
    cursor: str | None = None
    sight: Sight = EVERYTHING


def read_caseload(
    connection: Connection, wanted: CaseloadFilter, unit: Unit, rules: StandingRules, now_us: int
) -> CaseloadOut:
    """Return managed cases and what changed on them.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    wanted
        Which part.
    unit
        What holds for the whole store.
    rules
        Name the unit's own work, which is no change.
    now_us
        The moment, microseconds UTC.

    Raises
    ------
    ServiceError
        If the cursor is none (422).
    """
    blind = find_blind(connection)
    found = connection.execute(_select_page(connection, wanted, blind)).all()
    page = cut_page(found, wanted.size, lambda row: str(row.case_key))
    count = select(func.count()).select_from(standings).where(_is_wanted(wanted))
    return CaseloadOut(
        n_managed=int(connection.execute(count).scalar_one()),
        as_of=Clockface(unit.time_zone).show(now_us),
        synthetic=unit.synthetic,
        cases=_describe(connection, page.items, unit, rules, blind),
        next_cursor=page.next_cursor,
    )


def _is_wanted(wanted: CaseloadFilter) -> ColumnElement[bool]:
    conditions = [standings.c.state == "managed", wanted.sight.of_standings()]
    if wanted.owner is not None:
        conditions.append(standings.c.owner == wanted.owner)
    if wanted.area is not None:
        conditions.append(standings.c.area == wanted.area)
    return and_(*conditions)


def _change(connection: Connection, blind: frozenset[str]) -> ColumnElement[Any]:
    """Return how far the priority rose since the decision; 0 where that is not to be told.

    A fall is no news: a priority falls as time passes.
    """
    rise = _now.c.priority - _then.c.priority
    told = and_(
        # The priorities of two models say nothing of what changed in the case.
        _now.c.bundle_id == _then.c.bundle_id,
        rise > 0,
        ~is_among(connection, standings.c.case_key, blind),
    )
    return case((told, rise), else_=literal(0.0))


def _select_cases(connection: Connection, blind: frozenset[str]) -> "Select[Any]":
    """Return the query for cases with their latest decision and the scores then and now."""
    last = (
        select(func.max(scores.c.stored_seq))
        .where(
            scores.c.case_key == standings.c.case_key, scores.c.stored_seq < decisions.c.stored_seq
        )
        .scalar_subquery()
    )
    return (
        select(
            standings,
            case_keys.c.case_id,
            decisions.c.decided_at_us,
            decisions.c.person,
            decisions.c.stored_seq.label("decision_seq"),
            _then.c.priority.label("priority_then"),
            _now.c.priority.label("priority_now"),
            (_then.c.bundle_id == _now.c.bundle_id).label("same_model"),
            _change(connection, blind).label("change"),
        )
        .join(
            decisions,
            and_(
                decisions.c.case_key == standings.c.case_key,
                decisions.c.version == standings.c.version,
            ),
        )
        .outerjoin(case_keys, case_keys.c.case_key == standings.c.case_key)
        .outerjoin(
            _then, and_(_then.c.case_key == standings.c.case_key, _then.c.stored_seq == last)
        )
        .outerjoin(_now, _now.c.score_key == standings.c.score_key)
    )


def _select_page(
    connection: Connection, wanted: CaseloadFilter, blind: frozenset[str]
) -> "Select[Any]":
    query = _select_cases(connection, blind).where(_is_wanted(wanted)).limit(wanted.size + 1)
    key = standings.c.case_key
    after = None if wanted.cursor is None else _find(connection, wanted, wanted.cursor, blind)
    if wanted.order == "review":
        due = standings.c.review_due_us
        if after is not None:
            query = query.where(comes_after((due, key), (after.review_due_us, after.case_key)))
        return query.order_by(due, key)
    change = _change(connection, blind)
    if after is not None:
        query = query.where(
            or_(change < after.change, and_(change == after.change, key > after.case_key))
        )
    return query.order_by(change.desc(), key)


def _find(
    connection: Connection, wanted: CaseloadFilter, case_key: str, blind: frozenset[str]
) -> Row[Any]:
    """Return the case that a cursor names: a key alone, so that an address says nothing."""
    query = _select_cases(connection, blind).where(
        standings.c.case_key == case_key,
        standings.c.review_due_us.is_not(None),
        *wanted.sight.of_lists(),
    )
    return find_named(connection, case_key, query)


def _describe(
    connection: Connection,
    rows: Sequence[Row[Any]],
    unit: Unit,
    rules: StandingRules,
    blind: frozenset[str],
) -> tuple[ManagedOut, ...]:
    keys = [row.case_key for row in rows]
    new = _count_new_records(connection, keys, rules)
    flags = standing_flags(connection, keys)
    face = Clockface(unit.time_zone)
    told = []
    for row in rows:
        withheld = row.case_key in blind
        since = [one for one in flags.get(row.case_key, []) if one.newest_seq > row.decision_seq]
        records = new.get(row.case_key, ())
        told.append(
            ManagedOut(
                key=row.case_key,
                case_id=row.case_id,
                area=row.area,
                owner=row.owner,
                review_on=row.review_on,
                managed_since=face.show(row.state_since_us),
                decided_at=face.show(row.decided_at_us),
                decided_by=row.person,
                version=row.version,
                n_new_records=sum(one.n for one in records),
                new_records=records,
                withheld=withheld,
                priority_then=None if withheld else row.priority_then,
                priority_now=None if withheld else row.priority_now,
                same_model=None if withheld else row.same_model,
                new_flags=tuple(one.flag for one in since),
            )
        )
    return tuple(told)


def _count_new_records(
    connection: Connection, keys: Sequence[str], rules: StandingRules
) -> dict[str, tuple[NewKind, ...]]:
    """Return what came since the decision had read, by kind, the most frequent first."""
    found: dict[str, list[NewKind]] = {}
    for query in count_new(connection, keys, _is_since_decision, rules):
        for row in connection.execute(query):
            one = NewKind(row.table, row.kind, row.n, row.latest_us)
            found.setdefault(row.case_key, []).append(one)
    return {key: sort_kinds(kinds) for key, kinds in found.items()}


def _is_since_decision(table: Table) -> ColumnElement[bool]:
    since: ColumnElement[bool] = table.c.stored_seq > standings.c.decided_seq
    return since
