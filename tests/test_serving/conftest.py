"""A real unit, a real bundle trained from it, and the real application over both."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.from_thread
import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from caselight.commands.demo import fill_store
from caselight.inputs import load
from features.contract.moments import format_moment
from features.history.columns import History
from models.bundle.folder import Bundle, load_bundle
from serving.app import create_app, open_service
from serving.settings import make_settings
from serving.store.database import open_store
from serving.store.upgrading import upgrade
from tests.run_folder import make_once
from tests.test_serving.access.two_worlds import make_worlds, world_shelf
from tests.test_serving.browsing import Seen, Visitors, launched, listening
from tests.test_serving.entered import share_routes
from tests.test_serving.signed_desk import desk, token_issuer
from tests.test_serving.stores import (
    address,
    clock,
    databases,
    made_sqlite,
    new_address,
    open_another,
    postgresql,
    store,
    template,
)
from training.registry.promoted_bundles import promote

# Fixtures of a real store, which every room's tests may ask for.
__all__ = [
    "address",
    "clock",
    "databases",
    "desk",
    "made_sqlite",
    "make_worlds",
    "new_address",
    "open_another",
    "postgresql",
    "store",
    "template",
    "token_issuer",
    "world_shelf",
]

ORIGIN = "http://127.0.0.1"
CAPACITY = 6  # fewer than the open cases, so that most of them are not on the list


@dataclass(frozen=True)
class Unit:
    """A synthetic unit on disk and what was made of it."""

    root: Path
    data: Path
    bundle_path: Path
    history: History
    bundle: Bundle
    tables: dict[str, pd.DataFrame]

    def numbers(self, case_ids: Sequence[str]) -> Any:
        """Return the numbers of some cases in the history, ascending."""
        return np.flatnonzero(np.isin(self.history.case_id, list(case_ids)))


@pytest.fixture(scope="session", autouse=True)
def event_loop_of_clients() -> Iterator[None]:
    """Let every client of a process use one event loop, as the applications of a server do.

    A client without one starts a thread and a loop for each request.
    """
    with anyio.from_thread.start_blocking_portal() as portal, pytest.MonkeyPatch.context() as patch:
        patch.setattr(TestClient, "portal", portal)
        yield


@pytest.fixture(scope="session")
def promoted(small_unit: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of promoted bundles with the small unit's in use; nobody changes it."""
    return make_once(tmp_path_factory, "promoted", lambda place: promote(small_unit.bundle, place))


@pytest.fixture(scope="session")
def unit(small_unit: Any) -> Unit:
    """Return the small unit with its history and tables read."""
    tables = {
        name: pd.read_parquet(small_unit.folder / f"{name}.parquet")
        for name in ("cases", "events", "facts")
    }
    return Unit(
        root=small_unit.folder.parent,
        data=small_unit.folder,
        bundle_path=small_unit.bundle,
        history=load(small_unit.folder).history,
        bundle=load_bundle(small_unit.bundle),
        tables=tables,
    )


@pytest.fixture(scope="session")
def now(unit: Unit) -> str:
    """Return the moment at which the service over the unit lives: that of the extract."""
    return format_moment(unit.history.extract_at, unit.history.time_zone)


@pytest.fixture(scope="session")
def filled(
    unit: Unit, now: str, tmp_path_factory: pytest.TempPathFactory, audit_key_file: Path
) -> Path:
    """Return a SQLite store of the unit: imported, scored, with a first sitting of which no row is
    blind; tests of blind rows draw some.
    """
    made = make_once(tmp_path_factory, "filled", lambda folder: _fill(unit, now, folder))
    return made / "unit.db"


def _fill(unit: Unit, now: str, folder: Path) -> None:
    address = f"sqlite:///{folder / 'unit.db'}"
    store = open_store(address)
    upgrade(store, time_zone=unit.history.time_zone, synthetic=True)
    store.close()
    service = open_service(
        make_settings(
            bundle=unit.bundle_path,
            database_url=address,
            now=now,
            capacity=CAPACITY,
            random_places=0,
            blind_share=0.0,
        )
    )
    fill_store(service, unit.data)
    service.need_store().close()


@pytest.fixture(scope="session")
def make_app(
    unit: Unit, filled: Path, now: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., FastAPI]:
    """Return a way to make an application over a copy of the store."""

    def make(**given: Any) -> FastAPI:
        path = tmp_path_factory.mktemp("copy") / "unit.db"
        for suffix in (".db", ".looks.db"):
            shutil.copyfile(filled.with_suffix(suffix), path.with_suffix(suffix))
        usual = {
            "bundle": unit.bundle_path,
            "database_url": f"sqlite:///{path}",
            "now": now,
            "capacity": CAPACITY,
            "work": False,
        }
        made = create_app(make_settings(**(usual | given)))
        share_routes(made)
        return made

    return make


@pytest.fixture(scope="session")
def app(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return the application over the unit."""
    return make_app()


@pytest.fixture
def make_client() -> Iterator[Callable[..., TestClient]]:
    """Return a way to open an application as a browser on this machine would, signed in."""
    opened: list[TestClient] = []

    def make(app: FastAPI, *, role: str | None = "screener", **given: Any) -> TestClient:
        headers = {"origin": ORIGIN} | given.pop("headers", {})
        client = TestClient(app, base_url=ORIGIN, follow_redirects=False, headers=headers, **given)
        opened.append(client)
        if role is not None:
            who = {"name": "Reviewer", "role": role, "agency": "police"}
            client.post("/v1/sign-in", json=who)
        return client

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def client(app: FastAPI, make_client: Callable[..., TestClient]) -> TestClient:
    """Return a client of the application over the unit."""
    return make_client(app)


@pytest.fixture(scope="session")
def list_whole() -> Callable[[TestClient], list[dict[str, Any]]]:
    """Return a way to walk the open cases by their cursor, the blind ones first."""

    def walk(client: TestClient) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        asked: dict[str, Any] = {"limit": 40}
        while True:
            answer = client.get("/v1/cases", params=asked).json()
            rows += answer["blind_rows"] + answer["rows"]
            if answer["next_cursor"] is None:
                return rows
            asked["cursor"] = answer["next_cursor"]

    return walk


@pytest.fixture(scope="session")
def raw_cases(unit: Unit) -> Callable[[Sequence[str]], list[dict[str, Any]]]:
    """Return a way to write cases of the unit as a request holds them."""
    grouped = {name: dict(list(table.groupby("case_id"))) for name, table in unit.tables.items()}

    def write(case_ids: Sequence[str]) -> list[dict[str, Any]]:
        cases = []
        for case_id in case_ids:
            case = _plain(grouped["cases"][case_id])[0]
            for name in ("events", "facts"):
                rows = _plain(grouped[name][case_id]) if case_id in grouped[name] else []
                case[name] = [
                    {key: cell for key, cell in row.items() if key != "case_id"} for row in rows
                ]
            cases.append(case)
        return cases

    return write


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON has them: moments as ISO texts, nothing where a cell is empty."""
    text = table.to_json(orient="records", date_format="iso", date_unit="us")
    return [
        {name: cell for name, cell in row.items() if cell is not None} for row in json.loads(text)
    ]


@pytest.fixture
def example() -> dict[str, Any]:
    """Return a small request that is answered with a score."""
    return {
        "time_zone": "Europe/London",
        "as_of": "2026-03-10",
        "cases": [
            {
                "case_id": "SYN-C1",
                "recorded_at": "2026-03-01",
                "area": "Halton",
                "events": [
                    {
                        "event_id": "SYN-E1",
                        "kind": "letter",
                        "occurred_at": "2026-03-01T21:15",
                        "recorded_at": "2026-03-02",
                    }
                ],
                "facts": [
                    {
                        "fact_id": "SYN-F1",
                        "name": "victim_very_frightened",
                        "value": "yes",
                        "recorded_at": "2026-03-02",
                    }
                ],
            }
        ],
    }


@pytest.fixture(scope="module")
def service_address(make_app: Callable[..., FastAPI]) -> Iterator[str]:
    """Return the address of a service over a store of the file's own, on a free port."""
    with listening(make_app()) as found:
        yield found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Return a real browser; for tests marked `browser`."""
    with launched(chromium) as found:
        yield found


@pytest.fixture
def open_page(browser: Browser, service_address: str) -> Iterator[Visitors]:
    """Return a way to open pages as somebody; a complaint or another machine fails the test."""
    visitors = Visitors(browser, service_address)
    yield visitors
    visitors.leave()


@pytest.fixture
def seen(open_page: Visitors) -> Seen:
    """Return what the browsers of this test met."""
    return open_page.seen
