"""A case's records by incident, as the page tells them: newest first, month by month, in parts.

An incident is told in up to three lines, one a view: what the record says, what the victim says,
what the officer called it. A large file is shown in parts; every record has one place, so that a
reason leads to its records whichever part they are in.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from serving.pages.case.record_words import VIEW_WORDS, describe_speaker, describe_time
from serving.schemas import RecordOut
from serving.standing.serious_records import SeriousRules

PART_SIZE: Final = 100
"""Records in one part of the timeline; an incident is not divided, so a part may hold a few more.
With it a page stays well under 200 kB."""


@dataclass(frozen=True)
class TimelineEntry:
    """A record with its place among all records of the case, the latest being 0."""

    number: int
    record: RecordOut


@dataclass(frozen=True)
class TimelineLine:
    """What one view says of an incident."""

    words: str
    entries: tuple[TimelineEntry, ...]


@dataclass(frozen=True)
class TimelineIncident:
    """Records of one incident: when it happened, and a line for each view."""

    time: str
    lines: tuple[TimelineLine, ...]

    @property
    def is_behind(self) -> bool:
        """Whether a reason rests on it."""
        return any(entry.record.behind for line in self.lines for entry in line.entries)


@dataclass(frozen=True)
class Month:
    """A month's incidents, the latest first."""

    title: str
    incidents: tuple[TimelineIncident, ...]


@dataclass(frozen=True)
class Timeline:
    """One part of what is shown of a case's events.

    Parameters
    ----------
    months
        The part's incidents.
    part, n_parts
        Which part it is, from 1, and of how many.
    n_incidents, n_records
        How many incidents and records all parts hold.
    behind
        The indicator to whose records it is narrowed; ``None`` for all.
    here
        Numbers of the records on this part.
    part_of
        For each event's number the part of the whole timeline in which it stands.
    voice, gravity
        The one voice that is shown, and ``serious`` where serious incidents alone are; empty for
        all.
    """

    months: tuple[Month, ...]
    part: int
    n_parts: int
    n_incidents: int
    n_records: int
    behind: str | None
    here: frozenset[int]
    part_of: Mapping[int, int]
    voice: str = ""
    gravity: str = ""

    @property
    def is_narrowed(self) -> bool:
        """Whether something of the case is left out."""
        return bool(self.behind or self.voice or self.gravity)

    @property
    def kept_query(self) -> str:
        """What keeps the narrowing in the address of another part."""
        told = {"behind": self.behind, "voice": self.voice, "gravity": self.gravity}
        return urlencode({name: value for name, value in told.items() if value})

    def find_address(self, number: int, key: str) -> str:
        """Return the address of a record's place: on this page, or on another part of it."""
        place, part = f"#record-{number}", self.part_of.get(number)
        if part is None or number in self.here:
            return place
        return f"/cases/{key}?part={part}{place}"


@dataclass(frozen=True)
class TimelineChoice:
    """Which events of a case are wanted.

    Parameters
    ----------
    voice
        One of ``VIEW_WORDS``: records that speak with it; empty for every voice.
    gravity
        ``serious``: whole incidents of which one record is; empty for all.
    rules
        What is serious.
    """

    voice: str = ""
    gravity: str = ""
    rules: SeriousRules = field(default_factory=SeriousRules)

    def keep(self, entries: Sequence[TimelineEntry]) -> list[TimelineEntry]:
        """Return the entries that are wanted, in their order."""
        kept = list(entries)
        if self.gravity:
            grave = {one.record.incident_id for one in entries if self._is_serious(one.record)}
            kept = [one for one in kept if one.record.incident_id in grave]
        if self.voice:
            kept = [one for one in kept if (one.record.view or "recorded") == self.voice]
        return kept

    def _is_serious(self, record: RecordOut) -> bool:
        if record.table != "events":
            return False
        severity = record.value if isinstance(record.value, float) else 0.0
        return record.kind in self.rules.kinds or severity >= self.rules.severity


def number_records(records: Sequence[RecordOut]) -> tuple[TimelineEntry, ...]:
    """Return all records of a case, the latest first, each with its number."""
    return tuple(TimelineEntry(number, record) for number, record in enumerate(records))


def group_incidents(entries: Sequence[TimelineEntry]) -> tuple[tuple[TimelineEntry, ...], ...]:
    """Return the events by incident, each where its latest record stands."""
    found: dict[str, list[TimelineEntry]] = {}
    for entry in entries:
        if entry.record.table == "events":
            found.setdefault(str(entry.record.incident_id), []).append(entry)
    return tuple(map(tuple, found.values()))


def lay_out(
    entries: Sequence[TimelineEntry],
    *,
    part: int = 1,
    behind: str | None = None,
    records: frozenset[str] = frozenset(),
    choice: TimelineChoice | None = None,
) -> Timeline:
    """Lay out a part of a case's events.

    Parameters
    ----------
    entries
        Every record of the case.
    part
        Which part, from 1; the last where there are fewer.
    behind
        Show the records alone on which this indicator's reason rests; all where absent.
    records
        Show these as well where it is narrowed: those of a theme.
    choice
        Which voice and which incidents are shown; all where absent.
    """
    choice = choice or TimelineChoice()
    whole = list(_divide(group_incidents(entries)))
    shown = [
        one
        for one in choice.keep(entries)
        if behind is None or behind in one.record.behind or one.record.record_id in records
    ]
    incidents = group_incidents(shown)
    is_narrowed = behind is not None or choice.voice or choice.gravity
    parts = list(_divide(incidents)) if is_narrowed else whole
    chosen = min(max(part, 1), max(len(parts), 1))
    held = parts[chosen - 1] if parts else []
    return Timeline(
        months=tuple(_describe_months(held)),
        part=chosen,
        n_parts=len(parts),
        n_incidents=len(incidents),
        n_records=sum(map(len, incidents)),
        behind=behind,
        here=frozenset(entry.number for incident in held for entry in incident),
        part_of={e.number: n for n, one in enumerate(whole, 1) for i in one for e in i},
        voice=choice.voice,
        gravity=choice.gravity,
    )


def _divide(
    incidents: Sequence[tuple[TimelineEntry, ...]],
) -> Iterator[list[tuple[TimelineEntry, ...]]]:
    """Yield incidents in parts of ``PART_SIZE`` records, none divided."""
    part: list[tuple[TimelineEntry, ...]] = []
    n_records = 0
    for incident in incidents:
        part.append(incident)
        n_records += len(incident)
        if n_records >= PART_SIZE:
            yield part
            part, n_records = [], 0
    if part:
        yield part


def _describe_months(incidents: Sequence[tuple[TimelineEntry, ...]]) -> Iterator[Month]:
    months: dict[str, list[TimelineIncident]] = {}
    for incident in incidents:
        at = dt.datetime.fromisoformat(str(incident[0].record.occurred_at))
        months.setdefault(f"{at:%B %Y}", []).append(_describe_incident(incident))
    for title, found in months.items():
        yield Month(title, tuple(found))


def _describe_incident(incident: Sequence[TimelineEntry]) -> TimelineIncident:
    lines: dict[str, list[TimelineEntry]] = {}
    for view in VIEW_WORDS:
        for one in incident:
            if (one.record.view or "recorded") == view:
                lines.setdefault(describe_speaker(one.record), []).append(one)
    told = tuple(TimelineLine(words, tuple(said)) for words, said in lines.items())
    return TimelineIncident(describe_time(incident[0].record), told)
