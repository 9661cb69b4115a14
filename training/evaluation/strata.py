"""Estimates held against what came, over all test origins: by period, area, group and file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import Catalogue
from features.history.columns import History
from models.bundle.familiarity import Familiarity
from models.run_figures.ranking import Reliability
from training.cohorts.landmarks import Landmarks
from training.cohorts.training_rows import areas_of
from training.evaluation.evaluated_origin import EvaluatedOrigin
from training.evaluation.file_strata import name_files
from training.evaluation.screening_list import are_in_state
from training.figures.calibration import assess_calibration
from training.fitting.fitted_outcome import FittedOutcome
from training.practice.managed_cases import ManagedComparison, compare_managed

MANAGED: Final = "managed"
"""State of the catalogue in which the unit has a case in hand."""


def compare_all_managed(
    history: History, catalogue: Catalogue, done: Sequence[EvaluatedOrigin]
) -> dict[str, ManagedComparison]:
    """Hold managed cases against the others, for each outcome that has a model.

    Rows are those of every test origin, and the last origin's training rows as their fold's model,
    which had not seen them, estimated them.
    """
    if MANAGED not in catalogue.states:
        return {}
    found = {}
    for outcome in catalogue.outcomes:
        parts = [_tested_rows(outcome.name, one) for one in done]
        last = next(one for one in done[-1].fitted if one.outcome.name == outcome.name)
        parts.append(_unseen_rows(last))
        known = [part for part in parts if part is not None]
        if not known:
            continue
        y_true, probability, case, as_of_us = (
            np.concatenate(column) for column in zip(*known, strict=True)
        )
        managed = are_in_state(history, catalogue, Landmarks(case, as_of_us), MANAGED)
        if managed is not None:
            found[outcome.name] = compare_managed(y_true, probability, managed, case)
    return found


_EstimatedRows = tuple[
    npt.NDArray[np.bool_], npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]
]


def _tested_rows(outcome: str, one: EvaluatedOrigin) -> _EstimatedRows | None:
    evaluated, marks = one.evaluated[outcome], one.run.test.landmarks
    probability, kept = evaluated.scores["model"].probability, evaluated.labels.known
    if probability is None:
        return None
    return evaluated.labels.y_true[kept], probability[kept], marks.case[kept], marks.as_of_us[kept]


def _unseen_rows(fitted: FittedOutcome) -> _EstimatedRows | None:
    boosted, rows = fitted.boosted, fitted.rows
    if boosted is None or rows.as_of_us is None:
        return None
    probability = boosted.model.calibration.probability(boosted.raw)
    chosen = boosted.rows
    return rows.y_true[chosen], probability, rows.person[chosen], rows.as_of_us[chosen]


def describe_calibration(
    history: History,
    catalogue: Catalogue,
    done: Sequence[EvaluatedOrigin],
    familiarity: Familiarity | None,
) -> dict[str, tuple[Reliability, ...]]:
    """Return calibration of each modelled outcome by test origin, area, group of cases and file.

    Parameters
    ----------
    history, catalogue, done
        The tested cases and what came of them.
    familiarity
        By which files are thin or strange; without it no such part is told.
    """
    found = {}
    files = [
        {} if familiarity is None else name_files(history, one.run.test, familiarity)
        for one in done
    ]
    for outcome in catalogue.outcomes:
        parts = [
            _calibrated_rows(history, catalogue, outcome.name, one, of)
            for one, of in zip(done, files, strict=True)
        ]
        known = [part for part in parts if part is not None and len(part.y_true)]
        if not known:
            continue
        joined = [
            np.concatenate(column) for column in zip(*(_columns(p) for p in known), strict=True)
        ]
        y_true, probability, person = joined
        strata = {
            name: np.concatenate([one.strata[name] for one in known]) for name in known[0].strata
        }
        found[outcome.name] = assess_calibration(y_true, probability, person, strata)
    return found


@dataclass(frozen=True)
class _CalibratedRows:
    y_true: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float64]
    person: npt.NDArray[np.int64]
    strata: Mapping[str, npt.NDArray[np.object_]]


def _columns(rows: _CalibratedRows) -> tuple[npt.NDArray[Any], ...]:
    return (rows.y_true, rows.probability, rows.person)


def _calibrated_rows(
    history: History,
    catalogue: Catalogue,
    outcome: str,
    one: EvaluatedOrigin,
    files: Mapping[str, npt.NDArray[np.object_]],
) -> _CalibratedRows | None:
    evaluated, test = one.evaluated[outcome], one.run.test
    probability, kept = evaluated.scores["model"].probability, evaluated.labels.known
    if probability is None:
        return None
    return _CalibratedRows(
        y_true=evaluated.labels.y_true[kept],
        probability=probability[kept],
        person=test.landmarks.case[kept],
        strata={
            "period": np.full(int(kept.sum()), one.run.name, dtype=object),
            "area": areas_of(history, test)[kept],
            "group": one.tested.groups.astype(object)[kept],
            **{name: of[kept] for name, of in files.items()},
        },
    )
