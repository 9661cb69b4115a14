"""Room for what is sent in: an import, a sender's day and the disk each have a bound."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.api import imports
from serving.persons import Person
from serving.store.database import Store
from tests.test_serving.confirmations.confirming import come_in
from tests.test_serving.entered import close_application, make_application
from tests.test_serving.stores import SetClock

SENDER = Person("SYN Sender", "administrator", "police")
OTHER = Person("SYN Other", "administrator", "police")
ROWS = [
    json.dumps({"table": "cases", "row": {"case_id": f"SYN-{n}", "recorded_at": "2026-01-05"}})
    for n in range(12)
]


@pytest.fixture
def made(store: Store, address: str) -> Iterator[Any]:
    """Return a way to open the service over the test's store with further settings."""
    opened: list[FastAPI] = []

    def make(**given: Any) -> TestClient:
        opened.append(make_application(address, store.clock, **given))
        return come_in(opened[-1], SENDER)

    yield make
    for one in opened:
        close_application(one)


def begin(client: TestClient, digest: str = "sha256:00") -> str:
    """Begin an import; return its key."""
    told = client.post("/v1/imports", json={"source_digest": digest}).json()
    return str(told["import_key"])


def put(client: TestClient, key: str, rows: list[str], **query: object) -> Any:
    """Send rows of an import."""
    return client.put(
        f"/v1/imports/{key}/rows",
        params=query,
        content="\n".join(rows).encode(),
        headers={"content-type": "application/x-ndjson"},
    )


def count_done(client: TestClient, key: str) -> int:
    """Return how many rows of an import are kept."""
    return int(client.get(f"/v1/imports/{key}").json()["rows_done"])


def send_one(client: TestClient, case_id: str) -> Any:
    """Send one case as a request of its own."""
    case = {"case_id": case_id, "recorded_at": "2026-01-05"}
    return client.post("/v1/records", json={"cases": [case]})


def test_an_import_has_a_bound_as_a_whole(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several requests too: what came before is kept and told, and sending again is free."""
    monkeypatch.setattr(imports, "ROWS_PER_CHUNK", 3)
    rows, fits = [row.ljust(200) for row in ROWS], 6
    client = made(max_import_bytes=1_300)
    key = begin(client)
    assert put(client, key, rows[:3]).status_code == 200
    refused = put(client, key, rows)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (413, "import_too_large")
    assert f"the first {fits:,} rows of the import are kept" in error["message"]
    assert count_done(client, key) == fits
    assert put(client, key, rows[:fits]).status_code == 200
    assert put(client, key, rows[fits : fits + 3], **{"from": fits}).status_code == 413
    assert count_done(client, key) == fits
    assert put(client, key, [], **{"from": fits}, last=True).json()["state"] == "ended"
    assert put(client, begin(client, "sha256:01"), rows[fits:], last=True).status_code == 200


@pytest.mark.parametrize(
    "bound", [{"sender_rows_per_day": 5}, {"sender_bytes_per_day": 1_000}], ids=["rows", "bytes"]
)
def test_a_sender_has_a_bound_for_a_day(
    clock: SetClock, made: Any, bound: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of streams and of requests count together, of one sender alone, for a day."""
    monkeypatch.setattr(imports, "ROWS_PER_CHUNK", 2)
    client = made(**bound)
    rows = [row.ljust(200) for row in ROWS]
    assert send_one(client, "SYN-first").status_code == 200
    key = begin(client)
    refused = put(client, key, rows, last=True)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (413, "sent_too_much")
    kept = count_done(client, key)
    assert 0 < kept < 5
    assert f"the first {kept:,} rows of the import are kept" in error["message"]
    assert put(client, key, [], **{"from": kept}, last=True).json()["state"] == "ended"
    more = [send_one(client, f"SYN-more-{n}").status_code for n in range(12)]
    assert more[-1] == 413
    assert more == sorted(more)
    assert send_one(come_in(client.app, OTHER), "SYN-other").status_code == 200
    clock.pass_days(1.01)
    assert send_one(client, "SYN-next-day").status_code == 200


def test_no_rows_are_taken_before_the_disk_is_full(made: Any, store: Store, tmp_path: Path) -> None:
    """Where little is free rows are refused and none is lost, whichever way they come."""
    if not store.is_sqlite:
        pytest.skip("a server's disk cannot be seen from here: see test_kills.py for a full one")
    client = made(least_free_bytes=0)
    key = begin(client)
    assert put(client, key, ROWS[:4]).status_code == 200
    low = made(least_free_bytes=shutil.disk_usage(tmp_path).total + 1)
    for answer in (put(low, key, ROWS), send_one(low, "SYN-low")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_low")
        assert "retry-after" in answer.headers
    assert count_done(low, key) == 4
    assert low.get("/v1/cases").status_code == 200
    again = put(client, key, ROWS, last=True).json()
    assert (again["state"], again["added"]) == ("ended", len(ROWS))
