"""What was ended or used up before its time, kept where every server sees it."""

import threading
from typing import Protocol

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from serving.clock import Clock
from serving.store.database import Store
from serving.store.schema import ended_sessions


class Endings(Protocol):
    """Names that are refused until they would be too old by themselves."""

    def add(self, name: str, until_us: int) -> bool:
        """Refuse a name from now on; return whether it was good until now."""

    def has(self, name: str) -> bool:
        """Return whether a name is refused."""


class MemoryEndings:
    """Endings of one process, where there is no store; safe to use from several threads.

    Parameters
    ----------
    clock
        The machine's time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, name: str, until_us: int) -> bool:
        """Refuse a name until a moment (microseconds UTC); return whether it was good until now."""
        now_us = self._clock()
        with self._lock:
            self._until = {known: us for known, us in self._until.items() if us >= now_us}
            is_new = name not in self._until
            self._until.setdefault(name, until_us)
            return is_new

    def has(self, name: str) -> bool:
        """Return whether a name is refused."""
        with self._lock:
            return name in self._until


class StoredEndings:
    """Endings in the store, so that every server refuses what one of them ended.

    Parameters
    ----------
    store
        The store; its own clock is left aside, since a synthetic store may live at another time.
    clock
        The machine's time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(self, name: str, until_us: int) -> bool:
        """Refuse a name until a moment (microseconds UTC); return whether it was good until now.

        Of several servers that end one name at once, one is told that it was good.
        """
        now_us = self._clock()
        try:
            with self._store.writing() as writing:
                connection = writing.connection
                connection.execute(delete(ended_sessions).where(ended_sessions.c.until_us < now_us))
                row = {"session": name, "until_us": until_us}
                connection.execute(insert(ended_sessions).values(row))
        # Left to the database: of two servers that end a name at once, one is told that it was
        # good.
        except IntegrityError:
            return False
        return True

    def has(self, name: str) -> bool:
        """Return whether a name is refused."""
        with self._store.reading() as connection:
            found = connection.execute(
                select(ended_sessions.c.session).where(ended_sessions.c.session == name)
            )
            return found.first() is not None


def keep_endings(store: Store | None, clock: Clock) -> Endings:
    """Return where endings are kept: in the store, or in memory where there is none."""
    return MemoryEndings(clock) if store is None else StoredEndings(store, clock)
