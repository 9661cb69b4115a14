"""What follows once a second person or somebody who oversees seals has looked at a seal."""

from collections.abc import Collection

from sqlalchemy import Connection, exists, select

from serving.access.overseers import Overseers
from serving.confirmations.records import Confirmation, read_confirmation
from serving.confirmations.rules import find_objection
from serving.confirmations.settling import find_circumstances, is_overseer, make_absent
from serving.persons import Person
from serving.sealing.directory import Directory
from serving.sealing.seal_confirmation import (
    SEAL,
    hand_to_overseers,
    is_refused_by_second_person,
    read_seal_confirmations,
    take_down_old,
)
from serving.sealing.seals import change_people, open_for_all, read_current_seals
from serving.standing.standings import StandingRules
from serving.standing.states import SEALED
from serving.store.database import Writing
from serving.store.opaque_keys import is_key
from serving.store.schema import confirmations, standings


def follow_settlement(
    writing: Writing, one: Confirmation, overseers: Overseers, rules: StandingRules
) -> frozenset[str]:
    """Do what follows from the settlement of a seal; return the cases to be scored again.

    Confirmed, it goes on. Refused by a second person it stays sealed and goes to those who oversee
    seals at once; refused by one of them it is opened.

    Parameters
    ----------
    writing
        The transaction of the settlement.
    one
        What was asked of the seal, with its settlement.
    overseers
        Whom the deployment names.
    rules
        What the cases' standing rests on.
    """
    said = one.settlement
    assert said is not None
    if said.outcome != "refused":
        return frozenset()
    if is_refused_by_second_person(one, overseers):
        hand_to_overseers(writing, one)
        return frozenset()
    return open_for_all(writing, one.cases[0], said.person, said.why, rules)


def change_by_overseer(
    writing: Writing,
    key: str,
    person: Person,
    people: Collection[str],
    why: str,
    directory: Directory,
    rules: StandingRules | None = None,
) -> frozenset[str]:
    """Name others for a seal that nobody confirmed in time; return the linked cases.

    The new seal is looked at by somebody else as well: whoever names others cannot confirm it.

    Parameters
    ----------
    writing
        The open transaction.
    key
        What was asked of the seal.
    person
        An auditor of every area or one of professional standards, not named and no party.
    people, why, directory, rules
        See :func:`serving.sealing.seals.seal_case`.

    Raises
    ------
    ServiceError
        If there is no such overdue seal for this person (404), or the people cannot be named (422).
    """
    writing.take_seq(0)
    connection, overseers = writing.connection, directory.overseers
    one = read_confirmation(connection, key) if is_key(key) else None
    if one is None or one.kind != SEAL.name or not one.is_overdue(writing.now_us):
        raise make_absent()
    around = find_circumstances(connection, [one], person, overseers, writing.now_us)[one.key]
    if find_objection(one, person, around) is not None or not is_overseer(person, overseers):
        raise make_absent()
    return change_people(writing, one.cases[0], person, people, why, directory, rules)


def has_unasked(connection: Connection) -> bool:
    """Return whether a case is sealed of whose seal a second person was never asked."""
    asked = exists().where(
        confirmations.c.case_key == standings.c.case_key, confirmations.c.kind == SEAL.name
    )
    sealed = standings.c.state.startswith(SEALED, autoescape=True)
    query = select(standings.c.case_key).where(sealed, ~asked).limit(1)
    return connection.execute(query).first() is not None


def ask_for_old_seals(writing: Writing, overseers: Overseers) -> int:
    """Have those who oversee seals look at seals of before a second person was asked for.

    Returns
    -------
    int
        How many there were: none the second time.
    """
    writing.take_seq(0)
    asked = {one.cases[0] for one in read_seal_confirmations(writing.connection)}
    old = [one for one in read_current_seals(writing.connection) if one.case_key not in asked]
    for seal in old:
        take_down_old(writing, seal.person, seal.as_new(), seal.at_us, overseers)
    return len(old)
