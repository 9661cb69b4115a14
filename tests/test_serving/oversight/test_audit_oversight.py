"""Unusual looking is told by stated rules, with the figure that made it so, and nobody else is."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from serving.oversight.access_log import EntryFilter, read_lines, read_looks_at
from serving.oversight.unusual_access import (
    USUAL_LIMITS,
    AccessPeriod,
    find_busy,
    find_crowded,
    find_unusual,
    is_out_of_hours,
)
from serving.persons import MACHINE, Person
from serving.store.audit_lines import LOOKS
from serving.store.current_act import SERVICE, Act, acting
from serving.store.database import Store, make_key
from serving.store.schema import seals
from tests.test_serving.acts import add_case, decide_now, write_closing
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_fact, send
from tests.test_serving.store.test_audit_chain import ANNE, BEN, KEY, change, look, make_whole

DAY_US = 86_400_000_000
ZONE = "Europe/London"
CLEO = Person("SYN Cleo", "screener", "advocacy", subject="issuer|cleo")
DORA = Person("SYN Dora", "screener", "health", subject="issuer|dora")
DUTY = Person("SYN Duty", "duty", "police", subject="issuer|duty")
PROGRAM = Person("SYN program", MACHINE, "unit", subject="issuer|program")


@pytest.fixture
def books(store: Store) -> Store:
    """Return a store with books."""
    return make_whole(store)


def at(text: str) -> int:
    """Return a moment, microseconds UTC."""
    return round(dt.datetime.fromisoformat(text).timestamp()) * 1_000_000


def find(store: Store, **limits: Any) -> Any:
    now_us = store.clock()
    return find_unusual(
        store, AccessPeriod(now_us - 28 * DAY_US, now_us + 1), replace(USUAL_LIMITS, **limits)
    )


def name(found: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.person.name, one.case_keys) for one in found]


def test_ordinary_looking_is_not_told(books: Store, clock: Any) -> None:
    """A few looks in working hours name nobody."""
    clock.now_us = at("2026-02-25T10:00:00+00:00")
    look(books, ANNE, case_key=KEY)
    look(books, BEN, case_key=KEY)
    found = find(books)
    assert (found.n_looks, found.n_persons) == (2, 2)
    lists = ("refused", "busy", "crowded", "out_of_hours", "closed", "sealed", "own_name")
    assert [getattr(found, one) for one in lists] == [()] * 7


def test_refused_looks_are_told_by_person(books: Store) -> None:
    """Who asked for cases that they may not see is told with the cases and how often."""
    other = "o" * 24
    look(books, ANNE, case_key=KEY, done=False)
    look(books, ANNE, case_key=other, done=False)
    look(books, ANNE, case_key=KEY, done=False)
    look(books, BEN, done=False)
    found = find(books).refused
    assert name(found) == [("SYN Anne", (KEY, other)), ("SYN Ben", ())]
    assert [one.n_looks for one in found] == [3, 1]


def test_a_look_outside_the_period_is_not_counted(books: Store, clock: Any) -> None:
    """The first moment of a period is in it, and the last is not."""
    moments = []
    for _ in range(3):
        moments.append(clock.now_us)
        look(books, ANNE, case_key=KEY, done=False)
        clock.pass_days(1)
    period = AccessPeriod(moments[1], moments[2])
    assert [one.n_looks for one in find_unusual(books, period).refused] == [1]


def test_volume_is_held_against_the_others_of_the_role() -> None:
    """Only who opened the least number and a multiple of the others' median is told."""
    limits = replace(USUAL_LIMITS, times_median=3, least_cases=10)
    many = {ANNE: 31, CLEO: 10, DORA: 2, BEN: 100}
    (told,) = find_busy(many, limits)
    assert (told.person, told.n_cases, told.median_of_others, told.n_others) == (ANNE, 31, 6.0, 2)
    assert find_busy({ANNE: 30, CLEO: 10, DORA: 10}, limits) == ()
    assert find_busy({ANNE: 9, CLEO: 1, DORA: 1}, limits) == ()


def test_volume_counts_cases_and_not_looks(books: Store) -> None:
    """Opening one case again and again is no volume; rows of a list are not opened."""
    for _ in range(5):
        look(books, ANNE, case_key=KEY)
    look(books, ANNE, cases=[make_key() for _ in range(50)])
    look(books, CLEO, case_key=KEY)
    assert find(books, least_cases=2).busy == ()
    for _ in range(4):
        look(books, ANNE, case_key=make_key())
    (told,) = find(books, least_cases=2).busy
    assert (told.person.name, told.n_cases, told.median_of_others) == ("SYN Anne", 5, 1.0)


def test_a_case_that_many_open_is_told() -> None:
    """Only a case with the least number of persons and a multiple of the other cases is told."""
    crowd = [{"a"}, {"a"}, {"a"}, {"a", "b"}, {"c"}]
    (told,) = find_crowded(crowd, replace(USUAL_LIMITS, times_median=3, least_persons=3))
    assert (told.case_key, told.n_persons, told.median_of_others) == ("a", 4, 1.0)
    assert find_crowded(crowd, replace(USUAL_LIMITS, times_median=3, least_persons=5)) == ()
    assert find_crowded(crowd, replace(USUAL_LIMITS, times_median=4, least_persons=3)) == ()
    assert find_crowded([], USUAL_LIMITS) == ()


@pytest.mark.parametrize(
    ("moment", "out"),
    [
        ("2026-02-25T06:59:59+00:00", True),
        ("2026-02-25T07:00:00+00:00", False),
        ("2026-02-25T18:59:59+00:00", False),
        ("2026-02-25T19:00:00+00:00", True),
        ("2026-02-28T12:00:00+00:00", True),  # a Saturday
        ("2026-07-01T06:00:00+00:00", False),  # 07:00 in summer
        ("2026-07-01T18:00:00+00:00", True),
    ],
)
def test_working_hours_are_those_of_the_units_clock(moment: str, out: bool) -> None:
    """The first hour is in, the last is out, and summer time counts."""
    assert is_out_of_hours(at(moment), ZONE, USUAL_LIMITS) is out


def test_looks_at_night_are_told_but_for_those_on_duty(books: Store, clock: Any) -> None:
    """Roles that work at any hour, programs, and the service itself are not told."""
    clock.now_us = at("2026-02-25T02:00:00+00:00")
    for person in (ANNE, DUTY, PROGRAM, SERVICE):
        look(books, person, case_key=KEY)
    assert name(find(books).out_of_hours) == [("SYN Anne", (KEY,))]


def test_a_look_after_a_case_was_closed_is_told(books: Store, clock: Any) -> None:
    """A look before the case was closed is not told, one after it is."""
    key = add_case(books)
    look(books, ANNE, case_key=key)
    clock.pass_days(1)
    decide_now(books, key, write_closing())
    clock.pass_days(1)
    look(books, BEN, case_key=key)
    assert name(find(books).closed) == [("SYN Ben", (key,))]


def seal(store: Store, key: str, *, sealed: bool = True) -> None:
    with store.writing() as writing:
        writing.connection.execute(
            insert(seals).values(
                seal_key=make_key(),
                case_key=key,
                sealed=sealed,
                why="a test",
                sealed_at_us=writing.now_us,
                stored_seq=writing.take_seq(),
                **BEN.columns(),
            )
        )


def test_looks_at_sealed_cases_are_told(books: Store) -> None:
    """Whoever looked at a case that is sealed now is told; a seal that was lifted is none."""
    key, lifted = add_case(books, "A"), add_case(books, "B")
    for one in (key, lifted):
        seal(books, one)
        look(books, ANNE, case_key=one)
    seal(books, lifted, sealed=False)
    assert name(find(books).sealed) == [("SYN Anne", (key,))]


def test_a_case_with_the_persons_own_name_is_told(books: Store) -> None:
    """An answer or a detail that is the person's name is found, whatever its case and spaces."""
    send(
        books,
        {
            "cases": [make_case(one) for one in "ABCD"],
            "facts": [
                make_fact("F1", "A", value=" syn anne "),
                make_fact("F2", "C", value="SYN Annette"),
            ],
            "events": [
                make_event("E1", "B", detail="SYN ANNE"),
                make_event("E2", "D", narrative="SYN Anne"),
            ],
        },
    )
    keys = {one: key_of(books, one) for one in "ABCD"}
    for key in keys.values():
        look(books, ANNE, case_key=key)
        look(books, CLEO, case_key=key)
    assert name(find(books).own_name) == [("SYN Anne", tuple(sorted((keys["A"], keys["B"]))))]


def test_people_are_told_by_name_and_not_by_number(books: Store) -> None:
    """The order is that of names: nothing here is a league table."""
    for person, times in ((CLEO, 1), (ANNE, 2), (DORA, 3)):
        for _ in range(times):
            look(books, person, case_key=KEY, done=False)
    assert [one.person.name for one in find(books).refused] == ["SYN Anne", "SYN Cleo", "SYN Dora"]


def test_who_looked_at_a_case_is_told_page_by_page(books: Store) -> None:
    """Looks at a case, on its own, in a list or refused, are read back the latest first."""
    other = "o" * 24
    look(books, ANNE, case_key=KEY)
    look(books, BEN, cases=[other, KEY])
    look(books, CLEO, case_key=other)
    look(books, DORA, case_key=KEY, done=False)
    page = read_looks_at(books, KEY, size=2)
    assert [(one.person, one.done) for one in page.items] == [
        ("SYN Dora", False),
        ("SYN Ben", True),
    ]
    assert page.next_cursor == 2
    rest = read_looks_at(books, KEY, before=page.next_cursor, size=2)
    assert ([one.person for one in rest.items], rest.next_cursor) == (["SYN Anne"], None)


def test_lines_are_read_by_person_and_operation(books: Store) -> None:
    """Lines of one book are filtered by what the sign-in knows somebody by, and by operation."""
    for person in (ANNE, BEN, ANNE):
        change(books, person)
    with acting(Act(ANNE, "disclosure", "GET /v1/test", recipient="SYN agency")):
        books.look()
    found = read_lines(books, EntryFilter("changes", subject=ANNE.subject))
    assert [one.number for one in found.items] == [3, 1]
    assert read_lines(books, EntryFilter("changes", operation="disclosure")).items == ()
    (line,) = read_lines(books, EntryFilter(LOOKS, operation="disclosure")).items
    assert (line.recipient, line.cases) == ("SYN agency", ())


def test_a_line_of_many_rows_is_found_by_the_case_of_a_row(books: Store) -> None:
    """A change that names no case, such as an import's, is found by the rows that it stored."""
    change(books)
    key, other = add_case(books, "A"), add_case(books, "B")
    decide_now(books, key)
    lines = read_lines(books, EntryFilter("changes")).items
    assert {one.case_key for one in lines} == {None}
    of_key = read_lines(books, EntryFilter("changes", case_key=key)).items
    of_other = read_lines(books, EntryFilter("changes", case_key=other)).items
    assert [one.number for one in of_other] == [3]
    assert {one.number for one in of_key} == {2, *(one.number for one in lines if one.number > 3)}
