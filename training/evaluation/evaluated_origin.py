"""One origin of a run when its work is done."""

from collections.abc import Mapping
from dataclasses import dataclass

from training.cohorts.origins import OriginRun
from training.evaluation.outcome import EvaluatedOutcome
from training.evaluation.tested_cohort import TestedCohort
from training.fitting.fitted_outcome import FittedOutcome


@dataclass(frozen=True)
class EvaluatedOrigin:
    """One origin with what was fitted there and what came of it."""

    run: OriginRun
    tested: TestedCohort
    fitted: tuple[FittedOutcome, ...]
    evaluated: Mapping[str, EvaluatedOutcome]
