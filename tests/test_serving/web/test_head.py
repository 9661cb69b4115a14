"""What may be read may be asked about: HEAD is answered as GET is, without a body."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.access.route_rules import RULES
from tests.test_serving.probes.test_store_away import ROLES

READ = sorted(path for method, path in RULES if method == "GET")


def ask_both(client: TestClient, path: str) -> tuple[httpx.Response, httpx.Response]:
    """Return the answers to HEAD and to GET of an address."""
    html = {"accept": "*/*" if path.startswith("/v1/") else "text/html"}
    return client.head(path, headers=html), client.get(path, headers=html)


@pytest.mark.parametrize("role", [None, *ROLES])
def test_head_is_answered_wherever_get_is(role: str | None, app: FastAPI, make_client: Any) -> None:
    """Every address that may be read says by HEAD what it would answer, to those signed in and to
    those who are not, with the same status and type and no body.
    """
    client = make_client(app, role=role)
    paths = [path for path in READ if "{" not in path]
    paths += ["/healthz", "/readyz", "/openapi.json", "/static/app.css", "/nothing"]
    for path in dict.fromkeys(paths):
        head, got = ask_both(client, path)
        assert head.status_code == got.status_code, path
        assert head.headers.get("content-type") == got.headers.get("content-type"), path
        assert head.content == b"", path
    assert len(paths) > 30


def test_head_of_a_case_is_a_look_at_it(app: FastAPI, make_client: Any) -> None:
    """An address with a key says by HEAD whether it is there, under the same rule as by GET."""
    client = make_client(app)
    listed = client.get("/v1/cases", params={"limit": 1}).json()
    (key,) = [row["key"] for row in listed["rows"]][:1]
    for path, status in ((f"/v1/cases/{key}", 200), (f"/v1/cases/{'A' * 24}", 404)):
        head, got = ask_both(client, path)
        assert (head.status_code, got.status_code, head.content) == (status, status, b"")
    scientist = make_client(app, role="data_scientist")
    assert scientist.head(f"/v1/cases/{key}").status_code == 403


def test_head_is_refused_where_nothing_is_read(client: TestClient) -> None:
    """An address that only takes what is sent refuses HEAD; where GET is, HEAD stands beside it."""
    refused = client.head("/v1/scores")
    assert (refused.status_code, refused.headers["allow"], refused.content) == (405, "POST", b"")
    assert client.delete("/healthz").headers["allow"] == "GET, HEAD"
    both = next(path for method, path in RULES if method == "POST" and ("GET", path) in RULES)
    assert client.delete(both).headers["allow"] == "GET, HEAD, POST"


def test_the_log_and_the_description_know_head_by_its_name(
    client: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    """A HEAD is logged as one, under its route; it is in no description of the service."""
    client.head("/v1/list")
    assert '"method": "HEAD", "route": "/v1/list"' in capfd.readouterr().err
    described = client.get("/openapi.json").json()["paths"]
    assert not any("head" in methods for methods in described.values())
