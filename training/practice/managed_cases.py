"""Cases that the unit had taken on, held against the others: whether they look safer than they are.

Managed cases look safe because they are managed. Where the unit's work prevents harm, their
recorded outcomes fall below what their histories would lead to, and a model of past practice learns
to rank such histories lower, also for cases that nobody manages.
"""

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.contract.arrays import Float64, Int64
from models.run_figures.fitting import ManagedFigures

Bools = npt.NDArray[np.bool_]
LEAST_EXPECTED: Final = 10.0
"""Expected outcomes on either side below which nothing is said."""
_Z_95: Final = 1.959964


@dataclass(frozen=True)
class ManagedComparison:
    """Observed and expected outcomes of managed cases and of the others.

    Parameters
    ----------
    n_managed, n_others
        Cases.
    managed_ratio, others_ratio
        Outcomes observed over those expected from the model; ``None`` where too few are expected.
    relative
        The first over the second: below 1, managed cases had fewer outcomes than others with the
        same estimates.
    low, high
        Its 95 % interval, on the log scale, clustered by person.
    """

    n_managed: int
    n_others: int
    managed_ratio: float | None
    others_ratio: float | None
    relative: float | None
    low: float | None
    high: float | None

    @property
    def looks_safer(self) -> bool:
        """Whether managed cases had fewer outcomes than others with the same estimates."""
        return self.high is not None and self.high < 1.0

    @property
    def figures(self) -> ManagedFigures:
        """The comparison as ``metrics.json`` holds it."""
        return ManagedFigures(**asdict(self), words=self.describe())

    def describe(self) -> str:
        """Say what was found."""
        if self.relative is None:
            return "too few managed cases to tell whether they look safer than they are"
        figures = f"{self.relative:.2f} times [{self.low:.2f}, {self.high:.2f}]"
        said = f"managed cases had {figures} the outcomes of others with the same estimates"
        if self.looks_safer:
            return (
                f"{said}: fewer than their histories would lead to. They may be safer because they "
                "are managed; a case like theirs that nobody takes on may be estimated too low"
            )
        return (
            f"{said}. Cases are taken on for what no record holds as well, so this shows neither "
            "that the unit's work hides risk nor that it hides none"
        )


def compare_managed(
    y_true: Bools, probability: Float64, managed: Bools, person: Int64
) -> ManagedComparison:
    """Compare cases that were managed at the moment of the estimate with the others.

    Parameters
    ----------
    y_true, probability, managed, person
        Shape ``(n,)``; a person may stand in several rows, at several moments. The probabilities
        are those of a model that was not told who is managed and had not seen the row.

    Notes
    -----
    With ``O`` observed, ``E`` expected and ``R = O / E`` in each group, the variance of
    ``log(R_managed / R_others)`` is the sum over people of the squared difference between their
    ``(o - R e) / O`` in the two groups (a linearised, clustered estimate).
    """
    _, place = np.unique(person, return_inverse=True)
    sizes = int(managed.sum()), int((~managed).sum())
    ratios, influence = [], np.zeros(int(place.max(initial=-1)) + 1)
    for group, sign in ((managed, 1.0), (~managed, -1.0)):
        observed, expected = float(y_true[group].sum()), float(probability[group].sum())
        if expected < LEAST_EXPECTED or not observed:
            return ManagedComparison(*sizes, None, None, None, None, None)
        ratios.append(observed / expected)
        own = (y_true - ratios[-1] * probability) * group / observed
        influence += sign * np.bincount(place, weights=own, minlength=len(influence))
    relative = ratios[0] / ratios[1]
    spread = float(np.sqrt((influence**2).sum()))
    return ManagedComparison(
        *sizes,
        managed_ratio=ratios[0],
        others_ratio=ratios[1],
        relative=relative,
        low=relative * float(np.exp(-_Z_95 * spread)),
        high=relative * float(np.exp(_Z_95 * spread)),
    )
