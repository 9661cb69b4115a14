"""``Allow`` where a method is refused: every method of the address, not of one route alone."""

import re
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.access.route_rules import RULES

_REFUSED: Final = 405
_PART: Final = re.compile(r"\{[^}]+\}")


def _compile() -> tuple[tuple[re.Pattern[str], str], ...]:
    methods: dict[str, list[str]] = {}
    for method, path in RULES:
        methods.setdefault(path, []).append(method)
    return tuple(
        (
            re.compile("[^/]+".join(re.escape(piece) for piece in _PART.split(path))),
            ", ".join(sorted(allowed)),
        )
        for path, allowed in methods.items()
        if len(allowed) > 1
    )


_SEVERAL: Final = _compile()
"""Addresses that take more than one method: each has a route of its own."""


class AllowHeader:
    """Names every method that an address takes where it refuses another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and complete the header of a refusal."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _REFUSED:
                headers = MutableHeaders(scope=message)
                allowed = _find(scope["path"]) or headers.get("allow", "")
                if allowed:
                    headers["allow"] = _add_head(allowed)
            await send(message)

        await self._app(scope, receive, noted if scope["type"] == "http" else send)


def _add_head(allowed: str) -> str:
    """Return the methods with ``HEAD`` where ``GET`` is (:mod:`serving.web.head_answers`)."""
    methods = {one.strip() for one in allowed.split(",")}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _find(path: str) -> str | None:
    return next((allowed for pattern, allowed in _SEVERAL if pattern.fullmatch(path)), None)
