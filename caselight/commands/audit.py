"""``caselight audit``: verify the audit log, and export its heads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import say
from caselight.options import StoreAddress, TokenFile, Why, open_named_store
from caselight.store_session import Given, open_session

if TYPE_CHECKING:
    from serving.oversight.audit_verification import Verified
    from serving.persons import Person
    from serving.store.database import Store

app = typer.Typer(
    help="The audit log: verify it, export its heads, change its key.", no_args_is_help=True
)


_WITHOUT_HEADS = (
    "not known without exported heads: whether this is the latest state of the store, or an older "
    "copy in its place (an earlier backup, or SQLite's file without its -wal file); name their "
    "folder with --heads"
)


@app.command("verify")
def verify(
    store: StoreAddress = None,
    heads: Annotated[
        Path | None,
        typer.Option("--heads", help="Folder of exported heads to compare the log with."),
    ] = None,
    why: Why = None,
    token_file: TokenFile = None,
) -> None:
    """Check both parts of the audit log and print every faulty line; exit code 1 if any."""
    from serving.oversight.audit_heads import read_heads
    from serving.oversight.audit_verification import list_problems, verify_store

    with _open_to_verify(store, Given(token_file, why=why)) as (opened, reader):
        there = None if heads is None else read_heads(opened.audit_key, heads, opened.old_keys)
        found = verify_store(opened, None if there is None else there.macs())
        if reader is not None:
            found = [_narrow(opened, one, reader) for one in found]
    problems = [] if there is None else [f"{one.book}: {one.problem}" for one in there.faults]
    problems += list_problems(found)
    for problem in problems:
        say(problem)
    for one in found:
        say(f"{one.book}: {one.n_lines:,} lines, {one.n_faults:,} faults")
        for note in one.notes:
            say(f"{one.book}: {note.tell()}")
    if there is None:
        say(_WITHOUT_HEADS)
    else:
        say(f"held against {len(there.heads):,} exported heads")
    if problems:
        raise typer.Exit(1)
    say("the audit log is intact")


@app.command("export-head")
def export_head(
    folder: Annotated[Path, typer.Argument(help="Folder to write to, best on another machine.")],
    store: StoreAddress = None,
    why: Why = None,
    token_file: TokenFile = None,
) -> None:
    """Write the signed head of each log; what is there already is never overwritten."""
    from serving.access.command_rules import EXPORT_HEAD
    from serving.oversight.audit_heads import export_heads

    with open_session(store, EXPORT_HEAD, Given(token_file, why=why)) as session:
        if session.is_signed:
            session.store.look()
        written = export_heads(session.store, folder)
    for path in written:
        print(path)
    if not written:
        say("the heads of today are there already")


def _narrow(store: "Store", found: "Verified", reader: "Person") -> "Verified":
    """Return what was verified as somebody reads it to whom lines about their own case are absent.

    All lines were walked; of a log that cannot be read nothing is known, and nothing told.
    """
    from serving.oversight.line_sight import find_line_sight

    if not found.n_lines:
        return found
    return find_line_sight(store, found.book, reader).narrow(found)


@contextmanager
def _open_to_verify(address: str | None, given: Given) -> "Iterator[tuple[Store, Person | None]]":
    """Open a store to verify its log, under a signed name; the look stands last in the log.

    Yield the store, and who reads what is found; ``None`` where nobody signed in.

    With another audit key nobody can be asked and no line be written, since it is the key that
    shows what kind of store it is. Nothing fits it then, and that is all that can be told.
    """
    from serving.access.command_rules import VERIFY

    if not _fits_key(address):
        opened = open_named_store(address, any_key=True)
        try:
            yield opened, None
        finally:
            opened.close()
        return
    with open_session(address, VERIFY, given, any_key=True) as session:
        yield session.store, session.person if session.is_signed else None
        if session.is_signed:
            _log(session.store)


def _fits_key(address: str | None) -> bool:
    from serving.store.audit_books import KeyMismatchError, check_key
    from serving.store.audit_lines import CHANGES

    opened = open_named_store(address, any_key=True)
    try:
        opened.read_unit()
        with opened.reading() as connection:
            check_key(connection, opened.audit_key, CHANGES)
    except KeyMismatchError:
        return False
    finally:
        opened.close()
    return True


def _log(store: "Store") -> None:
    from serving.errors import ServiceError

    try:
        store.look()
    except ServiceError:
        say("this verification could not be logged: the access log takes no line")


@app.command("change-key")
def change_key(store: StoreAddress = None, why: Why = None, token_file: TokenFile = None) -> None:
    """Hand the audit log over to a new key; stop the service before, and start it again after.

    The old key is kept beside the new one, since entries from before are checked with it.
    """
    from serving.access.command_rules import CHANGE_KEY
    from serving.oversight import key_change

    with open_session(store, CHANGE_KEY, Given(token_file, why=why)) as session:
        kept = key_change.change_key(session.store)
    say(f"the audit log goes on under a new key; keep {kept.name}, and back up both apart")


@app.command("restored")
def restored(store: StoreAddress = None, why: Why = None, token_file: TokenFile = None) -> None:
    """Say in the audit log that the store was restored from a backup; its heads stay usable.

    It stands there for good, with who says so: what was written since the backup is lost.
    """
    from serving.access.command_rules import RESTORE
    from serving.oversight.key_change import note_restore

    with open_session(store, RESTORE, Given(token_file, why=why)) as session:
        note_restore(session.store)
    say("the restore is an entry of both logs")
