"""The whole stalking catalogue over millions of events: time an event, memory, the roofline."""

import dataclasses
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from features.catalogue.file import load_catalogue
from features.engine.measurement import compile_plan, measure
from features.engine.warming import compile_engine
from features.history.assembly import assemble_history
from features.history.columns import Coded, History
from features.history.subsets import take_cases
from features.intake.contract_folder import read_folder

UNIT_CASES = 3_000
SIZES = (1_000_000, 2_000_000, 5_000_000, 10_000_000)


def scale_up(unit: Path, n_events: int) -> History:
    """Return the synthetic unit's cases, repeated until there are so many events."""
    history = assemble_history(read_folder(unit))
    times = -(-n_events // len(history.events))
    return take_cases(history, np.tile(np.arange(len(history)), times))


def measure_size(unit: Path, n_events: int, rounds: int = 3) -> dict[str, float]:
    """Measure one size in this process; memory is told from the operating system's peak."""
    plan = compile_plan(load_catalogue("stalking"))
    compile_engine()  # what the compiled code itself takes is not the data's
    history = scale_up(unit, n_events)
    columns = _columns(history)
    n_bytes = sum(column.nbytes for column in columns)
    baseline = _restart_peak()
    copies, passes = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        values = measure(history, plan, history.extract_at).values
        passes.append(time.perf_counter() - start)
    grown = _peak_bytes() - baseline
    for _ in range(rounds):
        start = time.perf_counter()
        for column in columns:
            column.copy()
        copies.append(time.perf_counter() - start)
    return {
        "n_events": len(history.events),
        "n_columns": len(plan.columns),
        "pass_s": statistics.median(passes),
        "copy_s": statistics.median(copies),
        "input_mib": n_bytes / 2**20,
        "output_mib": values.nbytes / 2**20,
        "grown_mib": grown / 2**20,
    }


def _columns(history: History) -> list[np.ndarray]:
    """Return the columns of events that the engine reads; keys of records are not among them."""
    unread = ("event_id", "superseded_by")
    names = [f.name for f in dataclasses.fields(history.events) if f.name not in unread]
    found = [getattr(history.events, name) for name in names]
    return [column.codes if isinstance(column, Coded) else column for column in found]


def _restart_peak() -> int:
    """Forget the peak so far, of building the history, and return what is held now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _read_status("VmRSS")


def _peak_bytes() -> int:
    return _read_status("VmHWM")


def _read_status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def describe_scaling(unit: Path, sizes: tuple[int, ...]) -> str:
    """Run every size in a process of its own and return the table."""
    lines = [
        "| events | columns | time | time an event | plain copy of the same columns "
        "| times the copy | input | output | peak above input, over input and output |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for size in sizes:
        print(f"  {size:,} events", flush=True)
        command = [sys.executable, "-m", "benchmarks.scaling", str(unit), str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        both = found["input_mib"] + found["output_mib"]
        lines.append(
            f"| {found['n_events']:,.0f} | {found['n_columns']:.0f} | {found['pass_s']:.2f} s "
            f"| {1e9 * found['pass_s'] / found['n_events']:.0f} ns | {found['copy_s']:.3f} s "
            f"| {found['pass_s'] / found['copy_s']:.1f} | {found['input_mib']:,.0f} MiB "
            f"| {found['output_mib']:,.0f} MiB "
            f"| {(found['input_mib'] + found['grown_mib']) / both:.2f} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(json.dumps(measure_size(Path(sys.argv[1]), int(sys.argv[2]))))
