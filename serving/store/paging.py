"""Long answers a part at a time: the one way in which a page is cut and the next one is found.

Whoever reads a page asks the database for one row more than it shows; that row says whether there
is a next page. A cursor names the last row that was shown by an opaque key or a place in the order
of rows, never by anything of a case.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

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
