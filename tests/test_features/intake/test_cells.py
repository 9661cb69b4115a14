"""One text per cell, whatever type it came in; identifiers that lost digits are refused."""

import datetime as dt
import math
import uuid
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import DataContractError
from features.intake.cells import check_identifier, write_cells

PLACE = "x.parquet: column 'c'"
NOON = dt.datetime(2024, 7, 1, 12, 30)
ID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")


def texts(column: pa.Array | pa.ChunkedArray) -> list[str | None]:
    """Return the written cells."""
    written = write_cells(column, place=PLACE)
    assert written.type == pa.large_string()
    return written.to_pylist()


def uuids(values: list[bytes | None]) -> pa.Array:
    """Return a column of the type UUID."""
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array(values, pa.binary(16)))


@pytest.mark.parametrize(
    ("column", "written"),
    [
        (pa.array([20240123456789011, None, -5]), ["20240123456789011", None, "-5"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([2.018e16, 4.0, 3.5, -0.0]), ["20180000000000000", "4", "3.5", "0"]),
        (pa.array([1e-7, 1e22, 0.1]), ["0.0000001", "1" + "0" * 22, "0.1"]),
        (pa.array([math.nan, None, math.inf]), [None, None, "inf"]),
        (pa.array([0.1, 16777216.0], pa.float32()), ["0.1", "16777216"]),
        (pa.array(np.array([0.5, 2048], np.float16)), ["0.5", "2048"]),
        (pa.array([True, False, None]), ["yes", "no", None]),
        (pa.array([None, None]), [None, None]),
        (pa.array(["a", "", None, "NA", "null"]), ["a", None, None, "NA", "null"]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array([b"ab", "é".encode(), b"", None]), ["ab", "é", None, None]),
        (pa.array([b"ab"], pa.binary_view()), ["ab"]),
        (uuids([ID.bytes, None]), [str(ID), None]),
        (uuids([bytes(16), ID.bytes])[1:], [str(ID)]),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8())), ["yes", "no"]),
        (pa.array([dt.date(2024, 2, 1), dt.date(9999, 12, 31)]), ["2024-02-01", "9999-12-31"]),
        (pa.array([86_400_000], pa.int64()).view(pa.date64()), ["1970-01-02"]),
        (pa.array([86_400_001], pa.int64()).view(pa.date64()), ["1970-01-02T00:00:00.001000"]),
        (pa.array([dt.time(9, 5), None]), ["09:05:00", None]),
        (pa.array([dt.time(9, 5, 0, 1)]), ["09:05:00.000001"]),
        (pa.array([], pa.int64()), []),
    ],
    ids=str,
)
def test_each_type_has_one_text(column, written):
    """A value is written the same way whatever type holds it, and nothing of it is rounded."""
    assert texts(column) == written


@pytest.mark.parametrize(
    ("values", "kind", "written"),
    [
        ([Decimal("3.50"), Decimal("4.00"), None], pa.decimal128(20, 2), ["3.5", "4", None]),
        ([Decimal("1200"), Decimal("0")], pa.decimal128(20, 0), ["1200", "0"]),
        ([Decimal("1E-10"), Decimal("0"), Decimal("100")], pa.decimal256(50, 10), None),
        ([Decimal("1200")], pa.decimal128(5, -2), ["1200"]),
        ([Decimal("-0.10")], pa.decimal32(5, 2), ["-0.1"]),
    ],
    ids=str,
)
def test_decimals_are_plain(values, kind, written):
    """A decimal has no zeros at its end and no exponent, however small it is."""
    assert texts(pa.array(values, kind)) == (written or ["0.0000000001", "0", "100"])


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        (None, "2024-07-01T12:30:00"),
        ("UTC", "2024-07-01T12:30:00+00:00"),
        ("Europe/London", "2024-07-01T13:30:00+01:00"),
        ("-03:30", "2024-07-01T09:00:00-03:30"),
    ],
)
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_are_written_with_their_zone(unit, zone, written):
    """A moment is written in its column's zone with the offset of that day, in whatever unit."""
    column = pa.array([NOON, None], pa.timestamp(unit, tz=zone))
    assert texts(column) == [written, None]


def test_midnight_of_a_moment_stays_a_moment():
    """A moment at midnight is no date: whether it stands for one is for others to say."""
    assert texts(pa.array([dt.datetime(2024, 2, 1)])) == ["2024-02-01T00:00:00"]


def test_a_fraction_is_cut_off_behind_the_microsecond():
    """A fraction is written where there is one; what no moment of the contract holds is cut off."""
    column = pa.array([1_123_456_789, 2_000_000_999, -1], pa.timestamp("ns"))
    assert texts(column) == [
        "1970-01-01T00:00:01.123456",
        "1970-01-01T00:00:02",
        "1969-12-31T23:59:59.999999",
    ]


def test_a_moment_beyond_the_calendar_is_no_moment():
    """What no calendar names is written as the number that it is, which nobody reads as a date."""
    assert texts(pa.array([2**62], pa.timestamp("s"))) == [str(2**62)]


@pytest.mark.parametrize("encode", [lambda c: c.dictionary_encode(), pc.run_end_encode])
def test_encoded_columns_are_plain_ones(encode):
    """A dictionary or run ends change no text, also in a part of a column and with nulls."""
    plain = pa.array([1.5, 1.5, None, 2.0, 2.0])
    assert texts(encode(plain)) == ["1.5", "1.5", None, "2", "2"]
    assert texts(encode(plain)[1:4]) == ["1.5", None, "2"]
    assert texts(encode(pa.array(["a", "a", "b"]))[1:]) == ["a", "b"]


def test_parts_are_written_each_by_itself():
    """A column in several parts is one text column, in order; one without parts is empty."""
    assert texts(pa.chunked_array([[1], [2, None]])) == ["1", "2", None]
    assert texts(pa.chunked_array([], pa.int64())) == []


@pytest.mark.parametrize(
    "column",
    [
        pa.array([["secret"]]),
        pa.array([{"a": "secret"}]),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        pa.array([b"secretsecretsecr"], pa.binary(16)),
        pa.array([dt.timedelta(1)]),
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
    ],
    ids=lambda column: str(column.type),
)
def test_a_type_that_nobody_can_read_is_refused_by_name(column):
    """A column of lists, tables, lengths of time or bytes is refused with its name and type."""
    with pytest.raises(DataContractError) as caught:
        write_cells(column, place=PLACE)
    message = str(caught.value)
    assert PLACE in message
    assert str(column.type) in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([b"\xff"]), "not UTF-8"),
        (pa.array([0], pa.timestamp("s", tz="Mars/Base")), "'Mars/Base', which is not known"),
    ],
    ids=str,
)
def test_cells_that_cannot_be_written_are_one_clear_error(column, words):
    """Bytes that are no text and zones that nobody knows name the column and the remedy."""
    with pytest.raises(DataContractError, match=words) as caught:
        write_cells(column, place=PLACE)
    assert PLACE in str(caught.value)


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)))
def test_floats_are_read_back_as_they_were(numbers):
    """The text of a float is its shortest one without an exponent, and gives the same float."""
    written = texts(pa.array(numbers, pa.float64()))
    assert all("e" not in text for text in written if text)
    assert [None if text is None else float(text) for text in written] == numbers
    small = [number for number in numbers if number and 1e-4 <= abs(number) < 2**53]
    plain = [repr(number).removesuffix(".0") for number in small]
    assert texts(pa.array(small, pa.float64())) == plain


@given(st.lists(st.none() | st.decimals(-(10**20), 10**20, allow_nan=False, places=6)))
def test_decimals_are_read_back_as_they_were(numbers):
    """The text of a decimal is its value, plain."""
    written = texts(pa.array(numbers, pa.decimal128(38, 6)))
    assert all(not text.endswith("0") for text in written if text and "." in text)
    assert [None if text is None else Decimal(text) for text in written] == numbers


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([1.0, 2.0**53]), r"above 2\^53"),
        (pa.array([-(2.0**60)]), r"above 2\^53"),
        (pa.array([2.0**24], pa.float32()), r"above 2\^24"),
        (pa.array([2.0**11], pa.float16()), r"above 2\^11"),
        (pa.array([1e17, 1e17]).dictionary_encode(), r"above 2\^53"),
        (pa.array(["a", "2.02401E+16"]), "lost their digits"),
        (pa.chunked_array([["a"], ["2E+17"]]), "lost their digits"),
    ],
    ids=str,
)
def test_identifiers_that_may_have_merged_are_refused(column, words):
    """Numbers past the last exact one, and text in powers of ten, are no identifiers."""
    with pytest.raises(DataContractError, match=words) as caught:
        check_identifier(column, place=PLACE)
    assert PLACE in str(caught.value)


def test_one_identifier_in_powers_of_ten_is_found_among_many():
    """However long a column is, and wherever in it the identifier stands."""
    plain = [f"E-{number:08d}" for number in range(20_000)]
    for place in (0, 9_000, len(plain)):
        column = pa.array([*plain[:place], "1.2E+16", *plain[place:]], pa.large_string())
        with pytest.raises(DataContractError, match="powers of ten"):
            check_identifier(column, place=PLACE)
    check_identifier(pa.array([*plain, "12E+16"], pa.large_string()), place=PLACE)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2.0**53 - 1, None, math.nan]),
        pa.array([2**60]),
        pa.array(["12E45", "E+16", "1e5", None]),
        pa.array([None, None]),
        pa.array([2.0**24 - 1], pa.float32()),
    ],
    ids=str,
)
def test_identifiers_that_are_whole_are_taken(column):
    """Exact numbers and text that only looks like a number are identifiers."""
    check_identifier(column, place=PLACE)
