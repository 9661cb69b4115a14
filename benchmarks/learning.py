"""How far a model of 100,000 cases comes: beside one of twenty times the cases, and the truth."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import dataclasses
import re
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from caselight.commands.demo import choose_dates
from features.catalogue.declarations import Catalogue
from features.catalogue.file import load_catalogue
from features.contract.arrays import Float64
from features.history.assembly import assemble_history
from features.history.columns import History
from features.intake.contract_folder import fold_tables
from models.bundle.encoding import make_encoding
from synthetic.simulator import constants as set_by
from synthetic.simulator import stream_unit
from synthetic.simulator.truth import find_truth
from training.cohorts.landmarks import measure_landmarks, take_at_dates
from training.cohorts.training_rows import Cohort, label_cohort, take_cohort, training_rows
from training.config import load_config
from training.figures.metrics import recall_at_k
from training.fitting.models import TrainingRows, fit_outcome

RESULTS = Path(__file__).with_name("LEARNING.md")
N_CASES = 100_000
TIMES = 20
SEED = 501
CHUNK = 100_000
CAPACITY = 1_000
"""Thirty places a week for 3,000 cases, in proportion."""
COHORTS = 2
"""Latest training cohorts that both models learn from."""
OUTCOMES = ("violence",)
EXTRACT_US = int(set_by.EXTRACT_AT.timestamp()) * 1_000_000
_MOST_CASES = 1_000_000
PARTS = 10


def say(message: str) -> None:
    """Tell progress."""
    print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


def stream_histories(n_cases: int, seed: int) -> "list[History]":
    """Yield a unit's histories chunk by chunk; units above a million take further seeds."""
    while n_cases > 0:
        size = min(n_cases, _MOST_CASES)
        for unit in stream_unit(size, seed, chunk_cases=CHUNK):
            tables = {"cases": unit.cases, "events": unit.events, "facts": unit.facts}
            yield assemble_history(
                fold_tables(tables, time_zone=set_by.TIME_ZONE, extract_at_us=EXTRACT_US)
            )
        n_cases, seed = n_cases - size, seed + 1


def take_rows(
    history: History, catalogue: Catalogue, dates: list[int], used_at_us: int
) -> dict[str, TrainingRows]:
    """Return each outcome's training rows as known at the moment of use."""
    marks = take_at_dates(history, catalogue, dates)  # a chunk of late cases has none early on
    cohort = Cohort("learnt from", marks, measure_landmarks(history, catalogue, marks))
    return {
        outcome.name: training_rows(history, catalogue, outcome, cohort, used_at_us)
        for outcome in catalogue.outcomes
    }


def stack(parts: list[TrainingRows]) -> TrainingRows:
    """Return rows of several chunks as one; their people are different people."""
    parts = [part for part in parts if len(part.y_true)]
    shift = np.cumsum([0, *(int(part.person.max()) + 1 for part in parts)])
    return TrainingRows(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.y_true for part in parts]),
        np.concatenate([p.person + by for p, by in zip(parts, shift, strict=False)]),
    )


def compare_parts(probability: Float64, truth: Float64) -> list[tuple[float, float]]:
    """Return mean estimate and mean truth in each tenth of the estimate, lowest first."""
    order = np.argsort(probability, kind="stable")
    return [
        (float(probability[part].mean()), float(truth[part].mean()))
        for part in np.array_split(order, PARTS)
    ]


def main() -> None:
    """Fit both models, hold them against the truth and write the tables."""
    whole = load_catalogue("stalking")
    outcomes = tuple(one for one in whole.outcomes if one.name in OUTCOMES)
    catalogue = dataclasses.replace(whole, outcomes=outcomes)
    encoding, config = make_encoding(catalogue), load_config()
    say(f"making a unit of {N_CASES:,} cases")
    (history,) = stream_histories(N_CASES, SEED)
    all_dates, test_date = choose_dates(history, catalogue)
    dates = all_dates[-COHORTS:]
    rows = take_rows(history, catalogue, dates, test_date)
    test = take_cohort(history, catalogue, test_date)
    say("fitting on it")
    small = {name: fit_outcome(name, of, encoding, config).model for name, of in rows.items()}
    say("letting its futures happen")
    truth = find_truth(N_CASES, SEED, test_date, threads=2)
    place = np.searchsorted(truth.case, test.landmarks.case)
    say(f"making {TIMES} times the cases")
    more: dict[str, list[TrainingRows]] = {name: [] for name in OUTCOMES}
    for part in stream_histories(TIMES * N_CASES, SEED + 100):
        for name, of in take_rows(part, catalogue, dates, test_date).items():
            more[name].append(of)
        say(f"  {sum(len(of.y_true) for of in more[OUTCOMES[0]]):,} rows")
    lines = []
    for outcome in catalogue.outcomes:
        name = outcome.name
        say(f"fitting '{name}' on them")
        rows_of_many = stack(more.pop(name))
        large = fit_outcome(name, rows_of_many, encoding, config).model
        labels = label_cohort(history, catalogue, outcome, test, history.extract_at)
        kept = labels.known
        x = encoding.encode(test.values)
        true = truth.probability[place, truth.column(name)]
        lines += describe(
            name,
            labels.y_true[kept],
            {"model": small[name].probability(x)[kept], "large": large.probability(x)[kept]},
            true[kept],
            (len(rows[name].y_true), len(rows_of_many.y_true)),
        )
    text = _HEAD.format(times=TIMES, capacity=CAPACITY) + "\n".join(lines) + "\n"
    print(text)
    replace_part(RESULTS, f"# How far a model of {N_CASES:,} cases comes", text)


def replace_part(page: Path, heading: str, text: str) -> None:
    """Write one part of a page, which begins with its heading; the others stay as they are."""
    before = page.read_text(encoding="utf-8") if page.is_file() else ""
    parts = {
        part.partition("\n")[0]: part.strip() for part in re.split(r"^(?=# )", before, flags=re.M)
    }
    parts[heading] = f"{heading}\n\n{text.strip()}"
    page.write_text("\n\n".join(filter(None, parts.values())) + "\n", encoding="utf-8")


def describe(
    name: str,
    y_true: np.ndarray,
    probability: dict[str, Float64],
    truth: Float64,
    sizes: tuple[int, int],
) -> list[str]:
    """Return one outcome's tables."""
    ceiling = float(roc_auc_score(y_true, truth))
    auc = {key: float(roc_auc_score(y_true, of)) for key, of in probability.items()}
    recall = {key: recall_at_k(y_true, of, CAPACITY) for key, of in probability.items()}
    true_recall = {
        key: float(truth[np.argsort(-of, kind="stable")[:CAPACITY]].sum() / truth.sum())
        for key, of in probability.items()
    }
    best = float(np.sort(truth)[::-1][:CAPACITY].sum() / truth.sum())
    share = (auc["model"] - 0.5) / (auc["large"] - 0.5)
    parts = compare_parts(probability["model"], truth)
    worst = max(abs(p - t) / t for p, t in parts)
    return [
        f"## {name}",
        "",
        f"Test: {len(y_true):,} open cases, {int(y_true.sum()):,} with the outcome.",
        "",
        "| | rows learnt from | AUC | recall at capacity | the same by the truth |",
        "|---|---|---|---|---|",
        f"| this unit | {sizes[0]:,} | {auc['model']:.4f} | {recall['model']:.4f} "
        f"| {true_recall['model']:.4f} |",
        f"| {TIMES} times the cases | {sizes[1]:,} | {auc['large']:.4f} | {recall['large']:.4f} "
        f"| {true_recall['large']:.4f} |",
        f"| the truth itself (latent ceiling) | | {ceiling:.4f} | "
        f"{recall_at_k(y_true, truth, CAPACITY):.4f} | {best:.4f} |",
        "",
        f"Of the larger model's (AUC - .5): {share:.1%}; of its recall at capacity: "
        f"{recall['model'] / recall['large']:.1%} by outcomes, "
        f"{true_recall['model'] / true_recall['large']:.1%} by the truth.",
        "",
        "| tenth of the estimate, lowest first | mean estimate | mean truth | off by |",
        "|---|---|---|---|",
        *(
            f"| {number} | {p:.4f} | {t:.4f} | {(p - t) / t:+.1%} |"
            for number, (p, t) in enumerate(parts, 1)
        ),
        "",
        f"Largest: {worst:.1%} of the truth.",
        "",
    ]


_HEAD = """On the standard world, whose truth is known by letting every case's future happen 400
times. Two models of one kind, one learnt from the unit's own cases and one from {times} times as
many others, are tested on the same open cases; {capacity:,} places. Written by
`.venv/bin/python -m benchmarks.learning`.

"""

if __name__ == "__main__":
    main()
