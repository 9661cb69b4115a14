"""The mark of a demonstration store that was made before there were marks; given once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from serving.store.audit_books import find_head
from serving.store.audit_chain import Walk
from serving.store.audit_lines import BOOKS, CHANGES, COLUMNS, LOOKS, Book, make_first_mac
from serving.store.database import Store
from serving.store.demonstration import make_mark
from serving.store.schema import audit_lines, cases, events, unit

UNSIGNED_SUBJECTS: Final = ("local:", "unsigned:", "service:")
"""How the subjects of all begin who act without a provider's word; those of a provider begin with
its address."""
_SUBJECT_AT: Final = [column.name for column in COLUMNS].index("subject")
_LINES_A_TIME: Final = 10_000


def mark_older(store: Store) -> None:
    """Give a store that was made before there were marks its mark, if it is a demonstration."""
    with store.reading() as connection:
        row = connection.execute(select(unit)).one()
        wants = bool(row.synthetic) and row.synthetic_mark is None
        if not wants or not is_untouched_demonstration(store, connection):
            return
    with store.writing() as writing:
        mark = make_mark(store.audit_key, int(row.made_at_us))
        writing.connection.execute(unit.update().values(synthetic_mark=mark))


def is_untouched_demonstration(store: Store, connection: Connection) -> bool:
    """Return whether nobody ever acted in a store who had signed in through a provider.

    In a real store people do. The audit log says so, and whoever changes the database cannot change
    the log unseen: it must be whole and cover every row that is there.

    Parameters
    ----------
    store, connection
        The store and a transaction of it.
    """
    for book in BOOKS:
        with _open_book(store, connection, book) as lines:
            walk = Walk(store.audit_key, book, make_first_mac(store.audit_key, book))
            for some in _read_lines(lines, book):
                walk.take(some)
                if any(not row[_SUBJECT_AT].startswith(UNSIGNED_SUBJECTS) for row in some):
                    return False
            walk.end(find_head(lines, book))
        if walk.n_faults or (book == CHANGES and walk.covered < _find_last_row(connection)):
            return False
    return True


def _find_last_row(connection: Connection) -> int:
    last = [
        connection.execute(select(func.max(table.c.stored_seq))).scalar_one() or 0
        for table in (cases, events)
    ]
    return max(last)


@contextmanager
def _open_book(store: Store, connection: Connection, book: Book) -> Iterator[Connection]:
    if book != LOOKS:
        yield connection
        return
    with store.reading_looks() as looks:
        yield looks


def _read_lines(connection: Connection, book: Book) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
    number = audit_lines.c.number
    query = select(*COLUMNS, audit_lines.c.mac).where(audit_lines.c.book == book).order_by(number)
    last = 0
    while rows := list(connection.execute(query.where(number > last).limit(_LINES_A_TIME))):
        yield rows
        last = int(rows[-1].number)
