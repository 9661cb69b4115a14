"""Request body limits: a body is small, JSON, and means one thing, or it goes no further.

The body is held in memory only. The pages' forms are small and plain; the rows of an import stream
through to their route, which reads them piece by piece.
"""

import re
import time
from typing import Final

from anyio import move_on_after, to_thread
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.contract.json_text import JsonError, check_texts, may_be_unstorable, read_json
from serving.errors import ErrorBody, ServiceError
from serving.web.error_answers import answer
from serving.web.read_once import CONTENT

_LARGE_BYTES: Final = 50_000
_MOST_FORM_BYTES: Final = 100_000
_FORM: Final = b"application/x-www-form-urlencoded"
_BARE: Final = ("GET", "HEAD", "OPTIONS")
_STREAM: Final = re.compile(r"/v1/imports/[^/]+/rows")


_MOST_ANONYMOUS_BYTES: Final = 100_000
_NUL: Final = ErrorBody(
    code="bad_request", message="a text holds the NUL character", remedy="leave it out"
)


_SLOW: Final = ErrorBody(
    code="too_slow", message="the body came too slowly", remedy="send it again, in smaller parts"
)


class BodyGuard:
    """Reads and checks the body of a request that has one before the application does.

    Parameters
    ----------
    app
        What answers.
    max_bytes
        What is taken of JSON.
    silence_seconds
        How long nothing of a body may come, of an import's stream as well.
    seconds
        How long a body that is held in memory may take in all.
    serves_anonymous
        Whether anonymous callers may send as much as a person: on this machine alone, where
        anybody could sign in as anyone.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        silence_seconds: float = 20.0,
        seconds: float = 60.0,
        serves_anonymous: bool = True,
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._silence_seconds = silence_seconds
        self._seconds = seconds
        self._serves_anonymous = serves_anonymous

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body read, or answer with an error."""
        if scope["type"] == "http" and b"%00" in scope["query_string"]:
            await answer(_NUL, 422)(scope, receive, send)
        elif scope["type"] != "http" or scope["method"] in _BARE:
            await self._app(scope, receive, send)
        elif _is_stream(scope):
            await self._app(scope, self._hurry(receive), send)
        else:
            await self._take(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_form = _is_form(scope)
        most_bytes = self._find_most(scope, is_form=is_form)
        try:
            body = await self._read(receive, most_bytes)
        except TimeoutError:
            await _close(_SLOW)(scope, receive, send)
            return
        if body is None:
            await _close(_make_large(most_bytes))(scope, receive, send)
            return
        refused = await _check(scope, body, is_form=is_form)
        if refused is not None:
            await answer(refused)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    def _find_most(self, scope: Scope, *, is_form: bool) -> int:
        if is_form:
            return _MOST_FORM_BYTES
        is_anonymous = scope.get("state", {}).get("person") is None
        if is_anonymous and not self._serves_anonymous:
            return min(_MOST_ANONYMOUS_BYTES, self._max_bytes)
        return self._max_bytes

    def _hurry(self, receive: Receive) -> Receive:
        """Have a stream end where nothing more of it comes; what was stored of it stays."""
        whole = False

        async def hurried() -> Message:
            nonlocal whole
            if whole:
                return await receive()
            message = await _wait(receive, self._silence_seconds)
            if message is None:
                raise ServiceError("too_slow", _SLOW.message, _SLOW.remedy)
            whole = not message.get("more_body", False)
            return message

        return hurried

    async def _read(self, receive: Receive, most_bytes: int) -> bytes | None:
        """Return the body, ``None`` where it is too large.

        Raises
        ------
        TimeoutError
            If it comes too slowly.
        """
        pieces: list[bytes] = []
        size, until_s = 0, time.monotonic() + self._seconds
        while True:
            left_s = min(self._silence_seconds, until_s - time.monotonic())
            message = await _wait(receive, left_s) if left_s > 0 else None
            if message is None:
                raise TimeoutError
            if message["type"] != "http.request":
                return b"".join(pieces)
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > most_bytes:
                return None
            if not message.get("more_body", False):
                return b"".join(pieces)


async def _check(scope: Scope, body: bytes, *, is_form: bool) -> ErrorBody | None:
    """Return what is wrong with a body that came whole; ``None`` where nothing is."""
    if is_form:
        return _NUL if b"%00" in body or b"\x00" in body else None
    if not _needs_body(scope, body):
        return None
    if len(body) <= _LARGE_BYTES:
        return _find_fault(scope, body)
    # Reading a large body must not hold up other requests.
    return await to_thread.run_sync(_find_fault, scope, body)


def _make_large(most_bytes: int) -> ErrorBody:
    return ErrorBody(
        code="too_large",
        message=f"the body is larger than {most_bytes:,} bytes",
        remedy="send fewer cases at a time",
    )


async def _wait(receive: Receive, seconds: float) -> Message | None:
    """Return the next piece; ``None`` where none comes in time."""
    with move_on_after(seconds):
        return await receive()
    return None


def _close(body: ErrorBody) -> JSONResponse:
    """Return an error that ends the connection, since the rest of the body is not read."""
    response = answer(body)
    response.headers["connection"] = "close"
    return response


def _is_stream(scope: Scope) -> bool:
    return scope["method"] == "PUT" and _STREAM.fullmatch(scope["path"]) is not None


def _is_form(scope: Scope) -> bool:
    """Whether a page's form was sent to a page; the API takes JSON alone."""
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    plain = len(kinds) == 1 and kinds[0].split(b";")[0].strip().lower() == _FORM
    return plain and not scope["path"].startswith("/v1/")


def _needs_body(scope: Scope, body: bytes) -> bool:
    """Whether the body is to be looked at: a request without one may be sent without a kind."""
    return bool(body) or any(name == b"content-type" for name, _ in scope["headers"])


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _find_fault(scope: Scope, body: bytes) -> ErrorBody | None:
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    if len(kinds) != 1 or kinds[0].split(b";")[0].strip().lower() != b"application/json":
        return ErrorBody(
            code="not_json",
            message="the body is not declared as JSON",
            remedy="send content-type: application/json",
        )
    try:
        content = read_json(body)
        if may_be_unstorable(body):
            check_texts(content)
        scope.setdefault("state", {})[CONTENT] = content
    except JsonError as refusal:
        return ErrorBody(
            code="bad_json", message=f"the body cannot be read: {refusal}", remedy="send plain JSON"
        )
    return None
