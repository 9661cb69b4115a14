"""How long cases waited until they were listed, and how many still wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from sqlalchemy import Connection, and_, func, select

from features.catalogue.declarations import DAY_US
from serving.access.case_sight import EVERYTHING, Sight
from serving.standing.states import ELIGIBLE
from serving.store.schema import list_places, sittings, standings

_NINE_TENTHS: Final = 0.9
_HALF: Final = 0.5


@dataclass(frozen=True)
class WaitFindings:
    """Waits in days, each from its beginning to the first list that the case was on.

    Parameters
    ----------
    n_listed
        Waits that ended with a list.
    median_days, ninth_decile_days, longest_days
        Of those; the shortest wait that at least half, or nine in ten, did not exceed. ``None``
        where there are none.
    n_still_waiting, still_longest_days
        Waits that no list has ended yet, and the longest so far. They are told beside the others,
        which are of those that came to an end.
    """

    n_listed: int
    median_days: float | None
    ninth_decile_days: float | None
    longest_days: float | None
    n_still_waiting: int
    still_longest_days: float | None


def read_waits(connection: Connection, now_us: int, sight: Sight = EVERYTHING) -> WaitFindings:
    """Return how long cases in sight waited until a list had them, all sittings together."""
    since = list_places.c.waiting_since_us
    first = (
        select((func.min(sittings.c.opened_at_us) - since).label("waited_us"))
        .select_from(list_places)
        .join(sittings, sittings.c.sitting_key == list_places.c.sitting_key)
        .where(sight.of_key(connection, list_places.c.case_key))
        .group_by(list_places.c.case_key, since)
    )
    waited = sorted(max(us, 0) / DAY_US for us in connection.execute(first).scalars())
    n_still, oldest_us = _read_still(connection, sight)
    return WaitFindings(
        n_listed=len(waited),
        median_days=_find_quantile(waited, _HALF),
        ninth_decile_days=_find_quantile(waited, _NINE_TENTHS),
        longest_days=waited[-1] if waited else None,
        n_still_waiting=n_still,
        still_longest_days=None if oldest_us is None else max(now_us - oldest_us, 0) / DAY_US,
    )


def _read_still(connection: Connection, sight: Sight) -> tuple[int, int | None]:
    listed = select(list_places.c.case_key).where(
        and_(
            list_places.c.case_key == standings.c.case_key,
            list_places.c.waiting_since_us == standings.c.waiting_since_us,
        )
    )
    query = select(func.count(), func.min(standings.c.waiting_since_us)).where(
        standings.c.state.in_(ELIGIBLE),
        ~listed.correlate(standings).exists(),
        sight.of_key(connection, standings.c.case_key),
    )
    n_still, oldest_us = connection.execute(query.select_from(standings)).one()
    return int(n_still), oldest_us


def _find_quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[ceil(share * len(ordered)) - 1] if ordered else None
