"""Exported heads: signed, never overwritten, and what tells that a book's end was cut off."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from caselight.__main__ import run
from features.errors import ConfigError
from serving.oversight.audit_heads import export_daily, export_heads, read_heads
from serving.store.audit_lines import BOOKS, CHANGES, LOOKS, make_first_mac
from serving.store.database import Store
from serving.store.schema import audit_heads, audit_lines
from tests.test_serving.store.test_audit_chain import (
    KEY,
    change,
    fill_books,
    list_faults,
    look,
    read_book,
    tamper,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder for heads."""
    made = tmp_path / "heads"
    made.mkdir()
    return made


def cut(store: Store, keep: int) -> None:
    """Cut the end of the book of looks off, with its head."""
    mac = read_book(store, LOOKS)[keep - 1].mac
    tamper(
        store,
        LOOKS,
        delete(audit_lines).where(audit_lines.c.book == LOOKS, audit_lines.c.number > keep),
        update(audit_heads).where(audit_heads.c.book == LOOKS).values(number=keep, mac=mac),
    )


def test_a_head_is_exported_for_each_book(store: Store, folder: Path) -> None:
    """Each book's head is a small signed file by date that holds nothing of a line."""
    fill_books(store, 3)
    written = export_heads(store, folder)
    assert [path.name for path in written] == [
        "2026-02-25-changes-000000000003.json",
        "2026-02-25-looks-000000000003.json",
    ]
    assert sorted(folder.iterdir()) == sorted(written)
    told = json.loads(written[0].read_text(encoding="utf-8"))
    assert set(told) == {"book", "number", "mac", "at_us", "signature"}
    assert told["mac"] == read_book(store, CHANGES)[-1].mac
    there = read_heads(store.audit_key, folder)
    assert ([(one.book, one.number) for one in there.heads], there.faults) == (
        [(CHANGES, 3), (LOOKS, 3)],
        (),
    )
    assert list_faults(store, heads=there.macs()) == []


def test_heads_that_are_there_are_left_as_they_are(store: Store, folder: Path) -> None:
    """A second export of the same lines writes nothing; more lines get a file of their own."""
    fill_books(store, 2)
    first = {path: path.read_bytes() for path in export_heads(store, folder)}
    assert export_heads(store, folder) == []
    change(store)
    (more,) = export_heads(store, folder)
    assert more.name == "2026-02-25-changes-000000000003.json"
    assert {path: path.read_bytes() for path in first} == first


def test_heads_are_exported_once_a_day(store: Store, folder: Path, clock: Any) -> None:
    """The daily export writes on the first call of a day of the unit and on no other."""
    fill_books(store, 1)
    assert len(export_daily(store, folder)) == len(BOOKS)
    look(store, case_key=KEY)
    assert export_daily(store, folder) == []
    clock.pass_days(1)
    assert [path.name[:10] for path in export_daily(store, folder)] == ["2026-02-26"] * 2


def test_another_file_is_never_overwritten(store: Store, folder: Path) -> None:
    """A file of the same name with another content stays, and the export is refused."""
    fill_books(store, 1)
    path = folder / "2026-02-25-changes-000000000001.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="nothing was overwritten"):
        export_heads(store, folder)
    assert path.read_text(encoding="utf-8") == "{}"
    assert [one.name for one in folder.iterdir()] == [path.name]


def test_a_book_that_was_cut_off_is_told_by_its_exported_head(store: Store, folder: Path) -> None:
    """A book whose end and head were rewritten is shorter than its exported head says."""
    fill_books(store, 5)
    export_heads(store, folder)
    cut(store, 3)
    assert list_faults(store) == []
    macs = read_heads(store.audit_key, folder).macs()
    assert list_faults(store, heads=macs) == [(LOOKS, 4, "truncated")]
    with pytest.raises(ConfigError, match="not the one whose head was exported"):
        export_heads(store, folder)


def test_a_book_that_was_cut_off_and_went_on_is_told(store: Store, folder: Path) -> None:
    """Lines written after the cut do not hide it: the line of the exported head is another one."""
    fill_books(store, 5)
    export_heads(store, folder)
    cut(store, 3)
    for number in range(4):
        look(store, case_key=KEY, purpose=f"SYN again {number}")
    macs = read_heads(store.audit_key, folder).macs()
    assert list_faults(store, heads=macs) == [(LOOKS, 5, "changed")]
    with pytest.raises(ConfigError, match="not the one whose head was exported"):
        export_heads(store, folder)


def test_a_book_whose_end_does_not_hold_gets_no_head(store: Store, folder: Path) -> None:
    """Nothing broken is signed."""
    fill_books(store, 3)
    statement = update(audit_lines).where(audit_lines.c.number == 2).values(person="SYN Other")
    tamper(store, LOOKS, statement.where(audit_lines.c.book == LOOKS))
    with pytest.raises(ConfigError, match="does not hold"):
        export_heads(store, folder)


@pytest.mark.parametrize(
    "changed", [{"number": 1}, {"mac": "0" * 64}, {"at_us": 1}, {"signature": "0"}, {"book": "x"}]
)
def test_a_forged_head_is_told(store: Store, folder: Path, changed: dict[str, Any]) -> None:
    """A head with anything changed in it is a fault and holds nothing."""
    fill_books(store, 2)
    path = export_heads(store, folder)[0]
    told = json.loads(path.read_text(encoding="utf-8")) | changed
    path.write_text(json.dumps(told), encoding="utf-8")
    there = read_heads(store.audit_key, folder)
    assert [one.kind for one in there.faults] == ["head"]
    assert [one.book for one in there.heads] == [LOOKS]


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b"{}", b"\xff", b'{"book": null}'])
def test_a_file_that_is_no_head_is_told(store: Store, folder: Path, content: bytes) -> None:
    """Whatever lies among the heads breaks nothing."""
    (folder / "2026-02-25-looks-000000000001.json").write_bytes(content)
    there = read_heads(store.audit_key, folder)
    assert [(one.book, one.kind) for one in there.faults] == [(LOOKS, "head")]


def test_a_head_before_the_first_line_is_one_too(store: Store, folder: Path) -> None:
    """Books without a line have a head, which a book that was emptied later contradicts."""
    fill_books(store, 0)
    export_heads(store, folder)
    heads = read_heads(store.audit_key, folder).heads
    assert [(one.number, one.mac) for one in heads] == [
        (0, make_first_mac(store.audit_key, book)) for book in BOOKS
    ]


def test_a_folder_that_is_not_there_is_told(store: Store, tmp_path: Path) -> None:
    """A folder that somebody forgot to make or to mount gets an error with the remedy."""
    fill_books(store, 1)
    with pytest.raises(ConfigError, match="make it first"):
        export_heads(store, tmp_path / "absent")


def test_the_command_line_verifies_and_exports(
    store: Store, address: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`caselight audit` ends with 0 where the books are whole and tells every fault with 1."""
    fill_books(store, 4)
    assert run(["audit", "export-head", str(folder), "--store", address]) == 0
    assert len(capsys.readouterr().out.split()) == len(BOOKS)
    asked = ["audit", "verify", "--store", address, "--heads", str(folder)]
    assert run(asked) == 0
    told = capsys.readouterr().err
    assert "changes: 4 lines, 0 faults" in told
    assert "the audit log is intact" in told
    cut(store, 2)
    change(store)
    assert run(asked) == 1
    assert "looks, line 3: the log ends before line 4" in capsys.readouterr().err
    assert run(["audit", "verify", "--store", address]) == 0


def test_the_command_line_tells_a_store_with_another_key(
    store: Store,
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With another key the walk tells that nothing fits, and nothing is exported."""
    fill_books(store, 2)
    other = tmp_path / "other.key"
    other.write_bytes(b"another key " * 3)
    other.chmod(0o600)
    monkeypatch.setenv("CASELIGHT_AUDIT_KEY_FILE", str(other))
    assert run(["audit", "verify", "--store", address]) == 1
    assert "changes, line 1:" in capsys.readouterr().err
    assert run(["audit", "export-head", str(tmp_path), "--store", address]) == 2
    assert "CASELIGHT_AUDIT_KEY_FILE" in capsys.readouterr().err
