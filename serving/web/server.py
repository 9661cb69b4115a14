"""How the server listens: what it waits for and how long, how many at once, and what it logs.

The usual server waits without end for the head of a request and for a reader that stops reading;
a connection that is held so costs no worker, but there are only so many of them.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable
from typing import Any, Final

import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from serving.settings import Settings

HEAD_SECONDS: Final = 10.0
"""From the first byte of a request, or from the connection's beginning, to the end of its head."""
READER_SECONDS: Final = 30.0
"""How long a reader may leave an answer lying."""
KEEP_ALIVE_SECONDS: Final = 5
GRACE_SECONDS: Final = 30
MOST_CONNECTIONS: Final = 256
MOST_INCOMPLETE_BYTES: Final = 65_536
"""Of a head that has not come whole; see :mod:`serving.web.head_guard` for one that has."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that ends a connection whose request does not come or whose answer is not read."""

    head_seconds: float = HEAD_SECONDS
    reader_seconds: float = READER_SECONDS
    _head_timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Take some bytes, and wait for the rest of a head where they hold a part of one."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._end_timers()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the reader."""
        super().pause_writing()
        if self._reader_timer is None:
            self._reader_timer = self.loop.call_later(self.reader_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The reader went on."""
        super().resume_writing()
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _watch_head(self) -> None:
        if self._is_answering():
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._end_silence)

    def _end_silence(self) -> None:
        self._head_timer = None
        if not self._is_answering() and not self.transport.is_closing():
            self.transport.close()

    def _end_timers(self) -> None:
        for timer in (self._head_timer, self._reader_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._reader_timer = None


def name_options(settings: Settings) -> dict[str, Any]:
    """Return what the server is started with, beside the application.

    Where people sign in through a provider, a server in front that the settings name may say from
    which address it was called; else nobody may.
    """
    return {
        "host": settings.host,
        "port": settings.port,
        "http": PatientProtocol,
        "ws": "none",
        "proxy_headers": bool(settings.oidc_issuer),
        "forwarded_allow_ips": settings.trusted_proxies,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "limit_concurrency": MOST_CONNECTIONS,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "h11_max_incomplete_event_size": MOST_INCOMPLETE_BYTES,
    }


def configure_server_log() -> None:
    """Have the server's and the libraries' own lines follow the shape of ours.

    Their words may hold anything, a message of an error among them: of the libraries' lines the
    place, the kind of the error and the names of functions are kept, of the server's its fixed
    words as well.
    """
    root = logging.getLogger()
    root.handlers = [_Plain()]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


class _Plain(logging.Handler):
    def __init__(self, write: Callable[..., None] | None = None) -> None:
        super().__init__(logging.WARNING)
        self._write = write or structlog.get_logger("caselight.server").warning

    def emit(self, record: logging.LogRecord) -> None:
        told: dict[str, Any] = {"place": record.name, "severity": record.levelname.lower()}
        if record.name == "uvicorn.error" and isinstance(record.msg, str):
            told["words"] = record.msg.strip()
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            frames = traceback.extract_tb(error.__traceback__)[-6:]
            told["kind"] = type(error).__name__
            told["frames"] = [f"{frame.name}:{frame.lineno}" for frame in frames]
        self._write("server", **told)
