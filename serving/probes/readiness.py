"""What the service lacks to do its work: names alone, and nothing of what it holds."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from features.errors import ConfigError
from serving.errors import ServiceError
from serving.identity.issuer import Issuer
from serving.intake.storage_room import check_disk
from serving.oversight.audit_verification import reading_book
from serving.service import Service
from serving.store.audit_books import check_key, find_head
from serving.store.audit_lines import BOOKS
from serving.store.database import Store
from serving.store.engines import find_file, name_looks_file
from serving.store.upgrading import check_looks, check_schema

KEPT_SECONDS: Final = 5.0
_MAY_WRITE: Final = (
    "SELECT has_table_privilege(current_user, 'audit_lines', 'INSERT') "
    "AND has_table_privilege(current_user, 'audit_heads', 'UPDATE')"
)


class Readiness:
    """Finds what is missing; asked often, it answers from some seconds ago.

    Parameters
    ----------
    service
        What the service works with.
    issuer
        The provider through which people sign in; ``None`` where they do on this machine.
    is_working
        Whether the store's own work goes on; ``None`` where another process does it.
    least_free_bytes
        Free on a SQLite store's disk; as the settings say where absent.
    kept_seconds
        How long an answer holds.
    """

    def __init__(
        self,
        service: Callable[[], Service],
        *,
        issuer: Issuer | None = None,
        is_working: Callable[[], bool] | None = None,
        least_free_bytes: int | None = None,
        kept_seconds: float = KEPT_SECONDS,
    ) -> None:
        self._service = service
        self._issuer = issuer
        self._is_working = is_working
        self._least_free_bytes = least_free_bytes
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._found: tuple[float, tuple[str, ...]] | None = None

    def find_missing(self) -> tuple[str, ...]:
        """Return the names of what is missing, in a fixed order; empty where nothing is."""
        with self._lock:  # several who ask at once ask once
            now_s = time.monotonic()
            if self._found is None or now_s - self._found[0] >= self._kept_seconds:
                self._found = (now_s, tuple(self._find()))
            return self._found[1]

    def _find(self) -> Iterator[str]:
        service = self._service()
        if service.champion.find() is None:
            yield "bundle"
        if service.store is None or not is_reachable(service.store):
            yield "store"
        else:
            yield from self._find_of_store(service.store, service.settings.least_free_bytes)
        if self._issuer is not None and not _answers(self._issuer):
            yield "sign_in"
        if self._is_working is not None and not self._is_working():
            yield "worker"

    def _find_of_store(self, store: Store, least_free_bytes: int) -> Iterator[str]:
        if check_schema(store):
            yield "schema"
        if check_looks(store) or not may_write_books(store):
            yield "audit"
        least = self._least_free_bytes
        try:
            check_disk(store, least_free_bytes if least is None else least)
        except ServiceError:
            yield "disk"


def is_reachable(store: Store) -> bool:
    """Return whether the store answers a question."""
    file = find_file(store.engine)
    if file is not None and not file.is_file():
        return False
    try:
        with store.reading() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def may_write_books(store: Store) -> bool:
    """Return whether lines could be added to both logs, with the key they were begun with.

    Nothing is written and no lock is taken, so that a probe holds up nobody.
    """
    try:
        for book in BOOKS:
            with reading_book(store, book) as connection:
                if find_head(connection, book) is None:
                    return False
                check_key(connection, store.audit_key, book)
        file = find_file(store.engine)
        if file is not None:
            return all(os.access(one, os.W_OK) for one in (file, name_looks_file(file)))
        with store.reading() as connection:
            return bool(connection.execute(text(_MAY_WRITE)).scalar_one())
    except (SQLAlchemyError, ConfigError, OSError):
        return False


def _answers(issuer: Issuer) -> bool:
    try:
        issuer.read()
    except ServiceError:
        return False
    return True
