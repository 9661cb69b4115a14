"""Access to a case that nothing of a person's work explains: for professional standards, each day.

Opening a case, finding it by its number and taking it out are counted. It is explained where the
case had a place on a list or stood above one, where the person owns the case, decided on it, read
it first or acknowledged a flag of it, where a seal names them, or where they are on duty and the
case has an urgent flag or waits for its first read. A view or a request for a correction explains
nothing: anybody who may open a case can write one. Nothing here says that an access was wrong.

What is told is of one day, and of those who on that day did again what they had done before. It is
never told to the person whom it is about, nor anything of a case to which whoever reads is a party.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, or_, select

from features.catalogue.declarations import DAY_US
from serving.access.case_sight import find_sight
from serving.oversight.access_log import SEARCH_ROUTES
from serving.oversight.unusual_access import AccessPeriod
from serving.persons import MACHINE, Person
from serving.store.audit_lines import LOOKS
from serving.store.current_act import SERVICE
from serving.store.database import Store
from serving.store.lookups import is_among
from serving.store.schema import (
    acknowledgements,
    audit_lines,
    decisions,
    first_reads,
    flag_raisings,
    list_places,
    overflow,
    seal_people,
    seals,
    sittings,
    standings,
)

OVER_DAYS: Final = 28
"""Days until the end of the day that is told: access is repeated where it comes again in them, and
a place on a list explains access for as long."""
LEAST_TIMES: Final = 3
"""Times of opening or finding a case: two are a look and its continuation."""
LEAST_TAKEN: Final = 1
"""Times of taking a case out: once is enough to have it."""
_DISCLOSURE: Final = "disclosure"
_DUTY: Final = "duty"
_LINES = audit_lines.c
_ROWS_A_TIME: Final = 5_000


@dataclass(frozen=True)
class UnexplainedAccess:
    """What one person did with one case that nothing of their work explains.

    Parameters
    ----------
    person
        Who, as the latest line names them.
    case_key
        Which case.
    n_opened, n_found, n_taken
        Times of opening it, of finding it by its number, and of taking it out.
    first_us, last_us
        The first and the last of these, microseconds UTC.
    """

    person: Person
    case_key: str
    n_opened: int
    n_found: int
    n_taken: int
    first_us: int
    last_us: int

    @property
    def is_repeated(self) -> bool:
        """Whether it happened often enough to be asked about."""
        return self.n_opened + self.n_found >= LEAST_TIMES or self.n_taken >= LEAST_TAKEN


@dataclass
class _Tally:
    person: Person
    times: dict[str, int]
    first_us: int
    last_us: int


def find_unexplained(
    store: Store, day: AccessPeriod, reader: Person
) -> tuple[UnexplainedAccess, ...]:
    """Return the access of a day that nothing explains, by person and case.

    Parameters
    ----------
    store
        The store; nothing in it is changed.
    day
        The day that is told; its accesses are counted with those of the days before it.
    reader
        Who reads it: nothing is told of their own access, nor of a case to which they are a party.

    Returns
    -------
    tuple of UnexplainedAccess
        By name and case: in no order of size.
    """
    with store.reading_looks() as connection:
        tallies = _count(connection, day, reader)
    with store.reading() as connection:
        tied = find_sight(connection, reader).tied
        told = [
            UnexplainedAccess(
                tally.person,
                key,
                tally.times.get("opened", 0),
                tally.times.get("found", 0),
                tally.times.get("taken", 0),
                tally.first_us,
                tally.last_us,
            )
            for (_, key), tally in tallies.items()
            if key not in tied and tally.last_us >= day.from_us
        ]
        told = [one for one in told if one.is_repeated]
        explained = _find_explained(connection, told, day)
    left = [one for one in told if (one.person.subject, one.case_key) not in explained]
    return tuple(sorted(left, key=lambda one: (one.person.name, one.person.subject, one.case_key)))


def _count(
    connection: Connection, day: AccessPeriod, reader: Person
) -> dict[tuple[str, str], _Tally]:
    query = (
        select(
            _LINES.at_us,
            _LINES.operation,
            _LINES.route,
            _LINES.case_key,
            _LINES.cases,
            _LINES.person,
            _LINES.subject,
            _LINES.role,
            _LINES.agency,
        )
        .where(
            _LINES.book == LOOKS,
            _LINES.done,
            _LINES.at_us >= day.until_us - OVER_DAYS * DAY_US,
            _LINES.at_us < day.until_us,
            _LINES.subject.not_in((SERVICE.subject, reader.subject)),
            _LINES.role != MACHINE,
            # Rows of a list open nothing: a list shows the same to all.
            or_(
                _LINES.case_key.is_not(None),
                _LINES.route.in_(SEARCH_ROUTES),
                _LINES.operation == _DISCLOSURE,
            ),
        )
        .order_by(_LINES.number)
    )
    found: dict[tuple[str, str], _Tally] = {}
    for row in connection.execute(query, execution_options={"yield_per": _ROWS_A_TIME}):
        for key in _list_cases(row):
            person = Person(row.person, row.role, row.agency, row.subject)
            tally = found.setdefault(
                (row.subject, key), _Tally(person, defaultdict(int), row.at_us, row.at_us)
            )
            tally.person = person
            tally.times[_name_access(row)] += 1
            tally.first_us = min(tally.first_us, row.at_us)
            tally.last_us = max(tally.last_us, row.at_us)
    return found


def _list_cases(row: Any) -> Iterable[str]:
    if row.route in SEARCH_ROUTES or row.operation == _DISCLOSURE:
        return {key for key in (row.case_key, *(row.cases or ())) if key}
    return (row.case_key,)


def _name_access(row: Any) -> str:
    if row.operation == _DISCLOSURE:
        return "taken"
    return "found" if row.route in SEARCH_ROUTES else "opened"


def _find_explained(
    connection: Connection, told: Collection[UnexplainedAccess], day: AccessPeriod
) -> set[tuple[str, str]]:
    """Return the pairs of person and case of which a person's work explains the access."""
    keys = {one.case_key for one in told}
    since_us = day.until_us - OVER_DAYS * DAY_US
    listed = _find_listed(connection, keys, AccessPeriod(since_us, day.until_us))
    worked = _find_worked(connection, keys)
    query = select(standings.c.case_key, standings.c.owner).where(
        is_among(connection, standings.c.case_key, keys)
    )
    owners = {row.case_key: row.owner for row in connection.execute(query)}
    urgent = _find_urgent(connection, keys, since_us)
    explained = set()
    for one in told:
        person, key = one.person, one.case_key
        owner = (owners.get(key) or "").strip().casefold()
        is_owner = owner in (person.name.casefold(), person.subject.casefold())
        on_duty = person.role == _DUTY and key in urgent
        if key in listed or is_owner or on_duty or (person.subject, key) in worked:
            explained.add((person.subject, key))
    return explained


def _find_listed(connection: Connection, keys: Collection[str], period: AccessPeriod) -> set[str]:
    found: set[str] = set()
    for table in (list_places, overflow):
        query = (
            select(table.c.case_key)
            .join(sittings, sittings.c.sitting_key == table.c.sitting_key)
            .where(
                is_among(connection, table.c.case_key, keys),
                sittings.c.opened_at_us >= period.from_us,
                sittings.c.opened_at_us < period.until_us,
            )
        )
        found.update(connection.execute(query).scalars())
    return found


def _find_worked(connection: Connection, keys: Collection[str]) -> set[tuple[str, str]]:
    """Return who decided on, read first, acknowledged or is named by the seal of which case."""
    queries: tuple[Select[Any], ...] = (
        select(decisions.c.subject, decisions.c.case_key),
        select(first_reads.c.subject, first_reads.c.case_key),
        select(acknowledgements.c.subject, flag_raisings.c.case_key).join(
            flag_raisings, flag_raisings.c.raising_key == acknowledgements.c.raising_key
        ),
        select(seal_people.c.subject, seals.c.case_key).join(
            seals, seals.c.seal_key == seal_people.c.seal_key
        ),
    )
    tables = (decisions, first_reads, flag_raisings, seals)
    found: set[tuple[str, str]] = set()
    for query, table in zip(queries, tables, strict=True):
        rows = connection.execute(query.where(is_among(connection, table.c.case_key, keys)))
        found.update((row[0], row[1]) for row in rows)
    return found


def _find_urgent(connection: Connection, keys: Collection[str], since_us: int) -> set[str]:
    """Return the cases that were the duty role's: an urgent flag, or a first read that waited."""
    flagged = select(flag_raisings.c.case_key).where(
        is_among(connection, flag_raisings.c.case_key, keys),
        flag_raisings.c.urgent,
        flag_raisings.c.raised_at_us >= since_us,
    )
    unread = select(standings.c.case_key).where(
        is_among(connection, standings.c.case_key, keys),
        or_(standings.c.n_urgent > 0, standings.c.first_read_at_us.is_(None)),
    )
    return {key for query in (flagged, unread) for key in connection.execute(query).scalars()}
