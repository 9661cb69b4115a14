"""How far a person has seen one case: a number of its own rows, never a place among all rows.

Rows of all cases are numbered together (``stored_seq``), so that the place of a row sent now would
tell that others came before it, of a case that is hidden perhaps. What a person is told, and sends
back with a decision, is how many rows bear on the case at hand: ``seen_seq`` of the answers. The
store keeps the place.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Select, Subquery, func, or_, select, union

from serving.store.histories import read_case_head
from serving.store.record_conditions import is_for_all, links_unsealed
from serving.store.schema import case_moves, cases, events, facts, flag_raisings, links


def count_rows(connection: Connection, case_key: str) -> int:
    """Return how many rows bear on a case: its own, events of linked cases, its flags and moves.

    What an agency keeps to itself is not among them, whoever asks: another agency would learn of it
    by the number.
    """
    query = select(func.count()).select_from(_select_all(case_key))
    return int(connection.execute(query).scalar_one())


def count_rows_until(
    connection: Connection, case_key: str, places: Sequence[int]
) -> dict[int, int]:
    """Return how many rows bore on a case at some places in the order of rows, each inclusive.

    Parameters
    ----------
    connection
        A transaction.
    case_key
        The case.
    places
        Places in the order of rows.
    """
    every = _select_all(case_key)
    found = sorted(connection.execute(select(every.c.seq)).scalars())
    return {place: bisect_right(found, place) for place in places}


def find_place(connection: Connection, case_key: str, n_rows: int) -> int:
    """Return the place in the order of rows up to which somebody saw a case.

    Parameters
    ----------
    connection
        A transaction.
    case_key
        The case.
    n_rows
        What :func:`count_rows` was when they read it. Nobody saw more than there is: a higher
        number is all of it.
    """
    if n_rows <= 0:
        return 0
    if n_rows >= count_rows(connection, case_key):
        return read_case_head(connection, case_key)
    every = _select_all(case_key)
    query = select(every.c.seq).order_by(every.c.seq).offset(n_rows - 1).limit(1)
    return int(connection.execute(query).scalar_one())


def _select_all(case_key: str) -> Subquery:
    return union(*_select_places(case_key)).subquery("places")


def _select_places(case_key: str) -> Iterator[Select[int]]:
    for table in (cases, facts, links, flag_raisings):
        yield select(table.c.stored_seq.label("seq")).where(table.c.case_key == case_key)
    yield select(events.c.stored_seq).where(events.c.case_key == case_key, is_for_all())
    yield select(case_moves.c.stored_seq).where(
        or_(case_moves.c.case_key == case_key, case_moves.c.other_case_key == case_key)
    )
    # As in a case's standing: what happened in a linked case is seen from this one.
    here, there = links.c.case_key, links.c.linked_case_key
    yield select(links.c.stored_seq).where(there == case_key, links_unsealed())
    for own, other in ((here, there), (there, here)):
        linked = select(other).where(own == case_key, links_unsealed())
        yield select(events.c.stored_seq).where(events.c.case_key.in_(linked), is_for_all())
