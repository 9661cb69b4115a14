"""What the API takes and gives of sittings, lists and open cases."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from models.ranking.advice import CaseQuestion, Estimate, Reason, ThemeReason
from serving.lists.waiting_times import Waits
from serving.schemas import Strict


def _drop_nul(text: str | None) -> str | None:
    """Return a text that both databases can hold."""
    return None if text is None else text.replace("\0", "")


@dataclass(frozen=True, kw_only=True)
class AdvisoryOut:
    """What is needed to read what a model says; without one in use its parts are empty."""

    bundle_id: str | None
    catalogue: str | None
    catalogue_digest: str | None
    engine_version: str | None
    as_of: str
    advisory: str
    estimate_note: str | None
    synthetic: bool


@dataclass(frozen=True, kw_only=True)
class StandingFlagOut:
    """A flag that stands until a decision names its records."""

    name: str
    urgent: bool
    wording: str
    records: tuple[str, ...]
    raised_at: str
    record_corrected: bool
    correction_pending: Annotated[
        bool, Field(description="Whether a correction of a record of it waits; the flag stands.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class ListedOut:
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
    flags: tuple[StandingFlagOut, ...]
    leading_outcome: str | None
    leading_label: str | None
    estimates: tuple[Estimate, ...]
    reasons: Annotated[tuple[Reason, ...], Field(description="The first of them.")]
    n_reasons: int | None
    counter_reasons: Annotated[
        tuple[Reason, ...],
        Field(description="What moved it down; lists of earlier versions kept none."),
    ] = ()
    marks: tuple[str, ...]
    correction_pending: Annotated[
        bool,
        Field(description="Whether a correction waits as of now; the worse version counts."),
    ] = False
    unknown: str | None
    unknowns: Annotated[
        tuple[str, ...],
        Field(description="The first of what is not known; lists of earlier versions kept one."),
    ] = ()
    ask_first: str | None
    themes: Annotated[
        tuple[ThemeReason, ...],
        Field(description="Those told on the row; lists of earlier versions kept none."),
    ] = ()
    questions: Annotated[
        tuple[CaseQuestion, ...],
        Field(description="What to ask and to confirm; lists of earlier versions kept none."),
    ] = ()
    without_estimate: Annotated[
        tuple[str, ...],
        Field(description="Outcomes without an estimate, the gravest first."),
    ] = ()
    score_key: str | None
    first_view: str | None
    first_view_by: str | None
    first_view_at: str | None
    decided: bool
    decision_key: str | None
    decided_by: str | None
    decided_ways: Annotated[tuple[str, ...], Field(description="The ways that the decision goes.")]


@dataclass(frozen=True, kw_only=True)
class OverflowOut:
    """A flagged case without a place."""

    key: str
    case_id: str | None
    flagged_since: str
    flags: tuple[StandingFlagOut, ...]


@dataclass(frozen=True, kw_only=True)
class OverflowCountOut:
    """How many flagged cases have no place, and since when the oldest flag stands."""

    n_cases: int
    n_urgent: int
    flagged_since: str | None


@dataclass(frozen=True, kw_only=True)
class SinceLastOut:
    """What is new since the sitting before."""

    sitting_key: str
    arrived: int
    returned: int
    flagged: int
    decided: int


@dataclass(frozen=True, kw_only=True)
class SittingOut(AdvisoryOut):
    """A sitting: what its list was made from and what was told beside it."""

    sitting_key: str
    opened_at: str
    opened_by: str
    opened_again_because: str | None
    is_current: bool
    capacity: int
    ordering: str
    policy: Annotated[
        dict[str, Any],
        Field(description="Its places are told once every blind row of the list was viewed."),
    ]
    n_eligible: int
    n_open: int
    states: dict[str, int]
    since_last: SinceLastOut | None
    waits: Waits
    overflow: OverflowCountOut


@dataclass(frozen=True, kw_only=True)
class ListOut(SittingOut):
    """A sitting's list, with how far the sitting is."""

    n_decided: int
    n_awaiting_first_view: int
    first_overflow: Annotated[tuple[OverflowOut, ...], Field(description="The first two hundred.")]
    rows: tuple[ListedOut, ...]


@dataclass(frozen=True, kw_only=True)
class SittingsOut:
    """Sittings, the latest first."""

    sittings: tuple[SittingOut, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class OpenCaseOut:
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
    correction_pending: Annotated[
        bool, Field(description="Whether a correction waits; the worse version counts until then.")
    ]
    flagged_since: str | None
    family: str | None
    priority: float | None
    score_key: str | None
    read_by: Annotated[
        str | None,
        Field(description="When a named person reads it at the latest; empty once one has."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class OpenCasesOut(AdvisoryOut):
    """Some open cases; every one can be reached by the cursor. Blind ones stand apart, first."""

    states: Annotated[dict[str, int] | None, Field(description="Cases in each state; first page.")]
    rows: tuple[OpenCaseOut, ...]
    blind_rows: tuple[OpenCaseOut, ...]
    next_cursor: str | None


class SittingIn(Strict):
    """A wish to open a sitting; with a reason even where one was opened today."""

    again_because: Annotated[
        str | None, Field(min_length=3, max_length=1_000), AfterValidator(_drop_nul)
    ] = None


class FirstViewIn(Strict):
    """What a person thinks of a blind case."""

    view: Literal["look_now", "look_soon", "can_wait"]
