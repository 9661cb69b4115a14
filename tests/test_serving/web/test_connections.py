"""Many connections and many requests at once, on the service as it is started in earnest."""

import contextlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.web.connections import HEAD_SECONDS
from tests.test_serving.server_process import (
    Server,
    read_all,
    read_status,
    run_over_copy,
    write_request,
)

N_HALF_OPEN = 300
N_AT_ONCE = 100
HALF_A_HEAD = b"GET /v1/list HTTP/1.1\r\nHost: 127.0.0.1\r\n"
JSON = "Content-Type: application/json"


@pytest.fixture
def start(
    unit: Any, filled: Path, now: str, tmp_path: Path
) -> Iterator[Callable[[dict[str, str]], Server]]:
    """Return a way to start the service over the unit."""
    with contextlib.ExitStack() as running:

        def begin(environment: dict[str, str]) -> Server:
            given = {"bundle": unit.bundle_path, "now": now}
            return running.enter_context(run_over_copy(tmp_path, filled, environment, **given))

        yield begin


@pytest.fixture(scope="module")
def server(
    unit: Any, filled: Path, now: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return the service over the unit, which every test of this file may ask."""
    folder = tmp_path_factory.mktemp("connections")
    with run_over_copy(folder, filled, {}, bundle=unit.bundle_path, now=now) as running:
        yield running


def ask_for_scores(example: dict[str, Any]) -> bytes:
    """Return a request for scores as it goes over the wire."""
    body = json.dumps(example).encode()
    return write_request("POST", "/v1/scores", JSON, f"Content-Length: {len(body)}", body=body)


@pytest.mark.parametrize("_start", range(3))
def test_the_first_requests_after_a_start_are_answered(
    start: Callable[[dict[str, str]], Server], example: dict[str, Any], _start: int
) -> None:
    """A hundred requests that come at once, the first ones of the process, all get their scores;
    nothing is still being imported when the service begins to listen.
    """
    server = start({})
    request, gate = ask_for_scores(example), threading.Barrier(N_AT_ONCE)
    found: list[int] = []

    def ask() -> None:
        gate.wait()
        found.append(read_status(server.ask(request, wait_s=120)))

    threads = [threading.Thread(target=ask) for _ in range(N_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(found) == {200: N_AT_ONCE}


def test_half_open_connections_hold_up_nobody(server: Server, example: dict[str, Any]) -> None:
    """While some hundred connections have sent half a head or nothing, the probe and everybody
    else are answered.
    """
    with contextlib.ExitStack() as held:
        for number in range(N_HALF_OPEN):
            connection = held.enter_context(server.connect())
            connection.sendall(HALF_A_HEAD if number % 2 else b"")
        for _ in range(3):
            assert read_status(server.ask(write_request("GET", "/healthz"))) == 200
        assert read_status(server.ask(ask_for_scores(example))) == 200


def test_more_connections_than_are_taken_make_room(server: Server) -> None:
    """Of more connections than may be open those that said nothing for longest are closed."""
    with contextlib.ExitStack() as held:
        first = held.enter_context(server.connect())
        for _ in range(600):
            held.enter_context(server.connect())
        assert read_status(server.ask(write_request("GET", "/healthz"))) == 200
        assert is_ended(first)


def is_ended(connection: socket.socket) -> bool:
    """Return whether the other side has ended a connection."""
    connection.settimeout(2)
    return read_all(connection) == b""


def test_half_a_head_is_ended(server: Server) -> None:
    """A connection on which no whole head comes in time is closed; one that was answered is
    closed as well when its next head does not come whole.
    """
    whole = write_request("GET", "/healthz", closes=False)
    for beginning in (b"", HALF_A_HEAD, whole + HALF_A_HEAD):
        with server.connect(wait_s=4 * HEAD_SECONDS) as connection:
            begun_s = time.monotonic()
            connection.sendall(beginning)
            read_all(connection)
            assert time.monotonic() - begun_s < 3 * HEAD_SECONDS


@pytest.mark.parametrize(
    "field",
    ["Content-Length: 5, 5", "content-length:5,5", "Content-Length : 5, 5", "CONTENT-LENGTH: 5, 6"],
)
@pytest.mark.parametrize("before", [b"", write_request("GET", "/healthz", closes=False)])
def test_a_list_of_lengths_is_refused(server: Server, field: str, before: bytes) -> None:
    """A length is one number, also in a request that follows another on its connection."""
    answer = server.ask(before + write_request("POST", "/v1/scores", JSON, field, body=b"12345"))
    assert b"Invalid HTTP request received." in answer
    last = answer[answer.rindex(b"HTTP/1.1 ") :]
    assert read_status(last) == 400


def test_a_comma_elsewhere_is_no_list_of_lengths(server: Server) -> None:
    """Other fields and the body may hold commas and the words of the field."""
    body = b'{"x": "\r\nContent-Length: 5, 5"}'
    fields = (JSON, f"Content-Length: {len(body)}", "Accept: text/html, */*")
    assert read_status(server.ask(write_request("POST", "/v1/scores", *fields, body=body))) in (
        400,
        422,
    )
