"""``caselight audit``: verify the audit log, and export its heads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import say
from caselight.options import StoreAddress, open_named_store

if TYPE_CHECKING:
    from serving.store.database import Store

app = typer.Typer(help="The audit log: verify it, export its heads.", no_args_is_help=True)


def _open(address: str | None, *, any_key: bool = False) -> "Store":
    opened = open_named_store(address, any_key=any_key)
    opened.read_unit()
    return opened


@app.command("verify")
def verify(
    store: StoreAddress = None,
    heads: Annotated[
        Path | None,
        typer.Option("--heads", help="Folder of exported heads to compare the log with."),
    ] = None,
) -> None:
    """Check both parts of the audit log and print every faulty line; exit code 1 if any."""
    from serving.oversight.audit_heads import read_heads
    from serving.oversight.audit_verification import list_problems, verify_store

    opened = _open(store, any_key=True)
    try:
        there = None if heads is None else read_heads(opened.audit_key, heads)
        found = verify_store(opened, None if there is None else there.macs())
    finally:
        opened.close()
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
) -> None:
    """Write the signed head of each log; what is there already is never overwritten."""
    from serving.oversight.audit_heads import export_heads

    opened = _open(store)
    try:
        written = export_heads(opened, folder)
    finally:
        opened.close()
    for path in written:
        print(path)
    if not written:
        say("the heads of today are there already")
