"""What stands in the rows of lists, in words: what is new, what a record is, how late something is.

Kinds of records are called what the catalogue calls them; without a catalogue by their own names.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from features.catalogue.declarations import DAY_US, Catalogue
from features.contract.moments import to_datetime
from models.wording.sentences import describe_briefly
from serving.flags.named_records import Name, NamedRecord
from serving.lists.latest_incidents import LatestIncident, Telling
from serving.lists.new_records import NewKind, News
from serving.lists.outputs import ListedOut
from serving.lists.recent_incidents import LastingState
from serving.pages.rendering import describe_day
from serving.pages.state_words import describe_lasting

MOST_KINDS: Final = 4
"""Kinds of new records that a row names; the rest is counted."""
RULES: Final = {
    "flagged": "a flag stands",
    "priority": "its priority",
    "waited": "it waited longest",
    "random": "drawn at random",
    None: "told once every blind case of the list was viewed",
}
"""Why a case is on the list, in words."""
OLD_DAYS: Final = 2
"""A flag raised more than so many days after what its record tells of says how old that is."""
_SPEAKERS: Final = {"recorded": "record", "account": "victim", "classification": "officer"}
_POLICE: Final = "police"
_MINUTE_US: Final = 60_000_000
_HOUR_US: Final = 60 * _MINUTE_US


class ListWords:
    """Puts what rows hold into the words of a unit.

    Parameters
    ----------
    catalogue
        What kinds of records and questions are called; ``None`` where no model is in use.
    time_zone
        The unit's zone, in which days are told.
    """

    def __init__(self, catalogue: Catalogue | None, time_zone: str) -> None:
        self._catalogue = catalogue
        self._zone = time_zone

    def describe_news(self, news: News | None, *, dated: bool = False) -> str:
        """Return what is new of a case; empty where nothing is.

        Parameters
        ----------
        news
            What was found.
        dated
            Whether to say of each kind when the latest happened.
        """
        if news is None or (not news.kinds and not news.whole_file):
            return ""
        if news.whole_file:
            return f"the whole file, {_count(news.n_records, 'record')}"
        events = [one for one in news.kinds if one.table == "events"]
        told = [self._describe_kind(one, dated=dated) for one in events[:MOST_KINDS]]
        told += _describe_answers(news.kinds, sum(one.n for one in events[MOST_KINDS:]))
        return ", ".join(told)

    def describe_records(
        self, case_key: str, record_ids: Iterable[str], named: Mapping[Name, NamedRecord]
    ) -> list[str]:
        """Return records as day and kind; those that are not told to everybody are left out."""
        found = [named[name] for key in record_ids if (name := (case_key, key)) in named]
        return [self.describe_record(one) for one in found]

    def describe_record(self, record: NamedRecord, *, raised_at_us: int | None = None) -> str:
        """Return when a record happened and what it is.

        Parameters
        ----------
        record
            The record.
        raised_at_us
            When it raised a flag, microseconds UTC; how long after it happened is told where that
            is more than ``OLD_DAYS``.
        """
        day = describe_day(record.at_us, self._zone)
        n_days = 0 if raised_at_us is None else self._count_days(record.at_us, raised_at_us)
        if n_days > OLD_DAYS:
            day += f" ({n_days:,} days before it was raised)"
        if record.table == "facts":
            return f"{day}, the answer to: {self._ask(record.kind)}"
        return f"{day}, {self._label(record.kind)}"

    def describe_kind(self, record: NamedRecord) -> str:
        """Return what a record is, without when: its kind, or the question that it answers."""
        if record.table == "facts":
            return f"the answer to: {self._ask(record.kind)}"
        return self._label(record.kind)

    def describe_incident(self, incident: LatestIncident) -> str:
        """Return when an incident happened and what each view calls it, none called true."""
        heard: dict[str, list[str]] = {}
        for view in _SPEAKERS:
            for one in incident.tellings:
                if one.view == view:
                    heard.setdefault(_name_speaker(one), []).append(self._call(one, incident))
        called: dict[str, list[str]] = {}
        for speaker, said in heard.items():
            called.setdefault(_join(list(dict.fromkeys(said))), []).append(speaker)
        words = ", ".join(f"{said} ({', '.join(by)})" for said, by in called.items())
        marked = "" if incident.is_disclosable else "; not for disclosure"
        return f"{describe_day(incident.at_us, self._zone)}: {words}{marked}"

    def describe_day(self, us: int) -> str:
        """Return the day of a moment (microseconds UTC) in the unit's zone."""
        return describe_day(us, self._zone)

    def describe_state(self, state: LastingState) -> str:
        """Return what lasts and since when."""
        since = describe_day(state.since_us, self._zone)
        return describe_lasting(state.state, state.detail, since)

    def _call(self, one: Telling, incident: LatestIncident) -> str:
        """Return what a record calls an incident: of a classification its class.

        The kind stands beside the class where nobody else calls the incident so.
        """
        if one.view != "classification" or one.detail is None:
            return self._label(one.kind)
        others = {other.kind for other in incident.tellings if other.view != one.view}
        if one.kind in others:
            return _plain(one.detail)
        return f"{self._label(one.kind)} called {_plain(one.detail)}"

    def _count_days(self, from_us: int, to_us: int) -> int:
        first, last = (to_datetime(us, self._zone).date() for us in (from_us, to_us))
        return (last - first).days

    def _describe_kind(self, one: NewKind, *, dated: bool) -> str:
        number = f"{one.n:,}" if one.n > 1 else ""
        if not dated:
            return self._name(one.kind) + (f" ({number})" if number else "")
        day = describe_day(one.latest_us, self._zone)
        return f"{self._name(one.kind)} ({f'{number}, the latest ' if number else ''}{day})"

    def _name(self, kind: str) -> str:
        """Return what a kind is called, without the article that a number would not go with."""
        label = self._label(kind)
        return label.removeprefix("a ").removeprefix("an ")

    def _label(self, kind: str) -> str:
        known = self._catalogue.kinds.get(kind) if self._catalogue else None
        return known.label if known else _plain(kind)

    def _ask(self, name: str) -> str:
        known = self._catalogue.facts.get(name) if self._catalogue else None
        return known.question if known else _plain(name)


def _name_speaker(one: Telling) -> str:
    """Return who speaks; of a classification its agency, where that was not the police."""
    if one.view == "classification" and one.source not in (None, _POLICE):
        return _plain(str(one.source))
    return _SPEAKERS[one.view]


def _join(said: Sequence[str]) -> str:
    """Return words as a list of people's: one, two and three."""
    return " and ".join(part for part in (", ".join(said[:-1]), said[-1]) if part)


def _plain(code: str) -> str:
    return code.replace("_", " ")


def _describe_answers(kinds: Collection[NewKind], n_further: int) -> list[str]:
    n_answers = sum(one.n for one in kinds if one.table == "facts")
    told = [_count(n_further, "further record")] if n_further else []
    return told + ([_count(n_answers, "answer")] if n_answers else [])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"


def format_row(row: ListedOut, outcome: str | None = None) -> str:
    """Return an estimate of a list's row in short, with what is estimated and within what time.

    Parameters
    ----------
    row
        As ``listed.read_rows`` gives it.
    outcome
        Which one; the leading one where ``None``.

    Returns
    -------
    str
        Empty where the row has no such estimate.
    """
    wanted = outcome or row.leading_outcome
    for one in row.estimates:
        if one.outcome == wanted:
            return f"{one.label} within {one.horizon}: {describe_briefly(one)}"
    return ""


def describe_span(us: int) -> str:
    """Return a length of time in its largest whole unit: 25 minutes, 3 hours, 2 days."""
    for size_us, noun in ((DAY_US, "day"), (_HOUR_US, "hour")):
        if us >= size_us:
            return _count(us // size_us, noun)
    return _count(max(us, 0) // _MINUTE_US, "minute")
