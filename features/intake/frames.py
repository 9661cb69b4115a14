"""Normalised rows as pandas frames and back, for those who join and copy records by name.

Text is not copied: pandas holds it as Arrow does.
"""

from typing import Any

import pandas as pd
import pyarrow as pa

from features.contract.tables import Column, Form, Table
from features.intake.reading import WORDS, type_of


def to_frame(table: Table, rows: pa.Table) -> pd.DataFrame:
    """Return normalised rows as a frame.

    Parameters
    ----------
    table
        Which table of the contract.
    rows
        Its columns, and any others.

    Returns
    -------
    pandas.DataFrame
        The same columns: text as ``str``, required moments as int64 and optional ones as nullable
        ``Int64``, microseconds UTC, numbers as float64.
    """
    known = {column.name: column for column in table.columns}
    return pd.DataFrame(
        {
            name: _to_series(known.get(name), cells)
            for name, cells in zip(rows.column_names, rows.columns, strict=True)
        }
    )


def _to_series(column: Column | None, cells: pa.ChunkedArray) -> "pd.Series[Any]":
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if column is not None and column.form in (Form.OCCURRED, Form.RECORDED) and not column.required:
        return pd.Series(pd.array(cells.to_pandas(integer_object_nulls=True), dtype="Int64"))
    if pa.types.is_large_string(cells.type):
        return pd.Series(cells.to_pandas(), dtype="str")
    return pd.Series(cells.to_pandas())


def to_rows(table: Table, frame: pd.DataFrame) -> pa.Table:
    """Return a normalised frame as rows; what :func:`to_frame` takes apart, this puts together."""
    known = {column.name: type_of(column) for column in table.columns}
    return pa.table(
        {str(name): _to_array(frame[name], known.get(str(name))) for name in frame.columns}
    )


def _to_array(column: "pd.Series[Any]", kind: pa.DataType | None) -> pa.Array | pa.ChunkedArray:
    if kind is None:
        kind = pa.int64() if pd.api.types.is_numeric_dtype(column.dtype) else WORDS
    if pa.types.is_dictionary(kind):
        return pa.array(column, type=kind.value_type, from_pandas=True).dictionary_encode()
    return pa.array(column, type=kind, from_pandas=True)


def empty_rows(table: Table) -> pa.Table:
    """Return a table without rows, in the types of normalised ones."""
    return pa.table({column.name: pa.array([], type_of(column)) for column in table.columns})
