import subprocess
from pathlib import Path

import pytest

from scripts import setup

ROOT = Path(__file__).resolve().parents[2]


def find_python(folder: Path, pythons: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the finder where the path holds only these names, each answering as told."""
    for name, answer in pythons.items():
        (folder / name).write_text(f"#!/bin/sh\necho '{answer}'\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "find_python.sh")],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("pythons", "words"),
    [
        ({}, "no python3 was found"),
        ({"python3": "old 3.9"}, "python3 is version 3.9"),
        ({"python3": "new 3.15"}, "go up to Python 3.14, and python3 is version 3.15"),
        ({"python3": "old 3.9", "python3.12": "bare 3.12"}, "python3.12 has no venv module"),
    ],
)
def test_without_a_fitting_python_set_up_says_what_to_do(
    tmp_path: Path, pythons: dict[str, str], words: str
) -> None:
    """Too old, too new, too bare or none: one line with the remedy, and a code that is not 0."""
    result = find_python(tmp_path, pythons)

    assert result.returncode == 1
    assert words in result.stderr
    assert "nstall" in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_fitting_python_beside_an_old_one_is_found(tmp_path: Path) -> None:
    """An old python3 does not hide a newer one under its own name."""
    result = find_python(tmp_path, {"python3": "old 3.9", "python3.12": "fit /opt/python3.12"})

    assert (result.returncode, result.stdout) == (0, "/opt/python3.12\n")


@pytest.mark.parametrize(
    ("output", "kind", "words"),
    [
        ("failed to write: No space left on device (os error 28)", setup.DiskFullError, "full"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES", setup.SetupFailedError, "not installed"),
        ("npm error code EINTEGRITY", setup.SetupFailedError, "not the file that was locked"),
        ("Failed to establish a new connection", setup.SetupFailedError, "network"),
        ("something else", setup.SetupFailedError, ".cache/setup.log"),
    ],
)
def test_a_failed_step_says_what_to_do(output: str, kind: type, words: str) -> None:
    """Each way to fail that a person can mend has its own words, after the step's name."""
    error = setup.failure("Installing", output)

    assert type(error) is kind
    assert str(error).startswith("Installing did not work.")
    assert words in str(error).splitlines()[-1]


def test_the_installer_itself_is_fetched_by_hash() -> None:
    """The installer's entry is taken from the lock with its hashes and with nothing else."""
    first, *rest = setup.locked_entry("uv").splitlines()

    assert first.startswith("uv==")
    assert rest
    assert all(line.strip().startswith("--hash=sha256:") for line in rest)


@pytest.fixture
def finished_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in which set-up has just ended."""
    venv = tmp_path / ".venv"
    for name in (*setup.INPUTS, ".venv/bin/python", "serving/static/vendor/NOTICE.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "VENV_PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(setup, "STAMP", venv / "caselight-setup")
    setup.STAMP.write_text(setup.fingerprint(), encoding="utf-8")
    return tmp_path


def test_a_finished_set_up_is_not_done_again(finished_folder: Path) -> None:
    """With the stamp of the same inputs there is nothing to do."""
    assert setup.is_up_to_date()


@pytest.mark.parametrize("name", setup.INPUTS)
def test_a_changed_input_is_set_up_anew(finished_folder: Path, name: str) -> None:
    """A change of either lock, of the project's settings or of set-up itself is noticed."""
    (finished_folder / name).write_text("changed", encoding="utf-8")

    assert not setup.is_up_to_date()


@pytest.mark.parametrize("name", [".venv/bin/python", "serving/static/vendor/NOTICE.txt"])
def test_a_lost_result_is_set_up_anew(finished_folder: Path, name: str) -> None:
    """A removed environment or removed page styles are made again."""
    (finished_folder / name).unlink()

    assert not setup.is_up_to_date()
