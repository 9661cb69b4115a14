"""Parquet is read as the types that it holds; bytes that are no text cost their own row."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.errors import DataContractError
from features.intake.cells import write_cells
from features.intake.files import Piece, read_pieces
from features.intake.parquet_file import make_piece


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Piece]]:
    """Write columns as Parquet and read them."""

    def read_columns(columns: dict[str, object], **options: int) -> list[Piece]:
        pq.write_table(pa.table(columns), tmp_path / "x.parquet", store_schema=True)
        return list(read_pieces(tmp_path / "x.parquet", **options))

    return read_columns


def raw_text(*cells: bytes) -> pa.Array:
    """Return a column of text of which some cells may be no UTF-8, as careless tools write it."""
    ends = np.cumsum([0, *map(len, cells)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(cells))]
    return pa.Array.from_buffers(pa.string(), len(cells), buffers)


def test_long_whole_numbers_stay_exact_beside_an_empty_cell(read):
    """Identifiers of 17 digits are whole numbers still where one of them is missing."""
    ids = [20240123456789011, 20240123456789013, 20240123456789015, None]
    (piece,) = read({"id": ids})
    assert piece.table["id"].to_pylist() == ids
    written = write_cells(piece.table["id"], place="x").to_pylist()
    assert written == [str(one) if one else None for one in ids]


def test_the_text_of_a_cell_depends_on_no_other_row(read):
    """An empty cell more in an extract changes nothing about the others' text."""
    for cells in ([1, 2], [1, 2, None]):
        (piece,) = read({"n": pa.array(cells, pa.int64())})
        assert write_cells(piece.table["n"], place="x").to_pylist()[:2] == ["1", "2"]


def test_encoded_columns_come_out_plain(read):
    """Dictionaries, run ends and views are ways to store, and text is text with room for all."""
    columns = {
        "words": pa.array(["a", None, "a"]).dictionary_encode(),
        "numbers": pa.array([1.5, 1.5, None]).dictionary_encode(),
        "view": pa.array(["x", "", None], pa.string_view()),
        "bytes": pa.array([b"b", None, "é".encode()]),
    }
    (piece,) = read(columns)
    kinds = dict(zip(piece.table.column_names, piece.table.schema.types, strict=True))
    assert kinds.pop("numbers") == pa.float64()
    assert set(kinds.values()) == {pa.large_string()}
    assert piece.table["words"].to_pylist() == ["a", None, "a"]
    assert piece.table["view"].to_pylist() == ["x", None, None]
    assert piece.table["bytes"].to_pylist() == ["b", None, "é"]


def test_run_ends_come_out_plain():
    """Columns of run ends, which a stream may hold, are plain columns of a piece."""
    batch = pa.record_batch({"r": pc.run_end_encode(pa.array([7, 7, None]))})
    assert make_piece("x", batch, 1).table["r"].to_pylist() == [7, 7, None]


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (pa.array([b"a", b"\xff", b"c"]), "encoding"),
        (raw_text(b"a", b"\xff", b"c"), "encoding"),
        (pa.array(["a", "b\0", "c"]), "nul"),
        (pa.array(["a", "b\0", "c"]).dictionary_encode(), "nul"),
    ],
    ids=["bytes", "text", "nul", "dictionary"],
)
def test_text_that_is_none_costs_its_own_row(read, cells, code):
    """A cell that is no UTF-8, or holds a NUL, makes its row a reject and leaves the others."""
    (piece,) = read({"t": cells, "n": [1, 2, 3]})
    assert piece.rows.tolist() == [1, 3]
    assert piece.table.to_pylist() == [{"t": "a", "n": 1}, {"t": "c", "n": 3}]
    (bad,) = piece.bad
    assert (bad.number, bad.code, bad.cells["n"]) == (2, code, 2)
    assert bad.cells["t"] == ("\udcff" if code == "encoding" else "b\0")


def test_pieces_count_on(read):
    """Rows are numbered through the pieces, none of which is larger than was asked for."""
    pieces = read({"n": list(range(7))}, rows_per_piece=3)
    assert max(piece.table.num_rows for piece in pieces) <= 3
    assert np.concatenate([piece.rows for piece in pieces]).tolist() == list(range(1, 8))


def test_a_file_without_rows_has_its_columns(read):
    """One piece without rows says what the columns are."""
    (piece,) = read({"a": pa.array([], pa.int64()), "b": pa.array([], pa.binary())})
    assert piece.table.schema.names == ["a", "b"]
    assert (piece.table.num_rows, len(piece.rows)) == (0, 0)


def test_columns_that_nobody_reads_do_no_harm(read):
    """A column of lists stays where it is; it is refused, by name, by what wants its text."""
    (piece,) = read({"id": [1], "tags": [["a"]]})
    with pytest.raises(DataContractError, match=r"column 'tags'.*list<"):
        write_cells(piece.table["tags"], place="x: column 'tags'")


@pytest.mark.parametrize("content", [b"", b"PAR1" + bytes(100), b"a,b\n1,2\n"])
def test_a_file_that_is_not_whole_is_one_clear_error(tmp_path, content):
    """What only bears the name of a Parquet file is told in one line with a remedy."""
    path = tmp_path / "x.PARQUET"
    path.write_bytes(content)
    with pytest.raises(DataContractError, match=r"^x.PARQUET: this is not a whole Parquet file;"):
        list(read_pieces(path))
