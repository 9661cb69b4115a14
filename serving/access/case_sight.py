"""Which cases a person may see: those of their areas, and of the sealed ones those that name them.

A case to which the person's account is tied as a party's is not there for them, sealed or not. A
duty supervisor sees a sealed case that they opened for an urgent flag while that flag is open.

A sealed case is hidden from everybody else as if it did not exist: it is on no list, in no count,
and its key leads nowhere. Its row of ``standings`` has a state of its own (``sealed:awaiting``), so
that a query for the cases that wait, are managed or are closed cannot find it by mistake.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    exists,
    false,
    or_,
    select,
    true,
    union_all,
)

from serving.errors import ServiceError
from serving.persons import Person
from serving.standing.states import SEALED, is_sealed_state
from serving.store.lookups import is_among
from serving.store.read_once import read_once
from serving.store.record_conditions import is_seal_in_force
from serving.store.schema import (
    case_parties,
    discharges,
    seal_openings,
    seal_people,
    seals,
    standings,
)


@dataclass(frozen=True)
class Sight:
    """What one person may see.

    Parameters
    ----------
    areas
        Their areas; ``None`` for every area. A case without an area is seen by those alone who see
        every area.
    named
        Sealed cases that name the person.
    hidden
        Sealed cases that do not, and every case to which they are a party.
    tied
        Those to which they are a party.
    agency
        Their agency: what another one keeps to itself is not there for them. ``None`` for nobody
        in particular, from whom nothing is kept.
    """

    areas: frozenset[str] | None = None
    named: frozenset[str] = frozenset()
    hidden: frozenset[str] = field(default=frozenset(), repr=False)
    tied: frozenset[str] = field(default=frozenset(), repr=False)
    agency: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the person sees every area, and every case of it that is not sealed."""
        return self.areas is None and not self.tied

    def covers(self, area: str | None) -> bool:
        """Return whether a case of this area is in sight, were it not sealed."""
        return self.areas is None or area in self.areas

    def of_standings(self) -> ColumnElement[bool]:
        """Return the condition that a row of ``standings`` is of an area in sight."""
        of_areas = true() if self.areas is None else standings.c.area.in_(sorted(self.areas))
        # Somebody is tied to very few cases, so that they are written out.
        tied = standings.c.case_key.in_(sorted(self.tied))
        return and_(of_areas, ~tied) if self.tied else of_areas

    def keep_listed(self, connection: Connection, case_keys: Iterable[str]) -> frozenset[str]:
        """Return those of some cases that a list may show this person.

        A sealed case is on nobody's list, not even of those whom it names: a list is read by a
        whole room.
        """
        query = select(standings.c.case_key).where(
            is_among(connection, standings.c.case_key, list(case_keys)), *self.of_lists()
        )
        return frozenset(connection.execute(query).scalars())

    def of_lists(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        """Return the conditions that a row of ``standings`` may be shown in a list: sealed ones
        never are.
        """
        return ~standings.c.state.startswith(SEALED, autoescape=True), self.of_standings()

    def is_listed(self, key: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition that a column names a case of :meth:`keep_listed`."""
        place = select(standings.c.case_key).where(standings.c.case_key == key, *self.of_lists())
        return place.correlate(key.table).exists()

    def of_key(self, connection: Connection, key: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition that a column names a case in sight, sealed ones among them."""
        conditions: list[ColumnElement[bool]] = []
        if self.hidden:
            conditions.append(~is_among(connection, key, self.hidden))
        if self.areas is not None:
            place = standings.alias("place")  # the query may be one of standings itself
            of_areas = exists().where(place.c.case_key == key, place.c.area.in_(sorted(self.areas)))
            named = is_among(connection, key, self.named) if self.named else None
            conditions.append(of_areas if named is None else or_(of_areas, named))
        return and_(true(), *conditions)


EVERYTHING = Sight()
"""Sight of an unsealed store by somebody who sees every area."""


@read_once
def find_sight(connection: Connection, person: Person) -> Sight:
    """Return what a person may see now."""
    named: list[str] = []
    hidden: list[str] = []
    tied: list[str] = []
    for case_key, is_named, is_tied in connection.execute(_select_special(person.subject)):
        (tied if is_tied else named if is_named else hidden).append(case_key)
    there = frozenset(named).difference(tied)
    away = frozenset([*hidden, *tied])
    return Sight(person.areas, there, away, frozenset(tied), person.agency)


def _select_special(subject: str) -> Any:
    """Return the query for the sealed cases, each with whether it names a person or was opened by
    them, and for the cases to which they are a party.
    """
    names = exists().where(
        seal_people.c.seal_key == seals.c.seal_key, seal_people.c.subject == subject
    )
    seen = or_(names, _was_opened_by(subject, seals.c.case_key)).label("is_named")
    sealed = select(seals.c.case_key, seen, false().label("is_tied"))
    parties = case_parties.alias("parties")
    tied = select(parties.c.case_key, false().label("is_named"), true().label("is_tied"))
    return union_all(
        sealed.where(is_seal_in_force()),
        tied.where(_holds(parties), parties.c.party == subject),
    )


def _was_opened_by(subject: str, key: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a person opened a case for an urgent flag that is open still."""
    dealt_with = exists().where(discharges.c.raising_key == seal_openings.c.raising_key)
    return exists().where(
        seal_openings.c.case_key == key, seal_openings.c.subject == subject, ~dealt_with
    )


def _holds(parties: Any) -> ColumnElement[bool]:
    """Return the condition that a row is the latest of its case and account, and ties them."""
    later = case_parties.alias("later_ties")
    overtaken = exists().where(
        later.c.case_key == parties.c.case_key,
        later.c.party == parties.c.party,
        later.c.stored_seq > parties.c.stored_seq,
    )
    return and_(parties.c.tied, ~overtaken)


def may_see_case(connection: Connection, person: Person, case_key: str) -> bool:
    """Return whether a person may see a case; no case has a key that is unknown.

    One query answers for a case that is there, one of another area, a sealed one and none, so that
    the time says nothing of which it was.
    """
    names = exists().where(
        seal_people.c.subject == person.subject,
        seal_people.c.seal_key
        == select(seals.c.seal_key)
        .where(seals.c.case_key == standings.c.case_key)
        .order_by(seals.c.stored_seq.desc())
        .limit(1)
        .scalar_subquery(),
    )
    parties = case_parties.alias("parties")
    tied = exists().where(
        parties.c.case_key == standings.c.case_key,
        parties.c.party == person.subject,
        _holds(parties),
    )
    seen = or_(names, _was_opened_by(person.subject, standings.c.case_key))
    query = select(
        standings.c.area, standings.c.state, seen.label("named"), tied.label("tied")
    ).where(standings.c.case_key == case_key)
    found = connection.execute(query).one_or_none()
    if found is None or found.tied:
        return False
    if is_sealed_state(found.state):
        return bool(found.named)
    return person.areas is None or found.area in person.areas


def make_hidden() -> ServiceError:
    """Return what is answered of a case that is not there, or not for this person: one answer."""
    return ServiceError("no_such_case", "no case has this key", "start from GET /v1/list")
