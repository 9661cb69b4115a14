"""Leases: work that one process at a time may do, held by name while there are signs of life.

No clock decides. Whoever holds a lease changes its row every few seconds; whoever waits takes it
over once the row has stayed the same for long enough on their own monotonic clock, which starts
with the process, runs by itself and is set by nobody. So a process that was killed is followed
within seconds, and a machine whose time is set back or forward, or is another than the next one's,
holds nobody up. The row's moment is for people who look at it and differs with every sign.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from serving.errors import ServiceError
from serving.store.database import Store
from serving.store.schema import leases

SECOND_US: Final = 1_000_000
LEASE_S: Final = 15.0
"""How long a lease without a sign of life is left alone; a holder misses several signs before."""
SIGN_S: Final = 3.0
"""Between two signs of life."""


@dataclass
class LeaseWatch:
    """What one process has seen of the leases of others.

    Parameters
    ----------
    steady_clock
        Seconds that only grow.
    """

    steady_clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[str, int, float]] = field(default_factory=dict)

    def is_left(self, name: str, holder: str, until_us: int, seconds: float) -> bool:
        """Return whether a lease has stayed as it is for longer than ``seconds``."""
        now_s = self.steady_clock()
        seen = self._seen.get(name)
        if seen is None or seen[:2] != (holder, until_us):
            self._seen[name] = (holder, until_us, now_s)
            return False
        return now_s - seen[2] > seconds


def take_lease(
    store: Store, name: str, holder: str, watch: LeaseWatch, seconds: float = LEASE_S
) -> bool:
    """Take a lease, or give a sign of life for it; return whether ``holder`` has it now.

    Parameters
    ----------
    store
        The store.
    name
        What the lease is of.
    holder
        Who asks.
    watch
        What the process of ``holder`` has seen of the lease so far.
    seconds
        How long another's must have stayed without a sign of life.
    """
    with store.writing() as writing:
        writing.take_seq(0)  # one at a time, in either database
        connection, until_us = writing.connection, writing.now_us + round(seconds * SECOND_US)
        held = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
        if held is None:
            connection.execute(insert(leases).values(name=name, holder=holder, until_us=until_us))
            return True
        if held.holder != holder and not watch.is_left(name, held.holder, held.until_us, seconds):
            return False
        _change(connection, name, holder, int(held.until_us), until_us)
        return True


def _change(connection: Connection, name: str, holder: str, before_us: int, until_us: int) -> None:
    # On a clock that stands still, or was set back by just so much, the row would stay the same.
    differs_us = until_us if until_us != before_us else until_us + 1
    connection.execute(
        update(leases).where(leases.c.name == name).values(holder=holder, until_us=differs_us)
    )


def give_back(store: Store, name: str, holder: str) -> None:
    """End a lease that ``holder`` has; another's is left alone."""
    with store.writing() as writing:
        writing.connection.execute(
            delete(leases).where(leases.c.name == name, leases.c.holder == holder)
        )


@contextmanager
def giving_signs(
    store: Store,
    name: str,
    holder: str,
    watch: LeaseWatch,
    *,
    is_moving: Callable[[], bool] = lambda: True,
    every_s: float = SIGN_S,
) -> Iterator[None]:
    """Give signs of life for a lease while the block lasts, from a thread of its own.

    The work itself may be silent for longer than a lease lasts: it scores thousands of cases at a
    time. A sign that cannot be given is left out, and none is given once ``is_moving`` says that
    the work hangs; the lease then goes to another.
    """
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(every_s) and is_moving():
            try:
                if not take_lease(store, name, holder, watch):
                    return
            except (SQLAlchemyError, ServiceError):
                continue

    thread = threading.Thread(target=beat, name="caselight-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
