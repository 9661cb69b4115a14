"""``caselight promote`` and ``caselight rollback``: a model is put to use by two people.

The verbs carry what training reports to the store's record, and what the record says to the folder
of promoted bundles.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.actor import TOKEN_VARIABLE
from caselight.promotion.session import (
    ID_LETTERS,
    Desk,
    judge_candidate,
    move_alias,
    open_desk,
    settle_pointer,
)
from features.errors import ArtefactError, CaselightError, ConfigError

if TYPE_CHECKING:
    from serving.promotions.record import Step
    from serving.promotions.steps import Candidate, Said

_Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="CASELIGHT_DATABASE_URL",
        help="The store, which keeps the record: sqlite:///PATH or postgresql://...",
    ),
]
_Models = Annotated[
    Path | None,
    typer.Option(envvar="CASELIGHT_MODELS_DIR", help="Folder of promoted bundles."),
]
_TokenFile = Annotated[
    Path | None,
    typer.Option(help=f"File of your token; the environment's {TOKEN_VARIABLE} where absent."),
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
    store: _Store = None,
    models: _Models = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve what another person proposed; puts to use.")
    ] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Withdraw a proposal, or turn another's down.")
    ] = False,
    why: Annotated[str | None, typer.Option(help="What for, or why not.")] = None,
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
    token_file: _TokenFile = None,
    now: _Now = None,
    track: _Track = True,
) -> None:
    """Propose a bundle; another person approves it, and then the service reads it.

    Every gate is told and every step recorded; exit code 1 where a gate refuses. On a synthetic
    store without a token one step does, and the record says that nobody signed it.
    """
    from serving.promotions.steps import Said

    said = Said(why, despite, acknowledge)
    if approve and withdraw:
        raise ConfigError("a proposal is approved or withdrawn; name one of the two")
    with open_desk(store, models, token_file, now, "caselight promote") as desk:
        if withdraw:
            _withdraw(desk, candidate, said)
        elif approve:
            _approve(desk, candidate, said, track=track)
        elif not _propose(desk, Path(candidate), said, data, track=track):
            raise typer.Exit(1)


def rollback(
    why: Annotated[str, typer.Option(help="Why, which is kept.")],
    to: Annotated[
        str | None, typer.Option(help="Id of a bundle in use earlier; the one before where absent.")
    ] = None,
    store: _Store = None,
    models: _Models = None,
    token_file: _TokenFile = None,
    now: _Now = None,
    track: _Track = True,
) -> None:
    """Go back to the bundle that was in use before; one signed-in person is enough for that."""
    from serving.promotions.record import read_steps
    from serving.promotions.steps import Said, choose_return, roll_back
    from training.registry.bundle_folder import find_kept

    said = Said(why)
    with open_desk(store, models, token_file, now, "caselight rollback") as desk:
        with desk.store.reading() as connection:
            target = choose_return(read_steps(connection), to)
        bundle = find_kept(desk.models, target)
        with desk.store.writing() as writing:
            signed, person = desk.actor.is_signed, desk.actor.person
            roll_back(writing, desk.unit, person, target, said, signed=signed)
        settle_pointer(desk)
        print(f"back to bundle {target[:ID_LETTERS]}; it is in use now")
        if track:
            move_alias(bundle.id, bundle.catalogue.name)


def _propose(desk: Desk, folder: Path, said: "Said", data: Path | None, *, track: bool) -> bool:
    """Judge a bundle and record what came of it; return whether no gate refused it."""
    from serving.promotions.rights import need_proposer
    from serving.promotions.steps import propose
    from training.gates import read_reported

    person = desk.actor.person
    if desk.actor.is_signed:
        need_proposer(person)
    candidate = judge_candidate(desk, read_reported(folder), data)
    if not desk.actor.is_signed:
        return put_unsigned(desk, folder, candidate, said, track=track)
    with _recording(desk, candidate, said) as outcome, desk.store.writing() as writing:
        propose(writing, person, candidate, said)
        _keep(desk, folder, candidate)
    if outcome.is_refused:
        return False
    shown = candidate.bundle_id[:ID_LETTERS]
    print(f"proposed bundle {shown}; another person approves it:")
    print(f"  caselight promote {shown} --approve")
    return True


def put_unsigned(
    desk: Desk, folder: Path, candidate: "Candidate", said: "Said", *, track: bool = True
) -> bool:
    """Put a judged bundle to use on a synthetic store; return whether no gate refused it."""
    from serving.promotions import steps

    person = desk.actor.person
    with _recording(desk, candidate, said) as outcome, desk.store.writing() as writing:
        steps.put_unsigned(writing, desk.unit, person, candidate, said)
        _keep(desk, folder, candidate)
    if outcome.is_refused:
        return False
    settle_pointer(desk)
    print(f"bundle {candidate.bundle_id[:ID_LETTERS]} is in use, unsigned: the store is synthetic")
    if track:
        move_alias(candidate.bundle_id, str(candidate.about["catalogue"]))
    return True


@dataclass
class _Outcome:
    """Whether the gates refused what was attempted; known once the block has ended."""

    is_refused: bool = False


@contextmanager
def _recording(desk: Desk, candidate: "Candidate", said: "Said") -> Iterator[_Outcome]:
    """Keep a refusal by the gates in the record, whatever the transaction within took back."""
    from serving.promotions.rights import PromotionRefusedError
    from serving.promotions.steps import note_refusal

    outcome = _Outcome()
    try:
        yield outcome
    except PromotionRefusedError as error:
        if error.code != "gates_refuse":
            raise
        outcome.is_refused = True
        with desk.store.writing() as writing:
            note_refusal(writing, desk.actor.person, candidate, said)
        print(f"refused, which is recorded: {error}")


def _keep(desk: Desk, folder: Path, candidate: "Candidate") -> None:
    """Copy what was judged to where it stays, and see that it is that."""
    from training.gates.reported import digest_figures
    from training.registry.bundle_folder import keep

    kept = keep(folder, desk.models)
    digest = digest_figures(desk.models / kept.id)
    if (kept.id, digest) != (candidate.bundle_id, candidate.figures_digest):
        raise ArtefactError("the bundle was changed while it was judged; run the same again")


def _approve(desk: Desk, name: str, said: "Said", *, track: bool) -> None:
    from serving.promotions.record import read_steps
    from serving.promotions.rights import PromotionRefusedError
    from serving.promotions.steps import approve
    from training.gates.reported import digest_figures
    from training.registry.bundle_folder import find_kept

    with desk.store.reading() as connection:
        steps = read_steps(connection)
    proposal = _find_proposal(steps, name)
    if proposal is None:
        _point_again(desk, steps, name)
        return
    _need_signed(desk)
    _tell_unjudged(proposal)
    try:
        bundle = find_kept(desk.models, proposal.bundle_id)
        digest = digest_figures(desk.models / bundle.id)
        with desk.store.writing() as writing:
            approve(writing, desk.actor.person, proposal, digest, said)
    except (ArtefactError, PromotionRefusedError) as error:
        _note_refused_approval(desk, proposal, error)
        raise
    settle_pointer(desk)
    print(f"approved; bundle {bundle.id[:ID_LETTERS]} is in use now")
    if track:
        move_alias(bundle.id, bundle.catalogue.name)


def _tell_unjudged(proposal: "Step") -> None:
    for gate in proposal.unjudged:
        print(f"  {gate['verdict']:<10}  {gate['name']:<11}  {gate['words']}")
    if proposal.despite is not None:
        print(f"  it is proposed all the same: {proposal.despite}")


def _note_refused_approval(desk: Desk, proposal: "Step", error: CaselightError) -> None:
    """Keep why an approval could not be given; one that only lacks a word is not refused."""
    from serving.promotions.steps import Candidate, Said, note_refusal

    if getattr(error, "code", "changed") in ("not_acknowledged", "no_proposal"):
        return
    about = Candidate(
        proposal.bundle_id,
        str(proposal.figures_digest),
        proposal.replaces,
        proposal.about,
        proposal.gates,
    )
    with desk.store.writing() as writing:
        said, key = Said(why=str(error)), proposal.key
        note_refusal(writing, desk.actor.person, about, said, proposal_key=key)


def _point_again(desk: Desk, steps: "tuple[Step, ...]", name: str) -> None:
    """Point the service at what the record put to use, where a crash or a hand left it elsewhere.

    Raises
    ------
    PromotionRefusedError
        If the record has not put that bundle to use.
    """
    from serving.promotions.record import follow
    from serving.promotions.rights import PromotionRefusedError, need_approver

    in_use = follow(steps).in_use
    if in_use is None or not in_use.startswith(_read_id(name)):
        raise PromotionRefusedError(
            "no_proposal", "no proposal of this bundle waits; propose it first"
        )
    if desk.actor.is_signed:
        need_approver(desk.actor.person)
    settle_pointer(desk)
    print(f"bundle {in_use[:ID_LETTERS]} is in use by the record; the service is pointed at it")


def _withdraw(desk: Desk, name: str, said: "Said") -> None:
    from serving.promotions.record import read_steps
    from serving.promotions.rights import PromotionRefusedError
    from serving.promotions.steps import withdraw

    _need_signed(desk)
    if said.why is None:
        raise ConfigError("say why it is withdrawn, with --why; it is kept")
    with desk.store.reading() as connection:
        proposal = _find_proposal(read_steps(connection), name)
    if proposal is None:
        raise PromotionRefusedError("no_proposal", "no proposal of this bundle waits")
    with desk.store.writing() as writing:
        withdraw(writing, desk.actor.person, proposal, said)
    print(f"withdrawn: bundle {proposal.bundle_id[:ID_LETTERS]}")


def _need_signed(desk: Desk) -> None:
    if not desk.actor.is_signed:
        raise ConfigError(
            "a proposal is answered by somebody who is signed in; name a file with your token by "
            f"--token-file, or set {TOKEN_VARIABLE}"
        )


def _find_proposal(steps: "tuple[Step, ...]", name: str) -> "Step | None":
    from serving.promotions.record import find_waiting

    sought = _read_id(name)
    found = [one for one in find_waiting(steps) if one.bundle_id.startswith(sought)]
    return found[0] if len(found) == 1 else None


def _read_id(name: str) -> str:
    """Return the id, or its beginning, that a folder or an id names."""
    from models.bundle.folder import load_bundle

    if (Path(name) / "bundle.json").is_file():
        return load_bundle(Path(name)).id
    if len(name) < ID_LETTERS or not name.isalnum():
        raise ConfigError(
            f"there is no bundle there, and an id has at least {ID_LETTERS} letters; name "
            "the bundle's folder or its id as it was told"
        )
    return name
