"""Records for whose sake a case is not closed by one person alone.

A record counts whatever became of it since: whoever means to close a case could first withdraw what
stands in the way. One that an agency keeps to itself does not count, since the answer would tell
that it is there.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from features.catalogue.declarations import DAY_US
from serving.settings import SERIOUS_DAYS, SERIOUS_KINDS, SERIOUS_SEVERITY, Settings
from serving.store.lookups import is_among
from serving.store.record_conditions import is_for_all
from serving.store.schema import events


@dataclass(frozen=True)
class SeriousRules:
    """What a unit takes for a serious record.

    Parameters
    ----------
    days
        Days until now, inclusive, within which it happened or came to be known.
    severity
        The least severity that counts.
    kinds
        Kinds that count whatever their severity.
    """

    days: int = SERIOUS_DAYS
    severity: float = SERIOUS_SEVERITY
    kinds: tuple[str, ...] = SERIOUS_KINDS


def make_serious_rules(settings: Settings) -> SeriousRules:
    """Return what the settings say of serious records."""
    return SeriousRules(settings.serious_days, settings.serious_severity, settings.serious_kinds)


def find_serious(
    connection: Connection, case_keys: Collection[str], now_us: int, rules: SeriousRules
) -> frozenset[str]:
    """Return those of some cases in which something serious happened, or came to be known, lately.

    Parameters
    ----------
    connection
        A transaction.
    case_keys
        The cases.
    now_us
        The moment, microseconds UTC.
    rules
        What is serious, and for how long.
    """
    since_us = now_us - rules.days * DAY_US
    query = select(events.c.case_key).where(
        is_among(connection, events.c.case_key, case_keys),
        or_(events.c.kind.in_(sorted(rules.kinds)), events.c.value >= rules.severity),
        or_(events.c.occurred_at >= since_us, events.c.recorded_at >= since_us),
        is_for_all(),
    )
    return frozenset(connection.execute(query.distinct()).scalars())
