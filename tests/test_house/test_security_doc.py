"""docs/security.md and docs/asvs.md name tests that exist, and say all that they promise to say."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
STANDARD = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT + STANDARD)))
FILES = {path.name: path for path in (ROOT / "tests").rglob("test_*.py")}
KINDS = ("test", "code", "organisation", "not applicable", "NOT MET")
LINES = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in STANDARD.split("## Count", 1)[0].splitlines()
    if line.startswith("| V")
]
"""Number, level, subject, by what it is met, and where."""

# Last numbers of each section of release 4.0.3 at levels 1 and 2; gaps are deleted or of level 3.
SECTIONS = {
    "V1.1": "1-7", "V1.2": "1-4", "V1.4": "1 4-5", "V1.5": "1-4", "V1.6": "1-4", "V1.7": "1-2",
    "V1.8": "1-2", "V1.9": "1-2", "V1.10": "1", "V1.11": "1-2", "V1.12": "2", "V1.14": "1-6",
    "V2.1": "1-12", "V2.2": "1-3", "V2.3": "1-3", "V2.4": "1-5", "V2.5": "1-7", "V2.6": "1-3",
    "V2.7": "1-6", "V2.8": "1-7", "V2.9": "1-3", "V2.10": "1-4",
    "V3.1": "1", "V3.2": "1-4", "V3.3": "1-4", "V3.4": "1-5", "V3.5": "1-3", "V3.7": "1",
    "V4.1": "1-3 5", "V4.2": "1-2", "V4.3": "1-3",
    "V5.1": "1-5", "V5.2": "1-8", "V5.3": "1-10", "V5.4": "1-3", "V5.5": "1-4",
    "V6.1": "1-3", "V6.2": "1-6", "V6.3": "1-2", "V6.4": "1-2",
    "V7.1": "1-4", "V7.2": "1-2", "V7.3": "1 3-4", "V7.4": "1-3",
    "V8.1": "1-4", "V8.2": "1-3", "V8.3": "1-8",
    "V9.1": "1-3", "V9.2": "1-4",
    "V10.2": "1-2", "V10.3": "1-3",
    "V11.1": "1-8",
    "V12.1": "1-3", "V12.2": "1", "V12.3": "1-6", "V12.4": "1-2", "V12.5": "1-2", "V12.6": "1",
    "V13.1": "1 3-5", "V13.2": "1-3 5-6", "V13.3": "1-2", "V13.4": "1-2",
    "V14.1": "1-4", "V14.2": "1-6", "V14.3": "2-3", "V14.4": "1-7", "V14.5": "1-4",
}  # fmt: skip


def list_numbers() -> list[str]:
    """Return every number of the standard at levels 1 and 2, in its order."""
    found = []
    for section, spans in SECTIONS.items():
        for span in spans.split():
            first, _, last = span.partition("-")
            found += [f"{section}.{n}" for n in range(int(first), int(last or first) + 1)]
    return found


def count_chapters() -> dict[str, list[int]]:
    """Return by chapter how many of its lines are met by each kind, in the order of the kinds."""
    chapters = dict.fromkeys(line[0].partition(".")[0] for line in LINES)
    kinds = Counter((line[0].partition(".")[0], line[3]) for line in LINES)
    return {chapter: [kinds[chapter, kind] for kind in KINDS] for chapter in chapters}


def read_counts(table: str) -> dict[str, list[int]]:
    """Return the counts that a table gives by chapter, kinds first."""
    rows = re.findall(r"^\| (V\d+)[^|]*((?:\| \d+ ){5})", table, re.M)
    return {chapter: [int(one) for one in re.findall(r"\d+", cells)] for chapter, cells in rows}


@pytest.mark.parametrize(("file", "name"), NAMED, ids="::".join)
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    """A defence that is said to be held by a test is held by one."""
    assert file in FILES
    text = FILES[file].read_text(encoding="utf-8")
    assert re.search(rf"^def {name}\(", text, re.M), f"{file} has no {name}"


def test_every_requirement_has_one_line() -> None:
    """Each number of levels 1 and 2 stands in one line, in the standard's order, and no other."""
    numbers = [line[0] for line in LINES]
    assert [one for one in numbers if not re.fullmatch(r"V\d+\.\d+\.\d+", one)] == []
    assert [one for one, n in Counter(numbers).items() if n > 1] == []
    assert numbers == list_numbers()


def test_every_line_has_a_test_or_a_reason() -> None:
    """A line says by what it is met and where or why; one that is met by a test names it."""
    assert {len(line) for line in LINES} == {5}
    assert {line[1] for line in LINES} == {"1", "2"}
    assert {line[3] for line in LINES} == set(KINDS)
    assert [line[0] for line in LINES if not line[2] or not line[4]] == []
    assert [line[0] for line in LINES if line[3] == "test" and "::" not in line[4]] == []


def test_the_counts_are_those_of_the_lines() -> None:
    """What either document says in numbers is what the lines come to."""
    counted = count_chapters()
    table = STANDARD.split("## Count", 1)[1]
    summary = TEXT.split("## OWASP ASVS", 1)[1].split("\n## ", 1)[0]
    assert read_counts(table) == read_counts(summary) == counted
    met = [sum(column) for column in zip(*counted.values(), strict=True)]
    first = Counter(line[3] for line in LINES if line[1] == "1")
    for name, wanted in (("**all**", met), ("of level 1", [first[kind] for kind in KINDS])):
        told = f"| {name} | {' | '.join(str(n) for n in [*wanted, sum(wanted)])} |"
        assert told in table
    words = r"Of (\d+) requirements (\d+)\D+(\d+)\D+(\d+)\D+(\d+)\D+(\d+)"
    found = re.search(words, summary)
    assert found is not None
    assert [int(one) for one in found.groups()] == [len(LINES), *met]


def test_every_place_in_the_code_exists() -> None:
    """A file or folder of the project that a line names is there."""
    places = re.findall(r"`((?:features|models|training|serving|docs|tests)/[\w/.]+)`", STANDARD)
    assert len(places) > 20
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_every_attack_has_its_test() -> None:
    """What was tried is kept as a test."""
    table = TEXT.split("## An attacker's afternoon", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(lines) > 20
    assert [line for line in lines if "::" not in line] == []
