"""A sheet is read cell by cell as what it holds; what Excel has lost costs its row and says so."""

import datetime as dt
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from features.contract.rejects import REMEDIES
from features.errors import DataContractError
from features.intake.files import Layout, Piece, find_layout, read_pieces
from features.intake.workbook import list_sheets

Rows = Iterable[Sequence[object]]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Piece]:
    """Write rows below a header, with formats of the second column, and read them."""

    def read_rows(*values: object, shown_as: str | None = None, mac: bool = False) -> Piece:
        book = Workbook()
        if mac:
            book.epoch = CALENDAR_MAC_1904
        sheet = book.active
        sheet.append(["id", "cell"])
        for number, value in enumerate(values):
            sheet.append([f"e{number}", value])
            if shown_as:
                sheet.cell(number + 2, 2).number_format = shown_as
        book.save(tmp_path / "x.xlsx")
        (piece,) = read_pieces(tmp_path / "x.xlsx")
        return piece

    return read_rows


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Save a workbook of sheets by name."""

    def save_sheets(hidden: Sequence[str] = (), **sheets: Rows) -> Path:
        book = Workbook()
        book.remove(book.active)
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            sheet.sheet_state = "hidden" if name in hidden else "visible"
            for row in rows:
                sheet.append(list(row))
        book.save(tmp_path / "x.xlsx")
        return tmp_path / "x.xlsx"

    return save_sheets


def rewrite_sheet(path: Path, old: str, new: str) -> None:
    """Replace text in the sheet's own XML, for what the library does not write."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    name = "xl/worksheets/sheet1.xml"
    assert old.encode() in parts[name]
    parts[name] = parts[name].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w") as package:
        for part, content in parts.items():
            package.writestr(part, content)


@pytest.mark.parametrize(
    ("value", "shown_as", "text"),
    [
        ("00123", None, "00123"),
        ("2E1", None, "2E1"),
        ("call 2.02401E+16", None, "call 2.02401E+16"),
        ("  x ", None, "  x "),
        (123456789012345, None, "123456789012345"),
        (4.0, None, "4"),
        (3.5, "0.00", "3.5"),
        (0.00001, None, "0.00001"),
        (-0.1, None, "-0.1"),
        (123, "000000", "000123"),
        (True, None, "yes"),
        (False, None, "no"),
        (dt.date(2024, 2, 1), "dd/mm/yyyy", "2024-02-01"),
        (dt.datetime(2024, 2, 1), "yyyy-mm-dd hh:mm", "2024-02-01T00:00:00"),
        (dt.datetime(2024, 2, 1, 10, 30), "dd/mm/yyyy hh:mm", "2024-02-01T10:30:00"),
        (dt.datetime(2024, 2, 1, 10, 30), "dd/mm/yyyy", "2024-02-01T10:30:00"),
        (dt.time(10, 30), "hh:mm", "10:30:00"),
        (dt.timedelta(hours=36, minutes=5), "[h]:mm:ss", "36:05:00"),
        (45323, None, "45323"),
        ("2024-02-01", None, "2024-02-01"),
    ],
    ids=str,
)
def test_cells_are_what_they_hold(read, value, shown_as, text):
    """Text stays text, numbers are exact, dates are dates, and zeros shown before a number stay."""
    piece = read(value, shown_as=shown_as)
    assert piece.bad == ()
    assert piece.table["cell"].to_pylist() == [text]


def test_the_calendar_of_1904_is_its_own(read):
    """The same day comes out of both calendars in which workbooks count days."""
    day = dt.date(2024, 2, 1)
    assert read(day, mac=True).table["cell"].to_pylist() == ["2024-02-01"]
    assert read(day, mac=False).table["cell"].to_pylist() == ["2024-02-01"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("#N/A", "error_cell"),
        ("#REF!", "error_cell"),
        (20240123456789011, "long_number"),
        (2.0240123456789e16, "long_number"),
        (-(10**15), "long_number"),
        ("=1+1", "formula"),
        ("2.02401E+16", "long_number"),
        (" 2,02401e+16 ", "long_number"),
    ],
    ids=str,
)
def test_what_a_workbook_has_lost_costs_its_row(read, value, code):
    """An error, a number past 15 digits and a formula without a result make rejects with remedies.

    The rows around them are read.
    """
    piece = read("x", value, "y")
    assert piece.table["cell"].to_pylist() == ["x", "y"]
    assert piece.rows.tolist() == [1, 3]
    ((number, found, cells),) = [(row.number, row.code, row.cells) for row in piece.bad]
    assert (number, found, cells["id"]) == (2, code, "e1")
    assert code in REMEDIES


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ('<c r="A2"><f>1+1</f><v>2</v></c>', "2"),
        ('<c r="A2" t="str"><f>"a"</f><v>a</v></c>', "a"),
        ('<c r="A2" t="str"><f>""</f><v></v></c>', None),
        ('<c r="A2" t="b"><f>TRUE()</f><v>1</v></c>', "yes"),
    ],
)
def test_the_stored_result_of_a_formula_is_read(save, stored, text):
    """A formula is its result as the spreadsheet stored it, also where that is no letter at all."""
    path = save(one=[["a", "b"], ["=1+1", "x"]])
    rewrite_sheet(path, '<c r="A2"><f>1+1</f><v></v></c>', stored)
    (piece,) = read_pieces(path)
    assert piece.bad == ()
    assert piece.table.to_pylist() == [{"a": text, "b": "x"}]


def test_a_date_that_cannot_be_costs_its_row_without_a_word(save, recwarn):
    """A number shown as a date that no calendar has is an error cell, and no warning quotes it."""
    path = save(one=[["a", "b"], ["x", dt.date(2024, 2, 1)]])
    rewrite_sheet(path, "<v>45323</v>", "<v>99999999</v>")
    (piece,) = read_pieces(path)
    assert [row.code for row in piece.bad] == ["error_cell"]
    assert not recwarn.list


def test_a_wrong_statement_of_size_hides_nothing(save):
    """What a file says of its own size is not believed."""
    path = save(one=[["a", "b"], ["x", "y"], ["z", "w"]])
    rewrite_sheet(path, 'ref="A1:B3"', 'ref="A1:A2"')
    (piece,) = read_pieces(path)
    assert piece.table.to_pylist() == [{"a": "x", "b": "y"}, {"a": "z", "b": "w"}]


def test_blank_rows_and_columns_are_passed_over(save):
    """Rows without a cell are none, and columns without a name and a cell are none."""
    rows = [[None], ["a", " b ", None], [None, None], ["x", None, None], [None, "y"], []]
    (piece,) = read_pieces(save(one=rows))
    assert piece.table.to_pylist() == [{"a": "x", "b": None}, {"a": None, "b": "y"}]
    assert piece.rows.tolist() == [1, 2]


def test_a_cell_beside_the_columns_is_a_ragged_row(save):
    """A cell under no name is not dropped: its row is a reject."""
    (piece,) = read_pieces(save(one=[["a", "b"], ["x", "y", "z"], ["v", "w"]]))
    assert [(row.number, row.code) for row in piece.bad] == [(1, "ragged")]
    assert piece.bad[0].cells == {"a": "x", "b": "y", "(more cells)": ["z"]}
    assert piece.rows.tolist() == [2]


def test_pieces_count_on(save):
    """Rows are numbered through the pieces; a sheet without rows is one piece with its columns."""
    pieces = list(read_pieces(save(one=[["a"], *([n] for n in range(5))]), rows_per_piece=2))
    assert [piece.rows.tolist() for piece in pieces] == [[1, 2], [3, 4], [5]]
    (empty,) = read_pieces(save(one=[["a", "b"]]))
    assert (empty.table.column_names, empty.table.num_rows) == (["a", "b"], 0)


@pytest.mark.parametrize(
    ("above", "names"),
    [
        ([["Report of May"]], ["id", "kind"]),
        ([["Report of May"], [None], [None, "drawn today"]], ["id", "kind"]),
        ([["Drawn on", dt.date(2024, 5, 1)]], ["id", "kind", "a", "b", "c"]),
    ],
)
def test_titles_above_the_names_are_passed_over(save, above, names):
    """Rows of one cell, and of two above five columns or more, are no names; rows count on below.

    A header of as few cells as a title is one where the rows below are no wider.
    """
    rows = [*above, names, ["1", *names[1:]], ["2"]]
    (piece,) = read_pieces(save(one=rows))
    assert piece.table.column_names == names
    assert piece.table["id"].to_pylist() == ["1", "2"]
    assert piece.rows.tolist() == [1, 2]
    (single,) = read_pieces(save(one=[["id"], ["1"], ["2"]]))
    assert single.table.column_names == ["id"]


def test_the_sheets_that_can_be_seen_are_listed(save):
    """Hidden ones are not offered."""
    path = save(hidden=["lists"], a=[["x"]], lists=[["y"]], b=[["z"]])
    assert list_sheets(path, "x.xlsx") == ["a", "b"]


def test_the_only_sheet_that_shows_is_read(save):
    """Without a name, the sheet is the visible one; with a name it may be any."""
    path = save(hidden=["lists"], lists=[["other"], ["1"]], data=[["a"], ["x"]])
    assert find_layout(path) == Layout(sheet="data")
    assert next(read_pieces(path)).table.column_names == ["a"]
    assert next(read_pieces(path, Layout(sheet="lists"))).table.column_names == ["other"]


@pytest.mark.parametrize(
    ("sheets", "layout", "words"),
    [
        ({"a": [["x"]], "b": [["y"]]}, Layout(), "shows 2 sheets; state which"),
        ({"a": [["x"]]}, Layout(sheet="c"), "no sheet of the stated name"),
        ({"a": []}, Layout(), "the file is empty"),
        ({"a": [["Report of May"], [1, "kind"], [2, "x"]]}, Layout(), "columns should be named"),
        ({"a": [["id", None, None, "kind"], ["1"]]}, Layout(), "2 columns have no name"),
        ({"a": [["id", "id"], ["1"]]}, Layout(), "the same name"),
        ({"a": [["#N/A", "id"], ["1"]]}, Layout(), "a cell of the first row cannot be read"),
    ],
    ids=lambda value: "",
)
def test_a_sheet_that_cannot_be_read_is_one_clear_error(save, sheets, layout, words):
    """What is wrong with a sheet as a whole is told in one line with a remedy."""
    with pytest.raises(DataContractError, match=words):
        list(read_pieces(save(**sheets), layout))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.xlsx", b"", "not a whole Excel workbook; save it again"),
        ("x.XLSX", b"PK\x03\x04" + bytes(50), "not a whole Excel workbook"),
        ("x.xlsx", b"\xd0\xcf\x11\xe0" + bytes(50), "encrypted or of an old kind"),
        ("x.xls", b"\xd0\xcf\x11\xe0", "save it as .xlsx"),
        ("x.ods", b"PK", "save it as .xlsx"),
    ],
)
def test_what_is_no_such_workbook_is_one_clear_error(tmp_path, name, content, words):
    """Broken, old and encrypted workbooks are refused with a remedy."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataContractError, match=words):
        list(read_pieces(tmp_path / name))


def test_a_package_of_something_else_is_no_workbook(tmp_path):
    """A zip that holds no workbook is refused like a broken one."""
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w") as package:
        package.writestr("hello.txt", "x")
    with pytest.raises(DataContractError, match="not a whole Excel workbook"):
        list(read_pieces(tmp_path / "x.xlsx"))
