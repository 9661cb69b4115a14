"""The sealed cases that name a person, each with where it stands: nobody else would see to them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from serving.access.case_sight import Sight
from serving.sealing.seal_review import SealOpening, find_overdue, read_openings
from serving.standing.states import plain_state
from serving.store.database import Unit
from serving.store.lookups import is_among
from serving.store.row_text import Clockface
from serving.store.schema import case_keys, standings


@dataclass(frozen=True)
class SealedCase:
    """A sealed case; moments in the unit's zone, as texts.

    Parameters
    ----------
    key, case_id, area
        The case; ``case_id`` is ``None`` once that was erased.
    state, waiting_since, review_on, owner
        Where it stands.
    n_flags, n_urgent
        Open review flags and open urgent flags.
    first_read_due, first_read_overdue
        Until when somebody is to read it first; ``None`` and ``False`` once somebody has.
    wait_overdue, review_overdue
        Whether it waits too long to be looked at, and whether its review is past: such cases go to
        professional standards.
    openings
        Who opened it for an urgent flag, when and why.
    same_number
        Keys of other cases of this number: what people sent under it whom the seal does not name.
        One that belongs to this case is merged into it.
    """

    key: str
    case_id: str | None
    area: str | None
    state: str
    waiting_since: str | None
    review_on: str | None
    owner: str | None
    n_flags: int
    n_urgent: int
    first_read_due: str | None
    first_read_overdue: bool
    wait_overdue: bool
    review_overdue: bool
    openings: tuple[SealOpening, ...]
    same_number: tuple[str, ...]


def read_sealed_cases(
    connection: Connection, sight: Sight, unit: Unit, now_us: int, wait_days: int
) -> tuple[SealedCase, ...]:
    """Return the sealed cases that name a person: urgent flags first, then the longest wait.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    sight
        What the person may see.
    unit
        What holds for the whole store.
    now_us
        The moment, microseconds UTC.
    wait_days
        Days of 24 hours after which a sealed case waits too long.
    """
    if not sight.named:
        return ()
    waiting = standings.c.waiting_since_us
    query = (
        select(standings, case_keys.c.case_id)
        .outerjoin(case_keys, case_keys.c.case_key == standings.c.case_key)
        .where(is_among(connection, standings.c.case_key, sight.named))
        .order_by(standings.c.n_urgent.desc(), waiting.is_(None), waiting, standings.c.case_key)
    )
    face = Clockface(unit.time_zone)
    openings = read_openings(connection, sight.named, face)
    others = _find_same_number(connection, sight)

    def is_overdue(row: Row[Any], what: str) -> bool:
        return any(one == what for one, _ in find_overdue(row, now_us, wait_days))

    return tuple(
        SealedCase(
            key=row.case_key,
            case_id=row.case_id,
            area=row.area,
            state=plain_state(row.state),
            waiting_since=face.show_any(row.waiting_since_us),
            review_on=row.review_on,
            owner=row.owner,
            n_flags=row.n_flags,
            n_urgent=row.n_urgent,
            first_read_due=None
            if row.first_read_at_us is not None
            else face.show(row.first_read_due_us),
            first_read_overdue=is_overdue(row, "first_read"),
            wait_overdue=is_overdue(row, "wait"),
            review_overdue=is_overdue(row, "review"),
            openings=openings.get(row.case_key, ()),
            same_number=tuple(others.get(row.case_key, ())),
        )
        for row in connection.execute(query)
    )


def _find_same_number(connection: Connection, sight: Sight) -> dict[str, list[str]]:
    """Return, by key, other cases in sight that have the number of one that names the person."""
    other = case_keys.alias("other")
    query = (
        select(case_keys.c.case_key, other.c.case_key.label("other"))
        .join(other, other.c.case_id == case_keys.c.case_id)
        .join(standings, standings.c.case_key == other.c.case_key)
        .where(
            is_among(connection, case_keys.c.case_key, sight.named),
            other.c.case_key != case_keys.c.case_key,
            sight.of_key(connection, standings.c.case_key),
        )
        .order_by(other.c.stored_seq)
    )
    found: dict[str, list[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.case_key, []).append(row.other)
    return found
