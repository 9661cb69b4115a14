"""The minutes of a sitting: what was decided on which case, by whom, and what each agency thought.

They are of the cases that the reader may see in a list: a sealed one is on none. What a decision
says of the score is left out while the case is looked at blind, and a view while a round waits.
That something is planned for the victim's safety is told, and what is planned never.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import Field
from sqlalchemy import Connection, Row, and_, or_, select

from features.catalogue.declarations import DAY_US
from features.contract.moments import parse_date, to_datetime
from serving.access.case_sight import Sight
from serving.decisions.agency_views import describe_round, describe_view
from serving.decisions.counted_views import CaseView, read_case_views, read_rounds
from serving.decisions.outputs import DecisionOut, ViewOut, ViewRoundOut
from serving.decisions.past_decisions import read_some_decisions
from serving.lists.blind_review import find_blind
from serving.lists.sittings import Sitting
from serving.persons import AGENCIES
from serving.store.database import Unit
from serving.store.lookups import is_among
from serving.store.row_text import Clockface
from serving.store.schema import agency_views, case_keys, decisions, list_places, standings

AT_TABLE: Final = tuple(name for name in AGENCIES if name != "unit")
"""Agencies of whose absence the minutes tell; the unit itself holds the sitting."""

_SAFETY: Final = "victim_safety_planning"


@dataclass(frozen=True, kw_only=True)
class MinutesCaseOut:
    """A case of a sitting: on its list, decided on, or spoken of."""

    key: str
    case_id: str | None
    area: str | None
    listed: Annotated[bool, Field(description="Whether it was on the sitting's list.")]
    decisions: Annotated[tuple[DecisionOut, ...], Field(description="In the order made.")]
    views: Annotated[tuple[ViewOut, ...], Field(description="Given in the sitting, in order.")]
    rounds: tuple[ViewRoundOut, ...]
    dissents: Annotated[tuple[str, ...], Field(description="Agencies that dissent, of these.")]
    no_view_of: Annotated[
        tuple[str, ...],
        Field(description="Agencies without a view here; where any gave one. None is agreement."),
    ]


@dataclass(frozen=True, kw_only=True)
class MinutesOut:
    """What was decided in a sitting, and on its day outside of any."""

    sitting_key: str
    opened_at: str
    opened_by: str
    day: str
    n_listed: int
    n_decided: int
    cases: tuple[MinutesCaseOut, ...]


def read_minutes(connection: Connection, sitting: Sitting, unit: Unit, sight: Sight) -> MinutesOut:
    """Return the minutes of a sitting, of the cases in sight, in the order of its list.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    sitting
        Which one.
    unit
        What holds for the whole store; its zone says which day it was.
    sight
        Which cases the reader may see.
    """
    day = to_datetime(sitting.opened_at_us, unit.time_zone).date()
    begin_us = parse_date(day.isoformat(), unit.time_zone)
    during = _was_during(sitting.key, begin_us, _end_of_day(begin_us, unit))
    listed = _list_cases(connection, sitting.key)
    decided = connection.execute(
        select(decisions).where(during).order_by(decisions.c.stored_seq)
    ).all()
    spoken = select(agency_views.c.case_key).where(agency_views.c.sitting_key == sitting.key)
    keys = dict.fromkeys(
        [*listed, *(row.case_key for row in decided), *connection.execute(spoken).scalars()]
    )
    shown = sight.keep_listed(connection, list(keys))
    wanted = [key for key in keys if key in shown]
    told = _Told(connection, sitting.key, wanted, decided, unit)
    found = tuple(told.describe(key, listed=key in listed) for key in wanted)
    return MinutesOut(
        sitting_key=sitting.key,
        opened_at=Clockface(unit.time_zone).show(sitting.opened_at_us),
        opened_by=sitting.person.name,
        day=day.isoformat(),
        n_listed=sum(one.listed for one in found),
        n_decided=sum(one.listed and bool(one.decisions) for one in found),
        cases=found,
    )


def _leave_out_plan(one: DecisionOut) -> DecisionOut:
    """Return a decision without what is planned for the victim's safety."""
    return replace(one, ways={way: {} if way == _SAFETY else of for way, of in one.ways.items()})


def _end_of_day(begin_us: int, unit: Unit) -> int:
    """Return when the day ends that begins at a moment: where the clock changes it is not 24 h."""
    after = to_datetime(begin_us + 36 * DAY_US // 24, unit.time_zone).date()
    return parse_date(after.isoformat(), unit.time_zone)


def _was_during(sitting_key: str, begin_us: int, end_us: int) -> Any:
    """Return the condition that a decision was made in a sitting, or outside any on its day."""
    at_us = decisions.c.decided_at_us
    outside = and_(decisions.c.sitting_key.is_(None), at_us >= begin_us, at_us < end_us)
    return or_(decisions.c.sitting_key == sitting_key, outside)


def _list_cases(connection: Connection, sitting_key: str) -> list[str]:
    query = (
        select(list_places.c.case_key)
        .where(list_places.c.sitting_key == sitting_key)
        .order_by(list_places.c.position)
    )
    return list(connection.execute(query).scalars())


class _Told:
    """What was decided and said of some cases."""

    def __init__(
        self,
        connection: Connection,
        sitting_key: str,
        keys: Collection[str],
        decided: Collection[Row[Any]],
        unit: Unit,
    ) -> None:
        self._face = Clockface(unit.time_zone)
        self._sitting_key = sitting_key
        self._decisions = read_some_decisions(
            connection,
            [row for row in decided if row.case_key in set(keys)],
            unit,
            withheld=find_blind(connection),
        )
        self._views = read_case_views(connection, keys)
        self._rounds = read_rounds(connection, keys)
        query = (
            select(standings.c.case_key, standings.c.area, case_keys.c.case_id)
            .join(case_keys, case_keys.c.case_key == standings.c.case_key)
            .where(is_among(connection, standings.c.case_key, keys))
        )
        self._cases = {row.case_key: row for row in connection.execute(query)}

    def describe(self, key: str, *, listed: bool) -> MinutesCaseOut:
        """Return a case as the minutes have it."""
        views = [one for one in self._views.get(key, ()) if self._is_of_sitting(one)]
        rounds = [
            one
            for one in self._rounds.get(key, ())
            if one.row.sitting_key == self._sitting_key and not one.is_open
        ]
        stands = [one for one in views if one.replaced_by is None]
        heard = {one.agency for one in stands}
        return MinutesCaseOut(
            key=key,
            case_id=self._cases[key].case_id,
            area=self._cases[key].area,
            listed=listed,
            decisions=tuple(map(_leave_out_plan, self._decisions.get(key, ()))),
            views=tuple(describe_view(one, self._face) for one in views),
            rounds=tuple(describe_round(one, self._face) for one in rounds),
            dissents=tuple(sorted({o.agency for o in stands if o.row.stance == "dissent"})),
            no_view_of=tuple(name for name in AT_TABLE if name not in heard) if heard else (),
        )

    def _is_of_sitting(self, view: CaseView) -> bool:
        return view.row.sitting_key == self._sitting_key and not view.is_hidden
