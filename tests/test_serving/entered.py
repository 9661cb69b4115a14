"""The whole application over a test's store, entered by people of any role and area."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from serving.app import create_app
from serving.clock import Clock
from serving.service import Service
from serving.settings import make_settings

ORIGIN = "http://127.0.0.1"
_ROUTES: dict[int, BaseRoute] = {}
"""The routes of each router, as the first application of this process has them."""


def make_application(address: str, clock: Clock, **given: Any) -> FastAPI:
    """Return the application over a store, living by a clock that a test sets."""
    app = create_app(make_settings(database_url=address, work=False, **given))
    service: Service = app.state.service
    store = dataclasses.replace(service.need_store(), clock=clock)
    app.state.service = dataclasses.replace(service, store=store)
    share_routes(app)
    return app


def share_routes(app: FastAPI) -> None:
    """Give an application the routes that an earlier one worked out from the same routers.

    What an answer looks like is worked out at the first request, by every application for itself:
    that took longer than most tests. Nothing of it depends on the settings or the store.
    """
    for place, route in enumerate(app.router.routes):
        router = getattr(route, "original_router", None)
        if router is not None:
            app.router.routes[place] = _ROUTES.setdefault(id(router), route)


def close_application(app: FastAPI) -> None:
    """Close what an application opened."""
    service: Service = app.state.service
    service.need_store().close()


def enter(app: FastAPI, role: str | None = "screener", **who: Any) -> TestClient:
    """Return a browser on this machine, signed in unless ``role`` is ``None``."""
    client = TestClient(app, base_url=ORIGIN, follow_redirects=False, headers={"origin": ORIGIN})
    if role is not None:
        named = {"name": f"SYN {role}", "role": role, "agency": "police"} | who
        answer = client.post("/v1/sign-in", json=named)
        assert answer.status_code == 200, answer.text
    return client


def fill_path(path: str, keys: Mapping[str, str]) -> str:
    """Return a route's address with keys in the place of its parts."""
    for name, key in keys.items():
        path = path.replace("{" + name + "}", key)
    return path
