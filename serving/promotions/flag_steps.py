"""Changing the catalogue by which flags are raised: proposed by one person, approved by another.

The rules about people are those of a bundle. What a change takes away is told with it, so that
nobody approves by the way that an urgent flag is raised no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, insert, select
from sqlalchemy.engine import Row

from features.catalogue.declarations import Catalogue
from features.catalogue.file import parse_catalogue
from serving.flags.flag_catalogue import IN_FORCE, hash_text
from serving.persons import Person, read_person
from serving.promotions.rights import PromotionRefusedError, need_approver, need_proposer
from serving.store.database import Writing, make_key
from serving.store.schema import flag_catalogues

FlagStepName = Literal["proposed", "approved", "withdrawn", "taken_over"]
TAKEN_OVER: Final = "flags of the first bundle put to use"
_MOST_LETTERS: Final = 2_000


@dataclass(frozen=True)
class FlagStep:
    """One step: what was done, about which catalogue, by whom and why."""

    key: str
    name: FlagStepName
    digest: str
    text: str
    proposal_key: str | None
    why: str
    person: Person
    at_us: int


@dataclass(frozen=True)
class FlagChange:
    """What a catalogue changes: names of flags that are new, changed, gone, or urgent no more."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    no_longer_urgent: tuple[str, ...]


def read_flag_steps(connection: Connection) -> tuple[FlagStep, ...]:
    """Return every step in the order in which they were taken."""
    query = select(flag_catalogues).order_by(flag_catalogues.c.stored_seq)
    return tuple(_read(row) for row in connection.execute(query))


def _read(row: Row[Any]) -> FlagStep:
    return FlagStep(
        key=row.step_key,
        name=row.step,
        digest=row.digest,
        text=row.text,
        proposal_key=row.proposal_key,
        why=row.why,
        person=read_person(row),
        at_us=int(row.done_at_us),
    )


def find_flags_in_force(steps: Sequence[FlagStep]) -> FlagStep | None:
    """Return the step that put the catalogue in force; ``None`` where none is on record."""
    return next((one for one in reversed(steps) if one.name in IN_FORCE), None)


def find_waiting_flags(steps: Sequence[FlagStep]) -> FlagStep | None:
    """Return the proposal that nobody has answered; there is at most one."""
    answered = {one.proposal_key for one in steps}
    waiting = (one for one in reversed(steps) if one.name == "proposed")
    return next((one for one in waiting if one.key not in answered), None)


def compare_flags(before: Catalogue | None, after: Catalogue) -> FlagChange:
    """Return what changes where one catalogue follows another."""
    old = {} if before is None else {one.name: one for one in before.flags}
    new = {one.name: one for one in after.flags}
    return FlagChange(
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(n for n in new.keys() & old.keys() if new[n] != old[n])),
        removed=tuple(sorted(old.keys() - new.keys())),
        no_longer_urgent=tuple(
            sorted(n for n, one in old.items() if one.urgent and not (n in new and new[n].urgent))
        ),
    )


def take_over_flags(writing: Writing, person: Person, text: str) -> bool:
    """Put the flags of a bundle's catalogue on record where none are; return whether that was done.

    Called in the transaction that puts the bundle to use, which two people answer for.
    """
    writing.take_seq(0)
    if find_flags_in_force(read_flag_steps(writing.connection)) is not None:
        return False
    _add(writing, "taken_over", person, text, TAKEN_OVER)
    return True


def propose_flags(writing: Writing, person: Person, text: str, why: str) -> str:
    """Propose another catalogue of flags; return the proposal's key.

    Raises
    ------
    PromotionRefusedError
        If the person may not, another proposal waits, the catalogue is in force already, or no
        reason is given.
    CatalogueError
        If the catalogue cannot be used.
    """
    need_proposer(person)
    _need_words(why)
    parse_catalogue(text.encode(), "the catalogue of flags")
    writing.take_seq(0)
    steps = read_flag_steps(writing.connection)
    in_force = find_flags_in_force(steps)
    if in_force is not None and in_force.digest == hash_text(text):
        raise PromotionRefusedError("in_use", "flags are raised by this catalogue already")
    if find_waiting_flags(steps) is not None:
        raise PromotionRefusedError(
            "proposed_already", "a catalogue of flags waits for approval; answer that one first"
        )
    return _add(writing, "proposed", person, text, why)


def approve_flags(writing: Writing, person: Person, digest: str, why: str) -> str:
    """Approve another person's catalogue of flags, which is in force from then on.

    Raises
    ------
    PromotionRefusedError
        If the person may not, or proposed it, or no catalogue of that digest waits.
    """
    need_approver(person)
    proposal = _need_waiting(writing, digest)
    if person.subject == proposal.person.subject:
        raise PromotionRefusedError(
            "same_person", "whoever proposed a catalogue cannot approve it; ask another person"
        )
    _need_words(why)
    return _add(writing, "approved", person, proposal.text, why, proposal.key)


def withdraw_flags(writing: Writing, person: Person, digest: str, why: str) -> str:
    """Withdraw a proposal, one's own or another's; see :func:`approve_flags`."""
    need_proposer(person)
    proposal = _need_waiting(writing, digest)
    _need_words(why)
    return _add(writing, "withdrawn", person, proposal.text, why, proposal.key)


def _need_waiting(writing: Writing, digest: str) -> FlagStep:
    writing.take_seq(0)
    proposal = find_waiting_flags(read_flag_steps(writing.connection))
    if proposal is None or not digest or not proposal.digest.startswith(digest):
        raise PromotionRefusedError("no_proposal", "no catalogue of that digest waits for approval")
    return proposal


def _need_words(why: str) -> None:
    if not why.strip() or len(why) > _MOST_LETTERS or not why.isprintable():
        raise PromotionRefusedError(
            "unusable_text", f"say why in 1 to {_MOST_LETTERS:,} letters, on one line"
        )


def _add(
    writing: Writing,
    name: FlagStepName,
    person: Person,
    text: str,
    why: str,
    proposal_key: str | None = None,
) -> str:
    key = make_key()
    writing.connection.execute(
        insert(flag_catalogues).values(
            step_key=key,
            step=name,
            digest=hash_text(text),
            text=text,
            proposal_key=proposal_key,
            why=why,
            done_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )
    return key
