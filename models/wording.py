"""Numbers in words, the same wherever they are shown."""

import math
from typing import Final

from features.catalogue import Catalogue, FactType, Indicator, Measure

_WHOLE: Final = (
    Measure.COUNT,
    Measure.DISTINCT,
    Measure.FIRST_USE,
    Measure.QUIET_THEN_RETURN,
    Measure.DISAGREEMENT,
)
_DAYS: Final = (
    Measure.DAYS_SINCE_LAST,
    Measure.DAYS_SINCE_FIRST,
    Measure.DAYS_IN_STATE,
    Measure.TIME_BETWEEN,
    Measure.GAP_MEDIAN,
)


def describe_value(catalogue: Catalogue, indicator: Indicator, value: float) -> str:
    """Return a sentence for an indicator's value; its ``none_reason`` where it is missing."""
    measure = indicator.expression.measure
    if math.isnan(value):
        return indicator.none_reason
    if measure is Measure.LAST_FACT:
        kind = catalogue.facts[str(indicator.expression.fact)].type
        shown = format_answer(kind, value)
    elif measure in _WHOLE:
        shown = f"{value:.0f}"
    elif measure in _DAYS:
        shown = format_days(value)
    else:
        shown = format_number(value)
    return indicator.reason.replace("{value}", shown)


def format_answer(kind: FactType, value: float) -> str:
    """Return a fact's answer: yes or no, a number, or days since a date."""
    if kind is FactType.YES_NO:
        return "yes" if value == 1.0 else "no"
    return format_days(value) if kind is FactType.DATE else format_number(value)


def format_days(value: float) -> str:
    """Return days: whole from two days up, one decimal below."""
    return f"{value:.0f}" if abs(value) >= 2 else f"{value:.1f}".removesuffix(".0")


def format_number(value: float) -> str:
    """Return a number with two decimals at most, a small one with two significant figures."""
    if value % 1 == 0:
        return f"{value:.0f}"
    shown = f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
    return shown if "e" in shown else shown.rstrip("0").rstrip(".")


def format_probability(probability: float) -> str:
    """Return a probability as a count out of a hundred: one fixed format everywhere."""
    of_hundred = 100 * probability
    if of_hundred < 1:
        return "fewer than 1 in 100"
    if of_hundred > 99:
        return "more than 99 in 100"
    return f"about {of_hundred:.0f} in 100"
