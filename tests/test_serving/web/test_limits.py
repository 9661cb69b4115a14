"""Nobody holds up the service: requests a minute, slow bodies, large heads."""

import asyncio
import time
from typing import Any, Final

import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from serving.errors import ErrorResponse
from serving.persons import MACHINE, Person
from serving.settings import make_settings
from serving.web.body_guard import BodyGuard
from serving.web.head_guard import MOST_ADDRESS_BYTES, MOST_FIELDS, MOST_HEAD_BYTES, HeadGuard
from serving.web.rate_limits import (
    Allowances,
    MinuteLimit,
    RequestLimit,
    SignInLimit,
    name_address,
    read_allowances,
)

_ERROR: Final = TypeAdapter(ErrorResponse)
PERSON = Person("SYN Reader", "screener", "police", "issuer|reader")
OTHER = Person("SYN Other", "screener", "police", "issuer|other")
PROGRAM = Person("SYN feed", MACHINE, "unit", "issuer|feed", scopes=frozenset())


class Watch:
    """A clock that stands until a test moves it, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        """Return the moment that was set."""
        return self.now_s


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Return the clock by which requests are counted."""
    found = Watch()
    monkeypatch.setattr(time, "time", found)
    return found


def make_scope(path: str = "/v1/list", method: str = "GET", **more: Any) -> Scope:
    """Return a request as a server gives it."""
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [], "client": ("192.0.2.7", 4_000), "state": {},
    } | more  # fmt: skip


def call(app: Any, scope: Scope, *messages: Message, pause_s: float = 0.0) -> list[Message]:
    """Return what an application sends in answer to a request whose body comes in pieces."""
    sent: list[Message] = []
    left = list(messages)

    async def receive() -> Message:
        if left:
            return left.pop(0)
        await asyncio.sleep(pause_s)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


async def answer_well(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request with 200."""
    await send({"type": "http.response.start", "status": scope.get("answers", 200), "headers": []})
    await send({"type": "http.response.body", "body": b""})


def status_of(app: Any, scope: Scope) -> int:
    """Return the status of an answer."""
    return int(call(app, scope)[0]["status"])


def test_a_minutes_requests_are_taken_and_come_back_as_they_age(watch: Watch) -> None:
    """Of sixty a minute the next is taken when the oldest is a minute old, and never more."""
    limit = MinuteLimit(60)
    for _ in range(60):
        assert limit.take("a") == 0.0
        watch.now_s += 0.5
    assert limit.take("a") == pytest.approx(30.0)
    watch.now_s += 30.25
    assert [limit.take("a") == 0.0 for _ in range(2)] == [True, False]
    watch.now_s += 3_600
    assert sum(limit.take("a") == 0.0 for _ in range(100)) == 60


def test_a_refusal_costs_nothing_and_others_are_not_touched(watch: Watch) -> None:
    """Whoever keeps asking waits no longer for it, and another key has its own limit."""
    limit = MinuteLimit(1)
    assert limit.take("a") == 0.0
    assert {limit.take("a") for _ in range(5)} == {60.0}
    assert limit.take("b") == 0.0
    assert limit.peek("b") == 60.0
    assert limit.peek("c") == 0.0


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("testclient", "testclient"),
    ],
)
def test_an_address_counts_with_its_network(host: str, name: str) -> None:
    """Somebody with a network of IPv6 addresses has one limit and not 2^64."""
    assert name_address(make_scope(client=(host, 1))) == name


def test_a_person_a_program_and_an_address_have_their_own_limits() -> None:
    """Persons are counted wherever they ask from, anonymous callers by their address."""
    app = RequestLimit(answer_well, allowances=Allowances(2, 4, 1, None))
    for person, most in ((PERSON, 2), (OTHER, 2), (PROGRAM, 4), (None, 1)):
        found = [status_of(app, make_scope(state={"person": person})) for _ in range(most + 2)]
        assert found == [200] * most + [429] * 2
    elsewhere = make_scope(state={"person": PERSON}, client=("198.51.100.1", 1))
    assert status_of(app, elsewhere) == 429
    assert status_of(app, make_scope(client=("198.51.100.1", 1))) == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/static/app.css"])
def test_probes_and_page_files_are_not_counted(path: str) -> None:
    """Who watches over the service is never refused for asking often."""
    app = RequestLimit(answer_well, allowances=Allowances(1, 1, 1, 1))
    assert {status_of(app, make_scope(path)) for _ in range(10)} == {200}


def test_a_refusal_says_when_to_come_back(watch: Watch) -> None:
    """429 with Retry-After in whole seconds, in the one shape of errors."""
    app = RequestLimit(answer_well, allowances=Allowances(None, None, 60, None))
    for _ in range(60):
        assert status_of(app, make_scope()) == 200
    start, body = call(app, make_scope())
    assert dict(start["headers"])[b"retry-after"] == b"60"
    error = _ERROR.validate_json(body["body"]).error
    assert (start["status"], error.code) == (429, "too_many_requests")


def test_sign_ins_are_few_and_a_page_is_none() -> None:
    """Attempts of an address are counted on every way in; looking at the page is no attempt."""
    app = SignInLimit(answer_well, allowances=Allowances(None, None, None, 4))
    ways = [("POST", "/v1/sign-in"), ("POST", "/sign-in"), ("GET", "/sign-in/begin"),
            ("GET", "/sign-in/back")]  # fmt: skip
    assert [status_of(app, make_scope(path, way)) for way, path in ways] == [200] * 4
    assert [status_of(app, make_scope(path, way)) for way, path in ways] == [429] * 4
    assert status_of(app, make_scope("/sign-in")) == 200
    assert status_of(app, make_scope("/v1/sign-in", "POST", client=("198.51.100.1", 1))) == 200


def test_tokens_that_prove_nothing_use_up_an_addresss_attempts(watch: Watch) -> None:
    """Good tokens are never counted; bad ones are, until the address shows none for a while."""
    app = SignInLimit(answer_well, allowances=Allowances(None, None, None, 3))
    shown = [(b"authorization", b"Bearer x")]
    assert {status_of(app, make_scope(headers=shown)) for _ in range(9)} == {200}
    bad = [status_of(app, make_scope(headers=shown, answers=401)) for _ in range(5)]
    assert bad == [401] * 3 + [429] * 2
    assert status_of(app, make_scope(headers=shown)) == 429
    assert status_of(app, make_scope(answers=401)) == 401, "no token was shown"
    watch.now_s += 61
    assert status_of(app, make_scope(headers=shown)) == 200


def test_limits_hold_where_others_reach_the_service() -> None:
    """With a provider the usual numbers hold; on this machine alone those that are set."""
    assert read_allowances(make_settings()) == Allowances(None, None, None, None)
    told = read_allowances(make_settings(oidc_issuer="https://issuer.example"))
    assert None not in vars(told).values()
    assert told.sign_ins is not None and told.person is not None
    assert told.sign_ins < told.person
    assert read_allowances(make_settings(person_requests_per_minute=5)).person == 5


def test_the_whole_application_refuses_and_recovers(
    make_app: Any, make_client: Any, list_whole: Any
) -> None:
    """A signed-in person is refused past the limit on every route, and the probes go on."""
    app: FastAPI = make_app(person_requests_per_minute=3)
    client: TestClient = make_client(app)
    found = [client.get("/v1/list").status_code for _ in range(5)]
    assert found == [200, 200, 200, 429, 429]
    assert client.get("/cases").status_code == 429
    assert client.get("/healthz").status_code == 200
    other = make_client(app, role=None)
    other.post("/v1/sign-in", json={"name": "SYN B", "role": "duty", "agency": "police"})
    assert other.get("/v1/list").status_code == 200


def test_every_operation_tells_that_it_may_refuse(make_app: Any) -> None:
    """The description names 429 for every operation but the probes."""
    paths = make_app().openapi()["paths"]
    without = [
        (method, path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "429" not in operation["responses"] and path not in ("/healthz", "/readyz")
    ]
    assert without == []


def guard_bodies(**given: Any) -> BodyGuard:
    """Return the guard in front of an application that reads the body to its end."""

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        await answer_well(scope, receive, send)

    usual = {"max_bytes": 1_000_000, "silence_seconds": 0.02, "seconds": 0.1}
    return BodyGuard(read, **(usual | given))


JSON = [(b"content-type", b"application/json")]


def piece(body: bytes, *, more: bool = True) -> Message:
    """Return one piece of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_that_stops_is_ended() -> None:
    """Where nothing more of a body comes the request ends with 408, and its connection with it."""
    scope = make_scope("/v1/scores", "POST", headers=JSON)
    start, body = call(guard_bodies(), scope, piece(b"{"), pause_s=60)
    assert start["status"] == 408
    assert dict(start["headers"])[b"connection"] == b"close"
    assert _ERROR.validate_json(body["body"]).error.code == "too_slow"


def test_a_body_that_dribbles_is_ended() -> None:
    """A byte now and then keeps a body alive no longer than it may take in all."""
    scope = make_scope("/v1/scores", "POST", headers=JSON)
    guard = guard_bodies(silence_seconds=5.0, seconds=0.05)
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0.005)
        return piece(b" ")

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    assert sent[0]["status"] == 408


def test_a_large_body_of_an_anonymous_caller_is_refused_where_people_sign_in() -> None:
    """Nobody in particular fills no memory: a hundred kilobytes are read, and no more."""
    guard = guard_bodies(serves_anonymous=False)
    large = piece(b'{"a": "' + b"x" * 200_000 + b'"}', more=False)
    for person, status in ((None, 413), (PERSON, 200)):
        scope = make_scope("/v1/scores", "POST", headers=JSON, state={"person": person})
        assert call(guard, scope, large)[0]["status"] == status


def guard_heads() -> HeadGuard:
    """Return the guard in front of an application that answers everything."""
    return HeadGuard(answer_well)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"headers": [(b"x", b"a")] * MOST_FIELDS}, 200),
        ({"headers": [(b"x", b"a")] * (MOST_FIELDS + 1)}, 431),
        ({"headers": [(b"x", b"a" * (MOST_HEAD_BYTES - 1))]}, 200),
        ({"headers": [(b"x", b"a" * MOST_HEAD_BYTES)]}, 431),
        ({"query_string": b"q" * (MOST_ADDRESS_BYTES - len("/v1/list"))}, 200),
        ({"query_string": b"q" * MOST_ADDRESS_BYTES}, 414),
        ({"headers": [(b"content-length", b"2")]}, 200),
        ({"headers": [(b"transfer-encoding", b"chunked")]}, 200),
        ({"headers": [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")]}, 400),
        ({"headers": [(b"content-length", b"2")] * 2}, 400),
        ({"headers": [(b"transfer-encoding", b"chunked")] * 2}, 400),
    ],
)
def test_a_head_is_small_and_means_one_thing(more: dict[str, Any], status: int) -> None:
    """Fields, bytes and addresses have a limit, and a body one end; a refusal closes."""
    sent = call(guard_heads(), make_scope(**more))
    assert sent[0]["status"] == status
    if status != 200:
        assert dict(sent[0]["headers"])[b"connection"] == b"close"
        assert _ERROR.validate_json(sent[1]["body"]).error.remedy
