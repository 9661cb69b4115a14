"""What is new on a case since people last looked at it together."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serving.decisions.outputs import CaseOut
from serving.pages.case.record_words import count_days_late
from serving.pages.case.timeline import Entry
from serving.pages.rendering import describe_day_of

MOST_KINDS: Final = 6
MOST_SHOWN: Final = 3
WEEK_DAYS: Final = 7
LATE_DAYS: Final = 28
"""A record that came to be known later than this is told as known late; a stated policy."""


@dataclass(frozen=True)
class News:
    """Records that came to be known since a moment.

    Parameters
    ----------
    since
        Since when, in words: a decision, a list, or a week ago.
    kinds
        Kinds of records with how many came, the most frequent first.
    n_further
        Kinds beyond those.
    n_records, n_late
        How many came, and how many of them happened more than ``LATE_DAYS`` days before.
    latest
        The newest of them.
    """

    since: str
    kinds: tuple[tuple[str, int], ...]
    n_further: int
    n_records: int
    n_late: int
    latest: tuple[Entry, ...]


def find_news(case: CaseOut, entries: Sequence[Entry], now: dt.datetime) -> News:
    """Return what came to be known since the latest decision, or else since the list before.

    Without either it is what came to be known within a week.

    Parameters
    ----------
    case
        Its decisions and its places on lists.
    entries
        Every record of the case.
    now
        The moment of the page, in the unit's zone.
    """
    first, words = _find_since(case, now)
    known = [(_read_moment(e.record.recorded_at, now), e) for e in entries]
    # What a decision itself writes down bears its moment, and is not news.
    known = [pair for pair in known if pair[0] > first]
    new = [entry for _, entry in sorted(known, key=lambda pair: pair[0], reverse=True)]
    counted = Counter(_name(e) for e in new).most_common()
    return News(
        since=words,
        kinds=tuple(counted[:MOST_KINDS]),
        n_further=max(len(counted) - MOST_KINDS, 0),
        n_records=len(new),
        n_late=sum(count_days_late(e.record) > LATE_DAYS for e in new),
        latest=tuple(new[:MOST_SHOWN]),
    )


def _find_since(case: CaseOut, now: dt.datetime) -> tuple[dt.datetime, str]:
    if case.decisions:
        at = case.decisions[0].decided_at
        return _read_moment(at, now), f"since the decision of {describe_day_of(at)}"
    if len(case.places) > 1:
        at = case.places[1].opened_at
        return _read_moment(at, now), f"since the list of {describe_day_of(at)}"
    return now - dt.timedelta(days=WEEK_DAYS), "in the last 7 days"


def _read_moment(text: str, now: dt.datetime) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)


def _name(entry: Entry) -> str:
    return "an answer to a question" if entry.record.table == "facts" else entry.record.label
