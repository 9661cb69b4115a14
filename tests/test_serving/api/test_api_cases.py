"""One case as it is told: open or closed, scored or not, blind or not."""

from typing import Any

from sqlalchemy import event, insert, select, text

from serving.flags.duty import acknowledge
from serving.lists.blind_review import record_first_view
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.scoring.stored_advice import advise_scores
from serving.store.database import Store
from serving.store.schema import acknowledgements, standings
from tests.test_serving.acts import (
    ADVOCATE,
    NURSE,
    SCREENER,
    add_case,
    add_flag,
    add_score,
    add_sitting,
    decide_now,
    open_client,
    write,
    write_closing,
)
from tests.test_serving.scored import fill
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_fact, make_link, send

STRANGER = "s" * 24


def read(store: Store, key: str, champion: Champion | None = None) -> dict[str, Any]:
    answer = open_client(store, SCREENER, champion).get(f"/v1/cases/{key}")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    assert answer.headers["etag"] == f'"v{told["version"]}"'
    return told


def test_a_new_case_says_where_it_stands(store: Store) -> None:
    """A case that nobody decided on awaits, with its wait and until when it is read first."""
    key = add_case(store)
    told = read(store, key)
    expected = {
        "key": key,
        "case_id": "A",
        "synthetic": True,
        "state": "awaiting",
        "owner": None,
        "version": 0,
        "decisions": [],
        "corrections": [],
        "places": [],
        "flags": [],
        "advice": None,
        "why_no_advice": "the case has no score yet",
        "bundle_id": None,
        "withheld": False,
        "ask_first": [],
    }
    assert {name: told[name] for name in expected} == expected
    assert told["waiting_days"] == 419  # since the last microsecond of 1 January 2025
    assert told["first_read"]["read_at"] is None
    none = {"latest": [], "dissents": 0, "all": [], "open_round": None, "rounds": []}
    assert told["views"] == none


def test_a_closed_case_can_be_read_as_well(store: Store) -> None:
    """Whatever state a case is in, its key opens it."""
    key = add_case(store)
    decide_now(store, key, write_closing())
    told = read(store, key)
    assert (told["state"], told["version"], told["waiting_since"]) == ("closed", 1, None)
    assert told["decisions"][0]["ways"] == {
        "no_further_action": {"reason": "nothing new since June"}
    }
    assert told["first_read"]["person"] == SCREENER.name


def test_a_key_of_no_case_is_not_found(store: Store) -> None:
    """An unknown key gets an error that repeats nothing."""
    answer = open_client(store).get(f"/v1/cases/{STRANGER}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_case")
    assert STRANGER not in answer.text


def test_records_are_told_and_what_is_kept_apart_is_not(store: Store) -> None:
    """Events, answers and links are told, latest first; what others keep to themselves is not."""
    send(
        store,
        {
            "cases": [make_case("A"), make_case("B")],
            "events": [
                make_event("E1", occurred_at="2025-05-01", narrative="SYN words", value=2.5),
                make_event("E2", occurred_at="2025-05-02", supersedes="E1"),
                make_event("E3", source="health", narrative="SYN secret"),
                make_event("E4", handling="agency_only", narrative="SYN secret"),
                make_event("E5", "B"),
                make_event("E6", occurred_at="2025-05-03", kind="retracted", supersedes="E2"),
            ],
            "facts": [
                make_fact("F1", recorded_at="2025-04-01"),
                make_fact("F2", recorded_at="2025-04-02", asked="no", value=None),
            ],
            "links": [make_link("L1", "A", "B", recorded_at="2025-03-01")],
        },
    )
    told = read(store, key_of(store, "A"))
    rows = [
        (one["record_id"], one["label"], one["value"], one["in_force"]) for one in told["records"]
    ]
    assert rows == [
        ("E6", "record withdrawn", None, True),
        ("E2", "contact", None, False),
        ("E1", "contact", 2.5, False),
        ("F2", "frightened", "not asked", True),
        ("F1", "frightened", "yes", True),
        ("L1", "linked case: same subject", key_of(store, "B"), True),
    ]
    assert told["records"][2]["narrative"] == "SYN words"
    assert told["n_records_kept_apart"] == 0
    assert "SYN secret" not in str(told)


def test_flags_stand_with_their_records_and_who_has_seen_them(store: Store) -> None:
    """A flag is told with its records until a decision names them."""
    key = add_case(store, events_of=2)
    raising = add_flag(store, key, "breach", "A0")
    add_flag(store, key, "breach", "A1")
    with store.writing() as writing:
        writing.connection.execute(
            insert(acknowledgements).values(
                raising_key=raising,
                acknowledged_at_us=writing.now_us,
                stored_seq=writing.take_seq(),
                **ADVOCATE.columns(),
            )
        )
    flag = read(store, key)["flags"][0]
    assert (flag["name"], flag["records"]) == ("breach", ["A0", "A1"])
    assert flag["acknowledged_by"] == ADVOCATE.name
    decide_now(store, key, write(discharges=[{"flag": "breach", "record_id": "A0"}]))
    assert read(store, key)["flags"][0]["records"] == ["A1"]


def test_an_urgent_flag_is_unseen_until_duty_has_seen_each_of_its_records(store: Store) -> None:
    """One of two records acknowledged is not enough; a review flag waits for nobody on duty."""
    key = add_case(store, events_of=2)
    add_flag(store, key, "breach", "A0")
    raisings = [add_flag(store, key, "weapon", f"A{n}", due_us=60_000_000) for n in range(2)]
    told = []
    for raising in (None, *raisings):
        if raising is not None:
            with store.writing() as writing:
                acknowledge(writing, raising, Person("SYN Dora", "duty", "police"), None)
        flags = {one["name"]: one["is_unseen"] for one in read(store, key)["flags"]}
        told.append((flags["weapon"], flags["breach"]))
    assert told == [(True, False), (True, False), (False, False)]


def test_what_people_said_is_told_with_the_case(store: Store) -> None:
    """Decisions, views and open corrections stand with the case."""
    key = add_case(store)
    decision = decide_now(store, key, person=NURSE)
    client = open_client(store, ADVOCATE)
    client.post(f"/v1/cases/{key}/views", json={"stance": "dissent", "words": "too little"})
    body = {"table": "events", "record_id": "A0", "why": "it was somebody else"}
    request = client.post(f"/v1/cases/{key}/corrections", json=body).json()["correction"]
    told = read(store, key)
    assert [one["decision_key"] for one in told["decisions"]] == [decision.decision_key]
    assert told["views"]["latest"][0]["words"] == "too little"
    assert told["corrections"] == [request]
    owner = open_client(store, Person("SYN Una", "reviewer", "unit"))
    owner.post(f"/v1/corrections/{request['request_key']}/answer", json={"answer": "refused"})
    assert read(store, key)["corrections"] == []


def test_a_scored_case_tells_the_advice_and_the_records_behind_it(
    store: Store, clock: Any, small_unit: Any
) -> None:
    """The advice is that of the stored score, and every reason's records say that they are behind
    it (promise 5).
    """
    scored = fill(store, clock, small_unit)
    with store.reading() as connection:
        keys = dict(
            map(tuple, connection.execute(select(standings.c.case_key, standings.c.score_key)))
        )
        advices = advise_scores(connection, scored.bundle, list(keys.values()), store.read_unit())
    for key, advice in advices.items():
        told = read(store, key, scored.champion)
        said = told["advice"]
        assert (said["priority"], said["score_key"]) == (advice.priority, keys[key])
        assert said["bundle_id"] == told["bundle_id"] == scored.bundle.id
        assert [one["sentence"] for one in said["reasons"]] == [
            one.sentence for one in advice.reasons
        ]
        assert "rank" not in said
        behind = {one["record_id"]: one["behind"] for one in told["records"]}
        for reason in (*advice.reasons, *advice.counter_reasons):
            for record in reason.records:
                assert reason.indicator in behind[record]
    assert advices


def test_the_score_is_told_as_it_was_when_records_came_since(
    store: Store, clock: Any, small_unit: Any
) -> None:
    """A later record makes the score be behind; what it said stays as it was (promise 7)."""
    scored = fill(store, clock, small_unit, size=2)
    case_id, key = next(iter(scored.keys.items()))
    before = read(store, key, scored.champion)
    assert not before["advice"]["is_behind"]
    clock.pass_days(2)
    send(store, {"events": [make_event("LATE", case_id, kind="threat_to_kill")]})
    after = read(store, key, scored.champion)
    assert after["advice"] == before["advice"] | {"is_behind": True}
    assert after["seen_seq"] > before["seen_seq"]
    assert len(after["records"]) == len(before["records"]) + 1


def test_a_model_that_is_gone_gives_no_advice(store: Store, clock: Any, small_unit: Any) -> None:
    """Where the model that gave the score is not at hand the page says so, and has the records."""
    scored = fill(store, clock, small_unit, size=2)
    told = read(store, scored.first)
    assert told["advice"] is None
    assert told["why_no_advice"] == "the model that gave the latest score is not at hand"
    assert told["records"]


def test_times_in_custody_and_under_an_order_are_told_as_the_engine_has_them(
    store: Store, clock: Any, small_unit: Any
) -> None:
    """From start to the next end of the same kind; what an agency keeps to itself makes none."""
    scored = fill(store, clock, small_unit, size=2)
    case_id, key = next(iter(scored.keys.items()))
    edges = [
        ("S1", "custody_started", "2025-03-01", {}),
        ("S2", "custody_ended", "2025-03-09", {}),
        ("S3", "order_started", "2025-04-01", {"detail": "interim"}),
        ("S4", "bail_started", "2025-04-01", {"handling": "agency_only"}),
        ("S5", "bail_started", "2025-04-01", {"source": "health"}),
    ]
    before = {one["records"][0] for one in read(store, key, scored.champion)["spans"]}
    send(
        store,
        {"events": [make_event(i, case_id, kind=k, occurred_at=at, **m) for i, k, at, m in edges]},
    )
    told = read(store, key, scored.champion)["spans"]
    new = [one for one in told if one["records"][0] not in before]
    assert new == [
        {"state": "custody", "detail": None, "started_at": "2025-03-01", "ended_at": "2025-03-09",
         "records": ["S1", "S2"]},
        {"state": "order", "detail": "interim", "started_at": "2025-04-01", "ended_at": None,
         "records": ["S3"]},
    ]  # fmt: skip


def test_a_blind_case_is_told_without_anything_of_the_model(
    store: Store, clock: Any, small_unit: Any
) -> None:
    """Until a first view is on record score, reasons, rule and rank are empty; then all is told."""
    scored = fill(store, clock, small_unit, size=2)
    key = scored.first
    add_flag(store, key, "breach", "x")
    whole = read(store, key, scored.champion)
    sitting = add_sitting(store, key)
    blind = read(store, key, scored.champion)
    assert blind["withheld"]
    assert blind["why_no_advice"] == "withheld until a first view of the case is on record"
    assert blind["flags"] == whole["flags"]
    assert all(not one["behind"] for one in blind["records"])
    assert any(one["behind"] for one in whole["records"])
    place = blind["places"][0]
    hidden = ("position", "rule", "by_lot", "probability", "rank")
    assert [place[name] for name in hidden] == [None] * 5
    assert (blind["advice"], blind["ask_first"]) == (None, [])
    for sentence in [one["sentence"] for one in whole["advice"]["reasons"]]:
        assert sentence not in str(blind)
    with store.writing() as writing:
        record_first_view(writing, sitting, key, SCREENER, "look_now")
    shown = read(store, key, scored.champion)
    assert shown["advice"] == whole["advice"]
    place = shown["places"][0]
    assert [place[name] for name in hidden] == [1, "priority", True, 0.25, 7]
    assert place["first_view"] == "look_now"


def test_a_place_that_nobody_viewed_says_nothing_for_ever(store: Store, clock: Any) -> None:
    """What was blind and never viewed is withheld in later sittings too, and a viewed place says
    why the case was there once its whole list is viewed.
    """
    key, other = add_case(store), add_case(store, "SYN-OTHER")
    missed = add_sitting(store, key)
    clock.pass_days(7)
    current = add_sitting(store, key, other)
    hidden = ("position", "rule", "by_lot", "probability", "rank")

    def read_places() -> dict[str, list[Any]]:
        places = read(store, key)["places"]
        return {one["sitting_key"]: [one[name] for name in hidden] for one in places}

    for viewed, expected in (
        ([key], [1, None, None, None, None]),
        ([other], [1, "priority", True, 0.25, 7]),
    ):
        with store.writing() as writing:
            record_first_view(writing, current, viewed[0], SCREENER, "look_now")
        assert read_places() == {current: expected, missed: [None] * 5}


def test_an_erased_identifier_is_told_as_none(store: Store) -> None:
    """A case whose identifier was erased is known by its key alone, and decided on no more."""
    key = add_case(store)
    with store.writing() as writing:
        writing.connection.execute(
            text("UPDATE case_keys SET case_id = NULL WHERE case_key = :key"), {"key": key}
        )
    assert read(store, key)["case_id"] is None
    answer = open_client(store).post(
        f"/v1/cases/{key}/decisions", json=write(), headers={"if-match": '"v0"'}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "case_erased")


def test_a_case_is_read_in_a_fixed_number_of_queries(store: Store) -> None:
    """However many decisions, flags and places a case has, it takes the same number of queries."""
    key = add_case(store, events_of=5)
    add_score(store, key)
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    counts = []
    for number in range(4):
        decide_now(store, key, version=number)
        add_flag(store, key, "breach", f"A{number}")
        add_sitting(store, key)
        statements.clear()
        read(store, key)
        counts.append(len(statements))
    assert counts[1:] == [counts[1]] * 3
