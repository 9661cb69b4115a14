"""The confirmations that a person may settle now, a page at a time."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, true

from serving.access.overseers import Overseers
from serving.confirmations.records import (
    Confirmation,
    is_waiting,
    read_confirmation,
    read_confirmations,
)
from serving.confirmations.rules import Objection, find_objection
from serving.confirmations.settling import find_circumstances
from serving.persons import Person
from serving.store.opaque_keys import is_key
from serving.store.paging import Page, cut_page, make_bad_cursor
from serving.store.schema import confirmations

_ROWS_A_TIME: Final = 200


@dataclass(frozen=True)
class Asker:
    """Who asks for what they may settle, when (microseconds UTC), and whom the deployment names."""

    person: Person
    overseers: Overseers
    now_us: int


def read_mine(
    connection: Connection, asker: Asker, *, size: int, cursor: str | None = None
) -> Page[Confirmation, str]:
    """Return the confirmations that wait and that a person may settle, the oldest first.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    asker
        Who asks; nothing is told of a confirmation that is another's to settle.
    size
        How many at most.
    cursor
        ``next_cursor`` of the part before; the oldest where absent.

    Raises
    ------
    ServiceError
        If the cursor is none (422).
    """
    after = _find_place(connection, asker, cursor)
    found: list[Confirmation] = []
    while len(found) <= size:
        later = confirmations.c.stored_seq > after if after is not None else true()
        rows = read_confirmations(connection, is_waiting() & later, _ROWS_A_TIME)
        objections = find_objections(connection, asker, rows)
        found += [one for one in rows if objections[one.key] is None]
        if len(rows) < _ROWS_A_TIME:
            break
        after = rows[-1].stored_seq
    return cut_page(found, size, lambda one: one.key)


def find_objections(
    connection: Connection, asker: Asker, found: tuple[Confirmation, ...]
) -> dict[str, Objection | None]:
    """Return why somebody may not settle each of some confirmations, by their keys."""
    around = find_circumstances(
        connection, list(found), asker.person, asker.overseers, asker.now_us
    )
    return {one.key: find_objection(one, asker.person, around[one.key]) for one in found}


def _find_place(connection: Connection, asker: Asker, cursor: str | None) -> int | None:
    if cursor is None:
        return None
    one = read_confirmation(connection, cursor) if is_key(cursor) else None
    if one is None or find_objections(connection, asker, (one,))[one.key] == "unseen":
        raise make_bad_cursor()
    return one.stored_seq
