"""A hidden case, another area's and none at all are one thing to an outsider: in words and work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event
from starlette.testclient import TestClient

from serving.access.route_rules import RULES
from serving.store.database import Store
from tests.test_serving.access.test_rights import OTHER, OWN, add, call, keys_about, seal
from tests.test_serving.entered import (
    close_application,
    enter,
    fill_path,
    make_application,
)

PARTS = ("key", "raising_key", "request_key", "score_key")
NAMING = sorted(route for route in RULES if any("{" + part + "}" in route[1] for part in PARTS))
_PER_ANSWER = (
    "x-request-id",
    "content-security-policy",
    "set-cookie",
    "server-timing",
)
"""Header fields that differ from answer to answer by design, whoever asks for what."""


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock)
    yield made
    close_application(made)


@contextmanager
def noting_statements(app: FastAPI) -> Iterator[list[str]]:
    """Note the text of every statement that either database is asked."""
    store: Store = app.state.service.need_store()
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        found.append(" ".join(statement.split()))

    engines = {id(engine): engine for engine in (store.engine, store.looks)}.values()
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def describe(answer: Any) -> tuple[Any, ...]:
    """Return everything of an answer that could tell one case from another."""
    fields = {name: value for name, value in answer.headers.items() if name not in _PER_ANSWER}
    lengths = {name: len(answer.headers.get(name, "")) for name in _PER_ANSWER[:2]}
    return answer.status_code, answer.content, fields, lengths


def ask(app: FastAPI, client: TestClient, method: str, path: str) -> tuple[Any, list[str]]:
    """Return an answer and the statements that it took."""
    with noting_statements(app) as statements:
        answer = call(client, method, path)
    return describe(answer), statements


def test_nothing_of_an_answer_tells_a_hidden_case_from_none(app: FastAPI, store: Store) -> None:
    """Status, bytes and header fields are the same for sealed, other-area and unknown keys."""
    add(store, "A")
    other, hidden = keys_about(store, add(store, "B", OTHER)), add(store, "C")
    hidden_parts = keys_about(store, hidden)
    seal(store, hidden)
    none = dict.fromkeys(hidden_parts, "z" * 24)
    client = enter(app, "reviewer", areas=[OWN])
    differing = []
    for method, path in NAMING:
        found = [
            ask(app, client, method, fill_path(path, parts))[0]
            for parts in (none, hidden_parts, other)
        ]
        if found[1] != found[0] or found[2] != found[0]:
            differing.append((method, path))
    assert differing == []


BY_CASE = [route for route in NAMING if "{key}" in route[1]]
BY_PART = [route for route in NAMING if route not in BY_CASE]


@pytest.mark.parametrize(
    "routes",
    [
        pytest.param(BY_CASE, id="by-the-case"),
        pytest.param(BY_PART, id="by-something-of-it"),
    ],
)
def test_as_much_work_is_done_for_a_hidden_case_as_for_none(
    app: FastAPI, store: Store, routes: list[tuple[str, str]]
) -> None:
    """The same statements, in the same number and order: time has nothing to tell."""
    add(store, "A")
    other, hidden = keys_about(store, add(store, "B", OTHER)), add(store, "C")
    hidden_parts = keys_about(store, hidden)
    seal(store, hidden)
    none = dict.fromkeys(hidden_parts, "z" * 24)
    client = enter(app, "reviewer", areas=[OWN])
    call(client, "GET", "/v1/cases")  # what is asked once is asked now
    differing = []
    for method, path in routes:
        found = [
            ask(app, client, method, fill_path(path, parts))[1]
            for parts in (none, hidden_parts, other)
        ]
        if found[1] != found[0] or found[2] != found[0]:
            differing.append((method, path, [len(one) for one in found]))
    assert differing == []


def test_what_names_a_hidden_case_elsewhere_takes_the_same_work(app: FastAPI, store: Store) -> None:
    """A merge into a hidden case and into none are answered alike, after the same statements."""
    own, hidden = add(store, "A"), add(store, "C")
    seal(store, hidden)
    client = enter(app)
    told = []
    for key in ("z" * 24, hidden):
        with noting_statements(app) as statements:
            answer = client.post(f"/v1/cases/{own}/merge", json={"into": key, "why": "same"})
        told.append((describe(answer), list(statements)))
    assert told[0] == told[1]


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/duty", "/v1/first-reads", "/v1/list.csv"])
def test_lists_are_as_long_with_a_hidden_case_as_without(
    app: FastAPI, store: Store, path: str
) -> None:
    """No byte of a list, and no page of it, is another one for a case that is hidden."""
    for name in "AB":
        add(store, name)
    client = enter(app)
    client.post("/v1/sittings", json={})
    before = [client.get(path, params=given).content for given in ({}, {"limit": 1})]
    seal(store, add(store, "C"))
    assert [client.get(path, params=given).content for given in ({}, {"limit": 1})] == before
