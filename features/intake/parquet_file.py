"""Reading a Parquet file as the types that it holds; text that is none costs its own row."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.contract.arrays import Bools
from features.intake.cells import decode_cells, empty_to_null
from features.intake.parquet_pages import find_parquet_bounds
from features.intake.pieces import TEXT, BadRow, Piece, check_header, fail
from features.intake.unpacking import check_unpacked


def read_parquet(
    path: Path, file: str, rows_per_piece: int, words: Collection[str] = ()
) -> Iterator[Piece]:
    """Yield the rows of a Parquet file.

    Parameters
    ----------
    path, file
        The file, and its name for messages and rejects.
    rows_per_piece
        The most rows of a piece.
    words
        Columns that are handed on as dictionaries of text, where they are text.

    Yields
    ------
    Piece
        Consecutive rows; at least one piece, which may be empty but has the columns.

    Raises
    ------
    DataContractError
        If the file as a whole cannot be read.
    """
    try:
        bounds = find_parquet_bounds(path, file, rows_per_piece)
        n_bytes = 0
        with pq.ParquetFile(path, read_dictionary=_find_words(path, words)) as opened:
            schema = opened.schema_arrow
            check_header(file, schema.names)
            number = 0
            for batch in opened.iter_batches(batch_size=bounds.rows_at_once):
                piece = make_piece(file, batch, number + 1, words)
                n_bytes += piece.table.nbytes
                check_unpacked(file, n_bytes, bounds.most_read_bytes)
                yield piece
                number += batch.num_rows
            if number == 0:
                yield make_piece(file, pa.RecordBatch.from_pylist([], schema=schema), 1)
    except (pa.ArrowException, OSError, ValueError):
        raise fail(file, "this is not a whole Parquet file; export it again") from None


def _find_words(path: Path, words: Collection[str]) -> list[str]:
    """Return the columns among some that a file holds as text."""
    if not words:
        return []
    schema = pq.read_schema(path)
    return [field.name for field in schema if field.name in words and is_text(field.type)]


def make_piece(file: str, batch: pa.RecordBatch, first: int, words: Collection[str] = ()) -> Piece:
    """Make a piece of typed rows: plain columns, and apart the rows whose text is none.

    Parameters
    ----------
    file
        The file's name.
    batch
        The rows as they came.
    first
        Number of the first row.
    words
        Columns that stay dictionaries of text where the batch holds them so.

    Returns
    -------
    Piece
        Columns without run ends and views; text and bytes are ``large_string``, or a dictionary of
        it where the batch holds one.
    """
    columns = [
        _keep_words(column) if name in words else decode_cells(column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    codes = np.full(batch.num_rows, "", dtype=object)
    for place, column in enumerate(columns):
        if column.type in (TEXT, pa.large_binary()):
            columns[place] = _read_text(column, codes)
    rows = np.arange(first, first + batch.num_rows, dtype=np.int64)
    table = pa.table(columns, names=batch.schema.names)
    good = np.equal(codes, "")
    if good.all():
        return Piece(file, table, rows)
    bad = tuple(
        BadRow(int(rows[row]), codes[row], _describe_row(batch, int(row)))
        for row in np.flatnonzero(~good)
    )
    return Piece(file, table.filter(pa.array(good)), rows[good], bad)


def _read_text(column: pa.Array, codes: np.ndarray) -> pa.Array:
    """Return a column as text, and note the rows whose cells are no UTF-8 or hold a NUL."""
    try:
        text = column.cast(TEXT)
        text.validate(full=True)
    except pa.ArrowInvalid:
        unread = _find_unread(column)
        codes[unread] = "encoding"
        kept = pc.if_else(pa.array(unread), pa.scalar(None, column.type), column)
        text = kept.cast(TEXT)
    if holds_nul(text):
        codes[_mark(pc.match_substring(text, "\0")) & np.equal(codes, "")] = "nul"
    return empty_to_null(text)


def _keep_words(column: pa.Array) -> pa.Array:
    """Return a column of words over its dictionary; decoded where a word is no text or has a NUL,
    so that its rows can be told.
    """
    if not (pa.types.is_dictionary(column.type) and is_text(column.type.value_type)):
        return decode_cells(column)
    words = column.dictionary.cast(TEXT)
    try:
        words.validate(full=True)
    except pa.ArrowInvalid:
        return decode_cells(column)
    if holds_nul(words):
        return decode_cells(column)
    return pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), words)


def is_text(kind: pa.DataType) -> bool:
    """Say whether a type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def holds_nul(text: pa.Array) -> bool:
    """Say whether a column of text may hold a NUL: its buffer does, whichever cells it shows."""
    content = text.buffers()[2]
    return bool(content) and np.frombuffer(content, dtype=np.uint8).min() == 0


def _find_unread(column: pa.Array) -> Bools:
    content = column.cast(pa.large_binary())
    return np.array([not _is_utf8(cell) for cell in content.to_pylist()], dtype=np.bool_)


def _is_utf8(cell: bytes | None) -> bool:
    try:
        (cell or b"").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _mark(mask: pa.Array) -> Bools:
    marked: Bools = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return marked


def _describe_row(batch: pa.RecordBatch, row: int) -> dict[str, object]:
    return {
        name: _show(decode_cells(column.slice(row, 1)))
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }


def _show(cell: pa.Array) -> object:
    """Return a cell for the file of rejects; bytes that are no text as a CSV would show them."""
    if cell.type in (TEXT, pa.large_binary()):
        content = cell.cast(pa.large_binary())[0].as_py()
        return None if content is None else content.decode("utf-8", "surrogateescape")
    return cell[0].as_py()
