"""``caselight db``: make a store, check it, write it out, read a folder in."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.inputs import say
from caselight.options import SecondTokenFile, StoreAddress, TokenFile, Why, open_named_store
from caselight.store_session import Given, open_session
from features.errors import ConfigError

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
        bool,
        typer.Option(
            "--people",
            help="Write the table of people as well, for an audit; the token must say so.",
        ),
    ] = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything",
            help="Sealed cases and records kept apart as well; takes two people of two agencies.",
        ),
    ] = False,
    person: Annotated[
        str | None,
        typer.Option(
            help="Who exports, of a demonstration store; the machine's user where absent."
        ),
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(
            help="A case's own identifier: only what is of it, for somebody who asks; repeatable.",
        ),
    ] = None,
    of_person: Annotated[
        str | None,
        typer.Option(
            help="A person's number: only cases that name it, with that person's rows in the table "
            "of people and nobody else's; the token must say so.",
        ),
    ] = None,
    recipient: Annotated[
        str | None,
        typer.Option(help="To whom it goes; training, or the person concerned, where absent."),
    ] = None,
    why: Why = None,
    token_file: TokenFile = None,
    second_token_file: SecondTokenFile = None,
) -> None:
    """Write records as a contract folder with the cases' real identifiers, for training.

    Sealed cases, and records that an agency keeps to itself, stay in the store. With --case or
    --of-person it is what concerns one person, who asked for it: links to other cases are left out.
    """
    from serving.access.command_rules import (
        EVERYTHING_SCOPE,
        EXPORT,
        EXPORT_PERSON,
        PEOPLE_SCOPE,
    )
    from serving.store.export import Concerned, export_folder

    concerning = Concerned(tuple(case or ()), of_person) if case or of_person else None
    further = (
        *((PEOPLE_SCOPE,) if people or of_person else ()),
        *((EVERYTHING_SCOPE,) if everything else ()),
    )
    agreed = EVERYTHING_SCOPE if everything else None
    given = Given(token_file, second_token_file, why, person)
    rule = EXPORT if concerning is None else EXPORT_PERSON
    usual = "training" if concerning is None else "the person concerned"
    with open_session(store, rule, given, further=further, agreed=agreed) as session:
        # Before the export: what leaves is on record though writing it may fail half way.
        session.note(recipient=recipient or usual)
        exported = export_folder(
            session.store,
            folder,
            people=people or of_person is not None,
            everything=everything,
            concerning=concerning,
            find_hidden=session.find_own,
            progress=say,
        )
    rows = ", ".join(f"{count:,} {name}" for name, count in exported.rows.items())
    say(f"written: {rows}")
    if concerning is not None:
        say(
            "read it before it is handed over, and take out what is about others: who reported, "
            "where somebody lives, what was told in confidence"
        )


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="Contract folder to read.")],
    store: StoreAddress = None,
    person: Annotated[
        str | None,
        typer.Option(
            help="Who imports, to a demonstration store; the machine's user where absent."
        ),
    ] = None,
    why: Why = None,
    token_file: TokenFile = None,
) -> None:
    """Store a contract folder's records; a second call goes on where the first one broke off."""
    from serving.access.command_rules import IMPORT
    from serving.intake.folder_imports import import_folder

    if not folder.is_dir():
        raise ConfigError("there is no contract folder there; make one with `caselight import`")
    with open_session(store, IMPORT, Given(token_file, why=why, person=person)) as session:
        imported = import_folder(session.store, folder, session.person, session.settings, say)
    say(
        f"{imported.added:,} added, {imported.repeats:,} repeats, {imported.conflicts:,} "
        f"conflicts, {imported.rejects:,} rejects"
    )
    if imported.conflicts or imported.rejects:
        say(f"read them under /v1/imports/{imported.import_key}/rejects")
