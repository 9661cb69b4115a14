"""How many reads are worked out at once in a process: so few that each is done sooner.

Python works on one thread at a time. Requests that are all begun at once take turns in small
pieces, and every database call of each waits for the others: more clients then got fewer answers a
second, and a list behind eight case pages took as long as all of them. Here a read waits until it
can be worked out, one of each kind of page at a time and few of all kinds; a kind that many ask for
delays no other kind by more than the one that is being worked out. What is written is not counted:
a write may wait for the database, and no page may wait for that. An answer that is being sent is
not counted either, so that a slow reader holds up nobody; nor is a read that takes long, such as
verifying the whole audit log: after a second others are worked out beside it.

``python -m benchmarks --only load`` measures it.
"""

import asyncio
from contextlib import ExitStack
from typing import Final
from weakref import WeakValueDictionary

from anyio import CapacityLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_READS: Final = 2
"""Of all kinds together, in a process."""
MOST_OF_A_KIND: Final = 1
MOST_SECONDS: Final = 1.0
"""How long a read keeps its place at most: many times what a page takes."""
SWITCH_SECONDS: Final = 0.001
"""After how long a thread gives way to another one, in place of Python's 5 ms: a read makes some
twenty database calls, and after each waits so long for a thread that calculates."""
_READS: Final = frozenset({"GET", "HEAD"})
_LIKE_READS: Final = frozenset({"/v1/scores"})
"""Sent with a body, and nothing of it is stored."""
_NOT_COUNTED: Final = ("/healthz", "/readyz", "/metrics", "/static/")


class ConcurrentReads:
    """Has reads wait until they can be worked out.

    Parameters
    ----------
    app
        What answers.
    most_reads, most_of_a_kind
        How many are worked out at once; see the module.
    most_seconds
        How long one keeps its place.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        most_reads: int = MOST_READS,
        most_of_a_kind: int = MOST_OF_A_KIND,
        most_seconds: float = MOST_SECONDS,
    ) -> None:
        self._app = app
        self._most_of_a_kind = most_of_a_kind
        self._most_seconds = most_seconds
        self._all = CapacityLimiter(most_reads)
        # Kept while somebody waits or is answered: an address may be anything.
        self._kinds: WeakValueDictionary[str, CapacityLimiter] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, a read once it has its turn."""
        if scope["type"] != "http" or not _is_counted(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        kind = name_kind(scope["path"])
        of_its_kind = self._kinds.setdefault(kind, CapacityLimiter(self._most_of_a_kind))
        turn = object()
        with ExitStack() as held:
            # First of its kind: while it waits for that it takes no place of another kind.
            for limiter in (of_its_kind, self._all):
                await limiter.acquire_on_behalf_of(turn)
                held.callback(limiter.release_on_behalf_of, turn)
            timer = asyncio.get_running_loop().call_later(self._most_seconds, held.close)
            held.callback(timer.cancel)

            async def sending(message: Message) -> None:
                held.close()
                await send(message)

            await self._app(scope, receive, sending)


def name_kind(path: str) -> str:
    """Return which kind of page an address is of: its first parts, without keys."""
    parts = path.split("/")[1:]
    return "/".join(parts[:2] if parts[0] == "v1" else parts[:1])


def _is_counted(method: str, path: str) -> bool:
    return (method in _READS or path in _LIKE_READS) and not path.startswith(_NOT_COUNTED)
