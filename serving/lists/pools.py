"""The store's cases that could be on a list, read by queries that do not read every row.

Every query goes along an index of ``standings`` and stops after as many cases as there are places.
Only counting, and finding the place of a random number, pass over an index from one end.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from serving.access.case_sight import EVERYTHING, Sight
from serving.intake.held_cases import is_apart
from serving.lists.composition import (
    TOLD_APART,
    ListCandidate,
    Ordering,
    Pools,
    by_flag,
    by_priority,
    by_wait,
    lowest_alike,
)
from serving.lists.draws import Division, draw_numbers
from serving.standing.states import ELIGIBLE, OPEN
from serving.store.schema import standings

_COLUMNS: Final = (
    standings.c.case_key,
    standings.c.priority,
    standings.c.waiting_since_us,
    standings.c.flagged_since_us,
    standings.c.n_urgent,
)


def count_states(connection: Connection, sight: Sight = EVERYTHING) -> dict[str, int]:
    """Return how many cases in sight are in each open state; sealed ones are in no count."""
    where = () if sight.is_whole else (sight.of_standings(),)
    return {state: _count(connection, standings.c.state == state, *where) for state in OPEN}


def read_pools(
    connection: Connection,
    division: Division,
    *,
    ordering: Ordering,
    seed: str,
    tolerance: float = TOLD_APART,
    states: Mapping[str, int] | None = None,
) -> Pools:
    """Read what a list is composed from; see :func:`serving.lists.composition.compose`.

    Cases that are held apart until a second person confirms them are in no draw and among no
    longest waits, and so are not counted either; flags and priorities bring them on as any other.
    ``states`` is what :func:`count_states` returned in the same transaction, if it was asked.
    """
    counted = count_states(connection) if states is None else states
    apart = is_apart(standings.c.case_key)
    held = [_count(connection, standings.c.state == state, apart) for state in ELIGIBLE]
    # Without any the queries are the plain ones, which stop early along an index.
    among = (~apart,) if any(held) else ()
    counts = [counted[state] - n for state, n in zip(ELIGIBLE, held, strict=True)]
    size = division.capacity
    # By number: no query has to read every case that could be drawn.
    numbers = draw_numbers(sum(counts), division.random, seed, "random places")
    by_arrival = (standings.c.waiting_since_us, standings.c.case_key)
    waited = _read_first(connection, by_arrival, size, *among)
    waited = sorted(waited, key=by_wait)[:size]
    # All of them, since those without a place are told one by one; so the order is made here.
    flagged = _read_first(connection, (), None, standings.c.flagged_since_us.is_not(None))
    return Pools(
        n_eligible=sum(counts),
        drawn=tuple(_read_numbered(connection, number, counts, among) for number in numbers),
        waited=tuple(waited),
        flagged=tuple(sorted(flagged, key=by_flag)),
        prior=_read_prior(connection, size, tolerance)
        if ordering == "model"
        else _read_longest(connection, waited, size, among),
    )


def _read_prior(connection: Connection, size: int, tolerance: float) -> tuple[ListCandidate, ...]:
    """Return the highest priorities, and on to the last that is like the last of them."""
    scored = standings.c.priority.is_not(None)
    order = (standings.c.priority.desc(), standings.c.case_key)
    first = sorted(_read_first(connection, order, size, scored), key=by_priority)[:size]
    if len(first) == size:
        last = first[-1].priority or 0.0
        alike = standings.c.priority.between(lowest_alike(last, tolerance), last)
        first += _read_first(connection, (), None, alike)
    return tuple(sorted({case.key: case for case in first}.values(), key=by_priority))


def _read_longest(
    connection: Connection,
    waited: Sequence[ListCandidate],
    size: int,
    among: Sequence[ColumnElement[bool]],
) -> tuple[ListCandidate, ...]:
    """Return the longest waits, and all that began when the last of them did."""
    first = list(waited)
    if len(first) == size:
        alike = standings.c.waiting_since_us == first[-1].waiting_since_us
        first += _read_first(connection, (), None, alike, *among)
    return tuple(sorted({case.key: case for case in first}.values(), key=by_wait))


def _count(connection: Connection, *where: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(standings).where(*where)
    return int(connection.execute(query).scalar_one())


def _read_first(
    connection: Connection,
    order: Sequence[ColumnElement[Any]],
    size: int | None,
    *where: ColumnElement[bool],
) -> list[ListCandidate]:
    """Return the first cases of each state: one query each, so that the index gives the order."""
    found: list[ListCandidate] = []
    for state in ELIGIBLE:
        query = select(*_COLUMNS).where(standings.c.state == state, *where)
        found += _read(connection, query.order_by(*order).limit(size))
    return found


def _read(connection: Connection, query: Select[Any]) -> list[ListCandidate]:
    return [ListCandidate(*row) for row in connection.execute(query)]


def _read_numbered(
    connection: Connection,
    number: int,
    counts: Sequence[int],
    among: Sequence[ColumnElement[bool]],
) -> ListCandidate:
    """Return the case with a number: awaiting cases first, each state by arrival, then key.

    The index holds no keys, so that first the moment of arrival is found, and then the case among
    those that arrived in that moment.
    """
    state = ELIGIBLE[0] if number < counts[0] else ELIGIBLE[1]
    place = number if number < counts[0] else number - counts[0]
    arrived = standings.c.arrived_at_us
    of_state = and_(standings.c.state == state, *among)
    # From the nearer end, since a number is reached by passing over those before it.
    count = counts[ELIGIBLE.index(state)]
    far = place > count // 2
    order, offset = (arrived.desc(), count - 1 - place) if far else (arrived, place)
    moment = connection.execute(
        select(arrived).where(of_state).order_by(order).limit(1).offset(offset)
    ).scalar_one()
    if far:
        before = count - _count(connection, of_state, arrived >= moment)
    else:
        before = _count(connection, of_state, arrived < moment)
    there = select(*_COLUMNS).where(of_state, arrived == moment).order_by(standings.c.case_key)
    return _read(connection, there.limit(1).offset(place - before))[0]
