"""One origin of a run when its work is done."""

from collections.abc import Mapping
from dataclasses import dataclass

from training.evaluation import EvaluatedOutcome
from training.fitting import FittedOutcome
from training.runs import OriginRun
from training.tested import TestedCohort


@dataclass(frozen=True)
class DoneOrigin:
    """One origin with what was fitted there and what came of it."""

    run: OriginRun
    tested: TestedCohort
    fitted: tuple[FittedOutcome, ...]
    evaluated: Mapping[str, EvaluatedOutcome]
