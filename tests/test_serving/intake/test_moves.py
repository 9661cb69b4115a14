from typing import Any

import pytest
from sqlalchemy import insert, select

from features.history.open_cases import open_cases
from serving.flags.deliveries import add_deliveries
from serving.flags.duty import acknowledge, read_queue
from serving.flags.flags import standing_flags
from serving.intake.checks import check_store
from serving.intake.move_records import MoveRefusedError
from serving.intake.moves import Move, transfer_case
from serving.standing.standings import refresh_standings
from serving.store.database import Store, Unit, make_key
from serving.store.histories import read_case_folder, read_head, read_history
from serving.store.row_text import Clockface
from serving.store.schema import (
    case_keys,
    case_moves,
    deliveries,
    events,
    flag_raisings,
    standings,
)
from tests.test_serving.acts import decide_now, write_closing
from tests.test_serving.confirmed_moves import merge_cases, split_case
from tests.test_serving.sent_rows import (
    NOW_US,
    PERSON,
    key_of,
    lay_out,
    make_case,
    make_event,
    make_fact,
    make_link,
    send,
)

UNIT = Unit("Europe/London", synthetic=True)
LATER_US = NOW_US + 1


def read(store: Store, case_id: str, as_of_us: int = LATER_US, **more: int) -> Any:
    key = key_of(store, case_id)
    with store.reading() as connection:
        return read_history(connection, [key], UNIT, extract_at_us=as_of_us, **more)


def list_in_force(store: Store, case_id: str, table: str = "events") -> list[tuple[str, ...]]:
    """Return identifier and kind (or name and answer) of a case's own records in force."""
    key = key_of(store, case_id)
    columns = ["event_id", "kind"] if table == "events" else ["fact_id", "name", "asked", "value"]
    with store.reading() as connection:
        folder = read_case_folder(connection, [key], UNIT, extract_at_us=LATER_US)
    frame = folder.frame(table)
    frame = frame[(frame["case_id"] == key) & (frame["superseded_at"] > LATER_US)]
    return sorted(frame[columns].fillna("").itertuples(index=False, name=None))


def is_open(store: Store, case_id: str) -> bool:
    return len(open_cases(read(store, case_id), LATER_US)) == 1


def merge(store: Store, one: str, other: str) -> Move:
    return merge_cases(
        store, PERSON, key_of(store, one), key_of(store, other), unit=UNIT, why="one person"
    )


@pytest.fixture
def filled(store: Store) -> Store:
    """Two cases, a third that names the first, and a fourth that the first names."""
    send(
        store,
        {
            "cases": [make_case(name, area="north") for name in "ABCD"],
            "events": [
                make_event("E1", incident_id="E2"),
                make_event("E2"),
                make_event("E3", kind="threat"),
                make_event("E4", supersedes="E3", recorded_at="2025-07-01", kind="assault"),
                make_event("O", kind="opened"),
                make_event("X", kind="closed", occurred_at="2025-09-01", recorded_at="2025-09-01"),
                make_event("E1", "B"),
                make_event("E1", "C"),
            ],
            "facts": [
                make_fact("F1", name="frightened", value="no"),
                make_fact("F2", name="children", value="2"),
                make_fact("F1", "B", name="frightened", value="yes", recorded_at="2025-08-01"),
            ],
            "links": [
                make_link("L1", "C", "A"),
                make_link("L2", "A", "D"),
                make_link("L3", "A", "B"),
            ],
            "people": [
                {
                    "person_id": "P",
                    "case_id": "A",
                    "role": "victim",
                    "characteristic": "sex",
                    "value": "f",
                }
            ],
        },
    )
    return store


def test_a_merge_copies_what_is_in_force(filled: Store) -> None:
    """The other case has the records in force under names that tell their origin, and not what was
    decided about the file.
    """
    merge(filled, "A", "B")
    key = key_of(filled, "A")
    assert list_in_force(filled, "B") == sorted(
        [
            ("E1", "contact"),
            (f"{key}:E1", "contact"),
            (f"{key}:E2", "contact"),
            (f"{key}:E4", "assault"),
        ]
    )
    assert is_open(filled, "B")
    assert not is_open(filled, "A")


def test_copies_were_known_from_the_move_on(filled: Store) -> None:
    """A copy happened when its origin happened and was recorded at the moment of the move."""
    merge(filled, "A", "B")
    with filled.reading() as connection:
        query = select(events.c.occurred_at, events.c.recorded_at, events.c.event_id).where(
            events.c.case_key == key_of(filled, "B"), events.c.event_id != "E1"
        )
        rows = connection.execute(query).all()
    assert {row.recorded_at for row in rows} == {NOW_US}
    assert all(row.occurred_at < NOW_US for row in rows)


def test_copies_of_one_incident_stay_one(filled: Store) -> None:
    """Events of one incident are of one incident in the case that takes them in."""
    merge(filled, "A", "B")
    history = read(filled, "B")
    incidents = dict(zip(history.events.event_id, history.events.incident, strict=True))
    key = key_of(filled, "A")
    assert incidents[f"{key}:E1"] == incidents[f"{key}:E2"] != -1
    assert incidents["E1"] == incidents[f"{key}:E4"] == -1


def test_an_older_answer_does_not_take_the_place_of_a_newer_one(filled: Store) -> None:
    """Of answers to one question the later stands, though the copy is recorded last."""
    merge(filled, "A", "B")
    key = key_of(filled, "A")
    assert list_in_force(filled, "B", "facts") == sorted(
        [("F1", "frightened", "yes", "yes"), (f"{key}:F2", "children", "yes", "2")]
    )


def test_links_go_along_with_a_merge(filled: Store) -> None:
    """Cases that were linked either way are linked with the case that takes the records in, and
    the two are not linked with each other anew.
    """
    done = merge(filled, "A", "B")
    keys = {key_of(filled, name) for name in "ABCD"}
    assert done.changed_keys == keys
    with filled.reading() as connection:
        folder = read_case_folder(connection, [key_of(filled, "B")], UNIT, extract_at_us=LATER_US)
    links = folder.frame("links")
    others = links[links["case_id"] == key_of(filled, "B")]["linked_case_id"]
    assert sorted(others) == sorted([key_of(filled, "C"), key_of(filled, "D")])


def test_a_split_moves_named_records(filled: Store) -> None:
    """The new case has the named records; where they were they are withdrawn, not erased."""
    done = split_case(
        filled,
        PERSON,
        key_of(filled, "A"),
        "NEW",
        {"events": ["E1", "E4"], "facts": ["F2"]},
        unit=UNIT,
    )
    key = key_of(filled, "A")
    assert done.other_case_key == key_of(filled, "NEW")
    assert list_in_force(filled, "NEW") == sorted(
        [
            (f"{done.move_key}:opened", "opened"),
            (f"{key}:E1", "contact"),
            (f"{key}:E4", "assault"),
        ]
    )
    kinds = [kind for _, kind in list_in_force(filled, "A")]
    assert sorted(kinds) == ["closed", "contact", "opened", "retracted", "retracted"]
    assert list_in_force(filled, "NEW", "facts") == [(f"{key}:F2", "children", "yes", "2")]
    assert ("children", "no") in [fact[1:3] for fact in list_in_force(filled, "A", "facts")]
    assert is_open(filled, "NEW")


def test_a_transfer_leaves_a_case_as_open_as_it_was(filled: Store) -> None:
    """A transfer is an event that names the area, and a row by the person who made it."""
    done = transfer_case(filled, PERSON, key_of(filled, "B"), "south", unit=UNIT, why="moved house")
    assert (f"{done.move_key}:transferred", "transferred") in list_in_force(filled, "B")
    assert is_open(filled, "B")
    with filled.reading() as connection:
        row = connection.execute(select(case_moves)).one()
    assert (row.kind, row.area, row.person, row.why) == (
        "transfer",
        "south",
        PERSON.name,
        "moved house",
    )


@pytest.mark.parametrize("kind", ["merge", "split", "transfer"])
def test_what_was_known_before_a_move_replays_as_it_was(filled: Store, kind: str) -> None:
    """Rows up to the place before a move give the histories of before it."""
    names = "ABCD"
    before = [lay_out(read(filled, name)) for name in names]
    with filled.reading() as connection:
        head = read_head(connection)
    if kind == "merge":
        merge(filled, "A", "B")
    elif kind == "split":
        split_case(filled, PERSON, key_of(filled, "A"), "NEW", {"events": ["E1"]}, unit=UNIT)
    else:
        transfer_case(filled, PERSON, key_of(filled, "A"), "south", unit=UNIT)
    assert [lay_out(read(filled, name, known_seq=head)) for name in names] == before
    # Nothing recorded before the move changes either, whatever rows are read.
    assert check_store(filled) == []


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda s: merge(s, "A", "A"), "same_case"),
        (lambda s: merge(s, "C", "A"), "case_merged"),
        (lambda s: merge(s, "A", "C"), "case_merged"),
        (
            lambda s: merge_cases(s, PERSON, key_of(s, "B"), "no".ljust(24, "-"), unit=UNIT),
            "no_case",
        ),
        (
            lambda s: split_case(s, PERSON, key_of(s, "B"), "C", {"events": ["E1"]}, unit=UNIT),
            "case_exists",
        ),
        (
            lambda s: split_case(s, PERSON, key_of(s, "B"), "N", {"events": ["E7"]}, unit=UNIT),
            "no_record",
        ),
        (lambda s: split_case(s, PERSON, key_of(s, "B"), "N", {}, unit=UNIT), "nothing_to_move"),
        (lambda s: transfer_case(s, PERSON, key_of(s, "A"), "south", unit=UNIT), "case_merged"),
    ],
)
def test_a_move_that_cannot_be_made_changes_nothing(filled: Store, make: Any, code: str) -> None:
    """What cannot be moved is refused by a code, and no row is added."""
    merge(filled, "A", "B")
    with filled.reading() as connection:
        head = read_head(connection)
    with pytest.raises(MoveRefusedError) as caught:
        make(filled)
    assert caught.value.code == code
    with filled.reading() as connection:
        assert read_head(connection) == head
        assert len(connection.execute(select(case_keys)).all()) == 4


def test_names_of_copies_never_grow_past_what_the_contract_takes(store: Store) -> None:
    """A copy of a record with the longest name has a name that an export can be read back with."""
    send(
        store,
        {"cases": [make_case("A"), make_case("B")], "events": [make_event("E" * 512)]},
    )
    merge(store, "A", "B")
    ((name, _),) = list_in_force(store, "B")
    assert name.startswith(f"{key_of(store, 'A')}:")
    assert len(name) <= 512


def test_what_comes_for_a_merged_case_reaches_the_other(store: Store) -> None:
    """A record and a correction sent for a merged case, and sent again, are seen in the other."""
    send(store, {"cases": [make_case("A"), make_case("B")], "events": [make_event("E1")]})
    merge(store, "A", "B")
    key = key_of(store, "A")
    late = {
        "events": [
            make_event("E2", kind="threat"),
            make_event("E3", kind="letter", supersedes="E1", recorded_at="2025-07-01"),
        ]
    }

    send(store, late)
    send(store, late)

    assert list_in_force(store, "B") == [(f"{key}:E2", "threat"), (f"{key}:E3", "letter")]
    assert not is_open(store, "A")
    assert check_store(store) == []


def flag(store: Store, case_id: str, record_id: str, *, urgent: bool = True) -> str:
    """Raise a flag of a case by a record, due in a while and told to nobody yet."""
    raising = make_key()
    with store.writing() as writing:
        writing.connection.execute(
            insert(flag_raisings).values(
                raising_key=raising,
                case_key=key_of(store, case_id),
                flag="weapon",
                urgent=urgent,
                record_id=record_id,
                raised_at_us=writing.now_us - 50,
                due_at_us=writing.now_us + 50 if urgent else None,
                stored_seq=writing.take_seq(),
            )
        )
        add_deliveries(writing, [raising] if urgent else [])
        refresh_standings(writing, [key_of(store, case_id)])
    return raising


def stand(store: Store, case_id: str) -> Any:
    with store.reading() as connection:
        query = select(standings).where(standings.c.case_key == key_of(store, case_id))
        return connection.execute(query).one()


def test_flags_go_with_the_records_of_a_merged_case(store: Store) -> None:
    """What stood on the merged case stands on the other under the names of the copies, as old as it
    was, acknowledged where it was, told where it was not; nothing stands where nobody decides.
    """
    events = [make_event("E1"), make_event("E2"), make_event("T", "B")]
    send(store, {"cases": [make_case("A"), make_case("B")], "events": events})
    source, target = key_of(store, "A"), key_of(store, "B")
    raised = [flag(store, "A", record_id) for record_id in ("E1", "E2", f"{target}/T")]
    with store.writing() as writing:
        acknowledge(writing, raised[0], PERSON, None)

    merge(store, "A", "B")

    with store.reading() as connection:
        found = standing_flags(connection, [source, target])
        (item, *_) = read_queue(connection, NOW_US, {}, Clockface("UTC")).items
        told = connection.execute(select(deliveries.c.raising_key)).scalars().all()
    assert set(found) == {target}
    (one,) = found[target]
    assert one.record_ids == (f"{source}:E1", f"{source}:E2", "T")
    assert [record.acknowledged_at_us is not None for record in one.records] == [True, False, False]
    assert {record.raised_at_us for record in one.records} == {NOW_US - 50}
    assert {one.records[1].raising_key, one.records[2].raising_key} < set(told)
    assert item.key == target
    assert (stand(store, "A").n_urgent, stand(store, "B").n_urgent) == (0, 1)
    assert check_store(store) == []


def test_a_case_that_takes_another_in_is_decided_on_again(store: Store) -> None:
    """A managed case returns with what it took in; a closed one takes nothing in."""
    send(store, {"cases": [make_case(name) for name in "ABC"], "events": [make_event("E1")]})
    target, closed = key_of(store, "B"), key_of(store, "C")
    decide_now(store, target)
    decide_now(store, closed, write_closing())

    with pytest.raises(MoveRefusedError) as refused:
        merge(store, "A", "C")
    merge(store, "A", "B")

    assert refused.value.code == "target_closed"
    assert (stand(store, "B").state, stand(store, "B").returned_for) == ("returned", "new_record")
    decide_now(store, target, version=1)
    assert stand(store, "B").state == "managed"


def test_a_split_keeps_to_its_own_case(store: Store) -> None:
    """The new case has area and referral source of the case it was split from, not of a linked
    one.
    """
    about = {name: {"area": name, "referral_source": f"of {name}"} for name in "AB"}
    cases = [make_case(name, **more) for name, more in about.items()]
    links = [make_link("L", "A", "B")]
    send(
        store, {"cases": cases, "events": [make_event("E1"), make_event("E1", "B")], "links": links}
    )
    for name in "AB":
        split_case(store, PERSON, key_of(store, name), f"{name}2", {"events": ["E1"]}, unit=UNIT)
        row = stand(store, f"{name}2")
        assert (row.area, row.referral_source) == (name, f"of {name}")
