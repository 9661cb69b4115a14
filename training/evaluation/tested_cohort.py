"""A test cohort with what every figure of it needs, made once: groups of cases and resamples."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64
from features.history.columns import History
from models.bundle.baselines import signed_log
from training.cohorts.landmarks import group_cases
from training.cohorts.training_rows import Cohort
from training.config import TrainingConfig
from training.figures.resampling import PeopleDraws


@dataclass(frozen=True)
class TestedCohort:
    """The cases of one test origin.

    Parameters
    ----------
    cohort
        The cases with their indicators.
    groups
        Shape ``(n_rows,)``: newly referred, returned or waiting.
    draws
        Resamples of their people, which all figures share.
    """

    cohort: Cohort
    groups: npt.NDArray[np.str_]
    draws: PeopleDraws

    @cached_property
    def logged(self) -> Float64:
        """Logarithms of the indicators, which the logistic regressions of all outcomes take."""
        return signed_log(self.cohort.values)


def prepare_test(
    history: History, catalogue: Catalogue, cohort: Cohort, config: TrainingConfig
) -> TestedCohort:
    """Return a test cohort ready to be evaluated."""
    return TestedCohort(
        cohort=cohort,
        groups=group_cases(history, catalogue, cohort.landmarks),
        draws=PeopleDraws(cohort.landmarks.case, config.bootstrap_draws, config.seed),
    )
