"""Recording delay: how long after something happened the unit came to know, by source.

Records that one agency keeps to itself, and those of health, are not counted here: they are seen
by that agency alone. Corrections are not counted either, since they repeat what was known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from sqlalchemy import Connection, case, func, select

from features.catalogue.declarations import DAY_US
from features.contract.tables import RESERVED_KINDS
from serving.access.case_sight import EVERYTHING, Sight
from serving.oversight.case_sample import SAMPLE_CASES, Sample, draw_cases
from serving.store.lookups import is_among
from serving.store.record_conditions import is_for_all
from serving.store.schema import events

OVER_DAYS: Final = 365
LEAST_RECORDS: Final = 20
"""Fewer records of a source tell of single cases, not of the source."""
_HALF, _NINE_TENTHS = 0.5, 0.9


@dataclass(frozen=True)
class SourceDelay:
    """The delay of one source.

    Parameters
    ----------
    source
        The agency; ``None`` where none is recorded.
    n
        Records that were recorded no earlier than they happened.
    median_days, ninth_decile_days
        Whole days within which half of them, and nine in ten, were recorded; 0 is the same day.
        ``None`` where they are too few to tell.
    n_early
        Records with a date of recording before that of the event: one of the two is wrong.
    """

    source: str | None
    n: int
    median_days: int | None
    ninth_decile_days: int | None
    n_early: int


@dataclass(frozen=True)
class Delays:
    """Delays of what was recorded from ``since_us``, inclusive, until ``until_us``, exclusive."""

    since_us: int
    until_us: int
    sample: Sample
    sources: tuple[SourceDelay, ...]


def read_delays(
    connection: Connection,
    now_us: int,
    *,
    over_days: int = OVER_DAYS,
    size: int = SAMPLE_CASES,
    sight: Sight = EVERYTHING,
) -> Delays:
    """Return the delay by source over the last days, the slowest ninth decile first.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    now_us
        The moment, microseconds UTC.
    over_days
        Over how long.
    size
        From how many cases at most; see :mod:`serving.oversight.case_sample`.
    sight
        From which cases.
    """
    since_us = now_us - over_days * DAY_US
    sample = draw_cases(connection, is_open=False, size=size, sight=sight)
    is_early = events.c.recorded_at < events.c.occurred_at
    delay = events.c.recorded_at - events.c.occurred_at
    # Whole days are counted by the database: there are few of them, and many records.
    days = case((is_early, -1), else_=delay // DAY_US).label("days")
    query = (
        select(events.c.source, days, func.count().label("n"))
        .where(
            is_among(connection, events.c.case_key, sample.case_keys),
            events.c.recorded_at >= since_us,
            events.c.recorded_at < now_us,
            events.c.supersedes.is_(None),
            events.c.kind.not_in(RESERVED_KINDS),
            is_for_all(),
        )
        .group_by(events.c.source, days)
    )
    counts: dict[str | None, dict[int, int]] = {}
    for row in connection.execute(query):
        counts.setdefault(row.source or None, {})[int(row.days)] = int(row.n)
    told = [_sum_up(source, of) for source, of in counts.items()]
    return Delays(since_us, now_us, sample, tuple(sorted(told, key=_order)))


def _order(one: SourceDelay) -> tuple[int, int, str]:
    slowest = -1 if one.ninth_decile_days is None else one.ninth_decile_days
    return -slowest, -one.n, one.source or ""


def _sum_up(source: str | None, counts: dict[int, int]) -> SourceDelay:
    n_early = counts.get(-1, 0)
    ordered = sorted((days, n) for days, n in counts.items() if days >= 0)
    n = sum(count for _, count in ordered)
    if n < LEAST_RECORDS:
        return SourceDelay(source, n, None, None, n_early)
    middle, ninth = (_find_days(ordered, ceil(share * n)) for share in (_HALF, _NINE_TENTHS))
    return SourceDelay(source, n, middle, ninth, n_early)


def _find_days(ordered: Sequence[tuple[int, int]], wanted: int) -> int:
    """Return the days within which ``wanted`` of the records were recorded."""
    seen = 0
    for days, count in ordered:
        seen += count
        if seen >= wanted:
            return days
    return ordered[-1][0]
