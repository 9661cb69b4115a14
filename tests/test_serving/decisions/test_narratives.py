"""A case of any size is told in answers of bounded size, and nothing of it is out of reach."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.decisions.case_records import bound_narratives
from serving.schemas import RecordOut
from serving.store.narratives import (
    CASE_CHARACTERS,
    NARRATIVE_CHARACTERS,
    PART_CHARACTERS,
    name_narrative,
)
from tests.test_serving.sent_rows import key_of, make_case, make_event, send

N_LONG = 40
LONG = 500_000
MOST_BYTES = 1_500_000


def write_text(number: int, size: int = LONG) -> str:
    """Return a long text; no two are the same."""
    return f"{number:06d} é" + "x" * (size - 8)


@pytest.fixture
def sent(new_address: str, make_app: Any) -> Any:
    """Return an application over a store with one case of long narratives."""
    app = make_app(database_url=new_address)
    events = [make_event(f"SYN-{n}", narrative=write_text(n)) for n in range(N_LONG)]
    kept = {"handling": "agency_only", "source": "police", "narrative": write_text(999)}
    send(app.state.service.store, {"cases": [make_case()], "events": events})
    send(app.state.service.store, {"events": [make_event("SYN-KEPT", **kept)]})
    return app


def test_a_case_of_long_narratives_has_a_bounded_answer(
    sent: Any, make_client: Callable[..., TestClient]
) -> None:
    """Of a case with twenty million characters an answer and a page hold a page of each, and the
    whole of each is at the address beside it, in parts.
    """
    client = make_client(sent)
    key = key_of(sent.state.service.store, "A")
    told = client.get(f"/v1/cases/{key}")
    assert told.status_code == 200
    assert len(told.content) < MOST_BYTES
    assert len(client.get(f"/cases/{key}").content) < MOST_BYTES
    records = {one["record_id"]: one for one in told.json()["records"]}
    record = records["SYN-7"]
    assert record["narrative"] == write_text(7)[:NARRATIVE_CHARACTERS]
    assert "SYN" not in record["narrative_rest"]
    parts, start = [], 0
    while start is not None:
        part = client.get(record["narrative_rest"], params={"from": start}).json()
        assert len(part["text"]) <= PART_CHARACTERS
        parts.append(part["text"])
        start = part["next_start"]
    assert "".join(parts) == write_text(7)
    page = client.get(record["narrative_rest"].removeprefix("/v1"), params={"part": 2})
    assert page.status_code == 200
    assert "Part 2 of 5" in page.text


def test_what_an_agency_keeps_to_itself_has_no_address_for_others(
    sent: Any, make_client: Callable[..., TestClient]
) -> None:
    """A narrative that the case does not show is as absent as one that nobody wrote."""
    store = sent.state.service.store
    address = f"/v1/cases/{key_of(store, 'A')}/narratives/"
    police = make_client(sent)
    health = make_client(sent, role=None)
    who = {"name": "SYN Health", "role": "screener", "agency": "health"}
    assert health.post("/v1/sign-in", json=who).status_code == 200
    kept = address + name_narrative("SYN-KEPT")
    assert police.get(kept).status_code == 200
    absent = health.get(address + "A" * 24)
    assert (health.get(kept).status_code, health.get(kept).json()) == (404, absent.json())
    assert health.get(address + name_narrative("SYN-1")).status_code == 200


def make_record(number: int, narrative: str | None) -> RecordOut:
    """Return a record as it is told."""
    named = {one.name: None for one in dataclasses.fields(RecordOut)}
    given = {"record_id": str(number), "narrative": narrative, "behind": ()}
    return RecordOut(**(named | given))  # type: ignore[arg-type]


def test_many_records_share_what_is_told_of_a_case() -> None:
    """However many records there are, their narratives are bounded together, the latest first."""
    records = [make_record(n, "x" * (NARRATIVE_CHARACTERS + 1)) for n in range(1_000)]
    told = bound_narratives(records, "k" * 24)
    assert sum(len(one.narrative or "") for one in told) == CASE_CHARACTERS
    assert len(told[0].narrative or "") == NARRATIVE_CHARACTERS
    assert told[-1].narrative == ""
    assert all(one.narrative_rest for one in told)


@pytest.mark.parametrize("text", [None, "", "short", "x" * NARRATIVE_CHARACTERS])
def test_a_short_narrative_is_told_as_it_is(text: str | None) -> None:
    """Nothing is cut of what fits, and no further address is given."""
    (told,) = bound_narratives([make_record(1, text)], "k" * 24)
    assert (told.narrative, told.narrative_rest) == (text, None)
