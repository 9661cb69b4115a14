import asyncio
import copy
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from serving.app import create_app
from serving.errors import ErrorResponse
from serving.schemas import CaseIn, EventIn, FactIn, ScoreRequest
from serving.settings import make_settings

CANARY = "CANARY7731"
_ERROR: Final = TypeAdapter(ErrorResponse)
JSON = {"content-type": "application/json"}
FIELDS = [
    *((name,) for name in ScoreRequest.model_fields if name != "cases"),
    *(("cases", 0, name) for name in CaseIn.model_fields),
    *(("cases", 0, "events", 0, name) for name in EventIn.model_fields),
    *(("cases", 0, "facts", 0, name) for name in FactIn.model_fields),
]
OBJECTS = [(), ("cases", 0), ("cases", 0, "events", 0), ("cases", 0, "facts", 0)]

Watched = Callable[..., Any]


def put(request: Any, place: tuple[Any, ...], value: object) -> Any:
    """Return a request with a value at a place."""
    changed = copy.deepcopy(request)
    inner = changed
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    return changed


def read_metrics(app: Any) -> str:
    """Return the metrics as this machine reads them."""
    here = TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000))
    answer = here.get("/metrics")
    assert answer.status_code == 200
    return str(answer.text)


def check_shape(answer: Any) -> None:
    """Check that an error says where and how to mend it, in the one shape."""
    assert answer.headers["content-type"] == "application/json"
    error = _ERROR.validate_json(answer.content, strict=True).error
    assert set(answer.json()) == {"error"}
    assert error.code.replace("_", "").isalpha() and error.code.islower()
    assert error.message
    assert error.remedy
    if error.code == "invalid_request":
        assert error.problems
    for problem in error.problems:
        assert problem.where
        assert problem.code
        assert problem.remedy


@pytest.fixture(scope="session")
def small_app(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application that takes little at a time."""
    return make_app(max_request_bytes=20_000, max_request_cases=3, max_request_records=10)


@pytest.fixture
def watched(
    unit: Any,
    client: TestClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Watched]:
    """Return a way to send a request; at the end nothing that was written may hold the canary."""
    scratch = tmp_path / "temporary"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.chdir(scratch)
    caplog.set_level("DEBUG", logger="caselight")
    used = {id(client): client}

    def send(method: str, url: str, by: TestClient = client, **given: Any) -> Any:
        used[id(by)] = by
        answer = by.request(method, url, **given)
        assert CANARY not in answer.text, (method, url)
        assert CANARY not in str(answer.headers), (method, url)
        return answer

    yield send

    for one in used.values():
        metrics = read_metrics(one.app)
        assert "caselight_requests_total" in metrics
        assert CANARY not in metrics
    written = capfd.readouterr()
    assert '"event": "request"' in written.err
    assert CANARY not in written.err
    assert CANARY not in written.out
    ours = [record for record in caplog.records if not record.name.startswith("httpx")]
    assert not any(CANARY in record.getMessage() for record in ours)
    for folder in (scratch, unit.root):
        for path in folder.rglob("*"):
            assert CANARY not in path.name
            assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path.name


@pytest.mark.parametrize("value", [CANARY, [CANARY], {CANARY: CANARY}], ids=["text", "list", "map"])
@pytest.mark.parametrize("place", FIELDS, ids=lambda place: ".".join(map(str, place)))
def test_no_field_comes_back_from_a_bad_request(
    watched: Watched, example: dict[str, Any], place: tuple[Any, ...], value: object
) -> None:
    """Whatever field holds a value and whatever else is wrong, no error repeats the value."""
    held = put(example, place, value)
    second = copy.deepcopy(example["cases"][0]) | {"case_id": "SYN-C2", "recorded_at": "one day"}
    whole = json.dumps(held)
    bad = {
        "field not in the contract": json.dumps(put(held, ("no_such_field",), 1)),
        "broken off": whole[:-1],
        "a field twice": whole[:-1] + ', "as_of": null, "as_of": null}',
        "not a number": whole[:-1] + ', "no_such_field": NaN}',
        "half a character": whole[:-1] + ', "no_such_field": "\\ud800"}',
        "nested": whole[:-1] + ', "no_such_field": ' + "[" * 40 + "]" * 40 + "}",
        "another case unreadable": json.dumps(
            held if place == ("cases", 0) else held | {"cases": [*held["cases"], second]}
        ),
    }

    for fault, body in bad.items():
        answer = watched("POST", "/v1/scores", content=body, headers=JSON)
        assert answer.status_code in (400, 422), fault
        check_shape(answer)


@pytest.mark.parametrize("place", FIELDS, ids=lambda place: ".".join(map(str, place)))
def test_no_field_is_kept_from_a_request_that_is_scored_or_refused(
    client: TestClient,
    example: dict[str, Any],
    place: tuple[Any, ...],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """No log line and no metric holds a value, even where the request is good."""
    answer = client.post("/v1/scores", json=put(example, place, CANARY))

    written = capfd.readouterr()
    assert answer.status_code in (200, 422)
    assert CANARY not in written.err + written.out + read_metrics(client.app)
    if answer.status_code == 422:
        check_shape(answer)
        assert CANARY not in answer.text + str(answer.headers)


@pytest.mark.parametrize("place", OBJECTS, ids=lambda place: ".".join(map(str, place)) or "top")
def test_no_name_of_an_unknown_field_comes_back(
    watched: Watched, example: dict[str, Any], place: tuple[Any, ...]
) -> None:
    """A field that the contract has not is refused at its place without its name."""
    answer = watched("POST", "/v1/scores", json=put(example, (*place, CANARY), CANARY))

    problem = answer.json()["error"]["problems"][0]
    assert answer.status_code == 422
    check_shape(answer)
    assert problem["where"].endswith("(unknown field)")
    assert problem["code"] == "extra_forbidden"


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", f"/{CANARY}", 404),
        ("GET", f"/v1/{CANARY}", 404),
        ("GET", f"/v1/cases/{CANARY}", 404),
        ("GET", f"/v1/cases/{CANARY}{CANARY}abcd", 404),
        ("GET", f"/v1/cases?limit={CANARY}", 422),
        ("GET", f"/v1/cases?cursor={CANARY}", 422),
        ("GET", f"/v1/cases?limit=0&{CANARY}=1", 422),
        ("GET", f"/cases?cursor={CANARY}", 422),
        ("GET", f"/cases?state={CANARY}", 422),
        ("GET", f"/static/{CANARY}", 404),
        ("GET", f"/static/%00{CANARY}", 404),
        ("GET", f"/static/..%2f{CANARY}", 404),
        ("GET", f"/static/{CANARY * 500}", 404),
        ("GET", f"/%ff%fe{CANARY}", 404),
        ("POST", f"/{CANARY}", 404),
        ("POST", f"/v1/list?x={CANARY}", 405),
        ("PUT", f"/v1/scores?x={CANARY}", 405),
        (CANARY, "/v1/list", 405),
        (CANARY, f"/{CANARY}", 404),
    ],
)
def test_nothing_of_an_address_comes_back(
    watched: Watched, method: str, url: str, status: int
) -> None:
    """A path, a query or a method that leads nowhere is answered without repeating it."""
    answer = watched(method, url, json={} if method == "POST" else None)

    assert answer.status_code == status
    check_shape(answer)


def test_the_page_of_an_unknown_case_repeats_nothing(watched: Watched) -> None:
    """The page that says there is no such case does not show its address."""
    answer = watched("GET", f"/cases/{CANARY}", headers={"accept": "text/html"})

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_no_redirect_repeats_an_address(client: TestClient) -> None:
    """An address with a stroke too many is not sent on with its query in a header."""
    addresses = ("/v1/list/", "/v1/scores/", "/cases/", "/static", f"/v1/cases/{CANARY}/")

    answers = {url: client.get(f"{url}?x={CANARY}") for url in addresses}

    assert [url for url, answer in answers.items() if CANARY in str(answer.headers)] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": CANARY},
        {"content-type": f"text/plain; charset={CANARY}"},
        {"content-type": f"multipart/form-data; boundary={CANARY}"},
        {"content-encoding": CANARY, "content-type": "text/plain"},
        {"x-request-id": CANARY, "content-type": "text/plain"},
        {"cookie": f"session={CANARY}", "content-type": "text/plain"},
        {"authorization": f"Basic {CANARY}", "content-type": "text/plain"},
        {"user-agent": CANARY, "referer": f"http://127.0.0.1/{CANARY}", "content-type": "a/b"},
        {CANARY: CANARY, "content-type": "text/plain"},
    ],
    ids="+".join,
)
def test_no_header_comes_back(
    watched: Watched, example: dict[str, Any], headers: dict[str, str]
) -> None:
    """A body that is not declared as JSON is refused, and no header of the request is repeated."""
    answer = watched("POST", "/v1/scores", content=json.dumps(example), headers=headers)

    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "not_json"
    check_shape(answer)


def test_a_token_that_proves_nothing_is_refused_before_its_body(
    watched: Watched, example: dict[str, Any]
) -> None:
    """A token that nobody signed is refused whatever body comes with it, and is not repeated."""
    headers = {"authorization": f"Bearer {CANARY}", "content-type": "text/plain"}

    answer = watched("POST", "/v1/scores", content=json.dumps(example), headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_token")
    check_shape(answer)


@pytest.mark.parametrize(
    "host",
    ["example.org", CANARY, "127.0.0.1.example.org", "127.0.0.1@example.org", "127.0.0.2", ""],
)
def test_an_unknown_host_is_refused(watched: Watched, host: str) -> None:
    """A request under another name than this machine's is refused, whatever it asks for."""
    for url in ("/", "/v1/list", "/healthz", "/metrics", "/static/app.css"):
        answer = watched("GET", url, headers={"host": host})

        assert answer.status_code == 400
        assert len(answer.text) < 300


def test_a_refused_host_is_told_in_the_one_shape(client: TestClient) -> None:
    """The answer to an unknown host has the shape of every other error."""
    check_shape(client.get("/v1/list", headers={"host": "example.org"}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_the_names_of_this_machine_are_answered(client: TestClient, host: str) -> None:
    """The service answers under the names of this machine, with any port."""
    assert client.get("/healthz", headers={"host": host}).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"{'cases': []}", "bad_json"),
        (b'{"cases": []} {}', "bad_json"),
        (b"\xef\xbb\xbf{}", "bad_json"),
        (b"\xff\xfe{\x00}\x00", "bad_json"),
        (b'{"cases": "\xe9"}', "bad_json"),
        (b'{"cases": NaN}', "bad_json"),
        (b'{"cases": -Infinity}', "bad_json"),
        (b'{"cases": 1e999}', "bad_json"),
        (b'{"cases": ' + b"9" * 5_000 + b"}", "bad_json"),
        (b'{"cases": 1, "cases": 2}', "bad_json"),
        (b'{"cases": [{"a": 1, "\\u0061": 2}]}', "bad_json"),
        (b'{"cases": "\\ud800"}', "bad_json"),
        (b'{"\\udfff": 1}', "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b'{"a":' * 50_000, "bad_json"),
        (b"[" * 13 + b"]" * 13, "bad_json"),
        (b"[" * 12 + b"]" * 12, "invalid_request"),
        (b"null", "invalid_request"),
        (b"[]", "invalid_request"),
        (b'"text"', "invalid_request"),
        (b"{}", "invalid_request"),
        (b'{"cases": []}', "invalid_request"),
        (b'{"cases": {}}', "invalid_request"),
        (b'{"cases": [null]}', "invalid_request"),
    ],
    ids=lambda given: given[:24] if isinstance(given, bytes) else given,
)
def test_a_body_that_is_not_plain_json_is_refused(
    client: TestClient, body: bytes, code: str
) -> None:
    """A body that two readers could read in two ways goes no further than the door."""
    answer = client.post("/v1/scores", content=body, headers=JSON)

    assert answer.status_code == {"bad_json": 400, "invalid_request": 422}[code]
    assert answer.json()["error"]["code"] == code
    check_shape(answer)


def test_a_bracket_within_a_text_is_no_nesting(client: TestClient, example: dict[str, Any]) -> None:
    """Brackets and quotes within a text do not count as depth."""
    example["cases"][0]["events"][0]["narrative"] = '[{"\\' * 50

    assert client.post("/v1/scores", json=example).status_code == 200


@pytest.mark.parametrize(
    ("place", "value", "where", "code"),
    [
        (("as_of",), "yesterday", "as_of", "unreadable_moment"),
        (("time_zone",), "Europe", "time_zone", "unknown_zone"),
        (("time_zone",), "../../etc/passwd", "time_zone", "unknown_zone"),
        (("cases", 0, "recorded_at"), "31/12/2025", "cases[0].recorded_at", "unreadable_moment"),
        (("cases", 0, "case_id"), " ", "cases[0].case_id", "missing"),
        (("cases", 0, "events", 0, "occurred_at"), "2026-13-01",
         "cases[0].events[0].occurred_at", "unreadable_moment"),
        (("cases", 0, "events", 0, "occurred_at"), "1066-10-14",
         "cases[0].events[0].occurred_at", "implausible_date"),
        (("cases", 0, "events", 0, "view"), "rumour",
         "cases[0].events[0].view", "not_a_choice"),
        (("cases", 0, "events", 0, "value"), "many", "cases[0].events[0].value", "float_parsing"),
        (("cases", 0, "events", 0, "detail"), "x" * 600, "cases[0].events[0].detail", "too_long"),
        (("cases", 0, "events", 0, "event_id"), 7, "cases[0].events[0].event_id", "string_type"),
        (("cases", 0, "facts", 0, "asked"), "maybe", "cases[0].facts[0].asked", "not_a_choice"),
        (("cases", 0, "facts"), "none", "cases[0].facts", "list_type"),
    ],
)  # fmt: skip
def test_an_error_names_the_place_and_the_remedy(
    client: TestClient,
    example: dict[str, Any],
    place: tuple[Any, ...],
    value: object,
    where: str,
    code: str,
) -> None:
    """A problem says where in the request it is, under a stable code."""
    answer = client.post("/v1/scores", json=put(example, place, value))

    found = {(entry["where"], entry["code"]) for entry in answer.json()["error"]["problems"]}
    assert answer.status_code == 422
    assert (where, code) in found
    check_shape(answer)


def test_all_problems_are_told_at_once(client: TestClient, example: dict[str, Any]) -> None:
    """Problems in several records are listed together, each at its own place."""
    first = example["cases"][0]
    events = [first["events"][0] | {"event_id": f"SYN-E{n}"} for n in range(3)]
    events[1]["recorded_at"] = events[2]["occurred_at"] = "soon"
    example["cases"] = [first | {"case_id": "SYN-C0", "events": []}, first | {"events": events}]

    error = client.post("/v1/scores", json=example).json()["error"]

    assert error["message"] == "the request holds 2 problems"
    assert sorted(entry["where"] for entry in error["problems"]) == [
        "cases[1].events[1].recorded_at",
        "cases[1].events[2].occurred_at",
    ]


@pytest.mark.parametrize(
    ("n_cases", "n_events", "status"), [(3, 3, 200), (4, 0, 413), (1, 10, 413), (1, 9, 200)]
)
def test_too_many_cases_or_records_are_refused(
    small_app: FastAPI,
    watched: Watched,
    make_client: Callable[..., TestClient],
    example: dict[str, Any],
    n_cases: int,
    n_events: int,
    status: int,
) -> None:
    """Three cases and ten records are taken where no more are allowed, and not one more."""
    case = example["cases"][0]
    case["facts"] = case["facts"] if n_cases == 1 else []
    event = case["events"][0] | {"narrative": CANARY}
    case["events"] = [event | {"event_id": f"SYN-E{number}"} for number in range(n_events)]
    example["cases"] = [case | {"case_id": f"SYN-C{number}"} for number in range(n_cases)]

    answer = watched("POST", "/v1/scores", by=make_client(small_app), json=example)

    assert answer.status_code == status
    if status == 413:
        assert answer.json()["error"]["code"] == "too_large"
        check_shape(answer)


@pytest.mark.parametrize("url", ["/v1/scores", "/v1/nothing", "/"])
def test_a_large_body_is_refused_while_it_arrives(small_app: FastAPI, url: str) -> None:
    """A body without end is refused once it is over the limit, and the rest is never read."""
    piece = CANARY.encode() * 1_000
    pieces_read = 0
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        nonlocal pieces_read
        pieces_read += 1
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": "POST", "path": url, "raw_path": url.encode(), "query_string": b"",
        "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": None,
    }  # fmt: skip
    asyncio.run(small_app(scope, receive, send))

    assert pieces_read == 3  # of 10,000 bytes each, where 20,000 are taken
    assert sent[0]["status"] == 413
    assert _ERROR.validate_json(sent[1]["body"]).error.code == "too_large"
    assert CANARY not in str(sent)


def test_a_hundred_megabytes_are_refused(watched: Watched) -> None:
    """A body of a hundred megabytes is refused with the limit and the remedy."""
    answer = watched("POST", "/v1/scores", content=CANARY.encode().ljust(100_000_000), headers=JSON)

    assert answer.status_code == 413
    assert "8,000,000 bytes" in answer.json()["error"]["message"]
    check_shape(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"])
@pytest.mark.parametrize(
    "url", ["/", "/cases", "/urgent", "/v1/list", "/healthz", "/readyz", "/metrics"]
)
def test_what_can_be_read_cannot_be_written(client: TestClient, method: str, url: str) -> None:
    """No address of the list, the pages or the probes takes any method but GET and HEAD."""
    answer = client.request(method, url, json={} if method == "POST" else None)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    check_shape(answer)


@pytest.mark.parametrize("method", ["HEAD", "GET", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"])
def test_scores_are_asked_for_by_post_alone(client: TestClient, method: str) -> None:
    """Scoring takes POST and nothing else: case data never stand in an address."""
    answer = client.request(method, "/v1/scores")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    if method != "HEAD":
        check_shape(answer)


def test_whoever_changes_something_is_signed_in(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """Without a person every address of cases refuses, to read and to write; scoring keeps none."""
    stranger = make_client(app, role=None)
    free = {"/v1/scores", "/v1/sign-in", "/v1/sign-out", "/healthz", "/readyz"}
    answered = {
        (method, path): stranger.request(
            method, re.sub(r"{.*?}", "A" * 24, path), json={} if method != "get" else None
        ).status_code
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if path not in free
    }

    assert len(answered) > 25
    assert {one for one, status in answered.items() if status not in (401, 422)} == set()
    assert {answered["get", path] for path in ("/v1/list", "/v1/cases/{key}", "/v1/duty")} == {401}


def test_the_description_gives_errors_their_one_shape(app: FastAPI) -> None:
    """Every error in the OpenAPI description has the shape that errors have."""
    others = []
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                if not status.startswith("4"):
                    continue
                schema = response["content"]["application/json"]["schema"].get("$ref", "")
                if not schema.endswith("/ErrorResponse"):
                    others.append(f"{method} {path} {status}: {schema}")

    assert others == []


def test_a_fault_is_answered_without_its_message(
    unit: Any, make_client: Callable[..., TestClient], capfd: pytest.CaptureFixture[str]
) -> None:
    """An unforeseen error gives a reference that the log has too, and nothing of its message."""
    app = create_app(make_settings(bundle=unit.bundle_path))

    @app.get("/fault")
    def fail() -> None:
        raise RuntimeError(f"{CANARY} in a message")

    answer = make_client(app, raise_server_exceptions=False).get("/fault")

    written = capfd.readouterr()
    assert answer.status_code == 500
    check_shape(answer)
    reference = answer.json()["error"]["remedy"].rsplit(" ", 1)[1]
    lines = [json.loads(line) for line in written.err.splitlines()]
    faults = [line for line in lines if line["event"] == "fault"]
    assert [(line["reference"], line["kind"]) for line in faults] == [(reference, "RuntimeError")]
    assert CANARY not in answer.text + written.err + written.out


def test_without_a_store_nobody_signs_in_and_scoring_serves(
    unit: Any, make_client: Callable[..., TestClient], example: dict[str, Any]
) -> None:
    """With a model alone the service scores, says what is missing, and shows no case."""
    bare = make_client(create_app(make_settings(bundle=unit.bundle_path)))

    assert bare.post("/v1/scores", json=example).status_code == 200
    assert bare.get("/readyz").status_code == 503
    assert bare.get("/readyz").json() == {"ready": False, "missing": ["store"]}
    for url in ("/v1/list", f"/v1/cases/{'x' * 24}", "/", "/cases"):
        answer = bare.get(url)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in"), url
        check_shape(answer)


def test_without_a_model_scoring_says_so(
    make_client: Callable[..., TestClient], example: dict[str, Any]
) -> None:
    """With neither model nor store the service answers that none is loaded."""
    empty = make_client(create_app(make_settings()))

    answer = empty.post("/v1/scores", json=example)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_bundle")
    assert empty.get("/readyz").json() == {"ready": False, "missing": ["bundle", "store"]}
    assert empty.get("/healthz").json() == {"status": "ok"}
    check_shape(answer)


def test_log_lines_and_metrics_hold_the_route_and_no_address(
    client: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    """A request is logged and counted under its route's template, and only so."""
    key = client.get("/v1/list").json()["rows"][0]["key"]
    capfd.readouterr()

    client.get(f"/v1/cases/{key}")

    line = json.loads(capfd.readouterr().err)
    assert line["route"] == "/v1/cases/{key}"
    assert set(line) == {
        "event", "level", "method", "milliseconds", "request_id", "route", "status", "timestamp"
    }  # fmt: skip
    metrics = read_metrics(client.app)
    assert 'route="/v1/cases/{key}"' in metrics
    assert key not in metrics
