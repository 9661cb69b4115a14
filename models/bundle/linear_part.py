"""The second part of a model: a logistic regression on signed logarithms of the indicators.

It reads the same columns as the trees (:mod:`models.bundle.encoding`), so that both parts fill and
leave out the same. Each column adds one term to the log-odds, a multiple of
``sign(v) * log(1 + |v|)``: counts and days are long-tailed. Beyond what the training cases held a
value counts as the nearest of theirs; nothing is extrapolated.

An unknown value is not a value (promise 6), so it has a term of its own:

- where the catalogue gives no direction, an unknown takes the middle of the known values and the
  term that the training cases gave to unknowns, of either sign, as the trees place it by the data;
- where it gives one and no such event is on record, "never" takes the longest time that was known
  and a term of the sign that the direction asks for, so that a first event can only raise (or only
  lower) the score;
- where it gives one and a question is open, the encoding has put the riskier answer; there is no
  term, since silence must not lower a score (design section 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from scipy.special import log1p

from features.contract.arrays import Float64

_BLOCK: Final = 16_384
"""Rows whose terms are held at once."""


def signed_log(values: Float64) -> Float64:
    """Return ``sign(v) * log(1 + |v|)``.

    Parameters
    ----------
    values
        Any shape; NaN stays NaN.

    Returns
    -------
    Float64
        Same shape. SciPy's logarithm is the same to the last bit for one row and for many, which
        NumPy does not promise.
    """
    return np.asarray(np.sign(values) * log1p(np.abs(values)))


@dataclass(frozen=True)
class LinearPart:
    """Terms of a logistic regression, one or two for each column of the model matrix.

    Parameters
    ----------
    intercept
        Log-odds where every term is at its average among the training cases.
    low, high
        Shape ``(n_columns,)``, least and greatest value that the training cases held; a value
        outside counts as the nearer of the two (both inclusive).
    absent_from
        From this value on (inclusive) a value means "never"; infinity where none does.
    middle, scale
        What is taken off the logarithm, and what it is divided by; the scale is above 0.
    coefficient
        Log-odds per unit of the standardised logarithm.
    absent_coefficient
        Log-odds where the value is unknown, or means "never".
    absent_share
        Share of training cases where that was so: the term's average, which is taken off.
    """

    intercept: float
    low: Float64
    high: Float64
    absent_from: Float64
    middle: Float64
    scale: Float64
    coefficient: Float64
    absent_coefficient: Float64
    absent_share: Float64

    def terms(self, x: Float64) -> Float64:
        """Return each column's term less its average, shape of ``x``; log-odds.

        These are the Shapley values of an additive model: the term less its average over the
        training cases.

        Parameters
        ----------
        x
            Model matrix, shape ``(n_rows, n_columns)``; NaN is unknown.

        Returns
        -------
        Float64
            Of the shape of ``x``.
        """
        value, absent = self.design(x)
        return np.asarray(value * self.coefficient + absent * self.absent_coefficient)

    def design(self, x: Float64) -> tuple[Float64, Float64]:
        """Return what the coefficients multiply: standardised logarithms, and marks of unknowns.

        Parameters
        ----------
        x
            Model matrix, shape ``(n_rows, n_columns)``.

        Returns
        -------
        value, absent : Float64
            Of the shape of ``x``. An unknown value is at the middle, where it adds 0; a mark is 1
            less its share, or 0 less it.
        """
        unknown = np.isnan(x)
        logged = signed_log(np.clip(x, self.low, self.high))
        value = np.where(unknown, 0.0, (logged - self.middle) / self.scale)
        absent = (unknown | (x >= self.absent_from)).astype(np.float64) - self.absent_share
        return value, absent

    def log_odds(self, x: Float64) -> Float64:
        """Return the part's log-odds, shape ``(n_rows,)``, of a model matrix."""
        found = np.full(len(x), self.intercept)
        for at in range(0, len(x), _BLOCK):
            # One column after another: the sum of a row does not depend on the rows beside it.
            for term in self.terms(x[at : at + _BLOCK]).T:
                found[at : at + _BLOCK] += term
        return found

    def to_json(self) -> dict[str, float | list[float | None]]:
        """Return numbers and lists that :func:`read_linear_part` reads back exactly."""
        # JSON has no infinity; null is read back as "no value means never".
        never = [None if np.isinf(one) else one for one in self.absent_from.tolist()]
        lists = {name: getattr(self, name).tolist() for name in _list_columns()}
        return {"intercept": self.intercept, **lists, "absent_from": never}


def _list_columns() -> tuple[str, ...]:
    return tuple(field.name for field in fields(LinearPart) if field.name != "intercept")


def read_linear_part(entry: Mapping[str, Any], n_columns: int) -> LinearPart:
    """Read what :meth:`LinearPart.to_json` wrote.

    Parameters
    ----------
    entry
        The parsed JSON.
    n_columns
        Columns of the model.

    Returns
    -------
    LinearPart
        With one number of each kind for every column.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a list is absent, of another length, or holds what is no finite number.
    """
    never = [float("inf") if one is None else one for one in entry["absent_from"]]
    columns = {
        name: np.array(never if name == "absent_from" else entry[name], dtype=np.float64)
        for name in _list_columns()
    }
    part = LinearPart(intercept=float(entry["intercept"]), **columns)
    finite = [one for name, one in columns.items() if name != "absent_from"]
    if any(one.shape != (n_columns,) for one in columns.values()):
        raise ValueError("a linear part has one number of each kind for every column")
    if not (np.isfinite(part.intercept) and all(np.isfinite(one).all() for one in finite)):
        raise ValueError("the numbers of a linear part are finite")
    if not ((part.scale > 0).all() and (part.low <= part.high).all()):
        raise ValueError("a linear part's scales are above zero, and its ranges ascend")
    return part
