"""The training run: cohorts, labels, choice, fit, evaluation, bundle and report.

A model used at T learns only from what was recorded before T: a run refuses dates that would let
later knowledge in (promise 3). Each test origin has a model of its own; the bundle is that of the
last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from features.catalogue.declarations import Catalogue
from features.history.columns import History
from features.history.extent import count_known_records
from models.bundle.familiarity import fit_familiarity
from models.bundle.folder import METRICS_FILE, Bundle, load_bundle, make_reference, write_bundle
from models.bundle.theme_refits import OutcomeRefits
from models.run_figures.run import RunFigures, parse_run_figures, write_run_figures
from training.cohorts.origins import OriginRun, plan_dates, plan_events
from training.cohorts.splits import check_dates, roll_origins
from training.cohorts.training_rows import Cohort
from training.config import TrainingConfig
from training.evaluation.evaluated_origin import EvaluatedOrigin
from training.evaluation.outcome import evaluate_outcome
from training.evaluation.tested_cohort import prepare_test
from training.evaluation.theme_stability import refit_for_reasons
from training.fitting.fitted_outcome import SharedByOutcomes, fit_all, fit_at_origin
from training.options import Progress, RunOptions
from training.practice.breaks import Break, find_breaks
from training.run_description import describe_run

__all__ = ["TrainingResult", "check_dates", "train", "train_at_events"]


@dataclass(frozen=True)
class TrainingResult:
    """A finished run: the bundle's id, what is said first, warnings, and all figures."""

    bundle_id: str
    headlines: tuple[str, ...]
    warnings: tuple[str, ...]
    metrics: RunFigures


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
    options: RunOptions | None = None,
) -> TrainingResult:
    """Train the model that would be used at each test date, and evaluate it there.

    Parameters
    ----------
    history, catalogue
        Case histories and what is measured of them.
    train_dates, test_dates
        Moments, microseconds UTC. At each test date the model learns from the training dates whose
        outcomes were mature by then.
    out
        Folder of the bundle, which is that of the last test date.
    capacity
        Places on a week's list.
    config
        Choices that change results.
    progress
        Told each step.
    options
        What else the run is asked for.

    Raises
    ------
    LeakageError
        If a training date's outcomes could not have been known at any test date.
    ConfigError
        If a test date's outcomes are not on record, or a cohort is empty.
    """
    chosen = options or RunOptions()
    roll_origins(history, catalogue, train_dates, test_dates)  # refuse before any work is done
    breaks = _find_breaks(history, catalogue, min(test_dates, default=0), config.seed, progress)
    known = (*chosen.breaks_us, *(one.date_us for one in breaks))
    runs = plan_dates(history, catalogue, train_dates, test_dates, known, chosen, progress)
    return _run(history, catalogue, runs, breaks, out, capacity, config, progress, chosen)


def train_at_events(
    history: History,
    catalogue: Catalogue,
    train_between: tuple[int, int],
    test_between: tuple[int, int],
    out: Path,
    *,
    capacity: int,
    config: TrainingConfig,
    progress: Progress,
    options: RunOptions | None = None,
) -> TrainingResult:
    """Train and test on cases at their index events; see :func:`train`.

    Parameters
    ----------
    train_between, test_between
        ``[from, until)`` of the moment at which an index event came to be known.
    """
    chosen = options or RunOptions()
    runs = plan_events(history, catalogue, train_between, test_between, chosen, progress)
    breaks = _find_breaks(history, catalogue, test_between[0], config.seed, progress)
    return _run(history, catalogue, runs, breaks, out, capacity, config, progress, chosen)


def _find_breaks(
    history: History, catalogue: Catalogue, used_at_us: int, seed: int, progress: Progress
) -> tuple[Break, ...]:
    """Look for changes of recording practice in what was recorded before the first test date."""
    progress("looking for changes of recording practice")
    return find_breaks(history, catalogue, until_us=used_at_us, seed=seed)


def _run(
    history: History,
    catalogue: Catalogue,
    runs: Sequence[OriginRun],
    breaks: Sequence[Break],
    out: Path,
    capacity: int,
    config: TrainingConfig,
    progress: Progress,
    options: RunOptions,
) -> TrainingResult:
    # Indicators that cannot be told from noise are looked for where the bundle comes from.
    chosen = [replace(options, idle=options.idle and run is runs[-1]) for run in runs]
    done = [
        _run_origin(history, catalogue, run, capacity, config, progress, asked)
        for run, asked in zip(runs, chosen, strict=True)
    ]
    if options.origins is not None:
        for one in done:
            _write(options.origins / one.run.name, history, catalogue, one, config)
    last = done[-1]
    refits = refit_for_reasons(last.fitted, catalogue, config, progress)
    bundle = _write(out, history, catalogue, last, config, refits)
    progress("looking at the list as a whole")
    found = describe_run(history, bundle, done, breaks, capacity, config, options, progress)
    text = write_run_figures(found)
    (out / METRICS_FILE).write_text(text, encoding="utf-8")
    warnings = tuple(one.words for one in found.findings if one.is_warning)
    # Read back, so that the report is of the file and each figure knows its place there.
    return TrainingResult(bundle.id, found.headlines, warnings, parse_run_figures(text))


def _run_origin(
    history: History,
    catalogue: Catalogue,
    run: OriginRun,
    capacity: int,
    config: TrainingConfig,
    progress: Progress,
    options: RunOptions,
) -> EvaluatedOrigin:
    shared = SharedByOutcomes(history, catalogue, run)
    fitted = fit_all(
        catalogue.outcomes,
        lambda outcome, base: fit_at_origin(
            history, catalogue, outcome, shared, config, options, progress, base
        ),
    )
    progress(f"evaluating at {run.name}")
    tested = prepare_test(history, catalogue, run.test, config)
    evaluated = {
        one.outcome.name: evaluate_outcome(history, catalogue, one, tested, capacity)
        for one in fitted
    }
    return EvaluatedOrigin(run, tested, fitted, evaluated)


def _write(
    out: Path,
    history: History,
    catalogue: Catalogue,
    done: EvaluatedOrigin,
    config: TrainingConfig,
    refits: Mapping[str, OutcomeRefits] | None = None,
) -> Bundle:
    """Write the bundle of an origin's models and read it back."""
    learnt = _sample(done.run.learnt, config)
    marks = learnt.landmarks
    n_records = count_known_records(history, marks.case, marks.as_of_us)
    write_bundle(
        out,
        catalogue,
        {one.outcome.name: one.model for one in done.fitted if one.model is not None},
        {one.outcome.name: one.rfs for one in done.fitted if one.rfs is not None},
        replace(make_reference(learnt.values), n_cases=len(done.run.learnt)),
        done.run.used_at_us,
        familiarity=fit_familiarity(learnt.values, n_records, catalogue),
        refits=refits,
        rule_suffices=[one.outcome.name for one in done.fitted if one.rule_suffices],
    )
    return load_bundle(out)


def _sample(learnt: Cohort, config: TrainingConfig) -> Cohort:
    """Return a random part of very many rows: what is usual is told as well by it."""
    if len(learnt) <= config.most_reference_rows:
        return learnt
    chosen = np.zeros(len(learnt), dtype=np.bool_)
    random = np.random.default_rng(config.seed)
    chosen[random.choice(len(learnt), config.most_reference_rows, replace=False)] = True
    return learnt.take(chosen)
