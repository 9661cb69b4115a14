"""Reasons of one case of a hundred events, the service's answers on one of five hundred, and
contributions beside LightGBM's own; one thread.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy import select
from starlette.testclient import TestClient

from benchmarks.environments import prepare
from benchmarks.one_case import time_calls
from caselight.commands.demo import choose_dates
from features.catalogue.declarations import DAY_US
from features.catalogue.file import load_catalogue
from features.contract.arrays import Float64
from features.contract.moments import format_moment
from features.contract.tables import RESERVED_KINDS, TABLES
from features.engine.measurement import measure
from features.history.assembly import assemble_history
from features.history.columns import History
from features.intake.contract_folder import ContractFolder, read_folder
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.folder import Bundle, load_bundle
from models.explanations.facade import (
    MovementEnd,
    explain,
    explain_case,
    explain_incidents,
    explain_movement,
    find_sensitivity,
    list_open_questions,
)
from models.ranking.order import rank
from serving.app import create_app
from serving.intake.records import append_rows
from serving.scoring.rescoring import score_cases
from serving.settings import make_settings
from serving.store.database import open_store
from serving.store.schema import case_keys
from serving.store.upgrading import upgrade
from synthetic.simulator import simulate_unit
from training.config import load_config
from training.pipeline import train

N_CASES: Final = 4_000
SEED: Final = 7
N_EVENTS: Final = 100
N_EVENTS_SERVED: Final = 500
ROUNDS: Final = 100
ROWS: Final = (1, 30, 2_000)
EARLIER_US: Final = 28 * DAY_US
_LIMITS_MS: Final = {"incidents": 50.0, "case": 150.0, "page": 200.0}
_OK: Final = 200
_ORIGIN: Final = "http://127.0.0.1"
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def describe_reasons() -> str:
    """Simulate a unit, train on it, and return the tables."""
    for name in _ONE_THREAD:
        os.environ[name] = "1"
    with tempfile.TemporaryDirectory() as place:
        bundle, history = _make_unit(Path(place))
        answers = [_describe_answers(Path(place), size) for size in (N_EVENTS, N_EVENTS_SERVED)]
    parts = [_describe_case(bundle, history), *answers, _describe_contributions(bundle, history)]
    return "\n".join(parts)


def _make_unit(place: Path) -> tuple[Bundle, History]:
    simulate_unit(N_CASES, SEED, place / "unit", progress=lambda message: None)
    history = assemble_history(read_folder(place / "unit"))
    catalogue = load_catalogue("stalking")
    train_dates, test_date = choose_dates(history, catalogue)
    train(
        history,
        catalogue,
        train_dates,
        [test_date],
        place / "bundle",
        capacity=30,
        config=dataclasses.replace(load_config(), bootstrap_draws=20),
        progress=lambda message: None,
    )
    return load_bundle(place / "bundle"), history


def _describe_case(bundle: Bundle, history: History) -> str:
    case = int(np.abs(np.diff(history.events.pointer) - N_EVENTS).argmin())
    as_of = history.extract_at
    before = MovementEnd(bundle, history, case, as_of - EARLIER_US)
    after = MovementEnd(bundle, history, case, as_of)
    number = np.array([case])
    told = explain_incidents(bundle, history, case, as_of)
    calls: dict[str, Callable[[], object]] = {
        "score, reasons, unknowns and flags": lambda: rank(bundle, history, as_of, number).advise(
            [0]
        ),
        "incidents": lambda: explain_incidents(bundle, history, case, as_of),
        "movement over 28 days": lambda: explain_movement(before, after),
        "unanswered questions": lambda: list_open_questions(bundle, history, case, as_of),
        "sensitivity": lambda: find_sensitivity(bundle, history, case, as_of),
        "case": lambda: explain_case(bundle, history, case, as_of, before=before),
    }
    words = {
        "incidents": f"incidents, exact, all {len(told)} outcomes",
        "case": "the whole case: reasons, families, incidents, questions, file and movement",
    }
    n_events = history.events_of(case).stop - history.events_of(case).start
    lines = [
        f"A case of {n_events} events in {told[0].n_units} incidents, median of {ROUNDS} calls and "
        "the slowest of 95 in 100:",
        "",
        "| | median | 95 in 100 | processor, mean | limit |",
        "|---|---|---|---|---|",
    ]
    lines += [_describe_call(name, words.get(name, name), call) for name, call in calls.items()]
    return "\n".join([*lines, ""])


def _describe_call(name: str, words: str, call: Callable[[], object]) -> str:
    times, busy = _time_each(call)
    limit = f"{_LIMITS_MS[name]:.0f} ms" if name in _LIMITS_MS else ""
    middle, slow = statistics.median(times), float(np.quantile(times, 0.95))
    return (
        f"| {words} | {1e3 * middle:.1f} ms | {1e3 * slow:.1f} ms | {1e3 * busy:.1f} ms | {limit} |"
    )


def _describe_answers(place: Path, n_events: int) -> str:
    """Return how long the service takes over one case, scored twice, on SQLite."""
    client, key = _serve_case(place, n_events)
    calls = {
        "page": f"/cases/{key}",
        "page in full": f"/cases/{key}?whole=yes",
        "the case as JSON": f"/v1/cases/{key}",
        "its reasons": f"/v1/cases/{key}/reasons",
        "its incidents": f"/v1/cases/{key}/incidents",
        "its movement": f"/v1/cases/{key}/movement",
        "its open questions": f"/v1/cases/{key}/open-questions",
    }
    words = {
        "page": "the page of the case as it opens: reasons, movement, what is open",
        "page in full": "the page with incidents and what would settle it, which a click asks for",
    }
    lines = [
        f"The service's answers on a case of {n_events} events, scored twice, from a store "
        "on SQLite, from request to last byte:",
        "",
        "| | median | 95 in 100 | processor, mean | limit |",
        "|---|---|---|---|---|",
    ]
    for name, url in calls.items():
        answer = client.get(url)
        if answer.status_code != _OK:
            raise RuntimeError(f"{name}: the service answered {answer.status_code}")
        lines.append(_describe_call(name, words.get(name, name), lambda url=url: client.get(url)))  # type: ignore[misc]
    return "\n".join([*lines, ""])


def _serve_case(place: Path, n_events: int) -> tuple[TestClient, str]:
    """Return a signed-in client of the service over one case, and the case's key."""
    read = read_folder(place / "unit")
    now_us = read.manifest.extract_at_us
    address, unit_zone = f"sqlite:///{place / f'unit-{n_events}.db'}", read.manifest.time_zone
    bundle = load_bundle(place / "bundle")
    moments = (now_us - EARLIER_US, now_us)
    store = open_store(address)
    upgrade(store, time_zone=unit_zone, synthetic=True)
    unit, since = store.read_unit(), 0
    for moment in moments:
        at = dataclasses.replace(store, clock=lambda moment=moment: moment)  # type: ignore[misc]
        with at.writing() as writing:
            rows = _take_case(read, n_events, since, moment)
            append_rows(writing, rows, unit, import_key=None)
        with at.reading() as connection:
            key = str(connection.execute(select(case_keys.c.case_key)).scalar_one())
        score_cases(at, bundle, [key], unit, "import")
        since = moment
    store.close()
    settings = make_settings(
        bundle=place / "bundle",
        database_url=address,
        now=format_moment(now_us, unit_zone),
        work=False,
    )
    client = TestClient(create_app(settings), base_url=_ORIGIN, headers={"origin": _ORIGIN})
    who = {"name": "Reader", "role": "screener", "agency": "police"}
    client.post("/v1/sign-in", json=who).raise_for_status()
    return client, key


def _take_case(
    read: ContractFolder, n_events: int, since_us: int, until_us: int
) -> dict[str, pd.DataFrame]:
    """Return the rows of one case, recorded within a time, that has the events of several."""
    held = {name: read.frame(name) for name in ("cases", "events", "facts")}
    counts = held["events"]["case_id"].value_counts()
    chosen = counts.index[: int(np.searchsorted(counts.cumsum(), N_EVENTS_SERVED)) + 1]
    events = held["events"][held["events"]["case_id"].isin(chosen)]
    events = events[~events["kind"].isin(RESERVED_KINDS)].sort_values("recorded_at")
    # Over the whole time, so that some came between the two scores.
    events = events.iloc[np.linspace(0, len(events) - 1, n_events).astype(np.int64)]
    names = {
        column: (events["case_id"] + "-" + events[column]).where(events[column].notna())
        for column in ("event_id", "incident_id", "supersedes")
    }
    frames = {
        "cases": held["cases"][held["cases"]["case_id"] == chosen[0]],
        "events": events.assign(**names, case_id=chosen[0]),
        "facts": held["facts"][held["facts"]["case_id"] == chosen[0]],
    }
    return {
        name: frame[(frame["recorded_at"] >= since_us) & (frame["recorded_at"] < until_us)][
            list(TABLES[name].column_names)
        ].reset_index(drop=True)
        for name, frame in frames.items()
    }


def _time_each(call: Callable[[], object]) -> tuple[list[float], float]:
    """Return how long each call took, and the mean time that the processor spent on one, seconds.

    The second says what a call costs where other work disturbs the first.
    """
    call()
    times = []
    busy = time.process_time()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times, (time.process_time() - busy) / ROUNDS


def _describe_contributions(bundle: Bundle, history: History) -> str:
    """Return how long contributions take beside the library's own call, and whether they agree."""
    values = measure(history, bundle.plan, history.extract_at, threads=1).values
    outcome, whole_model = next(iter(bundle.outcomes.items()))
    # Both libraries explain trees alone.
    model = dataclasses.replace(whole_model, linear=None, weight=1.0)
    lines = [
        f"Contributions to {outcome!r} by indicator, beside LightGBM's `pred_contrib` alone and",
        "FastTreeSHAP (`fasttreeshap-fixed`), one thread each:",
        "",
        "| rows | ours | `pred_contrib` | FastTreeSHAP | ours over `pred_contrib` "
        "| over FastTreeSHAP | largest difference of ours | of FastTreeSHAP's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for n_rows in ROWS:
        rows = values[:n_rows]
        x = bundle.encoding.encode(rows)

        def theirs(x: Float64 = x) -> Float64:
            return np.asarray(model.booster.predict(x, pred_contrib=True, num_threads=1))

        def ours(rows: Float64 = rows) -> object:
            return explain(model, bundle.encoding, rows)

        rounds = max(5, min(ROUNDS, 20_000 // n_rows))
        own, library = time_calls(ours, rounds), time_calls(theirs, rounds)
        whole = model.calibration.slope * theirs().sum(axis=1) + model.calibration.intercept
        told = explain(model, bundle.encoding, rows)
        apart = float(np.abs(told.base + told.by_indicator.sum(axis=1) - whole).max())
        other, found = _time_other(model, x, rounds)
        differs = float(np.abs(found - theirs()).max())
        lines.append(
            f"| {n_rows:,} | {1e3 * own:.2f} ms | {1e3 * library:.2f} ms | {1e3 * other:.2f} ms | "
            f"{own / library:.2f} | {own / other:.2f} | {apart:.0e} | {differs:.0e} |"
        )
    note = (
        "FastTreeSHAP's differences are those of rows with missing values, which it sends down "
        "another branch than LightGBM does; the engine's indicators are full of them."
    )
    return "\n".join([*lines, "", note, ""])


def _time_other(model: OutcomeModel, x: Float64, rounds: int) -> tuple[float, Float64]:
    """Return FastTreeSHAP's median seconds on these rows, in an environment of its own, and what it
    found.
    """
    script = Path(__file__).with_name("contenders") / "fasttreeshap_contributions.py"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model.booster.save_model(str(place / "model.txt"))
        np.save(place / "x.npy", x)
        names = [str(place / name) for name in ("model.txt", "x.npy", "found.npy")]
        command = [str(prepare("fasttreeshap")), "-W", "ignore", str(script), *names, str(rounds)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        times = json.loads(done.stdout.splitlines()[-1])
        return statistics.median(times), np.load(place / "found.npy")


if __name__ == "__main__":
    print(describe_reasons())
