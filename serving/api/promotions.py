"""``GET /v1/promotions``: the model in use and who approved it, what waits, and what came before.

Read only: bundles are proposed, approved and gone back from on the command line, where they are.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import APIRouter
from pydantic import Field, TypeAdapter

from features.contract.moments import format_moment
from serving.api.parameters import LAST_SEQ, Limit, SeqCursor
from serving.persons import SignedIn
from serving.promotions.record import (
    PromotionStep,
    StepName,
    find_promotion,
    find_use,
    find_waiting,
    follow,
    read_steps,
)
from serving.scoring.bundle_uses import read_use
from serving.service import ServiceDep
from serving.store.database import Unit
from serving.store.paging import cut_page
from serving.web.error_answers import describe_errors

router = APIRouter(prefix="/v1", tags=["models"])
_ERRORS: Final = describe_errors(400, 401, 403, 422, 503)


@dataclass(frozen=True, kw_only=True)
class GateOut:
    """What one gate said; ``not judged`` is never a pass."""

    name: Annotated[str, Field(examples=["calibration"])]
    about: Annotated[str, Field(description="The outcome or comparison; ``bundle`` for the whole.")]
    verdict: Literal["passed", "refused", "not judged"]
    figures: dict[str, float | None]
    limit: str
    words: str
    may_be_accepted: bool


@dataclass(frozen=True, kw_only=True)
class AboutOut:
    """What a bundle is; everything is empty of one that was promoted before there was a record."""

    catalogue: str | None = None
    catalogue_digest: str | None = None
    trained_for: str | None = None
    capacity: int | None = None
    outcomes: tuple[str, ...] = ()
    headlines: tuple[str, ...] = ()


_ABOUT: Final = TypeAdapter(AboutOut)
_GATES: Final = TypeAdapter(tuple[GateOut, ...])
"""What the record keeps of a step in plain values."""


@dataclass(frozen=True, kw_only=True)
class StepOut:
    """One step, by a named person."""

    key: str
    step: StepName
    bundle_id: str
    replaces: Annotated[str | None, Field(description="The bundle in use when the step was taken.")]
    proposal_key: str | None
    person: str
    role: str
    agency: str
    at: str
    why: str | None
    despite: Annotated[str | None, Field(description="Why it is used although a gate refused it.")]
    acknowledged: Annotated[str | None, Field(description="That what was not passed is known.")]
    about: AboutOut
    gates: tuple[GateOut, ...]


@dataclass(frozen=True, kw_only=True)
class InUseOut:
    """The model that the service reads."""

    bundle_id: str
    since: str | None
    put_to_use: Annotated[StepOut | None, Field(description="The last step that put it in use.")]
    promoted: Annotated[StepOut | None, Field(description="Its approval, or unsigned promotion.")]
    proposed: StepOut | None
    is_unsigned: Annotated[bool, Field(description="Nobody who signed in stands behind it.")]


@dataclass(frozen=True, kw_only=True)
class PromotionsOut:
    """The model in use, what waits for a second person, and every step taken."""

    in_use: InUseOut | None
    fault: Annotated[str | None, Field(description="Where record and what is read differ.")]
    before: Annotated[tuple[str, ...], Field(description="Bundles to go back to, latest first.")]
    waiting: tuple[StepOut, ...]
    steps: Annotated[tuple[StepOut, ...], Field(description="Some of all steps, the latest first.")]
    next_cursor: int | None


@router.get("/promotions", responses=_ERRORS)
def list_promotions(
    service: ServiceDep,
    person: SignedIn,
    cursor: SeqCursor = LAST_SEQ,
    limit: Limit = 50,
) -> PromotionsOut:
    """Return which model is in use since when and by whom, what waits, and what came before."""
    unit, bundle = service.need_unit(), service.champion.find()
    bundle_id = None if bundle is None else bundle.id
    with service.need_store().reading() as connection:
        steps = read_steps(connection)
        since_us = None if bundle_id is None else read_use(connection, bundle_id)
    line = follow(steps)
    earlier = [one for one in reversed(steps) if one.stored_seq < cursor]
    page = cut_page(earlier, limit, lambda one: one.stored_seq)
    return PromotionsOut(
        in_use=None if bundle_id is None else _describe_use(steps, bundle_id, since_us, unit),
        fault=service.champion.fault or describe_fault(line.in_use, bundle_id),
        before=line.before,
        waiting=tuple(_describe(one, unit) for one in find_waiting(steps)),
        steps=tuple(_describe(one, unit) for one in page.items),
        next_cursor=page.next_cursor,
    )


def describe_fault(recorded: str | None, read: str | None) -> str | None:
    """Return a sentence where the model that is read is not the one that was promoted."""
    if recorded == read:
        return None
    if recorded is None:
        return "no step of the record put this model to use; promote it"
    return (
        "the model that is read is not the one that was promoted; approve that one again, "
        "which points the service at it"
    )


def _describe_use(
    steps: tuple[PromotionStep, ...], bundle_id: str, since_us: int | None, unit: Unit
) -> InUseOut:
    put, (promoted, proposed) = find_use(steps, bundle_id), find_promotion(steps, bundle_id)
    since = since_us if put is None else put.at_us
    return InUseOut(
        bundle_id=bundle_id,
        since=None if since is None else format_moment(since, unit.time_zone),
        put_to_use=None if put is None else _describe(put, unit),
        promoted=None if promoted is None else _describe(promoted, unit),
        proposed=None if proposed is None else _describe(proposed, unit),
        is_unsigned=promoted is None or promoted.name == "unsigned",
    )


def _describe(step: PromotionStep, unit: Unit) -> StepOut:
    return StepOut(
        key=step.key,
        step=step.name,
        bundle_id=step.bundle_id,
        replaces=step.replaces,
        proposal_key=step.proposal_key,
        person=step.person.name,
        role=step.person.role,
        agency=step.person.agency,
        at=format_moment(step.at_us, unit.time_zone),
        why=step.why,
        despite=step.despite,
        acknowledged=step.acknowledged,
        about=_ABOUT.validate_python(step.about),
        gates=_GATES.validate_python(step.gates),
    )
