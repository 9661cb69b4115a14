"""A test cohort with what every figure of it needs, made once: groups of cases and resamples."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import Catalogue
from features.history.columns import History
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


def prepare_test(
    history: History, catalogue: Catalogue, cohort: Cohort, config: TrainingConfig
) -> TestedCohort:
    """Return a test cohort ready to be evaluated."""
    return TestedCohort(
        cohort=cohort,
        groups=group_cases(history, catalogue, cohort.landmarks),
        draws=PeopleDraws(cohort.landmarks.case, config.bootstrap_draws, config.seed),
    )
