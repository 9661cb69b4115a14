"""Back-tests among the training dates, where settings are tuned and a candidate is chosen.

Each training date that has mature earlier ones is one period. Their labels are read as known at the
moment of use, never later. Where there is no such date, folds by person stand in, and the report
says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from features.catalogue.declarations import Catalogue
from models.bundle.encoding import Encoding
from models.run_figures.fitting import Tuned
from training.config import TrainingConfig
from training.fitting.candidates import Candidate, Score, fit_both, fit_candidate
from training.fitting.choice import BacktestPeriod, Choice, choose
from training.fitting.indicator_selection import make_rule
from training.fitting.models import TrainingRows, split_by_person
from training.fitting.processors import open_pool
from training.fitting.tuning import TuningPeriod, tune
from training.options import Progress, TuningBudget

_FOLDS = 3
"""Folds that stand in where no earlier date is mature."""
_LEAST_POSITIVES = 20
"""Positives on either side below which a period says nothing (the audit's limit, too)."""


@dataclass(frozen=True)
class NamedPeriod:
    """A back-test period and its name."""

    name: str
    rows: TuningPeriod


@dataclass(frozen=True)
class Backtest:
    """What back-tests said of one outcome.

    Parameters
    ----------
    choice
        What the written rule picked; ``None`` where no period could be scored.
    tuned
        What tuning found, where it was asked for.
    by_folds
        Whether folds by person stood in for periods.
    """

    choice: Choice | None
    tuned: Tuned | None
    by_folds: bool


def fold_periods(rows: TrainingRows, seed: int) -> list[NamedPeriod]:
    """Return folds by person as periods."""
    found = []
    for number, (kept, held_out) in enumerate(split_by_person(rows.person, _FOLDS, seed), 1):
        parts = [rows.take(part) for part in (kept, held_out)]
        found.append(NamedPeriod(f"fold {number}", TuningPeriod(*parts)))
    return found


def keep_usable(periods: Sequence[NamedPeriod]) -> list[NamedPeriod]:
    """Return the periods that hold enough cases with and without the outcome on both sides."""
    return [
        one
        for one in periods
        if all(
            _LEAST_POSITIVES <= part.n_positives <= len(part.y_true) - _LEAST_POSITIVES
            for part in (one.rows.train, one.rows.test)
        )
    ]


def run_backtest(
    outcome: str,
    periods: Sequence[NamedPeriod],
    catalogue: Catalogue,
    encoding: Encoding,
    config: TrainingConfig,
    *,
    by_folds: bool,
    budget: TuningBudget | None,
    identity: str,
    progress: Progress,
) -> Backtest:
    """Tune where asked for, then let the written rule pick.

    Parameters
    ----------
    periods
        Usable periods.
    budget, identity
        See :func:`training.fitting.tuning.tune`.
    """
    if not periods:
        return Backtest(None, None, by_folds)
    tuned = None
    if budget is not None:
        tuned = tune(
            outcome,
            [one.rows for one in periods],
            catalogue,
            encoding,
            config,
            budget,
            identity=identity,
            progress=progress,
        )

    def score(one: NamedPeriod) -> BacktestPeriod:
        return _score_period(outcome, one, catalogue, encoding, config, tuned)

    scored = []
    with open_pool(len(periods)) as pool:
        for one in pool.map(score, periods):
            scored.append(one)
            progress(f"back-tested '{outcome}': {len(scored)} of {len(periods)} periods")
    return Backtest(choose(scored, config.bootstrap_draws, config.seed), tuned, by_folds)


def _score_period(
    outcome: str,
    period: NamedPeriod,
    catalogue: Catalogue,
    encoding: Encoding,
    config: TrainingConfig,
    tuned: Tuned | None,
) -> BacktestPeriod:
    """Fit every candidate on what a period could learn from, and score its cases."""
    train, test = period.rows.train, period.rows.test
    score: dict[Candidate, Score] = {
        name: fit_candidate(name, outcome, train, catalogue, encoding, config)
        for name in (Candidate.RULE, Candidate.LOGISTIC)
    }
    # Tuned settings are found with steps of their own; beside them the shipped ones keep theirs.
    steps = {} if tuned else {"learning_rate": config.backtest_learning_rate}
    score |= fit_both(outcome, train, encoding, config, steps, make_rule(catalogue))
    if tuned is not None:
        score[Candidate.TUNED] = fit_candidate(
            Candidate.TUNED, outcome, train, catalogue, encoding, config, tuned.settings
        )
    scores = {name: by(test.values) for name, by in score.items()}
    return BacktestPeriod(period.name, test.y_true, test.person, scores)
