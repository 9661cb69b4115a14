"""Minutes and the decisions export: what they hold, for whom, and no cell that is run."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.decisions.decisions_export import COLUMNS
from serving.decisions.drafts import DecisionIn
from serving.store.database import Store
from tests.test_serving.access.test_rights import seal
from tests.test_serving.acts import RULES, add_case, add_score
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text
from tests.test_serving.sent_rows import make_case, send

DISSENT = {"agency": "advocacy", "stance": "dissent", "words": "=1+1", "who": "SYN Cleo"}


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the store, by the test's clock."""
    made = make_application(address, store.clock, least_reading_seconds=0)
    yield made
    close_application(made)


def open_sitting(client: TestClient) -> str:
    """Open a sitting; return its key."""
    return str(client.post("/v1/sittings", json={}).json()["sitting_key"])


def decide(client: TestClient, key: str, sitting: str | None, **more: Any) -> Any:
    """Decide on a case by the API, on what is there."""
    told = client.get(f"/v1/cases/{key}")
    draft = {
        "ways": {"victim_safety_planning": {"what": "moves to her sister"}, "enforcement": {}},
        "owner": "SYN Owner",
        "review_on": "2026-04-01",
        "agrees_with_score": "not_seen",
        "seen_seq": told.json()["seen_seq"],
        "sitting_key": sitting,
    }
    DecisionIn.model_validate(draft | more)
    headers = {"if-match": told.headers["etag"]}
    answer = client.post(f"/v1/cases/{key}/decisions", json=draft | more, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def export(client: TestClient, sitting: str) -> list[dict[str, str]]:
    """Return the rows of a sitting's decisions, read as a spreadsheet program reads them."""
    answer = client.get(f"/v1/sittings/{sitting}/decisions.csv")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


def add_elsewhere(store: Store) -> None:
    """Put a case of another area into the store, so that somebody may be of that area alone."""
    send(store, {"cases": [make_case("C", area="Elsewhere")]})


def minutes(client: TestClient, sitting: str) -> Any:
    return client.get(f"/v1/sittings/{sitting}/minutes").json()


def test_minutes_have_the_decisions_and_the_views_of_a_sitting(app: FastAPI, store: Store) -> None:
    """A case's decision, each view with who recorded it, who was there, and who gave none."""
    key, other = add_case(store), add_case(store, "B")
    client = enter(app)
    sitting = open_sitting(client)
    decide(client, key, sitting)
    asked = {"agencies": [DISSENT], "sitting_key": sitting}
    assert client.post(f"/v1/cases/{key}/view-rounds", json=asked).status_code == 201
    found = minutes(client, sitting)
    assert (found["n_listed"], found["n_decided"]) == (2, 1)
    by_key = {one["key"]: one for one in found["cases"]}
    assert by_key[key]["dissents"] == ["advocacy"]
    assert by_key[key]["views"][0]["recorded_by_agency"] == "police"
    assert by_key[key]["rounds"][0]["present"] == {"advocacy": "SYN Cleo"}
    assert by_key[key]["no_view_of"] == ["police", "health", "probation"]
    assert by_key[other]["decisions"] == [] and by_key[other]["no_view_of"] == []
    page = read_text(client.get(f"/minutes/{sitting}").text)
    assert "recorded by SYN screener for advocacy, not confirmed, not given blind" in page
    assert "Present: SYN Cleo (advocacy)" in page and "1 of 2 cases on the list decided" in page


def test_the_plan_for_a_victim_is_in_no_minutes_and_no_export(app: FastAPI, store: Store) -> None:
    """What is planned for her safety stays on the case's page; that it is planned is told."""
    key, client = add_case(store), enter(app)
    sitting = open_sitting(client)
    decide(client, key, sitting)
    page = client.get(f"/minutes/{sitting}").text
    assert "Safety planning with the victim" in page
    rows = export(client, sitting)
    assert rows[0]["ways"] == "enforcement; victim_safety_planning"
    minutes = client.get(f"/v1/sittings/{sitting}/minutes")
    assert "victim_safety_planning" in minutes.text
    for told in (page, str(rows), minutes.text):
        assert "sister" not in told
    assert "moves to her sister" in client.get(f"/cases/{key}").text


def test_the_header_is_in_row_1_and_no_cell_is_run(app: FastAPI, store: Store) -> None:
    """Every program reads the header first, and what somebody wrote stays text."""
    key, client = add_case(store), enter(app)
    sitting = open_sitting(client)
    decide(client, key, sitting, note='=HYPERLINK("http://example.org")')
    text = client.get(f"/v1/sittings/{sitting}/decisions.csv").text
    assert text.splitlines()[0] == ",".join(f'"{name}"' for name in COLUMNS)
    (row,) = export(client, sitting)
    assert row["note"].startswith("'=")


def test_nobody_reads_minutes_of_cases_that_they_may_not_see(app: FastAPI, store: Store) -> None:
    """Another area's case and a sealed one are in no minutes and no export, and in no count."""
    key, hidden = add_case(store), add_case(store, "B")
    add_elsewhere(store)
    client = enter(app)
    sitting = open_sitting(client)
    for one in (key, hidden):
        decide(client, one, sitting)
    assert len(export(client, sitting)) == 2
    seal(store, hidden)
    with store.writing() as writing:
        writing.touch([hidden], RULES)
    assert hidden not in str(minutes(client, sitting))
    assert minutes(client, sitting)["n_decided"] == 1
    assert len(export(client, sitting)) == 1
    elsewhere = enter(app, areas=["Elsewhere"])
    assert [one["case_id"] for one in minutes(elsewhere, sitting)["cases"]] == ["C"]
    assert export(elsewhere, sitting) == []
    page = read_text(elsewhere.get(f"/minutes/{sitting}").text)
    assert "No case in Elsewhere was decided" in page and "0 of 1 case on the list" in page


def test_two_cases_stand_side_by_side_for_who_may_see_both(app: FastAPI, store: Store) -> None:
    """The page has both; where one is not there for the reader, neither is shown."""
    key, other = add_case(store), add_case(store, "B")
    client = enter(app)
    open_sitting(client)
    choice = client.get(f"/cases/{key}/beside").text
    assert f"/cases/{key}/beside/{other}" in choice
    page = read_text(client.get(f"/cases/{key}/beside/{other}").text)
    assert "Case A Case B" in page
    seal(store, other)
    with store.writing() as writing:
        writing.touch([other], RULES)
    assert client.get(f"/cases/{key}/beside/{other}").status_code == 404
    assert client.get(f"/cases/{other}/beside/{key}").status_code == 404
    assert other not in client.get(f"/cases/{key}/beside").text


def test_the_access_log_names_both_cases_that_were_compared(app: FastAPI, store: Store) -> None:
    """Who compares two cases has opened both."""
    key, other = add_case(store), add_case(store, "B")
    client = enter(app)
    client.get(f"/cases/{key}/beside/{other}")
    auditor = enter(app, "auditor", agency="unit")
    for one in (key, other):
        lines = auditor.get(f"/v1/cases/{one}/looks").json()
        assert "GET /cases/{key}/beside/{other_key}" in str(lines)


def test_views_that_wait_are_on_the_page_of_their_agency_alone(app: FastAPI, store: Store) -> None:
    """An agency sees what was recorded for it until it has confirmed it; others see nothing."""
    key, client = add_case(store), enter(app)
    add_elsewhere(store)
    client.post(f"/v1/cases/{key}/view-rounds", json={"agencies": [DISSENT]})
    advocate = enter(app, "reviewer", agency="advocacy")
    (told,) = advocate.get("/v1/views").json()["views"]
    assert (told["case_key"], told["view"]["person"]) == (key, "SYN screener")
    assert f"/cases/{key}#views" in advocate.get("/views").text
    assert client.get("/v1/views").json()["views"] == []
    assert enter(app, "reviewer", agency="advocacy", areas=["Elsewhere"]).get(
        "/v1/views"
    ).json() == {"views": []}
    view_key = told["view"]["view_key"]
    answer = advocate.post(f"/v1/cases/{key}/views/{view_key}/confirm")
    assert answer.json()["latest"][0]["confirmed_by"] == "SYN reviewer"
    assert advocate.get("/v1/views").json()["views"] == []


def test_a_decision_keeps_how_it_came_about(app: FastAPI, store: Store, clock: Any) -> None:
    """The direction and reason of a disagreement, what was opened, and the seconds are told."""
    key, client = add_case(store), enter(app)
    score = add_score(store, key)
    client.get(f"/v1/cases/{key}")
    clock.now_us += 90_000_000
    told = decide(
        client,
        key,
        None,
        agrees_with_score="no",
        score_key=score,
        score_direction="higher",
        score_why="the calls are not in it",
        opened=["A0", "of another case"],
    )
    assert (told["score_direction"], told["n_opened"]) == ("higher", 1)
    assert (told["reading_seconds"], told["first_view"]) == (90, "none")
    page = read_text(client.get(f"/cases/{key}").text)
    assert "Did not agree with the score: it should be higher. the calls are not in it." in page
    assert "1 record opened, decided 2 minutes after opening the case." in page


def test_closing_a_case_of_which_nothing_was_opened_asks_why(app: FastAPI, store: Store) -> None:
    """Without a record opened the reason is asked for; with one it is not."""
    key, client = add_case(store), enter(app)
    told = client.get(f"/v1/cases/{key}")
    form = {
        "version": told.headers["etag"],
        "seen_seq": str(told.json()["seen_seq"]),
        "no_further_action": "yes",
        "no_further_action_words": "moved abroad",
        "agrees_with_score": "not_seen",
        "opened_told": "yes",
    }
    answer = client.post(f"/cases/{key}/decide", data=form)
    assert answer.status_code == 422
    assert "Open a record, or enter why you opened none" in read_text(answer.text)
    answer = client.post(f"/cases/{key}/decide", data=form | {"unopened_why": "known to us"})
    assert answer.status_code == 303
    page = read_text(client.get(f"/cases/{key}").text)
    assert "No records opened" in page and "No record opened because: known to us" in page
