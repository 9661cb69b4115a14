"""Records that a flag or a reason names: what each is and when, for words beside the name.

No narrative is read here, and no record that an agency keeps to itself or that health told.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

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
    """

    table: str
    kind: str
    at_us: int


def read_named_records(connection: Connection, names: Collection[Name]) -> dict[Name, NamedRecord]:
    """Return what some records are; those of other cases and those kept apart are left out."""
    wanted = sorted({name for name in names if name[1]})
    if not wanted:
        return {}
    pairs = list_pairs(connection, wanted)
    of_events = select(events.c.case_key, events.c.event_id, events.c.kind, events.c.occurred_at)
    of_events = of_events.join(
        pairs, and_(pairs.c.case_key == events.c.case_key, pairs.c.id == events.c.event_id)
    ).where(
        is_for_all(),
    )
    of_facts = select(facts.c.case_key, facts.c.fact_id, facts.c.name, facts.c.recorded_at).join(
        pairs, and_(pairs.c.case_key == facts.c.case_key, pairs.c.id == facts.c.fact_id)
    )
    return {
        (case_key, record_id): NamedRecord(table, kind, at_us)
        for table, query in (("events", of_events), ("facts", of_facts))
        for case_key, record_id, kind, at_us in connection.execute(query)
    }
