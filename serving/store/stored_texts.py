"""Finding a value among the texts of rows, JSON columns among them, as a word of its own.

``C1`` stands in ``C1/E7`` and not in ``C10/E7``.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Text, cast, func, or_

WORDS: Final = frozenset(
    {
        *("narrative", "detail", "value"),
        *("note", "owner", "what", "which", "reason", "refused_by_second_person"),
    }
)
"""Fields of a JSON column that hold what a record says, or what somebody wrote of their work."""


def make_finder(value: str) -> re.Pattern[str]:
    """Return what finds a value where no letter or digit goes on before or behind it, in letters
    of either case.
    """
    return re.compile(rf"(?<![^\W_]){re.escape(value)}(?![^\W_])", re.IGNORECASE)


def holds_text(
    connection: Connection, column: ColumnElement[Any], value: str
) -> ColumnElement[bool]:
    """Return the condition that a column's text has a value somewhere, in letters of either case.

    A first sieve: whether it stands there as a word of its own is for
    :func:`make_finder` to say.
    """
    place = func.instr if connection.dialect.name == "sqlite" else func.strpos
    text = func.lower(cast(column, Text))
    # JSON writes letters beyond ASCII by their numbers.
    written = {value.lower(), json.dumps(value)[1:-1].lower()}
    return or_(*(place(text, one) > 0 for one in sorted(written)))


def replace_in(cell: Any, replace: Callable[[str], str], but_for: Collection[str] = ()) -> Any:
    """Return a cell, or what a JSON column holds, with its texts replaced but for some fields."""
    if isinstance(cell, str):
        return replace(cell)
    if isinstance(cell, dict):
        return {
            replace(name): inner if name in but_for else replace_in(inner, replace, but_for)
            for name, inner in cell.items()
        }
    if isinstance(cell, list):
        return [replace_in(inner, replace, but_for) for inner in cell]
    return cell


def walk_texts(cell: Any, but_for: Collection[str] = ()) -> Iterator[str]:
    """Yield the texts of a cell, or of what a JSON column holds, but for some fields."""
    if isinstance(cell, str):
        yield cell
    elif isinstance(cell, dict):
        yield from cell
        for name, inner in cell.items():
            if name not in but_for:
                yield from walk_texts(inner, but_for)
    elif isinstance(cell, list):
        for inner in cell:
            yield from walk_texts(inner, but_for)
