"""All gates on one candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.ranking.stability import ListChurn, ReasonAgreement
from training.config import PromotionLimits
from training.gates.calibration_and_audit import judge_audit, judge_calibration, judge_run
from training.gates.churn import judge_churn
from training.gates.pairing import PairedFigures
from training.gates.performance import judge_performance, judge_rule
from training.gates.reported import Reported
from training.gates.verdict import Gate, Verdict


@dataclass(frozen=True)
class Measured:
    """What was measured of the candidate and the bundle in use, beside what was reported.

    Parameters
    ----------
    listed, reasons
        What becomes of the list and its reasons; ``None`` where there were no open cases.
    paired
        By outcome, both bundles on the same cases with known outcomes; empty where that was not
        asked for.
    """

    listed: ListChurn | None = None
    reasons: ReasonAgreement | None = None
    paired: Mapping[str, PairedFigures] = field(default_factory=dict)


def judge(
    candidate: Reported,
    champion: Reported | None,
    limits: PromotionLimits,
    measured: Measured,
    *,
    for_synthetic: bool,
    is_first: bool,
) -> tuple[Gate, ...]:
    """Return what every gate says of a candidate.

    Parameters
    ----------
    champion
        The bundle in use; ``None`` where none is, or it cannot be read.
    limits
        What it is held against.
    measured
        What was measured of both.
    for_synthetic
        Whether the store that the bundle would serve is marked synthetic.
    is_first
        Whether no bundle is in use: the first one is judged without the gates that compare.
    """
    gates = [
        judge_run(candidate, for_synthetic=for_synthetic),
        *judge_rule(candidate),
        *judge_calibration(candidate, limits),
        *judge_audit(candidate, limits),
    ]
    if not is_first:
        gates += judge_performance(candidate, champion, limits, measured.paired)
        gates.append(judge_churn(measured.listed, measured.reasons, limits))
    return tuple(gates)


def find_refusing(gates: Sequence[Gate], *, accepted: bool) -> tuple[Gate, ...]:
    """Return the gates that refuse; where people accepted it in writing, not those that they may
    accept.
    """
    return tuple(
        one
        for one in gates
        if one.verdict is Verdict.REFUSED and not (accepted and one.may_be_accepted)
    )
