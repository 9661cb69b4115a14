"""Whether figures may be believed for use at all, whether probabilities mean what they say, and
what the audit found.
"""

from models.run_figures.audit import AuditFigures, PrimaryFigures
from models.run_figures.run import RunFacts
from training.audit import wording
from training.config import PromotionLimits
from training.gates.reported import Reported
from training.gates.verdict import Gate, Verdict, give_verdict


def judge_run(candidate: Reported, *, for_synthetic: bool) -> Gate:
    """Refuse a run of which nothing may be used.

    Parameters
    ----------
    for_synthetic
        Whether the store that the bundle would serve is marked synthetic.
    """
    run = candidate.run
    made = run.run or RunFacts()
    limit = "figures of this bundle, of a run that a model in use could have learnt from"
    if run.bundle_id != candidate.bundle.id or made == RunFacts():
        words, verdict = "the figures are of another bundle; train it again", Verdict.REFUSED
    elif made.retrospective:
        words = "the run is retrospective: a model in use cannot learn so, and nothing may be used"
        verdict = Verdict.REFUSED
    elif made.synthetic and not for_synthetic:
        words = "the bundle was trained on invented cases, and the store holds real ones"
        verdict = Verdict.REFUSED
    else:
        words, verdict = (
            "the figures are of this bundle and of a run that may be used",
            give_verdict(True),
        )
    return Gate("run", "bundle", verdict, {}, limit, words)


def judge_calibration(candidate: Reported, limits: PromotionLimits) -> tuple[Gate, ...]:
    """Hold each model's calibration against 0 and 1: the intervals must come near enough."""
    return tuple(_judge_calibration(candidate, limits, name) for name in candidate.outcomes)


def _judge_calibration(candidate: Reported, limits: PromotionLimits, outcome: str) -> Gate:
    row = candidate.calibration(outcome)
    told = {"intercept": row.intercept, "slope": row.slope}
    limit = (
        f"the interval of the intercept within {limits.intercept_margin:.2f} of 0, and that of the "
        f"slope within {limits.slope_margin:.2f} of 1"
    )
    intercept, slope = row.intercept_interval, row.slope_interval
    if intercept is None or slope is None:
        words = f"{outcome}: too few outcomes to tell whether the probabilities mean what they say"
        return Gate("calibration", outcome, Verdict.NOT_JUDGED, told, limit, words)
    for name, (low, high) in (("intercept", intercept), ("slope", slope)):
        told |= {f"{name}_low": low, f"{name}_high": high}
    is_within = _reaches(intercept, 0.0, limits.intercept_margin) and _reaches(
        slope, 1.0, limits.slope_margin
    )
    words = (
        f"{outcome}: 95 % interval of the intercept [{intercept[0]:+.2f}, {intercept[1]:+.2f}], "
        f"of the slope [{slope[0]:.2f}, {slope[1]:.2f}]"
    )
    return Gate("calibration", outcome, give_verdict(is_within), told, limit, words)


def _reaches(interval: tuple[float, float], target: float, margin: float) -> bool:
    # The interval and not the estimate: the fewer the cases, the less this can refuse (ADR 19).
    return interval[0] - margin <= target <= interval[1] + margin


def judge_audit(candidate: Reported, limits: PromotionLimits) -> tuple[Gate, ...]:
    """Tell each comparison between groups that was fixed beforehand.

    A comparison is made by the groups that hold apart: where one group differs, some group is worse
    off. Those named by the limits must be there, whatever the run's own configuration left out.
    """
    limit = "no comparison fixed beforehand differs"
    if not limits.primary_audit:
        words = "no comparison between groups was fixed beforehand"
        return (Gate("audit", "bundle", Verdict.NOT_JUDGED, {}, limit, words),)
    rows = (candidate.run.audit or AuditFigures()).primary
    return tuple(_judge_pair(rows, *pair, limit) for pair in limits.primary_audit)


def _judge_pair(
    rows: tuple[PrimaryFigures, ...], measure: str, characteristic: str, limit: str
) -> Gate:
    about = f"{measure} by {characteristic}"
    found = [one for one in rows if (one.measure, one.characteristic) == (measure, characteristic)]
    verdicts = [one.verdict for one in found]
    told = {
        "groups": float(len(found)),
        "differ": float(verdicts.count(wording.DIFFERS)),
        "too_few": float(len(verdicts) - sum(one in _TOLD for one in verdicts)),
    }
    if wording.DIFFERS in verdicts:
        said = [one.words for one in found if one.verdict == wording.DIFFERS]
        words, verdict = "; ".join(said) or f"{about}: groups differ", Verdict.REFUSED
    elif found and all(one == wording.NO_DIFFERENCE for one in verdicts):
        words, verdict = f"{about}: no difference found", Verdict.PASSED
    elif found:
        words = f"{about}: {wording.TOO_FEW}, which is no sign that groups are treated alike"
        verdict = Verdict.NOT_JUDGED
    else:
        words, verdict = f"{about}: the run did not look at it", Verdict.NOT_JUDGED
    return Gate("audit", about, verdict, told, limit, words)


_TOLD = (wording.DIFFERS, wording.NO_DIFFERENCE)
