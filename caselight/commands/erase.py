"""``caselight erase``: part a case's key from its identifier, for good."""

from typing import Annotated

import typer

from caselight.inputs import say
from caselight.options import StoreAddress, TokenFile, need_address, open_named_store
from features.errors import ConfigError


def erase(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case's own identifier.")],
    why: Annotated[str, typer.Option(help="Why; it stands in the audit chain.")],
    store: StoreAddress = None,
    token_file: TokenFile = None,
) -> None:
    """Empty the row that ties a case's random key to its identifier; nothing brings it back.

    What its records themselves say stays, under the key alone.
    """
    from caselight.actor import find_actor
    from serving.access.roles import ADMINISTRATOR
    from serving.settings import make_settings
    from serving.store.current_act import Act, acting
    from serving.store.erasing import erase_identifier

    settings = make_settings(database_url=need_address(store))
    opened = open_named_store(store)
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
