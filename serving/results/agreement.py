"""How far decisions agree with scores and their reasons: counts, and never by person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from serving.access.case_sight import EVERYTHING, Sight
from serving.store.schema import decision_reasons, decisions, list_places, sittings

FIRST: Final = "first"
MIDDLE: Final = "middle"
LAST: Final = "last"
BELOW: Final = "below"
NO_RANK: Final = "no_rank"
NO_LIST: Final = "no_list"
BANDS: Final = (FIRST, MIDDLE, LAST, BELOW, NO_RANK, NO_LIST)
"""Where the model had ranked a case that was decided on: in the first, middle or last third of as
many ranks as the list has places, or below them, where a sitting keeps no rank; nowhere, since it
gave no score or did not order the list; or it was on no list."""


_THIRDS: Final = 3
_BY_MODEL: Final = "model"
"""How a sitting's list is ordered where the model orders it."""


@dataclass(frozen=True)
class Agreement:
    """How many agree, disagree or said nothing, never by person.

    ``share`` is of those who said something; ``None`` where nobody did.
    """

    n_agree: int
    n_disagree: int
    n_silent: int
    share: float | None


def count_agreement(n_agree: int, n_disagree: int, n_silent: int = 0) -> Agreement:
    """Return counts of agreement with the share that they make."""
    said = n_agree + n_disagree
    return Agreement(n_agree, n_disagree, n_silent, n_agree / said if said else None)


NOBODY: Final = count_agreement(0, 0)


@dataclass(frozen=True)
class Parts:
    """Agreement with the score by where it had put the case, and by what was looked at first.

    Parameters
    ----------
    by_band
        By rank band, in the order of ``BANDS``; bands without a decision are left out.
    blind_first, open
        Of listed cases that were first looked at without anything of the model, and of the others.
    """

    by_band: Sequence[tuple[str, Agreement]] = ()
    blind_first: Agreement = NOBODY
    open: Agreement = NOBODY


NEARLY_ALL: Final = 0.95
"""From this share on people may no longer read the records; a stated policy of the project."""
LEAST_SAID: Final = 20
"""Decisions that said something, at least: a share of fewer says little."""


@dataclass(frozen=True)
class TeamAgreement:
    """How far the decisions of one agency's people agree with the score.

    ``nearly_all`` is an alarm: at least ``NEARLY_ALL`` of at least ``LEAST_SAID`` agree, so that it
    is to be asked whether people still read the records. ``n_unopened`` counts decisions of which
    it is known that no record was opened, of the ``n_opening_known`` of which that is known.
    """

    agency: str
    agreement: Agreement
    nearly_all: bool
    n_unopened: int
    n_opening_known: int


def read_team_agreement(
    connection: Connection, sight: Sight = EVERYTHING
) -> tuple[TeamAgreement, ...]:
    """Return agreement with the score by agency, on cases in sight, in order of the agencies."""
    query = select(decisions.c.agency, decisions.c.agrees_with_score, decisions.c.opened).where(
        sight.of_key(connection, decisions.c.case_key)
    )
    said: dict[str, dict[bool | None, int]] = {}
    opened: dict[str, list[int]] = {}
    for row in connection.execute(query):
        counts = said.setdefault(row.agency, {})
        counts[row.agrees_with_score] = counts.get(row.agrees_with_score, 0) + 1
        if row.opened is not None:
            opened.setdefault(row.agency, []).append(len(row.opened))
    return tuple(
        _describe_team(agency, _sum_up(said[agency]), opened.get(agency, []))
        for agency in sorted(said)
    )


def _describe_team(agency: str, found: Agreement, opened: Sequence[int]) -> TeamAgreement:
    n_said = found.n_agree + found.n_disagree
    is_alarm = n_said >= LEAST_SAID and found.n_agree >= NEARLY_ALL * n_said
    return TeamAgreement(agency, found, is_alarm, sum(not n for n in opened), len(opened))


def read_score_agreement(connection: Connection, sight: Sight = EVERYTHING) -> Agreement:
    """Return how many decisions on cases in sight agree with the score they were made beside."""
    return _sum_up(_count(connection, decisions.c.agrees_with_score, sight))


def read_reason_agreement(connection: Connection, sight: Sight = EVERYTHING) -> Agreement:
    """Return how many of the reasons that were judged were agreed with, on cases in sight."""
    counts = _count(connection, decision_reasons.c.agrees, sight)
    return count_agreement(counts.get(True, 0), counts.get(False, 0))


def read_parts(connection: Connection, sight: Sight = EVERYTHING) -> Parts:
    """Return agreement with the score by rank band and by what was looked at first, of cases in
    sight.
    """
    place = and_(
        list_places.c.sitting_key == decisions.c.sitting_key,
        list_places.c.case_key == decisions.c.case_key,
    )
    band, said = _find_band().label("band"), decisions.c.agrees_with_score
    query = (
        select(band, list_places.c.blind, said, func.count().label("n"))
        .select_from(decisions)
        .outerjoin(list_places, place)
        .outerjoin(sittings, sittings.c.sitting_key == list_places.c.sitting_key)
        .where(sight.of_key(connection, decisions.c.case_key))
        .group_by(band, list_places.c.blind, said)
    )
    by_band: dict[str, dict[bool | None, int]] = {}
    by_look: dict[bool | None, dict[bool | None, int]] = {}
    for row in connection.execute(query):
        for counts in (by_band.setdefault(row.band, {}), by_look.setdefault(row.blind, {})):
            counts[row.agrees_with_score] = counts.get(row.agrees_with_score, 0) + int(row.n)
    return Parts(
        tuple((name, _sum_up(by_band[name])) for name in BANDS if name in by_band),
        _sum_up(by_look.get(True, {})),
        _sum_up(by_look.get(False, {})),
    )


def _find_band() -> ColumnElement[str]:
    rank, capacity = list_places.c.rank, sittings.c.capacity
    return case(
        (list_places.c.sitting_key.is_(None), NO_LIST),
        (or_(sittings.c.ordering != _BY_MODEL, list_places.c.score_key.is_(None)), NO_RANK),
        (or_(rank.is_(None), rank > capacity), BELOW),
        # Multiplied, so that a third of the places is exact in whole numbers.
        (_THIRDS * rank <= capacity, FIRST),
        (_THIRDS * rank <= 2 * capacity, MIDDLE),
        else_=LAST,
    )


def _sum_up(counts: dict[bool | None, int]) -> Agreement:
    return count_agreement(counts.get(True, 0), counts.get(False, 0), counts.get(None, 0))


def _count(
    connection: Connection, column: ColumnElement[bool], sight: Sight
) -> dict[bool | None, int]:
    query = select(column, func.count()).select_from(decisions)
    if column.table is decision_reasons:
        same = decision_reasons.c.decision_key == decisions.c.decision_key
        query = query.join(decision_reasons, same)
    query = query.where(sight.of_key(connection, decisions.c.case_key)).group_by(column)
    return {said: int(count) for said, count in connection.execute(query)}
