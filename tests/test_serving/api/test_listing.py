import base64
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from features.contract.moments import parse_date
from features.history.open_cases import open_cases
from models.ranking.order import rank_cases

pytestmark = pytest.mark.long

ORIGIN = "http://127.0.0.1"
KEY = re.compile(r"[A-Za-z0-9_-]{24}")
ListWhole = Callable[[TestClient], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def cases(app: FastAPI, list_whole: ListWhole) -> list[dict[str, Any]]:
    """Return every case as the service shows it whole: those that are blind now are left out."""
    client = TestClient(app, base_url=ORIGIN, headers={"origin": ORIGIN})
    client.post("/v1/sign-in", json={"name": "Reader", "role": "reviewer", "agency": "police"})
    told = [client.get(f"/v1/cases/{row['key']}").json() for row in list_whole(client)]
    return [case for case in told if not case["withheld"]]


def test_every_open_case_can_be_reached(
    unit: Any, client: TestClient, list_whole: ListWhole
) -> None:
    """Walking all cases passes every open one once, and closed ones that a flag brings back."""
    open_now = open_cases(unit.history, unit.history.extract_at)
    expected = set(unit.history.case_id[open_now])

    rows = list_whole(client)

    returned = {row["case_id"]: row["returned_for"] for row in rows} | dict.fromkeys(expected)
    assert len({row["key"] for row in rows}) == len(rows) == len(returned)
    assert {why for case_id, why in returned.items() if case_id not in expected} <= {"flag"}
    assert client.get("/v1/list").json()["n_open"] == len(rows)


def test_an_address_says_nothing_of_a_case(
    unit: Any, client: TestClient, list_whole: ListWhole
) -> None:
    """Keys are 24 letters that hold no identifier, and no link on a page holds one."""
    rows = list_whole(client)
    identifiers = [str(case_id) for case_id in unit.history.case_id]

    for row in rows:
        assert KEY.fullmatch(row["key"])
        raw = base64.urlsafe_b64decode(row["key"])
        assert row["case_id"].encode() not in raw
    for url in ("/", "/cases", "/urgent", "/caseload", f"/cases/{rows[0]['key']}"):
        for link in re.findall(r'(?:href|src|action)="([^"]*)"', client.get(url).text):
            assert not any(case_id in link for case_id in identifiers), link


def test_an_identifier_is_no_key(client: TestClient) -> None:
    """A case cannot be asked for by its identifier, nor by a guessed key."""
    case_id = client.get("/v1/list").json()["rows"][0]["case_id"]

    assert client.get(f"/v1/cases/{case_id}").status_code == 404
    assert client.get(f"/cases/{case_id}").status_code == 404
    guessed = client.get(f"/v1/cases/{case_id.ljust(24, 'A')}")
    assert guessed.status_code == 404
    assert guessed.json()["error"]["code"] == "no_such_case"
    assert guessed.json()["error"]["remedy"]
    assert case_id not in guessed.text


def test_the_records_behind_a_reason_are_among_the_records_of_the_case(
    cases: list[dict[str, Any]],
) -> None:
    """Every key that a reason names is a record of that case, which names the reason in turn."""
    n_keys = 0
    for case in cases:
        named = {
            (key, reason["indicator"])
            for reason in (*case["advice"]["reasons"], *case["advice"]["counter_reasons"])
            for key in reason["records"]
        }
        told = {
            (record["record_id"], indicator)
            for record in case["records"]
            for indicator in record["behind"]
        }
        assert told == named, case["case_id"]
        n_keys += len(named)
    assert n_keys > 1_000


def test_the_records_behind_a_flag_are_among_the_records_of_the_case(
    cases: list[dict[str, Any]],
) -> None:
    """Every key that a flag names is a record of that case."""
    flags = [(case, flag) for case in cases for flag in case["flags"]]

    for case, flag in flags:
        assert flag["records"], flag["name"]
        assert set(flag["records"]) <= {record["record_id"] for record in case["records"]}
    assert {flag["urgent"] for _, flag in flags} == {True, False}


def test_a_record_behind_a_reason_is_in_force(cases: list[dict[str, Any]]) -> None:
    """No reason rests on a record that was corrected or withdrawn."""
    records = [record for case in cases for record in case["records"]]

    assert all(record["in_force"] for record in records if record["behind"])
    assert not all(record["in_force"] for record in records)


def test_a_case_shows_all_its_records_but_those_that_others_keep_apart(
    unit: Any, cases: list[dict[str, Any]]
) -> None:
    """What is known of a case is shown, but for health records and what other agencies keep."""
    events, facts = unit.tables["events"], unit.tables["facts"]
    as_of = pd.Timestamp(unit.history.extract_at, unit="us", tz="UTC")
    apart = (events["source"] == "health") | (events["handling"] == "agency_only")
    apart &= events["source"] != "police"  # the agency of those who ask here
    alone = (events["handling"] == "agency_only") & (events["source"] == "police")

    n_apart = 0
    for case in cases:
        own = (events["case_id"] == case["case_id"]) & (events["recorded_at"] < as_of)
        answers = facts[(facts["case_id"] == case["case_id"]) & (facts["recorded_at"] < as_of)]
        shown = {(record["table"], record["record_id"]) for record in case["records"]}
        expected = {("events", key) for key in events.loc[own & ~apart & ~alone, "event_id"]}
        # What the agency keeps to itself has numbers of its own in a store (ADR 27).
        expected |= {("events", f"police//{key}") for key in events.loc[own & alone, "event_id"]}
        assert shown == expected | {("facts", key) for key in answers["fact_id"]}
        assert case["n_records_kept_apart"] == events.loc[own & alone, "event_id"].nunique()
        n_apart += events.loc[own & apart, "event_id"].nunique()
    assert n_apart > 0


def test_no_reason_or_flag_names_a_record_that_is_kept_apart(
    unit: Any, cases: list[dict[str, Any]]
) -> None:
    """Health records and those for their agency alone are behind no reason and no flag."""
    events = unit.tables["events"]
    apart = set(
        events.loc[
            (events["source"] == "health") | (events["handling"] == "agency_only"), "event_id"
        ]
    )

    for case in cases:
        advice = case["advice"]
        for told in (*advice["reasons"], *advice["counter_reasons"], *case["flags"]):
            assert not apart & set(told["records"]), told


def test_records_stand_latest_first(cases: list[dict[str, Any]]) -> None:
    """A case's records run from the latest to the earliest."""
    for case in cases:
        moments = [
            pd.Timestamp(record["occurred_at"] or record["recorded_at"], tz="Europe/London")
            for record in case["records"]
        ]
        assert moments == sorted(moments, reverse=True)


def test_every_open_case_has_a_page(client: TestClient, list_whole: ListWhole) -> None:
    """Following the pages of all open cases leads to a working page for each."""
    reached: set[str] = set()
    url: str | None = "/cases"
    while url:
        page = client.get(url).text
        reached |= set(re.findall(r'href="/cases/([^"]+)"', page))
        found = re.search(r'href="([^"]+)" rel="next"', page)
        url = found[1].replace("&amp;", "&") if found else None

    assert reached == {row["key"] for row in list_whole(client)}
    assert {client.get(f"/cases/{key}").status_code for key in reached} == {200}


def test_scores_are_what_the_batch_gives(
    unit: Any, client: TestClient, cases: list[dict[str, Any]], list_whole: ListWhole
) -> None:
    """Every case has the numbers, reasons and flags that ranking the same folder gives."""
    scored = [case for case in cases if case["advice"]]
    zone, moments = unit.history.time_zone, {case["advice"]["as_of"] for case in scored}
    batch = {
        (advice.case_id, moment): advice
        for moment in moments
        for advice in rank_cases(unit.bundle, unit.history, parse_date(moment, zone)).advices
    }

    both = [case for case in scored if (case["case_id"], case["advice"]["as_of"]) in batch]
    assert len(both) > 100
    for case in both:
        told = case["advice"]
        advice = batch[case["case_id"], told["as_of"]]
        assert told["priority"] == pytest.approx(advice.priority, rel=1e-9)
        for given, one in zip(told["estimates"], advice.estimates, strict=True):
            assert given["log_odds"] == pytest.approx(one.log_odds, abs=1e-9)
        assert [r["sentence"] for r in told["reasons"]] == [r.sentence for r in advice.reasons]
        assert {flag["name"] for flag in case["flags"]} == {flag.name for flag in advice.flags}
    order = [row["priority"] for row in list_whole(client) if not row["withheld"]]
    assert order == sorted(order, reverse=True)


def test_the_list_has_as_many_rows_as_places(client: TestClient) -> None:
    """The list gives one row per place, each with its page, and says why each is there."""
    answer = client.get("/v1/list").json()
    page = client.get("/").text

    assert len(answer["rows"]) == answer["capacity"] == 6
    for row in answer["rows"]:
        assert f'href="/cases/{row["key"]}"' in page
        assert row["withheld"] or row["rule"] in ("random", "waited", "flagged", "priority")


def test_flagged_cases_without_a_place_are_told_above_the_list(client: TestClient) -> None:
    """The list says how many flagged cases have no place, since when, and leads to them."""
    answer, page = client.get("/v1/list").json(), client.get("/").text

    assert answer["overflow"]["n_cases"] > 1
    assert f"{answer['overflow']['n_cases']} flagged cases have no place" in " ".join(page.split())
    assert 'href="/cases?flagged=yes"' in page


def test_every_page_says_that_its_cases_are_invented(client: TestClient) -> None:
    """Over a synthetic store every page says so, and says that it is advisory."""
    key = client.get("/v1/list").json()["rows"][0]["key"]

    for url in ("/", "/cases", "/urgent", "/caseload", f"/cases/{key}", "/cases/none"):
        page = client.get(url, headers={"accept": "text/html"}).text
        assert "Synthetic data: every case here is invented" in page, url
        assert "Advisory." in page, url
    assert client.get("/v1/list").json()["synthetic"] is True
