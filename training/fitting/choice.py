"""The written rule that picks one candidate for an outcome.

    Of all candidates, take the simplest whose mean AUC over the back-test periods lies within one
    standard error of the best one's.

The standard error is that of the paired difference from the best, by resampling people, the same
people in every period (the one-standard-error rule of Breiman and others 1984, made paired). Test
origins play no part in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from features.contract.arrays import Float64, Int64
from models.run_figures.fitting import CandidateFigures, ChoiceFigures
from models.run_figures.ranking import Difference
from training.figures.comparison import summarise_difference
from training.figures.resampling import draw_people_by_person, limit_draws, resampled_auc
from training.fitting.candidates import WORDS, Candidate

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BacktestPeriod:
    """One back-test period: cases of one origin, scored by candidates fitted before it.

    Parameters
    ----------
    name
        The origin as it is shown, a date or a fold's number.
    y_true, person
        Shape ``(n,)``.
    scores
        Each candidate's scores, shape ``(n,)``.
    """

    name: str
    y_true: Bools
    person: Int64
    scores: Mapping[Candidate, Float64]


@dataclass(frozen=True)
class Choice:
    """What the written rule picked.

    Parameters
    ----------
    picked, best
        The candidate taken, and the one with the highest mean.
    mean_auc
        Each candidate's mean over the periods.
    period_auc
        Each candidate's AUC in each period, in the order of ``periods``.
    behind_best
        Each other candidate's paired difference, the best less the candidate.
    periods
        Names of the periods.
    """

    picked: Candidate
    best: Candidate
    mean_auc: Mapping[Candidate, float]
    period_auc: Mapping[Candidate, tuple[float, ...]]
    behind_best: Mapping[Candidate, Difference]
    periods: tuple[str, ...]

    @property
    def figures(self) -> ChoiceFigures:
        """The choice as ``metrics.json`` holds it."""
        return ChoiceFigures(
            picked=self.picked.value,
            best=self.best.value,
            periods=self.periods,
            candidates={
                name.value: CandidateFigures(
                    mean_auc=mean,
                    auc=self.period_auc[name],
                    behind_best=self.behind_best.get(name),
                )
                for name, mean in self.mean_auc.items()
            },
            words=self.describe(),
        )

    def describe(self) -> str:
        """Say what was picked and why."""
        said = f"picked by the written rule: {WORDS[self.picked]}"
        if self.picked is self.best:
            return f"{said}, the best over {len(self.periods)} back-test periods"
        behind = self.behind_best[self.picked]
        return (
            f"{said}, the simplest within one standard error of the best ({WORDS[self.best]}): "
            f"{behind.estimate:.3f} behind, standard error {behind.standard_error:.3f}"
        )


def choose(periods: Sequence[BacktestPeriod], n_draws: int, seed: int) -> Choice | None:
    """Apply the written rule.

    Parameters
    ----------
    periods
        Back-test periods; those with one class only are left out.
    n_draws, seed
        Resamples of people, fewer for very many rows
        (:func:`training.figures.resampling.limit_draws`).

    Returns
    -------
    Choice or None
        ``None`` where no period can be scored.
    """
    usable = [one for one in periods if one.y_true.any() and not one.y_true.all()]
    if not usable:
        return None
    candidates = sorted(usable[0].scores, key=list(Candidate).index)
    by_period = {name: tuple(_auc(one, name) for one in usable) for name in candidates}
    auc = {name: float(np.mean(found)) for name, found in by_period.items()}
    drawn = _resample(usable, candidates, n_draws, seed)
    # Of equals the first, which is the simplest.
    best = max(candidates, key=lambda name: auc[name])
    behind = {
        name: summarise_difference(auc[best] - auc[name], drawn[best] - drawn[name])
        for name in candidates
        if name is not best
    }
    picked = next(
        name
        for name in candidates
        if name is best or behind[name].estimate <= behind[name].standard_error
    )
    return Choice(
        picked=picked,
        best=best,
        mean_auc=auc,
        period_auc=by_period,
        behind_best=behind,
        periods=tuple(one.name for one in usable),
    )


def _auc(period: BacktestPeriod, name: Candidate) -> float:
    return float(roc_auc_score(period.y_true, period.scores[name]))


def _resample(
    periods: Sequence[BacktestPeriod], candidates: Sequence[Candidate], n_draws: int, seed: int
) -> dict[Candidate, Float64]:
    """Return each candidate's mean AUC in each resample of people."""
    people = np.unique(np.concatenate([one.person for one in periods]))
    draws = draw_people_by_person(people, limit_draws(n_draws, len(people)), seed)
    total = {name: np.zeros(len(draws)) for name in candidates}
    for one in periods:
        column = np.searchsorted(people, one.person)
        for name in candidates:
            auc = resampled_auc(one.y_true, one.scores[name], draws, column)
            total[name] += auc / len(periods)
    return total
