"""A body is read as JSON once, by the guard before the route."""

from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.web.body_guard import BodyGuard
from serving.web.read_once import CONTENT, ReadOnceRoute

router = APIRouter(route_class=ReadOnceRoute)


@router.post("/number")
async def take(number: dict[str, int]) -> dict[str, int]:
    """Give back what came."""
    return number


class Replacing:
    """Stands between the guard and the route, and replaces what the guard read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with other content, where any was read."""
        if CONTENT in scope.get("state", {}):
            scope["state"][CONTENT] = {"n": 2}
        await self._app(scope, receive, send)


def ask(app: ASGIApp) -> Any:
    """Return what the route answers to the number 1."""
    return TestClient(app).post("/number", json={"n": 1}).json()


def test_a_route_takes_what_the_guard_read() -> None:
    """Behind the guard the body's bytes are not read a second time; without it they are read."""
    app = FastAPI()
    app.include_router(router)

    assert ask(app) == {"n": 1}
    assert ask(BodyGuard(app, max_bytes=1_000)) == {"n": 1}
    assert ask(BodyGuard(Replacing(app), max_bytes=1_000)) == {"n": 2}
