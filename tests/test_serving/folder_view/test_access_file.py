"""The access file of a viewed folder: every case that was opened, in a chain of lines."""

import json
from pathlib import Path

import pytest

from features.errors import ConfigError
from serving.folder_view.access_file import START, AccessFile, Viewer, read_lines

NOW_US = 1_772_000_000_000_000


@pytest.fixture
def access(tmp_path: Path) -> AccessFile:
    """Return the access file of a folder with three lines in it."""
    (tmp_path / "unit").mkdir()
    made = AccessFile(tmp_path / "unit", Viewer("SYN Analyst", "an audit"), lambda: NOW_US)
    for act, case in (("begun", ""), ("case", "A"), ("case", "B")):
        made.add(act, case)
    return made


def test_lines_say_who_opened_what_when_and_why(access: AccessFile) -> None:
    """Each line holds the digest of the one before it; only the owner reads the file."""
    lines = read_lines(access.path.read_text().splitlines(), "x")
    assert [(one.number, one.act, one.case_id) for one in lines] == [
        (1, "begun", ""),
        (2, "case", "A"),
        (3, "case", "B"),
    ]
    assert [one.previous for one in lines] == [START, lines[0].digest, lines[1].digest]
    assert {(one.name, one.purpose, one.at) for one in lines} == {
        ("SYN Analyst", "an audit", "2026-02-25T06:13:20+00:00")
    }
    assert access.path.stat().st_mode & 0o777 == 0o600
    assert access.path.name == "unit.access.jsonl"
    assert list((access.path.parent / "unit").iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda lines: [lines[0], lines[1].replace('"A"', '"C"'), lines[2]], 3),
        (lambda lines: [lines[0], lines[2]], 2),
        (lambda lines: [lines[1], lines[2]], 1),
        (lambda lines: [lines[0], lines[1] + " ", lines[2]], 2),
        (lambda lines: [lines[0], "{}", lines[2]], 2),
        (lambda lines: [lines[0], "no JSON", lines[2]], 2),
        (lambda lines: [lines[1], lines[0], lines[2]], 1),
    ],
    ids=["altered", "one gone", "first gone", "a space", "empty", "no JSON", "order"],
)
def test_a_damaged_file_takes_no_line(access: AccessFile, damage, line: int) -> None:
    """The message names the line and holds nothing of it, and the file stays as it is."""
    written = "\n".join(damage(access.path.read_text().splitlines())) + "\n"
    access.path.write_text(written)
    with pytest.raises(ConfigError) as told:
        access.add("case", "D")
    assert f"line {line} of unit.access.jsonl" in str(told.value)
    assert "SYN" not in str(told.value)
    assert access.path.read_text() == written


def test_what_cannot_be_written_is_an_error(access: AccessFile) -> None:
    """Neither a folder in its place nor a link that leads elsewhere is written to."""
    access.path.unlink()
    access.path.mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        access.add("case", "A")
    access.path.rmdir()
    elsewhere = access.path.with_name("elsewhere")
    access.path.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="cannot be written"):
        access.add("case", "A")
    assert not elsewhere.exists()


def test_the_end_is_what_is_kept_elsewhere(access: AccessFile) -> None:
    """A line more has another digest, which tells a cut end from the one that was printed."""
    end = access.add("ended")
    last = access.path.read_text().splitlines()[-1]
    assert (end.lines, json.loads(last)["act"]) == (4, "ended")
    assert end.digest == read_lines(access.path.read_text().splitlines(), "x")[-1].digest


def test_a_number_with_an_end_of_line_of_unicode_is_one_line(access: AccessFile) -> None:
    """It is read back as it was written, and the file takes the next line."""
    access.add("case", "A\u2028B\x85C")
    assert access.add("ended").lines == 5


def test_a_half_written_line_takes_no_other(access: AccessFile) -> None:
    """What a stop in the middle of writing left is told by its number."""
    whole = access.path.read_text()
    access.path.write_text(whole[:-20])
    with pytest.raises(ConfigError, match="line 3 of"):
        access.add("case", "D")
