"""Long answers a part at a time: the one way in which a page is cut and the next one is found.

Whoever reads a page asks the database for one row more than it shows; that row says whether there
is a next page. A cursor names the last row that was shown by an opaque key or a place in the order
of rows, never by anything of a case.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, tuple_

from serving.errors import ServiceError
from serving.store.opaque_keys import is_key

T = TypeVar("T")
C = TypeVar("C", str, int)


@dataclass(frozen=True)
class Page(Generic[T, C]):
    """Some rows of many.

    Parameters
    ----------
    items
        The rows of this page, in their order.
    next_cursor
        Names the last of them where there are more; ``None`` on the last page.
    """

    items: tuple[T, ...]
    next_cursor: C | None


def cut_page(found: Sequence[T], size: int, name: Callable[[T], C]) -> Page[T, C]:
    """Return the rows that are shown, and the cursor of the next page.

    Parameters
    ----------
    found
        At most ``size + 1`` rows are needed; any beyond them are not looked at.
    size
        Rows of a page, at least 1.
    name
        The cursor that names a row.

    Returns
    -------
    Page
        The first ``size`` rows, with a cursor only where ``found`` holds more.
    """
    shown = tuple(found[:size])
    return Page(shown, name(shown[-1]) if len(found) > size else None)


def make_bad_cursor() -> ServiceError:
    """Return the error of a cursor that names nothing (422)."""
    return ServiceError("bad_cursor", "the cursor leads nowhere", "start again from the first page")


def find_named(connection: Connection, key: str, query: Select[Any]) -> Row[Any]:
    """Return the row that a cursor names: a page goes on from what that row holds now.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    key
        The opaque key in the cursor.
    query
        Reads the row of that key, as far as the person who asks may see it.

    Raises
    ------
    ServiceError
        If the text is no key, or there is no such row to be seen (422).
    """
    # What is no key is not asked for: PostgreSQL refuses some texts.
    found = connection.execute(query).one_or_none() if is_key(key) else None
    if found is None:
        raise make_bad_cursor()
    return found


def comes_after(
    columns: Sequence[ColumnElement[Any]], values: Sequence[str | int | float]
) -> ColumnElement[bool]:
    """Return the condition that a row comes after one, in ascending order of some columns.

    Parameters
    ----------
    columns
        What orders the rows; the last one tells apart those that the others do not.
    values
        What the row before has in them.
    """
    return tuple_(*columns) > tuple(values)
