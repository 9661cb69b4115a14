"""A sitting's list as it may be shown now: its snapshot, first views and decisions beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, select

from features.contract.moments import format_moment
from serving.access.case_sight import EVERYTHING, Sight
from serving.lists.blind_review import SHOWN_AS, find_blind, withhold
from serving.lists.outputs import ListedOut, OverflowOut
from serving.lists.sittings import Sitting
from serving.standing.pending_corrections import find_pending_cases
from serving.store.database import Unit
from serving.store.schema import (
    case_keys,
    decisions,
    first_views,
    list_places,
    overflow,
)

_LISTED: Final = TypeAdapter(ListedOut)
_OVERFLOW: Final = TypeAdapter(OverflowOut)
_FIRST_BATCH: Final = 20
_GROWTH: Final = 4
"""How many flagged cases without a place are read at first, and how much more each time after."""


def read_rows(
    connection: Connection,
    sitting: Sitting,
    unit: Unit,
    *,
    hold_draw: bool = False,
    sight: Sight = EVERYTHING,
) -> list[ListedOut]:
    """Return the rows of a sitting's list as they may be shown now, in the order shown.

    A case that is blind by another sitting is withheld on this list too, and stands last there, so
    that its place among the others says nothing. A row that nobody viewed while its own sitting
    took views stays withheld.

    Parameters
    ----------
    connection, sitting, unit
        Which list.
    hold_draw
        Whether the rule of viewed rows is held back until every blind row of the list is viewed.
    sight
        Which cases the person who asks may see; the others are left out, and those that are left
        are numbered anew, so that no number is missing.
    """
    blind_now = find_blind(connection)
    every = connection.execute(_rows_of(sitting.key, sight)).all()
    drawn = not (hold_draw and any(row.blind and row.view is None for row in every))
    rows, pending = [], find_pending_cases(connection, [row.case_key for row in every])
    for position, seat in enumerate(_list_seats(every, blind_now), 1):
        told = _describe(seat.row, position, seat.is_withheld, unit)
        told["correction_pending"] = seat.row.case_key in pending
        shown = withhold(told, blind=seat.is_blind, viewed=seat.is_viewed, drawn=drawn)
        rows.append(_LISTED.validate_python(shown))
    return rows


def find_shown(
    connection: Connection, sitting: Sitting, *, with_blind: bool, sight: Sight = EVERYTHING
) -> frozenset[str]:
    """Return the cases of a list whose rows are shown whole now.

    Parameters
    ----------
    connection, sitting
        Which list.
    with_blind
        Whether those count that were blind until somebody viewed them.
    sight
        Which cases count.

    Returns
    -------
    frozenset of str
        Keys of the cases.
    """
    every = connection.execute(_rows_of(sitting.key, sight)).all()
    seats = _list_seats(every, find_blind(connection))
    shown = [seat.row for seat in seats if not seat.is_withheld]
    return frozenset(row.case_key for row in shown if with_blind or not row.blind)


@dataclass(frozen=True)
class _ShownSeat:
    """A row of a list, whether it is blind now, and whether a first view of it is on record."""

    row: Row[Any]
    is_blind: bool
    is_viewed: bool

    @property
    def is_withheld(self) -> bool:
        return self.is_blind and not self.is_viewed


def _list_seats(every: Sequence[Row[Any]], blind_now: frozenset[str]) -> list[_ShownSeat]:
    """Return the rows in sight in the order shown: those blind by another sitting stand last."""
    found = [row for row in _put_in_order(every) if row.listed]
    own = {row.case_key for row in found if row.blind and row.view is None}
    moved = (blind_now - own) & {row.case_key for row in found}
    found.sort(
        key=lambda row: (row.case_key in moved, row.case_key if row.case_key in moved else "")
    )
    return [
        _ShownSeat(
            row,
            is_blind=bool(row.blind) or row.case_key in moved,
            is_viewed=row.view is not None and row.case_key not in moved,
        )
        for row in found
    ]


def _put_in_order(every: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Return the rows of a list with those that were added later where they had stood from the
    start: the last of their rule, and before the blind ones.

    Rows of the list as it was composed were stored one after the other.
    """
    start = every[0].stored_seq - every[0].position if every else 0
    rows = [row for row in every if row.stored_seq - row.position == start]
    for row in every:
        if row.stored_seq - row.position == start:
            continue
        shown = [n for n, one in enumerate(rows) if not one.blind]
        before = [n for n in shown if SHOWN_AS[rows[n].rule] <= SHOWN_AS[row.rule]]
        if row.blind or not shown:
            rows.append(row)
        else:
            rows.insert(before[-1] + 1 if before else shown[0], row)
    return rows


def _rows_of(sitting_key: str, sight: Sight) -> Select[Any]:
    same_place = and_(
        first_views.c.sitting_key == list_places.c.sitting_key,
        first_views.c.case_key == list_places.c.case_key,
    )
    latest = (
        select(decisions.c.decision_key)
        .where(
            decisions.c.case_key == list_places.c.case_key,
            decisions.c.sitting_key == list_places.c.sitting_key,
        )
        .order_by(decisions.c.version.desc())
        .limit(1)
        .correlate(list_places)
        .scalar_subquery()
    )
    return (
        select(
            list_places,
            case_keys.c.case_id,
            first_views.c.view,
            first_views.c.person.label("viewed_by"),
            first_views.c.viewed_at_us,
            decisions.c.decision_key,
            decisions.c.person.label("decided_by"),
            decisions.c.routes,
            sight.is_listed(list_places.c.case_key).label("listed"),
        )
        .join(case_keys, case_keys.c.case_key == list_places.c.case_key)
        .outerjoin(first_views, same_place)
        .outerjoin(decisions, decisions.c.decision_key == latest)
        .where(list_places.c.sitting_key == sitting_key)
        .order_by(list_places.c.position)
    )


def _describe(row: Row[Any], position: int, withheld: bool, unit: Unit) -> dict[str, Any]:
    return {
        "position": position,
        "key": row.case_key,
        "case_id": row.case_id,
        "blind": bool(row.blind) or withheld,
        "withheld": withheld,
        "rule": row.rule,
        "by_lot": bool(row.by_lot),
        "probability": row.probability,
        **row.shown,
        "score_key": row.score_key,
        "first_view": row.view,
        "first_view_by": row.viewed_by,
        "first_view_at": None
        if row.viewed_at_us is None
        else format_moment(row.viewed_at_us, unit.time_zone),
        "decided": row.decision_key is not None,
        "decision_key": row.decision_key,
        "decided_by": row.decided_by,
        "decided_ways": list(row.routes or ()),
    }


def read_overflow(
    connection: Connection, sitting: Sitting, unit: Unit, size: int, sight: Sight = EVERYTHING
) -> list[OverflowOut]:
    """Return the first flagged cases without a place on a sitting's list, urgent ones first.

    They come in the order in which they were stored, which is that of the composition.
    """
    found: list[OverflowOut] = []
    after, batch = 0, max(size, _FIRST_BATCH)
    # A part at a time: thousands may have no place, and few of them are told.
    while len(found) < size:
        query = (
            select(
                overflow,
                case_keys.c.case_id,
                sight.is_listed(overflow.c.case_key).label("listed"),
            )
            .join(case_keys, case_keys.c.case_key == overflow.c.case_key)
            .where(
                overflow.c.sitting_key == sitting.key, overflow.c.stored_seq > after, ~took_place()
            )
            .order_by(overflow.c.stored_seq)
            .limit(batch)
        )
        rows = connection.execute(query).all()
        found += [_describe_overflow(row, unit) for row in rows if row.listed]
        if len(rows) < batch:
            break
        after, batch = rows[-1].stored_seq, _GROWTH * batch
    return found[:size]


def took_place() -> ColumnElement[bool]:
    """Return the condition that a row of ``overflow`` took the place of a case that was sealed."""
    place = list_places.c
    found = select(place.case_key).where(
        place.sitting_key == overflow.c.sitting_key, place.case_key == overflow.c.case_key
    )
    return found.correlate(overflow).exists()


def _describe_overflow(row: Row[Any], unit: Unit) -> OverflowOut:
    told = {
        "key": row.case_key,
        "case_id": row.case_id,
        "flagged_since": format_moment(row.flagged_since_us, unit.time_zone),
        "flags": row.flags,
    }
    return _OVERFLOW.validate_python(told)
