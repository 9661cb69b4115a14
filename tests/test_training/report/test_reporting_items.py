"""The table of TRIPOD+AI's items: every item once, each answered where it says or marked."""

import re
from pathlib import Path
from typing import Any

import pytest

from models.run_figures.run import RunFigures, parse_run_figures
from training.report.page import list_sections
from training.report.report_tables import ReportTable
from training.report.reporting_items import BY_A_PERSON, ITEMS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def figures(small_unit: Any) -> RunFigures:
    """Return what a real run wrote."""
    return parse_run_figures((small_unit.bundle / "metrics.json").read_bytes())


def test_every_item_of_the_statement_is_there_once() -> None:
    """Items 1 to 27, those of several parts by their letters, in order."""
    numbers = [int(re.match(r"\d+", item.number)[0]) for item in ITEMS]  # type: ignore[index]
    assert sorted(set(numbers)) == list(range(1, 28))
    assert numbers == sorted(numbers)
    assert len({item.number for item in ITEMS}) == len(ITEMS) == 52


def test_each_is_answered_or_marked_for_a_person(figures: RunFigures) -> None:
    """No line is empty, and the documents that are named exist."""
    *sections, items = list_sections(figures)
    table = items.parts[0].blocks[0]
    assert isinstance(table, ReportTable)
    titles = {section.title for section in sections} | {"What this report cannot say"}
    for item, row in zip(ITEMS, table.rows, strict=True):
        where = row[2].text
        assert item.by_person == (BY_A_PERSON in where)
        is_told = bool(item.elsewhere) or any(title in where for title in titles)
        # Without an audit the run has no section on it, and says so.
        is_absent = where == "not in this run" and item.sections == ("audit",)
        assert item.by_person or is_told or is_absent, item.number
    named = {
        word for item in ITEMS for word in re.findall(r"[\w/.-]+\.(?:md|yaml)", item.elsewhere)
    }
    assert len(named) > 4
    assert all((ROOT / one).is_file() for one in named)


def test_a_run_without_an_outcome_has_no_such_table() -> None:
    """There is nothing to point at."""
    assert all(section.key != "items" for section in list_sections(RunFigures()))
