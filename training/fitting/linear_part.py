"""Fitting the linear part of a model, and its weight beside the trees.

The penalised logistic regression keeps the signs that the catalogue asks for. scikit-learn's has no
bounds on coefficients; SciPy's L-BFGS-B has them (Byrd and others 1995), and without bounds both
agree (``tests/test_training/fitting/test_linear_part.py``).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from features.catalogue.declarations import NEVER_DAYS
from features.contract.arrays import Float64, Int64
from models.bundle.boosted_trees import mix
from models.bundle.calibration import fit_calibration
from models.bundle.encoding import Encoding
from models.bundle.linear_part import LinearPart, signed_log
from training.cohorts.outcome_rows import TrainingRows
from training.config import TrainingConfig

Bools = npt.NDArray[np.bool_]
_OPTIONS: Final = {"maxiter": 2_000, "maxfun": 4_000, "ftol": 1e-13, "gtol": 1e-8}
_STEPS: Final = 20
"""The weight is told in twentieths: outcomes of people not seen cannot tell finer ones apart."""
_LEAST_SPREAD: Final = 1e-9


@dataclass(frozen=True)
class LinearRefit:
    """Rows laid out once, on which the linear part is fitted again and again.

    Parameters
    ----------
    start
        The part whose ranges, middles and scales hold for every fit, and from whose coefficients
        each begins.
    design
        Shape ``(n_rows, n_columns)``, what the coefficients multiply, varying columns alone.
    columns
        Which of the ``2 k`` possible coefficients these columns are: ``k`` of values, ``k`` of
        unknowns.
    bounds
        Shape ``(n_columns, 2)``: the least and greatest coefficient of each.
    y_true
        Shape ``(n_rows,)``.
    rows
        Shape ``(n_rows,)``: which of the training rows these are.
    weight
        Shape ``(n_rows,)``: how much each counts.
    penalty_c
        Inverse strength of the L2 penalty.
    """

    start: LinearPart
    design: Float64
    columns: Int64
    bounds: Float64
    y_true: Bools
    rows: Int64
    weight: Float64
    penalty_c: float

    def fit(self, counts: Int64 | None = None, is_left_out: Bools | None = None) -> LinearPart:
        """Fit, each training row counting as often as stated.

        Parameters
        ----------
        counts
            Shape ``(n_training_rows,)``; every row counts once where ``None``. Multiplied by the
            weight of the row.
        is_left_out
            Shape ``(n_model_columns,)``: columns whose terms are 0; none where ``None``.
        """
        weight = self.weight if counts is None else self.weight * counts[self.rows]
        started = np.concatenate([self.start.coefficient, self.start.absent_coefficient])
        design, columns, bounds = self.design, self.columns, self.bounds
        if is_left_out is not None:
            kept = ~np.tile(is_left_out, 2)[columns]
            design, columns, bounds = design[:, kept], columns[kept], bounds[kept]
        intercept, coefficient = _minimise(
            design,
            self.y_true,
            weight,
            bounds,
            self.penalty_c,
            np.concatenate([[self.start.intercept], started[columns]]),
        )
        return _place(self.start, intercept, coefficient, columns)


def fit_linear_part(
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    chosen: npt.NDArray[np.intp] | None = None,
) -> LinearPart:
    """Fit the linear part of one outcome's model.

    Parameters
    ----------
    rows, encoding, config
        As the trees are fitted with; ``linear_penalty_c`` is the penalty's inverse strength, and
        above ``most_logistic_rows`` a random part of the rows is learnt from.
    chosen
        Which rows to learn from; all where ``None``. Both classes must be among them.

    Returns
    -------
    LinearPart
        With the sign of every coefficient that the encoding constrains.
    """
    return lay_out(rows, encoding, config, chosen).fit()


def lay_out(
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    chosen: npt.NDArray[np.intp] | None = None,
    part: LinearPart | None = None,
) -> LinearRefit:
    """Lay out one outcome's training rows for one fit or many.

    Parameters
    ----------
    rows, encoding, config, chosen
        As :func:`fit_linear_part` takes them.
    part
        A part fitted on the same rows, from which every fit begins; measured anew where ``None``.
    """
    if chosen is None:
        chosen = np.arange(len(rows.y_true))
    if len(chosen) > config.most_logistic_rows:
        random = np.random.default_rng(config.seed)
        chosen = np.sort(random.choice(chosen, config.most_logistic_rows, replace=False))
    x = rows.encode(encoding, chosen)
    start = part or measure_columns(x, encoding)
    value, absent = start.design(x)
    design = np.concatenate([value, absent], axis=1)
    # What never varies says nothing, and costs time.
    columns = np.flatnonzero(np.ptp(design, axis=0) > _LEAST_SPREAD)
    sign = np.tile(encoding.constraint, 2)[columns]
    bounds = np.column_stack([np.where(sign > 0, 0.0, -np.inf), np.where(sign < 0, 0.0, np.inf)])
    return LinearRefit(
        start=start,
        design=np.ascontiguousarray(design[:, columns]),
        columns=columns,
        bounds=bounds,
        y_true=rows.y_true[chosen],
        rows=chosen,
        weight=rows.weigh(config.person_weight)[chosen],
        penalty_c=float(config.linear_penalty_c),
    )


def measure_columns(x: Float64, encoding: Encoding) -> LinearPart:
    """Return a part without coefficients: ranges, middles and scales of a matrix's columns."""
    absent_from = np.where(encoding.fill == NEVER_DAYS, NEVER_DAYS, np.inf)
    known = ~np.isnan(x) & (x < absent_from)
    found = known.any(axis=0)
    low = np.where(found, np.where(known, x, np.inf).min(axis=0), 0.0)
    high = np.where(found, np.where(known, x, -np.inf).max(axis=0), 0.0)
    unknown = np.isnan(x)
    logged = np.where(unknown, 0.0, signed_log(np.clip(x, low, high)))
    count = np.maximum((~unknown).sum(axis=0), 1)
    middle = logged.sum(axis=0) / count
    square = np.where(unknown, 0.0, logged - middle) ** 2
    spread = np.sqrt(square.sum(axis=0) / count)
    nothing = np.zeros(x.shape[1])
    return LinearPart(
        intercept=0.0,
        low=low,
        high=high,
        absent_from=absent_from,
        middle=middle,
        # A column that never varies must not divide by 0.
        scale=np.where(spread > _LEAST_SPREAD, spread, 1.0),
        coefficient=nothing,
        absent_coefficient=nothing,
        absent_share=(unknown | (x >= absent_from)).mean(axis=0),
    )


def _minimise(
    design: Float64,
    y_true: Bools,
    weight: Float64,
    bounds: Float64,
    penalty_c: float,
    start: Float64,
) -> tuple[float, Float64]:
    """Return intercept and coefficients at the least penalised loss; the intercept is free.

    The loss is scikit-learn's: half the sum of squared coefficients, and ``C`` times the log loss.
    """
    total = weight.sum()
    label = y_true.astype(np.float64)
    sign = np.where(y_true, -1.0, 1.0)
    strength = 1.0 / (penalty_c * total)

    def loss(line: Float64) -> tuple[float, Float64]:
        margin = line[0] + design @ line[1:]
        pull = weight * (expit(margin) - label) / total
        value = float(weight @ np.logaddexp(0.0, sign * margin)) / total
        value += 0.5 * strength * float(line[1:] @ line[1:])
        gradient = np.concatenate([[pull.sum()], design.T @ pull + strength * line[1:]])
        return value, gradient

    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None), *(tuple(one) for one in bounds.tolist())],
        options=_OPTIONS,
    )
    return float(found.x[0]), np.asarray(found.x[1:])


def _place(start: LinearPart, intercept: float, coefficient: Float64, columns: Int64) -> LinearPart:
    """Return the part with its coefficients, 0 where a column never varied."""
    n_columns = len(start.scale)
    both = np.zeros(2 * n_columns)
    both[columns] = coefficient
    return replace(
        start,
        intercept=intercept,
        coefficient=both[:n_columns],
        absent_coefficient=both[n_columns:],
    )


def learn_weight(trees: Float64, linear: Float64, y_true: Bools, person: Int64) -> float:
    """Return the trees' weight in the average of both parts' log-odds.

    Each weight in twentieths is tried, with the best line above it; the answer is the mean of the
    weights, each counting by how likely it makes the outcomes (the posterior mean where every
    weight is as good before anything is seen; Hoeting and others 1999). Where much is known that is
    the weight of the least log loss; where little is known it stays near a half, and a few people
    more or less do not throw it from one part to the other.

    Parameters
    ----------
    trees, linear
        Shape ``(n,)``, raw scores of rows whose person neither part was fitted on.
    y_true
        Shape ``(n,)``, both classes present.
    person
        Shape ``(n,)``. Rows of one person tell much the same, so that all rows together count as
        many as there are people.

    Returns
    -------
    float
        From 0 (the linear part alone) to 1 (the trees alone), in twentieths. 1 where neither says
        anything: the trees are what the model is when in doubt.
    """
    if max(trees.std(), linear.std()) < _LEAST_SPREAD:
        return 1.0
    sign = np.where(y_true, -1.0, 1.0)
    weights = np.arange(_STEPS + 1) / _STEPS
    loss = np.empty(len(weights))
    for number, weight in enumerate(weights.tolist()):
        raw = mix(trees, linear, weight)
        loss[number] = np.logaddexp(0.0, sign * fit_calibration(raw, y_true).log_odds(raw)).mean()
    likely = np.exp(-len(np.unique(person)) * (loss - loss.min()))
    mean = float((weights * likely).sum() / likely.sum())
    return round(_STEPS * mean) / _STEPS
