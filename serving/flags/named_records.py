"""Records that a flag or a reason names: what each is and when, for words beside the name.

No narrative is read here, and no record that an agency keeps to itself or that health told.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, null, select

from serving.store.lookups import list_pairs
from serving.store.record_conditions import is_for_all
from serving.store.schema import events, facts

Name = tuple[str, str]
"""Key of a case and key of one of its records."""


@dataclass(frozen=True)
class NamedRecord:
    """What a record is and when.

    Parameters
    ----------
    table
        ``events`` or ``facts``.
    kind
        The kind of the event, or the name of the question.
    at_us
        When it happened, microseconds UTC; of an answer when it was recorded.
    known_at_us
        When the unit came to know of it, microseconds UTC.
    incident
        The incident of an event: several records may tell of one. Of an answer its own key.
    severity
        Of an event, as it was recorded; ``None`` where it was not.
    """

    table: str
    kind: str
    at_us: int
    known_at_us: int = 0
    incident: str = ""
    severity: float | None = None


def read_named_records(connection: Connection, names: Collection[Name]) -> dict[Name, NamedRecord]:
    """Return what some records are; those of other cases and those kept apart are left out."""
    wanted = sorted({name for name in names if name[1]})
    if not wanted:
        return {}
    pairs = list_pairs(connection, wanted)
    of_events = select(
        events.c.case_key,
        events.c.event_id,
        events.c.kind,
        events.c.occurred_at,
        events.c.recorded_at,
        func.coalesce(events.c.incident_id, events.c.event_id),
        events.c.value,
    )
    of_events = of_events.join(
        pairs, and_(pairs.c.case_key == events.c.case_key, pairs.c.id == events.c.event_id)
    ).where(
        is_for_all(),
    )
    of_facts = select(
        facts.c.case_key,
        facts.c.fact_id,
        facts.c.name,
        facts.c.recorded_at,
        facts.c.recorded_at,
        facts.c.fact_id,
        null(),
    ).join(pairs, and_(pairs.c.case_key == facts.c.case_key, pairs.c.id == facts.c.fact_id))
    return {
        (case_key, record_id): NamedRecord(table, *told)
        for table, query in (("events", of_events), ("facts", of_facts))
        for case_key, record_id, *told in connection.execute(query)
    }
