"""From files to a checked history: our one road beside the quick road that it replaced, and polars.

All of them read the same contract folder, warm, with every column of the contract and identifiers
of text, each in a process of its own with two threads.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from benchmarks.environments import ROOT, check_out, prepare
from features.contract.manifest import (
    Manifest,
    TableEntry,
    hash_file,
    read_manifest,
    write_manifest,
)
from features.contract.tables import TABLES
from synthetic.simulator import simulate_unit

CONTENDERS: Final = Path(__file__).with_name("contenders")
QUICK_ROAD: Final = "24daef8"
"""The last commit that had the quick road, which only benchmarks reached."""
ROWS: Final = 10_000_000
ROUNDS: Final = 3
_EVENTS_A_CASE: Final = 27
_SEED: Final = 2018
_NARRATIVE: Final = "He waited outside again and followed as far as the station."


@dataclass(frozen=True)
class Timed:
    """Median seconds from files to what is made of them, and the peak of the process in MiB."""

    name: str
    seconds: float
    peak_mib: float


def describe_reading(rows: int = ROWS) -> str:
    """Write the folders, time every contender on them, and return the table."""
    with tempfile.TemporaryDirectory() as place:
        parquet, text = make_folders(Path(place), rows)
        size = sum(pq.read_metadata(path).num_rows for path in parquet.glob("*.parquet"))
        table_mib = sum(pq.read_table(path).nbytes for path in parquet.glob("*.parquet")) / 2**20
        timed = [_run(name, parquet if "csv" not in name else text) for name in _SCRIPTS]
    return _lay_out(timed, size, table_mib)


def make_folders(place: Path, rows: int) -> tuple[Path, Path]:
    """Write one unit of about so many events as Parquet and as CSV, every contract column there."""
    simulated = place / "simulated"
    simulated.mkdir()
    simulate_unit(rows // _EVENTS_A_CASE, _SEED, simulated, progress=lambda message: None)
    parquet, text = place / "parquet", place / "text"
    for folder in (parquet, text):
        folder.mkdir()
    entries = {}
    for name in ("cases", "events", "facts"):
        file = simulated / f"{name}.parquet"
        # A large unit is written as a folder of parts.
        table = _fill_columns(name, pq.read_table(file if file.is_file() else simulated / name))
        order = np.random.default_rng(_SEED).permutation(table.num_rows)
        table = table.take(pa.array(order))
        pq.write_table(table, parquet / f"{name}.parquet")
        _write_csv(table, text / f"{name}.csv")
        path = parquet / f"{name}.parquet"
        entries[name] = TableEntry(table.num_rows, {path.name: hash_file(path)})
    said = read_manifest(simulated)
    write_manifest(parquet, Manifest(said.time_zone, said.extract_at_us, True, entries))
    write_manifest(text, Manifest(said.time_zone, said.extract_at_us, True))
    return parquet, text


def _fill_columns(name: str, table: pa.Table) -> pa.Table:
    """Return a table with every column of the contract; every third event has a narrative."""
    columns = {}
    for column in TABLES[name].column_names:
        if column in table.column_names:
            columns[column] = table.column(column)
        elif column == "narrative":
            told = np.arange(table.num_rows) % 3 == 0
            columns[column] = pc.if_else(pa.array(told), _NARRATIVE, pa.scalar(None, pa.string()))
        else:
            columns[column] = pa.nulls(table.num_rows, pa.string())
    return pa.table(columns)


def _write_csv(table: pa.Table, path: Path) -> None:
    columns = {}
    for name in table.column_names:
        cells = table.column(name)
        if pa.types.is_timestamp(cells.type):
            cells = pc.strftime(cells, format="%Y-%m-%dT%H:%M:%SZ")
        columns[name] = cells.cast(pa.string())
    pa_csv.write_csv(pa.table(columns), path, pa_csv.WriteOptions(quoting_style="none"))


_SCRIPTS: Final = {
    "ours, Parquet": ("reading_ours.py", None, "folder"),
    "the quick road at its last commit": ("reading_quick.py", "quick", "folder"),
    "polars, read_parquet": ("reading_polars.py", "peers", "parquet"),
    "polars, read, sort, unique keys, join": ("reading_polars.py", "peers", "checked"),
    "ours, csv": ("reading_ours.py", None, "folder"),
    "polars, read_csv": ("reading_polars.py", "peers", "csv"),
}
"""What is timed: the script, whose environment it runs in, and what it is asked for."""


def _run(name: str, folder: Path) -> Timed:
    print(f"  {name}", flush=True)
    script, environment, what = _SCRIPTS[name]
    python, root = sys.executable, ROOT
    if environment == "quick":
        root = check_out(QUICK_ROAD)
    elif environment:
        python = str(prepare(environment))
    threads = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "ARROW_NUM_THREADS"), "2")
    done = subprocess.run(
        [python, str(CONTENDERS / script), str(folder), what, str(ROUNDS)],
        env=os.environ | threads | {"PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Timed(name, statistics.median(said["seconds"]), said["peak_mib"])


def _lay_out(timed: list[Timed], size: int, table_mib: float) -> str:
    by_name = {one.name: one.seconds for one in timed}
    checked = by_name["polars, read, sort, unique keys, join"]
    bounds = {
        "ours, Parquet": (
            f"{by_name['ours, Parquet'] / by_name['the quick road at its last commit']:.2f} times "
            f"the quick road, {by_name['ours, Parquet'] / checked:.2f} times polars' checked table"
        ),
        "ours, csv": (
            f"{by_name['ours, csv'] / (3 * by_name['polars, read_csv'] + checked):.2f} times three "
            "times polars' reading and its checks"
        ),
    }
    lines = [
        f"{size:,} rows, {table_mib:,.0f} MiB as Arrow tables; median of {ROUNDS} after one round.",
        "",
        "| | seconds | peak memory | times the Arrow table | beside |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.seconds:.2f} | {one.peak_mib:,.0f} MiB "
        f"| {one.peak_mib / table_mib:.1f} | {bounds.get(one.name, '')} |"
        for one in timed
    ]
    return "\n".join([*lines, ""])
