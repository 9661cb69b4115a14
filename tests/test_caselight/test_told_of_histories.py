"""What a command says of a history before it is used: dates, stays and closed cases."""

import json
import shlex
import sqlite3

import pytest

from caselight.__main__ import run

CASES = "case_id,recorded_at\nA,2024-01-02\nB,2024-01-02\n"
HEAD = "event_id,case_id,kind,occurred_at,recorded_at,detail\n"


@pytest.fixture
def write_unit(tmp_path):
    """Write a folder of two cases with some events, drawn on 1 June 2025."""

    def write(*rows):
        unit = tmp_path / "unit"
        unit.mkdir()
        (unit / "cases.csv").write_text(CASES)
        lines = [f"e{number},{row}\n" for number, row in enumerate(rows)]
        (unit / "events.csv").write_text(HEAD + "".join(lines))
        manifest = {"time_zone": "Europe/London", "extract_at": "2025-06-01", "synthetic": True}
        (unit / "manifest.json").write_text(json.dumps(manifest))
        return unit

    return write


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("features {unit} --catalogue stalking --as-of 2031-01-01 --out f.parquet", "--as-of"),
        ("features {unit} --catalogue stalking --as-of 2026-01-01,2031-01-01 --out f", "--as-of"),
        ("score {bundle} {unit} --as-of 2031-01-01", "--as-of"),
        ("explain-indicator {unit} {case} custody_days_365d --as-of 2031-01-01", "--as-of"),
        ("monotonicity {bundle} {unit} --as-of 2031-01-01", "--as-of"),
        ("landmines {unit} --catalogue stalking --as-of 2031-01-01", "--as-of"),
        (
            "train {unit} --catalogue stalking --train-as-of 2031-01-01 --test-as-of 2026-01-01"
            " --out b",
            "--train-as-of",
        ),
        (
            "train {unit} --catalogue stalking --train-as-of 2025-01-01 --test-as-of 2031-01-01"
            " --out b",
            "--test-as-of",
        ),
        (
            "train {unit} --catalogue stalking --train-between 2024-01-01,2031-01-01"
            " --test-between 2026-01-01,2026-02-01 --out b",
            "--train-between",
        ),
        (
            "train {unit} --catalogue stalking --train-between 2024-01-01,2025-01-01"
            " --test-between 2025-02-01,9999-12-31 --out b",
            "--test-between",
        ),
        (
            "train {unit} --catalogue stalking --train-as-of 2025-01-01 --test-as-of 2026-01-01"
            " --breaks 2031-01-01 --out b",
            "--breaks",
        ),
    ],
)
def test_a_date_after_the_extract_is_refused_by_every_verb(small_unit, capfd, command, option):
    """Nothing was delivered after the extract; no verb reads that as nothing having happened."""
    places = {"unit": small_unit.folder, "bundle": small_unit.bundle, "case": "SYN-C000001"}
    assert run(shlex.split(command.format(**places))) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert f"caselight: {option} " in told.err
    assert "the extract ends; name an earlier date" in told.err


def test_the_extract_itself_is_no_later_date(write_unit, tmp_path, capfd):
    """A list may be as of the moment at which the records were drawn."""
    unit = write_unit("A,threat,2024-02-01,2024-02-01,")
    command = f"features {unit} --catalogue stalking --as-of 2025-06-01 --out {tmp_path}/f.parquet"
    assert run(shlex.split(command)) == 0
    assert "2 rows" in capfd.readouterr().out


def warnings_of(capfd, unit, out):
    """Return what `features` warns of as it reads a unit."""
    command = f"features {unit} --catalogue stalking --as-of 2025-06-01 --out {out}/f.parquet"
    assert run(shlex.split(command)) == 0
    lines = capfd.readouterr().err.splitlines()
    return [line.removeprefix("warning: ") for line in lines if line.startswith("warning: ")]


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        ("", []),
        ("HMP One", []),
        ("HMP Two", ["1 ends of custody", "1 starts of custody"]),
        ("hmp one", ["1 ends of custody", "1 starts of custody"]),
        (None, ["1 starts of custody"]),
    ],
)
def test_an_end_without_its_start_is_told(write_unit, tmp_path, capfd, ended, told):
    """An end that ends nothing, and the start that so never ends, are counted and told."""
    rows = ["A,custody_started,2024-02-01,2024-02-01,HMP One"]
    if ended is not None:
        rows.append(f"A,custody_ended,2024-03-01,2024-03-01,{ended}")
    found = warnings_of(capfd, write_unit(*rows), tmp_path)
    assert [" ".join(line.split()[:4]) for line in found] == told


def test_who_is_in_custody_today_is_no_warning(write_unit, tmp_path, capfd):
    """A start alone is told only where the ends of its state do not fit: it may well last."""
    unit = write_unit(
        "A,custody_started,2024-02-01,2024-02-01,HMP One",
        "A,custody_ended,2024-03-01,2024-03-01,HMP One",
        "B,custody_started,2025-03-01,2025-03-01,HMP One",
    )
    assert warnings_of(capfd, unit, tmp_path) == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["A,closed,2024-03-01,2024-03-01,", "A,threat,2024-04-01,2024-04-02,"], ["1 closed"]),
        (["A,merged,2024-03-01,2024-03-01,", "A,threat,2024-04-01,2024-04-02,"], ["1 merged"]),
        (["A,closed,2024-03-01,2024-03-01,", "A,threat,2024-02-01,2024-04-02,"], ["1 closed"]),
        (["A,closed,2024-03-01,2024-03-01,", "A,threat,2024-02-01,2024-02-02,"], []),
        (
            [
                "A,taken_on,2024-02-01,2024-02-01,",
                "A,closed,2024-03-01,2024-03-01,",
                "A,handed_back,2024-04-01,2024-04-01,",
            ],
            [],
        ),
        (["A,closed,2024-03-01,2024-03-01,", "A,transferred,2024-04-01,2024-04-01,"], []),
        (
            [
                "A,closed,2024-03-01,2024-03-01,",
                "A,threat,2024-04-01,2024-04-02,",
                "A,reopened,2024-04-03,2024-04-03,",
            ],
            [],
        ),
        (["A,closed,2024-03-01,2024-03-01,", "A,reopened,2024-03-01,2024-03-01,"], []),
    ],
)
def test_conduct_on_a_closed_case_is_told(write_unit, tmp_path, capfd, rows, told):
    """A closed case with conduct known since is left out of a list, and that is said with a
    count; the unit's own work, and a case that was opened again, are not.
    """
    found = warnings_of(capfd, write_unit(*rows), tmp_path)
    assert [" ".join(line.split()[:2]) for line in found] == told


def test_the_store_and_the_files_agree_on_closed_cases(write_unit, tmp_path, capfd):
    """The closed cases that the files warn of are those that a store brings back; a merged one
    stays closed in both, and both count it.
    """
    unit = write_unit(
        "A,closed,2024-03-01,2024-03-01,",
        "A,threat,2024-04-01,2024-04-02,",
        "B,merged,2024-03-01,2024-03-01,",
        "B,threat,2024-04-01,2024-04-02,",
    )
    told = warnings_of(capfd, unit, tmp_path)
    assert [" ".join(line.split()[:2]) for line in told] == ["1 closed", "1 merged"]
    store = f"sqlite:///{tmp_path}/unit.db"
    for verb in ("upgrade --synthetic", f"import {unit}", "check"):
        assert run(shlex.split(f"db {verb} --store {store}")) == 0
    assert "1 merged cases have conduct recorded since" in capfd.readouterr().err
    with sqlite3.connect(tmp_path / "unit.db") as database:
        found = dict(database.execute("SELECT state, returned_for FROM standings"))
    assert found == {"returned": "new_record", "closed": None}
