"""Settling a confirmation: a second person confirms or refuses it, or who asked withdraws it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, insert, select

from serving.access.case_sight import find_sight
from serving.access.overseers import Overseers
from serving.access.parties import find_party_cases
from serving.access.route_rules import AUDITOR
from serving.confirmations.asking import note_cases
from serving.confirmations.records import (
    Confirmation,
    Outcome,
    Settlement,
    list_keys,
    read_confirmation,
)
from serving.confirmations.rules import Circumstances, Objection, find_objection
from serving.errors import ErrorCode, ServiceError
from serving.persons import Person
from serving.store.database import Writing
from serving.store.lookups import is_among
from serving.store.opaque_keys import is_key
from serving.store.schema import confirmation_settlements, standings

CarryOut = Callable[[Writing, Confirmation], frozenset[str]]
"""What a kind of act does once it is settled: it is called with the settlement, whatever the
outcome, in the same transaction, and returns the cases that are to be scored again."""

_REFUSALS: Final[Mapping[Objection, tuple[ErrorCode, str, str]]] = {
    "same_person": (
        "other_person_needed",
        "whoever asked for this cannot confirm it",
        "ask another person, of another agency",
    ),
    "same_agency": (
        "other_agency_needed",
        "a person of another agency confirms this",
        "ask somebody of another agency",
    ),
    "wrong_agency": (
        "other_agency_needed",
        "a person of the agency that this concerns confirms it",
        "ask somebody of that agency",
    ),
    "wrong_role": (
        "role_may_not",
        "this role does not confirm that",
        "ask somebody whose role acts on cases",
    ),
    "left_out": (
        "not_yours_to_settle",
        "you are among those whom this act concerns",
        "ask somebody whom it does not name",
    ),
}


@dataclass(frozen=True)
class SettlementDraft:
    """What a person says of a confirmation: its outcome, and why."""

    outcome: Outcome
    why: str


@dataclass(frozen=True)
class Settled:
    """A confirmation with its settlement, and the cases that are to be scored again."""

    confirmation: Confirmation
    stale: frozenset[str]


def settle(
    writing: Writing,
    key: str,
    person: Person,
    draft: SettlementDraft,
    *,
    overseers: Overseers,
    acts: Mapping[str, CarryOut],
) -> Settled:
    """Settle a confirmation and carry out what follows from it; the first settlement holds.

    Parameters
    ----------
    writing
        The open transaction; the audit log has a line that names the cases.
    key
        The confirmation.
    person
        The second person; for ``withdrawn`` who asked.
    draft
        Confirmed, refused or withdrawn, and why.
    overseers
        Whom the deployment names.
    acts
        What each kind of act does once it is settled.

    Returns
    -------
    Settled
        The confirmation with its settlement.

    Raises
    ------
    ServiceError
        If there is none for this person (404), they may not settle it (403), it is settled already
        or takes effect at once and so cannot be withdrawn (409).
    """
    writing.take_seq(0)  # others wait from here: of two settlements at once the first holds
    connection = writing.connection
    one = read_confirmation(connection, key) if is_key(key) else None
    if one is None:
        raise make_absent()
    around = find_circumstances(connection, [one], person, overseers, writing.now_us)[one.key]
    _check(one, person, draft.outcome, find_objection(one, person, around))
    settlement = Settlement(draft.outcome, person, writing.now_us, draft.why)
    return Settled(*_store(writing, one, settlement, acts))


def settle_by_act(writing: Writing, one: Confirmation, settlement: Settlement) -> Confirmation:
    """Write down that another act of a person settled a confirmation; nothing is carried out.

    For an act that takes the place of one that waits, such as another seal of the same case.
    Whoever calls it has checked that the person may do that act.
    """
    writing.connection.execute(
        insert(confirmation_settlements).values(
            confirmation_key=one.key,
            outcome=settlement.outcome,
            why=settlement.why,
            settled_at_us=settlement.at_us,
            stored_seq=writing.take_seq(),
            **settlement.person.columns(),
        )
    )
    note_cases(writing, one.cases)
    return replace(one, settlement=settlement)


def make_absent() -> ServiceError:
    """Return what is answered of a confirmation that is not there, or not for this person."""
    return ServiceError(
        "no_such_confirmation",
        "there is nothing to confirm under this key",
        "start from GET /v1/confirmations",
    )


def find_circumstances(
    connection: Connection,
    found: list[Confirmation],
    person: Person,
    overseers: Overseers,
    now_us: int,
) -> dict[str, Circumstances]:
    """Return what the rule needs to know of some confirmations and one person, by their keys."""
    keys = list_keys(found)
    seen = _keep_seen(connection, person, keys)
    party = find_party_cases(connection, person, keys)
    oversees = is_overseer(person, overseers)
    return {
        one.key: Circumstances(
            seen.issuperset(one.cases), not party.isdisjoint(one.cases), oversees, now_us
        )
        for one in found
    }


def is_overseer(person: Person, overseers: Overseers) -> bool:
    """Return whether a person is an auditor of every area, or of professional standards."""
    is_auditor = person.role == AUDITOR and person.areas is None
    return is_auditor or person.subject in overseers.professional_standards


def _keep_seen(connection: Connection, person: Person, keys: frozenset[str]) -> frozenset[str]:
    key = standings.c.case_key
    sight = find_sight(connection, person)
    query = select(key).where(is_among(connection, key, keys), sight.of_key(connection, key))
    return frozenset(connection.execute(query).scalars())


def _check(
    one: Confirmation, person: Person, outcome: Outcome, objection: Objection | None
) -> None:
    is_asker = objection == "same_person"
    if objection == "unseen":
        raise make_absent()
    if outcome == "withdrawn" and not is_asker:
        raise ServiceError(
            "not_the_asker", "only whoever asked for this withdraws it", "refuse it instead"
        )
    if objection is not None and not (is_asker and outcome == "withdrawn"):
        raise ServiceError(*_REFUSALS[objection])
    if one.settlement is not None:
        said = one.settlement
        raise ServiceError(
            "already_settled",
            f"{said.person.in_full} settled this: {said.outcome}",
            "nothing is left to settle; speak to that person",
        )
    if outcome == "withdrawn" and one.effect == "at_once":
        raise ServiceError(
            "cannot_be_withdrawn",
            "this took effect at once, so a second person has to see it",
            "undo it by an act of its own; that is seen by a second person as well",
        )


def _store(
    writing: Writing, one: Confirmation, settlement: Settlement, acts: Mapping[str, CarryOut]
) -> tuple[Confirmation, frozenset[str]]:
    settled = settle_by_act(writing, one, settlement)
    return settled, acts[one.kind](writing, settled)
