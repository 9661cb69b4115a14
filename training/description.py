"""Everything that is told of a run, in plain values: what ``metrics.json`` and the report hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.catalogue import Catalogue
from features.engine import ENGINE_VERSION
from features.history import History
from features.moments import format_moment
from models.bundle import Bundle
from training.cohort_rows import areas_of
from training.cohorts import group_cases
from training.config import TrainingConfig
from training.evaluation import EvaluatedOutcome
from training.findings import RETROSPECTIVE, Finding, conclude_outcomes, sort_findings
from training.fitting import FittedOutcome
from training.headlines import sort_headlines
from training.listed import are_in_state, describe_list, order_list
from training.management import ManagedComparison, compare_managed
from training.request import RunOptions
from training.runs import OriginRun

MANAGED = "managed"
"""State of the catalogue in which the unit has a case in hand."""


@dataclass(frozen=True)
class DoneOrigin:
    """One origin with what was fitted there and what came of it."""

    run: OriginRun
    fitted: tuple[FittedOutcome, ...]
    evaluated: Mapping[str, EvaluatedOutcome]


@dataclass(frozen=True)
class Description:
    """What is told of a run.

    Parameters
    ----------
    headlines
        What is said first, warnings first.
    findings
        What was concluded, warnings first.
    figures
        Everything in plain values, the former included.
    """

    headlines: tuple[str, ...]
    findings: tuple[Finding, ...]
    figures: Mapping[str, object]


def describe_run(
    history: History,
    bundle: Bundle,
    done: Sequence[DoneOrigin],
    capacity: int,
    config: TrainingConfig,
    options: RunOptions,
) -> Description:
    """Return everything that is told of a run.

    Parameters
    ----------
    bundle
        The last origin's, as it is served.
    done
        Every origin, in order of time.
    """
    catalogue, last = bundle.catalogue, done[-1]
    listed = order_list(history, bundle, last.run.test, last.evaluated)
    managed = compare_all_managed(history, catalogue, done)
    findings = conclude_outcomes(last.fitted, last.evaluated, managed)
    if options.retrospective:
        findings.append(Finding(RETROSPECTIVE, "run", _RETROSPECTIVE))
    headlines = [
        f"{name} at {one.run.name}: {found.headline}"
        for one in done
        for name, found in one.evaluated.items()
    ]
    said = tuple(sort_headlines(headlines))
    concluded = tuple(sort_findings(findings))
    figures: dict[str, object] = {
        "headlines": list(said),
        "findings": [one.to_dict() for one in concluded],
        "bundle_id": bundle.id,
        "trained_for": last.run.name,
        "capacity": capacity,
        "estimated": catalogue.wording["estimate"],
        "advisory": catalogue.wording["advisory"],
        "run": _describe(history, bundle, done, config, options),
        "training": {one.outcome.name: one.to_dict() for one in last.fitted},
        "outcomes": {
            outcome.name: {one.run.name: one.evaluated[outcome.name].figures for one in done}
            for outcome in catalogue.outcomes
        },
        "list": describe_list(history, catalogue, listed, last.evaluated, capacity, config),
        "managed": {name: one.to_dict() for name, one in managed.items()},
        "cannot_say": list(_CANNOT_SAY),
    }
    return Description(said, concluded, figures)


_RETROSPECTIVE = (
    "RETROSPECTIVE: labels of the training rows were read at the extract, later than the moments "
    "of the test rows. A model in use cannot learn so; nothing of this run may be used"
)


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


def _describe(
    history: History,
    bundle: Bundle,
    done: Sequence[DoneOrigin],
    config: TrainingConfig,
    options: RunOptions,
) -> dict[str, object]:
    return {
        "catalogue": bundle.catalogue.name,
        "catalogue_digest": bundle.catalogue.digest,
        "engine_version": ENGINE_VERSION,
        "extract_at": format_moment(history.extract_at, history.time_zone),
        "n_cases": len(history),
        "n_events": len(history.events),
        "origins": [
            {
                "name": one.run.name,
                "trained_on": [cohort.name for cohort in one.run.train],
                "n_test": len(one.run.test),
            }
            for one in done
        ],
        "held_out_area": options.hold_out_area,
        "across_breaks": options.across_breaks,
        "retrospective": options.retrospective,
        "config": {**config.to_dict(), "primary_audit": [list(p) for p in config.primary_audit]},
    }


def strata_of(
    history: History, catalogue: Catalogue, one: DoneOrigin
) -> dict[str, npt.NDArray[np.object_]]:
    """Return what calibration is looked at by: area, and how the case came to be looked at."""
    return {
        "area": areas_of(history, one.run.test),
        "group": group_cases(history, catalogue, one.run.test.landmarks).astype(object),
    }


_CANNOT_SAY = (
    "whether anything here holds for another unit, another time or another way of recording",
    "what would happen if nobody acted: what is estimated is what came to be recorded in past "
    "cases, given what was then done about them",
    "that a case outside the list is safe: what is not recorded is not known, and silence is "
    "not safety",
    "why an outcome came about: an indicator that moves an estimate is not its cause",
    "that groups too small to tell are treated alike",
)
