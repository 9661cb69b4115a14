"""What happened last in some cases: their latest incidents, and what each view calls them.

The unit's own work and what became of a case are left out, and so is what an agency keeps to itself
or what health tells; a record that was corrected or withdrawn since is not told as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import CTE, Connection, Row, Select, and_, case, func, select

from features.contract.kept_apart import may_be_disclosed
from features.contract.tables import RESERVED_KINDS
from serving.standing.pending_corrections import is_narrowing
from serving.standing.standings import StandingRules
from serving.store.lookups import is_among
from serving.store.record_conditions import is_for_all, is_uncorrected
from serving.store.schema import events

MOST_INCIDENTS: Final = 6
"""Incidents of a case that are told: with them a sheet of a clinic pack stays on one page."""
_RECORDED: Final = "recorded"


@dataclass(frozen=True)
class Telling:
    """What one record calls an incident.

    Parameters
    ----------
    view
        ``recorded``, ``account`` or ``classification``.
    kind
        The kind of the event.
    source, detail
        Which agency told it, and the record's short code; ``None`` where there is none.
    """

    view: str
    kind: str
    source: str | None
    detail: str | None


@dataclass(frozen=True)
class LatestIncident:
    """An incident as its views tell it.

    Parameters
    ----------
    at_us
        When the latest of its records happened, microseconds UTC.
    tellings
        What its records call it, in the order of their keys.
    is_disclosable
        Whether none of its records is marked as not for disclosure.
    """

    at_us: int
    tellings: tuple[Telling, ...]
    is_disclosable: bool


@dataclass(frozen=True)
class LatestIncidents:
    """The latest incidents of a case, the latest first, and how many there are in all."""

    incidents: tuple[LatestIncident, ...] = ()
    n_incidents: int = 0


def read_latest_incidents(
    connection: Connection, case_keys: Sequence[str], rules: StandingRules, now_us: int
) -> dict[str, LatestIncidents]:
    """Return the latest incidents of some cases, by one query; a case without any is left out.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_keys
        The cases.
    rules
        Name the unit's own work, which is no incident.
    now_us
        What happened before this moment is told, exclusive; microseconds UTC.
    """
    found: dict[str, dict[str, list[Row[Any]]]] = {}
    for row in connection.execute(_select_latest(connection, case_keys, rules, now_us)):
        found.setdefault(row.case_key, {}).setdefault(row.incident, []).append(row)
    return {
        case_key: LatestIncidents(
            tuple(map(_describe, incidents.values())), next(iter(incidents.values()))[0].n_incidents
        )
        for case_key, incidents in found.items()
    }


def _select_latest(
    connection: Connection, case_keys: Sequence[str], rules: StandingRules, now_us: int
) -> "Select[Any]":
    shown = _select_shown(connection, case_keys, rules, now_us)
    at = func.max(shown.c.occurred_at)
    of_case = shown.c.case_key
    ranked = (
        select(
            of_case,
            shown.c.incident,
            at.label("at_us"),
            func.row_number()
            .over(partition_by=of_case, order_by=(at.desc(), shown.c.incident.desc()))
            .label("place"),
            func.count().over(partition_by=of_case).label("n_incidents"),
        )
        .group_by(of_case, shown.c.incident)
        .subquery("ranked")
    )
    same = and_(ranked.c.case_key == of_case, ranked.c.incident == shown.c.incident)
    return (
        select(shown, ranked.c.at_us, ranked.c.n_incidents)
        .join(ranked, same)
        .where(ranked.c.place <= MOST_INCIDENTS)
        .order_by(of_case, ranked.c.place, shown.c.event_id)
    )


def _select_shown(
    connection: Connection, case_keys: Sequence[str], rules: StandingRules, now_us: int
) -> CTE:
    """Return the events of some cases that everybody may see and that stand as they are."""
    return (
        select(
            *(events.c[name] for name in ("case_key", "event_id", "kind", "occurred_at")),
            *(events.c[name] for name in ("view", "source", "handling")),
            # What its agency keeps to itself as of now is told nowhere, whatever still counts.
            case((is_narrowing(events), None), else_=events.c.detail).label("detail"),
            func.coalesce(events.c.incident_id, events.c.event_id).label("incident"),
        )
        .where(
            is_among(connection, events.c.case_key, case_keys),
            events.c.occurred_at < now_us,
            events.c.kind.not_in((*RESERVED_KINDS, *rules.work_kinds)),
            is_for_all(),
            is_uncorrected(connection, events, case_keys),
        )
        .cte("shown")
    )


def _describe(rows: Sequence[Row[Any]]) -> LatestIncident:
    tellings = (Telling(row.view or _RECORDED, row.kind, row.source, row.detail) for row in rows)
    return LatestIncident(
        at_us=rows[0].at_us,
        tellings=tuple(dict.fromkeys(tellings)),
        is_disclosable=all(may_be_disclosed(row.handling) for row in rows),
    )
