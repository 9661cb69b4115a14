"""Contributions in words, each with the records behind it (design section 7)."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalogue.declarations import Catalogue, Direction, Indicator, Measure
from features.contract.arrays import Float64
from features.evidence.records_behind import CaseMoment, records_at
from features.history.columns import History
from features.history.reading_rules import CURRENT_RULES, ReadingRules
from models.bundle.folder import Reference
from models.ranking.advice import Reason, Unknown
from models.wording.sentences import describe_value, say, show_value

MOST_UP: Final = 5
MOST_DOWN: Final = 2
USUAL: Final = (0.05, 0.95)
"""The usual range holds nine in ten training cases that had a value."""
_MOSTLY: Final = 0.5
_LEAST_CONTRIBUTION: Final = 0.001
"""Log-odds; what moved a probability by less than 1 in 4,000 is no reason."""


@dataclass(frozen=True)
class Explained:
    """The reasons of one case and what is shown as unknown instead of as a reason."""

    reasons: tuple[Reason, ...]
    counter_reasons: tuple[Reason, ...]
    silences: tuple[Unknown, ...]


@dataclass(frozen=True)
class Usual:
    """What is usual among the training cases for one indicator.

    ``low`` and ``high`` hold nine in ten of those that had a value, inclusive; ``None`` where none
    had. ``sentence`` says so in words, empty where nothing can be said.
    """

    low: float | None
    high: float | None
    sentence: str


_NOTHING_USUAL: Final = Usual(None, None, "")


def find_usual(
    catalogue: Catalogue, reference: Reference, indicator: Indicator, column: int
) -> Usual:
    """Return what is usual for an indicator whose values are in ``column``.

    Parameters
    ----------
    catalogue, reference
        The indicators, and their values among the training cases.
    indicator
        Which one.
    column
        Number of its first column in the indicator matrix.

    Returns
    -------
    Usual
        Limits between which nine in ten training cases lie, and the sentence for them.
    """
    if reference.missing[column] > _MOSTLY:
        return Usual(None, None, say("usual_none"))
    places = np.searchsorted(reference.levels, USUAL)
    low, high = (float(value) for value in reference.quantiles[column][places])
    if np.isnan(low) or np.isnan(high):
        return _NOTHING_USUAL
    shown = [show_value(catalogue, indicator, value) for value in (low, high)]
    # Both answers are usual, and to say so would tell nothing.
    if shown == ["no", "yes"]:
        return Usual(low, high, "")
    if shown[0] == shown[1]:
        return Usual(low, high, say("usual_one", low=shown[0]))
    return Usual(low, high, say("usual", low=shown[0], high=shown[1]))


def describe_reasons(
    history: History,
    catalogue: Catalogue,
    case: int,
    as_of_us: int,
    outcome: str,
    contribution: Float64,
    values: Float64,
    reference: Reference | None = None,
    rules: ReadingRules = CURRENT_RULES,
) -> Explained:
    """Put one case's contributions into words, largest first.

    Parameters
    ----------
    contribution
        Shape ``(n_indicators,)``, log-odds of ``outcome``.
    values
        Shape ``(n_columns,)``, the indicator matrix's row.
    reference
        What was usual among the training cases; nothing is said of it where ``None``.
    rules
        How records are read: as where the values were measured.

    Returns
    -------
    Explained
        Reasons that push up, those that push down, and what is shown as unknown instead.

    Notes
    -----
    A push down by an indicator marked ``silence`` (silence, custody, relocation, withdrawn support)
    or by an unanswered question is never a reason: silence is not safety (promise 6). Nor is a push
    down by what the sources call a risk, or a push up by a zero: both are arithmetic of the model.
    """
    moment = CaseMoment(history, catalogue, case, as_of_us, rules)
    writer = _ReasonWriter(moment, outcome, reference)
    columns = catalogue.first_columns
    up: list[Reason] = []
    down: list[Reason] = []
    silences: list[Unknown] = []
    for number in np.argsort(-np.abs(contribution), kind="stable"):
        share = float(contribution[number])
        # Sorted by size: whatever follows is smaller still.
        if abs(share) < _LEAST_CONTRIBUTION or (len(up) >= MOST_UP and len(down) >= MOST_DOWN):
            break
        indicator = catalogue.indicators[number]
        value = float(values[columns[number]])
        if share < 0 and (indicator.silence or np.isnan(value)):
            if indicator.silence and len(silences) < MOST_DOWN:
                silences.append(_silence(catalogue, indicator, value))
            continue
        # What the sources call a risk is never told as lowering, and a zero is no reason up.
        if is_arithmetic(indicator, value, share) or (share > 0 and is_zero(indicator, value)):
            continue
        side, most = (up, MOST_UP) if share > 0 else (down, MOST_DOWN)
        if len(side) < most:
            side.append(writer.describe(indicator, columns[number], share, value))
    return Explained(tuple(up), tuple(down), tuple(silences))


@dataclass(frozen=True)
class _ReasonWriter:
    moment: CaseMoment
    outcome: str
    reference: Reference | None

    def describe(self, indicator: Indicator, column: int, share: float, value: float) -> Reason:
        catalogue = self.moment.catalogue
        usual = (
            _NOTHING_USUAL
            if self.reference is None
            else find_usual(catalogue, self.reference, indicator, column)
        )
        return Reason(
            outcome=self.outcome,
            indicator=indicator.name,
            family=indicator.family,
            sentence=_sentence(catalogue, indicator, value),
            value=None if np.isnan(value) else value,
            contribution=share,
            pushes="up" if share > 0 else "down",
            records=records_at(self.moment, indicator.expression),
            usual=usual.sentence,
            usual_low=usual.low,
            usual_high=usual.high,
        )


def is_arithmetic(indicator: Indicator, value: float, share: float) -> bool:
    """Return whether a push down is no protection: of what the sources call a risk.

    Parameters
    ----------
    indicator, value, share
        An indicator, its value (NaN where missing) and its contribution in log-odds.
    """
    return share < 0 and not np.isnan(value) and indicator.is_risk(value)


def is_zero(indicator: Indicator, value: float) -> bool:
    """Return whether a value says that there is none of it, which is no reason up.

    Parameters
    ----------
    indicator, value
        An indicator and its value; days since something are none at no value.
    """
    return value == 0.0 and indicator.direction is not Direction.LOWERS


def _sentence(catalogue: Catalogue, indicator: Indicator, value: float) -> str:
    if not (np.isnan(value) and indicator.expression.measure is Measure.LAST_FACT):
        return describe_value(catalogue, indicator, value)
    question = catalogue.facts[str(indicator.expression.fact)].question
    said = say("not_answered", question=question)
    open_ended = indicator.direction is Direction.OPEN
    return said if open_ended else f"{said} {say('riskier_answer')}"


def _silence(catalogue: Catalogue, indicator: Indicator, value: float) -> Unknown:
    said = describe_value(catalogue, indicator, value)
    return Unknown(indicator.name, say("meaning_unknown", said=said), key_question=False)


def first_columns(catalogue: Catalogue) -> list[int]:
    """Return where each indicator's first column is in the indicator matrix."""
    return list(catalogue.first_columns)


def list_unanswered(catalogue: Catalogue, values: Float64) -> tuple[Unknown, ...]:
    """Return the questions that one case's file does not answer, key questions first."""
    found = []
    for indicator, column in zip(catalogue.indicators, catalogue.first_columns, strict=True):
        if indicator.expression.measure is not Measure.LAST_FACT or not np.isnan(values[column]):
            continue
        fact = catalogue.facts[str(indicator.expression.fact)]
        # The column beside an answer says whether the question was asked.
        state = "asked_in_vain" if values[column + 1] == 1.0 else "no_answer"
        sentence = say(state, question=fact.question)
        found.append(Unknown(indicator.name, sentence, fact.key_question))
    return tuple(sorted(found, key=lambda unknown: not unknown.key_question))
