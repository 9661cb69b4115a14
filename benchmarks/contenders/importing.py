"""A contract folder into an empty store, twice; runs on any commit since the store has logs.

Arguments: the database's address and the folder. Prints one JSON object: rows, seconds of the
import and of its repeat, the memory taken, what the store then holds and how durable it is.
"""

import hashlib
import json
import resource
import sys
import time
from pathlib import Path

from sqlalchemy import text

from features.contract.manifest import read_manifest
from serving.intake.folder_imports import import_folder
from serving.persons import Person
from serving.settings import Settings
from serving.store.database import open_store
from serving.store.upgrading import upgrade

PERSON = Person("benchmark", "administrator", "unit")
TABLES = ("cases", "events", "facts", "links", "people", "import_rejects", "standings")
LINES = "SELECT number, operation, subject, first_seq, last_seq, done FROM audit_lines"
SETTINGS = {
    "sqlite": ("PRAGMA synchronous",),
    "postgresql": ("SHOW fsync", "SHOW synchronous_commit"),
}


def run(address: str, folder: Path) -> dict[str, object]:
    """Import a folder twice in this process."""
    extract_at_us = read_manifest(folder).extract_at_us
    store = open_store(address, clock=lambda: extract_at_us)
    upgrade(store, synthetic=True)
    memory = Memory()
    found = {}
    for name in ("first_s", "repeat_s"):
        begun = time.perf_counter()
        done = import_folder(store, folder, PERSON, Settings(), lambda _: memory.count())
        found[name] = time.perf_counter() - begun
    found |= {"rows": done.rows_done, "peak": max(memory.seen), "early": memory.peak_early(10)}
    with store.reading() as connection:
        found |= {"holds": digest(connection), "durable": ask(connection)}
    store.close()
    return found


def digest(connection) -> dict[str, str]:
    """Return a digest of each table, with identifiers in place of keys, and of the audit lines."""
    names = dict(connection.execute(text("SELECT case_key, case_id FROM case_keys")).all())
    imports = "SELECT import_key FROM imports ORDER BY added DESC"
    keys = connection.execute(text(imports)).scalars()
    names |= {key: f"import {number}" for number, key in enumerate(keys)}
    queries = {name: f'SELECT * FROM "{name}"' for name in TABLES} | {"audit_lines": LINES}
    found = {}
    for table, query in queries.items():
        lines = sorted(
            json.dumps([names.get(cell, cell) if isinstance(cell, str) else cell for cell in row])
            for row in connection.execute(text(query))
        )
        found[table] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return found


def ask(connection) -> dict[str, str]:
    """Return what the database says of how it writes."""
    asked = SETTINGS[connection.dialect.name]
    return {one: str(connection.execute(text(one)).scalar_one()) for one in asked}


class Memory:
    """The largest resident memory of this process, seen at every chunk."""

    def __init__(self) -> None:
        self.seen = []

    def count(self) -> None:
        """Note how much is taken now."""
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        self.seen.append(pages * resource.getpagesize())

    def peak_early(self, share: int) -> int:
        """Return the most that was taken during the first of ``share`` equal parts."""
        return max(self.seen[: max(len(self.seen) // (2 * share), 1)])


print(json.dumps(run(sys.argv[1], Path(sys.argv[2]))))
