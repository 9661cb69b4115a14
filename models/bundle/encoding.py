"""From indicators to the columns a model sees.

Monotone constraints hold only where the catalogue gives a direction. There, a missing value must
not be pushed below an answered one merely because it is missing (design section 5), and no score
may fall because something was recorded. So in constrained columns:

- an unanswered question counts as the answer that the sources call the riskier one, and whether it
  was asked is not shown to the model: asking can lower a score or leave it, silence cannot;
- "no such event" counts as a century ago, so that a first event can only shorten it;
- a severity that nobody recorded, and views that nobody took, count as nothing.

Columns without a direction keep their missing values, which LightGBM places by the data.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import NEVER_DAYS, Catalogue, Direction, Indicator, Measure
from features.contract.arrays import Float64, Int32


@dataclass(frozen=True)
class Encoding:
    """How an indicator matrix becomes a model matrix.

    Parameters
    ----------
    columns
        Names of the model's columns, a subset of the catalogue's.
    source
        Position of each in the indicator matrix.
    indicator
        Position of each one's indicator in ``catalogue.indicators``: a fact has two columns.
    constraint
        1 raises, -1 lowers, 0 open.
    fill
        What a missing value counts as; NaN keeps it missing.
    left_out
        Numbers of indicators that a fit must not rest on: their columns hold 0 in every row, so
        that neither part of a model learns anything of them. Empty where a model is applied: what
        it does not rest on adds exactly 0 whatever is there.
    """

    columns: tuple[str, ...]
    source: Int32
    indicator: Int32
    constraint: Int32
    fill: Float64
    left_out: tuple[int, ...] = ()

    def encode(self, values: Float64) -> Float64:
        """Return the model matrix, shape ``(n_rows, len(columns))``, of an indicator matrix."""
        chosen = values[:, self.source]
        found = np.where(np.isnan(chosen), self.fill, chosen)
        if self.left_out:
            found[:, self.is_left_out] = 0.0
        return found

    @property
    def is_left_out(self) -> npt.NDArray[np.bool_]:
        """Shape ``(n_columns,)``: whether a column is left blank."""
        return np.isin(self.indicator, self.left_out)

    def leave_out(self, indicators: npt.ArrayLike) -> "Encoding":
        """Return the encoding with the columns of some indicators, by their numbers, left blank.

        The columns keep their places: a model that is fitted so is applied, explained and kept as
        any other is.
        """
        return replace(self, left_out=tuple(np.unique(np.asarray(indicators, dtype=int)).tolist()))

    def without(self, indicators: Int32) -> "Encoding":
        """Return the encoding without the columns of some indicators, by their numbers."""
        kept = np.flatnonzero(~np.isin(self.indicator, indicators))
        return Encoding(
            columns=tuple(self.columns[number] for number in kept),
            source=self.source[kept],
            indicator=self.indicator[kept],
            constraint=self.constraint[kept],
            fill=self.fill[kept],
        )


def make_encoding(catalogue: Catalogue) -> Encoding:
    """Derive the encoding from a catalogue's measures and directions."""
    columns = catalogue.columns
    rows = []
    for number, indicator in enumerate(catalogue.indicators):
        constrained = indicator.direction is not Direction.OPEN
        for name in indicator.columns[:1] if constrained else indicator.columns:
            rows.append((name, number, _constraint(indicator), _fill(indicator)))
    return Encoding(
        columns=tuple(row[0] for row in rows),
        source=np.array([columns.index(row[0]) for row in rows], dtype=np.int32),
        indicator=np.array([row[1] for row in rows], dtype=np.int32),
        constraint=np.array([row[2] for row in rows], dtype=np.int32),
        fill=np.array([row[3] for row in rows], dtype=np.float64),
    )


def _constraint(indicator: Indicator) -> int:
    return {Direction.RAISES: 1, Direction.LOWERS: -1, Direction.OPEN: 0}[indicator.direction]


def _fill(indicator: Indicator) -> float:
    if indicator.direction is Direction.OPEN:
        return float("nan")
    measure = indicator.expression.measure
    if measure in (Measure.DAYS_SINCE_LAST, Measure.DAYS_SINCE_FIRST):
        return NEVER_DAYS
    if measure is Measure.LAST_FACT:
        return 1.0 if indicator.direction is Direction.RAISES else 0.0
    return 0.0
