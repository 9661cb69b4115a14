"""Changing the audit key, and saying that a store was restored from a backup: both are lines."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, update

from features.errors import ConfigError
from serving.store.audit_books import HANDED_OVER, append_lines, find_key_name, write_handover
from serving.store.audit_keys import NEXT, find_key_file
from serving.store.audit_lines import BOOKS, CHANGES, AuditEntry, Book, name_key
from serving.store.current_act import current_act
from serving.store.database import Store
from serving.store.demonstration import make_mark
from serving.store.engines import WRITES, find_file
from serving.store.key_files import load_key_file
from serving.store.schema import audit_heads, unit

TAKEN_OVER: Final = "caselight audit change-key: the first line of the next key"
"""Route of the first line under a key that was handed over to."""


def change_key(store: Store) -> Path:
    """Hand both logs over to a new key; return the file in which the old one is kept.

    Two lines of each log say so: the last under the old key, which names both, and the first under
    the new one. The old key is kept beside the new one: lines from before are checked with it. If
    the change breaks off, doing it again goes on. A service that runs with the old key can write no
    more, and is started again.

    Parameters
    ----------
    store
        The store; the act that is going on says who changes the key, and why.

    Raises
    ------
    ConfigError
        If the files cannot be written beside the key.
    """
    path, name = find_key_file(find_file(store.engine))
    new = load_key_file(path.with_name(f"{path.name}.{NEXT}"), name)
    old = load_key_file(path, name)
    kept = path.with_name(f"{path.name}.{name_key(old)}.old")
    try:
        if not kept.exists():
            os.link(path, kept)
        for book in BOOKS:
            _hand_over(store, book, old, new)
        path.with_name(f"{path.name}.{NEXT}").replace(path)
    except OSError as error:
        raise ConfigError(
            f"the audit key cannot be changed ({type(error).__name__}); its folder must be the "
            "service's own to write to while this runs"
        ) from None
    return kept


def _hand_over(store: Store, book: Book, old: bytes, new: bytes) -> None:
    described = store.read_unit()
    with _writing_book(store, book) as connection:
        if find_key_name(connection, book) == name_key(new):
            return
        act, at_us = current_act(), store.clock()
        last = replace(act, route=HANDED_OVER, purpose=write_handover(old, new))
        append_lines(connection, old, book, [AuditEntry(last)], at_us)
        if book == CHANGES and described.synthetic:
            mark = make_mark(
                new, described.made_at_us
            )  # the mark of a demonstration is made with the key
            connection.execute(update(unit).values(synthetic_mark=mark))
        head = update(audit_heads).where(audit_heads.c.book == book)
        connection.execute(head.values(key_name=name_key(new)))
        first = replace(act, route=TAKEN_OVER)
        append_lines(connection, new, book, [AuditEntry(first)], at_us)


@contextmanager
def _writing_book(store: Store, book: Book) -> Iterator[Connection]:
    engine = store.engine if book == CHANGES else store.looks
    options: dict[str, Any] = {WRITES: True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def note_restore(store: Store) -> None:
    """Say in both logs that the store was restored from a backup.

    Exported heads of lines that the restore lost are no faults from then on, and the walk along the
    log says for good that they were lost.

    Parameters
    ----------
    store
        The store; the act that is going on says who restored it, and why.
    """
    act = replace(current_act(), operation="alteration")
    for book in BOOKS:
        with _writing_book(store, book) as connection:
            append_lines(connection, store.audit_key, book, [AuditEntry(act)], store.clock())
