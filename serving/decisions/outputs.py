"""What is told of a case: decisions, views, corrections, and where it stands."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from models.ranking.advice import Estimate, Unknown
from serving.schemas import ReasonOut, RecordOut

Agreement = Literal["yes", "no", "not_seen"]


class ActorOut(BaseModel):
    """Who did it, with the role and agency they held then."""

    person: str
    role: str
    agency: str


class ReasonViewOut(BaseModel):
    """What a person thought of one reason."""

    outcome: str
    indicator: str
    agrees: bool
    note: str | None


class DischargeOut(BaseModel):
    """A flag that a decision dealt with, by one record."""

    flag: str
    record_id: str


class DecisionOut(ActorOut):
    """A decision as it was made. What it says of the score is empty while that is withheld."""

    decision_key: str
    version: int
    decided_at: str
    sitting_key: str | None
    score_key: str | None
    seen_seq: int
    agrees_with_score: Agreement | None
    ways: dict[str, dict[str, Any]]
    owner: str | None
    review_on: str | None
    note: str | None
    reverses: str | None
    reversed_by: str | None
    reasons: list[ReasonViewOut]
    discharges: list[DischargeOut]


class DecisionsOut(BaseModel):
    """Decisions on a case, the latest first."""

    version: int
    decisions: list[DecisionOut]
    next_cursor: str | None


class ViewOut(ActorOut):
    """What an agency thinks."""

    view_key: str
    stance: Literal["agree", "dissent", "abstain"]
    words: str | None
    given_at: str
    sitting_key: str | None
    decision_key: str | None


class ViewsOut(BaseModel):
    """The latest view of each agency, side by side, and all that were ever given."""

    latest: list[ViewOut]
    dissents: int = Field(description="Agencies whose latest view dissents.")
    all: list[ViewOut]


class AnswerOut(ActorOut):
    """What came of a correction request."""

    answer: Literal["accepted", "refused"]
    note: str | None
    answered_at: str


class CorrectionOut(ActorOut):
    """Somebody says that a record is wrong."""

    request_key: str
    key: str = Field(description="The case.")
    table: str
    record_id: str
    why: str
    asked_at: str
    answer: AnswerOut | None


class CorrectionsOut(BaseModel):
    """Requests without an answer, the oldest first."""

    corrections: list[CorrectionOut]
    n_open: int
    next_cursor: str | None


class BesideOut(BaseModel):
    """One outcome's probability with all records and without the one."""

    outcome: str
    label: str
    horizon: str
    probability: float
    without: float


class WithoutOut(BaseModel):
    """The score beside the score without a record, both by the same model at one moment."""

    bundle_id: str
    as_of: str
    records_left_out: list[str]
    estimates: list[BesideOut]
    priority: float
    priority_without: float
    note: str


class AskedOut(BaseModel):
    """A correction request, and what the score would be without the record."""

    correction: CorrectionOut
    withheld: bool = Field(description="Whether the score is not shown before a first view.")
    without: WithoutOut | None


class CaseFlagOut(BaseModel):
    """A flag that stands until a decision names its records."""

    name: str
    urgent: bool
    wording: str
    records: list[str]
    raised_at: str
    record_corrected: bool
    acknowledged_by: str | None
    is_unseen: bool = Field(
        description="Whether it is urgent and duty has yet to see one of its records."
    )


class FirstReadOut(BaseModel):
    """Until when a named person reads the case first, and who did."""

    due: str
    read_at: str | None
    person: str | None
    role: str | None
    agency: str | None
    note: str | None


class CaseAdviceOut(BaseModel):
    """What the latest score says of the case, by the model that gave it."""

    score_key: str
    bundle_id: str
    catalogue: str
    catalogue_digest: str
    engine_version: str
    as_of: str
    is_behind: bool = Field(description="Whether records came since.")
    advisory: str
    estimate_note: str
    priority: float
    priority_as_recorded: float
    estimates: list[Estimate]
    leading_outcome: str
    reasons: list[ReasonOut]
    counter_reasons: list[ReasonOut]
    marks: list[str]
    unknowns: list[Unknown]


class PlaceOut(BaseModel):
    """A place that the case had on a list; where and why is empty while that is withheld."""

    sitting_key: str
    opened_at: str
    position: int | None
    rule: str | None
    by_lot: bool | None
    probability: float | None
    rank: int | None
    first_view: str | None


class SpanOut(BaseModel):
    """A time in a state: from its start to the end on record, if there is one."""

    state: str
    detail: str | None
    started_at: str
    ended_at: str | None = Field(description="Absent while no end is on record.")
    records: list[str] = Field(description="The records that start and end it.")


class CaseOut(BaseModel):
    """One case, open or closed: where it stands, what is known, and what people decided."""

    key: str
    case_id: str | None
    synthetic: bool
    area: str | None
    referral_source: str | None
    state: str
    sealed: bool = Field(description="Whether only named people may see the case.")
    state_since: str
    arrived_at: str
    waiting_since: str | None
    waiting_days: int | None
    returned_for: str | None
    owner: str | None
    review_on: str | None
    first_read: FirstReadOut
    flags: list[CaseFlagOut]
    ask_first: list[str]
    bundle_id: str | None = Field(description="The model in use.")
    withheld: bool = Field(description="Whether what the model says waits for a first view.")
    advice: CaseAdviceOut | None
    why_no_advice: str | None
    records: list[RecordOut]
    n_records_kept_apart: int = Field(description="Records that your agency alone sees.")
    spans: list[SpanOut] = Field(description="Times in custody, on bail, under an order.")
    places: list[PlaceOut]
    version: int
    seen_seq: int = Field(description="The last row that was there; a decision sends it back.")
    decisions: list[DecisionOut] = Field(description="The latest of them.")
    views: ViewsOut
    corrections: list[CorrectionOut] = Field(description="Requests without an answer.")


class NewRecordsOut(BaseModel):
    """Records of one kind that came since the latest decision."""

    table: str
    kind: str
    n: int


class ManagedOut(BaseModel):
    """A managed case, and what changed since the latest decision."""

    key: str
    case_id: str | None
    area: str | None
    owner: str | None
    review_on: str | None
    managed_since: str
    decided_at: str
    decided_by: str
    version: int
    n_new_records: int
    new_records: list[NewRecordsOut]
    withheld: bool
    priority_then: float | None
    priority_now: float | None
    same_model: bool | None = Field(description="Whether one model gave both.")
    new_flags: list[str]


class CaseloadOut(BaseModel):
    """Managed cases and what changed on them."""

    n_managed: int = Field(description="Managed cases of this owner and area.")
    as_of: str
    synthetic: bool
    cases: list[ManagedOut]
    next_cursor: str | None
