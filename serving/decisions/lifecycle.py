"""What a decision writes into the case's own records: taken on, handed back, closed, reopened.

These records go with the case into every export, so that what the unit did is not mistaken for what
happened. Nothing but a decision writes them (promise 1).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from features.contract.tables import EVENTS
from serving.standing.case_facts import read_case_records
from serving.standing.standings import StandingRules
from serving.standing.states import CaseFacts, decide_state, is_shut
from serving.store.case_keys import make_unknown
from serving.store.database import Writing
from serving.store.frames import insert_rows, make_rows
from serving.store.record_conditions import is_uncorrected
from serving.store.schema import events

TAKEN_ON: Final = "taken_on"
HANDED_BACK: Final = "handed_back"
_SOURCE: Final = "unit"


@dataclass(frozen=True)
class Course:
    """Where a case is before a decision.

    Parameters
    ----------
    case_id
        Its own identifier; ``None`` once that was erased.
    version
        How many decisions there are on it.
    is_read
        Whether a named person has read it.
    flags
        Keys of the raisings that are open, by flag and record.
    urgent
        Those of them that are urgent, by flag and record.
    merged
        Whether its records went into another case for good.
    shut
        Whether it was closed and not opened since, whatever came to it later; by a record as well,
        even where that closes nothing, so that the case's own records go on saying what holds.
    closed
        Whether it is closed and nothing came to it since.
    managed
        Whether the unit took it on and did not hand it back.
    """

    case_id: str | None
    version: int
    is_read: bool
    flags: Mapping[tuple[str, str], str]
    urgent: frozenset[tuple[str, str]]
    merged: bool
    shut: bool
    closed: bool
    managed: bool


def read_course(connection: Connection, case_key: str, now_us: int, rules: StandingRules) -> Course:
    """Return where a case is, from its records and decisions.

    Raises
    ------
    ServiceError
        If the store holds no such case (404).
    """
    record = read_case_records(connection, [case_key], now_us, rules.work_kinds).get(case_key)
    if record is None:
        raise make_unknown()
    facts: CaseFacts = record.facts
    return Course(
        case_id=record.case_id,
        version=0 if facts.decision is None else facts.decision.version,
        is_read=record.first_read_at_us is not None,
        flags={(one.flag, one.record_id): one.raising_key for one in facts.raisings},
        urgent=frozenset((one.flag, one.record_id) for one in facts.raisings if one.urgent),
        merged=facts.is_merged,
        shut=is_shut(facts) or (facts.turn is not None and facts.turn.closes),
        closed=decide_state(facts, now_us).state == "closed",
        managed=_is_taken_on(connection, case_key, now_us),
    )


def _is_taken_on(connection: Connection, case_key: str, now_us: int) -> bool:
    query = (
        select(events.c.kind)
        .where(
            events.c.case_key == case_key,
            events.c.kind.in_((TAKEN_ON, HANDED_BACK)),
            events.c.occurred_at <= now_us,
            is_uncorrected(connection, events, [case_key]),
        )
        .order_by(
            events.c.occurred_at.desc(), events.c.recorded_at.desc(), events.c.event_id.desc()
        )
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none() == TAKEN_ON


def list_turns(course: Course, *, closes: bool) -> tuple[str, ...]:
    """Return the kinds of the records that a decision writes, in order.

    Parameters
    ----------
    course
        Where the case is before the decision.
    closes
        Whether the decision takes no further action.
    """
    return tuple(_close(course) if closes else _take_on(course))


def _close(course: Course) -> Iterator[str]:
    if course.managed:
        yield HANDED_BACK
    if not course.closed:
        yield "closed"


def _take_on(course: Course) -> Iterator[str]:
    if course.shut:
        yield "reopened"
    if not course.managed:
        yield TAKEN_ON


def append_turns(
    writing: Writing, case_key: str, decision: tuple[int, str], kinds: tuple[str, ...]
) -> None:
    """Append the records of a decision to its case.

    Parameters
    ----------
    writing
        The decision's transaction; its moment is theirs.
    case_key
        The case, which was not merged into another.
    decision
        The decision's version and key, which the records' names hold: by name they stand in the
        order of decisions even within one microsecond, and none is there already.
    kinds
        What :func:`list_turns` gave.
    """
    if not kinds:
        return
    version, decision_key = decision
    given = {
        "case_id": case_key,
        "occurred_at": writing.now_us,
        "recorded_at": writing.now_us,
        "view": "recorded",
        "source": _SOURCE,
        # Left empty, it would be the subject (ADR 5).
        "actor": "unknown",
        "handling": "unit",
    }
    rows = [
        # Padded: of records of one moment the key decides, and a later decision must sort last.
        given | {"kind": kind, "event_id": f"decision-{version:06d}-{number}-{kind}-{decision_key}"}
        for number, kind in enumerate(kinds)
    ]
    cells: Any = [tuple(row.get(name) for name in EVENTS.column_names) for row in rows]
    insert_rows(
        writing.connection,
        "events",
        make_rows("events", cells),
        first_seq=writing.take_seq(len(rows)),
        import_key=None,
    )
