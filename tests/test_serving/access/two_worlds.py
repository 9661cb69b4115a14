"""The same store twice, with a case and without it, asked the same: what differs tells of the case.

``make_worlds`` builds one store, copies it, adds the case to one of the two and opens the
application over each. A visitor enters both at once; every request is asked of both, and whatever
differs between the answers is a difference, in status, header fields or body, to the byte. Keys,
draws and request numbers are taken from the number of the request, so that they are the same in
both worlds and hide nothing.

Use::

    worlds = make_worlds(add_others, add_hidden)        # a fixture: on SQLite and on PostgreSQL
    visitor = worlds.enter("screener", areas=["Halton"])
    asks = list_asks(worlds.without, parts_of_own) + list_asks(worlds.without, parts_of_hidden)
    assert visitor.compare(asks) == []
    assert visitor.compare_pairs(writes_that_name_it, reads) == []

An exception is a route and a field, by name, in the test that lets it pass (``leave_out``).
"""

import base64
import hashlib
import shutil
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from serving.oversight.kept_answers import Keeper
from serving.routes import ROUTERS
from serving.store.database import Store, open_store
from serving.store.histories import read_head
from tests.test_serving.entered import (
    close_application,
    enter,
    fill_path,
    make_application,
)
from tests.test_serving.postgresql_server import connect, name_database, new_database
from tests.test_serving.stores import SetClock

VOLATILE_HEADERS: Final = ("set-cookie", "date", "server-timing")
"""Header fields that differ from answer to answer whoever asks for what: a session's signature and
how long it lasts yet, and the machine's clock."""
LEAVES: Final = ("/v1/sign-in", "/v1/sign-out", "/sign-in", "/sign-out", "/sign-in/begin")
"""Routes by which a visitor would come or go."""
TELL_OF_ACCESS: Final = ("looks", "audit", "oversight", "unexplained-access")
"""Parts of the routes whose answers rest on the access log."""
TOGETHER: Final = 4
"""After how many requests that stored something every answer is asked for again."""
_PATIENCE_S: Final = 60.0
"""How long a page waits for figures of the whole store, so that no answer hangs on the machine."""
Fill = Callable[[Store], Any]
LeaveOut = Mapping[str, Callable[[bytes], bytes]]
NOTHING: Final[LeaveOut] = MappingProxyType({})


@dataclass(frozen=True)
class Ask:
    """One request, the same in both worlds.

    Parameters
    ----------
    method, path
        The address, its parts filled in.
    given
        What else the client is told: ``json``, ``data``, ``params``, ``headers`` or ``content``.
    route
        The route's template, by which a difference is told.
    """

    method: str
    path: str
    given: Mapping[str, Any] = field(default_factory=dict)
    route: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.route or self.path}"


@dataclass(frozen=True)
class Difference:
    """An answer that is not the same in both worlds.

    Parameters
    ----------
    ask
        Of which request; after which other one, where there was one.
    where
        ``status``, ``header NAME`` or ``body``.
    there, absent
        What was answered with the case and without it, from where the two part.
    """

    ask: str
    where: str
    there: str
    absent: str


class _Numbers:
    """What is drawn at random, worked out from a name and how often it was asked."""

    def __init__(self) -> None:
        self._name, self._counter = "", count()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Draw from another name on, from the first draw of it."""
        before = self._name, self._counter
        self._name, self._counter = name, count()
        try:
            yield
        finally:
            self._name, self._counter = before

    def draw(self, n_bytes: int | None = None) -> bytes:
        """Return the next bytes."""
        text = f"{self._name}/{next(self._counter)}"
        return hashlib.shake_256(text.encode()).digest(n_bytes or 32)

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """Let keys, seeds and request numbers be drawn here; secrets of sessions are not."""

        def write(n_bytes: int | None = None) -> str:
            return base64.urlsafe_b64encode(self.draw(n_bytes)).rstrip(b"=").decode()

        patch.setattr("secrets.token_urlsafe", write)
        patch.setattr("secrets.token_hex", lambda n_bytes=None: self.draw(n_bytes).hex())
        patch.setattr("uuid.uuid4", lambda: uuid.UUID(bytes=self.draw(16), version=4))


_NUMBERS: Final = _Numbers()


@dataclass
class Visitor:
    """One person in both worlds."""

    worlds: "Worlds"
    clients: tuple[TestClient, TestClient]

    def compare(self, asks: Iterable[Ask], *, leave_out: LeaveOut = NOTHING) -> list[Difference]:
        """Ask everything in order, each of both worlds, and return what differed.

        Parameters
        ----------
        asks
            The requests; what they change is changed in both.
        leave_out
            By ``METHOD /route``, a function that takes from a body (bytes) what may differ.
        """
        return [one for ask in asks for one in self._compare(ask, str(ask), leave_out)]

    def compare_pairs(
        self,
        firsts: Iterable[Ask],
        seconds: Sequence[Ask],
        *,
        leave_out: LeaveOut = NOTHING,
    ) -> list[Difference]:
        """Ask ``seconds`` after each of ``firsts``, which may have changed something.

        A request that stored no row in either world changed the access log alone: then those of
        ``seconds`` are asked that tell of it (``TELL_OF_ACCESS``). What is stored does not go away:
        after every ``TOGETHER`` requests that stored something in either world every answer in JSON
        is asked for, and the pages, which are made of the same answers, after all of ``firsts``.
        """
        found: list[Difference] = []
        telling = [one for one in seconds if any(name in one.route for name in TELL_OF_ACCESS)]
        answers = [one for one in seconds if one.route.startswith("/v1/")]
        storing: list[str] = []
        for first in firsts:
            before = self._read_heads()
            found += self._compare(first, str(first), leave_out)
            asked, told = telling, str(first)
            if self._read_heads() != before:
                storing.append(str(first))
                if len(storing) == TOGETHER:
                    asked, told, storing = answers, "; ".join(storing), []
            for second in asked:
                found += self._compare(second, f"{second}, after {told}", leave_out)
        for second in seconds:
            found += self._compare(second, f"{second}, after all", leave_out)
        return found

    def _read_heads(self) -> list[int]:
        """Return the place of the last row in both worlds: every row that is stored takes one."""
        found = []
        for app in (self.worlds.there, self.worlds.without):
            with app.state.service.need_store().reading() as connection:
                found.append(read_head(connection))
        return found

    def follow(
        self,
        first: Ask,
        follow: Callable[[Any], Iterable[Ask]],
        *,
        leave_out: LeaveOut = NOTHING,
    ) -> list[Difference]:
        """Ask what is made of the answer to ``first``: of its cursor, a key or a version."""
        answers = self._ask(first)
        found = _find_differences(str(first), *answers, leave_out)
        made = [list(follow(answer)) for answer in answers]
        if made[0] != made[1]:
            return found or [Difference(str(first), "what follows", str(made[0]), str(made[1]))]
        for second in made[0]:
            found += self._compare(second, f"{second}, made of {first}", leave_out)
        return found

    def ask(self, ask: Ask) -> tuple[Any, Any]:
        """Return the answers with the case and without it."""
        return self._ask(ask)

    def _compare(self, ask: Ask, told: str, leave_out: LeaveOut) -> list[Difference]:
        return _find_differences(told, *self._ask(ask), leave_out)

    def _ask(self, ask: Ask) -> tuple[Any, Any]:
        number = next(self.worlds.asked)
        answers = []
        for client in self.clients:
            with self.worlds.numbers.of(f"ask {number}"):
                answers.append(client.request(ask.method, ask.path, **ask.given))
        return answers[0], answers[1]


@dataclass
class Worlds:
    """Two applications over one store: in one of them it has the case as well.

    Parameters
    ----------
    there, without
        The applications with the case and without it.
    made
        What ``add_case`` returned.
    """

    there: FastAPI
    without: FastAPI
    made: Any
    numbers: _Numbers
    asked: Iterator[int] = field(default_factory=count)

    def enter(self, role: str, **who: Any) -> Visitor:
        """Let somebody sign in to both worlds; ``who`` is as for ``entered.enter``."""
        number = next(self.asked)
        clients = []
        for app in (self.there, self.without):
            with self.numbers.of(f"ask {number}"):
                clients.append(enter(app, role, **who))
        return Visitor(self, (clients[0], clients[1]))


MakeWorlds = Callable[..., Worlds]


@dataclass
class WorldShelf:
    """Stores as they were built, and applications over two stores, kept for a whole process.

    Building a store and starting an application takes longer than what a test asks of them. A test
    is given both stores as they were built, put back into the place over which the applications
    were opened: nothing is left of what other tests did there.

    Parameters
    ----------
    folder
        Where SQLite's files are.
    server, template, made
        The PostgreSQL server, the database there and SQLite's file that are copied; asked for where
        they are needed.
    stack
        Ends what was opened.
    built
        Places of the stores that were built, by database and steps, and what the second step made.
    opened
        Applications by database and settings.
    """

    folder: Path
    server: Callable[[], str]
    template: Callable[[], str]
    made: Callable[[], Path]
    stack: ExitStack
    built: dict[Hashable, "tuple[tuple[str, str], Any]"] = field(default_factory=dict)
    opened: dict[Hashable, tuple[FastAPI, FastAPI]] = field(default_factory=dict)

    def build(self, on: str, steps: Sequence[Fill | None], clock: SetClock) -> Any:
        """Return two stores as the steps make them, and what the second step returned."""
        found = self.built.get((on, *steps))
        if found is None:
            found = self.built[on, *steps] = self._build(on, steps, clock)
        return found

    def _build(
        self, on: str, steps: Sequence[Fill | None], clock: SetClock
    ) -> tuple[tuple[str, str], Any]:
        build, add_case, after = steps
        there = self._make(on, None)
        _fill(self._name(on, there), "build", build, clock)
        without = self._make(on, there)
        made = _fill(self._name(on, there), "case", add_case, clock)
        for place in (there, without):
            _fill(self._name(on, place), "after", after, clock)
        return (there, without), made

    def open(
        self, on: str, built: tuple[str, str], clock: SetClock, settings: Mapping[str, Any]
    ) -> tuple[FastAPI, FastAPI]:
        """Return the applications over copies of two stores that nobody has changed."""
        key = (on, repr(sorted(settings.items())))
        if key not in self.opened:
            places = [self._make(on, one) for one in built]
            apps = [make_application(self._name(on, one), clock, **settings) for one in places]
            for app in apps:
                self.stack.callback(close_application, app)
                app.state.place = places[apps.index(app)]
            self.opened[key] = (apps[0], apps[1])
        else:
            for app, one in zip(self.opened[key], built, strict=True):
                self._put_back(on, app, one)
        for app in self.opened[key]:
            service = app.state.service
            store = replace(service.need_store(), clock=clock)
            app.state.service = replace(service, store=store)
            app.state.oversight_keeper = Keeper(wait_s=_PATIENCE_S)
        return self.opened[key]

    def _name(self, on: str, place: str) -> str:
        return f"sqlite:///{place}" if on == "sqlite" else name_database(self.server(), place)

    def _make(self, on: str, original: str | None) -> str:
        """Make a store, empty or a copy of another one; return its place."""
        if on == "sqlite":
            path = self.folder / f"{uuid.uuid4().hex}.db"
            _copy(Path(original) if original else self.made(), path)
            return str(path)
        copied = new_database(self.server(), original or self.template())
        return self.stack.enter_context(copied)

    def _put_back(self, on: str, app: FastAPI, original: str) -> None:
        """Let an application's store be a copy of another one from now on."""
        app.state.service.need_store().close()  # its sessions; it opens others when it is asked
        place = app.state.place
        if on == "sqlite":
            for suffix in (".db", ".looks.db"):
                for beside in ("-wal", "-shm"):
                    Path(f"{Path(place).with_suffix(suffix)}{beside}").unlink(missing_ok=True)
            _copy(Path(original), Path(place))
            return
        with connect(self.server()) as session:
            session.execute(f'DROP DATABASE "{place}" WITH (FORCE)')
            session.execute(f'CREATE DATABASE "{place}" TEMPLATE "{original}"')


def _fill(address: str, name: str, do: Fill | None, clock: SetClock) -> Any:
    """Have a step of the building done in a store."""
    if do is None:
        return None
    store = open_store(address, clock=clock)
    try:
        with _NUMBERS.of(name):
            return do(store)
    finally:
        store.close()


def _copy(made: Path, path: Path) -> None:
    for suffix in (".db", ".looks.db"):
        shutil.copyfile(made.with_suffix(suffix), path.with_suffix(suffix))


@pytest.fixture(scope="session")
def world_shelf(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorldShelf]:
    """Return what worlds are made from, for this process."""
    with ExitStack() as stack:
        yield WorldShelf(
            tmp_path_factory.mktemp("worlds"),
            lambda: str(request.getfixturevalue("postgresql")),
            lambda: str(request.getfixturevalue("template")),
            lambda: Path(request.getfixturevalue("made_sqlite")),
            stack,
        )


@pytest.fixture(params=["sqlite", "postgresql"])
def make_worlds(
    request: pytest.FixtureRequest, world_shelf: WorldShelf, clock: SetClock
) -> Iterator[MakeWorlds]:
    """Return a way to make two worlds: ``make_worlds(build, add_case, after=None, **settings)``.

    ``build`` fills a store that is then copied, ``add_case`` adds the case to one of the two, and
    ``after`` does the same to both, as other people would; each is called with a store. What the
    three make is kept, so that they are the same at every call.
    """
    with pytest.MonkeyPatch.context() as patch:
        _NUMBERS.patch(patch)
        # Figures of the whole store are worked out anew for each answer: none is of another moment.
        patch.setattr("serving.oversight.kept_answers.KEPT_TIMES", 0.0)

        def make(build: Fill, add_case: Fill, after: Fill | None = None, **settings: Any) -> Worlds:
            built, made = world_shelf.build(request.param, (build, add_case, after), clock)
            there, without = world_shelf.open(request.param, built, clock, settings)
            return Worlds(there, without, made, _NUMBERS)

        yield make


def list_routes(app: FastAPI) -> list[tuple[str, str]]:
    """Return every route of an application as method and template, sorted; those of the sign-in,
    by which a visitor would leave, are left out.
    """
    included = [route for router in ROUTERS for route in router.routes]
    return sorted(
        {
            (method, route.path)
            for route in (*app.routes, *included)
            if isinstance(route, APIRoute) and route.path not in LEAVES
            for method in route.methods
        }
    )


def list_asks(
    app: FastAPI,
    parts: Mapping[str, str],
    bodies: Callable[[str, str], Sequence[Mapping[str, Any]]] | None = None,
    *,
    methods: Sequence[str] = ("GET", "POST", "PUT", "PATCH", "DELETE"),
) -> list[Ask]:
    """Return a request to every route of an application.

    Parameters
    ----------
    app
        The application, for its routes.
    parts
        What stands for each part of an address, such as ``key``; a route with another part is
        asked with 24 letters that lead nowhere.
    bodies
        By method and template, ways to call a route; without it an empty body.
    methods
        Those that are wanted.
    """
    asks = []
    for method, route in list_routes(app):
        if method in methods:
            path = fill_path(route, parts)
            while "{" in path:
                path = f"{path[: path.index('{')]}{'z' * 24}{path[path.index('}') + 1 :]}"
            for given in (bodies or give_nothing)(method, route):
                asks.append(Ask(method, path, given, route))
    return asks


def give_nothing(method: str, route: str) -> list[dict[str, Any]]:
    """Return the one way to call a route with nothing in its body."""
    if method == "GET":
        return [{}]
    return [{"json": {}}] if route.startswith("/v1/") else [{"data": {}}]


def tell(found: Iterable[Difference]) -> str:
    """Return differences as text, each once, for the message of a failing test."""
    told = {
        f"{one.ask} [{one.where}]\n  there:  {one.there}\n  absent: {one.absent}" for one in found
    }
    return "\n".join(sorted(told))


def _find_differences(told: str, there: Any, absent: Any, leave_out: LeaveOut) -> list[Difference]:
    if there.status_code != absent.status_code:
        texts = [f"{one.status_code} {one.text[:200]}" for one in (there, absent)]
        return [Difference(told, "status", texts[0], texts[1])]
    keep = leave_out.get(told.split(",", maxsplit=1)[0], lambda body: body)
    bodies = keep(there.content), keep(absent.content)
    found = []
    if bodies[0] != bodies[1]:
        found.append(Difference(told, "body", *_show_parting(*bodies)))
    # What follows from a body that may differ may differ as well.
    follows = ("content-length", "etag") if there.content != absent.content else ()
    names = sorted({*there.headers, *absent.headers} - {*VOLATILE_HEADERS, *follows})
    for name in names:
        values = [one.headers.get(name) for one in (there, absent)]
        if values[0] != values[1]:
            found.append(Difference(told, f"header {name}", str(values[0]), str(values[1])))
    return found


def _show_parting(there: bytes, absent: bytes) -> tuple[str, str]:
    """Return both bodies around the place from which they differ."""
    pairs = enumerate(zip(there, absent, strict=False))
    place = next((n for n, (a, b) in pairs if a != b), min(len(there), len(absent)))
    cut = slice(max(place - 80, 0), place + 120)
    return there[cut].decode("utf-8", "replace"), absent[cut].decode("utf-8", "replace")
