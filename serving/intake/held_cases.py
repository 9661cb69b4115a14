"""New cases above a sender's daily number: taken, flagged at once, and held apart.

Somebody who may send cases could invent thousands, and so push real ones out of the longest waits
and the random places. None is refused, since one of them may be real: each is scored, its flags are
raised and its first read is due as of every case. It takes none of those places until a second
person has confirmed the hour in which it came.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Connection, func, insert, select

from features.contract.moments import format_moment, parse_date, to_datetime
from serving.access.case_sight import EVERYTHING, Sight
from serving.confirmations.asking import ActToConfirm, ask
from serving.confirmations.records import HOUR_US, Confirmation, ConfirmedKind, read_waiting
from serving.errors import ServiceError
from serving.persons import Person
from serving.schemas import Strict
from serving.settings import Settings
from serving.standing.serious_records import SeriousRules, make_serious_rules
from serving.store.audit_lines import CHANGES
from serving.store.database import Unit, Writing
from serving.store.lookups import is_among
from serving.store.schema import (
    audit_lines,
    cases,
    confirmation_settlements,
    held_cases,
    imports,
)

HELD_CASES: Final = ConfirmedKind("held_cases", "at_once", 72, overseen=True)
_WHY: Final = "more new cases came from this sender than in a usual day"
_log = structlog.get_logger("caselight.service")


@dataclass(frozen=True)
class SenderQuota:
    """Who answers for an import, and what one person may do by it.

    Parameters
    ----------
    sender
        Who.
    cases_per_day
        How many new cases they send in a usual day.
    serious
        What is a serious record: a case that has one is closed or merged by no record that is sent.
    """

    sender: Person
    cases_per_day: int
    serious: SeriousRules = field(default_factory=SeriousRules)


def make_quota(sender: Person | None, settings: Settings) -> SenderQuota | None:
    """Return what one person may do by an import; ``None`` where nobody is known to send."""
    if sender is None:
        return None
    return SenderQuota(sender, settings.sender_cases_per_day, make_serious_rules(settings))


class HeldCasesAct(Strict):
    """New cases above a sender's daily number that came within one hour, the end exclusive."""

    came_from: str
    came_until: str
    until_us: int
    daily_number: int


def count_sent(connection: Connection, subjects: Collection[str], unit: Unit, now_us: int) -> int:
    """Return how many new cases came by somebody's imports since the day of the unit began.

    Parameters
    ----------
    connection
        A transaction that keeps other writers waiting, before the cases of now are stored.
    subjects
        Whose imports, by what the sign-in knows them: who sends, and who began the import that they
        go on with.
    unit
        In whose zone the day is.
    now_us
        The moment, microseconds UTC.
    """
    today = to_datetime(now_us, unit.time_zone).date()
    begun_us = parse_date(today.isoformat(), unit.time_zone)
    # The place that the order of rows had reached: a case's own moment is what its sender says.
    before = (
        select(audit_lines.c.last_seq)
        .where(
            audit_lines.c.book == CHANGES,
            audit_lines.c.at_us < begun_us,
            audit_lines.c.last_seq.is_not(None),
        )
        .order_by(audit_lines.c.at_us.desc(), audit_lines.c.number.desc())
        .limit(1)
    )
    seq = connection.execute(before).scalar_one_or_none() or 0
    query = (
        select(func.count())
        .select_from(cases)
        .join(imports, imports.c.import_key == cases.c.import_key)
        .where(cases.c.stored_seq > seq, imports.c.subject.in_(sorted(subjects)))
    )
    return int(connection.execute(query).scalar_one())


def hold_apart(
    writing: Writing, quota: SenderQuota, sent: int, new_keys: Collection[str], unit: Unit
) -> tuple[str, ...]:
    """Hold those new cases apart that are above their sender's daily number; return their keys.

    A second person of another agency is asked to confirm them, once for each hour of the clock in
    which some came, and it is logged.

    Parameters
    ----------
    writing
        The transaction that stored the cases.
    quota
        Whose they are, and their daily number.
    sent
        How many they had sent today before; see :func:`count_sent`.
    new_keys
        The new cases.
    unit
        In whose zone moments are told.
    """
    n_over = min(sent + len(new_keys) - quota.cases_per_day, len(new_keys))
    if n_over <= 0:
        return ()
    query = select(cases.c.case_key).where(is_among(writing.connection, cases.c.case_key, new_keys))
    ordered = writing.connection.execute(query.order_by(cases.c.stored_seq)).scalars().all()
    over = tuple(ordered[-n_over:])
    asked = _find_asked(writing, quota) or _ask(writing, quota, unit)
    seq = writing.take_seq(n_over)
    rows = [
        {"case_key": key, "confirmation_key": asked.key, "stored_seq": seq + number}
        for number, key in enumerate(over)
    ]
    writing.connection.execute(insert(held_cases), rows)
    writing.note(cases=over)
    _log.warning("sender over daily number", cases_held_apart=n_over, daily=quota.cases_per_day)
    return over


def carry_out_held(writing: Writing, one: Confirmation) -> frozenset[str]:
    """Check that the hour is over whose cases are confirmed; what holds is read from the rows.

    Raises
    ------
    ServiceError
        If further cases may still come under the same confirmation (409).
    """
    act = one.read_content(HeldCasesAct)
    is_confirmed = one.settlement is not None and one.settlement.outcome == "confirmed"
    if is_confirmed and writing.now_us < act.until_us:
        raise ServiceError(
            "cases_still_coming",
            "further cases of the same hour may still come",
            "look at all of them and confirm once the hour is over",
        )
    return frozenset()


def read_held_keys(connection: Connection) -> frozenset[str]:
    """Return the cases that are held apart: no second person has confirmed that they are real."""
    query = select(held_cases.c.case_key).where(_is_unconfirmed())
    return frozenset(connection.execute(query).scalars())


def is_apart(key: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a column names a case that is held apart."""
    # A list of thousands of keys would be gone through for every row; a subquery is hashed.
    return key.in_(select(held_cases.c.case_key).where(_is_unconfirmed()))


def is_held(connection: Connection, case_key: str) -> bool:
    """Return whether a case is held apart; see :func:`read_held_keys`."""
    query = select(held_cases.c.case_key).where(held_cases.c.case_key == case_key)
    return connection.execute(query.where(_is_unconfirmed())).first() is not None


def count_held(connection: Connection, sight: Sight = EVERYTHING) -> int:
    """Return how many cases in sight are held apart, as far as a list may show them."""
    held = read_held_keys(connection)
    return len(sight.keep_listed(connection, held)) if held else 0


def _is_unconfirmed() -> ColumnElement[bool]:
    settled = confirmation_settlements.c
    confirmed = select(settled.confirmation_key).where(
        settled.confirmation_key == held_cases.c.confirmation_key, settled.outcome == "confirmed"
    )
    return ~confirmed.correlate(held_cases).exists()


def read_held_of(connection: Connection, confirmation_key: str, sight: Sight) -> tuple[str, ...]:
    """Return the cases in sight that one confirmation is about, in the order in which they came."""
    query = (
        select(held_cases.c.case_key)
        .where(
            held_cases.c.confirmation_key == confirmation_key,
            sight.is_listed(held_cases.c.case_key),
        )
        .order_by(held_cases.c.stored_seq)
    )
    return tuple(connection.execute(query).scalars())


def _find_asked(writing: Writing, quota: SenderQuota) -> Confirmation | None:
    """Return what was asked of the same sender in this hour and waits."""
    for one in read_waiting(writing.connection, HELD_CASES):
        is_now = writing.now_us < one.read_content(HeldCasesAct).until_us
        if is_now and one.person.subject == quota.sender.subject:
            return one
    return None


def _ask(writing: Writing, quota: SenderQuota, unit: Unit) -> Confirmation:
    from_us = writing.now_us - writing.now_us % HOUR_US
    until_us = from_us + HOUR_US
    content = HeldCasesAct(
        came_from=format_moment(from_us, unit.time_zone),
        came_until=format_moment(until_us, unit.time_zone),
        until_us=until_us,
        daily_number=quota.cases_per_day,
    )
    return ask(writing, quota.sender, ActToConfirm(HELD_CASES, (), content, _WHY))
