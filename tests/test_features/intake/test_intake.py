"""Another system's export becomes a contract folder by a mapping file, and nothing is lost."""

import json
from pathlib import Path

import pandas as pd
import pytest

from features.errors import CaselightError, CatalogueError, ConfigError, DataContractError
from features.intake.contract_folder import read_folder
from features.intake.exports import import_source

MAPPING = """version: 1
time_zone: Europe/London
extract_at: "2025-12-31"
sources:
  - file: people.csv
    records:
      - table: cases
        fields:
          case_id: {template: "P{number}"}
          recorded_at: known
          area: {constant: Halton}
      - table: events
        when: [{column: left, present: true}]
        fields:
          event_id: {template: "{number}-left"}
          case_id: {template: "P{number}"}
          kind: {constant: closed}
          occurred_at: {column: left, shift_days: -1}
          recorded_at: {column: left, shift_days: -1}
  - file: log.csv
    records:
      - table: events
        fields:
          event_id: {template: "log-{row}"}
          case_id: {template: "P{number}"}
          occurred_at: when
          recorded_at: when
          actor: {column: who, values: {S: subject, V: victim}}
          channel: {column: how, values: {tel: telephone}, otherwise: keep}
          target: {column: whom, values: {him: partner}, otherwise: other}
          kind:
            rules:
              - {column: code, prefix: ["05", S0], then: threat}
              - {column: words, contains: [letter, CARD], then: contact}
            otherwise: other_report
"""
PEOPLE = "number,known,left\n1,2025-01-01,\n2,2025-01-01,2025-06-10\n"
LOG_HEADER = "number,when,who,how,whom,code,words\n"
LOG = LOG_HEADER + (
    "1,2025-02-01,S,tel,him,0510,rang\n"
    "1,2025-02-02,S,fax,her,99,a CARD\n"
    "2,2025-02-03,V,,,99,walked by\n"
)


@pytest.fixture
def bring_in(tmp_path: Path):
    """Import some files by the mapping."""

    def run(mapping: str = MAPPING, people: str = PEOPLE, log: str = LOG):
        """Import the two files and read what was written."""
        source = tmp_path / "export"
        source.mkdir(exist_ok=True)
        (source / "people.csv").write_text(people)
        (source / "log.csv").write_text(log)
        (tmp_path / "mapping.yaml").write_text(mapping)
        report = import_source(source, tmp_path / "mapping.yaml", tmp_path / "out")
        return report, read_folder(tmp_path / "out"), tmp_path / "out"

    return run


def test_a_mapping_fills_columns_in_every_way(bring_in):
    """Renames, constants, templates, value maps, rules and moved dates give contract rows."""
    report, folder, _ = bring_in()
    events = folder.frame("events").set_index("event_id")
    columns = ["case_id", "kind", "actor", "channel", "target"]
    shown = events[columns].astype(object).where(events[columns].notna(), None)
    assert shown.loc["log-1"].tolist() == ["P1", "threat", "subject", "telephone", "partner"]
    assert shown.loc["log-2"].tolist() == ["P1", "contact", "subject", "fax", "other"]
    assert shown.loc["log-3"].tolist() == ["P2", "other_report", "victim", None, None]
    assert report.records_written == {"cases": 2, "events": 4, "facts": 0, "links": 0, "people": 0}
    left_us = int(events.loc["2-left", "occurred_at"])
    assert pd.Timestamp(left_us, unit="us", tz="UTC").isoformat() == "2025-06-08T23:00:00+00:00"


def test_an_unknown_value_is_a_reject_and_nothing_is_lost(bring_in):
    """Every row read is a record or a reject that keeps the words in which it came."""
    strange = "1,2025-02-09,X,tel,him,0510,in words\nnobody,2025-02-09,S,,,,\n"
    report, folder, out = bring_in(log=LOG + strange)
    assert report.rejects == {"unknown_case": 1, "unmapped_value": 1}
    kept = pd.read_csv(out / "rejects" / "import.csv")
    assert kept["row"].tolist() == [4, 5]
    assert kept["column"].tolist() == ["actor", "case_id"]
    assert json.loads(kept["source_row"][0])["words"] == "in words"
    assert json.loads(kept["source_row"][1])["number"] == "nobody"
    assert not len(folder.rejects)


def test_an_import_replaces_only_an_earlier_import(bring_in, tmp_path):
    """A second import takes the first one's place; a folder with other files is refused."""
    _, first, out = bring_in()
    _, second, _ = bring_in()
    assert first.events.equals(second.events)
    (out / "thesis.docx").write_text("mine")
    with pytest.raises(ConfigError, match="other files"):
        bring_in()
    assert (out / "thesis.docx").read_text() == "mine"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("table: cases", "table: case", "write one of: cases"),
        ("          recorded_at: known\n", "", "'recorded_at' is required"),
        ("kind: {constant: closed}", "kind: {constant: closed, column: left}", "state one of"),
        ("present: true", "present: perhaps", "write one of: true, false"),
        ("present: true", "matches: '^x'", "unknown key"),
        ("file: log.csv", "file: ../log.csv", "inside the export's folder"),
        ("file: log.csv", "file: /etc/passwd", "inside the export's folder"),
        ("Europe/London", "London", "such as Europe/London"),
        ('"2025-12-31"', "tomorrow", "date"),
        ("version: 1", "version: 9", "version 1"),
        ("values: {S: subject, V: victim}", "values: [S, V]", "mapping"),
    ],
)
def test_a_wrong_mapping_is_told_in_lines(bring_in, old, new, words):
    """A mapping file's mistakes are found before any row is read, with their remedy."""
    with pytest.raises(CatalogueError, match=r"mapping\.yaml: \d problem") as caught:
        bring_in(mapping=MAPPING.replace(old, new, 1))
    assert words in str(caught.value)


def test_a_column_that_the_export_lacks_is_named(bring_in):
    """The error names the mapping's columns that are absent, once, for the whole file."""
    with pytest.raises(DataContractError, match="how, who"):
        bring_in(log="number,when,whom,code,words\n1,2025-02-01,him,05,x\n")


CANARY = "CANARY7731"
WHOLE = ("1", "2025-02-01", "S", "tel", "him", "0510", "rang")


@pytest.mark.parametrize("column", range(len(WHOLE)))
@pytest.mark.parametrize("shape", ["{}", "{}\x00", '"{}', "{},{}", "{}\ud800", "-{}" * 60_000])
def test_no_cell_of_a_bad_import_is_told_to_anyone(
    tmp_path, monkeypatch, capfd, caplog, column, shape
):
    """A canary in any cell is in no message, log or file but the records and the rejects."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cells = list(WHOLE)
    cells[column] = shape.replace("{}", CANARY)
    row = ",".join(cells).encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    source = tmp_path / "export"
    source.mkdir()
    (source / "people.csv").write_text(PEOPLE)
    (source / "log.csv").write_text(LOG + row + "\n", errors="surrogateescape", newline="")
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    told = ""
    try:
        report = import_source(source, tmp_path / "mapping.yaml", tmp_path / "out")
        told = repr(report)
    except CaselightError as error:
        told = f"{error!r}{error}{error.__context__ if error.__cause__ else ''}"
    printed = capfd.readouterr()
    assert CANARY not in told + printed.out + printed.err + caplog.text
    ours = {source / "log.csv", tmp_path / "out" / "events.parquet"}
    holding = {
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and path not in ours and CANARY.encode() in path.read_bytes()
    }
    assert holding <= {tmp_path / "out" / "rejects" / "import.csv"}
    for path in holding:
        assert path.stat().st_mode & 0o077 == 0
