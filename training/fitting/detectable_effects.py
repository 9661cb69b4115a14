"""The effect that could have been seen of an indicator that is left out of a model.

*Too few to tell* is not *no effect*. For each indicator the least odds ratio is given that a test
at 0.05 (two-sided) finds with a power of 0.8, beside what the model rests on: 2.80 standard errors
of its coefficient. The standard error is that of a logistic regression's score taken by person
(Liang and Zeger 1986), widened by what the columns kept already say of it (Hsieh, Bloch and Larsen
1998).
"""

from typing import Final

import numpy as np
from scipy.stats import norm

from features.catalogue.declarations import Catalogue, Indicator, Measure
from features.contract.arrays import Float64
from models.bundle.encoding import Encoding
from models.run_figures.fitting import LeftOutFigures
from training.cohorts.outcome_rows import TrainingRows
from training.config import TrainingConfig
from training.fitting.indicator_selection import IndicatorSelection
from training.fitting.linear_part import measure_columns

SMALL_ODDS_RATIO: Final = 1.44
"""Cohen's small effect, 0.2 standard deviations, as an odds ratio: exp(1.81 * 0.2) (Chinn 2000).
Where a larger one only could have been seen, there are too few to tell."""
ONE: Final = "one against none"
DEVIATION: Final = "one standard deviation"
_REACH: Final = float(norm.isf(0.025) + norm.isf(0.2))
_COUNTED: Final = (Measure.COUNT, Measure.DISTINCT, Measure.FIRST_USE, Measure.DISAGREEMENT)
_MOST_SAID: Final = 0.95
"""Share of a column's variance that others may be found to explain; sums of few rows find more."""
_MOST_ODDS: Final = 999.0
_LEAST_SPREAD: Final = 1e-9


def find_detectable(
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    catalogue: Catalogue,
    selection: IndicatorSelection,
) -> tuple[LeftOutFigures, ...]:
    """Return what could have been seen of each indicator that is left out, in catalogue order.

    Parameters
    ----------
    rows, encoding, config
        As the model was fitted with; of many rows a random part of the people gives a larger
        effect than all of them would.
    selection
        What the model rests on.

    Returns
    -------
    tuple
        One for each; the odds ratio is ``None`` where the indicator never varied, so that nothing
        could be seen, and none is told above 999.
    """
    part = measure_columns(rows.encode(encoding), encoding)
    columns, _ = part.design(rows.encode(encoding))
    weight = rows.weigh(config.person_weight)
    columns = columns - np.average(columns, axis=0, weights=weight)
    spread = np.sqrt(np.average(columns**2, axis=0, weights=weight))
    error = _measure_errors(columns, rows, weight)
    kept = selection.is_kept[encoding.indicator]
    free = 1.0 - _explain(columns * np.sqrt(weight)[:, None], kept)
    found = []
    for number in selection.left_out:
        one = catalogue.indicators[number]
        at = int(np.flatnonzero(encoding.indicator == number)[0])
        unit = ONE if _is_counted(one, catalogue) else DEVIATION
        step = np.log(2.0) / part.scale[at] if unit == ONE else spread[at]
        odds = None
        if spread[at] > _LEAST_SPREAD:
            reach = _REACH * error[at] / np.sqrt(free[at]) * step
            odds = float(np.exp(min(reach, np.log(_MOST_ODDS))))
        found.append(
            LeftOutFigures(
                name=one.name,
                picked_share=float(selection.share[number]),
                odds_ratio=odds,
                of=unit,
                is_too_few=odds is None or odds > SMALL_ODDS_RATIO,
            )
        )
    return tuple(found)


def _is_counted(one: Indicator, catalogue: Catalogue) -> bool:
    """Whether an indicator is a number of records, or a question answered with yes or no."""
    fact = one.expression.fact
    if fact is not None:
        return catalogue.facts[fact].type.value == "yes_no"
    return one.expression.measure in _COUNTED


def _measure_errors(columns: Float64, rows: TrainingRows, weight: Float64) -> Float64:
    """Return each column's standard error alone, by person, for one unit of it."""
    rate = float(np.average(rows.y_true, weights=weight))
    score = columns * (weight * (rows.y_true - rate))[:, None]
    _, position = np.unique(rows.person, return_inverse=True)
    order = np.argsort(position, kind="stable")
    starts = np.flatnonzero(np.diff(position[order], prepend=-1))
    meat = (np.add.reduceat(score[order], starts, axis=0) ** 2).sum(axis=0)
    information = rate * (1.0 - rate) * (weight[:, None] * columns**2).sum(axis=0)
    return np.asarray(np.sqrt(meat) / np.maximum(information, _LEAST_SPREAD))


def _explain(columns: Float64, kept: np.ndarray) -> Float64:
    """Return the share of each column's variance that the columns kept explain."""
    total = np.maximum((columns**2).sum(axis=0), _LEAST_SPREAD)
    found, *_ = np.linalg.lstsq(columns[:, kept], columns, rcond=None)
    rest = ((columns - columns[:, kept] @ found) ** 2).sum(axis=0)
    return np.asarray(np.clip(1.0 - rest / total, 0.0, _MOST_SAID))
