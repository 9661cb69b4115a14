"""What stands in the rows of lists, in words: what is new, what a record is, how late something is.

Kinds of records are called what the catalogue calls them; without a catalogue by their own names.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from features.catalogue import DAY_US, Catalogue
from models.wording import describe_briefly
from serving.lists.named_records import Name, NamedRecord
from serving.lists.new_records import NewKind, News
from serving.pages.rendering import describe_day
from serving.schemas import EstimateOut

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

    def tell_news(self, news: News | None, *, dated: bool = False) -> str:
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
        told = [self._tell_kind(one, dated=dated) for one in events[:MOST_KINDS]]
        told += _tell_answers(news.kinds, sum(one.n for one in events[MOST_KINDS:]))
        return ", ".join(told)

    def tell_records(
        self, case_key: str, record_ids: Iterable[str], named: Mapping[Name, NamedRecord]
    ) -> list[str]:
        """Return records as day and kind; those that are not told to everybody are left out."""
        found = [named[name] for key in record_ids if (name := (case_key, key)) in named]
        return [self.tell_record(one) for one in found]

    def tell_record(self, record: NamedRecord) -> str:
        """Return when a record happened and what it is."""
        day = describe_day(record.at_us, self._zone)
        if record.table == "facts":
            return f"{day}, the answer to: {self._ask(record.kind)}"
        return f"{day}, {self._label(record.kind)}"

    def _tell_kind(self, one: NewKind, *, dated: bool) -> str:
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
        return known.label if known else kind.replace("_", " ")

    def _ask(self, name: str) -> str:
        known = self._catalogue.facts.get(name) if self._catalogue else None
        return known.question if known else name.replace("_", " ")


def _tell_answers(kinds: Collection[NewKind], n_further: int) -> list[str]:
    n_answers = sum(one.n for one in kinds if one.table == "facts")
    told = [_count(n_further, "further record")] if n_further else []
    return told + ([_count(n_answers, "answer")] if n_answers else [])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"


def tell_briefly(row: Mapping[str, Any], outcome: str | None = None) -> str:
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
    wanted = outcome or row["leading_outcome"]
    for one in row["estimates"]:
        if one["outcome"] == wanted:
            found = EstimateOut.model_validate(one)
            return f"{found.label} within {found.horizon}: {describe_briefly(found)}"
    return ""


def describe_span(us: int) -> str:
    """Return a length of time in its largest whole unit: 25 minutes, 3 hours, 2 days."""
    for size_us, noun in ((DAY_US, "day"), (_HOUR_US, "hour")):
        if us >= size_us:
            return _count(us // size_us, noun)
    return _count(max(us, 0) // _MINUTE_US, "minute")
