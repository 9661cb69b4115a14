"""Deciding: a named person's decision, with all that follows from it, in one transaction.

Only here does a case change hands. A decision is never changed: a reversal is a new one that names
the one it reverses.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, and_, exists, insert, select

from features.contract.moments import to_datetime
from serving.decisions.case_reading import find_first_view, find_places
from serving.decisions.case_versions import check_version
from serving.decisions.counted_views import find_open_round
from serving.decisions.drafts import DecisionIn, check_draft
from serving.decisions.lifecycle import Course, append_turns, list_turns, read_course
from serving.errors import RequestProblem, ServiceError, invalid
from serving.flags.first_reads import add_first_read
from serving.flags.flags import discharge, need_open
from serving.intake.records import find_companions
from serving.lists.blind_review import wants_first_view
from serving.persons import Person
from serving.settings import LONGEST_REVIEW_DAYS, Settings
from serving.standing.serious_records import SeriousRules, make_serious_rules
from serving.standing.standings import StandingRules
from serving.store.case_places import find_place
from serving.store.database import Unit, Writing, make_key
from serving.store.schema import (
    decision_reasons,
    decisions,
    scores,
    sittings,
)

_AGREEMENT: Final = {"yes": True, "no": False, "not_seen": None}
_NOT_OF_CASE: Final = ("not_of_this_case", "name one of this case")
_WITHHELD: Final = (
    "score_withheld",
    "give a first view of the case, read it again and then decide, or say 'not_seen'",
)


@dataclass(frozen=True)
class DecisionRequest:
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
    reading_seconds
        Seconds from when they opened the case; ``None`` where nobody knows.
    """

    case_key: str
    person: Person
    draft: DecisionIn = field(repr=False)
    seen_version: int | None
    reading_seconds: int | None = None


@dataclass(frozen=True)
class Decided:
    """A decision that is on record."""

    decision_key: str
    version: int


@dataclass(frozen=True)
class CheckedDecision:
    """Where a case is before a decision that can be recorded, and the version that it would be."""

    course: Course
    version: int


@dataclass(frozen=True)
class DecisionLimits:
    """What a unit states of decisions.

    Parameters
    ----------
    longest_review_days
        Days from today within which a case that is taken on is looked at again, inclusive.
    serious
        What is a serious record: it keeps one person from closing its case alone.
    """

    longest_review_days: int = LONGEST_REVIEW_DAYS
    serious: SeriousRules = field(default_factory=SeriousRules)


USUAL_LIMITS: Final = DecisionLimits()


def make_limits(settings: Settings) -> DecisionLimits:
    """Return what the settings state of decisions."""
    return DecisionLimits(settings.longest_review_days, make_serious_rules(settings))


def decide(
    writing: Writing,
    act: DecisionRequest,
    unit: Unit,
    rules: StandingRules,
    limits: DecisionLimits = USUAL_LIMITS,
) -> Decided:
    """Record a decision, and what follows from it.

    Whether one person may decide so is asked before: see
    :func:`serving.decisions.decision_confirmation.decide_or_ask`.

    The flags that it names are discharged, the case's records say that it was taken on, handed
    back, closed or reopened, and who decides first has read it first. One that closes the case
    names every open flag, with each of its records.

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
    limits
        What the unit states of decisions.

    Raises
    ------
    ServiceError
        If the person may not decide so (403), there is no such case (404), it was merged into
        another (409), somebody decided meanwhile (412), or the decision breaks a rule or names
        what is not there (422). Nothing is recorded then.
    """
    checked = check_decision(writing, act, unit, rules, limits)
    return record_decision(writing, act, checked, rules)


def record_decision(
    writing: Writing, act: DecisionRequest, checked: CheckedDecision, rules: StandingRules
) -> Decided:
    """Record a decision that :func:`check_decision` let pass in the same transaction."""
    draft, course, version = act.draft, checked.course, checked.version
    key = _store(writing, act, version)
    named = [(one.flag, one.record_id) for one in draft.discharges]
    discharge(writing, act.case_key, key, named, raisings=course.flags)
    if not course.is_read:
        add_first_read(writing, act.case_key, act.person, None, rules)
    turns = list_turns(course, closes=draft.closes)
    append_turns(writing, act.case_key, (version, key), turns)
    # Linked cases too: what is recorded here is measured there.
    companions = find_companions(writing.connection, [act.case_key])
    writing.touch(companions | {act.case_key}, rules)
    return Decided(key, version)


def check_decision(
    writing: Writing,
    act: DecisionRequest,
    unit: Unit,
    rules: StandingRules,
    limits: DecisionLimits = USUAL_LIMITS,
) -> CheckedDecision:
    """Check that a decision could be recorded now, and store nothing; see :func:`decide`.

    Other writers wait from here on until the transaction ends.
    """
    draft, connection = act.draft, writing.connection
    # Before the lock: what needs no database makes nobody wait.
    today = to_datetime(writing.now_us, unit.time_zone).date()
    check_draft(draft, act.person, today, limits.longest_review_days)
    writing.take_seq(0)  # others wait from here, so that what is read stays as it is
    course = read_course(connection, act.case_key, writing.now_us, rules)
    version = check_version(connection, act.case_key, act.seen_version, course.version) + 1
    if course.merged or course.case_id is None:
        raise ServiceError(
            "case_merged" if course.merged else "case_erased",
            "nothing more is decided on this case",
            "decide on the case that its records went into, where they did",
        )
    if draft.closes or draft.discharges:
        _need_views(connection, act.case_key)
    problems = [*_check_references(connection, act), *_check_flags(act, course.flags)]
    if problems:
        raise invalid(problems)
    need_open([(one.flag, one.record_id) for one in draft.discharges], course.flags)
    return CheckedDecision(course, version)


def _need_views(connection: Connection, case_key: str) -> None:
    """Check that no round of the case waits for views, one of which may dissent."""
    if find_open_round(connection, case_key) is not None:
        raise ServiceError(
            "views_awaited",
            "views of this case are being given: one of them may dissent",
            "wait until all are in, or show those that are, and decide then",
        )


def _check_references(connection: Connection, act: DecisionRequest) -> Iterator[RequestProblem]:
    """Check that what the draft names is there, all in one query."""
    draft = act.draft
    is_score = and_(scores.c.score_key == draft.score_key, scores.c.case_key == act.case_key)
    is_reversed = and_(
        decisions.c.decision_key == draft.reverses, decisions.c.case_key == act.case_key
    )
    named = (
        ("score_key", _NOT_OF_CASE, draft.score_key, exists().where(is_score)),
        ("reverses", _NOT_OF_CASE, draft.reverses, exists().where(is_reversed)),
        (
            "sitting_key",
            ("unknown", "name a sitting, or none"),
            draft.sitting_key,
            exists().where(sittings.c.sitting_key == draft.sitting_key),
        ),
        (
            "agrees_with_score",
            _WITHHELD,
            None if draft.agrees_with_score == "not_seen" else draft.agrees_with_score,
            ~wants_first_view(act.case_key),
        ),
    )
    given = [(where, words, holds) for where, words, value, holds in named if value is not None]
    if not given:
        return
    found = connection.execute(select(*(holds for _, _, holds in given))).one()
    for (where, (code, remedy), _), holds in zip(given, found, strict=True):
        if not holds:
            yield RequestProblem(where=where, code=code, remedy=remedy)


def _check_flags(
    act: DecisionRequest, open_flags: Collection[tuple[str, str]]
) -> Iterator[RequestProblem]:
    """Check that no flag is left open on a case that is closed."""
    if not act.draft.closes:
        return
    n_left = len(set(open_flags) - {(one.flag, one.record_id) for one in act.draft.discharges})
    if n_left:
        remedy = (
            f"name every open flag, with each of its records ({n_left} not named), "
            "or leave the case open"
        )
        yield RequestProblem(where="discharges", code="flag_stands", remedy=remedy)


def _store(writing: Writing, act: DecisionRequest, version: int) -> str:
    draft, key = act.draft, make_key()
    seen_seq = find_place(writing.connection, act.case_key, draft.seen_seq)
    seq = writing.take_seq(1 + len(draft.reasons))
    writing.connection.execute(
        insert(decisions).values(
            decision_key=key,
            case_key=act.case_key,
            version=version,
            sitting_key=draft.sitting_key,
            score_key=draft.score_key,
            seen_seq=seen_seq,
            decided_at_us=writing.now_us,
            agrees_with_score=_AGREEMENT[draft.agrees_with_score],
            owner=draft.owner,
            review_on=draft.review_on,
            note=draft.note,
            reverses=draft.reverses,
            routes=draft.ways.describe(),
            stored_seq=seq,
            score_direction=draft.score_direction,
            score_why=draft.score_why,
            opened=find_places(writing.connection, act.case_key, draft.opened),
            reading_seconds=act.reading_seconds,
            first_view=find_first_view(
                writing.connection, act.case_key, act.person, draft.sitting_key
            ),
            unopened_why=draft.unopened_why,
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
