"""Reasons in words from exact contributions, each with the records behind it (design section 7)."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalogue import Catalogue, Direction, Indicator, Measure
from features.evidence import records_behind
from features.history import Float64, History
from models.advice import Reason, Unknown
from models.boosting import OutcomeModel
from models.encoding import Encoding
from models.wording import describe_value

MOST_UP: Final = 5
MOST_DOWN: Final = 2
_LEAST_CONTRIBUTION: Final = 0.001
"""Log-odds; what moved a probability by less than 1 in 4,000 is no reason."""


@dataclass(frozen=True)
class Contributions:
    """Exact shares of the served log-odds by indicator.

    Parameters
    ----------
    by_indicator
        Shape ``(n_rows, n_indicators)``, in catalogue order; 0 where the model has no such column.
    base
        Log-odds before any indicator is considered.
    """

    by_indicator: Float64
    base: float

    def by_family(self, catalogue: Catalogue) -> dict[str, Float64]:
        """Return the sum of each family's members, shape ``(n_rows,)`` each."""
        families: dict[str, Float64] = {}
        for number, indicator in enumerate(catalogue.indicators):
            shares = self.by_indicator[:, number]
            families[indicator.family] = families.get(indicator.family, 0.0) + shares
        return families


def explain(model: OutcomeModel, encoding: Encoding, values: Float64) -> Contributions:
    """Return the contributions of each indicator for every row of an indicator matrix.

    A fact's answer and whether it was asked are one indicator; their shares are added.
    """
    shares, base = model.contributions(encoding.encode(values))
    n_indicators = int(encoding.indicator.max()) + 1
    by_indicator = np.zeros((len(values), n_indicators))
    for column, indicator in enumerate(encoding.indicator):
        by_indicator[:, indicator] += shares[:, column]
    return Contributions(by_indicator, base)


@dataclass(frozen=True)
class Explained:
    """The reasons of one case and what is shown as unknown instead of as a reason."""

    reasons: tuple[Reason, ...]
    counter_reasons: tuple[Reason, ...]
    silences: tuple[Unknown, ...]


def tell_reasons(
    history: History,
    catalogue: Catalogue,
    case: int,
    as_of_us: int,
    outcome: str,
    contribution: Float64,
    values: Float64,
) -> Explained:
    """Put one case's contributions into words, largest first.

    Parameters
    ----------
    contribution
        Shape ``(n_indicators,)``, log-odds of ``outcome``.
    values
        Shape ``(n_columns,)``, the indicator matrix's row.

    Notes
    -----
    A push down by an indicator marked ``silence`` (silence, custody, relocation, withdrawn support)
    or by an unanswered question is never a reason: silence is not safety (promise 6).
    """
    first_column = _first_columns(catalogue)
    up: list[Reason] = []
    down: list[Reason] = []
    silences: list[Unknown] = []
    for number in np.argsort(-np.abs(contribution), kind="stable"):
        share = float(contribution[number])
        if abs(share) < _LEAST_CONTRIBUTION or (len(up) >= MOST_UP and len(down) >= MOST_DOWN):
            break
        indicator = catalogue.indicators[number]
        value = float(values[first_column[number]])
        if share < 0 and (indicator.silence or np.isnan(value)):
            if indicator.silence and len(silences) < MOST_DOWN:
                silences.append(_silence(catalogue, indicator, value))
            continue
        side, most = (up, MOST_UP) if share > 0 else (down, MOST_DOWN)
        if len(side) < most:
            keys = records_behind(history, catalogue, case, as_of_us, indicator.name)
            side.append(_reason(catalogue, indicator, outcome, share, value, keys))
    return Explained(tuple(up), tuple(down), tuple(silences))


def _reason(
    catalogue: Catalogue,
    indicator: Indicator,
    outcome: str,
    share: float,
    value: float,
    keys: tuple[str, ...],
) -> Reason:
    missing = np.isnan(value)
    sentence = describe_value(catalogue, indicator, value)
    if missing and indicator.expression.measure is Measure.LAST_FACT:
        question = catalogue.facts[str(indicator.expression.fact)].question
        sentence = f"Not answered: {question}"
        if indicator.direction is not Direction.OPEN:
            sentence += " Counted as the riskier answer until it is"
    return Reason(
        outcome=outcome,
        indicator=indicator.name,
        family=indicator.family,
        sentence=sentence,
        value=None if missing else value,
        contribution=share,
        pushes="up" if share > 0 else "down",
        records=keys,
    )


def _silence(catalogue: Catalogue, indicator: Indicator, value: float) -> Unknown:
    said = describe_value(catalogue, indicator, value)
    return Unknown(
        indicator=indicator.name,
        sentence=f"{said}: what this means is unknown",
        key_question=False,
    )


def _first_columns(catalogue: Catalogue) -> list[int]:
    positions, at = [], 0
    for indicator in catalogue.indicators:
        positions.append(at)
        at += len(indicator.columns)
    return positions


def list_unanswered(catalogue: Catalogue, values: Float64) -> tuple[Unknown, ...]:
    """Return the questions that one case's file does not answer, key questions first."""
    found = []
    for indicator, column in zip(catalogue.indicators, _first_columns(catalogue), strict=True):
        if indicator.expression.measure is not Measure.LAST_FACT or not np.isnan(values[column]):
            continue
        fact = catalogue.facts[str(indicator.expression.fact)]
        asked = values[column + 1] == 1.0
        state = "Asked, no answer recorded" if asked else "Not asked"
        found.append(Unknown(indicator.name, f"{state}: {fact.question}", fact.key_question))
    return tuple(sorted(found, key=lambda unknown: not unknown.key_question))
