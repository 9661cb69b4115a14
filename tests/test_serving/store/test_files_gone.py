"""SQLite's files while the service runs: removed, replaced, full, and read by others."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from serving.store.database import Store, open_store
from serving.store.engines import find_file, is_away, name_looks_file
from serving.store.upgrading import upgrade
from tests.test_serving.sent_rows import make_case, send

JSON_LINES = {"content-type": "application/x-ndjson"}
MOST_PAGES = 400
"""Of a database of some 300 pages when it is empty."""


@pytest.fixture
def sqlite_app(made_sqlite: Path, tmp_path: Path, make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application over a SQLite store of its own."""
    for suffix in (".db", ".looks.db"):
        shutil.copyfile(made_sqlite.with_suffix(suffix), tmp_path / f"unit{suffix}")
    return make_app(database_url=f"sqlite:///{tmp_path}/unit.db")


def write_case(number: int) -> str:
    """Return a line of an import with a case."""
    row = '{"case_id": "SYN-%d", "recorded_at": "2025-01-01"}' % number  # noqa: UP031
    return f'{{"table": "cases", "row": {row}}}\n'


@pytest.mark.parametrize("name", ["unit.db", "unit.looks.db"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_removed_file_stops_writing_at_once(
    sqlite_app: FastAPI, make_client: Any, tmp_path: Path, name: str, replaced: bool
) -> None:
    """While the service has a file open that was removed, or replaced by another, nothing is taken
    that would be gone with it.
    """
    client: TestClient = make_client(sqlite_app, role="administrator")
    rows = {"cases": [make_case("A")]}
    assert client.post("/v1/records", json=rows).status_code == 200
    assert client.get("/v1/cases").status_code == 200
    file = tmp_path / name
    copied = tmp_path / "copied"
    shutil.copyfile(file, copied)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    told = client.post("/v1/records", json={"cases": [make_case("B")]})
    assert told.status_code == 503
    assert client.get("/v1/cases").status_code == 503
    if replaced:
        copied.rename(file)
        assert client.post("/v1/records", json={"cases": [make_case("C")]}).status_code in (
            200,
            503,
        )
        assert client.post("/v1/records", json={"cases": [make_case("C")]}).status_code == 200


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_a_file_removed_within_a_transaction_takes_it_back(store: Store) -> None:
    """What is committed is committed to the file that is there."""
    file = find_file(store.engine)
    assert file is not None
    with pytest.raises(OperationalError) as caught, store.writing() as writing:
        writing.take_seq()
        file.rename(file.with_suffix(".moved"))
    assert is_away(caught.value)
    file.with_suffix(".moved").rename(file)
    send(store, {"cases": [make_case("A")]})


def test_the_files_are_the_services_own(tmp_path: Path, audit_key_file: Path) -> None:
    """Whatever the process's mask, nobody else may read a store, its journals and its looks; one
    made before is closed to others when it is brought up to date.
    """
    file = tmp_path / "unit.db"
    before = os.umask(0)
    try:
        store = open_store(f"sqlite:///{file}")
        upgrade(store, synthetic=True)
        send(store, {"cases": [make_case("A")]})
        there = sorted(tmp_path.glob("unit*"))
        assert {path.name for path in there} >= {"unit.db", "unit.db-wal", "unit.looks.db"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in there} == {0o600}
        for path in (file, name_looks_file(file)):
            path.chmod(0o644)
        upgrade(store)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("unit*")}
        assert modes == {0o600}
        store.close()
    finally:
        os.umask(before)


def test_a_full_disk_says_what_was_kept(
    sqlite_app: FastAPI, make_client: Any, tmp_path: Path
) -> None:
    """An import that finds no room says how many of its rows are kept, and goes on after them."""
    client: TestClient = make_client(sqlite_app, role="administrator")
    asked = {"source_digest": "a" * 64, "rows_total": 20_000}
    key = client.post("/v1/imports", json=asked).json()["import_key"]
    engine = sqlite_app.state.service.store.engine

    def narrow(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {MOST_PAGES}")

    engine.dispose()
    event.listen(engine, "connect", narrow)
    lines = "".join(write_case(number) for number in range(20_000))
    told = client.put(f"/v1/imports/{key}/rows", content=lines, headers=JSON_LINES)
    assert (told.status_code, told.json()["error"]["code"]) == (503, "store_full")
    done = client.get(f"/v1/imports/{key}").json()["rows_done"]
    assert f"the first {done:,} rows of the import are kept" in told.json()["error"]["message"]
    event.remove(engine, "connect", narrow)
    engine.dispose()
    rest = "".join(write_case(number) for number in range(done, 20_000))
    path = f"/v1/imports/{key}/rows?from={done}"
    ended = client.put(path, content=rest, headers=JSON_LINES).json()
    assert (ended["state"], ended["added"]) == ("ended", 20_000)
