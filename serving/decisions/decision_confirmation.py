"""Decisions that one person does not make alone: they wait whole for a second person.

Closing a case that has an open urgent flag, something serious on record lately or an agency's
dissent, and discharging an urgent flag. Until it is confirmed nothing of such a decision holds:
case, flag and place stay as they were. What keeps somebody safe need not wait: the same decision
without the flag holds at once.
"""

from typing import Final, Literal

from serving.confirmations.asking import ActToConfirm, ask
from serving.confirmations.records import Confirmation, ConfirmedKind, read_waiting
from serving.decisions.case_reading import keep_shared
from serving.decisions.counted_views import read_dissents
from serving.decisions.deciding import (
    USUAL_LIMITS,
    Decided,
    DecisionLimits,
    DecisionRequest,
    check_decision,
    decide,
    record_decision,
)
from serving.decisions.drafts import DecisionIn
from serving.decisions.lifecycle import Course
from serving.errors import RequestProblem, ServiceError, invalid
from serving.schemas import Strict
from serving.standing.serious_records import find_serious
from serving.standing.standings import StandingRules
from serving.store.database import Unit, Writing

DECISION: Final = ConfirmedKind("decision", "when_confirmed", 24)
Ground = Literal[
    "closes_with_urgent_flag",
    "closes_after_serious_record",
    "discharges_urgent_flag",
    "closes_against_dissent",
]
"""Why a decision needs a second person."""


class DecisionAct(Strict):
    """A decision that waits: what was decided, on which version of the case, and why it waits."""

    decision: DecisionIn
    seen_version: int | None
    grounds: tuple[Ground, ...]
    reading_seconds: int | None = None


def decide_or_ask(
    writing: Writing,
    act: DecisionRequest,
    unit: Unit,
    rules: StandingRules,
    limits: DecisionLimits = USUAL_LIMITS,
) -> Decided | Confirmation:
    """Record a decision, or write down that a second person is to confirm it.

    Parameters
    ----------
    writing, act, unit, rules, limits
        As for :func:`serving.decisions.deciding.decide`.

    Returns
    -------
    Decided or Confirmation
        The decision that is on record, or what waits: then nothing else is recorded.

    Raises
    ------
    ServiceError
        If the decision could not be recorded; if it waits and gives no reason (422), or the same
        person has asked for one on this case that waits still (409).
    """
    checked = check_decision(writing, act, unit, rules, limits)
    grounds = find_grounds(writing, act, checked.course, limits)
    if not grounds:
        return record_decision(writing, act, checked, rules)
    waiting = read_waiting(writing.connection, DECISION, [act.case_key])
    if any(one.person.subject == act.person.subject for one in waiting):
        raise ServiceError(
            "already_waiting",
            "a decision of yours on this case waits for a second person",
            "withdraw that one first: POST /v1/confirmations/{confirmation_key}",
        )
    content = DecisionAct(
        decision=_leave_kept_apart(writing, act),
        seen_version=act.seen_version,
        grounds=grounds,
        reading_seconds=act.reading_seconds,
    )
    asked = ActToConfirm(DECISION, (act.case_key,), content, _find_reason(act.draft))
    return ask(writing, act.person, asked)


def find_grounds(
    writing: Writing, act: DecisionRequest, course: Course, limits: DecisionLimits
) -> tuple[Ground, ...]:
    """Return why a decision needs a second person; nothing where one person makes it."""
    draft, found = act.draft, list[Ground]()
    if draft.closes and course.urgent:
        found.append("closes_with_urgent_flag")
    connection, now_us = writing.connection, writing.now_us
    if draft.closes and find_serious(connection, [act.case_key], now_us, limits.serious):
        found.append("closes_after_serious_record")
    if not course.urgent.isdisjoint((one.flag, one.record_id) for one in draft.discharges):
        found.append("discharges_urgent_flag")
    if draft.closes and read_dissents(connection, [act.case_key]):
        found.append("closes_against_dissent")
    return tuple(found)


def _leave_kept_apart(writing: Writing, act: DecisionRequest) -> DecisionIn:
    """Return a decision without the names of opened records that are not for everybody: whoever
    confirms it is of another agency.
    """
    if not act.draft.opened:
        return act.draft
    kept = keep_shared(writing.connection, act.case_key, act.draft.opened)
    return act.draft.model_copy(update={"opened": kept or None})


def carry_out_decision(
    writing: Writing,
    one: Confirmation,
    *,
    unit: Unit,
    rules: StandingRules,
    limits: DecisionLimits,
) -> frozenset[str]:
    """Record a decision that was confirmed, as of who made it; no case is to be scored again.

    Raises
    ------
    ServiceError
        If it cannot be recorded any more, such as where somebody decided meanwhile or a further
        flag was raised; then it goes on waiting.
    """
    if one.settlement is not None and one.settlement.outcome == "confirmed":
        content = one.read_content(DecisionAct)
        act = DecisionRequest(
            one.cases[0],
            one.person,
            content.decision,
            content.seen_version,
            content.reading_seconds,
        )
        decide(writing, act, unit, rules, limits)
    return frozenset()


def _find_reason(draft: DecisionIn) -> str:
    closing = draft.ways.no_further_action
    if closing is not None:
        return closing.reason
    if draft.note is None:
        remedy = "say why the urgent flag is dealt with: a second person has to judge it"
        raise invalid([RequestProblem(where="note", code="missing", remedy=remedy)])
    return draft.note
