"""The server as it really listens: heads, bodies, banners, and what two could read in two ways."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from features.errors import ConfigError
from serving.settings import make_settings
from serving.web.connections import Connection
from serving.web.server import name_options
from tests.test_serving.entrances import write_settings
from tests.test_serving.issuers import PUBLIC, Issuer
from tests.test_serving.server_process import (
    Server,
    read_status,
    run_over_copy,
    sign_in,
    write_request,
)

JSON = "Content-Type: application/json"
SILENCE_SECONDS = 1.5
SMUGGLED = write_request("GET", "/v1/smuggled")


@pytest.fixture(scope="module")
def server(
    unit: Any, filled: Path, now: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return the service over the unit, started as an operator starts it."""
    patience = {"CASELIGHT_BODY_SILENCE_SECONDS": str(SILENCE_SECONDS)}
    folder = tmp_path_factory.mktemp("server")
    with run_over_copy(folder, filled, patience, bundle=unit.bundle_path, now=now) as running:
        yield running


def read_fields(answer: bytes) -> dict[str, str]:
    """Return the header fields of the first answer."""
    lines = answer.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def read_log(server: Server) -> list[dict[str, Any]]:
    """Return the lines of the log that are objects."""
    lines = server.log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_no_answer_names_the_server(server: Server) -> None:
    """Neither an answer nor a refusal says by which software it was given."""
    for request in (
        write_request(),
        write_request("GET", "/nothing"),
        write_request("GET", "/healthz", host="elsewhere.example"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ):
        answer = server.ask(request)
        assert b"uvicorn" not in answer.lower()
        assert b"\r\nserver:" not in answer.lower()


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (["Content-Length: 4", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding: chunked", "Content-Length: 4"], b"0\r\n\r\n"),
        (["Content-Length: 2", "Content-Length: 40"], b"{}"),
        (["Content-Length: +2"], b"{}"),
        (["Content-Length: 2, 2, 3"], b"{}"),
        (["Content-Length: 0x2"], b"{}"),
        (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding : chunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"fffffffffffffffff\r\n"),
        (["Transfer-Encoding: chunked"], b"-1\r\n{}\r\n0\r\n\r\n"),
    ],
)
def test_a_body_with_two_ends_smuggles_nothing(
    server: Server, fields: list[str], body: bytes
) -> None:
    """Where servers could differ on a body's end, the connection ends and nothing after is read."""
    request = write_request("POST", "/v1/scores", JSON, *fields, body=body, closes=False)
    answer = server.ask(request + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert read_status(answer) in (400, 408), "408 where a piece was said to be endless"
    assert "close" in read_fields(answer)["connection"].lower()


def test_pipelined_requests_are_answered_in_turn(server: Server) -> None:
    """Two honest requests in one piece get two answers: what ends the others is their doubt."""
    answer = server.ask(write_request(closes=False) + write_request("GET", "/nothing"))
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404"]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (write_request("GET", "/healthz", "X-Long: " + "a" * 60_000), 431),
        (write_request("GET", "/healthz", "X-Long: " + "a" * 200_000), 400),
        (write_request("GET", "/healthz", *(f"X-{n}: a" for n in range(200))), 431),
        (write_request("GET", "/healthz?" + "q" * 30_000), 414),
        (write_request("GET", "/healthz", "Host: elsewhere.example"), 400),
        (write_request("GET", "/healthz", host="elsewhere.example"), 400),
        (write_request("GET", "/healthz", host="127.0.0.1@elsewhere.example"), 400),
        (write_request("GET", "http://elsewhere.example/v1/list"), 404),
        (write_request("GET", "/healthz", "X-A: b\x00c"), 400),
        (write_request("GET", "/v1/\x00"), 400),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ],
    ids=range(12),
)
def test_a_head_that_is_too_much_or_not_ours_is_refused(
    server: Server, request_bytes: bytes, status: int
) -> None:
    """Large heads, many fields, long addresses, other hosts and broken letters go no further."""
    try:
        answer = server.ask(request_bytes)
    except BrokenPipeError:  # refused while it was still being sent
        assert status == 400
        return
    assert not answer or read_status(answer) == status


@pytest.mark.parametrize(
    "field", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"]
)
def test_no_header_changes_the_method(server: Server, field: str) -> None:
    """A request is what its first line says."""
    answer = server.ask(write_request("GET", "/v1/sign-out", f"{field}: POST"))
    assert read_status(answer) == 405
    answer = server.ask(write_request("GET", "/v1/sign-out?_method=POST"))
    assert read_status(answer) == 405


@pytest.mark.parametrize("upgrade", ["websocket", "h2c"])
def test_no_connection_becomes_another_kind(server: Server, upgrade: str) -> None:
    """An upgrade is not made: the request is answered as any other."""
    fields = [f"Upgrade: {upgrade}", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    answer = server.ask(write_request("GET", "/healthz", *fields, closes=False) + write_request())
    assert read_status(answer) == 200


def test_nobody_forges_where_they_call_from(server: Server) -> None:
    """Without a provider no header says who asks: one that tries is not this machine any more."""
    assert read_status(server.ask(write_request("GET", "/metrics"))) == 200
    for field in ("X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: ::1"):
        assert read_status(server.ask(write_request("GET", "/metrics", field))) == 401
    answer = server.ask(write_request("GET", "/metrics", host="localhost.elsewhere.example"))
    assert read_status(answer) == 400


def test_an_answer_holds_no_line_of_a_request(server: Server) -> None:
    """Line ends in an address or a header become no header of an answer."""
    for path in ("/%0d%0aSet-Cookie:%20a=b", "/cases/%0d%0aX-Mine:1", "/sign-in?x=%0d%0aX-Mine:1"):
        answer = server.ask(write_request("GET", path))
        head = answer.split(b"\r\n\r\n", 1)[0].lower()
        assert b"x-mine" not in head
        assert b"set-cookie: a=b" not in head
    for field in ("X-Request-Id: a\tb", "Accept: text/html\tX-Mine: 1"):
        assert b"x-mine" not in server.ask(write_request("GET", "/", field)).lower()


def test_a_body_that_never_ends_is_ended(server: Server) -> None:
    """A body that stops is answered with 408 and the connection ends."""
    head = write_request("POST", "/v1/scores", JSON, "Content-Length: 1000", closes=False)
    answer = server.ask(head + b"{")
    assert read_status(answer) == 408
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["code"] == "too_slow"


def test_a_stream_that_falls_silent_is_ended_and_can_go_on(server: Server) -> None:
    """An import's stream may take long, but not fall silent; the import stays open for the rest."""
    cookie = sign_in(server, "administrator")
    body = b'{"source_digest": "%s", "rows_total": 2}' % (b"ab" * 32)
    fields = [JSON, f"Content-Length: {len(body)}", cookie, "Origin: http://127.0.0.1"]
    begun = server.ask(write_request("POST", "/v1/imports", *fields, body=body))
    key = json.loads(begun.split(b"\r\n\r\n", 1)[1])["import_key"]
    row = {"case_id": "SYN-slow", "recorded_at": "2026-01-01", "area": "Halton"}
    line = json.dumps({"table": "cases", "row": row}).encode() + b"\n"
    stream = write_request(
        "PUT",
        f"/v1/imports/{key}/rows",
        "Content-Type: application/x-ndjson",
        "Content-Length: 100000",
        cookie,
        "Origin: http://127.0.0.1",
        closes=False,
    )
    answer = server.ask(stream + line)
    assert read_status(answer) == 408
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["code"] == "too_slow"
    told = server.ask(write_request("GET", f"/v1/imports/{key}", cookie))
    assert json.loads(told.split(b"\r\n\r\n", 1)[1])["state"] == "open"


def test_the_servers_own_lines_are_of_one_shape(server: Server) -> None:
    """Every line of the log is one JSON object, whatever wrote it, and repeats no request."""
    server.ask(b"CANARY7731 nothing\r\n\r\n")
    server.ask(write_request("GET", "/CANARY7731", "X-CANARY7731: CANARY7731"))
    text = server.log.read_text(encoding="utf-8")
    others = [line for line in text.splitlines() if not line.startswith(("{", "Serving on "))]
    assert others == []
    assert "CANARY7731" not in text
    assert {"server", "request"} <= {line["event"] for line in read_log(server)}


def test_nothing_is_left_in_temporary_folders(server: Server) -> None:
    """Whatever was sent so far, the folder of temporary files is empty."""
    assert list((server.log.parent / "temporary").iterdir()) == []


def test_what_the_server_is_started_with() -> None:
    """Limits are set and not left to the server's own; nobody in front is believed unasked."""
    told = name_options(make_settings())
    assert told["server_header"] is False
    assert told["proxy_headers"] is False
    assert told["ws"] == "none"
    assert told["http"] is Connection
    assert 0 < told["timeout_keep_alive"] < 100
    provider = {"oidc_issuer": "https://issuer.example"}
    assert name_options(make_settings(**provider))["proxy_headers"] is False
    behind = name_options(make_settings(**provider, trusted_proxies="192.0.2.1, 2001:db8::/64"))
    told_by = (behind["proxy_headers"], behind["forwarded_allow_ips"])
    assert told_by == (True, "192.0.2.1,2001:db8::/64")


@pytest.mark.parametrize("named", ["*", "0.0.0.0/0", "::/0", "proxy.example", "127.0.0.1,*"])
def test_nobody_but_a_named_proxy_is_believed(named: str) -> None:
    """A server in front is named by its address; everybody, or a name, is refused."""
    with pytest.raises(ConfigError, match="setting trusted_proxies cannot be used"):
        make_settings(trusted_proxies=named)


def test_pages_reached_by_https_say_so(make_app: Any, tmp_path: Path) -> None:
    """Where the public address is https a browser is told to use nothing else, on every answer."""
    told = write_settings(tmp_path, Issuer("https://issuer.example"))
    given = {name: getattr(told, name) for name in told.model_fields_set}
    client = TestClient(make_app(**given), base_url=PUBLIC, follow_redirects=False)
    for path in ("/", "/sign-in", "/v1/list", "/static/app.css", "/nothing"):
        told = client.get(path).headers["strict-transport-security"]
        assert told == "max-age=31536000; includeSubDomains", path
    plain = TestClient(make_app(), base_url="http://127.0.0.1")
    assert "strict-transport-security" not in plain.get("/healthz").headers
