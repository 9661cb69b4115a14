"""A seal takes effect at once, and a second person of another agency confirms it within a day.

Only those whom the deployment names for it learn of a seal. Where none of them has confirmed it in
time, or one refused it, it stays sealed (opening it by itself could deliver a victim) and stands
before the auditor and professional standards until one of them has confirmed it, named others or
opened it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from serving.access.overseers import Overseers
from serving.access.roles import DECIDERS
from serving.confirmations.asking import ActToConfirm, ask
from serving.confirmations.records import (
    HOUR_US,
    Confirmation,
    ConfirmedKind,
    Settlement,
    read_confirmations,
)
from serving.confirmations.settling import is_overseer, settle_by_act
from serving.persons import Person
from serving.schemas import Strict
from serving.store.database import Writing
from serving.store.schema import confirmations

SEAL: Final = ConfirmedKind("seal", "at_once", 24, DECIDERS, overseen=True)
_LOOK_BACK_US: Final = 90 * 24 * HOUR_US
"""How long seals of a case that nobody confirmed leave the next one less than a day: whoever seals
it anew every day would otherwise never come before anybody."""
TAKEN_PLACE: Final = "another act on the seal took its place"


class SealContent(Strict):
    """The seal that is to be confirmed."""

    seal_key: str
    people: list[str]
    refused_by_second_person: str | None = None


@dataclass(frozen=True)
class NewSeal:
    """A seal that was stored just now: its key, its case, whom it names, and why."""

    key: str
    case_key: str
    people: frozenset[str]
    why: str


def ask_for_seal(
    writing: Writing, person: Person, seal: NewSeal, overseers: Overseers
) -> Confirmation:
    """Have a second person confirm a seal; one of the case that waited is settled by it."""
    due_at_us = writing.now_us + SEAL.hours * HOUR_US
    earlier = _read_unconfirmed(writing.connection, seal.case_key, writing.now_us - _LOOK_BACK_US)
    end_waiting(writing, seal.case_key, person)
    return ask(
        writing,
        person,
        ActToConfirm(
            SEAL,
            (seal.case_key,),
            SealContent(seal_key=seal.key, people=sorted(seal.people)),
            seal.why,
            excluded=seal.people,
            only=overseers.seal_confirmers,
            due_at_us=min([due_at_us, *(one.due_at_us for one in earlier)]),
        ),
    )


def take_down_old(
    writing: Writing, person: Person, seal: NewSeal, sealed_at_us: int, overseers: Overseers
) -> Confirmation:
    """Ask for a seal that was stored before a second person was asked for, as if it had been."""
    return ask(
        writing,
        person,
        ActToConfirm(
            SEAL,
            (seal.case_key,),
            SealContent(seal_key=seal.key, people=sorted(seal.people)),
            seal.why,
            excluded=seal.people,
            only=overseers.seal_confirmers,
            due_at_us=sealed_at_us + SEAL.hours * HOUR_US,
        ),
    )


def end_waiting(writing: Writing, case_key: str, person: Person) -> None:
    """Settle what waits of a case's seals, because a person sealed the case anew or opened it."""
    settlement = Settlement("withdrawn", person, writing.now_us, TAKEN_PLACE)
    for one in read_seal_confirmations(writing.connection, case_key):
        if one.settlement is None:
            settle_by_act(writing, one, settlement)


def read_seal_confirmations(
    connection: Connection, case_key: str | None = None
) -> tuple[Confirmation, ...]:
    """Return what was asked of the seals of a case, or of all cases; the oldest first."""
    condition = confirmations.c.kind == SEAL.name
    if case_key is not None:
        condition &= confirmations.c.case_key == case_key
    return read_confirmations(connection, condition)


def _read_unconfirmed(
    connection: Connection, case_key: str, since_us: int
) -> tuple[Confirmation, ...]:
    """Return what was asked of a case's seals since one was confirmed last, from a moment on."""
    found: list[Confirmation] = []
    for one in read_seal_confirmations(connection, case_key):
        if one.settlement is not None and one.settlement.outcome == "confirmed":
            found.clear()
        elif one.at_us >= since_us:
            found.append(one)
    return tuple(found)


def is_refused_by_second_person(one: Confirmation, overseers: Overseers) -> bool:
    """Return whether a seal was refused by somebody who does not oversee seals."""
    said = one.settlement
    if said is None or said.outcome != "refused":
        return False
    return not (is_overseer(said.person, overseers) and one.due_at_us < said.at_us)


def hand_to_overseers(writing: Writing, one: Confirmation) -> Confirmation:
    """Have those who oversee seals look at one that a second person refused, at once.

    It is asked for in the name of who sealed the case, so that they cannot settle it themselves.
    """
    said = one.settlement
    assert said is not None
    content = one.read_content(SealContent)
    refused = f"{said.person.in_full}: {said.why}"
    return ask(
        writing,
        one.person,
        ActToConfirm(
            SEAL,
            one.cases,
            content.model_copy(update={"refused_by_second_person": refused}),
            one.why,
            excluded=one.excluded,
            only=_NOBODY,
            due_at_us=writing.now_us - 1,
        ),
    )


_NOBODY: Final[Collection[str]] = ()
