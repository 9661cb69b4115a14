"""One log line and one metric per request: route template, status and time, and nothing else."""

import time
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UNMATCHED: Final = "(no route)"
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


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
        started = time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - started
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


def configure_log() -> None:
    """Write one JSON object per line on standard error."""
    structlog.configure(
        processors=[
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
