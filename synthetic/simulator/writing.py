"""Writes a synthetic unit as a contract folder, one chunk after another."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from features.contract.manifest import Manifest, TableEntry, hash_file, write_manifest
from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import EXTRACT_US
from synthetic.simulator.shadow_catalogue import write_shadow_catalogue
from synthetic.simulator.truth import LEAST_RUNS, find_truth, to_table
from synthetic.simulator.unit import (
    CHUNK_CASES,
    SyntheticUnit,
    check_request,
    list_chunks,
    make_chunk,
)
from synthetic.simulator.worlds import find_world, hash_constants

TABLES: Final = ("cases", "events", "facts", "people")
TRUTH_FOLDER: Final = "truth"
WORLD_FILE: Final = "world.json"
TRUTH_FILE: Final = "truth.parquet"


def simulate_unit(
    n_cases: int,
    seed: int,
    out: Path,
    progress: Callable[[str], None] | None = None,
    *,
    world: str = "standard",
    chunk_cases: int = CHUNK_CASES,
) -> None:
    """Write a synthetic anti-stalking unit as a contract folder.

    The same numbers and the same world always give the same histories. Identifiers begin with
    ``SYN-`` and the manifest says synthetic. More than one chunk makes partition sets
    (``events/part-00000.parquet``); memory holds one chunk. Beside the tables, ``truth/`` says
    which world it is; nothing that trains reads it.

    Parameters
    ----------
    n_cases
        Number of cases referred in the three years before the extract, 1 to 1,000,000.
    seed
        0 or more; each case is drawn from it by itself.
    out
        Folder to write; made if missing. Files of an earlier unit in it are replaced.
    progress
        Called with a sentence before each step.
    world
        Name of a world of :data:`synthetic.simulator.worlds.WORLDS`.
    chunk_cases
        Most cases made at a time.

    Raises
    ------
    ConfigError
        If a number is out of range or there is no such world.
    """
    check_request(n_cases, seed)
    chosen = find_world(world)
    say = progress or _say_nothing
    say(f"drawing {n_cases:,} synthetic cases of the world {world}")
    out.mkdir(parents=True, exist_ok=True)
    chunks = list_chunks(n_cases, chunk_cases)
    rows = dict.fromkeys(TABLES, 0)
    files: dict[str, dict[str, str]] = {name: {} for name in TABLES}
    for place, numbers in enumerate(chunks):
        unit = make_chunk(numbers, n_cases, seed, chosen)
        say(f"writing cases {numbers[0] + 1:,} to {numbers[-1] + 1:,}")
        for name in TABLES:
            path = f"{name}.parquet" if len(chunks) == 1 else f"{name}/part-{place:05d}.parquet"
            files[name][path] = _write_table(unit, name, out / path)
            rows[name] += getattr(unit, name).num_rows
    if chosen.has_shadows:
        write_shadow_catalogue(out)
    _write_world(out, n_cases, seed, world)
    entries = {name: TableEntry(rows[name], files[name]) for name in TABLES}
    write_manifest(out, Manifest(set_by.TIME_ZONE, EXTRACT_US, synthetic=True, tables=entries))
    say(f"the constants and worlds have the hash {hash_constants()}")


def write_truths(
    out: Path,
    n_cases: int,
    seed: int,
    as_of_us: Sequence[int],
    *,
    world: str = "standard",
    runs: int = LEAST_RUNS,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write what was truly likely at some moments as ``truth/truth.parquet``.

    Parameters
    ----------
    out
        The folder that :func:`simulate_unit` wrote.
    n_cases, seed, world
        As they were given to it.
    as_of_us
        Moments, microseconds UTC, each with rows of its own.
    runs, progress
        How often each future is drawn; called with a sentence before each moment.

    Raises
    ------
    ConfigError
        If there are too few runs or a moment is past the extract.
    """
    say = progress or _say_nothing
    tables = []
    for number, moment_us in enumerate(as_of_us, 1):
        say(f"drawing each case's future {runs:,} times, moment {number} of {len(as_of_us)}")
        tables.append(to_table(find_truth(n_cases, seed, moment_us, world=world, runs=runs)))
    folder = out / TRUTH_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables(tables), folder / TRUTH_FILE, compression="zstd")


def _write_table(unit: SyntheticUnit, name: str, path: Path) -> str:
    """Write one table of a chunk and return the file's hash."""
    path.parent.mkdir(exist_ok=True)
    pq.write_table(getattr(unit, name), path, compression="zstd")
    return hash_file(path)


def _write_world(out: Path, n_cases: int, seed: int, world: str) -> None:
    """Write which world this is, for those who check what was learnt from it."""
    chosen = find_world(world)
    content = {
        "synthetic": True,
        "world": world,
        "promise": chosen.promise,
        "break_at": chosen.break_at.isoformat() if chosen.break_at else None,
        "cases": n_cases,
        "seed": seed,
        "constants_sha256": hash_constants(),
    }
    folder = out / TRUTH_FOLDER
    folder.mkdir(exist_ok=True)
    (folder / WORLD_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _say_nothing(_: str) -> None:
    """Ignore what progress says."""
