"""Whatever somebody who may write to the database does to a row is told, by table and place.

They may do everything in the database, drop its triggers and read its secrets. The audit key they
have not.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from features.errors import ConfigError
from serving.errors import ServiceError
from serving.oversight.audit_heads import export_heads, read_heads
from serving.oversight.audit_verification import list_problems, verify_store, verify_tail
from serving.oversight.key_change import change_key, note_restore
from serving.persons import Person
from serving.sealing.directory import Directory
from serving.sealing.seals import seal_case
from serving.store import schema
from serving.store.audit_books import HANDED_OVER, RESTORED
from serving.store.audit_lines import BOOKS, CHANGES, COLUMNS, make_first_mac, make_mac
from serving.store.current_act import Act, acting
from serving.store.database import Store, open_store
from serving.store.engines import WRITES, find_file
from serving.store.erasing import erase_identifier
from serving.store.row_digests import (
    RowDigests,
    digest_row,
    list_columns,
    select_columns,
    write_row,
)
from serving.store.row_secrets import OwnerKeys
from serving.store.upgrading import upgrade
from tests.test_serving.acts import NURSE, SCREENER, add_flag, add_score, decide_now
from tests.test_serving.kept_contents import hold, put
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_fact, send
from tests.test_serving.stores import SetClock

FORGED = "SYN Somebody Else"
OPERATOR = Person("SYN Operator", "administrator", "unit")


@pytest.fixture
def worked(store: Store) -> Store:
    """Return a store with two cases, and with acts of people on one of them."""
    rows = {
        "cases": [make_case("A"), make_case("B")],
        "events": [
            make_event("E1", narrative="he waited outside", detail="x", value=1.5),
            make_event("E2", kind="threat"),
            make_event("E3", "B"),
        ],
        "facts": [make_fact("F1"), make_fact("F2", "B", value="no")],
    }
    send(store, rows)
    key = key_of(store, "A")
    add_score(store, key, 0.25)
    decide_now(store, key)
    add_flag(store, key, "new_strangulation", "E2", due_us=60_000_000)
    with store.writing() as writing:
        people = frozenset({SCREENER.subject, NURSE.subject})
        seal_case(writing, key, SCREENER, people, "somebody is connected", Directory(people))
    return store


def tamper(store: Store, *statements: Any) -> None:
    """Do what the owner of the tables can do, past the triggers."""
    options: dict[str, Any] = {WRITES: True}
    with (
        store.engine.connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        for table in schema.APPEND_ONLY:
            for name in ("refuse_update", "refuse_delete"):
                named = f"{name}_{table}" if store.is_sqlite else f'{name} ON "{table}"'
                connection.execute(text(f"DROP TRIGGER IF EXISTS {named}"))
        for statement in statements:
            connection.execute(statement)


def list_told(store: Store) -> list[str]:
    """Return what a verification tells of contents."""
    found = verify_store(store)
    return [fault.problem for one in found for fault in one.faults if fault.kind == "content"]


def place_of(store: Store, table: Any, **where: Any) -> int:
    """Return the place in the order of rows of one row."""
    query = select(table.c.stored_seq).where(*(table.c[name] == one for name, one in where.items()))
    with store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def test_a_store_that_nobody_touched_is_whole(worked: Store) -> None:
    """Rows as they were written are told by nothing, and the verification says from when on."""
    found = verify_store(worked)
    assert list_problems(found) == []
    assert [one.tell() for one in found[0].notes] == [
        "what rows hold is covered from the first line on"
    ]


EDITS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "an edited narrative": ("events", {"event_id": "E1"}, {"narrative": "he was elsewhere"}),
    "an emptied narrative": ("events", {"event_id": "E1"}, {"narrative": None}),
    "an edited kind": ("events", {"event_id": "E2"}, {"kind": "contact"}),
    "an edited number": ("events", {"event_id": "E1"}, {"value": 1.25}),
    "a later moment": ("events", {"event_id": "E3"}, {"occurred_at": 1}),
    "an answer turned round": ("facts", {"fact_id": "F2"}, {"value": "yes"}),
    "a re-attributed decision": ("decisions", {"version": 1}, {"person": FORGED}),
    "an edited way": ("decisions", {"version": 1}, {"routes": {"no_further_action": {}}}),
    "an edited priority": ("scores", {"bundle_id": "b1"}, {"priority": 0.01}),
    "an edited log odds": ("scores", {"bundle_id": "b1"}, {"log_odds": {"harm": 0.5}}),
    "a flag that is not urgent": ("flag_raisings", {"record_id": "E2"}, {"urgent": False}),
    "a seal opened": ("seals", {"why": "somebody is connected"}, {"sealed": False}),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_row_is_named(worked: Store, edit: str) -> None:
    """Whichever cell of a row is changed, the row is told by its table and place, and no other."""
    name, where, values = EDITS[edit]
    table = schema.metadata.tables[name]
    place = place_of(worked, table, **where)
    tamper(worked, update(table).where(table.c.stored_seq == place).values(**values))
    assert list_told(worked) == [f"row {place:,} of {name} was changed"]


def test_a_record_that_went_over_to_another_case_is_named(worked: Store) -> None:
    """A row that is of another case now is told, though it says the same."""
    place = place_of(worked, schema.events, event_id="E2")
    moved = update(schema.events).where(schema.events.c.stored_seq == place)
    tamper(worked, moved.values(case_key=key_of(worked, "B")))
    assert list_told(worked) == [f"row {place:,} of events was changed"]


def test_a_name_added_to_a_seal_is_named(worked: Store) -> None:
    """A person who was put among those that a seal names is told, at whichever place they stand."""
    seal = schema.seal_people
    place = place_of(worked, seal, subject=NURSE.subject)
    with worked.reading() as connection:
        key = connection.execute(select(seal.c.seal_key).limit(1)).scalar_one()
    tamper(worked, insert(seal).values(seal_key=key, subject="x|party", stored_seq=place))
    assert list_told(worked) == [f"row {place:,} of seal_people stands there twice"]


@pytest.mark.parametrize("at", ["a place that is taken", "a place past the end", "place nought"])
def test_a_forged_event_is_named(worked: Store, at: str) -> None:
    """A record that no transaction of the service stored is told, wherever it was put."""
    with worked.reading() as connection:
        head = connection.execute(select(schema.unit.c.last_seq)).scalar_one()
    place = {"a place that is taken": head, "a place past the end": head + 1, "place nought": 0}[at]
    row = {"case_key": key_of(worked, "B"), "event_id": "E9", "kind": "contact"}
    row |= {"occurred_at": 1, "recorded_at": 2, "stored_seq": place}
    tamper(worked, insert(schema.events).values(**row))
    problems = list_problems(verify_store(worked))
    assert len(problems) == 1
    assert "events" in problems[0]
    assert f"{place:,}" in problems[0]


def test_a_forged_disposal_is_named_and_every_row_that_went_by_it(worked: Store) -> None:
    """A case deleted under a disposal that nobody recorded: the disposal and the rows are told."""
    key = key_of(worked, "B")
    lost = {
        name: place_of(worked, schema.metadata.tables[name], case_key=key)
        for name in ("cases", "events", "facts", "case_keys")
    }
    with worked.reading() as connection:
        head = connection.execute(select(schema.unit.c.last_seq)).scalar_one()
    disposal = {"case_key": key, "disposed_at_us": 1, "why": "retention", "stored_seq": head}
    gone = [
        delete(table).where(table.c.case_key == key)
        for table in (schema.standings, schema.events, schema.facts, schema.cases, schema.case_keys)
    ]
    with worked.engine.begin() as connection:  # with the triggers as they are
        connection.execute(insert(schema.disposals).values(**disposal, **SCREENER.columns()))
        for statement in gone[:-1]:
            connection.execute(statement)
    tamper(worked, gone[-1])
    told = list_told(worked)
    assert f"row {head:,} of disposals was put in: no line tells of it" in told
    for name, place in lost.items():
        assert f"row {place:,} of {name} is gone" in told


def test_a_row_that_was_deleted_is_named_though_its_digest_went_as_well(worked: Store) -> None:
    """Digests that were taken away with their row are missed by the line that carries them."""
    place = place_of(worked, schema.events, event_id="E3")
    digests = schema.row_digests
    tamper(
        worked,
        delete(schema.events).where(schema.events.c.stored_seq == place),
        delete(digests).where(digests.c.first_seq <= place, digests.c.table == "events"),
    )
    assert "the digests of its rows were changed or are gone" in list_told(worked)


def test_whoever_reads_the_secrets_cannot_make_a_digest(worked: Store) -> None:
    """With all that the database holds nobody makes a digest that fits: the audit key is needed."""
    place = place_of(worked, schema.events, event_id="E2")
    kind = update(schema.events).where(schema.events.c.stored_seq == place)
    tamper(worked, kind.values(kind="call"))
    table = schema.row_digests
    wanted = (table.c.first_seq == 1, table.c.table == "events")
    with worked.reading() as connection:
        row = connection.execute(select(table).where(*wanted)).one()
        owner = row.owners.split("\n")[0]
        keys = OwnerKeys(connection, b"x" * 32).read([owner])
        cells = connection.execute(
            select(*select_columns(schema.events, is_sqlite=worked.is_sqlite)).where(
                schema.events.c.stored_seq == place
            )
        ).one()
    made = digest_row(keys[owner], write_row("events", cells))
    digests = bytes(row.digests)
    at = digests.index(place.to_bytes(8, "big")) + 8
    forged = digests[:at] + made + digests[at + len(made) :]
    tamper(
        worked, update(table).where(*wanted, table.c.number == row.number).values(digests=forged)
    )
    told = list_told(worked)
    assert told[0] == "the digests of its rows were changed or are gone"
    assert f"row {place:,} of events was changed" in told


def test_a_secret_that_is_gone_without_an_erasure_is_told(worked: Store) -> None:
    """Destroying a secret hides nothing: its rows can no longer be checked, and that is told."""
    secrets = schema.row_secrets
    tamper(
        worked,
        delete(secrets).where(secrets.c.owner == key_of(worked, "B")),
        update(schema.events).where(schema.events.c.event_id == "E3").values(kind="call"),
    )
    place = place_of(worked, schema.events, event_id="E3")
    assert f"row {place:,} of events cannot be checked: its secret is gone" in list_told(worked)


def test_an_older_copy_is_found_by_an_exported_head(
    worked: Store, tmp_path: Path, open_another: Callable[[], Store]
) -> None:
    """A whole older state in the place of the store is told by a head, and by nothing else."""
    older = hold(worked)
    add_score(worked, key_of(worked, "B"), 0.75)
    (tmp_path / "heads").mkdir()
    export_heads(worked, tmp_path / "heads")
    put(worked, older)
    rolled = open_another()
    assert list_problems(verify_store(rolled)) == []
    heads = read_heads(rolled.audit_key, tmp_path / "heads")
    problems = list_problems(verify_store(rolled, heads.macs()))
    assert any("whose head was exported" in one for one in problems)


def test_a_copy_without_its_write_ahead_log_is_found_by_an_exported_head(
    made_sqlite: Path, tmp_path: Path
) -> None:
    """SQLite's file alone lacks what is still in its log; an exported head tells."""
    path = tmp_path / "unit.db"
    for suffix in (".db", ".looks.db"):
        shutil.copyfile(made_sqlite.with_suffix(suffix), path.with_suffix(suffix))
    store = open_store(f"sqlite:///{path}")
    send(store, {"cases": [make_case("A")]})
    copy, heads = tmp_path / "copy", tmp_path / "heads"
    copy.mkdir()
    heads.mkdir()
    for one in ("unit.db", "unit.looks.db"):
        shutil.copyfile(tmp_path / one, copy / one)
    export_heads(store, heads)
    store.close()
    alone = open_store(f"sqlite:///{copy / 'unit.db'}")
    assert list_problems(verify_store(alone)) == []
    known = read_heads(alone.audit_key, heads).macs()
    problems = list_problems(verify_store(alone, known))
    alone.close()
    assert any("whose head was exported" in one for one in problems)


# --- stores from before --------------------------------------------------------------------------


def forget_contents(store: Store) -> None:
    """Make a store what an earlier release left: its lines cover no contents.

    The lines are chained anew with the key, as that release wrote them.
    """
    lines = schema.audit_lines
    with store.reading() as connection:
        query = select(*COLUMNS).where(lines.c.book == CHANGES).order_by(lines.c.number)
        rows = connection.execute(query).all()
    mac, written = make_first_mac(store.audit_key, CHANGES), []
    for row in rows:
        values = row._asdict() | {"content": None}
        mac = make_mac(store.audit_key, mac, list(values.values()))
        here = lines.c.number == row.number
        written.append(
            update(lines).where(lines.c.book == CHANGES, here).values(content=None, mac=mac)
        )
    heads = schema.audit_heads
    tamper(
        store,
        *written,
        update(heads).where(heads.c.book == CHANGES).values(mac=mac),
        delete(schema.row_digests),
        delete(schema.row_secrets),
    )


def test_rows_from_before_are_covered_by_one_line_of_the_upgrade(worked: Store) -> None:
    """An upgrade digests what is there, once, says so in a line, and covers it from then on."""
    forget_contents(worked)
    before = verify_store(worked)
    assert list_problems(before) == []
    assert "no line covers what rows hold yet" in before[0].notes[0].tell()
    upgrade(worked)
    upgrade(worked)
    found = verify_store(worked)
    assert list_problems(found) == []
    assert found[0].n_lines == before[0].n_lines + 1
    assert f"covered from line {found[0].n_lines:,} on" in found[0].notes[0].tell()
    add_score(worked, key_of(worked, "B"), 0.75)
    place = place_of(worked, schema.events, event_id="E1")
    tamper(worked, update(schema.events).where(schema.events.c.event_id == "E1").values(detail="y"))
    assert list_told(worked) == [f"row {place:,} of events was changed"]


def test_what_was_changed_before_the_upgrade_is_taken_as_it_was_then(worked: Store) -> None:
    """Of an edit from before there were contents nothing is told: the note says from when on."""
    forget_contents(worked)
    tamper(worked, update(schema.events).where(schema.events.c.event_id == "E1").values(detail="y"))
    upgrade(worked)
    assert list_problems(verify_store(worked)) == []


# --- changing the key, and restoring -------------------------------------------------------------


@pytest.fixture
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of an audit key that this test may change."""
    path = tmp_path / "own" / "audit.key"
    path.parent.mkdir()
    shutil.copyfile(os.environ["CASELIGHT_AUDIT_KEY_FILE"], path)
    path.chmod(0o600)
    monkeypatch.setenv("CASELIGHT_AUDIT_KEY_FILE", str(path))
    return path


def change(store: Store) -> Path:
    """Change the audit key as an operator."""
    act = Act(OPERATOR, "alteration", "caselight audit change-key", purpose="a leak")
    with acting(act):
        return change_key(store)


def test_a_log_goes_on_under_a_new_key_and_its_old_lines_verify(
    own_key: Path, worked: Store, open_another: Callable[[], Store], tmp_path: Path
) -> None:
    """Lines, rows and heads from before and after the change hold; who changed it is a line."""
    (tmp_path / "heads").mkdir()
    export_heads(worked, tmp_path / "heads")
    old = own_key.read_bytes()
    kept = change(worked)
    assert kept.read_bytes() == old != own_key.read_bytes()
    now = open_another()
    assert now.audit_key == own_key.read_bytes()
    add_score(now, key_of(now, "B"), 0.75)
    now.look()
    assert list_problems(verify_store(now)) == []
    heads = read_heads(now.audit_key, tmp_path / "heads", now.old_keys)
    assert heads.faults == ()
    assert list_problems(verify_store(now, heads.macs())) == []
    for book in BOOKS:
        assert verify_tail(now, book, 1).n_faults == verify_tail(now, book, 50).n_faults == 0
    with now.reading() as connection:
        lines = schema.audit_lines.c
        query = select(lines.person).where(lines.book == CHANGES, lines.route == HANDED_OVER)
        assert connection.execute(query).scalars().all() == [OPERATOR.name]
    for where, event in (("before", "E1"), ("after", None)):
        table = schema.events if event else schema.scores
        row = table.c.event_id == event if event else table.c.priority == 0.75
        value = {"kind": "call"} if event else {"priority": 0.1}
        tamper(now, update(table).where(row).values(**value))
        assert len(list_told(now)) == (1 if where == "before" else 2)


def test_a_service_with_the_old_key_writes_no_more(
    own_key: Path, worked: Store, open_another: Callable[[], Store]
) -> None:
    """Nothing is written under a key that was changed: neither a row nor a look."""
    change(open_another())
    with pytest.raises(ConfigError, match="goes on under another audit key"):
        add_score(worked, key_of(worked, "B"), 0.75)
    with pytest.raises(ServiceError, match="look_not_recorded"):
        worked.look()
    assert list_problems(verify_store(open_another())) == []


def test_without_the_old_key_its_lines_are_said_to_be_unchecked(
    own_key: Path, worked: Store, open_another: Callable[[], Store]
) -> None:
    """Verification tells up to which line nothing is known, and checks the rest."""
    change(worked).unlink()
    now = open_another()
    add_score(now, key_of(now, "B"), 0.75)
    problems = list_problems(verify_store(now))
    assert any("cannot be checked: their key is not here" in one for one in problems)
    assert not any("was changed" in one for one in problems)


def test_a_change_that_broke_off_goes_on(
    own_key: Path, worked: Store, open_another: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash between the two logs the store opens, and doing it again ends the change."""

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            change(worked)
    again = open_another()
    change(again)
    now = open_another()
    add_score(now, key_of(now, "B"), 0.75)
    now.look()
    assert list_problems(verify_store(now)) == []
    assert not own_key.with_name(f"{own_key.name}.next").exists()


def test_heads_stay_usable_after_a_restore_that_is_on_record(
    worked: Store, tmp_path: Path, open_another: Callable[[], Store], clock: SetClock
) -> None:
    """A restore that was said is a note with what was lost; heads from before it must still fit."""
    folder = tmp_path / "heads"
    folder.mkdir()
    export_heads(worked, folder)
    backup = hold(worked)
    add_score(worked, key_of(worked, "B"), 0.75)
    worked.look()
    export_heads(worked, folder)
    put(worked, backup)
    now = open_another()
    with pytest.raises(ConfigError, match="not the one whose head was exported"):
        export_heads(now, folder)
    with acting(Act(OPERATOR, "alteration", RESTORED, purpose="a disk failed")):
        note_restore(now)
    clock.pass_days(1)
    add_score(now, key_of(now, "B"), 0.5)
    now.look()
    assert len(export_heads(now, folder)) == 2
    heads = read_heads(now.audit_key, folder)
    found = verify_store(now, heads.macs())
    assert list_problems(found) == []
    assert "restored from a backup" in found[0].notes[0].tell()
    assert "are lost" in found[0].notes[0].tell()
    # What was lost before is excused; what is cut off now is not.
    lines = schema.audit_lines
    last = found[0].last_number
    with now.reading() as connection:
        mac = connection.execute(
            select(lines.c.mac).where(lines.c.book == CHANGES, lines.c.number == last - 1)
        ).scalar_one()
    heads_table = schema.audit_heads
    tamper(
        now,
        delete(lines).where(lines.c.book == CHANGES, lines.c.number == last),
        update(heads_table).where(heads_table.c.book == CHANGES).values(number=last - 1, mac=mac),
    )
    problems = list_problems(verify_store(now, heads.macs()))
    assert any("whose head was exported" in one for one in problems)


def test_a_head_of_a_line_before_a_restore_must_fit(
    worked: Store, tmp_path: Path, open_another: Callable[[], Store]
) -> None:
    """A restore excuses what came after it alone: an older backup than the heads is still told."""
    folder = tmp_path / "heads"
    folder.mkdir()
    export_heads(worked, folder)
    heads = read_heads(worked.audit_key, folder).macs()
    with acting(Act(OPERATOR, "alteration", RESTORED, purpose="a disk failed")):
        note_restore(worked)
    (number, ((_, at_us),)) = next(iter(heads[CHANGES].items()))
    told = list_problems(verify_store(worked, {CHANGES: {number: [("0" * 64, at_us)]}}))
    assert told == [f"changes, line {number:,}: its head was exported, and was another"]


# --- erasing -------------------------------------------------------------------------------------


def list_digests(store: Store, owner: str, table: str) -> set[bytes]:
    """Return the digests that are kept of an owner's rows of a table."""
    query = select(schema.row_digests).where(schema.row_digests.c.table == table)
    with store.reading() as connection:
        return {
            digest
            for row in connection.execute(query)
            for _, digest, whose in RowDigests(
                row.first_seq, row.last_seq, row.table, row.owners, bytes(row.digests)
            ).list_rows()
            if whose == owner
        }


def guess(store: Store, row: dict[str, Any]) -> set[bytes]:
    """Return the digests of a guessed row of `case_keys` under every secret that the store has.

    Whoever guesses has the whole database and the audit key.
    """
    table = schema.case_keys
    cells = [row.get(column.name) for column in list_columns(table)]
    with store.reading() as connection:
        owners = connection.execute(select(schema.row_secrets.c.owner)).scalars().all()
        keys = OwnerKeys(connection, store.audit_key).read(owners)
    return {digest_row(keys[owner], write_row(table.name, cells)) for owner in owners}


def test_after_erasing_no_short_field_can_be_guessed(worked: Store) -> None:
    """Trying every value finds the identifier before erasing, and with all keys not afterwards."""
    key = key_of(worked, "B")
    with worked.reading() as connection:
        table = schema.case_keys
        row = connection.execute(select(table).where(table.c.case_key == key)).one()._asdict()
    letters = [chr(number) for number in range(ord("A"), ord("Z") + 1)]
    kept = list_digests(worked, key, "case_keys")
    found = [one for one in letters if guess(worked, row | {"case_id": one}) & kept]
    assert found == ["B"]
    act = Act(OPERATOR, "erasure", "caselight erase", purpose="retention has ended")
    with acting(act), worked.writing() as writing:
        erase_identifier(writing, "B")
    assert kept < list_digests(worked, key, "case_keys")
    assert not [one for one in letters if guess(worked, row | {"case_id": one}) & kept]


def test_a_destroyed_secret_is_in_no_file(worked: Store) -> None:
    """Once SQLite has written its log back, the bytes of the secret are nowhere in its files."""
    key = key_of(worked, "B")
    with worked.reading() as connection:
        table = schema.row_secrets
        secret = connection.execute(select(table.c.secret).where(table.c.owner == key)).scalar_one()
    with acting(Act(OPERATOR, "erasure", "caselight erase")), worked.writing() as writing:
        erase_identifier(writing, "B")
    with worked.reading() as connection:
        there = connection.execute(select(schema.row_secrets.c.secret)).scalars().all()
    assert secret not in there
    file = find_file(worked.engine)
    if file is None:
        return
    with worked.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    assert all(bytes(secret) not in one.read_bytes() for one in file.parent.glob("unit.db*"))


def test_what_erasing_leaves_is_covered_anew(worked: Store) -> None:
    """After erasing the log holds, other cases' rows too; a later edit of what is left is told."""
    with acting(Act(OPERATOR, "erasure", "caselight erase")), worked.writing() as writing:
        erase_identifier(writing, "B")
    assert list_problems(verify_store(worked)) == []
    place = place_of(worked, schema.events, event_id="E3")
    tamper(
        worked, update(schema.events).where(schema.events.c.event_id == "E3").values(kind="call")
    )
    assert list_told(worked) == [f"row {place:,} of events was changed"]


def test_an_emptied_identifier_without_an_erasure_is_told(worked: Store) -> None:
    """Parting a case from its identifier past the service is told as any other change."""
    key = key_of(worked, "B")
    place = place_of(worked, schema.case_keys, case_key=key)
    emptied = update(schema.case_keys).where(schema.case_keys.c.case_key == key)
    tamper(worked, emptied.values(case_id=None, erased_at_us=1))
    assert list_told(worked) == [f"row {place:,} of case_keys was changed"]


def test_no_line_but_an_erasures_covers_rows_anew(worked: Store) -> None:
    """An act that says that it changed rows from before, and is no erasure, is told."""
    place = place_of(worked, schema.events, event_id="E3")
    tamper(
        worked, update(schema.events).where(schema.events.c.event_id == "E3").values(kind="call")
    )
    with worked.writing() as writing:
        writing.renew({"events": [place]})
    told = list_told(worked)
    assert "it covers rows from before anew, which it may not" in told
    assert f"row {place:,} of events was changed" in told
