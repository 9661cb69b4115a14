"""What the example unit's people see of a case before they decide on it."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from features.catalogue.declarations import DAY_US
from features.contract.tables import RESERVED_KINDS
from serving.standing.standings import StandingRules
from serving.standing.states import OPEN
from serving.store.lookups import is_among
from serving.store.record_conditions import is_for_all
from serving.store.schema import case_keys, events, standings

LATELY_DAYS: Final = 28


@dataclass(frozen=True)
class SeenCase:
    """An open case as a person reads it; nothing of a score.

    Parameters
    ----------
    key, case_id
        Its key and its own identifier.
    state, returned_for, owner
        Where it stands.
    arrived_at_us, review_due_us
        When it arrived, and when it is looked at again where it is taken on; microseconds UTC.
    n_flags, n_urgent
        Review flags and urgent flags that stand.
    quiet_days
        Whole days since the latest record of something other than the unit's own work.
    kinds
        Kinds of events of the last 28 days.
    """

    key: str
    case_id: str
    state: str
    returned_for: str | None
    owner: str | None
    arrived_at_us: int
    review_due_us: int | None
    n_flags: int
    n_urgent: int
    quiet_days: int
    kinds: frozenset[str]

    @property
    def is_flagged(self) -> bool:
        """Whether a flag stands."""
        return self.n_flags + self.n_urgent > 0


def read_cases(
    connection: Connection, now_us: int, keys: Collection[str] | None = None
) -> list[SeenCase]:
    """Return open cases that are not sealed, by their identifier.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    now_us
        The moment, microseconds UTC.
    keys
        Only these cases; all where absent.
    """
    query = (
        select(standings, case_keys.c.case_id)
        .join(case_keys, case_keys.c.case_key == standings.c.case_key)
        .where(standings.c.state.in_(OPEN))
        .order_by(case_keys.c.case_id)
    )
    if keys is not None:
        query = query.where(is_among(connection, standings.c.case_key, keys))
    rows = connection.execute(query).all()
    shown = _select_shown(connection, [row.case_key for row in rows])
    return [_describe(row, shown.get(row.case_key, {}), now_us) for row in rows]


def _select_shown(connection: Connection, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return by case and kind when the latest record was made and when the latest one happened."""
    query = (
        select(
            events.c.case_key,
            events.c.kind,
            func.max(events.c.recorded_at).label("recorded_us"),
            func.max(events.c.occurred_at).label("occurred_us"),
        )
        .where(is_among(connection, events.c.case_key, keys), *_shown())
        .group_by(events.c.case_key, events.c.kind)
    )
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in connection.execute(query):
        found[row.case_key][row.kind] = row
    return found


def _describe(row: Any, shown: dict[str, Any], now_us: int) -> SeenCase:
    latest = max((one.recorded_us for one in shown.values()), default=row.arrived_at_us)
    since = now_us - LATELY_DAYS * DAY_US
    return SeenCase(
        key=row.case_key,
        case_id=row.case_id,
        state=row.state,
        returned_for=row.returned_for,
        owner=row.owner,
        arrived_at_us=row.arrived_at_us,
        review_due_us=row.review_due_us,
        n_flags=row.n_flags,
        n_urgent=row.n_urgent,
        quiet_days=max(now_us - latest, 0) // DAY_US,
        kinds=frozenset(kind for kind, one in shown.items() if one.occurred_us >= since),
    )


def find_record(connection: Connection, case_key: str, sources: Collection[str]) -> str | None:
    """Return the latest event of some sources that a case's page shows; ``None`` without one."""
    query = (
        select(events.c.event_id)
        .where(events.c.case_key == case_key, events.c.source.in_(sorted(sources)), *_shown())
        .order_by(events.c.recorded_at.desc(), events.c.event_id)
        .limit(1)
    )
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def _shown() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that an event is of the case itself, and not kept to one agency."""
    return (
        events.c.kind.not_in((*RESERVED_KINDS, *StandingRules().work_kinds)),
        is_for_all(),
    )
