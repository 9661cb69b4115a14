"""The one canonical text of each cell, whatever type it came in, and what no identifier may be.

Whole numbers are exact; other numbers are plain, without an exponent and without zeros at the end.
Truth values are yes and no. Dates are ISO; moments are ISO with ``T``, with a fraction only where
they have one, and with the offset of their zone where the column has a zone: what is finer than a
microsecond is cut off, since no moment of the contract is finer. A time of day is ISO too. A length
of time is no cell that the contract knows, nor is a list, a table or bytes of a fixed length.
"""

import binascii
import functools
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.compiled.texts import find_known, point_texts
from features.contract.arrays import Bools, Int64
from features.errors import DataContractError
from features.intake.pieces import TEXT

_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FIRST_S: Final = -62_135_596_800
_END_S: Final = 253_402_300_800
"""Seconds of the years 1 to 9999, which ISO names with four digits; the end is exclusive."""
_EXACT: Final = {16: 2**11, 32: 2**24, 64: 2**53}
"""By the width of a floating-point type: the first whole number whose neighbour it cannot hold."""
_IN_POWERS: Final = r"^[0-9]([.][0-9]+)?[eE][+][0-9]{2,}$"
"""How spreadsheets write a long number into a CSV once its digits are lost."""
_BYTES_AT_ONCE: Final = 1 << 16
"""Few enough for what is found of them to stay in the processor."""
_PLUS: Final = ord("+")
_UUID_GROUPS: Final = (8, 12, 16, 20)
"""Before which of its 32 digits a UUID has a hyphen."""


def name_place(file: str, column: str) -> str:
    """Return the words by which a message names a column of a file."""
    return f"{file}: column {column!r}"


def write_cells(column: pa.ChunkedArray | pa.Array, *, place: str) -> pa.Array:
    """Write each cell of a column as text: the same text for the same value of any type.

    Parameters
    ----------
    column
        Cells of one type. Parts of a table that have other types are written each by itself.
    place
        File and column, for the message; see :func:`name_place`.

    Returns
    -------
    pa.Array
        ``large_string``, null where a cell is empty: null, a text without a character, or NaN.

    Raises
    ------
    DataContractError
        If the column's type is none that can be written, or bytes of it are no UTF-8. Names the
        place and the type.
    """
    if column.type == TEXT and isinstance(column, pa.Array):
        # Most columns of a request: which writer is theirs takes as long to find as to write them.
        try:
            return _write_text(column)
        except pa.ArrowInvalid:
            raise _refuse_cells(TEXT, place) from None
    plain = find_plain_type(column.type)
    write = next((write for holds, write in _WRITERS if holds(plain)), None)
    if write is None:
        raise refuse_type(column.type, place)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    try:
        written = [_write_chunk(chunk, write) for chunk in chunks]
    except pa.ArrowInvalid:
        raise _refuse_cells(plain, place) from None
    if len(written) == 1:  # joining copies, even where there is nothing to join
        return written[0]
    return pa.concat_arrays(written) if written else pa.array([], type=TEXT)


def _write_chunk(chunk: pa.Array, write: Callable[[pa.Array], pa.Array]) -> pa.Array:
    if pa.types.is_dictionary(chunk.type):
        return _write_chunk(chunk.dictionary, write).take(chunk.indices)
    return write(decode_cells(chunk))


def write_value(value: object) -> str | None:
    """Write one value that came as JSON: the same text as :func:`write_cells` gives it in a column.

    Parameters
    ----------
    value
        Text, a truth value or a number; ``None`` for nothing.

    Returns
    -------
    str or None
        Text as it came; ``yes`` or ``no``; a number without exponent or trailing zeros.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return write_number(repr(value)) if isinstance(value, float) else str(value)


def check_identifier(column: pa.ChunkedArray | pa.Array, *, place: str) -> None:
    """Check that no two identifiers of a column may have become one before it was read.

    Parameters
    ----------
    column
        Cells as they came, before they are written as text.
    place
        File and column, for the message; see :func:`name_place`.

    Raises
    ------
    DataContractError
        If floating-point numbers reach past the last whole number that they tell from its
        neighbour, or if text stands in powers of ten, as spreadsheets write long numbers.
    """
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        # Of a dictionary the words are looked at, which are far fewer than its rows.
        words = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
        values = words if words.type == TEXT else decode_cells(words)
        if pa.types.is_floating(values.type):
            _check_floats(values, place)
        elif (
            values.type == TEXT
            and _may_hold_powers(values)
            and pc.any(pc.match_substring_regex(values, _IN_POWERS)).as_py()
        ):
            raise DataContractError(
                f"{place}: identifiers in powers of ten, such as 1.2E+16, have lost their digits; "
                "export the column as text"
            )


def _may_hold_powers(texts: pa.Array) -> bool:
    """Return whether some text may stand in powers of ten: whether any byte is a plus."""
    where = point_texts(texts)
    first, end = (int(where.start[0]), int(where.start[-1])) if len(texts) else (0, 0)
    return any(
        (where.data[at : min(at + _BYTES_AT_ONCE, end)] == _PLUS).any()
        for at in range(first, end, _BYTES_AT_ONCE)
    )


def _check_floats(values: pa.Array, place: str) -> None:
    exact = _EXACT[values.type.bit_width]
    sizes = pc.abs(values.cast(pa.float64()))
    if pc.any(pc.greater_equal(sizes, float(exact))).as_py():
        raise DataContractError(
            f"{place}: identifiers above 2^{exact.bit_length() - 1} in a column of floating-point "
            "numbers cannot be told apart; export it as text"
        )


def refuse_type(kind: pa.DataType, place: str) -> DataContractError:
    """Return the error of a column whose cells nobody can read."""
    return DataContractError(
        f"{place} holds {kind}, which is no cell of a table; write one value per cell, or export "
        "the column as text"
    )


def _refuse_cells(kind: pa.DataType, place: str) -> DataContractError:
    if pa.types.is_timestamp(kind):
        return DataContractError(
            f"{place} is in the time zone {kind.tz!r}, which is not known; export it in UTC"
        )
    return DataContractError(f"{place} holds {kind} that is not UTF-8; export the column as text")


def find_plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type in which :func:`decode_cells` gives cells of a type."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return find_plain_type(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return TEXT
    if pa.types.is_binary(kind) or pa.types.is_binary_view(kind):
        return pa.large_binary()
    if isinstance(kind, pa.Bool8Type):
        return pa.bool_()
    if isinstance(kind, pa.BaseExtensionType) and not isinstance(kind, pa.UuidType):
        return find_plain_type(kind.storage_type)
    return kind


def decode_cells(column: pa.Array) -> pa.Array:
    """Return the same cells without dictionary, run ends, views or an extension other than UUID.

    Text becomes ``large_string`` and is not looked at: bytes that are no UTF-8 stay as they are.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        # Arrow's own decoding gathers into 32-bit offsets, which fails past 2 GiB.
        return decode_cells(column.dictionary).take(column.indices)
    if pa.types.is_run_end_encoded(kind):
        ends = column.run_ends.to_numpy(zero_copy_only=False)
        places = np.arange(column.offset, column.offset + len(column))
        return decode_cells(column.values).take(
            pa.array(np.searchsorted(ends, places, side="right"))
        )
    if isinstance(kind, pa.Bool8Type):
        return pc.not_equal(column.storage, pa.scalar(0, pa.int8()))
    if isinstance(kind, pa.BaseExtensionType) and not isinstance(kind, pa.UuidType):
        return decode_cells(column.storage)
    plain = find_plain_type(kind)
    return column if plain == kind else column.cast(plain)


def empty_to_null(column: pa.Array) -> pa.Array:
    """Return ``large_string`` with null in place of each text without a character."""
    start = point_texts(column).start
    empty = start[1:] == start[:-1]
    if column.null_count:
        empty &= find_known(column)
    if not empty.any():
        return column
    return pc.if_else(pa.array(empty), pa.scalar(None, TEXT), column)


def write_number(text: str) -> str:
    """Write a decimal number plainly: without an exponent and without zeros at its end."""
    plain = format(Decimal(text), "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain == "-0" else plain


def _write_nothing(column: pa.Array) -> pa.Array:
    return pa.nulls(len(column), TEXT)


def _write_text(column: pa.Array) -> pa.Array:
    column.validate(full=True)
    return empty_to_null(column)


def _write_bytes(column: pa.Array) -> pa.Array:
    return empty_to_null(column.cast(TEXT))


def _write_whole(column: pa.Array) -> pa.Array:
    return column.cast(TEXT)


def _write_truths(column: pa.Array) -> pa.Array:
    return pc.if_else(column, pa.scalar("yes", TEXT), pa.scalar("no", TEXT))


def _write_anew(written: pa.Array, sign: str) -> pa.Array:
    """Write plainly the numbers that have an exponent."""
    odd = pc.fill_null(pc.match_substring(written, sign), False)
    if not pc.any(odd).as_py():
        return written
    plain = [write_number(text) for text in written.filter(odd).to_pylist()]
    return pc.replace_with_mask(written, odd, pa.array(plain, type=TEXT))


def _write_decimals(column: pa.Array) -> pa.Array:
    written = column.cast(TEXT)
    if column.type.scale > 0:
        short = pc.replace_substring_regex(written, pattern="[.]?0+$", replacement="")
        written = pc.if_else(pc.match_substring(written, "E"), written, short)
    return _write_anew(written, "E")


def _write_floats(column: pa.Array) -> pa.Array:
    wide = column.cast(pa.float64())
    # Arrow gives the shortest digits of a type's own width, as Python does of its floats.
    shown = wide if pa.types.is_float16(column.type) else column
    known = pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)
    whole = pc.and_(pc.equal(pc.floor(known), known), pc.less(pc.abs(known), 2.0**53))
    exact = pc.if_else(whole, known, pa.scalar(None, pa.float64())).cast(pa.int64()).cast(TEXT)
    if pc.all(whole).as_py():
        return exact
    others = pc.if_else(whole, pa.scalar(None, shown.type), shown).cast(TEXT)
    return pc.if_else(whole, exact, _write_anew(others, "e"))


def _write_dates(column: pa.Array) -> pa.Array:
    return column.cast(pa.date32()).cast(TEXT)


def _write_long_dates(column: pa.Array) -> pa.Array:
    moments = column.view(pa.timestamp("ms"))
    try:
        return _write_dates(column)
    except pa.ArrowInvalid:  # milliseconds that are no whole days: nothing of them is dropped
        return _write_moments(moments)


def _write_moments(column: pa.Array) -> pa.Array:
    local = pc.local_timestamp(column) if column.type.tz else column
    seconds, fraction = _split_seconds(local)
    known = pc.and_(pc.greater_equal(seconds, _FIRST_S), pc.less(seconds, _END_S))
    named = pc.if_else(known, seconds, pa.scalar(None, pa.int64()))
    written = pc.replace_substring(named.view(pa.timestamp("s")).cast(TEXT), " ", "T")
    written = pc.coalesce(written, seconds.cast(TEXT))  # a number no calendar names stays a number
    offset = _write_offsets(column, local) if column.type.tz else pa.scalar("", TEXT)
    return pc.binary_join_element_wise(written, fraction, offset, pa.scalar("", TEXT))


def _write_times(column: pa.Array) -> pa.Array:
    seconds, fraction = _split_seconds(column)
    written = seconds.cast(pa.int32()).view(pa.time32("s")).cast(TEXT)
    return pc.binary_join_element_wise(written, fraction, pa.scalar("", TEXT))


def _split_seconds(column: pa.Array) -> tuple[pa.Array, pa.Array | pa.Scalar]:
    """Return whole seconds, rounded down, and what follows them as text, to the microsecond."""
    per_second = _PER_SECOND[column.type.unit]
    seconds, rest = np.divmod(_numbers_of(column), per_second)
    nulls: Bools = column.is_null().to_numpy(zero_copy_only=False)
    fine = rest * 1_000_000 // per_second
    if not fine.any():
        return pa.array(seconds, mask=nulls), pa.scalar("", TEXT)
    digits = pc.utf8_lpad(pa.array(fine).cast(TEXT), 6, "0")
    dotted = pc.binary_join_element_wise(pa.scalar(".", TEXT), digits, pa.scalar("", TEXT))
    return (
        pa.array(seconds, mask=nulls),
        pc.if_else(pa.array(fine == 0), pa.scalar("", TEXT), dotted),
    )


def _numbers_of(column: pa.Array) -> Int64:
    """Return what a moment or a time of day is counted in; zero where it is null."""
    narrow = pa.types.is_time32(column.type)
    counted = column.view(pa.int32() if narrow else pa.int64())
    numbers: Int64 = counted.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def _write_offsets(column: pa.Array, local: pa.Array) -> pa.Array:
    unit = _PER_SECOND[column.type.unit]
    offsets, places = np.unique(
        (_numbers_of(local) - _numbers_of(column)) // unit, return_inverse=True
    )
    words = [_name_offset(int(offset)) for offset in offsets]
    return pa.array(words, type=TEXT).take(pa.array(places))


@functools.cache
def _name_offset(seconds: int) -> str:
    hours, rest = divmod(abs(seconds), 3600)
    text = f"{'-' if seconds < 0 else '+'}{hours:02}:{rest // 60:02}"
    return f"{text}:{rest % 60:02}" if rest % 60 else text


def _write_uuids(column: pa.Array) -> pa.Array:
    stored = column.storage.fill_null(bytes(16))
    whole = stored.buffers()[1][stored.offset * 16 : (stored.offset + len(stored)) * 16]
    digits = np.frombuffer(binascii.hexlify(whole), dtype=np.uint8).reshape(-1, 32)
    spelled = np.insert(digits, _UUID_GROUPS, ord("-"), axis=1)
    offsets = np.arange(0, (len(stored) + 1) * 36, 36, dtype=np.int64)
    text = pa.Array.from_buffers(
        TEXT, len(stored), [None, pa.py_buffer(offsets), pa.py_buffer(spelled.tobytes())]
    )
    return pc.if_else(column.is_null(), pa.scalar(None, TEXT), text)


def _is_uuid(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.UuidType)


_WRITERS: Final[
    tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]], ...]
] = (
    (pa.types.is_null, _write_nothing),
    (pa.types.is_large_string, _write_text),
    (pa.types.is_integer, _write_whole),
    (pa.types.is_floating, _write_floats),
    (pa.types.is_boolean, _write_truths),
    (pa.types.is_decimal, _write_decimals),
    (pa.types.is_date32, _write_dates),
    (pa.types.is_date64, _write_long_dates),
    (pa.types.is_timestamp, _write_moments),
    (pa.types.is_time, _write_times),
    (_is_uuid, _write_uuids),
    (pa.types.is_large_binary, _write_bytes),
)
