"""What a sheet has lost or hides is told before its rows are used, and no cell with it."""

import datetime as dt
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from features.intake.sheet_survey import find_lost_zeros, tell_of_sheet

CANARY = "CANARY7731"


@pytest.fixture
def save(tmp_path: Path):
    """Save a sheet with titles above it, and merged areas."""

    def save_sheet(rows, merged=(), mac=False) -> Path:
        book = Workbook()
        if mac:
            book.epoch = CALENDAR_MAC_1904
        for row in rows:
            book.active.append(row)
        for area in merged:
            book.active.merge_cells(area)
        book.save(tmp_path / "x.xlsx")
        return tmp_path / "x.xlsx"

    return save_sheet


TITLED = [[CANARY], [], ["id", "kind", "on"], *([f"e{n}", CANARY, n] for n in range(6))]


def test_a_plain_sheet_has_nothing_to_tell(save):
    """Rows below a header, and no more, need no word."""
    assert tell_of_sheet(save(TITLED[2:]), "x.xlsx", None) == []


@pytest.mark.parametrize(
    ("merged", "mac", "words"),
    [
        ((), False, ["1 row above the names of the columns (row 3) passed over as titles"]),
        (("A1:C1",), False, ["1 row above"]),
        (("A1:C1", "A4:A6", "B4:B5"), False, ["1 row above", "2 merged areas from row 3 on"]),
        ((), True, ["1 row above", "the workbook counts days from 1904"]),
    ],
)
def test_titles_merged_areas_and_the_calendar_are_told(save, merged, mac, words):
    """A merged title matters to nobody; a merged area among the rows empties all cells but one."""
    told = tell_of_sheet(save(TITLED, merged, mac), "x.xlsx", None)
    assert [one.startswith(start) for one, start in zip(told, words, strict=True)] == [True] * len(
        words
    )
    assert CANARY not in str(told)


def test_formulas_are_told(save):
    """What is read of a formula is what was stored, which may be old."""
    rows = [["id", "sum"], ["a", "=1+1"], ["b", "=1+2"], ["c", 4]]
    (told,) = tell_of_sheet(save(rows), "x.xlsx", None)
    assert told.startswith("2 formulas: what they came to when the workbook was last saved")


def make_column(values) -> list[list[object]]:
    """Make a sheet with one column of keys."""
    return [["Report"], ["ref", "other"], *([value, "x"] for value in values)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([81234, 71234, 4567, 61234, 99123], "1 number of fewer than the usual 5 digits"),
        (["00123", 123, 4567], "1 cell as text with a zero in front and 2 cells as numbers"),
    ],
)
def test_zeros_that_a_column_may_have_lost_are_told(save, values, words):
    """Numbers shorter than most, or beside text with a zero in front, speak for it."""
    told = find_lost_zeros(save(make_column(values)), "x.xlsx", None)
    assert list(told) == ["ref"]
    assert told["ref"].startswith(words)


@pytest.mark.parametrize(
    "values",
    [
        range(1, 3400),
        ["00123", "04567"],
        [12, 3, 4],
        [10_001.5, 123.5, 99_999.5],
        [dt.date(2024, 2, 1), 4567, 81234, 71234],
        [81234, 71234, 61234],
    ],
    ids=["counts on", "text", "small", "measured", "dates", "one length"],
)
def test_columns_that_lost_nothing_are_left_alone(save, values):
    """Running numbers, text, small and measured numbers have no zeros in front."""
    assert find_lost_zeros(save(make_column(values)), "x.xlsx", None) == {}
