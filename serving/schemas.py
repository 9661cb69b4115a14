"""What the API takes and gives; every example is synthetic."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.ranking.advice import (
    CaseQuestion,
    Estimate,
    RaisedFlag,
    Reason,
    ThemeReason,
    Unknown,
)
from serving.errors import RequestProblem

_EVENT: Final[dict[str, Any]] = {
    "event_id": "SYN-E1",
    "kind": "contact",
    "occurred_at": "2026-03-01T21:15",
    "recorded_at": "2026-03-02",
    "channel": "letter",
    "source": "police",
}
_FACT: Final[dict[str, Any]] = {
    "fact_id": "SYN-F1",
    "name": "victim_very_frightened",
    "asked": "yes",
    "value": "yes",
    "recorded_at": "2026-03-02",
}


NOT_SENT: Final = Field(exclude=True)
"""Marks a field of a response that the service needs and no caller is given."""


class Strict(BaseModel):
    """What is taken: unknown fields are errors, and names of fields may be told in them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EventIn(Strict):
    """One event, as the data contract has it; times as ISO 8601 texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"example": _EVENT})

    event_id: str
    kind: str
    occurred_at: str
    recorded_at: str
    occurred_until: str | None = None
    incident_id: str | None = None
    view: str | None = None
    source: str | None = None
    reporter_role: str | None = None
    assurance: str | None = None
    actor: str | None = None
    target: str | None = None
    channel: str | None = None
    value: float | None = Field(default=None, allow_inf_nan=False)
    detail: str | None = None
    handling: str | None = None
    supersedes: str | None = None
    narrative: str | None = None


class FactIn(Strict):
    """One answer to a question."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"example": _FACT})

    fact_id: str
    name: str
    asked: str | None = None
    value: str | None = None
    recorded_at: str
    supersedes: str | None = None


class CaseIn(Strict):
    """One case history."""

    case_id: str
    recorded_at: str
    area: str | None = None
    referral_source: str | None = None
    events: list[EventIn] = []
    facts: list[FactIn] = []


class ScoreRequest(Strict):
    """Raw case histories to score; nothing of them is kept."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "example": {
                "time_zone": "Europe/London",
                "as_of": "2026-03-10",
                "cases": [
                    {
                        "case_id": "SYN-C1",
                        "recorded_at": "2026-03-01",
                        "area": "Halton",
                        "events": [_EVENT],
                        "facts": [_FACT],
                    }
                ],
            }
        },
    )

    time_zone: str = "Europe/London"
    as_of: str | None = Field(default=None, description="A date or time; now where absent.")
    cases: list[CaseIn] = Field(min_length=1)


def field_names() -> frozenset[str]:
    """Return the names of fields that are taken, which an error may repeat."""
    names: set[str] = set()
    waiting: list[type[Strict]] = [Strict]
    while waiting:
        model = waiting.pop()
        names.update(model.model_fields)
        waiting.extend(model.__subclasses__())
    return frozenset(names)


Themes = Annotated[
    tuple[ThemeReason, ...],
    Field(description="Every theme of the catalogue, in the order in which they are told."),
]
Questions = Annotated[
    tuple[CaseQuestion, ...], Field(description="What to ask, and what to confirm.")
]
WithoutEstimate = Annotated[
    tuple[str, ...],
    Field(description="Outcomes that have no model and so no estimate, the gravest first."),
]
SourcedShares = Annotated[
    tuple[str, ...],
    Field(description="For each of them, by what it counts in the order; empty for nothing."),
]


@dataclass(frozen=True, kw_only=True)
class AdviceOut:
    """Advice on one case."""

    case_id: str
    area: str | None
    rank: int
    n_ranked: int
    priority: float
    priority_as_recorded: float
    estimates: tuple[Estimate, ...]
    leading_outcome: str
    reasons: tuple[Reason, ...]
    counter_reasons: tuple[Reason, ...]
    marks: tuple[str, ...] = ()
    unknowns: tuple[Unknown, ...]
    flags: tuple[RaisedFlag, ...]
    themes: Themes = ()
    questions: Questions = ()
    without_estimate: WithoutEstimate = ()
    sourced_shares: SourcedShares = ()


@dataclass(frozen=True, kw_only=True)
class StandingOut:
    """What is needed to read a score and to compute it again."""

    bundle_id: str
    catalogue: str
    catalogue_digest: str
    engine_version: str
    as_of: str
    known_until: str
    advisory: str
    estimate_note: str
    synthetic: bool


@dataclass(frozen=True, kw_only=True)
class NotRankedOut:
    """A case that was sent and is not ranked, and why."""

    case_id: str
    why: str


@dataclass(frozen=True, kw_only=True)
class ScoresOut(StandingOut):
    """Advice on the cases of a request, in order of priority."""

    repeats_ignored: int
    warnings: dict[str, int]
    unmeasured: Annotated[
        tuple[RequestProblem, ...], Field(description="The first hundred of them.")
    ]
    not_ranked: tuple[NotRankedOut, ...]
    scores: tuple[AdviceOut, ...]


@dataclass(frozen=True, kw_only=True)
class DisputeOut:
    """An agency says that a record is wrong, and the agency of the record did not accept that."""

    agency: str
    asked_at: str
    answer: Annotated[
        Literal["open", "refused"], Field(description="What its agency answered so far.")
    ]


@dataclass(frozen=True, kw_only=True)
class RecordOut:
    """One record of a case and the reasons that it is behind."""

    table: str
    record_id: str
    kind: str
    label: str
    incident_id: Annotated[str | None, Field(description="One for all views of it; events alone.")]
    occurred_at: str | None
    occurred_until: str | None
    recorded_at: str
    view: str | None
    source: str | None
    channel: str | None
    actor: str | None
    target: str | None
    value: float | str | None
    detail: str | None
    assurance: str | None
    handling: str | None
    narrative: Annotated[str | None, Field(description="The beginning, where it is long.")]
    narrative_rest: Annotated[
        str | None, Field(description="Address of the whole narrative, where it is longer.")
    ] = None
    in_force: bool
    is_act: Annotated[
        bool,
        Field(description="Whether the subject, or somebody for them, did what an outcome counts."),
    ]
    behind: Annotated[tuple[str, ...], Field(description="Indicators whose reasons rest on it.")]
    correction_pending: Annotated[
        bool, Field(description="Whether a correction of it waits for a second person.")
    ] = False
    texts_withheld: Annotated[
        bool, Field(description="Whether its agency keeps its texts and places to itself.")
    ] = False
    disputed: tuple[DisputeOut, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PersonOut:
    """Who did it or is signed in, with the role and agency held then."""

    name: str
    role: str
    agency: str


@dataclass(frozen=True, kw_only=True)
class HealthOut:
    """Whether the process answers."""

    status: str


@dataclass(frozen=True, kw_only=True)
class ReadyOut:
    """Whether the service can do its work, and what it lacks."""

    ready: bool
    missing: tuple[str, ...]
