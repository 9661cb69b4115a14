"""The duty queue by case: all open urgent flags of a case together, the gravest incident first.

A case has the place of its gravest incident that nobody has seen, and of those as grave of the flag
that is due first; all its flags are with it, those that somebody has seen as well. Flags of records
that were old when they came have a queue of their own. Nothing here acknowledges anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, select

from serving.access.case_sight import Sight
from serving.flags.acknowledged_steps import Steps
from serving.flags.due_times import is_of_old_record
from serving.flags.duty import Acknowledgement
from serving.flags.flags import is_standing
from serving.flags.named_records import NamedRecord, read_named_records
from serving.persons import read_person
from serving.standing.record_fates import IN_FORCE, read_record_fates
from serving.store.lookups import is_among
from serving.store.paging import Page, comes_after, cut_page, find_named
from serving.store.schema import acknowledgements, case_keys, events, flag_raisings, standings

CASES_PER_PAGE: Final = 30
MOST_OLD: Final = 200
_GRAVEST: Final = 1e9
"""Gravity of an incident that has none on record: unknown is not low."""
_SEEN_COLUMNS: Final = (
    *("person", "subject", "role", "agency", "note", "acknowledged_at_us"),
    *("handed_to", "next_step", "contact", "contact_words"),
)


@dataclass(frozen=True)
class UrgentFlag:
    """One urgent flag, raised by one record.

    Parameters
    ----------
    raising_key, flag
        The raising and the flag.
    record
        What the record is; ``None`` where there is none or it is not for everybody.
    fate
        What became of the record since: ``in_force``, ``corrected`` or ``withdrawn``.
    raised_at_us, due_at_us
        When it was raised and until when it is to be seen; microseconds UTC.
    acknowledgement
        Who has seen it; ``None`` while nobody has.
    """

    raising_key: str
    flag: str
    record: NamedRecord | None
    fate: str
    raised_at_us: int
    due_at_us: int
    acknowledgement: Acknowledgement | None


@dataclass(frozen=True)
class UrgentCase:
    """A case with open urgent flags.

    Parameters
    ----------
    key, case_id, area
        The case; ``case_id`` is ``None`` once that was erased.
    flags
        Not seen yet first, of each those due first.
    """

    key: str
    case_id: str | None
    area: str | None
    flags: tuple[UrgentFlag, ...]

    def list_incidents(self) -> tuple[tuple[UrgentFlag, ...], ...]:
        """Return the flags by incident, each in the place of its first flag: one act may raise
        several, and by several records.
        """
        grouped: dict[tuple[str, bool], list[UrgentFlag]] = {}
        for one in self.flags:
            incident = one.record.incident if one.record else one.raising_key
            grouped.setdefault((incident, one.acknowledgement is None), []).append(one)
        return tuple(map(tuple, grouped.values()))

    @property
    def waiting(self) -> tuple[UrgentFlag, ...]:
        """Flags that nobody has seen."""
        return tuple(one for one in self.flags if one.acknowledgement is None)


@dataclass(frozen=True)
class UrgentCounts:
    """How long the queue is, in sight: flags waiting, overdue and seen, cases that wait, and flags
    of old records, which are in none of these.
    """

    n_waiting: int
    n_overdue: int
    n_acknowledged: int
    n_cases_waiting: int
    n_old: int

    @property
    def n_open(self) -> int:
        """Flags that no decision has dealt with, seen or not."""
        return self.n_waiting + self.n_acknowledged + self.n_old


@dataclass(frozen=True)
class UrgentPage(Page["UrgentCase", str]):
    """Part of the queue by case.

    Parameters
    ----------
    items
        Those with a flag that nobody has seen first; of each those due first.
    counts
        Of the whole queue.
    """

    counts: UrgentCounts


def read_urgent(
    connection: Connection, now_us: int, sight: Sight, cursor: str | None = None
) -> UrgentPage:
    """Return cases with open urgent flags, those due longest first.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    now_us
        The moment, microseconds UTC; what is due at it or before is overdue.
    sight
        Which cases the person who asks may see.
    cursor
        ``next_cursor`` of the part before; the beginning where absent.

    Raises
    ------
    ServiceError
        If the cursor is none (422).
    """
    keys = [str(row.case_key) for row in _read_order(connection, sight, cursor)]
    page = cut_page(keys, CASES_PER_PAGE, str)
    return UrgentPage(
        items=_read_cases(connection, page.items),
        counts=count_urgent(connection, now_us, sight),
        next_cursor=page.next_cursor,
    )


def read_old(connection: Connection, sight: Sight) -> tuple[UrgentCase, ...]:
    """Return cases with open flags of records that were old when they came, those due first.

    Each case is with those of its flags alone; the first ``MOST_OLD`` flags are told.
    """
    query = (
        select(flag_raisings.c.raising_key, flag_raisings.c.case_key)
        .where(_stands(connection, sight), is_of_old_record())
        .order_by(flag_raisings.c.due_at_us, flag_raisings.c.raising_key)
        .limit(MOST_OLD)
    )
    found = connection.execute(query).all()
    return _read_cases(
        connection, list(dict.fromkeys(row.case_key for row in found)), of_old_records=True
    )


def _stands(connection: Connection, sight: Sight) -> ColumnElement[bool]:
    in_sight = sight.of_key(connection, flag_raisings.c.case_key)
    return and_(flag_raisings.c.due_at_us.is_not(None), is_standing(), in_sight)


def _read_order(connection: Connection, sight: Sight, cursor: str | None) -> list[Row[Any]]:
    """Return the keys of cases in order, one more than a page holds."""
    seen = acknowledgements.c.raising_key.is_not(None)
    # Without an else it is NULL for flags that were acknowledged, which the minimum leaves out.
    waiting_due = func.min(case((~seen, flag_raisings.c.due_at_us)))
    gravity = func.coalesce(events.c.value, _GRAVEST)
    cases = (
        select(
            flag_raisings.c.case_key,
            case((waiting_due.is_(None), 1), else_=0).label("part"),
            (-func.coalesce(func.max(case((~seen, gravity))), func.max(gravity))).label("grave"),
            func.coalesce(waiting_due, func.min(flag_raisings.c.due_at_us)).label("due"),
        )
        .outerjoin(
            events,
            and_(
                events.c.case_key == flag_raisings.c.case_key,
                events.c.event_id == flag_raisings.c.record_id,
            ),
        )
        .outerjoin(acknowledgements, acknowledgements.c.raising_key == flag_raisings.c.raising_key)
        .where(_stands(connection, sight), ~is_of_old_record())
        .group_by(flag_raisings.c.case_key)
        .subquery()
    )
    order = (cases.c.part, cases.c.grave, cases.c.due, cases.c.case_key)
    query = select(*order).order_by(*order).limit(CASES_PER_PAGE + 1)
    if cursor is not None:
        named = select(*order[:-1]).where(cases.c.case_key == cursor)
        at = find_named(connection, cursor, named)
        query = query.where(comes_after(order, (*at, cursor)))
    return list(connection.execute(query))


def _read_cases(
    connection: Connection, keys: Sequence[str], *, of_old_records: bool = False
) -> tuple[UrgentCase, ...]:
    query = (
        select(
            flag_raisings,
            case_keys.c.case_id,
            standings.c.area,
            *(acknowledgements.c[name] for name in _SEEN_COLUMNS),
        )
        .join(standings, standings.c.case_key == flag_raisings.c.case_key)
        .outerjoin(case_keys, case_keys.c.case_key == flag_raisings.c.case_key)
        .outerjoin(acknowledgements, acknowledgements.c.raising_key == flag_raisings.c.raising_key)
        .where(
            is_among(connection, flag_raisings.c.case_key, keys),
            flag_raisings.c.due_at_us.is_not(None),
            is_standing(),
            is_of_old_record() if of_old_records else ~is_of_old_record(),
        )
        .order_by(flag_raisings.c.due_at_us, flag_raisings.c.raising_key)
    )
    rows: dict[str, list[Row[Any]]] = {key: [] for key in keys}
    for row in connection.execute(query):
        rows[row.case_key].append(row)
    names = [(row.case_key, row.record_id) for some in rows.values() for row in some]
    named = read_named_records(connection, names)
    fates = read_record_fates(connection, names)
    return tuple(
        UrgentCase(
            key,
            some[0].case_id,
            some[0].area,
            tuple(
                _describe(row, named.get(name), fates.get(name, IN_FORCE))
                for row in sorted(some, key=lambda one: one.acknowledged_at_us is not None)
                for name in [(row.case_key, row.record_id)]
            ),
        )
        for key, some in rows.items()
        if some
    )


def _describe(row: Row[Any], record: NamedRecord | None, fate: str) -> UrgentFlag:
    at_us = row.acknowledged_at_us
    return UrgentFlag(
        raising_key=row.raising_key,
        flag=row.flag,
        record=record,
        fate=fate,
        raised_at_us=row.raised_at_us,
        due_at_us=row.due_at_us,
        acknowledgement=None
        if at_us is None
        else Acknowledgement(
            row.raising_key,
            read_person(row),
            at_us,
            row.note,
            Steps(row.handed_to, row.next_step, row.contact, row.contact_words),
        ),
    )


def count_urgent(connection: Connection, now_us: int, sight: Sight) -> UrgentCounts:
    """Return how many open urgent flags are in sight, as every page's menu and the queue say it.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    now_us
        The moment, microseconds UTC; what is due at it or before is overdue.
    sight
        Which cases the person who asks may see.
    """
    seen, old = acknowledgements.c.raising_key.is_not(None), is_of_old_record()
    waits = and_(~seen, ~old)
    query = (
        select(
            func.count().filter(waits),
            func.count().filter(waits, flag_raisings.c.due_at_us <= now_us),
            func.count().filter(seen, ~old),
            func.count(case((waits, flag_raisings.c.case_key)).distinct()),
            func.count().filter(old),
        )
        .select_from(flag_raisings)
        .outerjoin(acknowledgements, acknowledgements.c.raising_key == flag_raisings.c.raising_key)
        .where(_stands(connection, sight))
    )
    return UrgentCounts(*connection.execute(query).one())
