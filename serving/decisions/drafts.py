"""A decision as a person gives it, and the rules that it keeps by itself.

Design section 9: it may go several ways at once; taking no further action stands alone and closes
the case; everything else needs an owner and a date on which the case is looked at again.
"""

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints

from serving.access.roles import HEALTH, need_decider
from serving.errors import RequestProblem, ServiceError, invalid
from serving.persons import Person
from serving.schemas import Strict
from serving.settings import LONGEST_REVIEW_DAYS
from serving.store.opaque_keys import KEY_PATTERN

NO_FURTHER_ACTION: Final = "no_further_action"
NO_NUL: Final = r"^[^\x00]*$"
"""PostgreSQL keeps no text with a NUL character."""
Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=NO_NUL),
]
_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=NO_NUL)
]
_Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,200}$")]
Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
_RecordId = Annotated[str, StringConstraints(max_length=512, pattern=NO_NUL)]
# Within the 64 bits of the column that it is compared with.
_MOST_SEQ: Final = 2**62


class EnforcementIn(Strict):
    """The police enforce: an arrest, an order, bail conditions."""

    what: Words | None = None


class TherapeuticAssessmentIn(Strict):
    """Health assesses: where clinically indicated and the person is motivated."""

    clinically_indicated: bool
    motivated: bool
    what: Words | None = None


class VictimSafetyPlanningIn(Strict):
    """The victim's safety is planned with them."""

    what: Words | None = None


class OtherAgencyIn(Strict):
    """Another agency is asked."""

    which: Words


class FurtherEnquiryIn(Strict):
    """Something is to be found out."""

    what: Words


class NoFurtherActionIn(Strict):
    """Nothing more is done, for a reason; the case is closed."""

    reason: Words


class WaysIn(Strict):
    """The ways that a decision goes: one at least."""

    enforcement: EnforcementIn | None = None
    therapeutic_assessment: TherapeuticAssessmentIn | None = None
    victim_safety_planning: VictimSafetyPlanningIn | None = None
    other_agency: OtherAgencyIn | None = None
    further_enquiry: FurtherEnquiryIn | None = None
    no_further_action: NoFurtherActionIn | None = None

    def describe(self) -> dict[str, dict[str, str | bool]]:
        """Return what was said of each way that is gone."""
        return self.model_dump(exclude_none=True)


class ReasonViewIn(Strict):
    """What the person thinks of one reason that the score gave."""

    outcome: _Code
    indicator: _Code
    agrees: bool
    note: Words | None = None


class DischargeIn(Strict):
    """A flag that the decision deals with, and the record that raised it."""

    flag: _Code
    record_id: str = Field(max_length=512)


_EXAMPLE: Final[dict[str, Any]] = {
    "ways": {"enforcement": {"what": "apply for an order"}, "victim_safety_planning": {}},
    "owner": "SYN Officer",
    "review_on": "2026-04-01",
    "agrees_with_score": "not_seen",
    "seen_seq": 120,
}


class DecisionIn(Strict):
    """A decision on a case."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"example": _EXAMPLE})

    ways: WaysIn
    owner: _Name | None = None
    review_on: str | None = Field(default=None, max_length=10, description="A date, ISO 8601.")
    agrees_with_score: Literal["yes", "no", "not_seen"]
    reasons: list[ReasonViewIn] = Field(default=[], max_length=100)
    discharges: list[DischargeIn] = Field(default=[], max_length=1_000)
    note: Words | None = None
    reverses: Key | None = Field(default=None, description="The decision that this one reverses.")
    score_key: Key | None = Field(default=None, description="The score that was seen.")
    seen_seq: int = Field(ge=0, le=_MOST_SEQ, description="'seen_seq' of the case as it was read.")
    sitting_key: Key | None = None
    score_direction: Literal["higher", "lower"] | None = Field(
        default=None, description="What the score should be, where it is not agreed with."
    )
    score_why: Words | None = Field(default=None, description="Why it is not agreed with.")
    opened: list[_RecordId] | None = Field(
        default=None,
        max_length=1_000,
        description="Records that the person opened; left out where nobody knows.",
    )
    unopened_why: Words | None = Field(
        default=None, description="Why a case is closed of which no record was opened."
    )

    @property
    def closes(self) -> bool:
        """Whether nothing more is done."""
        return self.ways.no_further_action is not None


def check_draft(
    draft: DecisionIn,
    person: Person,
    today: dt.date,
    longest_review_days: int = LONGEST_REVIEW_DAYS,
) -> None:
    """Check the rules that a decision keeps by itself.

    Parameters
    ----------
    draft
        The decision.
    person
        Who decides.
    today
        The date in the unit's zone.
    longest_review_days
        Days from today within which a case is looked at again, inclusive.

    Raises
    ------
    ServiceError
        If the person may not decide so (403), or a rule is broken (422); all are told together.
    """
    need_decider(person)
    if draft.ways.therapeutic_assessment is not None and person.role != HEALTH:
        raise ServiceError(
            "not_health",
            "a therapeutic assessment is decided by the health role",
            "ask a health worker of the team to record it",
        )
    problems = list(
        itertools.chain(
            _check_ways(draft),
            _check_review(draft, today, longest_review_days),
            _check_views(draft),
            _check_opened(draft),
        )
    )
    if problems:
        raise invalid(problems)


def _check_ways(draft: DecisionIn) -> Iterator[RequestProblem]:
    ways = draft.ways.describe()
    if not ways:
        yield RequestProblem(where="ways", code="no_way", remedy="name one way at least")
    if draft.closes and len(ways) > 1:
        remedy = "take no further action alone, or not at all"
        yield RequestProblem(where=f"ways.{NO_FURTHER_ACTION}", code="stands_alone", remedy=remedy)
    for condition in ("clinically_indicated", "motivated"):
        if ways.get("therapeutic_assessment", {}).get(condition) is False:
            yield RequestProblem(
                where=f"ways.therapeutic_assessment.{condition}",
                code="not_met",
                remedy="decide so where it is clinically indicated and the person is motivated",
            )


def _check_review(draft: DecisionIn, today: dt.date, longest_days: int) -> Iterator[RequestProblem]:
    if draft.closes:
        for name in ("owner", "review_on"):
            if getattr(draft, name) is not None:
                remedy = "leave it out: no further action closes the case"
                yield RequestProblem(where=name, code="not_with_closing", remedy=remedy)
        return
    if draft.owner is None:
        yield RequestProblem(
            where="owner", code="missing", remedy="name who has the case from now on"
        )
    if draft.review_on is None:
        remedy = "name the date on which the case is looked at again"
        yield RequestProblem(where="review_on", code="missing", remedy=remedy)
        return
    day = _read_day(draft.review_on)
    if day is None:
        yield RequestProblem(
            where="review_on", code="unreadable_date", remedy="write a date: 2026-04-01"
        )
    elif not today < day <= today + dt.timedelta(days=longest_days):
        remedy = f"choose a date after today and within {longest_days} days"
        yield RequestProblem(where="review_on", code="out_of_range", remedy=remedy)


def _read_day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    # The parser takes other spellings, such as 20260401; one is stored.
    return day if day.isoformat() == text else None


def _check_views(draft: DecisionIn) -> Iterator[RequestProblem]:
    seen = draft.agrees_with_score != "not_seen"
    if seen and draft.score_key is None:
        remedy = "name the score that was seen, or say that none was"
        yield RequestProblem(where="score_key", code="missing", remedy=remedy)
    if draft.reasons and not seen:
        remedy = "say whether you agree with the score, or leave its reasons out"
        yield RequestProblem(where="reasons", code="score_not_seen", remedy=remedy)
    if draft.score_direction is not None and draft.agrees_with_score != "no":
        remedy = "leave it out, or do not agree with the score"
        yield RequestProblem(where="score_direction", code="agrees", remedy=remedy)
    told: set[tuple[str, str]] = set()
    for number, reason in enumerate(draft.reasons):
        if (reason.outcome, reason.indicator) in told:
            remedy = "speak of each reason once"
            yield RequestProblem(where=f"reasons[{number}]", code="said_twice", remedy=remedy)
        told.add((reason.outcome, reason.indicator))


def _check_opened(draft: DecisionIn) -> Iterator[RequestProblem]:
    """Check that whoever closes a case of which they opened no record says why."""
    if draft.closes and draft.opened == [] and draft.unopened_why is None:
        remedy = "open a record, or say why none had to be opened"
        yield RequestProblem(where="unopened_why", code="nothing_opened", remedy=remedy)
