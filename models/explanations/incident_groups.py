"""The incidents of a case, as a person would count them.

One unit is an incident with every version of its records, a state's start with its end, or all
single records of one kind on one day: thirty messages in a night are one incident to a reader.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalogue.declarations import Catalogue
from features.contract.arrays import MISSING, Int32, Int64
from features.contract.moments import to_datetime
from features.evidence.records_behind import CaseMoment, state_intervals
from features.history.in_force import next_versions
from models.wording.sentences import say

_DAY_LENGTH: Final = len("2026-11-02")


@dataclass(frozen=True)
class IncidentGroup:
    """One incident, one stay in a state, or one day's records of a kind.

    Parameters
    ----------
    sentence
        What and when, in words.
    records
        Keys of its records, in time order: those in force and the earlier versions of them.
    first_us, last_us
        When the first and the last of its records in force occurred, microseconds UTC.
    """

    sentence: str
    records: tuple[str, ...]
    first_us: int
    last_us: int


@dataclass(frozen=True)
class CaseUnits:
    """The units of one case at one moment, in time order.

    Parameters
    ----------
    units
        The units.
    rows
        For each, the places of its records in force among the case's events.
    """

    units: tuple[IncidentGroup, ...]
    rows: tuple[Int64, ...]


def find_units(moment: CaseMoment) -> CaseUnits:
    """Return the units of one case as known at one moment.

    Parameters
    ----------
    moment
        The case and the moment.

    Returns
    -------
    CaseUnits
        Every event that counts at the moment is in exactly one unit.
    """
    usable = np.flatnonzero(moment.usable())
    groups = _Groups(len(moment.usable()))
    incident = moment.history.events.incident[moment.rows]
    groups.join_equal(usable, incident[usable].tolist(), MISSING)
    for state in moment.catalogue.states:
        for interval in state_intervals(moment, state):
            if interval.last is not None:
                groups.join(interval.first, interval.last)
    _join_days(moment, usable, groups)
    events = moment.history.events
    latest = _follow(next_versions(events, moment.rows, moment.as_of_us))
    found = sorted(groups.list(usable), key=lambda places: places[0])
    units = tuple(_describe(moment, places, latest) for places in found)
    return CaseUnits(units, tuple(np.array(places, dtype=np.int64) for places in found))


class _Groups:
    """Places joined into groups (Galler and Fischer 1964)."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.top(one), self.top(other)))
        self._above[high] = low

    def join_equal(self, places: Int64, keys: list[object], alone: object) -> None:
        first: dict[object, int] = {}
        for place, key in zip(places.tolist(), keys, strict=True):
            if key != alone:
                self.join(first.setdefault(key, place), place)

    def top(self, place: int) -> int:
        while self._above[place] != place:
            place = self._above[place]
        return place

    def list(self, places: Int64) -> Iterable[list[int]]:
        members: dict[int, list[int]] = defaultdict(list)
        for place in places.tolist():
            members[self.top(place)].append(place)
        return members.values()


def _join_days(moment: CaseMoment, usable: Int64, groups: _Groups) -> None:
    """Join single records of one kind, from one case, by one actor, on one day."""
    events, rows = moment.history.events, moment.rows
    members = {places[0]: places for places in groups.list(usable)}
    single = np.array([p for p, places in members.items() if len(places) == 1], dtype=np.int64)
    columns = [column.codes[rows][single] for column in (events.kind, events.via, events.actor)]
    days = [_day(moment, int(at)) for at in events.occurred_at[rows][single]]
    groups.join_equal(single, list(zip(*(c.tolist() for c in columns), days, strict=True)), None)


def _day(moment: CaseMoment, us: int) -> str:
    return to_datetime(us, moment.history.time_zone).isoformat()[:_DAY_LENGTH]


def _follow(following: Int32) -> Int32:
    """Return the place of the latest version of each record, from that of its next version."""
    latest = np.arange(len(following), dtype=np.int32)
    # Comes to an end, since records that correct each other in a circle are rejects (ADR 1).
    while (is_old := following[latest] != MISSING).any():
        latest = np.where(is_old, following[latest], latest)
    return latest


def _describe(moment: CaseMoment, places: list[int], latest: Int32) -> IncidentGroup:
    events, rows = moment.history.events, moment.rows
    members = np.flatnonzero(np.isin(latest, places)).tolist()
    keys = events.event_id[rows]
    occurred = events.occurred_at[rows][places]
    return IncidentGroup(
        sentence=_name(moment, places),
        records=tuple(str(keys[place]) for place in members),
        first_us=int(occurred[0]),
        last_us=int(occurred[-1]),
    )


def _name(moment: CaseMoment, places: list[int]) -> str:
    events, rows = moment.history.events, moment.rows
    kinds = [events.kind.values[code] for code in events.kind.codes[rows][places]]
    labels = list(dict.fromkeys(name_kind(moment.catalogue, kind) for kind in kinds))
    label = ", ".join(labels)
    at = events.occurred_at[rows][places]
    first, last = (name_day(int(us), moment.history.time_zone) for us in (at[0], at[-1]))
    incident = events.incident[rows][places]
    if first != last:
        said = say("incident_span", label=label, first=first, last=last)
    elif len(places) > 1 and (incident == MISSING).all() and len(labels) == 1:
        said = say("incident_group", label=label, count=len(places), day=first)
    else:
        said = say("incident", label=label, day=first)
    linked = events.via.codes[rows][places[0]] != MISSING
    return say("incident_linked", told=said) if linked else said


def name_kind(catalogue: Catalogue, kind: str) -> str:
    """Return the words for a kind of event."""
    known = catalogue.kinds.get(kind)
    return known.label if known else kind.replace("_", " ")


def name_day(us: int, time_zone: str) -> str:
    """Return the day of a moment (microseconds UTC) in a zone: 2 November 2026."""
    day = to_datetime(us, time_zone)
    return f"{day.day} {day:%B %Y}"
