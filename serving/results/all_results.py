"""All findings at one moment."""

from dataclasses import dataclass

from models.bundle.folder import Bundle
from serving.access.case_sight import EVERYTHING, Sight
from serving.lists.composition import RULES
from serving.results.agreement import (
    Agreement,
    Parts,
    TeamAgreement,
    read_parts,
    read_reason_agreement,
    read_score_agreement,
    read_team_agreement,
)
from serving.results.reached_outcomes import OutcomeFindings, read_outcomes
from serving.results.waits import WaitFindings, read_waits
from serving.store.database import Store, Unit


@dataclass(frozen=True)
class Findings:
    """What became of the lists until now.

    Parameters
    ----------
    as_of_us
        The moment, microseconds UTC.
    outcomes
        Hits and misses for each outcome of the catalogue; empty without a model in use.
    waits
        How long cases waited.
    with_scores, with_reasons
        How far decisions agree.
    parts
        How far they agree with the score by where it had put the case.
    by_team
        How far they agree with it by agency, never by person.
    """

    as_of_us: int
    outcomes: tuple[OutcomeFindings, ...]
    waits: WaitFindings
    with_scores: Agreement
    with_reasons: Agreement
    parts: Parts
    by_team: tuple[TeamAgreement, ...] = ()


def read_findings(
    store: Store, bundle: Bundle | None, unit: Unit, now_us: int, sight: Sight = EVERYTHING
) -> Findings:
    """Return the findings of all sittings on cases in sight, from what the store knows at a moment.

    Outcomes are the recorded ones under past practice: cases that were acted on look safer for it.
    """
    with store.reading() as connection:
        outcomes = (
            ()
            if bundle is None
            else read_outcomes(connection, bundle.catalogue, unit, now_us, RULES, sight)
        )
        return Findings(
            as_of_us=now_us,
            outcomes=outcomes,
            waits=read_waits(connection, now_us, sight),
            with_scores=read_score_agreement(connection, sight),
            with_reasons=read_reason_agreement(connection, sight),
            parts=read_parts(connection, sight),
            by_team=read_team_agreement(connection, sight),
        )
