"""Response headers that keep an answer to itself, and a fresh nonce for its one inline script."""

import re
import secrets
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import ErrorBody
from serving.web.error_answers import answer

_PORT: Final = re.compile(r":\d{1,5}$")
_FIXED: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-permitted-cross-domain-policies": "none",
}

_ATTACHED: Final = 'attachment; filename="api.json"'
"""A browser that is led to an answer for programs saves it and shows nothing of it."""
_HTTPS: Final = {"strict-transport-security": "max-age=31536000; includeSubDomains"}


class SecurityHeaders:
    """Adds the headers to every response; pages are never stored by a browser.

    The nonce is for the one inline script of the design system's page template, which stands
    outside of any part that a page could replace; it only notes that scripts run.

    Parameters
    ----------
    app
        What answers.
    is_https
        Whether people reach the service by https: then a browser is told to use nothing else.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool = False) -> None:
        self._app = app
        self._fixed = _FIXED | (_HTTPS if is_https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a nonce, and add the headers to its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["csp_nonce"] = nonce

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._fixed.items():
                    headers[name] = value
                headers["content-security-policy"] = _policy(nonce)
                if headers.get("content-type", "").startswith("application/json"):
                    headers.setdefault("content-disposition", _ATTACHED)
                if not scope["path"].startswith("/static/"):
                    headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, guarded)


class HostGuard:
    """Answers only under the service's own names, so that no page elsewhere can read it through a
    name that it points here.
    """

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if its host is one of ours, or answer with an error."""
        if scope["type"] == "http" and not self._is_ours(scope):
            body = ErrorBody(
                code="unknown_host",
                message="the service does not answer under this name",
                remedy="call it by its public address, or as 127.0.0.1 or localhost",
            )
            await answer(body)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        return len(named) == 1 and _PORT.sub("", named[0].lower()) in self._hosts


def _policy(nonce: str) -> str:
    return (
        f"default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self' 'nonce-{nonce}'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
