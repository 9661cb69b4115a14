"""What is new on a case, as its page tells it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serving.decisions.case_news import CaseNews
from serving.decisions.case_records import NOT_ASKED
from serving.pages.case.record_words import count_days_late
from serving.pages.case.timeline import TimelineEntry
from serving.pages.rendering import describe_day

MOST_KINDS: Final = 6
MOST_SHOWN: Final = 3
LATE_DAYS: Final = 28
"""A record that came to be known later than this is told as known late; a stated policy."""


@dataclass(frozen=True)
class CaseNewsText:
    """Records that are new.

    Parameters
    ----------
    since
        Since when, in words: a decision, a list, or a week ago.
    kinds
        Kinds with how many incidents came, the most frequent first; views of one are one.
    n_further
        Kinds beyond those.
    n_records, n_late
        How many records came, and how many tell of what happened more than ``LATE_DAYS`` days
        before.
    latest
        The incidents that happened last, each by one of its records.
    whole_file, n_file
        Whether the whole case is new, and how many records came with it.
    """

    since: str
    kinds: tuple[tuple[str, int], ...]
    n_further: int
    n_records: int
    n_late: int
    latest: tuple[TimelineEntry, ...]
    whole_file: bool
    n_file: int


def describe_news(
    found: CaseNews, entries: Sequence[TimelineEntry], time_zone: str
) -> CaseNewsText:
    """Return what is new among the records that the page shows.

    Parameters
    ----------
    found
        Keys of what is new, and since when.
    entries
        Every record of the case that is shown.
    time_zone
        Zone of the unit, in which days are told.
    """
    new = [one for one in entries if one.record.record_id in found.keys and _is_told(one)]
    incidents = {one.record.incident_id or one.record.record_id: one for one in reversed(new)}
    told = {(_name(one), one.record.incident_id or one.record.record_id) for one in new}
    counted = Counter(name for name, _ in sorted(told)).most_common()
    events = [one for one in incidents.values() if one.record.table == "events"]
    since = found.words
    if found.decided_at_us is not None:
        since = f"since the decision of {describe_day(found.decided_at_us, time_zone)}"
    return CaseNewsText(
        since=since,
        kinds=tuple(counted[:MOST_KINDS]),
        n_further=max(len(counted) - MOST_KINDS, 0),
        n_records=len(new),
        n_late=sum(count_days_late(one.record) > LATE_DAYS for one in new),
        latest=tuple(sorted(events, key=lambda one: one.number)[:MOST_SHOWN]),
        whole_file=found.whole_file,
        n_file=sum(one.record.record_id in found.keys for one in entries),
    )


def _is_told(entry: TimelineEntry) -> bool:
    """Whether a record tells something: that a question was not asked tells nothing."""
    return entry.record.table != "facts" or entry.record.value != NOT_ASKED


def _name(entry: TimelineEntry) -> str:
    return "an answer to a question" if entry.record.table == "facts" else entry.record.label
