"""Access that somebody ought to ask about, over a period; nothing here says that it was wrong.

Every access that opened one case by its key, and every one that was refused, is considered; rows of
a list are not, since a list shows the same to all. Nobody is ranked: a person is told only where
one of the rules below names them, with the figure that made it do so.

Own name: the store does not know who a person is, so it can tell one thing alone, that a case has
an answer or a detail that *is* the person's name, letter for letter but for case and spaces. A name
within a narrative, a nickname or a relative's name is not found. Finding nothing assures nobody.
"""

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, or_, select

from features.contract.moments import to_datetime
from serving.access.case_sight import find_sight
from serving.oversight.line_sight import asks_by_key
from serving.persons import MACHINE, Person
from serving.store.audit_lines import LOOKS
from serving.store.current_act import SERVICE
from serving.store.database import Store
from serving.store.lookups import is_among
from serving.store.record_conditions import is_seal_in_force
from serving.store.schema import audit_lines, events, facts, seals, standings

_LINES = audit_lines.c
_ROWS_A_TIME: Final = 5_000
_CLOSED: Final = ("closed", "sealed:closed")


@dataclass(frozen=True)
class AccessPeriod:
    """From a moment, inclusive, until another, exclusive; microseconds UTC."""

    from_us: int
    until_us: int


@dataclass(frozen=True)
class Limits:
    """What counts as unusual; a unit states its own.

    Parameters
    ----------
    times_median
        How many times the median of the others of the role, or of the other cases.
    least_cases
        Cases that one person opened, below which their number is not unusual.
    least_persons
        Persons who opened one case, below which their number is not unusual.
    first_hour, last_hour
        Working hours by the unit's clock, the first inclusive and the last exclusive.
    work_days
        Days of work, Monday is 0.
    at_any_hour
        Roles that work at any hour.
    """

    times_median: float
    least_cases: int
    least_persons: int
    first_hour: int
    last_hour: int
    work_days: tuple[int, ...]
    at_any_hour: tuple[str, ...]


USUAL_LIMITS: Final = Limits(3.0, 30, 10, 7, 19, (0, 1, 2, 3, 4), ("duty", MACHINE))


@dataclass(frozen=True)
class Looker:
    """Whose accesses are told, and where to find them.

    Parameters
    ----------
    person
        Who, as the lines name them.
    n_looks
        Accesses that the rule is about.
    case_keys
        The cases, by key, sorted.
    first_us, last_us
        The first and last of these, microseconds UTC.
    """

    person: Person
    n_looks: int
    case_keys: tuple[str, ...]
    first_us: int
    last_us: int


@dataclass(frozen=True)
class Busy:
    """Somebody who opened many more cases than the others of their role.

    Parameters
    ----------
    person
        Who.
    n_cases
        Different cases that they opened.
    median_of_others
        Median of the same number over the others of the role who opened any; 0 without others.
    n_others
        How many others that is.
    """

    person: Person
    n_cases: int
    median_of_others: float
    n_others: int


@dataclass(frozen=True)
class Crowded:
    """A case that unusually many persons opened.

    Parameters
    ----------
    case_key
        Which case.
    n_persons
        How many persons opened it.
    median_of_others
        Median of the same number over the other cases that were opened.
    """

    case_key: str
    n_persons: int
    median_of_others: float


@dataclass(frozen=True)
class Unusual:
    """Everything that the rules tell of a period.

    Parameters
    ----------
    period, limits
        What was asked.
    n_looks, n_persons
        Accesses to one case that were considered, and by how many persons.
    refused
        Accesses that were refused: the case was not theirs to see, or there was none.
    busy, crowded
        Volume, by person and by case.
    out_of_hours
        Accesses outside working hours.
    closed
        Accesses to cases after they were closed, that are closed still.
    sealed
        Accesses to cases that are sealed now.
    own_name
        Accesses to cases with an answer or a detail that is the person's own name.
    """

    period: AccessPeriod
    limits: Limits
    n_looks: int
    n_persons: int
    refused: tuple[Looker, ...] = ()
    busy: tuple[Busy, ...] = ()
    crowded: tuple[Crowded, ...] = ()
    out_of_hours: tuple[Looker, ...] = ()
    closed: tuple[Looker, ...] = ()
    sealed: tuple[Looker, ...] = ()
    own_name: tuple[Looker, ...] = ()


@dataclass
class _Tally:
    """Accesses of one person, counted as they are read."""

    n_looks: int = 0
    cases: dict[str, int] = field(default_factory=dict)
    first_us: int = 0
    last_us: int = 0

    def add(self, case_key: str | None, at_us: int) -> None:
        """Count an access."""
        self.first_us = min(self.first_us, at_us) if self.n_looks else at_us
        self.last_us = max(self.last_us, at_us)
        self.n_looks += 1
        if case_key is not None:
            # The latest: it shows whether the case was opened after it had been closed.
            self.cases[case_key] = max(self.cases.get(case_key, at_us), at_us)

    def describe(self, person: Person) -> Looker:
        return Looker(person, self.n_looks, tuple(sorted(self.cases)), self.first_us, self.last_us)


@dataclass
class _Tallies:
    """The accesses of a period, by person: all that were shown, the refused, those at odd hours.

    A person is who the sign-in knows in one role: their name is that of their latest line.
    """

    opened: dict[str, _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    refused: dict[str, _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    late: dict[str, _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    persons: dict[str, Person] = field(default_factory=dict)

    def describe(self, tallies: Mapping[str, _Tally]) -> tuple[Looker, ...]:
        """Return whose accesses these are, by name: in no order of size."""
        told = [tally.describe(self.persons[who]) for who, tally in tallies.items()]
        return tuple(sorted(told, key=lambda one: (one.person.name, one.person.subject)))

    def keep(self, case_keys: Mapping[str, Collection[str]]) -> tuple[Looker, ...]:
        """Return whose accesses to some cases, named by person, these are."""
        kept = {}
        for who, keys in case_keys.items():
            seen = self.opened[who].cases
            tally = _Tally()
            for key in keys:
                tally.add(key, seen[key])
            if keys:
                kept[who] = tally
        return self.describe(kept)


def find_unusual(
    store: Store,
    period: AccessPeriod,
    limits: Limits = USUAL_LIMITS,
    reader: Person | None = None,
) -> Unusual:
    """Return the access of a period that somebody ought to ask about.

    Parameters
    ----------
    store
        The store; nothing in it is changed.
    period
        Which accesses, by the moment that their lines state.
    limits
        What counts as unusual.
    reader
        Who reads it: nothing is told them of a case to which they are a party. ``None`` for nobody.
    """
    tied: frozenset[str] = frozenset()
    if reader is not None:
        with store.reading() as connection:
            tied = find_sight(connection, reader).tied
    with store.reading_looks() as connection:
        unseen = _Unseen(reader.subject if reader else "", tied)
        found = _count(connection, period, limits, store.read_unit().time_zone, unseen)
    by_person = {who: set(tally.cases) for who, tally in found.opened.items()}
    every = sorted(set().union(*by_person.values()))
    with store.reading() as connection:
        closed = _find_closed(connection, every)
        sealed = _find_sealed(connection, every)
        own = {
            who: _find_named(connection, found.persons[who].name, keys)
            for who, keys in by_person.items()
        }
    return Unusual(
        period=period,
        limits=limits,
        n_looks=sum(tally.n_looks for tally in found.opened.values()),
        n_persons=len(found.opened),
        refused=found.describe(found.refused),
        busy=find_busy({found.persons[who]: len(keys) for who, keys in by_person.items()}, limits),
        crowded=find_crowded(by_person.values(), limits),
        out_of_hours=found.describe(found.late),
        closed=found.keep(
            {
                who: [key for key, at_us in tally.cases.items() if closed.get(key, at_us) < at_us]
                for who, tally in found.opened.items()
            }
        ),
        sealed=found.keep({who: keys & sealed for who, keys in by_person.items()}),
        own_name=found.keep(own),
    )


def find_busy(n_cases: Mapping[Person, int], limits: Limits) -> tuple[Busy, ...]:
    """Return who opened many more cases than the others of their role, by name."""
    told = []
    for person, n in n_cases.items():
        others = [m for one, m in n_cases.items() if one.role == person.role and one != person]
        median = statistics.median(others) if others else 0.0
        if others and n >= limits.least_cases and n > limits.times_median * median:
            told.append(Busy(person, n, float(median), len(others)))
    return tuple(sorted(told, key=lambda one: (one.person.name, one.person.subject)))


def find_crowded(opened: Iterable[Collection[str]], limits: Limits) -> tuple[Crowded, ...]:
    """Return the cases that many more persons opened than other cases, by key.

    Parameters
    ----------
    opened
        The cases that each person opened.
    limits
        What counts as unusual.
    """
    persons: dict[str, int] = defaultdict(int)
    for keys in opened:
        for key in keys:
            persons[key] += 1
    counts = sorted(persons.values())
    told = []
    for key, n in sorted(persons.items()):
        if n < limits.least_persons:
            continue
        others = list(counts)
        # Held against the other cases: its own number must not raise the median.
        others.remove(n)
        median = statistics.median(others) if others else 0.0
        if n > limits.times_median * median:
            told.append(Crowded(key, n, float(median)))
    return tuple(told)


def is_out_of_hours(at_us: int, time_zone: str, limits: Limits) -> bool:
    """Return whether a moment (microseconds UTC) lies outside the unit's working hours."""
    local = to_datetime(at_us, time_zone)
    if local.weekday() not in limits.work_days:
        return True
    return not limits.first_hour <= local.hour < limits.last_hour


@dataclass(frozen=True)
class _Unseen:
    """Cases to which the person who reads is a party, and by what the sign-in knows that person."""

    subject: str
    tied: frozenset[str]

    def covers(self, row: Any) -> bool:
        """Return whether a line is not there for them: one of a tied case, but for their own
        refusal, which they met as anybody does who asks for a case that is not there.
        """
        return row.case_key in self.tied and (bool(row.done) or row.subject != self.subject)

    def name(self, row: Any) -> str | None:
        """Return the case that a line names; none where something of a tied case was asked for."""
        is_blank = row.case_key in self.tied and not asks_by_key(row.route)
        return None if is_blank else row.case_key


def _count(
    connection: Connection, period: AccessPeriod, limits: Limits, time_zone: str, unseen: _Unseen
) -> _Tallies:
    found = _Tallies()
    query = (
        select(
            _LINES.at_us,
            _LINES.done,
            _LINES.route,
            _LINES.case_key,
            _LINES.person,
            _LINES.subject,
            _LINES.role,
            _LINES.agency,
        )
        .where(_LINES.book == LOOKS, _is_within(period), _LINES.subject != SERVICE.subject)
        # An access that was granted and names no case of its own, such as a list, opened none.
        .where(or_(_LINES.case_key.is_not(None), _LINES.done.is_(False)))
    )
    for row in connection.execute(query, execution_options={"yield_per": _ROWS_A_TIME}):
        if unseen.covers(row):
            continue
        key = unseen.name(row)
        # By role as well: people are compared with the others of the role that they had then.
        who = f"{row.role}|{row.subject}"
        found.persons[who] = Person(row.person, row.role, row.agency, row.subject)
        if not row.done:
            found.refused[who].add(key, row.at_us)
            continue
        found.opened[who].add(key, row.at_us)
        if row.role not in limits.at_any_hour and is_out_of_hours(row.at_us, time_zone, limits):
            found.late[who].add(row.case_key, row.at_us)
    return found


def _is_within(period: AccessPeriod) -> ColumnElement[bool]:
    return (_LINES.at_us >= period.from_us) & (_LINES.at_us < period.until_us)


def _find_closed(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Return the cases that are closed, and since when."""
    query = select(standings.c.case_key, standings.c.state_since_us).where(
        standings.c.state.in_(_CLOSED), is_among(connection, standings.c.case_key, keys)
    )
    return {row.case_key: int(row.state_since_us) for row in connection.execute(query)}


def _find_sealed(connection: Connection, keys: Sequence[str]) -> set[str]:
    query = select(seals.c.case_key).where(
        is_among(connection, seals.c.case_key, keys), is_seal_in_force()
    )
    return set(connection.execute(query).scalars())


def _find_named(connection: Connection, name: str, keys: Collection[str]) -> set[str]:
    """Return the cases, among some, that have an answer or a detail that is a person's name."""
    told = " ".join(name.split())
    # In every spelling, since SQLite's lower-case function knows ASCII alone.
    spellings = {told, told.lower(), told.upper(), told.title(), told.casefold()}
    found: set[str] = set()
    if not told:
        return found
    for table, column in ((facts, facts.c.value), (events, events.c.detail)):
        trimmed: ColumnElement[Any] = func.trim(column)
        query = select(table.c.case_key).where(
            is_among(connection, table.c.case_key, keys),
            or_(trimmed.in_(sorted(spellings)), func.lower(trimmed) == told.lower()),
        )
        found.update(connection.execute(query.distinct()).scalars())
    return found
