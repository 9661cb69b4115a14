"""What is told of a stored score when it is laid open."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from models.explanations.facade import FamilyShare
from models.explanations.open_questions import OpenQuestion
from models.explanations.unfamiliarity import UnusualValue
from models.ranking.advice import CaseQuestion, Estimate, Reason, ThemeReason, Unknown


@dataclass(frozen=True, kw_only=True)
class ExplainedOut:
    """Which score is laid open, by which model, and what it may be used for.

    While the case is to be looked at without anything of the model, all of it is empty and
    ``why_nothing`` says so; ``bundle_id`` is then the model in use.
    """

    key: Annotated[str, Field(description="The case.")]
    withheld: Annotated[bool, Field(description="Whether what the model says waits for a view.")]
    why_nothing: str | None
    score_key: str | None
    as_of: str | None
    bundle_id: str | None
    catalogue: str | None
    catalogue_digest: str | None
    engine_version: Annotated[str | None, Field(description="Of the engine that gave the score.")]
    advisory: str | None
    estimate_note: str | None


@dataclass(frozen=True, kw_only=True)
class FileOut:
    """What is said of the file itself, and which indicators make it so."""

    thin: bool | None
    strange: bool | None
    sentences: tuple[str, ...]
    unusual: tuple[UnusualValue, ...]


@dataclass(frozen=True, kw_only=True)
class ReasonsOut(ExplainedOut):
    """What moved the leading outcome's score: single reasons, and all of it by family."""

    leading_outcome: str | None = None
    estimates: tuple[Estimate, ...] = ()
    reasons: tuple[Reason, ...] = ()
    counter_reasons: tuple[Reason, ...] = ()
    families: Annotated[
        tuple[FamilyShare, ...], Field(description="With base_log_odds they add up to log_odds.")
    ] = ()
    unknowns: tuple[Unknown, ...] = ()
    themes: Annotated[
        tuple[ThemeReason, ...],
        Field(description="With base_log_odds their contributions add up to log_odds."),
    ] = ()
    questions: tuple[CaseQuestion, ...] = ()
    file: FileOut | None = None


@dataclass(frozen=True, kw_only=True)
class IncidentOut:
    """One incident, one stay in a state, or one day's records of a kind."""

    sentence: str
    first_at: str
    last_at: str
    records: Annotated[tuple[str, ...], Field(description="Every version of its records.")]
    share: Annotated[float, Field(description="Exact share of those measured together, log_odds.")]
    alone: Annotated[float, Field(description="What it adds where no other incident is on record.")]
    left_out: Annotated[float, Field(description="What is lost where it alone is left out.")]
    rests_on: Annotated[bool, Field(description="Whether the score mainly rests on it.")]


@dataclass(frozen=True, kw_only=True)
class OutcomeIncidentsOut:
    """Incidents behind one score: answers, shares, pattern and others add up to log_odds."""

    outcome: str
    sentence: str
    log_odds: float
    answers: Annotated[float, Field(description="With no incident on record.")]
    shares: Annotated[tuple[IncidentOut, ...], Field(description="Those that moved the score up.")]
    pattern: Annotated[float, Field(description="The pattern over time; never above 0.")]
    others: Annotated[float, Field(description="All further incidents together.")]
    n_units: int


@dataclass(frozen=True, kw_only=True)
class IncidentsOut(ExplainedOut):
    """Incidents behind each modelled outcome's score, the leading outcome first."""

    outcomes: tuple[OutcomeIncidentsOut, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SwitchOut:
    """What one of the five switches moved, and the records that it is made of."""

    switch: Literal["new_records", "corrections", "passing_time", "model", "catalogue"]
    share: float
    sentence: str
    records: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OutcomeMovementOut:
    """Why one outcome's score moved: before and the shares add up to after, in log_odds."""

    outcome: str
    sentence: str
    before: Estimate
    after: Estimate
    shares: tuple[SwitchOut, ...]


@dataclass(frozen=True, kw_only=True)
class RankOut:
    """Why the case's place changed, among rows shown with a place by priority; in whole places."""

    before_sitting: str
    before_opened_at: str
    after_sitting: str
    after_opened_at: str
    before: int
    n_before: int
    after: int
    n_after: int
    arrived: int
    left: int
    overtaken_by: int
    overtook: int
    sentences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ScoreThenOut:
    """The earlier score, and what gave it."""

    score_key: str
    as_of: str
    bundle_id: str
    catalogue_digest: str
    engine_version: str


@dataclass(frozen=True, kw_only=True)
class MovementOut(ExplainedOut):
    """Why the scores moved since an earlier one, the leading outcome first."""

    since: ScoreThenOut | None = None
    outcomes: tuple[OutcomeMovementOut, ...] = ()
    rank: Annotated[RankOut | None, Field(description="Where both scores stood on lists.")] = None


@dataclass(frozen=True, kw_only=True)
class OpenQuestionsOut(ExplainedOut):
    """Unanswered questions: those to ask first, then by the widest range."""

    questions: tuple[OpenQuestion, ...] = ()
