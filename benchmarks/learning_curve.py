"""How much of what could be found each model finds, by the size of the unit.

On synthetic units, whose truth is known by letting every case's future happen 400 times, each model
puts the open cases in order; what counts is how many outcomes are to be expected among the first
thirty. Every unit and model has one file, so that the command can be stopped and taken up again:

    python -m benchmarks.learning_curve --folder var/learning-curve --hours 6

The seeds were written down before the first run and stand apart from those that anything was
developed on. A file that is there is never made again.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from benchmarks.learning import RESULTS, replace_part, say
from caselight.commands.demo import choose_dates
from features.catalogue.declarations import Catalogue, Outcome
from features.catalogue.file import load_catalogue
from features.contract.arrays import Float64
from features.history.assembly import assemble_history
from features.history.columns import History
from features.intake.contract_folder import fold_tables
from models.bundle.encoding import make_encoding
from synthetic.simulator import constants as set_by
from synthetic.simulator import make_unit
from synthetic.simulator.truth import find_truth
from training.cohorts.training_rows import (
    Cohort,
    TrainingRows,
    join_cohorts,
    take_cohort,
    take_cohorts,
    training_rows,
)
from training.config import TrainingConfig, load_config
from training.fitting.indicator_selection import make_rule
from training.fitting.models import fit_logistic, fit_outcome, fit_rfs

SEEDS: Final[Mapping[int, range]] = {
    3_000: range(92_001, 92_021),
    1_000: range(92_101, 92_121),
    10_000: range(92_201, 92_209),
    30_000: range(92_301, 92_304),
}
"""Seeds by number of cases, in the order in which they are run."""
DEVELOPED_ON: Final = (*range(91_801, 91_817), 2018)
"""Seeds that choices were made on, or that were looked at before; none is among the others."""
PLACES: Final = 30
BEFORE: Final = "before"
NOW: Final = "now"
_ROWS_OF_QUARTERS: Final = "trees before"
_LEAST_UNITS: Final = 2
"""With fewer there is no interval."""
_HEADING: Final = "# What each model finds, by the size of the unit"
_EXTRACT_US: Final = int(set_by.EXTRACT_AT.timestamp()) * 1_000_000
_SHIPPED_BEFORE: Final = {"max_depth": 6, "num_leaves": 24}


@dataclass(frozen=True)
class Found:
    """What one order of a unit's open cases finds of one outcome.

    Parameters
    ----------
    outcome, model
        Their names.
    rows, people
        Rows learnt from, and people with the outcome among them.
    places
        Expected outcomes in the first thirty places, by the truth.
    auc
        Expected area under the curve, by the truth.
    """

    outcome: str
    model: str
    rows: int
    people: int
    places: float
    auc: float


@dataclass(frozen=True)
class Unit:
    """A synthetic unit with its open cases at the test moment and their truth."""

    history: History
    catalogue: Catalogue
    test: Cohort
    test_us: int
    truth: Mapping[str, Float64]


def make_learning_unit(n_cases: int, seed: int, world: str = "standard") -> Unit:
    """Simulate a unit, and let the futures of its open cases happen."""
    made = make_unit(n_cases, seed, world=world)
    tables = {"cases": made.cases, "events": made.events, "facts": made.facts}
    history = assemble_history(
        fold_tables(tables, time_zone=set_by.TIME_ZONE, extract_at_us=_EXTRACT_US)
    )
    catalogue = load_catalogue("stalking")
    _, test_us = choose_dates(history, catalogue)
    test = take_cohort(history, catalogue, test_us)
    truth = find_truth(n_cases, seed, test_us, world=world)
    # A case's number is in its key; a case without a future is no longer followed.
    number = np.array([int(one[5:]) - 1 for one in history.case_id[test.landmarks.case]])
    followed = np.isin(number, truth.case)
    place = np.searchsorted(truth.case, number[followed])
    by_outcome = {
        one.name: truth.probability[place, truth.column(one.name)] for one in catalogue.outcomes
    }
    return Unit(history, catalogue, test.take(followed), test_us, by_outcome)


def measure_before(unit: Unit, config: TrainingConfig) -> Iterator[Found]:
    """Measure the trees as they were: four cohorts, one size for all (ADR 29)."""
    old = replace(
        config, lightgbm={**config.lightgbm, **_SHIPPED_BEFORE}, few_people=0, person_weight=0.0
    )
    for outcome, rows in learn_from(unit, monthly=False):
        if rows.n_positives < config.least_positives:
            continue
        model = fit_outcome(outcome.name, rows, make_encoding(unit.catalogue), old).trees
        yield _judge(unit, outcome, rows, _ROWS_OF_QUARTERS, model.log_odds)


def measure_now(unit: Unit, config: TrainingConfig) -> Iterator[Found]:
    """Measure the model as it is, each of its parts, and what it is held against."""
    catalogue = unit.catalogue
    assert catalogue.rfs is not None, "the shipped catalogue has a rule"
    encoding = make_encoding(catalogue)
    for outcome, rows in learn_from(unit, monthly=True):
        rule = fit_rfs(rows, catalogue.rfs, catalogue.columns)
        yield _judge(unit, outcome, rows, "rule", rule.raw, encoded=False)
        if rows.n_positives < config.least_positives:
            continue
        logistic = fit_logistic(rows, config)
        yield _judge(unit, outcome, rows, "logistic", logistic.probability, encoded=False)
        fitted = fit_outcome(
            outcome.name,
            rows,
            encoding,
            config.fit_to(rows.n_people_with_outcome),
            rule=make_rule(catalogue),
        )
        yield _judge(unit, outcome, rows, "trees", fitted.trees.log_odds)
        yield _judge(unit, outcome, rows, "both", fitted.model.log_odds)


MODELS: Final[Mapping[str, Callable[[Unit, TrainingConfig], Iterator[Found]]]] = {
    BEFORE: measure_before,
    NOW: measure_now,
}


def learn_from(unit: Unit, *, monthly: bool) -> Iterator[tuple[Outcome, TrainingRows]]:
    """Yield each outcome with its training rows, monthly cohorts or four a quarter apart."""
    dates, _ = choose_dates(unit.history, unit.catalogue, monthly=monthly)
    cohorts = take_cohorts(unit.history, unit.catalogue, dates)
    learnt = join_cohorts(list(cohorts.values()))
    for outcome in unit.catalogue.outcomes:
        yield outcome, training_rows(unit.history, unit.catalogue, outcome, learnt, unit.test_us)


def _judge(
    unit: Unit,
    outcome: Outcome,
    rows: TrainingRows,
    model: str,
    score: Callable[[Float64], Float64],
    *,
    encoded: bool = True,
) -> Found:
    values = unit.test.values
    order = score(make_encoding(unit.catalogue).encode(values) if encoded else values)
    truth = unit.truth[outcome.name]
    return Found(
        outcome=outcome.name,
        model=model,
        rows=len(rows.y_true),
        people=rows.n_people_with_outcome,
        places=sum_places(order, truth),
        auc=expect_auc(order, truth),
    )


def sum_places(order: Float64, truth: Float64) -> float:
    """Return the outcomes to be expected in the first thirty places.

    Parameters
    ----------
    order
        Shape ``(n_cases,)``; higher is seen sooner, equals in the order of their rows.
    truth
        Shape ``(n_cases,)``: true probabilities.
    """
    return float(truth[np.argsort(-order, kind="stable")[:PLACES]].sum())


def expect_auc(order: Float64, truth: Float64) -> float:
    """Return the area under the curve to be expected: each case counts with and without it."""
    labels = np.repeat([1, 0], len(order))
    weight = np.concatenate([truth, 1.0 - truth])
    return float(roc_auc_score(labels, np.tile(order, 2), sample_weight=weight))


def measure_unit(n_cases: int, seed: int, folder: Path) -> bool:
    """Measure what is missing of one unit; return whether anything was."""
    missing = [name for name in MODELS if not _place(folder, n_cases, seed, name).is_file()]
    if not missing:
        return False
    unit, config = make_learning_unit(n_cases, seed), load_config()
    best = {
        name: {"places": sum_places(truth, truth), "auc": expect_auc(truth, truth)}
        for name, truth in unit.truth.items()
    }
    for name in missing:
        begun = time.process_time()
        found = [asdict(one) for one in MODELS[name](unit, config)]
        told = {
            "cases": n_cases,
            "seed": seed,
            "open": len(unit.test),
            "truth": best,
            "found": found,
            "processor_s": round(time.process_time() - begun, 1),
        }
        path = _place(folder, n_cases, seed, name)
        # Written whole or not at all, so that a stopped run leaves no half of a file.
        path.with_suffix(".part").write_text(json.dumps(told), encoding="utf-8")
        path.with_suffix(".part").replace(path)
    return True


def _place(folder: Path, n_cases: int, seed: int, name: str) -> Path:
    return folder / f"{n_cases}-{seed}-{name}.json"


def read_found(folder: Path, n_cases: int) -> dict[int, dict[tuple[str, str], dict[str, float]]]:
    """Return what is on file of units of a size: by seed, then by outcome and model.

    A unit counts once both of its files are there; ``truth`` stands among the models.
    """
    found: dict[int, dict[tuple[str, str], dict[str, float]]] = {}
    for seed in SEEDS[n_cases]:
        paths = [_place(folder, n_cases, seed, name) for name in MODELS]
        if not all(path.is_file() for path in paths):
            continue
        found[seed] = {}
        for told in (json.loads(path.read_text(encoding="utf-8")) for path in paths):
            found[seed] |= {(one, "truth"): of for one, of in told["truth"].items()}
            found[seed] |= {(one["outcome"], one["model"]): one for one in told["found"]}
    return found


def interval_of_ratio(model: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Return how much more one finds than another, with the paired 95 % interval over units.

    Parameters
    ----------
    model, other
        Of the same units, at least two.

    Returns
    -------
    mean, low, high : float
        Relative to the other's mean. Student's interval of the differences.
    """
    difference = np.subtract(model, other)
    n = len(difference)
    wide = float(student.ppf(0.975, n - 1) * difference.std(ddof=1) / np.sqrt(n))
    mean, of = float(difference.mean()), float(np.mean(other))
    return mean / of, (mean - wide) / of, (mean + wide) / of


def describe_curve(folder: Path) -> str:
    """Return the page's part: a table for each outcome, and what is missing."""
    lines = [
        "Expected outcomes in thirty places among the open cases, by the true probabilities: the",
        "mean over units, and in brackets the share of what the truth itself would find. *Trees",
        "before* learnt from four cohorts a quarter apart with one size of tree, as before",
        "decisions 28 and 29; the others learn from sixteen monthly cohorts. Written by",
        "`.venv/bin/python -m benchmarks.learning_curve`, whose first lines hold the seeds. They",
        "were written down before the first run, and nothing was developed on them.",
        "",
    ]
    names = ("rule", "logistic", _ROWS_OF_QUARTERS, "trees", "both")
    for outcome in load_catalogue("stalking").outcomes:
        lines += [
            f"## {outcome.name}",
            "",
            f"| cases | units | {' | '.join(names)} | truth | both over trees before [95 %] "
            "| both over logistic [95 %] |",
            "|---|---|" + "---|" * (len(names) + 3),
        ]
        lines += [_describe_size(folder, n, outcome.name, names) for n in sorted(SEEDS)]
        lines.append("")
    counts = {n: len(read_found(folder, n)) for n in sorted(SEEDS)}
    missing = [
        f"{len(SEEDS[n]) - done} of {len(SEEDS[n])} units of {n:,}"
        for n, done in counts.items()
        if done < len(SEEDS[n])
    ]
    lines.append(f"Missing: {'; '.join(missing)}." if missing else "Nothing is missing.")
    return "\n".join([*lines, ""])


def _describe_size(folder: Path, n_cases: int, outcome: str, names: Sequence[str]) -> str:
    """Return a size's row: only units with every model count, so that all are of the same ones."""
    found = read_found(folder, n_cases)
    needed = [(outcome, name) for name in names]
    units = [one for one in found.values() if all(key in one for key in needed)]
    if not units:
        rule = [one[outcome, "rule"]["places"] for one in found.values()]
        told = f"{np.mean(rule):.1f}" if rule else "-"
        return f"| {n_cases:,} | {len(rule)} | {told} |" + " - |" * (len(names) + 2)

    def take(name: str) -> list[float]:
        return [one[outcome, name]["places"] for one in units]

    best = np.mean(take("truth"))
    cells = [f"{np.mean(take(name)):.2f} ({np.mean(take(name)) / best:.0%})" for name in names]
    pairs = []
    for other in (_ROWS_OF_QUARTERS, "logistic"):
        if len(units) < _LEAST_UNITS:
            pairs.append("-")
            continue
        mean, low, high = interval_of_ratio(take("both"), take(other))
        pairs.append(f"{mean:+.1%} [{low:+.1%}, {high:+.1%}]")
    return f"| {n_cases:,} | {len(units)} | {' | '.join([*cells, f'{best:.2f}', *pairs])} |"


def main() -> None:
    """Measure what is missing until the time is up, and write the page's part."""
    parser = argparse.ArgumentParser(prog="benchmarks.learning_curve", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var/learning-curve"))
    parser.add_argument("--hours", type=float, default=6.0, help="begin no unit after so long")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 3600 * chosen.hours
    for n_cases, seeds in SEEDS.items():
        for number, seed in enumerate(seeds, 1):
            if time.monotonic() >= until:
                say("the time is up; the same command takes it up again")
                break
            if measure_unit(n_cases, seed, chosen.folder):
                say(f"{n_cases:,} cases: {number} of {len(seeds)} units")
    replace_part(RESULTS, _HEADING, describe_curve(chosen.folder))


if __name__ == "__main__":
    main()
