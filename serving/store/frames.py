"""Between rows of the store and normalised frames of the contract.

In these frames ``case_id`` and ``linked_case_id`` hold case keys, never the cases' identifiers.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, insert, select
from sqlalchemy.types import JSON

from features.contract.tables import TABLES, Column, Form
from features.intake.integrity import join_words
from features.intake.reading import type_of
from serving.store.record_conditions import find_corrected
from serving.store.schema import RECORDS

Cell = str | int | float | None
"""What the store holds in a column of a contract table."""
_KEYS: Final = {"case_id": "case_key", "linked_case_id": "linked_case_key"}
"""Columns of the contract that the store keeps as keys."""
_MANY_ROWS: Final = 200
"""Rows from which the driver's own way of taking many is worth while."""


def column_of(name: str, column: str) -> ColumnElement[Any]:
    """Return the store's column for a column of a contract table."""
    return RECORDS[name].c[_KEYS.get(column, column)]


def select_rows(
    name: str, *, without: Collection[str] = (), cut: Mapping[str, int] | None = None
) -> Select[Any]:
    """Return the query for a contract table's columns in contract order, some left out.

    ``cut`` names texts of which only so many characters are read, so that the database itself hands
    over no more. ``supersedes`` is empty where a correction has no effect; see
    :func:`select_rows_sent`.
    """
    most = cut or {}

    def choose(column: str) -> ColumnElement[Any]:
        whole = _find_effective(name, column)
        return func.substr(whole, 1, most[column]) if column in most else whole

    return select(
        *(
            choose(column).label(column)
            for column in TABLES[name].column_names
            if column not in without
        )
    )


def select_rows_sent(name: str) -> Select[Any]:
    """Return the query for a contract table's columns in contract order, as they were sent."""
    return select(*(column_of(name, one).label(one) for one in TABLES[name].column_names))


def _find_effective(name: str, column: str) -> ColumnElement[Any]:
    return find_corrected(RECORDS[name]) if column == "supersedes" else column_of(name, column)


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


def make_rows(
    name: str, rows: Sequence[Sequence[Cell]], *, without: Collection[str] = ()
) -> pa.Table:
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


def insert_rows(
    connection: Connection,
    name: str,
    rows: pa.Table,
    *,
    first_seq: int,
    import_key: str | None,
) -> pa.Table:
    """Store normalised rows, in their order; return them as they were written.

    Parameters
    ----------
    connection
        The transaction's.
    name
        Name of the contract table.
    rows
        Its columns, with keys for the cases.
    first_seq
        Place of the first row in the order of rows.
    import_key
        The import that they came with.
    """
    size = rows.num_rows
    given = rows.select(list(TABLES[name].column_names))
    given = given.rename_columns([_KEYS.get(column, column) for column in given.column_names])
    given = given.append_column("import_key", pa.array([import_key] * size, pa.large_string()))
    given = given.append_column(
        "stored_seq", pa.array(np.arange(first_seq, first_seq + size, dtype=np.int64))
    )
    if connection.dialect.name == "postgresql" and size >= _MANY_ROWS:
        _copy_text(connection, RECORDS[name], given)
        return given
    columns = {column: list_values(given.column(column)) for column in given.column_names}
    insert_columns(connection, RECORDS[name], columns)
    return given


def list_values(column: pa.ChunkedArray) -> list[Cell]:
    """Return a column's cells as plain values, ``None`` where empty."""
    return [value for chunk in column.chunks for value in _list_chunk(chunk)]


def _list_chunk(cells: pa.Array) -> list[Any]:
    """Return cells by way of NumPy, which makes no object of Arrow's for each."""
    if cells.null_count == len(cells):
        return [None] * len(cells)
    if pa.types.is_dictionary(cells.type):
        # The last stands for none, which is at place -1.
        words = np.array([*cells.dictionary.to_pylist(), None], dtype=object)
        return list(words[cells.indices.fill_null(-1).to_numpy()].tolist())
    if pa.types.is_large_string(cells.type):
        return list(cells.to_numpy(zero_copy_only=False).tolist())
    if cells.null_count == 0:
        return list(cells.to_numpy().tolist())
    values = cells.fill_null(0).to_numpy().astype(object)
    values[cells.is_null().to_numpy(zero_copy_only=False)] = None
    return list(values.tolist())


def list_texts(column: pa.ChunkedArray) -> list[str]:
    """Return the cells of a column of text, none of them empty."""
    return cast("list[str]", list_values(column))


def list_words(column: pa.ChunkedArray) -> list[str]:
    """Return the distinct words of a column of words, in no order."""
    words = join_words(column)
    return list(words.dictionary.take(words.indices.unique().drop_null()).to_pylist())


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
    with _copying(connection, table, names) as copy:
        for row in rows:
            copy.write_row(row)


def _copy_text(connection: Connection, table: Table, rows: pa.Table) -> None:
    """Insert columns of Arrow's as CSV that Arrow writes: no object is made for any cell.

    Text is quoted and nothing stands where a cell is null; PostgreSQL tells the two apart so.
    """
    plain = [
        cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells
        for cells in rows.columns
    ]
    content = pa.BufferOutputStream()
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    csv.write_csv(pa.table(plain, names=rows.column_names), content, options)
    with _copying(connection, table, rows.column_names, "WITH (FORMAT csv)") as copy:
        copy.write(content.getvalue().to_pybytes())


@contextmanager
def _copying(
    connection: Connection, table: Table, names: Sequence[str], options: str = ""
) -> Iterator[Any]:
    """Open the driver's way of taking many rows of some columns."""
    from psycopg import sql

    statement = sql.SQL("COPY {} ({}) FROM STDIN {}").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(options),
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        yield copy
