"""What is said first of every outcome: does the model beat the simple rules, and by how much."""

from dataclasses import dataclass
from typing import Final

from models.run_figures.ranking import Difference
from models.run_figures.screening_list import ListFinds

NO_SIGNAL: Final = "NO SIGNAL"
NOT_SHOWN: Final = "THE MODEL IS NOT SHOWN TO BEAT"
NO_MODEL: Final = "NO MODEL"
_FIRST: Final = (NO_SIGNAL, NOT_SHOWN, NO_MODEL)
_CHANCE: Final = 0.5
_OTHERS: Final = {
    "rfs": "rule",
    "logistic": "logistic regression",
    "longest_wait": "longest wait",
}


@dataclass(frozen=True)
class Standings:
    """AUCs of one outcome at one test origin; ``None`` where nothing was fitted or one class only.

    ``over_rule`` and ``over_logistic`` are the paired differences of the model from each.
    """

    auc: float | None
    auc_interval: tuple[float, float] | None
    rule: float | None
    logistic: float | None
    over_rule: Difference | None
    over_logistic: Difference | None

    @property
    def has_signal(self) -> bool:
        """Whether the interval of the model's AUC lies above chance."""
        return self.auc_interval is not None and self.auc_interval[0] > _CHANCE


def describe_headline(found: Standings, finds: ListFinds | None = None) -> str:
    """Return one sentence; a simple rule that is not beaten stands in capitals (promise 12).

    Parameters
    ----------
    found
        AUCs of the outcome's model and of what it is held against.
    finds
        What the list's places find of the outcome, which is said before the AUCs; ``None`` at
        origins whose list was not made.
    """
    if found.auc is None:
        return f"{NO_MODEL}: too few cases with the outcome; rules and judgement order"
    if found.over_rule is None or found.over_logistic is None or found.auc_interval is None:
        return f"{NO_MODEL} CAN BE JUDGED: the test cases do not hold both outcomes"
    low, high = found.auc_interval
    places = "" if finds is None else f"{describe_places(finds)}; "
    figures = f"AUC {found.auc:.3f} [{low:.3f}, {high:.3f}]"
    others = f"rule {found.rule:.3f}, logistic regression {found.logistic:.3f}"
    if not found.has_signal:
        return f"{NO_SIGNAL}: {places}{figures} does not differ from chance; {others}"
    unbeaten = [
        name
        for name, difference in (
            ("RULE", found.over_rule),
            ("LOGISTIC REGRESSION", found.over_logistic),
        )
        if not difference.is_gain
    ]
    gains = (
        f"AUC {_describe(found.over_rule)} over the rule, "
        f"{_describe(found.over_logistic)} over the logistic regression"
    )
    if unbeaten:
        verdict = f"{NOT_SHOWN} THE {' OR THE '.join(unbeaten)}"
    else:
        verdict = "the model beats the rule and the logistic regression"
    return f"{verdict}: {places}{gains}; {figures}, {others}"


def describe_places(finds: ListFinds) -> str:
    """Return what the list's places find and what others would find there, in one clause."""
    by_order = {one.order: one.finds for one in finds.orders}
    others = [
        f"{words} {by_order[order]:.1f}"
        for order, words in _OTHERS.items()
        if by_order.get(order) is not None
    ]
    if finds.chance is not None:
        others.append(f"chance {finds.chance:.1f}")
    ahead = finds.ahead.get("rfs")
    paired = (
        ""
        if ahead is None
        else f" ({ahead.estimate:+.1f} [{ahead.low:+.1f}, {ahead.high:+.1f}] over the rule)"
    )
    own = by_order.get("list")
    found = (
        "" if own is None else f"{own:.0f} of {finds.positives} found in {finds.capacity} places"
    )
    return f"{found}{paired}; {', '.join(others)}"


def _describe(difference: Difference) -> str:
    return f"{difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def sort_headlines(headlines: list[str]) -> list[str]:
    """Return the headlines with the ones in capitals first."""
    return sorted(headlines, key=lambda line: not any(word in line for word in _FIRST))
