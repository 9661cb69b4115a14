"""Request head limits: a head is small, and says in one way where its body ends.

A server in front of this one may read a head otherwise; what two could read in two ways is refused,
and the connection is closed, so that nothing that follows it is taken for a request of its own.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import ErrorBody
from serving.web.error_answers import answer

MOST_FIELDS: Final = 100
MOST_HEAD_BYTES: Final = 49_152
"""A provider's token may have 32,000 characters, a session's cookie 4,000."""
MOST_ADDRESS_BYTES: Final = 20_480
"""The way back from a provider may carry four values of 4,000 characters each."""
_FRAMING: Final = (b"content-length", b"transfer-encoding")

_TWO_ENDS: Final = ErrorBody(
    code="bad_request",
    message="the request says in two ways where its body ends",
    remedy="send either Content-Length or Transfer-Encoding, once",
)
_LONG_ADDRESS: Final = ErrorBody(
    code="address_too_long",
    message=f"the address is longer than {MOST_ADDRESS_BYTES:,} bytes",
    remedy="shorten it; no address may hold case data",
)
_LARGE_HEAD: Final = ErrorBody(
    code="head_too_large",
    message=f"more than {MOST_FIELDS} header fields, or {MOST_HEAD_BYTES:,} bytes of them",
    remedy="send fewer and shorter ones; remove old cookies",
)


class HeadGuard:
    """Refuses a request whose head is too large or could be read in two ways."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer with an error and close the connection."""
        refused = _find_fault(scope) if scope["type"] == "http" else None
        if refused is None:
            await self._app(scope, receive, send)
            return
        response = answer(refused)
        response.headers["connection"] = "close"
        await response(scope, receive, send)


def _find_fault(scope: Scope) -> ErrorBody | None:
    fields = scope["headers"]
    # Found on the real server: with both, the length is passed over and what follows is answered.
    if sum(name in _FRAMING for name, _ in fields) > 1:
        return _TWO_ENDS
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_ADDRESS_BYTES:
        return _LONG_ADDRESS
    size = sum(len(name) + len(value) for name, value in fields)
    if len(fields) > MOST_FIELDS or size > MOST_HEAD_BYTES:
        return _LARGE_HEAD
    return None
