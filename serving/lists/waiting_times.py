"""What waiting means: how many wait, how long, and what follows where arrivals exceed capacity."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from features.catalogue.declarations import DAY_US
from serving.lists.draws import SHARES_OF, Shares
from serving.standing.states import ELIGIBLE
from serving.store.record_conditions import is_sealed
from serving.store.schema import decisions, list_places, standings

LOOK_BACK_WEEKS: Final = 8
"""Weeks whose arrivals and decisions are taken for the usual: long enough to even out a week off,
short enough to follow a change."""
_WEEK_US: Final = 7 * DAY_US
# Asked one by one, since an index begins with the state. Sealed cases are in none of them (ADR 20).
_ALL_STATES: Final = (*ELIGIBLE, "managed", "closed")


@dataclass(frozen=True)
class Flow:
    """What came and went in the last weeks.

    Parameters
    ----------
    weeks
        How many weeks, at least 1; fewer than eight where the store's cases go back less far.
    arrived, returned
        Cases that arrived for the first time, and that came back after a decision.
    decided
        Decisions that took a case from those that wait.
    """

    weeks: float
    arrived: int
    returned: int
    decided: int


@dataclass(frozen=True)
class Waits:
    """What waiting means now, in numbers and in words.

    Parameters
    ----------
    n_waiting, longest_days
        Cases that wait for a decision, and the longest wait among them in whole days.
    weeks_observed
        Weeks that the next three rest on.
    arrivals_per_week
        First arrivals and returns.
    decided_per_week, places_per_week
        Decisions on cases that waited, and places on the list.
    growth_per_week
        Cases by which the queue grows a week where every listed case is decided; negative where it
        shrinks.
    fits
        Whether arrivals fit the places.
    weeks_at_least, weeks_at_most
        Bounds on how long a case waits that arrives today and is moved up by nothing, in weekly
        lists from the next one, if every listed case is decided. At least: all places go to cases
        that wait longer. At most: only those of the longest wait do; ``None`` where there are none
        of these.
    words
        The same in sentences.
    """

    n_waiting: int
    longest_days: int
    weeks_observed: float
    arrivals_per_week: float
    decided_per_week: float
    places_per_week: int
    growth_per_week: float
    fits: bool
    weeks_at_least: int
    weeks_at_most: int | None
    words: tuple[str, ...]


def read_flow(connection: Connection, now_us: int) -> Flow:
    """Read what came and went in the last eight weeks before ``now_us``."""
    first = min(
        (
            int(found)
            for state in _ALL_STATES
            if (found := connection.execute(_earliest(state)).scalar_one()) is not None
        ),
        default=now_us,
    )
    start_us = max(now_us - LOOK_BACK_WEEKS * _WEEK_US, min(first, now_us - _WEEK_US))
    arrived = sum(
        _count(connection, standings.c.state == state, standings.c.arrived_at_us >= start_us)
        for state in _ALL_STATES
    )
    waits_again = _count(
        connection,
        standings.c.state == "returned",
        standings.c.waiting_since_us >= start_us,
    )
    decided, of_returned = connection.execute(_count_decisions(start_us)).one()
    return Flow(
        weeks=(now_us - start_us) / _WEEK_US,
        arrived=arrived,
        returned=waits_again + int(of_returned),
        decided=int(decided),
    )


def _earliest(state: str) -> Select[Any]:
    return select(func.min(standings.c.arrived_at_us)).where(standings.c.state == state)


def _count(connection: Connection, *where: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(standings).where(*where)
    return int(connection.execute(query).scalar_one())


def _count_decisions(start_us: int) -> Select[int, int]:
    """Count decisions on cases that waited, and those on cases that had come back meanwhile.

    A first decision takes a case that waited; a later one does where it was given on a list.
    """
    listed = and_(
        list_places.c.sitting_key == decisions.c.sitting_key,
        list_places.c.case_key == decisions.c.case_key,
    )
    came_back = and_(decisions.c.version > 1, list_places.c.waiting_since_us >= start_us)
    return (
        select(func.count(), func.count().filter(came_back))
        .select_from(decisions.outerjoin(list_places, listed))
        .where(
            decisions.c.decided_at_us >= start_us,
            ~is_sealed(decisions.c.case_key),
            or_(decisions.c.version == 1, list_places.c.case_key.is_not(None)),
        )
    )


def count_waited_places(capacity: int, shares: Shares, *, longest_wait_first: bool) -> Fraction:
    """Return the places a week that the longest waits are sure of, on average."""
    random, waited, flagged, end = shares.bounds()
    sure = waited - random + (end - flagged if longest_wait_first else 0)
    return Fraction(capacity * sure, SHARES_OF)


def describe_waits(
    flow: Flow,
    *,
    capacity: int,
    n_waiting: int,
    longest_days: int,
    waited_places: Fraction,
    n_listed: int = 0,
) -> Waits:
    """Tell what waiting means.

    Parameters
    ----------
    flow
        What came and went.
    capacity
        Places on a week's list.
    n_waiting, longest_days
        Cases that wait, and the longest wait.
    waited_places
        Places a week that the longest waits are sure of.
    n_listed
        How many of those that wait are on the list of today already.
    """
    arrivals = (flow.arrived + flow.returned) / flow.weeks
    growth = arrivals - capacity
    least, most = _bound_wait(n_waiting - n_listed, capacity, growth, waited_places)
    told = Waits(
        n_waiting=n_waiting,
        longest_days=longest_days,
        weeks_observed=flow.weeks,
        arrivals_per_week=arrivals,
        decided_per_week=flow.decided / flow.weeks,
        places_per_week=capacity,
        growth_per_week=growth,
        fits=growth <= 0,
        weeks_at_least=least,
        weeks_at_most=most,
        words=(),
    )
    return replace(told, words=tuple(_say(told)))


def _bound_wait(
    n_before: int, capacity: int, growth: float, waited_places: Fraction
) -> tuple[int, int | None]:
    """Return the least and the most weekly lists until a case that arrives today has a place.

    With those that wait before it and itself in the queue it has none before ``capacity`` places a
    week have passed over them, and it has one once ``waited_places`` have. Where arrivals leave
    places over, the queue with all that arrive meanwhile fits one list after as many weeks as those
    places take for those before it, on average; then everybody has a place.
    """
    least = ceil((n_before + 1) / capacity)
    ends = [ceil((n_before + 1) / waited_places)] if waited_places else []
    if growth < 0:
        ends.append(max(least, ceil(n_before / -growth)))
    return least, min(ends, default=None)


def _say(waits: Waits) -> list[str]:
    if not waits.n_waiting:
        said = ["No case waits."]
    else:
        noun = "case waits" if waits.n_waiting == 1 else "cases wait"
        said = [
            f"{waits.n_waiting:,} {noun}; the longest has waited {waits.longest_days:,} "
            f"{'day' if waits.longest_days == 1 else 'days'}."
        ]
    said.append(
        f"In the last {_number(waits.weeks_observed)} weeks {_number(waits.arrivals_per_week)} "
        f"cases a week arrived or came back and {_number(waits.decided_per_week)} a week were "
        "decided."
    )
    if not waits.fits:
        said.append(
            f"With {_number(waits.arrivals_per_week)} arriving a week and "
            f"{waits.places_per_week:,} places the queue grows by "
            f"{_number(waits.growth_per_week)} a week."
        )
    return [*said, _say_wait(waits)]


def _say_wait(waits: Waits) -> str:
    case = "A case that arrives today and is moved up by nothing"
    if waits.weeks_at_most is None:
        return f"{case} has no sure place: none is kept for the longest wait."
    if waits.weeks_at_most == 1:
        return f"{case} is on the next list."
    if waits.weeks_at_least == waits.weeks_at_most:
        return f"{case} waits about {waits.weeks_at_most:,} weeks."
    return f"{case} waits {waits.weeks_at_least:,} to {waits.weeks_at_most:,} weeks."


def _number(value: float) -> str:
    """Return a number with one decimal, or none where it is whole."""
    return f"{value:,.1f}".removesuffix(".0")
