"""What is on record of each theme: acts by kind with their dates, and answers.

Only what every reader of the case may see is read: records that indicators may be made from, of the
case itself. Health records, those that an agency keeps to itself and those of linked cases make no
part of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from features.catalogue.themes import SUBJECT_AND_PROXY, ThemeMap
from features.contract.arrays import MISSING
from features.evidence.records_behind import CaseMoment
from features.history.columns import Coded

VICTIM: Final = "victim"
UNVERIFIED: Final = "unverified"


@dataclass(frozen=True)
class KindOnRecord:
    """Incidents of one kind on record.

    Parameters
    ----------
    kind
        The kind, as recorded.
    n
        Distinct incidents; of acts those by the subject or a proxy.
    n_recent
        How many of them lie in the window that a sentence speaks of.
    last_us
        When the latest of ``n`` occurred, microseconds UTC.
    n_unverified, n_recent_unverified
        How many of ``n``, and of ``n_recent``, rest on records marked as unverified alone.
    n_unknown, last_unknown_us, n_unknown_unverified
        Incidents by a person not identified, beside ``n``: how many, when the latest occurred, and
        how many of them rest on unverified records alone.
    is_act
        Whether it is somebody's act; otherwise it is an event or a decision.
    gravity
        Place among the serious kinds, 0 the gravest; ``None`` where no record of it is serious.
    records
        Keys of the records, in time order.
    """

    kind: str
    n: int
    n_recent: int
    last_us: int
    n_unverified: int
    n_recent_unverified: int
    n_unknown: int
    last_unknown_us: int
    n_unknown_unverified: int
    is_act: bool
    gravity: int | None
    records: tuple[str, ...]

    @property
    def latest_us(self) -> int:
        """When the latest occurred, whoever did it; microseconds UTC."""
        return max(self.last_us, self.last_unknown_us)


@dataclass(frozen=True)
class AgainstVictim:
    """Acts that a record lays to the victim: told apart, with who alleged them.

    ``alleged_by`` are the reporters that records name, else their agencies.
    """

    kind: str
    n: int
    last_us: int
    alleged_by: tuple[str, ...]
    records: tuple[str, ...]


@dataclass(frozen=True)
class ThemeOnRecord:
    """What is on record of one theme, the gravest and latest first."""

    kinds: tuple[KindOnRecord, ...] = ()
    against_victim: tuple[AgainstVictim, ...] = ()

    @property
    def serious(self) -> tuple[KindOnRecord, ...]:
        """The kinds of which a record is serious."""
        return tuple(one for one in self.kinds if one.gravity is not None)


NOTHING: Final = ThemeOnRecord()
_NEVER_US: Final = np.iinfo(np.int64).min


@dataclass
class _Tally:
    """Incidents of one kind while records are read: by incident, what is said of it."""

    at: dict[object, int] = field(default_factory=dict)
    verified: set[object] = field(default_factory=set)
    unknown: dict[object, int] = field(default_factory=dict)
    severity: float = 0.0
    records: list[str] = field(default_factory=list)
    alleged_by: dict[str, None] = field(default_factory=dict)


def find_on_record(
    moment: CaseMoment, themes: ThemeMap, severe_from: float | None, recent_from_us: int
) -> Mapping[int, ThemeOnRecord]:
    """Return what is on record of each theme of one case.

    Parameters
    ----------
    moment
        The case as known at a moment.
    themes
        What each kind tells.
    severe_from
        Severity from which (inclusive) a record is serious whatever its kind.
    recent_from_us
        Start of the window that ``n_recent`` counts in, microseconds UTC, inclusive.

    Returns
    -------
    mapping
        By the theme's position; themes without a record are not there.
    """
    tallies, against = _read(moment, themes)
    tallies = _leave_past(moment, tallies)
    found: dict[int, ThemeOnRecord] = {}
    for theme in range(len(themes.themes)):
        kinds = [
            _count(kind, tally, themes, severe_from, recent_from_us)
            for kind, tally in tallies.items()
            if themes.of_kind[kind] == theme
        ]
        laid = [
            AgainstVictim(
                kind,
                len(tally.at),
                max(tally.at.values()),
                tuple(tally.alleged_by),
                tuple(tally.records),
            )
            for kind, tally in against.items()
            if themes.of_kind[kind] == theme
        ]
        if kinds or laid:
            found[theme] = ThemeOnRecord(tuple(sorted(kinds, key=_place)), tuple(laid))
    return found


def _leave_past(moment: CaseMoment, tallies: Mapping[str, _Tally]) -> dict[str, _Tally]:
    """Return the tallies without what an event since has made past: notice of what has come."""
    kept = {}
    for kind, tally in tallies.items():
        known = moment.catalogue.kinds.get(kind)
        closing = tallies.get(known.told_until) if known and known.told_until else None
        closed_us = max(closing.at.values(), default=_NEVER_US) if closing else _NEVER_US
        at = {one: at_us for one, at_us in tally.at.items() if at_us > closed_us}
        if len(at) == len(tally.at):
            kept[kind] = tally
        elif at:
            kept[kind] = replace(tally, at=at)
    return kept


def count_acts_since(moment: CaseMoment, themes: ThemeMap, since_us: int) -> int:
    """Return how many incidents by the subject or a proxy occurred since a moment.

    Parameters
    ----------
    moment
        The case as known at a moment.
    themes
        Which kinds are acts.
    since_us
        Microseconds UTC, inclusive.

    Returns
    -------
    int
        Distinct incidents of the case itself, of records that every reader of it may see.
    """
    tallies, _ = _read(moment, themes)
    return len(
        {
            incident
            for kind, tally in tallies.items()
            if kind in themes.acts
            for incident, at_us in tally.at.items()
            if at_us >= since_us
        }
    )


def _place(one: KindOnRecord) -> tuple[bool, int, int]:
    """Serious kinds first, the gravest first; then by the latest."""
    is_mild = one.gravity is None
    return (is_mild, 0 if one.gravity is None else one.gravity, -one.latest_us)


def _read(moment: CaseMoment, themes: ThemeMap) -> tuple[dict[str, _Tally], dict[str, _Tally]]:
    events, rows = moment.history.events, moment.rows
    first = rows.start
    usable = moment.usable() & (events.via.codes[rows] == MISSING)
    keys = events.event_id[rows]
    tallies: dict[str, _Tally] = {}
    against: dict[str, _Tally] = {}
    for place in np.flatnonzero(usable).tolist():
        row = first + place
        kind = _word(events.kind, row)
        if kind not in themes.of_kind:
            continue
        actor = _word(events.actor, row)
        is_act = kind in themes.acts
        is_laid = is_act and actor == VICTIM
        tally = (against if is_laid else tallies).setdefault(kind, _Tally())
        incident: object = int(events.incident[row])
        incident = ("alone", place) if incident == MISSING else incident
        at_us = int(events.occurred_at[row])
        tally.records.append(str(keys[place]))
        if is_laid:
            tally.at[incident] = max(at_us, tally.at.get(incident, at_us))
            by = _word(events.reporter_role, row) or _word(events.source, row)
            tally.alleged_by |= {by: None} if by else {}
            continue
        counted = tally.at if not is_act or actor in SUBJECT_AND_PROXY else tally.unknown
        counted[incident] = max(at_us, counted.get(incident, at_us))
        if _word(events.assurance, row) != UNVERIFIED:
            tally.verified.add(incident)
        value = float(events.value[row])
        # An unknown severity compares false.
        tally.severity = value if value > tally.severity else tally.severity
    return tallies, against


def _word(column: Coded, row: int) -> str:
    code = int(column.codes[row])
    return "" if code == MISSING else column.values[code]


def _count(
    kind: str, tally: _Tally, themes: ThemeMap, severe_from: float | None, recent_from_us: int
) -> KindOnRecord:
    # An incident that one record lays to the subject and another to nobody is the subject's.
    unknown = {one: at for one, at in tally.unknown.items() if one not in tally.at}
    is_severe = severe_from is not None and tally.severity >= severe_from
    gravity = themes.gravity.get(kind, len(themes.gravity) if is_severe else None)
    recent = {one for one, at in tally.at.items() if at >= recent_from_us}
    return KindOnRecord(
        kind=kind,
        n=len(tally.at),
        n_recent=len(recent),
        last_us=max(tally.at.values(), default=_NEVER_US),
        n_unverified=len(tally.at.keys() - tally.verified),
        n_recent_unverified=len(recent - tally.verified),
        n_unknown=len(unknown),
        last_unknown_us=max(unknown.values(), default=_NEVER_US),
        n_unknown_unverified=len(unknown.keys() - tally.verified),
        is_act=kind in themes.acts,
        gravity=gravity,
        records=tuple(tally.records),
    )
