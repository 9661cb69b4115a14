"""The nginx configuration that we ship, in front of the real service."""

import contextlib
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_serving.entrances import write_settings
from tests.test_serving.issuers import run_issuer
from tests.test_serving.nginx_process import MOST_CONNECTIONS, SEND_SECONDS, Front, run_nginx
from tests.test_serving.server_process import (
    Server,
    read_all,
    read_status,
    run_over_copy,
    write_request,
)

pytestmark = pytest.mark.nginx
JSON = "Content-Type: application/json"
A_MINUTE = 40
"""Requests a minute of one address without anybody signed in."""


def ask_for(path: str = "/healthz", *fields: str, **given: Any) -> bytes:
    """Write a request as a browser makes it to the public name."""
    return write_request("GET", path, *fields, host="caselight.example", **given)


@pytest.fixture(scope="module")
def server(
    unit: Any, filled: Path, now: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return the service with a provider, as it is run behind another server."""
    folder = tmp_path_factory.mktemp("behind")
    with run_issuer() as issuer:
        told = write_settings(
            folder,
            issuer,
            public_url="https://caselight.example",
            stranger_requests_per_minute=A_MINUTE,
            trusted_proxies="127.0.0.1",
        )
        names = told.model_fields_set
        environment = {f"CASELIGHT_{name.upper()}": str(getattr(told, name)) for name in names}
        with run_over_copy(folder, filled, environment, bundle=unit.bundle_path, now=now) as found:
            yield found


@pytest.fixture(scope="module")
def front(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Return nginx in front of the service."""
    with run_nginx(tmp_path_factory.mktemp("front"), server.port) as found:
        yield found


def test_the_service_answers_through_nginx_under_its_public_name(front: Front) -> None:
    """A request by https reaches the service, and another name comes no further than nginx."""
    answer = front.ask(ask_for())
    assert read_status(answer) == 200
    assert b"strict-transport-security" in answer.lower()
    assert read_status(front.ask(write_request(host="elsewhere.example"))) == 421


def test_nobody_says_from_where_they_call(front: Front, server: Server) -> None:
    """What a client writes of its address is replaced: all of one address count together."""
    fields = ("X-Forwarded-For", "Forwarded", "X-Real-IP")
    found = [
        read_status(front.ask(ask_for("/v1/list", f"{fields[n % 3]}: for=203.0.113.{n}")))
        for n in range(A_MINUTE + 2)
    ]
    assert found[0] == 401
    assert found[-1] == 429
    told = ask_for("/v1/list", "X-Forwarded-For: 203.0.113.9")
    assert read_status(server.ask(told)) == 401, "nginx itself is believed"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "caselight.example"])
def test_no_name_opens_the_metrics_through_nginx(front: Front, host: str) -> None:
    """Whatever name a caller from elsewhere chooses, nginx hands out no metrics."""
    for fields in ((), ("X-Forwarded-For: 127.0.0.1",), ("Forwarded: for=127.0.0.1",)):
        answer = front.ask(write_request("GET", "/metrics", *fields, host=host))
        assert read_status(answer) in (404, 421)
        assert b"caselight_requests" not in answer


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "caselight.example"])
def test_no_name_opens_the_metrics_behind_a_plain_server(server: Server, host: str) -> None:
    """Also a server in front that hands on the name and says nothing of the caller opens them not:
    its requests come from this machine, as these do.
    """
    answer = server.ask(write_request("GET", "/metrics", host=host))
    assert read_status(answer) == 401
    assert b"caselight_requests" not in answer


@pytest.mark.parametrize(
    "beginning", [b"", b"GET /healthz HTTP/1.1\r\nHost: caselight.example\r\n"]
)
def test_a_head_that_does_not_come_is_ended(front: Front, beginning: bytes) -> None:
    """A connection that says nothing, or half a head, is closed and not held."""
    with front.connect() as connection:
        connection.sendall(beginning)
        answer = connection.recv(1_000)
        assert answer == b"" or read_status(answer) == 408


def test_a_body_that_stops_is_ended(front: Front) -> None:
    """A body of which nothing more comes ends its connection."""
    fields = (JSON, "Content-Length: 1000")
    head = write_request("POST", "/healthz", *fields, host="caselight.example", closes=False)
    answer = front.ask(head + b"{")
    assert answer == b"" or read_status(answer) == 408


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (ask_for("/healthz?" + "q" * 30_000), 414),
        (ask_for("/healthz", "X-Long: " + "a" * 30_000), 400),
        (ask_for("/healthz", "Content-Length: 9000000"), 413),
        (ask_for("/healthz", "Content-Length: 4", "Transfer-Encoding: chunked"), 400),
        (ask_for("/healthz", "Content-Length: 5, 5", body=b"12345"), 400),
    ],
    ids=["address", "field", "body", "two ends", "two lengths"],
)
def test_what_is_too_much_goes_no_further(front: Front, request_bytes: bytes, status: int) -> None:
    """Long addresses, large heads and bodies, and a body with two ends are refused by nginx."""
    answer = front.ask(request_bytes)
    assert read_status(answer) == status
    assert b"Server: nginx\r\n" in answer, "without its version"


def test_a_reader_who_stops_reading_is_left(front: Front) -> None:
    """Of answers that lie unread the connection ends, before all of them were sent."""
    wanted = 300
    asked = ask_for("/static/vendor/govuk-frontend.min.css", closes=False)
    with front.connect() as connection:
        connection.sendall(asked * wanted)
        time.sleep(3 * SEND_SECONDS)
        answer = read_all(connection)
    assert 0 < answer.count(b"HTTP/1.1 200 OK") < wanted


def test_one_address_holds_only_so_many_connections(front: Front) -> None:
    """Beyond what one address may hold another is refused, and taken once these have ended."""
    part = b"POST /healthz HTTP/1.1\r\nHost: caselight.example\r\nContent-Length: 9\r\n"
    with contextlib.ExitStack() as held:
        for _ in range(MOST_CONNECTIONS):
            connection: ssl.SSLSocket = held.enter_context(front.connect())
            connection.sendall(part + b"Content-Type: application/json\r\n\r\n{")
        assert read_status(front.ask(ask_for())) == 429
    for _ in range(100):
        if read_status(front.ask(ask_for())) == 200:
            return
    pytest.fail("the connections were not let go")


def test_nothing_of_a_request_is_left(front: Front) -> None:
    """A body leaves no temporary file, and the log names paths without their queries."""
    body = json.dumps({"cases": "CANARY7731" * 100_000}).encode()
    fields = (JSON, f"Content-Length: {len(body)}")
    asked = write_request("POST", "/v1/scores", *fields, body=body, host="caselight.example")
    with contextlib.suppress(OSError):  # refused while it was still being sent
        front.ask(asked)
    front.ask(ask_for("/sign-in/back?code=CANARY7731"))
    assert [path for path in (front.folder / "temporary").rglob("*") if path.is_file()] == []
    written = (front.folder / "caselight.log").read_text(encoding="utf-8")
    assert "/sign-in/back" in written
    assert "CANARY7731" not in written
