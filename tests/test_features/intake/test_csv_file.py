"""CSV is cut into rows strictly, and how much of it Arrow may cut shows in nothing but the time."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.contract.rejects import REMEDIES
from features.errors import DataContractError
from features.intake.csv_file import BlockSizes, read_csv
from features.intake.files import STRICT, Piece, read_pieces
from features.intake.plain_blocks import find_plain_end, parse_plain

Found = list[tuple[int, str, object]]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Found]:
    """Read the bytes of a CSV file, with blocks of any size."""

    def read_bytes(content: bytes, separator: str = ",", largest: int = 64, **told: int) -> Found:
        path = tmp_path / "x.csv"
        path.write_bytes(content)
        sizes = BlockSizes(largest, told.pop("smallest", 8))
        options = {"rows_per_piece": 3} | told
        pieces = read_csv(
            path, "x.csv", separator=separator, encoding="utf-8", blocks=sizes, **options
        )
        return list_rows(pieces)

    return read_bytes


def list_rows(pieces: Iterator[Piece]) -> Found:
    """Return all rows in the order of their numbers: the code, and the cells by column."""
    found: Found = []
    for piece in pieces:
        assert all(kind == pa.large_string() for kind in piece.table.schema.types)
        rows = zip(piece.rows.tolist(), piece.table.to_pylist(), strict=True)
        found += [(number, "", cells) for number, cells in rows]
        found += [(row.number, row.code, row.cells) for row in piece.bad]
    return sorted(found, key=lambda row: row[0])


def cut_by_python(content: bytes, separator: str) -> Found:
    """Read as Python's strict reader does, line by line and with nothing beside it."""
    lines = _Taken(content.decode("utf-8-sig", "surrogateescape"))
    reader = csv.reader(lines, strict=True, delimiter=separator)
    header = [name.strip() for name in next(reader)]
    found: Found = []
    while True:
        lines.taken = []
        try:
            cells = next(reader)
        except StopIteration:
            return found
        except csv.Error:
            _check_closed(lines.taken, separator)
            found.append((len(found) + 1, "quotes", {"(lines)": "".join(lines.taken)}))
            continue
        if cells:
            found.append((len(found) + 1, *_judge(header, cells)))


def _check_closed(taken: list[str], separator: str) -> None:
    try:
        next(csv.reader([*taken, '"'], strict=True, delimiter=separator))
    except csv.Error:
        return
    raise DataContractError("not closed")


def _judge(header: list[str], cells: list[str]) -> tuple[str, dict[str, object]]:
    text = "".join(cells)
    code = ""
    if len(cells) != len(header):
        code = "ragged"
    elif any("\ud800" <= letter <= "\udfff" for letter in text):
        code = "encoding"
    elif "\0" in text:
        code = "nul"
    named: dict[str, object] = dict(zip(header, cells, strict=False))
    if code:
        return code, named | (
            {"(more cells)": cells[len(header) :]} if cells[len(header) :] else {}
        )
    return code, {name: cell or None for name, cell in named.items()}


class _Taken:
    """Lines as a file opened with ``newline=""`` gives them, and those of the current row."""

    def __init__(self, text: str) -> None:
        self._file = io.StringIO(text, newline="")
        self.taken: list[str] = []

    def __iter__(self) -> "_Taken":
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self.taken.append(line)
        return line


ROW = st.sampled_from(
    [
        b"a,b,c\n",
        b"a,b,c\r\n",
        b",,\n",
        b"1;2;3\n",
        "é,ü,中\n".encode(),
        b'"a","b","c"\n',
        b'"a,b","c\nd","e ""f"""\n',
        b'"x\r\ny",,""\n',
        b" , ,\t\n",
        b"NA,null,0x1\n",
        b"a,b\n",
        b"a,b,c,d\n",
        b"\n",
        b"\r\n",
        b'a"b,c,d\n',
        b'"a"b,c,d\n',
        b'"open,b,c\n',
        b'a,b,""""\n',
        b"a,\xff,c\n",
        b"a,b\0,c\n",
        b"a,b,c\r",
        b"\xef\xbb\xbfa,b,c\n",
        b"a,\xed\xa0\x80,c\n",
        "a,\u2028\x85\x0b,c\n".encode(),
        b"#a,b,c\n",
        b"\\,a\\,b\n",
    ]
)
SCRAP = st.sampled_from([b'"', b",", b"\n", b"\r", b"a", b"\xc3", b'""', b";", b"\0", b" "])


def outcome(read: Callable[[], Found]) -> Found | str:
    """Return the rows, or that the file was refused."""
    try:
        return read()
    except DataContractError:
        return "refused"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(
    rows=st.lists(st.one_of(ROW, ROW, ROW, st.lists(SCRAP, max_size=6).map(b"".join)), max_size=14),
    header=st.sampled_from([b"a,b,c\n", b"\xef\xbb\xbfa,b,c\r\n", b'"a","b",c\n', b"a;x,b,c\n"]),
    largest=st.sampled_from([1, 9, 40, 200, 10_000]),
    smallest=st.sampled_from([1, 9, 40]),
    per_piece=st.integers(1, 5),
)
def test_blocks_read_by_arrow_give_what_python_cuts(
    read, rows, header, largest, smallest, per_piece
):
    """On any file, whatever its blocks, the same records, rejects and numbers come out."""
    content = header + b"".join(rows)
    expected = outcome(lambda: cut_by_python(content, ","))
    sizes = {"largest": largest, "smallest": smallest, "rows_per_piece": per_piece}
    assert outcome(lambda: read(content, **sizes)) == expected


CELL = st.sampled_from(
    [
        b"a\n",
        b"a\r\n",
        b"\n",
        b"\r\n",
        b'""\n',
        b" \n",
        b'"x\n\ny"\n',
        b'"\n',
        b"\xff\n",
        b"\0\n",
        b"a\r",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(cells=st.lists(CELL, max_size=14), largest=st.sampled_from([1, 9, 40, 10_000]))
def test_a_single_column_is_read_alike(read, cells, largest):
    """Where a row is one cell, an empty one is a row and a blank line is none, on every way."""
    content = b"a\n" + b"".join(cells)
    expected = outcome(lambda: cut_by_python(content, ","))
    assert outcome(lambda: read(content, largest=largest)) == expected


@pytest.mark.parametrize(
    ("block", "end"),
    [
        (b"a,b\nc,d\n", 8),
        (b"a,b\r\n\r\nc,d", 10),
        (b'"a\n",b\n"c""d","e"\r\n', 19),
        (b'a,b\n"c\nd', 4),
        (b'"a\nb",c\nd,"e\nf', 8),
        (b'"a\nb', 0),
        (b'a,b"c\n"\n', 0),
        (b'"a"b,c\n', 0),
        (b"a\0,b\n", 0),
        (b"a\rb,c\n", 0),
        (b"\xef\xbb\xbfa,b\n", 0),
    ],
)
def test_a_block_is_plain_where_both_readers_agree(block, end):
    """Arrow gets whole rows without anything that it would read in its own way."""
    assert find_plain_end(block, ",") == end


@pytest.mark.parametrize("block", [b"a,b,c\n", b"a\n", b"a,\xff\n", b"a," + b"x" * 2**21 + b"\n"])
def test_a_block_that_is_not_as_it_should_be_is_left(block):
    """Rows of another width, bytes that are no text and very long lines are not for Arrow."""
    assert parse_plain(block, ["a", "b"], ",") is None


def test_no_word_means_nothing(read):
    """Only a cell without a letter is empty; no word, number or blank is turned into another."""
    words = ["NA", "null", "NaN", "0012", "1e5", "true", " ", "-", "#N/A", "2024-01-01"]
    content = "a,b\n" + "".join(f"{word},\n" for word in words)
    assert [cells for _, _, cells in read(content.encode(), largest=10_000)] == [
        {"a": word, "b": None} for word in words
    ]


def test_a_nul_makes_a_reject_with_its_own_remedy(read):
    """A NUL character costs its row, under a code that does not blame the encoding."""
    assert read(b"a,b\n1,x\n2,x\0y\n3,z\n") == [
        (1, "", {"a": "1", "b": "x"}),
        (2, "nul", {"a": "2", "b": "x\0y"}),
        (3, "", {"a": "3", "b": "z"}),
    ]
    assert "NUL" in REMEDIES["nul"]
    assert "UTF-8" not in REMEDIES["nul"]


def test_a_comma_at_the_end_of_every_row_is_told_of_each(read):
    """Rows with a cell more than the header are rejects, whatever that cell holds."""
    assert [code for _, code, _ in read(b"a,b\n1,2,\n3,4,\n")] == ["ragged", "ragged"]


def test_a_long_cell_is_read(read):
    """A cell of many megabytes is a cell, on whichever way its block is read."""
    long = b"x" * 5_000_000
    rows = read(b'a,b\n1,"' + long + b'"\n2,' + long + b"\n3,z\n")
    assert [(number, code) for number, code, _ in rows] == [(1, ""), (2, ""), (3, "")]
    assert [len(str(cells["b"])) for _, _, cells in rows] == [len(long), len(long), 1]


def test_lines_are_counted_for_the_message(read):
    """The line of a quote that is never closed is told, behind blocks of every kind."""
    content = b"a,b\n" + b"1,2\n" * 100 + b'3,"x\ny"\n' + b"4,\0\n" + b'5,"open\n' + b"6,7\n" * 50
    with pytest.raises(DataContractError, match="a quote opened at line 105 is not closed"):
        read(content)


def test_the_limit_of_cells_is_put_back(read):
    """Reading changes no setting of the process that others lean on, also where it stops midway."""
    before = csv.field_size_limit()
    with pytest.raises(DataContractError):
        read(b'a,b\n1,"\n')
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("cell", ["x" * 90, 'x"' + "x" * 88], ids=["plain", "odd"])
def test_memory_stays_flat(tmp_path, cell):
    """A file of any length takes the memory of a few blocks, whichever way they are read."""
    path = tmp_path / "x.csv"
    path.write_text("id,note\n" + "".join(f"{n},{cell}\n" for n in range(300_000)))
    before, most = pa.total_allocated_bytes(), 0
    for piece in read_pieces(path, STRICT, rows_per_piece=5_000):
        assert piece.table.num_rows == 5_000
        most = max(most, pa.total_allocated_bytes() - before)
    assert path.stat().st_size > 28_000_000
    assert most < 16_000_000
