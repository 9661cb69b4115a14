"""Connections: how long one may wait with half a head, and how many may be open at once.

The server's own limit counts every open connection, also one that never says what it wants, and
answers all others 503 once there are too many: some hundred half-open connections would take the
service away, its probe as well. Here a connection that has not said what it wants within some
seconds is closed; where too many are open the one that has said nothing for longest makes room;
and only requests that are being answered count against what is answered at once.
"""

import asyncio
import re
from typing import TYPE_CHECKING, Final, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

HEAD_SECONDS: Final = 10.0
"""How long a head may take, from the first moment of its connection; as in the nginx in front."""
MOST_INCOMPLETE_BYTES: Final = 65_536
"""Of a head that has not come whole; see :mod:`serving.web.head_guard` for one that has."""
MOST_OPEN: Final = 512
"""Open connections, half of what a process may usually have open as files."""
_LISTED_LENGTH: Final = re.compile(rb"\r?\n(?i:content-length)[ \t]*:[^\r\n]*,")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")


class _Parser(h11.Connection):
    """The parser, which takes ``Content-Length: 5, 5`` for 5, where a server in front may not.

    Of what it has parsed the list is gone, so it is looked for before.
    """

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return what has come whole.

        Raises
        ------
        RemoteProtocolError
            If the head cannot be read, or gives a list of lengths.
        """
        if self.their_state is h11.IDLE:
            came = self.trailing_data[0]
            end = _HEAD_END.search(came)
            if _LISTED_LENGTH.search(came, 0, end.end() if end else len(came)):
                raise h11.RemoteProtocolError("several lengths of one body")
        return super().next_event()


class Connection(H11Protocol):
    """One connection, which says what it wants in time or ends."""

    _head_timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether no request of it is being answered."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # until the first request
        return cycle is None or cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; where too many are open, close the one that waits for longest."""
        if len(self.connections) >= MOST_OPEN:
            self._make_room()
        super().connection_made(transport)
        self.conn = _Parser(h11.SERVER, MOST_INCOMPLETE_BYTES)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection that has ended."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; the first of another request's head sets its time."""
        if self.timeout_keep_alive_task is not None and self._head_timer is None:
            self._expect_head()
        super().data_received(data)

    def handle_events(self) -> None:
        """Hand on what has come whole."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._stop_waiting()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self.is_waiting and not self.transport.is_closing():
            # Without sending anything: who says half a head may not read either.
            self.transport.abort()

    def _make_room(self) -> None:
        waiting = [
            (one._head_timer.when(), one)
            for one in self.connections
            if isinstance(one, Connection) and one.is_waiting and one._head_timer is not None
        ]
        if waiting:
            _, oldest = min(waiting, key=lambda one: one[0])
            oldest.transport.abort()
