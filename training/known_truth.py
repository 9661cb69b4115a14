"""What was likely in a synthetic unit, as the report on such a unit reads it.

Only :mod:`synthetic.simulator.truth` can make one. Nothing that is fitted may read it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """What was likely at a moment; matrices have shape ``(n_cases, n_outcomes)``.

    Parameters
    ----------
    case
        Numbers of the cases known to the unit and still followed at ``as_of``, ascending; the case
        ``n`` has the identifier ``SYN-C`` and ``n + 1`` in seven digits.
    as_of_us
        Start of the window, microseconds UTC, inclusive.
    outcomes
        Names of the outcomes, in the order of the columns.
    probability
        That the outcome is recorded, as a label counts it, within 90 days under past practice.
    untreated
        The same if from ``as_of`` on the unit managed no case.
    happens
        That it happens under past practice, recorded or not.
    standard_error
        Monte-Carlo standard error of ``probability``.
    managed
        Shape ``(n_cases,)``: the unit manages the case at ``as_of``.
    runs
        How often each future was drawn.
    """

    case: Ints
    as_of_us: int
    outcomes: tuple[str, ...]
    probability: Floats
    untreated: Floats
    happens: Floats
    standard_error: Floats
    managed: Bools
    runs: int

    def column(self, outcome: str) -> int:
        """Return the column of an outcome."""
        return self.outcomes.index(outcome)

    def take(self, chosen: Ints | Bools) -> "Truth":
        """Return the truth of some of the cases, by position or by mask."""
        return Truth(
            self.case[chosen],
            self.as_of_us,
            self.outcomes,
            self.probability[chosen],
            self.untreated[chosen],
            self.happens[chosen],
            self.standard_error[chosen],
            self.managed[chosen],
            self.runs,
        )
