"""New cases above a sender's daily number: none is refused, all are flagged, and none takes the
place of a case that really waits.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from serving.intake.folder_imports import import_folder
from serving.intake.held_cases import read_held_keys
from serving.lists.draws import Division
from serving.lists.pools import read_pools
from serving.persons import Person
from serving.settings import Settings
from serving.standing.standings import refresh_standings
from serving.store.database import Store
from serving.store.schema import case_keys, confirmations, flag_raisings, standings
from serving.store.schema import unit as unit_table
from tests.conftest import SmallUnit
from tests.test_serving.access.test_rights import seal
from tests.test_serving.acts import NURSE, SCREENER, add_case, add_flag
from tests.test_serving.confirmations.confirming import (
    COLLEAGUE,
    come_in,
    last_line,
    lines_since,
    list_waiting,
    settle,
)
from tests.test_serving.entered import ORIGIN, close_application, enter, make_application
from tests.test_serving.reading_pages import read_text
from tests.test_serving.sent_rows import key_of, make_case, write_rows

pytestmark = pytest.mark.long

MOST = 3
AUDITOR = Person("SYN Ada", "auditor", "unit")
OLD = "2020-01-01"
"""When invented cases say that they began: they would be the longest waits."""


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store, with a small daily number."""
    made = make_application(address, store.clock, sender_cases_per_day=MOST)
    yield made
    close_application(made)


def post(app: FastAPI, *case_ids: str, person: Person = SCREENER, **more: Any) -> dict[str, Any]:
    """Send new cases in one request; return what was said of it."""
    asked = {"cases": [make_case(name, recorded_at=OLD, **more) for name in case_ids]}
    answer = come_in(app, person).post("/v1/records", json=asked)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def find_held(store: Store) -> set[str]:
    """Return the identifiers of the cases that are held apart."""
    with store.reading() as connection:
        held = read_held_keys(connection)
        rows = connection.execute(select(case_keys.c.case_key, case_keys.c.case_id)).all()
    return {row.case_id for row in rows if row.case_key in held}


def read_places(store: Store, size: int, ordering: Any = "model") -> Any:
    """Return what a list of some places would be made from, all cases drawn at random."""
    division = Division(size, 0, 0, 0, Fraction(size))
    with store.reading() as connection:
        return read_pools(connection, division, ordering=ordering, seed="a")


def test_three_thousand_invented_cases_push_no_real_one_out(store: Store, address: str) -> None:
    """All are stored at once; of the longest waits and the random places they have the usual
    number's and no more, until a second person confirms them.
    """
    app = make_application(address, store.clock)
    real = add_case(store, "REAL")
    told = post(app, *(f"INVENTED-{n}" for n in range(3_000)))
    assert (told["added"], told["rejects"], told["not_taken"]) == (3_000, 0, [])
    with store.reading() as connection:
        assert len(read_held_keys(connection)) == 2_800
        assert connection.execute(select(func.count()).select_from(standings)).scalar_one() == 3_001
    for ordering in ("model", "longest_wait"):
        pools = read_places(store, 300, ordering)
        assert pools.n_eligible == 201
        assert {real} < {one.key for one in pools.drawn} & {one.key for one in pools.waited}
        assert len({one.key for one in (*pools.drawn, *pools.waited, *pools.prior)}) == 201
    close_application(app)


def test_cases_within_the_daily_number_are_like_any_other(app: FastAPI, store: Store) -> None:
    """Nobody is asked and nothing is held apart; a case that is there already does not count."""
    post(app, "A", "B")
    post(app, "A", "B", "C")
    assert (find_held(store), list_waiting(app)) == (set(), [])
    assert read_places(store, 9).n_eligible == MOST


def test_the_number_is_counted_over_the_day_and_by_sender(
    app: FastAPI, store: Store, clock: Any
) -> None:
    """Requests of one day add up; another sender's do not count, and a new day begins anew."""
    post(app, "A", "B")
    post(app, "C", "D")
    post(app, "E", person=COLLEAGUE)
    assert find_held(store) == {"D"}
    clock.pass_days(0.7)  # 22:00 of the same day
    post(app, "F")
    assert find_held(store) == {"D", "F"}
    clock.pass_days(0.1)  # after midnight
    post(app, "G", "H", "I")
    assert find_held(store) == {"D", "F"}


def put(client: TestClient, key: str, names: str, start: int = 0) -> None:
    """Send new cases as rows of an import that goes on."""
    lines = "\n".join(
        f'{{"table": "cases", "row": {{"case_id": "{name}", "recorded_at": "{OLD}"}}}}'
        for name in names
    )
    headers = {"content-type": "application/x-ndjson"}
    answer = client.put(f"/v1/imports/{key}/rows?from={start}", content=lines, headers=headers)
    assert (answer.status_code, answer.json()["added"]) == (200, start + len(names))


def test_a_stream_of_rows_counts_as_well(app: FastAPI, store: Store) -> None:
    """What an import brings is held apart as what one request brings, however it is parted."""
    client = come_in(app, SCREENER)
    key = client.post("/v1/imports", json={"source_digest": "d"}).json()["import_key"]
    put(client, key, "ABCD")
    put(client, key, "E", 4)
    assert find_held(store) == {"D", "E"}


def test_an_import_that_another_goes_on_with_counts_on(app: FastAPI, store: Store) -> None:
    """An administrator who sends rows of somebody else's import does not begin at nothing."""
    key = come_in(app, SCREENER).post("/v1/imports", json={"source_digest": "d"})
    administrator = enter(app, "administrator", name="SYN Administrator", agency="unit")
    for start, name in enumerate("ABCDE"):
        put(administrator, key.json()["import_key"], name, start)
    assert find_held(store) == {"D", "E"}


def test_a_folder_into_a_store_of_real_cases_counts_as_well(store: Store, tmp_path: Path) -> None:
    """Whoever imports a folder where cases are real answers for their number; on a synthetic store
    they are nobody in particular.
    """
    rows = {"cases": [make_case(name, recorded_at=OLD) for name in "ABCDE"]}
    settings = Settings(sender_cases_per_day=MOST)
    with store.writing() as writing:
        writing.connection.execute(update(unit_table).values(synthetic=False))
    folder = write_rows(tmp_path / "real", rows, synthetic=False)
    done = import_folder(store, folder, SCREENER, settings, lambda message: None)
    assert (done.added, done.rejects) == (5, 0)
    assert find_held(store) == {"D", "E"}


def test_a_synthetic_store_is_filled_by_nobody_in_particular(store: Store, tmp_path: Path) -> None:
    """A demonstration's folder of any size is not held apart."""
    rows = {"cases": [make_case(name, recorded_at=OLD) for name in "ABCDE"]}
    folder = write_rows(tmp_path / "invented", rows)
    settings = Settings(sender_cases_per_day=MOST)
    import_folder(store, folder, SCREENER, settings, lambda message: None)
    assert find_held(store) == set()


def test_flags_of_held_cases_are_raised_at_once(
    store: Store, address: str, small_unit: SmallUnit
) -> None:
    """One of them may be real: each is scored and has its urgent flag in the duty queue."""
    app = make_application(address, store.clock, sender_cases_per_day=1, bundle=small_unit.bundle)
    cases = [
        make_case(name, recorded_at="2026-02-20")
        | {
            "events": [
                {
                    "event_id": f"{name}1",
                    "kind": "strangulation",
                    "occurred_at": "2026-02-23",
                    "recorded_at": "2026-02-24",
                }
            ]
        }
        for name in "ABC"
    ]
    told = come_in(app, SCREENER).post("/v1/records", json={"cases": cases}).json()
    assert (told["added"], told["scored"]) == (6, 3)
    assert find_held(store) == {"B", "C"}
    with store.reading() as connection:
        query = select(flag_raisings.c.case_key).where(flag_raisings.c.urgent)
        assert len(set(connection.execute(query).scalars())) == 3
    flagged = read_places(store, 9).flagged
    assert {one.key for one in flagged} == {key_of(store, name) for name in "ABC"}
    close_application(app)


def test_a_second_person_lets_them_wait_as_any_other(
    app: FastAPI, store: Store, clock: Any
) -> None:
    """Another agency confirms the hour once it is over; what comes in it later is not let through
    unseen.
    """
    post(app, *"ABCDE")
    (asked,) = list_waiting(app)
    assert (asked["kind"], asked["effect"], asked["n_cases"]) == ("held_cases", "at_once", 2)
    assert asked["cases"] == [key_of(store, "D"), key_of(store, "E")]
    assert settle(app, asked["confirmation_key"], person=COLLEAGUE) == (403, "other_agency_needed")
    assert settle(app, asked["confirmation_key"]) == (409, "cases_still_coming")
    post(app, "F")
    assert [one["n_cases"] for one in list_waiting(app)] == [3]
    clock.pass_days(1 / 24)
    assert settle(app, asked["confirmation_key"]) == (201, None)
    assert find_held(store) == set()
    assert read_places(store, 9).n_eligible == 6


def test_each_hour_is_asked_for_once(app: FastAPI, store: Store, clock: Any) -> None:
    """A thousand requests of one hour are one thing to confirm; those of the next are another."""
    post(app, *"ABCD")
    for name in "EFG":
        post(app, name)
    clock.pass_days(1 / 24)
    post(app, "H")
    assert [one["n_cases"] for one in list_waiting(app)] == [4, 1]


def test_refused_cases_stay_apart(app: FastAPI, store: Store) -> None:
    """Where the second person says that they are invented they take no such place; a flag of one
    brings it on the list all the same.
    """
    post(app, *"ABCDE")
    (asked,) = list_waiting(app)
    assert settle(app, asked["confirmation_key"], "refused") == (201, None)
    assert find_held(store) == {"D", "E"}
    key = key_of(store, "D")
    add_flag(store, key, "new_strangulation", "", due_us=1)
    with store.writing() as writing:
        refresh_standings(writing, [key])
    assert [one.key for one in read_places(store, 9).flagged] == [key]


def test_nobody_settles_their_own_number_and_it_cannot_be_withdrawn(
    app: FastAPI, store: Store
) -> None:
    """The sender neither confirms nor takes back what waits."""
    post(app, *"ABCDE")
    (asked,) = list_waiting(app)
    for outcome, code in (
        ("confirmed", (403, "other_person_needed")),
        ("withdrawn", (409, "cannot_be_withdrawn")),
    ):
        assert settle(app, asked["confirmation_key"], outcome, SCREENER) == code


def test_what_nobody_confirmed_goes_to_the_auditor(app: FastAPI, store: Store, clock: Any) -> None:
    """Three days later the auditor of every area has it before them."""
    post(app, *"ABCDE")
    assert list_waiting(app, AUDITOR) == []
    clock.pass_days(3.01)
    assert [one["overdue"] for one in list_waiting(app, AUDITOR)] == [True]


def test_the_audit_log_names_the_cases_that_are_held_apart(app: FastAPI, store: Store) -> None:
    """A line says which cases were above the number, beside the line of all that came."""
    before = last_line(store)
    post(app, *"ABCDE")
    named = [cases for _, cases in lines_since(store, before) if cases]
    every = {key_of(store, case_id) for case_id in "ABCDE"}
    assert sorted(map(sorted, named), key=len) == [
        sorted([key_of(store, "D"), key_of(store, "E")]),
        sorted(every),
    ]


def test_a_sealed_case_is_in_no_number_of_those_held_apart(app: FastAPI, store: Store) -> None:
    """Neither the confirmation nor the list says that it is there."""
    post(app, *"ABCDE")
    seal(store, key_of(store, "E"))
    (asked,) = list_waiting(app)
    assert (asked["cases"], asked["n_cases"]) == ([key_of(store, "D")], 1)
    text = read_text(enter(app, "auditor", name=AUDITOR.name).get("/oversight").text)
    assert "1 new case came above their sender's daily number" in text


def test_pages_and_gauges_raise_the_alarm(app: FastAPI, store: Store) -> None:
    """The list, the case, the oversight and a gauge tell that cases are held apart."""
    post(app, *"ABCDE")
    screener = come_in(app, SCREENER)
    assert screener.post("/v1/sittings", json={}).status_code in (200, 201)
    assert "2 new cases are held apart" in read_text(screener.get("/").text)
    assert "Held apart." in read_text(screener.get(f"/cases/{key_of(store, 'D')}").text)
    assert "Held apart." not in read_text(screener.get(f"/cases/{key_of(store, 'A')}").text)
    auditor = enter(app, "auditor", name=AUDITOR.name)
    assert "2 new cases came above" in read_text(auditor.get("/oversight").text)
    waiting = read_text(come_in(app, NURSE).get("/confirmations").text)
    for words in ("More new cases than this sender usually sends", "at most 3", SCREENER.name):
        assert words in waiting
    here = TestClient(app, base_url=ORIGIN, client=("127.0.0.1", 50_000))
    assert "caselight_cases_held_apart 2.0" in here.get("/metrics").text


def test_what_was_asked_is_in_the_store_once(app: FastAPI, store: Store) -> None:
    """A repeat of the same request brings no case, and asks for nobody again."""
    post(app, *"ABCDE")
    post(app, *"ABCDE")
    with store.reading() as connection:
        query = select(func.count()).select_from(confirmations)
        assert connection.execute(query).scalar_one() == 1
