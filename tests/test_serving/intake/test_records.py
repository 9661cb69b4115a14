import itertools
import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from serving.standing.standings import check_standings
from serving.store.database import Store
from serving.store.histories import read_head
from serving.store.schema import RECORDS, case_keys, import_rejects
from tests.test_serving.sent_rows import (
    NOW_US,
    count_rows,
    history_of,
    history_of_rows,
    key_of,
    make_case,
    make_event,
    make_fact,
    make_link,
    read_named,
    send,
)

pytestmark = pytest.mark.long

UNIT_ROWS = {
    "cases": [make_case("A"), make_case("B")],
    "events": [make_event("E1"), make_event("E1", "B", kind="threat", value=2.5)],
    "facts": [make_fact("F1")],
    "links": [make_link("L1", "A", "B")],
    "people": [
        {"person_id": "P", "case_id": "A", "role": "victim", "characteristic": "sex", "value": "f"}
    ],
}


def test_rows_come_back_as_a_folder_gives_them(store: Store) -> None:
    """What is read from the store is what a folder of the same rows holds."""
    appended = send(store, UNIT_ROWS)
    assert (appended.added, appended.repeats, len(appended.rejects)) == (7, 0, 0)
    assert history_of(store) == history_of_rows(UNIT_ROWS)


def test_a_repeat_is_counted_and_changes_nothing(store: Store) -> None:
    """The same rows again add nothing, take no place in the order, and change no case."""
    send(store, UNIT_ROWS)
    with store.reading() as connection:
        head = read_head(connection)
    again = send(store, UNIT_ROWS)
    assert (again.added, again.repeats, len(again.rejects)) == (0, 7, 0)
    assert again.new_keys == again.changed_keys == frozenset()
    with store.reading() as connection:
        assert read_head(connection) == head


HARD_TEXTS = (
    'He said "no", twice.',
    "first\r\nsecond\n\\.\nlast",
    "\\.",
    "\\N",
    "NULL",
    "a,b;c\td",
    "{x,y}",
    "Żaneta 😀",
)


@pytest.mark.parametrize("n_rows", [8, 400])
def test_text_of_any_kind_is_stored_as_it_came(store: Store, n_rows: int) -> None:
    """Quotes, line ends, marks of a database's own and empty cells come back, few rows or many."""
    events = [
        make_event(
            f"E{number:04d}",
            narrative=HARD_TEXTS[number % 8],
            detail=None if number % 3 else "detail",
            value=number / 7,
        )
        for number in range(n_rows)
    ]
    rows = {"cases": [make_case("A")], "events": events}
    send(store, rows)
    with store.reading() as connection:
        table = RECORDS["events"].c
        query = select(table.narrative, table.detail, table.value).order_by(table.event_id)
        found = [tuple(row) for row in connection.execute(query)]
    assert found == [(event["narrative"], event["detail"], event["value"]) for event in events]
    again = send(store, rows)
    assert (again.added, again.repeats, len(again.rejects)) == (0, n_rows + 1, 0)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "{a,b}", "NULL", "a/b,c", "'a'"])
def test_a_stored_row_is_found_by_any_identifier(store: Store, name: str) -> None:
    """Signs by which databases write lists do not hide that a record is there already."""
    rows = {"cases": [make_case(name)], "events": [make_event(name, name)]}
    send(store, rows)
    again = send(store, rows)
    assert (again.added, again.repeats, len(again.rejects)) == (0, 2, 0)
    other = send(store, {"events": [make_event(name, name, kind="threat")]})
    assert (other.added, other.conflicts) == (0, 1)


def test_every_row_has_one_place_in_the_order(store: Store) -> None:
    """Rows take consecutive places, each its own."""
    send(store, UNIT_ROWS)
    with store.reading() as connection:
        places = sorted(
            place
            for table in (*RECORDS.values(), case_keys)
            for place in connection.execute(select(table.c.stored_seq)).scalars()
        )
        assert places == list(range(1, read_head(connection) + 1))


@pytest.mark.parametrize(
    ("table", "row", "column"),
    [
        ("cases", make_case("A", area="north"), "case_id"),
        ("events", make_event("E1", value=1), "event_id"),
        ("events", make_event("E1", narrative="other words"), "event_id"),
        ("facts", make_fact("F1", asked="no"), "fact_id"),
        ("links", make_link("L1", "A", "B", kind="sibling"), "link_id"),
    ],
)
def test_a_conflict_is_told_and_the_stored_row_stands(
    store: Store, table: str, row: dict[str, object], column: str
) -> None:
    """Other content under a stored key is reported with its row, and nothing is overwritten."""
    send(store, UNIT_ROWS)
    before = history_of(store)
    found = send(store, {table: [row]})
    told = found.rejects.frame
    assert told[["table", "column", "code"]].values.tolist() == [[table, column, "conflict"]]
    assert '"case_id": "A"' in told["source_row"][0]
    assert (found.added, found.conflicts) == (0, 1)
    assert history_of(store) == before


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ({"events": [make_event("E9", "nobody")]}, "unknown_case"),
        ({"events": [make_event("E9", "B", supersedes="E2")]}, "supersedes_other_case"),
        ({"events": [make_event("E9", supersedes="E9")]}, "supersedes_cycle"),
        ({"events": [make_event("E8", supersedes="E3")]}, "supersedes_cycle"),
        (
            {"events": [make_event("E9", supersedes="E1", recorded_at="2025-05-01")]},
            "supersedes_later_record",
        ),
    ],
)
def test_a_row_that_cannot_be_is_a_reject(
    store: Store, rows: dict[str, list[dict[str, object]]], code: str
) -> None:
    """Rows without their case, or with an impossible correction, are refused by name."""
    send(
        store,
        {
            "cases": [make_case("A"), make_case("B")],
            "events": [
                make_event("E1"),
                make_event("E2"),
                make_event("E3", supersedes="E8"),
                make_event("E4", supersedes="E1", recorded_at="2025-07-01"),
            ],
        },
    )
    found = send(store, rows)
    assert found.rejects.frame["code"].tolist() == [code]
    assert found.added == 0


def test_a_cycle_through_stored_rows_is_found(store: Store) -> None:
    """A row that would close a circle through rows stored one by one is refused."""
    send(store, {"cases": [make_case()], "events": [make_event("E1", supersedes="E3")]})
    send(store, {"events": [make_event("E2", supersedes="E1")]})
    found = send(store, {"events": [make_event("E3", supersedes="E2")]})
    assert found.rejects.frame["code"].tolist() == ["supersedes_cycle"]


def test_a_correction_may_come_before_its_target(store: Store) -> None:
    """A correction whose target is not here yet is kept, and holds once the target comes."""
    late = make_event("E2", supersedes="E1", recorded_at="2025-07-01")
    send(store, {"cases": [make_case()], "events": [late]})
    send(store, {"events": [make_event("E1")]})
    rows = {"cases": [make_case()], "events": [make_event("E1"), late]}
    assert history_of(store) == history_of_rows(rows)


def test_a_link_may_name_a_case_that_comes_later(store: Store) -> None:
    """A link to a case that is not here yet is kept under the key which that case then has."""
    send(store, {"cases": [make_case("A")], "links": [make_link("L1", "A", "B")]})
    key = key_of(store, "B")
    found = send(store, {"cases": [make_case("B")], "events": [make_event("E1", "B")]})
    assert found.new_keys == {key}
    assert found.changed_keys == {key, key_of(store, "A")}


def test_standings_are_up_to_date_with_the_rows(store: Store) -> None:
    """Once rows are stored, every case's standing is what its records say."""
    send(store, UNIT_ROWS)
    with store.reading() as connection:
        assert check_standings(connection, now_us=NOW_US) == []
        there = connection.execute(text("SELECT count(*) FROM standings")).scalar_one()
    assert there == 2


def test_rows_that_are_refused_leave_no_case_behind(store: Store) -> None:
    """A stranger's row makes no key: nothing of it is kept as if it were a case."""
    send(store, {"events": [make_event("E1", "nobody")]})
    with store.reading() as connection:
        assert connection.execute(select(case_keys)).all() == []
        assert connection.execute(select(import_rejects)).all() == []


def test_two_servers_that_store_the_same_rows_end_as_one(
    store: Store, open_another: Callable[[], Store]
) -> None:
    """Whoever comes second finds the first one's rows and counts repeats."""
    found = []
    rows = {
        "cases": [make_case(f"C{number}") for number in range(300)],
        "events": [make_event("E1", f"C{number}") for number in range(300)],
    }
    threads = [
        threading.Thread(target=lambda one=one: found.append(send(one, rows)))
        for one in (store, open_another())
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.added for one in found) == [0, 600]
    assert sorted(one.repeats for one in found) == [0, 600]
    assert count_rows(store)["events"] == 300


CASES = ("A", "B", "C")
events_of = st.builds(
    make_event,
    st.integers(1, 12).map("E{}".format),
    case_id=st.sampled_from(CASES),
    kind=st.sampled_from(["contact", "threat", "retracted", "closed"]),
    occurred_at=st.sampled_from(["2025-05-01", "2025-06-01T10:00", "2026-06-01"]),
    value=st.sampled_from([None, 0, 2.5]),
    incident_id=st.sampled_from([None, "E1", "I1"]),
    handling=st.sampled_from([None, "agency_only"]),
)
facts_of = st.builds(
    make_fact,
    st.integers(1, 6).map("F{}".format),
    case_id=st.sampled_from(CASES),
    value=st.sampled_from([None, "yes", "no"]),
)
links_of = st.builds(
    make_link,
    st.integers(1, 4).map("L{}".format),
    case_id=st.sampled_from(CASES),
    other=st.sampled_from((*CASES, "elsewhere")),
    ended_at=st.sampled_from([None, "2025-06-01"]),
)


@st.composite
def sound_rows(draw: st.DrawFn) -> list[tuple[str, dict[str, object]]]:
    """Draw rows that fit together: identifiers that name one record each, corrections later than
    what they correct, in the same case.
    """
    found: list[tuple[str, dict[str, object]]] = []
    for table, column, rows in (
        ("events", "event_id", st.lists(events_of, max_size=12)),
        ("facts", "fact_id", st.lists(facts_of, max_size=5)),
        ("links", "link_id", st.lists(links_of, max_size=3)),
    ):
        distinct = {row[column]: row for row in draw(rows)}
        for number, row in enumerate(distinct.values()):
            earlier = [
                other[column]
                for other in list(distinct.values())[:number]
                if other["case_id"] == row["case_id"]
            ]
            target = draw(st.sampled_from([None, *earlier]))
            more = {"supersedes": target, "recorded_at": f"2025-06-{number + 2:02}"}
            distinct[row[column]] = row | more  # type: ignore[index]
        found += [(table, row) for row in distinct.values()]
    return [("cases", make_case(case_id)) for case_id in CASES] + found


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_any_order_and_any_chunks_give_the_same_history(
    data: st.DataObject, open_another: Callable[[], Store], address: str
) -> None:
    """Sound rows, the cases first, in any order and any chunks, are the history of a folder."""
    rows = data.draw(sound_rows())
    shuffled = rows[:3] + data.draw(st.permutations(rows[3:]))
    cuts = sorted(data.draw(st.sets(st.integers(3, len(rows)), max_size=4)) | {0, len(rows)})
    store = open_another()
    _empty(store)
    for first, last in itertools.pairwise(cuts):
        found = send(store, _by_table(shuffled[first:last]))
        assert not len(found.rejects)
    assert history_of(store) == history_of_rows(_by_table(rows))
    assert read_named(store).rejects.frame.empty
    store.close()


def _by_table(rows: list[tuple[str, dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
    tables: dict[str, list[dict[str, object]]] = {}
    for table, row in rows:
        tables.setdefault(table, []).append(row)
    return tables


def _empty(store: Store) -> None:
    """Take the refusals away and empty the store, since an example needs one of its own."""
    with store.writing() as writing:
        for table in (*RECORDS, "case_keys", "standings"):
            for name in ("refuse_delete", "refuse_update", "refuse_truncate"):
                there = f"{name}_{table}" if store.is_sqlite else f'{name} ON "{table}"'
                writing.connection.execute(text(f"DROP TRIGGER IF EXISTS {there}"))
            writing.connection.execute(text(f'DELETE FROM "{table}"'))
