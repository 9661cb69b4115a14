"""The command line: names that are relied upon, one line for a mistake, files as promised."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from caselight.__main__ import run

ROOT = Path(__file__).resolve().parents[2]
VERBS = (
    "simulate",
    "import",
    "features",
    "train",
    "score",
    "serve",
    "check-catalogue",
    "explain-indicator",
    "landmines",
    "monotonicity",
    "warm",
    "promote",
    "rollback",
    "seal",
    "erase",
)


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "caselight", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_verb():
    """The program as a user calls it names every verb."""
    result = call("--help")
    assert result.returncode == 0
    assert "Usage: caselight" in result.stdout
    assert all(f"  {name} " in result.stdout for name in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb(verb, monkeypatch, capfd):
    """Every verb exists under its name and explains itself."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run([verb, "--help"]) == 0
    assert f"Usage: caselight {verb} " in capfd.readouterr().out


def test_help_imports_no_slow_library():
    """`--help` answers at once because pandas, numba, lightgbm and mlflow are not imported."""
    code = (
        "import sys\nfrom caselight.__main__ import run\nrun(['--help'])\n"
        "slow = {'pandas', 'numpy', 'numba', 'lightgbm', 'mlflow', 'sklearn', 'fastapi', 'scipy'}\n"
        "print(sorted(slow & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stderr.strip() == "[]"


FEATURES = "features {unit} --catalogue stalking --as-of 2026-01-01 --out {tmp}/f.parquet"
TRAIN = "train {unit} --catalogue stalking --train-as-of 2026-06-01 --test-as-of 2026-06-15"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("nonsense", "No such command"),
        ("simulate --cases many --out {tmp}/x", "--cases"),
        ("simulate --cases 0 --out {tmp}/x", "--cases"),
        ("simulate --cases 5 --out {unit}", "name an empty one"),
        ("import {tmp}/none --mapping m.yaml --out {tmp}/o", "mapping file"),
        (FEATURES.replace("{unit}", "{tmp}/none"), "no contract folder"),
        (FEATURES.replace("stalking", "stalkign"), "complaints, screenings, stalking"),
        (FEATURES.replace("2026-01-01", "yesterday"), "2012-01-01"),
        (TRAIN + " --out {tmp}/b", "not known until"),
        ("score {tmp}/none {unit} --as-of 2026-10-01", "cannot be read"),
        ("score {bundle} {unit} --as-of 2026-10-01,2026-10-02", "one date"),
        ("score {bundle} {unit} --as-of 2026-10-01 --out x.xlsx", ".csv"),
        ("check-catalogue {tmp}/none.yaml", "no catalogue file"),
        ("serve --port {taken}", "is taken"),
        ("serve --bundle {tmp}/none", "cannot be read"),
        ("demo --port {taken} --folder {tmp}/demo", "make run PORT="),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(small_unit, tmp_path, capfd, command, words):
    """A user's mistake gives one line that says what to do, never a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        places = {
            "tmp": tmp_path,
            "unit": small_unit.folder,
            "bundle": small_unit.bundle,
            "taken": taken.getsockname()[1],
        }
        code = run(shlex.split(command.format(**places)))
    told = capfd.readouterr()
    assert code == 2
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    assert told.err.startswith("caselight: ")
    assert words in told.err


def test_a_fault_of_ours_tells_no_data(monkeypatch, capfd, tmp_path):
    """An error nobody foresaw is one line without its message, which might hold case data."""

    def fail(*arguments: object) -> None:
        raise RuntimeError("CANARY7731")

    monkeypatch.setattr("features.catalogue.file.load_catalogue", fail)
    assert run(["check-catalogue", str(tmp_path / "x.yaml")]) == 1
    told = capfd.readouterr()
    assert "CANARY7731" not in told.out + told.err
    assert "RuntimeError" in told.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_told_in_words(small_unit, capfd, tmp_path):
    """Where nothing more can be written the message says so."""
    out = tmp_path / "list.csv"
    out.symlink_to("/dev/full")
    listed = f"score {small_unit.bundle} {small_unit.folder} --as-of 2026-10-01 --out {out}"
    code = run(shlex.split(listed))
    assert code == 2
    assert "the disk is full" in capfd.readouterr().err


def test_a_catalogue_is_checked(capfd, tmp_path):
    """The shipped catalogues are sound; of a broken one every problem is told with its line."""
    for name in ("stalking", "complaints"):
        assert run(["check-catalogue", str(ROOT / "catalogues" / f"{name}.yaml")]) == 0
    broken = (ROOT / "catalogues" / "stalking.yaml").read_text()
    broken = broken.replace("measure: count", "measure: cuont", 1).replace(
        "within: 28d", "within: 28x", 1
    )
    (tmp_path / "broken.yaml").write_text(broken)
    capfd.readouterr()
    assert run(["check-catalogue", str(tmp_path / "broken.yaml")]) == 2
    told = capfd.readouterr().err
    assert "2 problems" in told
    assert told.count("line ") == 2


def test_features_gives_every_open_case(small_unit, tmp_path, capfd):
    """The file has case_id, as_of, then the indicators, sorted, for cases open at each date."""
    out = tmp_path / "features.parquet"
    dates = "2026-09-01,2026-10-01"
    command = ["features", str(small_unit.folder), "--catalogue", "stalking", "--as-of", dates]
    assert run([*command, "--out", str(out)]) == 0
    frame = pd.read_parquet(out)
    assert list(frame.columns[:2]) == ["case_id", "as_of"]
    assert (frame.dtypes.iloc[2:] == "float64").all()
    assert frame["as_of"].dt.tz is not None
    assert frame[["as_of", "case_id"]].apply(tuple, axis=1).is_monotonic_increasing
    assert frame["as_of"].nunique() == 2
    first = out.read_bytes()
    assert run([*command, "--out", str(out)]) == 0
    assert out.read_bytes() == first


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_list_is_written_with_reasons_and_records(small_unit, tmp_path, capfd, suffix):
    """Every row of a written list has its place, reasons, record keys and the advisory line."""
    out = tmp_path / f"list{suffix}"
    arguments = ["score", str(small_unit.bundle), str(small_unit.folder), "--as-of", "2026-10-01"]
    assert run([*arguments, "--top", "12", "--out", str(out)]) == 0
    printed = capfd.readouterr().out
    if suffix == ".csv":
        rows = pd.read_csv(out).to_dict("records")
    elif suffix == ".parquet":
        rows = pd.read_parquet(out).to_dict("records")
    else:
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [int(row["rank"]) for row in rows] == list(range(1, 13))
    for row in rows:
        assert f"  {row['case_id']}  priority" in printed
        assert "Advisory" in row["advisory"]
        reason = row["reasons"][0]["records"] if suffix == ".jsonl" else row["reason_1_records"]
        assert reason
    assert printed.count("\n     + ") >= 12


def test_a_synthetic_unit_says_so_in_every_record(tmp_path):
    """Each record of a synthetic unit is marked; the same seed makes the same unit."""
    for name in ("one", "two"):
        result = run(["simulate", "--cases", "30", "--seed", "4", "--out", str(tmp_path / name)])
        assert result == 0
    assert json.loads((tmp_path / "one" / "manifest.json").read_text())["synthetic"] is True
    for path in sorted((tmp_path / "one").glob("*.parquet")):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        frame = pd.read_parquet(path)
        names = [name for name in frame.columns if name.endswith("_id")]
        assert frame[names].stack().dropna().str.startswith("SYN-").all()


def test_rejects_of_a_folder_are_kept_and_told(small_unit, tmp_path, capfd):
    """Rows that a folder read by hand holds wrong are kept apart, counted and told."""
    folder = tmp_path / "unit"
    shutil.copytree(small_unit.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["tables"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    events = pd.read_parquet(folder / "events.parquet")
    events.loc[0, "case_id"] = "SYN-nobody"
    events.to_parquet(folder / "events.parquet")
    out = tmp_path / "f.parquet"
    command = ["features", str(folder), "--catalogue", "stalking", "--as-of", "2026-10-01"]
    assert run([*command, "--out", str(out)]) == 0
    assert "1 rows were rejected" in capfd.readouterr().err
    assert len(pd.read_csv(folder / "rejects" / "read.csv")) == 1
