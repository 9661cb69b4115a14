import pytest
from sqlalchemy import select

from features.contract.kept_apart import is_kept_apart
from features.history.assembly import assemble_history
from features.intake.contract_folder import ContractFolder, read_folder
from serving.intake.folder_imports import import_folder
from serving.persons import Person
from serving.settings import Settings
from serving.store.database import Store, Unit
from serving.store.histories import read_case_folder, read_head, read_history
from serving.store.schema import cases
from tests.conftest import SmallUnit
from tests.test_serving.sent_rows import (
    NOW_US,
    history_of,
    key_of,
    lay_out,
    make_case,
    make_event,
    make_fact,
    make_link,
    send,
)
from tests.test_serving.stores import SetClock

UNIT = Unit("Europe/London", synthetic=True)
PERSON = Person("Unit Administrator", "administrator", "unit")


def read(store: Store, *case_ids: str, known_seq: int | None = None) -> object:
    keys = [key_of(store, case_id) for case_id in case_ids]
    with store.reading() as connection:
        return lay_out(
            read_history(connection, keys, UNIT, extract_at_us=NOW_US, known_seq=known_seq)
        )


def number_as_stored(folder: ContractFolder) -> ContractFolder:
    """Return a folder whose records kept apart have the numbers that a store gives them."""
    events = folder.frame("events")
    apart = is_kept_apart(events["source"], events["handling"]).to_numpy(dtype=bool)
    assert apart.any()
    keys = list(zip(events["case_id"], events["event_id"], strict=True))
    stored = {
        key: f"{source}//{key[1]}"
        for key, source, is_apart in zip(keys, events["source"], apart, strict=True)
        if is_apart
    }
    for column in ("event_id", "supersedes", "superseded_by"):
        named = zip(events["case_id"], events[column], strict=True)
        events[column] = [stored.get(key, key[1]) for key in named]
    return folder.with_frames({"events": events})


def test_a_simulated_unit_is_the_same_from_the_store(
    store: Store, clock: SetClock, small_unit: SmallUnit
) -> None:
    """What the store gives of a whole unit is the history of its contract folder, in which records
    kept apart have numbers of their agency's own (ADR 27).
    """
    folder = number_as_stored(read_folder(small_unit.folder))
    clock.now_us = folder.manifest.extract_at_us
    import_folder(store, small_unit.folder, PERSON, Settings(), lambda message: None)
    wanted = lay_out(assemble_history(folder)) | {"extract_at": NOW_US}
    assert history_of(store) == wanted


def test_earlier_rows_are_read_as_they_were(store: Store) -> None:
    """Up to a place in the order nothing that was stored later is seen, corrections included."""
    send(store, {"cases": [make_case()], "events": [make_event("E1")]})
    before = read(store, "A")
    with store.reading() as connection:
        head = read_head(connection)
    send(
        store,
        {
            "events": [make_event("E2", supersedes="E1", recorded_at="2025-06-03")],
            "facts": [make_fact("F1")],
            "links": [make_link("L1", "A", "B")],
        },
    )
    send(store, {"cases": [make_case("B")], "events": [make_event("E3", "B")]})
    assert read(store, "A", known_seq=head) == before
    assert read(store, "A") != before


def test_a_history_does_not_depend_on_what_is_read_with_it(store: Store) -> None:
    """A case read alone is the case read among others, even where they use the same identifiers."""
    send(
        store,
        {
            "cases": [make_case("A"), make_case("B"), make_case("C")],
            "events": [make_event("E2", supersedes="E1"), make_event("E5", "C")],
            "links": [make_link("L1", "C", "A")],
        },
    )
    send(store, {"events": [make_event("E1", "B")]})
    keys = [key_of(store, case_id) for case_id in "ABC"]
    with store.reading() as connection:
        alone = read_history(connection, keys[:1], UNIT, extract_at_us=NOW_US)
        among = read_history(connection, keys, UNIT, extract_at_us=NOW_US)
    place = among.case_id.tolist().index(keys[0])
    ids = [among.events.event_id[among.events_of(place)].tolist(), alone.events.event_id.tolist()]
    assert ids[0] == ids[1]
    assert set(ids[0]) == {"E2", f"{keys[2]}/E5"}


def test_a_corrected_link_is_no_link_any_more(store: Store) -> None:
    """A link that its case corrected to name another one is not seen from the first one."""
    send(
        store,
        {
            "cases": [make_case("A"), make_case("B"), make_case("X")],
            "events": [make_event("E1", "X")],
            "links": [
                make_link("L1", "X", "A"),
                make_link("L2", "X", "B", supersedes="L1", recorded_at="2025-06-02"),
            ],
        },
    )
    key = key_of(store, "A")
    with store.reading() as connection:
        folder = read_case_folder(connection, [key], UNIT, extract_at_us=NOW_US)
    assert folder.frame("links")["link_id"].tolist() == ["L1"]
    assert (
        folder.frame("links")["superseded_at"].tolist()
        == folder.frame("links")["recorded_at"].tolist()
    )


@pytest.mark.parametrize("asked", [[], ["nobody".ljust(24, "-")]])
def test_no_case_gives_an_empty_history(store: Store, asked: list[str]) -> None:
    """Asked for no case, or for one that is not there, the store gives a history without cases."""
    with store.reading() as connection:
        assert connection.execute(select(cases)).all() == []
        assert len(read_history(connection, asked, UNIT, extract_at_us=NOW_US)) == 0
