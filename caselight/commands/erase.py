"""``caselight erase``: part a case's key from its identifier, for good."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.inputs import say
from features.errors import ConfigError


def erase(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case's own identifier.")],
    why: Annotated[str, typer.Option(help="Why; it stands in the audit chain.")],
    store: Annotated[
        str | None,
        typer.Option(envvar="CASELIGHT_DATABASE_URL", help="sqlite:///PATH or postgresql://..."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File of your token; CASELIGHT_TOKEN where absent.")
    ] = None,
) -> None:
    """Empty the row that ties a case's random key to its identifier; nothing brings it back.

    What its records themselves say stays, under the key alone.
    """
    from caselight.actor import find_actor
    from serving.access.roles import ADMINISTRATOR
    from serving.settings import make_settings
    from serving.store.acts import Act, acting
    from serving.store.database import open_store
    from serving.store.erasing import erase_identifier

    if store is None:
        raise ConfigError("no store is named; give --store or set CASELIGHT_DATABASE_URL")
    settings = make_settings(database_url=store)
    opened = open_store(store)
    try:
        actor = find_actor(settings, opened.read_unit(), token_file)
        if actor.person.role != ADMINISTRATOR:
            raise ConfigError("only an administrator erases; show an administrator's token")
        act = Act(actor.person, "erasure", "caselight erase", purpose=why)
        with acting(act), opened.writing() as writing:
            erase_identifier(writing, case_id)
    finally:
        opened.close()
    say("the identifier is erased; the case goes by its key alone")
