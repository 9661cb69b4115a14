"""Databases that tests borrow, one after the other.

Making and dropping one for each test took more time than the tests. A database that comes back is
emptied; it is handed on only where it is then, in every part, as a fresh copy of the template is.
"""

import time
import uuid
from dataclasses import dataclass

import psycopg

from tests.test_serving.database_state import Layout, empty, find_differences, read_layout
from tests.test_serving.postgresql_server import Session, connect

_LOOKS = 250
_LOOK_S = 0.002
"""How often, and after what pause, it is looked whether sessions that were closed are gone."""


_layouts: dict[tuple[str, str], Layout] = {}
"""What is asked of the copies of a template, by its server and its name."""


@dataclass(frozen=True)
class _Kept:
    """A database of the pool, and the pool's own session in it."""

    name: str
    session: Session


class DatabasePool:
    """Databases of one process, all copies of one template.

    Parameters
    ----------
    server
        The server's address.
    template
        Name of the database to copy.
    """

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._session = connect(server)
        self._free: list[_Kept] = []
        self._lent: dict[str, _Kept] = {}
        self._layout: Layout | None = None

    def take(self) -> str:
        """Return the name of a database that is as the template is, and that nobody else has."""
        while self._free:
            kept = self._free.pop()
            if self._is_fresh(kept):
                break
            self._drop(kept)
        else:
            kept = self._make()
        self._lent[kept.name] = kept
        return kept.name

    def give_back(self, name: str) -> None:
        """Take a database back and empty it; where that cannot be done it is dropped."""
        kept = self._lent.pop(name)
        try:
            # A session that a test left open could write later, into another test's database.
            if self._layout is not None and _have_ended(kept.session):
                empty(kept.session, self._layout)
                self._free.append(kept)
                return
        except psycopg.Error:
            pass  # it is not the database that was lent
        self._drop(kept)

    def close(self) -> None:
        """Drop every database."""
        for kept in [*self._free, *self._lent.values()]:
            self._drop(kept)
        self._free.clear()
        self._lent.clear()
        self._session.close()

    def _make(self) -> _Kept:
        name = f"caselight_{uuid.uuid4().hex[:12]}"
        self._session.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"')
        kept = _Kept(name, connect(self._server, name))
        # All copies of one template are alike, whichever pool of this process made them.
        if (key := (self._server, self._template)) not in _layouts:
            _layouts[key] = read_layout(kept.session)
        self._layout = _layouts[key]
        return kept

    def _is_fresh(self, kept: _Kept) -> bool:
        assert self._layout is not None
        try:
            return not find_differences(kept.session, self._layout)
        except psycopg.Error:
            return False

    def _drop(self, kept: _Kept) -> None:
        kept.session.close()
        self._session.execute(f'DROP DATABASE IF EXISTS "{kept.name}" WITH (FORCE)')


def _have_ended(session: Session) -> bool:
    """Return whether all other sessions of the database ended, which takes them a moment."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    for _ in range(_LOOKS):
        if session.execute(query, prepare=True).fetchone() == (0,):
            return True
        time.sleep(_LOOK_S)
    return False
