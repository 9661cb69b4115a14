"""One log line and one metric per request: route template, status and time, and nothing else.

Every request has an id, which stands in its log lines, on its answer and in the audit chain. A
caller's own is taken over only where it is a plain number in a known form: any other text could be
somebody's name.
"""

import re
import time
import uuid
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID_HEADER: Final = "x-request-id"
_UNMATCHED: Final = "(no route)"
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NUMBER: Final = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
_FIELD: Final = REQUEST_ID_HEADER.encode()


class RequestLog:
    """Logs and counts requests by route template, never by address."""

    def __init__(self, app: ASGIApp, *, registry: CollectorRegistry) -> None:
        self._app = app
        self._log = structlog.get_logger("caselight.service")
        labels = ("method", "route", "status")
        self._count = Counter("caselight_requests", "Requests.", labels, registry=registry)
        self._seconds = Histogram(
            "caselight_request_seconds", "Time to answer.", ("route",), registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = choose_request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, noted)
            finally:
                self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or _UNMATCHED
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._count.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        self._log.info(
            "request",
            method=method,
            route=route,
            status=status,
            milliseconds=round(1000 * seconds, 1),
        )


def choose_request_id(scope: Scope) -> str:
    """Return the id that a request brings, if it is one number in a known form; else a new one."""
    brought = [value for name, value in scope["headers"] if name == _FIELD]
    if len(brought) == 1:
        text: str = brought[0].decode("latin-1")
        if _NUMBER.fullmatch(text):
            return text
    return uuid.uuid4().hex


def configure_log() -> None:
    """Write one JSON object per line on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=_StandardError()),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )


class _StandardError:
    """Standard error as it is when a line is written, which tests may have replaced."""

    def write(self, text: str) -> None:
        import sys

        sys.stderr.write(text)

    def flush(self) -> None:
        import sys

        sys.stderr.flush()
