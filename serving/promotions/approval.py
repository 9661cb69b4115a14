"""Taking the steps of a promotion: each is a row, checked and written in one transaction.

The record itself holds the rules, whoever calls: two different people, no gate that refuses, what
was not judged acknowledged in writing, and the bundle in use still the one compared with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import insert

from features.contract.json_text import is_storable
from models.run_figures.judged import BundleSummary, JudgedGate
from serving.persons import Person
from serving.promotions.record import PromotionStep, StepName, find_waiting, follow, read_steps
from serving.promotions.rights import (
    PromotionRefusedError,
    need_approver,
    need_proposer,
    need_returner,
    need_withdrawer,
)
from serving.store.database import Unit, Writing, make_key
from serving.store.schema import promotions

MOST_LETTERS: Final = 2_000
"""Of what people write; as much as a reason for the order's switch."""


@dataclass(frozen=True)
class ProposedBundle:
    """A bundle as it was judged.

    Parameters
    ----------
    bundle_id, figures_digest
        Its hash, and that of the figures.
    replaces
        The bundle in use, which the gates compared it with; ``None`` where none was.
    about, gates
        What it is and what every gate said, in plain values.
    """

    bundle_id: str
    figures_digest: str
    replaces: str | None
    about: BundleSummary
    gates: Sequence[JudgedGate]


@dataclass(frozen=True)
class Said:
    """What a person wrote with a step."""

    why: str | None = None
    despite: str | None = None
    acknowledged: str | None = None

    def __post_init__(self) -> None:
        for text in (self.why, self.despite, self.acknowledged):
            if text is not None and (
                not text.strip() or len(text) > MOST_LETTERS or not is_storable(text)
            ):
                raise PromotionRefusedError(
                    "unusable_text",
                    f"write what you have to say in 1 to {MOST_LETTERS:,} letters, without control "
                    "characters",
                )


_NOTHING: Final = Said()


def propose(
    writing: Writing, person: Person, candidate: ProposedBundle, said: Said = _NOTHING
) -> str:
    """Propose a bundle; return the proposal's key.

    Raises
    ------
    PromotionRefusedError
        If the person may not, a gate refuses, the bundle is in use or waits already, or another one
        came to be in use than the gates compared with.
    """
    need_proposer(person)
    steps = _lock(writing)
    _check_candidate(steps, candidate)
    if any(one.bundle_id == candidate.bundle_id for one in find_waiting(steps)):
        raise PromotionRefusedError(
            "proposed_already", "this bundle waits for approval; approve it or withdraw it first"
        )
    _check_gates(candidate.gates, said)
    return _add(writing, "proposed", person, _Row.of(candidate), said)


def put_unsigned(
    writing: Writing,
    unit: Unit,
    person: Person,
    candidate: ProposedBundle,
    said: Said = _NOTHING,
) -> str:
    """Put a bundle to use on a synthetic store, by nobody who signed in; return the row's key.

    Raises
    ------
    PromotionRefusedError
        If the store holds real cases, a gate refuses and nobody wrote why it is used all the same,
        the run is one of which nothing may be used, or another bundle came to be in use meanwhile.
    """
    need_synthetic(unit)
    steps = _lock(writing)
    _check_candidate(steps, candidate)
    _check_gates(candidate.gates, said, is_trial=True)
    return _add(writing, "unsigned", person, _Row.of(candidate), said)


def note_refusal(
    writing: Writing,
    person: Person,
    candidate: ProposedBundle,
    said: Said = _NOTHING,
    *,
    proposal_key: str | None = None,
) -> str:
    """Keep that a bundle was refused, by its gates or because a step was not the person's to take;
    ``said.why`` says which.
    """
    _lock(writing)
    return _add(writing, "refused", person, _Row.of(candidate, proposal_key), said)


def approve(
    writing: Writing,
    person: Person,
    proposal: PromotionStep,
    figures_digest: str,
    said: Said = _NOTHING,
) -> str:
    """Approve another person's proposal; return the row's key.

    Parameters
    ----------
    figures_digest
        SHA-256 of the figures as they are now, beside the bundle that was verified.

    Raises
    ------
    PromotionRefusedError
        If the person may not, or proposed it; it does not wait any longer; the figures are others;
        another bundle came to be in use; or what was not judged is not acknowledged.
    """
    need_approver(person)
    steps = _lock(writing)
    if proposal.key not in {one.key for one in find_waiting(steps)}:
        raise PromotionRefusedError("no_proposal", "this proposal waits no longer; propose anew")
    if person.subject == proposal.person.subject:
        raise PromotionRefusedError(
            "same_person", "whoever proposed a bundle cannot approve it; ask another person"
        )
    if figures_digest != proposal.figures_digest:
        raise PromotionRefusedError(
            "changed", "the figures are not those that were judged; withdraw and propose anew"
        )
    if follow(steps).in_use not in (proposal.replaces, None):
        raise PromotionRefusedError(
            "overtaken",
            "another bundle came to be in use since the gates compared with the one before; "
            "withdraw and propose anew",
        )
    if proposal.unjudged and said.acknowledged is None:
        raise PromotionRefusedError(
            "not_acknowledged",
            f"{len(proposal.unjudged)} gates were not passed; say in writing that you know them, "
            "with --acknowledge",
        )
    return _add(writing, "approved", person, _Row.answering(proposal), said)


def withdraw(writing: Writing, person: Person, proposal: PromotionStep, said: Said) -> str:
    """Withdraw a proposal, one's own or another's; return the row's key.

    Raises
    ------
    PromotionRefusedError
        If the person may not, or it does not wait any longer.
    """
    need_withdrawer(person)
    if proposal.key not in {one.key for one in find_waiting(_lock(writing))}:
        raise PromotionRefusedError("no_proposal", "this proposal waits no longer")
    return _add(writing, "withdrawn", person, _Row.answering(proposal), said)


def choose_return(steps: Sequence[PromotionStep], bundle_id: str | None) -> str:
    """Return the bundle to go back to: the one before, or one of those before it that is named.

    Raises
    ------
    PromotionRefusedError
        If there is none, or it was not in use before the one in use now: to go on to another takes
        a proposal and an approval.
    """
    before = follow(steps).before
    if not before:
        raise PromotionRefusedError(
            "not_in_use_before",
            "no bundle was in use before this one; switch the order to the longest wait instead",
        )
    if bundle_id is None:
        return before[0]
    found = [one for one in before if one.startswith(bundle_id)]
    if len(found) != 1:
        raise PromotionRefusedError(
            "not_in_use_before",
            "no bundle of that name was in use before this one; propose it, or name one of "
            + ", ".join(one[:12] for one in before),
        )
    return found[0]


def roll_back(
    writing: Writing, unit: Unit, person: Person, bundle_id: str, said: Said, *, signed: bool
) -> str:
    """Go back to a bundle that was in use before; return the row's key.

    Raises
    ------
    PromotionRefusedError
        If the person may not, or it was not in use before the one in use now.
    """
    if signed:
        need_returner(person)
    else:
        need_synthetic(unit)
    steps = _lock(writing)
    target = choose_return(steps, bundle_id)
    own = [one for one in steps if one.bundle_id == target]
    row = _Row(
        target, replaces=follow(steps).in_use, about=own[-1].about if own else BundleSummary()
    )
    return _add(writing, "rolled_back", person, row, said)


def need_synthetic(unit: Unit) -> None:
    """Check that nobody need be signed in.

    Raises
    ------
    PromotionRefusedError
        If the store holds real cases.
    """
    if not unit.synthetic:
        raise PromotionRefusedError(
            "real_store",
            "the store holds real cases: two signed-in people put a model to use; name a file with "
            "your token by --token-file, or set CASELIGHT_TOKEN",
        )


@dataclass(frozen=True)
class _Row:
    bundle_id: str
    figures_digest: str | None = None
    replaces: str | None = None
    proposal_key: str | None = None
    about: BundleSummary = field(default_factory=BundleSummary)
    gates: Sequence[JudgedGate] = ()

    @classmethod
    def of(cls, candidate: ProposedBundle, proposal_key: str | None = None) -> "_Row":
        return cls(
            candidate.bundle_id,
            candidate.figures_digest,
            candidate.replaces,
            proposal_key,
            candidate.about,
            candidate.gates,
        )

    @classmethod
    def answering(cls, proposal: PromotionStep) -> "_Row":
        return cls(
            proposal.bundle_id,
            proposal.figures_digest,
            proposal.replaces,
            proposal.key,
            proposal.about,
            proposal.gates,
        )


def _lock(writing: Writing) -> tuple[PromotionStep, ...]:
    """Return the steps once nobody else can take one before this transaction ends."""
    writing.take_seq(0)
    return read_steps(writing.connection)


def _check_candidate(steps: Sequence[PromotionStep], candidate: ProposedBundle) -> None:
    in_use = follow(steps).in_use
    if candidate.bundle_id in (in_use, candidate.replaces):
        raise PromotionRefusedError("in_use", "this bundle is in use already")
    if in_use not in (candidate.replaces, None):
        raise PromotionRefusedError(
            "overtaken",
            "another bundle came to be in use while the gates were judged; run the same again",
        )


def _check_gates(gates: Sequence[JudgedGate], said: Said, *, is_trial: bool = False) -> None:
    """Refuse what a gate refuses, unless it may be accepted and was accepted in writing.

    On trial (a synthetic store) every refusal may be accepted but that of the run itself.
    """
    if not gates:
        raise PromotionRefusedError("gates_refuse", "no gate has judged this bundle")
    for one in gates:
        if one["verdict"] != "refused":
            continue
        may_be = one["may_be_accepted"] or (is_trial and one["name"] != "run")
        if not (may_be and said.despite is not None):
            remedy = "say in writing why it is used all the same, with --despite"
            raise PromotionRefusedError(
                "gates_refuse",
                f"the gate '{one['name']}' refuses this bundle; "
                + (remedy if may_be else "train another one"),
            )


def _add(writing: Writing, name: StepName, person: Person, row: _Row, said: Said) -> str:
    key = make_key()
    writing.connection.execute(
        insert(promotions).values(
            promotion_key=key,
            step=name,
            bundle_id=row.bundle_id,
            figures_digest=row.figures_digest,
            replaces=row.replaces,
            proposal_key=row.proposal_key,
            about=dict(row.about),
            gates=[dict(one) for one in row.gates],
            why=said.why,
            despite=said.despite,
            acknowledged=said.acknowledged,
            done_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )
    return key
