"""Conditions on many values at once: one bound parameter, whatever their number.

A long list of parameters is slow to send and bounded in number; both databases take a list as one
value, each in its own words.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY


def is_among(
    connection: Connection, column: ColumnElement[Any], values: Iterable[str]
) -> ColumnElement[bool]:
    """Return the condition that a column of text is one of ``values``, of any number."""
    wanted = sorted(set(values))
    if connection.dialect.name == "sqlite":
        listed = func.json_each(json.dumps(wanted)).table_valued("value", name="listed")
        return column.in_(select(listed.c.value))
    return column == any_(bindparam(None, wanted, type_=ARRAY(Text), unique=True))


def list_pairs(connection: Connection, pairs: Sequence[tuple[str, str]]) -> FromClause:
    """Return pairs of texts as a table with the columns ``case_key`` and ``id``, to join with."""
    if connection.dialect.name == "sqlite":
        listed = func.json_each(json.dumps([list(pair) for pair in pairs])).table_valued("value")
        return select(
            func.json_extract(listed.c.value, "$[0]").label("case_key"),
            func.json_extract(listed.c.value, "$[1]").label("id"),
        ).subquery("pairs")
    columns = [
        cast(literal([pair[side] for pair in pairs], type_=ARRAY(Text)), ARRAY(Text))
        for side in (0, 1)
    ]
    return func.unnest(*columns).table_valued("case_key", "id", name="pairs").render_derived()
