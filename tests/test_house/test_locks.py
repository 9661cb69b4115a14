import json
from pathlib import Path

from scripts import check_locks

ROOT = Path(__file__).resolve().parents[2]

GOOD_LOCK = """\
numpy==2.4.6 ; sys_platform == 'linux' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
pandas==3.1.1 \\
    --hash=sha256:cc
"""
PYPROJECT = """\
[project]
dependencies = ["numpy>=2.2", "pandas>=3.0,<4"]
[dependency-groups]
build = []
dev = [{ include-group = "build" }]
"""


def test_the_project_s_own_locks_are_sound(capsys) -> None:
    """Both committed locks hold hashes, hold no addresses and meet what they lock."""
    code = check_locks.main()

    assert code == 0, capsys.readouterr().out


def test_a_sound_lock_has_no_problems() -> None:
    """A lock with a hash at each entry that meets every floor and cap passes."""
    assert check_locks.lock_problems(GOOD_LOCK) == []
    assert check_locks.agreement_problems(PYPROJECT, GOOD_LOCK) == []


def test_an_entry_without_a_hash_is_found() -> None:
    """One package without a hash among others that have one is named."""
    lock = "numpy==2.4.6\n" + GOOD_LOCK.split("\n", 3)[3]

    assert check_locks.lock_problems(lock) == [
        "requirements.lock: numpy has no hash; make the lock with `make lock`"
    ]


def test_an_address_is_found_wherever_it_stands() -> None:
    """An index option, a direct download and a comment with an address are each named by line."""
    lock = "--index-url https://host.invalid\n" + GOOD_LOCK + "# https://host.invalid\n"

    lines = [problem.split(":")[0] for problem in check_locks.lock_problems(lock)[:2]]

    assert lines == ["requirements.lock line 1", "requirements.lock line 7"]


def test_an_unpinned_requirement_is_found() -> None:
    """A line that names a package without one version is a problem."""
    assert check_locks.lock_problems(GOOD_LOCK + "rich>=15\n") == [
        "requirements.lock: rich>=15 is not pinned"
    ]


def test_a_lock_that_is_too_old_for_the_project_is_found() -> None:
    """A version below a floor, a missing package and a missing floor are each named."""
    pyproject = PYPROJECT.replace("numpy>=2.2", "numpy>=3").replace(
        '"pandas>=3.0,<4"', '"rich>=15", "pandas"'
    )

    assert check_locks.agreement_problems(pyproject, GOOD_LOCK) == [
        "requirements.lock has numpy 2.4.6, and pyproject.toml asks for >=3; run `make lock`",
        "requirements.lock lacks rich; run `make lock`",
        "pyproject.toml: pandas has no floor",
    ]


def test_a_page_lock_with_an_address_or_without_a_checksum_is_found() -> None:
    """The page lock names versions and checksums, and nothing else."""
    package = {"dependencies": {"govuk-frontend": "6.3.0"}}
    facts = {"version": "6.3.0", "resolved": "https://host.invalid/a.tgz"}
    lock = {"packages": {"": dict(package), "node_modules/govuk-frontend": facts}}

    assert check_locks.package_lock_problems(package, lock) == [
        "package-lock.json: node_modules/govuk-frontend records an address; run `make lock`",
        "package-lock.json: node_modules/govuk-frontend has no checksum; run `make lock`",
    ]


def test_page_styles_are_the_ones_the_templates_were_made_for() -> None:
    """govuk-frontend-jinja 4.1.0 writes markup for govuk-frontend 6.3.0 and for no later one."""
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    pinned = check_locks.locked_versions((ROOT / "requirements.lock").read_text(encoding="utf-8"))

    assert (pinned["govuk-frontend-jinja"], package["dependencies"]["govuk-frontend"]) == (
        "4.1.0",
        "6.3.0",
    )


def test_no_resolver_s_own_lock_is_kept() -> None:
    """The locks that record download addresses are neither there nor kept by git."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()

    for name in ("uv.lock", "pylock.toml"):
        assert not (ROOT / name).exists()
        assert name in ignored
