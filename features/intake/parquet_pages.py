"""What a Parquet file unpacks to, before any of it is unpacked.

The footer may say anything; what memory is taken for stands in the header of each page, which is
read here (a few bytes each, Thrift's compact protocol). A text in a dictionary is written out once
for each row that names it, so that how long the longest one is bounds how many rows may be read
together.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.intake.unpacking import check_unpacked, find_bound

_READ_TIMES: Final = 4
"""What is read is as many times as large as what is packed: each cell has a place of 8 bytes."""
_CELL_BYTES: Final = 8
_BATCH_BYTES: Final = 128 * 1024 * 1024
_DATA_PAGES: Final = (0, 3)
_DICTIONARY_PAGE: Final = 2
_TEXT: Final = "BYTE_ARRAY"
# Fields of Thrift's PageHeader, and of the headers of each kind of page in it.
_TYPE, _UNPACKED, _PACKED, _DATA, _DICTIONARY, _DATA_2 = 1, 2, 3, 5, 7, 8
_N_VALUES: Final = 1
_TRUE, _FALSE, _BYTE, _INT_16, _INT_32, _INT_64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = (
    range(1, 13)
)


@dataclass(frozen=True)
class ParquetBounds:
    """How a Parquet file may be read.

    Parameters
    ----------
    rows_at_once
        The most rows that are read together.
    most_read_bytes
        The most bytes that all of it may take once it is read.
    """

    rows_at_once: int
    most_read_bytes: int


@dataclass(frozen=True)
class _Page:
    kind: int
    unpacked_bytes: int
    end: int
    n_values: int


def find_parquet_bounds(path: Path, file: str, rows_at_once: int) -> ParquetBounds:
    """Check how far a file unpacks, and return how it may be read.

    Parameters
    ----------
    path, file
        The file, and its name for messages.
    rows_at_once
        The most rows that the caller would read together.

    Returns
    -------
    ParquetBounds
        How the file may be read.

    Raises
    ------
    DataContractError
        If it unpacks too far.
    ValueError
        If it is no whole Parquet file.
    """
    bound = find_bound(path)
    most_read = _READ_TIMES * bound
    unpacked = n_values = 0
    long: set[tuple[int, int]] = set()
    metadata = pq.read_metadata(path)
    columns = max(1, metadata.num_columns)
    check_unpacked(file, _CELL_BYTES * metadata.num_rows * columns // _READ_TIMES, bound)
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
        for group in range(metadata.num_row_groups):
            for column in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(column)
                for page in _walk_pages(held, chunk):
                    unpacked += page.unpacked_bytes
                    check_unpacked(file, unpacked, bound)
                    if page.kind in _DATA_PAGES:
                        n_values += page.n_values
                        check_unpacked(file, _CELL_BYTES * n_values // _READ_TIMES, bound)
                    elif page.unpacked_bytes * rows_at_once > _BATCH_BYTES:
                        long.add((group, column))
    texts = [
        place for place in long if _is_flat_text(metadata.row_group(place[0]).column(place[1]))
    ]
    longest = max((_find_longest(path, metadata, *place) for place in texts), default=0)
    fitting = rows_at_once if longest == 0 else max(1, _BATCH_BYTES // longest)
    return ParquetBounds(min(rows_at_once, fitting), most_read)


def _is_flat_text(chunk: Any) -> bool:
    return bool(chunk.physical_type == _TEXT and "." not in chunk.path_in_schema)


def _find_longest(path: Path, metadata: Any, group: int, column: int) -> int:
    """Return the bytes of the longest text in the dictionary of a part of a column."""
    name = metadata.row_group(group).column(column).path_in_schema
    with pq.ParquetFile(path, read_dictionary=[name]) as opened:
        batches = opened.iter_batches(batch_size=1, row_groups=[group], columns=[name])
        first = next(batches, None)
    if first is None or not hasattr(first.column(0), "dictionary"):
        return 0
    return int(pc.max(pc.binary_length(first.column(0).dictionary)).as_py() or 0)


def _walk_pages(held: mmap.mmap, chunk: Any) -> Iterator[_Page]:
    """Yield the pages of a part of a column."""
    offsets = (chunk.data_page_offset, chunk.dictionary_page_offset)
    place = min(offset for offset in offsets if offset)
    end = place + chunk.total_compressed_size
    if not 0 < place <= end <= len(held):
        raise ValueError("a column lies outside the file")
    while place < end:
        page = _read_page(held, place)
        yield page
        place = page.end


def _read_page(held: mmap.mmap, place: int) -> _Page:
    reader = _Thrift(held, place)
    fields = reader.read_struct({_TYPE, _UNPACKED, _PACKED}, {_DATA, _DICTIONARY, _DATA_2})
    unpacked, packed = fields.get(_UNPACKED, -1), fields.get(_PACKED, -1)
    if unpacked < 0 or packed < 0 or _TYPE not in fields:
        raise ValueError("a page without a size")
    return _Page(fields[_TYPE], unpacked, reader.place + packed, fields.get(-_N_VALUES, 0))


class _Thrift:
    """Reads what is needed of a struct of Thrift's compact protocol, and passes over the rest."""

    def __init__(self, content: mmap.mmap, place: int) -> None:
        self._content, self.place = content, place

    def read_struct(self, wanted: set[int], inner: set[int], depth: int = 0) -> dict[int, int]:
        """Return whole numbers by field, and under -1 the number of values of an inner struct."""
        if depth > _STRUCT:
            raise ValueError("structs too deep")
        found: dict[int, int] = {}
        number = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            number = number + step if step else self._zigzag()
            if kind in (_INT_16, _INT_32, _INT_64):
                value = self._zigzag()
                if number in wanted:
                    found[number] = value
            elif kind == _STRUCT and number in inner:
                values = self.read_struct({_N_VALUES}, set(), depth + 1)
                found[-_N_VALUES] = max(0, values.get(_N_VALUES, 0))
            else:
                self._skip(kind, depth)
        return found

    def _byte(self) -> int:
        if self.place >= len(self._content):
            raise ValueError("a page header ends too early")
        byte = self._content[self.place]
        self.place += 1
        return byte

    def _number(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:  # noqa: PLR2004 - the highest bit says that more follows
                return value
            shift += 7
            if shift > 63:  # noqa: PLR2004 - no number of Thrift's has more bits
                raise ValueError("a number without an end")

    def _zigzag(self) -> int:
        value = self._number()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, kind: int, depth: int) -> None:
        if kind in (_TRUE, _FALSE):
            return
        if kind == _BYTE:
            self.place += 1
        elif kind in (_INT_16, _INT_32, _INT_64):
            self._number()
        elif kind == _DOUBLE:
            self.place += 8
        elif kind == _BINARY:
            size = self._number()
            self.place += size
        elif kind == _STRUCT:
            self.read_struct(set(), set(), depth + 1)
        else:  # a page header has no lists, sets or maps
            raise ValueError("no page header")


__all__ = ["ParquetBounds", "find_parquet_bounds"]
