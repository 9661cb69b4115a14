"""Corrections of cases: those that wait for a second person, and how many there were lately."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select, union_all

from features.catalogue.declarations import DAY_US
from features.contract.tables import TABLES
from serving.standing.record_agencies import OWN_AGENCY
from serving.store.lookups import is_among
from serving.store.record_conditions import HELD, find_corrected, is_for_all, is_waiting
from serving.store.schema import (
    events,
    facts,
    imports,
    links,
    withheld_corrections,
)

SUMMED_DAYS: Final = 90
"""Days over which the corrections of a case are added up, whoever made them."""
_held = withheld_corrections.c


@dataclass(frozen=True)
class PendingCorrection:
    """A correction that waits for a second person; the worse version counts until then.

    Parameters
    ----------
    case_key, table
        The case, and the table of both records.
    record_id
        The correction.
    corrects
        The record that it would correct.
    narrows
        Whether fewer people would see the record: its texts and places are hidden already.
    owner_agency
        The agency whose second person confirms it.
    asked_by, asked_at_us
        The agency that sent it, and when (microseconds UTC).
    is_held
        Whether it is kept out of the records; else both versions stand among them.
    """

    case_key: str
    table: str
    record_id: str
    corrects: str
    narrows: bool
    owner_agency: str
    asked_by: str
    asked_at_us: int
    is_held: bool


@dataclass(frozen=True)
class CorrectionSum:
    """How many corrections of a case came in the last days, by anyone.

    Parameters
    ----------
    n_in_force
        Corrections and withdrawals in force.
    n_waiting
        Those that wait for a second person.
    by_agency
        How many of both each agency sent.
    """

    n_in_force: int
    n_waiting: int
    by_agency: dict[str, int]


def read_pending(
    connection: Connection, case_keys: Collection[str]
) -> dict[str, tuple[PendingCorrection, ...]]:
    """Return the corrections of some cases that wait, by case key, the oldest first.

    Cases without any are left out.
    """
    query = (
        select(withheld_corrections)
        .where(is_among(connection, _held.case_key, case_keys), is_waiting())
        .order_by(_held.stored_seq)
    )
    found: dict[str, list[PendingCorrection]] = {}
    for row in connection.execute(query):
        found.setdefault(row.case_key, []).append(
            PendingCorrection(
                case_key=row.case_key,
                table=row.table,
                record_id=row.record_id,
                corrects=row.corrects,
                narrows=bool(row.narrows),
                owner_agency=row.owner_agency,
                asked_by=row.agency,
                asked_at_us=row.withheld_at_us,
                is_held=row.way == HELD,
            )
        )
    return {key: tuple(some) for key, some in found.items()}


def find_pending_cases(connection: Connection, case_keys: Collection[str]) -> frozenset[str]:
    """Return those of some cases of which a correction waits for a second person."""
    query = select(_held.case_key).where(
        is_among(connection, _held.case_key, case_keys), is_waiting()
    )
    return frozenset(connection.execute(query.distinct()).scalars())


def read_narrowed(connection: Connection, case_keys: Collection[str]) -> dict[tuple[str, str], str]:
    """Return events whose texts and places their agency keeps to itself as of now.

    Parameters
    ----------
    connection
        A transaction.
    case_keys
        The cases.

    Returns
    -------
    dict
        The agency by case key and number. Kind, date and severity count on until a second person of
        that agency confirms it.
    """
    query = select(_held.case_key, _held.corrects, _held.owner_agency).where(
        is_among(connection, _held.case_key, case_keys), _held.narrows, is_waiting()
    )
    return {(row.case_key, row.corrects): row.owner_agency for row in connection.execute(query)}


def is_narrowing(table: Table) -> ColumnElement[bool]:
    """Return the condition that an event's agency keeps its texts to itself as of now."""
    waiting = select(_held.withheld_key).where(
        _held.case_key == table.c.case_key,
        _held.corrects == table.c.event_id,
        _held.narrows,
        is_waiting(),
    )
    return waiting.correlate(table).exists()


def _corrects_what_is_shown(table: Table) -> ColumnElement[bool]:
    """Return the condition that the record that a correction names is here, and that one of the two
    is for all.
    """
    named = table.alias("named")
    id_column = named.c[TABLES[table.name].id_column]
    same = (named.c.case_key == table.c.case_key) & (id_column == table.c.supersedes)
    if table is events:
        same &= or_(is_for_all(), is_for_all(named))
    return select(id_column).where(same).correlate(table).exists()


def sum_corrections(connection: Connection, case_key: str, now_us: int) -> CorrectionSum:
    """Return how many corrections of a case came within the last :data:`SUMMED_DAYS` days.

    One that names a record that is not here corrects nothing, and is not counted: else the sum
    would tell it from one that names a record kept apart. Of what an agency keeps to itself and
    corrects there nobody learns either.

    Parameters
    ----------
    connection
        A transaction.
    case_key
        The case.
    now_us
        The moment, microseconds UTC; the days end with it, inclusive.
    """
    since_us = now_us - SUMMED_DAYS * DAY_US
    by_agency: Counter[str] = Counter()
    parts = []
    for table in (events, facts, links):
        # When it came, by the import: what a sender says of when it was recorded proves nothing.
        came_us = func.coalesce(imports.c.begun_at_us, table.c.recorded_at)
        parts.append(
            select(imports.c.agency)
            .select_from(table)
            .outerjoin(imports, imports.c.import_key == table.c.import_key)
            .where(
                table.c.case_key == case_key,
                table.c.supersedes.is_not(None),
                find_corrected(table).is_not(None),
                _corrects_what_is_shown(table),
                came_us >= since_us,
            )
        )
    in_force = connection.execute(union_all(*parts)).scalars().all()
    by_agency.update(agency or OWN_AGENCY for agency in in_force)
    waiting = select(_held.agency).where(
        _held.case_key == case_key, _held.withheld_at_us >= since_us, is_waiting()
    )
    waits = connection.execute(waiting).scalars().all()
    by_agency.update(waits)
    return CorrectionSum(len(in_force), len(waits), dict(sorted(by_agency.items())))
