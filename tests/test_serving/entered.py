"""The whole application over a test's store, entered by people of any role and area."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.app import create_app
from serving.clock import Clock
from serving.service import Service
from serving.settings import make_settings

ORIGIN = "http://127.0.0.1"


def make_application(address: str, clock: Clock, **given: Any) -> FastAPI:
    """Return the application over a store, living by a clock that a test sets."""
    app = create_app(make_settings(database_url=address, work=False, **given))
    service: Service = app.state.service
    store = dataclasses.replace(service.need_store(), clock=clock)
    app.state.service = dataclasses.replace(service, store=store)
    return app


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
