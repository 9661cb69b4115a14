"""``caselight flags``: the catalogue by which flags are raised, changed by two people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import say
from caselight.options import StoreAddress, TokenFile
from caselight.promotion.session import ID_LETTERS, open_session
from caselight.store_session import Given
from features.errors import ConfigError

if TYPE_CHECKING:
    from serving.promotions.flag_steps import FlagStep


def flags(
    candidate: Annotated[
        str, typer.Argument(help="File of a catalogue; to answer a proposal, its digest.")
    ],
    why: Annotated[str, typer.Option(help="Why, which is kept.")],
    store: StoreAddress = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve what another person proposed.")
    ] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Withdraw a proposal, or turn another's down.")
    ] = False,
    token_file: TokenFile = None,
    now: Annotated[
        str | None,
        typer.Option(envvar="CASELIGHT_NOW", help="Moment at which a synthetic store lives."),
    ] = None,
) -> None:
    """Propose the catalogue by which flags are raised; another person approves it.

    A bundle's own catalogue says what its model measures and raises nothing: no swap of a bundle
    silences a flag. What a proposal takes away is printed for both people.
    """
    from serving.access.command_rules import FLAGS
    from serving.flags.flag_catalogue import hash_text
    from serving.promotions import flag_steps as steps

    if approve and withdraw:
        raise ConfigError("a proposal is approved or withdrawn; name one of the two")
    with open_session(store, Path(), FLAGS, Given(token_file, why=why), now) as session:
        person = session.actor.person
        with session.store.reading() as connection:
            before = steps.read_flag_steps(connection)
        if approve or withdraw:
            waiting = steps.find_waiting_flags(before)
            if waiting is not None:
                _tell_change(before, waiting.text)
            answer = steps.approve_flags if approve else steps.withdraw_flags
            with session.store.writing() as writing:
                answer(writing, person, candidate, why)
            print("flags are raised by it from now on" if approve else "withdrawn")
            return
        text = Path(candidate).read_text(encoding="utf-8-sig")
        _tell_change(before, text)
        with session.store.writing() as writing:
            steps.propose_flags(writing, person, text, why)
        digest = hash_text(text)[:ID_LETTERS]
        print(f"proposed; another person approves it: caselight flags {digest} --approve")


def _tell_change(before: "tuple[FlagStep, ...]", text: str) -> None:
    """Print what a catalogue adds, changes and takes away."""
    from features.catalogue.file import parse_catalogue
    from serving.promotions.flag_steps import compare_flags, find_flags_in_force

    in_force = find_flags_in_force(before)
    old = None if in_force is None else parse_catalogue(in_force.text.encode(), "", of_bundle=True)
    change = compare_flags(old, parse_catalogue(text.encode(), "the catalogue of flags"))
    for words, names in (
        ("new", change.added),
        ("changed", change.changed),
        ("raised no more", change.removed),
        ("urgent no more", change.no_longer_urgent),
    ):
        if names:
            say(f"{words}: {', '.join(names)}")
