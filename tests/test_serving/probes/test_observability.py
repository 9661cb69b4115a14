"""Logs, ids and metrics: enough to run the service by, and nothing of a case."""

import json
import logging
import re
import uuid
from typing import Any

import pytest
import structlog
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.app import create_app
from serving.settings import make_settings
from serving.web.request_log import REQUEST_ID_HEADER
from serving.web.server import configure_server_log
from tests.test_serving.api.test_errors import CANARY, read_metrics

MADE = re.compile(r"[0-9a-f]{32}")


@pytest.mark.parametrize("brought", [uuid.UUID(int=7).hex, str(uuid.UUID(int=2**127))])
def test_a_number_is_taken_over_as_the_requests_id(client: TestClient, brought: str) -> None:
    """An id that a server in front made ties its log to ours."""
    assert (
        client.get("/healthz", headers={REQUEST_ID_HEADER: brought}).headers[REQUEST_ID_HEADER]
        == brought
    )


@pytest.mark.parametrize(
    "brought",
    [
        CANARY,
        "",
        "a" * 32 + "\n",
        "0" * 31,
        "0" * 33,
        "A" * 32,
        "0" * 32 + ",x",
        "../../etc/passwd",
    ],
)
def test_any_other_text_is_no_id(
    client: TestClient, brought: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What could be a name or a line of its own is replaced, and stands in no answer and no log."""
    told = client.get("/healthz", headers={REQUEST_ID_HEADER: brought}).headers[REQUEST_ID_HEADER]
    assert MADE.fullmatch(told)
    assert told != brought
    assert not brought or brought not in capfd.readouterr().err


def test_two_ids_are_none(client: TestClient) -> None:
    """A request that brings two ids is given a third."""
    first, second = uuid.UUID(int=1).hex, uuid.UUID(int=2).hex
    headers = [(REQUEST_ID_HEADER, first), (REQUEST_ID_HEADER, second)]
    told = client.get("/healthz", headers=headers).headers[REQUEST_ID_HEADER]
    assert told not in (first, second)


def test_every_answer_has_an_id_of_its_own(client: TestClient) -> None:
    """Answers, refusals and errors carry an id, and no two share one."""
    urls = ("/", "/v1/list", "/nothing", "/v1/cases?limit=0", "/static/app.css")
    answers = [client.get(url) for url in urls]
    answers += [client.get("/", headers={"host": "elsewhere.example"}), client.post("/v1/scores")]
    found = [answer.headers[REQUEST_ID_HEADER] for answer in answers]
    assert all(MADE.fullmatch(one) for one in found)
    assert len(set(found)) == len(found)


def test_a_fault_and_its_request_are_tied_by_the_id(
    unit: Any, make_client: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """The line of an unforeseen error has the id of the request that met it."""
    app = create_app(make_settings(bundle=unit.bundle_path))

    @app.get("/fault")
    def fail() -> None:
        raise RuntimeError(f"{CANARY} in a message")

    answer = make_client(app, role=None, raise_server_exceptions=False).get("/fault")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    ids = {line["event"]: line["request_id"] for line in lines}
    assert ids == dict.fromkeys(("fault", "request"), answer.headers[REQUEST_ID_HEADER])


def test_the_libraries_lines_keep_their_place_and_not_their_words(
    capfd: pytest.CaptureFixture[str], app: FastAPI
) -> None:
    """A library's message may hold anything, so that its place and the kind of error are kept."""
    root = logging.getLogger()
    before = (root.handlers, root.level)
    configure_server_log()
    try:
        try:
            raise ValueError(f"{CANARY} in a cell")
        except ValueError:
            logging.getLogger("some.library").exception("could not read %s", CANARY)
        logging.getLogger("some.library").warning(f"{CANARY} was odd")
        logging.getLogger("some.library").info(CANARY)
    finally:
        root.handlers, root.level = before
        logging.captureWarnings(False)
    written = capfd.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [(line["place"], line.get("kind")) for line in lines] == [
        ("some.library", "ValueError"),
        ("some.library", None),
    ]
    assert CANARY not in written


def test_nothing_of_one_request_is_in_the_lines_of_the_next(client: TestClient) -> None:
    """What is bound to a request's lines is let go at its end."""
    client.get("/healthz")
    assert structlog.contextvars.get_contextvars() == {}


def test_metrics_are_counted_by_template_and_known_method(client: TestClient) -> None:
    """No address and no made-up method becomes a label: labels stay few whatever is sent."""
    for number in range(20):
        client.request(f"VERB{number}", f"/made-up-{number}")
    metrics = read_metrics(client.app)
    assert "made-up" not in metrics
    assert "VERB" not in metrics
    assert 'caselight_requests_total{method="OTHER",route="(no route)",status="404"}' in metrics


def test_the_workers_state_is_told_while_it_runs(make_app: Any) -> None:
    """With the store's own work in this process the metrics say that it lives."""
    app = make_app(work=True)
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000)) as client:
        metrics = client.get("/metrics").text
    assert "caselight_worker_alive 1.0" in metrics
    assert "caselight_model_in_use_since_timestamp_seconds" in metrics
