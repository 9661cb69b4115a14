"""What is on record of cases, read in few queries for many cases at once.

Only what decides where a case stands, and what its row of ``standings`` shows, is read here; no
narrative and no answer is.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, or_, select
from sqlalchemy.engine import Row

from features.contract.arrays import NEVER
from features.contract.moments import parse_date
from features.contract.tables import (
    AGENCY_ONLY,
    CLOSING_KINDS,
    HEALTH_SOURCE,
    OPENING_KINDS,
    RESERVED_KINDS,
)
from features.errors import CaselightError
from serving.standing.states import CaseFacts, LatestDecision, NewRecord, Raising, Turn, is_shut
from serving.store.database import Unit
from serving.store.histories import read_case_folder
from serving.store.lookups import is_among, list_pairs
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
    seals,
    unit,
)

_LIFECYCLE: Final = (*OPENING_KINDS, *CLOSING_KINDS)
_MERGED: Final = "merged"


@dataclass(frozen=True)
class CaseRecord:
    """One case: what decides its state, and what else its standing shows.

    Parameters
    ----------
    facts
        What decides the state.
    area, referral_source
        As on record; the area is the one that the case was last transferred to.
    record_seq
        Place of the latest row that belongs to the case or is seen from it.
    score
        Its latest score's row; ``None`` without one.
    first_read_at_us
        When a named person read it first.
    known_since_us
        When the store came to have it: a history of years is not old news to those who read it.
    sealed
        Whether only named people may see it.
    """

    facts: CaseFacts
    area: str | None
    referral_source: str | None
    record_seq: int
    score: Any
    first_read_at_us: int | None
    known_since_us: int
    sealed: bool = False


def read_case_records(
    connection: Connection, case_keys: Collection[str], now_us: int, work_kinds: Collection[str]
) -> dict[str, CaseRecord]:
    """Read some cases from the append-only tables.

    Parameters
    ----------
    connection
        A transaction.
    case_keys
        The cases, a few thousand at most; keys without a case are left out.
    now_us
        The moment, microseconds UTC.
    work_kinds
        Kinds of event that are the unit's own work: they bring no case back.
    """
    there = _read_cases(connection, case_keys)
    keys = [row.case_key for row in there]
    zone = str(connection.execute(select(unit.c.time_zone)).scalar_one())
    came_with = {row.case_key: row.import_key for row in there}
    turns = _read_turns(connection, came_with, zone, now_us)
    taken_in = _read_taken_in(connection, keys)
    latest = _read_decisions(connection, keys, zone)
    raisings = _read_raisings(connection, keys)
    made = {
        row.case_key: CaseFacts(
            arrived_at_us=min(row.recorded_at, now_us),
            turn=turns.get(row.case_key),
            decision=latest.get(row.case_key),
            raisings=tuple(raisings.get(row.case_key, ())),
            taken_in=taken_in.get(row.case_key),
        )
        for row in there
    }
    made |= _add_records(connection, made, now_us, work_kinds)
    last_seqs = _read_last_seqs(connection, keys)
    areas = _read_areas(connection, keys)
    found_scores = _read_scores(connection, keys)
    reads = _read_first_reads(connection, keys)
    sealed = _read_sealed(connection, keys)
    return {
        row.case_key: CaseRecord(
            facts=made[row.case_key],
            area=areas.get(row.case_key, row.area),
            referral_source=row.referral_source,
            record_seq=max(row.stored_seq, last_seqs.get(row.case_key, 0)),
            score=found_scores.get(row.case_key),
            first_read_at_us=reads.get(row.case_key),
            known_since_us=max(made[row.case_key].arrived_at_us, row.begun_at_us or 0),
            sealed=sealed.get(row.case_key, False),
        )
        for row in there
    }


def find_merged(connection: Connection, case_keys: Collection[str], now_us: int) -> frozenset[str]:
    """Return those of some cases that went into another for good: nobody decides on them."""
    came_with = {row.case_key: row.import_key for row in _read_cases(connection, case_keys)}
    zone = str(connection.execute(select(unit.c.time_zone)).scalar_one())
    turns = _read_turns(connection, came_with, zone, now_us)
    return frozenset(key for key, turn in turns.items() if turn.kind == _MERGED)


def _read_cases(connection: Connection, case_keys: Collection[str]) -> list[Row[Any]]:
    """Return the rows of cases, each with when the import that brought it began."""
    query = (
        select(cases, imports.c.begun_at_us)
        .outerjoin(imports, imports.c.import_key == cases.c.import_key)
        .where(is_among(connection, cases.c.case_key, case_keys))
    )
    return list(connection.execute(query))


def _read_turns(
    connection: Connection, came_with: Mapping[str, str | None], zone: str, now_us: int
) -> dict[str, Turn]:
    """Return each case's latest lifecycle event in force; a merge that people made stands.

    Everything stored is known here, whatever its ``recorded_at`` (a date alone is the end of its
    day). A closing record dated ahead closes nothing yet; nor does one that an agency keeps to
    itself (as in :func:`features.history.open_cases.open_cases`). That a case was merged is
    believed of a record only where it came with the case itself.
    """
    query = _of_cases(
        connection,
        events.c.case_key,
        came_with,
        events.c.case_key,
        events.c.event_id,
        events.c.kind,
        events.c.occurred_at,
        events.c.recorded_at,
        events.c.source,
        events.c.handling,
        events.c.supersedes,
        events.c.import_key,
        events.c.stored_seq,
    ).where(or_(events.c.kind.in_(_LIFECYCLE), events.c.supersedes.is_not(None)))
    rows = connection.execute(query).all()
    corrected = _find_corrected(connection, rows, zone, now_us)
    latest: dict[str, Row[Any]] = {}
    for row in rows:
        if (row.case_key, row.event_id) in corrected or not _turns(row, now_us):
            continue
        if row.kind == _MERGED and row.import_key != came_with[row.case_key]:
            continue
        before = latest.get(row.case_key)
        if before is None or _when(before) < _when(row):
            latest[row.case_key] = row
    return {
        key: Turn(row.kind, row.stored_seq, row.recorded_at, row.import_key)
        for key, row in latest.items()
    } | _read_merges(connection, came_with)


def _read_merges(connection: Connection, keys: Collection[str]) -> dict[str, Turn]:
    """Return the merges that people made of cases into others."""
    query = _of_cases(
        connection,
        case_moves.c.case_key,
        keys,
        case_moves.c.case_key,
        case_moves.c.stored_seq,
        case_moves.c.moved_at_us,
    ).where(case_moves.c.kind == "merge")
    return {
        row.case_key: Turn(_MERGED, row.stored_seq, row.moved_at_us)
        for row in connection.execute(query)
    }


def _read_taken_in(connection: Connection, keys: Collection[str]) -> dict[str, NewRecord]:
    """Return the latest merge of another case into each."""
    query = (
        _of_cases(
            connection,
            case_moves.c.other_case_key,
            keys,
            case_moves.c.other_case_key,
            case_moves.c.stored_seq,
            case_moves.c.moved_at_us,
        )
        .where(case_moves.c.kind == "merge")
        .order_by(case_moves.c.stored_seq)
    )
    return {
        row.other_case_key: NewRecord(row.stored_seq, row.moved_at_us)
        for row in connection.execute(query)
    }


def _when(row: Row[Any]) -> tuple[int, int, str]:
    return row.occurred_at, row.recorded_at, row.event_id


def _turns(row: Row[Any], now_us: int) -> bool:
    if row.kind not in CLOSING_KINDS:
        return row.kind in OPENING_KINDS
    kept_apart = row.handling == AGENCY_ONLY or row.source == HEALTH_SOURCE
    return not kept_apart and row.occurred_at <= now_us


def _find_corrected(
    connection: Connection, rows: Iterable[Row[Any]], zone: str, now_us: int
) -> set[tuple[str, str]]:
    """Return the lifecycle events that are no longer, or never were, in force.

    A correction that touches one is rare; only such cases are read whole.
    """
    lifecycle: dict[tuple[str, str], Row[Any]] = {}
    tangled: set[str] = set()
    corrections = []
    for row in rows:
        if row.kind in _LIFECYCLE:
            lifecycle[row.case_key, row.event_id] = row
        if row.supersedes is not None:
            corrections.append(row)
    for row in corrections:
        if row.kind in _LIFECYCLE or (row.case_key, row.supersedes) in lifecycle:
            tangled.add(row.case_key)
    if not tangled:
        return set()
    folder = read_case_folder(
        connection, sorted(tangled), Unit(zone, synthetic=False), extract_at_us=now_us
    )
    standing = folder.events[folder.events["superseded_at"] == NEVER]
    in_force = set(zip(standing["case_id"], standing["event_id"], strict=True))
    return {key for key in lifecycle if key[0] in tangled} - in_force


def _read_decisions(
    connection: Connection, keys: Collection[str], zone: str
) -> dict[str, LatestDecision]:
    columns = ("version", "seen_seq", "stored_seq", "decided_at_us", "owner", "review_on")
    query = _of_cases(
        connection,
        decisions.c.case_key,
        keys,
        decisions.c.case_key,
        *(decisions.c[name] for name in columns),
    ).order_by(decisions.c.case_key, decisions.c.version)
    days: dict[str, int | None] = {}
    found = {}
    for row in connection.execute(query):
        if row.review_on is not None and row.review_on not in days:
            days[row.review_on] = _first_of_day(row.review_on, zone)
        due = days.get(row.review_on) if row.review_on is not None else None
        found[row.case_key] = LatestDecision(
            version=row.version,
            seen_seq=row.seen_seq,
            stored_seq=row.stored_seq,
            decided_at_us=row.decided_at_us,
            owner=row.owner,
            review_on=row.review_on,
            review_due_us=due,
        )
    return found


def _first_of_day(text: str, zone: str) -> int | None:
    try:
        return parse_date(text, zone)
    except (ValueError, CaselightError):
        return None  # an unreadable date is no date: the review is due at once


def _read_raisings(connection: Connection, keys: Collection[str]) -> dict[str, list[Raising]]:
    """Return the raisings that no decision discharged, each with the place of its record."""
    raised = flag_raisings.c
    query = (
        select(
            raised.case_key,
            raised.flag,
            raised.urgent,
            raised.stored_seq,
            raised.raised_at_us,
            raised.record_id,
            func.coalesce(events.c.stored_seq, facts.c.stored_seq).label("record_seq"),
        )
        .outerjoin(discharges, discharges.c.raising_key == raised.raising_key)
        .outerjoin(
            events,
            and_(events.c.case_key == raised.case_key, events.c.event_id == raised.record_id),
        )
        .outerjoin(
            facts, and_(facts.c.case_key == raised.case_key, facts.c.fact_id == raised.record_id)
        )
        .where(is_among(connection, raised.case_key, keys), discharges.c.raising_key.is_(None))
        .order_by(raised.stored_seq)
    )
    rows = connection.execute(query).all()
    linked = _read_linked_seqs(
        connection, [row.record_id for row in rows if row.record_seq is None]
    )
    found: dict[str, list[Raising]] = defaultdict(list)
    for row in rows:
        # A flag may hold without a record of its own; the raising then stands for it.
        record_seq = row.record_seq or linked.get(row.record_id, row.stored_seq)
        found[row.case_key].append(
            Raising(row.flag, bool(row.urgent), row.stored_seq, row.raised_at_us, record_seq)
        )
    return found


def _read_linked_seqs(connection: Connection, record_ids: Collection[str]) -> dict[str, int]:
    """Return the places of records of linked cases, which go by ``case/record``."""
    pairs = [(one.split("/", 1)[0], one.split("/", 1)[1]) for one in record_ids if "/" in one]
    if not pairs:
        return {}
    wanted = list_pairs(connection, sorted(set(pairs)))
    query = select(events.c.case_key, events.c.event_id, events.c.stored_seq).join(
        wanted, and_(events.c.case_key == wanted.c.case_key, events.c.event_id == wanted.c.id)
    )
    return {f"{row.case_key}/{row.event_id}": row.stored_seq for row in connection.execute(query)}


def _add_records(
    connection: Connection,
    made: Mapping[str, CaseFacts],
    now_us: int,
    work_kinds: Collection[str],
) -> dict[str, CaseFacts]:
    """Return the cases that were closed, with the events that could bring them back.

    Where a person closed the case, so does what a source says about the file.
    """
    shut = [key for key, one in made.items() if is_shut(one)]
    if not shut:
        return {}
    kept_out = (*RESERVED_KINDS, *sorted(work_kinds))
    about_the_file = and_(events.c.kind.in_(_LIFECYCLE), events.c.import_key.is_not(None))
    query = _of_cases(
        connection,
        events.c.case_key,
        shut,
        events.c.case_key,
        events.c.kind,
        events.c.stored_seq,
        events.c.recorded_at,
        events.c.import_key,
    ).where(
        or_(events.c.kind.not_in(kept_out), about_the_file),
        func.coalesce(events.c.handling, "") != AGENCY_ONLY,
        func.coalesce(events.c.source, "") != HEALTH_SOURCE,
    )
    records: dict[str, list[NewRecord]] = defaultdict(list)
    for row in connection.execute(query):
        if row.kind in _LIFECYCLE and made[row.case_key].decision is None:
            continue
        records[row.case_key].append(
            NewRecord(row.stored_seq, min(row.recorded_at, now_us), row.import_key)
        )
    return {key: replace(made[key], records=tuple(records.get(key, ()))) for key in shut}


def _read_last_seqs(connection: Connection, keys: Collection[str]) -> dict[str, int]:
    """Return the place of each case's latest event, fact or link, or event of a linked case."""
    parts = [
        _last_seq(connection, table.c[column], table.c.stored_seq, keys)
        for table, column in (
            (events, "case_key"),
            (facts, "case_key"),
            (links, "case_key"),
            (links, "linked_case_key"),
        )
    ]
    ends = (links.c.case_key, links.c.linked_case_key)
    for here, there in (ends, ends[::-1]):
        parts.append(
            _last_seq(connection, here, events.c.stored_seq, keys).join(
                events, events.c.case_key == there
            )
        )
    found: dict[str, int] = {}
    for part in parts:
        for row in connection.execute(part):
            found[row[0]] = max(int(row[1]), found.get(row[0], 0))
    return found


def _last_seq(connection: Connection, key: Any, seq: Any, keys: Collection[str]) -> "Select[Any]":
    return (
        select(key, func.max(seq))
        .select_from(key.table)
        .where(is_among(connection, key, keys))
        .group_by(key)
    )


def _read_areas(connection: Connection, keys: Collection[str]) -> dict[str, str]:
    """Return the areas that cases were transferred to, the last one of each."""
    query = (
        _of_cases(connection, case_moves.c.case_key, keys, case_moves.c.case_key, case_moves.c.area)
        .where(case_moves.c.area.is_not(None))
        .order_by(case_moves.c.stored_seq)
    )
    return {row.case_key: row.area for row in connection.execute(query)}


def _read_scores(connection: Connection, keys: Collection[str]) -> dict[str, Any]:
    """Return each case's latest score; a case may have hundreds, and one is looked up."""
    own = scores.alias("own")
    last = (
        select(func.max(own.c.stored_seq))
        .where(own.c.case_key == cases.c.case_key)
        .correlate(cases)
        .scalar_subquery()
    )
    query = (
        select(
            scores.c.case_key,
            scores.c.score_key,
            scores.c.known_seq,
            scores.c.as_of_us,
            scores.c.priority,
        )
        .select_from(cases)
        .join(scores, and_(scores.c.case_key == cases.c.case_key, scores.c.stored_seq == last))
        .where(is_among(connection, cases.c.case_key, keys))
    )
    return {row.case_key: row for row in connection.execute(query)}


def _read_first_reads(connection: Connection, keys: Collection[str]) -> dict[str, int]:
    query = _of_cases(
        connection,
        first_reads.c.case_key,
        keys,
        first_reads.c.case_key,
        first_reads.c.read_at_us,
    )
    return {row.case_key: row.read_at_us for row in connection.execute(query)}


def _read_sealed(connection: Connection, keys: Collection[str]) -> dict[str, bool]:
    """Return what the latest seal of each case says."""
    query = _of_cases(connection, seals.c.case_key, keys, seals.c.case_key, seals.c.sealed)
    found = connection.execute(query.order_by(seals.c.stored_seq))
    return {row.case_key: bool(row.sealed) for row in found}


def _of_cases(
    connection: Connection, key: Any, keys: Collection[str], *columns: Any
) -> "Select[Any]":
    return select(*columns).where(is_among(connection, key, keys))
