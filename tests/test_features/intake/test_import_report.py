"""An import says what happened to every row of every file, and when a person should look."""

import json
from pathlib import Path

import pandas as pd
import pytest

from caselight.__main__ import run
from features.contract.moments import format_moment
from features.intake.contract_folder import read_folder
from features.intake.exports import import_source

HEAD = "version: 1\ntime_zone: Europe/London\nextract_at: '2025-12-31'\nsources:\n"
MAPPING = (
    HEAD
    + """  - file: cases.csv
    records: [{table: cases, fields: {case_id: id, recorded_at: known}}]
  - file: log.csv
    records:
      - table: events
        when: [{column: code, equals: A}]
        fields: &fields
          event_id: {template: "{row}"}
          case_id: id
          kind:
            rules:
              - {column: code, prefix: A, then: threat}
              - {column: code, equals: Z, then: contact}
          occurred_at: day
          recorded_at: day
          value: weight
      - table: events
        when: [{column: code, equals: Q}]
        fields:
          event_id: {template: "{row}"}
          case_id: id
          kind: {constant: contact}
          occurred_at: day
          recorded_at: day
"""
).replace(" &fields", "")
CASES = "id,known\nC1,2025-01-01\nC2,2025-01-01\n"
GOOD = "C1,A,2025-02-01,3\n"
LOG = "id,code,day,weight\n" + GOOD * 8


@pytest.fixture
def export(tmp_path: Path):
    """Write an export of two files, import it and return the report."""

    def bring(log: str = LOG, cases: str = CASES, mapping: str = MAPPING):
        """Import by the mapping into the folder ``out``."""
        folder = tmp_path / "export"
        folder.mkdir(exist_ok=True)
        (folder / "cases.csv").write_text(cases)
        (folder / "log.csv").write_text(log)
        (tmp_path / "mapping.yaml").write_text(mapping)
        return import_source(folder, tmp_path / "mapping.yaml", tmp_path / "out")

    return bring


def call(folder: Path, *more: str) -> int:
    """Run the command on an export that was written before."""
    arguments = ["--mapping", str(folder / "mapping.yaml"), "--out", str(folder / "out")]
    return run(["import", str(folder / "export"), *arguments, *more])


def test_every_row_of_a_file_is_accounted_for(export):
    """Rows read, records made, rows refused by reason and rows no record took, file by file."""
    bad = "C1,A,soon,seven\nC9,A,2025-02-01,1\nC1,A\nC1,X,2025-02-01,1\n"
    report = export(LOG + bad)
    cases, log = report.sources
    assert (cases.rows_read, cases.records, cases.rows_refused) == (2, {"cases": 2}, 0)
    assert (log.rows_read, log.records) == (12, {"events": 8})
    assert log.rows_refused == 3
    # Row 9 has two unreadable cells; it is one row for each reason.
    assert log.reasons == {
        "ragged": 1,
        "unknown_case": 1,
        "unreadable_moment": 1,
        "unreadable_number": 1,
    }
    assert log.rows_not_taken == 1
    assert report.rows_read == 14


def test_two_unreadable_dates_of_one_row_are_one_row(export):
    """Refusals are counted as rows, as the glossary has it, and not as cells."""
    report = export(LOG.replace(GOOD, GOOD.replace("2025-02-01", "soon"), 1))
    assert report.rejects == {"unreadable_moment": 1}


def test_conditions_that_never_held_are_named(export):
    """A condition or a rule that no row of the whole file met is told, in the mapping's words."""
    _, log = export().sources
    assert log.never_held == (
        "record 1, kind: code equals Z",
        "record 2, code equals Q",
    )


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        (8, 2, ""),
        (7, 2, "2 of 9 rows were refused, more than 20%"),
        (0, 3, "log.csv made no record"),
        (0, 0, ""),
    ],
)
def test_a_file_that_is_mostly_refused_ends_with_1(export, tmp_path, capsys, good, bad, words):
    """More than a fifth refused, or nothing made of some rows, needs a person's word."""
    header = LOG.splitlines(keepends=True)[0]
    export(header + GOOD * good + GOOD.replace("2025", "the year") * bad)
    assert call(tmp_path) == (1 if words else 0)
    assert words in capsys.readouterr().err
    assert call(tmp_path, "--accept-rejects") == 0
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_the_command_names_the_file_of_rejects_and_each_remedy(export, tmp_path, capsys):
    """What is printed holds the counts, the remedy of each reason and where the rows are."""
    export(LOG + "C1,A,2025-02-01,many\n")
    assert call(tmp_path) == 0
    out = capsys.readouterr().out
    table, _, below = out.partition("\n\n")
    assert [" ".join(line.split()) for line in table.splitlines()[2:]] == [
        "cases.csv 2 2 cases 0 0",
        "log.csv 9 8 events 1 0",
        "1 unreadable_number",
        "all sources 11 2 cases 1 0",
        "8 events 1 unreadable_number",
    ]
    where, remedy = str(tmp_path / "out" / "rejects" / "import.csv"), "(1 row): write a finite"
    assert where in below
    assert f"unreadable_number {remedy}" in below
    assert below.index(where) < below.index(remedy)
    assert "log.csv: record 2, code equals Q" in below


def test_each_step_is_said_while_it_lasts(export, tmp_path, capsys):
    """What is read, and how far, is told on the other stream than the table."""
    export()
    assert call(tmp_path) == 0
    out, told = capsys.readouterr()
    steps = [
        "reading cases.csv",
        "reading log.csv: 8 rows",
        "checking keys",
        "writing the contract",
    ]
    assert [step for step in steps if step in told] == steps
    assert "reading" not in out


def test_an_import_that_cannot_be_leaves_the_earlier_one(export, tmp_path, capsys):
    """A file that is not there, or no file of its kind, ends with 2, and nothing is lost."""
    export()
    before = (tmp_path / "out" / "manifest.json").read_bytes()
    (tmp_path / "export" / "log.csv").unlink()
    assert call(tmp_path) == 2
    assert "log.csv is not in the export; correct the mapping or add it" in capsys.readouterr().err
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before


def test_identifiers_in_scientific_notation_are_refused(export, tmp_path):
    """Two ids that a spreadsheet shortened alike would be one record; so would those in a template.

    What merely holds the letter, and what is no identifier, is left alone.
    """
    cases = "id,known\n" + "".join(f"{one},2025-01-01\n" for one in ("2.02401E+16", "2E1", "C1"))
    log = "id,code,day,weight\nC1,A,2025-02-01,2.5e+02\n"
    report = export(log, cases, MAPPING.replace('"{row}"', '"{code}-{weight}"'))
    assert [source.reasons for source in report.sources] == [
        {"long_number": 1},
        {"long_number": 1},
    ]
    assert report.records_written["cases"] == 2
    plain = export(log, cases)
    assert plain.sources[1].records == {"events": 1}


def test_old_rejects_do_not_lie_under_a_clean_import(export, tmp_path):
    """What an earlier import refused, or a reading of it, is gone with that import."""
    export(LOG + "C1,A,2025-02-01,many\n")
    rejects = tmp_path / "out" / "rejects"
    (rejects / "read.csv").write_text("of the folder before\n")
    export()
    assert not rejects.exists()


def test_a_row_that_a_later_check_refused_keeps_its_words(export, tmp_path):
    """The cells of the export stand in the rejects file, not those of the contract."""
    export(LOG + "C9,A,2025-02-01,1\n")
    kept = pd.read_csv(tmp_path / "out" / "rejects" / "import.csv")
    assert json.loads(kept["source_row"][0]) == {
        "id": "C9",
        "code": "A",
        "day": "2025-02-01",
        "weight": "1",
    }


ONE_FILE = (
    HEAD
    + """  - file: log.csv
    records:
      - table: events
        when: [{column: day, present: true}]
        fields:
          event_id: {template: "{row}"}
          case_id: id
          kind: code
          occurred_at: day
          recorded_at: weight
      - table: cases
        fields: {case_id: id, recorded_at: {first_record: true}, area: code}
  - file: cases.csv
    records:
      - table: links
        fields: {link_id: id, case_id: id, linked_case_id: id, kind: known, recorded_at: known}
"""
)


def test_a_case_came_to_be_known_with_its_first_record(export, tmp_path):
    """Of all rows that name a case the one known first says what the case is, in any order."""
    log = (
        "id,code,day,weight\nC1,later,2025-03-01,2025-03-02\nC1,first,2025-04-01,2025-01-05\n"
        "C2,only,2025-02-01,2025-02-01\nC3,nothing,,\n"
    )
    links = "id,known\nC2,2024-12-01\n"
    report = export(log, links, ONE_FILE)
    cases = read_folder(tmp_path / "out").frame("cases").set_index("case_id")
    known = {
        case: format_moment(int(us) + 1, "Europe/London")
        for case, us in cases["recorded_at"].items()
    }
    assert known == {"C1": "2025-01-06", "C2": "2024-12-02"}
    assert cases["area"].to_dict() == {"C1": "first", "C2": "only"}
    assert report.rejects == {"no_first_record": 1}
    assert report.sources[0].records == {"events": 3, "cases": 2}
    kept = pd.read_csv(tmp_path / "out" / "rejects" / "import.csv")
    assert json.loads(kept["source_row"][0])["code"] == "nothing"


def test_a_first_record_written_as_midnight_is_known_when_its_day_is_over(export, tmp_path):
    """Where a tool wrote dates as midnights, a case is known no earlier than its records are."""
    log = (
        "id,code,day,weight\nC1,a,2025-01-04,2025-01-05 00:00:00\n"
        "C2,a,2025-02-01,2025-02-02 00:00:00\n"
    )
    export(log, "id,known\n", ONE_FILE)
    folder = read_folder(tmp_path / "out")
    cases, events = (folder.frame(name).set_index("case_id") for name in ("cases", "events"))
    assert cases["recorded_at"].to_dict() == events["recorded_at"].to_dict()
    known = format_moment(int(cases.loc["C1", "recorded_at"]) + 1, "Europe/London")
    assert known == "2025-01-06"


def test_files_of_one_name_in_two_folders_are_told_apart(export, tmp_path):
    """A refused row carries the path that the mapping names."""
    other = tmp_path / "export" / "north"
    other.mkdir(parents=True)
    (other / "log.csv").write_text(LOG.replace("2025-02-01", "soon", 1))
    record = MAPPING[MAPPING.index("  - file: log.csv") :].replace("log.csv", "north/log.csv")
    report = export(mapping=MAPPING + record.replace('"{row}"', '"north-{row}"'))
    assert [source.rows_refused for source in report.sources] == [0, 0, 1]
    kept = pd.read_csv(tmp_path / "out" / "rejects" / "import.csv")
    assert set(kept["file"]) == {"north/log.csv"}


def test_each_record_of_a_row_that_a_later_check_refused_is_taken_off(export):
    """Two people of one row whose case is not known were made and are not left in the count."""
    people = """
      - table: people
        fields: {person_id: id, case_id: id, role: {constant: x}, characteristic: {constant: a}}
      - table: people
        fields: {person_id: id, case_id: id, role: {constant: x}, characteristic: {constant: b}}
"""
    log = MAPPING.index("  - file: log.csv")
    mapping = MAPPING[:log] + "  - file: log.csv\n    records:" + people
    report = export("id,code,day,weight\nC1,A,2025-02-01,3\nC9,A,2025-02-01,3\n", mapping=mapping)
    assert report.sources[1].records == {"people": 2}
    assert report.records_written["people"] == 2


def test_a_layout_that_was_found_out_is_said(export, tmp_path, capsys):
    """A separator or an encoding that the mapping does not state is named as the one taken."""
    export(LOG.replace(",", ";"))
    assert call(tmp_path) == 0
    told = capsys.readouterr().err
    assert "log.csv: separator ';'" in told
    assert "state it in the mapping to be sure" in told
    assert "cases.csv: separator" not in told
