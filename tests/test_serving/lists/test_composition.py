"""Who is on a list, with flags at any multiple of capacity, ties, and any capacity."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from serving.lists.composition import Composition, ListCandidate, Ordering, compose, gather
from serving.lists.draws import SHARES_OF, Division, Shares, divide_places
from serving.lists.pools import read_pools
from serving.store.database import Store
from tests.test_serving.case_rows import DAY_US, NOW_US, name_case, put, stand

THIRTY = Division(2, 6, 12, 10, Fraction(2))


def case(
    number: int,
    priority: float | None = None,
    waits: int = 0,
    flagged: int | None = None,
    urgent: int = 0,
) -> ListCandidate:
    """Return a candidate that waits, and is flagged, since so many days ago."""
    since = None if flagged is None else NOW_US - flagged * DAY_US
    return ListCandidate(name_case(number), priority, NOW_US - waits * DAY_US, since, urgent)


def many(size: int, **given_: object) -> list[ListCandidate]:
    """Return cases, the higher numbers with the higher priority and the shorter wait."""
    return [case(n, priority=float(n), waits=size - n, **given_) for n in range(size)]  # type: ignore[arg-type]


def listed(
    cases: list[ListCandidate],
    division: Division = THIRTY,
    *,
    seed: str = "a",
    ordering: Ordering = "model",
    tolerance: float = 1e-9,
) -> Composition:
    pools = gather(cases, division, ordering=ordering, seed=seed)
    return compose(pools, division, ordering=ordering, seed=seed, tolerance=tolerance)


def by_rule(found: Composition) -> Counter[str]:
    return Counter(place.rule for place in found.places)


@pytest.mark.parametrize(
    ("flags", "expected", "outside"),
    [
        (0, {"random": 2, "waited": 6, "priority": 22}, 0),
        (30, {"random": 2, "waited": 6, "flagged": 12, "priority": 10}, 18),
        (300, {"random": 2, "waited": 6, "flagged": 12, "priority": 10}, 288),
    ],
)
def test_flags_at_any_multiple_of_capacity(
    flags: int, expected: dict[str, int], outside: int
) -> None:
    """Flags never take more than their places; those without one are counted, oldest first."""
    plain = many(400)
    # Flagged cases have low priority and short waits, so that nothing else places them.
    flagged = [case(1_000 + n, priority=-1.0, waits=0, flagged=1 + n) for n in range(flags)]
    # Seeds whose random draw takes no flagged case, so that the table holds to the case.
    seed = next(
        str(n)
        for n in range(10_000)
        if not any(
            one.flagged_since_us
            for one in gather(plain + flagged, THIRTY, ordering="model", seed=str(n)).drawn
        )
    )
    found = listed(plain + flagged, seed=seed)
    assert expected == by_rule(found)
    assert outside == len(found.overflow)
    dates = [one.flagged_since_us for one in found.overflow]
    assert sorted(dates) == dates  # type: ignore[type-var]
    placed = [p.candidate.flagged_since_us for p in found.places if p.rule == "flagged"]
    assert not placed or not dates or max(placed) <= min(dates)  # type: ignore[type-var]


def test_a_case_takes_its_first_match() -> None:
    """A case that waits longest, is flagged and leads takes the place of the longest wait."""
    first = case(0, priority=9.0, waits=99, flagged=9)
    found = listed([first, *many(50)], Division(0, 1, 1, 1, Fraction(0)))
    assert [p.rule for p in found.places if p.candidate.key == first.key] == ["waited"]


def test_a_flagged_case_that_leads_is_not_overflow() -> None:
    """Flagged cases beyond their places compete by priority like any other."""
    cases = [case(n, priority=float(n), waits=0, flagged=100 - n) for n in range(10)]
    found = listed(cases, Division(0, 0, 2, 3, Fraction(0)))
    keys = {p.rule: [] for p in found.places}  # type: ignore[var-annotated]
    for place in found.places:
        keys[place.rule].append(place.candidate.key)
    assert {name_case(0), name_case(1)} == set(keys["flagged"])
    assert {name_case(9), name_case(8), name_case(7)} == set(keys["priority"])
    assert len(found.overflow) == 5


def test_urgent_flags_come_first() -> None:
    """Urgent before all others, then the oldest flag, the higher priority, the key; the places and
    those without one alike.
    """
    cases = [
        case(0, 5.0, flagged=9),
        case(1, 1.0, flagged=2),
        case(2, 3.0, flagged=2),
        case(3, None, flagged=2),
        case(4, -1.0, flagged=2),
        case(5, None, flagged=1, urgent=2),
        case(6, 0.0, flagged=3, urgent=1),
    ]
    # The last place goes by priority, to the case that leads.
    found = listed(cases, Division(0, 0, 1, 1, Fraction(0)))
    assert [p.candidate.key for p in found.places] == [name_case(6), name_case(0)]
    assert [one.key for one in found.overflow] == [name_case(n) for n in (5, 2, 1, 4, 3)]


def test_without_a_random_pool_places_pass_on() -> None:
    """With no random places the order of priority gets them."""
    division = divide_places(30, Shares(random=0), "a")
    assert (
        division.random,
        division.waited,
        division.flagged,
        division.priority,
    ) == (0, 6, 12, 12)
    assert by_rule(listed(many(60), division)) == {"waited": 6, "priority": 24}


def test_without_scores_the_longest_wait_has_the_places() -> None:
    """Where nothing has a priority its places pass on to the longest wait."""
    found = listed([case(n, waits=n) for n in range(100)], Division(0, 6, 12, 12, Fraction(0)))
    assert by_rule(found) == {"waited": 30}
    assert {name_case(n) for n in range(70, 100)} == {p.candidate.key for p in found.places}


def test_with_few_cases_all_are_listed() -> None:
    """Nobody is left out while a place is empty."""
    assert len(listed(many(7)).places) == 7
    assert listed([]).places == ()


def test_longest_wait_first_ignores_the_model() -> None:
    """The switch orders by wait alone, and says so in the rule."""
    found = listed(many(60), Division(0, 6, 12, 12, Fraction(0)), ordering="longest_wait")
    assert by_rule(found) == {"waited": 30}
    assert {name_case(n) for n in range(30)} == {p.candidate.key for p in found.places}


def test_last_places_go_by_lot_with_the_probability() -> None:
    """Of three cases that cannot be told apart two get the last places, with two thirds each."""
    cases = [case(0, 2.0), case(1, 1.0), case(2, 1.0), case(3, 1.0), case(4, 0.5)]
    found = listed(cases, Division(0, 0, 0, 3, Fraction(0)))
    assert [(p.by_lot, p.probability) for p in found.places] == [
        (False, None),
        (True, 2 / 3),
        (True, 2 / 3),
    ]


def test_no_lot_where_all_alike_have_a_place() -> None:
    """A tie that ends with the list is no lot."""
    cases = [case(0, 2.0), case(1, 1.0), case(2, 1.0), case(3, 0.5)]
    found = listed(cases, Division(0, 0, 0, 3, Fraction(0)))
    assert not any(p.by_lot for p in found.places)


def test_tolerance_widens_the_lot() -> None:
    """Priorities within the tolerance of the last place share it, above it and below it."""
    cases = [case(0, 2.0), case(1, 1.01), case(2, 1.0), case(3, 0.99), case(4, 0.5)]
    found = listed(cases, Division(0, 0, 0, 3, Fraction(0)), tolerance=0.05)
    assert [p.probability for p in found.places if p.by_lot] == [2 / 3, 2 / 3]


def test_equal_waits_at_the_end_go_by_lot() -> None:
    """With the longest wait first, those who began to wait together share the last places."""
    cases = [case(0, waits=9), *(case(n, waits=5) for n in range(1, 5))]
    found = listed(cases, Division(0, 0, 0, 2, Fraction(0)), ordering="longest_wait")
    assert [p.probability for p in found.places] == [None, 0.25]


def test_lots_are_fair() -> None:
    """Over many seeds every one of five alike cases gets the place equally often."""
    cases = [case(n, 1.0) for n in range(5)]
    division = Division(0, 0, 0, 1, Fraction(0))
    won = Counter(
        listed(cases, division, seed=f"fair {n}").places[0].candidate.key for n in range(2_000)
    )
    assert len(won) == 5
    assert chisquare(list(won.values())).pvalue > 0.001


def test_random_places_are_fair_over_all_eligible() -> None:
    """Flagged, waiting, scored or not: the random draw takes everybody equally often."""
    cases = [
        case(0, 9.0, waits=90, flagged=5),
        case(1),
        case(2, 1.0),
        case(3, waits=50),
        case(4, 0.1, flagged=2, urgent=1),
    ]
    division = Division(1, 1, 1, 1, Fraction(1))
    won: Counter[str] = Counter()
    for n in range(2_000):
        found = listed(cases, division, seed=f"random {n}")
        (place,) = (p for p in found.places if p.rule == "random")
        assert place.probability == 0.2
        won[place.candidate.key] += 1
    assert chisquare([won[one.key] for one in cases]).pvalue > 0.001


def test_at_capacity_one_every_pool_has_its_chance() -> None:
    """Over many seeds the one place goes to each pool in proportion to its share."""
    won: Counter[str] = Counter()
    for n in range(3_000):
        division = divide_places(1, Shares(), f"one {n}")
        assert division.capacity == 1
        sizes = {name: getattr(division, name) for name in ("random", "waited", "flagged")}
        won[next((name for name, size in sizes.items() if size), "priority")] += 1
    expected = {"random": 200, "waited": 600, "flagged": 1_200, "priority": 1_000}
    assert chisquare([won[name] for name in expected], list(expected.values())).pvalue > 0.001


def test_chance_to_be_drawn_counts_the_draw_of_fractions() -> None:
    """At capacity 1 a random place comes up in one draw of fifteen; so does a case among one."""
    division = divide_places(1, Shares(), "any")
    assert pytest.approx(1 / 15 / 4) == division.chance_to_be_drawn(4)
    assert pytest.approx(1 / 15) == division.chance_to_be_drawn(1)
    assert THIRTY.chance_to_be_drawn(2) == 1.0
    assert THIRTY.chance_to_be_drawn(0) == 0.0


@given(
    capacity=st.integers(1, 1_000),
    shares=st.builds(Shares, *[st.integers(0, 30)] * 3),
    seed=st.text(max_size=5),
)
def test_division_is_whole_and_near_the_shares(capacity: int, shares: Shares, seed: str) -> None:
    """Places add up to the capacity and each pool's are its share rounded up or down."""
    division = divide_places(capacity, shares, seed)
    sizes = (division.random, division.waited, division.flagged, division.priority)
    assert capacity == sum(sizes)
    bounds = [0, *shares.bounds()]
    for size, start, end in zip(sizes, bounds, bounds[1:], strict=False):
        assert abs(Fraction(capacity * (end - start), SHARES_OF) - size) < 1


_CANDIDATES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 3).map(float)),
        st.integers(0, 5),
        st.one_of(st.none(), st.integers(0, 3)),
        st.integers(0, 1),
    ),
    max_size=60,
).map(lambda rows: [case(n, *row) for n, row in enumerate(rows)])


@given(
    cases=_CANDIDATES,
    capacity=st.integers(1, 40),
    shares=st.builds(Shares, *[st.integers(0, 30)] * 3),
    seed=st.text(max_size=5),
    ordering=st.sampled_from(["model", "longest_wait"]),
    tolerance=st.sampled_from([0.0, 1e-9, 0.5]),
)
def test_every_list_keeps_the_rules(
    cases: list[ListCandidate],
    capacity: int,
    shares: Shares,
    seed: str,
    ordering: Ordering,
    tolerance: float,
) -> None:
    """Nobody twice, never over capacity, no place empty while somebody could have it, flagged
    cases placed or counted, chances proper, and the same again from the same seed.
    """
    division = divide_places(capacity, shares, seed)
    found = listed(cases, division, seed=seed, ordering=ordering, tolerance=tolerance)
    keys = [place.candidate.key for place in found.places]
    assert min(capacity, len(cases)) == len(keys) == len(set(keys))
    flagged = {one.key for one in cases if one.flagged_since_us is not None}
    assert flagged - set(keys) == {one.key for one in found.overflow}
    rules = by_rule(found)
    assert rules["random"] == min(division.random, len(cases))
    assert rules["flagged"] <= division.flagged
    assert rules["waited"] >= min(division.waited, len(cases) - rules["random"])
    for place in found.places:
        assert (place.probability is None) == (place.rule != "random" and not place.by_lot)
        assert place.probability is None or 0 < place.probability <= 1
        assert place.rule != "priority" or place.candidate.priority is not None
    again = listed(cases[::-1], division, seed=seed, ordering=ordering, tolerance=tolerance)
    assert found == again


@given(cases=_CANDIDATES, seed=st.text(max_size=3))
def test_nobody_without_a_place_had_a_higher_priority(
    cases: list[ListCandidate], seed: str
) -> None:
    """Who gets a place by priority is at least as high as everybody left out with a score."""
    division = divide_places(10, Shares(), seed)
    found = listed(cases, division, seed=seed)
    keys = {place.candidate.key for place in found.places}
    given_ = [p.candidate.priority for p in found.places if p.rule == "priority"]
    left = [one.priority for one in cases if one.key not in keys and one.priority is not None]
    assert not given_ or not left or min(given_) >= max(left)  # type: ignore[type-var]


@pytest.mark.parametrize("ordering", ["model", "longest_wait"])
@pytest.mark.parametrize("spread", [1, 4, 1_000])
def test_the_store_gives_the_same_list_as_memory(
    store: Store, ordering: Ordering, spread: int
) -> None:
    """Queries that stop early compose exactly the list that all cases in memory do."""
    rows = [
        stand(
            n,
            state="returned" if n % 3 == 0 else "awaiting",
            days=n * 7 % 50,
            priority=None if n % 11 == 0 else float(n * 37 % spread),
            flagged_since_us=NOW_US - n * DAY_US if n % 9 == 0 else None,
            n_urgent=int(n % 18 == 0),
        )
        for n in range(200)
    ]
    away = [stand(500 + n, state="managed", priority=99.0, days=90) for n in range(20)]
    away += [stand(600 + n, state="closed", priority=99.0, days=90) for n in range(20)]
    put(store, rows + away)
    cases = [
        ListCandidate(
            row["case_key"],
            row["priority"],
            row["waiting_since_us"],
            row["flagged_since_us"],
            row["n_urgent"],
        )
        for row in rows
    ]
    for seed in ("a", "b", "c"):
        division = divide_places(7, Shares(random=0), seed)
        with store.reading() as connection:
            pools = read_pools(connection, division, ordering=ordering, seed=seed)
        assert pools.n_eligible == 200
        found = compose(pools, division, ordering=ordering, seed=seed)
        assert listed(cases, division, seed=seed, ordering=ordering) == found


def test_the_store_draws_by_position_each_case_once(store: Store) -> None:
    """Drawing as many as there are gives every eligible case exactly once, and no other."""
    rows = [stand(n, days=n % 4, state="returned" if n % 2 else "awaiting") for n in range(40)]
    put(store, [*rows, stand(99, state="managed")])
    division = Division(40, 0, 0, 0, Fraction(40))
    with store.reading() as connection:
        pools = read_pools(connection, division, ordering="model", seed="a")
    assert {row["case_key"] for row in rows} == {one.key for one in pools.drawn}
    assert len(pools.drawn) == 40
