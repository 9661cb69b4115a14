import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from serving.errors import ServiceError
from serving.flags.first_reads import (
    UnreadCases,
    ensure_first_read,
    read_unread,
    record_first_read,
)
from serving.persons import Person
from serving.standing.standings import StandingRules, check_standings, refresh_standings
from serving.store.database import Store
from serving.store.row_text import Clockface
from serving.store.schema import case_keys, cases, events, first_reads, imports, scores, standings

DAY_US = 86_400_000_000
NOW_US = 1_772_000_000_000_000
ANNE = Person("SYN Anne", "screener", "police")
BEN = Person("SYN Ben", "health", "health")
RULES = StandingRules(first_read_days=3)


def name(number: int) -> str:
    return f"case{number}".ljust(24, "-")


def add_case(store: Store, number: int, days_ago: float, *, closed: bool = False) -> str:
    key = name(number)
    arrived = NOW_US - round(days_ago * DAY_US)
    with store.writing() as writing:
        connection, seq = writing.connection, writing.take_seq(3)
        connection.execute(
            insert(case_keys).values(
                case_key=key, case_id=f"C{number}", retention_class="standard", stored_seq=seq
            )
        )
        connection.execute(insert(cases).values(case_key=key, recorded_at=arrived, stored_seq=seq))
        if closed:
            event = {"case_key": key, "event_id": "E1", "kind": "closed", "handling": "unit"}
            event |= {"occurred_at": arrived, "recorded_at": arrived, "stored_seq": seq + 1}
            connection.execute(insert(events).values(event))
        refresh_standings(writing, [key], RULES)
    return key


def record(store: Store, key: str, person: Person, note: str | None = None) -> Any:
    with store.writing() as writing:
        return record_first_read(writing, key, person, note, RULES)


def look(store: Store, **more: Any) -> UnreadCases:
    with store.reading() as connection:
        return read_unread(connection, NOW_US, Clockface("UTC"), **more)


def list_keys(found: UnreadCases) -> list[str]:
    return [case.key for case in found.items]


def add_import(store: Store, name: str, begun_days_ago: float) -> str:
    """Put an import into the store that began so many days ago; return its key."""
    key = f"import-{name}".ljust(24, "-")
    numbers = dict.fromkeys(("rows_done", "added", "repeats", "conflicts", "rejects"), 0)
    row = {"import_key": key, "source_digest": name, "position": {}, **numbers, **ANNE.columns()}
    row |= {"begun_at_us": NOW_US - round(begun_days_ago * DAY_US)}
    with store.writing() as writing:
        known = {one.name for one in imports.columns}
        content = {name: value for name, value in row.items() if name in known}
        writing.connection.execute(insert(imports).values(content))
    return key


@pytest.mark.parametrize(
    ("known_days_ago", "came_days_ago", "due_in_days"),
    [
        pytest.param(4, 0, -1, id="late: the days count from when the unit knew"),
        pytest.param(90, 0.5, -87, id="as late as can be"),
        pytest.param(91, 0.5, 2.5, id="history that was loaded counts from its import"),
        pytest.param(30, 20, -17, id="the store's first import"),
    ],
)
def test_the_days_for_a_first_read_count_from_when_the_unit_knew(
    store: Store, known_days_ago: float, came_days_ago: float, due_in_days: float
) -> None:
    """A case that came late is due as if it had not; history that was loaded is not overdue."""
    add_import(store, "first", 20)
    came = add_import(store, "later", came_days_ago)
    key = name(1)
    with store.writing() as writing:
        seq = writing.take_seq()
        row = {"case_key": key, "recorded_at": NOW_US - known_days_ago * DAY_US}
        writing.connection.execute(
            insert(cases).values(row | {"stored_seq": seq, "import_key": came})
        )
        refresh_standings(writing, [key], RULES)
    with store.reading() as connection:
        due = connection.execute(select(standings.c.first_read_due_us)).scalar_one()
        assert check_standings(connection, RULES, now_us=NOW_US) == []
    assert due == NOW_US + round(due_in_days * DAY_US)


def test_every_new_case_is_due_within_the_set_days(store: Store) -> None:
    """A case is due three days after it arrived, overdue from that moment on; oldest first."""
    for number, days_ago in ((1, 1.0), (2, 5.0), (3, 3.0), (4, 2.9)):
        add_case(store, number, days_ago)
    found = look(store)
    assert [(case.case_id, case.overdue) for case in found.items] == [
        ("C2", True),
        ("C3", True),
        ("C4", False),
        ("C1", False),
    ]
    assert (found.n_due, found.n_overdue) == (2, 2)
    assert list_keys(look(store, overdue=True)) == [name(2), name(3)]
    assert list_keys(look(store, overdue=False)) == [name(4), name(1)]


def test_a_first_read_takes_a_case_off_the_list(store: Store) -> None:
    """Who read it is kept with role, agency, moment and note, and the case is due no more."""
    key = add_case(store, 1, 5)
    read = record(store, key, ANNE, "seen")
    assert (read.person, read.read_at_us, read.note) == (ANNE, NOW_US, "seen")
    assert look(store).items == ()
    with store.reading() as connection:
        row = connection.execute(select(standings)).one()
        assert row.first_read_at_us == NOW_US
        assert check_standings(connection, RULES, now_us=NOW_US) == []


def test_a_closed_case_stays_listed_until_somebody_read_it(store: Store) -> None:
    """Closing a case does not read it: it stays overdue."""
    key = add_case(store, 1, 5, closed=True)
    [case] = look(store, overdue=True).items
    assert (case.key, case.state) == (key, "closed")
    record(store, key, ANNE)
    assert look(store).items == ()


def test_a_score_changes_no_first_read(store: Store) -> None:
    """A case of the lowest score is due like any other (promise 2)."""
    key = add_case(store, 1, 5)
    with store.writing() as writing:
        score = {"score_key": name(9), "case_key": key, "as_of_us": NOW_US, "known_seq": 3}
        score |= {"occasion": "nightly", "bundle_id": "b", "catalogue_digest": "c"}
        score |= {"engine_version": "1", "priority": 0.0, "priority_as_recorded": 0.0}
        score |= {"leading_outcome": "", "log_odds": {}, "stored_seq": writing.take_seq()}
        writing.connection.execute(insert(scores).values(score))
        refresh_standings(writing, [key], RULES)
    assert list_keys(look(store, overdue=True)) == [key]


def test_a_second_first_read_is_told_of_the_first(store: Store) -> None:
    """A case is read first once; whoever comes second learns who was first and when."""
    key = add_case(store, 1, 1)
    record(store, key, ANNE)
    with pytest.raises(ServiceError) as refused:
        record(store, key, BEN)
    assert refused.value.code == "already_read"
    assert refused.value.body.message == (
        "SYN Anne (screener, police) read this case first, at 2026-02-25 06:13:20+00:00"
    )
    with store.reading() as connection:
        assert connection.execute(select(first_reads.c.person)).scalar_one() == "SYN Anne"


def test_deciding_counts_as_reading(store: Store) -> None:
    """Where a case was read before, making sure of it changes nothing and is no error."""
    key = add_case(store, 1, 1)
    with store.writing() as writing:
        assert ensure_first_read(writing, key, ANNE, rules=RULES).is_new
    with store.writing() as writing:
        second = ensure_first_read(writing, key, BEN, rules=RULES)
    assert (second.is_new, second.first.person) == (False, ANNE)
    assert look(store).items == ()


@pytest.mark.parametrize("role", ["data_scientist", "auditor"])
def test_only_those_who_act_on_cases_read_them_first(store: Store, role: str) -> None:
    """A first read by somebody who looks for another purpose does not count."""
    key = add_case(store, 1, 5)
    with pytest.raises(ServiceError) as refused:
        record(store, key, Person("SYN Cleo", role, "unit"))
    assert refused.value.code == "not_a_reader"
    assert list_keys(look(store)) == [key]


@pytest.mark.parametrize("key", [name(9), "short", "\0" * 24])
def test_a_case_that_is_not_there_cannot_be_read(store: Store, key: str) -> None:
    """An unknown key is told as such on both databases."""
    with pytest.raises(ServiceError) as refused:
        record(store, key, ANNE)
    assert refused.value.code == "no_such_case"


def test_pages_reach_every_unread_case_once(store: Store) -> None:
    """Page by page every unread case comes once, in order, and those read meanwhile are passed."""
    days = [9, 9, 7, 5, 1, 1, 0.5]
    keys = [add_case(store, number, day) for number, day in enumerate(days)]
    first = look(store, size=3)
    assert list_keys(first) == keys[:3]
    record(store, keys[2], ANNE)
    record(store, keys[3], ANNE)
    second = look(store, size=3, cursor=first.next_cursor)
    assert (list_keys(second), second.next_cursor) == (keys[4:], None)


@pytest.mark.parametrize("cursor", ["", "nowhere", name(9), "\0" * 24])
def test_a_cursor_that_leads_nowhere_is_refused(store: Store, cursor: str) -> None:
    """A made-up cursor is an error, never an empty page."""
    add_case(store, 1, 1)
    with pytest.raises(ServiceError) as refused:
        look(store, cursor=cursor)
    assert refused.value.code == "bad_cursor"


def test_of_two_people_at_once_one_was_first(
    store: Store, open_another: Callable[[], Store]
) -> None:
    """Two people on two servers who read a case at the same moment: one first read stands."""
    key = add_case(store, 1, 1)
    start = threading.Barrier(2)
    told: list[str] = []

    def read(server: Store, person: Person) -> None:
        start.wait()
        try:
            record(server, key, person)
            told.append("read")
        except ServiceError as error:
            told.append(error.code)

    threads = [
        threading.Thread(target=read, args=(open_another(), person)) for person in (ANNE, BEN)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["already_read", "read"]
    with store.reading() as connection:
        count = connection.execute(select(func.count()).select_from(first_reads)).scalar_one()
        assert count == 1
