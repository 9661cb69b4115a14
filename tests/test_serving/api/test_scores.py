import copy
import dataclasses
import gc
import hashlib
import json
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from features.contract.moments import format_moment, parse_date
from features.history.columns import History
from features.history.open_cases import open_cases
from features.intake.contract_folder import ContractFolder
from models.ranking.order import rank_cases
from serving.api.scores import FEW_RECORDS

ZONE = "Europe/London"
# The day of the extract, a day on which most records were not yet known, and a night clock change.
DAYS = ("2026-11-02", "2026-03-10", "2025-10-26T01:30")

RawCases = Callable[[Sequence[str]], list[dict[str, Any]]]


def choose(unit: Any, day: str, many: int = 8) -> list[str]:
    """Return identifiers of some cases open on a day, from all over the caseload."""
    open_now = open_cases(unit.history, parse_date(day, ZONE))
    spread = open_now[:: max(len(open_now) // many, 1)][:many]
    return [str(unit.history.case_id[case]) for case in spread]


def ask(client: TestClient, day: str, cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer to a request for scores."""
    answer = client.post("/v1/scores", json={"time_zone": ZONE, "as_of": day, "cases": cases})
    assert answer.status_code == 200, answer.text
    return answer.json()


def as_json(advice: Any) -> dict[str, Any]:
    """Return advice as JSON has it, without the moment, which stands once above all scores."""
    content = json.loads(json.dumps(dataclasses.asdict(advice)))
    del content["as_of_us"]
    return content


def snapshot(*folders: Path) -> dict[str, str]:
    """Return the digest of every file in some folders."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("day", DAYS)
def test_the_service_scores_as_the_batch_does(
    unit: Any, client: TestClient, raw_cases: RawCases, day: str
) -> None:
    """Raw records sent to the service get the very advice that ranking the unit's folder gives."""
    chosen = choose(unit, day)
    as_of_us = parse_date(day, ZONE)

    answer = ask(client, day, raw_cases(chosen))

    ranked = rank_cases(unit.bundle, unit.history, as_of_us, cases=unit.numbers(chosen))
    assert answer["scores"] == [as_json(advice) for advice in ranked.advices]
    assert answer["not_ranked"] == []
    assert any(score["reasons"] for score in answer["scores"])
    assert any(reason["records"] for score in answer["scores"] for reason in score["reasons"])
    assert any(score["unknowns"] for score in answer["scores"])


def test_a_score_says_what_it_was_made_with(
    unit: Any, client: TestClient, raw_cases: RawCases
) -> None:
    """Beside the scores stand the model, the catalogue, the engine and the moment as known."""
    day = DAYS[0]

    answer = ask(client, day, raw_cases(choose(unit, day, 2)))

    ranked = rank_cases(unit.bundle, unit.history, parse_date(day, ZONE), top=0)
    assert answer["bundle_id"] == unit.bundle.id == ranked.bundle_id
    assert answer["catalogue"] == "stalking"
    assert answer["catalogue_digest"] == unit.bundle.catalogue.digest
    assert answer["engine_version"] == ranked.engine_version
    assert answer["as_of"] == format_moment(ranked.as_of_us, ZONE) == day
    assert answer["known_until"] == format_moment(ranked.known_until_us, ZONE) == day
    assert answer["advisory"] == ranked.advisory
    assert answer["estimate_note"] == ranked.estimate_note


def test_every_response_with_scores_carries_the_advisory_statement(
    unit: Any, client: TestClient, raw_cases: RawCases
) -> None:
    """The list, a case and a score all say that they are advice and what they must not support."""
    first = client.get("/v1/list").json()
    answers = {
        "list": first,
        "case": client.get(f"/v1/cases/{first['rows'][0]['key']}").json()["advice"],
        "scores": ask(client, DAYS[0], raw_cases(choose(unit, DAYS[0], 1))),
    }

    for name, answer in answers.items():
        assert answer["advisory"] == unit.bundle.catalogue.wording["advisory"], name
        assert answer["advisory"].startswith("Advisory."), name
        assert "people decide" in answer["advisory"], name
        for use in ("arrest", "search", "charge", "bail", "order", "sentencing", "refusal"):
            assert use in answer["advisory"], (name, use)


def test_contributions_add_up_to_the_probability(
    unit: Any, client: TestClient, raw_cases: RawCases
) -> None:
    """Each probability is that of its log-odds, and no reason is larger than the whole move."""
    answer = ask(client, DAYS[0], raw_cases(choose(unit, DAYS[0])))

    for score in answer["scores"]:
        for estimate in score["estimates"]:
            expected = 1 / (1 + math.exp(-estimate["log_odds"]))
            assert estimate["probability"] == pytest.approx(expected, abs=1e-12)
        assert all(reason["contribution"] > 0 for reason in score["reasons"])
        assert all(reason["contribution"] < 0 for reason in score["counter_reasons"])


def test_records_of_later_days_change_no_score(
    unit: Any, client: TestClient, raw_cases: RawCases
) -> None:
    """What was recorded at or after the moment asked for can be left out or kept: no change."""
    day = DAYS[1]
    cases = raw_cases(choose(unit, day))
    known = copy.deepcopy(cases)
    for case in known:
        for table in ("events", "facts"):
            case[table] = [row for row in case[table] if row["recorded_at"] < day]

    left_out = sum(len(case["events"]) for case in cases) - sum(
        len(case["events"]) for case in known
    )
    assert left_out > 0
    assert ask(client, day, known)["scores"] == ask(client, day, cases)["scores"]


def test_nothing_of_pandas_is_made_on_the_way_of_a_request(
    unit: Any, client: TestClient, raw_cases: RawCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sound records, corrections among them, are scored without a frame or a series."""
    cases = raw_cases(choose(unit, DAYS[0]))
    for case in cases:
        for table, key in (("events", "event_id"), ("facts", "fact_id")):
            # Repeats are told apart from conflicts row by row, as rejects are.
            case[table] = list({row[key]: row for row in case[table]}.values())
    assert any("supersedes" in event for case in cases for event in case["events"])
    expected = ask(client, DAYS[0], cases)
    assert expected["repeats_ignored"] == 0

    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("a frame or a series was made")

    monkeypatch.setattr(pd.core.generic.NDFrame, "__init__", refuse)
    with pytest.raises(AssertionError):
        pd.DataFrame({"a": [1]})
    with pytest.raises(AssertionError):
        pd.Series([1])

    assert ask(client, DAYS[0], cases) == expected


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=False))
def test_the_order_of_a_request_does_not_matter(
    unit: Any, client: TestClient, raw_cases: RawCases, random: Any
) -> None:
    """Cases and their records may come in any order: the answer is the same."""
    day = DAYS[0]
    cases = raw_cases(choose(unit, day, 4))
    expected = ask(client, day, cases)
    random.shuffle(cases)
    for case in cases:
        random.shuffle(case["events"])
        random.shuffle(case["facts"])

    assert ask(client, day, cases) == expected


def test_a_case_is_scored_alike_with_many_records_and_with_few(
    unit: Any, client: TestClient, raw_cases: RawCases
) -> None:
    """In a request large enough for its own thread a case has the very reasons it has alone."""
    day = DAYS[0]
    cases = raw_cases(choose(unit, day, 24))
    assert sum(len(case["events"]) + len(case["facts"]) for case in cases) > FEW_RECORDS
    few = min(cases, key=lambda case: len(case["events"]) + len(case["facts"]))
    assert len(few["events"]) + len(few["facts"]) <= FEW_RECORDS

    alone = ask(client, day, [few])["scores"][0]
    among = {score["case_id"]: score for score in ask(client, day, cases)["scores"]}

    place = {"rank", "n_ranked"}
    kept = among[few["case_id"]]
    assert {key: kept[key] for key in kept.keys() - place} == {
        key: alone[key] for key in alone.keys() - place
    }


def test_a_record_sent_twice_counts_once(
    unit: Any, client: TestClient, raw_cases: RawCases
) -> None:
    """The same record with the same content is a repeat: it is counted and changes nothing."""
    cases = raw_cases(choose(unit, DAYS[0], 2))
    expected = ask(client, DAYS[0], cases)
    cases[0]["events"] = cases[0]["events"] + cases[0]["events"][:3]

    answer = ask(client, DAYS[0], cases)

    assert answer["repeats_ignored"] == 3
    assert answer["scores"] == expected["scores"]


@pytest.mark.parametrize(
    ("recorded_at", "events", "why"),
    [
        ("2026-03-11", [], "not recorded before as_of"),
        ("2026-03-01", [("closed", "2026-03-05", "2026-03-05")], "closed"),
        ("2026-03-01", [("closed", "2026-03-05", "2026-03-12")], None),
        ("2026-03-01", [("closed", "2026-03-05", "2026-03-05"),
                        ("reopened", "2026-03-06", "2026-03-06")], None),
        ("2026-03-01", [("transferred", "2026-03-05", "2026-03-05")], None),
    ],
)  # fmt: skip
def test_no_case_of_a_request_disappears(
    client: TestClient,
    example: dict[str, Any],
    recorded_at: str,
    events: list[tuple[str, str, str]],
    why: str | None,
) -> None:
    """Every case that is sent is scored or named with why it is not."""
    case = example["cases"][0]
    case["recorded_at"], case["facts"] = recorded_at, []
    case["events"] = [
        {"event_id": f"SYN-E{number}", "kind": kind, "occurred_at": occurred, "recorded_at": known}
        for number, (kind, occurred, known) in enumerate(events)
    ]

    answer = ask(client, "2026-03-10", example["cases"])

    assert [left["why"] for left in answer["not_ranked"]] == ([why] if why else [])
    assert [score["case_id"] for score in answer["scores"]] == ([] if why else ["SYN-C1"])


def test_silence_is_unknown_and_not_no(client: TestClient, example: dict[str, Any]) -> None:
    """A question nobody answered is told as unknown, key questions first."""
    example["cases"][0]["facts"] = []

    score = ask(client, "2026-03-10", example["cases"])["scores"][0]

    told = [entry["indicator"] for entry in score["unknowns"]]
    keys = [entry["key_question"] for entry in score["unknowns"]]
    assert "victim_very_frightened" in told
    assert keys == sorted(keys, reverse=True)
    assert any(entry["sentence"].startswith("No answer on record: ") for entry in score["unknowns"])


def test_nothing_of_a_request_is_stored(
    unit: Any,
    client: TestClient,
    raw_cases: RawCases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Scoring changes no file of the bundle or the data and leaves none in the temporary folder."""
    scratch, here = tmp_path / "temporary", tmp_path / "here"
    scratch.mkdir()
    here.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.chdir(here)
    before = snapshot(unit.root)
    listed = client.get("/v1/list").json()

    cases = raw_cases(choose(unit, DAYS[0]))
    cases[0]["events"] = [row | {"narrative": "long " * 1_000} for row in cases[0]["events"]]
    ask(client, DAYS[0], cases)
    client.post("/v1/scores", content=b"{", headers={"content-type": "application/json"})

    assert snapshot(unit.root) == before
    assert list(scratch.rglob("*")) == list(here.rglob("*")) == []
    assert client.get("/v1/list").json() == listed


def test_requests_leave_nothing_in_memory(client: TestClient, example: dict[str, Any]) -> None:
    """The service holds no more histories after thirty requests than after three."""

    def count_held() -> int:
        gc.collect()
        return sum(isinstance(one, ContractFolder | History) for one in gc.get_objects())

    for _ in range(3):
        client.post("/v1/scores", json=example)
    after_three = count_held()
    for _ in range(27):
        client.post("/v1/scores", json=example)

    assert count_held() == after_three


def test_a_moment_not_yet_come_is_not_known(client: TestClient, example: dict[str, Any]) -> None:
    """What is said to be known until a moment is never said of a moment to come."""
    now = pd.Timestamp.now(tz=ZONE)

    answer = ask(client, "2126-03-10", example["cases"])

    assert pd.Timestamp(answer["known_until"], tz=ZONE) <= now + pd.Timedelta(days=1)


def test_a_score_does_not_depend_on_the_clock_of_the_machine(
    client: TestClient, example: dict[str, Any]
) -> None:
    """A name that means the machine's own zone is refused: the same request scores the same."""
    answer = client.post("/v1/scores", json=example | {"time_zone": "localtime"})

    assert answer.status_code == 422
    assert answer.json()["error"]["problems"][0]["code"] == "unknown_zone"


def test_the_example_of_the_description_is_about_the_catalogue(
    unit: Any, app: FastAPI, client: TestClient
) -> None:
    """The example request is scored, and it names kinds and questions that the catalogue has."""
    example = app.openapi()["components"]["schemas"]["ScoreRequest"]["example"]
    catalogue = unit.bundle.catalogue

    assert client.post("/v1/scores", json=example).status_code == 200
    for case in example["cases"]:
        assert {event["kind"] for event in case["events"]} <= set(catalogue.kinds)
        assert {fact["name"] for fact in case["facts"]} <= set(catalogue.facts)


def test_scores_arrive_in_order_of_priority(
    unit: Any, client: TestClient, raw_cases: RawCases
) -> None:
    """Ranks run from 1 without a gap, and priority never rises on the way down."""
    scores = ask(client, DAYS[0], raw_cases(choose(unit, DAYS[0], 20)))["scores"]

    priority = np.array([score["priority"] for score in scores])
    assert [score["rank"] for score in scores] == list(range(1, len(scores) + 1))
    assert (np.diff(priority) <= 0).all()
    assert all(score["n_ranked"] == len(scores) for score in scores)


def test_a_mistyped_kind_is_told_with_its_place(
    client: TestClient, example: dict[str, Any]
) -> None:
    """A kind or fact that the catalogue lacks would lose a flag; its place comes with a remedy."""
    case = example["cases"][0]
    case["events"].append(case["events"][0] | {"event_id": "SYN-E2", "kind": "stranglation"})
    case["facts"].append({"fact_id": "SYN-F2", "name": "frightend", "recorded_at": "2026-03-02"})

    answer = client.post("/v1/scores", json=example).json()

    told = [(one["where"], one["code"]) for one in answer["unmeasured"]]
    assert told == [
        ("cases[0].events[1].kind", "unknown_kind"),
        ("cases[0].facts[1].name", "unknown_fact"),
    ]
    assert "stranglation" not in str(answer["unmeasured"])
