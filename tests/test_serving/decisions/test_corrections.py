"""Corrections: a request changes no record and no score, and shows what the score would be."""

from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from sqlalchemy import select

from features.history.assembly import assemble_history
from features.intake.contract_folder import ContractFolder
from models.ranking.order import rank_cases
from serving.decisions.score_without_record import Doubted, leave_out
from serving.persons import Person
from serving.scoring.stored_advice import advise_scores
from serving.store.database import Store
from serving.store.histories import read_case_folder
from serving.store.schema import correction_requests, events, scores
from tests.test_serving.acts import (
    ADVOCATE,
    add_case,
    add_sitting,
    count_all,
    name_of,
    open_client,
    stand_of,
)
from tests.test_serving.scored import Scored, fill, read_once
from tests.test_serving.sent_rows import history_of, key_of, make_case, make_event, make_fact, send

STRANGER = "s" * 24
OWNER = Person("SYN Una", "reviewer", "unit")
"""Of the agency of a record that states no source."""

WHY = "the address belongs to somebody else"


def ask(store: Store, key: str, record_id: str, table: str = "events", **more: Any) -> Any:
    client = open_client(store, ADVOCATE, more.pop("champion", None))
    body = {"table": table, "record_id": record_id, "why": WHY} | more
    return client.post(f"/v1/cases/{key}/corrections", json=body)


def test_a_request_is_kept_and_changes_nothing_else(store: Store) -> None:
    """Somebody's word against a record is one row; the record and the case stay as they are."""
    key = add_case(store)
    history, counts, stand = history_of(store), count_all(store), stand_of(store, key)
    answer = ask(store, key, "A0")
    assert answer.status_code == 201
    told = answer.json()
    assert (told["correction"]["why"], told["correction"]["person"]) == (WHY, ADVOCATE.name)
    assert (told["withheld"], told["without"]) == (False, None)  # no model is in use
    assert history_of(store) == history
    assert stand_of(store, key) == stand
    assert count_all(store) == counts | {"correction_requests": 1}


def test_only_a_record_that_is_shown_can_be_doubted(store: Store) -> None:
    """A record of another case, of no case, of health or of one agency alone is none here."""
    key, other = add_case(store, "A"), add_case(store, "B")
    send(
        store,
        {
            "events": [
                make_event("H", source="health"),
                make_event("O", handling="agency_only"),
            ],
            "facts": [make_fact("F")],
        },
    )
    for record, table in (("B0", "events"), ("X", "events"), ("H", "events"), ("O", "events")):
        answer = ask(store, key, record, table)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_record")
    assert ask(store, key, "A0", "facts").status_code == 404
    assert ask(store, other, "F", "facts").status_code == 404
    assert ask(store, key, "F", "facts").status_code == 201
    assert ask(store, STRANGER, "F", "facts").status_code == 404
    assert count_all(store)["correction_requests"] == 1


def test_requests_wait_until_they_are_answered(store: Store) -> None:
    """Open requests are read page by page, oldest first; an answer ends one and is kept."""
    key, client = add_case(store, events_of=3), open_client(store, OWNER)
    made = [ask(store, key, f"A{n}").json()["correction"]["request_key"] for n in range(3)]
    first = client.get("/v1/corrections", params={"limit": 2}).json()
    assert [one["request_key"] for one in first["corrections"]] == made[:2]
    assert first["n_open"] == 3
    rest = client.get("/v1/corrections", params={"cursor": first["next_cursor"]}).json()
    assert [one["request_key"] for one in rest["corrections"]] == made[2:]
    assert rest["next_cursor"] is None
    answer = client.post(
        f"/v1/corrections/{made[0]}/answer", json={"answer": "accepted", "note": "seen the deed"}
    )
    assert answer.status_code == 201
    assert answer.json()["answer"] | {"answered_at": ""} == {
        **name_of(OWNER),
        "answer": "accepted",
        "note": "seen the deed",
        "answered_at": "",
    }
    assert client.get("/v1/corrections").json()["n_open"] == 2


def test_the_first_answer_stands(store: Store) -> None:
    """A second answer is refused with who answered first and when, and not with what."""
    request = ask(store, add_case(store), "A0").json()["correction"]["request_key"]
    path = f"/v1/corrections/{request}/answer"
    open_client(store, OWNER).post(path, json={"answer": "refused", "note": "CanaryNightjar"})
    answer = open_client(store).post(path, json={"answer": "accepted"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_answered")
    assert "SYN Una (reviewer, unit) answered at 2026-02-25" in answer.text
    assert "CanaryNightjar" not in answer.text
    unknown = open_client(store).post(
        f"/v1/corrections/{STRANGER}/answer", json={"answer": "refused"}
    )
    assert unknown.status_code == 404


def test_a_refused_request_repeats_nothing(store: Store) -> None:
    """No error holds a word of a request that was refused."""
    key = add_case(store)
    for changed in (
        {"record_id": "CanaryNightjar"},
        {"table": "CanaryNightjar"},
        {"why": "CanaryNightjar" * 300},
        {"why": "CanaryNightjar\u0000"},
        {"record_id": "CanaryNightjar\u0000"},
        {"CanaryNightjar": 1},
    ):
        body = {"table": "events", "record_id": "A0", "why": WHY} | changed
        answer = open_client(store).post(f"/v1/cases/{key}/corrections", json=body)
        assert answer.status_code in (404, 422)
        assert "CanaryNightjar" not in answer.text


def folder_of(store: Store, key: str) -> ContractFolder:
    with store.reading() as connection:
        return read_case_folder(connection, [key], store.read_unit(), extract_at_us=store.clock())


@pytest.mark.parametrize(
    ("doubted", "gone", "in_force"),
    [
        ("E1", ["E1", "E2", "E3"], ["E9"]),
        ("E2", ["E2", "E3"], ["E1", "E9"]),
        ("E3", ["E3"], ["E2", "E9"]),
        ("E9", ["E9"], ["E3"]),
    ],
)
def test_what_corrects_a_record_goes_with_it(
    store: Store, doubted: str, gone: list[str], in_force: list[str]
) -> None:
    """Without a record its corrections are gone too, and what it corrected holds again."""
    chain = [
        make_event("E1"),
        make_event("E2", supersedes="E1", recorded_at="2025-06-03"),
        make_event("E3", supersedes="E2", recorded_at="2025-06-04"),
        make_event("E9"),
    ]
    send(store, {"cases": [make_case()], "events": chain})
    key = key_of(store, "A")
    lesser, left_out = leave_out(folder_of(store, key), Doubted(key, "events", doubted))
    assert left_out == gone
    standing = lesser.frame("events")
    standing = standing[standing["superseded_at"] > store.clock()]
    assert sorted(standing["event_id"]) == in_force


def test_the_score_without_is_that_of_a_folder_without(
    store: Store, clock: Any, small_unit: Any
) -> None:
    """Both scores are those of the engine, to the last bit: with the record, and on the contract
    folder without its row.
    """
    scored = fill(store, clock, small_unit)
    before, moved = count_all(store), []
    doubted = list_doubted(store, scored)
    for case_id, record in doubted:
        told = ask(store, scored.keys[case_id], record, champion=scored.champion).json()["without"]
        assert record in told["records_left_out"]
        for column, dropped in (("probability", []), ("without", told["records_left_out"])):
            expected = score_folder(small_unit, case_id, clock.now_us, scored.bundle, dropped)
            assert {one["outcome"]: one[column] for one in told["estimates"]} == expected
        moved.append(any(one["probability"] != one["without"] for one in told["estimates"]))
        assert "does not tell what the record brought about" in told["note"]
    assert any(moved)
    assert count_all(store) == before | {"correction_requests": len(doubted)}


def list_doubted(store: Store, scored: Scored) -> list[tuple[str, str]]:
    """Return of each case an event that is behind a reason which pushes its score up."""
    names = {key: case_id for case_id, key in scored.keys.items()}
    with store.reading() as connection:
        given = list(connection.execute(select(scores.c.score_key)).scalars())
        advices = advise_scores(connection, scored.bundle, given, store.read_unit())
        pairs = connection.execute(select(events.c.case_key, events.c.event_id))
        there = set(map(tuple, pairs))
    found = [
        [(names[key], record) for record in reason.records if (key, record) in there][-1:]
        for key, advice in advices.items()
        for reason in advice.reasons[:1]
    ]
    return [pair for pairs in found for pair in pairs]


def score_folder(
    small_unit: Any, case_id: str, as_of_us: int, bundle: Any, dropped: list[str]
) -> dict[str, float]:
    """Return a case's probabilities from the unit's own folder, without some of its events."""
    read = read_once(small_unit.folder)
    events = read.frame("events")
    gone = (events["case_id"] == case_id) & events["event_id"].isin(dropped)
    history = assemble_history(read.with_frames({"events": events[~gone]}))
    number = np.flatnonzero(history.case_id == case_id).astype(np.int64)
    advice = rank_cases(bundle, history, as_of_us, cases=number).advices[0]
    return {one.outcome: float(expit(one.log_odds)) for one in advice.estimates}


def test_a_blind_case_shows_no_score_without(store: Store, clock: Any, small_unit: Any) -> None:
    """While a case is blind a request is kept, and nothing of the score is told."""
    scored = fill(store, clock, small_unit, size=2)
    with store.reading() as connection:
        query = select(events.c.event_id).where(
            events.c.case_key == scored.first, events.c.source == "police"
        )
        record = connection.execute(query.limit(1)).scalar_one()
    add_sitting(store, scored.first)
    told = ask(store, scored.first, record, champion=scored.champion).json()
    assert (told["withheld"], told["without"]) == (True, None)
    with store.reading() as connection:
        assert len(connection.execute(select(correction_requests)).all()) == 1
        assert len(connection.execute(select(scores)).all()) == 2
