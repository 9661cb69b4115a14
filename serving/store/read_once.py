"""Queries that are asked once in a transaction, however many parts of an answer need them.

What was read is kept with the connection that :meth:`serving.store.database.Store.reading` opens
and goes with it: nothing outlives the transaction, and one that may write keeps nothing.
"""

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection

_P = ParamSpec("_P")
_T = TypeVar("_T")

KEPT: Final = "caselight_kept"
"""The option of a connection under which what its transaction has read is kept."""


def read_once(
    read: Callable[Concatenate[Connection, _P], _T],
) -> Callable[Concatenate[Connection, _P], _T]:
    """Let a function that reads ask the database once in a transaction that writes nothing.

    Its further arguments are hashable, and what it returns is changed by nobody.
    """

    @wraps(read)
    def once(connection: Connection, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        kept: dict[Hashable, _T] | None = connection.get_execution_options().get(KEPT)
        if kept is None:
            return read(connection, *args, **kwargs)
        asked = (read, args, tuple(sorted(kwargs.items())))
        if asked not in kept:
            kept[asked] = read(connection, *args, **kwargs)
        return kept[asked]

    return once
