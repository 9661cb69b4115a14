"""Arrow's own CSV reader, for blocks of text of which it is known that it cuts them as we do.

It infers types, knows words for nothing, and guesses what a stray quote, a NUL, a carriage return
alone and a byte order mark mean; the first two are turned off, and a block that holds any of the
others is left to :mod:`features.intake.csv_rows`.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pc_csv

from features.contract.arrays import Int64
from features.intake.pieces import TEXT

_QUOTE: Final = ord('"')
_LINE_END: Final = ord("\n")
_RETURN: Final = ord("\r")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_PART_BYTES: Final = 1024 * 1024
"""What one thread parses at a time; a line may not be longer."""


def find_plain_end(block: bytes, separator: str) -> int:
    """Return up to where a block may be read by Arrow, if what it finds there are whole rows.

    Parameters
    ----------
    block
        Whole lines, beginning where a row begins.
    separator
        What parts the cells.

    Returns
    -------
    int
        Number of bytes, up to the end of a row; 0 where the block is not plain.
    """
    if b"\0" in block or block.startswith(_BYTE_ORDER_MARK) or not separator.isascii():
        return 0
    returns = block.count(b"\r")
    if returns != (block.count(b"\r\n") if returns else 0):
        return 0
    return _find_quoted_end(block, ord(separator)) if b'"' in block else len(block)


def _find_quoted_end(block: bytes, separator: int) -> int:
    content = np.frombuffer(block, dtype=np.uint8)
    quotes = np.flatnonzero(content == _QUOTE)
    end = len(block)
    if len(quotes) % 2:
        line_ends = np.flatnonzero(content == _LINE_END)
        outside = line_ends[np.searchsorted(quotes, line_ends) % 2 == 0]
        end = int(outside[-1]) + 1 if len(outside) else 0
        quotes = quotes[quotes < end]
    return end if _are_regular(content[:end], quotes, separator) else 0


def _are_regular(content: npt.NDArray[np.uint8], quotes: Int64, separator: int) -> bool:
    """Say whether each quote opens a cell, closes one, or is one of two inside a quoted cell."""
    opening, closing = quotes[::2], quotes[1::2]
    doubled = opening[1:] - 1 == closing[:-1]
    before = np.where(opening > 0, content[opening - 1], _LINE_END)
    starts = (before == separator) | (before == _LINE_END)
    starts[1:] |= doubled
    after = content[np.minimum(closing + 1, len(content) - 1)]
    stops = (after == separator) | (after == _LINE_END) | (after == _RETURN)
    stops |= closing == len(content) - 1
    stops[:-1] |= doubled
    return bool(starts.all() and stops.all())


def parse_plain(block: bytes, header: list[str], separator: str) -> pa.Table | None:
    """Read a block of rows as text; nothing where a row of it is not as it should be.

    Parameters
    ----------
    block
        Whole rows, as far as :func:`find_plain_end` says.
    header
        Names of the columns.
    separator
        What parts the cells.

    Returns
    -------
    pa.Table or None
        Columns of ``large_string``, null where a cell is empty.
    """
    names = [str(place) for place in range(len(header))]
    quoted = b'"' in block
    try:
        table = pc_csv.read_csv(
            pa.BufferReader(block),
            read_options=pc_csv.ReadOptions(column_names=names, block_size=_PART_BYTES),
            parse_options=pc_csv.ParseOptions(
                delimiter=separator,
                quote_char='"' if quoted else False,
                newlines_in_values=quoted,
                ignore_empty_lines=True,
            ),
            convert_options=pc_csv.ConvertOptions(
                column_types=dict.fromkeys(names, TEXT),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:  # its message quotes the file, so nothing of it is passed on
        return None
    return table.rename_columns(header)
