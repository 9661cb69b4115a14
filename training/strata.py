"""Estimates held against what came, over all test origins: by period, area, group, management."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.catalogue import Catalogue
from features.history import History
from training.cohort_rows import areas_of
from training.cohorts import group_cases
from training.done import DoneOrigin
from training.listed import are_in_state
from training.management import ManagedComparison, compare_managed
from training.reliability import assess_calibration

MANAGED: Final = "managed"
"""State of the catalogue in which the unit has a case in hand."""


def compare_all_managed(
    history: History, catalogue: Catalogue, done: Sequence[DoneOrigin]
) -> dict[str, ManagedComparison]:
    """Hold managed cases against the others for each outcome, over all test origins together."""
    found = {}
    for outcome in catalogue.outcomes:
        parts = []
        for one in done:
            managed = are_in_state(history, catalogue, one.run.test.landmarks, MANAGED)
            evaluated = one.evaluated[outcome.name]
            probability, kept = evaluated.scores["model"].probability, evaluated.labels.known
            if managed is None or probability is None:
                continue
            parts.append((evaluated.labels.y_true[kept], probability[kept], managed[kept]))
        if parts:
            joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
            found[outcome.name] = compare_managed(*joined)
    return found


def describe_calibration(
    history: History, catalogue: Catalogue, done: Sequence[DoneOrigin]
) -> dict[str, list[dict[str, object]]]:
    """Return calibration of each modelled outcome by test origin, area and group of cases."""
    found: dict[str, list[dict[str, object]]] = {}
    for outcome in catalogue.outcomes:
        parts = [_calibrated_rows(history, catalogue, outcome.name, one) for one in done]
        known = [part for part in parts if part is not None and len(part.y_true)]
        if not known:
            continue
        joined = [
            np.concatenate(column) for column in zip(*(_columns(p) for p in known), strict=True)
        ]
        y_true, probability, person, period, area, group = joined
        strata = {"period": period, "area": area, "group": group}
        found[outcome.name] = [
            one.to_dict() for one in assess_calibration(y_true, probability, person, strata)
        ]
    return found


@dataclass(frozen=True)
class _CalibratedRows:
    y_true: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float64]
    person: npt.NDArray[np.int64]
    period: npt.NDArray[np.object_]
    area: npt.NDArray[np.object_]
    group: npt.NDArray[np.object_]


def _columns(rows: _CalibratedRows) -> tuple[npt.NDArray[Any], ...]:
    return (rows.y_true, rows.probability, rows.person, rows.period, rows.area, rows.group)


def _calibrated_rows(
    history: History, catalogue: Catalogue, outcome: str, one: DoneOrigin
) -> _CalibratedRows | None:
    evaluated, test = one.evaluated[outcome], one.run.test
    probability, kept = evaluated.scores["model"].probability, evaluated.labels.known
    if probability is None:
        return None
    return _CalibratedRows(
        y_true=evaluated.labels.y_true[kept],
        probability=probability[kept],
        person=test.landmarks.case[kept],
        period=np.full(int(kept.sum()), one.run.name, dtype=object),
        area=areas_of(history, test)[kept],
        group=group_cases(history, catalogue, test.landmarks).astype(object)[kept],
    )
