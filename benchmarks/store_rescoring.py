"""Scoring 100,000 open cases anew, as a unit's store does every night."""

import dataclasses
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Table, func, insert, select

from caselight.commands.demo import choose_dates
from features.catalogue.file import load_catalogue
from features.contract.manifest import read_manifest
from features.contract.tables import CLOSING_KINDS, TABLES, Column
from features.history.assembly import assemble_history
from features.intake.contract_folder import find_files, read_folder
from models.bundle.folder import load_bundle
from serving.scoring.rescoring import score_cases
from serving.standing.standings import rebuild_standings
from serving.store.database import Store, Writing, make_key, open_store
from serving.store.schema import RECORDS, case_keys, flag_raisings, standings
from serving.store.upgrading import upgrade
from synthetic.simulator import simulate_unit
from training.config import load_config
from training.pipeline import train

N_CASES: Final = 100_000
_LEARNT_FROM: Final = 1_000
_ROWS_A_TIME: Final = 50_000
_SEED: Final = 2018


def describe_rescoring(n_cases: int = N_CASES) -> str:
    """Return the table: seconds, cases a second and peak memory, for each of two nights."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        train_small(folder / "learnt", folder / "bundle")
        simulate_unit(n_cases, _SEED, folder / "unit", progress=lambda message: None)
        _fill(folder / "unit", folder / "unit.db")
        nights = [_measure_apart(folder) for _ in range(2)]
    lines = [
        f"Every case of a synthetic unit of {n_cases:,} cases, none of them closed, in one process",
        "on SQLite: records read, indicators measured, outcomes scored, flags raised, standings",
        "written, all committed. The first night raises every flag; the second finds them raised.",
        "",
        "| | cases | seconds | cases a second | peak memory | flags raised |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} night | {one['cases']:,} | {one['seconds']:.0f} | "
        f"{one['cases'] / one['seconds']:,.0f} | {one['peak_mib']:.0f} MiB | {one['flags']:,} |"
        for name, one in zip(("first", "second"), nights, strict=True)
    ]
    return "\n".join([*lines, ""])


def train_small(unit: Path, bundle: Path) -> None:
    """Train a bundle on a small synthetic unit, made in ``unit``."""
    simulate_unit(_LEARNT_FROM, _SEED + 1, unit, progress=lambda message: None)
    history, catalogue = assemble_history(read_folder(unit)), load_catalogue("stalking")
    train_dates, test_date = choose_dates(history, catalogue)
    config = dataclasses.replace(load_config(), least_positives=20, bootstrap_draws=50)
    train(
        history,
        catalogue,
        train_dates,
        [test_date],
        bundle,
        capacity=30,
        config=config,
        progress=lambda message: None,
    )


def _fill(unit: Path, database: Path) -> None:
    """Put a unit's rows into a store as they are, without what closes a case."""
    store = open_store(f"sqlite:///{database}")
    upgrade(store, synthetic=True)
    keys: dict[str, str] = {}
    for name in ("cases", "events", "facts"):
        files = find_files(unit, TABLES[name])
        for columns in (part for file in files for part in _read_rows(file, name)):
            if name == "cases":
                keys |= {case_id: make_key() for case_id in columns["case_id"]}
            _insert(store, name, columns, keys)
    with store.writing() as writing:
        rebuild_standings(writing)
    store.close()


def _read_rows(path: Path, name: str) -> Iterator[dict[str, list[Any]]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS_A_TIME):
            table = pa.Table.from_batches([batch])
            if name == "events":
                closes = pc.is_in(table.column("kind"), pa.array(CLOSING_KINDS))
                table = table.filter(pc.invert(closes))
            yield {column.name: _read_cells(table, column) for column in TABLES[name].columns}


def _read_cells(table: pa.Table, described: Column) -> list[Any]:
    if described.name not in table.column_names:
        return [described.default] * len(table)
    column = table.column(described.name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return [described.default if cell is None else cell for cell in column.to_pylist()]


def _insert(store: Store, name: str, columns: dict[str, list[Any]], keys: dict[str, str]) -> None:
    """Add rows; of those under one key the first stands, as in an import."""
    names = columns.pop("case_id")
    with store.writing() as writing:
        first = writing.take_seq(2 * len(names))
        seqs = range(first, first + len(names))
        own = {"case_key": [keys[case_id] for case_id in names], "stored_seq": seqs}
        if name == "cases":
            kept = {"case_id": names, "retention_class": ["standard"] * len(names)}
            _insert_new(writing, case_keys, own | kept)
        _insert_new(writing, RECORDS[name], own | columns)


def _insert_new(writing: Writing, table: Table, columns: dict[str, Any]) -> None:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    writing.connection.execute(insert(table).prefix_with("OR IGNORE"), rows)


def _measure_apart(folder: Path) -> dict[str, Any]:
    """Score every case in a process of its own, so that the memory is that of scoring alone."""
    command = [sys.executable, "-m", "benchmarks.store_rescoring", str(folder)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return told


def measure_night(folder: Path) -> dict[str, float]:
    """Score every case of the store in a folder; return seconds, cases, MiB and flags raised."""
    extract_at_us = read_manifest(folder / "unit").extract_at_us
    store = open_store(f"sqlite:///{folder / 'unit.db'}", clock=lambda: extract_at_us)
    unit, bundle = store.read_unit(), load_bundle(folder / "bundle")
    flags = select(func.count()).select_from(flag_raisings)
    with store.reading() as connection:
        keys = list(connection.execute(select(standings.c.case_key)).scalars())
        before = connection.execute(flags).scalar_one()
    # A second night is another moment.
    store = dataclasses.replace(store, clock=lambda: extract_at_us + int(before > 0))
    start = time.perf_counter()
    n_scored = score_cases(store, bundle, keys, unit, "nightly")
    seconds = time.perf_counter() - start
    with store.reading() as connection:
        raised = connection.execute(flags).scalar_one() - before
    return {"seconds": seconds, "cases": n_scored, "peak_mib": _read_peak(), "flags": raised}


def _read_peak() -> float:
    """Return this process's own peak in MiB; what started it counts in where Linux is not asked."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(one for one in status.read_text().splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


if __name__ == "__main__":
    print(json.dumps(measure_night(Path(sys.argv[1]))))
