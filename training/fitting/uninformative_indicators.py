"""Indicators that cannot be told from noise, what is left out of a model, and at what cost.

Which they are says the selection that the model itself was fitted with
(:mod:`training.fitting.indicator_selection`). Whether leaving them out does harm is measured on
training rows held out by person, selecting anew from the people of each fold. Each that is left out
is told with the effect that could have been seen, so that *too few to tell* stands apart from *no
effect*.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64
from models.bundle.encoding import Encoding
from models.run_figures.fitting import LeftOutFigures, UninformativeFigures
from models.run_figures.ranking import Difference
from training.config import TrainingConfig
from training.figures.comparison import compare_auc
from training.figures.resampling import draw_people_by_person
from training.fitting.candidates import BACKTEST_HELD_OUT_SHARE
from training.fitting.detectable_effects import SMALL_ODDS_RATIO, find_detectable
from training.fitting.indicator_selection import (
    IndicatorSelection,
    SelectionRule,
    make_rule,
)
from training.fitting.models import TrainingRows, fit_held_out, split_by_person
from training.fitting.processors import open_pool

Rows = npt.NDArray[np.intp]
NEGLIGIBLE_AUC: Final = 0.005
"""A smaller loss changes no list that anybody could tell apart, however surely it is measured."""
_MOST_ROWS: Final = 20_000
"""Rows that suffice to compare two models; more only take longer."""
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
    left_out
        Those among them that the model does not rest on.
    change
        The AUC on rows held out by person, with all indicators less that without those left out;
        ``None`` where nothing is.
    """

    names: tuple[str, ...]
    n_indicators: int
    left_out: tuple[LeftOutFigures, ...]
    change: Difference | None

    @property
    def figures(self) -> UninformativeFigures:
        """What was found as ``metrics.json`` holds it."""
        return UninformativeFigures(
            self.names, self.n_indicators, self.change, self.describe(), self.left_out
        )

    def describe(self) -> str:
        """Say what was found."""
        said = (
            f"{len(self.names)} of {self.n_indicators} indicators cannot be told from noise; "
            f"{len(self.left_out)} of them are left out of the score"
        )
        if self.left_out:
            n_few = sum(one.is_too_few for one in self.left_out)
            said += (
                f" ({n_few} with too few cases to tell an odds ratio of {SMALL_ODDS_RATIO:g}, "
                f"{len(self.left_out) - n_few} with no such effect)"
            )
        if self.change is None:
            return said
        figures = f"{self.change.estimate:+.3f} [{self.change.low:+.3f}, {self.change.high:+.3f}]"
        harms = self.change.low > 0 and self.change.estimate >= NEGLIGIBLE_AUC
        verdict = "leaving them out does harm" if harms else "no loss that would matter"
        return f"{said}; with them the AUC on people held out is {figures} higher: {verdict}"


def find_uninformative(
    outcome: str,
    rows: TrainingRows,
    catalogue: Catalogue,
    encoding: Encoding,
    config: TrainingConfig,
    selection: IndicatorSelection,
) -> UninformativeIndicators:
    """Tell the indicators that cannot be told from noise and measure what leaving them out costs.

    Parameters
    ----------
    rows
        Training rows; of many, a random part of the people serves.
    selection
        The one that the model rests on.
    """
    rows = rows.sample_people(_MOST_ROWS, config.seed)
    left_out = find_detectable(rows, encoding, config, catalogue, selection)
    change = _compare(outcome, rows, encoding, config, make_rule(catalogue)) if left_out else None
    return UninformativeIndicators(
        names=tuple(
            one.name
            for one, is_told in zip(catalogue.indicators, selection.is_told, strict=True)
            if not is_told
        ),
        n_indicators=len(catalogue.indicators),
        left_out=left_out,
        change=change,
    )


def _compare(
    outcome: str,
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    rule: SelectionRule,
) -> Difference | None:
    """Fit with all indicators and with those selected, on folds by person, and compare.

    Scores of different folds are calibrated, so that they can be put in one order.
    """
    scores = [np.empty(len(rows.y_true)) for _ in range(2)]
    folds = list(split_by_person(rows.person, _FOLDS, config.seed))
    tasks = [
        (score, by, *fold) for fold in folds for score, by in zip(scores, (None, rule), strict=True)
    ]

    def fit(task: tuple[Float64, SelectionRule | None, Rows, Rows]) -> None:
        score, by, kept, held_out = task
        fitted = fit_held_out(
            outcome,
            rows.take(kept),
            encoding,
            config,
            {"learning_rate": config.backtest_learning_rate},
            share=BACKTEST_HELD_OUT_SHARE,
            rule=by,
        )
        score[held_out] = fitted.model.log_odds(rows.encode(encoding, held_out))

    with open_pool(len(tasks)) as pool:
        list(pool.map(fit, tasks))
    draws = draw_people_by_person(
        rows.person, min(config.bootstrap_draws, _MOST_DRAWS), config.seed
    )
    _, column = np.unique(rows.person, return_inverse=True)
    return compare_auc(rows.y_true, scores[0], scores[1], draws, column.astype(np.int64))
