"""Typed columns of a sound table, checked as whole columns: codes, moments, numbers, keys.

Where :mod:`features.intake.normalisation` reads cells and keeps bad ones apart, this module takes a
column whole or refuses it, and names the column. Columns are read one at a time, so that a table
that lies in files is never held as a whole.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.contract.arrays import MISSING, Float64, Int32, Int64
from features.contract.tables import MAX_NARRATIVE_LENGTH, MAX_TEXT_LENGTH, Column, Form, Table
from features.engine.placing import Texts
from features.errors import DataContractError
from features.history.columns import Coded
from features.intake.normalisation import DAY_US, LATEST_AHEAD_US, Clock

REMEDY: Final = "use `caselight import` or the usual reading of folders, which keep such rows apart"
_MOMENT: Final = pa.timestamp("us", tz="UTC")
_FIRST_VISIBLE: Final = 0x21
_LAST_VISIBLE: Final = 0x7E


@dataclass(frozen=True)
class TypedTable:
    """One table of the contract, its columns read on demand.

    Parameters
    ----------
    contract
        Which table.
    size
        Number of rows.
    names
        Columns that are there.
    read
        Gives a column by name; may be called by several threads at once.
    """

    contract: Table
    size: int
    names: frozenset[str]
    read: Callable[[str], pa.ChunkedArray]

    def column(self, name: str) -> pa.ChunkedArray | None:
        """Return a column, ``None`` where it is absent or has only empty cells.

        Raises
        ------
        DataContractError
            If a needed column is absent or has any empty cell.
        """
        column = self.read(name) if name in self.names else None
        if self._described(name).required and (column is None or column.null_count):
            self.refuse(name, "is absent or has empty cells")
        return None if column is None or column.null_count == self.size else column

    def refuse(self, name: str, what: str) -> NoReturn:
        """Refuse the table for one of its columns.

        Raises
        ------
        DataContractError
            Always.
        """
        raise DataContractError(f"column {name} of table {self.contract.name} {what}; {REMEDY}")

    def keep(self, kept: npt.NDArray[np.bool_]) -> "TypedTable":
        """Return the table with some of its rows; ``kept`` has shape ``(size,)``."""
        mask = pa.array(kept)
        return TypedTable(
            self.contract, int(kept.sum()), self.names, lambda name: self.read(name).filter(mask)
        )

    def _described(self, name: str) -> Column:
        return next(column for column in self.contract.columns if column.name == name)

    def codes(self, name: str) -> Coded:
        """Return a column of codes in the order of rows, blanks stripped, defaults filled in."""
        described = self._described(name)
        column = self.column(name)
        if column is None:
            code = 0 if described.default and self.size else MISSING
            return Coded(
                np.full(self.size, code, dtype=np.int32),
                (described.default,) if described.default and self.size else (),
            )
        if not _names_things(column.type):
            self.refuse(name, "holds neither text nor whole numbers")
        distinct, codes = encode(column)
        words = pc.utf8_trim_whitespace(self._check_letters(name, _to_text(distinct)))
        if described.form is Form.CHOICE:
            words = pc.utf8_lower(words)
        words = [word or described.default for word in words.to_pylist()]
        if any(len(word) > MAX_TEXT_LENGTH for word in words if word):
            self.refuse(name, "holds text that is too long")
        coded = _rank(words, codes, described.default)
        if described.choices and not set(coded.values) <= set(described.choices):
            self.refuse(name, f"holds other values than {', '.join(described.choices)}")
        if described.required and (coded.codes == MISSING).any():
            self.refuse(name, "is absent or has empty cells")
        return coded

    def moments(self, name: str, clock: Clock) -> Int64:
        """Return a column of moments that has no empty cell, microseconds UTC."""
        column = self._check_moments(name, clock)
        return np.empty(0, dtype=np.int64) if column is None else column.to_numpy()

    def _check_moments(self, name: str, clock: Clock) -> pa.ChunkedArray | None:
        column = self.column(name)
        if column is None:
            return None
        found = read_moments(column)
        if found is None:
            self.refuse(name, "holds no timestamps with a zone, to the microsecond")
        may_lie_ahead = self._described(name).form is Form.OCCURRED or name == "occurred_until"
        latest = clock.extract_at_us + (LATEST_AHEAD_US if may_lie_ahead else DAY_US)
        ends = pc.min_max(found).as_py()
        if len(found) and not clock.earliest_us <= ends["min"] <= ends["max"] <= latest:
            self.refuse(name, "holds dates that cannot be")
        return found

    def numbers(self, name: str) -> Float64 | None:
        """Return a column of numbers, NaN where unknown; ``None`` where it is empty or absent."""
        column = self.column(name)
        if column is None:
            return None
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            self.refuse(name, "holds no numbers")
        found: Float64 = column.cast(pa.float64(), safe=False).to_numpy()
        if np.isinf(found).any():
            self.refuse(name, "holds numbers without end")
        return found

    def keys(self, name: str) -> pa.LargeStringArray | None:
        """Return a column of identifiers as text; ``None`` where it is empty or absent."""
        column = self.column(name)
        if column is None:
            return None
        if not _names_things(column.type):
            self.refuse(name, "holds neither text nor whole numbers")
        keys = _to_text(_decode(column)).cast(pa.large_string()).fill_null("")
        joined: pa.LargeStringArray = self._check_letters(name, _join(keys))
        self._check_keys(name, joined)
        return joined

    def _check_letters(self, name: str, texts: Any) -> Any:
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid:
            self.refuse(name, "holds text that is not UTF-8")
        return texts

    def _check_keys(self, name: str, keys: pa.LargeStringArray) -> None:
        texts = point_texts(keys)
        full = texts.start[1:] > texts.start[:-1]
        if self._described(name).required and not full.all():
            self.refuse(name, "is absent or has empty cells")
        edges = np.concatenate((texts.start[:-1][full], texts.start[1:][full] - 1))
        edge = np.take(texts.data, edges)
        if ((edge < _FIRST_VISIBLE) | (edge > _LAST_VISIBLE)).any() and not pc.all(
            pc.equal(keys, pc.utf8_trim_whitespace(keys))
        ).as_py():
            self.refuse(name, "holds keys with blanks around them")
        self._check_length(name, keys, MAX_TEXT_LENGTH)

    def _check_length(self, name: str, texts: pa.Array, longest: int) -> None:
        # Bytes are counted first: there are as many or more of them than letters.
        if (pc.max(pc.binary_length(texts)).as_py() or 0) > longest and pc.max(
            pc.utf8_length(texts)
        ).as_py() > longest:
            self.refuse(name, "holds text that is too long")

    def check_others(self, names: Sequence[str], clock: Clock) -> None:
        """Check columns that nothing is made from, so that both readings refuse the same."""
        for name in names:
            described = self._described(name)
            if described.form in (Form.OCCURRED, Form.RECORDED):
                self._check_moments(name, clock)
            elif described.form is not Form.TEXT:
                self.codes(name)
            elif (column := self.column(name)) is not None:
                if not is_text(column.type):
                    self.refuse(name, "holds no text")
                self._check_length(name, _decode(column), MAX_NARRATIVE_LENGTH)


def from_arrow(contract: Table, table: pa.Table) -> TypedTable:
    """Return a table that is held in memory; columns that the contract does not know are left."""
    _check_names(contract, table.column_names)
    return TypedTable(contract, table.num_rows, frozenset(table.column_names), table.column)


def from_files(contract: Table, paths: Sequence[Path]) -> TypedTable:
    """Return a table that lies in Parquet files, one or a partition set.

    Raises
    ------
    DataContractError
        If a file cannot be read as a whole. Names the file.
    """
    names: dict[str, None] = {}
    size = 0
    for path in paths:
        if path.suffix != ".parquet":
            raise DataContractError(f"{path.name} is not Parquet; {REMEDY}")
        with whole_file(path), pq.ParquetFile(path) as file:
            _check_names(contract, file.schema_arrow.names)
            names |= dict.fromkeys(file.schema_arrow.names)
            size += file.metadata.num_rows

    def read(name: str) -> pa.ChunkedArray:
        parts = [_read_part(path, name) for path in paths]
        try:
            return pa.concat_tables(parts, promote_options="default").column(name)
        except pa.ArrowException:
            raise DataContractError(
                f"column {name} of table {contract.name} has several types; {REMEDY}"
            ) from None

    return TypedTable(contract, size, frozenset(names), read)


@contextmanager
def whole_file(path: Path) -> Iterator[None]:
    """Turn what a broken file raises into one clear error that names it."""
    try:
        yield
    except (pa.ArrowException, OSError):
        raise DataContractError(
            f"{path.name}: this is not a whole Parquet file; export it again"
        ) from None


def _read_part(path: Path, name: str) -> pa.Table:
    with whole_file(path):
        schema = pq.read_schema(path)
        if name not in schema.names:
            rows = pq.read_metadata(path).num_rows
            return pa.table({name: pa.nulls(rows)})
        repeats = is_repetitive(name) and is_text(schema.field(name).type)
        return pq.read_table(
            path, columns=[name], read_dictionary=[name] if repeats else [], partitioning=None
        )


def is_repetitive(name: str) -> bool:
    """Say whether a column of text holds few distinct values."""
    return name not in ("event_id", "fact_id", "incident_id", "supersedes", "narrative")


def _check_names(contract: Table, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise DataContractError(f"table {contract.name} has two columns of one name; rename one")


def read_moments(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return microseconds UTC; ``None`` where a column holds no such moments."""
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        return None
    try:
        return column.cast(_MOMENT).cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def encode(column: pa.ChunkedArray) -> tuple[pa.Array, Int32]:
    """Return the distinct values of a column as they come, and each row's code among them,
    ``MISSING`` for an empty cell. Values that no row has may be among them.
    """
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    column = column.unify_dictionaries()
    if not column.num_chunks:
        return pa.array([], column.type.value_type), np.empty(0, dtype=np.int32)
    chunks = [
        chunk.indices.cast(pa.int32()).fill_null(MISSING).to_numpy() for chunk in column.chunks
    ]
    return column.chunk(0).dictionary, _concatenate(chunks)


def _rank(words: Sequence[str | None], codes: Int32, default: str | None) -> Coded:
    """Return codes into the sorted distinct words that any row has."""
    used = np.bincount(codes + 1, minlength=len(words) + 1) > 0
    present = {word for word, is_used in zip(words, used[1:], strict=True) if is_used and word}
    if default and used[0]:
        present.add(default)
    values = tuple(sorted(present))
    number = {word: code for code, word in enumerate(values)}
    last = default if used[0] else None
    ranks = [number.get(word or "", MISSING) for word in (*words, last)]
    return Coded(np.take(np.array(ranks, dtype=np.int32), codes), values)


def point_texts(keys: pa.LargeStringArray | None) -> Texts:
    """Return where each text lies in memory; nothing is copied."""
    if keys is None:
        return Texts(freeze(np.empty(0, np.int64)), freeze(np.empty(0, np.uint8)))
    _, starts, data = keys.buffers()
    start = np.frombuffer(starts, dtype=np.int64)[keys.offset : keys.offset + len(keys) + 1]
    return Texts(freeze(start), freeze(np.frombuffer(data or b"", dtype=np.uint8)))


def freeze(array: Any) -> Any:
    """Return an array that cannot be written to, which the compiler takes for a type of its own."""
    seen = array.view()
    seen.flags.writeable = False
    return seen


def _concatenate(chunks: list[Any]) -> Any:
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)


def _join(column: Any) -> Any:
    """Return a chunked column as one array."""
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    return column


def _decode(column: Any) -> Any:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _to_text(column: Any) -> Any:
    return column if is_text(column.type) else column.cast(pa.string())


def _values_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def is_text(kind: pa.DataType) -> bool:
    """Say whether a column holds text, as it is or by dictionary."""
    kind = _values_type(kind)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _names_things(kind: pa.DataType) -> bool:
    return is_text(kind) or bool(pa.types.is_integer(_values_type(kind)))
