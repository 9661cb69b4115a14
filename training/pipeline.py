"""The training run: cohorts, labels, fit, evaluation and the bundle.

A model used at T learns only from what was recorded before T: the run refuses dates that would let
later knowledge in (promise 3).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from features.catalogue import Catalogue, Outcome
from features.engine import compile_plan, measure
from features.errors import ConfigError, LeakageError
from features.history import Float64, History, Int64
from features.moments import format_moment
from models.baselines import LogisticBaseline, RfsBaseline
from models.boosting import OutcomeModel
from models.bundle import METRICS_FILE, load_bundle, make_reference, write_bundle
from models.encoding import make_encoding
from models.scoring import cohort_cases
from training.config import TrainingConfig
from training.fit import TrainingRows, fit_logistic, fit_outcome, fit_rfs
from training.labels import Bools, horizon_end, label_cases
from training.metrics import Evaluation, draw_people, evaluate

Progress = Callable[[str], None]
_BEATEN: Final = "THE MODEL DOES NOT BEAT"


@dataclass(frozen=True)
class Cohort:
    """Cases of one date with their indicators."""

    as_of_us: int
    case: Int64
    values: Float64


@dataclass(frozen=True)
class FittedOutcome:
    """What was fitted for one outcome; ``model`` is ``None`` under the least number of positives,
    the rules where the outcome never or always occurred.
    """

    outcome: Outcome
    model: OutcomeModel | None
    rfs: RfsBaseline | None
    logistic: LogisticBaseline | None
    training_rate: float | None
    n_rows: int
    n_positives: int


@dataclass(frozen=True)
class TrainingResult:
    """A finished run: the bundle's id, what is said first, and all figures."""

    bundle_id: str
    headlines: tuple[str, ...]
    metrics: Mapping[str, object]


def train(
    history: History,
    catalogue: Catalogue,
    train_dates: Sequence[int],
    test_dates: Sequence[int],
    out: Path,
    *,
    capacity: int,
    config: TrainingConfig,
    progress: Progress,
) -> TrainingResult:
    """Train the model that would be used at the first test date, and evaluate it at every one.

    Parameters
    ----------
    history, catalogue
        Case histories and what is measured of them.
    train_dates, test_dates
        Moments, microseconds UTC.
    out
        Folder of the bundle.
    capacity
        Places on a week's list.
    config
        Choices that change results.
    progress
        Told each step.

    Raises
    ------
    LeakageError
        If a training date's outcomes could not have been known at the first test date.
    ConfigError
        If a test date's outcomes are not on record, or a cohort is empty.
    """
    used_at = min(test_dates)
    check_dates(history, catalogue, train_dates, test_dates)
    progress(f"measuring {len(catalogue.columns)} columns at {len(train_dates)} training dates")
    cohorts = [_take_cohort(history, catalogue, date) for date in sorted(set(train_dates))]
    fitted = [
        _fit(history, catalogue, outcome, cohorts, used_at, config, progress)
        for outcome in catalogue.outcomes
    ]
    bundle_id = write_bundle(
        out,
        catalogue,
        {f.outcome.name: f.model for f in fitted if f.model is not None},
        {f.outcome.name: f.rfs for f in fitted if f.rfs is not None},
        make_reference(np.concatenate([cohort.values for cohort in cohorts])),
        used_at,
    )
    figures: dict[str, dict[str, object]] = {f.outcome.name: {} for f in fitted}
    headlines: list[str] = []
    for date in sorted(set(test_dates)):
        progress(f"evaluating at {_show(history, date)}")
        cohort = _take_cohort(history, catalogue, date)
        for one in fitted:
            found = _evaluate(history, catalogue, one, cohort, capacity, config)
            figures[one.outcome.name][_show(history, date)] = found.figures
            headlines.append(f"{one.outcome.name} at {_show(history, date)}: {found.headline}")
    # Where a simple rule is not beaten the report says so first (promise 12).
    headlines.sort(key=lambda line: _BEATEN not in line)
    metrics: dict[str, object] = {
        "headlines": headlines,
        "bundle_id": bundle_id,
        "trained_for": _show(history, used_at),
        "capacity": capacity,
        "estimated": catalogue.wording["estimate"],
        "training": {
            f.outcome.name: {
                "n": f.n_rows,
                "positives": f.n_positives,
                "base_rate": f.training_rate,
            }
            for f in fitted
        },
        "outcomes": figures,
    }
    text = json.dumps(metrics, indent=1, allow_nan=False) + "\n"
    (out / METRICS_FILE).write_text(text, encoding="utf-8")
    load_bundle(out)
    return TrainingResult(bundle_id, tuple(headlines), metrics)


def check_dates(
    history: History, catalogue: Catalogue, train_dates: Sequence[int], test_dates: Sequence[int]
) -> None:
    """Refuse dates that leak or cannot be evaluated.

    Raises
    ------
    LeakageError
        If ``as_of + horizon + maturity`` of a training date lies after the first test date.
    ConfigError
        If ``as_of + horizon`` of a test date lies after the extract, or a list is empty.
    """
    if not train_dates or not test_dates:
        raise ConfigError("name at least one training date and one test date")
    used_at = min(test_dates)
    for outcome in catalogue.outcomes:
        for date in train_dates:
            ripe = horizon_end(date, outcome.horizon, history.time_zone) + outcome.maturity_us
            if ripe > used_at:
                raise LeakageError(
                    f"--train-as-of {_show(history, date)}: outcome '{outcome.name}' is not known "
                    f"until {_show(history, ripe)}, after the first test date "
                    f"{_show(history, used_at)}; leave that training date out or test later"
                )
        for date in test_dates:
            end = horizon_end(date, outcome.horizon, history.time_zone)
            if end > history.extract_at:
                raise ConfigError(
                    f"--test-as-of {_show(history, date)}: outcome '{outcome.name}' needs records "
                    f"up to {_show(history, end)}, but the extract ends at "
                    f"{_show(history, history.extract_at)}; name an earlier test date"
                )


def _take_cohort(history: History, catalogue: Catalogue, as_of_us: int) -> Cohort:
    case = cohort_cases(history, catalogue, as_of_us)
    if not len(case):
        raise ConfigError(
            f"no case is in the cohort at {_show(history, as_of_us)}; check the date and the "
            "catalogue's cohort rule"
        )
    return Cohort(as_of_us, case, measure(history, compile_plan(catalogue), as_of_us, case).values)


def _fit(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    cohorts: Sequence[Cohort],
    used_at: int,
    config: TrainingConfig,
    progress: Progress,
) -> FittedOutcome:
    rows = _training_rows(history, catalogue, outcome, cohorts, used_at)
    mixed = 0 < rows.n_positives < len(rows.y_true)
    rate = float(rows.y_true.mean()) if len(rows.y_true) else None
    model = None
    if mixed and rows.n_positives >= config.least_positives:
        progress(f"fitting '{outcome.name}': {rows.n_positives:,} of {len(rows.y_true):,} cases")
        model = fit_outcome(outcome.name, rows, make_encoding(catalogue), config).model
    else:
        progress(
            f"no model for '{outcome.name}': {rows.n_positives} training cases with the outcome, "
            f"at least {config.least_positives} are needed; rules and judgement order"
        )
    return FittedOutcome(
        outcome=outcome,
        model=model,
        rfs=fit_rfs(rows, catalogue.rfs, catalogue.columns) if mixed else None,
        logistic=fit_logistic(rows, config) if mixed else None,
        training_rate=rate,
        n_rows=len(rows.y_true),
        n_positives=rows.n_positives,
    )


def _training_rows(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    cohorts: Sequence[Cohort],
    used_at: int,
) -> TrainingRows:
    values, labels, people = [], [], []
    for cohort in cohorts:
        found = label_cases(
            history, catalogue, outcome, cohort.as_of_us, cohort.case, known_us=used_at
        )
        values.append(cohort.values[found.known])
        labels.append(found.y_true[found.known])
        people.append(cohort.case[found.known])
    return TrainingRows(np.concatenate(values), np.concatenate(labels), np.concatenate(people))


@dataclass(frozen=True)
class _Found:
    figures: dict[str, object]
    headline: str


def _evaluate(
    history: History,
    catalogue: Catalogue,
    fitted: FittedOutcome,
    cohort: Cohort,
    capacity: int,
    config: TrainingConfig,
) -> _Found:
    labels = label_cases(
        history,
        catalogue,
        fitted.outcome,
        cohort.as_of_us,
        cohort.case,
        known_us=history.extract_at,
    )
    scores = _score(fitted, catalogue, cohort.values)
    headline = _compare(labels.y_true, labels.known, scores, fitted, capacity, config)
    figures = _figures(headline)
    if fitted.outcome.departures_are_negative:
        followed = _compare(labels.y_followed, labels.followed, scores, fitted, capacity, config)
        figures["censored"] = _figures(followed)
    else:
        figures["n_censored"] = int((~labels.known).sum())
    return _Found(figures, _tell(headline))


@dataclass(frozen=True)
class _Scores:
    order: Float64 | None
    probability: Float64 | None


def _score(fitted: FittedOutcome, catalogue: Catalogue, values: Float64) -> dict[str, _Scores]:
    model = rfs = logistic = _Scores(None, None)
    if fitted.model is not None:
        x = make_encoding(catalogue).encode(values)
        model = _Scores(fitted.model.log_odds(x), fitted.model.probability(x))
    if fitted.rfs is not None:
        rfs = _Scores(fitted.rfs.raw(values), fitted.rfs.probability(values))
    if fitted.logistic is not None:
        probability = fitted.logistic.probability(values)
        logistic = _Scores(probability, probability)
    return {"model": model, "rfs": rfs, "logistic": logistic}


def _compare(
    y_true: Bools,
    kept: Bools,
    scores: Mapping[str, _Scores],
    fitted: FittedOutcome,
    capacity: int,
    config: TrainingConfig,
) -> dict[str, Evaluation]:
    draws = draw_people(int(kept.sum()), config.bootstrap_draws, config.seed)
    return {
        name: evaluate(
            y_true[kept],
            None if score.order is None else score.order[kept],
            None if score.probability is None else score.probability[kept],
            capacity=capacity,
            training_rate=fitted.training_rate,
            draws=draws,
        )
        for name, score in scores.items()
    }


def _figures(evaluations: Mapping[str, Evaluation]) -> dict[str, object]:
    baselines = {name: evaluations[name].to_dict() for name in ("rfs", "logistic")}
    return {**evaluations["model"].to_dict(), "baselines": baselines}


def _tell(evaluations: Mapping[str, Evaluation]) -> str:
    """Say first whether the model beats the simple rules (promise 12)."""
    model, rfs, logistic = (evaluations[name].auc for name in ("model", "rfs", "logistic"))
    if model is None:
        return "there is no model; rules and judgement order"
    if rfs is None or logistic is None:
        return "there is no rule to compare the model with"
    beaten = [
        name for name, auc in (("rule", rfs), ("logistic regression", logistic)) if auc >= model
    ]
    figures = f"AUC {model:.3f}, rule {rfs:.3f}, logistic regression {logistic:.3f}"
    if beaten:
        return f"{_BEATEN} THE {' OR THE '.join(beaten).upper()}: {figures}"
    return f"the model ranks above the rule and the logistic regression: {figures}"


def _show(history: History, moment_us: int) -> str:
    """Return a moment as it was written: a date where it is midnight in the history's zone."""
    return format_moment(moment_us, history.time_zone)
