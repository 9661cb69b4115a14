"""An indicator matrix in LightGBM's bins, made once where several outcomes learn from it."""

from typing import Final

import lightgbm
import numpy as np
import numpy.typing as npt

from features.contract.arrays import Float64
from models.bundle.encoding import Encoding
from training.cohorts.outcome_rows import TrainingRows

BoostingParameters = dict[str, float | str | list[int]]
"""LightGBM's parameters by name; those that name no number are words, truths or constraints."""
MOST_APART: Final = 0.05
"""Share of the matrix that an outcome may leave out and still share the bins of all of it."""


class SharedBins:
    """Bins of a matrix from which each outcome takes its rows.

    Edges of bins come from all rows, those included that an outcome leaves out or holds out: they
    are quantiles of indicators and hold nothing of any outcome.

    Parameters
    ----------
    whole
        Shape ``(n, n_columns)``, the indicator matrix.
    encoding, parameters
        As the models are fitted with.
    """

    def __init__(self, whole: Float64, encoding: Encoding, parameters: BoostingParameters) -> None:
        everyone = np.zeros(len(whole), dtype=np.bool_)
        rows = TrainingRows(whole, everyone, np.arange(len(whole), dtype=np.int64))
        self.whole = whole
        self._bins = lightgbm.Dataset(
            rows.encode(encoding),
            # Only to fill the place: each outcome sets the labels of its own rows.
            label=everyone.astype(np.float64),
            feature_name=list(encoding.columns),
            params=dict(parameters),
        ).construct()

    def fits(self, rows: TrainingRows) -> bool:
        """Whether rows are nearly all of this matrix."""
        return rows.whole is self.whole and len(rows.y_true) >= (1 - MOST_APART) * len(self.whole)

    def take(
        self, rows: TrainingRows, chosen: npt.NDArray[np.intp], weight: Float64
    ) -> lightgbm.Dataset:
        """Return the binned rows with their labels and weights; ``chosen`` ascends.

        Parameters
        ----------
        weight
            Shape ``(n_rows,)``, of all of ``rows``.
        """
        part = self._bins.subset(rows.find(chosen).tolist()).construct()
        part.set_weight(weight[chosen])
        return part.set_label(rows.y_true[chosen].astype(np.float64))
