"""Erasing reaches all that stands beside the key, leaves every account, and tells what is kept."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DatabaseError

from serving.intake.checks import check_store
from serving.persons import Person
from serving.store.current_act import Act, acting
from serving.store.database import Store, make_key
from serving.store.erasing import clean_files, erase_identifier
from serving.store.remains import EVIDENCE, LOG, OTHER_CASE, find_remains, search_files
from serving.store.schema import (
    ERASABLE,
    RECORDS,
    events,
    import_rejects,
    imports,
    links,
    people,
)
from serving.store.upgrading import upgrade
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_fact, make_link, send

OPERATOR = Person("SYN Operator", "administrator", "unit")
NUMBER = "SYN-NIGHTJAR-77"
PERSON = "SYN-P-NIGHTJAR"
ROWS = {
    "cases": [make_case(NUMBER, area="Halton"), make_case("SYN-OTHER-1", area="Halton")],
    "events": [
        make_event(f"{NUMBER}/E1", NUMBER, incident_id=f"{NUMBER}/I1", narrative="he waited"),
        make_event(f"{NUMBER}/E2", NUMBER, supersedes=f"{NUMBER}/E1"),
        make_event(f"{NUMBER}8/E3", NUMBER),
        make_event("O1", "SYN-OTHER-1", narrative=f"as told in {NUMBER}"),
    ],
    "facts": [make_fact(f"{NUMBER}/F1", NUMBER)],
    "links": [
        make_link(f"{NUMBER}/L1", NUMBER, "SYN-OTHER-1"),
        make_link("L2", "SYN-OTHER-1", NUMBER),
    ],
    "people": [
        {"person_id": PERSON, "case_id": case, "role": "subject", "characteristic": "sex"}
        | {"value": "m"}
        for case in (NUMBER, "SYN-OTHER-1")
    ],
}


@pytest.fixture
def address(new_address: str) -> str:
    """Return the address of a store that nobody had before: its rows are looked at in the file."""
    return new_address


def add_rejects(store: Store, *rejects: tuple[str | None, dict[str, Any]]) -> None:
    """Keep rows that could not be used, each with the key of its case."""
    with store.writing() as writing:
        key = make_key()
        told = dict.fromkeys(("rows_done", "added", "repeats", "conflicts", "rejects"), 0)
        writing.connection.execute(
            insert(imports)
            .values(import_key=key, source_digest="d", begun_at_us=1, position={}, **told)
            .values(OPERATOR.columns())
        )
        seq = writing.take_seq(len(rejects))
        for number, (case_key, source) in enumerate(rejects):
            row = {"import_key": key, "number": number + 1, "place": "events.csv", "row": 1}
            row |= {"table": "events", "column": "kind", "code": "missing", "remedy": "fill it"}
            row |= {"source": source, "case_key": case_key, "stored_seq": seq + number}
            writing.connection.execute(insert(import_rejects).values(row))


def erase(store: Store, why: str = "retention has ended") -> str:
    """Erase the case and write the file anew."""
    act = Act(OPERATOR, "erasure", "caselight erase", purpose=why)
    with acting(act), store.writing() as writing:
        key = erase_identifier(writing, NUMBER)
    clean_files(store)
    return key


def read_all(store: Store, table: Any) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key.columns)))


@pytest.fixture
def filled(store: Store) -> Store:
    """Return a store with the case, another one, and rejects of both."""
    send(store, ROWS)
    own = key_of(store, NUMBER)
    add_rejects(
        store,
        (own, {"case_id": NUMBER, "event_id": "E9", "narrative": "his own words"}),
        (None, {"case_id": NUMBER, "event_id": "E8"}),
        (key_of(store, "SYN-OTHER-1"), {"case_id": "SYN-OTHER-1", "linked_case_id": NUMBER}),
        (key_of(store, "SYN-OTHER-1"), {"case_id": "SYN-OTHER-1", "event_id": "O9"}),
    )
    return store


def test_the_number_is_beside_the_key_nowhere(filled: Store) -> None:
    """The attack: after erasing, the number stood in rejected rows beside the key and in the ids of
    records. Now the key stands in its place, and what only begins like it is left.
    """
    key = erase(filled)
    mine = [row for row in read_all(filled, events) if row.case_key == key]
    assert sorted(row.event_id for row in mine) == sorted(
        [f"{key}/E1", f"{key}/E2", f"{NUMBER}8/E3"]
    )
    by_id = {row.event_id: row for row in mine}
    assert by_id[f"{key}/E2"].supersedes == f"{key}/E1"
    assert by_id[f"{key}/E1"].incident_id == f"{key}/I1"
    assert {row.link_id for row in read_all(filled, links)} == {f"{key}/L1", "L2"}
    sources = [row.source for row in read_all(filled, import_rejects)]
    assert sources == [
        {"erased": True, "case": key},
        {"erased": True, "case": key},
        {"case_id": "SYN-OTHER-1", "linked_case_id": key},
        {"case_id": "SYN-OTHER-1", "event_id": "O9"},
    ]
    assert check_store(filled) == []


def test_the_search_finds_what_is_kept_with_its_ground(filled: Store) -> None:
    """Another case's words stay, and the log; nothing else of the number is in a table or file."""
    key = erase(filled, why=f"asked for {NUMBER}")
    found = find_remains(filled, NUMBER, key)
    assert [(one.place, one.count, one.ground) for one in found] == [
        ("audit_lines.purpose", 1, LOG),
        ("events.narrative", 1, OTHER_CASE),
    ]


def test_words_of_the_case_itself_are_told(store: Store) -> None:
    """What a record of the case says is evidence, and is told as such."""
    send(
        store, {"cases": [make_case(NUMBER)], "events": [make_event("E", NUMBER, narrative=NUMBER)]}
    )
    key = erase(store)
    assert [(one.place, one.ground) for one in find_remains(store, NUMBER, key)] == [
        ("events.narrative", EVIDENCE)
    ]


def test_the_file_holds_nothing_of_the_number(store: Store, tmp_path: Path) -> None:
    """Neither SQLite's file nor its write-ahead log has the number's bytes, nor the words of a
    rejected row; another file that has them is told without a ground.
    """
    send(store, {"cases": [make_case(NUMBER)], "events": [make_event(f"{NUMBER}/E1", NUMBER)]})
    add_rejects(store, (key_of(store, NUMBER), {"case_id": NUMBER, "narrative": "his own words"}))
    key = erase(store)
    assert find_remains(store, NUMBER, key) == ()
    if store.is_sqlite:
        content = b"".join(
            path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("unit.db")
        )
        assert NUMBER.encode() not in content
        assert b"his own words" not in content
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "list.csv").write_text(f"1,{NUMBER},high\n")
    told = list(search_files([tmp_path / "copy"], NUMBER))
    assert [(one.place, one.ground) for one in told] == [("file copy/list.csv", None)]


def test_erasing_one_party_leaves_the_others_account(filled: Store) -> None:
    """Every row of the other case is as it was, the person's own number there too; of the erased
    case nothing is gone but the number and its people's numbers.
    """
    other = key_of(filled, "SYN-OTHER-1")
    before = {name: read_all(filled, table) for name, table in RECORDS.items()}
    key = erase(filled)
    for name, table in RECORDS.items():
        after = read_all(filled, table)
        assert len(after) == len(before[name])
        assert [row for row in after if row.case_key == other] == [
            row for row in before[name] if row.case_key == other
        ]
    numbers = {row.case_key: row.person_id for row in read_all(filled, people)}
    assert numbers[other] == PERSON
    assert numbers[key] not in (PERSON, NUMBER)
    kept = {row.narrative for row in read_all(filled, events) if row.case_key == key}
    assert "he waited" in kept


@pytest.mark.parametrize("table", sorted(set(ERASABLE) & set(RECORDS)))
def test_nothing_changes_of_a_case_that_was_not_erased(filled: Store, table: str) -> None:
    """The database lets erasing change what named an erased case, and nothing else of any row."""
    key = erase(filled)
    other = key_of(filled, "SYN-OTHER-1")
    column = ERASABLE[table][0]
    for statement in (
        f"UPDATE {table} SET {column} = 'x' WHERE case_key = '{other}'",
        f"UPDATE {table} SET stored_seq = 0 WHERE case_key = '{key}'",
    ):
        if table == "facts" and other in statement:
            continue
        with pytest.raises(DatabaseError, match="append-only"), filled.writing() as writing:
            writing.connection.execute(text(statement))


def test_an_upgrade_that_respells_leaves_erasing_its_way(filled: Store) -> None:
    """The refusals that are put back after words were respelled let erasing through as before."""
    with filled.writing() as writing:
        name = "refuse_update_events" if filled.is_sqlite else "refuse_update ON events"
        writing.connection.execute(text(f"DROP TRIGGER {name}"))
        changed = update(events).where(events.c.event_id == "O1")
        writing.connection.execute(changed.values(source="Health"))
    upgrade(filled)
    key = erase(filled)
    assert f"{key}/E1" in {row.event_id for row in read_all(filled, events)}


def test_a_rejected_row_changes_by_erasing_alone(filled: Store) -> None:
    """The source of a rejected row of a case that is there cannot be changed."""
    erase(filled)
    other = key_of(filled, "SYN-OTHER-1")
    changed = update(import_rejects).where(import_rejects.c.case_key == other)
    with pytest.raises(DatabaseError, match="append-only"), filled.writing() as writing:
        writing.connection.execute(changed.values(source={"case_id": "another"}))


def test_a_store_that_is_held_is_told(store: Store) -> None:
    """Where another program reads, the file cannot be written anew, and that is said."""
    if not store.is_sqlite:
        assert not clean_files(store)
        return
    send(store, {"cases": [make_case(NUMBER)]})
    path = str(store.engine.url.database)
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serving.store.engines._BUSY_S", 0.05)
        store.engine.dispose()
        assert not clean_files(store)
    other.rollback()
    other.close()
    assert clean_files(store)
