"""The public interface of every explanation of a score.

Each function takes ``(bundle, history, case, as_of_us)``: the model, and a case by its number in a
history at a moment. All numbers come from the log-odds that are served, so that what one view shows
adds up to what another does:

- :func:`explain_case`: all of it for one case;
- :func:`list_families`: exact shares by family; single reasons are in the case's advice;
- :func:`explain_incidents`: the incidents on which a score rests;
- :func:`explain_movement`, :func:`explain_rank`: why a case moved, and why its place did;
- :func:`list_open_questions`: what is not known, and how far each answer could move the score;
- :func:`find_sensitivity`: what could change it; for the screen alone;
- :func:`report_file`: how unlike the training cases the file is, and in what.
"""

from dataclasses import dataclass

import numpy as np

from features.contract.arrays import Float64
from features.history.columns import History
from features.history.subsets import take_cases
from models.bundle.contributions import Contributions, explain
from models.bundle.folder import Bundle
from models.explanations.incident_groups import IncidentGroup
from models.explanations.incidents import IncidentReasons, IncidentShare, explain_incidents
from models.explanations.movement import Movement, MovementEnd, SwitchShare, explain_movement
from models.explanations.open_questions import AnswerRange, OpenQuestion, list_open_questions
from models.explanations.rank_ledger import RankLedger, explain_rank
from models.explanations.sensitivity import Dispute, Leaving, Sensitivity, find_sensitivity
from models.explanations.unfamiliarity import FileReport, UnusualValue, report_file
from models.ranking.advice import Advice
from models.ranking.estimates import measure_case
from models.ranking.order import rank
from models.ranking.reasons_text import (
    MOST_DOWN,
    MOST_UP,
    Explained,
    describe_reasons,
    list_unanswered,
)
from models.ranking.stability import ReasonAgreement, measure_agreement, measure_churn
from models.wording.sentences import describe_push

__all__ = [
    "MOST_DOWN",
    "MOST_UP",
    "AnswerRange",
    "CaseExplanation",
    "Contributions",
    "Dispute",
    "Explained",
    "FamilyShare",
    "FileReport",
    "IncidentGroup",
    "IncidentReasons",
    "IncidentShare",
    "Leaving",
    "Movement",
    "MovementEnd",
    "OpenQuestion",
    "RankLedger",
    "ReasonAgreement",
    "Sensitivity",
    "SwitchShare",
    "UnusualValue",
    "describe_reasons",
    "explain",
    "explain_case",
    "explain_incidents",
    "explain_movement",
    "explain_rank",
    "find_sensitivity",
    "list_families",
    "list_open_questions",
    "list_unanswered",
    "measure_agreement",
    "measure_churn",
    "report_file",
]


@dataclass(frozen=True)
class FamilyShare:
    """What one family of indicators moved one outcome's score by, in log-odds."""

    outcome: str
    family: str
    share: float
    sentence: str


@dataclass(frozen=True)
class CaseExplanation:
    """Everything that a reviewer can check about one score.

    Parameters
    ----------
    advice
        Estimates, reasons, unknowns and flags, as the list shows them. Its rank is among the one
        case alone unless the caller handed the advice in.
    families
        Of the leading outcome, largest share first; they and the base value add up to its log-odds.
    incidents
        For each modelled outcome, the leading one first.
    questions
        Unanswered questions with the range of each.
    file
        What is said of the file itself.
    movement
        Why the scores moved since an earlier moment, the leading outcome first; empty without one.
    """

    advice: Advice
    families: tuple[FamilyShare, ...]
    incidents: tuple[IncidentReasons, ...]
    questions: tuple[OpenQuestion, ...]
    file: FileReport
    movement: tuple[Movement, ...] = ()


def explain_case(
    bundle: Bundle,
    history: History,
    case: int,
    as_of_us: int,
    *,
    before: MovementEnd | None = None,
    advice: Advice | None = None,
) -> CaseExplanation:
    """Return everything that a reviewer can check about one case's score.

    Parameters
    ----------
    bundle, history, case, as_of_us
        The model, and the case by its number in the history at a moment in microseconds UTC.
    before
        The case as it was scored earlier, where its movement is asked for.
    advice
        The case's advice from a ranking of the same bundle at the same moment, so that its place is
        named; the case by itself where ``None``.

    Returns
    -------
    CaseExplanation
        All parts, of every outcome that the bundle models.
    """
    history, case = take_cases(history, np.array([case])), 0
    if advice is None:
        advice = rank(bundle, history, as_of_us, np.array([case])).advise([0])[0]
    leading = advice.leading_outcome
    after = MovementEnd(bundle, history, case, as_of_us)
    movement = () if before is None else explain_movement(before, after)
    incidents = explain_incidents(bundle, history, case, as_of_us)
    return CaseExplanation(
        advice=advice,
        families=list_families(bundle, history, case, as_of_us, leading) if leading else (),
        incidents=tuple(sorted(incidents, key=lambda one: one.outcome != leading)),
        questions=list_open_questions(bundle, history, case, as_of_us),
        file=report_file(bundle, history, case, as_of_us),
        movement=tuple(sorted(movement, key=lambda one: one.outcome != leading)),
    )


def list_families(
    bundle: Bundle, history: History, case: int, as_of_us: int, outcome: str
) -> tuple[FamilyShare, ...]:
    """Return what each family of indicators moved one outcome's score by, largest first.

    Parameters
    ----------
    bundle, history, case, as_of_us
        The model, and the case by its number in the history at a moment in microseconds UTC,
        exclusive on both clocks.
    outcome
        Name of a modelled outcome.

    Returns
    -------
    tuple of FamilyShare
        In log-odds.

    Raises
    ------
    KeyError
        If the bundle has no model of the outcome.
    """
    values = measure_case(bundle, history, case, as_of_us)
    return family_shares(bundle, values, outcome)


def family_shares(bundle: Bundle, values: Float64, outcome: str) -> tuple[FamilyShare, ...]:
    """Return the contributions of families for one row of indicators, shape ``(1, n_columns)``.

    Parameters
    ----------
    bundle
        The model.
    values
        Shape ``(1, n_columns)``, from :func:`models.ranking.estimates.measure_case`.
    outcome
        Name of a modelled outcome.

    Returns
    -------
    tuple of FamilyShare
        In log-odds, the largest contribution first.
    """
    explained = explain(bundle.outcomes[outcome], bundle.encoding, values)
    shares = {
        name: float(share[0]) for name, share in explained.by_family(bundle.catalogue).items()
    }
    return tuple(
        FamilyShare(outcome, name, share, describe_push(share))
        for name, share in sorted(shares.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    )
