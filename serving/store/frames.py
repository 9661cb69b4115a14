"""Between rows of the store and normalised frames of the contract.

In these frames ``case_id`` and ``linked_case_id`` hold case keys, never the cases' identifiers.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, insert, select
from sqlalchemy.types import JSON

from features.contract.tables import TABLES, Column, Form
from features.intake.reading import type_of
from serving.store.schema import RECORDS

_KEYS: Final = {"case_id": "case_key", "linked_case_id": "linked_case_key"}
"""Columns of the contract that the store keeps as keys."""
_MANY_ROWS: Final = 200
"""Rows from which the driver's own way of taking many is worth while."""


def column_of(name: str, column: str) -> ColumnElement[Any]:
    """Return the store's column for a column of a contract table."""
    return RECORDS[name].c[_KEYS.get(column, column)]


def select_rows(name: str, *, without: Collection[str] = ()) -> Select[Any]:
    """Return the query for a contract table's columns in contract order, some left out."""
    return select(
        *(
            column_of(name, column).label(column)
            for column in TABLES[name].column_names
            if column not in without
        )
    )


def make_frame(
    name: str, rows: Sequence[Row[Any]], *, without: Collection[str] = ()
) -> pd.DataFrame:
    """Return the rows of :func:`select_rows` as a normalised frame; columns left out are empty."""
    there = [column.name for column in TABLES[name].columns if column.name not in without]
    held = dict(zip(there, zip(*rows, strict=True), strict=True)) if rows else {}
    return pd.DataFrame(
        {
            column.name: _make_column(column, held.get(column.name), len(rows))
            for column in TABLES[name].columns
        }
    )


def make_rows(name: str, rows: Sequence[Row[Any]], *, without: Collection[str] = ()) -> pa.Table:
    """Return the rows of :func:`select_rows` as normalised rows; columns left out are empty."""
    there = [column.name for column in TABLES[name].columns if column.name not in without]
    held = dict(zip(there, zip(*rows, strict=True), strict=True)) if rows else {}
    return pa.table(
        {
            column.name: _make_array(type_of(column), held.get(column.name), len(rows))
            for column in TABLES[name].columns
        }
    )


def _make_array(kind: pa.DataType, cells: Sequence[Any] | None, size: int) -> pa.Array:
    if cells is None:
        return pa.nulls(size, kind)
    if pa.types.is_dictionary(kind):
        return pa.array(cells, kind.value_type).dictionary_encode()
    return pa.array(cells, kind)


def _make_column(column: Column, cells: Any, size: int) -> Any:
    if column.form is Form.NUMBER:
        return pd.Series([None] * size if cells is None else cells, dtype="float64")
    if column.form not in (Form.OCCURRED, Form.RECORDED):
        return pd.Series([None] * size if cells is None else cells, dtype="str")
    if column.required:
        return np.array([] if cells is None else cells, dtype=np.int64)
    return pd.array([None] * size if cells is None else cells, dtype="Int64")


def insert_frame(
    connection: Connection,
    name: str,
    frame: pd.DataFrame,
    *,
    first_seq: int,
    import_key: str | None,
) -> None:
    """Store the rows of a frame, in its order.

    Parameters
    ----------
    connection
        The transaction's.
    name
        Name of the contract table.
    frame
        Its columns, with keys for the cases.
    first_seq
        Place of the first row in the order of rows.
    import_key
        The import that they came with.
    """
    columns: dict[str, Sequence[Any]] = {
        _KEYS.get(column, column): list_cells(frame[column]) for column in TABLES[name].column_names
    }
    columns["import_key"] = [import_key] * len(frame)
    columns["stored_seq"] = range(first_seq, first_seq + len(frame))
    insert_columns(connection, RECORDS[name], columns)


def list_cells(column: "pd.Series[Any]") -> list[Any]:
    """Return a column's cells as plain values, ``None`` where empty."""
    if pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans:
        return list(column.to_numpy(dtype=np.int64).tolist())
    cells = column.astype(object)
    return list(cells.where(column.notna(), None).tolist())


def insert_columns(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]]
) -> None:
    """Insert rows that are given column by column."""
    rows = list(zip(*columns.values(), strict=True))
    if not rows:
        return
    # Only SQLAlchemy turns JSON into what the driver takes.
    plain = not any(isinstance(column.type, JSON) for column in table.columns)
    names = list(columns)
    if plain and len(rows) >= _MANY_ROWS:
        write = _copy if connection.dialect.name == "postgresql" else _insert
        write(connection, table, names, rows)
        return
    connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])


def _insert(connection: Connection, table: Table, names: list[str], rows: list[Any]) -> None:
    """Insert plain values as they are; making a mapping of every row takes longer than SQLite."""
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" * len(names))
    connection.exec_driver_sql(f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})', rows)


def _copy(connection: Connection, table: Table, names: list[str], rows: list[Any]) -> None:
    from psycopg import sql

    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
