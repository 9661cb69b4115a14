"""``caselight audit``: verify the audit books, and export their heads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import say
from features.errors import ConfigError

if TYPE_CHECKING:
    from serving.store.database import Store

app = typer.Typer(help="The audit books: verify them, export their heads.", no_args_is_help=True)
_Address = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="CASELIGHT_DATABASE_URL",
        help="sqlite:///PATH or postgresql://...; the environment's CASELIGHT_DATABASE_URL "
        "where absent.",
    ),
]


def _open(address: str | None, *, any_key: bool = False) -> "Store":
    from serving.store.database import open_store

    if address is None:
        raise ConfigError("no store is named; give --store or set CASELIGHT_DATABASE_URL")
    store = open_store(address, any_key=any_key)
    store.read_unit()
    return store


@app.command("verify")
def verify(
    store: _Address = None,
    heads: Annotated[
        Path | None,
        typer.Option("--heads", help="Folder of exported heads to hold the books against."),
    ] = None,
) -> None:
    """Walk both books and tell every line that is not as it was written; exit code 1 if any."""
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
    say("the audit books are whole")


@app.command("export-head")
def export_head(
    folder: Annotated[Path, typer.Argument(help="Folder to write to, best on another machine.")],
    store: _Address = None,
) -> None:
    """Write the signed head of each book; what is there already is never overwritten."""
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
