"""Writing is bound by whose record it is: nobody lowers a count alone, or another's at all."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from serving.persons import Person
from serving.store.database import Store, make_key
from serving.store.narratives import name_narrative
from serving.store.schema import audit_lines, case_parties, confirmations
from tests.test_serving.acts import stand_of
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text
from tests.test_serving.sent_rows import history_of, key_of, make_case, make_event, make_fact, send

OFFICER = {"name": "SYN Officer", "role": "screener", "agency": "police"}
SECOND = {"name": "SYN Second", "role": "reviewer", "agency": "police"}
NURSE = {"name": "SYN Nurse", "role": "health", "agency": "health"}
ADVOCATE = {"name": "SYN Advocate", "role": "reviewer", "agency": "advocacy"}
IMPORTER = {"name": "SYN Importer", "role": "administrator", "agency": "unit"}
LATER = "2025-07-01"
WHY = "I looked at both"


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store, with one case in it."""
    send(store, {"cases": [make_case("A", area="Halton"), make_case("B", area="Halton")]})
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def sign_in(app: FastAPI, who: dict[str, str]) -> TestClient:
    return enter(app, **who)


def post(app: FastAPI, who: dict[str, str], **tables: Any) -> dict[str, Any]:
    """Send records as somebody; return what became of them."""
    answer = sign_in(app, who).post("/v1/records", json=tables)
    assert answer.status_code == 200, answer.text
    return answer.json() | {"import_key": ""}


def act(number: str, **more: Any) -> dict[str, Any]:
    """Return an act that the police recorded."""
    return make_event(number, source="police", kind="threat", value=4, **more)


def withdrawal(number: str, corrects: str, **more: Any) -> dict[str, Any]:
    """Return a withdrawal by the police."""
    told = {"kind": "retracted", "supersedes": corrects, "recorded_at": LATER}
    return make_event(number, source="police", **(told | more))


def read_case(app: FastAPI, who: dict[str, str], key: str) -> dict[str, Any]:
    answer = sign_in(app, who).get(f"/v1/cases/{key}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def records_of(case: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["record_id"]: one for one in case["records"]}


def in_force(app: FastAPI, who: dict[str, str], key: str) -> set[str]:
    """Return the numbers of the records of a case that somebody sees and that are in force."""
    records = records_of(read_case(app, who, key))
    return {number for number, one in records.items() if one["in_force"]}


def list_waiting(app: FastAPI, who: dict[str, str]) -> list[dict[str, Any]]:
    return sign_in(app, who).get("/v1/confirmations").json()["confirmations"]


def settle(app: FastAPI, who: dict[str, str], key: str, outcome: str = "confirmed") -> Any:
    return sign_in(app, who).post(f"/v1/confirmations/{key}", json={"outcome": outcome, "why": WHY})


def waiting_of(store: Store) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(select(confirmations)))


def test_a_record_that_one_cannot_see_is_not_withdrawn(app: FastAPI, store: Store) -> None:
    """A police screener withdraws a health record by its number, and it stands as it was."""
    key = key_of(store, "A")
    post(app, NURSE, events=[make_event("H1", source="health", kind="violence")])
    before = read_case(app, NURSE, key)["n_records_kept_apart"]
    told = post(app, OFFICER, events=[withdrawal("P1", "H1")])
    assert told == post(app, OFFICER, events=[withdrawal("P2", "X1")])
    assert told["warnings"] == {"corrects_no_own_record": 1}
    assert "health//H1" in in_force(app, NURSE, key)
    assert read_case(app, NURSE, key)["n_records_kept_apart"] == before == 1
    officers = records_of(read_case(app, OFFICER, key))
    telling = [officers[one] | {"record_id": "", "incident_id": ""} for one in ("P1", "P2")]
    assert telling[0] == telling[1]


@pytest.mark.parametrize(
    "more",
    [
        {"recorded_at": "2025-01-02"},
        {"kind": "violence"},
        {"handling": "agency_only"},
        {"source": "health"},
    ],
)
def test_a_number_of_another_agency_tells_nothing(
    app: FastAPI, store: Store, more: dict[str, Any]
) -> None:
    """Whatever corrects a record, the answer is one whether there is one of that number or not."""
    post(app, NURSE, events=[make_event("H1", source="health")])
    other = make_event("H2", "B", source="health")
    post(app, NURSE, events=[other])
    given = {"source": "police", "recorded_at": LATER} | more
    answers = [
        post(app, OFFICER, events=[make_event(f"P{number}", supersedes=corrects, **given)])
        for number, corrects in enumerate(("H1", "H2", "X1"))
    ]
    assert answers[0] == answers[1] == answers[2]


def test_a_source_is_the_senders_own_agency(app: FastAPI, store: Store) -> None:
    """`source: health` is not taken from the police, new or as a correction; a mandate permits."""
    post(app, NURSE, events=[make_event("H1", source="health")])
    rows = [
        make_event("P1", source="health"),
        make_event("P2", source="health", supersedes="H1", recorded_at=LATER),
        make_event("P3", source="health", supersedes="X1", recorded_at=LATER),
        make_event("H1", source="health"),
        make_event("P4", source="court"),
        make_event("P5", source="police"),
        make_event("P6"),
    ]
    told = post(app, OFFICER, events=rows)
    assert (told["added"], told["repeats"], told["conflicts"], told["rejects"]) == (2, 0, 0, 5)
    assert {one["code"] for one in told["not_taken"]} == {"not_your_source"}
    assert post(app, IMPORTER, events=rows[:1] + rows[4:5])["added"] == 2


def test_a_mandate_is_stated_and_for_importers_alone(address: str, store: Store) -> None:
    """An agency's administrators send for the sources that the deployment names, and no others."""
    send(store, {"cases": [make_case("A")]})
    made = make_application(address, store.clock, source_mandates={"police": ("court",)})
    rows = [make_event("C1", source="court"), make_event("A1", source="advocacy")]
    administrator = {"name": "SYN Records", "role": "administrator", "agency": "police"}
    assert post(made, OFFICER, events=rows)["added"] == 0
    assert post(made, IMPORTER, events=rows)["added"] == 0
    told = post(made, administrator, events=rows)
    assert (told["added"], [one["where"] for one in told["not_taken"]]) == (1, ["events[1].source"])
    close_application(made)


def test_fourteen_acts_are_not_withdrawn_by_one(
    store: Store, address: str, clock: Any, small_unit: Any
) -> None:
    """Withdrawn in one request, acts count on in score, list and flags until a second person."""
    clock.now_us = small_unit.test_date
    made = make_application(address, clock, bundle=small_unit.bundle)
    rows = [
        make_event(
            f"V{number}",
            source="police",
            kind="assault",
            value=20,
            occurred_at="2023-03-01",
            recorded_at="2023-03-02",
        )
        for number in range(14)
    ]
    cases = [make_case("A", recorded_at="2023-01-01")]
    post(made, IMPORTER, cases=cases, events=[])
    post(made, OFFICER, events=rows)
    key = key_of(store, "A")
    before, history = stand_of(store, key), history_of(store)
    sent = [withdrawal(f"W{n}", f"V{n}", recorded_at="2023-03-03") for n in range(14)]
    sent = [one | {"occurred_at": "2023-03-01"} for one in sent]
    told = post(made, OFFICER, events=sent)
    assert told["warnings"] == {"correction_waits": 14}
    assert history_of(store) == history
    assert stand_of(store, key) == before
    listed = sign_in(made, OFFICER).get("/v1/cases").json()
    marks = [one["correction_pending"] for one in (*listed["rows"], *listed["blind_rows"])]
    assert marks == [True]
    case = read_case(made, SECOND, key)
    assert (case["correction_sum"]["n_waiting"], case["correction_sum"]["n_in_force"]) == (14, 0)
    assert [one["correction_pending"] for one in case["flags"]] == [True] * len(case["flags"])
    [one] = list_waiting(made, SECOND)
    assert one["content"]["n_corrections"] == 14
    assert settle(made, SECOND, one["confirmation_key"]).status_code == 201
    after = stand_of(store, key)
    assert after.priority < before.priority
    assert read_case(made, SECOND, key)["correction_sum"]["n_in_force"] == 14
    close_application(made)


def test_the_second_person_is_of_the_agency_and_no_party(app: FastAPI, store: Store) -> None:
    """Neither who sent it, nor another agency, nor a party confirms that a count falls."""
    key = key_of(store, "A")
    post(app, OFFICER, events=[act("E1")])
    post(app, OFFICER, events=[withdrawal("W1", "E1")])
    [one] = waiting_of(store)
    codes = [
        settle(app, who, one.confirmation_key).json()["error"]["code"]
        for who in (OFFICER, ADVOCATE, NURSE)
    ]
    assert codes == ["other_person_needed", "other_agency_needed", "other_agency_needed"]
    brother = Person("SYN Second", "reviewer", "police")
    with store.writing() as writing:
        writing.connection.execute(
            insert(case_parties).values(
                tie_key=make_key(),
                case_key=key,
                party=brother.subject,
                tied=True,
                why="a brother",
                tied_at_us=writing.now_us,
                stored_seq=writing.take_seq(),
                **brother.columns(),
            )
        )
    assert settle(app, SECOND, one.confirmation_key).status_code == 404
    assert "E1" in in_force(app, OFFICER, key)
    third = SECOND | {"name": "SYN Third"}
    assert settle(app, third, one.confirmation_key).status_code == 201
    assert "E1" not in in_force(app, OFFICER, key)


def test_a_refused_correction_changes_nothing(app: FastAPI, store: Store) -> None:
    """Refused by the second person, a correction is kept and counts nowhere, sent again or not."""
    key = key_of(store, "A")
    post(app, OFFICER, events=[act("E1")])
    history = history_of(store)
    milder = act("E2", supersedes="E1", recorded_at=LATER) | {"value": 1}
    post(app, OFFICER, events=[milder])
    [one] = list_waiting(app, SECOND)
    assert settle(app, SECOND, one["confirmation_key"], "refused").status_code == 201
    again = post(
        app, OFFICER, events=[act("E2", supersedes="E1", recorded_at=LATER) | {"value": 1}]
    )
    assert (again["added"], again["repeats"]) == (0, 1)
    assert history_of(store) == history
    assert read_case(app, OFFICER, key)["correction_sum"]["n_waiting"] == 0


@pytest.mark.parametrize(
    "more",
    [{"value": 5}, {"kind": "threat_to_kill"}, {"narrative": "SYN more"}, {"target": "child"}],
)
def test_what_only_adds_holds_at_once(
    address: str, store: Store, small_unit: Any, more: dict[str, Any]
) -> None:
    """A graver version, one told more closely and one with other words wait for nobody."""
    send(store, {"cases": [make_case("A")]})
    made = make_application(address, store.clock, bundle=small_unit.bundle)
    post(made, OFFICER, events=[act("E1")])
    told = post(made, OFFICER, events=[act("E2", supersedes="E1", recorded_at=LATER) | more])
    assert told["warnings"] == {}
    assert in_force(made, OFFICER, key_of(store, "A")) == {"E2"}
    close_application(made)


@pytest.mark.parametrize(("outcome", "stands"), [("confirmed", {"E2"}), ("refused", {"E1"})])
def test_two_versions_count_where_neither_is_the_worse(
    app: FastAPI, store: Store, outcome: str, stands: set[str]
) -> None:
    """A changed kind counts beside the earlier one until a second person says which holds."""
    key = key_of(store, "A")
    post(app, OFFICER, events=[act("E1")])
    changed = act("E2", supersedes="E1", recorded_at=LATER) | {"kind": "strangulation"}
    post(app, OFFICER, events=[changed])
    assert in_force(app, OFFICER, key) == {"E1", "E2"}
    assert records_of(read_case(app, OFFICER, key))["E1"]["correction_pending"]
    [one] = list_waiting(app, SECOND)
    assert settle(app, SECOND, one["confirmation_key"], outcome).status_code == 201
    assert in_force(app, OFFICER, key) & {"E1", "E2"} == stands


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("actor", {"actor": "victim"}),
        ("date", {"occurred_at": "2020-01-01"}),
        ("incident", {"incident_id": "I1"}),
        ("severity", {"value": None}),
        ("view", {"view": "classification"}),
    ],
)
def test_every_measured_change_waits(
    app: FastAPI, store: Store, kind: str, more: dict[str, Any]
) -> None:
    """A change of who, when, how grave, of which incident and by whose view could lower a count."""
    post(app, OFFICER, events=[act("E1")])
    post(app, OFFICER, events=[act("E2", supersedes="E1", recorded_at=LATER) | more])
    assert "E1" in in_force(app, OFFICER, key_of(store, "A"))
    assert len(waiting_of(store)) == 1


def test_an_answer_is_not_taken_back_by_one(app: FastAPI, store: Store) -> None:
    """A corrected answer counts as it was until a second person of its agency confirms it."""
    key = key_of(store, "A")
    post(app, OFFICER, facts=[make_fact("F1")])
    changed = make_fact("F2", value="no", supersedes="F1", recorded_at=LATER)
    post(app, OFFICER, facts=[changed])
    assert in_force(app, OFFICER, key) == {"F1"}
    [one] = list_waiting(app, SECOND)
    assert settle(app, SECOND, one["confirmation_key"]).status_code == 201
    assert in_force(app, OFFICER, key) == {"F2"}


def test_another_agency_does_not_hide_a_record(app: FastAPI, store: Store) -> None:
    """An `agency_only` version of another agency takes the place of nothing."""
    key = key_of(store, "A")
    post(app, OFFICER, events=[act("E1")])
    hiding = make_event(
        "A1", source="advocacy", handling="agency_only", supersedes="E1", recorded_at=LATER
    )
    post(app, ADVOCATE, events=[hiding])
    assert "E1" in in_force(app, OFFICER, key)
    assert not records_of(read_case(app, NURSE, key))["E1"]["texts_withheld"]
    assert waiting_of(store) == []


def test_an_agency_hides_the_words_of_its_own_record_at_once(app: FastAPI, store: Store) -> None:
    """Words and places are gone the same second; kind, date and severity count on meanwhile."""
    key = key_of(store, "A")
    telling = {"narrative": "CanaryHeron at the mill", "detail": "canary_mill", "channel": "phone"}
    post(app, OFFICER, events=[act("E1", **telling)])
    assert "CanaryHeron" in sign_in(app, ADVOCATE).get(f"/cases/{key}").text
    history = history_of(store)
    narrowed = act("E2", supersedes="E1", recorded_at=LATER, handling="agency_only", **telling)
    post(app, OFFICER, events=[narrowed])
    assert history_of(store) == history
    for outcome in (None, "confirmed"):
        if outcome:
            [one] = list_waiting(app, SECOND)
            assert settle(app, SECOND, one["confirmation_key"], outcome).status_code == 201
        address = f"/v1/cases/{key}/narratives/{name_narrative('E1')}"
        assert sign_in(app, SECOND).get(address).status_code == 200
        assert sign_in(app, ADVOCATE).get(address).status_code == 404
        for path in (f"/v1/cases/{key}", f"/cases/{key}", "/pack", "/v1/list", "/v1/cases"):
            text = sign_in(app, ADVOCATE).get(path).text
            assert "CanaryHeron" not in text
            assert "canary" not in text
        shown = records_of(read_case(app, ADVOCATE, key))["E1"]
        assert (shown["kind"], shown["value"], shown["texts_withheld"]) == ("threat", 4.0, True)
        assert "CanaryHeron" in sign_in(app, SECOND).get(f"/cases/{key}").text
    assert history_of(store) != history


def test_a_number_taken_ahead_corrects_nothing(app: FastAPI, store: Store) -> None:
    """A withdrawal that was sent before the record of another agency never takes effect."""
    key = key_of(store, "A")
    post(app, OFFICER, events=[withdrawal("P1", "A1"), withdrawal("P2", "E1")])
    post(app, ADVOCATE, events=[make_event("A1", source="advocacy")])
    post(app, SECOND, events=[act("E1")])
    assert {"A1", "E1"} <= in_force(app, OFFICER, key)
    [one] = waiting_of(store)
    assert one.needed_agency == "police"


def test_an_accepted_request_permits_the_correction(app: FastAPI, store: Store) -> None:
    """Another agency corrects a record once its own agency accepted that, and a second confirms."""
    key = key_of(store, "A")
    post(app, OFFICER, events=[act("E1"), act("E9")])
    correction = withdrawal("C1", "E1")
    assert post(app, ADVOCATE, events=[correction])["added"] == 0
    asked = sign_in(app, ADVOCATE).post(
        f"/v1/cases/{key}/corrections", json={"table": "events", "record_id": "E1", "why": WHY}
    )
    path = f"/v1/corrections/{asked.json()['correction']['request_key']}/answer"
    for who, code in ((ADVOCATE, "other_person_needed"), (NURSE, "other_agency_needed")):
        refused = sign_in(app, who).post(path, json={"answer": "accepted"})
        assert refused.json()["error"]["code"] == code
    assert sign_in(app, OFFICER).post(path, json={"answer": "accepted"}).status_code == 201
    assert post(app, ADVOCATE, events=[withdrawal("C2", "E9")])["added"] == 0
    assert post(app, ADVOCATE, events=[correction])["warnings"] == {"correction_waits": 1}
    assert {"E1", "E9"} <= in_force(app, OFFICER, key)
    [one] = list_waiting(app, SECOND)
    assert settle(app, SECOND, one["confirmation_key"]).status_code == 201
    assert "E1" not in in_force(app, OFFICER, key)


def test_a_dispute_stays_beside_the_record(app: FastAPI, store: Store, clock: Any) -> None:
    """Unanswered or refused, a request is told with the record; overdue, where people look."""
    key = key_of(store, "A")
    post(app, OFFICER, events=[act("E1")])
    told = {"table": "events", "record_id": "E1", "why": "nobody was there"}
    asked = sign_in(app, ADVOCATE).post(f"/v1/cases/{key}/corrections", json=told).json()
    disputed = records_of(read_case(app, OFFICER, key))["E1"]["disputed"]
    assert [(one["agency"], one["answer"]) for one in disputed] == [("advocacy", "open")]
    assert not asked["correction"]["overdue"]
    assert asked["correction"]["record_agency"] == "police"
    clock.pass_days(31)
    assert sign_in(app, ADVOCATE).get("/v1/corrections").json()["corrections"][0]["overdue"]
    page = sign_in(app, SECOND).get("/confirmations").text
    assert "Overdue" in page
    assert "nobody was there" in page
    assert "nobody was there" not in sign_in(app, NURSE).get("/confirmations").text
    answer = {"answer": "refused", "note": "two officers were"}
    path = f"/corrections/{asked['correction']['request_key']}"
    assert sign_in(app, SECOND).post(path, data=answer).status_code == 303
    assert "Disputed by advocacy, 25 February 2026" in sign_in(app, NURSE).get(f"/cases/{key}").text
    assert sign_in(app, OFFICER).post("/v1/sittings", json={}).status_code == 201
    assert "disputed by advocacy, 25 February 2026" in read_text(
        sign_in(app, NURSE).get("/pack").text
    )


def test_corrections_are_added_up_over_ninety_days(app: FastAPI, store: Store, clock: Any) -> None:
    """A case says how many of its records were corrected by anyone, and by which agency."""
    key = key_of(store, "A")
    post(app, OFFICER, events=[act("E1"), act("E2")])
    post(app, ADVOCATE, events=[make_event("A1", source="advocacy")])
    graver = act("E3", supersedes="E1", recorded_at=LATER) | {"value": 5}
    post(app, SECOND, events=[graver])
    post(app, ADVOCATE, events=[make_event("A2", source="advocacy", supersedes="A1", value=3)])
    post(app, OFFICER, events=[withdrawal("W1", "E2")])
    told = read_case(app, NURSE, key)["correction_sum"]
    by_agency = {"advocacy": 1, "police": 2}
    assert told == {"days": 90, "n_in_force": 2, "n_waiting": 1, "by_agency": by_agency}
    assert "2 in force, 1 pending" in read_text(sign_in(app, NURSE).get(f"/cases/{key}").text)
    clock.pass_days(91)
    assert read_case(app, NURSE, key)["correction_sum"]["n_in_force"] == 0


def stream(app: FastAPI, who: dict[str, str], rows: list[dict[str, Any]], name: str) -> Any:
    """Send events as an import."""
    client = sign_in(app, who)
    begun = client.post("/v1/imports", json={"source_digest": name}).json()["import_key"]
    lines = "\n".join(json.dumps({"table": "events", "row": row}) for row in rows)
    return client.put(
        f"/v1/imports/{begun}/rows?last=true",
        content=lines,
        headers={"content-type": "application/x-ndjson"},
    ).json()


def test_an_import_waits_as_one(app: FastAPI, store: Store) -> None:
    """However many corrections an agency's own export has, one confirmation stands for them all."""
    rows = [act(f"E{n}", case_id="AB"[n % 2]) for n in range(60)]
    stream(app, OFFICER, rows, "first")
    lower = [
        act(f"L{n}", case_id="AB"[n % 2], supersedes=f"E{n}", recorded_at=LATER) | {"value": 1}
        for n in range(60)
    ]
    history = history_of(store)
    told = stream(app, OFFICER, lower, "second")
    assert (told["added"], told["rejects"]) == (60, 0)
    assert history_of(store) == history
    [one] = list_waiting(app, SECOND)
    by_case = {key_of(store, name): 30 for name in "AB"}
    assert one["content"]["by_case"] == by_case
    assert set(one["cases"]) == set(by_case)
    path = f"/v1/confirmations/{one['confirmation_key']}/corrections"
    client = sign_in(app, SECOND)
    first = client.get(path, params={"limit": 50}).json()
    rest = client.get(path, params={"cursor": first["next_cursor"]}).json()
    numbers = [each["record_id"] for each in (*first["corrections"], *rest["corrections"])]
    assert numbers == [f"E{n}" for n in range(60)]
    assert sign_in(app, OFFICER).get(path).status_code == 200
    assert settle(app, SECOND, one["confirmation_key"]).status_code == 201
    assert in_force(app, SECOND, key_of(store, "A")) == {f"L{n}" for n in range(0, 60, 2)}
    again = stream(app, OFFICER, lower, "third")
    assert (again["repeats"], again["added"]) == (60, 0)


def test_a_correction_within_one_delivery_holds_at_once(app: FastAPI, store: Store) -> None:
    """What an export brings together with its corrections was never another version here."""
    rows = [act("E1"), withdrawal("W1", "E1")]
    stream(app, OFFICER, rows, "one")
    assert "E1" not in in_force(app, OFFICER, key_of(store, "A"))
    assert waiting_of(store) == []


def test_every_line_of_the_log_names_its_case(app: FastAPI, store: Store) -> None:
    """Records sent, asked about, answered, corrected and confirmed are told with their case."""
    key = key_of(store, "A")
    with store.reading() as connection:
        start = len(connection.execute(select(audit_lines.c.number)).all())
    post(app, OFFICER, events=[act("E1"), act("E2")])
    post(app, OFFICER, events=[withdrawal("W1", "E1")])
    stream(app, OFFICER, [act("E5")], "one")
    asked = {"table": "events", "record_id": "E2", "why": WHY}
    told = sign_in(app, ADVOCATE).post(f"/v1/cases/{key}/corrections", json=asked).json()
    path = f"/v1/corrections/{told['correction']['request_key']}/answer"
    sign_in(app, SECOND).post(path, json={"answer": "refused"})
    [one] = list_waiting(app, SECOND)
    settle(app, SECOND, one["confirmation_key"])
    columns = audit_lines.c
    query = select(columns.route, columns.case_key, columns.cases, columns.first_seq).where(
        columns.book == "changes", columns.done
    )
    with store.reading() as connection:
        lines = [row for row in connection.execute(query) if row.first_seq is not None]
    named = [row for row in lines if "/v1/" in row.route]
    assert len(named) >= 5
    for row in named:
        assert key in (row.case_key, *(row.cases or ())), row.route
    assert start >= 0
