"""Reading the record of promotions: its steps, what is in use by it, and what waits.

There are few steps, some dozens a year, so that the whole record is read at once and what holds now
follows from it alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, select
from sqlalchemy.engine import Row

from models.run_figures.judged import BundleSummary, JudgedGate
from serving.persons import Person, read_person
from serving.store.schema import promotions

StepName = Literal["proposed", "refused", "approved", "withdrawn", "rolled_back", "unsigned"]
PUT_TO_USE: Final = ("approved", "unsigned")
_ENDINGS: Final = ("approved", "withdrawn")


@dataclass(frozen=True)
class PromotionStep:
    """One step of the record.

    Parameters
    ----------
    key
        Key of the row.
    name
        What was done: ``refused`` is a proposal that the gates refused, or an approval that could
        not be given; ``unsigned`` a bundle put to use on a synthetic store by nobody who signed in.
    bundle_id
        The bundle that it is about.
    figures_digest
        SHA-256 of the figures that were judged; ``None`` of a step that judged none.
    replaces
        The bundle in use then.
    proposal_key
        The proposal that it answers.
    about
        What the bundle is: catalogue, date of use, outcomes, headlines.
    gates
        Every gate in plain values, as it was told.
    why, despite, acknowledged
        In the person's words: what for, why although a gate refused, and that they know what was
        not judged.
    person
        Who did it.
    at_us
        When, microseconds UTC.
    stored_seq
        Its place in the order of rows.
    """

    key: str
    name: StepName
    bundle_id: str
    figures_digest: str | None
    replaces: str | None
    proposal_key: str | None
    about: BundleSummary
    gates: tuple[JudgedGate, ...]
    why: str | None
    despite: str | None
    acknowledged: str | None
    person: Person
    at_us: int
    stored_seq: int

    @property
    def unjudged(self) -> tuple[JudgedGate, ...]:
        """Gates that were not passed: whoever approves says in writing that they know them."""
        return tuple(one for one in self.gates if one.get("verdict") != "passed")


def read_steps(connection: Connection) -> tuple[PromotionStep, ...]:
    """Return every step in the order in which they were taken."""
    query = select(promotions).order_by(promotions.c.stored_seq)
    return tuple(_read(row) for row in connection.execute(query))


def _read(row: Row[Any]) -> PromotionStep:
    return PromotionStep(
        key=row.promotion_key,
        name=row.step,
        bundle_id=row.bundle_id,
        figures_digest=row.figures_digest,
        replaces=row.replaces,
        proposal_key=row.proposal_key,
        about=row.about,
        gates=tuple(row.gates),
        why=row.why,
        despite=row.despite,
        acknowledged=row.acknowledged,
        person=read_person(row),
        at_us=int(row.done_at_us),
        stored_seq=int(row.stored_seq),
    )


@dataclass(frozen=True)
class PromotionLine:
    """The bundles one can go back to and the one in use, in the order of their promotions.

    What was gone back from is no longer in it: it takes two people to put it to use again.
    """

    bundle_ids: tuple[str, ...] = ()

    @property
    def in_use(self) -> str | None:
        """The bundle that the record says is in use."""
        return self.bundle_ids[-1] if self.bundle_ids else None

    @property
    def before(self) -> tuple[str, ...]:
        """Bundles that one can go back to, the latest first."""
        return self.bundle_ids[-2::-1]


def follow(steps: Sequence[PromotionStep]) -> PromotionLine:
    """Return what the steps amount to.

    The first step that put a bundle to use may name one before it that no step is about: it was
    promoted before there was a record.
    """
    line: list[str] = []
    for step in steps:
        if step.name in PUT_TO_USE:
            if not line and step.replaces is not None:
                line.append(step.replaces)
            line = [*(one for one in line if one != step.bundle_id), step.bundle_id]
        elif step.name == "rolled_back":
            line = line[: line.index(step.bundle_id) + 1] if step.bundle_id in line else line
    return PromotionLine(tuple(line))


def find_waiting(steps: Sequence[PromotionStep]) -> tuple[PromotionStep, ...]:
    """Return the proposals that nobody has answered yet, in order."""
    ended = {step.proposal_key for step in steps if step.name in _ENDINGS}
    return tuple(step for step in steps if step.name == "proposed" and step.key not in ended)


def find_use(steps: Sequence[PromotionStep], bundle_id: str) -> PromotionStep | None:
    """Return the last step that put a bundle to use or went back to it."""
    names = (*PUT_TO_USE, "rolled_back")
    found = (one for one in reversed(steps) if one.name in names and one.bundle_id == bundle_id)
    return next(found, None)


def find_promotion(
    steps: Sequence[PromotionStep], bundle_id: str
) -> tuple[PromotionStep | None, PromotionStep | None]:
    """Return the last step that put a bundle to use for the first time, and what was proposed."""
    found = (one for one in reversed(steps) if one.name in PUT_TO_USE)
    promoted = next((one for one in found if one.bundle_id == bundle_id), None)
    if promoted is None or promoted.proposal_key is None:
        return promoted, None
    proposals = (one for one in steps if one.key == promoted.proposal_key)
    return promoted, next(proposals, None)


def find_figures(steps: Sequence[PromotionStep], bundle_id: str) -> str | None:
    """Return the digest of a bundle's figures as they were judged last; ``None`` where no step
    judged any.
    """
    found = (one for one in reversed(steps) if one.bundle_id == bundle_id and one.name != "refused")
    return next((one.figures_digest for one in found if one.figures_digest is not None), None)
