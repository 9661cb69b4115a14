"""The routes of decisions, views and corrections."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.persons import Person
from serving.store.database import Store
from tests.test_serving.acts import (
    ADVOCATE,
    NURSE,
    add_case,
    add_score,
    add_sitting,
    count_all,
    open_client,
    stand_of,
    write,
    write_closing,
)

pytestmark = pytest.mark.long

STRANGER = "s" * 24
CANARY = "CanaryNightjar"
NOW = "2026-02-25 06:13:20+00:00"


def decide(
    client: TestClient, key: str, draft: dict[str, Any] | None = None, tag: str | None = '"v0"'
) -> Any:
    headers = {} if tag is None else {"if-match": tag}
    return client.post(f"/v1/cases/{key}/decisions", json=draft or write(), headers=headers)


def test_a_decision_moves_the_case_and_its_version(store: Store) -> None:
    """A decision answers with itself and the version to rest the next one on."""
    key, client = add_case(store), open_client(store)
    assert client.get(f"/v1/cases/{key}/decisions").headers["etag"] == '"v0"'
    made = decide(client, key)
    assert (made.status_code, made.headers["etag"]) == (201, '"v1"')
    assert made.json()["decided_at"] == NOW
    told = client.get(f"/v1/cases/{key}/decisions")
    assert told.headers["etag"] == '"v1"'
    assert told.json()["decisions"] == [made.json()]
    assert stand_of(store, key).state == "managed"


@pytest.mark.parametrize(
    ("tag", "status", "code"),
    [
        (None, 428, "version_needed"),
        ("", 428, "version_needed"),
        ("*", 428, "version_needed"),
        ('"v1"', 412, "decided_meanwhile"),
        ('W/"v0"', 412, "decided_meanwhile"),
        ("v0", 412, "decided_meanwhile"),
        ('"v00"', 412, "decided_meanwhile"),
        ('"v-1"', 412, "decided_meanwhile"),
        ('"v99999999999999999999"', 412, "decided_meanwhile"),
    ],
)
def test_a_decision_names_the_version_that_was_seen(
    store: Store, tag: str | None, status: int, code: str
) -> None:
    """Without If-Match a decision is refused (428), and on another version too (412)."""
    answer = decide(open_client(store), add_case(store), tag=tag)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert count_all(store)["decisions"] == 0


def test_who_decides_second_is_told_who_decided_first(store: Store) -> None:
    """The second of two people learns who decided when, and nothing of what was decided."""
    key = add_case(store)
    decide(open_client(store, ADVOCATE), key, write(note=CANARY, owner=CANARY))
    answer = decide(open_client(store), key)
    assert answer.status_code == 412
    assert answer.json()["error"]["problems"] == [
        {
            "where": "v1",
            "code": "decided",
            "remedy": f"SYN Cleo (reviewer, advocacy) decided at {NOW}",
        }
    ]
    assert CANARY not in answer.text
    assert decide(open_client(store), key, tag='"v1"').status_code == 201


def test_decisions_are_read_page_by_page(store: Store) -> None:
    """The cursor leads from the latest decision to the first, each once, and says nothing."""
    key, client = add_case(store), open_client(store)
    made = [decide(client, key, tag=f'"v{version}"').json()["decision_key"] for version in range(5)]
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = client.get(
            f"/v1/cases/{key}/decisions",
            params={"limit": 2} | ({"cursor": cursor} if cursor else {}),
        ).json()
        found += [one["decision_key"] for one in page["decisions"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == made[::-1]
    answer = client.get(f"/v1/cases/{key}/decisions", params={"cursor": STRANGER})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_cursor")


CANARIES: list[dict[str, Any]] = [
    {"owner": CANARY, "review_on": None},
    {"owner": CANARY * 20},
    {"review_on": CANARY[:10]},
    {"note": CANARY * 300},
    {"note": f"{CANARY}\u0000"},
    {"ways": {CANARY: {}}},
    {"ways": {"other_agency": {"which": CANARY, CANARY: 1}}},
    {"ways": {"no_further_action": {"reason": CANARY}, "further_enquiry": {"what": CANARY}}},
    {"ways": {"therapeutic_assessment": {"clinically_indicated": CANARY, "motivated": True}}},
    {"agrees_with_score": CANARY},
    {"reasons": [{"outcome": f"{CANARY} x", "indicator": CANARY, "agrees": True}]},
    {"reasons": [{"outcome": CANARY, "indicator": CANARY, "agrees": True, "note": CANARY}]},
    {"discharges": [{"flag": CANARY, "record_id": CANARY}]},
    {"discharges": [{"flag": f"{CANARY} x", "record_id": CANARY}]},
    {"reverses": CANARY},
    {"reverses": f"{CANARY}{'x' * 10}"},
    {"score_key": f"{CANARY}{'x' * 10}"},
    {"sitting_key": f"{CANARY}{'x' * 10}"},
    {"seen_seq": CANARY},
    {CANARY: CANARY},
]


@pytest.mark.parametrize("changed", CANARIES)
def test_a_refused_decision_repeats_nothing(
    store: Store, changed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever field a canary stands in, no error and no log line holds it."""
    key = add_case(store)
    answer = decide(open_client(store), key, write(**changed))
    assert answer.status_code == 422
    told = capsys.readouterr()
    assert CANARY[:10] not in answer.text + told.out + told.err
    assert answer.json()["error"]["problems"]
    assert count_all(store)["decisions"] == 0


@pytest.mark.parametrize("role", ["data_scientist", "auditor", "administrator"])
def test_who_does_not_act_on_cases_may_not(store: Store, role: str) -> None:
    """A role that does not act on cases decides, views, asks and answers nothing."""
    key, person = add_case(store), Person("SYN", role, "unit")
    client = open_client(store, person)
    asked = {"table": "events", "record_id": "A0", "why": "x"}
    assert decide(client, key, tag=None).status_code == 403
    for path, body in (
        (f"/v1/cases/{key}/views", {"stance": "agree"}),
        (f"/v1/cases/{key}/corrections", asked),
        (f"/v1/corrections/{STRANGER}/answer", {"answer": "refused"}),
    ):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_a_decider")
    assert client.get(f"/v1/cases/{key}/views").status_code == 200


def test_nobody_acts_without_a_sign_in(store: Store) -> None:
    """Every route asks who is there."""
    key, client = add_case(store), open_client(store, None)
    assert decide(client, key).status_code == 401
    for path in (
        f"/v1/cases/{key}",
        f"/v1/cases/{key}/decisions",
        f"/v1/cases/{key}/views",
        "/v1/corrections",
        "/v1/caseload",
    ):
        assert client.get(path).status_code == 401


def test_views_stand_side_by_side(store: Store) -> None:
    """Each agency's latest view is told, and what a view names is of this case."""
    key = add_case(store)
    decision = decide(open_client(store), key).json()["decision_key"]
    for person, stance in ((ADVOCATE, "dissent"), (NURSE, "agree")):
        answer = open_client(store, person).post(
            f"/v1/cases/{key}/views", json={"stance": stance, "decision_key": decision}
        )
        assert (answer.status_code, answer.json()["agency"]) == (201, person.agency)
    told = open_client(store).get(f"/v1/cases/{key}/views").json()
    assert [one["stance"] for one in told["latest"]] == ["dissent", "agree"]
    assert told["dissents"] == 1
    wrong = open_client(store).post(
        f"/v1/cases/{add_case(store, 'B')}/views",
        json={"stance": "agree", "decision_key": decision, "sitting_key": STRANGER},
    )
    places = [one["where"] for one in wrong.json()["error"]["problems"]]
    assert (wrong.status_code, places) == (422, ["decision_key", "sitting_key"])


def test_a_blind_case_tells_no_agreement(store: Store) -> None:
    """While a case is blind, earlier decisions are told without what they say of the score."""
    key, client = add_case(store), open_client(store)
    reason = {"outcome": "harm", "indicator": "breaches_28d", "agrees": True}
    draft = write(agrees_with_score="yes", score_key=add_score(store, key), reasons=[reason])
    decide(client, key, draft)
    open_told = client.get(f"/v1/cases/{key}/decisions").json()["decisions"][0]
    add_sitting(store, key)
    blind = client.get(f"/v1/cases/{key}/decisions").json()["decisions"][0]
    withheld = {name for name in blind if blind[name] != open_told[name]}
    assert withheld == {"agrees_with_score", "score_key", "reasons"}


@pytest.mark.parametrize("key", [STRANGER, "short", "x" * 23 + "\u0000", "x" * 25])
def test_a_key_that_names_no_case_is_told(store: Store, key: str) -> None:
    """A key of no case is not found, and one that could be none is refused before it is asked."""
    client = open_client(store)
    for path in (f"/v1/cases/{key}", f"/v1/cases/{key}/decisions", f"/v1/cases/{key}/views"):
        answer = client.get(path.replace("\u0000", "%00"))
        assert answer.status_code == (404 if key == STRANGER else 422)


def test_closing_is_a_decision_like_any_other(store: Store) -> None:
    """A case that was closed by its first decision can be reopened by its second."""
    key, client = add_case(store), open_client(store)
    seen = client.get(f"/v1/cases/{key}").json()["seen_seq"]
    first = decide(client, key, write_closing(seen_seq=seen))
    assert stand_of(store, key).state == "closed"
    again = write(reverses=first.json()["decision_key"])
    assert decide(client, key, again, tag=first.headers["etag"]).status_code == 201
    assert stand_of(store, key).state == "managed"
    latest, earlier = client.get(f"/v1/cases/{key}/decisions").json()["decisions"]
    assert earlier["reversed_by"] == latest["decision_key"]
