"""The pages of the list from request to last byte, signed in, beside 1,000 and 100,000 open cases.

A real server answers a real client over a socket. The list is as full as a unit's: reasons with
many records, flags, several hundred records a case, and flagged cases without a place.
"""

import socket
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import httpx2
import numpy as np
import uvicorn
from sqlalchemy import insert, select, text, update

from benchmarks.store_lists import (
    DAY_US,
    NOW_US,
    PERSON,
    UNIT,
    fill,
    open_postgresql,
    open_sqlite,
)
from serving.app import create_app
from serving.lists.sitting_opening import Terms, open_sitting
from serving.settings import make_settings
from serving.store.database import Store, make_key
from serving.store.frames import insert_columns
from serving.store.schema import (
    case_keys,
    cases,
    events,
    flag_raisings,
    list_places,
    sittings,
    standings,
)

SIZES: Final = (1_000, 100_000)
REPEATS: Final = 100
RECORDS: Final = 300
"""Records of each case on the list."""
BEHIND: Final = 100
"""Records behind each reason."""
FLAGGED_SHARE: Final = 0.05
URGENT: Final = 100
_KINDS: Final = ("call", "message", "letter", "threat_of_violence", "assault")
_ORIGIN: Final = "http://127.0.0.1"


def describe_pages() -> str:
    """Return the tables."""
    parts = [
        f"Each page {REPEATS} times after an untimed one, over a socket, signed in as a screener, "
        f"logged before the answer is sent. {RECORDS} records for each case on the list, "
        f"three reasons up and two down with {BEHIND} records each; {FLAGGED_SHARE:.0%} of the "
        f"open cases carry a flag and have no place, {URGENT} an urgent one.",
        "",
    ]
    for name, open_all in (("SQLite", open_sqlite), ("PostgreSQL", open_postgresql)):
        parts += [
            f"### {name}",
            "",
            "| open cases | page | p50 | p95 | size |",
            "|---|---|---|---|---|",
        ]
        with open_all() as make:
            for size in SIZES:
                store = make()
                prepare(store, size)
                with serve(store) as client:
                    parts += [f"| {size:,} | {row} |" for row in _time_pages(client, store)]
                store.close()
        parts.append("")
    return "\n".join(parts)


def _time_pages(client: httpx2.Client, store: Store) -> Iterator[str]:
    with store.reading() as connection:
        number = connection.execute(select(case_keys.c.case_id).limit(1)).scalar_one()
    pages: Mapping[str, tuple[str, str, dict[str, str]]] = {
        "the list": ("GET", "/", {}),
        "the list, not yet decided": ("GET", "/?decision=no", {}),
        "the clinic pack": ("GET", "/pack", {}),
        "urgent flags": ("GET", "/urgent", {}),
        "all cases": ("GET", "/cases", {}),
        "a case by its number": ("POST", "/cases/find", {"number": str(number)[:-1]}),
    }
    for name, (method, path, form) in pages.items():
        times, n_bytes = [], 0
        for turn in range(REPEATS + 1):
            start = time.perf_counter()
            answer = client.request(method, path, data=form or None)
            if turn:  # the first is not timed
                times.append(1e3 * (time.perf_counter() - start))
            assert answer.status_code in (200, 303), answer.status_code
            n_bytes = len(answer.content)
        p95 = float(np.percentile(times, 95))
        yield f"{name} | {statistics.median(times):.1f} ms | {p95:.1f} ms | {n_bytes / 1e3:.0f} kB"


@contextmanager
def serve(store: Store) -> Iterator[httpx2.Client]:
    """Give a client, signed in as a screener, of a server over a store."""
    address = store.engine.url.render_as_string(hide_password=False)
    now = datetime.fromtimestamp(NOW_US / 1e6, UTC).isoformat()
    app = create_app(make_settings(database_url=address, now=now, work=False))
    # Named as TCP: without it the server would wait to fill each packet, as `serve` does not.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    base = f"{_ORIGIN}:{listener.getsockname()[1]}"
    with httpx2.Client(base_url=base, headers={"origin": base}, timeout=60) as client:
        who = {"name": PERSON.name, "role": PERSON.role, "agency": PERSON.agency}
        client.post("/v1/sign-in", json=who).raise_for_status()
        yield client
    server.should_exit = True
    thread.join()
    listener.close()


def prepare(store: Store, size: int) -> None:
    """Fill a store with open cases, flags, and a list that is as full as a unit's."""
    fill(store, size)
    flag_some(store, round(size * FLAGGED_SHARE))
    for _ in range(2):  # the first is the sitting before
        open_sitting(store, UNIT, Terms(), PERSON, None, lambda *_: {}, again="for measuring")
    fill_list(store)
    if not store.is_sqlite:  # what the server does by itself after a while
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def flag_some(store: Store, n_flagged: int) -> None:
    """Let some more open cases carry a flag, the first of them an urgent one."""
    with store.writing() as writing:
        connection = writing.connection
        unflagged = standings.c.flagged_since_us.is_(None)
        query = select(standings.c.case_key).where(unflagged).limit(n_flagged)
        keys = list(connection.execute(query).scalars())
        same = partial(_repeat, len(keys))
        urgent = [number < URGENT for number in range(len(keys))]
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            connection.execute(
                update(standings)
                .where(standings.c.case_key.in_(part))
                .values(n_flags=1, flagged_since_us=NOW_US - DAY_US)
            )
        insert_columns(
            connection,
            flag_raisings,
            {
                "raising_key": [make_key() for _ in keys],
                "case_key": keys,
                "flag": same("threat"),
                "urgent": urgent,
                "record_id": same("E1"),
                "raised_at_us": same(NOW_US - DAY_US),
                "due_at_us": [NOW_US - DAY_US if one else None for one in urgent],
                "stored_seq": same(1),
            },
        )


def fill_list(store: Store) -> None:
    """Store the latest list once more with what a model says of its rows, and their records."""
    with store.writing() as writing:
        connection = writing.connection
        sitting = connection.execute(
            select(sittings).order_by(sittings.c.stored_seq.desc()).limit(1)
        ).one()
        query = select(list_places).where(list_places.c.sitting_key == sitting.sitting_key)
        places = connection.execute(query).all()
        seq, key = writing.take_seq(1 + len(places)), make_key()
        values = dict(sitting._mapping) | {"sitting_key": key, "stored_seq": seq}
        connection.execute(insert(sittings).values(values))
        rows = []
        for number, place in enumerate(places, 1):
            _put_records(connection, place.case_key)
            shown = place.shown | _write_advice()
            more = {"sitting_key": key, "shown": shown, "stored_seq": seq + number}
            rows.append(dict(place._mapping) | more)
        connection.execute(insert(list_places), rows)


def _put_records(connection: Any, case_key: str) -> None:
    same = partial(_repeat, RECORDS)
    at = [NOW_US - number * DAY_US for number in range(RECORDS)]
    insert_columns(
        connection,
        events,
        {
            "case_key": same(case_key),
            "event_id": [f"E{number}" for number in range(RECORDS)],
            "kind": [_KINDS[number % len(_KINDS)] for number in range(RECORDS)],
            "occurred_at": at,
            "recorded_at": at,
            "source": same("police"),
            "stored_seq": same(1),
        },
    )
    connection.execute(
        insert(cases).values(case_key=case_key, recorded_at=NOW_US - 400 * DAY_US, stored_seq=1)
    )


def _write_advice() -> dict[str, Any]:
    """Return what a model says of a row, as a snapshot keeps it."""

    def reason(name: str, pushes: str) -> dict[str, Any]:
        return {
            "outcome": "violence",
            "indicator": name,
            "family": "threat_and_violence",
            "sentence": f"incidents of physical violence in the last 180 days, {name}: 4",
            "value": 4.0,
            "contribution": 0.5,
            "pushes": pushes,
            "records": [f"E{number}" for number in range(BEHIND)],
            "usual": "in 9 of 10 comparable cases: 0 to 2",
            "usual_low": 0.0,
            "usual_high": 2.0,
        }

    estimate = {"label": "violence recorded", "horizon": "90 days", "probability": 0.4}
    estimate |= {"average": 0.1, "base_log_odds": -2.2, "log_odds": -0.4, "low": 0.35, "high": 0.45}
    return {
        "leading_outcome": "violence",
        "leading_label": "violence recorded",
        "estimates": [
            estimate | {"outcome": name} for name in ("violence", "breach", "persistence")
        ],
        "reasons": [reason(f"up {number}", "up") for number in range(3)],
        "n_reasons": 5,
        "counter_reasons": [reason(f"down {number}", "down") for number in range(2)],
        "unknowns": [f"Not asked: question {number}?" for number in range(6)],
        "unknown": "Not asked: question 0?",
        "ask_first": "Not asked: question 0?",
    }


def _repeat(size: int, value: Any) -> list[Any]:
    return [value] * size


if __name__ == "__main__":
    print(describe_pages())
