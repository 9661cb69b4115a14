"""Sealing: a case that named people alone may see: no party and no connected person can.

Whoever seals a case names at least two people who exist, one of them themselves: it is never
nobody's. They open it again, or name others, in the same way: by a new row, as everything in the
store. It takes effect at once, and a second person of another agency is to confirm it
(:mod:`serving.sealing.seal_confirmation`).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert, select

from serving.access.case_sight import make_hidden, may_see_case
from serving.access.roles import need_decider
from serving.errors import RequestProblem, ServiceError, invalid
from serving.persons import Person, read_person
from serving.sealing.directory import Directory
from serving.sealing.seal_confirmation import NewSeal, ask_for_seal, end_waiting
from serving.standing.standings import StandingRules
from serving.store.database import Writing, make_key
from serving.store.lookups import is_among
from serving.store.record_conditions import is_seal_in_force, is_sealed
from serving.store.schema import case_keys, links, seal_people, seals

LEAST_PEOPLE: Final = 2
MOST_PEOPLE: Final = 50
_MOST_LETTERS: Final = 500


@dataclass(frozen=True)
class Seal:
    """Whether a case is sealed, by whom, why, and whom it names.

    Parameters
    ----------
    sealed
        Whether it is now.
    person, why, at_us
        Who sealed or opened it, why, and when (microseconds UTC).
    people
        Those who may see it, by what the sign-in knows them.
    """

    sealed: bool
    person: Person
    why: str
    at_us: int
    people: frozenset[str]


@dataclass(frozen=True)
class CurrentSeal:
    """The latest seal of a case that is sealed now.

    Parameters
    ----------
    key, case_key
        The seal and its case.
    person, why, at_us
        Who sealed it or named others, why, and when (microseconds UTC).
    people
        Those who may see it, by what the sign-in knows them.
    """

    key: str
    case_key: str
    person: Person
    why: str
    at_us: int
    people: frozenset[str]

    def as_new(self) -> NewSeal:
        """Return it as what a second person is asked about."""
        return NewSeal(self.key, self.case_key, self.people, self.why)


def read_current_seals(connection: Connection) -> tuple[CurrentSeal, ...]:
    """Return the seals that hold now, the oldest first."""
    query = select(seals).where(is_seal_in_force()).order_by(seals.c.stored_seq)
    rows = connection.execute(query).all()
    named = read_named(connection, [row.seal_key for row in rows])
    return tuple(
        CurrentSeal(
            row.seal_key,
            row.case_key,
            read_person(row),
            row.why,
            row.sealed_at_us,
            named.get(row.seal_key, frozenset()),
        )
        for row in rows
    )


def read_named(connection: Connection, seal_keys: Collection[str]) -> dict[str, frozenset[str]]:
    """Return whom each of some seals names, by the seal's key."""
    found: dict[str, set[str]] = {}
    query = select(seal_people.c.seal_key, seal_people.c.subject).where(
        is_among(connection, seal_people.c.seal_key, seal_keys)
    )
    for row in connection.execute(query):
        found.setdefault(row.seal_key, set()).add(row.subject)
    return {key: frozenset(people) for key, people in found.items()}


def seal_case(
    writing: Writing,
    case_key: str,
    person: Person,
    people: Collection[str],
    why: str,
    directory: Directory,
    rules: StandingRules | None = None,
) -> frozenset[str]:
    """Seal a case, or name others for a sealed one; return the cases that are linked with it.

    What happened in a sealed case is measured nowhere else, so that linked cases are to be scored
    again.

    Parameters
    ----------
    writing
        The open transaction.
    case_key, person
        The case, and who seals it: one of ``people``.
    people
        At least two, by what the sign-in knows them.
    why
        Why, for those whom it names and those who confirm it: it names no party.
    directory
        Who of ``people`` exists, and whom the deployment names.
    rules
        What the cases' standing rests on.

    Raises
    ------
    ServiceError
        If the person does not act on cases (403), may not see the case (404), or names too few
        people, not themselves or somebody who does not exist (422).
    """
    named = frozenset(one.strip() for one in people)
    # Reported after the check of the case: to anybody else it must not be there at all.
    problems = _find_problems(person, named, directory)
    _check(writing.connection, case_key, person)
    if problems:
        raise invalid(problems)
    writing.take_seq(0)  # of two who seal it at once each sees what the other stored
    seal = NewSeal(make_key(), case_key, named, why)
    return _seal(writing, person, seal, directory, rules)


def change_people(
    writing: Writing,
    case_key: str,
    person: Person,
    people: Collection[str],
    why: str,
    directory: Directory,
    rules: StandingRules | None = None,
) -> frozenset[str]:
    """Name others for a sealed case, by somebody who oversees seals; see :func:`seal_case`.

    They neither see the case by it nor need be one of those named. Whoever calls it has checked
    that they oversee seals, are not named in the one that holds, and are no party.

    Raises
    ------
    ServiceError
        If the case is not sealed (409), or too few people or somebody who does not exist are named
        (422).
    """
    named = frozenset(one.strip() for one in people)
    problems = _find_problems(person, named, directory, may_stay_out=True)
    if problems:
        raise invalid(problems)
    _need_sealed(writing.connection, case_key)
    seal = NewSeal(make_key(), case_key, named, why)
    return _seal(writing, person, seal, directory, rules)


def name_others(
    writing: Writing,
    case_id: str,
    person: Person,
    people: Collection[str],
    why: str,
    directory: Directory,
    rules: StandingRules | None = None,
    *,
    find_hidden: Callable[[Connection, list[str]], Collection[str]] | None = None,
) -> frozenset[str]:
    """Name others for a sealed case because none of those named is left; see :func:`seal_case`.

    For the operator of the machine alone, who neither sees the case by it nor is one of those
    named. A case that is not sealed is left alone.

    Parameters
    ----------
    case_id
        The case by its own identifier.
    find_hidden
        Returns those of some cases that are not there for the operator.

    Raises
    ------
    ServiceError
        If there is no such case, it is not sealed, or too few people, the operator or somebody who
        does not exist are named.
    """
    if person.subject in {one.strip() for one in people}:
        remedy = "name others: whoever runs the machine sees no case by it"
        raise invalid([RequestProblem(where="people", code="names_oneself", remedy=remedy)])
    # Several cases may have one number: the sealed one is meant.
    query = select(case_keys.c.case_key).where(
        case_keys.c.case_id == case_id, is_sealed(case_keys.c.case_key)
    )
    found = writing.connection.execute(query.order_by(case_keys.c.stored_seq)).scalars().all()
    seen = (
        one for one in found if find_hidden is None or not find_hidden(writing.connection, [one])
    )
    key = next(seen, None)
    if key is None:
        raise ServiceError(
            "not_sealed", "no sealed case has this identifier", "check the identifier"
        )
    return change_people(writing, key, person, people, why, directory, rules)


def open_seal(
    writing: Writing,
    case_key: str,
    person: Person,
    why: str,
    rules: StandingRules | None = None,
) -> frozenset[str]:
    """Open a sealed case for everybody of its area; see :func:`seal_case`.

    Raises
    ------
    ServiceError
        If the person may not (403, 404), or the case is not sealed (409).
    """
    _check(writing.connection, case_key, person)
    return open_for_all(writing, case_key, person, why, rules)


def open_for_all(
    writing: Writing,
    case_key: str,
    person: Person,
    why: str,
    rules: StandingRules | None = None,
) -> frozenset[str]:
    """Open a sealed case; whoever calls it has checked that the person may. See :func:`seal_case`.

    Raises
    ------
    ServiceError
        If the case is not sealed (409).
    """
    _need_sealed(writing.connection, case_key)
    end_waiting(writing, case_key, person)
    seal = NewSeal(make_key(), case_key, frozenset(), why)
    linked = _store(writing, person, seal, rules)
    writing.note(case_key=case_key)
    return linked


def read_seal(connection: Connection, case_key: str) -> Seal | None:
    """Return what the latest seal of a case says; ``None`` where it was never sealed."""
    latest = select(seals).where(seals.c.case_key == case_key)
    row = connection.execute(latest.order_by(seals.c.stored_seq.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    named = select(seal_people.c.subject).where(seal_people.c.seal_key == row.seal_key)
    return Seal(
        bool(row.sealed),
        read_person(row),
        row.why,
        row.sealed_at_us,
        frozenset(connection.execute(named).scalars()),
    )


def _check(connection: Connection, case_key: str, person: Person) -> None:
    need_decider(person)
    if not may_see_case(connection, person, case_key):
        raise make_hidden()


def _need_sealed(connection: Connection, case_key: str) -> None:
    seal = read_seal(connection, case_key)
    if seal is None or not seal.sealed:
        raise ServiceError("not_sealed", "the case is not sealed", "nothing is left to open")


def _find_problems(
    person: Person, named: frozenset[str], directory: Directory, *, may_stay_out: bool = False
) -> list[RequestProblem]:
    found = []
    if not LEAST_PEOPLE <= len(named) <= MOST_PEOPLE:
        remedy = f"name {LEAST_PEOPLE} to {MOST_PEOPLE} people by what the sign-in knows them"
        found.append(RequestProblem(where="people", code="too_few_people", remedy=remedy))
    if person.subject not in named and not may_stay_out:
        remedy = "name yourself as well: whoever seals a case stays answerable for it"
        found.append(RequestProblem(where="people", code="not_yourself", remedy=remedy))
    if any(not one or len(one) > _MOST_LETTERS or not one.isprintable() for one in named):
        remedy = "write each as the person's own page shows it"
        found.append(RequestProblem(where="people", code="unusable_name", remedy=remedy))
    if named - directory.known - {person.subject}:
        remedy = "name people who have signed in before: each finds their name on their own page"
        found.append(RequestProblem(where="people", code="unknown_person", remedy=remedy))
    return found


def _seal(
    writing: Writing,
    person: Person,
    seal: NewSeal,
    directory: Directory,
    rules: StandingRules | None,
) -> frozenset[str]:
    linked = _store(writing, person, seal, rules)
    ask_for_seal(writing, person, seal, directory.overseers)
    return linked


def _store(
    writing: Writing, person: Person, seal: NewSeal, rules: StandingRules | None
) -> frozenset[str]:
    connection, key, case_key = writing.connection, seal.key, seal.case_key
    named, why = seal.people, seal.why
    seq = writing.take_seq(1 + len(named))
    connection.execute(
        insert(seals).values(
            seal_key=key,
            case_key=case_key,
            sealed=bool(named),
            why=why,
            sealed_at_us=writing.now_us,
            stored_seq=seq,
            **person.columns(),
        )
    )
    if named:
        rows = [
            {"seal_key": key, "subject": one, "stored_seq": seq + number}
            for number, one in enumerate(sorted(named), 1)
        ]
        connection.execute(insert(seal_people), rows)
    linked = _find_linked(connection, case_key)
    writing.touch([case_key, *linked], rules or StandingRules())
    return linked


def _find_linked(connection: Connection, case_key: str) -> frozenset[str]:
    """Return the cases that are linked with a case, either way."""
    ends = (links.c.case_key, links.c.linked_case_key)
    found: set[str] = set()
    for here, there in (ends, ends[::-1]):
        found.update(connection.execute(select(there).where(here == case_key)).scalars())
    return frozenset(found)
