"""Views that somebody recorded for another agency and that it has neither confirmed nor changed."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import Connection, exists, select

from serving.access.case_sight import Sight
from serving.access.roles import DECIDERS
from serving.decisions.agency_views import describe_view
from serving.decisions.counted_views import read_case_views
from serving.decisions.outputs import ViewOut
from serving.persons import Person
from serving.store.database import Unit
from serving.store.row_text import Clockface
from serving.store.schema import agency_views, case_keys, standings, view_confirmations

_MOST: Final = 500


@dataclass(frozen=True, kw_only=True)
class RecordedViewOut:
    """A view that waits for its agency, and of which case."""

    case_key: str
    case_id: str | None
    view: ViewOut


@dataclass(frozen=True, kw_only=True)
class RecordedViewsOut:
    """Views that wait for an agency, the oldest first."""

    views: Annotated[
        tuple[RecordedViewOut, ...], Field(description="The first five hundred of them.")
    ]


def read_recorded(
    connection: Connection, agency: str, unit: Unit, sight: Sight
) -> RecordedViewsOut:
    """Return the views that wait for an agency, of cases in sight, the oldest first.

    One that a later view of the agency has overtaken waits no more. A sealed case is in no list:
    its page says what waits there.
    """
    views, later = agency_views.c, agency_views.alias("later_views")
    of_later = later.c.of_agency.is_(None) & (later.c.agency == agency)
    overtaken = exists().where(
        later.c.case_key == views.case_key,
        of_later | (later.c.of_agency == agency),
        later.c.stored_seq > views.stored_seq,
    )
    query = (
        select(views.case_key, views.view_key)
        .join(standings, standings.c.case_key == views.case_key)
        .where(
            views.of_agency == agency,
            ~exists().where(view_confirmations.c.view_key == views.view_key),
            ~overtaken,
            *sight.of_lists(),
        )
        .order_by(views.stored_seq)
        .limit(_MOST)
    )
    waiting = {str(row.case_key): str(row.view_key) for row in connection.execute(query)}
    if not waiting:
        return RecordedViewsOut(views=())
    face, by_case = Clockface(unit.time_zone), read_case_views(connection, list(waiting))
    asked = select(case_keys.c.case_key, case_keys.c.case_id).where(
        case_keys.c.case_key.in_(list(waiting))
    )
    ids = {row.case_key: row.case_id for row in connection.execute(asked)}
    return RecordedViewsOut(
        views=tuple(
            RecordedViewOut(case_key=key, case_id=ids.get(key), view=describe_view(one, face))
            for key, view_key in waiting.items()
            for one in by_case[key]
            if one.row.view_key == view_key
        )
    )


def count_recorded(connection: Connection, person: Person, unit: Unit, sight: Sight) -> int:
    """Return how many views wait for a person's agency to confirm; none for who gives no views."""
    if person.role not in DECIDERS:
        return 0
    return len(read_recorded(connection, person.agency, unit, sight).views)
