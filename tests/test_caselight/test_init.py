"""A stranger's path: from one bare file to a ranked list, by the commands alone."""

import csv
import datetime as dt
import random
import re
from pathlib import Path

import pytest

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
    assert re.search(r"made: [\d,]+ events, 500 cases", told)
    assert "refused: 0 rows" in told

    dates = ["--train-as-of", "2021-01-01,2022-01-01", "--test-as-of", "2023-01-01"]
    wanted = ["train", str(unit), "--catalogue", str(catalogue), "--out", str(bundle), *dates]
    assert run([*wanted, "--no-track", "--openings", str(tmp_path / "openings.jsonl")]) == 0
    capsys.readouterr()
    assert run(["score", str(bundle), str(unit), "--as-of", "2024-05-01", "--top", "3"]) == 0
    ranked = capsys.readouterr().out
    assert re.findall(r"^ +(\d)  1\d{5}  priority", ranked, re.M) == ["1", "2", "3"]
    assert "records in the last 365 days" in ranked


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
