"""A fitted model of one outcome: raw scores and exact contributions.

It is LightGBM's trees, in LightGBM's own text format, or the average in log-odds of those trees and
a linear part (:mod:`models.bundle.linear_part`). Both are sums over columns, so that their average
is one too. No pickle is read (promise 11).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from features.contract.arrays import Float64
from features.errors import ArtefactError
from models.bundle.calibration import Calibration
from models.bundle.intervals import VennAbers
from models.bundle.linear_part import LinearPart

if TYPE_CHECKING:
    import lightgbm

_FEW_ROWS: Final = 2_000


@dataclass(frozen=True)
class OutcomeModel:
    """One outcome's model with its calibration.

    Parameters
    ----------
    outcome
        Name in the catalogue.
    text
        LightGBM's text format.
    calibration
        Line from raw scores to log-odds.
    average
        Share of training cases with the outcome: the average that a probability is shown beside.
    columns
        Names of the model's columns.
    venn_abers
        Doubt about the average of cases with such a score; ``None`` where none was fitted.
    linear
        The second part; ``None`` where the trees stand alone.
    weight
        The trees' weight in the average, 0 to 1; the linear part has the rest. 1 where there is
        none.
    """

    outcome: str
    text: str
    calibration: Calibration
    average: float
    columns: tuple[str, ...]
    venn_abers: VennAbers | None = None
    linear: LinearPart | None = None
    weight: float = 1.0

    @cached_property
    def booster(self) -> "lightgbm.Booster":
        """The parsed model.

        Raises
        ------
        ArtefactError
            If the text is not in LightGBM's format, or names other columns than the catalogue.
        """
        import lightgbm

        try:
            booster = lightgbm.Booster(model_str=self.text)
        except lightgbm.basic.LightGBMError:
            raise ArtefactError(
                "a model file is not in LightGBM's text format; train the bundle again"
            ) from None
        if tuple(booster.feature_name()) != self.columns:
            raise ArtefactError("a model and its catalogue name other columns; train it again")
        return booster

    def raw(self, x: Float64) -> Float64:
        """Return raw scores, shape ``(n_rows,)``, of a model matrix: the average of both parts."""
        trees = np.asarray(self.booster.predict(x, raw_score=True, num_threads=_threads(x)))
        if self.linear is None:
            return trees
        return mix(trees, self.linear.log_odds(x), self.weight)

    def log_odds(self, x: Float64) -> Float64:
        """Return served log-odds, shape ``(n_rows,)``."""
        return self.calibration.log_odds(self.raw(x))

    def probability(self, x: Float64) -> Float64:
        """Return served probabilities, shape ``(n_rows,)``."""
        return self.calibration.probability(self.raw(x))

    def interval(self, log_odds: Float64) -> tuple[Float64, Float64] | None:
        """Return the doubt about the average at served log-odds; ``None`` where none was fitted.

        The calibration is a straight line and the interval two step functions; among many cases
        they differ by more than the interval is wide. That difference is doubt about the average
        as well, so the interval is widened to hold the served probability.

        Returns
        -------
        lower, upper
            Probabilities of the same shape.
        """
        if self.venn_abers is None:
            return None
        raw = (log_odds - self.calibration.intercept) / self.calibration.slope
        lower, upper = self.venn_abers.interval(np.asarray(raw))
        served = expit(log_odds)
        return np.minimum(lower, served), np.maximum(upper, served)

    def shifted(self, by: float) -> "OutcomeModel":
        """Return the model with its log-odds, and its interval, moved by ``by``.

        Contributions stay as they are: the shift is part of the base value. ``average`` stays what
        it is, the share among training cases.
        """
        line = replace(self.calibration, intercept=self.calibration.intercept + by)
        doubt = None if self.venn_abers is None else self.venn_abers.shifted(by)
        return replace(self, calibration=line, venn_abers=doubt)

    def contributions(self, x: Float64) -> tuple[Float64, float]:
        """Return each column's exact share of the served log-odds, and the base value.

        Shapley values of the trees (Lundberg and others 2020) and terms of the linear part, each
        times its weight, scaled by the calibration's slope; for every row they add up with the base
        to the log-odds, to 1e-9.

        Returns
        -------
        contributions
            Shape ``(n_rows, n_columns)``.
        base
            The log-odds before any column is considered.
        """
        values = np.asarray(
            self.booster.predict(x, pred_contrib=True, num_threads=_threads(x)), dtype=np.float64
        )
        trees = values[:, :-1]
        if self.linear is None:
            return self.calibration.slope * trees, self.base_log_odds
        both = mix(trees, self.linear.terms(x), self.weight)
        return self.calibration.slope * both, self.base_log_odds

    @cached_property
    def thresholds(self) -> Mapping[str, Float64]:
        """Where the trees split each column, ascending; a value equal to one goes with the lower.

        Between two neighbours nothing that the column holds changes what the trees say; what the
        linear part says changes in one direction.
        """
        columns = _numbers(self.text, "split_feature").astype(np.int64)
        splits = _numbers(self.text, "threshold")
        return {self.columns[n]: np.unique(splits[columns == n]) for n in np.unique(columns)}

    @cached_property
    def base_log_odds(self) -> float:
        """The log-odds before any column is considered: each part's expected value, calibrated."""
        # Any row will do: the expected value is the same for all.
        row = np.zeros((1, len(self.columns)))
        expected = float(np.asarray(self.booster.predict(row, pred_contrib=True))[0, -1])
        if self.linear is not None:
            expected = self.weight * expected + (1.0 - self.weight) * self.linear.intercept
        return self.calibration.intercept + self.calibration.slope * expected


def mix(trees: Float64, linear: Float64, weight: float) -> Float64:
    """Return the average of both parts' log-odds, or of their contributions.

    Parameters
    ----------
    trees, linear
        Of one shape.
    weight
        The trees' weight, 0 to 1.

    Returns
    -------
    Float64
        Of that shape.
    """
    return weight * trees + (1.0 - weight) * linear


def _numbers(text: str, name: str) -> Float64:
    """Return the numbers of all lines of a model's text that begin with a name."""
    lines = [line.split("=", 1)[1] for line in text.splitlines() if line.startswith(f"{name}=")]
    return np.array(" ".join(lines).split(), dtype=np.float64)


def _threads(x: Float64) -> int:
    """One thread for a few rows, where starting more costs more than it saves."""
    # 0 leaves the number to LightGBM, which takes all processors.
    return 1 if len(x) < _FEW_ROWS else 0
