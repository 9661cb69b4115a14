"""A real store, on SQLite and on PostgreSQL; every test that asks for one runs on both.

``DATABASE_URL`` names a PostgreSQL server to use; without it one is started for the tests.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.store.database import Store, open_store
from serving.store.upgrading import upgrade
from tests.run_folder import make_once
from tests.test_serving.database_pool import DatabasePool
from tests.test_serving.postgresql_server import (
    find_server,
    find_template,
    name_database,
    new_database,
)

NOW_US = 1_772_000_000_000_000
"""25 February 2026, 06:13:20 UTC."""


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
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a PostgreSQL server, a real one."""
    return find_server(tmp_path_factory)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, audit_key_file: Path) -> str:
    """Return the name of a database with an up-to-date store in it, to copy."""
    return find_template(tmp_path_factory)


@pytest.fixture(scope="session")
def databases(postgresql: str, template: str) -> Iterator[DatabasePool]:
    """Return the databases of this process, for tests to borrow."""
    pool = DatabasePool(postgresql, template)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def made_sqlite(tmp_path_factory: pytest.TempPathFactory, audit_key_file: Path) -> Path:
    """Return an up-to-date SQLite store, to copy."""
    return make_once(tmp_path_factory, "sqlite", _make_sqlite) / "made.db"


def _make_sqlite(folder: Path) -> None:
    store = open_store(f"sqlite:///{folder / 'made.db'}")
    upgrade(store, synthetic=True)
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of a store of its own for the test."""
    if request.param == "sqlite":
        yield _copy_sqlite(request.getfixturevalue("made_sqlite"), tmp_path / "unit.db")
        return
    pool: DatabasePool = request.getfixturevalue("databases")
    name = pool.take()
    yield name_database(request.getfixturevalue("postgresql"), name)
    pool.give_back(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of a store that nobody had before and nobody gets afterwards."""
    if request.param == "sqlite":
        yield _copy_sqlite(request.getfixturevalue("made_sqlite"), tmp_path / "unit.db")
        return
    server = request.getfixturevalue("postgresql")
    with new_database(server, request.getfixturevalue("template")) as name:
        yield name_database(server, name)


def _copy_sqlite(made: Path, path: Path) -> str:
    for suffix in (".db", ".looks.db"):
        shutil.copyfile(made.with_suffix(suffix), path.with_suffix(suffix))
    return f"sqlite:///{path}"


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
