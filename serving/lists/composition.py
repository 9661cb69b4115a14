"""Who is on a list: reserved places, what passes on, and lots for the last places.

Pure: nothing here reads a store or a clock. Design section 9 is the source of every rule, with one
deviation: it takes flagged cases oldest first, here those with an urgent flag come before all
others. Flags that one import raised are equally old, and what is urgent must not be left to chance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, Literal

from serving.lists.draws import Division, draw_numbers, draw_some

Rule = Literal["random", "waited", "flagged", "priority"]
Ordering = Literal["model", "longest_wait"]
RULES: Final[tuple[Rule, ...]] = ("random", "waited", "flagged", "priority")
"""In the order in which a case is matched: it takes its first."""
TOLD_APART: Final = 1e-9
"""Priorities nearer to each other than this, relative to their size, cannot be told apart: the
accuracy to which a score is computed again elsewhere (promise 7)."""


@dataclass(frozen=True)
class ListCandidate:
    """A case that awaits a decision or returned.

    Parameters
    ----------
    key
        Its opaque key.
    priority
        Of its latest score, higher is looked at sooner; ``None`` without a score.
    waiting_since_us
        Since when it waits, microseconds UTC.
    flagged_since_us
        When the oldest of its standing flags was raised; ``None`` without one.
    n_urgent
        Standing urgent flags.
    """

    key: str
    priority: float | None
    waiting_since_us: int
    flagged_since_us: int | None = None
    n_urgent: int = 0


@dataclass(frozen=True)
class Pools:
    """What a list is made from: of each pool at least its first ``capacity`` cases.

    Parameters
    ----------
    n_eligible
        All cases that could be on the list.
    drawn
        Cases drawn at random from all of them, as many as the division asks for.
    waited
        Longest wait first.
    flagged
        Every flagged case: urgent ones first, then the oldest flag.
    prior
        In the order that is in force, and on to the last that cannot be told apart from the last
        of the first ``capacity``.
    """

    n_eligible: int
    drawn: tuple[ListCandidate, ...]
    waited: tuple[ListCandidate, ...]
    flagged: tuple[ListCandidate, ...]
    prior: tuple[ListCandidate, ...]


@dataclass(frozen=True)
class Place:
    """A case's place on the list.

    Parameters
    ----------
    candidate
        The case.
    rule
        Why it is there.
    probability
        Where chance decided, how likely it was: over all draws for a random place, among those
        that could not be told apart for a lot; ``None`` where the rule left nothing to chance.
    by_lot
        Whether a lot gave it one of the last places.
    """

    candidate: ListCandidate
    rule: Rule
    probability: float | None = None
    by_lot: bool = False


@dataclass(frozen=True)
class Composition:
    """A list, in the order in which the rules matched, and the flagged cases without a place."""

    places: tuple[Place, ...]
    overflow: tuple[ListCandidate, ...]


def by_wait(candidate: ListCandidate) -> tuple[int, str]:
    """Return what orders by wait, longest first."""
    return candidate.waiting_since_us, candidate.key


def by_flag(candidate: ListCandidate) -> tuple[bool, int, float, str]:
    """Return what orders flagged cases: urgent ones first, then by the oldest flag.

    Among those whose flags are equally old the higher priority comes first, and then the key.
    """
    priority = inf if candidate.priority is None else -candidate.priority
    return not candidate.n_urgent, candidate.flagged_since_us or 0, priority, candidate.key


def by_priority(candidate: ListCandidate) -> tuple[float, str]:
    """Return what orders scored cases by priority, highest first."""
    return -(candidate.priority or 0.0), candidate.key


def lowest_alike(priority: float, tolerance: float) -> float:
    """Return the lowest priority that cannot be told apart from one."""
    return priority - tolerance * abs(priority)


def gather(
    eligible: Iterable[ListCandidate], division: Division, *, ordering: Ordering, seed: str
) -> Pools:
    """Return the pools of cases that are all in memory; the store's are read by queries."""
    cases = sorted(eligible, key=by_wait)
    numbers = draw_numbers(len(cases), division.random, seed, "random places")
    scored = [case for case in cases if case.priority is not None]
    return Pools(
        n_eligible=len(cases),
        drawn=tuple(cases[number] for number in numbers),
        waited=tuple(cases),
        flagged=tuple(
            sorted((case for case in cases if case.flagged_since_us is not None), key=by_flag)
        ),
        prior=tuple(sorted(scored, key=by_priority) if ordering == "model" else cases),
    )


def compose(
    pools: Pools,
    division: Division,
    *,
    ordering: Ordering,
    seed: str,
    tolerance: float = TOLD_APART,
) -> Composition:
    """Compose a list.

    Each case takes its first match: random draw, waited longest, flagged, then the order in force.
    Places that a pool cannot use pass on to that order, and then to the longest wait. So no place
    stays empty while an eligible case has none.

    Parameters
    ----------
    pools
        The cases.
    division
        Places of each pool.
    ordering
        The order in force: the model's priority, or the longest wait.
    seed
        The sitting's seed.
    tolerance
        Priorities nearer than this, relative to their size, cannot be told apart.
    """
    chance = division.chance_to_be_drawn(pools.n_eligible)
    # With its chance: only so can the draw show what the rest of the list misses (ADR 15).
    places = [Place(case, "random", chance) for case in pools.drawn[: division.random]]
    taken = {place.candidate.key for place in places}

    def take(pool: Sequence[ListCandidate], size: int, rule: Rule) -> None:
        free = [case for case in pool if case.key not in taken][:size]
        places.extend(Place(case, rule) for case in free)
        taken.update(case.key for case in free)

    take(pools.waited, division.waited, "waited")
    take(pools.flagged, division.flagged, "flagged")
    free = [case for case in pools.prior if case.key not in taken]
    last = _give_in_order(free, division.capacity - len(places), ordering, seed, tolerance)
    places.extend(last)
    taken.update(place.candidate.key for place in last)
    take(pools.waited, division.capacity - len(places), "waited")
    # Shown above the list: no flag is lost for want of a place (design section 9).
    overflow = tuple(case for case in pools.flagged if case.key not in taken)
    return Composition(tuple(places), overflow)


def _give_in_order(
    free: Sequence[ListCandidate], size: int, ordering: Ordering, seed: str, tolerance: float
) -> list[Place]:
    """Give places in the order in force; the last ones by lot where ranks cannot be told apart."""
    rule: Rule = "priority" if ordering == "model" else "waited"
    if not 0 < size < len(free):
        return [Place(case, rule) for case in free[: max(size, 0)]]
    alike = _find_alike(free, size - 1, ordering, tolerance)
    n_sure = alike.start
    n_lots = size - n_sure
    if len(alike) == n_lots:
        return [Place(case, rule) for case in free[:size]]
    # By key: the lot rests on the seed and on who takes part, not on the order of the pool.
    among = sorted((free[number] for number in alike), key=lambda case: case.key)
    drawn = {case.key for case in draw_some(among, n_lots, seed, "last places")}
    return [Place(case, rule) for case in free[:n_sure]] + [
        Place(case, rule, probability=n_lots / len(among), by_lot=True)
        for case in (free[number] for number in alike)
        if case.key in drawn
    ]


def _find_alike(
    free: Sequence[ListCandidate], last: int, ordering: Ordering, tolerance: float
) -> range:
    """Return the numbers of the cases that cannot be told apart from the last that has a place."""
    if ordering == "longest_wait":
        edge = free[last].waiting_since_us
        alike = [n for n, case in enumerate(free) if case.waiting_since_us == edge]
        return range(alike[0], alike[-1] + 1)
    value = free[last].priority or 0.0
    low = lowest_alike(value, tolerance)
    # Alike is mutual: one above is alike where the last is within its own tolerance.
    alike = [
        n
        for n, case in enumerate(free)
        if (case.priority or 0.0) >= low and lowest_alike(case.priority or 0.0, tolerance) <= value
    ]
    return range(alike[0], alike[-1] + 1)
