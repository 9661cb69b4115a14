"""What is told of a case: decisions, views, corrections, and where it stands."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from models.ranking.advice import Estimate, Reason, Unknown
from serving.lists.new_records import NewKind
from serving.lists.outputs import StandingFlagOut
from serving.schemas import Questions, RecordOut, SourcedShares, Themes, WithoutEstimate

Agreement = Literal["yes", "no", "not_seen"]


@dataclass(frozen=True, kw_only=True)
class ActorOut:
    """Who did it, with the role and agency they held then."""

    person: str
    role: str
    agency: str


@dataclass(frozen=True, kw_only=True)
class ReasonViewOut:
    """What a person thought of one reason."""

    outcome: str
    indicator: str
    agrees: bool
    note: str | None


@dataclass(frozen=True, kw_only=True)
class DischargeOut:
    """A flag that a decision dealt with, by one record."""

    flag: str
    record_id: str


@dataclass(frozen=True, kw_only=True)
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
    reasons: tuple[ReasonViewOut, ...]
    discharges: tuple[DischargeOut, ...]
    score_direction: Annotated[
        Literal["higher", "lower"] | None, Field(description="What the score should have been.")
    ] = None
    score_why: str | None = None
    n_opened: Annotated[
        int | None, Field(description="Records that were opened; empty where nobody knows.")
    ] = None
    reading_seconds: Annotated[
        int | None, Field(description="From opening the case to the decision.")
    ] = None
    first_view: Annotated[
        Literal["own", "another", "none"] | None,
        Field(description="Whose view came before the score was shown, in that sitting."),
    ] = None
    unopened_why: str | None = None


@dataclass(frozen=True, kw_only=True)
class DecisionsOut:
    """Decisions on a case, the latest first."""

    version: int
    decisions: tuple[DecisionOut, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class ViewOut(ActorOut):
    """What an agency thinks."""

    view_key: str
    stance: Literal["agree", "dissent", "abstain"]
    words: str | None
    given_at: str
    sitting_key: str | None
    decision_key: str | None
    direction: Annotated[
        Literal["more", "less", "other"] | None,
        Field(description="What an agency that dissents would do."),
    ] = None
    recorded_by_agency: Annotated[
        str | None,
        Field(
            description="Agency of the person, where they recorded it for ``agency``, another one."
        ),
    ] = None
    confirmed_by: Annotated[
        str | None, Field(description="Who confirmed it for its agency, signed in.")
    ] = None
    confirmed_at: str | None = None
    change_until: Annotated[
        str | None, Field(description="Until when its agency may put another in its place.")
    ] = None
    replaces: str | None = None
    replaced_by: str | None = None
    round_key: Annotated[str | None, Field(description="The round it was given in.")] = None
    blind: Annotated[
        bool | None,
        Field(description="Whether given without knowing the others'; empty where nobody knows."),
    ] = None
    counts: Annotated[
        bool, Field(description="Its agency's own, confirmed, or a dissent: these count.")
    ] = True


@dataclass(frozen=True, kw_only=True)
class ViewRoundOut(ActorOut):
    """The agencies round the table on one case."""

    round_key: str
    sitting_key: str | None
    opened_at: str
    waits: Annotated[bool, Field(description="Whether views are shown only once all are in.")]
    present: Annotated[dict[str, str], Field(description="Who was there, by agency.")]
    given: Annotated[tuple[str, ...], Field(description="Agencies whose view is in.")]


@dataclass(frozen=True, kw_only=True)
class ViewsOut:
    """The latest view that counts of each agency, side by side, and all that were ever given."""

    latest: tuple[ViewOut, ...]
    dissents: Annotated[int, Field(description="Agencies whose latest view dissents.")]
    all: tuple[ViewOut, ...]
    open_round: Annotated[
        ViewRoundOut | None, Field(description="The round that waits for views.")
    ] = None
    rounds: Annotated[tuple[ViewRoundOut, ...], Field(description="The latest first.")] = ()


@dataclass(frozen=True, kw_only=True)
class AnswerOut(ActorOut):
    """What came of a correction request."""

    answer: Literal["accepted", "refused"]
    note: str | None
    answered_at: str


@dataclass(frozen=True, kw_only=True)
class CorrectionOut(ActorOut):
    """Somebody says that a record is wrong."""

    request_key: str
    key: Annotated[str, Field(description="The case.")]
    table: str
    record_id: str
    why: str
    asked_at: str
    record_agency: Annotated[str, Field(description="The agency that answers.")]
    due_at: Annotated[str, Field(description="Until when it is to be answered.")]
    overdue: bool
    answer: AnswerOut | None


@dataclass(frozen=True, kw_only=True)
class PendingCorrectionOut:
    """A correction that could lower a count; a second person of the record's agency confirms it."""

    table: str
    record_id: Annotated[str, Field(description="The record that it would correct.")]
    correction_id: str
    record_agency: str
    sent_by: Annotated[str, Field(description="The agency that sent it.")]
    sent_at: str
    both_count: Annotated[bool, Field(description="Whether both versions count until then.")]


@dataclass(frozen=True, kw_only=True)
class CorrectionSumOut:
    """How many records of a case were corrected or withdrawn lately, by anyone."""

    days: int
    n_in_force: int
    n_waiting: int
    by_agency: Annotated[dict[str, int], Field(description="How many of both each one sent.")]


@dataclass(frozen=True, kw_only=True)
class CorrectionsOut:
    """Requests without an answer, the oldest first."""

    corrections: tuple[CorrectionOut, ...]
    n_open: int
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class BesideOut:
    """One outcome's probability with all records and without the one."""

    outcome: str
    label: str
    horizon: str
    probability: float
    without: float


@dataclass(frozen=True, kw_only=True)
class WithoutOut:
    """The score beside the score without a record, both by the same model at one moment."""

    bundle_id: str
    as_of: str
    records_left_out: tuple[str, ...]
    estimates: tuple[BesideOut, ...]
    priority: float
    priority_without: float
    note: str


@dataclass(frozen=True, kw_only=True)
class AskedOut:
    """A correction request, and what the score would be without the record."""

    correction: CorrectionOut
    withheld: Annotated[bool, Field(description="Whether the score waits for a first view.")]
    without: WithoutOut | None


@dataclass(frozen=True, kw_only=True)
class CaseFlagOut(StandingFlagOut):
    """A flag of a case, with who has seen it."""

    acknowledged_by: str | None
    is_unseen: Annotated[bool, Field(description="Whether urgent, and duty has not seen it all.")]


@dataclass(frozen=True, kw_only=True)
class FirstReadOut:
    """Until when a named person reads the case first, and who did."""

    due: str
    read_at: str | None
    person: str | None
    role: str | None
    agency: str | None
    note: str | None


@dataclass(frozen=True, kw_only=True)
class CaseAdviceOut:
    """What the latest score says of the case, by the model that gave it."""

    score_key: str
    bundle_id: str
    catalogue: str
    catalogue_digest: str
    engine_version: str
    as_of: str
    is_behind: Annotated[bool, Field(description="Whether records came since.")]
    advisory: str
    estimate_note: str
    priority: float
    priority_as_recorded: float
    estimates: tuple[Estimate, ...]
    leading_outcome: str
    reasons: tuple[Reason, ...]
    counter_reasons: tuple[Reason, ...]
    marks: tuple[str, ...]
    unknowns: tuple[Unknown, ...]
    themes: Themes = ()
    questions: Questions = ()
    without_estimate: WithoutEstimate = ()
    sourced_shares: SourcedShares = ()
    frameworks: Annotated[
        str | None, Field(description="What the themes are not; absent where nothing is said.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class PlaceOut:
    """A place that the case had on a list; where and why is empty while that is withheld."""

    sitting_key: str
    opened_at: str
    position: int | None
    rule: str | None
    by_lot: bool | None
    probability: float | None
    rank: int | None
    first_view: str | None


@dataclass(frozen=True, kw_only=True)
class SpanOut:
    """A time in a state: from its start to the end on record, if there is one."""

    state: str
    detail: str | None
    started_at: str
    ended_at: Annotated[str | None, Field(description="Absent while no end is on record.")]
    records: Annotated[tuple[str, ...], Field(description="The records that start and end it.")]


@dataclass(frozen=True, kw_only=True)
class NarrativeOut:
    """Part of a record's narrative."""

    text: str
    start: Annotated[int, Field(description="Where the part begins, in characters from 0.")]
    size: Annotated[int, Field(description="How long the whole narrative is, in characters.")]
    next_start: Annotated[int | None, Field(description="``from`` of the next part.")]


@dataclass(frozen=True, kw_only=True)
class CaseOut:
    """One case, open or closed: where it stands, what is known, and what people decided."""

    key: str
    case_id: str | None
    synthetic: bool
    area: str | None
    referral_source: str | None
    state: str
    sealed: Annotated[bool, Field(description="Whether only named people may see the case.")]
    state_since: str
    arrived_at: str
    waiting_since: str | None
    waiting_days: int | None
    returned_for: str | None
    owner: str | None
    review_on: str | None
    first_read: FirstReadOut
    flags: tuple[CaseFlagOut, ...]
    ask_first: tuple[str, ...]
    bundle_id: Annotated[str | None, Field(description="The model in use.")]
    withheld: Annotated[bool, Field(description="Whether what the model says waits for a view.")]
    advice: CaseAdviceOut | None
    why_no_advice: str | None
    records: tuple[RecordOut, ...]
    n_records_kept_apart: Annotated[int, Field(description="Records that your agency alone sees.")]
    spans: Annotated[
        tuple[SpanOut, ...], Field(description="Times in custody, on bail, on an order.")
    ]
    places: tuple[PlaceOut, ...]
    version: int
    seen_seq: Annotated[
        int, Field(description="How many rows bear on this case; a decision sends it back.")
    ]
    decisions: Annotated[tuple[DecisionOut, ...], Field(description="The latest of them.")]
    views: ViewsOut
    corrections: Annotated[tuple[CorrectionOut, ...], Field(description="Requests not answered.")]
    pending_corrections: tuple[PendingCorrectionOut, ...]
    correction_sum: CorrectionSumOut


@dataclass(frozen=True, kw_only=True)
class ManagedOut:
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
    new_records: tuple[NewKind, ...]
    withheld: bool
    priority_then: float | None
    priority_now: float | None
    same_model: Annotated[bool | None, Field(description="Whether one model gave both.")]
    new_flags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CaseloadOut:
    """Managed cases and what changed on them."""

    n_managed: Annotated[int, Field(description="Managed cases of this owner and area.")]
    as_of: str
    synthetic: bool
    cases: tuple[ManagedOut, ...]
    next_cursor: str | None
