"""Some of the cases, by chance and always the same: enough to tell shares and waits quickly.

Keys are drawn at random when a case is made, so the first cases in the order of their keys are a
random draw that costs one walk along an index. Sealed cases are in no sample and in no count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from serving.access.case_sight import EVERYTHING, Sight
from serving.standing.states import OPEN, SEALED
from serving.store.schema import standings

SAMPLE_CASES: Final = 2_000
"""Cases whose records are read while somebody waits for the answer: of a share of one half that
leaves a doubt of about two in a hundred either way."""


@dataclass(frozen=True)
class Sample:
    """Some of the cases.

    Parameters
    ----------
    case_keys
        Which, in the order of their keys.
    n_all
        Out of how many.
    """

    case_keys: tuple[str, ...]
    n_all: int

    @property
    def is_whole(self) -> bool:
        """Whether it is every case."""
        return len(self.case_keys) == self.n_all

    @property
    def words(self) -> str:
        """Which cases these are, in words."""
        if self.is_whole:
            return f"all {self.n_all:,} of them" if self.n_all != 1 else "the one there is"
        return f"{len(self.case_keys):,} drawn at random out of {self.n_all:,}"


def draw_cases(
    connection: Connection,
    *,
    is_open: bool,
    size: int = SAMPLE_CASES,
    sight: Sight = EVERYTHING,
) -> Sample:
    """Return a sample of the cases in sight that are not sealed, or of the open ones among them."""
    of_state = (
        standings.c.state.in_(OPEN)
        if is_open
        else ~standings.c.state.startswith(SEALED, autoescape=True)
    )
    wanted = of_state & sight.of_key(connection, standings.c.case_key)
    n_all = connection.execute(select(func.count()).select_from(standings).where(wanted))
    # Keys are random, so that the first of them are cases by chance, and the same at every visit.
    keys: Sequence[str] = (
        connection.execute(
            select(standings.c.case_key).where(wanted).order_by(standings.c.case_key).limit(size)
        )
        .scalars()
        .all()
    )
    return Sample(tuple(keys), int(n_all.scalar_one()))
