"""The 37 columns: Caselight beside polars, duckdb, pandas and featuretools, on the same files."""

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.environments import prepare

CONTENDERS = Path(__file__).with_name("contenders")
EVENTS_A_CASE = 20
DAYS = 1_000
DATES = (200, 350, 500, 650, 800, 1_000)
DAY_US = 86_400_000_000
START_US = 1_000_000_000_000_000
TOLERANCE = 1e-12
ENVIRONMENT = {
    "caselight": None,
    "polars": "peers",
    "duckdb": "peers",
    "pandas": "peers",
    "featuretools": "featuretools",
}


@dataclass(frozen=True)
class Timed:
    """Median seconds of one contender, and the peak of its process in MiB."""

    name: str
    whole_s: float
    compute_s: float
    peak_mib: float
    agrees: str


def make_files(folder: Path, n_cases: int) -> tuple[Path, Path]:
    """Write unsorted events and the queries: Poisson(20) events a case, six dates each."""
    random = np.random.default_rng(n_cases)
    counts = random.poisson(EVENTS_A_CASE, n_cases)
    size = int(counts.sum())
    seconds = random.integers(0, DAYS * 86_400, size)
    events = pd.DataFrame(
        {
            "event_id": np.arange(size),
            "case_id": np.repeat(np.arange(n_cases), counts),
            "known_at": pd.to_datetime(START_US + seconds * 1_000_000, unit="us", utc=True),
            "etype": np.char.add("type_", random.integers(0, 5, size).astype(str)),
            "severity": random.integers(1, 11, size).astype(float),
        }
    )
    events = events.iloc[random.permutation(size)]
    moments = START_US + np.tile(np.array(DATES) * DAY_US, n_cases)
    queries = pd.DataFrame(
        {
            "case_id": np.repeat(np.arange(n_cases), len(DATES)),
            "as_of": pd.to_datetime(moments, unit="us", utc=True),
        }
    )
    paths = folder / "events.parquet", folder / "queries.parquet"
    events.to_parquet(paths[0], index=False)
    queries.to_parquet(paths[1], index=False)
    return paths


def compare_windows(n_cases: int, rounds: int, names: tuple[str, ...]) -> list[Timed]:
    """Run every contender on the same files, one after the other, values compared first."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = make_files(folder, n_cases)
        timed, ours = [], pd.DataFrame()
        for name in names:
            print(f"  {n_cases:,} cases: {name}", flush=True)
            result = folder / f"{name}.parquet"
            said = _run(name, [*map(str, files), str(result), str(rounds)])
            theirs = pd.read_parquet(result)
            ours = theirs if name == "caselight" else ours
            timed.append(
                Timed(
                    name,
                    statistics.median(said["whole"]),
                    statistics.median(said["compute"]),
                    said["peak_mib"],
                    "" if name == "caselight" else _agree(ours, theirs),
                )
            )
    return timed


def _run(name: str, arguments: list[str]) -> dict[str, list[float]]:
    environment = ENVIRONMENT[name]
    python = Path(sys.executable) if environment is None else prepare(environment)
    script = CONTENDERS / f"{name}_windows.py"
    done = subprocess.run(
        [str(python), str(script), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _agree(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Return in words how far the values agree; an error where they do not."""
    names = [name for name in theirs.columns if name not in ("case_id", "as_of")]
    for name in names:
        a, b = ours[name].to_numpy(dtype=float), theirs[name].to_numpy(dtype=float)
        if not np.allclose(a, b, rtol=TOLERANCE, atol=0, equal_nan=True):
            raise RuntimeError(f"values of {name} differ; no time is quoted")
    return f"{len(names)} columns equal"


def describe_windows(n_cases: int, timed: list[Timed]) -> str:
    """Return the table of one size."""
    ours = timed[0]
    lines = [
        f"### {n_cases:,} cases x {EVENTS_A_CASE} events x {len(DATES)} dates",
        "",
        "| | from unsorted Parquet to frame | times ours | from what is loaded | times ours "
        "| peak memory | values |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.whole_s:.3f} s | {one.whole_s / ours.whole_s:.1f} "
        f"| {one.compute_s:.3f} s | {one.compute_s / ours.compute_s:.1f} "
        f"| {one.peak_mib:,.0f} MiB | {one.agrees} |"
        for one in timed
    ]
    return "\n".join([*lines, ""])
