"""Conditions on many values at once: one bound parameter, whatever their number.

A long list of parameters is slow to send and bounded in number; both databases take a list as one
value, each in its own words.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType, TypeEngine


def is_among(
    connection: Connection, column: ColumnElement[Any], values: Iterable[str]
) -> ColumnElement[bool]:
    """Return the condition that a column of text is one of ``values``, of any number."""
    wanted = sorted(set(values))
    if connection.dialect.name == "sqlite":
        listed = func.json_each(json.dumps(wanted)).table_valued("value", name="listed")
        return column.in_(select(listed.c.value))
    return column == any_(_bind_array(wanted, Text()))


def list_pairs(connection: Connection, pairs: Sequence[tuple[str, str]]) -> FromClause:
    """Return pairs of texts as a table with the columns ``case_key`` and ``id``, to join with."""
    if connection.dialect.name == "sqlite":
        listed = func.json_each(json.dumps(pairs)).table_valued("value")
        return select(
            func.json_extract(listed.c.value, "$[0]").label("case_key"),
            func.json_extract(listed.c.value, "$[1]").label("id"),
        ).subquery("pairs")
    columns = [_bind_array([pair[side] for pair in pairs], Text()) for side in (0, 1)]
    return func.unnest(*columns).table_valued("case_key", "id", name="pairs").render_derived()


def list_marks(
    connection: Connection, marks: Sequence[tuple[str, int, int, str | None]]
) -> FromClause:
    """Return rows as a table with the columns ``case_key``, ``seq``, ``us`` and ``import_key``."""
    names = ("case_key", "seq", "us", "import_key")
    kinds: tuple[TypeEngine[Any], ...] = (Text(), BigInteger(), BigInteger(), Text())
    if connection.dialect.name == "sqlite":
        listed = func.json_each(json.dumps(marks)).table_valued("value")
        cells = [
            func.json_extract(listed.c.value, f"$[{place}]").label(name)
            for place, name in enumerate(names)
        ]
        # Kept as a table: else each cell would be read out of its JSON for every row beside it.
        return select(*cells).cte("marks").prefix_with("MATERIALIZED")
    columns = [
        _bind_array(cells, kind)
        for cells, kind in zip(zip(*marks, strict=True), kinds, strict=True)
    ]
    return func.unnest(*columns).table_valued(*names, name="marks").render_derived()


def list_keys(connection: Connection, keys: Iterable[str]) -> FromClause:
    """Return texts as a table with the one column ``case_key``, each once, to join with."""
    wanted = sorted(set(keys))
    if connection.dialect.name == "sqlite":
        listed = func.json_each(json.dumps(wanted)).table_valued("value")
        return select(listed.c.value.label("case_key")).subquery("keys")
    rows = func.unnest(_bind_array(wanted, Text())).table_valued("case_key", name="keys")
    return rows.render_derived()


def look_up_each(connection: Connection, wanted: FromClause, query: Select[Any]) -> Select[Any]:
    """Return the query for what ``query`` finds for each row of a list, looked up row by row.

    PostgreSQL knows nothing of a table that has just been filled, takes most of it to be asked for,
    and reads it whole for every list; what a list of any length asks for is never more than a few
    rows of each.

    Parameters
    ----------
    connection
        A transaction.
    wanted
        The list (:func:`list_keys`, :func:`list_pairs`, :func:`list_marks`).
    query
        Its conditions name columns of ``wanted``, one of them for equality with an indexed one.
    """
    if connection.dialect.name == "sqlite":
        return query
    # An offset, even of nothing, keeps the planner from making one join of the two.
    each = query.correlate(wanted).offset(0).lateral("each")
    return select(*each.c).select_from(wanted).join(each, true())


def _bind_array(cells: Iterable[str | int | None], kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return values as PostgreSQL writes an array; the driver takes far longer over each of many.

    See "Array Input and Output Syntax" of its manual.
    """
    written = ",".join("NULL" if cell is None else _quote(str(cell)) for cell in cells)
    # Without a type of its own it is an array from the start; text would be read anew for each row.
    return cast(bindparam(None, f"{{{written}}}", type_=NullType(), unique=True), ARRAY(kind))


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
