"""Merges and splits wait for a second person: until then every record stays where it is.

Both are undone by a new move, which a second person confirms as well: a split of what a merge
brought, a merge of what a split took.
"""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from serving.confirmations.asking import ActToConfirm, ask
from serving.confirmations.records import Confirmation, ConfirmedKind
from serving.intake.moves import (
    check_merge,
    check_split,
    list_merged_records,
    make_merge,
    make_split,
)
from serving.persons import Person
from serving.schemas import Strict
from serving.standing.standings import StandingRules
from serving.store.database import Unit, Writing
from serving.store.opaque_keys import KEY_PATTERN

MERGE: Final = ConfirmedKind("merge", "when_confirmed", 72)
SPLIT: Final = ConfirmedKind("split", "when_confirmed", 72)
_Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]


class MergeAct(Strict):
    """A merge of the case into another."""

    into: _Key


class SplitAct(Strict):
    """A split of records of the case into a new one; of what a merge brought, where it names one.

    What a merge brought is looked up when the split is made: what came since goes with it.
    """

    case_id: str = Field(min_length=1, max_length=512)
    events: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    merge_key: _Key | None = None


def ask_merge(
    writing: Writing,
    person: Person,
    case_key: str,
    act: MergeAct,
    *,
    unit: Unit,
    why: str,
    rules: StandingRules,
) -> Confirmation:
    """Write down that a second person is to confirm a merge; nothing is moved.

    Raises
    ------
    MoveRefusedError
        If it could not be made now; see :func:`serving.intake.moves.make_merge`.
    ServiceError
        If no reason is given (422).
    """
    check_merge(writing, person, case_key, act.into, unit=unit, rules=rules)
    return ask(writing, person, ActToConfirm(MERGE, (case_key, act.into), act, why))


def ask_split(
    writing: Writing, person: Person, case_key: str, act: SplitAct, *, unit: Unit, why: str
) -> Confirmation:
    """Write down that a second person is to confirm a split; nothing is moved.

    Raises
    ------
    MoveRefusedError
        If it could not be made now; see :func:`serving.intake.moves.make_split`.
    ServiceError
        If no reason is given (422).
    """
    records, brought = _find_records(writing, person, case_key, act, unit)
    check_split(writing, person, case_key, act.case_id, records, unit=unit, brought=brought)
    return ask(writing, person, ActToConfirm(SPLIT, (case_key,), act, why))


def carry_out_merge(
    writing: Writing, one: Confirmation, *, unit: Unit, rules: StandingRules
) -> frozenset[str]:
    """Make a merge that was confirmed, as who asked for it; return the cases that changed.

    Raises
    ------
    MoveRefusedError
        If it cannot be made any more; then it goes on waiting.
    """
    if not _is_confirmed(one):
        return frozenset()
    act = one.read_content(MergeAct)
    made = make_merge(
        writing, one.person, one.cases[0], act.into, unit=unit, why=one.why, rules=rules
    )
    return made.changed_keys


def carry_out_split(
    writing: Writing, one: Confirmation, *, unit: Unit, rules: StandingRules
) -> frozenset[str]:
    """Make a split that was confirmed, as who asked for it; see :func:`carry_out_merge`."""
    if not _is_confirmed(one):
        return frozenset()
    act, case_key = one.read_content(SplitAct), one.cases[0]
    records, brought = _find_records(writing, one.person, case_key, act, unit)
    made = make_split(
        writing,
        one.person,
        case_key,
        act.case_id,
        records,
        unit=unit,
        why=one.why,
        rules=rules,
        brought=brought,
    )
    return made.changed_keys


def _is_confirmed(one: Confirmation) -> bool:
    return one.settlement is not None and one.settlement.outcome == "confirmed"


def _find_records(
    writing: Writing, person: Person, case_key: str, act: SplitAct, unit: Unit
) -> tuple[dict[str, list[str]], frozenset[str]]:
    """Return the records that are moved, by table, and which of the events a merge brought."""
    named = {"events": list(act.events), "facts": list(act.facts)}
    if act.merge_key is None:
        return named, frozenset()
    brought = list_merged_records(writing, person, case_key, act.merge_key, unit=unit)
    found = {name: list(dict.fromkeys(named[name] + brought[name])) for name in named}
    return found, frozenset(brought["events"])
