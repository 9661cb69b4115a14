"""Whether the list and its reasons would hold still enough for those who read them."""

from models.ranking.stability import ListChurn, ReasonAgreement
from training.config import PromotionLimits
from training.gates.verdict import Gate, Verdict, give_verdict


def judge_churn(
    listed: ListChurn | None, reasons: ReasonAgreement | None, limits: PromotionLimits
) -> Gate:
    """Hold who leaves the list, and whose first reason changes, against the limits.

    Parameters
    ----------
    listed, reasons
        Measured on open cases; ``None`` where there were none.
    """
    limit = (
        f"at most {limits.most_list_change:.0%} of the list's places go to other cases, and at "
        f"most {limits.most_reason_change:.0%} of first reasons are others"
    )
    # Where all cases fit on the list nobody can leave it.
    if listed is None or reasons is None or listed.n <= listed.n_places:
        words = "there are too few open cases to tell what becomes of the list and its reasons"
        return Gate("churn", "bundle", Verdict.NOT_JUDGED, {}, limit, words)
    changed = 1.0 - reasons.same_first
    told = {
        "cases": float(listed.n),
        "leaving": float(len(listed.leaving)),
        "share_leaving": listed.share_leaving,
        "first_reason_changed": changed,
        "reasons_in_common": reasons.overlap,
    }
    is_within = (
        listed.share_leaving <= limits.most_list_change and changed <= limits.most_reason_change
    )
    words = (
        f"{len(listed.leaving)} of {listed.n_places} cases leave the list"
        f"{_describe_places(listed)}; {changed:.0%} of {reasons.n} cases on either list have "
        f"another first reason, and {reasons.overlap:.0%} of the first five are the same"
    )
    return Gate("churn", "bundle", give_verdict(is_within), told, limit, words)


def _describe_places(listed: ListChurn) -> str:
    """Say from which place to which; places name nobody."""
    if not listed.leaving:
        return ""
    moves = ", ".join(f"{before} to {after}" for before, after in listed.leaving)
    return f" (places {moves})"
