"""How often the interval beside an estimate holds the true rate of cases with such an estimate.

On synthetic units of several worlds, whose truth is known by letting every open case's future
happen 400 times: open cases are put in tenths by their estimate, and the mean truth of each tenth
is looked for in the interval at its mean estimate; the Venn-Abers bounds stand beside it.

    python -m benchmarks.interval_coverage [UNITS]

Seeds were written down before the first run, and nothing was developed on them.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import expit, logit

from benchmarks.learning import replace_part, say
from benchmarks.learning_curve import Unit, learn_from, make_learning_unit
from features.contract.arrays import Float64
from models.bundle.encoding import make_encoding
from training.config import TrainingConfig, load_config
from training.evaluation.theme_stability import refit_for_reasons
from training.fitting.backtests import Backtest
from training.fitting.fitted_outcome import FittedOutcome
from training.fitting.models import fit_outcome

RESULTS: Final = Path(__file__).with_name("WORLDS.md")
SEEDS: Final = range(92_401, 92_421)
WORLDS: Final = ("standard", "recording-bias", "selective-management", "recording-break")
N_CASES: Final = 3_000
_TENTHS: Final = 10
_HEADING: Final = "# Whether intervals hold the true rate"


@dataclass(frozen=True)
class Tenth:
    """A tenth of a unit's open cases, by their estimate.

    Parameters
    ----------
    estimate, truth
        Mean estimate and mean true probability.
    low, high
        The interval at the mean estimate.
    narrow_low, narrow_high
        The Venn-Abers bounds there.
    """

    estimate: float
    truth: float
    low: float
    high: float
    narrow_low: float
    narrow_high: float


def measure_unit(unit: Unit, config: TrainingConfig) -> Iterator[tuple[str, list[Tenth]]]:
    """Yield the tenths of each outcome that has a model."""
    encoding = make_encoding(unit.catalogue)
    for outcome, rows in learn_from(unit, monthly=True):
        if rows.n_positives < config.least_positives:
            continue
        fitted = fit_outcome(
            outcome.name, rows, encoding, config.fit_to(rows.n_people_with_outcome)
        )
        whole = FittedOutcome(
            outcome=outcome,
            rows=rows,
            boosted=fitted,
            rfs=None,
            logistic=None,
            backtest=Backtest(None, None, by_folds=False),
            idle=None,
            drift=None,
        )
        kept = refit_for_reasons([whole], unit.catalogue, config, lambda _: None)
        uncertainty = kept[outcome.name].uncertainty
        assert uncertainty is not None, "a unit of this size has enough refits"
        log_odds = fitted.model.log_odds(encoding.encode(unit.test.values))
        tenths = []
        for part in np.array_split(np.argsort(log_odds, kind="stable"), _TENTHS):
            estimate = float(expit(log_odds[part]).mean())
            at = np.array([logit(estimate)])
            narrow = fitted.model.interval(at)
            assert narrow is not None
            truth = float(unit.truth[outcome.name][part].mean())
            tenths.append(
                Tenth(
                    estimate,
                    truth,
                    *uncertainty.interval(float(at[0])),
                    float(narrow[0][0]),
                    float(narrow[1][0]),
                )
            )
        yield outcome.name, tenths


def describe(found: dict[tuple[str, str], list[Tenth]], n_units: int) -> str:
    """Return the page's part."""
    lines = [
        f"Tenths of the open cases of {n_units} units of {N_CASES:,} cases a world, by their",
        "estimate: how often the interval beside an estimate holds the mean true probability of",
        "the tenth, and how wide it is; *narrow* are the Venn-Abers bounds, which no page shows.",
        "Not drawn anew are the number of rounds and the shift of a rate since the training dates.",
        "Where a world's records are biased or its recording changes, the truth is not what",
        "records tell, and no interval from them can hold it. Written by",
        "`.venv/bin/python -m benchmarks.interval_coverage`.",
        "",
        "| world | outcome | tenths | held | held, narrow | held, highest tenth | width in 100 "
        "| narrow |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (world, outcome), tenths in found.items():
        inside = [one.low <= one.truth <= one.high for one in tenths]
        narrow = [one.narrow_low <= one.truth <= one.narrow_high for one in tenths]
        wide = _mean_width([(one.low, one.high) for one in tenths])
        small = _mean_width([(one.narrow_low, one.narrow_high) for one in tenths])
        lines.append(
            f"| {world} | {outcome} | {len(tenths)} | {np.mean(inside):.2f} "
            f"| {np.mean(narrow):.2f} | {np.mean(inside[_TENTHS - 1 :: _TENTHS]):.2f} "
            f"| {wide:.1f} | {small:.1f} |"
        )
    return "\n".join([*lines, ""])


def _mean_width(ends: list[tuple[float, float]]) -> float:
    values: Float64 = np.array(ends)
    return float(100 * np.mean(values[:, 1] - values[:, 0]))


def main() -> None:
    """Measure so many units of each world, at most all seeds, and write the page's part."""
    n_units = min(int(sys.argv[1]) if len(sys.argv) > 1 else len(SEEDS), len(SEEDS))
    found: dict[tuple[str, str], list[Tenth]] = defaultdict(list)
    for world in WORLDS:
        for seed in SEEDS[:n_units]:
            unit = make_learning_unit(N_CASES, seed, world)
            for outcome, tenths in measure_unit(unit, load_config()):
                found[world, outcome] += tenths
            say(f"{world}: seed {seed}")
    replace_part(RESULTS, _HEADING, describe(found, n_units))


if __name__ == "__main__":
    main()
