"""The case that the documents tell in full is what the program says today."""

from features.intake.contract_folder import read_folder
from models.bundle.folder import load_bundle
from scripts import worked_case


def test_the_page_is_current(small_unit):
    """Written again from the same unit, the page has not changed (run `scripts/worked_case.py`)."""
    page = worked_case.write_page(read_folder(small_unit.folder), load_bundle(small_unit.bundle))
    assert worked_case.DOCUMENT.read_text(encoding="utf-8") == page


def test_every_record_that_the_text_names_stands_on_the_page():
    """A reader can look up each key: it stands in one of the page's tables."""
    page = worked_case.DOCUMENT.read_text(encoding="utf-8")
    tables, text = page.split("## What the program says about it")
    named = {word.strip(",") for word in text.split() if word.startswith(("SYN-E", "SYN-F"))}
    assert named
    assert [key for key in named if f"| {key} |" not in tables] == []
