"""What is told of recording, of questions never asked and of looks, on a store filled by hand."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

from features.catalogue.file import load_catalogue
from features.contract.moments import parse_date
from serving.oversight.access_lines import Day, find_lines, find_people
from serving.oversight.access_log import EntryFilter
from serving.oversight.case_sample import draw_cases
from serving.oversight.delays import LEAST_RECORDS, read_delays
from serving.oversight.unasked import read_unasked
from serving.persons import Person
from serving.sealing.directory import Directory
from serving.sealing.seals import seal_case
from serving.standing.standings import refresh_standings
from serving.store.audit_lines import LOOKS
from serving.store.current_act import Act, acting
from serving.store.database import Store
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_fact, send

FIRST = dt.date(2025, 6, 1)
ANNE = Person("SYN Anne", "screener", "police", "issuer|anne")
OTHER_ANNE = Person("SYN  anne", "reviewer", "health", "issuer|anne2")
BEN = Person("SYN Ben", "auditor", "unit", "issuer|ben")
ZONE = "Europe/London"


def record_late(case_id: str, days: list[int], **more: Any) -> list[dict[str, object]]:
    """Return events of one day, each recorded some days later."""
    return [
        make_event(
            f"{case_id}-{more.get('source')}-{n}",
            case_id,
            occurred_at=FIRST.isoformat(),
            recorded_at=(FIRST + dt.timedelta(days=late)).isoformat(),
            **more,
        )
        for n, late in enumerate(days)
    ]


def settle(store: Store, *case_ids: str) -> list[str]:
    """Work out where cases stand; return their keys."""
    keys = [key_of(store, case_id) for case_id in case_ids]
    with store.writing() as writing:
        writing.take_seq(0)
        refresh_standings(writing, keys)
    return keys


def seal(store: Store, key: str) -> None:
    """Seal a case for two people."""
    with store.writing() as writing:
        people = frozenset({ANNE.subject, BEN.subject})
        seal_case(writing, key, ANNE, people, "somebody is connected", Directory(people))


def delays_of(store: Store, **more: Any) -> dict[str | None, Any]:
    """Return the delays by source."""
    with store.reading() as connection:
        return {one.source: one for one in read_delays(connection, store.clock(), **more).sources}


def test_a_delay_is_told_in_whole_days_by_source(store: Store) -> None:
    """Of delays of 0 to 24 days half are within 12 and nine in ten within 22; few are not told."""
    police = record_late("A", list(range(25)), source="police")
    court = record_late("A", [3] * (LEAST_RECORDS - 1), source="court")
    send(store, {"cases": [make_case("A")], "events": [*police, *court]})
    settle(store, "A")
    found = delays_of(store)
    assert set(found) == {"police", "court"}
    told = found["police"]
    assert (told.n, told.median_days, told.ninth_decile_days, told.n_early) == (25, 12, 22, 0)
    assert (found["court"].n, found["court"].median_days) == (LEAST_RECORDS - 1, None)


def test_what_is_kept_apart_or_repeats_is_in_no_delay(store: Store) -> None:
    """Health, one agency's own records, corrections, sealed cases and old records are left out."""
    counted = record_late("A", [1] * LEAST_RECORDS, source="police")
    apart = record_late("A", [90] * LEAST_RECORDS, source="health")
    own = record_late("A", [90] * LEAST_RECORDS, source="advocacy", handling="agency_only")
    again = make_event(
        "again", "A", occurred_at="2025-06-01", recorded_at="2025-12-01", source="police",
        supersedes="A-police-0",
    )  # fmt: skip
    early = make_event(
        "early", "A", occurred_at="2025-06-09", recorded_at="2025-06-01", source="police"
    )
    old = make_event(
        "old", "A", occurred_at="2020-01-01", recorded_at="2024-01-01", source="police"
    )
    hidden = record_late("C", [200] * LEAST_RECORDS, source="police")
    send(store, {"cases": [make_case("A"), make_case("C")], "events": [*counted, *apart, *own]})
    send(store, {"events": [again, early, old, *hidden]})
    _, sealed = settle(store, "A", "C")
    seal(store, sealed)
    found = delays_of(store)
    assert set(found) == {"police"}
    told = found["police"]
    assert (told.n, told.median_days, told.ninth_decile_days) == (LEAST_RECORDS, 1, 1)
    assert told.n_early == 1


def test_a_sample_is_always_the_same_and_says_out_of_how_many(store: Store) -> None:
    """Some cases stand for all; sealed ones are neither drawn nor counted."""
    names = [f"S{n}" for n in range(6)]
    send(store, {"cases": [make_case(name) for name in names]})
    keys = settle(store, *names)
    seal(store, keys[0])
    with store.reading() as connection:
        some = draw_cases(connection, is_open=False, size=3)
        again = draw_cases(connection, is_open=False, size=3)
        whole = draw_cases(connection, is_open=True)
    assert some == again
    assert (len(some.case_keys), some.n_all, some.is_whole) == (3, 5, False)
    assert some.words == "3 drawn at random out of 5"
    assert set(whole.case_keys) == set(keys[1:])
    assert whole.words == "all 5 of them"


def test_a_question_is_missing_where_nobody_put_it(store: Store) -> None:
    """Put and unanswered is put; not put, corrected to not put and never mentioned is missing."""
    catalogue = load_catalogue("stalking")
    name = next(one.name for one in catalogue.facts.values() if one.key_question)
    question = catalogue.facts[name].question
    facts = [
        make_fact("F1", "A", name=name, value="yes"),
        make_fact("F2", "B", name=name, asked="yes", value=None),
        make_fact("F3", "C", name=name, asked="no", value=None),
        make_fact("F4", "D", name=name, value="yes"),
        make_fact("F5", "D", name=name, asked="no", value=None, supersedes="F4",
                  recorded_at="2025-06-03"),
    ]  # fmt: skip
    names = ("A", "B", "C", "D", "E")
    send(store, {"cases": [make_case(one) for one in names], "facts": facts})
    settle(store, *names)
    with store.reading() as connection:
        found = read_unasked(connection, catalogue, store.clock())
    told = {one.question: one for one in found.questions}
    assert (told[question].n_cases, told[question].share) == (3, 0.6)
    others = [one for one in found.questions if one.question != question]
    assert {one.n_cases for one in others} == {5}
    assert [one.n_cases for one in found.questions] == sorted(
        (one.n_cases for one in found.questions), reverse=True
    )


def test_nothing_is_missing_where_no_case_is_open(store: Store) -> None:
    """An empty store has no shares, and says so by having none."""
    with store.reading() as connection:
        found = read_unasked(connection, load_catalogue("stalking"), store.clock())
    assert found.questions == ()
    assert found.sample.n_all == 0


def look(store: Store, person: Person, key: str) -> None:
    """Note that somebody looked at a case."""
    with acting(Act(person, "consultation", "GET /cases/{key}", key)):
        store.look()


def test_a_person_is_found_by_name_or_by_what_the_sign_in_knows(store: Store) -> None:
    """Two who share a name are both told; a name that nobody has is nobody."""
    for person in (ANNE, OTHER_ANNE, BEN, ANNE):
        look(store, person, "k" * 24)
    assert [one.subject for one in find_people(store, LOOKS, "issuer|ben")] == ["issuer|ben"]
    assert [one.name for one in find_people(store, LOOKS, " syn BEN ")] == ["SYN Ben"]
    renamed = dataclasses.replace(OTHER_ANNE, name="SYN Anne")
    look(store, renamed, "k" * 24)
    assert {one.subject for one in find_people(store, LOOKS, "syn anne")} == {
        ANNE.subject,
        OTHER_ANNE.subject,
    }
    assert find_people(store, LOOKS, "SYN Nobody") == ()
    assert find_people(store, LOOKS, "' or 1=1 --") == ()


def find_day(store: Store, day: str, **more: Any) -> Any:
    """Return the lines of one day by the clock of London."""
    after = (dt.date.fromisoformat(day) + dt.timedelta(days=1)).isoformat()
    return find_lines(
        store, EntryFilter(LOOKS, **more), Day(parse_date(day, ZONE), parse_date(after, ZONE))
    )


def test_the_lines_of_a_day_are_its_own(store: Store, clock: Any) -> None:
    """From midnight to midnight by the unit's clock, page by page, and with the other filters."""
    days = []
    for n in range(3):
        for person in (ANNE, BEN, ANNE):
            look(store, person, "k" * 24)
        days.append(dt.datetime.fromtimestamp(clock.now_us / 1e6, dt.UTC).date().isoformat())
        clock.pass_days(1 if n else 1.5)
    assert [one.number for one in find_day(store, days[1]).items] == [6, 5, 4]
    assert [one.number for one in find_day(store, days[1], subject=ANNE.subject).items] == [6, 4]
    first = find_day(store, days[1], size=2)
    assert ([one.number for one in first.items], first.next_cursor) == ([6, 5], 5)
    rest = find_day(store, days[1], size=2, before=first.next_cursor)
    assert ([one.number for one in rest.items], rest.next_cursor) == ([4], None)
    assert find_day(store, "2020-01-01").items == ()
    assert len(find_lines(store, EntryFilter(LOOKS), None).items) == 9


@pytest.mark.parametrize("size", [1, 2, 5])
def test_no_line_of_a_day_is_lost_where_the_clock_went_back(
    store: Store, clock: Any, size: int
) -> None:
    """Lines are numbered in their order: a day may hold numbers that stand among another's."""
    look(store, ANNE, "k" * 24)
    clock.pass_days(1)
    look(store, BEN, "k" * 24)
    clock.pass_days(-1)
    look(store, ANNE, "k" * 24)
    day = dt.datetime.fromtimestamp(clock.now_us / 1e6, dt.UTC).date().isoformat()
    found, before = [], None
    while True:
        page = find_day(store, day, size=size, before=before)
        found += [one.number for one in page.items]
        before = page.next_cursor
        if before is None:
            break
    assert found == [3, 1]
