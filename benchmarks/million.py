"""One million synthetic cases end to end, beside a bare LightGBM fit on the same matrix."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import lightgbm
import numpy as np

from benchmarks.scaling import _peak_bytes
from caselight.commands.demo import choose_dates
from features.catalogue.file import load_catalogue
from features.engine.warming import compile_engine
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.encoding import Encoding, make_encoding
from synthetic.simulator import simulate_unit
from training.cohorts.outcome_rows import TrainingRows
from training.cohorts.training_rows import join_cohorts, take_cohorts, training_rows
from training.config import TrainingConfig, load_config
from training.fitting.models import boosting_parameters
from training.options import RunOptions
from training.pipeline import train

N_CASES = 1_000_000
SEED = 71
Found = TypeVar("Found")


def timed(call: Callable[[], Found]) -> tuple[Found, float]:
    """Return what a call gives and the seconds it took."""
    begun = time.perf_counter()
    found = call()
    return found, time.perf_counter() - begun


def say(message: str) -> None:
    """Tell progress."""
    print(f"  {time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


def fit_barely(
    rows: TrainingRows, encoding: Encoding, config: TrainingConfig, rounds: int
) -> float:
    """Return the seconds that LightGBM alone takes with an outcome's matrix, binning included."""
    x, y = rows.encode(encoding), rows.y_true.astype(np.float64)
    parameters = boosting_parameters(encoding, config, len(y))

    def fit() -> lightgbm.Booster:
        data = lightgbm.Dataset(
            x, label=y, params={"max_bin": parameters["max_bin"], "verbosity": -1}
        )
        return lightgbm.train(parameters, data, num_boost_round=rounds)

    return timed(fit)[1]


def run(n_cases: int) -> dict[str, float]:
    """Simulate, read, train and evaluate in this process; then fit the same matrix barely."""
    compile_engine()
    catalogue, config = load_catalogue("stalking"), load_config()
    with tempfile.TemporaryDirectory() as place:
        unit, bundle = Path(place) / "unit", Path(place) / "bundle"
        _, simulated = timed(lambda: simulate_unit(n_cases, SEED, unit, progress=say))
        say("reading")
        history, read = timed(lambda: assemble_history(read_folder(unit)))
        train_dates, test_date = choose_dates(history, catalogue)
        result, whole = timed(
            lambda: train(
                history,
                catalogue,
                train_dates,
                [test_date],
                bundle,
                capacity=30,
                config=config,
                progress=say,
                options=RunOptions(idle=False, synthetic=True),
            )
        )
    say("the bare fits")
    trained = result.metrics.training
    rounds = {name: one.rounds for name, one in trained.items() if one.rounds is not None}
    cohort = join_cohorts([*take_cohorts(history, catalogue, train_dates).values()])
    encoding = make_encoding(catalogue)
    bare, n_rows = 0.0, 0
    for outcome in catalogue.outcomes:
        if outcome.name not in rounds:
            continue
        rows = training_rows(history, catalogue, outcome, cohort, test_date)
        bare += fit_barely(rows, encoding, config, rounds[outcome.name])
        n_rows = max(n_rows, len(rows.y_true))
        say(f"  {outcome.name}: {bare:.0f} s so far")
    return {
        "n_cases": n_cases,
        "n_events": len(history.events),
        "n_rows": n_rows,
        "n_columns": len(encoding.columns),
        "simulated_s": simulated,
        "read_s": read,
        "train_s": whole,
        "bare_s": bare,
        "peak_mib": _peak_bytes() / 2**20,
    }


def describe_million(n_cases: int = N_CASES) -> str:
    """Run in a process of its own and return the table."""
    command = [sys.executable, "-m", "benchmarks.million", str(n_cases)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    on_top = found["train_s"] / found["bare_s"] - 1
    sizes = f"{found['n_cases']:,.0f} cases, {found['n_events']:,.0f} events"
    matrix = f"{found['n_rows']:,.0f} training rows of {found['n_columns']:.0f} columns"
    return "\n".join(
        [
            f"{sizes}; four training dates and one test date,",
            f"{matrix}, four outcomes.",
            "The whole run measures, labels, chooses by back-tests, fits, calibrates, looks for",
            "drift and breaks, evaluates with intervals, plans and writes the bundle.",
            "",
            "| | time |",
            "|---|---|",
            f"| making the unit (written as Parquet) | {found['simulated_s']:.0f} s |",
            f"| reading it | {found['read_s']:.0f} s |",
            f"| the whole run | {found['train_s']:.0f} s |",
            f"| a bare LightGBM fit of the same matrices, same settings and rounds | "
            f"{found['bare_s']:.0f} s |",
            f"| all else on top of the bare fit | {on_top:+.0%} |",
            f"| peak memory of the process | {found['peak_mib']:,.0f} MiB |",
            "",
        ]
    )


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else N_CASES)))
