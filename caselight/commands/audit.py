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
    from serving.store.database import Store

app = typer.Typer(help="The audit log: verify it, export its heads.", no_args_is_help=True)


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

    with _open_to_verify(store, Given(token_file, why=why)) as opened:
        there = None if heads is None else read_heads(opened.audit_key, heads)
        found = verify_store(opened, None if there is None else there.macs())
    problems = [] if there is None else [f"{one.book}: {one.problem}" for one in there.faults]
    problems += list_problems(found)
    for problem in problems:
        say(problem)
    for one in found:
        say(f"{one.book}: {one.n_lines:,} lines, {one.n_faults:,} faults")
    if there is not None:
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


@contextmanager
def _open_to_verify(address: str | None, given: Given) -> "Iterator[Store]":
    """Open a store to verify its log, under a signed name; the look stands last in the log.

    With another audit key nobody can be asked and no line be written, since it is the key that
    shows what kind of store it is. Nothing fits it then, and that is all that can be told.
    """
    from serving.access.command_rules import VERIFY

    if not _fits_key(address):
        opened = open_named_store(address, any_key=True)
        try:
            yield opened
        finally:
            opened.close()
        return
    with open_session(address, VERIFY, given, any_key=True) as session:
        yield session.store
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
