"""Whether the report reaches the right conclusion by itself: eight worlds, many seeds, one test."""

import os

# Two processes share two processors; libraries that start threads of their own would be in the way.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from scipy.stats import binom

from caselight.commands.demo import choose_dates
from features.catalogue.declarations import Catalogue
from features.catalogue.file import load_catalogue
from features.history.assembly import assemble_history
from features.intake.contract_folder import fold_tables
from models.run_figures.fitting import PooledFigures, UninformativeFigures
from models.run_figures.run import RunFigures
from models.run_figures.screening_list import ManagedTruth
from synthetic.simulator import constants as set_by
from synthetic.simulator import make_unit
from synthetic.simulator.shadow_catalogue import write_shadow_catalogue
from synthetic.simulator.truth import find_truth
from synthetic.simulator.worlds import WORLDS
from training.audit import read_characteristics
from training.config import TrainingConfig, load_config
from training.fitting.pooling import STRENGTHS
from training.options import RunOptions
from training.pipeline import train

RESULTS = Path(__file__).with_name("WORLDS.md")
SEEDS = range(101, 121)
"""Never used to develop anything."""
N_CASES = 5_000
N_CASES_OF_TWICE = 12_000
"""Twice the indicators want more cases: what is asked is whether they cost anything then."""
EXTRACT_US = int(set_by.EXTRACT_AT.timestamp()) * 1_000_000
RIGHT = 0.95
"""Share of runs that must come out right, for the joint test."""
_WRONG = 0.01
"""Level of the joint test."""


def run_world(name: str, seed: int, n_cases: int | None = None) -> dict[str, object]:
    """Simulate one unit, train on it as a user would, and say whether the report is right."""
    begun = time.monotonic()
    n_cases = n_cases or (N_CASES_OF_TWICE if WORLDS[name].has_shadows else N_CASES)
    unit = make_unit(n_cases, seed, world=name)
    tables = {"cases": unit.cases, "events": unit.events, "facts": unit.facts}
    history = assemble_history(
        fold_tables(tables, time_zone=set_by.TIME_ZONE, extract_at_us=EXTRACT_US)
    )
    catalogue = take_catalogue(name)
    train_dates, test_date = choose_dates(history, catalogue)
    options = RunOptions(
        characteristics=read_characteristics(unit.people.to_pandas(), history.case_id)
        if name in ("standard", "recording-bias")
        else None,
        across_breaks=True,  # the break must be reported, so the run must come to its report
        truth=find_truth(n_cases, seed, test_date, world=name)
        if name == "selective-management"
        else None,
        idle=name in ("standard", "irrelevant-indicators"),
    )
    with tempfile.TemporaryDirectory() as place:
        result = train(
            history,
            catalogue,
            train_dates,
            [test_date],
            Path(place) / "bundle",
            capacity=30,
            config=quick_config(),
            progress=lambda message: None,
            options=options,
        )
    checked = CHECKS[name](result.metrics, catalogue)
    return {
        "world": name,
        "seed": seed,
        "right": all(checked.values()),
        "checks": checked,
        "kinds": sorted({(one.kind, one.about) for one in result.metrics.findings}),
        "seconds": time.monotonic() - begun,
    }


def quick_config() -> TrainingConfig:
    """Return the shipped choices, made quicker: what is asked here is asked many times."""
    shipped = load_config()
    return dataclasses.replace(
        shipped,
        bootstrap_draws=400,
        folds=3,
        early_stopping_rounds=30,
        lightgbm={**shipped.lightgbm, "learning_rate": 0.08},
    )


def take_catalogue(name: str) -> Catalogue:
    """Return the stalking catalogue, with its shadow half where the world has one."""
    plain = load_catalogue("stalking")
    if not WORLDS[name].has_shadows:
        return plain
    with tempfile.TemporaryDirectory() as place:
        write_shadow_catalogue(Path(place))
        return load_catalogue(str(Path(place) / "catalogue.yaml"))


def _found(figures: RunFigures, kind: str) -> set[str]:
    return {one.about for one in figures.findings if one.kind == kind}


def _recorded_less(figures: RunFigures) -> set[str]:
    return _found(figures, "recorded_less") | _found(figures, "fewer_records")


def check_standard(figures: RunFigures, _: Catalogue) -> dict[str, bool]:
    """Nothing is there to be found: none of the traps' warnings may be given."""
    return {
        "no false break": not _found(figures, "recording_break"),
        "no false warning of management": not _found(figures, "managed_look_safer"),
        "no group said to be recorded less": not _recorded_less(figures),
        "signal in violence": "violence" not in _found(figures, "no_signal"),
    }


def check_no_signal(figures: RunFigures, _: Catalogue) -> dict[str, bool]:
    """The report says that there is no signal, of every outcome that has a model."""
    modelled = {name for name, of in figures.outcomes.items() if next(iter(of.values())).auc}
    return {"says so": bool(modelled) and modelled == _found(figures, "no_signal")}


def check_rule(figures: RunFigures, _: Catalogue) -> dict[str, bool]:
    """The rule is recommended for the outcomes that it orders."""
    return {
        f"recommends the rule for {name}": name
        in _found(figures, "rule_suffices") | _found(figures, "no_signal")
        for name in ("persistence", "violence")
    }


def check_management(figures: RunFigures, _: Catalogue) -> dict[str, bool]:
    """The report warns, and shows that managed cases stand too low."""
    managed = (figures.truth or {})["violence"].managed or ManagedTruth()
    return {
        "warns": bool(_found(figures, "managed_look_safer")),
        "shows them higher by the untreated truth": (managed.median_untreated_place or 0.0)
        < (managed.median_place or 0.0),
    }


def check_bias(figures: RunFigures, _: Catalogue) -> dict[str, bool]:
    """The report finds the group whose acts are recorded less, and no other."""
    found = _recorded_less(figures)
    return {"finds the group": "victim sex" in found, "and no other": found <= {"victim sex"}}


def check_break(figures: RunFigures, _: Catalogue) -> dict[str, bool]:
    """The report dates the change within about a month; no estimate follows a fall across it."""
    at = WORLDS["recording-break"].break_at
    assert at is not None
    days = [abs((one.date_us or 0) / 1e6 - at.timestamp()) / 86_400 for one in figures.breaks or ()]
    shifts = [one.shift for one in (figures.drift or {}).values()]
    return {
        "dates it": bool(days) and min(days) <= 35,  # noqa: PLR2004 - a month and the way to its start
        "no estimate falls": bool(shifts) and min(shifts) >= 0,
    }


def check_quiet(figures: RunFigures, _: Catalogue) -> dict[str, bool]:
    """The report does not let violence stand for serious harm."""
    found = figures.training["serious_harm"].pooled or PooledFigures()
    return {
        "follows violence less than wholly": (found.slope if found.slope is not None else 1.0)
        < 1.0,
        "finds that something differs": (found.offset_alone or 0.0) < 1 / len(STRENGTHS),
    }


def check_irrelevant(figures: RunFigures, catalogue: Catalogue) -> dict[str, bool]:
    """Irrelevant indicators are named as such and cost nothing."""
    shadows = {one.name for one in catalogue.indicators if one.name.startswith("shadow_")}
    assert len(shadows) == len(catalogue.indicators) / 2
    checked = {}
    for name in ("persistence", "violence"):
        idle = figures.training[name].idle or UninformativeFigures()
        named = len(shadows & set(idle.names)) / len(shadows)
        checked[f"names them for {name}"] = named >= 0.95  # noqa: PLR2004
        checked[f"no loss in {name}"] = "no loss" in idle.words
    return checked


CHECKS: Mapping[str, Callable[[RunFigures, Catalogue], dict[str, bool]]] = {
    "standard": check_standard,
    "no-signal": check_no_signal,
    "rule-suffices": check_rule,
    "selective-management": check_management,
    "recording-bias": check_bias,
    "recording-break": check_break,
    "quiet-harm": check_quiet,
    "irrelevant-indicators": check_irrelevant,
}


def judge(runs: list[dict[str, Any]]) -> str:
    """Return the table and the joint test in words."""
    lines = ["| world | right | of | what went wrong |", "|---|---|---|---|"]
    right = total = 0
    for name in CHECKS:
        some = [one for one in runs if one["world"] == name]
        if not some:
            continue
        good = sum(one["right"] for one in some)
        wrong: dict[str, int] = {}
        for one in some:
            for check, holds in one["checks"].items():
                if not holds:
                    wrong[check] = wrong.get(check, 0) + 1
        told = "; ".join(f"not '{check}' ({count})" for check, count in wrong.items())
        lines.append(f"| {name} | {good} | {len(some)} | {told} |")
        right, total = right + good, total + len(some)
    p_value = float(binom.cdf(right, total, RIGHT))
    verdict = "holds" if p_value > _WRONG else "DOES NOT HOLD"
    lines += [
        "",
        f"Joint test of 'at least {RIGHT:.0%} of runs come out right': {right} of {total}, "
        f"p = {p_value:.3f}: it {verdict}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run every world with every seed and write the table."""
    names = sys.argv[1].split(",") if len(sys.argv) > 1 else list(CHECKS)
    seeds = range(*map(int, sys.argv[2].split(":"))) if len(sys.argv) > 2 else SEEDS  # noqa: PLR2004
    tasks = [(name, seed) for seed in seeds for name in names]
    runs = []
    with ProcessPoolExecutor(2) as pool:
        waiting = [pool.submit(run_world, name, seed) for name, seed in tasks]
        for one in waiting:
            done = one.result()
            runs.append(done)
            print(json.dumps(done), flush=True)
    text = judge(runs)
    print(text)
    if names == list(CHECKS) and seeds == SEEDS:
        RESULTS.write_text(
            _HEAD.format(n=N_CASES, twice=N_CASES_OF_TWICE, seeds=len(seeds)) + text,
            encoding="utf-8",
        )


_HEAD = """# Worlds with known truth

Whether the report reaches the right conclusion by itself. Each world is a synthetic unit of {n:,}
cases ({twice:,} where the catalogue is doubled) with one trap whose answer is known; {seeds} seeds
each, which were used for nothing else. `standard` has no trap: no warning may be given there.
Written by `.venv/bin/python -m benchmarks.worlds`.

"""

if __name__ == "__main__":
    main()
