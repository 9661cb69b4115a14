"""How a file is laid out is found, or told in words that help; a folder may stand for a file."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DataContractError
from features.intake.files import (
    STRICT,
    Layout,
    find_layout,
    find_suffix,
    list_parts,
    read_pieces,
)

ROWS = [{"id": "1", "kind": "é"}, {"id": "2", "kind": None}]
TEXT = "id,kind\n1,é\n2,\n"


def read(path: Path, layout: Layout = Layout()) -> list[dict[str, object]]:  # noqa: B008
    """Return all rows, none of which may be bad."""
    pieces = list(read_pieces(path, layout))
    assert [row for piece in pieces for row in piece.bad] == []
    return [row for piece in pieces for row in piece.table.to_pylist()]


@pytest.fixture
def write(tmp_path: Path):
    """Write a file of some name and content."""

    def write_file(content: str | bytes, name: str = "x.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_and_said(write, separator):
    """What parts the cells is found among four, also where cells hold the others."""
    path = write(TEXT.replace(",", separator) + f'3{separator}"a,b;c\td|e\n"\n')
    assert find_layout(path) == Layout(separator=separator, encoding="utf-8")
    assert [row["id"] for row in read(path)] == ["1", "2", "3"]


def test_decimal_commas_do_not_part_cells(write):
    """The separator is the one by which rows have as many cells as the header."""
    path = write("id;value;note, free\n1;1,5;a\n2;2,5;b, c\n")
    assert find_layout(path).separator == ";"
    assert read(path)[0] == {"id": "1", "value": "1,5", "note, free": "a"}


@pytest.mark.parametrize("line", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n'])
def test_a_first_line_may_state_the_separator(write, line):
    """Excel's own first line is followed and is no header."""
    path = write(line + TEXT.replace(",", ";"))
    assert find_layout(path).separator == ";"
    assert read(path) == ROWS
    with pytest.raises(DataContractError, match="its first line states another separator"):
        read(path, STRICT)
    assert read(write("sep=,\n" + TEXT), STRICT) == ROWS


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("cp1252", "cp1252"),
        ("latin-1", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_the_encoding_is_found_and_said(write, encoding, found):
    """Letters come out as they were in each encoding that exports come in."""
    path = write(TEXT.encode(encoding))
    assert find_layout(path) == Layout(separator=",", encoding=found)
    assert read(path) == ROWS


def test_an_encoding_is_found_behind_much_ascii(write):
    """A first letter beyond ASCII far down in a file counts as one at its beginning does."""
    path = write(("id,kind\n" + "1,a\n" * 1_500_000).encode() + "2,naïve\n".encode("latin-1"))
    assert find_layout(path).encoding == "cp1252"
    *_, last = read_pieces(path)
    assert last.table["kind"][-1].as_py() == "naïve"


def test_one_stray_byte_makes_no_other_encoding(write):
    """A file with more letters of UTF-8 than stray bytes is UTF-8, and the stray costs its row."""
    path = write("id,kind\n1,é\n2,ü\n".encode() + b"3,\xff\n")
    assert find_layout(path).encoding == "utf-8"
    (piece,) = read_pieces(path)
    assert [(row.number, row.code) for row in piece.bad] == [(3, "encoding")]


def test_bytes_that_the_encoding_does_not_know_cost_their_row(write):
    """A byte for which cp1252 has no letter makes a reject and does not end the reading."""
    (piece,) = read_pieces(write(b"id,kind\n1,\xe9\n2,\x81\n3,x\n"))
    assert [(row.number, row.code) for row in piece.bad] == [(2, "encoding")]
    assert piece.table["kind"].to_pylist() == ["é", "x"]


def test_what_is_stated_is_not_guessed(write):
    """A stated separator and encoding hold, whatever the file looks like."""
    path = write(b"a;b,c\n1;2,3\n")
    assert read(path, Layout(separator=",")) == [{"a;b": "1;2", "c": "3"}]
    assert read(write("id,k\n1,é\n".encode()), Layout(encoding="latin-1"))[0]["k"] == "Ã©"


def test_the_contract_guesses_nothing(write):
    """Under the contract's own layout a row in another encoding is a reject."""
    (piece,) = read_pieces(write("id,kind\n1,é\n".encode("latin-1")), STRICT)
    assert [(row.number, row.code) for row in piece.bad] == [(1, "encoding")]


@pytest.mark.parametrize(
    ("content", "layout", "words"),
    [
        (b"", Layout(), "the file is empty"),
        (b"\n\r\n\n", Layout(), "the file is empty"),
        (TEXT.replace(",", ";"), STRICT, "one cell; its cells are parted by ';'"),
        (TEXT.replace(",", "\t"), STRICT, "one cell; its cells are parted by a tab"),
        ("Report of May\n" + TEXT, Layout(), "is it a title?"),
        ("Report of May\n\n" + TEXT, STRICT, "is it a title?"),
        ("Report\n" + TEXT.replace(",", ";"), Layout(), "is it a title?"),
        ("id,kind,,\n1,a,,\n", Layout(), "2 columns have no name; name them"),
        ("id,kind,id\n", Layout(), "two columns have the same name"),
        ("id,ki\0nd\n", Layout(), "does not name columns"),
        (b"id,k\xffind\n", STRICT, "does not name columns"),
        ('id,"ki"nd\n1,a\n', Layout(), "the quotes of the first row do not match"),
        (gzip.compress(TEXT.encode()), Layout(), "compressed by gzip; name it x.csv.gz"),
        (b"PAR1" + bytes(9), Layout(), "this is Parquet, whatever its name says; name it"),
        (b"PK\x03\x04" + bytes(9), Layout(), "workbook or an archive"),
        (TEXT.encode("utf-16"), STRICT, "this is not UTF-8 text; save it as CSV in UTF-8"),
        (TEXT.encode("utf-16-le"), STRICT, "this is not UTF-8 text; save it as CSV in UTF-8"),
        (TEXT.encode("utf-16")[:-1], Layout(), "not text in the stated encoding"),
        (TEXT, Layout(encoding="utf-9"), "encoding is not known"),
        (TEXT, Layout(encoding="hex"), "encoding is not known"),
        (TEXT, Layout(separator="::"), "the stated separator is none"),
        (TEXT, Layout(separator='"'), "the stated separator is none"),
        (TEXT + '3,"a\n', Layout(), "a quote opened at line 4 is not closed"),
    ],
    ids=lambda value: "",
)
def test_what_cannot_be_read_says_why(write, content, layout, words):
    """A file that cannot be read as a whole is one line that names it and what to do."""
    path = write(content)
    with pytest.raises(DataContractError, match=words) as caught:
        read(path, layout)
    message = str(caught.value)
    assert message.startswith("x.csv: ")
    assert "\n" not in message
    assert "Report" not in message


@pytest.mark.parametrize("start", ["\n", "\n\r\n", "\ufeff\n"])
def test_blank_lines_above_the_header_are_passed_over(write, start):
    """A header may stand below blank lines; the first row below it has number 1."""
    path = write(start + TEXT)
    assert read(path) == ROWS
    assert next(read_pieces(path)).rows.tolist() == [1, 2]


def test_a_column_of_one_name_is_read(write):
    """A file of one column is no fault, whatever signs its text holds."""
    assert read(write("note\nfine; so far\nlater, perhaps\n"), Layout("\t")) == [
        {"note": "fine; so far"},
        {"note": "later, perhaps"},
    ]
    assert read(write("id\n1\n2\n")) == [{"id": "1"}, {"id": "2"}]


def test_the_letters_of_an_ending_may_be_large(tmp_path, write):
    """An ending is known in letters of either case."""
    pq.write_table(pa.table({"id": [1]}), tmp_path / "x.PARQUET")
    assert read(tmp_path / "x.PARQUET") == [{"id": 1}]
    assert read(write(gzip.compress(TEXT.encode()), "x.CSV.GZ")) == ROWS
    assert find_suffix(Path("x.CSV.Gz")) == ".csv.gz"
    assert find_suffix(Path("x.Parquet")) == ".parquet"
    assert find_suffix(Path("x.txt")) is None


def test_a_folder_stands_for_a_file(tmp_path, write):
    """The files of a folder are one table: columns by name, rejects by file, in order of path."""
    write("id,kind\n1,a\n", "x.parquet/b/part.csv")
    write("kind;id\nb;2\nc\n", "x.parquet/a/part.csv")
    write('{"id": 3, "kind": "d"}\n', "x.parquet/c.jsonl")
    pieces = list(read_pieces(tmp_path / "x.parquet"))
    assert [piece.file for piece in pieces] == [
        "x.parquet/a/part.csv",
        "x.parquet/b/part.csv",
        "x.parquet/c.jsonl",
    ]
    assert [piece.table.to_pylist() for piece in pieces] == [
        [{"kind": "b", "id": "2"}],
        [{"kind": "a", "id": "1"}],
        [{"kind": "d", "id": "3"}],
    ]
    assert pieces[0].bad[0].code == "ragged"
    assert find_layout(tmp_path / "x.parquet").separator == ";"


@pytest.mark.parametrize(
    "name", ["_temporary/0/part.csv", ".snapshot/part.csv", "a/_temporary/b/part.csv", "_SUCCESS"]
)
def test_what_was_never_committed_is_passed_over(tmp_path, write, name):
    """Files below a folder that begins with ``_`` or ``.`` are no parts, at any depth."""
    kept = write(TEXT, "events/year=2024/part.csv")
    write(TEXT, f"events/{name}")
    assert list_parts(tmp_path / "events") == [kept]
    assert read(tmp_path / "events") == ROWS


def test_the_folder_itself_may_have_any_name(tmp_path, write):
    """Only names below the folder count, not those above it."""
    kept = write(TEXT, "_export/.x/events/part.csv")
    assert list_parts(tmp_path / "_export/.x/events") == [kept]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["_SUCCESS"], "a folder without a file"),
        (["part.csv", "notes.txt"], "neither CSV, Parquet nor JSON lines"),
    ],
)
def test_a_folder_that_stands_for_no_file_says_so(tmp_path, write, names, words):
    """A folder without parts, or with other things among them, is refused by its name."""
    for name in names:
        write(TEXT, f"cases.csv/{name}")
    with pytest.raises(DataContractError, match=rf"^cases.csv: .*{words}"):
        read(tmp_path / "cases.csv")


def test_parts_with_other_columns_are_refused(tmp_path, write):
    """Parts of one table name the same columns."""
    write(TEXT, "x/a.csv")
    write(TEXT.replace("kind", "sort"), "x/b.csv")
    with pytest.raises(DataContractError, match=r"^x/b.csv: its columns are not those"):
        read(tmp_path / "x")


def test_a_packed_file_that_ends_early_is_one_clear_error(write):
    """A download that broke off is told, whatever could be read of it."""
    path = write(gzip.compress((TEXT * 5000).encode())[:-40], "x.csv.gz")
    with pytest.raises(DataContractError, match="cannot be read to its end"):
        read(path)


def test_a_file_that_unpacks_without_end_is_refused(write):
    """What unpacks to a thousand times its size is no export; it is read to a limit only."""
    part = gzip.compress(b"a,b\n" + b"\n" * 2**20, 9)
    path = write(part * 80, "x.csv.gz")
    with pytest.raises(DataContractError, match="unpacks to far more than records would"):
        read(path, STRICT)


def test_an_absent_file_is_told(tmp_path):
    """A file that is not there is one clear error."""
    with pytest.raises(DataContractError, match=r"^x.csv: .* check that it is there"):
        read(tmp_path / "x.csv")
