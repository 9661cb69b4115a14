"""Sittings: a team's meetings, each with what its list was made from."""

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from sqlalchemy import Connection, Row, select

from serving.persons import Person, read_person
from serving.store.read_once import read_once
from serving.store.schema import sittings


class PlacesByRule(TypedDict):
    """How many places each rule gives."""

    random: int
    waited: int
    flagged: int
    priority: int


class ListPolicy(TypedDict):
    """By what a list was composed; its places are not told while a blind row waits for a view."""

    shares_of_thirty: dict[str, int]
    places: NotRequired[PlacesByRule]
    blind_share: float
    told_apart: float


class NamedModel(TypedDict):
    """What names the model in use and says how to read it; without one its names are empty."""

    bundle_id: str | None
    catalogue: str | None
    catalogue_digest: str | None
    engine_version: str | None
    estimate_note: str | None
    advisory: str


class NewSince(TypedDict):
    """What is new since the sitting before."""

    sitting_key: str
    arrived: int
    returned: int
    flagged: int
    decided: int


class ToldWaits(TypedDict):
    """What waiting meant then; see :class:`serving.lists.waiting_times.Waits`."""

    n_waiting: int
    longest_days: int
    weeks_observed: float
    arrivals_per_week: float
    decided_per_week: float
    places_per_week: int
    growth_per_week: float
    fits: bool
    weeks_at_least: int
    weeks_at_most: int | None
    words: list[str]


class ToldOverflow(TypedDict):
    """How many flagged cases had no place, and since when the oldest flag stood."""

    n_cases: int
    n_urgent: int
    flagged_since: str | None


class ComposedBeside(NamedModel):
    """What is told beside a list as it is composed."""

    as_of: str
    synthetic: bool
    states: dict[str, int]
    since_last: NewSince | None
    waits: ToldWaits
    overflow: ToldOverflow


class ToldBeside(ComposedBeside):
    """What was told beside a list, as its sitting keeps it."""

    opened_again_because: NotRequired[str]


@dataclass(frozen=True)
class Sitting:
    """A meeting that was opened.

    Parameters
    ----------
    key
        Opaque key.
    opened_at_us, as_of_us
        When it was opened, and the moment that its list was composed at; microseconds UTC.
    capacity, ordering, policy
        What the list was composed by.
    bundle_id
        The model then in use.
    n_eligible, n_open
        Cases that could have been on the list, and all open ones.
    standing
        What was told beside the list.
    person
        Who opened it.
    stored_seq
        Its place in the order of rows.
    """

    key: str
    opened_at_us: int
    as_of_us: int
    capacity: int
    ordering: str
    policy: ListPolicy
    bundle_id: str | None
    n_eligible: int
    n_open: int
    standing: ToldBeside
    person: Person
    stored_seq: int


def current_sitting(connection: Connection) -> Sitting | None:
    """Return the sitting that was opened last; ``None`` before the first."""
    return next(iter(read_last_two(connection)), None)


@read_once
def read_last_two(connection: Connection) -> tuple[Sitting, ...]:
    """Return the current sitting and the one before it, as far as there are."""
    return tuple(list_sittings(connection, 2))


def sitting_before(connection: Connection, sitting: Sitting) -> Sitting | None:
    """Return the sitting that was opened before one; ``None`` before the first."""
    last_two = read_last_two(connection)
    if last_two and last_two[0] == sitting:
        return next(iter(last_two[1:]), None)
    return next(iter(list_sittings(connection, 1, after=sitting)), None)


def read_sitting(connection: Connection, key: str) -> Sitting | None:
    """Return a sitting by its key; ``None`` where there is none."""
    row = connection.execute(select(sittings).where(sittings.c.sitting_key == key)).one_or_none()
    return None if row is None else _read(row)


def list_sittings(
    connection: Connection, size: int, *, after: Sitting | None = None
) -> list[Sitting]:
    """Return sittings, the latest first, from the one before ``after``."""
    query = select(sittings).order_by(sittings.c.stored_seq.desc()).limit(size)
    if after is not None:
        query = query.where(sittings.c.stored_seq < after.stored_seq)
    return [_read(row) for row in connection.execute(query)]


def _read(row: Row[Any]) -> Sitting:
    return Sitting(
        key=row.sitting_key,
        opened_at_us=int(row.opened_at_us),
        as_of_us=int(row.as_of_us),
        capacity=row.capacity,
        ordering=row.ordering,
        policy=row.policy,
        bundle_id=row.bundle_id,
        n_eligible=row.n_eligible,
        n_open=row.n_open,
        standing=row.standing,
        person=read_person(row),
        stored_seq=int(row.stored_seq),
    )
