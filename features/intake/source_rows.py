"""Rows of an export as a mapping sees them: every cell as its one canonical text.

What a condition, a template, a map of values or a format looks at is the text that the edge would
read: without surrounding blanks, empty where nothing or a word for "not known" stands there. So a
whole number in Parquet and the same digits in a CSV are one, whatever their neighbours hold.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.contract.arrays import Bools, Int64
from features.intake.cells import write_cells


@dataclass(frozen=True)
class SourceRows:
    """Some rows of one file of an export.

    Parameters
    ----------
    file
        The file's name.
    table
        Its columns, text or typed.
    rows
        Shape ``(table.num_rows,)``, numbers of the rows in the file from 1.
    empty_words
        Words that mean an empty cell, letter case and surrounding blanks apart.
    parts
        Columns whose cells were parted into several rows, as text.
    """

    file: str
    table: pa.Table
    rows: Int64
    empty_words: frozenset[str] = frozenset()
    parts: Mapping[str, pa.LargeStringArray] = field(default_factory=dict)
    _texts: dict[str, pa.LargeStringArray] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def write(self, column: str) -> pa.LargeStringArray:
        """Return a column as text; empty cells are null."""
        if column not in self._texts:
            if column in self.parts:
                text = self.parts[column]
            else:
                text = write_cells(self.table[column], place=f"{self.file}, {column}")
            self._texts[column] = blank(_join(text), self.empty_words)
        return self._texts[column]

    def give(self, column: str) -> pa.Array:
        """Return a column in its own type, null where its text is empty."""
        if column in self.parts:
            return self.write(column)
        given = _join(self.table[column])
        if is_text(given.type):
            return self.write(column)
        if not self.empty_words:
            return given
        return pc.if_else(pc.is_valid(self.write(column)), given, pa.scalar(None, given.type))

    def take(self, places: Int64) -> "SourceRows":
        """Return some of the rows, by their place here; a place may be taken twice."""
        chosen = pa.array(places)
        return SourceRows(
            self.file,
            self.table.take(chosen),
            self.rows[places],
            self.empty_words,
            {name: text.take(chosen) for name, text in self.parts.items()},
            {name: text.take(chosen) for name, text in self._texts.items()},
        )

    def keep(self, mask: Bools) -> "SourceRows":
        """Return the rows for which ``mask`` is true."""
        return self if mask.all() else self.take(np.flatnonzero(mask))

    def part(self, column: str, separator: str) -> tuple["SourceRows", Int64]:
        """Part a column's cells into one row for each value; a row without any stays one row.

        Returns
        -------
        SourceRows
            The rows; the column holds one value in each.
        Int64
            For each of them the place of the row that it was made from.
        """
        pieces = pc.split_pattern(self.write(column), separator)
        values = blank(pc.list_flatten(pieces), self.empty_words)
        parents = pc.list_parent_indices(pieces).to_numpy(zero_copy_only=False).astype(np.int64)
        stated = pc.is_valid(values).to_numpy(zero_copy_only=False)
        bare = np.setdiff1d(np.arange(len(self), dtype=np.int64), parents[stated])
        places = np.concatenate([parents[stated], bare])
        order = np.argsort(places, kind="stable")
        nothing = pa.nulls(len(bare), pa.large_string())
        cells = pa.concat_arrays([values.filter(pa.array(stated)), nothing]).take(pa.array(order))
        made = self.take(places[order])
        made._texts.pop(column, None)
        return SourceRows(
            made.file,
            made.table,
            made.rows,
            self.empty_words,
            {**made.parts, column: cells},
            made._texts,
        ), places[order]


def fold(word: str) -> str:
    """Return a word as it is compared with words that mean an empty cell."""
    return word.strip().lower()


def blank(text: pa.LargeStringArray, words: Iterable[str] = ()) -> pa.LargeStringArray:
    """Return text without surrounding blanks, null where nothing or one of the words is left."""
    bare = pc.utf8_trim_whitespace(text)
    empty = pc.equal(bare, "")
    folded = _fold_words(frozenset(words))
    if len(folded):
        empty = pc.or_(empty, pc.is_in(pc.utf8_lower(bare), value_set=folded))
    return pc.if_else(empty, pa.scalar(None, pa.large_string()), bare)


@functools.cache
def _fold_words(words: frozenset[str]) -> pa.LargeStringArray:
    return pa.array(sorted({fold(word) for word in words}), pa.large_string())


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column holds text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _join(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    return whole.cast(pa.large_string()) if pa.types.is_string(whole.type) else whole
