"""The audit key: outside the database, its owner's alone, and the one of the books."""

import stat
from pathlib import Path

import pytest

from features.errors import ConfigError
from serving.store.audit_keys import KEY_VARIABLE
from serving.store.database import Store, open_store
from serving.store.upgrading import upgrade
from tests.test_serving.store.test_audit_chain import fill_books, list_faults

ANOTHER = b"another key " * 3


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of a SQLite store that is not made yet, with no key named for it."""
    monkeypatch.delenv(KEY_VARIABLE)
    return f"sqlite:///{tmp_path / 'unit.db'}"


def make(address: str) -> None:
    store = open_store(address)
    upgrade(store, synthetic=True)
    fill_books(store, 2)
    store.close()


def test_a_key_is_made_beside_a_sqlite_store(alone: str, tmp_path: Path) -> None:
    """Where none is named the key lies beside the store, its owner's alone, and stays."""
    make(alone)
    path = tmp_path / "unit.db.audit-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store = open_store(alone)
    assert store.audit_key == path.read_bytes()
    assert list_faults(store) == []
    store.close()
    assert {file.name for file in tmp_path.iterdir()} >= {"unit.db", "unit.looks.db"}


def test_a_lost_key_is_told_and_none_is_made(alone: str, tmp_path: Path) -> None:
    """A store that has books does not open without the key that they were written with."""
    make(alone)
    path = tmp_path / "unit.db.audit-key"
    path.unlink()
    with pytest.raises(ConfigError, match="put it back from its backup"):
        open_store(alone)
    assert not path.exists()


@pytest.mark.parametrize("n_lines", [0, 1, 3, 150])
def test_another_key_is_refused_on_opening(store: Store, address: str, n_lines: int) -> None:
    """Nobody goes on with a book with another key, however many lines it has."""
    fill_books(store, n_lines)
    with pytest.raises(ConfigError, match="not the one that the log"):
        open_store(address, audit_key=ANOTHER)
    opened = open_store(address, audit_key=ANOTHER, any_key=True)
    if n_lines:
        assert next(one[1] for one in list_faults(opened)) == 1
    opened.close()
    open_store(address, audit_key=store.audit_key).close()


def test_another_key_cannot_upgrade_a_store(store: Store, address: str) -> None:
    """A store that was opened before it was made is held against the key when it is."""
    fill_books(store, 1)
    opened = open_store(address, audit_key=ANOTHER, any_key=True)
    with pytest.raises(ConfigError, match="not the one that the log"):
        upgrade(opened)
    opened.close()


def test_a_key_that_is_named_is_used(
    alone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that the environment names is made where absent, and none beside the store."""
    named = tmp_path / "elsewhere.key"
    monkeypatch.setenv(KEY_VARIABLE, str(named))
    make(alone)
    assert named.exists()
    assert not (tmp_path / "unit.db.audit-key").exists()


def test_a_key_that_others_can_read_is_refused(alone: str, tmp_path: Path) -> None:
    """A key that is not its owner's alone is told with the remedy."""
    path = tmp_path / "unit.db.audit-key"
    path.write_bytes(ANOTHER)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="make its mode 0600"):
        open_store(alone)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match="holds no key; put it back"):
        open_store(alone)


def test_a_server_needs_a_key_that_is_named(
    store: Store, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL there is no place beside the store: the key must be named."""
    monkeypatch.delenv(KEY_VARIABLE)
    missing = "the store's audit key is missing" if store.is_sqlite else KEY_VARIABLE
    with pytest.raises(ConfigError, match=missing):
        open_store(address)


def test_a_key_shows_in_no_description_of_a_store(store: Store) -> None:
    """What is printed of a store in an error or a log holds no key."""
    assert repr(store.audit_key) not in repr(store)
    assert store.audit_key.hex() not in repr(store)


def test_a_store_in_memory_is_refused() -> None:
    """A store that would be gone with the process is no store."""
    for address in ("sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ConfigError, match="with a file"):
            open_store(address)
