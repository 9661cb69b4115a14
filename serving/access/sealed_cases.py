"""The sealed cases that name a person, each with where it stands: nobody else would see to them."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from serving.access.case_sight import Sight
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


def read_sealed_cases(
    connection: Connection, sight: Sight, unit: Unit, now_us: int
) -> tuple[SealedCase, ...]:
    """Return the sealed cases that name a person: urgent flags first, then the longest wait."""
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
            first_read_overdue=row.first_read_at_us is None and row.first_read_due_us <= now_us,
        )
        for row in connection.execute(query)
    )
