"""Model card and transparency record as files: what people wrote in them is never lost."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from caselight.__main__ import run
from serving.oversight.card_files import TO_WRITE, read_written

RECORD = "transparency-record.md"
SECTIONS = ("Tier 1: Overview", *(f"Tier 2, section {number}: " for number in range(1, 6)))


@pytest.fixture
def folder(small_unit: Any, tmp_path: Path) -> Path:
    """Return a folder with both files of a real bundle."""
    assert run(["card", str(small_unit.bundle), "--out", str(tmp_path / "card")]) == 0
    return tmp_path / "card"


def write_into(path: Path, field: str, words: str) -> None:
    """Write into the place of a field, as a person would."""
    start = f"<!-- written by a person: {field} -->\n"
    text = path.read_text()
    assert f"{start}{TO_WRITE}" in text
    path.write_text(text.replace(f"{start}{TO_WRITE}", f"{start}{words}"))


def test_every_field_of_the_template_is_there(folder: Path, small_unit: Any, capfd: Any) -> None:
    """All six sections; each field says something, waits for a person, or both; none is made up."""
    text = (folder / RECORD).read_text()
    assert [one for one in SECTIONS if f"## {one}" not in text] == []
    fields = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    assert len(fields) > 50
    assert all(len(one.split("\n\n")) > 1 for one in fields)
    owner = next(one for one in fields if one.startswith("1.3 "))
    assert owner.split("\n")[2:5] == [
        "<!-- written by a person: 1.3 -->",
        TO_WRITE,
        "<!-- end: 1.3 -->",
    ]
    n_open = text.count(TO_WRITE)
    assert run(["card", str(small_unit.bundle), "--out", str(folder)]) == 0
    assert f"{RECORD}: {n_open} fields wait" in capfd.readouterr().out


def test_the_run_fills_in_what_it_knows(folder: Path, small_unit: Any) -> None:
    """The bundle's identity and the run's own verdicts stand in both files."""
    bundle_id = json.loads((small_unit.bundle / "bundle.json").read_text()).get("id", "")
    for name in (RECORD, "model-card.md"):
        text = (folder / name).read_text()
        assert bundle_id[:12] in text
        assert "ogistic regression" in text


def test_what_people_wrote_is_kept_when_it_is_written_again(
    folder: Path, small_unit: Any, capfd: Any
) -> None:
    """Several lines, with marks of their own, stay as they are; the others still wait."""
    words = "The Deputy Chief Constable.\n\n- since May\n<!-- a note -->"
    write_into(folder / RECORD, "1.3", words)
    write_into(folder / "model-card.md", "unit", "Tried for a year beside the old way.")
    before = (folder / RECORD).read_text()
    capfd.readouterr()
    assert run(["card", str(small_unit.bundle), "--out", str(folder)]) == 0
    assert (folder / RECORD).read_text() == before
    assert read_written(before) == {"1.3": words}
    assert "model-card.md: 0 fields wait" in capfd.readouterr().out


def test_a_field_that_is_no_more_is_kept_at_the_end(folder: Path, small_unit: Any) -> None:
    """What was written for another version of the template is not thrown away."""
    path = folder / RECORD
    gone = "<!-- written by a person: 9.9 -->\nWords of before.\n<!-- end: 9.9 -->\n"
    path.write_text(path.read_text() + gone)
    for _ in range(2):
        assert run(["card", str(small_unit.bundle), "--out", str(folder)]) == 0
        text = path.read_text()
        assert text.count("Kept from an earlier version") == 1
        assert read_written(text) == {"9.9": "Words of before."}


def test_a_bundle_without_figures_is_told(small_unit: Any, tmp_path: Path, capfd: Any) -> None:
    """In one line with the remedy, and nothing is written."""
    place = tmp_path / "bundle"
    shutil.copytree(small_unit.bundle, place)
    (place / "metrics.json").unlink()
    assert run(["card", str(place), "--out", str(tmp_path / "card")]) == 2
    assert "metrics.json" in capfd.readouterr().err
    assert not (tmp_path / "card").exists()
