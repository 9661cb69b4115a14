"""``GET /v1/findings``: hits, misses, waits and agreement; nothing of a single case or person."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter

from features.contract.moments import format_moment
from serving.access.case_sight import find_sight
from serving.persons import SignedIn
from serving.results.agreement import Agreement, TeamAgreement
from serving.results.all_results import read_findings
from serving.results.reached_outcomes import OutcomeFindings
from serving.results.waits import WaitFindings
from serving.service import ServiceDep
from serving.web.error_answers import describe_errors

router = APIRouter(prefix="/v1", tags=["findings"])
_ERRORS: Final = describe_errors(400, 401, 503)
NOTE: Final = (
    "Outcomes are those recorded under past practice: a case that was acted on looks safer for it, "
    "and what nobody recorded is not here."
)


@dataclass(frozen=True, kw_only=True)
class FindingsOut:
    """What became of the lists until now."""

    as_of: str
    note: str
    outcomes: tuple[OutcomeFindings, ...]
    waits: WaitFindings
    agreement_with_scores: Agreement
    agreement_with_reasons: Agreement
    agreement_by_team: tuple[TeamAgreement, ...] = ()


@router.get("/findings", responses=_ERRORS, operation_id="tell_findings_v1_findings_get")
def describe_findings(service: ServiceDep, person: SignedIn) -> FindingsOut:
    """Return hits, misses, waits and agreement over all sittings."""
    store, unit = service.need_store(), service.need_unit()
    with store.reading() as connection:
        sight = find_sight(connection, person)
    found = read_findings(store, service.champion.find(), unit, store.clock(), sight)
    return FindingsOut(
        as_of=format_moment(found.as_of_us, unit.time_zone),
        note=NOTE,
        outcomes=found.outcomes,
        waits=found.waits,
        agreement_with_scores=found.with_scores,
        agreement_with_reasons=found.with_reasons,
        agreement_by_team=found.by_team,
    )
