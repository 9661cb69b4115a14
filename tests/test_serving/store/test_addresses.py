"""What stands at a store's address is looked at before anything is made or written there."""

import os
import shlex
import socket
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from caselight.__main__ import run
from features.errors import ConfigError
from serving.store.database import open_store
from serving.store.upgrading import upgrade
from tests.test_serving.postgresql_server import connect, name_database

VERBS = (
    "db check --store {store}",
    "db export {tmp}/out --store {store}",
    "db import {unit} --store {store}",
    "audit verify --store {store}",
    "audit export-head {tmp}/heads --store {store}",
    "erase CASE --why none --store {store}",
    "seal CASE --person a --person b --why none --store {store}",
    "replay KEY --store {store} --models {tmp}",
    "promote BUNDLE --store {store} --models {tmp}",
    "rollback --why none --store {store} --models {tmp}",
    "serve --store {store} --port {port}",
)


@pytest.fixture
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name an audit key that is not there yet, in a folder of its own."""
    key = tmp_path / "keys" / "audit"
    key.parent.mkdir()
    monkeypatch.setenv("CASELIGHT_AUDIT_KEY_FILE", str(key))
    return key


@pytest.fixture
def empty_database(postgresql: str) -> Iterator[str]:
    """Return the address of a database of the server with nothing in it."""
    with _made(postgresql, "ENCODING 'UTF8'") as name:
        yield name_database(postgresql, name)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _made:
    """A database made in some way, and dropped where the block ends."""

    def __init__(self, server: str, way: str) -> None:
        self._server, self._way = server, way
        self._name = f"caselight_{uuid.uuid4().hex[:12]}"

    def __enter__(self) -> str:
        with connect(self._server) as session:
            session.execute(f'CREATE DATABASE "{self._name}" TEMPLATE template0 {self._way}')
        return self._name

    def __exit__(self, *_: object) -> None:
        with connect(self._server) as session:
            session.execute(f'DROP DATABASE "{self._name}" WITH (FORCE)')


@pytest.mark.parametrize("found", ["nothing", "empty", "another"])
@pytest.mark.parametrize("command", VERBS)
def test_no_verb_but_upgrade_makes_a_store(
    command: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    """At a mistyped address there is no store: every verb says so, and no file is made or changed,
    whether nothing is there, an empty file, or another program's database.
    """
    monkeypatch.delenv("CASELIGHT_AUDIT_KEY_FILE", raising=False)
    unit = tmp_path / "unit"
    unit.mkdir()
    address = tmp_path / "typo.db"
    if found == "empty":
        address.touch()
    elif found == "another":
        with sqlite3.connect(address) as database:
            database.execute("CREATE TABLE orders (n INTEGER)")
        database.close()
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    places = {"store": f"sqlite:///{address}", "tmp": tmp_path, "unit": unit, "port": free_port()}
    assert run(shlex.split(command.format(**places))) == 2
    assert "there is no store at that address" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


@pytest.mark.postgresql
@pytest.mark.parametrize("command", VERBS)
def test_no_store_on_a_server_is_told_alike(
    command: str, empty_database: str, own_key: Path, tmp_path: Path, capfd
) -> None:
    """A database without a store in it is told in the same words, and no audit key is made."""
    (tmp_path / "unit").mkdir()
    places = {"store": empty_database, "tmp": tmp_path, "unit": tmp_path / "unit"}
    places |= {"port": free_port()}
    assert run(shlex.split(command.format(**places))) == 2
    assert "there is no store at that address" in capfd.readouterr().err
    assert os.listdir(own_key.parent) == []


def test_upgrade_makes_a_store_that_every_verb_opens(tmp_path: Path, capfd) -> None:
    """`db upgrade` makes what the others ask for, and asking leaves it as it is."""
    address = f"sqlite:///{tmp_path}/a name with blanks #1.db"
    for verb in ("upgrade --synthetic", "check"):
        assert run(["db", *shlex.split(verb), "--store", address]) == 0
    assert run(["audit", "verify", "--store", address]) == 0


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 4096])
def test_a_file_that_is_no_database_is_told(content: bytes, tmp_path: Path, capfd) -> None:
    """A file of another kind is neither a store nor overwritten, by whichever verb."""
    path = tmp_path / "unit.db"
    path.write_bytes(content)
    for verb in ("check", "upgrade"):
        assert run(["db", verb, "--store", f"sqlite:///{path}"]) == 2
        assert "the store cannot be read" in capfd.readouterr().err
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["unit.db"]


@pytest.mark.postgresql
@pytest.mark.parametrize("encoding", ["LATIN1", "LATIN9", "WIN1252", "SQL_ASCII", "EUC_JP"])
def test_a_database_of_another_encoding_is_refused_at_once(
    encoding: str, postgresql: str, own_key: Path, capfd
) -> None:
    """A database that cannot hold every letter is refused in words, before anything is made."""
    with _made(postgresql, f"ENCODING '{encoding}' LOCALE 'C'") as name:
        store = name_database(postgresql, name)
        assert run(["db", "upgrade", "--store", store]) == 2
        told = capfd.readouterr().err
        with connect(postgresql, name) as session:
            query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            assert session.execute(query).fetchone() == (0,)
    assert f"the database's encoding is {encoding}" in told
    assert "ENCODING 'UTF8'" in told
    assert os.listdir(own_key.parent) == []


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "command", ["db check --store {store}", "serve --store {store} --port {port}"]
)
def test_a_store_in_another_encoding_is_refused_by_check_and_serve(
    command: str, postgresql: str, capfd
) -> None:
    """A store that an earlier version made in such a database is told, not opened."""
    with _made(postgresql, "ENCODING 'LATIN1' LOCALE 'C'") as name:
        with connect(postgresql, name) as session:
            session.execute("CREATE TABLE unit (id INTEGER)")
        store = name_database(postgresql, name)
        assert run(shlex.split(command.format(store=store, port=free_port()))) == 2
    assert "the database's encoding is LATIN1" in capfd.readouterr().err


@pytest.mark.postgresql
def test_letters_do_not_hang_on_what_a_role_or_a_server_prefers(
    empty_database: str, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of every script are kept whatever encoding the environment or the database prefers."""
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    name = empty_database.rsplit("/", 1)[1].partition("?")[0]
    with connect(postgresql) as session:
        session.execute(f"ALTER DATABASE \"{name}\" SET client_encoding = 'SQL_ASCII'")
    store = open_store(empty_database)
    upgrade(store, synthetic=True)
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT 'Łódź 東京'").scalar_one() == "Łódź 東京"
    store.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql+psycopg2://somewhere/unit", "write postgresql:// alone"),
        ("postgresql+asyncpg://somewhere/unit", "write postgresql:// alone"),
        ("postgresql+psycopg_async://somewhere/unit", "write postgresql:// alone"),
        ("postgres+pg8000://somewhere/unit", "write postgresql:// alone"),
        ("sqlite+aiosqlite:///unit.db", "write sqlite:// alone"),
        ("sqlite+pysqlcipher:///unit.db", "write sqlite:// alone"),
        ("mysql+pymysql://somewhere/unit", "not sqlite:/// or postgresql://"),
        ("postgresql://somewhere:port/unit", "not sqlite:/// or postgresql://"),
        ("sqlite://", "not sqlite:/// or postgresql://"),
    ],
)
def test_another_driver_is_refused_in_words(address: str, words: str) -> None:
    """A driver that is not installed here, or not ours, is told with what to write instead."""
    with pytest.raises(ConfigError, match=words):
        open_store(address)
