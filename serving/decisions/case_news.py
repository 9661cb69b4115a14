"""What is new on one case since people last looked at it together: the records, by their keys.

The rule is that of the list, but counted from the case's own latest decision where it has one: a
record is new that was recorded since, or stored since however late it was sent. The unit's own
work and what became of the case are no news.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select, union_all

from features.catalogue.declarations import DAY_US
from features.contract.tables import RESERVED_KINDS
from serving.lists.new_records import FIRST_DAYS, Since, find_since
from serving.lists.sittings import current_sitting
from serving.standing.standings import StandingRules
from serving.store.schema import cases, decisions, events, facts

_LAST_DAYS: Final = f"in the last {FIRST_DAYS} days"


@dataclass(frozen=True)
class CaseNews:
    """What is new on a case.

    Parameters
    ----------
    keys
        Keys of the new events and answers, whoever may see them.
    decided_at_us
        The latest decision, since which they are; microseconds UTC. ``None`` without one.
    words
        Since when, in words, where no decision was made.
    whole_file
        Whether the case itself came since, and nobody has decided on it.
    """

    keys: frozenset[str]
    decided_at_us: int | None
    words: str
    whole_file: bool = False


def find_case_news(
    connection: Connection, case_key: str, rules: StandingRules, now_us: int
) -> CaseNews:
    """Return what came to be known of a case since its latest decision.

    Without a decision it is what is new at the current sitting; without a sitting, what was
    recorded within a week.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_key
        The case.
    rules
        Name the unit's own work, which is no news.
    now_us
        The moment, microseconds UTC.
    """
    latest = connection.execute(
        select(decisions.c.decided_at_us, decisions.c.seen_seq)
        .where(decisions.c.case_key == case_key)
        .order_by(decisions.c.version.desc())
        .limit(1)
    ).one_or_none()
    sitting = current_sitting(connection)
    if latest is not None:
        since, words = Since(latest.decided_at_us + 1, latest.seen_seq), ""
    elif sitting is not None:
        since = find_since(connection, sitting)
        words = since.words
    else:
        since, words = Since(now_us - FIRST_DAYS * DAY_US, None), _LAST_DAYS
    of_events = select(events.c.event_id).where(
        events.c.case_key == case_key,
        events.c.kind.not_in((*RESERVED_KINDS, *rules.work_kinds)),
        since.covers(events),
    )
    of_facts = select(facts.c.fact_id).where(facts.c.case_key == case_key, since.covers(facts))
    keys = connection.execute(union_all(of_events, of_facts)).scalars()
    if latest is not None:
        return CaseNews(frozenset(keys), latest.decided_at_us, words)
    came = select(cases.c.case_key).where(cases.c.case_key == case_key, since.covers(cases))
    is_new = connection.execute(came).one_or_none() is not None
    return CaseNews(frozenset(keys), None, words, whole_file=is_new)
