"""What happened lately in some cases: incidents, times that last, and the latest decision.

It is of the records that everybody may see and of what people decided, and nothing of a score: of
a case that is looked at blind first it may be told as well.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, and_, select

from features.contract.arrays import MISSING
from features.evidence.records_behind import CaseMoment, state_intervals
from features.history.columns import History
from models.bundle.folder import Bundle
from serving.lists.latest_incidents import LatestIncidents, read_latest_incidents
from serving.standing.pending_corrections import read_narrowed
from serving.standing.standings import StandingRules
from serving.store.database import Unit
from serving.store.histories import read_history
from serving.store.lookups import is_among
from serving.store.schema import decisions, standings


@dataclass(frozen=True)
class LastingState:
    """A state that began and has no end on record: custody, bail, an order.

    Parameters
    ----------
    state
        Name of the state.
    detail
        The short code of the record that began it; ``None`` where it has none.
    since_us
        When it began, microseconds UTC.
    """

    state: str
    detail: str | None
    since_us: int


@dataclass(frozen=True)
class ListedDecision:
    """The latest decision on a case, without what was said of the score.

    Parameters
    ----------
    decided_at_us
        When, microseconds UTC.
    person, role, agency
        By whom, as they were then.
    ways
        Which ways it goes.
    owner, review_on
        Who has the case, and the day of the review; ``None`` where it was closed.
    """

    decided_at_us: int
    person: str
    role: str
    agency: str
    ways: tuple[str, ...]
    owner: str | None
    review_on: str | None


@dataclass(frozen=True)
class Lately:
    """What happened lately, by case key; a case without any of it is left out there."""

    incidents: Mapping[str, LatestIncidents]
    states: Mapping[str, tuple[LastingState, ...]]
    decisions: Mapping[str, ListedDecision]


def read_lately(
    connection: Connection,
    case_keys: Sequence[str],
    unit: Unit,
    bundle: Bundle | None,
    rules: StandingRules,
    now_us: int,
) -> Lately:
    """Read what happened lately in some cases.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_keys, unit
        The cases, and what holds for the whole store.
    bundle
        Its catalogue names the kinds that start and end states, and its engine reads them; no
        state is told without one.
    rules
        Name the unit's own work, which is left out.
    now_us
        What happened before this moment is told, exclusive; microseconds UTC.
    """
    states: dict[str, tuple[LastingState, ...]] = {}
    if bundle is not None:
        history = read_history(connection, case_keys, unit, extract_at_us=now_us)
        closed: dict[str, set[str]] = {}
        for case_key, number in read_narrowed(connection, case_keys):
            closed.setdefault(case_key, set()).add(number)
        states = find_lasting_states(history, bundle, rules, now_us, closed)
    return Lately(
        incidents=read_latest_incidents(connection, case_keys, rules, now_us),
        states=states,
        decisions=read_latest_decisions(connection, case_keys),
    )


def read_latest_decisions(
    connection: Connection, case_keys: Collection[str]
) -> dict[str, ListedDecision]:
    """Return the latest decision on some cases; a case without one is left out."""
    latest = and_(
        decisions.c.case_key == standings.c.case_key, decisions.c.version == standings.c.version
    )
    query = (
        select(decisions)
        .join(standings, latest)
        .where(is_among(connection, standings.c.case_key, case_keys))
    )
    return {
        row.case_key: ListedDecision(
            decided_at_us=row.decided_at_us,
            person=row.person,
            role=row.role,
            agency=row.agency,
            ways=tuple(row.routes),
            owner=row.owner,
            review_on=row.review_on,
        )
        for row in connection.execute(query)
    }


def find_lasting_states(
    history: History,
    bundle: Bundle,
    rules: StandingRules,
    now_us: int,
    closed: Mapping[str, Collection[str]] | None = None,
) -> dict[str, tuple[LastingState, ...]]:
    """Return the states of cases that have no end on record, by the engine's own intervals.

    Health records and those that an agency keeps to itself are in no history, and so in none of
    these. What the unit's own work starts is left out.

    Parameters
    ----------
    history
        The cases.
    bundle
        Its catalogue names the kinds that start and end states, and its engine reads them.
    rules
        Name the unit's own work.
    now_us
        What is known at this moment, exclusive; microseconds UTC.
    closed
        Events, by case key, whose details their agency keeps to itself as of now.

    Returns
    -------
    dict
        By case key; a case without any is left out.
    """
    found = {}
    for number, case_key in enumerate(history.case_id):
        moment = CaseMoment(history, bundle.catalogue, number, now_us, bundle.rules)
        lasting = _find_lasting(moment, rules, (closed or {}).get(str(case_key), ()))
        if lasting:
            found[str(case_key)] = lasting
    return found


def _find_lasting(
    moment: CaseMoment, rules: StandingRules, closed: Collection[str]
) -> tuple[LastingState, ...]:
    events, rows = moment.history.events, moment.rows
    kinds, details = events.kind.codes[rows], events.detail.codes[rows]
    numbers = np.asarray(events.event_id[rows])
    found: dict[tuple[str, int], LastingState] = {}
    for state in moment.catalogue.states:
        for interval in state_intervals(moment, state):
            by_work = events.kind.values[kinds[interval.first]] in rules.work_kinds
            if interval.last is not None or by_work:
                continue
            code = int(details[interval.first])
            number = str(numbers[interval.first])
            code = MISSING if number in closed else code
            detail = None if code == MISSING else events.detail.values[code]
            # The first of several that last is where their union begins.
            found.setdefault((state, code), LastingState(state, detail, interval.start_us))
    return tuple(found.values())
