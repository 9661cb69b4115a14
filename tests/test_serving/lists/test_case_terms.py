"""What somebody looks for among open cases: each term alone, together, and by whom it is seen."""

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from serving.access.case_sight import EVERYTHING, Sight
from serving.lists.case_terms import CaseTerms, SearchKinds, make_conditions
from serving.lists.open_cases import ORDERS, Filters, Order, read_page
from serving.store.database import Store
from tests.test_serving.acts import ADVOCATE, NURSE, add_case, add_flag, decide_now, write
from tests.test_serving.case_rows import DAY_US, NOW_US, UNIT, name_case, put, stand
from tests.test_serving.sent_rows import key_of, make_case, make_event, send

TODAY = dt.date(2026, 2, 25)
KINDS = SearchKinds(
    below={"violence": ("violence", "assault", "strangulation"), "assault": ("assault",)},
    starts={"order": ("order_started",)},
    ends={"order": ("order_ended",)},
)


@pytest.fixture(autouse=True, params=[2_000, 0], ids=["few", "many"])
def how_many_are_few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test find cases both ways: those of a few written out, and those of many."""
    monkeypatch.setattr("serving.lists.case_terms._FEW", request.param)


def find(store: Store, sight: Sight = EVERYTHING, **terms: Any) -> list[str]:
    """Return the numbers of the open cases that meet the terms, sorted."""
    asked = CaseTerms.model_validate(terms)
    with store.reading() as connection:
        search = make_conditions(connection, asked, KINDS, UNIT, TODAY)
        filters = Filters(asked.area, asked.source, asked.family, asked.state, None, sight, search)
        page = read_page(connection, UNIT, NOW_US, filters, order="arrived", size=50)
    return sorted(str(row.case_id) for row in page.rows)


def add(store: Store, case_id: str, *events: dict[str, Any], **of_case: Any) -> str:
    """Send a case with some events; return its key."""
    rows = [make_event(f"{case_id}-{n}", case_id, **event) for n, event in enumerate(events)]
    send(store, {"cases": [make_case(case_id, **of_case)], "events": rows})
    return key_of(store, case_id)


def begin(detail: str | None = "spo", at: str = "2025-09-01") -> dict[str, Any]:
    return {"kind": "order_started", "detail": detail, "occurred_at": at, "recorded_at": at}


def end(at: str, detail: str | None = "spo", **more: Any) -> dict[str, Any]:
    told = {"kind": "order_ended", "detail": detail, "occurred_at": at}
    return told | {"recorded_at": "2025-09-02"} | more


@pytest.mark.parametrize(("typed", "found"), [("syn-1", ["SYN-1", "SYN-12"]), ("2", ["SYN-12"])])
def test_a_number_is_found_by_its_beginning_or_end(
    store: Store, typed: str, found: list[str]
) -> None:
    """Capital and small letters are alike."""
    for case_id in ("SYN-1", "SYN-12", "SYN-3"):
        add(store, case_id)
    assert find(store, reference=typed) == found


def test_a_flag_is_found_while_it_is_open(store: Store) -> None:
    """A flag that a decision dealt with is not found; another open one of the case is not it."""
    keys = {name: add_case(store, name) for name in "ABC"}
    for name in "AB":
        add_flag(store, keys[name], "weapon", f"{name}0")
    add_flag(store, keys["C"], "threat", "C0")
    assert find(store, flag="weapon") == ["A", "B"]
    dealt_with = [{"flag": "weapon", "record_id": "B0"}]
    decide_now(store, keys["B"], write(discharges=dealt_with))
    assert find(store, flag="weapon") == ["A"]


def test_a_kind_takes_in_the_kinds_below_it(store: Store) -> None:
    """One kind is found alone, and a wider one with all that it takes in."""
    add(store, "A", {"kind": "assault"})
    add(store, "B", {"kind": "strangulation"})
    add(store, "C", {"kind": "contact"})
    assert find(store, kind="assault") == ["A"]
    assert find(store, kind="violence") == ["A", "B"]
    assert find(store, kind="nothing") == []


def test_a_record_that_was_corrected_is_not_found(store: Store) -> None:
    """What a correction took the place of is on record no more; a withdrawal leaves nothing."""
    for case_id in "AB":
        add(store, case_id, {"kind": "assault"})
    send(store, {"events": [make_event("B-2", "B", kind="contact", supersedes="B-0")]})
    assert find(store, kind="assault") == ["A"]
    gone = make_event("A-2", "A", kind="retracted", supersedes="A-0", recorded_at="2025-06-05")
    send(store, {"events": [gone]})
    assert find(store, kind="assault") == []


@pytest.mark.parametrize("apart", [{"handling": "agency_only"}, {"source": "health"}])
def test_what_is_kept_apart_is_found_by_nobody(store: Store, apart: dict[str, Any]) -> None:
    """Not by its kind, nor by when an order of it ends: an answer would tell that it is there."""
    add(store, "A", {"kind": "assault"} | apart, begin() | apart, end("2026-03-10") | apart)
    add(store, "B", begin(), end("2026-03-10") | apart)
    assert find(store, kind="assault") == []
    assert find(store, ends="order") == []


def test_an_owner_and_an_agency_are_found(store: Store) -> None:
    """An agency takes part where it referred the case, decided on it or gave a view."""
    add(store, "A", referral_source="advocacy")
    keys = {name: add(store, name, referral_source="police") for name in "BCD"}
    decide_now(store, keys["B"], write(owner="SYN Owner"), person=NURSE)
    decide_now(store, keys["C"], write(owner="SYN Other"), person=ADVOCATE)
    assert find(store, owner="SYN Owner") == ["B"]
    assert find(store, agency="advocacy") == ["A", "C"]
    assert find(store, agency="health") == ["B"]
    assert find(store, agency="health", owner="SYN Other") == []


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ({}, ["later", "soon"]),
        ({"ends_until": "2026-03-10"}, ["soon"]),
        ({"ends_until": "2026-03-09"}, []),
        ({"ends_from": "2026-03-11"}, ["later"]),
        ({"ends_from": "2025-10-01", "ends_until": "2025-12-31"}, ["past"]),
    ],
    ids=["from today", "until the day", "until the day before", "after", "past"],
)
def test_a_case_is_found_by_the_expiry_of_its_order(
    store: Store, days: dict[str, str], found: list[str]
) -> None:
    """Both days are inclusive, in the unit's zone; without a first day it is from today on."""
    add(store, "soon", begin(), end("2026-03-10"))
    add(store, "later", begin(), end("2026-09-01"))
    add(store, "past", begin(), end("2025-11-01"))
    add(store, "open", begin())
    assert find(store, ends="order", **days) == found


def test_an_end_without_a_beginning_is_no_expiry(store: Store) -> None:
    """Nor is a second end of an order that ended before, or one of another order."""
    add(store, "no-start", end("2026-03-10"))
    add(store, "ended", begin(), end("2026-03-01"), end("2026-03-10"))
    add(store, "another", begin("nmo"), end("2026-03-10", "spo"))
    add(store, "plain", begin(None), end("2026-03-10", None))
    assert find(store, ends="order", ends_from="2026-03-05") == ["plain"]


def test_an_expiry_that_was_corrected_is_the_later_one(store: Store) -> None:
    """An order that was prolonged is found by its new end alone."""
    add(store, "A", begin(), end("2026-03-10"))
    send(
        store,
        {"events": [make_event("A-9", "A", **end("2026-06-10"), supersedes="A-1")]},
    )
    assert find(store, ends="order", ends_until="2026-04-01") == []
    assert find(store, ends="order", ends_until="2026-06-10") == ["A"]


def test_all_terms_have_to_be_met_and_only_cases_in_sight_are_found(store: Store) -> None:
    """Another area's case is not found by any term, whatever it has on record."""
    add(store, "A", {"kind": "assault"}, begin(), end("2026-03-10"), area="Halton")
    add(store, "B", {"kind": "assault"}, begin(), end("2026-03-10"), area="Warrington")
    halton = Sight(areas=frozenset(["Halton"]))
    for terms in (
        {"kind": "assault"},
        {"ends": "order"},
        {"reference": "B"},
        {"area": "Warrington"},
    ):
        assert "B" not in find(store, halton, **terms)
    assert find(store, kind="assault", ends="order", reference="b") == ["B"]
    assert find(store, kind="contact", ends="order") == []


@pytest.mark.parametrize(
    "terms",
    [
        {"ends_from": "2026-01-01"},
        {"ends": "order", "ends_from": "2026-02-01", "ends_until": "2026-01-01"},
        {"agency": "nobody"},
        {"reference": "\x00"},
        {"other": "x"},
    ],
)
def test_terms_that_mean_nothing_are_refused(terms: dict[str, str]) -> None:
    """A day without what ends on it, days the wrong way round, an agency that is none."""
    with pytest.raises(ValidationError):
        CaseTerms.model_validate(terms)


def fill(store: Store) -> None:
    """Store cases that differ in everything that they are ordered by, some of it missing."""
    put(
        store,
        [
            stand(
                number,
                days=number % 7,
                state=("awaiting", "returned", "managed")[number % 3],
                area=None if number % 5 == 0 else f"Área {number % 4}",
                owner=f"Owner {number % 3}" if number % 3 == 2 else None,
                review_due_us=NOW_US + number % 4 * DAY_US if number % 3 == 2 else None,
                flagged_since_us=NOW_US - number % 3 * DAY_US if number % 2 else None,
                priority=number / 30 if number % 4 else None,
            )
            for number in range(25)
        ],
    )


def read_all(store: Store, order: Order, size: int, *, is_reversed: bool = False) -> list[str]:
    """Return the keys of every page in order."""
    keys, cursor = list[str](), None
    while True:
        with store.reading() as connection:
            page = read_page(
                connection,
                UNIT,
                NOW_US,
                Filters(),
                order=order,
                size=size,
                cursor=cursor,
                is_reversed=is_reversed,
            )
        keys += [row.key for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return keys


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_every_order_gives_every_case_once_whatever_the_page(
    store: Store, order: Order, *, is_reversed: bool
) -> None:
    """Pages of a few rows follow one another as one long page does, none left out or told twice."""
    fill(store)
    whole = read_all(store, order, 50, is_reversed=is_reversed)
    assert sorted(whole) == sorted(name_case(number) for number in range(25))
    assert read_all(store, order, 4, is_reversed=is_reversed) == whole


@pytest.mark.parametrize("order", ["owner", "review"])
def test_what_lacks_it_stands_last_either_way_round(store: Store, order: Order) -> None:
    """Cases without an owner or a review come after those that have one, also in reverse."""
    fill(store)
    having = {name_case(number) for number in range(25) if number % 3 == 2}
    for is_reversed in (False, True):
        found = read_all(store, order, 50, is_reversed=is_reversed)
        assert set(found[: len(having)]) == having
