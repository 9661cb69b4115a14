"""An outcome's model fitted again on people drawn anew: whether reasons hold is asked of these.

They are kept beside the model and score nothing. Their contributions are needed for sign and place
alone, so that they carry no calibration: its slope is above zero and changes neither. What they say
of the uncertainty of estimates is kept beside them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from features.contract.arrays import Float64
from features.errors import ArtefactError
from models.bundle.boosted_trees import mix
from models.bundle.linear_part import LinearPart, read_linear_part
from models.bundle.sampling_uncertainty import SamplingUncertainty, read_sampling_uncertainty

if TYPE_CHECKING:
    import lightgbm


@dataclass(frozen=True)
class Refit:
    """One fit on a bootstrap sample of people.

    Parameters
    ----------
    text
        Trees in LightGBM's text format.
    linear
        The linear part; ``None`` where the model has none.
    """

    text: str
    linear: LinearPart | None = None

    @cached_property
    def booster(self) -> "lightgbm.Booster":
        """The parsed trees.

        Raises
        ------
        ArtefactError
            If the text is not in LightGBM's format.
        """
        import lightgbm

        try:
            return lightgbm.Booster(model_str=self.text)
        except lightgbm.basic.LightGBMError:
            raise ArtefactError(
                "a refit of the bundle is not in LightGBM's text format; train the bundle again"
            ) from None

    def raw(self, x: Float64, weight: float) -> Float64:
        """Return raw scores, shape ``(n_rows,)``, of a model matrix.

        Parameters
        ----------
        x
            Shape ``(n_rows, n_columns)``.
        weight
            The trees' weight beside the linear part.

        Returns
        -------
        Float64
            Log-odds before calibration.
        """
        trees = np.asarray(self.booster.predict(x, raw_score=True, num_threads=1))
        return trees if self.linear is None else mix(trees, self.linear.log_odds(x), weight)


class RefitText(TypedDict):
    """What a bundle's folder keeps of :class:`Refit`."""

    trees: str
    linear: dict[str, float | list[float | None]] | None


class RefitsText(TypedDict):
    """What a bundle's folder keeps of :class:`OutcomeRefits`."""

    weight_of_trees: float
    uninformative: list[str]
    refits: list[RefitText]
    uncertainty: dict[str, list[float]] | None


@dataclass(frozen=True)
class OutcomeRefits:
    """The refits of one outcome, and what its run could not tell from noise.

    Parameters
    ----------
    refits
        In the order in which they were drawn.
    weight
        The trees' weight beside the linear part, as in the model.
    uninformative
        Names of indicators that the run could not tell from noise.
    uncertainty
        What the refits say of the uncertainty of estimates; ``None`` where it was not measured, and
        no interval is shown.
    """

    refits: tuple[Refit, ...]
    weight: float
    uninformative: tuple[str, ...] = ()
    uncertainty: SamplingUncertainty | None = None

    def contributions(self, x: Float64) -> Iterator[Float64]:
        """Yield each refit's contributions of columns, ``(n_rows, n_columns)``, not calibrated.

        Parameters
        ----------
        x
            Model matrix, shape ``(n_rows, n_columns)``.

        Yields
        ------
        Float64
            Log-odds up to a factor above 0.
        """
        for one in self.refits:
            values = np.asarray(one.booster.predict(x, pred_contrib=True, num_threads=1))
            trees = np.asarray(values[:, :-1], dtype=np.float64)
            yield trees if one.linear is None else mix(trees, one.linear.terms(x), self.weight)

    def to_json(self) -> RefitsText:
        """Return what :func:`read_theme_refits` reads back exactly."""
        return {
            "weight_of_trees": self.weight,
            "uninformative": list(self.uninformative),
            "refits": [
                {
                    "trees": one.text,
                    "linear": None if one.linear is None else one.linear.to_json(),
                }
                for one in self.refits
            ],
            "uncertainty": None if self.uncertainty is None else self.uncertainty.to_json(),
        }


def read_theme_refits(entry: Mapping[str, Any], columns: Sequence[str]) -> OutcomeRefits:
    """Read what :meth:`OutcomeRefits.to_json` wrote.

    Parameters
    ----------
    entry
        The parsed JSON.
    columns
        Of the model.

    Returns
    -------
    OutcomeRefits

    Raises
    ------
    KeyError, TypeError, ValueError
        If a part is absent, or does not fit the model's columns.
    """
    weight = float(entry["weight_of_trees"])
    if not (math.isfinite(weight) and 0.0 <= weight <= 1.0):
        raise ValueError("a weight lies between 0 and 1")
    named = f"\nfeature_names={' '.join(columns)}\n"
    refits = []
    for one in entry["refits"]:
        text = str(one["trees"])
        if named not in text:
            raise ValueError("a refit is of other columns")
        linear = None if one["linear"] is None else read_linear_part(one["linear"], len(columns))
        refits.append(Refit(text, linear))
    # Bundles of before have no such key.
    uncertainty = entry.get("uncertainty")
    return OutcomeRefits(
        tuple(refits),
        weight,
        tuple(str(one) for one in entry["uninformative"]),
        None if uncertainty is None else read_sampling_uncertainty(uncertainty),
    )
