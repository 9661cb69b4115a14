"""The two logs: begun once, added to at the end, and held against the key on opening."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Select, insert, inspect, null, select, update

from features.errors import ConfigError
from serving.store.audit_lines import (
    BOOK_WORDS,
    COLUMNS,
    NUMBER_AT,
    AuditEntry,
    Book,
    make_first_mac,
    make_mac,
    name_key,
)
from serving.store.schema import audit_heads, audit_lines

LOOKS_BEGUN_ANEW: Final = "caselight db upgrade: the book of looks was begun anew"
"""Route of the line that tells that a store in use had no access log any more."""
HANDED_OVER: Final = "caselight audit change-key"
"""Route of the last line under a key; its purpose names that key and the next."""
RESTORED: Final = "caselight audit restored"
"""Route of the line that says that the store was restored from a backup."""
_HANDOVER_WORDS: Final = 6
_TRIED: Final = 100
"""Lines at either end of a log of which one that fits shows that the key is the log's own."""


class KeyMismatchError(ConfigError):
    """An audit key that is not the one that a log was written with."""


@dataclass(frozen=True)
class Head:
    """The number and mac of a log's last line; 0 and the mac before the first of an empty one."""

    number: int
    mac: str


def write_handover(old: bytes, new: bytes) -> str:
    """Return what the line says that hands a log over from one key to the next."""
    return f"from key {name_key(old)} to key {name_key(new)}"


def read_handover(said: str) -> tuple[str, str]:
    """Return the names of the keys of :func:`write_handover`; empty where it is no such text."""
    words = said.split()
    return (words[2], words[5]) if len(words) == _HANDOVER_WORDS else ("", "")


def begin_book(connection: Connection, key: bytes, book: Book) -> bool:
    """Begin a log that has neither head nor lines; return whether it was begun now."""
    line = select(audit_lines.c.number).where(audit_lines.c.book == book).limit(1)
    # Lines without a head mean that it was removed: it is not made again in silence.
    if find_head(connection, book) or connection.execute(line).first():
        return False
    mac = make_first_mac(key, book)
    connection.execute(insert(audit_heads).values(book=book, number=0, mac=mac))
    return True


def find_head(connection: Connection, book: Book, *, lock: bool = False) -> Head | None:
    """Return a log's head, locked until the transaction ends if so asked; ``None`` where it was
    not begun.
    """
    query = select(audit_heads.c.number, audit_heads.c.mac).where(audit_heads.c.book == book)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else Head(int(row.number), str(row.mac))


def find_key_name(connection: Connection, book: Book) -> str | None:
    """Return the name of the key that a log goes on under; ``None`` where it never had another."""
    if not has_column(connection, audit_heads.c.key_name):
        return None
    query = select(audit_heads.c.key_name).where(audit_heads.c.book == book)
    return connection.execute(query).scalar_one_or_none()


def has_column(connection: Connection, column: Column[Any]) -> bool:
    """Return whether a table has a column that stores from before a step have not."""
    there = inspect(connection).get_columns(column.table.name)
    return any(one["name"] == column.name for one in there)


def _select_head(book: Book) -> Select[Any]:
    return select(audit_heads).where(audit_heads.c.book == book)


def has_books(connection: Connection) -> bool:
    """Return whether the tables of the logs were made."""
    there = inspect(connection)
    return there.has_table(audit_heads.name) and there.has_table(audit_lines.name)


def append_lines(
    connection: Connection, key: bytes, book: Book, entries: Sequence[AuditEntry], at_us: int
) -> int:
    """Add lines at the end of a log, behind the lock on its head row; return the first's number.

    The lock is the last that a transaction takes: who waits for it holds up nobody who has it.

    Parameters
    ----------
    connection
        The transaction's.
    key
        The audit key.
    book
        Which log.
    entries
        What the lines say, in order; at least one.
    at_us
        The moment, microseconds UTC.

    Raises
    ------
    ConfigError
        If the log has no head, or goes on under another key.
    """
    # Of two transactions the second numbers its lines after the first's. SQLite has no such lock
    # and needs none: one writes at a time.
    head = connection.execute(_select_head(book).with_for_update()).one_or_none()
    if head is None:
        raise ConfigError(
            f"the {BOOK_WORDS[book]} has no head; run `caselight audit verify`, and restore the "
            "store from a backup"
        )
    if head.key_name not in (None, name_key(key)):
        raise ConfigError(
            f"the {BOOK_WORDS[book]} goes on under another audit key; start the service again, "
            "with the key that the log was handed over to"
        )
    mac, rows = str(head.mac), []
    for number, entry in enumerate(entries, head.number + 1):
        columns = entry.columns(book, number, at_us)
        mac = make_mac(key, mac, list(columns.values()))
        rows.append(columns | {"mac": mac})
    connection.execute(insert(audit_lines), rows[0] if len(rows) == 1 else rows)
    connection.execute(
        update(audit_heads)
        .where(audit_heads.c.book == book)
        .values(number=head.number + len(rows), mac=mac)
    )
    return int(head.number) + 1


def check_key(connection: Connection, key: bytes, book: Book) -> None:
    """Check that a log was written with this key, so that nobody goes on with another one.

    A single line that fits shows it: who has not the key can write none. A log whose end was
    tampered with therefore still opens, and :mod:`serving.oversight.audit_verification` tells what
    is wrong.

    Raises
    ------
    KeyMismatchError
        If no line at either end of the log, nor its beginning, fits the key.
    """
    head = find_head(connection, book)
    if head is None or head.mac == make_first_mac(key, book):
        return
    named = find_key_name(connection, book)
    if named is not None and named == name_key(key):
        return
    # A store from before lines had contents is opened to be brought up to date.
    has_content = has_column(connection, audit_lines.c.content)
    columns = [
        column if has_content or column.name != "content" else null().label("content")
        for column in COLUMNS
    ]
    lines = select(*columns, audit_lines.c.mac).where(audit_lines.c.book == book).limit(_TRIED)
    last = lines.order_by(audit_lines.c.number.desc())
    first = lines.order_by(audit_lines.c.number)
    # Oldest first, since a mac is made with the one before it.
    if named is None and _has_one_that_fits(key, book, reversed(_read(connection, last))):
        return
    if named is None and _has_one_that_fits(key, book, _read(connection, first)):
        return
    raise KeyMismatchError(
        f"the audit key is not the one that the {BOOK_WORDS[book]} was written with; name that "
        "key's file in CASELIGHT_AUDIT_KEY_FILE or put it back from its backup"
    )


def _read(connection: Connection, query: Select[Any]) -> list[list[Any]]:
    return [list(row) for row in connection.execute(query)]


def _has_one_that_fits(key: bytes, book: Book, rows: Iterable[list[Any]]) -> bool:
    previous: str | None = None
    for *values, mac in rows:
        if values[NUMBER_AT] == 1:
            previous = make_first_mac(key, book)
        if previous is not None and make_mac(key, previous, values) == mac:
            return True
        previous = str(mac)
    return False
