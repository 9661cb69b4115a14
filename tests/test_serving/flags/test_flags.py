import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DatabaseError

from features.catalogue.declarations import Catalogue
from features.catalogue.file import load_catalogue
from serving.errors import ServiceError
from serving.flags.due_times import was_old
from serving.flags.flags import NO_RECORD, StandingFlag, discharge, raise_flags, standing_flags
from serving.store.database import Store, Unit, make_key
from serving.store.histories import read_history
from serving.store.schema import cases, deliveries, events, facts, flag_raisings

DAY_US = 86_400_000_000
NOW_US = 1_772_000_000_000_000
UNIT = Unit("Europe/London", synthetic=True)
ONE, TWO = "one".ljust(24, "-"), "two".ljust(24, "-")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue("stalking")


def add_case(store: Store, key: str) -> None:
    with store.writing() as writing:
        row = {"case_key": key, "recorded_at": NOW_US - 90 * DAY_US, "stored_seq": 1}
        writing.connection.execute(insert(cases).values(row | {"stored_seq": writing.take_seq()}))


def add_event(
    store: Store, key: str, event_id: str, kind: str, days_ago: float = 1, **more: Any
) -> None:
    moment = NOW_US - round(days_ago * DAY_US)
    row = {"case_key": key, "event_id": event_id, "kind": kind, "view": "recorded"}
    row |= {"occurred_at": moment, "recorded_at": moment, "handling": "unit", **more}
    if kind not in ("victim_suicidality", "custody_ended", "retracted"):
        row.setdefault("actor", "subject")
    with store.writing() as writing:
        seq = writing.take_seq()
        writing.connection.execute(insert(events).values(stored_seq=seq, **row))


def raise_now(store: Store, catalogue: Catalogue, *keys: str, now_us: int = NOW_US) -> list[str]:
    with store.reading() as connection:
        history = read_history(connection, keys, UNIT, extract_at_us=now_us)
    with store.writing() as writing:
        return raise_flags(writing, catalogue, history, keys, now_us, 30, {})


def stand(store: Store, *keys: str) -> dict[tuple[str, str], StandingFlag]:
    with store.reading() as connection:
        found = standing_flags(connection, keys)
    return {(key, flag.flag): flag for key, flags in found.items() for flag in flags}


def discharge_all(store: Store, key: str, *named: tuple[str, str]) -> list[str]:
    with store.writing() as writing:
        return discharge(writing, key, make_key(), named)


def test_a_flag_is_raised_by_each_of_its_records(store: Store, catalogue: Catalogue) -> None:
    """Two records behind one flag are two raisings; an urgent one is due in the set minutes from
    when the unit knew of its record, not from when it came here.
    """
    add_case(store, ONE)
    add_event(store, ONE, "E1", "weapon", 3)
    add_event(store, ONE, "E2", "weapon", 2)
    add_event(store, ONE, "E3", "breach", 2)
    assert len(raise_now(store, catalogue, ONE)) == 3
    flags = stand(store, ONE)
    assert {name: flag.record_ids for (_, name), flag in flags.items()} == {
        "weapon": ("E1", "E2"),
        "breach": ("E3",),
    }
    due = [record.due_at_us for record in flags[ONE, "weapon"].records]
    assert due == [NOW_US - days * DAY_US + 30 * 60_000_000 for days in (3, 2)]
    assert flags[ONE, "breach"].records[0].due_at_us is None


@pytest.mark.parametrize(("known_days_ago", "due_in_days"), [(89.9, -89.9), (90.1, 7.0)])
def test_a_record_known_long_ago_is_due_for_a_reader_and_not_left_out(
    store: Store, catalogue: Catalogue, known_days_ago: float, due_in_days: float
) -> None:
    """Over 90 days known when its flag is raised, a record is due for a named reader in a week."""
    add_case(store, ONE)
    known_us = NOW_US - round(known_days_ago * DAY_US)
    add_event(store, ONE, "E1", "weapon", 3, recorded_at=known_us)
    assert len(raise_now(store, catalogue, ONE)) == 1
    (record,) = stand(store, ONE)[ONE, "weapon"].records
    minutes = 30 if due_in_days < 0 else 0
    assert record.due_at_us == NOW_US + round(due_in_days * DAY_US) + minutes * 60_000_000
    assert was_old(record.raised_at_us, record.due_at_us) == (due_in_days > 0)


def test_urgent_flags_alone_get_a_message(store: Store, catalogue: Catalogue) -> None:
    """The outbox holds one message per urgent raising, and none for a review flag."""
    add_case(store, ONE)
    add_event(store, ONE, "E1", "weapon")
    add_event(store, ONE, "E2", "breach")
    raise_now(store, catalogue, ONE)
    with store.reading() as connection:
        told = connection.execute(
            select(flag_raisings.c.flag).join(
                deliveries, deliveries.c.raising_key == flag_raisings.c.raising_key
            )
        ).scalars()
        assert list(told) == ["weapon"]


def test_measuring_again_raises_nothing_twice(store: Store, catalogue: Catalogue) -> None:
    """The same records raise a flag once, however often they are measured, discharged or not."""
    add_case(store, ONE)
    add_event(store, ONE, "E1", "weapon")
    assert len(raise_now(store, catalogue, ONE)) == 1
    assert raise_now(store, catalogue, ONE) == []
    discharge_all(store, ONE, ("weapon", "E1"))
    assert raise_now(store, catalogue, ONE) == []
    assert stand(store, ONE) == {}


def test_a_flag_outlives_its_window(store: Store, catalogue: Catalogue, clock: Any) -> None:
    """Time alone takes no flag off: it stands after its window has passed."""
    add_case(store, ONE)
    add_event(store, ONE, "E1", "weapon")
    raise_now(store, catalogue, ONE)
    clock.pass_days(100)
    assert raise_now(store, catalogue, ONE, now_us=clock.now_us) == []
    assert (ONE, "weapon") in stand(store, ONE)


def test_a_newer_record_raises_a_discharged_flag_again(store: Store, catalogue: Catalogue) -> None:
    """After a discharge a new record of the same kind raises the flag, by that record alone."""
    add_case(store, ONE)
    add_event(store, ONE, "E1", "weapon", 3)
    raise_now(store, catalogue, ONE)
    discharge_all(store, ONE, ("weapon", "E1"))
    add_event(store, ONE, "E2", "weapon", 1)
    raise_now(store, catalogue, ONE)
    assert stand(store, ONE)[ONE, "weapon"].record_ids == ("E2",)


def test_only_the_named_record_is_discharged(store: Store, catalogue: Catalogue) -> None:
    """A flag with two records stands by the other one; other flags and cases are untouched."""
    for key in (ONE, TWO):
        add_case(store, key)
        add_event(store, key, "E1", "weapon", 3)
        add_event(store, key, "E2", "weapon", 2)
        add_event(store, key, "E3", "strangulation", 2)
    raise_now(store, catalogue, ONE, TWO)
    discharge_all(store, ONE, ("weapon", "E1"))
    assert {place: flag.record_ids for place, flag in stand(store, ONE, TWO).items()} == {
        (ONE, "weapon"): ("E2",),
        (ONE, "new_strangulation"): ("E3",),
        (TWO, "weapon"): ("E1", "E2"),
        (TWO, "new_strangulation"): ("E3",),
    }


@pytest.mark.parametrize(
    "named", [("weapon", "E9"), ("breach", "E1"), ("weapon", ""), ("weapon", "E1")]
)
def test_what_does_not_stand_cannot_be_discharged(
    store: Store, catalogue: Catalogue, named: tuple[str, str]
) -> None:
    """A wrong record, a wrong flag or one discharged before is refused with its place, and with it
    everything else that was named.
    """
    add_case(store, ONE)
    add_event(store, ONE, "E1", "weapon")
    add_event(store, ONE, "E2", "weapon")
    raise_now(store, catalogue, ONE)
    discharge_all(store, ONE, ("weapon", "E1"))
    with pytest.raises(ServiceError) as refused:
        discharge_all(store, ONE, ("weapon", "E2"), named)
    assert refused.value.code == "flag_not_standing"
    assert [one.where for one in refused.value.body.problems] == ["discharges[1]"]
    assert stand(store, ONE)[ONE, "weapon"].record_ids == ("E2",)


@pytest.mark.parametrize(
    ("later", "fate"),
    [
        ([], "in_force"),
        ([("E2", "E1", "contact")], "corrected"),
        ([("E2", "E1", "retracted")], "withdrawn"),
        ([("E2", "E1", "contact"), ("E3", "E2", "retracted")], "withdrawn"),
        ([("E2", "E1", "retracted"), ("E3", "E1", "contact")], "corrected"),
    ],
)
def test_a_corrected_record_keeps_its_flag_and_says_so(
    store: Store, catalogue: Catalogue, later: list[tuple[str, str, str]], fate: str
) -> None:
    """A flag whose record was corrected or withdrawn stands, and tells what became of the record;
    the last of a chain counts, and of rivals the later.
    """
    add_case(store, ONE)
    add_event(store, ONE, "E1", "weapon", 5)
    raise_now(store, catalogue, ONE)
    for number, (event_id, target, kind) in enumerate(later):
        add_event(store, ONE, event_id, kind, 4 - number, supersedes=target)
    raise_now(store, catalogue, ONE)
    flag = stand(store, ONE)[ONE, "weapon"]
    assert [(one.record_id, one.fate) for one in flag.records] == [("E1", fate)]
    assert flag.record_corrected == (fate != "in_force")


def test_a_flag_of_a_fact_names_the_answer(store: Store, catalogue: Catalogue) -> None:
    """A flag that rests on an answer is raised by it, and by a later answer again."""
    add_case(store, ONE)
    for number, days in ((1, 9), (2, 3)):
        with store.writing() as writing:
            row = {"case_key": ONE, "fact_id": f"F{number}", "name": "victim_very_frightened"}
            row |= {"asked": "yes", "value": "yes"}
            recorded = NOW_US - days * DAY_US
            seq = writing.take_seq()
            writing.connection.execute(
                insert(facts).values(recorded_at=recorded, stored_seq=seq, **row)
            )
        raise_now(store, catalogue, ONE)
    assert stand(store, ONE)[ONE, "very_frightened"].record_ids == ("F1", "F2")


@pytest.mark.parametrize("hidden", [{"handling": "agency_only"}, {"source": "health"}])
def test_what_an_agency_keeps_to_itself_raises_nothing(
    store: Store, catalogue: Catalogue, hidden: dict[str, str]
) -> None:
    """Health records and agency-only records enter no shared flag (promise 9)."""
    add_case(store, ONE)
    add_event(store, ONE, "E1", "weapon", **hidden)
    assert raise_now(store, catalogue, ONE) == []


def test_a_flag_without_a_record_is_raised_once(store: Store, catalogue: Catalogue) -> None:
    """A flag that holds with nothing on record behind it is raised by no record, one time."""
    always = dataclasses.replace(catalogue.flags[0], name="always", at_least=0.0)
    only = dataclasses.replace(catalogue, flags=(always,))
    add_case(store, ONE)
    assert len(raise_now(store, only, ONE)) == 1
    assert raise_now(store, only, ONE) == []
    assert [one.record_id for one in stand(store, ONE)[ONE, "always"].records] == [NO_RECORD]
    discharge_all(store, ONE, ("always", NO_RECORD))
    assert stand(store, ONE) == {}


def test_a_closed_case_is_flagged_as_well(store: Store, catalogue: Catalogue) -> None:
    """A new record of a closed case raises its flag: closing opens no blind spot."""
    add_case(store, ONE)
    add_event(store, ONE, "E1", "closed", 10)
    add_event(store, ONE, "E2", "weapon", 1)
    raise_now(store, catalogue, ONE)
    assert (ONE, "weapon") in stand(store, ONE)


def test_a_raising_cannot_be_taken_back(store: Store, catalogue: Catalogue) -> None:
    """The database refuses to change or delete a raising."""
    add_case(store, ONE)
    add_event(store, ONE, "E1", "weapon")
    raise_now(store, catalogue, ONE)
    with pytest.raises(DatabaseError, match="append-only"), store.writing() as writing:
        writing.connection.execute(flag_raisings.delete())


def test_two_servers_raise_a_flag_once(
    store: Store, open_another: Callable[[], Store], catalogue: Catalogue
) -> None:
    """Two servers that measure the same cases at the same time raise each flag once."""
    keys = [f"case{number}".ljust(24, "-") for number in range(8)]
    for key in keys:
        add_case(store, key)
        add_event(store, key, "E1", "weapon")
    found: list[list[str]] = []
    servers = [open_another() for _ in range(2)]
    threads = [
        threading.Thread(target=lambda s=server: found.append(raise_now(s, catalogue, *keys)))
        for server in servers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(map(len, found)) == 8
    with store.reading() as connection:
        count = connection.execute(select(func.count()).select_from(flag_raisings)).scalar_one()
        assert count == 8


def test_a_case_that_is_not_in_the_history_is_an_error(store: Store, catalogue: Catalogue) -> None:
    """No case is passed over in silence where its history was not read."""
    add_case(store, ONE)
    with store.reading() as connection:
        history = read_history(connection, [ONE], UNIT, extract_at_us=NOW_US)
    with pytest.raises(KeyError, match="not in the history"), store.writing() as writing:
        raise_flags(writing, catalogue, history, [ONE, TWO], NOW_US, 30, {})
