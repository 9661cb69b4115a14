"""A proposal answered: approved by a second person, or withdrawn."""

from pathlib import Path
from typing import TYPE_CHECKING

from caselight.options import TOKEN_VARIABLE
from caselight.promotion.session import (
    ID_LETTERS,
    PromotionSession,
    keep_flags,
    move_alias,
    point_service,
)
from features.errors import ArtefactError, CaselightError, ConfigError

if TYPE_CHECKING:
    from serving.promotions.approval import Said
    from serving.promotions.record import PromotionStep


def approve_proposal(session: PromotionSession, name: str, said: "Said", *, track: bool) -> None:
    """Approve the proposal of a bundle, which is in use from then on.

    Parameters
    ----------
    session
        The store, the folder of bundles, and who approves.
    name
        Folder of the bundle, or the beginning of its id.
    said
        Why, and that gates which did not pass are known.
    track
        Whether MLflow's alias moves as well.

    Raises
    ------
    CaselightError
        If nobody is signed in, nothing of that name waits, the bundle is no longer what was
        judged, or the person may not approve. A refusal is recorded.
    """
    from serving.promotions.approval import approve
    from serving.promotions.record import read_steps
    from serving.promotions.rights import PromotionRefusedError
    from training.gates.reported import digest_figures
    from training.registry.promoted_bundles import find_kept

    with session.store.reading() as connection:
        steps = read_steps(connection)
    proposal = _find_proposal(steps, name)
    if proposal is None:
        _repeat_pointing(session, steps, name)
        return
    _need_signed(session)
    _print_unjudged(proposal)
    try:
        bundle = find_kept(session.models, proposal.bundle_id)
        digest = digest_figures(session.models / bundle.id)
        with session.store.writing() as writing:
            approve(writing, session.actor.person, proposal, digest, said)
            keep_flags(session, writing, bundle, proposal.replaces)
    except (ArtefactError, PromotionRefusedError) as error:
        _note_refused_approval(session, proposal, error)
        raise
    point_service(session)
    print(f"approved; bundle {bundle.id[:ID_LETTERS]} is in use now")
    if track:
        move_alias(bundle.id, bundle.catalogue.name)


def _print_unjudged(proposal: "PromotionStep") -> None:
    for gate in proposal.unjudged:
        print(f"  {gate['verdict']:<10}  {gate['name']:<11}  {gate['words']}")
    if proposal.despite is not None:
        print(f"  it is proposed all the same: {proposal.despite}")


def _note_refused_approval(
    session: PromotionSession, proposal: "PromotionStep", error: CaselightError
) -> None:
    """Keep why an approval could not be given; one that only lacks a word is not refused."""
    from serving.promotions.approval import ProposedBundle, Said, note_refusal

    if getattr(error, "code", "changed") in ("not_acknowledged", "no_proposal"):
        return
    about = ProposedBundle(
        proposal.bundle_id,
        str(proposal.figures_digest),
        proposal.replaces,
        proposal.about,
        proposal.gates,
    )
    with session.store.writing() as writing:
        said, key = Said(why=str(error)), proposal.key
        note_refusal(writing, session.actor.person, about, said, proposal_key=key)


def _repeat_pointing(
    session: PromotionSession, steps: "tuple[PromotionStep, ...]", name: str
) -> None:
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
    if session.actor.is_signed:
        need_approver(session.actor.person)
    point_service(session)
    print(f"bundle {in_use[:ID_LETTERS]} is in use by the record; the service is pointed at it")


def withdraw_proposal(session: PromotionSession, name: str, said: "Said") -> None:
    """Withdraw a proposal, or turn down another person's.

    Raises
    ------
    CaselightError
        If nobody is signed in, no reason is given, or nothing of that name waits.
    """
    from serving.promotions.approval import withdraw
    from serving.promotions.record import read_steps
    from serving.promotions.rights import PromotionRefusedError

    _need_signed(session)
    if said.why is None:
        raise ConfigError("say why it is withdrawn, with --why; it is kept")
    with session.store.reading() as connection:
        proposal = _find_proposal(read_steps(connection), name)
    if proposal is None:
        raise PromotionRefusedError("no_proposal", "no proposal of this bundle waits")
    with session.store.writing() as writing:
        withdraw(writing, session.actor.person, proposal, said)
    print(f"withdrawn: bundle {proposal.bundle_id[:ID_LETTERS]}")


def _need_signed(session: PromotionSession) -> None:
    if not session.actor.is_signed:
        raise ConfigError(
            "a proposal is answered by somebody who is signed in; name a file with your token by "
            f"--token-file, or set {TOKEN_VARIABLE}"
        )


def _find_proposal(steps: "tuple[PromotionStep, ...]", name: str) -> "PromotionStep | None":
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
            "the bundle's folder or its id as it was printed"
        )
    return name
