"""Where a case stands, decided from what is on record of it; no database here.

The states are those of design section 9. Nothing but a named person's decision takes a case off the
list, or a closing record where nobody has decided yet and no flag stands; a newer record brings it
back (promises 1 and 2).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from features.contract.tables import CLOSING_KINDS

State = Literal["awaiting", "managed", "returned", "closed"]
ReturnedFor = Literal["review_due", "flag", "new_record"]
ELIGIBLE: Final = ("awaiting", "returned")
"""States in which a case can be on a list (design section 9)."""
OPEN: Final = (*ELIGIBLE, "managed")
MERGED: Final = "merged"
SEALED: Final = "sealed:"
"""What the state of a sealed case's standing begins with."""


def seal_state(state: str) -> str:
    """Return the state under which the standing of a sealed case is kept."""
    return SEALED + state


def either(*states: str) -> tuple[str, ...]:
    """Return states as standings have them, of sealed cases as well: for work on every case."""
    return (*states, *map(seal_state, states))


def is_sealed_state(state: str) -> bool:
    """Return whether a standing is a sealed case's."""
    return state.startswith(SEALED)


def plain_state(state: str) -> str:
    """Return the state itself: awaiting, managed, returned or closed."""
    return state.removeprefix(SEALED)


@dataclass(frozen=True)
class Turn:
    """A case's latest lifecycle event in force: it opens, reopens, closes or merges the case."""

    kind: str
    stored_seq: int
    recorded_at_us: int
    import_key: str | None = None

    @property
    def closes(self) -> bool:
        """Whether it closes the case."""
        return self.kind in CLOSING_KINDS


@dataclass(frozen=True)
class LatestDecision:
    """A case's latest decision.

    Parameters
    ----------
    version
        How many decisions there are.
    seen_seq, stored_seq
        The last row that was there when it was made, and its own place in the order.
    decided_at_us
        When it was made.
    owner, review_on
        Who has the case, and the date of the review.
    review_due_us
        First microsecond of that date in the unit's zone.
    """

    version: int
    seen_seq: int
    stored_seq: int
    decided_at_us: int
    owner: str | None = None
    review_on: str | None = None
    review_due_us: int | None = None

    @property
    def due_at_us(self) -> int:
        """When the case is to be looked at again; at once where no review was set."""
        return self.decided_at_us if self.review_due_us is None else self.review_due_us


@dataclass(frozen=True)
class NewRecord:
    """An event of the case itself that could bring it back: measured, and not the unit's work."""

    stored_seq: int
    recorded_at_us: int
    import_key: str | None = None


@dataclass(frozen=True)
class Raising:
    """A flag raised for one record and not discharged."""

    flag: str
    urgent: bool
    raised_seq: int
    raised_at_us: int
    record_seq: int
    record_id: str = ""
    raising_key: str = ""


@dataclass(frozen=True)
class CaseFacts:
    """What decides where a case stands.

    ``records`` need only be given where ``is_shut`` says so. ``arrived_at_us`` is not later
    than now. ``taken_in`` is the latest merge that brought another case's records here.
    """

    arrived_at_us: int
    turn: Turn | None = None
    decision: LatestDecision | None = None
    raisings: tuple[Raising, ...] = ()
    records: tuple[NewRecord, ...] = field(default=(), repr=False)
    taken_in: NewRecord | None = None

    @property
    def is_merged(self) -> bool:
        """Whether the case went into another for good."""
        return self.turn is not None and self.turn.kind == MERGED


@dataclass(frozen=True)
class CaseState:
    """Where a case stands, since when, and since when it waits to be looked at."""

    state: State
    since_us: int
    waiting_since_us: int | None = None
    returned_for: ReturnedFor | None = None


def decide_state(facts: CaseFacts, now_us: int) -> CaseState:
    """Return where a case stands at ``now_us``."""
    turn, decision = facts.turn, facts.decision
    if is_shut(facts):
        shut_at_us = _shut_at_us(facts)
        back = None if facts.is_merged else _return_first(_reasons_to_reopen(facts, shut_at_us))
        return back or CaseState("closed", min(shut_at_us, now_us))
    if decision is None:
        return CaseState("awaiting", facts.arrived_at_us, facts.arrived_at_us)
    if decision.owner is None:  # it closed the case, which was opened again since
        assert turn is not None
        since = max(min(turn.recorded_at_us, now_us), decision.decided_at_us)
        return CaseState("returned", since, since, "new_record")
    reasons = _reasons_to_review(facts, decision, now_us)
    return _return_first(reasons) or CaseState("managed", decision.decided_at_us)


def is_shut(facts: CaseFacts) -> bool:
    """Return whether the case was closed, by a record or by a decision, and not opened since.

    A decision that names no owner takes no further action and closes; a later one that names an
    owner opens. Once a person has decided, no closing record closes.
    """
    turn, decision = facts.turn, facts.decision
    if facts.is_merged:
        return True
    if decision is None:
        return turn is not None and turn.closes
    if decision.owner is not None:
        return False
    # An opening counts only where it was stored after the decision that closed the case.
    return turn is None or turn.closes or turn.stored_seq <= decision.stored_seq


def _shut_at_us(facts: CaseFacts) -> int:
    if facts.decision is not None and not facts.is_merged:
        return facts.decision.decided_at_us
    assert facts.turn is not None
    return facts.turn.recorded_at_us


def _reasons_to_reopen(facts: CaseFacts, shut_at_us: int) -> Iterator[tuple[int, ReturnedFor]]:
    """Give what brings a closed case back, each with its moment."""
    turn, decision = facts.turn, facts.decision
    if decision is not None:
        # By what was read before deciding: what came meanwhile is new, though it was stored
        # earlier.
        new = [one for one in facts.records if one.stored_seq > decision.seen_seq]
        yield from _describe_flags(facts, decision)
        yield from _describe_merge(facts, decision)
    else:
        assert turn is not None
        new = [one for one in facts.records if _follows(one, turn)]
        for one in facts.raisings:
            yield one.raised_at_us, "flag"
    for record in new:
        # A record may be older than the closing and come to the store after it.
        yield max(record.recorded_at_us, shut_at_us), "new_record"


def mark_shut(facts: CaseFacts) -> tuple[int, int, str | None]:
    """Return what the records that follow the closing of a case are told by.

    Returns
    -------
    tuple
        The place in the order of rows after which a record follows; the moment, microseconds UTC,
        from which on one does that came with the import which is the third; ``None`` where the
        place alone says so.
    """
    if facts.decision is not None:
        return facts.decision.seen_seq, 0, None
    assert facts.turn is not None
    return facts.turn.stored_seq, facts.turn.recorded_at_us, facts.turn.import_key


def _follows(record: NewRecord, turn: Turn) -> bool:
    """Return whether a record came after a closing one.

    One import may bring a history whole, in any order; within it the records' own clock decides,
    and of two of one moment it is for a person to say which came first.
    """
    if record.import_key is not None and record.import_key == turn.import_key:
        return record.recorded_at_us >= turn.recorded_at_us
    return record.stored_seq > turn.stored_seq


def _reasons_to_review(
    facts: CaseFacts, decision: LatestDecision, now_us: int
) -> Iterator[tuple[int, ReturnedFor]]:
    """Give what brings a managed case back, each with its moment."""
    if decision.due_at_us <= now_us:
        yield decision.due_at_us, "review_due"
    yield from _describe_flags(facts, decision)
    yield from _describe_merge(facts, decision)


def _describe_flags(
    facts: CaseFacts, decision: LatestDecision
) -> Iterator[tuple[int, ReturnedFor]]:
    """Give the standing flags that the decision could not know of.

    An urgent one may come to hold of an older record by time alone (a release within days). Nobody
    has a closed case, so that a review flag of an older record brings that back as well.
    """
    for one in facts.raisings:
        weighs = one.urgent or decision.owner is None
        late = weighs and one.raised_seq > decision.stored_seq
        if late or one.record_seq > decision.seen_seq:
            yield one.raised_at_us, "flag"


def _describe_merge(
    facts: CaseFacts, decision: LatestDecision
) -> Iterator[tuple[int, ReturnedFor]]:
    """Give the merge whose records the decision could not know of."""
    one = facts.taken_in
    if one is not None and one.stored_seq > decision.seen_seq:
        yield max(one.recorded_at_us, decision.decided_at_us), "new_record"


def _return_first(reasons: Iterator[tuple[int, ReturnedFor]]) -> CaseState | None:
    """Return the case for what came first; it waits since then."""
    first = min(reasons, key=lambda reason: reason[0], default=None)
    return None if first is None else CaseState("returned", first[0], first[0], first[1])
