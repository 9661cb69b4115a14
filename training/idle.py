"""Indicators that cannot be told from noise, and what leaving them out would change.

Every column is given a *probe*: its own values in another order, which can say nothing. An
indicator whose gain in the trees does not exceed that of the best probe is idle for the outcome
(the idea of Kursa and Rudnicki 2010). Whether such indicators do harm is then measured on a
back-test period.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import lightgbm
import numpy as np

from features.catalogue import Catalogue
from features.history import Float64, Int32
from models.encoding import Encoding
from training.backtest import NamedPeriod
from training.candidates import BACKTEST_HELD_OUT_SHARE
from training.comparison import Difference, compare_auc
from training.config import TrainingConfig
from training.fit import TrainingRows, boosting_parameters, fit_held_out
from training.metrics import draw_people

_MOST_ROWS: Final = 60_000
"""Rows that suffice to tell an indicator from noise; more only take longer."""
_ROUNDS: Final = 150


@dataclass(frozen=True)
class IdleIndicators:
    """Indicators that could not be told from noise for one outcome.

    Parameters
    ----------
    names
        Their names, in catalogue order.
    n_indicators
        How many there are in all.
    change
        The AUC over the back-test periods with all indicators less that without the idle ones;
        ``None`` where there is no period or nothing is idle.
    """

    names: tuple[str, ...]
    n_indicators: int
    change: Difference | None

    def to_dict(self) -> dict[str, object]:
        """Return the figures in plain values."""
        return {
            "names": list(self.names),
            "n_indicators": self.n_indicators,
            "change": self.change.to_dict() if self.change else None,
            "words": self.tell(),
        }

    def tell(self) -> str:
        """Say what was found."""
        said = f"{len(self.names)} of {self.n_indicators} indicators cannot be told from noise"
        if self.change is None:
            return said
        figures = f"{self.change.estimate:+.3f} [{self.change.low:+.3f}, {self.change.high:+.3f}]"
        verdict = "they do harm" if self.change.high < 0 else "no loss by them was found"
        return f"{said}; with them the back-tests' AUC is {figures} higher: {verdict}"


def find_idle(
    outcome: str,
    rows: TrainingRows,
    periods: Sequence[NamedPeriod],
    catalogue: Catalogue,
    encoding: Encoding,
    config: TrainingConfig,
) -> IdleIndicators:
    """Find the indicators that cannot be told from noise and measure what they cost.

    Parameters
    ----------
    rows
        Training rows.
    periods
        Usable back-test periods; the last one measures.
    """
    gain, noise = _measure_gains(rows, encoding, config)
    used = np.unique(encoding.indicator)
    idle = used[gain[used] <= noise]
    names = tuple(catalogue.indicators[number].name for number in idle)
    change = None
    if len(idle) and len(idle) < len(used) and periods:
        change = _compare_without(outcome, idle, periods[-1], encoding, config)
    return IdleIndicators(names, len(used), change)


def _measure_gains(
    rows: TrainingRows, encoding: Encoding, config: TrainingConfig
) -> tuple[Float64, float]:
    """Return each indicator's gain, by its number, and the largest gain of a probe."""
    random = np.random.default_rng(config.seed)
    x, y_true = encoding.encode(rows.values), rows.y_true
    if len(y_true) > _MOST_ROWS:
        chosen = random.choice(len(y_true), _MOST_ROWS, replace=False)
        x, y_true = x[chosen], y_true[chosen]
    probes = random.permuted(x, axis=0)
    parameters = boosting_parameters(encoding, config, len(y_true))
    # A constraint would keep a probe from splitting and make noise look smaller than it is.
    parameters["monotone_constraints"] = [0] * (2 * x.shape[1])
    data = lightgbm.Dataset(
        np.concatenate([x, probes], axis=1),
        label=y_true.astype(np.float64),
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
    outcome: str,
    idle: Int32,
    period: NamedPeriod,
    encoding: Encoding,
    config: TrainingConfig,
) -> Difference | None:
    train, test = period.rows.train, period.rows.test
    reduced = encoding.without(idle)
    scores = []
    for columns in (encoding, reduced):
        model = fit_held_out(outcome, train, columns, config, share=BACKTEST_HELD_OUT_SHARE).model
        scores.append(model.log_odds(columns.encode(test.values)))
    draws = draw_people(len(test.y_true), config.bootstrap_draws, config.seed)
    return compare_auc(test.y_true, scores[0], scores[1], draws)
