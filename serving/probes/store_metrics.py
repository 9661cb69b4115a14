"""Gauges of the store's work, for those who keep the service running: counts, and no case.

Sealed cases are in none of them: a count that grows by one would tell that there is one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, Connection, and_, exists, func, select
from sqlalchemy.exc import SQLAlchemyError

from serving.intake.held_cases import count_held
from serving.oversight.audit_verification import reading_book
from serving.scoring.bundle_uses import read_use
from serving.service import Service
from serving.standing.states import SEALED, either
from serving.store.audit_books import find_head
from serving.store.audit_lines import BOOKS
from serving.store.database import Store
from serving.store.schema import (
    acknowledgements,
    deliveries,
    discharges,
    flag_raisings,
    imports,
    standings,
)

_SECOND_US: Final = 1_000_000


@dataclass(frozen=True)
class WorkSeen:
    """How the store's own work in this process goes.

    Parameters
    ----------
    is_alive
        Whether it goes on and gets done what is due.
    last_round_s
        When its last round ended, seconds since 1970; ``None`` before the first.
    """

    is_alive: bool
    last_round_s: float | None


class StoreFigures(Collector):
    """Reads the gauges whenever they are asked for.

    Parameters
    ----------
    service
        What the service works with.
    work
        How the store's own work goes; ``None`` where another process does it.
    """

    def __init__(self, service: Callable[[], Service], work: Callable[[], WorkSeen | None]) -> None:
        self._service = service
        self._work = work

    def describe(self) -> list[Metric]:
        """Return nothing: the names need not be known before the store is asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; where the store does not answer, that alone."""
        service = self._service()
        if service.store is not None:
            try:
                found = list(_read_store(service, service.store))
                reached = 1.0
            except SQLAlchemyError:
                found, reached = [], 0.0
            yield _gauge("store_reachable", "Whether the store answers.", reached)
            yield from found
        work = self._work()
        if work is not None:
            yield _gauge("worker_alive", "Whether what is due gets done.", work.is_alive)
            if work.last_round_s is not None:
                yield _gauge(
                    "worker_last_round_timestamp_seconds",
                    "When the last round of the store's own work ended.",
                    work.last_round_s,
                )


def _read_store(service: Service, store: Store) -> Iterator[Metric]:
    now_us = store.clock()
    with store.reading() as connection:
        waiting, overdue = _count_flags(connection, now_us)
        counts = {
            "scores_behind": ("Cases whose score is older than their records.", _behind()),
            "first_reads_overdue": ("New cases that nobody read in time.", _unread(now_us)),
        }
        for name, (words, condition) in counts.items():
            yield _gauge(name, words, _count(connection, standings, _is_open(), condition))
        yield _gauge("flags_waiting", "Urgent flags that nobody acknowledged.", waiting)
        yield _gauge("flags_overdue", "Of those, the ones past their time.", overdue)
        yield _gauge("deliveries_waiting", "Messages not delivered.", _count_deliveries(connection))
        going_on = _count(connection, imports, imports.c.ended_at_us.is_(None))
        yield _gauge("imports_going_on", "Imports that have not ended.", going_on)
        held = count_held(connection)
        yield _gauge("cases_held_apart", "New cases above a sender's daily number.", held)
        bundle = service.champion.find()
        used_us = None if bundle is None else read_use(connection, bundle.id)
        if used_us is not None:
            yield _gauge(
                "model_in_use_since_timestamp_seconds",
                "When the model in use was first used.",
                used_us / _SECOND_US,
            )
    yield _read_books(store)


def _read_books(store: Store) -> Metric:
    gauge = GaugeMetricFamily("caselight_audit_lines", "Lines of each audit book.", labels=["book"])
    for book in BOOKS:
        with reading_book(store, book) as connection:
            head = find_head(connection, book)
        if head is not None:
            gauge.add_metric([book], head.number)
    return gauge


def _count_flags(connection: Connection, now_us: int) -> tuple[int, int]:
    """Return how many urgent flags wait for their acknowledgement, and how many too long."""
    waits = (flag_raisings.c.urgent, *_undone(), _unsealed(flag_raisings.c.case_key))
    waiting = _count(connection, flag_raisings, *waits)
    overdue = _count(connection, flag_raisings, *waits, flag_raisings.c.due_at_us < now_us)
    return waiting, overdue


def _count_deliveries(connection: Connection) -> int:
    query = (
        select(func.count())
        .select_from(deliveries)
        .join(flag_raisings, flag_raisings.c.raising_key == deliveries.c.raising_key)
        .where(deliveries.c.delivered_at_us.is_(None), *_undone())
        .where(_unsealed(flag_raisings.c.case_key))
    )
    return int(connection.execute(query).scalar_one())


def _undone() -> tuple[ColumnElement[bool], ...]:
    return tuple(
        ~exists().where(table.c.raising_key == flag_raisings.c.raising_key)
        for table in (acknowledgements, discharges)
    )


def _unsealed(case_key: ColumnElement[Any]) -> ColumnElement[bool]:
    return exists().where(
        standings.c.case_key == case_key,
        ~standings.c.state.startswith(SEALED, autoescape=True),
    )


def _is_open() -> ColumnElement[bool]:
    return and_(
        standings.c.state.not_in(either("closed")),
        ~standings.c.state.startswith(SEALED, autoescape=True),
    )


def _behind() -> ColumnElement[bool]:
    return standings.c.record_seq > standings.c.known_seq


def _unread(now_us: int) -> ColumnElement[bool]:
    return and_(standings.c.first_read_at_us.is_(None), standings.c.first_read_due_us < now_us)


def _count(connection: Connection, table: Any, *conditions: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(table).where(*conditions)
    return int(connection.execute(query).scalar_one())


def _gauge(name: str, words: str, value: float) -> Metric:
    gauge = GaugeMetricFamily(f"caselight_{name}", words)
    gauge.add_metric([], float(value))
    return gauge
