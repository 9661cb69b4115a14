"""Every open case, some at a time: filtered, in order of what is asked for, none left out.

A page goes on from a row that was told, by the values of that row, so that nothing is passed over
and no page costs more than the first. A cursor names keys alone: a priority or a moment in an
address would be data of a case. The keys of a score and of an arrival stand for values that never
change; a wait may end, so that its cursor names the last few cases. A cursor that names a blind
case, or a score of one, leads nowhere: what comes after it would say where the case stands.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, and_, or_, select, union_all

from features.catalogue.declarations import DAY_US
from serving.access.case_sight import EVERYTHING, Sight
from serving.lists.blind_review import find_blind, withhold
from serving.lists.case_terms import NO_SEARCH, SearchConditions
from serving.lists.list_rows import is_new
from serving.lists.outputs import OpenCaseOut
from serving.standing.pending_corrections import find_pending_cases
from serving.standing.states import OPEN
from serving.store.database import Unit
from serving.store.lookups import is_among
from serving.store.opaque_keys import is_key
from serving.store.paging import make_bad_cursor
from serving.store.row_text import Clockface
from serving.store.schema import KEY_LENGTH, case_keys, scores, standings

Order = Literal["priority", "wait", "case", "area", "owner", "review", "flags", "arrived"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
_SCORED, _WAITING, _REST = "s", "w", "a"
_BY_LETTER: Final[dict[Order, str]] = {
    "case": "n",
    "area": "p",
    "owner": "o",
    "review": "r",
    "flags": "f",
    "arrived": "i",
}
"""The letter with which a cursor of each further order begins."""
_CURSOR_KEYS: Final = 3
"""Cases that a cursor names by what may change, such as a wait: it goes on from the last of them
that still has it."""


@dataclass(frozen=True)
class Filters:
    """Which open cases are wanted; ``None`` where it does not matter.

    ``search`` is what else was looked for (:func:`serving.lists.case_terms.make_conditions`).
    """

    area: str | None = None
    source: str | None = None
    family: str | None = None
    state: str | None = None
    flagged: bool | None = None
    sight: Sight = EVERYTHING
    search: SearchConditions = NO_SEARCH

    @property
    def states(self) -> tuple[str, ...]:
        """States that are wanted."""
        return OPEN if self.state is None else (self.state,)

    def conditions(self, *, blind: bool) -> list[ColumnElement[bool]]:
        """Return the conditions; for blind cases without that on what the model says."""
        found = [] if self.sight.is_whole else [self.sight.of_standings()]
        if self.area is not None:
            found.append(standings.c.area == self.area)
        if self.source is not None:
            found.append(standings.c.referral_source == self.source)
        if self.family is not None and not blind:
            found.append(standings.c.family == self.family)
        if self.flagged is not None:
            stands = standings.c.flagged_since_us
            found.append(stands.is_not(None) if self.flagged else stands.is_(None))
        return [*found, *self.search.further]


@dataclass(frozen=True)
class OpenCasesPage:
    """Some open cases.

    Parameters
    ----------
    rows
        In the order asked for.
    blind_rows
        On the first page: the cases that are blind now, apart and in the order of their keys,
        whichever family or order was asked for.
    next_cursor
        Where the next page goes on; ``None`` on the last.
    """

    rows: tuple[OpenCaseOut, ...]
    blind_rows: tuple[OpenCaseOut, ...]
    next_cursor: str | None


def read_page(
    connection: Connection,
    unit: Unit,
    now_us: int,
    filters: Filters,
    *,
    order: Order,
    size: int,
    cursor: str | None = None,
    is_reversed: bool = False,
) -> OpenCasesPage:
    """Read some open cases.

    Those that have what is ordered by, such as a score or a wait, come first; then the rest by
    arrival.

    Parameters
    ----------
    connection, unit
        Where the cases are.
    now_us
        The moment that waits are told at, microseconds UTC.
    filters
        Which cases.
    order
        Priority, highest first; wait, longest first; number, area or owner by the alphabet; the
        next review, the oldest open flag or the latest arrival first.
    size
        Rows at most.
    cursor
        ``next_cursor`` of the page before.
    is_reversed
        Whether those that have it come the other way round.

    Raises
    ------
    ServiceError
        If the cursor is none, the cases that it names wait no longer, or one of them is blind.
    """
    blind = find_blind(connection)
    segments = _SEGMENTS[order]
    if is_reversed:
        first = segments[0]
        segments = (replace(first, descending=not first.descending), *segments[1:])
    kind, keys = (segments[0].kind, []) if cursor is None else _split(cursor)
    numbers = [number for number, one in enumerate(segments) if one.kind == kind]
    named = _name_cases(connection, kind, keys)
    apart = blind | filters.sight.hidden | filters.sight.named
    # A cursor that goes on from a withheld case would show where it is in the order (ADR 15).
    if not numbers or not apart.isdisjoint(named):
        raise make_bad_cursor()
    found: list[tuple[_Segment, Row[Any]]] = []
    for segment in segments[numbers[0] :]:
        after = segment.find_after(connection, keys) if keys else None
        keys = []
        wanted = size + 1 - len(found)
        rows = _read_segment(connection, segment, filters, blind, after, wanted) if wanted else []
        found += [(segment, row) for row in rows]
    told = [row for _, row in found[:size]]
    covered = _read_blind(connection, filters, blind) if cursor is None else []
    shown = [row.case_key for row in (*told, *covered)]
    ids, pending = _read_ids(connection, shown), find_pending_cases(connection, shown)

    def describe(row: Row[Any], *, blind: bool) -> OpenCaseOut:
        made = _describe(row, ids, unit, now_us, blind=blind)
        return replace(made, correction_pending=row.case_key in pending)

    return OpenCasesPage(
        tuple(describe(row, blind=False) for row in told),
        tuple(describe(row, blind=True) for row in covered),
        _make_cursor(found[:size]) if len(found) > size else None,
    )


@dataclass(frozen=True)
class _Segment:
    """A stretch of the order: which cases are in it, how they stand, and how one goes on."""

    kind: str
    within: ColumnElement[bool]
    column: ColumnElement[Any]
    descending: bool
    find_after: Callable[[Connection, Sequence[str]], tuple[Any, str]]
    by_number: bool = False

    def select_rows(self) -> "Select[Any]":
        """Return the query of every row of ``standings``, with the case's number where the order is
        by that.
        """
        if not self.by_number:
            return select(standings)
        return select(standings, case_keys.c.case_id).join(
            case_keys, case_keys.c.case_key == standings.c.case_key
        )

    def order(self) -> tuple[Any, Any]:
        """Return what orders the rows."""
        first = self.column.desc() if self.descending else self.column
        return first, standings.c.case_key

    def beyond(self, after: tuple[Any, str]) -> ColumnElement[bool]:
        """Return the condition that a row comes after one."""
        value, key = after
        column, case_key = self.column, standings.c.case_key
        # The first condition alone goes along the index.
        from_here, further = (
            (column <= value, column < value)
            if self.descending
            else (column >= value, column > value)
        )
        return and_(from_here, or_(further, case_key > key))

    def sort_key(self, row: Row[Any]) -> tuple[Any, str]:
        """Return the same order for rows in memory."""
        value = row._mapping[self.column]
        return (-value if self.descending else value), row.case_key


def _after_score(connection: Connection, keys: Sequence[str]) -> tuple[float, str]:
    query = select(scores.c.priority, scores.c.case_key).where(scores.c.score_key == keys[-1])
    row = connection.execute(query).one_or_none()
    if row is None:
        raise make_bad_cursor()
    return float(row.priority), row.case_key


def _after_latest(
    column: ColumnElement[Any],
) -> Callable[[Connection, Sequence[str]], tuple[Any, str]]:
    """Return what goes on from the last of some cases that still has a value to go on from."""

    def find(connection: Connection, keys: Sequence[str]) -> tuple[Any, str]:
        found = _look_up(connection, keys, column)
        for key in reversed(keys):
            if found.get(key) is not None:
                return found[key], key
        raise make_bad_cursor()

    return find


def _after_arrival(connection: Connection, keys: Sequence[str]) -> tuple[int, str]:
    found = _look_up(connection, keys, standings.c.arrived_at_us)
    if keys[-1] not in found:
        raise make_bad_cursor()
    return found[keys[-1]], keys[-1]


def _name_cases(connection: Connection, kind: str, keys: Sequence[str]) -> Collection[str]:
    """Return the cases that a cursor is about."""
    if kind != _SCORED or not keys:
        return keys
    query = select(scores.c.case_key).where(scores.c.score_key.in_(keys))
    return connection.execute(query).scalars().all()


def _look_up(connection: Connection, keys: Sequence[str], column: Any) -> dict[str, Any]:
    owner = column.table.c.case_key
    query = select(owner, column).where(owner.in_(keys))
    return {row[0]: row[1] for row in connection.execute(query)}


def _rest(column: Any) -> _Segment:
    return _Segment(_REST, column.is_(None), standings.c.arrived_at_us, False, _after_arrival)


def _by(kind: str, column: Any, descending: bool, find_after: Any) -> _Segment:
    return _Segment(kind, column.is_not(None), column, descending, find_after)


def _order_by(
    order: Order, column: Any, *, descending: bool = False
) -> dict[Order, tuple[_Segment, ...]]:
    by_number = column.table is case_keys
    first = _by(_BY_LETTER[order], column, descending, _after_latest(column))
    return {order: tuple(replace(one, by_number=by_number) for one in (first, _rest(column)))}


_SEGMENTS: Final[dict[Order, tuple[_Segment, ...]]] = {
    "priority": (
        _by(_SCORED, standings.c.priority, True, _after_score),
        _rest(standings.c.priority),
    ),
    "wait": (
        _by(
            _WAITING,
            standings.c.waiting_since_us,
            False,
            _after_latest(standings.c.waiting_since_us),
        ),
        _rest(standings.c.waiting_since_us),
    ),
    **_order_by("case", case_keys.c.case_id),
    **_order_by("area", standings.c.area),
    **_order_by("owner", standings.c.owner),
    **_order_by("review", standings.c.review_due_us),
    **_order_by("flags", standings.c.flagged_since_us),
    **_order_by("arrived", standings.c.arrived_at_us, descending=True),
}


def _read_segment(
    connection: Connection,
    segment: _Segment,
    filters: Filters,
    blind: frozenset[str],
    after: tuple[Any, str] | None,
    size: int,
) -> list[Row[Any]]:
    """Return the first rows of a segment: one query a state, so that the index gives the order."""
    queries = []
    wanted: Sequence[ColumnElement[bool]] = [standings.c.state == one for one in filters.states]
    among = filters.search.among
    if segment.by_number or among is not None:
        # Along the numbers, or through the few cases, whatever the state: else every open case is
        # sorted by its number, or passed over for the few.
        wanted = [standings.c.state.concat("").in_(filters.states)]
    for is_wanted in wanted:
        query = segment.select_rows().where(
            is_wanted, segment.within, *filters.conditions(blind=False)
        )
        if among is not None:
            query = query.where(is_among(connection, standings.c.case_key, among))
        if blind:
            query = query.where(standings.c.case_key.not_in(sorted(blind)))
        if after is not None:
            query = query.where(segment.beyond(after))
        queries.append(query.order_by(*segment.order()).limit(size))
    if isinstance(segment.column.type, Text):
        return _merge_texts(connection, segment, queries, size)
    found = [row for query in queries for row in connection.execute(query)]
    return sorted(found, key=segment.sort_key)[:size]


def _merge_texts(
    connection: Connection, segment: _Segment, queries: Sequence[Select[Any]], size: int
) -> list[Row[Any]]:
    """Return the first rows of all states by a text: in the alphabet of the database, which each
    query and the cursor go by, and not in ours.
    """
    merged = union_all(*(select(query.subquery()) for query in queries)).subquery("merged")
    column = merged.c[segment.column.name]
    by_text = column.desc() if segment.descending else column
    query = select(merged).order_by(by_text, merged.c.case_key).limit(size)
    return list(connection.execute(query))


def _read_blind(connection: Connection, filters: Filters, blind: frozenset[str]) -> list[Row[Any]]:
    if not blind:
        return []
    # The states are asked afterwards: with them in the query SQLite passes over every open case.
    query = select(standings).where(
        standings.c.case_key.in_(sorted(blind)), *filters.conditions(blind=True)
    )
    among = filters.search.among
    found = [
        row
        for row in connection.execute(query)
        if row.state in filters.states and (among is None or row.case_key in among)
    ]
    return sorted(found, key=lambda row: str(row.case_key))


def _read_ids(connection: Connection, keys: Sequence[str]) -> dict[str, str | None]:
    query = select(case_keys.c.case_key, case_keys.c.case_id).where(case_keys.c.case_key.in_(keys))
    return {row.case_key: row.case_id for row in connection.execute(query)}


def _describe(
    row: Row[Any], ids: dict[str, str | None], unit: Unit, now_us: int, *, blind: bool
) -> OpenCaseOut:
    face, since = Clockface(unit.time_zone), row.waiting_since_us
    told = {
        "key": row.case_key,
        "case_id": ids.get(row.case_key),
        "blind": blind,
        "withheld": blind,
        "area": row.area,
        "source": row.referral_source,
        "state": row.state,
        "returned_for": row.returned_for,
        "newly_referred": is_new(row.arrived_at_us, row.version, now_us),
        "waiting_since": face.show_any(since),
        "waiting_days": None if since is None else max(now_us - since, 0) // DAY_US,
        "owner": row.owner,
        "review_on": row.review_on,
        "n_flags": row.n_flags,
        "n_urgent": row.n_urgent,
        "correction_pending": False,
        "flagged_since": face.show_any(row.flagged_since_us),
        "family": row.family,
        "priority": row.priority,
        "score_key": row.score_key,
        "read_by": face.show(row.first_read_due_us) if row.first_read_at_us is None else None,
    }
    return OpenCaseOut(**withhold(told, blind=blind, viewed=False))


def _make_cursor(found: Sequence[tuple[_Segment, Row[Any]]]) -> str:
    segment, last = found[-1]
    if segment.kind == _SCORED:
        return _SCORED + str(last.score_key)
    if segment.kind == _REST:
        return _REST + str(last.case_key)
    return segment.kind + "".join(row.case_key for _, row in found[-_CURSOR_KEYS:])


def _split(cursor: str) -> tuple[str, list[str]]:
    kind, rest = cursor[:1], cursor[1:]
    keys = [rest[start : start + KEY_LENGTH] for start in range(0, len(rest), KEY_LENGTH)]
    if not 1 <= len(keys) <= _CURSOR_KEYS or not all(map(is_key, keys)):
        raise make_bad_cursor()
    return kind, keys
