"""The page of data: imports with what could not be used, recording delay, and what nobody asks."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.app import create_app
from serving.oversight.unasked import read_unasked
from serving.pages.data_page import describe_days, describe_share
from serving.settings import make_settings
from serving.store.database import open_store
from serving.store.upgrading import upgrade
from tests.test_serving.reading_pages import part_of, read_text

pytestmark = pytest.mark.long

NDJSON = {"content-type": "application/x-ndjson"}
CANARY = "SYN-CANARY-4711"


@pytest.fixture(scope="module")
def app(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application over a copy of the store, for the tests of this file alone."""
    return make_app()


@pytest.fixture
def empty(unit: Any, now: str, tmp_path: Path) -> Iterator[FastAPI]:
    """Return an application over a store that nothing was ever sent to."""
    address = f"sqlite:///{tmp_path / 'empty.db'}"
    store = open_store(address)
    upgrade(store, time_zone=unit.history.time_zone, synthetic=True)
    store.close()
    named = {"bundle": unit.bundle_path, "database_url": address, "now": now}
    app = create_app(make_settings(**named, work=False))
    yield app
    app.state.service.need_store().close()


def send_rows(client: TestClient, rows: list[str], **named: Any) -> str:
    """Begin an import and send its rows; return its key."""
    begun = client.post("/v1/imports", json={"source_digest": "d" * 64, **named}).json()
    address = f"/v1/imports/{begun['import_key']}/rows"
    client.put(address, content="\n".join(rows), headers=NDJSON)
    return str(begun["import_key"])


def test_an_empty_store_says_in_each_part_that_there_is_nothing(
    empty: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """No import, no record, no open case: the page says so and shows no chart."""
    page = make_client(empty, role="data_scientist").get("/data").text
    assert "No import was begun yet" in read_text(part_of(page, "imports"))
    assert "Nothing was recorded in that time" in read_text(part_of(page, "delay"))
    assert "No case is open" in read_text(part_of(page, "unasked"))
    assert "No case is open" in read_text(part_of(page, "flags"))
    assert "<svg" not in page


def test_an_import_of_which_nothing_could_be_used_says_why(
    empty: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """It is marked, its reasons are counted with what to do, and no cell of a row is shown."""
    sender = make_client(empty, role="administrator")
    rows = ['{"table": "events", "row": {"event_id": "' + CANARY + '"}}', CANARY]
    send_rows(sender, rows, rows_total=2)
    page = part_of(make_client(empty, role="auditor").get("/data").text, "imports")
    told = read_text(page)
    assert "no row could be used" in told
    assert "Why rows could not be used" in told
    assert "events, recorded_at Fill the cell; the column is required 1" in told
    assert "a line that is no row" in told
    assert CANARY not in page


def test_an_import_that_broke_off_says_how_far_it_came(
    empty: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """One of three rows came: it is not ended, and what to do is said."""
    sender = make_client(empty, role="administrator")
    row = '{"table": "cases", "row": {"case_id": "SYN-A", "recorded_at": "2026-03-01"}}'
    send_rows(sender, [row], rows_total=3)
    told = read_text(part_of(sender.get("/data").text, "imports"))
    assert "not ended : 1 of 3 rows so far; it goes on where it stopped" in told


def test_imports_are_told_with_their_counts_and_rejects(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Counts are those of the API; rejected rows are for those alone who may read them."""
    app = make_app()
    sender = make_client(app, role="administrator")
    begun = sender.post("/v1/imports", json={"source_digest": "d" * 64, "rows_total": 2}).json()
    rows = ['{"table": "cases", "row": {"case_id": "SYN-NEW"}}', "not a row"]
    sender.put(
        f"/v1/imports/{begun['import_key']}/rows",
        content="\n".join(rows),
        headers={"content-type": "application/x-ndjson"},
    )
    told = sender.get("/v1/imports").json()["imports"]
    assert told[0]["rejects"] > 0
    page = part_of(sender.get("/data").text, "imports")
    for one in told:
        for name in ("rows_done", "added", "repeats", "conflicts", "rejects"):
            assert f"{one[name]:,}" in page
    links = re.findall(r'href="(/v1/imports/[^"]+)"', page)
    assert links == [f"/v1/imports/{begun['import_key']}/rejects.csv"]
    assert sender.get(links[0]).headers["content-type"].startswith("text/csv")
    for role in ("auditor", "data_scientist"):
        other = make_client(app, role=role)
        assert "rejects.csv" not in other.get("/data").text
        assert other.get(links[0]).status_code == 403


def test_shares_of_flags_and_questions_are_those_of_the_open_cases(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """Each flag with the API's count, and the questions as the cases themselves ask them."""
    client = make_client(app, role="reviewer")
    page = client.get("/data").text
    flags = client.get("/v1/flags").json()
    told = read_text(part_of(page, "flags"))
    for one in flags["flags"]:
        kind = "urgent" if one["urgent"] else "review"
        assert f"{one['wording']} {kind} {one['cases']:,} {describe_share(one['share'])}" in told
    assert f"all {flags['n_open']} of them" in read_text(part_of(page, "unasked"))


def test_the_questions_never_asked_agree_with_the_engine(
    app: FastAPI,
    make_client: Callable[..., TestClient],
    list_whole: Callable[[TestClient], list[dict[str, Any]]],
) -> None:
    """Asked of every open case one by one, the same questions are missing as often."""
    client = make_client(app, role="reviewer")
    service = app.state.service
    counts: dict[str, int] = {}
    n_seen = 0
    for row in list_whole(client):
        case = client.get(f"/v1/cases/{row['key']}").json()
        if case["withheld"]:
            continue
        n_seen += 1
        # What a record answers nobody has to be asked, and nobody was.
        told = case["advice"]["questions"] if case["advice"] else []
        by_record = [one["question"] for one in told if one["state"] == "recorded"]
        for question in {*case["ask_first"], *by_record}:
            counts[question] = counts.get(question, 0) + 1
    n_blind = len(list_whole(client)) - n_seen
    with service.need_store().reading() as connection:
        found = read_unasked(
            connection, service.champion.find().catalogue, service.need_store().clock()
        )
    assert found.sample.n_all == n_seen + n_blind
    # What is asked of a person each time stands on every case, asked before or not.
    facts = service.champion.find().catalogue.facts.values()
    each_time = {one.question for one in facts if one.ask_each_time}
    compared = [one for one in found.questions if one.question not in each_time]
    assert len(compared) > 3
    for one in compared:
        assert counts.get(one.question, 0) <= one.n_cases <= counts.get(one.question, 0) + n_blind


@pytest.mark.parametrize(
    ("days", "said"), [(0, "the same day"), (1, "1 day"), (1_200, "1,200 days"), (None, "too few")]
)
def test_a_delay_is_told_as_people_say_it(days: int | None, said: str) -> None:
    """Days in words, and what cannot be told as that."""
    assert describe_days(days).startswith(said)


def test_a_small_share_is_never_told_as_none() -> None:
    """One case in a thousand is fewer than one in a hundred, and not nought."""
    assert [describe_share(one) for one in (0.0, 0.001, 0.01, 0.154)] == [
        "0",
        "fewer than 1",
        "1",
        "15",
    ]
