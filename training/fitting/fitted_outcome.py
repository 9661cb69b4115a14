"""What is fitted for one outcome at one origin: choice by back-tests, model and yardsticks."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.catalogue.declarations import Catalogue, Outcome
from features.history.columns import History
from models.bundle.baselines import LogisticBaseline, RfsBaseline
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.encoding import make_encoding
from models.run_figures.fitting import DriftShift, PooledFigures, TrainingFigures
from training.cohorts.drift_windows import WindowCases
from training.cohorts.origins import OriginRun
from training.cohorts.splits import Origin, backtest_origins
from training.cohorts.training_rows import Cohort, join_cohorts, training_rows
from training.config import TrainingConfig
from training.fitting.backtests import (
    Backtest,
    NamedPeriod,
    fold_periods,
    keep_usable,
    run_backtest,
)
from training.fitting.bins import SharedBins
from training.fitting.candidates import Candidate
from training.fitting.indicator_selection import (
    SelectionDesign,
    lay_out_selection,
    make_rule,
)
from training.fitting.linear_part import LinearRefit, lay_out
from training.fitting.models import (
    Boosted,
    TrainingRows,
    boosting_parameters,
    fit_logistic,
    fit_outcome,
    fit_rfs,
)
from training.fitting.pooling import PooledFit, PooledRefit, fit_pooled, is_pooled_better
from training.fitting.tuning import TuningPeriod
from training.fitting.uninformative_indicators import UninformativeIndicators, find_uninformative
from training.options import Progress, RunOptions
from training.practice.breaks import find_breaks
from training.practice.drift import estimate_shift


@dataclass(frozen=True)
class FittedOutcome:
    """What was fitted for one outcome.

    Parameters
    ----------
    outcome
        The outcome.
    rows
        Training rows.
    boosted
        ``None`` under the least number of positives.
    rfs, logistic
        ``None`` where the outcome never or always occurred.
    backtest
        What the back-tests chose.
    idle
        Indicators that cannot be told from noise, where that was asked.
    drift
        How far the recorded rate had moved by the moment of use; ``None`` where it was not looked
        at, as at index events.
    pooled
        The model that begins from another outcome's, where the catalogue names one; it is the one
        that is served, or stands in the report alone.
    trees_of
        The outcome whose trees a served pooled model has; ``None`` where it has its own.
    """

    outcome: Outcome
    rows: TrainingRows
    boosted: Boosted | None
    rfs: RfsBaseline | None
    logistic: LogisticBaseline | None
    backtest: Backtest
    idle: UninformativeIndicators | None
    drift: DriftShift | None
    pooled: PooledFit | None = None
    trees_of: "FittedOutcome | None" = None

    @property
    def model(self) -> OutcomeModel | None:
        """The model as it is served, calibrated anew where the rate had moved."""
        return self._shift(self.boosted.model) if self.boosted else None

    @property
    def trees(self) -> OutcomeModel | None:
        """The model's trees alone, with a calibration of their own, moved as the model is."""
        return self._shift(self.boosted.trees) if self.boosted else None

    def _shift(self, model: OutcomeModel) -> OutcomeModel:
        by = self.drift.shift if self.drift is not None else 0.0
        return model.shifted(by) if by else model

    @property
    def rule_suffices(self) -> bool:
        """Whether the back-tests picked the simple rule; test origins have no part in it."""
        choice = self.backtest.choice
        return choice is not None and choice.picked is Candidate.RULE

    @property
    def rate(self) -> float | None:
        """Share of training rows with the outcome."""
        return float(self.rows.y_true.mean()) if len(self.rows.y_true) else None

    @property
    def settings(self) -> Mapping[str, float]:
        """Tuned settings, where the written rule picked them; otherwise none."""
        choice, tuned = self.backtest.choice, self.backtest.tuned
        if tuned is None or choice is None or choice.picked is not Candidate.TUNED:
            return {}
        return tuned.settings

    @property
    def figures(self) -> TrainingFigures:
        """What ``metrics.json`` holds of the training."""
        choice = self.backtest.choice
        return TrainingFigures(
            n=len(self.rows.y_true),
            positives=self.rows.n_positives,
            base_rate=self.rate,
            rounds=self.boosted.rounds if self.boosted else None,
            weight_of_trees=self.boosted.model.weight
            if self.boosted and self.trees_of is None
            else None,
            settings=self.settings,
            choice=choice.figures if choice else None,
            tuning=self.backtest.tuned,
            by_folds=self.backtest.by_folds,
            idle=self.idle.figures if self.idle else None,
            drift=self.drift,
            pooled=self._pooled_figures(),
        )

    def _pooled_figures(self) -> PooledFigures | None:
        if self.outcome.pooled_from is None:
            return None
        found = self.pooled
        return PooledFigures(
            base=self.outcome.pooled_from,
            n_people=self.rows.n_people_with_outcome,
            is_served=self.trees_of is not None,
            has_own=self.boosted is not None and self.trees_of is None,
            slope=found.slope if found else None,
            offset_alone=found.likely[0] if found else None,
        )


class SharedByOutcomes:
    """What the outcomes of one origin share: its rows, their bins, and the windows of drift.

    Parameters
    ----------
    history, catalogue
        Case histories and what is measured of them.
    run
        The origin.
    """

    def __init__(self, history: History, catalogue: Catalogue, run: OriginRun) -> None:
        self.run = run
        self.windows = WindowCases(history, catalogue)
        self._encoding = make_encoding(catalogue)
        self._history, self._catalogue = history, catalogue
        self._breaks_us: tuple[int, ...] | None = None
        self._bins: SharedBins | None = None
        self._sampled: dict[tuple[str, ...], Cohort] = {}

    def sample(self, cohorts: Sequence[Cohort], config: TrainingConfig) -> Cohort:
        """Return the rows of some cohorts that a back-test takes, the same for every outcome."""
        names = tuple(one.name for one in cohorts)
        if names not in self._sampled:
            joined = join_cohorts(cohorts)
            self._sampled[names] = joined.sample_people(config.most_backtest_rows, config.seed)
        return self._sampled[names]

    def find_breaks(self, seed: int) -> tuple[int, ...]:
        """Return when recording changed, as known at the moment of use, microseconds UTC."""
        if self._breaks_us is None:
            until_us = self.run.known_us
            found = find_breaks(self._history, self._catalogue, until_us=until_us, seed=seed)
            self._breaks_us = tuple(one.date_us for one in found)
        return self._breaks_us

    def bins(self, config: TrainingConfig) -> SharedBins:
        """Return the training cohorts in LightGBM's bins."""
        if self._bins is None:
            whole = self.run.learnt.values
            parameters = boosting_parameters(self._encoding, config, len(whole))
            self._bins = SharedBins(whole, self._encoding, parameters)
        return self._bins


def fit_at_origin(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    shared: SharedByOutcomes,
    config: TrainingConfig,
    options: RunOptions,
    progress: Progress,
    base: FittedOutcome | None = None,
) -> FittedOutcome:
    """Back-test, choose and fit one outcome with what was known at the moment of use.

    Parameters
    ----------
    shared
        The origin. Labels rest on what was recorded before its ``known_us``, and those that were
        not mature by then teach nothing.
    base
        What was fitted there for the outcome that this one is pooled from.
    """
    cohorts, known_us = shared.run.train, shared.run.known_us
    encoding = make_encoding(catalogue)
    rows = training_rows(history, catalogue, outcome, shared.run.learnt, known_us)
    config = config.fit_to(rows.n_people_with_outcome)
    mixed = 0 < rows.n_positives < len(rows.y_true)
    n_found = rows.n_people_with_outcome if outcome.pooled_from else rows.n_positives
    enough = mixed and n_found >= config.least_positives
    periods = _periods(history, catalogue, outcome, shared, config) if enough else []
    # Folds say nothing about later dates: only where there are none to test on (ADR 9).
    by_folds = enough and not periods
    if by_folds:
        some = rows.sample_people(config.most_backtest_rows, config.seed)
        periods = keep_usable(fold_periods(some, config.seed))
    progress(_describe(outcome, rows, enough, config))
    backtest = run_backtest(
        outcome.name,
        periods,
        catalogue,
        encoding,
        config,
        by_folds=by_folds,
        budget=options.tuning,
        identity=_identify(catalogue, config, cohorts, rows) if options.tuning else "",
        progress=progress,
    )
    found = FittedOutcome(
        outcome=outcome,
        rows=rows,
        boosted=None,
        rfs=fit_rfs(rows, catalogue.rfs, catalogue.columns) if mixed and catalogue.rfs else None,
        logistic=fit_logistic(rows, config) if mixed else None,
        backtest=backtest,
        idle=None,
        drift=None,
    )
    pooled = _pool(outcome, rows, base, catalogue, config) if mixed else None
    if not enough:
        return replace(found, pooled=pooled)
    bins = shared.bins(config) if len(rows.y_true) > config.most_fold_rows else None
    boosted = fit_outcome(
        outcome.name,
        rows,
        encoding,
        config,
        found.settings,
        bins,
        tell=lambda rest: progress(f"fitting '{outcome.name}': {rest}"),
        rule=make_rule(catalogue),
    )
    idle = None
    if options.idle and boosted.selection is not None:
        idle = find_uninformative(
            outcome.name, rows, catalogue, encoding, config, boosted.selection
        )
    trees_of = None
    if pooled is not None and is_pooled_better(pooled, boosted, rows):
        boosted, trees_of = replace(pooled.boosted, trees=boosted.trees), base
    drift = None
    if not options.retrospective:
        drift = _find_drift(history, catalogue, outcome, shared, boosted.model, config)
    return replace(found, boosted=boosted, drift=drift, idle=idle, pooled=pooled, trees_of=trees_of)


def prepare_selection(
    one: FittedOutcome, catalogue: Catalogue, config: TrainingConfig
) -> SelectionDesign | None:
    """Lay out an outcome's rows from which refits select; ``None`` where its model did not."""
    if one.boosted is None or one.boosted.selection is None:
        return None
    return lay_out_selection(one.rows, make_encoding(catalogue), config, make_rule(catalogue))


def fit_all(
    outcomes: Sequence[Outcome], fit: Callable[[Outcome, FittedOutcome | None], FittedOutcome]
) -> tuple[FittedOutcome, ...]:
    """Fit every outcome, those that others are pooled from first; return them in catalogue order.

    Parameters
    ----------
    outcomes
        The catalogue's.
    fit
        Fits one, given what was fitted for the outcome that it is pooled from.
    """
    found: dict[str, FittedOutcome] = {}
    for one in sorted(outcomes, key=lambda one: one.pooled_from is not None):
        found[one.name] = fit(one, found[one.pooled_from] if one.pooled_from else None)
    return tuple(found[one.name] for one in outcomes)


def _pool(
    outcome: Outcome,
    rows: TrainingRows,
    base: FittedOutcome | None,
    catalogue: Catalogue,
    config: TrainingConfig,
) -> PooledFit | None:
    if base is None or base.boosted is None:
        return None
    parts = (base.boosted, base.rows)
    return fit_pooled(outcome, rows, parts, catalogue, make_encoding(catalogue), config)


def lay_out_linear(
    one: FittedOutcome, catalogue: Catalogue, config: TrainingConfig
) -> LinearRefit | PooledRefit | None:
    """Lay out the linear part of a fitted outcome, to be fitted again and again.

    Returns
    -------
    LinearRefit, PooledRefit or None
        By how often each of the outcome's training rows counts; ``None`` where trees stand alone.
    """
    if one.boosted is None or one.boosted.model.linear is None:
        return None
    if one.trees_of is not None and one.pooled is not None:
        return one.pooled.lay_out()
    config = config.fit_to(one.rows.n_people_with_outcome)
    return lay_out(one.rows, make_encoding(catalogue), config, part=one.boosted.model.linear)


def _dates_of(cohorts: Sequence[Cohort]) -> list[int] | None:
    """Return the cohorts' dates; ``None`` where one was taken at index events."""
    moments = [np.unique(cohort.landmarks.as_of_us) for cohort in cohorts]
    if any(len(some) != 1 for some in moments):
        return None
    return [int(some[0]) for some in moments]


def _find_drift(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    shared: SharedByOutcomes,
    model: OutcomeModel,
    config: TrainingConfig,
) -> DriftShift | None:
    """Look how far the rate has moved since the training dates; ``None`` without such dates."""
    moments = _dates_of(shared.run.train)
    if moments is None:
        return None
    encoding = make_encoding(catalogue)
    return estimate_shift(
        history,
        catalogue,
        outcome,
        moments,
        shared.run.known_us,
        score=lambda values: model.log_odds(encoding.encode(values)),
        cases=shared.windows,
        breaks_us=lambda: shared.find_breaks(config.seed),
    )


def _periods(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    shared: SharedByOutcomes,
    config: TrainingConfig,
) -> list[NamedPeriod]:
    """Return the training dates that have mature earlier ones, each as a back-test period.

    What a model used at such a date could learn is read as known then; what became of that date's
    cases as known at the moment of use.
    """
    moments, known_us = _dates_of(shared.run.train), shared.run.known_us
    if moments is None:
        return []
    by_date = dict(zip(moments, shared.run.train, strict=True))
    found = []
    origins = backtest_origins(history, catalogue, moments, known_us)
    for origin in choose_evenly(origins, config.most_backtest_periods):
        later = by_date[origin.used_at_us]
        earlier = [by_date[date] for date in origin.train_dates_us]
        parts = (
            training_rows(history, catalogue, outcome, shared.sample(cohorts, config), known)
            for cohorts, known in ((earlier, origin.used_at_us), ([later], known_us))
        )
        found.append(NamedPeriod(later.name, TuningPeriod(*parts)))
    return keep_usable(found)


def choose_evenly(origins: Sequence[Origin], most: int) -> list[Origin]:
    """Return the latest origin and earlier ones evenly apart, at most so many, in order of time."""
    if len(origins) <= most:
        return list(origins)
    step = len(origins) / most
    return [origins[len(origins) - 1 - int(step * back)] for back in reversed(range(most))]


def _describe(outcome: Outcome, rows: TrainingRows, enough: bool, config: TrainingConfig) -> str:
    if enough:
        return f"fitting '{outcome.name}': {rows.n_positives:,} of {len(rows.y_true):,} cases"
    if outcome.pooled_from is not None:
        return (
            f"no model for '{outcome.name}': {rows.n_people_with_outcome} people with the outcome, "
            f"at least {config.least_positives} are needed; its sourced share stands in"
        )
    return (
        f"no model for '{outcome.name}': {rows.n_positives} training cases with the outcome, "
        f"at least {config.least_positives} are needed; rules and judgement order"
    )


def _identify(
    catalogue: Catalogue, config: TrainingConfig, cohorts: Sequence[Cohort], rows: TrainingRows
) -> str:
    """Return a digest of what a search for settings rests on."""
    # Whatever could change a figure is in it, so that a search never goes on from other data.
    digest = hashlib.sha256(catalogue.digest.encode())
    digest.update(repr(sorted(config.to_dict().items(), key=str)).encode())
    digest.update(repr([cohort.name for cohort in cohorts]).encode())
    digest.update(rows.values.tobytes())
    digest.update(rows.y_true.tobytes())
    return digest.hexdigest()
