"""Indicators that cannot be told from noise, and what leaving them out would change.

Every column is given a *probe*: its own values in another order, which can say nothing. An
indicator whose gain in the trees does not exceed that of the best probe is idle for the outcome
(the idea of Kursa and Rudnicki 2010). Whether such indicators do harm is then measured on training
rows held out by person. Both are asked of the trees alone.
"""

from dataclasses import dataclass
from typing import Final

import lightgbm
import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64, Int32
from models.bundle.encoding import Encoding
from models.run_figures.fitting import UninformativeFigures
from models.run_figures.ranking import Difference
from training.config import TrainingConfig
from training.figures.comparison import compare_auc
from training.figures.resampling import draw_people_by_person
from training.fitting.candidates import BACKTEST_HELD_OUT_SHARE
from training.fitting.models import TrainingRows, boosting_parameters, fit_held_out, split_by_person
from training.fitting.processors import open_pool

Rows = npt.NDArray[np.intp]
NEGLIGIBLE_AUC: Final = 0.005
"""A smaller loss changes no list that anybody could tell apart, however surely it is measured."""
_MOST_ROWS: Final = 20_000
"""Rows that suffice to tell an indicator from noise; more only take longer."""
_ROUNDS: Final = 150
_FOLDS: Final = 3
_MOST_DRAWS: Final = 400


@dataclass(frozen=True)
class UninformativeIndicators:
    """Indicators that could not be told from noise for one outcome.

    Parameters
    ----------
    names
        Their names, in catalogue order.
    n_indicators
        How many there are in all.
    change
        The AUC on rows held out by person, with all indicators less that without the idle ones;
        ``None`` where nothing or everything is idle.
    """

    names: tuple[str, ...]
    n_indicators: int
    change: Difference | None

    @property
    def figures(self) -> UninformativeFigures:
        """What was found as ``metrics.json`` holds it."""
        return UninformativeFigures(self.names, self.n_indicators, self.change, self.describe())

    def describe(self) -> str:
        """Say what was found."""
        said = f"{len(self.names)} of {self.n_indicators} indicators cannot be told from noise"
        if self.change is None:
            return said
        figures = f"{self.change.estimate:+.3f} [{self.change.low:+.3f}, {self.change.high:+.3f}]"
        harms = self.change.high < 0 and self.change.estimate <= -NEGLIGIBLE_AUC
        verdict = "they do harm" if harms else "no loss by them that would matter"
        return f"{said}; with them the AUC on people held out is {figures} higher: {verdict}"


def find_uninformative(
    outcome: str,
    rows: TrainingRows,
    catalogue: Catalogue,
    encoding: Encoding,
    config: TrainingConfig,
) -> UninformativeIndicators:
    """Find the indicators that cannot be told from noise and measure what they cost.

    Parameters
    ----------
    rows
        Training rows; of many, a random part of the people serves.
    """
    rows = rows.sample_people(_MOST_ROWS, config.seed)
    gain, noise = _measure_gains(rows, encoding, config)
    used = np.unique(encoding.indicator)
    idle = used[gain[used] <= noise]
    names = tuple(catalogue.indicators[number].name for number in idle)
    change = None
    if len(idle) and len(idle) < len(used):
        change = _compare_without(outcome, idle, rows, encoding, config)
    return UninformativeIndicators(names, len(used), change)


def _measure_gains(
    rows: TrainingRows, encoding: Encoding, config: TrainingConfig
) -> tuple[Float64, float]:
    """Return each indicator's gain, by its number, and the largest gain of a probe."""
    random = np.random.default_rng(config.seed)
    x, y_true = rows.encode(encoding), rows.y_true
    # Each column by itself: it keeps its values and loses what they say of the outcome.
    probes = random.permuted(x, axis=0)
    parameters = boosting_parameters(encoding, config, len(y_true))
    # A constraint would keep a probe from splitting and make noise look smaller than it is.
    parameters["monotone_constraints"] = [0] * (2 * x.shape[1])
    data = lightgbm.Dataset(
        np.concatenate([x, probes], axis=1),
        label=y_true.astype(np.float64),
        weight=rows.weigh(config.person_weight),
        params={"verbosity": -1, "max_bin": parameters["max_bin"]},
    )
    booster = lightgbm.train(parameters, data, num_boost_round=_ROUNDS)
    gains = booster.feature_importance("gain")
    size = int(encoding.indicator.max()) + 1
    by_indicator = [
        np.bincount(encoding.indicator, weights=part, minlength=size)
        for part in (gains[: x.shape[1]], gains[x.shape[1] :])
    ]
    return by_indicator[0].astype(np.float64), float(by_indicator[1].max())


def _compare_without(
    outcome: str, idle: Int32, rows: TrainingRows, encoding: Encoding, config: TrainingConfig
) -> Difference | None:
    """Fit with and without the idle indicators on folds by person, and compare on what is held out.

    Scores of different folds are calibrated, so that they can be put in one order.
    """
    scores = [np.empty(len(rows.y_true)) for _ in range(2)]
    folds = list(split_by_person(rows.person, _FOLDS, config.seed))
    tasks = [
        (score, columns, *fold)
        for fold in folds
        for score, columns in zip(scores, (encoding, encoding.without(idle)), strict=True)
    ]

    def fit(task: tuple[Float64, Encoding, Rows, Rows]) -> None:
        score, columns, kept, held_out = task
        fitted = fit_held_out(
            outcome,
            rows.take(kept),
            columns,
            config,
            {"learning_rate": config.backtest_learning_rate},
            share=BACKTEST_HELD_OUT_SHARE,
            trees_alone=True,
        )
        score[held_out] = fitted.model.log_odds(rows.encode(columns, held_out))

    with open_pool(len(tasks)) as pool:
        list(pool.map(fit, tasks))
    draws = draw_people_by_person(
        rows.person, min(config.bootstrap_draws, _MOST_DRAWS), config.seed
    )
    _, column = np.unique(rows.person, return_inverse=True)
    return compare_auc(rows.y_true, scores[0], scores[1], draws, column.astype(np.int64))
