"""Standings of cases that a transaction touched: refreshed once, at its end, or nothing at all."""

import signal
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select

from serving.intake.records import append_rows
from serving.intake.row_lines import make_raw_row, normalise_rows
from serving.standing.standings import StandingRules, check_standings, rebuild_standings
from serving.store.database import Store, Writing
from serving.store.schema import audit_lines, cases, events, standings, unit
from tests.test_serving.sent_rows import CLOCK, make_case, send
from tests.test_serving.stores import NOW_US

KEY = "k" * 24
OTHER = "o" * 24


@dataclass
class _Counting:
    """Refreshes standings and keeps which cases it was asked for."""

    asked: list[set[str]] = field(default_factory=list)

    def refresh(self, writing: Writing, case_keys: Collection[str]) -> None:
        self.asked.append(set(case_keys))
        StandingRules().refresh(writing, case_keys)


def add_event(writing: Writing, key: str = KEY) -> int:
    """Store an event of a case; return its place in the order."""
    seq = writing.take_seq()
    row: dict[str, Any] = {"case_key": key, "event_id": f"E{seq}", "kind": "contact"}
    row |= {"occurred_at": NOW_US - 1, "recorded_at": NOW_US - 1, "stored_seq": seq}
    writing.connection.execute(insert(events).values(row))
    return seq


def add_case(store: Store, key: str = KEY) -> None:
    """Store a case without records."""
    with store.writing() as writing:
        row = {"case_key": key, "recorded_at": NOW_US - 2, "stored_seq": writing.take_seq()}
        writing.connection.execute(insert(cases).values(row))
        writing.touch([key], StandingRules())


def read_record_seq(writing: Writing) -> int:
    """Return what the case's standing says is its latest row, as the transaction sees it."""
    query = select(standings.c.record_seq).where(standings.c.case_key == KEY)
    return int(writing.connection.execute(query).scalar_one())


def test_cases_are_refreshed_once_however_often_they_are_touched(store: Store) -> None:
    """One transaction that touches cases many times refreshes them once, together."""
    for key in (KEY, OTHER):
        add_case(store, key)
    counting = _Counting()
    with store.writing() as writing:
        for key in (KEY, OTHER, KEY):
            last = add_event(writing, key)
            writing.touch([key], counting)
        assert counting.asked == []
    assert counting.asked == [{KEY, OTHER}]
    with store.writing() as writing:
        assert read_record_seq(writing) == last
    with store.reading() as connection:
        assert check_standings(connection, now_us=NOW_US) == []


def test_a_transaction_reads_its_own_standings_fresh(store: Store) -> None:
    """What a transaction reads of a standing is as its own rows have it, each time it reads."""
    add_case(store)
    counting = _Counting()
    with store.writing() as writing:
        for _ in range(2):
            seq = add_event(writing)
            writing.touch([KEY], counting)
            assert read_record_seq(writing) == seq
    assert counting.asked == [{KEY}, {KEY}]


def test_a_transaction_reads_its_own_head_fresh(store: Store) -> None:
    """The head row says within a transaction what places were given in it."""
    with store.writing() as writing:
        first = writing.take_seq(2)
        for n_more in (1, 3):
            last = writing.take_seq(n_more) + n_more - 1
            assert writing.connection.execute(select(unit.c.last_seq)).scalar_one() == last
    with store.reading() as connection:
        assert connection.execute(select(unit.c.last_seq)).scalar_one() == last == first + 5


def test_standings_are_refreshed_before_the_audit_head_is_locked(store: Store) -> None:
    """The lock on the audit head is the last one that a transaction takes (ADR 18)."""
    add_case(store)
    sent: list[str] = []
    with store.writing() as writing:
        add_event(writing)
        add_event(writing)
        writing.touch([KEY], StandingRules())

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            sent.append(statement)

        event.listen(writing.connection, "before_cursor_execute", note)
    about = [
        name
        for statement in sent
        for name in ("UPDATE standings", "UPDATE unit", "FROM audit_heads")
        if name in statement
    ]
    assert about == ["UPDATE standings", "UPDATE unit", "FROM audit_heads"]


def read_standings(store: Store) -> list[tuple[Any, ...]]:
    """Return all rows of the standings."""
    with store.reading() as connection:
        query = select(standings).order_by(standings.c.case_key)
        return [tuple(row) for row in connection.execute(query)]


def test_cases_that_come_alone_stand_as_a_rebuild_says(store: Store) -> None:
    """A case that came without records stands where reading all there is of it says."""
    places: list[dict[str, object]] = [{"area": "Halton"}, {"referral_source": "police"}, {}]
    rows = [make_case(f"C{number}", **more) for number, more in enumerate(places)]
    # The day of the last is not over, so that its own moment is still to come.
    rows.append(make_case("TODAY", recorded_at="2026-02-25"))
    send(store, {"cases": rows})
    before = read_standings(store)
    assert len(before) == len(rows)
    with store.writing() as writing:
        rebuild_standings(writing)
    assert read_standings(store) == before


def test_a_new_case_stands_by_what_came_after_it(store: Store) -> None:
    """A record that a transaction stores after a new case counts, whoever touched the case."""
    normal = normalise_rows([make_raw_row(1, "cases", make_case())], CLOCK)
    with store.writing() as writing:
        appended = append_rows(writing, normal.tables, store.read_unit(), import_key=None)
        (key,) = appended.new_keys
        seq = add_event(writing, key)
    with store.reading() as connection:
        assert connection.execute(select(standings.c.record_seq)).scalar_one() == seq
        assert check_standings(connection, now_us=NOW_US) == []


def test_a_later_row_that_changes_nothing_else_moves_the_place_alone(store: Store) -> None:
    """A row of a case that leaves it where it stands is seen in ``record_seq``, of it alone."""
    for key in (KEY, OTHER):
        add_case(store, key)
    known, other = read_standings(store)
    with store.writing() as writing:
        seq = add_event(writing)
        writing.touch([KEY], StandingRules())
    place = [column.name for column in standings.c].index("record_seq")
    assert read_standings(store) == [(*known[:place], seq, *known[place + 1 :]), other]


def test_a_failing_refresh_takes_the_rows_back(store: Store) -> None:
    """Rows whose standing cannot be worked out are not stored, and leave no line."""
    add_case(store)

    class Failing:
        def refresh(self, writing: Writing, case_keys: Collection[str]) -> None:
            raise RuntimeError("no standing")

    before = count(store)
    with pytest.raises(RuntimeError, match="no standing"), store.writing() as writing:
        add_event(writing)
        writing.touch([KEY], Failing())
    assert count(store) == before


_KILLED = """
import os, signal, sys
from serving.store.database import open_store
from serving.standing.standings import StandingRules
from tests.test_serving.standing.test_touched import KEY, add_event

class Killing:
    def refresh(self, writing, case_keys):
        StandingRules().refresh(writing, case_keys)
        os.kill(os.getpid(), signal.SIGKILL)

with open_store(sys.argv[1]).writing() as writing:
    add_event(writing)
    writing.touch([KEY], Killing())
"""


def test_a_kill_between_refresh_and_commit_leaves_nothing(store: Store, address: str) -> None:
    """A process that is killed once standings are written leaves rows, standings and lines alone,
    and the next transaction goes on from there.
    """
    add_case(store)
    before = count(store)
    killed = subprocess.run([sys.executable, "-c", _KILLED, address], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert count(store) == before
    with store.writing() as writing:
        seq = add_event(writing)
        writing.touch([KEY], StandingRules())
    assert count(store) == (1, before[1] + 1, seq)
    with store.reading() as connection:
        assert check_standings(connection, now_us=NOW_US) == []


def count(store: Store) -> tuple[int, int, int]:
    """Return how many events and lines there are, and the head of the order of rows."""
    with store.reading() as connection:
        n_events, n_lines = (
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (events, audit_lines)
        )
        return n_events, n_lines, connection.execute(select(unit.c.last_seq)).scalar_one()
