"""Exact shares of the served log-odds, by indicator and by family (design section 7)."""

from dataclasses import dataclass

import numpy as np

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.encoding import Encoding


@dataclass(frozen=True)
class Contributions:
    """Exact contributions to the served log-odds by indicator.

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

    A fact's answer and whether it was asked are one indicator; their contributions are added.

    Parameters
    ----------
    model
        One outcome's model.
    encoding
        How indicators become the model's columns.
    values
        Indicator matrix, shape ``(n_rows, n_columns)``.

    Returns
    -------
    Contributions
        In log-odds; with the base they add up to the served log-odds.
    """
    shares, base = model.contributions(encoding.encode(values))
    return Contributions(gather(encoding, shares), base)


def gather(encoding: Encoding, shares: Float64) -> Float64:
    """Return contributions of columns as those of indicators, ``(n_rows, n_indicators)``.

    Parameters
    ----------
    encoding
        Which indicator each column of the model is of.
    shares
        Shape ``(n_rows, n_columns)``, log-odds.

    Returns
    -------
    Float64
        Log-odds.
    """
    n_indicators = int(encoding.indicator.max()) + 1
    by_indicator = np.zeros((n_indicators, len(shares)))
    # One column after another, as the sum of two depends on nothing else.
    np.add.at(by_indicator, encoding.indicator, shares.T)
    return np.asarray(by_indicator.T)
