"""``caselight erase``: part a case's key from its identifier, for good."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import say
from caselight.options import SecondTokenFile, StoreAddress, TokenFile
from caselight.store_session import Given, StoreSession, open_session

if TYPE_CHECKING:
    from serving.store.remains import Remain


def erase(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case's own identifier.")],
    why: Annotated[str, typer.Option(help="Why; it stands in the audit chain.")],
    store: StoreAddress = None,
    token_file: TokenFile = None,
    second_token_file: SecondTokenFile = None,
    look_in: Annotated[
        list[Path] | None,
        typer.Option(help="A further file or folder in which the identifier is looked for."),
    ] = None,
) -> None:
    """Take a case's identifier out of the store; nothing brings it back.

    What its records say stays, under a random key alone. Everything is searched for the identifier
    afterwards, and what still holds it is told with the ground on which it is kept; exit code 1
    where there is none. Where cases are real, it takes two people of two agencies.
    """
    from serving.access.command_rules import ERASE
    from serving.store.erasing import clean_files, erase_identifier
    from serving.store.remains import find_remains, search_files

    given = Given(token_file, second_token_file, why)
    with open_session(store, ERASE, given, agreed=ERASE.scope) as session:
        with session.store.writing() as writing:
            key = erase_identifier(writing, case_id, session.find_own)
        if len(session.acts) > 1:
            session.note_agreed(key)
        say("the identifier is erased; the case goes by its key alone")
        if session.store.is_sqlite and not clean_files(session.store):
            say("another program holds the store, so that its file could not be written anew")
        further = [*(look_in or ()), *_list_folders(session)]
        found = (
            *find_remains(session.store, case_id, key),
            *search_files(further, case_id),
        )
        _tell(session, key, found)
    if any(one.ground is None for one in found):
        raise typer.Exit(1)


def _list_folders(session: StoreSession) -> list[Path]:
    """Return the folders that the settings name."""
    named = (session.settings.models_dir, session.settings.audit_heads_dir)
    return [one for one in named if one is not None]


def _tell(session: StoreSession, key: str, found: "tuple[Remain, ...]") -> None:
    """Say what still holds the identifier, and until when copies elsewhere do."""
    from features.contract.moments import format_moment, to_datetime
    from serving.store.remains import list_disclosures

    for one in found:
        ground = one.ground or "NO GROUND: take it out, or write down why it is kept"
        say(f"still in {one.place} ({one.count:,}): {ground}")
    if not found:
        say("the identifier is in no table and no file that was searched")
    zone = session.unit.time_zone
    for at_us, recipient in list_disclosures(session.store, key):
        say(
            f"a copy went on {format_moment(at_us, zone)[:10]} to {recipient}: have it erased there"
        )
    days = session.settings.backups_kept_days
    today = to_datetime(session.store.clock(), zone).date()
    say(
        f"backups made until today hold it until {today + dt.timedelta(days=days)}, when the last "
        f"of them is {days} days old and is to be destroyed (setting backups_kept_days)"
    )
