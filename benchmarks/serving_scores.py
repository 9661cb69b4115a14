"""One case over a socket: raw records in and a score with reasons out, beside MLflow's own server.

MLflow serves the registered model of the same bundle and is fed with indicators that were measured
before: it reads no records, measures nothing and gives no reasons.
"""

import dataclasses
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from pydantic import TypeAdapter

from benchmarks.environments import ROOT
from benchmarks.score_cases import AS_OF, N_EVENTS, ZONE, make_requests
from benchmarks.score_clients import Answers, Server, find_port, measure_memory, send, started
from caselight.commands.demo import choose_dates
from features.catalogue.file import load_catalogue
from features.contract.json_text import read_json
from features.contract.moments import parse_date
from features.engine.measurement import measure
from features.history.assembly import assemble_history
from features.history.columns import History
from features.intake.contract_folder import assemble_columns, read_folder
from models.bundle.folder import Bundle, load_bundle
from models.ranking.advice import Estimate
from models.ranking.estimates import make_estimates
from models.ranking.order import rank
from serving.api.scores import lay_out, make_scores
from serving.app import open_service
from serving.schemas import ScoreRequest, ScoresOut
from serving.service import Service
from serving.settings import make_settings
from synthetic.simulator import simulate_unit
from training.config import load_config
from training.pipeline import train
from training.registry.tracking import Registered, track

N_CASES: Final = 1_000
CLIENTS: Final = 8
ROUNDS: Final = 3
_UNTIMED: Final = 50
_EXACT: Final = 1e-12
_ANSWER: Final = TypeAdapter(ScoresOut)
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class _Contest:
    """Two servers, and the same cases as each of them takes them."""

    ours: Server
    mlflow: Server
    raw: list[bytes]
    prepared: list[bytes]


def describe_scores() -> str:
    """Return the tables."""
    with tempfile.TemporaryDirectory() as place:
        bundle_path, registered = _make_model(Path(place))
        bundle = load_bundle(bundle_path)
        raw = [json.dumps(one).encode() for one in _make(bundle, N_CASES)]
        prepared = [_prepare(bundle, body) for body in raw]
        with _serving(bundle_path, registered) as (ours, mlflow), _on_the_last_processor():
            contest = _Contest(ours, mlflow, raw, prepared)
            largest = _compare(contest)
            rows = list(_race(contest))
        split = "\n".join(_split(bundle_path, raw))
    return "\n".join([_explain(len(raw[0]), len(prepared[0]), largest), *rows, "", split, ""])


def _explain(n_raw: int, n_prepared: int, largest: float) -> str:
    return (
        f"{N_CASES:,} cases of {N_EVENTS} events. One worker each, servers on the first processor "
        f"and the clients on the last, kept connections, one JSON request for each case: "
        f"{n_raw / 1e3:.0f} kB of raw records to `caselight serve`, which checks them, measures "
        f"and answers with reasons and their records; {n_prepared / 1e3:.0f} kB of indicators, "
        "measured before, to `mlflow models serve --env-manager local`, which answers with "
        f"probabilities alone. {ROUNDS} turns, taken alternately; medians of the turns. The "
        f"probabilities of all cases were compared first: the largest difference is {largest:.0e}."
        "\n\n| | clients | p50 | p99 | cases a second | processor a case | "
        "memory |\n|---|---|---|---|---|---|---|"
    )


def _make_model(place: Path) -> tuple[Path, Registered]:
    """Train a small model on a synthetic unit, as the demonstration does, and register it."""
    simulate_unit(500, 7, place / "unit", progress=lambda message: None)
    history = assemble_history(read_folder(place / "unit"))
    catalogue, bundle = load_catalogue("stalking"), place / "bundle"
    train_dates, test_date = choose_dates(history, catalogue)
    config = dataclasses.replace(load_config(), least_positives=20, bootstrap_draws=50)
    result = train(
        history,
        catalogue,
        train_dates,
        [test_date],
        bundle,
        capacity=30,
        config=config,
        progress=lambda message: None,
    )
    uri = f"sqlite:///{place / 'mlflow.db'}"
    registered = track(
        result, bundle, catalogue, config, dates={}, tracking_uri=uri, artifacts=place / "kept"
    )
    return bundle, registered


def _make(bundle: Bundle, n_cases: int) -> list[dict[str, Any]]:
    return make_requests(bundle.catalogue, n_cases, 2018)


def _read(asked: ScoreRequest) -> History:
    folder = assemble_columns(lay_out(asked), time_zone=ZONE, extract_at_us=parse_date(AS_OF, ZONE))
    return assemble_history(folder)


def _prepare(bundle: Bundle, body: bytes) -> bytes:
    """Return the indicators of a request's case as MLflow takes them."""
    history = _read(ScoreRequest.model_validate_json(body))
    values = measure(history, bundle.plan, parse_date(AS_OF, ZONE)).values[0]
    row = [None if np.isnan(value) else float(value) for value in values]
    table = {"columns": list(bundle.catalogue.columns), "data": [row]}
    return json.dumps({"dataframe_split": table}).encode()


@contextmanager
def _serving(bundle: Path, registered: Registered) -> Iterator[tuple[Server, Server]]:
    """Start both servers, one worker each."""
    python, ports = sys.executable, (find_port(), find_port())
    model = f"models:/{registered.model_name}/{registered.model_version}"
    served = [python, "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local"]
    ours_served = [python, "-m", "caselight", "serve", "--bundle", str(bundle)]
    local = {
        "PATH": os.pathsep.join((str(Path(python).parent), os.environ["PATH"])),
        "PYTHONPATH": str(ROOT),
        "MLFLOW_TRACKING_URI": registered.tracking_uri,
    }
    with ExitStack() as stack:
        ours = stack.enter_context(
            started(
                [*ours_served, "--port", str(ports[0])],
                port=ports[0],
                path="/v1/scores",
                ready="/healthz",
                environment=local,
            )
        )
        mlflow = stack.enter_context(
            started(
                [*served, "--port", str(ports[1]), "--workers", "1"],
                port=ports[1],
                path="/invocations",
                ready="/health",
                environment=local,
            )
        )
        yield ours, mlflow


@contextmanager
def _on_the_last_processor() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _compare(contest: _Contest) -> float:
    """Return by how much the probabilities of the two differ at most."""
    ours, theirs = send(contest.ours, contest.raw, 1), send(contest.mlflow, contest.prepared, 1)
    largest = 0.0
    for mine, other in zip(ours.texts, theirs.texts, strict=True):
        estimates = json.loads(mine)["scores"][0]["estimates"]
        predicted = json.loads(other)["predictions"][0]
        assert {one["outcome"] for one in estimates} == set(predicted)
        for one in estimates:
            largest = max(largest, abs(one["probability"] - predicted[one["outcome"]]))
    assert largest <= _EXACT, largest
    return largest


def _race(contest: _Contest) -> Iterator[str]:
    named = (
        ("caselight, records in, reasons out", contest.ours, contest.raw),
        ("MLflow, indicators in", contest.mlflow, contest.prepared),
    )
    for n_clients in (1, CLIENTS):
        turns: dict[str, list[Answers]] = {name: [] for name, _, _ in named}
        for _ in range(ROUNDS):
            for name, server, bodies in named:
                send(server, bodies[:_UNTIMED], n_clients)
                turns[name].append(send(server, bodies, n_clients))
        for name, server, _ in named:
            yield _write_row(name, n_clients, turns[name], measure_memory(server.pid))


def _write_row(name: str, n_clients: int, turns: Sequence[Answers], n_bytes: int) -> str:
    p50, p99 = (
        1e3 * statistics.median(float(np.percentile(turn.times_s, share)) for turn in turns)
        for share in (50, 99)
    )
    busy = 1e3 * statistics.median(turn.busy_s / len(turn.times_s) for turn in turns)
    each_second = statistics.median(len(turn.times_s) / turn.whole_s for turn in turns)
    return (
        f"| {name} | {n_clients} | {p50:.1f} ms | {p99:.1f} ms | {each_second:.0f} | "
        f"{busy:.1f} ms | "
        f"{n_bytes / 2**20:.0f} MiB |"
    )


def _split(bundle: Path, raw: Sequence[bytes]) -> Iterator[str]:
    """Return where the time of a request goes, in process and on one thread."""
    yield "Where ours goes, in process on one thread, median of the cases:\n"
    yield "| | time |\n|---|---|"
    laps: dict[str, list[float]] = {}
    service = open_service(make_settings(bundle=bundle))
    for body in raw:
        _time_parts(service.need_bundle(), body, laps)
        asked = ScoreRequest.model_validate_json(body)
        _lap(laps, "records in, probabilities out, without reasons", _estimate, asked, service)
        answer = _lap(
            laps,
            "the same with reasons: the route without reading and writing",
            make_scores,
            asked,
            service,
        )
        _lap(laps, "writing the answer", _ANSWER.dump_json, answer)
    for name, times in laps.items():
        yield f"| {name} | {1e3 * statistics.median(times):.2f} ms |"


def _estimate(asked: ScoreRequest, service: Service) -> list[tuple[Estimate, ...]]:
    """Return the estimates of a request's cases, as the route makes them, and no reason."""
    bundle = service.need_bundle()
    standing = rank(bundle, _read(asked), parse_date(AS_OF, ZONE)).standing
    return [
        make_estimates(bundle, {name: float(odds[n]) for name, odds in standing.log_odds.items()})
        for n in range(len(standing.case))
    ]


def _time_parts(bundle: Bundle, body: bytes, laps: dict[str, list[float]]) -> None:
    moment = parse_date(AS_OF, ZONE)
    _lap(laps, "checking that the body means one thing", read_json, body)
    asked = _lap(laps, "reading the request", lambda: ScoreRequest.model_validate(json.loads(body)))
    folder = _lap(
        laps,
        "tables",
        lambda: assemble_columns(lay_out(asked), time_zone=ZONE, extract_at_us=moment),
    )
    history = _lap(laps, "history", assemble_history, folder)
    _lap(laps, "measuring, once", measure, history, bundle.plan, moment)
    ranking = _lap(laps, "estimates and order, measuring included", rank, bundle, history, moment)
    _lap(laps, "reasons, flags and marks", ranking.list_first)


def _lap(
    laps: dict[str, list[float]], name: str, work: Callable[..., Result], *given: Any
) -> Result:
    start = time.perf_counter()
    found = work(*given)
    laps.setdefault(name, []).append(time.perf_counter() - start)
    return found
