"""Write `docs/mapping.md` and `docs/data-contract.md` from the models and from examples that run.

Keys, columns, permitted values, codes of dates and remedies come from the code; what each example
makes is what an import makes of it now. `--check` only compares.
"""

import datetime as dt
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from features.contract.moments import format_moment, to_datetime  # noqa: E402
from features.contract.rejects import REMEDIES  # noqa: E402
from features.contract.tables import TABLES, Column, Form, Table  # noqa: E402
from features.contract.yaml_file import Entry  # noqa: E402
from features.intake.conditions import ConditionEntry  # noqa: E402
from features.intake.contract_folder import read_folder  # noqa: E402
from features.intake.exports import import_source  # noqa: E402
from features.intake.import_report import (  # noqa: E402
    MAX_REFUSED_SHARE,
    ImportReport,
    SourceReport,
)
from features.intake.import_table import write_table  # noqa: E402
from features.intake.mapping import (  # noqa: E402
    Fill,
    MappingFile,
    MappingRule,
    RecordMapping,
    SourceMapping,
    Split,
)

EXAMPLES: Final = ROOT / "docs" / "examples" / "mapping.yaml"
CONTRACT_EXAMPLE: Final = ROOT / "docs" / "examples" / "contract"
SHOWN_REPORT: Final = ImportReport(
    sources=(
        SourceReport("cases.csv", 1_000, {"cases": 998}, 2, {"missing": 2}, 0, ()),
        SourceReport(
            "Log.xlsx[Incidents]",
            12_400,
            {"events": 12_180, "links": 40},
            205,
            {"other_date_format": 180, "unknown_case": 30},
            15,
            (),
        ),
    ),
    records_written={},
    repeats=0,
    conflicts=0,
    rejects={"missing": 2, "other_date_format": 180, "unknown_case": 30},
    rejects_file="",
    warnings=(),
)
"""An import that the page shows."""
IMPORT_TABLE: Final = "\n".join(write_table(SHOWN_REPORT))
MAPPING_PAGE: Final = ROOT / "docs" / "mapping.md"
CONTRACT_PAGE: Final = ROOT / "docs" / "data-contract.md"
ZONE: Final = "Europe/London"
HEAD: Final = f"""\
version: 1
time_zone: {ZONE}
extract_at: "2025-12-31"
synthetic: true
sources:
"""
CASES: Final = """\
  - file: cases.csv
    records: [{table: cases, fields: {case_id: id, recorded_at: on}}]
"""
_WIDTH: Final = 100
_DATES: Final = (Form.OCCURRED, Form.RECORDED)

ENTRIES: Final[Mapping[type[Entry], tuple[str, str, Mapping[str, str]]]] = {
    MappingFile: (
        "The file",
        "The outermost keys.",
        {
            "version": "`1`",
            "time_zone": "IANA name of the zone of dates and of times without an offset",
            "extract_at": "date or moment at which the export was drawn",
            "sources": "list of files, each once",
            "synthetic": "`true` where every record is invented",
        },
    ),
    SourceMapping: (
        "A file of the export",
        "An item of `sources`.",
        {
            "file": "name of the file inside the export's folder: CSV (also `.csv.gz`), Parquet, "
            "Excel or JSON lines",
            "records": "list of the records that each row may make",
            "separator": "sign between cells of a text file, or `tab` or `space`",
            "encoding": "name of the encoding of a text file",
            "sheet": "name of a workbook's sheet",
            "decimal": "`.` or `,`: the sign before the fraction of numbers",
            "empty_words": "a text or several: cells that mean empty",
            "format": "form of the dates, or several in order",
            "pivot": "earliest year that two digits can mean",
        },
    ),
    RecordMapping: (
        "A record",
        "An item of `records`.",
        {
            "table": "a table of the [data contract](data-contract.md)",
            "when": "list of conditions that must all hold",
            "fields": "columns of the table, each with what fills it",
            "earliest": "earliest plausible date of its records",
            "split": "column whose cells hold several values",
        },
    ),
    Split: (
        "`split`",
        "Makes several records of one row.",
        {"column": "column of the file", "at": "text between two values"},
    ),
    Fill: (
        "A field",
        "A value of `fields`: a column's name alone, or one of `column`, `constant`, `template`, "
        "`rules` and `first_record` with the keys that go with it.",
        {
            "column": "column of the file",
            "constant": "one value for every record",
            "template": "text with `{column}` and `{row}` in it",
            "rules": "list of rules; the first that holds gives the value",
            "first_record": "`true`, for `recorded_at` of `cases` alone",
            "values": "value for each value of the column",
            "otherwise": "`keep`, `empty`, `reject` or a value, for what `values` or `rules` do "
            "not know; `reject` beside `values` and `empty` beside `rules` where it is absent",
            "shift_days": "whole days by which dates move",
            "format": "form of the dates, in place of the file's",
            "pivot": "earliest year of two digits, in place of the file's",
            "empty_words": "cells that mean empty, beside the file's",
        },
    ),
    MappingRule: (
        "A rule",
        "An item of `rules`.",
        {
            "column": "column of the file",
            "equals": "the cell is one of these texts",
            "prefix": "the cell begins with one of these texts",
            "contains": "one of these texts is in the cell",
            "present": "`true` or `false`: whether the cell holds anything",
            "then": "the value that is given",
        },
    ),
    ConditionEntry: (
        "A condition",
        "An item of `when`: `column` and one test.",
        {
            "column": "column of the file",
            "equals": "the cell is one of these texts",
            "prefix": "the cell begins with one of these texts",
            "contains": "one of these texts is in the cell",
            "present": "`true` or `false`: whether the cell holds anything",
        },
    ),
}
"""What is said of each key; a test holds it to the models."""

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "cases": {
        "case_id": "names the case",
        "recorded_at": "when the case came to be known to the unit",
        "area": "where it is dealt with",
        "referral_source": "who brought it",
    },
    "events": {
        "event_id": "names the record, within its case",
        "case_id": "the case",
        "kind": "what happened, in words of the catalogue; `opened`, `reopened`, `closed`, "
        "`merged`, `transferred` and `retracted` are the contract's own",
        "occurred_at": "when it happened or began",
        "recorded_at": "when it became known; it counts from then on",
        "occurred_until": "when it ended; known with the record",
        "incident_id": "records of one incident share it",
        "view": "whose account it is",
        "source": "agency whose record it is",
        "reporter_role": "who reported it",
        "assurance": "how sure it is",
        "actor": "who did it",
        "target": "whom it was aimed at",
        "channel": "by what means",
        "value": "severity or another number",
        "detail": "a code beside the kind",
        "handling": "who may see it",
        "supersedes": "the record that this one corrects",
        "narrative": "free text; no indicator reads it",
    },
    "facts": {
        "fact_id": "names the answer",
        "case_id": "the case",
        "name": "the question, in words of the catalogue",
        "asked": "whether it was asked",
        "value": "the answer; empty where there was none",
        "recorded_at": "when the answer became known",
        "supersedes": "the answer that this one corrects",
    },
    "links": {
        "link_id": "names the link",
        "case_id": "the case",
        "linked_case_id": "the other case",
        "kind": "how they hang together",
        "recorded_at": "when it became known",
        "ended_at": "when it ended",
        "supersedes": "the link that this one corrects",
    },
    "people": {
        "person_id": "names the person",
        "case_id": "the case",
        "role": "subject, victim or another",
        "characteristic": "which characteristic; read for the audit alone",
        "value": "its value",
    },
}

INTRODUCTION: Final = f"""\
# Mapping files

Made by `make docs` from the code and [examples that run](examples/mapping.yaml). Change those,
not this page.

A mapping file says in YAML which column of another system's export is which column of the [data
contract](data-contract.md). `caselight import EXPORT --mapping FILE --out UNIT` reads it and
writes a contract folder. `caselight init FILE... --out DIR` drafts one from the files themselves.

Every problem of a mapping file is told at once, each with its line, before any row is read.

## What a mapping sees

Conditions, rules, templates, maps and formats see the text of a cell, whatever type the file gave
it: without surrounding blanks, whole numbers as their digits, dates and times as ISO 8601, true
and false as `yes` and `no`. A cell of blanks, or of one of the `empty_words`, is empty. So the
same cells give the same records from CSV, Parquet or a workbook, whatever the rows beside them
hold. A column that is only renamed keeps its type.

## After the import

The import prints one table, a block of lines for each file or sheet:

```text
{IMPORT_TABLE}
```

A row that is refused for two reasons counts once among the rows refused, and once at each reason.
*No record* are rows that met the conditions of none of the mapping's records. Below the table
stand where the refused rows are, the remedy for each reason, and conditions and rules that no row
met: most are mistyped.

Refused rows are kept in `rejects/import.csv` of the new folder, as they came, each with its
remedy; only their owner can read it. It is gone after an import that refuses nothing.

The command ends with 1 where a file or sheet made no record of any of its rows, or more than
{MAX_REFUSED_SHARE:.0%} of its rows were refused. The folder is written all the same.
`--accept-rejects` ends with 0. It ends with 2, and leaves an earlier folder as it is, where the
mapping has a problem or a file cannot be read as a whole.

## Drafts

`caselight init` looks at files of one folder and writes `mapping.yaml` and a starter
`catalogue.yaml`. It settles what every cell bears out. What the files cannot settle is left as a
line with `CHOOSE`, which the import refuses until you have written your choice in its place: the
zone, the day of the extract, which date is the recorded one, the day or the month first where no
day is past the twelfth, the century of years of two digits, the calendar of serial dates, the
sign between cells where the first rows agree with the header by two. The values of the category
that becomes the kind stand in the draft; no other cell does.

Where no column names each row once but two together do, the draft makes the identifier of both and
says in how many rows that held.

## From files to a list

```sh
caselight init export/log.csv --out draft
caselight import export --mapping draft/mapping.yaml --out unit
caselight train unit --catalogue draft/catalogue.yaml --out bundle --no-track \\
  --train-as-of 2021-01-01,2022-01-01 --test-as-of 2023-01-01
caselight score bundle unit --as-of 2024-05-01
```

Between the first two a person writes their choices into `draft/mapping.yaml`. The starter's outcome
is a further record within twelve months. So training dates lie a year or more before the first test
date, and the last test date a year or more before the extract. `score` prints the list as it stood
at any day up to the extract. `caselight features` measures alone.

## Workbooks

The import reads one sheet for each entry of `sources`; several entries may name the same file with
another `sheet`. `caselight init` drafts an entry for each sheet that can be seen.

- Titles above the names of the columns are passed over: rows of one cell, and rows of two above a
  table of five columns or more.
- A merged area is its first cell; the others are empty.
- A formula is what it came to when the workbook was last saved. One without a result costs its
  row, as does a cell with an error.
- Dates are read by the workbook's own calendar, that of 1900 or that of 1904.
- A workbook keeps 15 digits of a number. Longer ones are refused, and text such as `2.02401E+16`
  with them. A number shown with zeros in front by its format keeps them; zeros that were lost
  when the file was made cannot be seen, but `init` tells of columns whose numbers are shorter than
  most.

What of this was met is told by both commands, without a cell.
"""

CONTRACT_WORDS: Final = """\
# Data contract

Made by `make docs` from the code and [an example folder](examples/contract). Change those, not
this page.

A *contract folder* holds the records of one unit: a file for each table (`cases.csv`,
`events.parquet`, or a folder of that name with several files of one kind) and `manifest.json`.
`caselight import` writes one from another system's export by a [mapping file](mapping.md). CSV is
parted by commas and encoded in UTF-8.

`manifest.json` states `time_zone` (an IANA name), `extract_at` (when the data were drawn), and
where they apply `synthetic` and `earliest`. `tables` with rows and hashes is written by the
import and checked on reading.

## Two clocks

Each record says when it happened (`occurred_at`) and when it became known (`recorded_at`). At a
date only what was recorded before it counts. A date alone is the first microsecond of its day for
what happened, and the last for what was recorded: nothing is used before it could have been
known. Times without an offset are read in the manifest's zone. Dates before 1940, dates of
recording after the extract and dates of events more than twenty years after it are refused.

A record is never changed. A later one corrects it by naming it under `supersedes`; the kind
`retracted` withdraws it. A case is open unless its latest `closed` or `merged` is later than its
latest `opened` or `reopened`.
"""


def main(arguments: Iterable[str]) -> int:
    """Write both pages, or compare them with what is there; return an exit code."""
    check = "--check" in list(arguments)
    stale = []
    for path, text in (
        (MAPPING_PAGE, write_mapping_page()),
        (CONTRACT_PAGE, write_contract_page()),
    ):
        if check and (not path.is_file() or path.read_text(encoding="utf-8") != text):
            stale.append(path.name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"{', '.join(stale)}: not what the code says; run `make docs`")
    return 1 if stale else 0


def read_examples() -> list[dict[str, Any]]:
    """Return the examples of the mapping page."""
    found: list[dict[str, Any]] = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    return found


def write_mapping_page() -> str:
    """Return the page of mapping files."""
    whole = HEAD + CASES + "  - file: log.csv\n" + _indent(read_examples()[0]["source"])
    parts = [INTRODUCTION, f"## A whole file\n\n```yaml\n{whole.strip()}\n```\n", "## Keys\n"]
    for entry, (title, words, said) in ENTRIES.items():
        parts.append(f"### {title}\n\n{_fill(words)}\n\n{_write_keys(entry, said)}\n")
    parts.append(f"## Codes of dates\n\n{_write_codes()}\n")
    parts += ["## Examples\n", *(_write_example(example) for example in read_examples())]
    parts.append(f"## Reasons of rejects\n\n{_write_remedies()}\n")
    return "\n".join(parts)


def _write_keys(entry: type[Entry], said: Mapping[str, str]) -> str:
    needed = list_needed(entry)
    rows = [(f"`{key}`", "yes" if key in needed else "", words) for key, words in said.items()]
    return _write_table(("key", "needed", "holds"), rows)


def list_needed(entry: type[Entry]) -> set[str]:
    """Return the keys that must be written."""
    found = set()
    for field in fields(entry):  # type: ignore[arg-type]  # each entry is a dataclass
        way = entry._written.get(field.name, field.name)
        if not isinstance(way, str):
            found |= list_needed(way)
        elif field.default is MISSING and field.name != "when":
            found.add(way)
    return found


def _write_codes() -> str:
    said = {
        "%d": "day of the month",
        "%m": "month in digits",
        "%b, %B": "month in English, whole or its first three letters",
        "%Y": "year of four digits",
        "%y": "year of two digits; needs `pivot`",
        "%H, %M, %S": "hour of 24, minute, second",
        "%I, %p": "hour of 12 with am or pm",
        "%f": "fraction of a second",
        "%z": "offset, such as +01:00, or Z",
        "%a, %A": "day of the week in letters, which is passed over",
        "%%": "the sign % itself",
    }
    codes = _write_table(
        ("code", "stands for"), [(f"`{code}`", words) for code, words in said.items()]
    )
    return f"Blanks stand for any blanks, and other signs for themselves.\n\n{codes}"


def _write_example(example: Mapping[str, Any]) -> str:
    title = example.get("title") or ", ".join(f"`{key}`" for key in example["keys"])
    return (
        f"### {title}\n\n{_fill(example['words'])}\n\n```text\n{example['csv'].strip()}\n```\n\n"
        f"```yaml\n{example['source'].strip()}\n```\n\n{run_example(example)}\n"
    )


def run_example(example: Mapping[str, Any]) -> str:
    """Import an example and return the records that it makes, and its rejects, as a table."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "log.csv").write_text(example["csv"], encoding=example.get("encoding", "utf-8"))
        table = example.get("prints", "events")
        whole = "" if table == "cases" else CASES
        (folder / "cases.csv").write_text("id,on\nSYN-C1,2025-01-01\n", encoding="utf-8")
        source = _indent(example["source"])
        mapping = folder / "mapping.yaml"
        mapping.write_text(f"{HEAD}{whole}  - file: log.csv\n{source}", encoding="utf-8")
        report = import_source(folder, mapping, folder / "unit")
        made = _write_rows(folder / "unit", table, example["shows"])
    refused = [f"{rows} row refused: `{code}`" for code, rows in report.rejects.items()]
    return "\n\n".join([made, *refused])


def _indent(source: str) -> str:
    return textwrap.indent(source, "    ")


def _write_rows(folder: Path, table: str, names: list[str]) -> str:
    rows = getattr(read_folder(folder, people=True), table).to_pylist()
    cells = [[_write_cell(TABLES[table], name, row[name]) for name in names] for row in rows]
    return _write_table([f"`{name}`" for name in names], cells)


def _write_cell(table: Table, name: str, cell: Any) -> str:
    form = next(column.form for column in table.columns if column.name == name)
    if cell is None:
        return ""
    if form in _DATES:
        # The last microsecond of a day is told by its day.
        moment = to_datetime(int(cell), ZONE)
        if moment.time() == dt.time.max:
            return f"end of {moment.date()}"
        return format_moment(int(cell), ZONE)
    return f"{cell:g}" if form is Form.NUMBER else str(cell)


def write_contract_page() -> str:
    """Return the page of the data contract."""
    parts = [CONTRACT_WORDS, "## Tables\n"]
    for table in TABLES.values():
        rows = [_describe(column, COLUMNS[table.name][column.name]) for column in table.columns]
        key = ", ".join(f"`{name}`" for name in table.key_columns)
        head = ("column", "form", "needed", "holds")
        parts.append(
            f"### {table.name}\n\nA record is named by {key}.\n\n{_write_table(head, rows)}\n\n"
            f"{write_contract_example(table)}\n"
        )
    parts.append(f"## Reasons of rejects\n\n{_write_remedies()}\n")
    return "\n".join(parts)


def write_contract_example(table: Table) -> str:
    """Return the example's file of a table, and its rows as they are read."""
    written = (CONTRACT_EXAMPLE / f"{table.name}.csv").read_text(encoding="utf-8").strip()
    names = written.splitlines()[0].split(",")
    read = _write_rows(CONTRACT_EXAMPLE, table.name, names)
    return f"```text\n{written}\n```\n\nis read as\n\n{read}"


def _describe(column: Column, words: str) -> tuple[str, str, str, str]:
    form = column.form.value.split(";")[0]
    if column.choices:
        words += f": {', '.join(f'`{one}`' for one in column.choices)}"
    if column.default is not None:
        words += f"; `{column.default}` where empty"
    return f"`{column.name}`", form, "yes" if column.required else "", words


def _write_remedies() -> str:
    return _write_table(
        ("reason", "remedy"), [(f"`{code}`", words) for code, words in REMEDIES.items()]
    )


def _write_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [
        names,
        ["---"] * len(names),
        *([cell.replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _fill(words: str) -> str:
    return textwrap.fill(
        " ".join(words.split()), _WIDTH, break_long_words=False, break_on_hyphens=False
    )


def list_keys() -> Iterator[tuple[type[Entry], str]]:
    """Yield every key that a mapping file may hold, with its entry."""
    for entry in ENTRIES:
        for key in entry.list_keys():
            yield entry, key


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
