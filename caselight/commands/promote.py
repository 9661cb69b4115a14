"""``caselight promote`` and ``caselight rollback``: a model is deployed by two people."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.options import StoreAddress, TokenFile
from caselight.promotion.approved import approve_proposal, withdraw_proposal
from caselight.promotion.proposed import propose_bundle
from caselight.promotion.session import ID_LETTERS, move_alias, open_session, point_service
from caselight.store_session import Given
from features.errors import ConfigError

_Models = Annotated[
    Path | None,
    typer.Option(envvar="CASELIGHT_MODELS_DIR", help="Folder of promoted bundles."),
]
_Now = Annotated[
    str | None,
    typer.Option(envvar="CASELIGHT_NOW", help="Moment at which a synthetic store lives."),
]
_Track = Annotated[
    bool, typer.Option(help="Move the alias champion in MLflow, where the bundle is registered.")
]


def promote(
    candidate: Annotated[
        str, typer.Argument(help="Folder of a bundle; to answer a proposal, its id will do.")
    ],
    store: StoreAddress = None,
    models: _Models = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve what another person proposed; puts to use.")
    ] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Withdraw a proposal, or turn another's down.")
    ] = False,
    why: Annotated[
        str | None,
        typer.Option(help="What for, or why not, which is kept. Needed where cases are real."),
    ] = None,
    despite: Annotated[
        str | None,
        typer.Option(
            help="Why it is used although the report recommends the simple rule. Where nobody is "
            "signed in, on a synthetic store, although any gate refused it."
        ),
    ] = None,
    acknowledge: Annotated[
        str | None,
        typer.Option(help="With --approve: that you know which gates were not passed."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Contract folder on which both bundles are compared case by case."),
    ] = None,
    token_file: TokenFile = None,
    now: _Now = None,
    track: _Track = True,
) -> None:
    """Propose a bundle; another person approves it, and then the service reads it.

    Every gate is printed and every step recorded; exit code 1 where a gate refuses. On a synthetic
    store without a token one step does, and the record says that nobody signed it.
    """
    from serving.access.command_rules import PROMOTE
    from serving.promotions.approval import Said

    said = Said(why, despite, acknowledge)
    if approve and withdraw:
        raise ConfigError("a proposal is approved or withdrawn; name one of the two")
    with open_session(store, models, PROMOTE, Given(token_file, why=why), now) as session:
        if withdraw:
            withdraw_proposal(session, candidate, said)
        elif approve:
            approve_proposal(session, candidate, said, track=track)
        elif not propose_bundle(session, Path(candidate), said, data, track=track):
            raise typer.Exit(1)


def rollback(
    why: Annotated[str, typer.Option(help="Why, which is kept.")],
    to: Annotated[
        str | None, typer.Option(help="Id of a bundle in use earlier; the one before where absent.")
    ] = None,
    store: StoreAddress = None,
    models: _Models = None,
    token_file: TokenFile = None,
    now: _Now = None,
    track: _Track = True,
) -> None:
    """Go back to the bundle that was in use before; one signed-in person is enough for that."""
    from serving.access.command_rules import ROLLBACK
    from serving.promotions.approval import Said, choose_return, roll_back
    from serving.promotions.record import read_steps
    from training.registry.promoted_bundles import find_kept

    said = Said(why)
    with open_session(store, models, ROLLBACK, Given(token_file, why=why), now) as session:
        with session.store.reading() as connection:
            target = choose_return(read_steps(connection), to)
        bundle = find_kept(session.models, target)
        with session.store.writing() as writing:
            signed, person = session.actor.is_signed, session.actor.person
            roll_back(writing, session.unit, person, target, said, signed=signed)
        point_service(session)
        print(f"back to bundle {target[:ID_LETTERS]}; it is in use now")
        if track:
            move_alias(bundle.id, bundle.catalogue.name)
