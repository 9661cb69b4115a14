"""Where each case stands: worked out from the append-only tables alone, and kept to be asked fast.

Whoever adds rows that matter for a case calls :meth:`serving.store.database.Writing.touch`, and the
standing is refreshed once, in the same transaction before it is committed. Since everybody who adds
rows holds the head of the order of rows, no two write one standing from different states of the
store.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select, update

from features.catalogue.declarations import DAY_US
from serving.clock import read_clock
from serving.settings import Settings
from serving.standing.case_facts import (
    CaseRecord,
    StandingRow,
    read_case_records,
    read_new_cases,
)
from serving.standing.states import CaseState, decide_state, plain_state, seal_state
from serving.store.database import Writing
from serving.store.frames import insert_columns
from serving.store.lookups import is_among, list_marks
from serving.store.schema import cases, standings

CASES_A_TIME: Final = 2_000
_MOMENTS: Final = ("arrived_at_us", "state_since_us", "waiting_since_us", "first_read_due_us")
"""Columns that may rest on a date that had not ended when they were written."""
_RECORD_SEQ: Final = StandingRow._fields.index("record_seq")


@dataclass(frozen=True)
class StandingRules:
    """What standings rest on beside the records.

    Parameters
    ----------
    first_read_days
        Days of 24 hours within which a named person reads a new case first, from when it arrived
        or, where that was later, the import that brought it began.
    work_kinds
        Kinds of event that are the unit's own work: ``unit_work`` of the catalogue and its
        children. They bring no closed case back.
    """

    first_read_days: int = 3
    work_kinds: tuple[str, ...] = ("unit_work", "taken_on", "handed_back")

    def refresh(self, writing: Writing, case_keys: Collection[str]) -> None:
        """Refresh some cases; see :func:`refresh_standings`."""
        refresh_standings(writing, case_keys, self)


def make_rules(settings: Settings) -> StandingRules:
    """Return what standings rest on, of a deployment's settings."""
    return StandingRules(first_read_days=settings.first_read_days)


def refresh_standings(
    writing: Writing, case_keys: Collection[str], rules: StandingRules | None = None
) -> None:
    """Work out again where some cases stand, from the append-only tables alone, and write it.

    Parameters
    ----------
    writing
        The transaction that added rows; it keeps other writers waiting from here on.
    case_keys
        The cases; of one that is gone the standing goes as well.
    rules
        What standings rest on beside the records.
    """
    _refresh(writing, case_keys, rules or StandingRules(), {})


@dataclass(frozen=True)
class ScoredCases:
    """What the standings of cases rest on that are scored in the transaction.

    Parameters
    ----------
    rules
        What standings rest on beside the records.
    families
        By score key, the family of the first reason that pushes up: no other table has it.
    """

    rules: StandingRules
    families: Mapping[str, str | None]

    def refresh(self, writing: Writing, case_keys: Collection[str]) -> None:
        """Refresh some cases; see :func:`refresh_standings`."""
        _refresh(writing, case_keys, self.rules, self.families)


@dataclass(frozen=True)
class NewCases:
    """What the standings of cases rest on that came without any record.

    Parameters
    ----------
    rules
        What standings rest on beside the records.
    last_seq
        Place of the last row that the transaction stored with them. Where that is the last one
        still, there is nothing of the cases but their rows of ``cases``, and nothing else is read.
    """

    rules: StandingRules
    last_seq: int

    def refresh(self, writing: Writing, case_keys: Collection[str]) -> None:
        """Refresh some cases; see :func:`refresh_standings`."""
        # Whatever a standing rests on takes a place in the order of rows when it is stored.
        if writing.take_seq(0) - 1 != self.last_seq:
            refresh_standings(writing, case_keys, self.rules)
            return
        connection, now_us = writing.connection, writing.now_us
        for keys in _part(sorted(set(case_keys))):
            found = read_new_cases(connection, keys, now_us)
            rows = [_describe(key, one, self.rules, now_us, None) for key, one in found.items()]
            _replace(connection, keys, rows)


def _refresh(
    writing: Writing,
    case_keys: Collection[str],
    rules: StandingRules,
    families: Mapping[str, str | None],
) -> int:
    """Write what differs, and return how many cases there are."""
    writing.take_seq(0)
    n_cases = 0
    for keys in _part(sorted(set(case_keys))):
        found = _work_out(writing.connection, keys, rules, writing.now_us, families)
        n_cases += len(found)
        changed = [one for one in found.values() if one.kept != one.now]
        _note_records(writing.connection, [one.now for one in changed if one.is_read_on])
        changed = [one for one in changed if not one.is_read_on]
        gone = set(keys) - found.keys()
        replaced = gone.union(one.now.case_key for one in changed if one.kept)
        _replace(writing.connection, replaced, [one.now for one in changed])
    return n_cases


def _note_records(connection: Connection, rows: Sequence[StandingRow]) -> None:
    """Write of some cases the place of their latest row, where nothing else changed.

    No index has that column, so that none of them is written.
    """
    if not rows:
        return
    marks = list_marks(connection, [(row.case_key, row.record_seq, 0, None) for row in rows])
    connection.execute(
        update(standings)
        .where(standings.c.case_key == marks.c.case_key)
        .values(record_seq=marks.c.seq)
    )


def rebuild_standings(writing: Writing, rules: StandingRules | None = None) -> int:
    """Work out again where every case stands; return how many cases there are.

    The family of a score is not in the append-only tables: it is kept where the row has it, and
    comes back with the next score where it has not.
    """
    writing.take_seq(0)
    connection = writing.connection
    gone = delete(standings).where(standings.c.case_key.not_in(select(cases.c.case_key)))
    connection.execute(gone)
    return sum(_refresh(writing, keys, rules or StandingRules(), {}) for keys in _walk(connection))


def check_standings(
    connection: Connection, rules: StandingRules | None = None, *, now_us: int | None = None
) -> list[str]:
    """Return the keys of cases whose standing is not what the records say, ascending.

    A review that fell due since the row was written is no difference: the worker is on its way.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    rules
        What standings rest on beside the records.
    now_us
        The moment, microseconds UTC; the machine's clock where absent.
    """
    now = read_clock() if now_us is None else now_us
    found: list[str] = []
    there = select(standings.c.case_key)
    lost = there.where(standings.c.case_key.not_in(select(cases.c.case_key)))
    found += connection.execute(lost).scalars().all()
    for keys in _walk(connection):
        worked_out = _work_out(connection, keys, rules or StandingRules(), now, {})
        found += [key for key, one in worked_out.items() if not _is_sound(one.kept, one.now)]
    return sorted(found)


@dataclass(frozen=True)
class _WorkedOut:
    """A case's row of ``standings`` as it is kept, and as it is by now."""

    kept: StandingRow | None
    now: StandingRow

    @property
    def is_read_on(self) -> bool:
        """Whether there is a later row of the case, which changes nothing of where it stands."""
        before, after = self.kept, self.now
        if before is None or before.record_seq == after.record_seq:
            return False
        rest = slice(_RECORD_SEQ + 1, None)
        return before[:_RECORD_SEQ] == after[:_RECORD_SEQ] and before[rest] == after[rest]


def _work_out(
    connection: Connection,
    keys: Collection[str],
    rules: StandingRules,
    now_us: int,
    families: Mapping[str, str | None],
) -> dict[str, _WorkedOut]:
    """Return those of some cases that there are."""
    records = read_case_records(connection, keys, now_us, rules.work_kinds)
    return {
        key: _WorkedOut(
            record.kept,
            _describe(key, record, rules, now_us, _find_family(record, families)),
        )
        for key, record in records.items()
    }


def _find_family(record: CaseRecord, families: Mapping[str, str | None]) -> str | None:
    if record.score is None:
        return None
    score_key, kept = record.score.key, record.kept
    if score_key in families:
        return families[score_key]
    return kept.family if kept is not None and kept.score_key == score_key else None


def _describe(
    key: str, record: CaseRecord, rules: StandingRules, now_us: int, family: str | None
) -> StandingRow:
    """Return a case's row of ``standings``."""
    facts, score = record.facts, record.score
    decision = facts.decision
    state: CaseState = decide_state(facts, now_us)
    flagged = {(one.flag, one.urgent) for one in facts.raisings}
    return StandingRow(
        case_key=key,
        state=seal_state(state.state) if record.sealed else state.state,
        area=record.area,
        referral_source=record.referral_source,
        arrived_at_us=facts.arrived_at_us,
        state_since_us=state.since_us,
        waiting_since_us=state.waiting_since_us,
        returned_for=state.returned_for,
        owner=decision.owner if decision else None,
        review_on=decision.review_on if decision else None,
        review_due_us=decision.review_due_us if decision else None,
        version=decision.version if decision else 0,
        decided_seq=decision.seen_seq if decision else 0,
        record_seq=record.record_seq,
        known_seq=score.known_seq if score is not None else 0,
        score_key=score.key if score is not None else None,
        scored_as_of_us=score.as_of_us if score is not None else None,
        priority=score.priority if score is not None else None,
        family=family,
        n_flags=sum(not urgent for _, urgent in flagged),
        n_urgent=sum(urgent for _, urgent in flagged),
        flagged_since_us=min((one.raised_at_us for one in facts.raisings), default=None),
        first_read_due_us=record.known_since_us + rules.first_read_days * DAY_US,
        first_read_at_us=record.first_read_at_us,
    )


def _is_sound(before: StandingRow | None, after: StandingRow) -> bool:
    if before is None:
        return False
    return not any(
        getattr(before, name) != getattr(after, name) and not _was_true(name, before, after)
        for name in StandingRow._fields
    )


_BY_REVIEW: Final = ("state", "state_since_us", "waiting_since_us", "returned_for")


def _was_true(name: str, before: StandingRow, after: StandingRow) -> bool:
    """Return whether a column differs only because time passed since the row was written."""
    due_since = plain_state(before.state) == "managed" and after.returned_for == "review_due"
    if due_since and name in _BY_REVIEW:
        return True
    value, now = getattr(before, name), getattr(after, name)
    if name not in _MOMENTS or value is None or now is None:
        return False
    # A date alone is the last microsecond of its day, and is told as now until then.
    return bool(now - DAY_US <= value <= now)


def _replace(connection: Connection, keys: Collection[str], rows: Sequence[StandingRow]) -> None:
    """Delete the rows of some cases, and write rows."""
    if keys:
        among = is_among(connection, standings.c.case_key, keys)
        connection.execute(delete(standings).where(among))
    columns = zip(*rows, strict=True)
    insert_columns(connection, standings, dict(zip(StandingRow._fields, columns, strict=False)))


def _part(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), CASES_A_TIME):
        yield keys[start : start + CASES_A_TIME]


def _walk(connection: Connection) -> Iterator[list[str]]:
    """Give all cases' keys in order, some at a time."""
    last = ""
    while True:
        query = select(cases.c.case_key).where(cases.c.case_key > last)
        keys = list(
            connection.execute(query.order_by(cases.c.case_key).limit(CASES_A_TIME)).scalars()
        )
        if not keys:
            return
        yield keys
        last = keys[-1]
