"""Routes whose body is read as JSON once: what the guard of bodies read is not read again."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

CONTENT: Final = "content"
"""Where the guard leaves what it read (:mod:`serving.web.body_guard`), in the request's state."""


class _ReadRequest(Request):
    async def json(self) -> Any:
        """Return what the body holds; read here only where no guard stands before the route."""
        state = self.scope.get("state", {})
        return state[CONTENT] if CONTENT in state else await super().json()


class ReadOnceRoute(APIRoute):
    """A route that takes JSON and is handed what the guard of bodies read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[None, None, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            return await handle(_ReadRequest(request.scope, request.receive))

        return answer
