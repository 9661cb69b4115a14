"""The audit books: walking a million lines, what a line costs, and a look beside an import."""

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import insert, update

from benchmarks.keys import named_key
from benchmarks.store_lists import open_postgresql, open_sqlite
from features.contract.manifest import read_manifest
from serving.intake.folder_imports import import_folder
from serving.oversight.audit_verification import verify_store
from serving.persons import Person
from serving.settings import Settings
from serving.store.audit_lines import CHANGES, LOOKS, AuditEntry, Book, make_mac
from serving.store.current_act import SERVICE, Act, acting
from serving.store.database import Store, make_key, open_store
from serving.store.engines import WRITES
from serving.store.schema import audit_heads, audit_lines, orderings, unit
from synthetic.simulator import simulate_unit

N_LINES: Final = 1_000_000
N_CASES: Final = 6_000
"""About 280,000 rows of all tables: an import of some fifteen seconds."""
SEED: Final = 73
REPEATS: Final = 300
PAUSE_S: Final = 0.02
"""Between two looks: fifty pages a second are opened at most."""
_LINES_A_TIME: Final = 10_000
_LISTED: Final = 20
"""Every tenth look shows a list of as many cases."""
_PERSON: Final = Person("SYN Anne", "screener", "police", subject="https://issuer.example|0123")


@dataclass(frozen=True)
class Timed:
    """Times in milliseconds."""

    p50: float
    p95: float
    longest: float

    def describe(self) -> str:
        """Return the three as cells of a table."""
        return f"{self.p50:.1f} ms | {self.p95:.1f} ms | {self.longest:.1f} ms"


def describe_chain(n_lines: int = N_LINES, n_cases: int = N_CASES) -> str:
    """Return the tables: verifying, what a line costs, and looks beside an import."""
    with tempfile.TemporaryDirectory() as place, named_key():
        folder = Path(place) / "unit"
        simulate_unit(n_cases, SEED, folder, progress=lambda message: None)
        walks, costs, waits = [], [], []
        for name, open_all in (("SQLite", open_sqlite), ("PostgreSQL", open_postgresql)):
            with open_all() as make:
                walks.append(f"| {name} | {_describe_walk(make, n_lines)} |")
                costs += [f"| {name} | {row} |" for row in _describe_costs(make)]
                waits += [f"| {name} | {row} |" for row in _describe_waits(make, folder)]
    return "\n".join(
        [
            f"### Verifying {n_lines:,} lines",
            "",
            f"Nine tenths are accesses, a tenth of them to lists of {_LISTED} cases; the memory is "
            "what the process holds more after the walk than before it.",
            "",
            "| database | lines | time | lines a second | memory grown |",
            "|---|---:|---:|---:|---:|",
            *walks,
            "",
            "### What a line costs",
            "",
            f"A transaction that stores one row, {REPEATS} times, with its line and without.",
            "",
            "| database | transaction | p50 | p95 | longest |",
            "|---|---|---:|---:|---:|",
            *costs,
            "",
            "### An access while an import runs",
            "",
            f"One every {1_000 * PAUSE_S:.0f} ms, each recorded durably, while another process "
            "imports; and the same while nothing else runs.",
            "",
            "| database | beside it | accesses | p50 | p95 | longest |",
            "|---|---|---:|---:|---:|---:|",
            *waits,
            "",
        ]
    )


# --- verifying ------------------------------------------------------------------------------


def _describe_walk(make: Callable[[], Store], n_lines: int) -> str:
    store = make()
    fill_book(store, CHANGES, n_lines // 10)
    fill_book(store, LOOKS, n_lines - n_lines // 10)
    before = _measure_memory()
    begun = time.perf_counter()
    found = verify_store(store)
    seconds = time.perf_counter() - begun
    grown = _measure_memory() - before
    assert [one.n_faults for one in found] == [0, 0]
    n_walked = sum(one.n_lines for one in found)
    store.close()
    return f"{n_walked:,} | {seconds:.1f} s | {n_walked / seconds:,.0f} | {grown / 2**20:.0f} MiB"


def fill_book(store: Store, book: Book, n_lines: int) -> None:
    """Put lines straight into a book, chained as the store chains them."""
    cases = [make_key() for _ in range(5_000)]
    head = 0
    engine = store.engine if book == CHANGES else store.looks
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        mac = _read_first_mac(connection, book)
        while head < n_lines:
            size = min(_LINES_A_TIME, n_lines - head)
            rows = []
            for number in range(head + 1, head + size + 1):
                columns = _make_entry(book, number, cases).columns(book, number, 10**15 + number)
                mac = make_mac(store.audit_key, mac, list(columns.values()))
                rows.append(columns | {"mac": mac})
            connection.execute(insert(audit_lines), rows)
            head += size
        at_head = audit_heads.c.book == book
        connection.execute(update(audit_heads).where(at_head).values(number=head, mac=mac))
        if book == CHANGES:
            connection.execute(update(unit).values(last_seq=head))


def _read_first_mac(connection: Any, book: Book) -> str:
    query = audit_heads.select().where(audit_heads.c.book == book)
    return str(connection.execute(query).one().mac)


def _make_entry(book: Book, number: int, cases: Sequence[str]) -> AuditEntry:
    case_key = cases[number % len(cases)]
    if book == CHANGES:
        act = Act(_PERSON, "alteration", "POST /v1/cases/{key}/decisions", case_key)
        return AuditEntry(act, first_seq=number, last_seq=number)
    listed = number % 10 == 0
    first = number % (len(cases) - _LISTED)
    return AuditEntry(
        Act(
            _PERSON,
            "consultation",
            "GET /v1/list" if listed else "GET /v1/cases/{key}",
            None if listed else case_key,
            request_id=f"{number:032x}",
        ),
        cases=tuple(cases[first : first + _LISTED]) if listed else (),
    )


def _measure_memory() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# --- what a line costs ----------------------------------------------------------------------


def _describe_costs(make: Callable[[], Store]) -> Iterator[str]:
    store = make()
    act = Act(_PERSON, "alteration", "POST /v1/test", make_key())
    with acting(act):
        for name, write in (("with its line", _write), ("without", _write_bare)):
            yield f"{name} | {_time(lambda write=write: write(store)).describe()}"  # type: ignore[misc]
    store.close()


def _row(seq: int) -> dict[str, Any]:
    row = {"ordering_key": make_key(), "ordering": "model", "why": "measured"}
    return row | {"switched_at_us": 1, "stored_seq": seq} | SERVICE.columns()


def _write(store: Store) -> None:
    with store.writing() as writing:
        writing.connection.execute(insert(orderings).values(**_row(writing.take_seq())))


def _write_bare(store: Store) -> None:
    """Store a row as ``writing`` does, but for the line."""
    with (
        store.engine.connect().execution_options(**{WRITES: True}) as connection,
        connection.begin(),
    ):
        taken = connection.execute(
            update(unit)
            .where(unit.c.id == 1)
            .values(last_seq=unit.c.last_seq + 1)
            .returning(unit.c.last_seq)
        ).scalar_one()
        connection.execute(insert(orderings).values(**_row(int(taken))))


def _time(act: Callable[[], None], repeats: int = REPEATS, pause_s: float = 0.0) -> Timed:
    act()  # not timed
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        act()
        times.append(1e3 * (time.perf_counter() - begun))
        time.sleep(pause_s)
    return _summarise(times)


def _summarise(times: Sequence[float]) -> Timed:
    return Timed(statistics.median(times), float(np.percentile(times, 95)), max(times))


# --- a look beside an import ----------------------------------------------------------------


def _describe_waits(make: Callable[[], Store], folder: Path) -> Iterator[str]:
    store = make()
    with acting(Act(_PERSON, "consultation", "GET /v1/cases/{key}", make_key())):
        alone = _time(store.look, pause_s=PAUSE_S)
        yield f"nothing | {REPEATS:,} | {alone.describe()}"
        beside = _look_beside(store, folder)
        yield f"an import | {len(beside):,} | {_summarise(beside).describe()}"
    assert not [fault for one in verify_store(store) for fault in one.faults]
    store.close()


def _look_beside(store: Store, folder: Path) -> list[float]:
    """Look again and again while another process imports; return milliseconds."""
    address = store.engine.url.render_as_string(hide_password=False)
    importing = multiprocessing.get_context("spawn")
    begun = importing.Event()
    process = importing.Process(target=_import, args=(address, folder, begun))
    process.start()
    begun.wait()
    times = []
    while process.is_alive():
        before = time.perf_counter()
        store.look()
        times.append(1e3 * (time.perf_counter() - before))
        time.sleep(PAUSE_S)
    process.join()
    assert process.exitcode == 0
    return times


def _import(address: str, folder: Path, begun: Any) -> None:
    extract_at_us = read_manifest(folder).extract_at_us
    store = open_store(address, clock=lambda: extract_at_us)
    person = Person("benchmark", "administrator", "unit")
    import_folder(store, folder, person, Settings(), lambda _: begun.set())
    store.close()


if __name__ == "__main__":
    print(describe_chain())
