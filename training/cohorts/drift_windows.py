"""The cases at the starts of short windows with their indicators, kept for all outcomes."""

from typing import Final

import numpy as np

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64, Int64
from features.engine.measurement import compile_plan, measure
from features.history.columns import History
from models.ranking.order import cohort_cases
from training.cohorts.history_subsets import keep_lifecycle

_MOST_CASES: Final = 20_000
"""Of larger cohorts a random part serves: its chance is far below what windows differ by."""


class WindowCases:
    """The catalogue's cohort at moments, or a random part of it, and what is measured of it.

    What was asked for once is kept: outcomes of one horizon ask about the same moments.

    Parameters
    ----------
    history, catalogue
        Case histories and what is measured of them.
    """

    def __init__(self, history: History, catalogue: Catalogue) -> None:
        self._history, self._catalogue = history, catalogue
        self._openings: History | None = None
        self._cases: dict[int, Int64] = {}
        self._values: dict[int, Float64] = {}

    def cases(self, start_us: int) -> Int64:
        """Return the cases at a moment, ascending, microseconds UTC."""
        if start_us not in self._cases:
            case = cohort_cases(self._source(), self._catalogue, start_us)
            if len(case) > _MOST_CASES:
                # Seeded by the moment, so that every outcome meets the same cases in whichever
                # order it asks.
                random = np.random.default_rng(start_us)
                case = np.sort(random.choice(case, _MOST_CASES, replace=False))
            self._cases[start_us] = case
        return self._cases[start_us]

    def values(self, start_us: int) -> Float64:
        """Return their indicators, shape ``(n_cases, n_columns)``."""
        if start_us not in self._values:
            plan = compile_plan(self._catalogue)
            found = measure(self._history, plan, start_us, self.cases(start_us))
            self._values[start_us] = found.values
        return self._values[start_us]

    def _source(self) -> History:
        """Return what is enough to tell the cohort."""
        if self._catalogue.cohort.expression is not None:
            return self._history
        if self._openings is None:
            self._openings = keep_lifecycle(self._history)
        return self._openings
