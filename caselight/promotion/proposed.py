"""A bundle proposed for use; on a synthetic store without a token, deployed in the same step."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from caselight.promotion.judged import judge_candidate
from caselight.promotion.session import (
    ID_LETTERS,
    PromotionSession,
    keep_flags,
    move_alias,
    point_service,
)
from features.errors import ArtefactError

if TYPE_CHECKING:
    from models.bundle.folder import Bundle
    from serving.promotions.approval import ProposedBundle, Said


def propose_bundle(
    session: PromotionSession, folder: Path, said: "Said", data: Path | None, *, track: bool
) -> bool:
    """Judge a bundle and record what came of it; return whether no gate refused it."""
    from serving.promotions.approval import propose
    from serving.promotions.rights import need_proposer
    from training.gates import read_reported

    person = session.actor.person
    if session.actor.is_signed:
        need_proposer(person)
    candidate = judge_candidate(session, read_reported(folder), data)
    if not session.actor.is_signed:
        return put_unsigned(session, folder, candidate, said, track=track)
    with _recording(session, candidate, said) as outcome, session.store.writing() as writing:
        propose(writing, person, candidate, said)
        _keep(session, folder, candidate)
    if outcome.is_refused:
        return False
    shown = candidate.bundle_id[:ID_LETTERS]
    print(f"proposed bundle {shown}; another person approves it:")
    print(f"  caselight promote {shown} --approve")
    return True


def put_unsigned(
    session: PromotionSession,
    folder: Path,
    candidate: "ProposedBundle",
    said: "Said",
    *,
    track: bool = True,
) -> bool:
    """Deploy a judged bundle on a synthetic store; return whether no gate refused it."""
    from serving.promotions import approval as steps

    person = session.actor.person
    with _recording(session, candidate, said) as outcome, session.store.writing() as writing:
        steps.put_unsigned(writing, session.unit, person, candidate, said)
        kept = _keep(session, folder, candidate)
        keep_flags(session, writing, kept, candidate.replaces)
    if outcome.is_refused:
        return False
    point_service(session)
    print(f"bundle {candidate.bundle_id[:ID_LETTERS]} is in use, unsigned: the store is synthetic")
    if track:
        move_alias(candidate.bundle_id, str(candidate.about["catalogue"]))
    return True


@dataclass
class _Outcome:
    """Whether the gates refused what was attempted; known once the block has ended."""

    is_refused: bool = False


@contextmanager
def _recording(
    session: PromotionSession, candidate: "ProposedBundle", said: "Said"
) -> Iterator[_Outcome]:
    """Keep a refusal by the gates in the record, whatever the transaction within took back."""
    from serving.promotions.approval import note_refusal
    from serving.promotions.rights import PromotionRefusedError

    outcome = _Outcome()
    try:
        yield outcome
    except PromotionRefusedError as error:
        if error.code != "gates_refuse":
            raise
        outcome.is_refused = True
        with session.store.writing() as writing:
            note_refusal(writing, session.actor.person, candidate, said)
        print(f"refused, which is recorded: {error}")


def _keep(session: PromotionSession, folder: Path, candidate: "ProposedBundle") -> "Bundle":
    """Copy what was judged to where it stays, and see that it is that."""
    from training.gates.reported import digest_figures
    from training.registry.promoted_bundles import keep

    kept = keep(folder, session.models)
    digest = digest_figures(session.models / kept.id)
    if (kept.id, digest) != (candidate.bundle_id, candidate.figures_digest):
        raise ArtefactError("the bundle was changed while it was judged; run the same again")
    return kept
