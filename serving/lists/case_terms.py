"""What somebody looks for among open cases, and the conditions that it makes.

Only what everybody may see of a case is looked at: a record that an agency keeps to itself, and a
record of health, is found by nobody, since an answer would tell that it is there.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StrictBool, StringConstraints, model_validator
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from features.catalogue.declarations import Catalogue
from features.contract.moments import parse_date
from serving.schemas import Strict
from serving.standing.states import OPEN
from serving.store.database import Unit
from serving.store.record_conditions import find_corrected, is_for_all
from serving.store.schema import (
    agency_views,
    case_keys,
    decisions,
    discharges,
    events,
    flag_raisings,
    standings,
)

_FEW: Final = 2_000
"""Cases up to which those that something happened in are written out."""
_Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$"),
]


class CaseTerms(Strict):
    """What is looked for; whatever is left out does not matter. All of it has to be met."""

    reference: Annotated[
        _Text | None, Field(description="How the case's number begins or ends, or all of it.")
    ] = None
    area: _Text | None = None
    source: Annotated[_Text | None, Field(description="Who referred it.")] = None
    family: Annotated[_Text | None, Field(description="Its main reason.")] = None
    state: Literal["awaiting", "returned", "managed"] | None = None
    flagged: StrictBool | None = None
    flag: Annotated[_Text | None, Field(description="A flag that is open.")] = None
    kind: Annotated[
        _Text | None, Field(description="A kind of event on record, or one of the kinds below it.")
    ] = None
    owner: _Text | None = None
    agency: Annotated[
        Literal["police", "health", "advocacy", "probation", "unit"] | None,
        Field(description="An agency that referred it, decided on it or gave a view."),
    ] = None
    ends: Annotated[
        _Text | None, Field(description="A state of which an end is on record, such as an order.")
    ] = None
    ends_from: Annotated[
        dt.date | None, Field(description="First day of that end; today where absent.")
    ] = None
    ends_until: Annotated[dt.date | None, Field(description="Its last day, inclusive.")] = None

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        days = (self.ends_from, self.ends_until)
        if any(days) and self.ends is None:
            raise ValueError("name what ends")
        if all(days) and self.ends_from > self.ends_until:  # type: ignore[operator]
            raise ValueError("the first day is after the last")
        return self

    def write(self) -> dict[str, str | bool]:
        """Return the terms that were given, as they are kept."""
        return self.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True)
class SearchKinds:
    """Kinds of events as a search needs them.

    Parameters
    ----------
    below
        For each kind itself and every kind below it.
    starts, ends
        Kinds that begin and that end each state.
    """

    below: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    starts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


NO_KINDS: Final = SearchKinds()
"""Without a catalogue a kind is found under its own name, and no state is known."""


def list_kinds(catalogue: Catalogue | None) -> SearchKinds:
    """Return the kinds of a catalogue; none where no model is in use."""
    if catalogue is None:
        return NO_KINDS
    below: dict[str, list[str]] = {}
    for name in catalogue.kinds:
        at: str | None = name
        while at is not None:
            below.setdefault(at, []).append(name)
            at = catalogue.kinds[at].parent
    edges: dict[str, dict[str, list[str]]] = {"starts": {}, "ends": {}}
    for edge, found in edges.items():
        for name, state in catalogue.state_edges[edge].items():
            found.setdefault(state, []).append(name)
    return SearchKinds(
        *({name: tuple(some) for name, some in one.items()} for one in (below, *edges.values()))
    )


@dataclass(frozen=True)
class SearchConditions:
    """What the terms that no column of an open case answers come to.

    Parameters
    ----------
    among
        The cases, open or not, of which alone it can be one; ``None`` where they are many.
    further
        Conditions on ``standings`` that are to be met beside that.
    """

    among: frozenset[str] | None = None
    further: tuple[ColumnElement[bool], ...] = ()


NO_SEARCH: Final = SearchConditions()
"""Nothing further is looked for."""


def make_conditions(
    connection: Connection, terms: CaseTerms, kinds: SearchKinds, unit: Unit, today: dt.date
) -> SearchConditions:
    """Return the conditions of the terms that no column of an open case answers: those that do are
    in :class:`serving.lists.open_cases.Filters`.

    Where few cases meet a term they are written out; of many, each case is asked for in the order
    that is wanted, so that a page is full after some. Neither passes over the whole of a large
    store for one page.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    terms, kinds
        What is looked for, and the kinds of the catalogue.
    unit
        In whose zone days begin.
    today
        The day in that zone.
    """
    among: frozenset[str] | None = None
    further = []
    for query, along in _list_queries(terms, kinds, unit, today):
        probe = query if along is None else query.where(along)
        few = connection.execute(probe.distinct().limit(_FEW + 1)).scalars().all()
        if len(few) <= _FEW:
            among = frozenset(few) if among is None else among.intersection(few)
            continue
        (key,) = query.selected_columns
        meets = query.where(key == standings.c.case_key).correlate(standings)
        further.append(exists(meets))
    return SearchConditions(among, tuple(further))


_Query = tuple[Select[Any], ColumnElement[bool] | None]
"""The keys of the cases that meet a term; and what sends the query along an index of events, where
it is not asked of one case at a time."""


def _list_queries(
    terms: CaseTerms, kinds: SearchKinds, unit: Unit, today: dt.date
) -> Iterator[_Query]:
    """Yield the query of each term."""
    if terms.reference is not None:
        yield select(case_keys.c.case_key).where(matches_number(terms.reference)), None
    if terms.owner is not None:
        place = standings.alias("owned")
        owned = place.c.state.in_(OPEN) & (place.c.owner == terms.owner)
        yield select(place.c.case_key).where(owned), None
    if terms.flag is not None:
        yield _select_flagged(terms.flag), None
    if terms.agency is not None:
        yield _select_of_agency(terms.agency), None
    if terms.kind is not None:
        yield _select_with_kind(kinds.below.get(terms.kind, (terms.kind,)))
    if terms.ends is not None:
        yield _select_ending(terms, kinds, unit, today)


def _goes_along(event: FromClause) -> ColumnElement[bool]:
    """Return the condition, which every row meets, without which no query of events goes along the
    index of kinds: of one case's events the case's own rows are far fewer.
    """
    along: ColumnElement[bool] = event.c.stored_seq > literal_column("0")
    return along


def matches_number(reference: str) -> ColumnElement[bool]:
    """Return the condition that a case's number is, begins or ends with what was typed, in capital
    or small letters: people remember the end of a number.
    """
    told, typed = func.lower(case_keys.c.case_id), reference.strip().lower()
    return or_(told.startswith(typed, autoescape=True), told.endswith(typed, autoescape=True))


def _select_flagged(flag: str) -> Select[Any]:
    dealt_with = exists().where(discharges.c.raising_key == flag_raisings.c.raising_key)
    return select(flag_raisings.c.case_key).where(flag_raisings.c.flag == flag, ~dealt_with)


def _select_of_agency(agency: str) -> Select[Any]:
    place = standings.alias("referred")
    referred = select(place.c.case_key).where(place.c.referral_source == agency)
    acted = (
        select(table.c.case_key).where(table.c.agency == agency)
        for table in (decisions, agency_views)
    )
    found = union_all(referred, *acted).subquery("of_agency")
    return select(found.c.case_key)


def _is_shown(event: FromClause) -> ColumnElement[bool]:
    """Return the condition that everybody may see an event, and nothing corrects it."""
    corrected = exists(
        select(events.c.event_id)
        .where(
            events.c.case_key == event.c.case_key,
            events.c.supersedes == event.c.event_id,
            find_corrected(events).is_not(None),
        )
        .correlate(event)
    )
    return is_for_all(event) & ~corrected


def _select_with_kind(kinds: tuple[str, ...]) -> _Query:
    event = events.alias("happened")
    query = select(event.c.case_key).where(event.c.kind.in_(kinds), _is_shown(event))
    return query, _goes_along(event)


def _select_ending(terms: CaseTerms, kinds: SearchKinds, unit: Unit, today: dt.date) -> _Query:
    """Return the cases in which something that began ends within the days: an end is that of the
    last beginning of the same detail before it, if no other end comes between.
    """
    state = str(terms.ends)
    end, start, other = (events.alias(name) for name in ("ended", "began", "ended_before"))

    def is_of(event: FromClause, some: tuple[str, ...]) -> ColumnElement[bool]:
        same = func.coalesce(event.c.detail, "") == func.coalesce(end.c.detail, "")
        return (event.c.case_key == end.c.case_key) & event.c.kind.in_(some) & same

    starts, ends = kinds.starts.get(state, ()), kinds.ends.get(state, ())
    between = exists(
        select(other.c.event_id)
        .where(
            is_of(other, ends),
            other.c.occurred_at > start.c.occurred_at,
            other.c.occurred_at < end.c.occurred_at,
            _is_shown(other),
        )
        .correlate(start, end)
    )
    began = exists(
        select(start.c.event_id)
        .where(
            is_of(start, starts),
            start.c.occurred_at < end.c.occurred_at,
            _is_shown(start),
            ~between,
        )
        .correlate(end)
    )
    query = select(end.c.case_key).where(
        end.c.kind.in_(ends), end.c.occurred_at >= _find_start(terms.ends_from or today, unit)
    )
    if terms.ends_until is not None:
        after = _find_start(terms.ends_until + dt.timedelta(days=1), unit)
        query = query.where(end.c.occurred_at < after)
    return query.where(_is_shown(end), began), _goes_along(end)


def _find_start(day: dt.date, unit: Unit) -> int:
    """Return the first moment of a day in the unit's zone, microseconds UTC."""
    return parse_date(day.isoformat(), unit.time_zone)
