"""What is new on a row of the list: counted by kind, from the sitting before, and of what."""

from typing import Any

import pytest

from serving.decisions.case_news import CaseNews, find_case_news
from serving.lists.new_records import FIRST_DAYS, NewKind, News, find_since, read_news
from serving.lists.sittings import current_sitting
from serving.pages.list_words import ListWords, describe_span
from serving.standing.standings import StandingRules
from serving.store.database import Store
from tests.test_serving.acts import NOW_US, add_case, add_sitting, decide_now
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_fact, send

DAY_US = 86_400_000_000
OLD, NEW = "2026-01-05", "2026-02-24"


def read(store: Store, *keys: str) -> dict[str, News]:
    with store.reading() as connection:
        sitting = current_sitting(connection)
        assert sitting is not None
        return read_news(connection, keys, find_since(connection, sitting), StandingRules())


def find_new(store: Store, clock: Any, key: str) -> CaseNews:
    with store.reading() as connection:
        return find_case_news(connection, key, StandingRules(), clock())


def count(news: News) -> list[tuple[str, int]]:
    return [(one.kind, one.n) for one in news.kinds]


def test_at_the_first_sitting_the_last_days_are_new(store: Store) -> None:
    """What was recorded within the days before it is new, whatever was stored when."""
    key = add_case(store, "A")
    send(store, {"events": [make_event(f"N{n}", recorded_at=NEW) for n in range(2)]})
    send(store, {"events": [make_event("O", recorded_at=OLD, kind="threat")]})
    add_sitting(store)
    assert FIRST_DAYS == 7
    assert count(read(store, key)[key]) == [("contact", 2)]


def test_later_the_sitting_before_draws_the_line(store: Store, clock: Any) -> None:
    """New is what was recorded since, and what was sent since, however late; and a new file."""
    key = add_case(store, "A")
    send(store, {"events": [make_event("O", recorded_at=NEW)]})
    add_sitting(store)
    clock.pass_days(7)
    send(store, {"events": [make_event("L", recorded_at=OLD, kind="threat")]})
    send(store, {"cases": [make_case("B")], "events": [make_event("B1", "B")]})
    send(store, {"facts": [make_fact("F")]})
    add_sitting(store)
    told = read(store, key, key_of(store, "B"))
    assert count(told[key]) == [("threat", 1), ("frightened", 1)]
    assert (told[key].whole_file, told[key_of(store, "B")].whole_file) == (False, True)
    assert told[key].kinds[0].latest_us < NOW_US - 100 * DAY_US, "told is when it happened"


def test_what_is_kept_apart_is_counted_nowhere(store: Store, clock: Any) -> None:
    """The unit's own work, and what an agency or health keeps to itself, is no news."""
    key = add_case(store, "A")
    add_sitting(store)
    clock.pass_days(1)
    apart = [
        make_event("N1", source="health"),
        make_event("N2", handling="agency_only"),
        make_event("N3", kind="taken_on"),
        make_event("N4", kind="transferred"),
    ]
    send(store, {"events": apart})
    add_sitting(store)
    assert read(store, key) == {}


def test_the_news_of_many_cases_take_one_query(store: Store) -> None:
    """However many rows a list has, what is new of them is read at once."""
    keys = [add_case(store, name) for name in "ABC"]
    add_sitting(store)
    with store.reading() as connection:
        sitting = current_sitting(connection)
        assert sitting is not None
        since = find_since(connection, sitting)
        asked: list[Any] = []
        execute = connection.execute
        connection.execute = lambda *given, **more: (  # type: ignore[method-assign]
            asked.append(given) or execute(*given, **more)
        )
        read_news(connection, keys, since, StandingRules())
    assert len(asked) == 1


def test_on_a_case_its_own_latest_decision_draws_the_line(store: Store, clock: Any) -> None:
    """Before one it is the sitting before, and before any sitting a week; work is no news."""
    key = add_case(store, "A")
    send(store, {"events": [make_event("N", recorded_at=NEW), make_event("O", recorded_at=OLD)]})
    found = [find_new(store, clock, key)]
    add_sitting(store)
    found.append(find_new(store, clock, key))
    clock.pass_days(7)
    send(store, {"events": [make_event("L", recorded_at=OLD)]})
    add_sitting(store)
    found.append(find_new(store, clock, key))
    decide_now(store, key)
    found.append(find_new(store, clock, key))
    clock.pass_days(1)
    send(store, {"events": [make_event("S", recorded_at=OLD), make_event("T", kind="taken_on")]})
    send(store, {"facts": [make_fact("F")]})
    found.append(find_new(store, clock, key))
    assert [(set(one.keys), one.words, one.decided_at_us is None) for one in found] == [
        ({"N"}, "in the last 7 days", True),
        ({"N"}, "in the 7 days before this list", True),
        ({"L"}, "since the sitting before", True),
        (set(), "", False),
        ({"S", "F"}, "", False),
    ]


@pytest.mark.parametrize(
    ("news", "said"),
    [
        (None, ""),
        (News((), whole_file=True), "the whole file, 0 records"),
        (News((NewKind("events", "call", 2, NOW_US), NewKind("facts", "q", 1, NOW_US))),
         "call (2), 1 answer"),
        (News(tuple(NewKind("events", f"kind_{n}", 9 - n, NOW_US) for n in range(6))),
         "kind 0 (9), kind 1 (8), kind 2 (7), kind 3 (6), 9 further records"),
    ],
)  # fmt: skip
def test_news_in_words(news: News | None, said: str) -> None:
    """Kinds with their numbers, answers together, the rest counted."""
    assert ListWords(None, "Europe/London").describe_news(news) == said


def test_a_span_is_told_in_its_largest_unit() -> None:
    """How late something is reads as minutes, hours or days."""
    told = [describe_span(us) for us in (0, 60_000_000, 7_200_000_000, 3 * DAY_US)]
    assert told == ["0 minutes", "1 minute", "2 hours", "3 days"]
    assert (
        ListWords(None, "Europe/London").describe_news(
            News((NewKind("events", "call", 2, NOW_US),)), dated=True
        )
        == "call (2, the latest 25 February 2026)"
    )
