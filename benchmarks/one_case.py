"""One case of a hundred events: the whole catalogue once, and 256 variants of it."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from features.catalogue.file import load_catalogue
from features.engine.binding import bind
from features.engine.measurement import Queries, compile_plan, measure, measure_queries
from features.history.assembly import assemble_history
from features.history.columns import History
from features.history.subsets import take_cases
from features.intake.contract_folder import ContractFolder, join_tables, read_folder

N_EVENTS = 100
N_VARIANTS = 256


def take_one(unit: Path) -> History:
    """Return the case whose events come nearest to a hundred, as if it were alone in the world."""
    folder = read_folder(unit)
    counts = folder.frame("events").groupby("case_id").size()
    case_id = (counts - N_EVENTS).abs().idxmin()
    return assemble_history(_only(folder, str(case_id)))


def _only(folder: ContractFolder, case_id: str) -> ContractFolder:
    empty = join_tables(folder.manifest, {})
    frames = {name: folder.frame(name) for name in ("cases", "events", "facts")}
    return empty.with_frames(
        {name: frame[frame["case_id"] == case_id] for name, frame in frames.items()}
    )


def time_calls(call: Callable[[], object], rounds: int) -> float:
    """Return the median time of one call in seconds, after warming up."""
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def describe_one_case(unit: Path) -> str:
    """Return the table."""
    plan = compile_plan(load_catalogue("stalking"))
    one = take_one(unit)
    as_of = one.extract_at
    moment = np.array([as_of])
    queries = Queries(np.array([0]), moment, moment, moment)
    bound = bind(plan, one)
    many = take_cases(one, np.zeros(N_VARIANTS, dtype=np.int64))

    def measure_bound() -> object:
        return measure_queries(one, plan, queries, threads=1, binding=bound)

    whole = time_calls(lambda: measure(one, plan, as_of, threads=1), 2_000)
    alone = time_calls(measure_bound, 2_000)
    variants = time_calls(lambda: measure(many, plan, as_of), 50)
    return "\n".join(
        [
            f"A case of {len(one.events)} events, {len(plan.columns)} columns, median in process:",
            "",
            "| | time |",
            "|---|---|",
            f"| a history as it comes, measured once | {1e6 * whole:.0f} microseconds |",
            f"| a history bound to the catalogue already | {1e6 * alone:.0f} microseconds |",
            f"| {N_VARIANTS} variants of it | {1e3 * variants:.1f} ms |",
            "",
        ]
    )
