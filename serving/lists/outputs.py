"""What the API takes and gives of sittings, lists and open cases."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from models.ranking.advice import Estimate
from serving.lists.waiting_times import Waits
from serving.schemas import ReasonOut, Strict


def _drop_nul(text: str | None) -> str | None:
    """Return a text that both databases can hold."""
    return None if text is None else text.replace("\0", "")


class AdvisoryOut(BaseModel):
    """What is needed to read what a model says; without one in use its parts are empty."""

    bundle_id: str | None
    catalogue: str | None
    catalogue_digest: str | None
    engine_version: str | None
    as_of: str
    advisory: str
    estimate_note: str | None
    synthetic: bool


class StandingFlagOut(BaseModel):
    """A flag that stands until a decision names its records."""

    name: str
    urgent: bool
    wording: str
    records: list[str]
    raised_at: str
    record_corrected: bool


class ListedOut(BaseModel):
    """A row of the list. Of a blind case that nobody viewed yet, what the model and the draw say
    is empty; of a viewed one what the draw says, until every blind row of the list was viewed.
    """

    position: int
    key: str
    case_id: str | None
    blind: bool
    withheld: bool
    rule: str | None
    by_lot: bool | None
    probability: float | None
    area: str | None
    source: str | None
    state: str
    returned_for: str | None
    newly_referred: bool
    new_since_last: bool
    waiting_since: str
    waiting_days: int
    first_read_due: str
    first_read_at: str | None
    family: str | None
    priority: float | None
    scored_as_of: str | None
    score_is_behind: bool | None
    flags: list[StandingFlagOut]
    leading_outcome: str | None
    leading_label: str | None
    estimates: list[Estimate]
    reasons: list[ReasonOut] = Field(description="The first of them.")
    n_reasons: int | None
    counter_reasons: list[ReasonOut] = Field(
        default=[], description="What moved it down; lists of earlier versions kept none."
    )
    marks: list[str]
    unknown: str | None
    unknowns: list[str] = Field(
        default=[],
        description="The first of what is not known; lists of earlier versions kept one.",
    )
    ask_first: str | None
    score_key: str | None
    first_view: str | None
    first_view_by: str | None
    first_view_at: str | None
    decided: bool
    decision_key: str | None
    decided_by: str | None
    decided_ways: list[str] = Field(description="The ways that the decision goes.")


class OverflowOut(BaseModel):
    """A flagged case without a place."""

    key: str
    case_id: str | None
    flagged_since: str
    flags: list[StandingFlagOut]


class OverflowCountOut(BaseModel):
    """How many flagged cases have no place, and since when the oldest flag stands."""

    n_cases: int
    n_urgent: int
    flagged_since: str | None


class SinceLastOut(BaseModel):
    """What is new since the sitting before."""

    sitting_key: str
    arrived: int
    returned: int
    flagged: int
    decided: int


class SittingOut(AdvisoryOut):
    """A sitting: what its list was made from and what was told beside it."""

    sitting_key: str
    opened_at: str
    opened_by: str
    opened_again_because: str | None
    is_current: bool
    capacity: int
    ordering: str
    policy: dict[str, Any] = Field(
        description="Its places are told once every blind row of the list was viewed."
    )
    n_eligible: int
    n_open: int
    states: dict[str, int]
    since_last: SinceLastOut | None
    waits: Waits
    overflow: OverflowCountOut


class ListOut(SittingOut):
    """A sitting's list, with how far the sitting is."""

    n_decided: int
    n_awaiting_first_view: int
    first_overflow: list[OverflowOut] = Field(description="The first two hundred of them.")
    rows: list[ListedOut]


class SittingsOut(BaseModel):
    """Sittings, the latest first."""

    sittings: list[SittingOut]
    next_cursor: str | None


class OpenCaseOut(BaseModel):
    """An open case; see :class:`ListedOut` for blind ones."""

    key: str
    case_id: str | None
    blind: bool
    withheld: bool
    area: str | None
    source: str | None
    state: str
    returned_for: str | None
    newly_referred: bool
    waiting_since: str | None
    waiting_days: int | None
    owner: str | None
    review_on: str | None
    n_flags: int
    n_urgent: int
    flagged_since: str | None
    family: str | None
    priority: float | None
    score_key: str | None


class OpenCasesOut(AdvisoryOut):
    """Some open cases; every one can be reached by the cursor. Blind ones stand apart, first."""

    states: dict[str, int] | None = Field(description="How many are in each state; first page.")
    rows: list[OpenCaseOut]
    blind_rows: list[OpenCaseOut]
    next_cursor: str | None


class SittingIn(Strict):
    """A wish to open a sitting; with a reason even where one was opened today."""

    again_because: Annotated[
        str | None, Field(min_length=3, max_length=1_000), AfterValidator(_drop_nul)
    ] = None


class FirstViewIn(Strict):
    """What a person thinks of a blind case."""

    view: Literal["look_now", "look_soon", "can_wait"]
