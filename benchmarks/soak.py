"""Processes that write to a real store are killed, and what is lost or half there is counted.

``python -m benchmarks.soak [KILLS]`` makes a unit and a bundle, and kills so many processes (500
unless said, half of them on SQLite and half on PostgreSQL) while they import, decide, score anew,
propose a bundle or seal. ``--address`` with ``--bundle`` does so on one store that is there and
holds open cases. Each process says of every act that it is done once it is; then it is killed at a
moment that is drawn. After each kill every act that was said to be done must be there, and at most
the one that was going on beside it, whole; the log must verify and the check must be silent.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, func, select

from benchmarks.keys import named_key
from benchmarks.store_imports import serve_database
from benchmarks.store_rescoring import train_small
from features.catalogue.declarations import DAY_US
from features.contract.moments import to_datetime
from features.intake.normalisation import Clock
from models.bundle.folder import load_bundle
from serving.access.overseers import Overseers
from serving.decisions.deciding import DecisionRequest, decide
from serving.decisions.drafts import DecisionIn
from serving.intake.checks import check_store
from serving.intake.folder_imports import import_folder
from serving.intake.records import append_rows
from serving.intake.row_lines import make_raw_row, normalise_rows
from serving.oversight.audit_verification import verify_store
from serving.persons import Person
from serving.promotions.approval import ProposedBundle, propose
from serving.scoring.rescoring import score_cases
from serving.sealing.directory import Directory
from serving.sealing.seals import seal_case
from serving.settings import make_settings
from serving.standing.standings import StandingRules
from serving.store import schema
from serving.store.database import Store, make_key, open_store
from serving.store.upgrading import upgrade
from synthetic.simulator import simulate_unit

KILLS: Final = 500
_SEED: Final = 2018
_N_CASES: Final = 300
_N_EVENTS: Final = 20
_N_SCORED: Final = 20
_LONGEST_S: Final = 120.0
"""A process that has done nothing by then is a fault of its own."""
_SCREENER: Final = Person("SYN Anne", "screener", "police", "issuer|anne")
_SCIENTIST: Final = Person("SYN Cleo", "data_scientist", "unit", "issuer|cleo")
_OTHER: Final = "issuer|ben"


@dataclass(frozen=True)
class Act:
    """One kind of act.

    Parameters
    ----------
    name
        What is done.
    make
        Makes what does it once: all that an act needs beforehand is read outside it.
    tables
        Tables that it adds rows to.
    n_rows
        How many rows it adds to them together.
    """

    name: str
    make: Callable[[Store, Path], Callable[[], None]]
    tables: tuple[Table, ...]
    n_rows: int


def _make_import(store: Store, _: Path) -> Callable[[], None]:
    unit = store.read_unit()

    def act() -> None:
        case_id = f"SYN-{make_key()}"
        sent: list[tuple[str, dict[str, object]]] = [
            ("cases", {"case_id": case_id, "recorded_at": "2026-01-05"})
        ]
        sent += [
            (
                "events",
                {
                    "event_id": f"{case_id}-{number}",
                    "case_id": case_id,
                    "kind": "contact",
                    "occurred_at": "2026-01-04",
                    "recorded_at": "2026-01-05",
                },
            )
            for number in range(_N_EVENTS)
        ]
        rows = [make_raw_row(number, *one) for number, one in enumerate(sent, 1)]
        normal = normalise_rows(rows, Clock(unit.time_zone, store.clock()))
        with store.writing() as writing:
            append_rows(writing, normal.tables, unit, import_key=None)

    return act


def _make_decision(store: Store, _: Path) -> Callable[[], None]:
    unit, rules = store.read_unit(), StandingRules()
    in_weeks_us = store.clock() + 28 * DAY_US

    def act() -> None:
        draft = DecisionIn.model_validate(
            {
                "ways": {"enforcement": {"what": "apply for an order"}},
                "owner": "SYN Officer",
                "review_on": to_datetime(in_weeks_us, unit.time_zone).date().isoformat(),
                "agrees_with_score": "not_seen",
                "seen_seq": 0,
            }
        )
        with store.writing() as writing:
            query = select(schema.standings.c.case_key, schema.standings.c.version).where(
                schema.standings.c.state == "awaiting"
            )
            row = writing.connection.execute(query.limit(1)).one()
            decide(
                writing, DecisionRequest(row.case_key, _SCREENER, draft, row.version), unit, rules
            )

    return act


def _make_scoring(store: Store, bundle_path: Path) -> Callable[[], None]:
    bundle, unit = load_bundle(bundle_path), store.read_unit()
    with store.reading() as connection:
        query = select(schema.standings.c.case_key).where(schema.standings.c.state == "awaiting")
        keys = list(connection.execute(query.order_by("case_key").limit(_N_SCORED)).scalars())

    def act() -> None:
        score_cases(store, bundle, keys, unit, "promotion")

    return act


def _make_proposal(store: Store, _: Path) -> Callable[[], None]:
    def act() -> None:
        gate = {"name": "calibration", "about": "violence", "verdict": "passed", "figures": {}}
        gate |= {"limit": "near 1", "words": "violence: 1.0", "may_be_accepted": False}
        about = {"catalogue": "stalking", "trained_for": "2026-08-03", "outcomes": ["violence"]}
        bundle_id = f"{random.getrandbits(256):064x}"
        candidate = ProposedBundle(bundle_id, "figures", None, about, (gate,))  # type: ignore[arg-type]
        with store.writing() as writing:
            propose(writing, _SCIENTIST, candidate)

    return act


def _make_seal(store: Store, _: Path) -> Callable[[], None]:
    people = frozenset({_SCREENER.subject, _OTHER})
    directory = Directory(people, Overseers(seal_confirmers=frozenset({"issuer|dora"})))
    with store.reading() as connection:
        query = select(schema.standings.c.case_key).order_by(schema.standings.c.case_key.desc())
        key = connection.execute(query.limit(1)).scalar_one()

    def act() -> None:
        with store.writing() as writing:
            seal_case(writing, key, _SCREENER, people, "a party works here", directory)

    return act


ACTS: Final = (
    Act("import", _make_import, (schema.cases, schema.events), 1 + _N_EVENTS),
    Act("decision", _make_decision, (schema.decisions,), 1),
    Act("scoring", _make_scoring, (schema.scores,), _N_SCORED),
    Act("promotion", _make_proposal, (schema.promotions,), 1),
    Act("sealing", _make_seal, (schema.seals, schema.seal_people), 3),
)


@dataclass(frozen=True)
class Soaked:
    """What so many kills left: acts said to be done, and what is wrong."""

    kills: int
    n_done: int
    n_under_way: int
    lost: int
    halves: int
    faults: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is lost, half there or at fault."""
        return not (self.lost or self.halves or self.faults)


def soak(address: str, bundle: Path, kills: int, seed: int = _SEED) -> Soaked:
    """Kill processes that write to a store, and look after each what is there.

    Parameters
    ----------
    address
        Address of a store with more open cases than decisions will be taken.
    bundle
        A bundle by which its cases can be scored.
    kills
        How many processes are killed, the kinds of act taken in turn.
    seed
        Of the moments.

    Returns
    -------
    Soaked
        ``lost`` counts acts that were said to be done and are not there, ``halves`` kills after
        which rows were there that make no whole act.
    """
    moments = random.Random(seed)
    n_done = under_way = lost = halves = 0
    faults: list[str] = []
    for number in range(kills):
        act = ACTS[number % len(ACTS)]
        before = _count(address, act)
        done = _run_and_kill(address, act, bundle, moments)
        rows = _count(address, act) - before
        whole, rest = divmod(rows, act.n_rows)
        n_done += done
        under_way += whole > done
        lost += max(0, done - whole)
        halves += bool(rest) or whole > done + 1
        faults += [f"kill {number + 1}, {act.name}: {words}" for words in _look(address)]
    return Soaked(kills, n_done, under_way, lost, halves, tuple(faults))


def _run_and_kill(address: str, act: Act, bundle: Path, moments: random.Random) -> int:
    """Let a process act until it is killed; return of how many acts it said that they were done."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _go_on(address, act, bundle, writing)
    os.close(writing)
    try:
        said = _wait_for_first(reading)
        begun = time.monotonic()
        time.sleep(moments.uniform(0.0, 0.08))
        os.kill(child, signal.SIGKILL)
    finally:
        os.waitpid(child, 0)
    if time.monotonic() - begun > _LONGEST_S:
        raise RuntimeError(f"{act.name}: the process would not end")
    while more := os.read(reading, 65_536):
        said += more
    os.close(reading)
    return len(said)


def _wait_for_first(reading: int) -> bytes:
    said = os.read(reading, 1)
    if not said:
        raise RuntimeError("the process ended by itself; what it said is above")
    return said


def _go_on(address: str, act: Act, bundle: Path, writing: int) -> None:
    """Act over and over, in a process of its own; never returns."""
    try:
        store = open_store(address)
        do_once = act.make(store, bundle)
        while True:
            do_once()
            os.write(writing, b".")
    except BaseException as error:
        print(f"{act.name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(1)


def _count(address: str, act: Act) -> int:
    with _opened(address) as store, store.reading() as connection:
        return sum(_count_rows(connection, table) for table in act.tables)


def _count_rows(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _look(address: str) -> Iterator[str]:
    with _opened(address) as store:
        for book in verify_store(store):
            yield from (f"{book.book}: {fault.problem}" for fault in book.faults)
        yield from (finding.problem for finding in check_store(store))


@contextmanager
def _opened(address: str) -> Iterator[Store]:
    store = open_store(address)
    try:
        yield store
    finally:
        store.close()  # a process that is forked must find no connection open


def describe_soak(kills: int = KILLS) -> str:
    """Return the table of both databases."""
    lines = [
        f"{kills:,} processes killed (SIGKILL) at moments that were drawn, a fifth each while they",
        "import a case of 20 events, decide, score 20 cases anew, propose a bundle and seal; after",
        "each kill the whole log is verified and the store checked.",
        "",
        "| database | kills | acts done | done, not said | lost | half there | faults | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        # Apart from this process: after a fork LightGBM's threads would be gone.
        make = "import sys; from pathlib import Path; from benchmarks.soak import make_inputs; "
        command = [sys.executable, "-c", make + "make_inputs(Path(sys.argv[1]))", str(folder)]
        subprocess.run(command, check=True)
        for kind, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
            with serve_database(kind) as address, named_key():
                fill = [sys.executable, "-m", "benchmarks.soak", "--fill", str(folder / "unit")]
                subprocess.run([*fill, "--address", address], check=True)
                begun = time.monotonic()
                found = soak(address, folder / "bundle", kills // 2)
            lines.append(_lay_out(name, found, time.monotonic() - begun))
            print(lines[-1], *found.faults[:20], sep="\n", flush=True)
    return "\n".join([*lines, ""])


def make_inputs(folder: Path) -> None:
    """Make a bundle and a unit of open cases in a folder."""
    train_small(folder / "learnt", folder / "bundle")
    simulate_unit(_N_CASES, _SEED, folder / "unit", progress=lambda message: None)


def fill(address: str, unit: Path) -> None:
    """Make a store and put a unit into it."""
    store = open_store(address)
    upgrade(store, synthetic=True)
    person = Person("Soak", "administrator", "unit")
    import_folder(store, unit, person, make_settings(database_url=address), lambda message: None)
    store.close()


def _lay_out(name: str, found: Soaked, seconds: float) -> str:
    return (
        f"| {name} | {found.kills:,} | {found.n_done:,} | {found.n_under_way:,} | {found.lost:,} "
        f"| {found.halves:,} | {len(found.faults):,} | {seconds:.0f} |"
    )


def main() -> int:
    """Run; exit with 1 where something is lost, half there or at fault."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("kills", nargs="?", type=int, default=KILLS)
    parser.add_argument("--address", help="Use the store that is there.")
    parser.add_argument("--bundle", type=Path, help="A bundle for its cases.")
    parser.add_argument("--fill", type=Path, help="Put this unit into a new store, and end.")
    asked = parser.parse_args()
    if asked.fill:
        fill(asked.address, asked.fill)
        return 0
    if asked.address:
        found = soak(asked.address, asked.bundle, asked.kills)
        print(_lay_out("this one", found, 0.0), *found.faults[:20], sep="\n")
        return 0 if found.is_whole else 1
    text = describe_soak(asked.kills)
    Path(__file__).with_name("SOAK.md").write_text(f"# Kills\n\nWritten by `make soak`.\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
