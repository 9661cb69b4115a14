import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Row

from serving.standing.standings import (
    StandingRules,
    check_standings,
    rebuild_standings,
    refresh_standings,
)
from serving.store.database import Store, Writing, make_key
from serving.store.schema import (
    case_moves,
    cases,
    decisions,
    discharges,
    events,
    facts,
    first_reads,
    flag_raisings,
    imports,
    links,
    scores,
    standings,
)

DAY_US = 86_400_000_000
PERSON = {"person": "Health Reviewer", "subject": "s", "role": "reviewer", "agency": "police"}


@dataclass
class _Acts:
    """Adds rows as others do, each in a transaction of its own that refreshes the standing."""

    store: Store
    rules: StandingRules = field(default_factory=StandingRules)

    def add(self, table: Any, *keys: str, **row: Any) -> Any:
        with self.store.writing() as writing:
            return self.add_in(writing, table, *keys, **row)

    def add_in(self, writing: Writing, table: Any, *keys: str, **row: Any) -> int:
        seq = writing.take_seq()
        moment = next(
            (column.name for column in table.columns if column.name.endswith("_at_us")), None
        )
        given = {"stored_seq": seq} | ({moment: writing.now_us} if moment else {})
        writing.connection.execute(insert(table).values(given | row))
        writing.touch(keys, self.rules)
        return seq

    def add_case(self, days_ago: float = 10, **row: Any) -> str:
        key = make_key()
        at_us = self.store.clock() - round(days_ago * DAY_US)
        self.add(cases, key, **({"case_key": key, "recorded_at": at_us} | row))
        return key

    def add_event(self, key: str, kind: str = "contact", **row: Any) -> str:
        at_us = self.store.clock() - 1
        held = {"case_key": key, "event_id": make_key(), "kind": kind, "occurred_at": at_us}
        held |= {"recorded_at": at_us, "handling": "unit", "source": "police"} | row
        self.add(events, key, **held)
        return str(held["event_id"])

    def decide(self, key: str, **row: Any) -> str:
        decision_key = make_key()
        with self.store.writing() as writing:
            seen = writing.take_seq(0)
            version = self.read(key).version + 1
            held = {"decision_key": decision_key, "case_key": key, "version": version}
            held |= {"seen_seq": seen - 1, "routes": {}, **PERSON} | row
            self.add_in(writing, decisions, key, **held)
        return decision_key

    def flag(self, key: str, record_id: str, *, urgent: bool = False, name: str = "f") -> str:
        raising_key = make_key()
        held = {"raising_key": raising_key, "case_key": key, "flag": name, "urgent": urgent}
        self.add(flag_raisings, key, **held, record_id=record_id)
        return raising_key

    def discharge(self, key: str, raising_key: str, decision_key: str) -> None:
        self.add(discharges, key, raising_key=raising_key, decision_key=decision_key)

    def score(self, key: str, known_seq: int, priority: float = 0.5) -> str:
        score_key = make_key()
        held = {"score_key": score_key, "case_key": key, "as_of_us": self.store.clock()}
        held |= {"known_seq": known_seq, "occasion": "record", "bundle_id": "b"}
        held |= {"catalogue_digest": "c", "engine_version": "1", "priority": priority}
        held |= {"priority_as_recorded": priority, "leading_outcome": "", "log_odds": {}}
        self.add(scores, key, **held)
        return score_key

    def read(self, key: str) -> Row[Any]:
        with self.store.reading() as connection:
            query = select(standings).where(standings.c.case_key == key)
            return connection.execute(query).one()

    def state(self, key: str) -> tuple[str, str | None]:
        row = self.read(key)
        return row.state, row.returned_for

    def read_all(self) -> dict[str, dict[str, Any]]:
        with self.store.reading() as connection:
            return {r.case_key: dict(r._mapping) for r in connection.execute(select(standings))}

    def check(self) -> list[str]:
        with self.store.reading() as connection:
            return check_standings(connection, self.rules, now_us=self.store.clock())


@pytest.fixture
def unit(store: Store) -> _Acts:
    return _Acts(store)


MANAGED = {"owner": "Health Reviewer", "review_on": "2026-04-01"}


def test_a_new_case_awaits_its_first_screening(unit: _Acts) -> None:
    """A case that arrives awaits, since it arrived, and is to be read within the days set."""
    key = unit.add_case(days_ago=2, area="Halton", referral_source="police")
    row = unit.read(key)
    assert (row.state, row.version, row.score_key) == ("awaiting", 0, None)
    assert row.waiting_since_us == row.arrived_at_us == unit.store.clock() - 2 * DAY_US
    assert row.first_read_due_us == row.arrived_at_us + 3 * DAY_US
    assert (row.area, row.referral_source) == ("Halton", "police")


def test_a_case_recorded_today_has_arrived(unit: _Acts) -> None:
    """A date alone is the end of its day; the case waits from now on, not from tonight."""
    key = unit.add_case(days_ago=-0.4)
    assert unit.read(key).arrived_at_us == unit.store.clock()
    assert unit.check() == []


def test_a_decision_with_an_owner_manages(unit: _Acts) -> None:
    """A decision that names owner and review takes the case off the list until the date."""
    key = unit.add_case()
    unit.decide(key, **MANAGED)
    row = unit.read(key)
    assert (row.state, row.owner, row.version) == ("managed", "Health Reviewer", 1)
    assert row.waiting_since_us is None
    unit.add_event(key)
    assert unit.state(key) == ("managed", None)


def test_a_review_falls_due_by_time_alone(unit: _Acts, clock: Any) -> None:
    """On the date of the review, by the unit's own calendar, the case has returned."""
    key = unit.add_case()
    unit.decide(key, **MANAGED)
    due_us = unit.read(key).review_due_us
    assert due_us == 1_774_998_000_000_000  # 1 April 2026, 00:00 in London, which is 31 March UTC
    clock.now_us = due_us - 1
    with unit.store.writing() as writing:
        refresh_standings(writing, [key])
    assert unit.state(key) == ("managed", None)
    clock.now_us = due_us
    assert unit.check() == []  # not refreshed yet, and no difference
    with unit.store.writing() as writing:
        refresh_standings(writing, [key])
    assert unit.state(key) == ("returned", "review_due")
    assert unit.read(key).waiting_since_us == due_us


def test_a_flag_returns_a_managed_case_until_it_is_discharged(unit: _Acts) -> None:
    """A flag on a record newer than the decision returns a case; one on an older does not."""
    key = unit.add_case()
    old = unit.add_event(key)
    unit.decide(key, **MANAGED)
    unit.flag(key, old)
    assert unit.state(key) == ("managed", None)
    new = unit.add_event(key)
    raising = unit.flag(key, new, name="g", urgent=True)
    assert unit.state(key) == ("returned", "flag")
    row = unit.read(key)
    assert (row.n_flags, row.n_urgent) == (1, 1)
    decision = unit.decide(key, **MANAGED)
    unit.discharge(key, raising, decision)
    assert unit.state(key) == ("managed", None)
    assert (unit.read(key).n_flags, unit.read(key).n_urgent) == (1, 0)


def test_a_flag_on_a_linked_cases_record_is_as_new_as_that_record(unit: _Acts) -> None:
    """A record of another case is told from one that the decision could have seen."""
    key, other = unit.add_case(), unit.add_case()
    old = unit.add_event(other)
    unit.decide(key, **MANAGED)
    unit.flag(key, f"{other}/{old}")
    assert unit.state(key) == ("managed", None)
    unit.flag(key, f"{other}/{unit.add_event(other)}")
    assert unit.state(key) == ("returned", "flag")


ADDED = (
    ({"kind": "contact"}, True),
    ({"kind": "nothing_we_know"}, True),
    ({"kind": "contact", "handling": "not_for_disclosure"}, True),
    ({"kind": "contact", "handling": None, "source": None}, True),
    ({"kind": "contact", "handling": "agency_only"}, False),
    ({"kind": "contact", "source": "health"}, False),
    ({"kind": "taken_on"}, False),
    ({"kind": "handed_back"}, False),
    ({"kind": "transferred"}, False),
    ({"kind": "retracted"}, False),
)


@pytest.mark.parametrize("by", ["record", "decision"])
def test_only_a_new_record_brings_a_closed_case_back(unit: _Acts, by: str) -> None:
    """What a person or a source adds to a closed case returns it; the unit's own work, what one
    agency keeps to itself and health records do not.
    """
    for row, comes_back in ADDED:
        key = unit.add_case()
        unit.add_event(key)
        if by == "record":
            unit.add_event(key, "closed")
        else:
            unit.decide(key)
        assert unit.state(key) == ("closed", None)
        unit.add_event(key, **row)
        wanted = ("returned", "new_record") if comes_back else ("closed", None)
        assert unit.state(key) == wanted, row
    assert unit.check() == []


def test_a_fact_or_a_repeat_brings_no_closed_case_back(unit: _Acts) -> None:
    """An answer to a question, and a refresh without anything new, leave a case closed."""
    key = unit.add_case()
    unit.decide(key)
    unit.add(facts, key, case_key=key, fact_id="F1", name="n", recorded_at=unit.store.clock())
    with unit.store.writing() as writing:
        refresh_standings(writing, [key])
    assert unit.state(key) == ("closed", None)


def test_a_corrected_closing_closes_nothing(unit: _Acts) -> None:
    """A closing record that was withdrawn leaves the case open; so does one dated ahead, and one
    that an agency keeps to itself.
    """
    key = unit.add_case()
    closing = unit.add_event(key, "closed")
    assert unit.state(key)[0] == "closed"
    unit.add_event(key, "retracted", supersedes=closing)
    assert unit.state(key)[0] == "awaiting"
    unit.add_event(key, "closed", occurred_at=unit.store.clock() + DAY_US)
    unit.add_event(key, "closed", handling="agency_only")
    assert unit.state(key)[0] == "awaiting"


@pytest.mark.parametrize("opening", ["opened", "reopened"])
@pytest.mark.parametrize("closing", ["closed", "merged"])
def test_a_case_closed_and_opened_at_one_moment_is_open(
    unit: _Acts, opening: str, closing: str
) -> None:
    """Of a closing and an opening record of one moment the opening one counts, whatever their
    identifiers say: nobody drops out by a tie.
    """
    at_us = unit.store.clock() - DAY_US
    for ids in (("a", "z"), ("z", "a")):
        key = unit.add_case()
        for kind, event_id in zip((closing, opening), ids, strict=True):
            moment = {"occurred_at": at_us, "recorded_at": at_us}
            unit.add_event(key, kind, event_id=event_id, **moment)
        assert unit.state(key)[0] == "awaiting"


def test_a_merged_case_stays_closed(unit: _Acts) -> None:
    """What is added to a case that was merged into another brings it not back."""
    key = unit.add_case()
    unit.add_event(key, "merged")
    unit.add_event(key)
    assert unit.state(key) == ("closed", None)


def test_a_merge_is_believed_of_people_and_of_a_history(unit: _Acts) -> None:
    """A merging record that came after its case closes nothing; what people merged stays so, though
    a record takes the merge back.
    """
    first, second = make_key(), make_key()
    key = unit.add_case(import_key=first)
    unit.add_event(key, "merged", import_key=second)
    assert unit.state(key) == ("awaiting", None)
    unit.add_event(key, "merged", import_key=first)
    assert unit.state(key) == ("closed", None)
    other = unit.add_case()
    held = {"move_key": make_key(), "kind": "merge", "case_key": other, "other_case_key": key}
    unit.add(case_moves, other, key, **held, **PERSON)
    merged = unit.add_event(other, "merged")
    unit.add_event(other, "retracted", supersedes=merged, import_key=second)
    assert unit.state(other) == ("closed", None)


@pytest.mark.parametrize("back_days", [0, 400])
def test_no_record_closes_a_case_that_was_decided_on(unit: _Acts, back_days: int) -> None:
    """Whenever a closing record says that it happened, a managed case stays managed, and a case
    that a person closed returns for it.
    """
    at_us = unit.store.clock() - back_days * DAY_US - 1
    more = {"occurred_at": at_us, "recorded_at": at_us, "import_key": make_key()}
    key, other = unit.add_case(), unit.add_case()
    unit.decide(key, **MANAGED)
    unit.decide(other)
    for one in (key, other):
        unit.add_event(one, "closed", **more)
    assert unit.state(key) == ("managed", None)
    assert unit.state(other) == ("returned", "new_record")
    assert unit.check() == []


def test_time_to_read_begins_when_the_store_has_the_case(unit: _Acts) -> None:
    """An imported history is not overdue at once; a case that comes later has its own time."""
    key = make_key()
    now_us = unit.store.clock()
    counts = dict.fromkeys(("rows_done", "added", "repeats", "conflicts", "rejects"), 0)
    begun = {"import_key": key, "source_digest": "d", "begun_at_us": now_us, "position": {}}
    with unit.store.writing() as writing:
        writing.connection.execute(insert(imports).values(**begun, **counts, **PERSON))
    old = unit.read(unit.add_case(days_ago=900, import_key=key))
    assert old.first_read_due_us == now_us + 3 * DAY_US
    assert old.arrived_at_us == now_us - 900 * DAY_US
    assert unit.read(unit.add_case(days_ago=2)).first_read_due_us == now_us + 1 * DAY_US


def test_a_transfer_moves_the_area_and_closes_nothing(unit: _Acts) -> None:
    """After a transfer the case is listed under its new area."""
    key = unit.add_case(area="Halton")
    for area in ("Wirral", "Sefton"):
        held = {"move_key": make_key(), "kind": "transfer", "case_key": key, "area": area}
        unit.add(case_moves, key, **held, **PERSON)
    assert unit.read(key).area == "Sefton"
    assert unit.state(key)[0] == "awaiting"


def test_a_score_is_behind_once_a_row_comes(unit: _Acts) -> None:
    """An event, a fact, a link or an event of a linked case puts the score behind."""
    key, other = unit.add_case(), unit.add_case()
    with unit.store.reading() as connection:
        assert connection.execute(select(standings)).all()
    score_key = unit.score(key, known_seq=unit.read(key).record_seq, priority=0.1 + 0.2)
    row = unit.read(key)
    assert (row.score_key, row.priority) == (score_key, 0.1 + 0.2)
    assert row.record_seq <= row.known_seq
    before = row.record_seq
    unit.add_event(key)
    assert unit.read(key).record_seq > before
    before = unit.read(key).record_seq
    held = {"case_key": other, "link_id": "L", "linked_case_key": key, "kind": "k"}
    unit.add(links, key, other, **held, recorded_at=unit.store.clock())
    assert unit.read(key).record_seq > before
    before = unit.read(key).record_seq
    unit.add_event(other)
    with unit.store.writing() as writing:
        refresh_standings(writing, [key])
    assert unit.read(key).record_seq > before


def test_a_first_read_is_shown(unit: _Acts) -> None:
    """Who read the case first is asked elsewhere; when, the standing says."""
    key = unit.add_case()
    unit.add(first_reads, key, case_key=key, **PERSON)
    assert unit.read(key).first_read_at_us == unit.store.clock()


def test_a_wrong_row_is_found_and_mended(unit: _Acts) -> None:
    """The check names exactly the cases whose row is not what the records say; a rebuild mends."""
    first, second, third = (unit.add_case() for _ in range(3))
    with unit.store.writing() as writing:
        connection = writing.connection
        wrong = standings.update().where(standings.c.case_key == first)
        connection.execute(wrong.values(state="managed", owner="nobody"))
        connection.execute(delete(standings).where(standings.c.case_key == second))
        lost = dict(unit.read(third)._mapping) | {"case_key": make_key()}
        connection.execute(insert(standings).values(lost))
    assert unit.check() == sorted([first, second, lost["case_key"]])
    with unit.store.writing() as writing:
        assert rebuild_standings(writing) == 3
    assert unit.check() == []
    assert unit.read_all().keys() == {first, second, third}


ACTS = (
    "event",
    "health",
    "unit_work",
    "fact",
    "closed",
    "reopened",
    "withdraw",
    "manage",
    "close",
    "flag",
    "urgent",
    "discharge",
    "score",
    "read",
    "days",
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.sampled_from(ACTS), max_size=12), hours=st.integers(1, 24 * 30))
def test_a_rebuild_says_what_the_refreshes_said(
    unit: _Acts, clock: Any, acts: list[str], hours: int
) -> None:
    """Whatever was done in whatever order, one act at a time or all at once gives the same rows."""
    key = unit.add_case()
    last, raisings, latest = "", [], ""
    for act in acts:
        if act == "event":
            last = unit.add_event(key)
        elif act in ("health", "unit_work"):
            extra = {"source": "health"} if act == "health" else {"kind": "taken_on"}
            unit.add_event(key, **extra)
        elif act == "fact":
            at_us = unit.store.clock()
            unit.add(facts, key, case_key=key, fact_id=make_key(), name="n", recorded_at=at_us)
        elif act in ("closed", "reopened"):
            last = unit.add_event(key, act)
        elif act == "withdraw" and last:
            unit.add_event(key, "retracted", supersedes=last)
        elif act in ("manage", "close"):
            latest = unit.decide(key, **(MANAGED if act == "manage" else {}))
        elif act in ("flag", "urgent"):
            raisings.append(unit.flag(key, last, urgent=act == "urgent", name=make_key()))
        elif act == "discharge" and raisings and latest:
            unit.discharge(key, raisings.pop(), latest)
        elif act == "score":
            unit.score(key, unit.read(key).record_seq)
        elif act == "read" and unit.read(key).first_read_at_us is None:
            unit.add(first_reads, key, case_key=key, **PERSON)
        elif act == "days":
            clock.now_us += hours * 3_600_000_000
    assert unit.check() == []
    with unit.store.writing() as writing:
        refresh_standings(writing, [key])
    refreshed = unit.read_all()[key]
    with unit.store.writing() as writing:
        writing.connection.execute(delete(standings))
        rebuild_standings(writing)
    assert unit.read_all()[key] == refreshed


def test_two_servers_leave_no_standing_of_an_older_state(
    unit: _Acts, open_another: Callable[[], Store]
) -> None:
    """Servers that add rows of one case at once end with the standing of all of them."""
    key = unit.add_case()

    def add_many(store: Store) -> None:
        for _ in range(8):
            _Acts(store).add_event(key)

    threads = [threading.Thread(target=add_many, args=(open_another(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert unit.check() == []
