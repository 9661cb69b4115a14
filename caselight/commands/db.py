"""``caselight db``: make a store, check it, write it out, read a folder in."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import say
from caselight.options import StoreAddress, open_named_store
from features.errors import ConfigError

if TYPE_CHECKING:
    pass

app = typer.Typer(help="The store: make it, check it, write it out.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(
    store: StoreAddress = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Every case of a store made now is invented.")
    ] = False,
    time_zone: Annotated[
        str, typer.Option(help="Zone of a store made now, in which dates are read and shown.")
    ] = "Europe/London",
) -> None:
    """Make the store, or bring it up to date; safe to repeat."""
    from serving.standing.standings import rebuild_standings
    from serving.store import upgrading

    opened = open_named_store(store, may_make=True)
    upgrading.upgrade(opened, time_zone=time_zone, synthetic=synthetic)
    with opened.writing() as writing:
        n_cases = rebuild_standings(writing)
    kind = "synthetic" if opened.read_unit().synthetic else "real"
    say(f"the store is up to date: {n_cases:,} cases, for {kind} records")
    opened.close()


@app.command("check")
def check(store: StoreAddress = None) -> None:
    """Say what is not as it should be, with what mends it; exit code 1 where something is not."""
    from serving.intake.checks import (
        check_store,
        count_known_since_merge,
        count_waiting_corrections,
    )

    opened = open_named_store(store)
    findings = check_store(opened)
    for finding in findings:
        say(f"{finding.problem}; {finding.remedy}")
    if findings:
        opened.close()
        raise typer.Exit(1)
    with opened.reading() as connection:
        waiting = count_waiting_corrections(connection)
        since_merge = count_known_since_merge(connection)
    if waiting:
        say(f"{waiting:,} records correct one that is not here yet; they are kept")
    if since_merge:
        say(
            f"{since_merge:,} merged cases have conduct recorded since, and stay closed; record it "
            "for the case that each went into"
        )
    say("the store is as it should be")
    opened.close()


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Contract folder to write; absent or empty.")],
    store: StoreAddress = None,
    people: Annotated[
        bool, typer.Option("--people", help="Write the table of people as well, for an audit.")
    ] = False,
    person: Annotated[
        str | None, typer.Option(help="Who exports; the user of this machine where absent.")
    ] = None,
    recipient: Annotated[str, typer.Option(help="To whom it goes.")] = "training",
) -> None:
    """Write every record as a contract folder with the cases' real identifiers, for training."""
    from serving.persons import Person
    from serving.store.current_act import Act, acting
    from serving.store.export import export_folder

    opened = open_named_store(store)
    who = Person(person or getpass.getuser(), "administrator", "unit")
    # Before the export: what leaves is on record though writing it may fail half way.
    with acting(Act(who, "disclosure", "caselight db export")), opened.writing() as writing:
        writing.note(recipient=recipient)
    exported = export_folder(opened, folder, people=people, progress=say)
    rows = ", ".join(f"{count:,} {name}" for name, count in exported.rows.items())
    say(f"written: {rows}")
    opened.close()


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="Contract folder to read.")],
    store: StoreAddress = None,
    person: Annotated[
        str | None, typer.Option(help="Who imports; the user of this machine where absent.")
    ] = None,
) -> None:
    """Store a contract folder's records; a second call goes on where the first one broke off."""
    from serving.intake.folder_imports import import_folder
    from serving.persons import Person
    from serving.settings import make_settings
    from serving.store.current_act import Act, acting

    if not folder.is_dir():
        raise ConfigError("there is no contract folder there; make one with `caselight import`")
    opened = open_named_store(store)
    who = Person(person or getpass.getuser(), "administrator", "unit")
    with acting(Act(who, "collection", "caselight db import")):
        imported = import_folder(opened, folder, who, make_settings(), say)
    say(
        f"{imported.added:,} added, {imported.repeats:,} repeats, {imported.conflicts:,} "
        f"conflicts, {imported.rejects:,} rejects"
    )
    if imported.conflicts or imported.rejects:
        say(f"read them under /v1/imports/{imported.import_key}/rejects")
    opened.close()
