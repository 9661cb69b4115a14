"""What a run concludes by itself, in sentences: warnings first.

Each conclusion rests on figures that stand in the report. A warning is something that a reader must
know before anything else is believed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models.run_figures.ranking import Difference
from models.run_figures.run import FindingFigures
from training.evaluation.outcome import EvaluatedOutcome
from training.fitting.candidates import WORDS, Candidate
from training.fitting.fitted_outcome import FittedOutcome

NO_SIGNAL: Final = "no_signal"
RULE_SUFFICES: Final = "rule_suffices"
MANAGED_LOOK_SAFER: Final = "managed_look_safer"
GROUP_DIFFERS: Final = "group_differs"
RECORDED_LESS: Final = "recorded_less"
FEWER_RECORDS: Final = "fewer_records"
RECORDING_BREAK: Final = "recording_break"
UNINFORMATIVE_INDICATORS: Final = "idle_indicators"
DRIFT: Final = "drift"
RETROSPECTIVE: Final = "retrospective"
_WARNINGS: Final = (
    RETROSPECTIVE,
    NO_SIGNAL,
    RULE_SUFFICES,
    RECORDING_BREAK,
    MANAGED_LOOK_SAFER,
    RECORDED_LESS,
    GROUP_DIFFERS,
    DRIFT,
)


@dataclass(frozen=True)
class Finding:
    """One conclusion.

    Parameters
    ----------
    kind
        What kind it is; one of the constants of this module.
    about
        The outcome, characteristic or family of kinds that it is about.
    words
        The sentence.
    """

    kind: str
    about: str
    words: str

    @property
    def is_warning(self) -> bool:
        """Whether a reader must know it first."""
        return self.kind in _WARNINGS

    @property
    def figures(self) -> FindingFigures:
        """The finding as ``metrics.json`` holds it."""
        return FindingFigures(self.kind, self.about, self.words, self.is_warning)


def sort_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Return warnings first, in the order of their weight."""
    order = {kind: number for number, kind in enumerate(_WARNINGS)}
    return sorted(findings, key=lambda one: order.get(one.kind, len(order)))


def conclude_outcomes(
    fitted: Sequence[FittedOutcome],
    evaluated: Mapping[str, EvaluatedOutcome],
) -> list[Finding]:
    """Return what is concluded of each outcome: signal, rule, idle indicators."""
    found = []
    for one in fitted:
        name = one.outcome.name
        standings = evaluated[name].standings
        if standings.auc is not None and not standings.has_signal:
            found.append(Finding(NO_SIGNAL, name, _describe_no_signal(name)))
        elif standings.auc is not None and _rule_suffices(one, evaluated[name]):
            over_rule = standings.over_rule
            found.append(Finding(RULE_SUFFICES, name, _describe_rule(name, one, over_rule)))
        if one.idle is not None and one.idle.names:
            found.append(Finding(UNINFORMATIVE_INDICATORS, name, f"{name}: {one.idle.describe()}"))
    return found


def _rule_suffices(fitted: FittedOutcome, evaluated: EvaluatedOutcome) -> bool:
    """Whether the back-tests picked the rule, or the test origin shows no gain over it."""
    over_rule = evaluated.standings.over_rule
    return fitted.rule_suffices or over_rule is None or not over_rule.is_gain


def _describe_no_signal(name: str) -> str:
    return (
        f"{name}: no signal. On the test origin the model does not rank better than chance; "
        "its order must not be used"
    )


def _describe_rule(name: str, fitted: FittedOutcome, over_rule: Difference | None) -> str:
    choice = fitted.backtest.choice
    said = f"{name}: a simple rule would do. Use {WORDS[Candidate.RULE]}"
    if choice is None or choice.picked is not Candidate.RULE:
        return f"{said}: the model is not shown to beat it on the test origin"
    said = f"{said}; {choice.describe()}"
    if over_rule is not None and over_rule.is_gain:
        said += (
            f". On the test origin the model is ahead by {over_rule.estimate:.3f} all the same: "
            "the back-tests may have held too few cases to settle it"
        )
    return said
