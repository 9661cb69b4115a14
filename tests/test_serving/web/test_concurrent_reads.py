"""Reads are worked out one of a kind at a time, and hold up neither writes nor other kinds."""

import gc
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send

from serving.web.concurrent_reads import ConcurrentReads, name_kind


class Pages:
    """Answers a request once its path is let go, and says which are being worked out."""

    def __init__(self) -> None:
        self.let_go: dict[str, anyio.Event] = {}
        self.now: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Work a request out, and send the answer."""
        path = scope["path"]
        self.now.add(path)
        await self.let_go.setdefault(path, anyio.Event()).wait()
        self.now.discard(path)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def receive_nothing() -> Message:
    """Say nothing more."""
    return {"type": "http.disconnect"}


async def send_at_once(message: Message) -> None:
    """Take what is sent."""


class Door:
    """The limit, and a way to have requests come."""

    def __init__(self, group: Any, **limits: float) -> None:
        self.pages = Pages()
        self.limit = ConcurrentReads(self.pages, **limits)
        self._group = group

    async def come(self, path: str, method: str = "GET", send: Send = send_at_once) -> Any:
        """Have a request come, and return how it is called off."""
        scope = {"type": "http", "method": method, "path": path}
        cancelling = anyio.CancelScope()

        async def ask() -> None:
            with cancelling:
                await self.limit(scope, receive_nothing, send)

        self._group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        return cancelling

    async def end(self, path: str) -> None:
        """Let a request be answered."""
        self.pages.let_go[path].set()
        await anyio.wait_all_tasks_blocked()


def played(play: Callable[..., Any], **limits: float) -> None:
    """Play something at a door that is closed afterwards."""

    async def run() -> None:
        async with anyio.create_task_group() as group:
            door = Door(group, **limits)
            await play(door)
            group.cancel_scope.cancel()
        gc.collect()  # of what was called off
        assert len(door.limit._kinds) == 0

    anyio.run(run)


def test_a_kind_that_many_ask_for_leaves_room_for_another() -> None:
    """Of eight case pages one is worked out, the list beside it, and nothing takes a third place;
    the next case page follows the first.
    """

    async def play(door: Door) -> None:
        for number in range(8):
            await door.come(f"/cases/{number}")
        assert door.pages.now == {"/cases/0"}
        await door.come("/")
        await door.come("/data")
        assert door.pages.now == {"/cases/0", "/"}
        await door.end("/")
        assert door.pages.now == {"/cases/0", "/data"}
        await door.end("/cases/0")
        assert door.pages.now == {"/cases/1", "/data"}

    played(play)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/cases/1/decide"), ("GET", "/healthz"), ("GET", "/static/a.css")]
)
def test_writes_probes_and_files_wait_for_no_page(method: str, path: str) -> None:
    """Who writes, or asks whether the service lives, is answered while pages are worked out."""

    async def play(door: Door) -> None:
        await door.come("/")
        await door.come("/data")
        await door.come(path, method)
        assert path in door.pages.now

    played(play)


def test_an_answer_that_is_not_read_holds_up_nobody() -> None:
    """Once an answer begins the next is worked out, though its reader stops reading."""

    async def never(message: Message) -> None:
        await anyio.sleep_forever()

    async def play(door: Door) -> None:
        await door.come("/cases/0", send=never)
        await door.come("/cases/1")
        await door.end("/cases/0")
        assert door.pages.now == {"/cases/1"}

    played(play)


def test_a_read_that_takes_long_holds_up_the_others_for_a_moment_only() -> None:
    """Where two long ones take every place, pages are worked out beside them after a while, and a
    place that was given up is given back once.
    """

    async def play(door: Door) -> None:
        await door.come("/v1/audit/check")
        await door.come("/oversight")
        await door.come("/")
        assert door.pages.now == {"/v1/audit/check", "/oversight"}
        await anyio.sleep(1.8)
        await anyio.wait_all_tasks_blocked()
        assert door.pages.now == {"/v1/audit/check", "/oversight", "/"}
        await door.end("/oversight")
        await door.end("/v1/audit/check")
        await door.end("/")
        await door.come("/data")
        await door.come("/models")
        await door.come("/help")
        assert door.pages.now == {"/data", "/models"}

    played(play, most_seconds=1.5)


def test_who_leaves_frees_the_place() -> None:
    """A request that is called off while it waits or is worked out keeps nobody waiting."""

    async def play(door: Door) -> None:
        first = await door.come("/cases/0")
        second = await door.come("/cases/1")
        await door.come("/cases/2")
        second.cancel()
        first.cancel()
        await anyio.wait_all_tasks_blocked()
        assert "/cases/2" in door.pages.now

    played(play, most_reads=1)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", ""),
        ("/cases/KEY", "cases"),
        ("/cases/KEY/print", "cases"),
        ("/v1/cases/KEY", "v1/cases"),
        ("/v1/scores", "v1/scores"),
    ],
)
def test_a_kind_is_the_first_parts_of_an_address(path: str, kind: str) -> None:
    """Keys are not part of a kind, so that all cases are of one."""
    assert name_kind(path) == kind
