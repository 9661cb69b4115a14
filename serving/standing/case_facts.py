"""What is on record of cases, read in few queries for many cases at once.

Only what decides where a case stands, and what its row of ``standings`` shows, is read here; no
narrative and no answer is.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Label, Table, and_, func, or_, select
from sqlalchemy.engine import Row

from features.catalogue.declarations import DAY_US
from features.contract.arrays import NEVER
from features.contract.kept_apart import is_kept_apart
from features.contract.moments import parse_date
from features.contract.tables import (
    CLOSING_KINDS,
    OPENING_KINDS,
    RESERVED_KINDS,
)
from features.errors import CaselightError
from serving.standing.states import (
    CaseFacts,
    LatestDecision,
    NewRecord,
    Raising,
    Turn,
    is_shut,
    mark_shut,
)
from serving.store.database import Unit
from serving.store.histories import read_case_folder
from serving.store.lookups import is_among, list_keys, list_marks, list_pairs, look_up_each
from serving.store.record_conditions import is_for_all, links_unsealed
from serving.store.schema import case_keys as case_keys_table
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
    standings,
    unit,
)

_LIFECYCLE: Final = (*OPENING_KINDS, *CLOSING_KINDS)
_MERGED: Final = "merged"
_KEPT: Final = "kept"
HISTORY_DAYS: Final = 90
"""A case known for longer when an import brings it is history that was loaded; a stated policy."""
_FIRST_IMPORT: Final = (
    select(func.min(imports.c.begun_at_us)).scalar_subquery().label("first_import_us")
)
_LAST_SEQS: Final = ("events_seq", "facts_seq", "links_seq", "linked_seq", "there_seq", "here_seq")


class StandingRow(NamedTuple):
    """A case's row of ``standings``; its fields are the table's columns.

    A tuple, which an import makes and compares many of: two of each case that it touches.
    """

    case_key: str
    state: str
    area: str | None
    referral_source: str | None
    arrived_at_us: int
    state_since_us: int
    waiting_since_us: int | None
    returned_for: str | None
    owner: str | None
    review_on: str | None
    review_due_us: int | None
    version: int
    decided_seq: int
    record_seq: int
    known_seq: int
    score_key: str | None
    scored_as_of_us: int | None
    priority: float | None
    family: str | None
    n_flags: int
    n_urgent: int
    flagged_since_us: int | None
    first_read_due_us: int
    first_read_at_us: int | None


@dataclass(frozen=True)
class ScoreInForce:
    """What a standing shows of a case's latest score.

    Parameters
    ----------
    key
        Opaque key.
    known_seq
        The row up to which it had read.
    as_of_us
        The moment that it is of, microseconds UTC.
    priority
        What the case is ordered by.
    """

    key: str
    known_seq: int
    as_of_us: int
    priority: float


@dataclass(frozen=True)
class CaseRecord:
    """One case: what decides its state, and what else its standing shows.

    Parameters
    ----------
    facts
        What decides the state.
    case_id
        Its own identifier; ``None`` once that was erased.
    area, referral_source
        As on record; the area is the one that the case was last transferred to.
    record_seq
        Place of the latest row that belongs to the case or is seen from it.
    score
        Its latest score; ``None`` without one.
    first_read_at_us
        When a named person read it first.
    known_since_us
        From when the days for its first read count: when the unit knew, or when history came.
    sealed
        Whether only named people may see it.
    kept
        Its row of ``standings`` as that is kept; ``None`` where there is none.
    """

    facts: CaseFacts
    case_id: str | None
    area: str | None
    referral_source: str | None
    record_seq: int
    score: ScoreInForce | None
    first_read_at_us: int | None
    known_since_us: int
    sealed: bool = False
    kept: StandingRow | None = None


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
    turns = _read_turns(connection, there, now_us)
    raisings = _read_raisings(connection, there)
    made = {
        key: CaseFacts(
            # A date alone is the last microsecond of its day, which may not be over.
            arrived_at_us=min(row["recorded_at"], now_us),
            turn=turns.get(key),
            decision=_make_decision(row),
            raisings=tuple(raisings.get(key, ())),
            taken_in=_make_taken_in(row),
        )
        for key, row in there.items()
    }
    made |= _add_records(connection, made, now_us, work_kinds)
    return {
        key: CaseRecord(
            facts=made[key],
            case_id=row["case_id"],
            area=row["area"] if row["moved_to"] is None else row["moved_to"],
            referral_source=row["referral_source"],
            record_seq=max(row["stored_seq"], *(row[name] or 0 for name in _LAST_SEQS)),
            score=_read_score(row),
            first_read_at_us=row["read_at_us"],
            known_since_us=_find_known_since(
                made[key].arrived_at_us, row["begun_at_us"], row["first_import_us"]
            ),
            sealed=bool(row["sealed"]),
            kept=row[_KEPT],
        )
        for key, row in there.items()
    }


def read_new_cases(
    connection: Connection, case_keys: Collection[str], now_us: int
) -> dict[str, CaseRecord]:
    """Read some cases of which nothing is stored but the row of ``cases``; as
    :func:`read_case_records`, which looks for the rest as well, would have them.
    """
    query = (
        select(*cases.c, case_keys_table.c.case_id, imports.c.begun_at_us, _FIRST_IMPORT)
        .outerjoin(case_keys_table, case_keys_table.c.case_key == cases.c.case_key)
        .outerjoin(imports, imports.c.import_key == cases.c.import_key)
        .where(is_among(connection, cases.c.case_key, case_keys))
    )
    return {
        row.case_key: CaseRecord(
            facts=CaseFacts(arrived_at_us=min(row.recorded_at, now_us)),
            case_id=row.case_id,
            area=row.area,
            referral_source=row.referral_source,
            record_seq=row.stored_seq,
            score=None,
            first_read_at_us=None,
            known_since_us=_find_known_since(
                min(row.recorded_at, now_us), row.begun_at_us, row.first_import_us
            ),
        )
        for row in connection.execute(query)
    }


def _find_known_since(arrived_us: int, came_us: int | None, first_import_us: int | None) -> int:
    """Return from when the days for a first read count, microseconds UTC.

    From when the unit knew of the case, also where it came here later. Of history that was loaded
    they count from its import, or all of it would be overdue at once (ADR 14): that is what came
    with the store's first import, and cases known for more than ``HISTORY_DAYS`` when they came.

    Parameters
    ----------
    arrived_us
        When the unit came to know of the case.
    came_us
        When the import that brought it began; ``None`` where no import did.
    first_import_us
        When the store's first import began; ``None`` where there was none.
    """
    if came_us is None or came_us <= arrived_us:
        return arrived_us
    is_history = came_us == first_import_us or came_us - arrived_us > HISTORY_DAYS * DAY_US
    return came_us if is_history else arrived_us


def find_merged(connection: Connection, case_keys: Collection[str], now_us: int) -> frozenset[str]:
    """Return those of some cases that went into another for good: nobody decides on them."""
    turns = _read_turns(connection, _read_cases(connection, case_keys), now_us)
    return frozenset(key for key, turn in turns.items() if turn.kind == _MERGED)


def _read_cases(connection: Connection, case_keys: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Return, by case key, what there is one of for each case: all in one query.

    Of decisions, scores, seals and moves that is the latest; a case may have hundreds.
    """
    merge, arrival = case_moves.alias("merge"), case_moves.alias("arrival")
    query = (
        select(
            *cases.c,
            case_keys_table.c.case_id,
            imports.c.begun_at_us,
            _FIRST_IMPORT,
            unit.c.time_zone,
            first_reads.c.read_at_us,
            *_list_last_seqs(),
            _latest(seals.c.sealed, seals.c.case_key).label("sealed"),
            _latest(case_moves.c.area, case_moves.c.case_key, case_moves.c.area.is_not(None)).label(
                "moved_to"
            ),
            merge.c.stored_seq.label("merge_seq"),
            merge.c.moved_at_us.label("merged_at_us"),
            arrival.c.stored_seq.label("arrival_seq"),
            arrival.c.moved_at_us.label("arrived_by_move_at_us"),
            *(decisions.c[name] for name in ("version", "seen_seq", "decided_at_us", "owner")),
            decisions.c.review_on,
            decisions.c.stored_seq.label("decision_seq"),
            *(scores.c[name] for name in ("score_key", "known_seq", "as_of_us", "priority")),
            *(standings.c[name].label(f"{_KEPT}_{name}") for name in StandingRow._fields),
        )
        .select_from(cases)
        .join(unit, unit.c.id == 1)
        .outerjoin(case_keys_table, case_keys_table.c.case_key == cases.c.case_key)
        .outerjoin(imports, imports.c.import_key == cases.c.import_key)
        .outerjoin(first_reads, first_reads.c.case_key == cases.c.case_key)
        .outerjoin(merge, _is_latest_merge(merge, "case_key"))
        .outerjoin(arrival, _is_latest_merge(arrival, "other_case_key"))
        .outerjoin(decisions, _is_latest(decisions, decisions.c.version))
        .outerjoin(scores, _is_latest(scores, scores.c.stored_seq))
        .outerjoin(standings, standings.c.case_key == cases.c.case_key)
        .where(is_among(connection, cases.c.case_key, case_keys))
    )
    found = connection.execute(query)
    first = len(found.keys()) - len(StandingRow._fields)
    names = tuple(found.keys())[:first]
    there: dict[str, Mapping[str, Any]] = {}
    for cells in map(tuple, found):
        # Plain mappings: a row's cells are asked for by name, many times each.
        row = dict(zip(names, cells, strict=False))
        row[_KEPT] = None if cells[first] is None else StandingRow._make(cells[first:])
        there[row["case_key"]] = row
    return there


def _read_score(row: Mapping[str, Any]) -> ScoreInForce | None:
    if row["score_key"] is None:
        return None
    return ScoreInForce(row["score_key"], row["known_seq"], row["as_of_us"], row["priority"])


def _list_last_seqs() -> Iterator[Label[Any]]:
    """Give the place of the latest event, fact and link of a case, and event of a linked one.

    A link with a sealed case counts only as the record of the case that states it. An event that an
    agency keeps to itself is in no score and counts where it corrects one that is for all: that a
    case is scored again, or is to be, would tell others of it.
    """
    seen = _is_measured()
    own, there = links.c.case_key, links.c.linked_case_key
    conditions: tuple[tuple[Any, tuple[ColumnElement[bool], ...]], ...] = (
        (events, (events.c.case_key == cases.c.case_key, seen)),
        (facts, (facts.c.case_key == cases.c.case_key,)),
        (links, (own == cases.c.case_key,)),
        (links, (there == cases.c.case_key, links_unsealed())),
        (events, (own == cases.c.case_key, events.c.case_key == there, links_unsealed(), seen)),
        (events, (there == cases.c.case_key, events.c.case_key == own, links_unsealed(), seen)),
    )
    for name, (table, where) in zip(_LAST_SEQS, conditions, strict=True):
        # Not the plain column: PostgreSQL would walk the order of all rows back to one of the case.
        last = select(func.max(table.c.stored_seq + 0)).where(*where)
        yield last.correlate(cases).scalar_subquery().label(name)


def _is_measured() -> ColumnElement[bool]:
    """Return the condition that an event is for all, or corrects one that is."""
    named = events.alias("named")
    corrected = select(named.c.event_id).where(
        named.c.case_key == events.c.case_key,
        named.c.event_id == events.c.supersedes,
        is_for_all(named),
    )
    return or_(is_for_all(), corrected.correlate(events).exists())


def _latest(column: Any, key: Any, *where: ColumnElement[bool]) -> Any:
    query = select(column).where(key == cases.c.case_key, *where)
    return (
        query.order_by(column.table.c.stored_seq.desc()).limit(1).correlate(cases).scalar_subquery()
    )


def _is_latest(table: Table, place: Any) -> ColumnElement[bool]:
    """Return the condition that a row is the case's last one by a column that counts up."""
    own = table.alias(f"own_{table.name}")
    last = select(func.max(own.c[place.name])).where(own.c.case_key == cases.c.case_key)
    return and_(
        table.c.case_key == cases.c.case_key, place == last.correlate(cases).scalar_subquery()
    )


def _is_latest_merge(moves: Any, side: str) -> ColumnElement[bool]:
    """Return the condition that a row is the latest merge of a case into another, or into it."""
    own = case_moves.alias("own")
    last = select(func.max(own.c.stored_seq)).where(
        own.c[side] == cases.c.case_key, own.c.kind == "merge"
    )
    return and_(
        moves.c[side] == cases.c.case_key,
        moves.c.stored_seq == last.correlate(cases).scalar_subquery(),
    )


def _read_turns(
    connection: Connection, there: Mapping[str, Mapping[str, Any]], now_us: int
) -> dict[str, Turn]:
    """Return each case's latest lifecycle event in force; a merge that people made stands.

    Everything stored is known here, whatever its ``recorded_at`` (a date alone is the end of its
    day). A closing record dated ahead closes nothing yet; nor does one that an agency keeps to
    itself (as in :func:`features.history.open_cases.open_cases`). That a case was merged is
    believed of a record only where it came with the case itself.
    """
    names = ("case_key", "event_id", "kind", "occurred_at", "recorded_at", "source", "handling")
    wanted = list_keys(connection, there)
    query = select(
        *(events.c[name] for name in (*names, "supersedes", "import_key", "stored_seq"))
    ).where(
        events.c.case_key == wanted.c.case_key,
        or_(events.c.kind.in_(_LIFECYCLE), events.c.supersedes.is_not(None)),
    )
    rows = connection.execute(look_up_each(connection, wanted, query)).all()
    corrected = _find_corrected(connection, rows, there, now_us)
    latest: dict[str, Row[Any]] = {}
    for row in rows:
        if (row.case_key, row.event_id) in corrected or not _turns(row, now_us):
            continue
        # A record alone merges a case only where it came with it; else people do (ADR 14).
        if row.kind == _MERGED and row.import_key != there[row.case_key]["import_key"]:
            continue
        before = latest.get(row.case_key)
        if before is None or _when(before) < _when(row):
            latest[row.case_key] = row
    return {
        key: Turn(row.kind, row.stored_seq, row.recorded_at, row.import_key)
        for key, row in latest.items()
    } | {
        key: Turn(_MERGED, row["merge_seq"], row["merged_at_us"])
        for key, row in there.items()
        if row["merge_seq"] is not None
    }


def _when(row: Row[Any]) -> tuple[int, int, bool, str]:
    """Return where a lifecycle event stands in time; of two of one moment the one that opens is
    the later, as in :func:`features.history.open_cases.open_cases`.
    """
    return row.occurred_at, row.recorded_at, row.kind in OPENING_KINDS, row.event_id


def _turns(row: Row[Any], now_us: int) -> bool:
    if row.kind not in CLOSING_KINDS:
        return row.kind in OPENING_KINDS
    return not is_kept_apart(row.source, row.handling) and row.occurred_at <= now_us


def _find_corrected(
    connection: Connection,
    rows: Iterable[Row[Any]],
    there: Mapping[str, Mapping[str, Any]],
    now_us: int,
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
    # Only where a correction touches these records is the whole history of a case read.
    if not tangled:
        return set()
    zone = there[next(iter(tangled))]["time_zone"]
    folder = read_case_folder(
        connection, sorted(tangled), Unit(zone, synthetic=False), extract_at_us=now_us
    )
    standing = folder.frame("events")[folder.frame("events")["superseded_at"] == NEVER]
    in_force = set(zip(standing["case_id"], standing["event_id"], strict=True))
    return {key for key in lifecycle if key[0] in tangled} - in_force


def _make_decision(row: Mapping[str, Any]) -> LatestDecision | None:
    if row["version"] is None:
        return None
    return LatestDecision(
        version=row["version"],
        seen_seq=row["seen_seq"],
        stored_seq=row["decision_seq"],
        decided_at_us=row["decided_at_us"],
        owner=row["owner"],
        review_on=row["review_on"],
        review_due_us=_first_of_day(row["review_on"], row["time_zone"]),
    )


def _make_taken_in(row: Mapping[str, Any]) -> NewRecord | None:
    if row["arrival_seq"] is None:
        return None
    return NewRecord(row["arrival_seq"], row["arrived_by_move_at_us"])


def _first_of_day(text: str | None, zone: str) -> int | None:
    if text is None:
        return None
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
            raised.raising_key,
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
            Raising(
                row.flag,
                bool(row.urgent),
                row.stored_seq,
                row.raised_at_us,
                record_seq,
                row.record_id,
                row.raising_key,
            )
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
    """Return the cases that were closed, with the events that bring them back.

    Where a person closed the case, so does what a source says about the file. Of the events that
    came since with one import the first to be recorded stands for all: nothing else is asked of
    them, and there may be thousands.
    """
    # What was merged stays closed, whatever comes.
    shut = {key: one for key, one in made.items() if is_shut(one) and not one.is_merged}
    kept_out = (*RESERVED_KINDS, *sorted(work_kinds))
    conduct = events.c.kind.not_in(kept_out)
    about_the_file = and_(events.c.kind.in_(_LIFECYCLE), events.c.import_key.is_not(None))
    records: dict[str, list[NewRecord]] = defaultdict(list)
    for decided, counts in (
        (False, and_(conduct, events.c.kind.not_in(_LIFECYCLE))),
        (True, or_(conduct, about_the_file)),
    ):
        marks = [
            (key, *mark_shut(one))
            for key, one in shut.items()
            if (one.decision is not None) == decided
        ]
        for key, record in _read_since(connection, marks, counts) if marks else ():
            first_us = min(record.recorded_at_us, now_us)
            records[key].append(replace(record, recorded_at_us=first_us))
    return {key: replace(one, records=tuple(records.get(key, ()))) for key, one in shut.items()}


def _read_since(
    connection: Connection,
    marks: Sequence[tuple[str, int, int, str | None]],
    counts: ColumnElement[bool],
) -> Iterator[tuple[str, NewRecord]]:
    """Give by case and import the first record of those that follow a mark."""
    mark = list_marks(connection, marks)
    came_with = events.c.import_key
    together = and_(came_with == mark.c.import_key, events.c.recorded_at >= mark.c.us)
    apart = or_(came_with.is_(None), mark.c.import_key.is_(None), came_with != mark.c.import_key)
    query = (
        select(
            events.c.case_key,
            func.max(events.c.stored_seq).label("last_seq"),
            func.min(events.c.recorded_at).label("first_us"),
            came_with,
        )
        .where(
            events.c.case_key == mark.c.case_key,
            counts,
            is_for_all(),
            or_(together, and_(apart, events.c.stored_seq > mark.c.seq)),
        )
        .group_by(events.c.case_key, came_with)
    )
    found = connection.execute(look_up_each(connection, mark, query))
    for key, last_seq, first_us, import_key in found:
        yield key, NewRecord(last_seq, first_us, import_key)
