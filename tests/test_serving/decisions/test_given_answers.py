"""What a person confirms of a record becomes an answer of the case, and the case is scored anew."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.service import Service

MakeClient = Callable[..., TestClient]


@pytest.fixture(scope="module")
def own_app(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application over a store of these tests' own."""
    return make_app()


def find_recorded(client: TestClient) -> tuple[str, dict[str, Any]]:
    """Return a case with a question that a record answers, and the question."""
    cursor: str | None = None
    while True:
        asked = {"limit": 40} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/cases", params=asked).json()
        for row in page["rows"]:
            case = client.get(f"/v1/cases/{row['key']}").json()
            for one in (case["advice"] or {}).get("questions", ()):
                if one["state"] == "recorded":
                    return row["key"], one
        cursor = page["next_cursor"]
        assert cursor, "the unit holds a question that a record answers"


def answers(client: TestClient, key: str) -> dict[str, dict[str, Any]]:
    """Return the answers on record by their number."""
    records = client.get(f"/v1/cases/{key}").json()["records"]
    return {one["record_id"]: one for one in records if one["table"] == "facts"}


def states(client: TestClient, key: str) -> dict[str, str]:
    """Return the open questions of a case."""
    advice = client.get(f"/v1/cases/{key}").json()["advice"]
    return {one["fact"]: one["state"] for one in advice["questions"]}


def test_what_is_confirmed_becomes_an_answer_with_its_source(
    own_app: FastAPI, make_client: MakeClient
) -> None:
    """It names the record and who sent it, no longer asks, and is in the next score."""
    client = make_client(own_app)
    key, question = find_recorded(client)
    record = question["records"][-1]
    told = {"question": question["fact"], "answer": "yes", "record_id": record}
    answer = client.post(f"/v1/cases/{key}/answers", json=told)
    assert answer.status_code == 201, answer.text
    assert answer.json()["fact_id"].startswith(f"confirmed/{record}/")
    kept = answers(client, key)[answer.json()["fact_id"]]
    assert (kept["kind"], kept["value"]) == (question["fact"], "yes")
    assert answer.json()["scored"] == 1
    assert question["fact"] not in states(client, key)


def test_a_page_confirms_by_one_press(own_app: FastAPI, make_client: MakeClient) -> None:
    """The form of the page keeps the answer and says so; without a choice it asks for one."""
    client = make_client(own_app)
    key, question = find_recorded(client)
    assert f'name="question" value="{question["fact"]}"' in client.get(f"/cases/{key}").text
    form = {"question": question["fact"], "record": question["records"][-1]}
    empty = client.post(f"/cases/{key}/answers", data=form)
    assert "Select yes, no or not known" in empty.text
    assert question["fact"] in states(client, key)
    pressed = client.post(f"/cases/{key}/answers", data=form | {"answer": "no"})
    assert pressed.status_code == 303
    assert "The answer is recorded" in client.get(pressed.headers["location"]).text
    # A "no" against the record is told as such, and not taken for the last word.
    assert states(client, key).get(question["fact"]) == "against_record"


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        ({"question": "nothing_of_this_name", "answer": "yes"}, 422, "invalid_request"),
        ({"question": "release_date", "answer": "yes"}, 422, "invalid_request"),
        ({"question": "threatened_to_kill", "answer": "perhaps"}, 422, "invalid_request"),
        (
            {"question": "threatened_to_kill", "answer": "yes", "record_id": "of no case"},
            404,
            "no_such_record",
        ),
    ],
)
def test_what_is_no_answer_is_refused_and_nothing_kept(
    own_app: FastAPI, make_client: MakeClient, told: dict[str, Any], status: int, code: str
) -> None:
    """Each row: what was sent, and what is said of it."""
    client = make_client(own_app)
    key = client.get("/v1/cases").json()["rows"][0]["key"]
    before = len(answers(client, key))
    answer = client.post(f"/v1/cases/{key}/answers", json=told)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert len(answers(client, key)) == before


def test_who_does_not_act_on_cases_answers_nothing(
    own_app: FastAPI, make_client: MakeClient
) -> None:
    """An auditor and a data scientist are refused; each answer is an alteration in the log."""
    key = make_client(own_app).get("/v1/cases").json()["rows"][0]["key"]
    for role in ("auditor", "data_scientist"):
        told = {"question": "threatened_to_kill", "answer": "yes"}
        answer = make_client(own_app, role=role).post(f"/v1/cases/{key}/answers", json=told)
        assert answer.status_code == 403
    service: Service = own_app.state.service
    with service.need_store().reading() as connection:
        operations = connection.exec_driver_sql(
            "SELECT DISTINCT operation FROM audit_lines WHERE route LIKE '%/answers'"
        ).scalars()
        assert set(operations) <= {"alteration"}
