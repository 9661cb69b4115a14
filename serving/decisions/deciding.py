"""Deciding: a named person's decision, with all that follows from it, in one transaction.

Only here does a case change hands. A decision is never changed: a reversal is a new one that names
the one it reverses.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select

from features.contract.moments import to_datetime
from serving.decisions.drafts import DecisionIn, check_draft
from serving.decisions.lifecycle import append_turns, list_turns, read_course
from serving.decisions.versions import check_version
from serving.errors import Problem, ServiceError, invalid
from serving.flags.first_reads import ensure_first_read
from serving.flags.flags import discharge, is_standing
from serving.lists.blind_review import is_blind
from serving.persons import Person
from serving.standing.standings import StandingRules
from serving.store.case_keys import need_case
from serving.store.database import Unit, Writing, make_key
from serving.store.histories import read_head
from serving.store.schema import (
    decision_reasons,
    decisions,
    flag_raisings,
    scores,
    sittings,
)

_AGREEMENT = {"yes": True, "no": False, "not_seen": None}


@dataclass(frozen=True)
class Act:
    """Somebody decides on a case.

    Parameters
    ----------
    case_key
        The case.
    person
        Who decides.
    draft
        What they decide.
    seen_version
        The version of the case that they saw; ``None`` where they named none that could be.
    """

    case_key: str
    person: Person
    draft: DecisionIn = field(repr=False)
    seen_version: int | None


@dataclass(frozen=True)
class Decided:
    """A decision that is on record."""

    decision_key: str
    version: int


def decide(writing: Writing, act: Act, unit: Unit, rules: StandingRules) -> Decided:
    """Record a decision, and what follows from it.

    The flags that it names are discharged, the case's records say that it was taken on, handed
    back, closed or reopened, and who decides first has read it first. One that closes the case
    names every flag that stands, with each of its records.

    Parameters
    ----------
    writing
        The open transaction. Other writers wait from here on until it ends.
    act
        Who decides what.
    unit
        What holds for the whole store.
    rules
        What the case's standing rests on.

    Raises
    ------
    ServiceError
        If the person may not decide so (403), there is no such case (404), it was merged into
        another (409), somebody decided meanwhile (412), or the decision breaks a rule or names
        what is not there (422). Nothing is recorded then.
    """
    draft, connection = act.draft, writing.connection
    check_draft(draft, act.person, to_datetime(writing.now_us, unit.time_zone).date())
    writing.take_seq(0)  # others wait from here, so that the version stays as it is
    case_id = need_case(connection, act.case_key)
    version = check_version(connection, act.case_key, act.seen_version) + 1
    course = read_course(connection, act.case_key, writing.now_us, rules)
    if course.merged or case_id is None:
        raise ServiceError(
            409,
            "case_merged" if course.merged else "case_erased",
            "nothing more is decided on this case",
            "decide on the case that its records went into, where they did",
        )
    problems = [*_check_references(connection, act), *_check_flags(connection, act)]
    if problems:
        raise invalid(problems)
    key = _store(writing, act, version)
    discharge(writing, act.case_key, key, [(one.flag, one.record_id) for one in draft.discharges])
    ensure_first_read(writing, act.case_key, act.person, rules=rules)
    turns = list_turns(course, closes=draft.closes)
    append_turns(writing, case_id, (version, key), turns, unit, rules)
    writing.touch([act.case_key], rules)
    return Decided(key, version)


def _check_references(connection: Connection, act: Act) -> Iterator[Problem]:
    draft = act.draft
    named = (
        ("score_key", draft.score_key, scores.c.score_key, scores.c.case_key),
        ("reverses", draft.reverses, decisions.c.decision_key, decisions.c.case_key),
    )
    for where, key, column, case_column in named:
        query = select(column).where(column == key, case_column == act.case_key)
        if key is not None and connection.execute(query).one_or_none() is None:
            yield Problem(where=where, code="not_of_this_case", remedy="name one of this case")
    sitting = select(sittings.c.sitting_key).where(sittings.c.sitting_key == draft.sitting_key)
    if draft.sitting_key is not None and connection.execute(sitting).one_or_none() is None:
        yield Problem(where="sitting_key", code="unknown", remedy="name a sitting, or none")
    if draft.seen_seq > read_head(connection):
        yield Problem(where="seen_seq", code="ahead", remedy="send 'seen_seq' of the case as read")
    if draft.agrees_with_score != "not_seen" and is_blind(connection, act.case_key):
        remedy = "give a first view of the case, read it again and then decide, or say 'not_seen'"
        yield Problem(where="agrees_with_score", code="score_withheld", remedy=remedy)


def _check_flags(connection: Connection, act: Act) -> Iterator[Problem]:
    """Check that nothing stands on a case that is closed."""
    if not act.draft.closes:
        return
    named = {(one.flag, one.record_id) for one in act.draft.discharges}
    query = select(flag_raisings.c.flag, flag_raisings.c.record_id).where(
        flag_raisings.c.case_key == act.case_key, is_standing()
    )
    standing = {(row.flag, row.record_id) for row in connection.execute(query)}
    n_left = len(standing - named)
    if n_left:
        remedy = (
            f"name every flag that stands, with each of its records ({n_left} not named), "
            "or leave the case open"
        )
        yield Problem(where="discharges", code="flag_stands", remedy=remedy)


def _store(writing: Writing, act: Act, version: int) -> str:
    draft, key = act.draft, make_key()
    seq = writing.take_seq(1 + len(draft.reasons))
    writing.connection.execute(
        insert(decisions).values(
            decision_key=key,
            case_key=act.case_key,
            version=version,
            sitting_key=draft.sitting_key,
            score_key=draft.score_key,
            seen_seq=draft.seen_seq,
            decided_at_us=writing.now_us,
            agrees_with_score=_AGREEMENT[draft.agrees_with_score],
            owner=draft.owner,
            review_on=draft.review_on,
            note=draft.note,
            reverses=draft.reverses,
            routes=draft.ways.tell(),
            stored_seq=seq,
            **act.person.columns(),
        )
    )
    reasons = [
        one.model_dump() | {"decision_key": key, "stored_seq": seq + 1 + number}
        for number, one in enumerate(draft.reasons)
    ]
    if reasons:
        writing.connection.execute(insert(decision_reasons), reasons)
    return key
