"""A stranger's path: from one bare file to a ranked list, by the commands alone."""

import csv
import datetime as dt
import random
import re
from pathlib import Path

import pytest
from openpyxl import Workbook

from caselight.__main__ import run

pytestmark = pytest.mark.long

KINDS = ["Harassment", "Stalking", "Threats to kill", "Criminal damage", "Common assault"]
EXTRACT = dt.date(2024, 6, 1)


def write_export(path: Path) -> None:
    """Write an invented export: UK dates, semicolons, decimal commas, two dates, one file."""
    chance = random.Random(20240601)
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        header = "Crime Ref;Nominal No;Victim Name;Offence Type;Date From;Date Recorded;Severity £"
        writer.writerow(header.split(";"))
        for case in range(500):
            rate = chance.choice([0.5, 1, 3, 6])
            day = dt.date(2018, 1, 1) + dt.timedelta(days=chance.randrange(1500))
            while (known := day + dt.timedelta(days=chance.randrange(20))) < EXTRACT:
                writer.writerow(
                    [
                        f"CR/{case}/{day:%j%y}",
                        100_000 + case,
                        f"Invented {chance.choice('ABCDE')}.",
                        chance.choice(KINDS),
                        f"{day:%d/%m/%Y}",
                        f"{known:%d/%m/%Y}",
                        chance.choice(["1,5", "2", "N/K"]),
                    ]
                )
                day += dt.timedelta(days=int(chance.expovariate(rate / 365)) + 1)


def fill_in(path: Path, choices: dict[str, str]) -> None:
    """Write a person's choice in the place of each line that waits."""
    text = path.read_text(encoding="utf-8")
    for key, choice in choices.items():
        text, n = re.subn(rf"({key}: )CHOOSE.*", rf"\g<1>{choice}", text)
        assert n == 1, key
    path.write_text(text, encoding="utf-8")


def test_a_bare_file_becomes_a_ranked_list(tmp_path, capsys):
    """Init, the lines that wait, import, train and score: nothing else is written by hand."""
    export = tmp_path / "export"
    export.mkdir()
    write_export(export / "crimes.csv")
    drafts, unit, bundle = tmp_path / "drafts", tmp_path / "unit", tmp_path / "bundle"
    mapping, catalogue = drafts / "mapping.yaml", drafts / "catalogue.yaml"
    assert run(["init", str(export / "crimes.csv"), "--out", str(drafts)]) == 0
    bring = ["import", str(export), "--mapping", str(mapping), "--out", str(unit)]
    assert run(bring) == 2
    assert "3 problems" in capsys.readouterr().err

    choices = {"time_zone": "Europe/London", "extract_at": f'"{EXTRACT}"'}
    fill_in(mapping, {**choices, "recorded_at": "Date Recorded"})
    assert run(bring) == 0
    told = capsys.readouterr().out
    assert re.search(r"^crimes\.csv +([\d,]+) +\1 events +0 +0$", told, re.M)
    assert re.search(r"written: 500 cases, [\d,]+ events", told)

    dates = ["--train-as-of", "2021-01-01,2022-01-01", "--test-as-of", "2023-01-01"]
    wanted = ["train", str(unit), "--catalogue", str(catalogue), "--out", str(bundle), *dates]
    assert run([*wanted, "--no-track", "--openings", str(tmp_path / "openings.jsonl")]) == 0
    capsys.readouterr()
    assert run(["score", str(bundle), str(unit), "--as-of", "2024-05-01", "--top", "3"]) == 0
    ranked = capsys.readouterr().out
    assert re.findall(r"^ +(\d)  1\d{5}  priority", ranked, re.M) == ["1", "2", "3"]
    assert "records in the last 365 days" in ranked


def write_workbook(path: Path) -> None:
    """Write an invented workbook: titles, merged cells, dates of Excel's, ids as numbers, notes."""
    chance = random.Random(7)
    book = Workbook()
    clients = book.active
    clients.title = "Clients"
    clients.append(["Invented housing service"])
    clients.merge_cells("A1:D1")
    clients.append(["Drawn on", dt.datetime(2024, 6, 1, 8)])
    clients.append([])
    clients.append(["Client No", "Opened", "Closed", "Area", "Note"])
    log = book.create_sheet("Incident log")
    log.append(["Incidents"])
    log.append(["Incident", "Client No", "Date of incident", "Date entered", "Type", "Damage"])
    orders = book.create_sheet("Orders")
    orders.append(["Client No", "Order type", "Made on", "Expires", "Reference"])
    book.create_sheet("Read me").append(["Ask the registry"])
    for case in range(500):
        opened = dt.datetime(2018, 1, 1) + dt.timedelta(days=chance.randrange(1500))
        clients.append([700_000 + case, opened, None, chance.choice(["North", "South"]), None])
        rate, day = chance.choice([0.5, 1, 3, 6]), opened
        while (known := day + dt.timedelta(days=chance.randrange(20))) < dt.datetime(2024, 6, 1):
            kind = chance.choice(["Call", "Letter", "Threat", "Visit"])
            log.append([10**6 + log.max_row, 700_000 + case, day, known, kind, 0.5])
            day += dt.timedelta(days=int(chance.expovariate(rate / 365)) + 1, hours=5)
        if case % 3 == 0:
            made = opened + dt.timedelta(days=30)
            kind = chance.choice(["Restraining", "Undertaking"])
            orders.append([700_000 + case, kind, made, made + dt.timedelta(365), 20_000 + case])
    orders["E5"] = 20240123456789011
    orders["E6"] = "2.02401E+16"
    log.merge_cells("F9:F11")
    book.save(path)


def test_a_workbook_becomes_a_ranked_list(tmp_path, capsys):
    """Each sheet is a source; titles, merged cells and lost numbers are told."""
    export = tmp_path / "export"
    export.mkdir()
    write_workbook(export / "service.xlsx")
    drafts, unit, bundle = tmp_path / "drafts", tmp_path / "unit", tmp_path / "bundle"
    mapping, catalogue = drafts / "mapping.yaml", drafts / "catalogue.yaml"
    assert run(["init", str(export / "service.xlsx"), "--out", str(drafts)]) == 0
    told = capsys.readouterr().err
    for words in (
        "service.xlsx[Clients]: sheet 'Read me' is left out",
        "service.xlsx[Clients]: 2 rows above the names of the columns (row 4) passed over",
        "service.xlsx[Incident log]: 1 merged area from row 2 on",
        "service.xlsx[Orders]: 2 rows that import will refuse, long_number",
    ):
        assert words in told

    fill_in(mapping, {"time_zone": "Europe/London", "extract_at": '"2024-06-01"'})
    text = mapping.read_text(encoding="utf-8")
    for waits, choice in (
        (r"recorded_at: CHOOSE.*case came.*", "recorded_at: Opened"),
        (r"recorded_at: CHOOSE.*Date entered.*", "recorded_at: Date entered"),
        (r"recorded_at: CHOOSE.*Made on.*", "recorded_at: Made on"),
    ):
        text, n = re.subn(waits, choice, text)
        assert n == 1, waits
    assert "CHOOSE" not in text.partition("sources:")[2]
    mapping.write_text(text, encoding="utf-8")
    assert run(["import", str(export), "--mapping", str(mapping), "--out", str(unit)]) == 0
    out, told = capsys.readouterr()
    table = {
        line.split("]")[0]: line.split("]")[1].split() for line in out.splitlines() if "]" in line
    }
    assert table["service.xlsx[Clients"] == ["500", "500", "cases", "0", "0"]
    assert table["service.xlsx[Orders"] == ["167", "165", "events", "2", "0"]
    assert re.search(r"^ +2 long_number$", out, re.M)
    assert "service.xlsx[Incident log]: 1 merged area" in told

    dates = ["--train-as-of", "2021-01-01,2022-01-01", "--test-as-of", "2023-01-01"]
    wanted = ["train", str(unit), "--catalogue", str(catalogue), "--out", str(bundle), *dates]
    assert run([*wanted, "--no-track", "--openings", str(tmp_path / "openings.jsonl")]) == 0
    capsys.readouterr()
    assert run(["score", str(bundle), str(unit), "--as-of", "2024-05-01", "--top", "3"]) == 0
    ranked = capsys.readouterr().out
    assert re.findall(r"^ +(\d)  700\d{3}  priority", ranked, re.M) == ["1", "2", "3"]


@pytest.mark.real_data
def test_two_files_of_another_field_become_an_import(tmp_path, capsys, real_data):
    """The records of Broward, by a draft with four lines filled in: every row makes a record."""
    export = real_data / "broward"
    files = [str(export / name) for name in ("events.csv.gz", "subjects.csv.gz")]
    drafts = tmp_path / "drafts"
    assert run(["init", *files, "--out", str(drafts)]) == 0
    fill_in(
        drafts / "mapping.yaml",
        {"time_zone": "America/New_York", "extract_at": '"2016-04-16"'},
    )
    text = (drafts / "mapping.yaml").read_text(encoding="utf-8")
    text = re.sub(r"recorded_at: CHOOSE.*recorded_date.*", "recorded_at: recorded_date", text)
    text = re.sub(r"recorded_at: CHOOSE.*as_of.*", "recorded_at: as_of", text)
    (drafts / "mapping.yaml").write_text(text, encoding="utf-8")
    capsys.readouterr()
    bring = ["import", str(export), "--mapping", str(drafts / "mapping.yaml")]
    assert run([*bring, "--out", str(tmp_path / "unit")]) == 0
    out = capsys.readouterr().out
    assert "64,312 rows read; written: 11,757 cases, 52,555 events" in out


def test_drafts_take_the_place_of_nothing(tmp_path, capsys):
    """A folder that holds a mapping or a catalogue is refused, and nothing in it changes."""
    write_export(tmp_path / "crimes.csv")
    (tmp_path / "catalogue.yaml").write_text("mine", encoding="utf-8")
    assert run(["init", str(tmp_path / "crimes.csv"), "--out", str(tmp_path)]) == 2
    assert "there is a catalogue.yaml in that folder already" in capsys.readouterr().err
    assert (tmp_path / "catalogue.yaml").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "mapping.yaml").exists()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["absent.csv"], "is not there"),
        (["."], "is a folder"),
        (["a/one.csv", "b/two.csv"], "lie in several folders"),
    ],
)
def test_files_that_no_import_could_read_together_are_refused(tmp_path, capsys, names, words):
    """Each file is there, and all of them lie in the one folder that an import takes."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a" / "one.csv").write_text("x\n1\n")
    (tmp_path / "b" / "two.csv").write_text("x\n1\n")
    paths = [str(tmp_path / name) for name in names]
    assert run(["init", *paths, "--out", str(tmp_path / "drafts")]) == 2
    assert words in capsys.readouterr().err
