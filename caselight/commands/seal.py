"""``caselight seal``: name others for a sealed case when none of those named is left."""

from typing import Annotated

import typer

from caselight.inputs import say
from caselight.options import StoreAddress, TokenFile, need_address, open_named_store
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
    from caselight.actor import find_actor
    from serving.access.roles import ADMINISTRATOR
    from serving.errors import ServiceError
    from serving.sealing.directory import read_directory
    from serving.sealing.seals import name_others
    from serving.settings import make_settings
    from serving.store.current_act import Act, acting

    settings = make_settings(database_url=need_address(store))
    opened = open_named_store(store)
    try:
        actor = find_actor(settings, opened.read_unit(), token_file)
        if actor.person.role != ADMINISTRATOR:
            raise ConfigError("only an administrator names others; show an administrator's token")
        act = Act(actor.person, "alteration", "caselight seal")
        directory = read_directory(opened, settings, [one.strip() for one in person])
        with acting(act), opened.writing() as writing:
            name_others(writing, case_id, actor.person, person, why, directory)
    except ServiceError as error:
        raise ConfigError(f"{error.body.message}; {error.body.remedy}") from None
    finally:
        opened.close()
    say(f"{len(set(person)):,} people are named; the case stays sealed")
