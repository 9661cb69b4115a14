"""How many of the open cases carry each flag: one that most carry tells nothing apart."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Integer, func, select

from serving.access.case_sight import EVERYTHING, Sight
from serving.flags.flags import is_standing
from serving.standing.states import OPEN
from serving.store.schema import flag_raisings, standings

MOST_SHARE: Final = 0.15
"""A flag carried by more than this share of open cases asks for its own review (design
section 9)."""


@dataclass(frozen=True)
class FlagShare:
    """How many open cases carry a flag.

    Parameters
    ----------
    flag
        Its name in the catalogue.
    urgent
        Whether it was raised as an urgent one.
    cases
        Open cases that carry it.
    share
        Their share of all open cases, 0 to 1.
    """

    flag: str
    urgent: bool
    cases: int
    share: float

    @property
    def asks_review(self) -> bool:
        """Whether more open cases carry it than a flag should."""
        return self.share > MOST_SHARE


def count_open(connection: Connection, sight: Sight = EVERYTHING) -> int:
    """Return how many cases in sight are open: all whose state is not closed."""
    query = (
        select(func.count())
        .select_from(standings)
        .where(standings.c.state.in_(OPEN), sight.of_key(connection, standings.c.case_key))
    )
    return int(connection.execute(query).scalar_one())


def flag_shares(connection: Connection, sight: Sight = EVERYTHING) -> list[FlagShare]:
    """Return every flag that an open case in sight carries, the most widely carried first."""
    cases = func.count(flag_raisings.c.case_key.distinct())
    # The largest of 0 and 1: PostgreSQL has no max of truth values.
    urgent = func.max(flag_raisings.c.urgent.cast(Integer))
    query = (
        select(flag_raisings.c.flag, cases.label("cases"), urgent.label("urgent"))
        .join(standings, standings.c.case_key == flag_raisings.c.case_key)
        .where(
            standings.c.state.in_(OPEN),
            is_standing(),
            sight.of_key(connection, flag_raisings.c.case_key),
        )
        .group_by(flag_raisings.c.flag)
        .order_by(cases.desc(), flag_raisings.c.flag)
    )
    n_open = count_open(connection, sight)
    return [
        # Never a division by zero: each row has an open case.
        FlagShare(row.flag, bool(row.urgent), row.cases, row.cases / n_open)
        for row in connection.execute(query)
    ]
