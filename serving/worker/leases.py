"""Leases: work that one process at a time may do, held by name and for a while.

A process that dies leaves its lease to end by itself.
"""

from typing import Final

from sqlalchemy import delete, insert, select, update

from serving.store.database import Store
from serving.store.schema import leases

SECOND_US: Final = 1_000_000


def take_lease(store: Store, name: str, holder: str, seconds: float) -> bool:
    """Take or prolong a lease; return whether ``holder`` has it now.

    Parameters
    ----------
    store
        The store.
    name
        What the lease is of.
    holder
        Who asks.
    seconds
        How long it lasts from now on.
    """
    with store.writing() as writing:
        writing.take_seq(0)  # one at a time, in either database
        connection, until_us = writing.connection, writing.now_us + round(seconds * SECOND_US)
        held = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
        if held is None:
            connection.execute(insert(leases).values(name=name, holder=holder, until_us=until_us))
            return True
        if held.holder != holder and held.until_us > writing.now_us:
            return False
        connection.execute(
            update(leases).where(leases.c.name == name).values(holder=holder, until_us=until_us)
        )
        return True


def give_back(store: Store, name: str, holder: str) -> None:
    """End a lease that ``holder`` has; another's is left alone."""
    with store.writing() as writing:
        writing.connection.execute(
            delete(leases).where(leases.c.name == name, leases.c.holder == holder)
        )
