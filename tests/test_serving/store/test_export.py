from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import insert, select, text
from typer.testing import CliRunner

from caselight.commands import db
from features.errors import ConfigError
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from serving.intake.checks import check_store
from serving.intake.folder_imports import import_folder
from serving.oversight.audit_verification import reading_book
from serving.settings import Settings
from serving.store import export
from serving.store.audit_lines import LOOKS
from serving.store.database import Store, make_key, open_store
from serving.store.export import Concerned, export_folder
from serving.store.schema import audit_lines, events
from serving.store.upgrading import upgrade
from tests.test_serving.oversight.test_audit_oversight import seal
from tests.test_serving.sent_rows import (
    NOW_US,
    PERSON,
    count_rows,
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

ROWS = {
    "cases": [make_case(f"C{number}", area="north") for number in range(6)],
    "events": [
        make_event("E1", "C1", value=1.5, occurred_until="2025-06-03", narrative="words"),
        make_event("E2", "C1", supersedes="E1", recorded_at="2025-07-01"),
        make_event("E3", "C2", supersedes="E9"),
        make_event("E1", "C5"),
    ],
    "facts": [make_fact("F1", "C1"), make_fact("F1", "C3", asked="no", value=None)],
    "links": [make_link("L1", "C1", "C5", ended_at="2025-08-01"), make_link("L2", "C2", "later")],
    "people": [
        {"person_id": "P", "case_id": "C1", "role": "victim", "characteristic": "sex", "value": "f"}
    ],
}


@pytest.fixture(autouse=True)
def few_cases_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "CASES_A_TIME", 2)


def test_an_export_read_as_a_folder_is_the_store(store: Store, tmp_path: Path) -> None:
    """The history of the written folder is the store's, with the cases' real identifiers."""
    send(store, ROWS)
    done = export_folder(store, tmp_path / "out")
    assert done.rows == {"cases": 6, "events": 4, "facts": 2, "links": 2}
    folder = read_folder(tmp_path / "out")
    assert folder.manifest.synthetic
    assert folder.manifest.extract_at_us == NOW_US
    assert lay_out(assemble_history(folder)) == history_of(store)


def test_a_case_of_long_narratives_is_written_in_parts(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much one case holds, only so much of it is in memory, and all of it is written."""
    monkeypatch.setattr(export, "_CHARACTERS_A_TIME", 2_500)
    held: list[int] = []
    make = export.make_frame

    def note(name: str, rows: Any) -> Any:
        held.append(sum(len(row.narrative) for row in rows) if name == "events" else 0)
        return make(name, rows)

    monkeypatch.setattr(export, "make_frame", note)
    long = [make_event(f"e{n}", narrative=f"{n}" * 1_000) for n in range(9)]
    send(store, {"cases": [make_case()], "events": long})
    export_folder(store, tmp_path / "out")
    written = read_folder(tmp_path / "out").frame("events")
    assert sorted(written["narrative"]) == [f"{n}" * 1_000 for n in range(9)]
    assert max(held) == 3_000


def test_people_are_written_only_when_asked_for(store: Store, tmp_path: Path) -> None:
    """What is for the audit alone leaves the store only by an explicit wish."""
    send(store, ROWS)
    export_folder(store, tmp_path / "without")
    export_folder(store, tmp_path / "with", people=True)
    assert read_folder(tmp_path / "without", people=True).people.num_rows == 0
    assert len(read_folder(tmp_path / "with", people=True).people) == 1


def test_what_concerns_one_person_is_exported(store: Store, tmp_path: Path) -> None:
    """Their cases alone, without links to others and without the rows of other people."""
    other = {"person_id": "Q", "case_id": "C1", "role": "subject", "characteristic": "sex"}
    send(store, ROWS | {"people": [*ROWS["people"], other | {"value": "m"}]})
    send(store, {"cases": [make_case("C7")], "people": [ROWS["people"][0] | {"case_id": "C7"}]})
    done = export_folder(store, tmp_path / "p", people=True, concerning=Concerned(person_id="P"))
    assert done.rows == {"cases": 2, "events": 2, "facts": 1, "links": 0, "people": 2}
    folder = read_folder(tmp_path / "p", people=True)
    assert set(folder.frame("cases")["case_id"]) == {"C1", "C7"}
    assert set(folder.people.to_pandas()["person_id"]) == {"P"}
    one = Concerned(case_ids=("C1",))
    assert export_folder(store, tmp_path / "c", concerning=one).rows == {
        "cases": 1,
        "events": 2,
        "facts": 1,
        "links": 0,
    }
    with reading_book(store, LOOKS) as connection:
        looks = connection.execute(select(audit_lines.c.cases).where(audit_lines.c.book == LOOKS))
        named = [key for one in looks.scalars() for key in one]
    keys = {name: key_of(store, name) for name in ("C1", "C7")}
    assert sorted(named) == sorted([keys["C1"], keys["C1"], keys["C7"]])


def test_a_seal_holds_against_an_export_of_one_person(store: Store, tmp_path: Path) -> None:
    """A sealed case, a case of whoever exports and a case that is not there are answered alike."""
    send(store, ROWS)
    seal(store, key_of(store, "C1"))
    told = set()
    own = key_of(store, "C3")
    for number, one in enumerate(
        (
            Concerned(person_id="P"),
            Concerned(case_ids=("C1",)),
            Concerned(case_ids=("C3",)),
            Concerned(case_ids=("none",)),
            Concerned(person_id="none"),
        )
    ):
        with pytest.raises(ConfigError) as refusal:
            export_folder(
                store,
                tmp_path / str(number),
                people=True,
                concerning=one,
                find_hidden=lambda connection, keys: {own},
            )
        told.add(str(refusal.value))
    assert len(told) == 1
    done = export_folder(
        store, tmp_path / "all", everything=True, concerning=Concerned(case_ids=("C1",))
    )
    assert done.rows["cases"] == 1


def test_an_export_fills_another_store_with_the_same(store: Store, tmp_path: Path) -> None:
    """An export imported into an empty store gives the same records, and nothing twice."""
    send(store, ROWS)
    export_folder(store, tmp_path / "out", people=True)
    other = open_store(f"sqlite:///{tmp_path / 'other.db'}", clock=SetClock())
    upgrade(other, synthetic=True)
    done = import_folder(other, tmp_path / "out", PERSON, Settings(), lambda message: None)
    assert (done.added, done.repeats, done.conflicts, done.rejects) == (15, 0, 0, 0)
    assert count_rows(other) == count_rows(store)
    assert history_of(other) == history_of(store)
    other.close()


def test_an_export_is_its_owners_alone_and_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    """Others cannot read the folder, and one that holds something is refused."""
    export_folder(store, tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="not empty"):
        export_folder(store, tmp_path / "out")


def test_a_whole_store_has_no_findings(store: Store) -> None:
    """Of a store that was only added to by its own means the check finds nothing."""
    send(store, ROWS)
    assert check_store(store) == []


def change(store: Store, statement: str) -> None:
    with store.writing() as writing:
        writing.connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE unit SET last_seq = last_seq - 1", "rows stand outside the order of rows: "),
        ("UPDATE unit SET last_seq = last_seq + 2", "2 places in the order of rows are empty"),
        ("UPDATE standings SET state = 'closed'", "6 cases stand elsewhere"),
        ("DELETE FROM standings", "6 cases stand elsewhere"),
        ("DROP INDEX ix_events_stored_seq", "the schema differs"),
    ],
)
def test_what_is_not_as_it_should_be_is_found(store: Store, statement: str, problem: str) -> None:
    """Each thing that no means of the store brings about is told, with a remedy."""
    send(store, ROWS)
    change(store, statement)
    found = check_store(store)
    assert found[0].problem.startswith(problem)
    assert found[0].remedy


def test_references_that_lead_nowhere_are_found(store: Store) -> None:
    """A record without its case, and a score of none, are told by table."""
    with store.writing() as writing:
        row = {"case_key": make_key(), "event_id": "E", "kind": "contact", "import_key": make_key()}
        row |= {"occurred_at": 1, "recorded_at": 1, "stored_seq": writing.take_seq()}
        writing.connection.execute(insert(events).values(row))
    assert [finding.problem for finding in check_store(store)] == [
        "1 rows of events name a row of cases that is not there: events 1",
        "1 rows of events name a row of imports that is not there: events 1",
    ]


def command(*arguments: str) -> Result:
    return CliRunner().invoke(db.app, list(arguments))


def test_the_commands_make_check_fill_and_write_a_store(
    address: str, tmp_path: Path, open_another: Callable[[], Store]
) -> None:
    """`caselight db` makes a store, takes a folder in, checks it and writes it out again."""
    send(open_another(), ROWS)
    out = str(tmp_path / "out")
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    assert command("check", "--store", address).exit_code == 0
    assert command("export", out, "--store", address, "--people").exit_code == 0
    assert command("upgrade", "--store", fresh, "--synthetic").exit_code == 0
    done = command("import", out, "--store", fresh, "--person", "Robin")
    assert "15 added, 0 repeats, 0 conflicts, 0 rejects" in done.stderr
    done = command("upgrade", "--store", fresh)
    assert "6 cases, for synthetic records" in done.stderr
    change(open_another(), "DELETE FROM standings")
    assert command("check", "--store", address).exit_code == 1
    assert command("upgrade", "--store", address).exit_code == 0
    assert command("check", "--store", address).exit_code == 0


def test_a_command_without_a_store_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a store the commands say how to name one."""
    monkeypatch.delenv("CASELIGHT_DATABASE_URL", raising=False)
    with pytest.raises(ConfigError, match="give --store or set CASELIGHT_DATABASE_URL"):
        CliRunner().invoke(db.app, ["check"], catch_exceptions=False)
