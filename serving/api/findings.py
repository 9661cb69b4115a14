"""``GET /v1/findings``: hits, misses, waits and agreement; nothing of a single case or person."""

from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from features.contract.moments import format_moment
from serving.persons import SignedIn
from serving.results.all_results import read_findings
from serving.results.waits import WaitFindings
from serving.service import ServiceDep
from serving.web.error_answers import describe_errors

router = APIRouter(prefix="/v1", tags=["findings"])
_ERRORS: Final = describe_errors(400, 401, 503)
NOTE: Final = (
    "Outcomes are those recorded under past practice: a case that was acted on looks safer for it, "
    "and what nobody recorded is not here."
)


class Read(BaseModel):
    """What is read off a result as it is, with what that works out."""

    model_config = ConfigDict(from_attributes=True)


class RuleHitsOut(Read):
    """Places by one rule, and how many of them had the outcome."""

    rule: str
    n_places: int
    n_known: int
    n_reached: int
    share: float | None


class MissedOut(Read):
    """Eligible cases with the outcome that were not listed, estimated from the random draw."""

    upper: float | None = Field(description="95 % one-sided upper bound.")
    estimate: float | None
    upper_first: bool = Field(description="No draw had the outcome: tell the bound first.")
    total: float | None = Field(description="Outcomes among all eligible cases.")
    n_drawn: int
    n_known: int
    n_reached: int
    n_not_listed: int


class OutcomeFindingsOut(Read):
    """One outcome over the sittings whose time has passed."""

    outcome: str
    label: str
    n_sittings: int
    n_not_yet: int
    hits: list[RuleHitsOut]
    missed: MissedOut


class AgreementOut(Read):
    """How many agree, disagree or said nothing; never by person."""

    n_agree: int
    n_disagree: int
    n_silent: int
    share: float | None


class FindingsOut(BaseModel):
    """What became of the lists until now."""

    as_of: str
    note: str
    outcomes: list[OutcomeFindingsOut]
    waits: WaitFindings
    agreement_with_scores: AgreementOut
    agreement_with_reasons: AgreementOut


@router.get("/findings", responses=_ERRORS, operation_id="tell_findings_v1_findings_get")
def describe_findings(service: ServiceDep, person: SignedIn) -> FindingsOut:
    """Return hits, misses, waits and agreement over all sittings."""
    store, unit = service.need_store(), service.need_unit()
    found = read_findings(store, service.champion.find(), unit, store.clock())
    return FindingsOut(
        as_of=format_moment(found.as_of_us, unit.time_zone),
        note=NOTE,
        outcomes=[OutcomeFindingsOut.model_validate(one) for one in found.outcomes],
        waits=found.waits,
        agreement_with_scores=AgreementOut.model_validate(found.with_scores),
        agreement_with_reasons=AgreementOut.model_validate(found.with_reasons),
    )
