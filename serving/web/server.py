"""How the server listens, whom it believes, and what it logs.

How long an answer may lie unread is for the server in front (see docs/operating-behind-nginx.md):
this one waits for that without end. How long a head may take: :mod:`serving.web.connections`.
"""

import logging
import traceback
from collections.abc import Callable
from typing import Any, Final, Literal, TypedDict

import structlog

from serving.settings import Settings
from serving.web.connections import Connection

KEEP_ALIVE_SECONDS: Final = 5
GRACE_SECONDS: Final = 30


class ServerOptions(TypedDict):
    """What the server is started with, by the names that it takes."""

    host: str
    port: int
    http: type[Connection]
    ws: Literal["none"]
    proxy_headers: bool
    forwarded_allow_ips: str
    server_header: bool
    access_log: bool
    log_config: None
    timeout_keep_alive: int
    timeout_graceful_shutdown: int


def name_options(settings: Settings) -> ServerOptions:
    """Return what the server is started with, beside the application.

    Where people sign in through a provider, a server in front that the settings name may say from
    which address it was called; else nobody may.
    """
    return {
        "host": settings.host,
        "port": settings.port,
        "http": Connection,
        "ws": "none",
        "proxy_headers": bool(settings.oidc_issuer and settings.trusted_proxies),
        "forwarded_allow_ips": settings.trusted_proxies,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": GRACE_SECONDS,
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
