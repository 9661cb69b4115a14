"""Digests of rows: a few bytes that show any change of what a row holds, and say nothing of it.

The bytes of a row are its table's name, its place in the order of rows and its other cells in the
table's order, as texts with a NUL between them: no stored text has one. An empty cell is U+0001,
and a text that begins with that letter has one more before it. Cells that hold nothing at
the end are left out, so that a column which a later version adds changes no digest of rows from
before: it must be added last. Truths are 1 and 0, numbers that are not whole are in the shortest
form that reads back as the same one, and JSON has its keys in order and no spaces.

The digest is BLAKE2b of 16 bytes over these bytes, keyed by the row's owner
(:mod:`serving.store.row_secrets`). It stands behind the number of the row's owner among those that
the part names, 4 bytes, and the row's place, 8 bytes, the highest first.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Boolean, Column, ColumnElement, Integer, Table, Text, type_coerce
from sqlalchemy.types import JSON

_DIGEST_BYTES: Final = 16
_OWNER_BYTES: Final = 4
_PLACE_AT: Final = _OWNER_BYTES
_DIGEST_AT: Final = _PLACE_AT + 8
_ROW_BYTES: Final = _DIGEST_AT + _DIGEST_BYTES
_BETWEEN: Final = "\0"
_NOTHING: Final = "\x01"
_FOREIGN: Final = "\x01\x02"
"""Stands before what no store of ours holds; it is in no row that was digested when written."""
_TEXT: Final = pa.large_string()
PLACE: Final = "stored_seq"
"""The column of a row's place in the order of rows."""


@dataclass(frozen=True)
class RowDigests:
    """The digests of rows of one table, as one line of the log of changes has them.

    Parameters
    ----------
    first_seq, last_seq
        The places among which they are all rows of their table, both inclusive; 0 and 0 where they
        are rows from before that were changed lawfully.
    table
        The table's name.
    owners
        Whose rows they are, one a line.
    digests
        Owner, place and digest of each row, by places.
    """

    first_seq: int
    last_seq: int
    table: str
    owners: str
    digests: bytes

    def count_rows(self) -> int:
        """Return how many rows they are of."""
        return len(self.digests) // _ROW_BYTES

    def list_rows(self) -> Iterator[tuple[int, bytes, str]]:
        """Yield each row's place, digest and owner."""
        owners = self.owners.split("\n")
        for start in range(0, len(self.digests), _ROW_BYTES):
            row = self.digests[start : start + _ROW_BYTES]
            owner = int.from_bytes(row[:_OWNER_BYTES], "big")
            place = int.from_bytes(row[_PLACE_AT:_DIGEST_AT], "big")
            # A number that names none is of digests that were tampered with.
            yield place, row[_DIGEST_AT:], owners[owner] if owner < len(owners) else ""


def list_columns(table: Table) -> "list[Column[Any]]":
    """Return the columns of a table in the order in which a row's bytes have them."""
    return [table.c[PLACE], *(column for column in table.columns if column.name != PLACE)]


def select_columns(table: Table, *, is_sqlite: bool) -> "list[ColumnElement[Any]]":
    """Return what to select for the bytes of a table's rows, as they are kept.

    SQLite keeps a truth as any number and JSON as any text, and a rule may compare either: they are
    read as they stand, not as what they are taken for.
    """
    chosen: list[ColumnElement[Any]] = []
    for column in list_columns(table):
        kind = column.type
        if isinstance(kind, Boolean):
            chosen.append(type_coerce(column, Integer))
        elif is_sqlite and isinstance(kind, JSON):
            chosen.append(type_coerce(column, Text))
        else:
            chosen.append(column)
    return chosen


def write_row(table: str, cells: Sequence[Any]) -> bytes:
    """Return the bytes of a row as the database returns it.

    Parameters
    ----------
    table
        The table's name.
    cells
        The cells of :func:`list_columns`.

    Returns
    -------
    bytes
        The same on both databases.
    """
    texts = [table, *map(_write, cells)]
    while texts[-1] == _NOTHING:
        texts.pop()
    return _BETWEEN.join(texts).encode("utf-8", "surrogatepass")


def _write(cell: Any) -> str:
    if cell is None:
        return _NOTHING
    if isinstance(cell, str):
        if _BETWEEN in cell:
            return _FOREIGN + cell.replace(_BETWEEN, _FOREIGN)
        return _NOTHING + cell if cell.startswith(_NOTHING) else cell
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, dict | list):
        said = json.dumps(cell, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return said.replace(_BETWEEN, _FOREIGN)
    return repr(cell) if isinstance(cell, int | float) else _FOREIGN + repr(cell)


def write_columns(table: Table, rows: pa.Table) -> list[bytes]:
    """Return the bytes of rows that are about to be written, given as Arrow's columns.

    They are the bytes that :func:`write_row` gives for the same rows once they are read again.

    Parameters
    ----------
    table
        The table; it has columns of text, whole numbers and numbers alone.
    rows
        The rows with the table's columns; one that is not among them is empty.
    """
    named: list[Any] = [pa.scalar(table.name, _TEXT)]
    there = set(rows.column_names)
    for column in list_columns(table):
        given = rows.column(column.name) if column.name in there else None
        if given is None or given.null_count == len(given):
            named.append(pa.scalar(None, _TEXT))
        else:
            named.append(_write_column(given))
    while isinstance(named[-1], pa.Scalar) and not named[-1].is_valid:
        named.pop()
    joined = pc.binary_join_element_wise(
        *named,
        pa.scalar(_BETWEEN, _TEXT),
        null_handling="replace",
        null_replacement=_NOTHING,
    )
    written = [one for chunk in joined.chunks for one in _list_bytes(chunk)]
    last = named[-1]
    return [_cut(one) for one in written] if last.null_count else written


def _list_bytes(chunk: pa.Array) -> list[bytes]:
    return list(chunk.cast(pa.large_binary()).to_numpy(zero_copy_only=False).tolist())


def _cut(written: bytes) -> bytes:
    """Leave out the cells at the end that hold nothing."""
    end = (_BETWEEN + _NOTHING).encode()
    while written.endswith(end):
        written = written[: -len(end)]
    return written


def _write_column(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_floating(cells.type):
        said = [None if cell is None else repr(cell) for cell in cells.to_pylist()]
        return pa.chunked_array([pa.array(said, _TEXT)])
    if pa.types.is_integer(cells.type):
        return cells.cast(_TEXT)
    texts = cells.cast(_TEXT)
    begins = pc.starts_with(texts, _NOTHING)
    if not pc.any(begins).as_py():
        return texts
    longer = pc.binary_join_element_wise(pa.scalar(_NOTHING, _TEXT), texts, pa.scalar("", _TEXT))
    return pc.if_else(begins, longer, texts)


def digest_row(key: bytes, written: bytes) -> bytes:
    """Return the digest of a row's bytes under its owner's key."""
    return blake2b(written, key=key, digest_size=_DIGEST_BYTES).digest()


def make_part(
    window: tuple[int, int],
    table: str,
    rows: tuple[Sequence[int], Sequence[str], Sequence[bytes]],
    keys: Mapping[str, bytes],
) -> RowDigests:
    """Return the digests of rows of a table.

    Parameters
    ----------
    window
        First and last place (:class:`RowDigests`).
    table
        The table's name.
    rows
        Places, owners and bytes of the rows, by places; at least one row.
    keys
        The key of each owner.
    """
    places, owners, written = rows
    digests = b"".join(
        [
            blake2b(one, key=keys[owner], digest_size=_DIGEST_BYTES).digest()
            for owner, one in zip(owners, written, strict=True)
        ]
    )
    return _pack(window, table, places, owners, digests)


def join_parts(parts: Sequence[RowDigests]) -> RowDigests:
    """Return the parts of one window and one table as one, by places."""
    if len(parts) == 1:
        return parts[0]
    rows = sorted(row for part in parts for row in part.list_rows())
    window = (parts[0].first_seq, parts[0].last_seq)
    digests = b"".join(digest for _, digest, _ in rows)
    places, owners = [place for place, _, _ in rows], [owner for _, _, owner in rows]
    return _pack(window, parts[0].table, places, owners, digests)


def _pack(
    window: tuple[int, int],
    table: str,
    places: Sequence[int],
    owners: Sequence[str],
    digests: bytes,
) -> RowDigests:
    numbers = {owner: number for number, owner in enumerate(dict.fromkeys(owners))}
    packed = np.empty((len(owners), _ROW_BYTES), dtype=np.uint8)
    named = np.array([numbers[owner] for owner in owners], dtype=">u4")
    packed[:, :_PLACE_AT] = named.view(np.uint8).reshape(-1, _OWNER_BYTES)
    placed = np.asarray(places, dtype=">u8").view(np.uint8)
    packed[:, _PLACE_AT:_DIGEST_AT] = placed.reshape(len(owners), -1)
    packed[:, _DIGEST_AT:] = np.frombuffer(digests, np.uint8).reshape(-1, _DIGEST_BYTES)
    return RowDigests(*window, table, "\n".join(numbers), packed.tobytes())


class ContentDigest:
    """The one digest that a line of the log carries over the digests of its rows.

    It is SHA-256 over the parts: by windows as they come, and within a window by table. Before the
    digests of each part stand its window, table, owners and their length, each ended by a NUL.
    """

    def __init__(self) -> None:
        self._digest = sha256()
        self._is_empty = True

    def add(self, parts: Sequence[RowDigests]) -> None:
        """Add the parts of one window."""
        for part in sorted(parts, key=lambda one: (one.first_seq, one.table)):
            said = (part.first_seq, part.last_seq, part.table, part.owners, len(part.digests))
            self._digest.update("".join(f"{one}\0" for one in said).encode())
            self._digest.update(part.digests)
            self._is_empty = False

    def show(self) -> str | None:
        """Return the digest in hexadecimal letters; ``None`` where there was no part."""
        return None if self._is_empty else self._digest.hexdigest()
