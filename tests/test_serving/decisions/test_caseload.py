"""The caseload: which cases are on it, in which order, and what is said to have changed."""

from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy import text

from serving.decisions.caseload import CaseloadFilter, _select_page
from serving.decisions.outputs import ManagedOut
from serving.pages.caseload_page import describe_move
from serving.standing.standings import refresh_standings
from serving.store.database import Store
from tests.test_serving.acts import (
    ADVOCATE,
    RULES,
    add_case,
    add_flag,
    add_score,
    add_sitting,
    decide_now,
    open_client,
    write,
    write_closing,
)
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.sent_rows import make_event, make_fact, send

STRANGER = "s" * 24


def manage(store: Store, name: str, **more: Any) -> str:
    key = add_case(store, name)
    decide_now(store, key, write(**more), person=ADVOCATE)
    return key


def read(store: Store, **wanted: Any) -> dict[str, Any]:
    answer = open_client(store).get("/v1/caseload", params=wanted)
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def score_all(store: Store, priorities: dict[str, float], bundle_id: str = "b1") -> None:
    for key, priority in priorities.items():
        add_score(store, key, priority, bundle_id)
    with store.writing() as writing:
        refresh_standings(writing, list(priorities), RULES)


def test_managed_cases_alone_are_on_the_caseload(store: Store, clock: Any) -> None:
    """A case that awaits, returned or is closed is not; whoever decided and who has it is told."""
    key = manage(store, "A")
    add_case(store, "B")
    decide_now(store, add_case(store, "C"), write_closing())
    due = manage(store, "D", review_on="2026-02-26")
    clock.pass_days(1)
    with store.writing() as writing:
        refresh_standings(writing, [due], RULES)
    told = read(store)
    assert (told["n_managed"], [one["key"] for one in told["cases"]]) == (1, [key])
    case = told["cases"][0]
    assert (case["case_id"], case["owner"], case["decided_by"]) == ("A", "SYN Officer", "SYN Cleo")
    assert case["decided_at"].startswith("2026-02-25")


def test_what_came_since_the_decision_is_counted_by_kind(store: Store) -> None:
    """New records are counted by kind, without the unit's own work and what is kept apart."""
    key = manage(store, "A")
    assert read(store)["cases"][0]["new_records"] == []
    send(
        store,
        {
            "events": [
                make_event("N1"),
                make_event("N2"),
                make_event("N3", kind="threat"),
                make_event("N4", kind="taken_on"),
                make_event("N5", kind="transferred"),
                make_event("N6", source="health"),
                make_event("N7", handling="agency_only"),
            ],
            "facts": [make_fact("F1")],
        },
    )
    case = read(store)["cases"][0]
    assert case["n_new_records"] == 4
    assert [(one["table"], one["kind"], one["n"]) for one in case["new_records"]] == [
        ("events", "contact", 2),
        ("events", "threat", 1),
        ("facts", "frightened", 1),
    ]
    decide_now(store, key, version=1)
    assert read(store)["cases"][0]["n_new_records"] == 0


def test_the_priority_is_told_then_and_now(store: Store) -> None:
    """Then is the last score before the decision, whatever was named; now is the latest one."""
    key = add_case(store, "A")
    score_all(store, {key: 0.2})
    decide_now(store, key)
    score_all(store, {key: 0.4})
    score_all(store, {key: 0.7})
    case = read(store)["cases"][0]
    assert (case["priority_then"], case["priority_now"], case["same_model"]) == (0.2, 0.7, True)
    score_all(store, {key: 0.9}, "b2")
    case = read(store)["cases"][0]
    assert (case["priority_then"], case["priority_now"], case["same_model"]) == (0.2, 0.9, False)


def test_a_case_without_a_score_is_on_the_caseload(store: Store) -> None:
    """No score keeps a case off, in either order."""
    manage(store, "A")
    for order in ("review", "changed"):
        case = read(store, order=order)["cases"][0]
        assert (case["priority_then"], case["priority_now"], case["same_model"]) == (None,) * 3


def test_new_flags_are_named(store: Store) -> None:
    """A flag that was raised after the decision is named; one that stood before is not new."""
    key = add_case(store, "A")
    add_flag(store, key, "breach", "A0")
    decide_now(store, key)
    assert read(store)["cases"][0]["new_flags"] == []
    add_flag(store, key, "released", "A0")
    with store.writing() as writing:
        refresh_standings(writing, [key], RULES)
    # A review flag of a record that was read before the decision returns no case.
    assert read(store)["cases"][0]["new_flags"] == ["released"]


@pytest.mark.parametrize(
    ("then", "now", "same_model", "said"),
    [
        (1.0, 1.08, True, (False, "1 then, 1.1 now")),
        (7.0, 7.01, True, (False, "7 then and now")),
        (1.2, 2.34, True, (True, "1.2 then, 2.3 now")),
        (0.05, 0.02, True, (False, "0.05 then, 0.02 now")),
        (1.2, None, None, (False, "no score to compare")),
        (1.2, 9.0, False,
         (False, "another model gave the score at the decision; the two do not compare")),
    ],
)  # fmt: skip
def test_a_move_of_the_priority_in_words(
    then: float, now: float | None, same_model: bool | None, said: tuple[bool, str]
) -> None:
    """Both numbers and no word that judges; a rise is a change, a fall is time passing."""
    names = dict.fromkeys(one.name for one in fields(ManagedOut))
    numbers = {"priority_then": then, "priority_now": now, "same_model": same_model}
    one = ManagedOut(**(names | numbers | {"withheld": False}))
    assert describe_move(one) == said


def test_the_page_tells_what_changed_before_what_did_not(store: Store, address: str) -> None:
    """Cases with something new stand first, in words; of the others silence is not called safe."""
    key, quiet = manage(store, "A"), manage(store, "B")
    send(store, {"events": [make_event("N1"), make_event("N2")]})
    app = make_application(address, store.clock)
    page = enter(app).get("/caseload").text
    close_application(app)
    assert "1 of 2 cases changed since the decision" in page
    assert "<strong>New:</strong> contact (2, the latest 1 June 2025)" in page
    assert "A priority falls as time passes; that does not say that a case is safer." in page
    assert page.index(key) < page.index("silence is not safety") < page.index(quiet)


def test_a_blind_case_tells_no_priority(store: Store) -> None:
    """A case whose first view is not on record has no priority on the caseload, nor its order."""
    keys = [add_case(store, name) for name in "AB"]
    score_all(store, dict.fromkeys(keys, 0.1))
    for key in keys:
        decide_now(store, key)
    score_all(store, {keys[0]: 0.9, keys[1]: 0.2})
    assert [one["key"] for one in read(store, order="changed")["cases"]] == keys
    add_sitting(store, keys[0])
    told = read(store, order="changed")["cases"]
    assert [one["key"] for one in told] == keys[::-1]
    assert [one["withheld"] for one in told] == [False, True]
    assert told[1]["priority_now"] is told[1]["priority_then"] is told[1]["same_model"] is None


def walk(store: Store, **wanted: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = read(store, limit=2, **wanted, **({"cursor": cursor} if cursor else {}))
        found += [one["case_id"] for one in page["cases"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        assert len(page["cases"]) == 2


def test_pages_hold_every_case_once_in_order(store: Store) -> None:
    """By review soonest or by the largest rise: page by page, each case once; ties by key."""
    days = {"A": "2026-05-01", "B": "2026-03-01", "C": "2026-04-01", "D": "2026-03-01", "E": None}
    keys = {name: add_case(store, name) for name in days}
    then = {"A": 0.5, "B": 0.5, "C": 0.1, "D": 0.5, "E": 0.5}
    now = {"A": 0.4, "B": 0.9, "C": 0.1, "D": 0.0, "E": 0.7}
    score_all(store, {keys[name]: priority for name, priority in then.items()})
    for name, day in days.items():
        decide_now(store, keys[name], write(review_on=day) if day else write_closing())
    score_all(store, {keys[name]: priority for name, priority in now.items() if name != "E"})
    tied = sorted("BD", key=lambda name: keys[name])
    assert walk(store) == [*tied, "C", "A"]
    assert walk(store, order="changed") == ["B", *sorted("ACD", key=lambda name: keys[name])]


@pytest.mark.parametrize("order", ["review", "changed"])
def test_the_caseload_is_filtered(store: Store, order: str) -> None:
    """An owner sees their own cases, and an area its own; the count is of these."""
    manage(store, "A", owner="SYN One")
    manage(store, "B", owner="SYN Two")
    manage(store, "C", owner="SYN One")
    told = read(store, owner="SYN One", order=order)
    assert (told["n_managed"], {one["case_id"] for one in told["cases"]}) == (2, {"A", "C"})
    assert read(store, area="Halton")["cases"] == []
    assert read(store, owner="SYN Nobody")["n_managed"] == 0


@pytest.mark.parametrize("cursor", [STRANGER, "short", "x" * 23 + "%00"])
def test_a_cursor_that_leads_nowhere_is_told(store: Store, cursor: str) -> None:
    """A made-up cursor is refused, and so is that of a case nobody decided on."""
    awaiting = add_case(store)
    for wrong in (cursor, awaiting):
        answer = open_client(store).get(f"/v1/caseload?cursor={wrong}")
        assert answer.status_code == 422


def test_the_page_of_reviews_is_read_by_an_index(store: Store) -> None:
    """The first page does not sort the caseload: the order is that of an index."""
    explain = "EXPLAIN QUERY PLAN" if store.is_sqlite else "EXPLAIN"
    with store.reading() as connection:
        if not store.is_sqlite:  # an empty table would be read whole
            for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
                connection.execute(text(f"SET LOCAL enable_{way} = off"))
        page = _select_page(connection, CaseloadFilter(), frozenset({"x"})).compile(
            connection, compile_kwargs={"render_postcompile": True}
        )
        given = page.params
        if store.is_sqlite:
            given = tuple(given[name] for name in page.positiontup)
        plan = [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {page}", given)]
    assert any("ix_standings_state_review_due_us" in step for step in plan)
