"""While the database is stopped, gone or held by another, everybody is told and can try again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from caselight.__main__ import run
from serving.access.route_rules import RULES
from serving.errors import ServiceError
from serving.store import engines
from serving.store.current_act import SERVICE, Act, acting
from serving.store.database import Store
from tests.test_serving.postgresql_server import connect

ROLES = ("screener", "administrator", "auditor", "duty", "data_scientist", "health", "reviewer")
SHOWN = sorted(
    (path, next(role for role in ROLES if role in rule.roles))
    for (method, path), rule in RULES.items()
    if method == "GET" and not rule.public and "{" not in path and set(rule.roles) & set(ROLES)
)


@contextmanager
def away(address: str) -> Iterator[None]:
    """Take the database away while the block lasts, and give it back."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        elsewhere = file.with_suffix(".moved")
        file.rename(elsewhere)
        yield
        assert not file.exists()
        elsewhere.rename(file)
        return
    server, name = url.set(database="postgres").render_as_string(hide_password=False), url.database
    with connect(server) as session:
        session.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        session.execute(query, (name,))
        yield
        session.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold SQLite's file as a backup does while the block lasts."""
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


@pytest.fixture
def away_app(new_address: str, make_app: Any) -> FastAPI:
    """Return an application over a store that a test may take away."""
    return make_app(database_url=new_address)


def forget_connections(app: FastAPI) -> None:
    """Close what is open, as a server that stops does; SQLite's open file would live on."""
    app.state.service.store.engine.dispose()


def test_every_page_and_answer_says_that_the_store_is_away(
    away_app: FastAPI, make_client: Any, new_address: str
) -> None:
    """A signed-in person gets 503 with a time to try again, a page where they asked for one; once
    the database is back so is everything, without a new sign-in.
    """
    clients = {role: make_client(away_app, role=role) for role in ROLES}
    html = {"accept": "text/html"}
    forget_connections(away_app)
    with away(new_address):
        for path, role in SHOWN:
            told = clients[role].get(path, headers={} if path.startswith("/v1/") else html)
            assert told.status_code == 503, (path, told.text)
            assert int(told.headers["retry-after"]) > 0, path
            if path.startswith("/v1/"):
                assert told.json()["error"]["code"] == "store_away", path
            else:
                assert told.headers["content-type"].startswith("text/html"), path
                assert "The store does not answer now" in told.text, path
    assert len(SHOWN) > 20
    assert clients["screener"].get("/v1/list").status_code != 503


def test_probes_look_for_no_session(away_app: FastAPI, make_client: Any, new_address: str) -> None:
    """Liveness does not hang on the store, whoever asks; readiness names it as what is missing."""
    client = make_client(away_app)
    forget_connections(away_app)
    with away(new_address):
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["missing"]) == (503, ["store"])
        assert client.get("/healthz", headers={"authorization": "Bearer none"}).status_code == 200
        assert client.get("/static/app.css").status_code == 200
        assert client.get("/sign-in").status_code == 200


def test_a_store_held_by_another_is_told_alike(
    made_sqlite: Path, tmp_path: Path, make_app: Any, make_client: Any, monkeypatch: Any
) -> None:
    """What would be written while a backup holds the file is answered 503, and nothing is lost or
    half done; reading goes on.
    """
    monkeypatch.setattr(engines, "_BUSY_S", 0.05)
    for suffix in (".db", ".looks.db"):
        copied = tmp_path / f"unit{suffix}"
        copied.write_bytes(made_sqlite.with_suffix(suffix).read_bytes())
    app = make_app(database_url=f"sqlite:///{tmp_path}/unit.db")
    client: TestClient = make_client(app, role="administrator")
    event = {"event_id": "e", "case_id": "A", "kind": "threat"}
    event |= {"occurred_at": "2025-01-01", "recorded_at": "2025-01-01"}
    rows = {"cases": [{"case_id": "A", "recorded_at": "2025-01-01"}], "events": [event]}
    with locked(tmp_path / "unit.db"):
        told = client.post("/v1/records", json=rows)
        assert (told.status_code, told.json()["error"]["code"]) == (503, "store_away")
        assert int(told.headers["retry-after"]) > 0
        assert client.get("/healthz").status_code == 200
    with locked(tmp_path / "unit.looks.db"):
        shown = client.get("/v1/sealed")
        assert (shown.status_code, shown.json()["error"]["code"]) == (503, "store_away")
    assert client.post("/v1/records", json=rows).json()["added"] == 2


def test_a_command_says_that_the_store_is_held(
    made_sqlite: Path, tmp_path: Path, monkeypatch: Any, capfd: Any
) -> None:
    """On the command line a held store is a line with a remedy, no internal error."""
    monkeypatch.setattr(engines, "_BUSY_S", 0.05)
    for suffix in (".db", ".looks.db"):
        copied = tmp_path / f"unit{suffix}"
        copied.write_bytes(made_sqlite.with_suffix(suffix).read_bytes())
    with locked(tmp_path / "unit.db"):
        command = [
            "db",
            "export",
            str(tmp_path / "out"),
            "--store",
            f"sqlite:///{tmp_path}/unit.db",
        ]
        assert run(command) == 2
    assert "the store does not answer" in capfd.readouterr().err


def test_a_look_that_cannot_be_recorded_for_a_lock_may_be_tried_again(store: Store) -> None:
    """Where the access log is held by another, the same request can be sent again."""
    if not store.is_sqlite:
        pytest.skip("on a server the log is a table of the store's own")
    file = engines.name_looks_file(Path(str(store.engine.url.database)))
    store.looks.dispose()
    with pytest.MonkeyPatch.context() as patch, locked(file):
        patch.setattr(engines, "_BUSY_S", 0.05)
        with acting(Act(SERVICE, "retrieval", "test")), pytest.raises(ServiceError) as caught:
            store.look()
    assert caught.value.code == "store_away"


def test_a_wrong_statement_is_no_store_that_is_away(store: Store) -> None:
    """A table that is not there is our fault: nobody is told to try again."""
    with store.reading() as connection, pytest.raises(Exception) as caught:
        connection.exec_driver_sql("SELECT * FROM nowhere")
    assert not engines.is_away(caught.value)
