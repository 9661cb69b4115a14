"""Merges and splits that one person cannot make alone, and areas to which no case is handed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from serving.store.database import Store
from serving.store.schema import case_moves
from tests.test_serving.access.test_rights import add, seal
from tests.test_serving.acts import NURSE, SCREENER, count_all, decide_now, stand_of, write_closing
from tests.test_serving.confirmations.confirming import (
    COLLEAGUE,
    come_in,
    last_line,
    lines_since,
    list_waiting,
    settle,
)
from tests.test_serving.entered import close_application, make_application
from tests.test_serving.intake.test_moves import list_in_force
from tests.test_serving.reading_pages import read_text
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_fact, send

pytestmark = pytest.mark.long

ABOUT_THE_FILE = ("opened", "retracted", "merged")
WHY = "one person under two numbers"
ACCESS = """
version: 1
people:
  - {groups: [north], role: screener, agency: police, areas: [north]}
  - {groups: [south], role: screener, agency: police, areas: [south]}
  - {groups: [whole], role: auditor, agency: unit, areas: all}
"""


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock)
    yield made
    close_application(made)


@pytest.fixture
def filled(store: Store) -> Store:
    """Two cases, the first with three events and an answer."""
    send(
        store,
        {
            "cases": [make_case("A", area="north"), make_case("B", area="south")],
            "events": [make_event("E1"), make_event("E2"), make_event("E3"), make_event("E1", "B")],
            "facts": [make_fact("F1")],
        },
    )
    return store


def ask(app: FastAPI, store: Store, name: str, verb: str, **body: Any) -> dict[str, Any]:
    """Ask for a move as a screener; return the answer that says that it waits."""
    path = f"/v1/cases/{key_of(store, name)}/{verb}"
    answer = come_in(app, SCREENER).post(path, json={"why": WHY} | body)
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    assert (told["kind"], told["effect"]) == (verb, "when_confirmed")
    return told


def list_told(store: Store, case_id: str, table: str = "events") -> list[tuple[str, ...]]:
    """Return a case's records in force, but for those about the file itself."""
    return [row for row in list_in_force(store, case_id, table) if row[1] not in ABOUT_THE_FILE]


def ask_merge(app: FastAPI, store: Store, one: str, other: str) -> str:
    return str(ask(app, store, one, "merge", into=key_of(store, other))["confirmation_key"])


def count_records(store: Store) -> dict[str, int]:
    """Return how many rows there are of what a move would add to."""
    found = count_all(store)
    return {name: found[name] for name in ("cases", "events", "facts", "case_moves")}


def test_one_person_merges_no_case(app: FastAPI, filled: Store) -> None:
    """What is asked changes no record, state or place; a colleague cannot confirm it, another
    agency can.
    """
    keys = [key_of(filled, name) for name in "AB"]
    before = count_records(filled), [stand_of(filled, key) for key in keys]
    asked = ask_merge(app, filled, "A", "B")
    assert (count_records(filled), [stand_of(filled, key) for key in keys]) == before
    assert settle(app, asked, person=SCREENER) == (403, "other_person_needed")
    assert settle(app, asked, person=COLLEAGUE) == (403, "other_agency_needed")
    assert (count_records(filled), [stand_of(filled, key) for key in keys]) == before
    assert settle(app, asked) == (201, None)
    assert stand_of(filled, keys[0]).state == "closed"
    assert [name for name, _ in list_told(filled, "B")] == sorted(
        ["E1", *(f"{keys[0]}:E{n}" for n in (1, 2, 3))]
    )


def test_a_move_is_of_the_person_who_asked(app: FastAPI, filled: Store) -> None:
    """The store says who asked for the move and why, and the confirmation who confirmed it."""
    settle(app, ask_merge(app, filled, "A", "B"))
    with filled.reading() as connection:
        columns = (case_moves.c.kind, case_moves.c.person, case_moves.c.agency, case_moves.c.why)
        (row,) = connection.execute(select(*columns))
    assert tuple(row) == ("merge", SCREENER.name, "police", WHY)


def test_one_person_splits_no_case(app: FastAPI, filled: Store) -> None:
    """Until another agency confirms it there is no new case and nothing is withdrawn."""
    before = count_records(filled), list_told(filled, "A")
    asked = ask(app, filled, "A", "split", case_id="C", events=["E2"], facts=["F1"])
    assert (count_records(filled), list_told(filled, "A")) == before
    assert settle(app, asked["confirmation_key"]) == (201, None)
    key = key_of(filled, "A")
    assert [name for name, _ in list_told(filled, "C")] == [f"{key}:E2"]
    assert [name for name, _ in list_told(filled, "A")] == ["E1", "E3"]


def test_a_refused_move_changes_nothing(app: FastAPI, filled: Store) -> None:
    """Where the second person refuses, every record stays as it was."""
    before = count_records(filled)
    for asked in (
        ask_merge(app, filled, "A", "B"),
        ask(app, filled, "A", "split", case_id="C", events=["E2"])["confirmation_key"],
    ):
        assert settle(app, asked, "refused") == (201, None)
    assert count_records(filled) == before


def test_a_merge_is_undone_by_a_split_that_names_it(app: FastAPI, filled: Store) -> None:
    """All that the merge brought goes to a new case, and the other has its own records again."""
    held = list_told(filled, "A"), list_told(filled, "B")
    settle(app, ask_merge(app, filled, "A", "B"))
    with filled.reading() as connection:
        merge_key = connection.execute(select(case_moves.c.move_key)).scalar_one()
    undo = ask(app, filled, "B", "split", case_id="A again", merge_key=merge_key)
    assert settle(app, undo["confirmation_key"]) == (201, None)
    assert list_told(filled, "B") == held[1]
    kinds = [kind for _, kind in list_told(filled, "A again")]
    assert kinds == [kind for _, kind in held[0]]
    answers = [tuple(row[1:]) for row in list_told(filled, "A again", "facts")]
    assert answers == [("frightened", "yes", "yes")]
    assert stand_of(filled, key_of(filled, "A again")).state == "awaiting"


def test_a_split_is_undone_by_a_merge(app: FastAPI, filled: Store) -> None:
    """What was split off comes back to the case that it was taken from."""
    kinds = [kind for _, kind in list_told(filled, "A")]
    asked = ask(app, filled, "A", "split", case_id="C", events=["E2"])
    settle(app, asked["confirmation_key"])
    settle(app, ask_merge(app, filled, "C", "A"))
    assert [kind for _, kind in list_told(filled, "A")] == kinds
    assert stand_of(filled, key_of(filled, "C")).state == "closed"


def test_a_merge_key_of_another_case_brings_nothing(app: FastAPI, filled: Store) -> None:
    """A split that names no merge into the case is refused, with nothing to confirm."""
    answer = come_in(app, SCREENER).post(
        f"/v1/cases/{key_of(filled, 'B')}/split",
        json={"case_id": "C", "merge_key": "m" * 24, "why": WHY},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_move")
    assert list_waiting(app) == []


def test_a_move_that_cannot_be_made_any_more_goes_on_waiting(app: FastAPI, filled: Store) -> None:
    """Where the other case was closed meanwhile, confirming is refused and nothing is settled."""
    asked = ask_merge(app, filled, "A", "B")
    decide_now(filled, key_of(filled, "B"), write_closing())
    assert settle(app, asked) == (409, "target_closed")
    assert [one["confirmation_key"] for one in list_waiting(app)] == [asked]
    assert settle(app, asked, "refused") == (201, None)


def test_a_move_without_a_reason_is_not_asked_for(app: FastAPI, filled: Store) -> None:
    """The second person is told why, so that whoever asks says it."""
    path = f"/v1/cases/{key_of(filled, 'A')}/split"
    answer = come_in(app, SCREENER).post(path, json={"case_id": "C", "events": ["E1"]})
    assert answer.status_code == 422
    (problem,) = answer.json()["error"]["problems"]
    assert (problem["where"], problem["code"]) == ("why", "no_reason")


def test_the_audit_log_names_both_cases_of_a_merge(app: FastAPI, filled: Store) -> None:
    """The line of who asked and that of who confirmed name the case and the one it goes into."""
    keys = [key_of(filled, "A"), key_of(filled, "B")]
    before = last_line(filled)
    settle(app, ask_merge(app, filled, "A", "B"))
    named = [sorted(cases) for _, cases in lines_since(filled, before) if cases]
    assert named == [sorted(keys)] * 2


def test_pages_say_what_a_move_waits_for(app: FastAPI, filled: Store) -> None:
    """Both cases' pages and the page of the second person say what would happen and who asked."""
    ask_merge(app, filled, "A", "B")
    for name in "AB":
        page = come_in(app, SCREENER).get(f"/cases/{key_of(filled, name)}")
        text = read_text(page.text)
        assert "Waits for a second person: merge of a case into another" in text
        assert "Nothing changes until it is confirmed" in text
        assert "Withdraw it" in text
    theirs = come_in(app, NURSE).get(f"/cases/{key_of(filled, 'A')}")
    assert "Confirm or refuse it" in read_text(theirs.text)
    text = read_text(come_in(app, NURSE).get("/confirmations").text)
    for words in ("Merge of a case into another", WHY, "the first case is closed for good"):
        assert words in text


def test_who_asked_withdraws_a_move_on_the_case_s_page(app: FastAPI, filled: Store) -> None:
    """The form withdraws it, and the page says nothing of it any more."""
    asked = ask_merge(app, filled, "A", "B")
    own = come_in(app, SCREENER)
    said = {"outcome": "withdrawn", "why": "the numbers are of two people"}
    assert own.post(f"/confirmations/{asked}", data=said).status_code == 303
    assert "Waits for a second person" not in read_text(
        own.get(f"/cases/{key_of(filled, 'A')}").text
    )


# --- areas ------------------------------------------------------------------------------------


def transfer(app: FastAPI, store: Store, area: str) -> tuple[int, str | None]:
    path = f"/v1/cases/{key_of(store, 'A')}/transfer"
    answer = come_in(app, SCREENER).post(path, json={"area": area, "why": "moved house"})
    problems = answer.json().get("error", {}).get("problems", [])
    return answer.status_code, problems[0]["code"] if problems else None


def test_no_case_is_handed_to_an_area_that_no_case_is_in(app: FastAPI, filled: Store) -> None:
    """Without areas in the access file an area is one of the store's; another hides the case from
    nobody by a slip.
    """
    before = stand_of(filled, key_of(filled, "A"))
    assert transfer(app, filled, "Atlantis") == (422, "unknown_area")
    assert stand_of(filled, key_of(filled, "A")) == before
    assert transfer(app, filled, "south") == (200, None)
    assert stand_of(filled, key_of(filled, "A")).area == "south"


def test_an_area_that_a_sealed_case_alone_is_in_is_unknown(app: FastAPI, filled: Store) -> None:
    """Whether an area is known says nothing of a case that is sealed."""
    seal(filled, add(filled, "Z", "hidden valley"))
    assert transfer(app, filled, "hidden valley") == (422, "unknown_area")


def test_areas_are_those_that_the_access_file_gives(
    filled: Store, address: str, tmp_path: Path
) -> None:
    """A case that somebody sent for an area of nobody's makes that area no more known."""
    path = tmp_path / "access.yaml"
    path.write_text(ACCESS, encoding="utf-8")
    send(filled, {"cases": [make_case("X", area="Atlantis")]})
    app = make_application(address, filled.clock, access_file=path)
    assert transfer(app, filled, "Atlantis") == (422, "unknown_area")
    assert transfer(app, filled, "south") == (200, None)
    close_application(app)
