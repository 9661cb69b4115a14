"""Nothing of the model or of the draw is shown of a blind case before a person's own view."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.stats import binomtest, chisquare
from sqlalchemy import select

from serving.errors import ServiceError
from serving.lists.blind_review import (
    DRAWN,
    VIEWS,
    VISIBLE,
    blind_sitting,
    find_blind,
    find_unsettled,
    is_blind,
    record_first_view,
    seat,
    withhold,
)
from serving.lists.composition import ListCandidate, Place, Rule
from serving.lists.draws import Shares
from serving.lists.listed import read_rows
from serving.lists.outputs import ListedOut
from serving.lists.sitting_opening import Terms
from serving.lists.sittings import Sitting
from serving.persons import Person
from serving.store.database import Store
from serving.store.schema import first_views
from serving.web.error_answers import STATUSES
from tests.test_serving.case_rows import (
    ANNE,
    BEN,
    DAY_US,
    NO_SHARES,
    NOW_US,
    UNIT,
    name_case,
    open_list,
    put,
    read_places,
    stand,
)

MATCHED = (2 + 3 + 4) / 3 / 5
"""The chance of each of the five rows of ``LIST`` that may match the two random ones."""
EITHER = 1 - 0.9 * (1 - MATCHED)
"""The same, or drawn with a share of a tenth."""
EVERY = Terms(capacity=9, shares=NO_SHARES, blind_share=1.0)
NONE = Terms(capacity=9, shares=NO_SHARES, blind_share=0.0)
AUDITOR = Person("SYN Audrey", "auditor", "unit")
MIXED = Terms(capacity=15, shares=Shares(4, 6, 8), blind_share=0.0)

LISTED = TypeAdapter(list[ListedOut])


def place(number: int, rule: Rule, urgent: int = 0) -> Place:
    """Return a place on a list."""
    since = NOW_US if urgent else None
    return Place(ListCandidate(name_case(number), float(number), NOW_US, since, urgent), rule)


LIST = [
    place(0, "random"),
    place(1, "random"),
    *(place(n, "waited") for n in range(2, 6)),
    *(place(n, "flagged", urgent=1) for n in range(6, 9)),
    *(place(n, "priority", urgent=n % 2) for n in range(9, 19)),
]


def read_list(store: Store, sitting: Sitting) -> list[dict[str, Any]]:
    """Return a list as it may be shown now."""
    with store.reading() as connection:
        return LISTED.dump_python(read_rows(connection, sitting, UNIT))


def view(store: Store, sitting: Sitting, key: str, person: Person = ANNE, view: str = "") -> None:
    """Record a first view."""
    with store.writing() as writing:
        record_first_view(writing, sitting.key, key, person, view or VIEWS[0])


def refuse(*asked: Any, **more: Any) -> tuple[int, str]:
    """Return how a first view is refused."""
    with pytest.raises(ServiceError) as refused:
        view(*asked, **more)
    return STATUSES[refused.value.code], refused.value.code


def fill(store: Store, first: int = 0) -> None:
    """Put sixty cases into the store, flagged and waiting in every way; some have no score."""
    put(
        store,
        [
            stand(
                n,
                days=n % 40,
                priority=None if n % 5 == 0 else float(n),
                family="threats",
                n_flags=int(n % 7 == 0),
                flagged_since_us=NOW_US if n % 7 == 0 else None,
            )
            for n in range(first, first + 60)
        ],
    )


def test_every_random_row_is_blind_with_as_many_others() -> None:
    """Without a share, random rows are blind, and at least as many of priority without urgent
    flags: none to two more, each as often, so that the size of the block does not tell.
    """
    sizes: Counter[int] = Counter()
    for n in range(600):
        blind = [one.place for one in seat(LIST, 0.0, f"{n}") if one.blind]
        rules = Counter(p.rule for p in blind)
        assert set(rules) == {"random", "priority"} and rules["random"] == 2
        assert not any(p.candidate.n_urgent for p in blind)
        sizes[rules["priority"]] += 1
    assert sorted(sizes) == [2, 3, 4]
    assert chisquare(list(sizes.values())).pvalue > 0.001


def test_too_few_of_priority_are_made_up_by_others() -> None:
    """Where priority placed too few, rows of the longest wait hide the random ones."""
    for n in range(20):
        blind = Counter(one.place.rule for one in seat(LIST[:9], 0.0, f"{n}") if one.blind)
        assert set(blind) == {"random", "waited"} and blind["waited"] >= blind["random"] == 2


def test_the_stored_probability_is_that_of_either_draw() -> None:
    """One for random rows, the share for most, and for matched ones the chance of both draws."""
    chances = {one.place.candidate.key: one.probability for one in seat(LIST, 0.1, "a")}
    assert chances[name_case(0)] == 1.0
    assert chances[name_case(2)] == pytest.approx(0.1)
    assert chances[name_case(9)] == pytest.approx(0.1)  # urgent: never matched
    assert chances[name_case(10)] == pytest.approx(1 - 0.9 * (1 - MATCHED))


def test_rows_are_blind_as_often_as_their_probability_says() -> None:
    """Over many seeds each kind of row is blind at its stored probability."""
    size = 3_000
    blind: Counter[str] = Counter()
    for n in range(size):
        blind.update(one.place.candidate.key for one in seat(LIST, 0.1, f"{n}") if one.blind)
    for number, chance in ((2, 0.1), (6, 0.1), (9, 0.1), (10, EITHER), (18, EITHER)):
        assert binomtest(blind[name_case(number)], size, chance).pvalue > 0.001


def test_the_blind_block_stands_last_and_shuffled() -> None:
    """Random rows are as likely at either end of the blind block, which follows all others."""
    first = apart = 0
    for n in range(1_000):
        seats = seat(LIST, 0.0, f"{n}")
        blind = [one for one in seats if one.blind]
        assert [one.blind for one in seats] == sorted(one.blind for one in seats)
        first += (blind[0].place.rule == "random") - (blind[-1].place.rule == "random")
        apart += (blind[0].place.rule == "random") != (blind[-1].place.rule == "random")
    assert binomtest((first + apart) // 2, apart, 0.5).pvalue > 0.001


def test_the_visible_rows_come_in_a_settled_order() -> None:
    """Flagged first, then priority, highest first, then the longest waits."""
    seats = [one.place for one in seat(LIST, 0.0, "a") if not one.blind]
    rules = [p.rule for p in seats]
    assert rules == sorted(rules, key=["flagged", "priority", "waited"].index)


@given(
    row=st.dictionaries(
        st.sampled_from(sorted(VISIBLE | DRAWN)) | st.text(max_size=8),
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers())),
    ),
    blind=st.booleans(),
    viewed=st.booleans(),
    drawn=st.booleans(),
)
def test_what_is_withheld_is_empty_and_the_fields_are_the_same(
    row: dict[str, Any], blind: bool, viewed: bool, drawn: bool
) -> None:
    """Whatever is not named as visible is withheld; fields and their order never change."""
    shown = withhold(row, blind=blind, viewed=viewed, drawn=drawn)
    assert list(shown) == list(row)
    for name, value in shown.items():
        held = name in DRAWN and not drawn if viewed else name not in VISIBLE
        if not (blind and held):
            assert value == row[name]
        else:
            assert value in (None, [])


def test_random_and_matched_rows_cannot_be_told_apart(store: Store) -> None:
    """Withheld rows have the same fields in the same order, and nothing that tells why."""
    fill(store)
    sitting = open_list(store, MIXED).sitting
    rules = {one.case_key: one.rule for one in read_places(store, sitting.key) if one.blind}
    assert Counter(rules.values())["random"] == 2 <= Counter(rules.values())["priority"]
    rows = [row for row in read_list(store, sitting) if row["withheld"]]
    assert {row["key"] for row in rows} == set(rules)
    own = {"key", "case_id", "position", "flags"}
    own |= {name for name in rows[0] if name.startswith("waiting") or "first_read" in name}
    own |= {"newly_referred", "new_since_last"}
    shapes = {json.dumps({k: v for k, v in row.items() if k not in own}) for row in rows}
    assert len(shapes) == 1
    text = json.dumps(rows)
    assert "random" not in text and 'priority": 5' not in text and "threats" not in text


def test_positions_have_no_gap(store: Store) -> None:
    """Places count from one without a gap, the blind block last."""
    fill(store)
    rows = read_list(store, open_list(store, MIXED).sitting)
    assert [row["position"] for row in rows] == list(range(1, 16))
    held = [row["withheld"] for row in rows]
    assert held == sorted(held) and 4 <= sum(held) <= 6


def test_a_first_view_makes_the_row_whole(store: Store) -> None:
    """After the view the row shows rule and score; other rows stay as they were."""
    fill(store)
    sitting = open_list(store, MIXED).sitting
    before = read_list(store, sitting)
    key = before[-1]["key"]
    with store.reading() as connection:
        assert is_blind(connection, key)
    view(store, sitting, key, BEN, "can_wait")
    after = read_list(store, sitting)
    assert after[:-1] == before[:-1]
    row = after[-1]
    assert (row["first_view"], row["first_view_by"]) == ("can_wait", BEN.name)
    assert row["rule"] in ("random", "priority") and row["blind"] and not row["withheld"]
    with store.reading() as connection:
        assert not is_blind(connection, key)
        assert len(find_blind(connection)) == sum(row["withheld"] for row in before) - 1


def test_one_first_view_stands(store: Store) -> None:
    """The same view again changes nothing; another one, or another person's, is refused."""
    fill(store)
    sitting = open_list(store, MIXED).sitting
    key = read_list(store, sitting)[-1]["key"]
    view(store, sitting, key)
    view(store, sitting, key)
    assert refuse(store, sitting, key, view="can_wait") == (409, "already_viewed")
    assert refuse(store, sitting, key, BEN) == (409, "already_viewed")
    with store.reading() as connection:
        (row,) = connection.execute(select(first_views)).all()
    assert (row.person, row.view) == (ANNE.name, "look_now")


def test_first_views_are_of_blind_cases_on_the_current_list(store: Store, clock: Any) -> None:
    """A case that is shown whole, one that is not listed and a past sitting are refused."""
    fill(store)
    sitting = open_list(store, MIXED).sitting
    rows = read_list(store, sitting)
    assert refuse(store, sitting, rows[0]["key"]) == (409, "not_blind")
    assert refuse(store, sitting, name_case(999)) == (404, "not_listed")
    assert refuse(store, sitting, rows[-1]["key"], view="no_idea") == (422, "unknown_view")
    clock.pass_days(7)
    open_list(store, MIXED)
    assert refuse(store, sitting, rows[-1]["key"]) == (409, "sitting_over")


def test_a_case_that_is_blind_now_is_withheld_on_past_lists(store: Store, clock: Any) -> None:
    """What an earlier list showed whole does not give away a case that is blind today; it stands
    last there, in the order of keys.
    """
    put(store, [stand(n, priority=float(n)) for n in range(5)])
    first = open_list(store, Terms(capacity=5, shares=NO_SHARES, blind_share=0.0)).sitting
    assert not any(row["withheld"] for row in read_list(store, first))
    clock.pass_days(7)
    second = open_list(store, Terms(capacity=5, shares=NO_SHARES, blind_share=1.0)).sitting
    rows = read_list(store, first)
    assert all(row["withheld"] and row["priority"] is None for row in rows)
    assert [row["key"] for row in rows] == sorted(row["key"] for row in rows)
    view(store, second, name_case(3))
    rows = read_list(store, first)
    assert [row["withheld"] for row in rows] == [False, True, True, True, True]
    assert rows[0]["key"] == name_case(3)


def test_no_draw_no_blindness(store: Store) -> None:
    """With neither random places nor a share, every row is whole."""
    fill(store)
    sitting = open_list(store, Terms(capacity=9, shares=NO_SHARES, blind_share=0.0)).sitting
    assert not any(row["blind"] for row in read_list(store, sitting))
    with store.reading() as connection:
        assert find_blind(connection) == frozenset()


def test_the_snapshot_is_whole_in_the_store(store: Store) -> None:
    """What is withheld from people is kept, with the probability, for the reports."""
    fill(store)
    sitting = open_list(store, MIXED).sitting
    for one in read_places(store, sitting.key):
        assert one.shown["priority"] is None or one.shown["priority"] > 0
        assert one.blind_probability == 1.0 if one.rule == "random" else one.blind_probability < 1
        assert (one.probability == pytest.approx(2 / 60)) == (one.rule == "random")


def test_another_sitting_ends_no_blindness(store: Store, clock: Any) -> None:
    """Cases stay withheld, last on the new list too, until somebody says what they think; one view
    is enough.
    """
    put(store, [stand(n, priority=float(n)) for n in range(12)])
    first = open_list(store, EVERY).sitting
    hidden = {place.case_key for place in read_places(store, first.key)}
    clock.now_us += DAY_US // 2
    second = open_list(store, NONE, again="the first was opened too early").sitting
    for sitting in (first, second):
        rows = read_list(store, sitting)
        assert all(row["withheld"] and row["priority"] is None for row in rows)
    assert [row["key"] for row in rows] == sorted(hidden)
    key = rows[0]["key"]
    with store.reading() as connection:
        assert find_blind(connection) == hidden
        assert blind_sitting(connection, key) == first.key
    view(store, first, key)
    assert not next(row for row in read_list(store, second) if row["key"] == key)["withheld"]
    with store.reading() as connection:
        assert blind_sitting(connection, key) is None


def test_a_case_is_blind_for_a_day_beyond_its_sitting(store: Store, clock: Any) -> None:
    """A sitting wants views until the one that follows by more than 24 hours is opened."""
    put(store, [stand(0, priority=1.0)])
    first = open_list(store, EVERY).sitting
    for hours, blind in ((23, True), (2, False)):
        clock.now_us += hours * DAY_US // 24
        open_list(store, NONE, again="a test")
        with store.reading() as connection:
            assert is_blind(connection, name_case(0)) is blind
    assert refuse(store, first, name_case(0)) == (409, "sitting_over")
    assert read_list(store, first)[0]["withheld"]


def test_one_view_stands_for_every_sitting_that_wants_one(store: Store) -> None:
    """A case that is blind in two sittings of a day is asked about once."""
    put(store, [stand(0, priority=1.0)])
    sittings = [open_list(store, EVERY, again=f"test {n}").sitting for n in range(3)]
    with store.reading() as connection:
        assert blind_sitting(connection, name_case(0)) == sittings[-1].key
    view(store, sittings[1], name_case(0))
    with store.reading() as connection:
        viewed = connection.execute(select(first_views.c.sitting_key)).scalars().all()
        assert not is_blind(connection, name_case(0))
    assert sorted(viewed) == sorted(one.key for one in sittings)


def test_only_who_acts_on_cases_ends_blindness(store: Store) -> None:
    """Auditors and data scientists neither open a sitting nor give a first view."""
    put(store, [stand(0, priority=1.0)])
    sitting = open_list(store, EVERY).sitting
    for person in (AUDITOR, Person("SYN Dana", "data_scientist", "unit")):
        assert refuse(store, sitting, name_case(0), person) == (403, "role_may_not")
        with pytest.raises(ServiceError) as refused:
            open_list(store, person=person, again="a test")
        assert refused.value.code == "role_may_not"
    view(store, sitting, name_case(0), Person("SYN Adam", "administrator", "unit"))


def test_the_last_blind_row_cannot_be_told_from_the_others(store: Store) -> None:
    """Viewed rows say why they are there once all are viewed, so that no count gives one away."""
    fill(store)
    sitting = open_list(store, MIXED).sitting

    def read() -> list[dict[str, Any]]:
        with store.reading() as connection:
            return LISTED.dump_python(read_rows(connection, sitting, UNIT, hold_draw=True))

    hidden = [row["key"] for row in read() if row["withheld"]]
    for number, key in enumerate(hidden, 1):
        view(store, sitting, key)
        rows = [row for row in read() if row["key"] in hidden[:number]]
        assert not any(row["withheld"] for row in rows)
        told = [row[name] is not None for row in rows for name in ("rule", "by_lot")]
        assert told == [number == len(hidden)] * len(told)
        with store.reading() as connection:
            assert bool(find_unsettled(connection, [sitting.key])) is (number < len(hidden))
    assert Counter(row["rule"] for row in rows)["random"] == 2
