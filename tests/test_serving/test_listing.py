import base64
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from features.catalogue_file import parse_catalogue
from features.errors import ConfigError
from features.moments import format_moment
from features.openness import open_cases
from models.bundle import METRICS_FILE, write_bundle
from models.scoring import rank_cases
from serving.app import create_app
from serving.keys import load_key_maker
from serving.settings import make_settings

KEY = re.compile(r"[A-Za-z0-9_-]{24}")
ListWhole = Callable[[TestClient], list[dict[str, Any]]]

# Only cases with a threat or violence on record are ranked; the others are open all the same.
NARROW = b"""cohort:
  measure: count
  of: {kind: violence}
  at_least: 1
  source: "for a test: a group smaller than the caseload"
"""


@pytest.fixture(scope="session")
def cases(app: FastAPI, list_whole: ListWhole) -> list[dict[str, Any]]:
    """Return every case as the service shows it, by its key."""
    client = TestClient(app, base_url="http://127.0.0.1")
    return [client.get(f"/v1/cases/{row['key']}").json() for row in list_whole(client)]


@pytest.fixture(scope="session")
def narrow_app(unit: Any, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Return an application whose model ranks a part of the open cases."""
    whole = (unit.bundle_path / "catalogue.yaml").read_bytes()
    assert whole.count(b"cohort: {}\n") == 1
    narrow = parse_catalogue(whole.replace(b"cohort: {}\n", NARROW), "narrow.yaml")
    folder = tmp_path_factory.mktemp("narrow") / "bundle"
    made = unit.bundle
    write_bundle(folder, narrow, made.outcomes, made.rfs, made.reference, made.trained_for_us)
    (folder / METRICS_FILE).write_text("{}\n", encoding="utf-8")
    return create_app(make_settings(bundle=folder, data=unit.data, capacity=5))


def test_every_open_case_can_be_reached(
    unit: Any, client: TestClient, list_whole: ListWhole
) -> None:
    """Walking the list from its first row to its last passes every open case once."""
    open_now = open_cases(unit.history, unit.history.extract_at)
    expected = sorted(unit.history.case_id[open_now])

    rows = list_whole(client)

    assert sorted(row["case_id"] for row in rows) == expected
    assert len({row["key"] for row in rows}) == len(expected)
    assert client.get("/v1/list").json()["n_open"] == len(expected)


def test_a_case_outside_the_ranked_group_is_listed_too(
    unit: Any,
    narrow_app: FastAPI,
    make_client: Callable[..., TestClient],
    list_whole: ListWhole,
) -> None:
    """Open cases that the model does not rank stand at the end, without a score, and open."""
    client = make_client(narrow_app)
    answer = client.get("/v1/list").json()
    open_now = open_cases(unit.history, unit.history.extract_at)

    rows = list_whole(client)

    ranked = [row["rank"] for row in rows if row["rank"] is not None]
    assert sorted(row["case_id"] for row in rows) == sorted(unit.history.case_id[open_now])
    assert 0 < answer["n_ranked"] < answer["n_open"] == len(rows)
    assert ranked == list(range(1, answer["n_ranked"] + 1))
    for row in rows[answer["n_ranked"] :]:
        assert (row["rank"], row["priority"], row["on_list"]) == (None, None, False)
        case = client.get(f"/v1/cases/{row['key']}").json()
        assert case["advice"] is None
        assert case["case_id"] == row["case_id"]
        assert case["advisory"].startswith("Advisory.")
        page = client.get(f"/cases/{row['key']}").text
        assert "There is no score." in page
    last = client.get("/all", params={"cursor": len(rows) - 1}).text
    assert rows[-1]["case_id"] in last


def test_a_case_outside_the_ranked_group_is_told_of_when_it_is_sent(
    narrow_app: FastAPI, make_client: Callable[..., TestClient], example: dict[str, Any]
) -> None:
    """A case that is sent and not in the group that the model ranks is named with why."""
    inside, outside = example["cases"][0], example["cases"][0] | {"case_id": "SYN-C2"}
    inside = inside | {"events": [inside["events"][0] | {"kind": "assault"}]}

    answer = make_client(narrow_app).post("/v1/scores", json=example | {"cases": [outside, inside]})

    told = answer.json()
    assert [score["case_id"] for score in told["scores"]] == ["SYN-C1"]
    assert [left["case_id"] for left in told["not_ranked"]] == ["SYN-C2"]
    assert told["not_ranked"][0]["why"] not in ("", "closed", "not recorded before as_of")


def test_every_open_case_has_a_page(client: TestClient, list_whole: ListWhole) -> None:
    """Following the pages of all open cases leads to a working page for each."""
    reached: set[str] = set()
    url: str | None = "/all"
    while url:
        page = client.get(url).text
        reached |= set(re.findall(r'href="/cases/([^"]+)"', page))
        found = re.search(r'href="([^"]+)" rel="next"', page)
        url = found[1].replace("&amp;", "&") if found else None

    assert reached == {row["key"] for row in list_whole(client)}
    assert {client.get(f"/cases/{key}").status_code for key in reached} == {200}


def test_the_list_is_what_the_batch_ranks(
    unit: Any, client: TestClient, list_whole: ListWhole
) -> None:
    """Cases stand in the order, with the numbers, that ranking the same folder gives."""
    ranked = rank_cases(unit.bundle, unit.history, unit.history.extract_at)

    rows = list_whole(client)

    assert [(row["rank"], row["case_id"], row["priority"]) for row in rows] == [
        (advice.rank, advice.case_id, advice.priority) for advice in ranked.advices
    ]
    for row, advice in zip(rows, ranked.advices, strict=True):
        probabilities = {one["outcome"]: one["probability"] for one in row["estimates"]}
        assert probabilities == {one.outcome: one.probability for one in advice.estimates}
        assert [flag["name"] for flag in row["flags"]] == [flag.name for flag in advice.flags]
        first = row["first_reason"]["sentence"] if row["first_reason"] else None
        assert first == (advice.reasons[0].sentence if advice.reasons else None)


def test_the_list_of_the_week_has_as_many_rows_as_places(client: TestClient) -> None:
    """Unasked, the list gives one row per place, and the next row follows by the cursor."""
    answer = client.get("/v1/list").json()

    after = client.get("/v1/list", params={"cursor": answer["next_cursor"]}).json()["rows"]
    assert len(answer["rows"]) == answer["capacity"] == answer["next_cursor"] == 6
    assert all(row["on_list"] for row in answer["rows"])
    assert after[0]["rank"] == 7
    assert not any(row["on_list"] for row in after)


@pytest.mark.parametrize("cursor", [151, 152, 100_000_000])
def test_past_the_last_case_the_list_ends(client: TestClient, cursor: int) -> None:
    """A cursor past the end gives no rows and no further cursor."""
    n_open = client.get("/v1/list").json()["n_open"]

    answer = client.get("/v1/list", params={"cursor": max(cursor, n_open)}).json()

    assert (answer["rows"], answer["next_cursor"]) == ([], None)


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
    for url in ("/", "/all", "/all?urgent=1", f"/cases/{rows[0]['key']}"):
        for link in re.findall(r'(?:href|src|action)="([^"]*)"', client.get(url).text):
            assert not any(case_id in link for case_id in identifiers), link


def test_an_identifier_is_no_key(client: TestClient) -> None:
    """A case cannot be asked for by its identifier, nor by a guessed key."""
    case_id = client.get("/v1/list").json()["rows"][0]["case_id"]

    assert client.get(f"/v1/cases/{case_id}").status_code == 422
    assert client.get(f"/cases/{case_id}").status_code == 404
    guessed = client.get(f"/v1/cases/{case_id.ljust(24, 'A')}")
    assert guessed.status_code == 404
    assert guessed.json()["error"]["code"] == "not_found"
    assert guessed.json()["error"]["remedy"]
    assert case_id not in guessed.text


def test_keys_hold_as_long_as_their_secret(tmp_path: Path) -> None:
    """The same file gives the same keys, another gives others, and none lasts for one process."""
    first = load_key_maker(tmp_path / "one").make("SYN-C1")

    assert load_key_maker(tmp_path / "one").make("SYN-C1") == first
    assert load_key_maker(tmp_path / "one").make("SYN-C2") != first
    assert load_key_maker(tmp_path / "two").make("SYN-C1") != first
    assert load_key_maker(None).make("SYN-C1") != load_key_maker(None).make("SYN-C1")
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600


def test_a_file_too_short_for_a_secret_is_refused(tmp_path: Path) -> None:
    """A file that could be guessed is not taken for a secret."""
    (tmp_path / "one").write_bytes(b"1234")

    with pytest.raises(ConfigError, match="holds no secret"):
        load_key_maker(tmp_path / "one")


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
    flags = [(case, flag) for case in cases for flag in case["advice"]["flags"]]

    for case, flag in flags:
        assert flag["records"], flag["name"]
        assert set(flag["records"]) <= {record["record_id"] for record in case["records"]}
    assert {flag["urgent"] for _, flag in flags} == {True, False}


def test_a_record_behind_a_reason_is_in_force(cases: list[dict[str, Any]]) -> None:
    """No reason rests on a record that was corrected or withdrawn."""
    records = [record for case in cases for record in case["records"]]

    assert all(record["in_force"] for record in records if record["behind"])
    assert not all(record["in_force"] for record in records)


def test_a_case_shows_all_its_records_but_those_kept_apart(
    unit: Any, cases: list[dict[str, Any]]
) -> None:
    """What is known of a case is shown or counted: nothing is left out without a word."""
    events, facts = unit.tables["events"], unit.tables["facts"]
    as_of = pd.Timestamp(unit.history.extract_at, unit="us", tz="UTC")
    apart = (events["source"] == "health") | (events["handling"] == "agency_only")

    n_apart = 0
    for case in cases:
        own = (events["case_id"] == case["case_id"]) & (events["recorded_at"] < as_of)
        answers = facts[(facts["case_id"] == case["case_id"]) & (facts["recorded_at"] < as_of)]
        shown = {(record["table"], record["record_id"]) for record in case["records"]}
        expected = {("events", key) for key in events.loc[own & ~apart, "event_id"]}
        assert shown == expected | {("facts", key) for key in answers["fact_id"]}
        assert case["n_records_kept_apart"] == events.loc[own & apart, "event_id"].nunique()
        n_apart += case["n_records_kept_apart"]
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
        for told in (*advice["reasons"], *advice["counter_reasons"], *advice["flags"]):
            assert not apart & set(told["records"]), told


def test_records_stand_latest_first(cases: list[dict[str, Any]]) -> None:
    """A case's records run from the latest to the earliest."""
    for case in cases:
        moments = [
            pd.Timestamp(record["occurred_at"] or record["recorded_at"], tz="Europe/London")
            for record in case["records"]
        ]
        assert moments == sorted(moments, reverse=True)


def test_the_list_can_be_of_an_earlier_day(
    unit: Any, make_client: Callable[..., TestClient], list_whole: ListWhole
) -> None:
    """A list of an earlier day holds the cases of that day and no record known later."""
    day = "2026-03-10"
    app = create_app(make_settings(bundle=unit.bundle_path, data=unit.data, as_of=day))
    client = make_client(app)
    as_of = pd.Timestamp(day, tz="Europe/London")
    as_of_us = as_of.value // 1_000
    expected = unit.history.case_id[open_cases(unit.history, as_of_us)]

    rows = list_whole(client)

    assert sorted(row["case_id"] for row in rows) == sorted(expected)
    for row in rows[:20]:
        case = client.get(f"/v1/cases/{row['key']}").json()
        assert case["as_of"] == case["known_until"] == format_moment(as_of_us, "Europe/London")
        for record in case["records"]:
            assert pd.Timestamp(record["recorded_at"], tz="Europe/London") < as_of


@pytest.mark.parametrize("as_of", ["yesterday", "2026-13-01", ""])
def test_a_day_that_cannot_be_read_stops_the_service(unit: Any, as_of: str) -> None:
    """The service does not start on a moment that it cannot read."""
    with pytest.raises(ConfigError, match="as_of"):
        create_app(make_settings(bundle=unit.bundle_path, data=unit.data, as_of=as_of))


def test_urgent_flags_outside_the_list_are_told_on_it(
    client: TestClient, list_whole: ListWhole
) -> None:
    """The list says how many cases with an urgent flag have no place, and leads to them all."""
    rows = list_whole(client)
    urgent = [row for row in rows if any(flag["urgent"] for flag in row["flags"])]
    outside = [row for row in urgent if not row["on_list"]]

    page, flagged = client.get("/").text, client.get("/all?urgent=1").text

    assert len(outside) > 1
    assert f"{len(outside)} more cases carry an urgent flag" in page
    assert set(re.findall(r'href="/cases/([^"]+)"', flagged)) == {row["key"] for row in urgent}


def test_the_list_says_that_its_cases_are_invented(client: TestClient) -> None:
    """Over synthetic data every page and the list say that they are."""
    key = client.get("/v1/list").json()["rows"][0]["key"]

    assert client.get("/v1/list").json()["synthetic"] is True
    for url in ("/", "/all", f"/cases/{key}", "/cases/none"):
        assert "Synthetic data: every case here is invented" in client.get(url).text, url
