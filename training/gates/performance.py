"""Whether a bundle ranks well enough: beside the simple rule, and beside the bundle in use.

Two runs meet different cases, and a unit of other cases is harder or easier to rank. What both runs
have in common is the rule beside them: reported figures are compared by what each model adds to it.
Where both bundles were measured on the same cases, that comparison is taken instead.
"""

from collections.abc import Mapping
from typing import Final

from training.config import PromotionLimits
from training.evaluation.findings import NO_SIGNAL, RULE_SUFFICES
from training.gates.pairing import PairedFigures
from training.gates.reported import Reported
from training.gates.verdict import Gate, Verdict, give_verdict

_CHANCE: Final = 0.5
_ABOVE_RULE: Final = (
    "the report does not recommend the rule, and the whole 95 % interval of the AUC's difference "
    "from it lies above 0"
)


def judge_rule(candidate: Reported) -> tuple[Gate, ...]:
    """Hold each model against chance and against the simple rule.

    A report that recommends the rule refuses the bundle unless people accept that in writing; an
    order that is not told from chance is refused whatever they write.
    """
    if not candidate.outcomes:
        words = "no outcome has a model: the rule orders, and nothing can be held against it"
        return (Gate("rule", "bundle", Verdict.NOT_JUDGED, {}, _ABOVE_RULE, words),)
    return tuple(_judge_rule(candidate, name) for name in candidate.outcomes)


def _judge_rule(candidate: Reported, outcome: str) -> Gate:
    figures, found = candidate.run.at(outcome), candidate.findings(outcome)
    auc_low = figures.auc_ci[0] if figures.auc_ci else None
    over_rule = figures.differences.get("rfs")
    low = over_rule.low if over_rule else None
    told = {"auc_low": auc_low, "gain_low": low, "gain": candidate.auc_gain(outcome)}
    if NO_SIGNAL in found or (auc_low is not None and auc_low <= _CHANCE):
        words = f"{outcome}: the model does not rank better than chance; its order must not be used"
        return Gate("rule", outcome, Verdict.REFUSED, told, "AUC above chance", words)
    if RULE_SUFFICES in found or (low is not None and low <= 0):
        words = f"{outcome}: the report recommends the simple rule in place of the model"
        return Gate("rule", outcome, Verdict.REFUSED, told, _ABOVE_RULE, words, True)
    if low is None or auc_low is None:
        words = f"{outcome}: the figures do not say whether the model beats the simple rule"
        return Gate("rule", outcome, Verdict.NOT_JUDGED, told, _ABOVE_RULE, words)
    words = f"{outcome}: the model beats the simple rule"
    return Gate("rule", outcome, Verdict.PASSED, told, _ABOVE_RULE, words)


def judge_performance(
    candidate: Reported,
    champion: Reported | None,
    limits: PromotionLimits,
    paired: Mapping[str, PairedFigures],
) -> tuple[Gate, ...]:
    """Hold each outcome's figures against those of the bundle in use.

    Parameters
    ----------
    champion
        The bundle in use; ``None`` where it cannot be read.
    paired
        By outcome, both bundles measured on the same cases; empty where that was not done.
    """
    if champion is None:
        words = "neither the bundle in use nor its figures can be read"
        return (_not_judged("bundle", limits, words),)
    names = dict.fromkeys((*champion.outcomes, *candidate.outcomes))
    return tuple(_judge_outcome(name, candidate, champion, limits, paired) for name in names)


def _judge_outcome(
    outcome: str,
    candidate: Reported,
    champion: Reported,
    limits: PromotionLimits,
    paired: Mapping[str, PairedFigures],
) -> Gate:
    for one, words in (
        (candidate, "the candidate has no model of it, and the bundle in use has one"),
        (champion, "the bundle in use has no model of it to compare with"),
    ):
        if outcome not in one.outcomes:
            return _not_judged(outcome, limits, words)
    if outcome in paired:
        return _judge_paired(outcome, paired[outcome], limits)
    if candidate.capacity != champion.capacity:
        return _not_judged(outcome, limits, "the two runs' lists have other numbers of places")
    auc = _change(candidate.auc_gain(outcome), champion.auc_gain(outcome))
    recall = _change(candidate.recall_gain(outcome), champion.recall_gain(outcome))
    if auc is None or recall is None:
        return _not_judged(outcome, limits, "the figures of the two runs do not say it")
    is_within = auc >= -limits.most_auc_loss and recall >= -limits.most_recall_loss
    words = (
        f"{outcome}: beside the rule of each run, AUC {auc:+.3f} and share of outcomes found at "
        f"capacity {recall:+.3f} of the bundle in use"
    )
    told = {"auc_change": auc, "recall_change": recall}
    return Gate(
        "performance",
        outcome,
        give_verdict(is_within),
        told,
        describe_performance_limit(limits),
        words,
    )


def _judge_paired(outcome: str, found: PairedFigures, limits: PromotionLimits) -> Gate:
    """Refuse what is worse beyond its doubt, and what loses more than the margin."""
    pairs = ((found.auc, limits.most_auc_loss), (found.recall, limits.most_recall_loss))
    is_within = all(one.high >= 0 and one.estimate >= -most for one, most in pairs)
    told = {
        f"{name}_{part}": getattr(one, field)
        for name, one in (("auc", found.auc), ("recall", found.recall))
        for part, field in (("change", "estimate"), ("low", "low"), ("high", "high"))
    }
    words = (
        f"{outcome}: on the same {found.n} cases, AUC {found.auc.estimate:+.3f} "
        f"[{found.auc.low:+.3f}, {found.auc.high:+.3f}] and share of outcomes found at capacity "
        f"{found.recall.estimate:+.3f} [{found.recall.low:+.3f}, {found.recall.high:+.3f}] of the "
        "bundle in use"
    )
    limit = f"not wholly below 0, and {describe_performance_limit(limits)}"
    return Gate("performance", outcome, give_verdict(is_within), told, limit, words)


def describe_performance_limit(limits: PromotionLimits) -> str:
    """Say how much a candidate may lose."""
    return (
        f"AUC at most {limits.most_auc_loss:.3f} and share found at capacity at most "
        f"{limits.most_recall_loss:.3f} below the bundle in use"
    )


def _change(candidate: float | None, champion: float | None) -> float | None:
    return None if candidate is None or champion is None else candidate - champion


def _not_judged(outcome: str, limits: PromotionLimits, why: str) -> Gate:
    limit, words = describe_performance_limit(limits), f"{outcome}: {why}"
    return Gate("performance", outcome, Verdict.NOT_JUDGED, {}, limit, words)
