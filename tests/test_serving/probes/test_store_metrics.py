"""What those who run the service are told: gauges without sealed cases, and what is missing."""

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select, text
from starlette.testclient import TestClient

from serving.flags.deliveries import add_deliveries
from serving.identity.issuer import Issuer
from serving.probes.readiness import Readiness, is_reachable, may_write_books
from serving.scoring.model_in_use import Champion
from serving.sealing.directory import Directory
from serving.sealing.seals import seal_case
from serving.service import Service
from serving.settings import Settings
from serving.standing.standings import refresh_standings
from serving.store.audit_lines import LOOKS
from serving.store.database import Store, make_key, open_store
from serving.store.engines import find_file, name_looks_file
from serving.store.schema import audit_heads, audit_lines, flag_raisings
from tests.test_serving.entered import ORIGIN, close_application, enter, make_application
from tests.test_serving.sent_rows import PERSON, key_of, make_case, make_event, send

HERE = ("127.0.0.1", 50_000)
ELSEWHERE = ("192.0.2.7", 50_000)


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def add_flagged(store: Store, case_id: str) -> str:
    """Store a case with an urgent flag past its time and a message about it."""
    send(store, {"cases": [make_case(case_id)], "events": [make_event(f"{case_id}-E", case_id)]})
    key = key_of(store, case_id)
    with store.writing() as writing:
        raising = make_key()
        writing.connection.execute(
            insert(flag_raisings).values(
                raising_key=raising,
                case_key=key,
                flag="new_strangulation",
                urgent=True,
                record_id=f"{case_id}-E",
                raised_at_us=writing.now_us,
                due_at_us=writing.now_us - 1,
                stored_seq=writing.take_seq(),
            )
        )
        add_deliveries(writing, [raising])
        refresh_standings(writing, [key])
    return key


def read_gauges(app: FastAPI) -> dict[str, float]:
    """Return the gauges of the store as this machine reads them."""
    client = TestClient(app, base_url=ORIGIN, client=HERE)
    lines = client.get("/metrics").text.splitlines()
    found = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {
        name.removeprefix("caselight_"): float(value)
        for name, value in found
        if not name.startswith("caselight_request")
    }


def test_the_gauges_count_what_waits(app: FastAPI, store: Store) -> None:
    """Flags, messages, first reads, scores behind, imports and lines of the books are counted."""
    before = read_gauges(app)
    assert before["store_reachable"] == 1
    assert before["flags_waiting"] == before["imports_going_on"] == 0
    add_flagged(store, "A")
    begun = enter(app, "administrator").post("/v1/imports", json={"source_digest": "ab" * 32})
    assert begun.status_code == 200, begun.text
    after = read_gauges(app)
    for name in ("flags_waiting", "flags_overdue", "deliveries_waiting", "scores_behind",
                 "first_reads_overdue", "imports_going_on"):  # fmt: skip
        assert (name, after[name] - before[name]) == (name, 1)
    assert after['audit_lines{book="changes"}'] > before['audit_lines{book="changes"}']


def test_a_sealed_case_moves_no_gauge(app: FastAPI, store: Store) -> None:
    """Whoever reads the metrics cannot tell that there is a sealed case."""
    add_flagged(store, "A")
    before = read_gauges(app)
    hidden = add_flagged(store, "B")
    with store.writing() as writing:
        people = frozenset({PERSON.subject, "local:syn second"})
        sealer = dataclasses.replace(PERSON, role="reviewer")
        seal_case(writing, hidden, sealer, people, "test", Directory(people))
    after = read_gauges(app)
    assert {name for name in after if after[name] != before[name]} == {
        'audit_lines{book="changes"}'
    }


def test_only_this_machine_and_no_person_reads_the_metrics(app: FastAPI, store: Store) -> None:
    """From elsewhere, through another server or under another name a token is asked for."""
    for client_at, headers, status in (
        (HERE, {}, 200),
        (ELSEWHERE, {}, 401),
        (HERE, {"x-forwarded-for": "192.0.2.7"}, 401),
        (HERE, {"host": "elsewhere.example"}, 400),
    ):
        client = TestClient(app, base_url=ORIGIN, client=client_at)
        assert client.get("/metrics", headers=headers).status_code == status
    answer = enter(app, "administrator").get("/metrics")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "role_may_not")


def test_the_answers_id_is_in_the_audit_chain(app: FastAPI, store: Store) -> None:
    """The id that an answer carries stands in the line of its look and of its change."""
    add_flagged(store, "A")
    looked = enter(app).get("/v1/cases").headers["x-request-id"]
    sent = enter(app, "administrator").post("/v1/records", json={"cases": [make_case("B")]})
    assert sent.status_code == 200, sent.text
    with store.reading_looks() as connection:
        looks = connection.execute(
            select(audit_lines.c.request_id).where(audit_lines.c.book == LOOKS)
        ).scalars()
        assert looked in set(looks)
    with store.reading() as connection:
        lines = set(connection.execute(select(audit_lines.c.request_id)).scalars())
    assert sent.headers["x-request-id"] in lines


def readiness_of(store: Store | None, **given: Any) -> Readiness:
    """Return what is asked of a service over a store, afresh every time."""
    unit = None if store is None else store.read_unit()
    service = Service(Settings(), store, unit, Champion(None, None))
    return Readiness(lambda: service, kept_seconds=0, **({"least_free_bytes": 0} | given))


def test_a_whole_store_lacks_nothing_but_a_model(store: Store) -> None:
    """Schema, books, reach and room are there: what is missing is the bundle alone."""
    assert readiness_of(store).find_missing() == ("bundle",)


def test_a_schema_of_another_time_is_missing(store: Store) -> None:
    """A store that is not up to date is told."""
    with store.engine.connect() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'earlier'"))
        connection.commit()
    assert "schema" in readiness_of(store).find_missing()


def test_books_of_another_key_are_missing(store: Store, address: str) -> None:
    """Where no line could be added that fits the chain, nobody would be let through."""
    send(store, {"cases": [make_case("A")]})
    assert may_write_books(store)
    another = open_store(address, audit_key=b"another key of thirty-two bytes!", any_key=True)
    try:
        assert not may_write_books(another)
        assert "audit" in readiness_of(another).find_missing()
    finally:
        another.close()


def test_books_without_a_head_are_missing(store: Store) -> None:
    """A book whose head row is gone takes no line."""
    with store.engine.connect() as connection:
        connection.execute(audit_heads.delete())
        connection.commit()
    assert "audit" in readiness_of(store).find_missing()


def test_a_database_that_is_gone_is_missing(store: Store, clock: Any) -> None:
    """A store that does not answer is told in a word, without its address."""
    file = find_file(store.engine)
    if file is None:
        gone = open_gone(store)
    else:
        gone = store
        store.engine.dispose()
        file.unlink()
    assert not is_reachable(gone)
    service = Service(Settings(), gone, None, Champion(None, None))
    found = Readiness(lambda: service, kept_seconds=0).find_missing()
    assert found == ("bundle", "store")


def open_gone(store: Store) -> Store:
    """Return the store at an address where no server listens."""
    from sqlalchemy import create_engine

    url = store.engine.url.set(host="127.0.0.1", port=9, query={})
    engine = create_engine(url, connect_args={"connect_timeout": 2})
    return dataclasses.replace(store, engine=engine, looks=engine)


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_a_file_of_looks_that_is_gone_is_missing(store: Store) -> None:
    """SQLite's file of looks is needed before anything may be shown."""
    file = find_file(store.engine)
    assert file is not None
    store.looks.dispose()
    name_looks_file(file).unlink()
    assert "audit" in readiness_of(store).find_missing()


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_a_full_disk_is_told_before_it_is_full(store: Store) -> None:
    """Where less is free than an import may need, the disk is named."""
    free = shutil.disk_usage("/").total * 100
    assert "disk" in readiness_of(store, least_free_bytes=free).find_missing()
    assert "disk" not in readiness_of(store, least_free_bytes=0).find_missing()


def test_a_provider_and_a_worker_that_stopped_are_missing(store: Store) -> None:
    """Without the provider nobody signs in, without the worker no score follows."""
    issuer = Issuer("http://127.0.0.1:9")
    found = readiness_of(store, issuer=issuer, is_working=lambda: False).find_missing()
    assert found == ("bundle", "sign_in", "worker")


def test_who_asks_often_is_answered_from_a_moment_ago(store: Store) -> None:
    """A probe that is called without end asks the store once in some seconds."""
    asked = 0

    def count() -> Service:
        nonlocal asked
        asked += 1
        return Service(Settings(), store, store.read_unit(), Champion(None, None))

    readiness = Readiness(count, kept_seconds=60)
    assert len({readiness.find_missing() for _ in range(20)}) == 1
    assert asked == 1


def test_the_route_tells_names_and_nothing_else(
    app: FastAPI, open_another: Callable[[], Store]
) -> None:
    """Anybody may ask; the answer holds words of ours alone."""
    answer = TestClient(app, base_url=ORIGIN).get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "missing": ["bundle"]})
