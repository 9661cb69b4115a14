"""docs/security.md names tests that exist, and says all that it promises to say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT)))
FILES = {path.name: path for path in (ROOT / "tests").rglob("test_*.py")}


@pytest.mark.parametrize(("file", "name"), NAMED, ids="::".join)
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    """A defence that is said to be held by a test is held by one."""
    assert file in FILES
    text = FILES[file].read_text(encoding="utf-8")
    assert re.search(rf"^def {name}\(", text, re.M), f"{file} has no {name}"


def test_every_chapter_of_the_standard_has_its_lines() -> None:
    """Chapters 1 to 14 are each in the table."""
    table = TEXT.split("## OWASP ASVS", 1)[1].split("\n## ", 1)[0]
    chapters = {int(one) for one in re.findall(r"^\| V(\d+)", table, re.M)}
    assert chapters == set(range(1, 15))


def test_every_line_has_a_test_or_a_reason() -> None:
    """A line of the standard that names no test says that it does not apply, and why."""
    table = TEXT.split("## OWASP ASVS", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in table.splitlines() if line.startswith("| V")]
    assert len(lines) > 30
    assert [line for line in lines if "::" not in line and "not apply" not in line] == []


def test_every_attack_has_its_test() -> None:
    """What was tried is kept as a test."""
    table = TEXT.split("## An attacker's afternoon", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(lines) > 20
    assert [line for line in lines if "::" not in line] == []
