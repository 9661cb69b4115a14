"""``caselight seal``: name others for a sealed case when none of those named is left."""

from typing import Annotated

import typer

from caselight.inputs import say
from caselight.options import StoreAddress, TokenFile
from caselight.store_session import Given, open_session
from features.errors import ConfigError


def seal(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case's own identifier.")],
    person: Annotated[
        list[str], typer.Option(help="Who may see it, by what the sign-in knows them; two or more.")
    ],
    why: Annotated[str, typer.Option(help="Why others are named.")],
    store: StoreAddress = None,
    token_file: TokenFile = None,
) -> None:
    """Name other people for a case that is sealed; it stays sealed, and the audit chain says so."""
    from serving.access.command_rules import SEAL
    from serving.errors import ServiceError
    from serving.sealing.directory import read_directory
    from serving.sealing.seals import name_others

    with open_session(store, SEAL, Given(token_file, why=why)) as session:
        directory = read_directory(session.store, session.settings, [one.strip() for one in person])
        try:
            with session.store.writing() as writing:
                name_others(
                    writing,
                    case_id,
                    session.person,
                    person,
                    why,
                    directory,
                    find_hidden=session.find_own,
                )
        except ServiceError as error:
            told = [one.remedy for one in error.body.problems] or [error.body.remedy]
            raise ConfigError("; ".join((error.body.message, *told))) from None
    say(f"{len(set(person)):,} people are named; the case stays sealed")
