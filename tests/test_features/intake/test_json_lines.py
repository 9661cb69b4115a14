"""JSON lines become rows: one object a line, numbers as they are written, nothing ambiguous."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from features.contract.rejects import REMEDIES
from features.errors import DataContractError
from features.intake.files import Piece, read_pieces


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Piece]]:
    """Write lines and read them."""

    def read_lines(*lines: str | bytes, end: str = "\n", **options: int) -> list[Piece]:
        content = [line if isinstance(line, bytes) else line.encode() for line in lines]
        path = tmp_path / "x.jsonl"
        path.write_bytes(b"".join(line + end.encode() for line in content))
        return list(read_pieces(path, **options))

    return read_lines


def test_fields_become_columns_in_the_order_in_which_they_come(read):
    """A field that a later line brings is a column of every piece; what a line lacks is empty."""
    pieces = read('{"a": 1}', '{"b": "x", "a": null}', "", '{"a": ""}', rows_per_piece=2)
    assert [piece.table.to_pylist() for piece in pieces] == [
        [{"a": "1", "b": None}, {"a": None, "b": "x"}],
        [{"a": None, "b": None}],
    ]
    assert [piece.rows.tolist() for piece in pieces] == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("20240123456789011", "20240123456789011"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0.1", "0.1"),
        ("20240123456789011.0", "20240123456789011"),
        ("0.12345678901234567891", "0.12345678901234567891"),
        ("2.018e16", "20180000000000000"),
        ("1E-7", "0.0000001"),
        ("4.00", "4"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("true", "yes"),
        ("false", "no"),
        ("null", None),
        ('""', None),
        ('"NaN"', "NaN"),
        ('"\\u00e9"', "é"),
    ],
)
def test_values_are_written_exactly(read, value, text):
    """Numbers keep every digit, truth values are yes and no, and null is empty."""
    (piece,) = read(f'{{"a": {value}, "b": 1}}')
    assert piece.table["a"].to_pylist() == [text]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"a": [1]}', "not_text"),
        ('{"a": {"b": 1}}', "not_text"),
        ('{"a": 1, "a": 2}', "repeated_field"),
        ('{"a": 1', "not_json"),
        ("[1]", "not_json"),
        ("7", "not_json"),
        ('{"a": NaN}', "not_json"),
        ('{"a": 1} {"a": 2}', "not_json"),
        ("[" * 100_000, "not_json"),
        ('{"a": 1e999999999}', "unreadable_number"),
        ('{"a": "\\u0000"}', "nul"),
        ('{"a": "\\ud800"}', "encoding"),
        (b'{"a": "\xff"}', "encoding"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_line_is_a_reject_and_the_next_is_read(read, line, code):
    """One line that is no row is kept apart, whole, under a code with a remedy."""
    (piece,) = read('{"a": "x"}', line, '{"a": "y"}')
    assert piece.table["a"].to_pylist() == ["x", "y"]
    assert piece.rows.tolist() == [1, 3]
    ((number, found, cells),) = [(row.number, row.code, row.cells) for row in piece.bad]
    assert (number, found) == (2, code)
    shown = line if isinstance(line, str) else line.decode("utf-8", "surrogateescape")
    assert cells == {"(line)": shown}
    assert code in REMEDIES


def test_windows_line_ends_and_a_byte_order_mark_are_no_content(read):
    """How an editor saved the lines does not matter."""
    (piece,) = read(b'\xef\xbb\xbf{"a": 1}', '{"a": 2}', end="\r\n")
    assert piece.table["a"].to_pylist() == ["1", "2"]


def test_packed_lines_are_read(tmp_path):
    """A file packed by gzip is read by its name."""
    path = tmp_path / "x.NDJSON.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n'))
    (piece,) = read_pieces(path)
    assert piece.table.to_pylist() == [{"a": "1"}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no line of it is a JSON object; write one object on each line"),
        (b"[\n]\n", "no line of it is a JSON object"),
        (json.dumps({"a": 1}, indent=1).encode(), "no line of it is a JSON object"),
        (b'{"": 1, "a\\u0000": 2}\n', "does not name columns"),
        (b"PK\x03\x04", "name it .xlsx"),
        (b"\x1f\x8b\x00", "name it x.jsonl.gz"),
    ],
)
def test_a_file_that_is_no_json_lines_is_one_clear_error(tmp_path, content, words):
    """A file that cannot be read as a whole names itself and a remedy."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataContractError, match=words):
        list(read_pieces(path))


def test_one_json_document_is_told_to_be_lines(tmp_path):
    """A file called .json is refused with the way out."""
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(DataContractError, match=r"one object a line; .* name it \.jsonl"):
        list(read_pieces(tmp_path / "x.json"))
